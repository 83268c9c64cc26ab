"""Targets and their arguments: section 4 of the language."""

from __future__ import annotations

import builtins
import collections
import functools
import json
import os.path
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.config import targets
from bundle_engine.config.targets import SHADOWED_BUILTINS, ComponentLocator, Missing, Target, misfits, parameters

pytestmark = pytest.mark.usefixtures("no_scripts")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a package ``tgt`` for one test."""
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "tgt/__init__.py": "class Here:\n    class Inner:\n        def make(self): ...\nboth = 'an attribute'\n",
        "tgt/deep/__init__.py": "",
        "tgt/deep/module.py": "class Thing: ...\nvalue = 3\n",
        "tgt/both.py": "thing = 1\n",
        "tgt/lacking.py": "import no_such_package_at_all\n",
        "tgt/broken.py": "1 / 0\n",
        "tgt/half.py": "from tgt.deep import not_there\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "tgt"]:
        del sys.modules[name]


class NoShortNames(ComponentLocator):
    """Knows no short names, so that nothing is imported for them."""

    def modules_of(self, name: str) -> list[str]:
        return []

    def short_names(self) -> list[str]:
        return ["BasicUNet", "DiceLoss"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("json.loads", json.loads, id="a function"),
        pytest.param("collections.OrderedDict", collections.OrderedDict, id="a class"),
        pytest.param("collections.OrderedDict.fromkeys", collections.OrderedDict.fromkeys, id="a class method"),
        pytest.param("os.path.join", os.path.join, id="inside of a module that is an attribute"),
        pytest.param("json", json, id="a module"),
        pytest.param("len", len, id="a builtin"),
        pytest.param("builtins.len", len, id="a builtin with its module"),
        pytest.param("dict.fromkeys", dict.fromkeys, id="inside of a builtin"),
        pytest.param("xml.dom.minidom.parse", None, id="a module that is not imported yet"),
    ],
)
def test_a_dotted_path_is_imported(path: str, value: Any) -> None:
    found = targets.locate(path, NoShortNames())
    assert isinstance(found, Target)
    assert found.path == path
    if value is None:
        value = __import__("xml.dom.minidom", fromlist=["parse"]).parse
    assert found.callable == value


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tgt.Here", "Here"),
        ("tgt.Here.Inner", "Inner"),
        ("tgt.Here.Inner.make", "make"),
        ("tgt.deep.module.Thing", "Thing"),
    ],
)
def test_packages_beside_the_config_are_imported(path: str, name: str) -> None:
    found = targets.locate(path, NoShortNames())
    assert isinstance(found, Target)
    assert found.callable.__name__ == name


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("path", "reason", "hint"),
    [
        pytest.param(
            "colections.OrderedDict", "there is no package 'colections'", "did you mean 'collections'?", id="package"
        ),
        pytest.param(
            "scripts_x.net.Net", "there is no package 'scripts_x'", "install 'scripts_x'", id="unknown package"
        ),
        pytest.param("json.decodr.X", "the module 'json' has no 'decodr'", "'json.decoder'", id="module"),
        pytest.param("tgt.deep.modul.Thing", "the module 'tgt.deep' has no 'modul'", None, id="module not imported"),
        pytest.param("json.load_s", "the module 'json' has no 'load_s'", "'json.loads'", id="function"),
        pytest.param("tgt.Here.Iner", "the object 'tgt.Here' has no 'Iner'", "'tgt.Here.Inner'", id="attribute"),
        pytest.param("BasicUnett", "nothing in MONAI is called 'BasicUnett'", "'BasicUNet'", id="short name"),
        pytest.param("Quux", "nothing in MONAI is called 'Quux'", "short names are MONAI's", id="unknown short name"),
        pytest.param("lenn", "nothing in MONAI is called 'lenn'", "did you mean 'len'?", id="builtin"),
        pytest.param("", "the target is empty", "name a class or a function", id="empty"),
        pytest.param("...", "the target is empty", "name a class or a function", id="dots"),
    ],
)
def test_what_is_not_there_is_told_with_what_was_meant(path: str, reason: str, hint: str | None) -> None:
    found = targets.locate(path, NoShortNames())
    assert isinstance(found, Missing)
    assert found.reason == reason
    assert (hint or "") in (found.hint or "")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("path", "kind"),
    [("tgt.lacking.X", ModuleNotFoundError), ("tgt.broken.X", ZeroDivisionError), ("tgt.half.X", ImportError)],
)
def test_what_a_module_raises_is_not_hidden(path: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        targets.locate(path, NoShortNames())


# --- short names: the same choice as MONAI makes ---


@pytest.mark.parametrize(
    "name", ["BasicUNet", "UNet", "DiceLoss", "LoadImaged", "Compose", "CacheDataset", "sum", "max"]
)
def test_short_names_are_chosen_as_monai_chooses(name: str, recwarn: pytest.WarningsRecorder) -> None:
    bundle = pytest.importorskip("monai.bundle")
    path = ComponentLocator().full_name(name)
    theirs = bundle.ConfigComponent({"_target_": name}).resolve_module_name()
    assert path == theirs
    recwarn.clear()


def test_an_ambiguous_short_name_warns() -> None:
    pytest.importorskip("monai.bundle")
    locator = ComponentLocator()
    locator._found["Twice"] = ["monai.a", "monai.b"]
    with pytest.warns(UserWarning, match=r"'Twice' is ambiguous: taking monai\.a\.Twice.*\(monai\.b\.Twice\)"):
        assert locator.full_name("Twice") == "monai.a.Twice"
    assert locator.get_component_module_name("Twice") == ["monai.a", "monai.b"]


def test_modules_may_be_left_out() -> None:
    pytest.importorskip("monai.bundle")
    assert ComponentLocator().get_component_module_name("BasicUNet") == "monai.networks.nets.basic_unet"
    assert ComponentLocator("monai.networks").get_component_module_name("BasicUNet") is None
    assert ComponentLocator(["networks.nets"]).full_name("BasicUNet") == "BasicUNet"


def test_builtins_that_monai_has_too_are_those_of_the_installed_version() -> None:
    pytest.importorskip("monai.bundle")
    locator = ComponentLocator()
    assert {name for name in dir(builtins) if locator.modules_of(name)} == SHADOWED_BUILTINS


def test_a_name_is_a_string() -> None:
    with pytest.raises(ValueError, match="a string, not 3"):
        ComponentLocator().get_component_module_name(3)  # type: ignore[arg-type]


# --- arguments ---


def plain(a: Any, b: Any = 1, *, c: Any = 2) -> None: ...


def keyword_only(*, a: Any) -> None: ...


def anything(*args: Any, **kwargs: Any) -> None: ...


def open_with_needs(a: Any, **kwargs: Any) -> None: ...


def positional_only(a: Any, /, b: Any = 1) -> None: ...


def none_at_all() -> None: ...


class Init:
    def __init__(self, a: Any, b: Any = 1) -> None: ...


class New:
    def __new__(cls, a: Any) -> New:
        return super().__new__(cls)


def wrapper_with_its_own(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, verbose: bool = False, **kwargs: Any) -> Any:
        return function(1, *args, **kwargs)

    return wrapper


@wrapper_with_its_own
def wrapped(a: Any, b: Any = 1) -> Any:
    return a, b


class WrappedInit:
    @wrapper_with_its_own
    def __init__(self, a: Any, b: Any = 1) -> None: ...


@pytest.mark.parametrize(
    ("target", "keywords", "positional", "reasons"),
    [
        pytest.param(plain, ["a", "b", "c"], 0, [], id="all by name"),
        pytest.param(plain, ["a"], 0, [], id="what has no default"),
        pytest.param(plain, [], 2, [], id="by position"),
        pytest.param(plain, ["c"], 1, [], id="both"),
        pytest.param(plain, [], 0, ["needs the argument 'a'"], id="missing"),
        pytest.param(plain, ["a", "bb"], 0, ["takes no argument 'bb'"], id="unknown"),
        pytest.param(plain, ["aa"], 0, ["takes no argument 'aa'", "needs the argument 'a'"], id="unknown and missing"),
        pytest.param(plain, ["a"], 1, ["gets the argument 'a' twice: in _args_ and by name"], id="twice"),
        pytest.param(plain, [], 3, ["takes 2 positional arguments, and gets 3"], id="too many"),
        pytest.param(keyword_only, ["a"], 1, ["takes no positional arguments, and gets 1"], id="by keyword only"),
        pytest.param(anything, ["x"], 9, [], id="anything"),
        pytest.param(open_with_needs, ["x"], 0, ["needs the argument 'a'"], id="any keyword, one needed"),
        pytest.param(positional_only, ["b"], 1, [], id="by position only"),
        pytest.param(positional_only, ["a"], 0, ["takes 'a' by position only"], id="not by name"),
        pytest.param(none_at_all, [], 0, [], id="none"),
        pytest.param(none_at_all, ["a"], 0, ["takes no argument 'a'"], id="none, one given"),
        pytest.param(Init, ["a"], 0, [], id="a class"),
        pytest.param(Init, ["self"], 0, ["takes no argument 'self'", "needs the argument 'a'"], id="a class, self"),
        pytest.param(New, ["b"], 0, ["takes no argument 'b'", "needs the argument 'a'"], id="a class with __new__"),
        pytest.param(functools.partial(plain, 1), ["b"], 0, [], id="a partial function"),
        pytest.param(dict, ["anything"], 0, [], id="no signature"),
        pytest.param(3, ["anything"], 0, [], id="nothing to call"),
        pytest.param(plain, ["a", 1], 0, ["takes no argument 1: the name of an argument is a string"], id="a number"),
        pytest.param(anything, [None], 0, ["takes no argument None: the name of an argument is a string"], id="null"),
        pytest.param(plain, [], None, [], id="an unknown number by position"),
        pytest.param(plain, ["z"], None, ["takes no argument 'z'"], id="an unknown number, and a wrong name"),
        pytest.param(wrapped, [], 0, [], id="wrapped: the wrapper may give what is needed"),
        pytest.param(wrapped, ["verbose", "b"], 0, [], id="wrapped: the wrapper may take more"),
        pytest.param(wrapped, ["verbos"], 0, ["takes no argument 'verbos'"], id="wrapped: unknown to both"),
        pytest.param(WrappedInit, ["verbose", "b"], 0, [], id="a class whose __init__ is wrapped"),
        pytest.param(WrappedInit, ["c"], 0, ["takes no argument 'c'"], id="such a class: unknown to both"),
    ],
)
def test_arguments_are_held_against_the_signature(
    target: Any, keywords: list[Any], positional: int | None, reasons: list[str]
) -> None:
    assert [misfit.reason for misfit in misfits(target, keywords, positional)] == reasons


@pytest.mark.parametrize(
    ("target", "keywords", "hint"),
    [
        pytest.param(Init, ["a", "bb"], "did you mean 'b'?", id="the closest name"),
        pytest.param(Init, ["a", "zzzz"], "it takes a, b", id="all names"),
        pytest.param(none_at_all, ["zzzz"], "it takes no arguments", id="no names"),
        pytest.param(plain, ["b"], "add 'a'", id="missing"),
    ],
)
def test_hints_name_what_was_meant(target: Any, keywords: list[str], hint: str) -> None:
    assert misfits(target, keywords, 0)[0].hint == hint


def test_a_signature_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fresh:
        def __init__(self, a: int) -> None: ...

    assert parameters(Fresh) is parameters(Fresh)


class Awkward:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, a: int) -> None: ...


def test_what_cannot_be_hashed_is_not_checked() -> None:
    assert misfits(Awkward(), ["b"], 0) == []


# --- arguments in messages ---


class BadRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("arguments", "positional", "text"),
    [
        ({"a": 1, "b": "x"}, (), "a=1, b='x'"),
        ({"a": None}, ("p", 2), "'p', 2, a=None"),
        ({"a": [1, 2], "b": {"c": 1}}, (), "a=[1, 2], b={'c': 1}"),
        ({"a": list(range(99))}, (), "a=<list>"),
        ({"a": [BadRepr()]}, (), "a=list"),
        ({"a": plain, "b": Path("x")}, (), "a=<function>, b=<PosixPath>"),
        ({"a": "x" * 99}, (), f"a='{'x' * 58}…"),
        ({f"a{i}": i for i in range(20)}, (), ", ".join(f"a{i}={i}" for i in range(12)) + ", …"),
    ],
)
def test_arguments_are_shortened(arguments: dict[str, Any], positional: tuple[Any, ...], text: str) -> None:
    assert targets.describe_arguments(arguments, positional) == text


def test_a_message_stays_readable_with_many_long_arguments() -> None:
    assert len(targets.describe_arguments({f"{'a' * 50}{i}": "b" * 99 for i in range(12)})) == 401
