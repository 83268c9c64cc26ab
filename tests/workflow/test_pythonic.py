"""PythonicWorkflow: properties from methods, from the metadata, and set from outside."""

from __future__ import annotations

import logging

import pytest

from bundle_engine.errors import InputNotFoundError, PropertyError, WorkflowError
from bundle_engine.workflow import PythonicWorkflow


class Mine(PythonicWorkflow):
    def __init__(self, **arguments):
        super().__init__(workflow_type="infer", **arguments)
        self.made = 0

    def run(self):
        return self.network_def

    def finalize(self):
        return "done"

    def get_bundle_root(self):
        return "."

    def get_network_def(self):
        self.made += 1
        return ["network", self.parser["width"]]


@pytest.fixture
def mine(write):
    steps = Mine(config_file={"width": 1}, meta_file=write("metadata.json", {"version": "0.1.0"}), width=2)
    steps.initialize()
    return steps


def test_properties_come_from_methods_and_are_made_once(mine):
    assert mine.bundle_root == "."
    assert mine.run() == ["network", 2]
    assert mine.network_def is mine.network_def
    assert mine.made == 1


def test_properties_come_from_the_metadata(mine):
    assert mine.version == "0.1.0"


def test_properties_that_are_set_stay(mine):
    mine.network_def = "other"
    with pytest.raises(WorkflowError, match="cannot be read yet"):
        _ = mine.network_def
    mine.initialize()
    assert mine.run() == "other"


def test_initialize_makes_properties_anew(mine):
    first = mine.network_def
    mine.initialize()
    assert mine.network_def is not first


def test_a_required_property_without_a_method_is_an_error(mine):
    with pytest.raises(ValueError, match="'device' is required") as caught:
        _ = mine.device
    assert isinstance(caught.value, PropertyError)
    assert caught.value.hint == "write a method 'get_device' in Mine"


def test_an_optional_property_without_a_method_is_none(mine):
    assert mine.key_metric is None


def test_an_attribute_error_inside_a_method_is_not_hidden():
    class Broken(Mine):
        def get_device(self):
            return object().nothing

    steps = Broken()
    steps.initialize()
    with pytest.raises(AttributeError, match="nothing"):
        _ = steps.device


def test_the_check_builds_nothing(write):
    steps = Mine(meta_file=write("metadata.json", {"version": "0.1.0"}))
    missing = steps.check_properties()
    assert missing == [
        *("device", "dataset_dir", "dataset", "evaluator", "inferer"),
        *("monai_version", "pytorch_version", "numpy_version"),
    ]
    assert steps.made == 0


def test_added_properties_are_properties(mine):
    mine.add_property("network", required=True, desc="the network")
    assert mine.properties["network"] == {"description": "the network", "required": True}
    mine.network = 5
    mine.initialize()
    assert mine.network == 5


def test_metadata_in_the_working_directory_is_the_default(write, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    assert Mine().meta_file is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    path = write("metadata.json", {"version": "2"})
    assert Mine().get_meta_file() == path


def test_missing_metadata_that_was_asked_for_is_an_error():
    with pytest.raises(InputNotFoundError, match=r"Cannot find the metadata file: nothing\.json"):
        Mine(meta_file="nothing.json")
