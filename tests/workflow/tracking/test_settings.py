"""Tracking settings are added to a config that knows nothing of tracking."""

from __future__ import annotations

import json
import sys

import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.errors import InputError, InputNotFoundError, MissingDependencyError
from bundle_engine.workflow import ConfigWorkflow
from bundle_engine.workflow.tracking import DEFAULT_HANDLERS_ID, patch_tracking, read_tracking_settings

HANDLER = {"_target_": "builtins.dict", "name": "tracker"}
SETTINGS = {"configs": {"output_dir": "out", "save_execute_config": False, "trainer": HANDLER, "evaluator": HANDLER}}
ENGINE = {"_target_": "builtins.dict"}


@pytest.mark.parametrize(
    ("config", "id", "expected"),
    [
        pytest.param({"evaluator": ENGINE, "handlers": ["a"]}, "handlers", ["a", HANDLER], id="to-the-handlers"),
        pytest.param({"evaluator": ENGINE}, "evaluator::val_handlers", [HANDLER], id="none-yet"),
        pytest.param(
            {"evaluator": {**ENGINE, "val_handlers": ["a"]}},
            "evaluator::val_handlers",
            ["a", HANDLER],
            id="in-the-engine",
        ),
        pytest.param(
            {"evaluator": {**ENGINE, "val_handlers": "@mine"}, "mine": ["a"]}, "mine", ["a", HANDLER], id="elsewhere"
        ),
        pytest.param({"evaluator": ENGINE, "handlers": "%mine", "mine": ["a"]}, "handlers", ["a", HANDLER], id="macro"),
        pytest.param({"train": {"trainer": ENGINE}}, "train::trainer::train_handlers", [HANDLER], id="trainer"),
        pytest.param({"train": {"trainer": ENGINE, "handlers": []}}, "train::handlers", [HANDLER], id="of-the-trainer"),
        pytest.param({"handlers": ["a"]}, "handlers", ["a"], id="no-engine"),
    ],
)
def test_handlers_go_to_their_engine(config, id, expected):
    parser = ConfigParser(config)
    patch_tracking(parser, read_tracking_settings(SETTINGS))
    assert parser.get(id) == expected


def test_items_are_added_unless_they_are_there():
    parser = ConfigParser({"output_dir": "mine"})
    patch_tracking(parser, read_tracking_settings({"configs": {"output_dir": "out", "more": 1}}))
    assert (parser["output_dir"], parser["more"]) == ("mine", 1)


def test_settings_are_not_changed():
    before = json.dumps(SETTINGS)
    for _ in range(2):
        parser = ConfigParser({"evaluator": ENGINE, "handlers": []})
        patch_tracking(parser, SETTINGS | {"handlers_id": DEFAULT_HANDLERS_ID})
        assert len(parser["handlers"]) == 1
    assert json.dumps(SETTINGS) == before


def test_an_override_wins_over_the_settings():
    config = {"evaluator": ENGINE, "handlers": [], "run": ["$@experiment_name"]}
    settings = {"configs": {"experiment_name": "default", "save_execute_config": False}}
    steps = ConfigWorkflow(config, tracking=settings, logging_file=False, experiment_name="mine")
    assert steps.run() == ["mine"]


CONFIG = {"lr": 1, "run": ["$@save_execute_config"]}


class TestSavedConfig:
    def workflow(self, settings, config=CONFIG):
        return ConfigWorkflow(config, tracking={"configs": settings}, logging_file=False)

    def test_is_written_when_the_workflow_is_initialized(self, tmp_path):
        steps = self.workflow({"output_dir": str(tmp_path / "out")})
        assert not (tmp_path / "out").exists()
        steps.initialize()
        [file] = (tmp_path / "out").iterdir()
        assert file.name.startswith("config_")
        assert json.loads(file.read_text())["lr"] == 1
        assert steps.run() == [str(file)]

    def test_goes_to_the_bundle_by_default(self, tmp_path):
        steps = self.workflow({}, {**CONFIG, "bundle_root": str(tmp_path)})
        steps.initialize()
        assert len(list((tmp_path / "eval").iterdir())) == 1

    def test_goes_where_it_is_told(self, tmp_path):
        steps = self.workflow({"save_execute_config": f"$'{tmp_path}' + '/here.json'"})
        steps.initialize()
        assert json.loads((tmp_path / "here.json").read_text())["lr"] == 1

    def test_is_not_written_when_that_is_off(self, tmp_path):
        steps = self.workflow({"output_dir": str(tmp_path / "out"), "save_execute_config": False})
        steps.initialize()
        assert steps.run() == [None]
        assert not (tmp_path / "out").exists()

    def test_is_written_by_the_first_process_only(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RANK", "1")
        self.workflow({"output_dir": str(tmp_path / "out")}).initialize()
        assert not (tmp_path / "out").exists()

    def test_is_not_written_when_the_config_is_wrong(self, tmp_path):
        steps = self.workflow({"output_dir": str(tmp_path / "out")}, {"run": "@nothing"})
        with pytest.raises(LookupError):
            steps.initialize()
        assert not (tmp_path / "out").exists()

    def test_may_hold_objects(self, tmp_path):
        steps = self.workflow({"output_dir": str(tmp_path)}, {"device": object(), "run": []})
        steps.initialize()
        [file] = tmp_path.iterdir()
        assert "object object" in json.loads(file.read_text())["device"]


class TestSettings:
    def test_come_from_a_file(self, write):
        settings = read_tracking_settings(write("settings.json", {"configs": {"a": 1}, "handlers_id": {}}))
        assert settings == {"configs": {"a": 1}, "handlers_id": {}}

    def test_of_mlflow_have_the_ids_of_monai(self):
        configs = read_tracking_settings("mlflow")["configs"]
        assert set(configs) == {
            *("output_dir", "tracking_uri", "experiment_name", "run_name", "save_execute_config", "is_not_rank0"),
            *("trainer", "validator", "evaluator"),
        }
        assert configs["trainer"]["_target_"] == "MLFlowHandler"

    def test_of_mlflow_need_mlflow(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "mlflow", None)
        with pytest.raises(MissingDependencyError, match="pip install 'bundle-engine\\[tracking\\]'"):
            ConfigWorkflow({}, tracking="mlflow", logging_file=False)

    @pytest.mark.parametrize(
        ("name", "error", "message"),
        [
            pytest.param("mlfow", InputNotFoundError, "neither a known name (mlflow) nor", id="unknown-name"),
            pytest.param("settngs.json", InputNotFoundError, "settings.json", id="missing-file"),
            pytest.param("empty.json", InputError, "need a mapping 'configs'", id="no-configs"),
        ],
    )
    def test_that_cannot_be_used_are_errors(self, write, tmp_path, monkeypatch, name, error, message):
        write("settings.json", {"configs": {}})
        write("empty.json", {"config": {}})
        monkeypatch.chdir(tmp_path)
        with pytest.raises(error) as caught:
            read_tracking_settings(name)
        assert message in str(caught.value)


def test_patch_bundle_tracking_patches_and_saves(tmp_path):
    parser = ConfigParser({"evaluator": ENGINE})
    settings = {"handlers_id": DEFAULT_HANDLERS_ID, "configs": {"output_dir": str(tmp_path), "evaluator": HANDLER}}
    ConfigWorkflow.patch_bundle_tracking(parser=parser, settings=settings)
    [file] = tmp_path.iterdir()
    assert json.loads(file.read_text())["evaluator"]["val_handlers"] == [HANDLER]
