"""No config gets out of its level of trust: a corpus of attempts, each shown to be real where that is possible."""

from __future__ import annotations

import gc
import os
import pickle
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import BundleEngineError, PolicyError
from tests.config.escapes import ATTEMPTS, COMPONENTS, EXPRESSIONS, WORKS

SECONDS = 5.0  # of CPU for one attempt; most take milliseconds


class _Touch:
    """Unpickles to a call of `os.system`."""

    def __init__(self, mark: Path) -> None:
        self.command = f"touch {mark}"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that an attacker filled, where modules are imported from and which is the working directory."""
    import torch

    mark = tmp_path / "mark"
    (tmp_path / "evil_module.py").write_text(f"open({str(mark)!r}, 'w').close()\nname = UNet = OrderedDict = len\n")
    (tmp_path / "hubconf.py").write_text(f"open({str(mark)!r}, 'w').close()\ndef evil(): pass\n")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "evil.py").write_text(f"def touch():\n    open({str(mark)!r}, 'w').close()\n")
    (tmp_path / "evil.yaml").write_text(f"run: \"$open('{mark}', 'w').close()\"\n")
    (tmp_path / "secret.txt").write_text("a secret")
    with (tmp_path / "evil.pt").open("wb") as file:
        torch.save(_Touch(mark), file)
    np.save(tmp_path / "evil.npy", np.array([_Touch(mark)], dtype=object), allow_pickle=True)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("evil_module", "hubconf", "scripts"):
            del sys.modules[name]


def config_of(attempt: Any, here: Path) -> dict[str, Any]:
    """Fill in the paths; give the config."""

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            names = {"MARK": here / "mark", "SECRET": here / "secret.txt", "HERE": here}
            for name, path in names.items():
                value = value.replace(name, str(path))
            return value
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    whole = filled(attempt)
    return whole if isinstance(whole, dict) and "x" in whole and "_target_" not in whole else {"x": whole}


def quietly(parser: ConfigParser, id: str) -> Any:
    """Resolve an id without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parser.get_parsed_content(id)


@pytest.mark.parametrize("level", ["data", "safe"])
@pytest.mark.parametrize("name", ATTEMPTS)
def test_it_does_not_get_through(name: str, level: str, here: Path) -> None:
    config = config_of(ATTEMPTS[name], here)
    for id in ("x",) if name.startswith("work-") else ("x", ""):
        parser = ConfigParser(config, policy=level)
        begin = time.process_time()
        with pytest.raises(BundleEngineError) as raised:
            quietly(parser, id)
        assert time.process_time() - begin < SECONDS
        assert not (here / "mark").exists()
        assert "evil_module" not in sys.modules
        assert "a secret" not in raised.value.render()
        if name not in _OTHER_ERRORS:
            assert isinstance(raised.value, PolicyError), raised.value.render()


#: what the attempt leads to is not known at all below full trust, so that another error tells of it
_OTHER_ERRORS = {
    "expression-import-star",
    "component-module-with-effects-in-a-package-of-the-list",
    "work-nested-brackets",
    "work-nested-operators",
    "work-long-chain",
    "work-deep-structure-in-an-error",
    "work-deep-structure-as-an-argument",
    "work-macros-of-macros",
    "work-deep-import-statement",
}


@pytest.mark.parametrize("name", [*EXPRESSIONS, *COMPONENTS])
def test_the_check_before_anything_is_built_gets_hold_of_it_or_the_evaluation_does(name: str, here: Path) -> None:
    parser = ConfigParser(config_of({**EXPRESSIONS, **COMPONENTS}[name], here), policy="safe")
    try:
        parser.check("x")
    except BundleEngineError as error:
        assert error.id is not None
    assert not (here / "mark").exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", WORKS)
def test_at_full_trust_the_attempt_is_real(name: str, here: Path) -> None:
    parser = ConfigParser(config_of(ATTEMPTS[name], here))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parser.get_parsed_content("x")
        except Exception as error:
            assert error is not None  # it may fail after it has done what it wanted
        del parser
        gc.collect()  # files that it left open are closed here, where nobody minds
    assert (here / "mark").exists()


def test_there_are_many() -> None:
    assert len(EXPRESSIONS) + len(COMPONENTS) >= 150
    assert set(WORKS) <= set(ATTEMPTS)


# --- files ---


def resolved_file(parser: ConfigParser, file: Path) -> Any:
    """Read a config and resolve all of it."""
    parser.read_config(file)
    return parser.get_parsed_content("")


FILES = {
    "macro-absolute": ("x: '%SECRET::key'", None),
    "macro-up": ("x: '%../../secret.yaml::key'", None),
    "macro-far-up": ("x: '%../../../../../../../../SECRET::key'", None),
    "macro-inside-of-a-macro": ("x: '%inner.yaml::a'", "a: '%../../secret.yaml::key'"),
    "macro-through-a-link": ("x: '%link.yaml::key'", None),
    "macro-through-a-linked-folder": ("x: '%folder/secret.yaml::key'", None),
    "macro-in-a-list": ("x: ['%SECRET::key']", None),
    "extends-absolute": ("_extends_: SECRET", None),
    "extends-up": ("_extends_: ../../secret.yaml", None),
    "extends-in-a-macro": ("x: '%inner.yaml::key'", "_extends_: ../../secret.yaml"),
    "extends-in-an-extended": ("_extends_: inner.yaml", "_extends_: SECRET"),
    "extends-through-a-link": ("_extends_: link.yaml", None),
}


@pytest.mark.parametrize("level", ["data", "safe"])
@pytest.mark.parametrize("name", FILES)
def test_no_file_outside_of_the_bundle_is_read(name: str, level: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("key: a secret\n")
    configs = tmp_path / "bundle" / "configs"
    configs.mkdir(parents=True)
    text, inner = FILES[name]
    (configs / "x.yaml").write_text(text.replace("SECRET", str(secret)))
    if inner is not None:
        (configs / "inner.yaml").write_text(inner.replace("SECRET", str(secret)))
    (configs / "link.yaml").symlink_to(secret)
    (configs / "folder").symlink_to(tmp_path)
    parser = ConfigParser(policy=level)
    with pytest.raises(PolicyError, match="outside of the config's folder") as raised:
        resolved_file(parser, configs / "x.yaml")
    assert "a secret" not in raised.value.render()


def test_a_config_that_is_a_link_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("key: a secret\n")
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "x.yaml").symlink_to(secret)
    with pytest.raises(PolicyError, match="is a link that leads out of its folder"):
        ConfigParser(policy="data").read_config(folder / "x.yaml")


def test_whether_a_file_outside_is_there_is_not_told(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    messages = set()
    (tmp_path / "there.yaml").write_text("a: 1\n")
    for name in ("there", "nowhere"):
        (folder / "x.yaml").write_text(f"x: '%../{name}.yaml::a'\n")
        parser = ConfigParser(policy="data")
        parser.read_config(folder / "x.yaml")
        with pytest.raises(PolicyError) as raised:
            parser.get_parsed_content("x")
        messages.add(raised.value.message.replace(name, "…"))
    assert len(messages) == 1


@pytest.mark.parametrize(
    "text",
    ["x: !!python/object/apply:os.system ['touch MARK']", "x: !!python/name:os.system", "x: !evil 1"],
    ids=["apply", "name", "own"],
)
def test_tags_of_yaml_make_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text.replace("MARK", str(tmp_path / "mark")))
    with pytest.raises(BundleEngineError):
        ConfigParser(policy="data").read_config(tmp_path / "x.yaml")
    assert not (tmp_path / "mark").exists()


# --- the policy itself ---


def test_the_level_survives_copies_and_changes(here: Path) -> None:
    import copy

    config = {"x": f"$open({str(here / 'mark')!r}, 'w')"}
    parser = ConfigParser(config, policy="safe")
    for twin in (copy.copy(parser), copy.deepcopy(parser), pickle.loads(pickle.dumps(parser))):
        with pytest.raises(PolicyError):
            twin.get_parsed_content("x")
    parser["y"] = config["x"]
    parser.set({"_target_": "os.system"}, "z")
    parser.update({"x": "$exec('1')"})
    for id in "xyz":
        with pytest.raises(PolicyError):
            parser.get_parsed_content(id)
    parser.config = {"x": config["x"]}
    with pytest.raises(PolicyError):
        parser.get_parsed_content("x")
    assert not (here / "mark").exists()


@pytest.mark.parametrize("level", ["data", "safe"])
def test_what_was_not_built_or_evaluated_keeps_the_level(level: str, here: Path) -> None:
    config = {
        "x": {"_target_": "os.system", "command": f"touch {here / 'mark'}"},
        "y": f"$open({str(here / 'mark')!r}, 'w')",
    }
    parser = ConfigParser(config, policy=level)
    component = parser.get_parsed_content("x", instantiate=False)
    expression = parser.get_parsed_content("y", eval_expr=False)
    with pytest.raises(PolicyError):
        component.instantiate()
    with pytest.raises(PolicyError):
        expression.evaluate()
    assert not (here / "mark").exists()


def test_what_the_environment_says_of_debugging_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONAI_DEBUG_CONFIG", "1")
    config = {"a": "$1 + 1", "b": {"_target_": "collections.OrderedDict", "a": "@a"}}
    assert ConfigParser(config, policy="safe").get_parsed_content("b") == {"a": 2}


def test_globals_of_the_caller_are_plain_data_only(here: Path) -> None:
    given = {"n": 3, "os": os, "f": os.system}
    parser = ConfigParser({"a": "$n + 1", "b": "$os.getcwd()", "c": "$f('true')"}, globals=given, policy="safe")
    assert parser.get_parsed_content("a") == 4
    for id in "bc":
        with pytest.raises(PolicyError):
            parser.get_parsed_content(id)


def test_the_name_of_the_module_that_an_object_claims_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    import monai.networks.nets

    class UNet:
        """Claims to be another."""

    UNet.__module__, UNet.__qualname__ = "monai.networks.nets.unet", "UNet"
    monkeypatch.setattr(monai.networks.nets, "Impostor", UNet, raising=False)
    monkeypatch.setattr(monai.networks.nets, "UNet", UNet)
    with pytest.raises(PolicyError):
        ConfigParser({"x": {"_target_": "monai.networks.nets.UNet"}}, policy="safe").get_parsed_content("x")


def test_a_level_that_is_none_is_refused() -> None:
    from bundle_engine.errors import UsageError

    for trust in ("everything", "", "FULL", 1, True, ["full"]):
        with pytest.raises(UsageError, match="trust is data, safe or full"):
            ConfigParser(policy=trust)  # type: ignore[arg-type]
