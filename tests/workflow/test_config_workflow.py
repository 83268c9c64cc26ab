"""ConfigWorkflow: steps, overrides, metadata, checks before anything is built."""

from __future__ import annotations

import logging
from collections import deque

import pytest

from bundle_engine.errors import (
    ArgumentError,
    BundleEngineWarning,
    CycleError,
    InputNotFoundError,
    MandatoryValueError,
    ReferenceNotFoundError,
    TargetNotFoundError,
    UsageError,
)
from bundle_engine.workflow import ConfigWorkflow

STEPS = {
    "log": [],
    "initialize": ["$@log.append('init')", "$1"],
    "run": ["$@log.append('run')", "$2"],
    "finalize": ["$@log.append('final')", "$3"],
}


def workflow(config, **arguments):
    return ConfigWorkflow(config, logging_file=False, **arguments)


def test_steps_are_taken_in_their_order_and_give_their_values():
    steps = workflow(STEPS)
    assert [steps.initialize(), steps.run(), steps.finalize()] == [[None, 1], [None, 2], [None, 3]]
    assert steps.parser.get_parsed_content("log") == ["init", "run", "final"]


@pytest.mark.parametrize(
    ("config", "values"),
    [
        pytest.param({"run": ["$1 + 1", "$2 + 2"]}, [2, 4], id="list"),
        pytest.param({"run": "$1 + 1"}, [2], id="one-expression"),
        pytest.param({"run": []}, [], id="nothing-to-do"),
        pytest.param({"run": {"_target_": "builtins.int", "_args_": ["7"]}}, [7], id="component"),
        pytest.param({"run": [{"_target_": "builtins.int", "_args_": ["7"]}, "@x"], "x": 3}, [7, 3], id="mixed"),
        pytest.param({"run": "%steps", "steps": ["$1", "$2"]}, [1, 2], id="macro-to-a-list"),
        pytest.param({"run": "@steps", "steps": ["$1", "$2"]}, [[1, 2]], id="reference-to-a-list"),
    ],
)
def test_run_gives_a_value_for_each_step(config, values):
    steps = workflow(config)
    assert steps.initialize() == []
    assert steps.run() == values
    assert steps.finalize() == []


def test_ids_of_the_steps_can_be_chosen():
    config = {"prepare": "$'a'", "training": "$'b'", "clean": "$'c'"}
    steps = workflow(config, init_id="prepare", run_id="training", final_id="clean")
    assert [steps.initialize(), steps.run(), steps.finalize()] == [["a"], ["b"], ["c"]]


def test_steps_are_evaluated_each_time_but_what_they_refer_to_is_built_once():
    steps = workflow({"imports": "$import itertools", "count": "$itertools.count()", "run": ["$next(@count)"]})
    steps.initialize()
    assert [steps.run(), steps.run(), steps.run()] == [[0], [1], [2]]


def test_initializing_again_begins_anew():
    steps = workflow({"imports": "$import itertools", "count": "$itertools.count()", "run": ["$next(@count)"]})
    steps.initialize()
    steps.run()
    steps.initialize()
    assert steps.run() == [0]


def test_a_run_that_a_macro_brings_in(write):
    more = write("more.json", {"run": "$7"})
    steps = workflow({"train": f"%{more}"}, run_id="train::run")
    steps.require_run()
    assert steps.run() == [7]


def test_macros_see_what_is_set_before_initialize(write):
    steps = workflow({"lr": 1, "copy": "%lr", "run": "$@copy"}, workflow_type=None, lr=2)
    steps.check_properties()
    steps.parser["lr"] = 3
    steps.initialize()
    assert steps.run() == [3]


def test_run_works_without_initialize():
    assert workflow({"run": "$5"}).run() == [5]


@pytest.mark.parametrize(
    ("config", "run_id", "hint"),
    [
        pytest.param({"training": ["$1"]}, "trainng", "did you mean 'training'?", id="misspelt"),
        pytest.param(
            {"training": ["$1"], "evaluating": ["$1"], "lr": 1, "device": "$torch.device('cpu')"},
            "run",
            "the config has expressions to run at 'training', 'evaluating' or 'device'",
            id="others",
        ),
        pytest.param({"lr": 1}, "run", "write a list of expressions there", id="none"),
    ],
)
def test_a_missing_run_is_an_error_that_says_what_there_is(config, run_id, hint):
    steps = workflow(config, run_id=run_id)
    steps.initialize()
    with pytest.raises(ValueError, match=f"run ID '{run_id}' doesn't exist in the config file") as caught:
        steps.run()
    assert isinstance(caught.value, UsageError)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("last", "error"),
    [
        pytest.param({"_target_": "collections.OrderedDct"}, TargetNotFoundError, id="misspelt-target"),
        pytest.param({"_target_": "fractions.Fraction", "numeratr": 1}, ArgumentError, id="misspelt-argument"),
        pytest.param({"_target_": "string.Template"}, ArgumentError, id="missing-argument"),
        pytest.param("@nowhere", ReferenceNotFoundError, id="missing-reference"),
        pytest.param("@last", CycleError, id="cycle"),
        pytest.param("???", MandatoryValueError, id="left-open"),
    ],
)
@pytest.mark.parametrize("step", ["initialize", "run", "finalize"])
def test_nothing_is_built_before_everything_is_checked(last, error, step):
    built = deque()
    config = {"first": "$@built.append(1)", "built": None, "last": last, "initialize": ["@first"], "run": ["@first"]}
    config[step] = ["@first", "$@last"]
    steps = workflow(config)
    steps.parser["built"] = built
    with pytest.raises(error):
        steps.initialize()
    assert not built
    steps.parser["last"] = 1
    steps.initialize()
    steps.run()
    assert built


class TestOverrides:
    @pytest.mark.parametrize(
        ("override", "expected"),
        [
            pytest.param({"lr": 2}, {"lr": 2}, id="plain"),
            pytest.param({"net::width": 8}, {"net": {"width": 8}}, id="inside"),
            pytest.param({"net#width": 8}, {"net": {"width": 8}}, id="old-separator"),
            pytest.param({"lr": None}, {"lr": None}, id="none"),
            pytest.param({"args": 3}, {"args": 3}, id="called-args"),
            pytest.param({"bundle_root": "/b"}, {"bundle_root": "/b"}, id="root-of-the-bundle"),
            pytest.param({"ignore_none": None}, {"ignore_none": None}, id="called-ignore_none"),
            pytest.param({"+keys": ["c"]}, {"keys": ["a", "b", "c"]}, id="merge"),
            pytest.param({"lr": "$3 * 2"}, {"lr": 6}, id="expression"),
            pytest.param({"lr": "@args"}, {"lr": 0}, id="reference"),
        ],
    )
    def test_reach_the_config(self, override, expected):
        config = {"lr": 1, "net": {"width": 4}, "keys": ["a", "b"], "args": 0, "ignore_none": 0}
        config |= {"bundle_root": ".", "run": []}
        steps = workflow(config, **override)
        steps.initialize()
        assert {key: steps.parser.get_parsed_content(key) for key in expected} == expected

    def test_delete(self):
        assert "lr" not in workflow({"lr": 1, "run": []}, **{"~lr": None}).parser

    def test_leave_the_callers_objects_alone(self):
        config, more = {"keys": ["a"], "run": []}, ["b"]
        workflow(config, **{"+keys": more}).initialize()
        assert (config, more) == ({"keys": ["a"], "run": []}, ["b"])

    def test_that_reach_nothing_are_told(self):
        with pytest.warns(BundleEngineWarning, match="'learning_rte'.*did you mean 'learning_rate'"):
            workflow({"learning_rate": 1, "run": []}, learning_rte=2).initialize()

    def test_that_reach_nothing_are_told_once(self):
        steps = workflow({"run": []}, lr=2)
        with pytest.warns(BundleEngineWarning):
            steps.initialize()
        steps.initialize()

    def test_that_reach_nothing_are_errors_when_strict(self):
        with pytest.raises(UsageError, match="'learning_rte'"):
            workflow({"learning_rate": 1, "run": []}, strict=True, learning_rte=2).initialize()

    @pytest.mark.parametrize(
        ("config", "arguments"),
        [
            pytest.param({"x": "@lr", "run": []}, {"lr": 1}, id="referred-to"),
            pytest.param({}, {"test": "$1", "run_id": "test"}, id="the-run-itself"),
            pytest.param({"run": []}, {"initialize": ["$1"], "finalize": ["$1"]}, id="other-steps"),
            pytest.param(
                {"net": {"_target_": "builtins.dict"}, "run": "$@net"}, {"net::width": 1}, id="a-new-argument"
            ),
        ],
    )
    def test_that_reach_something_are_silent(self, config, arguments):
        workflow(config, strict=True, **arguments).initialize()


class TestFiles:
    def test_later_files_win(self, write):
        first = write("configs/train.json", {"lr": 1, "epochs": 1, "run": "$(@lr, @epochs)"})
        second = write("configs/more.yaml", "epochs: 2\n")
        for files in ([first, second], (first, second), f"{first},{second}"):
            assert workflow(files).run() == [(1, 2)]

    def test_a_missing_file_is_told_with_similar_names(self, write):
        path = write("configs/train.json", {"run": []})
        with pytest.raises(FileNotFoundError, match="Cannot find the config file") as caught:
            workflow(path.replace("train", "trian"))
        assert isinstance(caught.value, InputNotFoundError)
        assert "train.json" in caught.value.hint

    def test_a_folder_is_no_file(self, write):
        folder = write("configs/train.json", {}).removesuffix("/train.json")
        with pytest.raises(InputNotFoundError, match="configs is a folder") as caught:
            workflow(folder)
        assert caught.value.hint.endswith("there are train.json")

    @pytest.mark.parametrize("name", ["metadata.json", "metadata.yaml"])
    def test_metadata_beside_the_config_is_read(self, write, name):
        path = write("configs/train.json", {"run": "$@_meta_::version"})
        write(f"configs/{name}", '{"version": "0.1.0"}')
        steps = workflow(path)
        steps.initialize()
        assert steps.run() == ["0.1.0"]
        assert steps.version == "0.1.0"
        assert steps.get_meta_file().endswith(name)

    def test_missing_metadata_is_logged_and_no_more(self, write, caplog):
        steps = workflow(write("configs/train.json", {"run": "$1"}))
        with caplog.at_level(logging.INFO):
            steps.initialize()
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert "Cannot find the metadata config file" in record.getMessage()
        assert steps.meta_file is None
        assert steps.run() == [1]

    def test_missing_metadata_that_was_asked_for_is_an_error(self, write):
        path = write("configs/train.json", {"run": []})
        write("configs/metadata.json", {})
        with pytest.raises(InputNotFoundError, match="metadata") as caught:
            workflow(path, meta_file=path.replace("train", "metadta"))
        assert "metadata.json" in caught.value.hint

    def test_several_metadata_files_are_merged(self, write):
        first, second = write("a.json", {"version": "1", "task": "x"}), write("b.json", {"version": "2"})
        steps = workflow({"run": "$(@_meta_::version, @_meta_::task)"}, meta_file=[first, second])
        assert steps.run() == [("2", "x")]
