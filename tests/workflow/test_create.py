"""Making and running workflows from Python."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import logging
from pathlib import Path

import pytest

import bundle_engine.workflow as package
from bundle_engine.errors import ExpressionError, InputNotFoundError, MergeError, UsageError
from bundle_engine.workflow import (
    BundleWorkflow,
    ConfigWorkflow,
    PythonicWorkflow,
    create_workflow,
    load_config_file,
    load_config_files,
    run,
    run_workflow,
    update_kwargs,
)
from bundle_engine.workflow.create import build_workflow, complete, merge_arguments


@pytest.fixture
def notes(tmp_path):
    """A file that the steps of a config write to."""

    class Notes:
        path = str(tmp_path / "notes.txt")

        def read(self):
            file = Path(self.path)
            return file.read_text() if file.exists() else ""

    return Notes()


class Steps(BundleWorkflow):
    """A workflow that notes its steps, and fails where it is told to."""

    def __init__(self, failing=(), **more):
        super().__init__()
        self.failing = dict(failing)
        self.more = more
        self.taken = []

    def take(self, name):
        self.taken.append(name)
        if name in self.failing:
            raise self.failing[name]
        return name

    def initialize(self):
        return self.take("initialize")

    def run(self):
        return self.take("run")

    def finalize(self):
        return self.take("finalize")

    def _get_property(self, name, property):
        raise KeyError(name)

    def _set_property(self, name, property, value):
        raise KeyError(name)


class TestComplete:
    def test_runs_and_finalizes(self):
        steps = Steps()
        complete(steps)
        assert steps.taken == ["run", "finalize"]

    @pytest.mark.parametrize("error", [ValueError("run"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
    def test_finalizes_whatever_happens_in_the_run(self, error):
        steps = Steps({"run": error})
        with pytest.raises(type(error)) as caught:
            complete(steps)
        assert caught.value is error
        assert steps.taken == ["run", "finalize"]

    def test_raises_the_error_of_the_run_when_finalize_fails_too(self, caplog):
        steps = Steps({"run": ValueError("in the run"), "finalize": OSError("in finalize")})
        with pytest.raises(ValueError, match="in the run"):
            complete(steps)
        assert "finalize failed too" in caplog.text
        assert "in finalize" in caplog.text

    def test_raises_the_error_of_finalize(self):
        steps = Steps({"finalize": OSError("in finalize")})
        with pytest.raises(OSError, match="in finalize"):
            complete(steps)


class TestRun:
    def write_config(self, write, notes, **more):
        code = "def note(path, text):\n    with open(path, 'a') as file:\n        file.write(text + ' ')\n"
        write("scripts/__init__.py", code)
        config = {
            "imports": "$import scripts",
            "to": notes.path,
            "x": 1,
            "initialize": ["$scripts.note(@to, f'init{@x}')"],
            "run": ["$scripts.note(@to, 'run')"],
            "finalize": ["$scripts.note(@to, 'final')"],
            **more,
        }
        return write("configs/train.json", config)

    def test_takes_all_steps(self, write, notes):
        assert run(config_file=self.write_config(write, notes), logging_file=False) is None
        assert notes.read() == "init1 run final "

    def test_takes_overrides_and_ids(self, write, notes):
        path = self.write_config(write, notes, training="$scripts.note(@to, 'training')")
        run("training", config_file=path, logging_file=False, x=2)
        assert notes.read() == "init2 training final "

    def test_finalizes_after_an_error(self, write, notes):
        path = self.write_config(write, notes, run=["$1 / 0"])
        with pytest.raises(ExpressionError) as caught:
            run(config_file=path, logging_file=False)
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert caught.value.id == "run::0"
        assert notes.read() == "init1 final "

    def test_takes_no_step_when_there_is_no_run(self, write, notes):
        with pytest.raises(UsageError, match="run ID 'train' doesn't exist"):
            run("train", config_file=self.write_config(write, notes), logging_file=False)
        assert notes.read() == ""

    def test_does_not_finalize_what_was_not_initialized(self, write, notes):
        path = self.write_config(write, notes, initialize=["$1 / 0"])
        with pytest.raises(ExpressionError):
            run(config_file=path, logging_file=False)
        assert notes.read() == ""

    def test_workflow_is_the_same_for_a_config(self, write, notes):
        run_workflow(config_file=self.write_config(write, notes), logging_file=False)
        assert notes.read() == "init1 run final "


class TestArgsFile:
    def test_gives_defaults_for_arguments_and_overrides(self, write):
        config = write("c.json", {"a": 0, "b": 0, "net": {"x": 1, "y": 1}, "go": "$(@a, @b, @net)"})
        args = {"config_file": config, "run_id": "go", "logging_file": False, "a": 1, "b": 1, "net": {"x": 2}}
        steps = build_workflow(args_file=write("args.json", args), b=2, net={"y": 3})
        assert steps.run() == [(1, 2, {"x": 2, "y": 3})]

    def test_loses_against_arguments(self, write):
        first, second = write("a.json", {"run": "$'a'"}), write("b.json", {"run": "$'b'"})
        args = write("args.yaml", f"config_file: {first}\nlogging_file: false\n")
        assert build_workflow(args_file=args).run() == ["a"]
        assert build_workflow(args_file=args, config_file=second).run() == ["b"]

    def test_may_be_several_or_a_mapping(self, write):
        first, second = write("a.json", {"x": 1, "y": 1}), write("b.json", {"y": 2})
        base = {"config_file": {"x": 0, "y": 0, "run": "$(@x, @y)"}, "logging_file": False}
        assert build_workflow(args_file=[first, second], **base).run() == [(1, 2)]
        assert build_workflow(args_file={"x": 5, **base}).run() == [(5, 0)]

    def test_that_is_missing_is_an_error(self, write):
        path = write("args.json", {})
        with pytest.raises(InputNotFoundError) as caught:
            build_workflow(args_file=path.replace("args", "arg"))
        assert "args.json" in str(caught.value)

    @pytest.mark.parametrize(
        ("defaults", "given", "merged"),
        [
            pytest.param({"a": 1, "b": 1}, {"b": 2, "c": 2}, {"a": 1, "b": 2, "c": 2}, id="plain"),
            pytest.param(
                {"a": {"x": 1, "y": {"z": 1}}},
                {"a": {"y": {"w": 2}}},
                {"a": {"x": 1, "y": {"z": 1, "w": 2}}},
                id="deep",
            ),
            pytest.param({"a": {"x": 1}}, {"a": 2}, {"a": 2}, id="other-kind"),
            pytest.param({"a": 1}, {"a": None}, {"a": None}, id="none"),
            pytest.param({"a": [1]}, {"a": [2]}, {"a": [2]}, id="lists-are-replaced"),
        ],
    )
    def test_is_merged_key_by_key(self, defaults, given, merged):
        assert merge_arguments(defaults, given) == merged
        assert list(merge_arguments(defaults, given)) == list(merged)


@pytest.mark.parametrize(
    ("args", "given", "merged"),
    [
        pytest.param({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}, id="plain"),
        pytest.param({"a": 1}, {"a": None}, {"a": 1}, id="none"),
        pytest.param({"a": 1}, {"a": None, "ignore_none": False}, {"a": None}, id="none-counts"),
        pytest.param({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, id="deep"),
        pytest.param({"a": {"b": 1}}, {"+a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, id="add-to-mapping"),
        pytest.param({"a": [1]}, {"+a": [2]}, {"a": [1, 2]}, id="add-to-list"),
        pytest.param({}, {"+a": [2]}, {"a": [2]}, id="add-to-nothing"),
        pytest.param(None, {"a": 1}, {"a": 1}, id="no-args"),
    ],
)
def test_update_kwargs_is_that_of_monai(args, given, merged):
    before = repr(args)
    assert update_kwargs(args, **given) == merged
    assert repr(args) == before


def test_update_kwargs_refuses_what_does_not_fit(write):
    with pytest.raises(MergeError, match="cannot add"):
        update_kwargs(write("args.json", {"a": [1]}), **{"+a": {"b": 1}})


def test_none_is_the_default_of_an_argument_and_the_value_of_an_override():
    steps = build_workflow(config_file={"x": 1, "run": "$@x"}, logging_file=False, run_id=None, init_id=None, x=None)
    assert (steps.run_id, steps.init_id) == ("run", "initialize")
    assert steps.run() == [None]


class TestClass:
    def test_is_config_workflow_by_default(self):
        steps = create_workflow(config_file={"run": "$1"}, logging_file=False)
        assert type(steps) is ConfigWorkflow
        assert steps._is_initialized

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(Steps, id="class"),
            pytest.param(f"{__name__}.Steps", id="path"),
        ],
    )
    def test_may_be_any_workflow(self, name):
        steps = create_workflow(name, x=1)
        assert type(steps).__name__ == "Steps"
        assert (steps.taken, steps.more) == (["initialize"], {"x": 1})

    @pytest.mark.parametrize("name", ["ConfigWorkflow", "bundle_engine.ConfigWorkflow", ConfigWorkflow])
    def test_may_be_named(self, name):
        assert type(build_workflow(name, {"run": []}, logging_file=False)) is ConfigWorkflow

    def test_may_come_from_the_bundle(self, write, own_modules):
        write("scripts/__init__.py", "")
        write("scripts/mine.py", "from bundle_engine import ConfigWorkflow\nclass Mine(ConfigWorkflow):\n    pass\n")
        steps = build_workflow("scripts.mine.Mine", write("configs/train.json", {"run": "$1"}), logging_file=False)
        assert type(steps).__name__ == "Mine"
        assert steps.run() == [1]

    @pytest.mark.parametrize(
        ("name", "message", "hint"),
        [
            pytest.param(
                "ConfigWorkflw", "cannot locate specified workflow class: ConfigWorkflw", "ConfigWorkflow", id="typo"
            ),
            pytest.param("Elsewhere", "cannot locate specified workflow class", "dotted path", id="no-path"),
            pytest.param("no_such_package.Mine", "no_such_package", None, id="no-package"),
            pytest.param("collections.OrderedDct", "OrderedDct", "OrderedDict", id="no-class"),
            pytest.param(
                "collections.OrderedDict", "is no class with initialize, run, finalize", None, id="no-workflow"
            ),
            pytest.param(dict, "must be a class derived from BundleWorkflow", None, id="other-class"),
            pytest.param(3, "must be a class derived from BundleWorkflow", None, id="number"),
        ],
    )
    def test_that_is_no_workflow_is_an_error(self, name, message, hint):
        with pytest.raises(ValueError, match=r".") as caught:
            create_workflow(name)
        assert isinstance(caught.value, UsageError)
        assert message in caught.value.message
        assert hint is None or hint in caught.value.hint

    def test_that_does_not_take_an_argument_says_what_it_takes(self):
        class Narrow(Steps):
            def __init__(self, filename):
                super().__init__()

        with pytest.raises(UsageError, match=r"Narrow cannot be made: .*filenam") as caught:
            create_workflow(Narrow, filenam="x")
        assert caught.value.hint == "it takes filename"


def test_config_files_can_be_loaded(write):
    first, second = write("a.json", {"a": 1, "b": {"c": 1}}), write("b.yaml", "b::c: 2\n")
    assert load_config_file(first) == {"a": 1, "b": {"c": 1}}
    assert load_config_files([first, second]) == {"a": 1, "b": {"c": 2}}
    assert load_config_files(f"{first},{second}") == {"a": 1, "b": {"c": 2}}


def test_the_base_class_finds_what_is_missing_in_any_subclass(caplog):
    class Some(Steps):
        def _get_property(self, name, property):
            if name == "version":
                return "1"
            raise ValueError(f"no {name}")

    with caplog.at_level(logging.DEBUG):
        assert Some().check_properties() == ["monai_version", "pytorch_version", "numpy_version"]
    assert "no numpy_version" in caplog.text


def test_signatures_are_those_of_monai():
    spec = importlib.util.find_spec("monai")
    if spec is None or spec.origin is None:
        pytest.skip("MONAI is not installed")
    folder = Path(spec.origin).parent / "bundle"

    def of_monai(file, *path):
        body = ast.parse((folder / file).read_text(encoding="utf-8")).body
        for name in path:
            node = next(node for node in body if getattr(node, "name", None) == name)
            body = node.body
        return [arg.arg for arg in node.args.args if arg.arg != "self"]

    def ours(function):
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
        return [name for name, p in inspect.signature(function).parameters.items() if p.kind in kinds]

    for name in ("run", "run_workflow", "create_workflow"):
        assert ours(getattr(package, name)) == of_monai("scripts.py", name)
    for kind in (ConfigWorkflow, PythonicWorkflow, BundleWorkflow):
        assert ours(kind) == of_monai("workflows.py", kind.__name__, "__init__")
    for method in ("initialize", "run", "finalize", "add_property", "check_properties", "_get_property"):
        assert ours(getattr(ConfigWorkflow, method)) == ["self", *of_monai("workflows.py", "ConfigWorkflow", method)]
