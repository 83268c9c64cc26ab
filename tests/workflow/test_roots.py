"""The root of a bundle can be imported from, and two bundles do not see each other's modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from bundle_engine.errors import TargetNotFoundError
from bundle_engine.workflow import ConfigWorkflow
from bundle_engine.workflow.roots import bundle_root_of, importable

pytestmark = pytest.mark.usefixtures("no_scripts", "own_modules")

CONFIG = {
    "imports": "$import scripts",
    "name": "$scripts.NAME",
    "thing": {"_target_": "scripts.things.Thing"},
    "initialize": ["$__import__('scripts.things')"],
    "run": ["$@thing.who()", "$@name"],
    "finalize": ["$__import__('scripts.late', fromlist=['NAME']).NAME"],
}


def make_bundle(write, name):
    write(f"{name}/scripts/__init__.py", f"NAME = {name!r}\n")
    write(f"{name}/scripts/late.py", f"NAME = {name!r} + ' late'\n")
    # an import inside a function is made only when that runs
    write(
        f"{name}/scripts/things.py",
        "class Thing:\n    def who(self):\n        from scripts.late import NAME\n        return NAME\n",
    )
    write(f"{name}/only_{name}.py", "")
    return write(f"{name}/configs/train.json", CONFIG)


@pytest.mark.parametrize(
    ("config", "root"),
    [
        pytest.param("b/configs/train.yaml", "b", id="beside-configs"),
        pytest.param("b/train.yaml", "b", id="own-folder"),
        pytest.param("b/configs/deep/train.yaml", "b/configs/deep", id="deeper"),
    ],
)
def test_the_root_follows_from_the_place_of_the_config(tmp_path, config, root):
    assert bundle_root_of(tmp_path / config) == tmp_path / root


def test_the_root_of_a_relative_path(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path / "configs")
    assert bundle_root_of("train.yaml") == tmp_path
    monkeypatch.chdir(tmp_path)
    assert bundle_root_of(Path("configs/train.yaml")) == tmp_path


def test_scripts_can_be_imported_in_all_steps_and_the_path_is_put_back(write):
    path = sys.path[:]
    steps = ConfigWorkflow(make_bundle(write, "a"), logging_file=False)
    steps.add_property("thing", True, "thing")
    steps.initialize()
    assert type(steps.thing).__module__ == "scripts.things"
    assert steps.run() == ["a late", "a"]
    assert steps.finalize() == ["a late"]
    assert sys.path == path


def test_two_bundles_keep_their_modules_apart(write):
    first = ConfigWorkflow(make_bundle(write, "a"), logging_file=False)
    second = ConfigWorkflow(make_bundle(write, "b"), logging_file=False)
    first.initialize()
    second.initialize()
    assert [first.run(), second.run(), first.run()] == [["a late", "a"], ["b late", "b"], ["a late", "a"]]
    assert [second.finalize(), first.finalize()] == [["b late"], ["a late"]]


def test_modules_that_come_back_are_the_same_objects(write, tmp_path):
    make_bundle(write, "a"), make_bundle(write, "b")
    with importable(tmp_path / "a"):
        before = importlib.import_module("scripts.things")
    with importable(tmp_path / "b"):
        other = importlib.import_module("scripts.things")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("only_a")
    with importable(tmp_path / "a"):
        assert importlib.import_module("scripts.things") is before
        assert importlib.import_module("scripts").things is before
    assert other is not before


def test_a_bundle_inside_another_ones_step(write, tmp_path):
    make_bundle(write, "a"), make_bundle(write, "b")
    with importable(tmp_path / "a"):
        assert importlib.import_module("scripts").NAME == "a"
        with importable(tmp_path / "b"):
            assert importlib.import_module("scripts").NAME == "b"
        assert importlib.import_module("scripts").NAME == "a"
        importlib.import_module("only_a")
        with importable(tmp_path / "a"):
            assert importlib.import_module("scripts").NAME == "a"
        assert str(tmp_path / "a") in sys.path


def test_modules_of_the_program_stay(write, tmp_path, monkeypatch):
    # the program has imported from the root itself, and from a folder deep inside it
    write("a/own_module.py", "")
    write("a/env/lib/deep_module.py", "")
    make_bundle(write, "b")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "a/env/lib"), *sys.path])
    own = importlib.import_module("own_module")
    with importable(tmp_path / "a"):
        deep = importlib.import_module("deep_module")
    with importable(tmp_path / "b"):
        assert sys.modules["own_module"] is own
        assert sys.modules["deep_module"] is deep
    del sys.modules["own_module"], sys.modules["deep_module"]


def test_a_folder_without_init_is_kept_apart_too(write, tmp_path):
    for name in "ab":
        write(f"{name}/scripts/part.py", f"NAME = {name!r}")
    names = []
    for name in "aba":
        with importable(tmp_path / name):
            names.append(importlib.import_module("scripts.part").NAME)
    assert names == ["a", "b", "a"]


def test_the_path_is_put_back_after_an_error(tmp_path):
    path = sys.path[:]
    with pytest.raises(ZeroDivisionError), importable(tmp_path):
        1 / 0  # noqa: B018
    assert sys.path == path


def test_the_bundles_own_scripts_come_before_those_of_the_working_directory(write, tmp_path, monkeypatch):
    config = make_bundle(write, "a")
    write("elsewhere/scripts/__init__.py", "NAME = 'elsewhere'")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    steps = ConfigWorkflow(config, logging_file=False)
    steps.initialize()
    assert steps.run() == ["a late", "a"]


def test_the_program_keeps_its_own_scripts(write, tmp_path, monkeypatch):
    config = make_bundle(write, "a")
    make_bundle(write, "b")
    write("mine/scripts/__init__.py", "NAME = 'mine'")
    write("mine/scripts/part.py", "")
    with monkeypatch.context() as context:
        context.setattr(sys, "path", [str(tmp_path / "mine"), *sys.path])
        mine, part = importlib.import_module("scripts"), importlib.import_module("scripts.part")
        steps = ConfigWorkflow(config, logging_file=False)
        for _ in range(2):
            steps.initialize()
            assert steps.run() == ["a late", "a"]
            assert sys.modules["scripts"] is mine
            assert sys.modules["scripts.part"] is part
            assert "scripts.late" not in sys.modules
        with importable(tmp_path / "a"):
            theirs = importlib.import_module("scripts")
            with importable(tmp_path / "b"):
                assert importlib.import_module("scripts").NAME == "b"
            assert importlib.import_module("scripts") is theirs
        assert importlib.import_module("scripts") is mine
        with importable(tmp_path / "mine"):
            assert importlib.import_module("scripts") is mine
        write("none/own_module.py", "")
        with importable(tmp_path / "none"):
            assert importlib.import_module("scripts") is mine, "a bundle without scripts takes nothing"
        del sys.modules["scripts"], sys.modules["scripts.part"]


def test_a_missing_script_is_an_error_before_anything_is_built(write):
    path = write("c/configs/train.json", {"thing": {"_target_": "scripts.thngs.Thing"}, "run": ["$@thing"]})
    write("c/scripts/__init__.py", "")
    steps = ConfigWorkflow(path, logging_file=False)
    with pytest.raises(TargetNotFoundError):
        steps.initialize()
