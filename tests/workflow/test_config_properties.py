"""Properties of a workflow that a config describes."""

from __future__ import annotations

import json

import pytest

from bundle_engine.errors import InputError, InputNotFoundError, PropertyError, UsageError, WorkflowError
from bundle_engine.workflow import ConfigWorkflow, EvalProperties, InferProperties, MetaProperties, TrainProperties

DICT = "builtins.dict"
INFER = {
    "bundle_root": ".",
    "device": "cpu",
    "dataset_dir": "/data",
    "dataset": {"_target_": DICT, "data": [1], "transform": "@preprocessing"},
    "preprocessing": {"_target_": DICT},
    "evaluator": {"_target_": DICT, "network": "@network_def", "val_handlers": "@handlers"},
    "network_def": {"_target_": DICT, "width": 1},
    "inferer": {"_target_": DICT},
    "handlers": [],
}
META = {"version": "1", "monai_version": "1", "pytorch_version": "1", "numpy_version": "1"}
TRAIN = {
    "bundle_root": ".",
    "device": "cpu",
    "dataset_dir": "/data",
    "val_interval": 1,
    "train": {
        "dataset": {"_target_": DICT, "data": [1]},
        "inferer": {"_target_": DICT},
        "handlers": [
            {"_target_": "ValidationHandler", "validator": "@validate::evaluator", "interval": "@val_interval"}
        ],
        "trainer": {"_target_": DICT, "max_epochs": 1, "train_handlers": "@train::handlers"},
    },
    "validate": {"evaluator": {"_target_": DICT}},
}


def workflow(config, kind="infer", **arguments):
    return ConfigWorkflow({**config, "_meta_": META}, workflow_type=kind, logging_file=False, **arguments)


def without(config, *keys):
    return {key: value for key, value in config.items() if key not in keys}


@pytest.mark.parametrize(
    ("given", "kind", "table"),
    [
        *[pytest.param(name, "train", TrainProperties, id=name) for name in ("train", "training", "Training")],
        *[
            pytest.param(name, "infer", InferProperties, id=name)
            for name in ("infer", "inference", "eval", "evaluation", "INFER")
        ],
        pytest.param("evaluate", "evaluate", EvalProperties, id="evaluate"),
        pytest.param(None, None, {}, id="none"),
    ],
)
def test_the_type_of_a_workflow_chooses_its_properties(given, kind, table):
    steps = workflow({}, given)
    assert steps.get_workflow_type() == kind
    assert steps.properties == {**table, **MetaProperties}


def test_an_unknown_type_is_an_error_with_the_closest():
    with pytest.raises(ValueError, match="Unsupported workflow type: 'trian'") as caught:
        workflow({}, "trian")
    assert isinstance(caught.value, UsageError)
    assert caught.value.hint == "did you mean 'train'?"


def test_tables_are_not_shared_between_workflows():
    first, second = workflow({}), workflow({})
    first.add_property("extra", True, "extra")
    first.properties["device"]["required"] = False
    assert "extra" not in second.properties
    assert second.properties["device"]["required"] is True
    assert InferProperties["device"]["required"] is True


class TestReading:
    def test_gives_the_resolved_value(self):
        steps = workflow(INFER)
        steps.initialize()
        assert steps.network_def == {"width": 1}
        assert steps.network_def is steps.parser.get_parsed_content("evaluator::network")
        assert steps.version == "1"

    def test_gives_none_for_an_optional_one_that_is_missing(self):
        steps = workflow(INFER)
        steps.initialize()
        assert steps.key_metric is None

    def test_needs_initialize(self):
        with pytest.raises(RuntimeError, match="cannot be read yet") as caught:
            _ = workflow(INFER).network_def
        assert isinstance(caught.value, WorkflowError)

    def test_of_a_required_one_that_is_missing_is_an_error(self):
        steps = workflow(without(INFER, "inferer"))
        steps.initialize()
        with pytest.raises(KeyError, match="no property 'inferer'"):
            _ = steps.inferer

    def test_of_what_is_no_property_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match=r"'ConfigWorkflow'.*'no_such'"):
            _ = workflow(INFER).no_such


class TestSetting:
    def test_reaches_the_config(self):
        steps = workflow(INFER)
        steps.initialize()
        steps.network_def = {"width": 2}
        assert steps.parser["network_def"] == {"width": 2}
        assert steps.network_def == {"width": 2}
        assert steps.evaluator["network"] == {"width": 2}

    def test_takes_objects(self):
        steps, network = workflow(INFER), object()
        steps.initialize()
        steps.network_def = network
        assert steps.network_def is network
        steps.initialize()
        assert steps.evaluator["network"] is network

    def test_keeps_what_does_not_depend_on_it(self):
        steps = workflow(INFER)
        steps.initialize()
        dataset, evaluator = steps.dataset, steps.evaluator
        steps.network_def = 1
        assert steps.dataset is dataset
        assert steps.evaluator is not evaluator

    @pytest.mark.parametrize(
        ("kind", "name", "id"),
        [("infer", "key_metric", "key_metric"), ("train", "train_key_metric", "train::key_metric")],
    )
    def test_adds_one_that_is_missing(self, kind, name, id):
        steps = workflow({}, kind)
        setattr(steps, name, "dice")
        steps.initialize()
        assert steps.parser[id] == "dice"
        assert getattr(steps, name) == "dice"

    def test_of_what_is_no_property_is_an_ordinary_attribute(self):
        steps = workflow(INFER)
        steps.remark = "mine"
        assert steps.remark == "mine"
        assert "remark" not in steps.parser


class TestCheck:
    @pytest.mark.parametrize(
        ("config", "kind", "missing"),
        [
            pytest.param(INFER, "infer", [], id="inference"),
            pytest.param(TRAIN, "train", [], id="training"),
            pytest.param(without(INFER, "inferer", "device"), "infer", ["device", "inferer"], id="required"),
            pytest.param(INFER, "evaluate", ["key_metric"], id="evaluation"),
            pytest.param({**INFER, "key_metric": {}}, "evaluate", [], id="complete-evaluation"),
            pytest.param({}, None, [], id="metadata-only"),
            pytest.param(
                {**INFER, "dataset": {"_target_": DICT, "transform": "@other"}, "other": 1},
                "infer",
                ["preprocessing"],
                id="optional-at-another-id",
            ),
            pytest.param(
                {**INFER, "dataset": {"_target_": DICT, "transform": "%::other", "other": "@preprocessing"}},
                "infer",
                [],
                id="macro-and-relative",
            ),
            pytest.param(
                {**INFER, "dataset": {"_target_": DICT, "transform": "$[@other]"}, "other": 1},
                "infer",
                [],
                id="an-expression-is-not-judged",
            ),
            pytest.param(
                {**INFER, "dataset": {"_target_": DICT, "transform": {"_target_": DICT}}},
                "infer",
                [],
                id="a-component-is-not-judged",
            ),
            pytest.param(
                {**INFER, "dataset": {"_target_": DICT, "transform": "@#::preprocessing ?? None"}},
                "infer",
                [],
                id="a-default",
            ),
            pytest.param({"train": "%all::train", "all": TRAIN, **without(TRAIN, "train")}, "train", [], id="by-macro"),
        ],
    )
    def test_gives_the_names_of_what_is_missing(self, config, kind, missing):
        steps = workflow(config, kind)
        assert steps.check_properties() == missing

    @pytest.mark.parametrize(
        ("handler", "missing"),
        [
            pytest.param({"validator": "@other", "interval": "@val_interval"}, ["evaluator"], id="validator"),
            pytest.param({"validator": "@validate::evaluator", "interval": 2}, [], id="no-reference"),
            pytest.param({"validator": "@validate#evaluator", "interval": "@every"}, ["val_interval"], id="interval"),
        ],
    )
    def test_looks_into_the_handler_that_starts_the_validation(self, handler, missing):
        config = json.loads(json.dumps(TRAIN))
        config["train"]["handlers"] = [
            {"_target_": "StatsHandler"},
            {"_target_": "monai.handlers.ValidationHandler", **handler},
        ]
        assert workflow(config, "train").check_properties() == missing

    def test_builds_nothing(self):
        boom = {"_target_": "builtins.int", "_args_": ["no number"]}
        steps = workflow(dict.fromkeys(INFER, boom))
        assert steps.check_properties() == []

    def test_says_the_same_after_initialize(self):
        steps = workflow(without(INFER, "inferer"))
        steps.initialize()
        network = steps.network_def
        assert steps.check_properties() == ["inferer"]
        assert steps.network_def is network

    def test_logs_the_ids(self, caplog):
        workflow(without(TRAIN, "train"), "train").check_properties()
        assert "'train_dataset' (id 'train::dataset')" in caplog.text

    def test_of_a_property_without_id_is_an_error(self, write):
        path = write("p.json", {"infer": {"odd": {"required": True}}})
        with pytest.raises(PropertyError, match="'odd' has no 'id'"):
            workflow({}, properties_path=path).check_properties()


class TestAdding:
    def test_makes_a_property(self):
        steps = workflow({**INFER, "flow": {"x": 1}})
        steps.add_property(name="dataflow", required=True, config_id="flow::x", desc="what comes in")
        steps.initialize()
        assert steps.dataflow == 1
        assert steps.properties["dataflow"] == {"description": "what comes in", "required": True, "id": "flow::x"}

    def test_of_a_required_one_counts_in_the_check(self):
        steps = workflow(INFER)
        steps.add_property(name="dataflow", required=True, config_id="dataflow")
        assert steps.check_properties() == ["dataflow"]

    def test_replaces_with_a_warning(self, caplog):
        steps = workflow(INFER)
        steps.add_property("device", False, "other")
        assert steps.properties["device"]["id"] == "other"
        assert "'device' is defined already" in caplog.text


TABLES = {
    "infer": {"net": {"required": True, "id": "network_def"}},
    "meta": {"version": {"required": True, "id": "_meta_::version"}},
}


class TestFile:
    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            pytest.param("infer", ["net", "version"], id="section-and-meta"),
            pytest.param("evaluate", ["net", "version"], id="evaluate-falls-back-to-infer"),
            pytest.param(None, ["version"], id="meta-only"),
            pytest.param("train", ["version"], id="no-such-section"),
        ],
    )
    def test_replaces_the_tables(self, write, kind, names):
        steps = workflow(INFER, kind, properties_path=write("properties.json", TABLES))
        assert list(steps.properties) == names

    def test_that_is_missing_is_an_error(self, write):
        path = write("properties.json", TABLES)
        with pytest.raises(InputNotFoundError, match=r"Property file .* does not exist") as caught:
            workflow(INFER, properties_path=path.replace("ties", "tis"))
        assert "properties.json" in caught.value.hint

    @pytest.mark.parametrize("content", [pytest.param("{", id="syntax"), pytest.param('{"infer": ["net"]}', id="list")])
    def test_that_is_broken_is_an_error(self, write, content):
        with pytest.raises(InputError):
            workflow(INFER, properties_path=write("properties.json", content))


def test_the_tables_have_the_names_ids_and_flags_of_monai():
    import importlib.util
    from pathlib import Path
    from types import SimpleNamespace

    spec = importlib.util.find_spec("monai")
    if spec is None or spec.origin is None:
        pytest.skip("MONAI is not installed")
    source = (Path(spec.origin).parent / "bundle" / "properties.py").read_text(encoding="utf-8")
    # run without its imports, for importing MONAI takes seconds
    source = "\n".join(line for line in source.split("\n") if not line.startswith("from monai"))
    names = {
        "ID_SEP_KEY": "::",
        "BundleProperty": SimpleNamespace(DESC="description", REQUIRED="required"),
        "BundlePropertyConfig": SimpleNamespace(ID="id", REF_ID="refer_id"),
    }
    exec(compile(source, "properties.py", "exec"), names)

    def facts(table):
        return {n: (e["required"], e["id"], e.get("refer_id")) for n, e in table.items()}

    assert facts(TrainProperties) == facts(names["TrainProperties"])
    assert facts(InferProperties) == facts(names["InferProperties"])
    assert facts(MetaProperties) == facts(names["MetaProperties"])
