"""Components: section 4 of the language."""

from __future__ import annotations

import functools
import pdb
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bundle_engine import BundleEngineWarning, ConfigComponent, ConfigExpression, ConfigItem, ConfigParser
from bundle_engine.errors import ArgumentError, InstantiationError, MandatoryValueError, TargetNotFoundError


def resolve(config: dict[str, Any], id: str = "it", **kwargs: Any) -> Any:
    return ConfigParser(config).get_parsed_content(id, **kwargs)


KEYWORDS = "probe.keywords"


# --- the target ---


@pytest.mark.usefixtures("probe")
@pytest.mark.parametrize(
    ("component", "value"),
    [
        pytest.param({"_target_": "probe.keywords", "a": 1, "b": "x"}, ((), {"a": 1, "b": "x"}), id="a dotted path"),
        pytest.param({"_target_": "dict", "a": 1}, {"a": 1}, id="a builtin"),
        pytest.param({"_target_": "$len", "_args_": [[1, 2]]}, 2, id="an expression that gives a callable"),
        pytest.param({"_target_": "@f", "a": 1}, {"a": 1}, id="a reference to a callable"),
        pytest.param({"_target_": "$@o::f", "a": 1}, {"a": 1}, id="an expression with a reference"),
        pytest.param({"_target_": "@name", "a": 1}, {"a": 1}, id="a reference to the path of a callable"),
        pytest.param({"_target_": "%name", "a": 1}, {"a": 1}, id="a macro"),
        pytest.param(
            {"_target_": "@made", "x": 2}, {"a": 1, "x": 2}, id="a reference to a component that is a callable"
        ),
    ],
)
def test_the_target_is_called_with_the_other_keys(component: dict[str, Any], value: Any) -> None:
    config = {
        "it": component,
        "f": "$dict",
        "o": {"f": "$dict"},
        "name": "builtins.dict",
        "made": {"_target_": "functools.partial", "_args_": ["$dict"], "a": 1},
    }
    assert resolve(config) == value


def test_arguments_are_resolved_first(probe: Any) -> None:
    config = {
        "it": {
            "_target_": KEYWORDS,
            "a": "@n",
            "b": "$@n + 1",
            "c": ["@n"],
            "d": {"e": {"_target_": "probe.give", "value": 7}},
        },
        "n": 3,
    }
    assert resolve(config) == ((), {"a": 3, "b": 4, "c": [3], "d": {"e": 7}})


@pytest.mark.usefixtures("probe")
def test_a_component_inside_of_a_component_is_an_argument() -> None:
    made = resolve({"it": {"_target_": "probe.Box", "value": {"_target_": "probe.Box", "value": 1}}})
    assert made.value.value == 1


def test_a_target_that_returns_none_is_kept_as_none(probe: Any) -> None:  # section 8, 4
    parser = ConfigParser({"it": {"_target_": "probe.give"}, "l": ["@it", {"_target_": "probe.give"}], "a": "@it"})
    assert parser.get_parsed_content("l") == [None, None]
    assert parser.get_parsed_content("a") is None
    assert probe.calls == [None, None]


def test_what_cannot_be_called_is_taken_as_it_is_with_a_warning() -> None:
    with pytest.warns(BundleEngineWarning, match=r"'math.pi' \(id 'it'\) cannot be called"):
        assert resolve({"it": {"_target_": "math.pi"}}) == 3.141592653589793


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "the _target_ of 'it' is null"),
        ("", "cannot locate the target '': the target is empty"),
        ("no_such_package.x", "there is no package 'no_such_package'"),
        ("json.no_such_name", "the module 'json' has no 'no_such_name'"),
        ("@nothing", "the _target_ of 'it' is null"),
    ],
)
def test_a_target_that_leads_nowhere(target: Any, message: str) -> None:
    with pytest.raises(TargetNotFoundError) as caught:
        resolve({"it": {"_target_": target}, "nothing": None})
    assert message in caught.value.message
    assert caught.value.id in ("it", "it::_target_")
    assert isinstance(caught.value, ModuleNotFoundError)


def test_a_target_may_be_left_open() -> None:
    with pytest.raises(MandatoryValueError, match="'it::_target_' has no value yet"):
        resolve({"it": {"_target_": "???"}})


def test_the_package_of_a_target_may_become_importable_by_an_expression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_importable.py").write_text("def f(): return 5\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    config = {
        "imports": "$import sys",
        "add": f"$sys.path.append({str(tmp_path)!r})",
        "it": {"_target_": "made_importable.f", "_requires_": "@add"},
    }
    assert resolve(config) == 5
    sys.modules.pop("made_importable")


# --- _disabled_ ---


@pytest.mark.parametrize(
    ("flag", "disabled"),
    [
        (True, True), (False, False), (1, True), (0, False), (None, False), ("true", True), (" TRUE ", True),
        ("false", False), ("yes", False), ("", False), ("@on", True), ("@off", False), ("$not @on", False),
        ("True", True), ("$len('x') == 1", True), ("@word", True), ("$None", False), ("@built", True),
    ],
)  # fmt: skip
def test_disabled_components_are_not_built(probe: Any, flag: Any, disabled: bool) -> None:
    config = {
        "it": {"_target_": "probe.build", "label": "it", "_disabled_": flag},
        "on": True, "off": False, "word": "true", "built": {"_target_": "dict", "a": 1},
    }  # fmt: skip
    made = resolve(config)
    assert (made is None) == disabled
    assert probe.calls == ([] if disabled else ["it"])


def test_a_disabled_component_is_removed_from_what_it_stands_in(probe: Any) -> None:
    off = {"_target_": "probe.build", "_disabled_": True}
    on = {"_target_": "probe.give", "value": 1, "_disabled_": False}
    config = {"l": [0, off, on, off, 2], "o": {"a": off, "b": on}, "nested": [[off], {"x": off}]}
    assert resolve(config, "") == {"l": [0, 1, 2], "o": {"b": 1}, "nested": [[], {}]}


def test_a_reference_to_a_disabled_component_gives_none(probe: Any) -> None:
    config = {
        "off": {"_target_": "probe.build", "_disabled_": True},
        "a": "@off",
        "l": ["@off", 1],
        "e": "$@off is None",
    }
    parser = ConfigParser(config)
    assert [parser.get_parsed_content(id) for id in ("off", "a", "l", "e")] == [None, None, [None, 1], True]


def test_what_only_a_disabled_component_uses_is_not_built(probe: Any) -> None:  # section 8, 4
    config = {
        "it": {
            "_target_": "probe.build", "label": "it", "_disabled_": "@off", "_requires_": "@required",
            "value": {"_target_": "probe.build", "label": "inside"},
            "_args_": ["@only", "@shared", "$1 / 0", "@nowhere"],
        },
        "off": True,
        "only": {"_target_": "probe.build", "label": "only"},
        "shared": {"_target_": "probe.build", "label": "shared"},
        "required": {"_target_": "probe.build", "label": "required"},
        "l": ["@it", "@shared"],
    }  # fmt: skip
    assert resolve(config, "l")[0] is None
    assert probe.calls == ["shared"]


def test_a_disabled_component_may_have_a_target_that_is_not_installed(probe: Any) -> None:
    config = {"it": {"_target_": "no_such_package.X", "nonsense": 1, "_disabled_": "$not @use"}, "use": False}
    assert resolve(config) is None
    assert resolve(config, "") == {"use": False}


# --- _requires_ ---


@pytest.mark.parametrize("where", ["first", "last"])
@pytest.mark.parametrize(
    ("requires", "labels"),
    [
        ("@r", ["r"]),
        (["@r", "@s"], ["r", "s"]),
        ("$@calls.append('e')", ["e"]),
        (["@s", "$@calls.append('e')", "@r"], ["s", "e", "r"]),
        ({"x": "@r"}, ["r"]),
    ],
    ids=["a reference", "several", "an expression", "mixed", "a mapping"],
)
def test_what_a_component_requires_comes_before_its_arguments(
    probe: Any, where: str, requires: Any, labels: list[str]
) -> None:
    keys = {"_target_": "probe.build", "label": "it", "value": "@a"}
    it = {"_requires_": requires, **keys} if where == "first" else {**keys, "_requires_": requires}
    config = {
        "it": it,
        "a": {"_target_": "probe.build", "label": "a"},
        "r": {"_target_": "probe.build", "label": "r"},
        "s": {"_target_": "probe.build", "label": "s"},
        "calls": probe.calls,
    }
    ConfigParser(config, globals={"calls": probe.calls}).get_parsed_content("it")
    config["calls"] = "$calls"
    probe.calls.clear()
    ConfigParser(config, globals={"calls": probe.calls}).get_parsed_content("it")
    assert probe.calls == [*labels, "a", "it"]


# --- _mode_ ---


@pytest.mark.usefixtures("probe")
@pytest.mark.parametrize("mode", ["callable", "$'callable'", "@m"])
def test_the_callable_with_its_arguments_bound(mode: str) -> None:
    made = resolve({"it": {"_target_": KEYWORDS, "_mode_": mode, "a": 1, "_args_": [2]}, "m": "callable"})
    assert isinstance(made, functools.partial)
    assert made(3, b=4) == ((2, 3), {"a": 1, "b": 4})


def test_the_callable_without_arguments_is_the_callable_itself() -> None:
    assert resolve({"it": {"_target_": "collections.OrderedDict", "_mode_": "callable"}}) is OrderedDict


def test_a_callable_may_lack_arguments() -> None:
    assert resolve({"it": {"_target_": "textwrap.wrap", "_mode_": "callable", "width": 3}})("ab cd") == ["ab", "cd"]


def test_default_is_the_default() -> None:
    assert resolve({"it": {"_target_": "dict", "_mode_": "default", "a": 1}}) == {"a": 1}


def test_debug_runs_the_target_under_pdb(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(pdb, "runcall", lambda f, *a, **k: called.append(f) or f(*a, **k))
    with pytest.warns(BundleEngineWarning, match="calling dict under pdb"):
        assert resolve({"it": {"_target_": "dict", "_mode_": "debug", "a": 1}}) == {"a": 1}
    assert called == [dict]


def test_another_mode_is_an_error_before_anything_is_built(probe: Any) -> None:
    config = {"a": {"_target_": "probe.build"}, "it": {"_target_": "dict", "_mode_": "calable"}}
    with pytest.raises(InstantiationError, match="_mode_ is 'default', 'callable' or 'debug', not 'calable'") as caught:
        resolve(config, "")
    assert (caught.value.id, caught.value.hint) == ("it::_mode_", "did you mean 'callable'?")
    assert probe.calls == []


# --- _args_ ---


@pytest.mark.usefixtures("probe")
@pytest.mark.parametrize(
    ("args", "values"),
    [
        ([], ()),
        ([1, 2], (1, 2)),
        (["@n", "$@n + 1"], (3, 4)),
        ("@l", (5, 6)),
        ("$[7, @n]", (7, 3)),
        ("$(7, 8)", (7, 8)),
        ("$range(2)", (0, 1)),
        ("%l", (5, 6)),
        (None, ()),
        ([{"_target_": "dict", "_disabled_": True}, 1], (1,)),
    ],
)
def test_positional_arguments_come_before_the_keyword_ones(args: Any, values: tuple[Any, ...]) -> None:
    assert resolve({"it": {"_target_": KEYWORDS, "a": 0, "_args_": args}, "n": 3, "l": [5, 6]}) == (values, {"a": 0})


def test_positional_arguments_that_are_known_later_are_not_missed() -> None:
    config = {"it": {"_target_": "textwrap.wrap", "_args_": "@l", "width": 5}, "l": ["ab cd ef"]}
    assert resolve(config) == ["ab cd", "ef"]


@pytest.mark.parametrize("args", ["text", {"a": 1}, 3, "$'text'"])
def test_positional_arguments_are_a_list(args: Any) -> None:
    with pytest.raises(ArgumentError, match="_args_ is a list of positional arguments, not") as caught:
        resolve({"it": {"_target_": "builtins.print", "_args_": args}})
    assert caught.value.id == "it::_args_"


# --- _ranks_, _desc_ ---


@pytest.mark.parametrize(
    ("ranks", "rank", "built"),
    [
        ([0], None, True),
        ([0], "1", False),
        ([0, 1], "1", True),
        (1, "1", True),
        (1, "0", False),
        ("@r", "2", True),
        ("$[0]", "2", False),
        ([], None, False),
    ],
)
def test_a_component_is_built_on_some_ranks(
    probe: Any, monkeypatch: pytest.MonkeyPatch, ranks: Any, rank: str | None, built: bool
) -> None:
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    monkeypatch.setitem(sys.modules, "torch", None)  # whether torch was imported by other tests makes no difference
    config = {"l": [{"_target_": "probe.give", "value": 1, "_ranks_": ranks}], "r": [2]}
    assert resolve(config, "l") == ([1] if built else [])


def test_the_rank_is_that_of_the_distributed_run(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = SimpleNamespace(is_available=lambda: True, is_initialized=lambda: True, get_rank=lambda: 3)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(distributed=distributed))  # type: ignore[arg-type]
    monkeypatch.setenv("RANK", "0")
    assert resolve({"l": [{"_target_": "probe.give", "value": 1, "_ranks_": [3]}]}, "l") == [1]


def test_descriptions_are_for_people_only(probe: Any) -> None:
    config = {"it": {"_target_": KEYWORDS, "_desc_": "uses @nowhere and $1 / 0", "a": 1}}
    assert resolve(config) == ((), {"a": 1})
    assert resolve({"it": {"_target_": KEYWORDS, "_desc_": "@nowhere"}}) == ((), {})


def test_all_special_keys_together_are_no_arguments(probe: Any) -> None:
    special = {
        "_disabled_": False,
        "_requires_": [],
        "_mode_": "default",
        "_ranks_": [0],
        "_desc_": "",
        "_debug_": False,
    }
    assert resolve({"it": {"_target_": KEYWORDS, "_args_": [1], **special, "a": 2}}) == ((1,), {"a": 2})


# --- errors ---


@pytest.mark.usefixtures("probe")
@pytest.mark.parametrize(
    "kind", ["RuntimeError", "ValueError", "KeyError", "TypeError", "StopIteration", "AssertionError"]
)
def test_an_exception_of_a_target_is_kept(kind: str) -> None:
    with pytest.raises(InstantiationError) as caught:
        resolve({"it": {"_target_": "probe.fail", "message": "sorry, no", "kind": kind}})
    error = caught.value
    assert isinstance(error, RuntimeError)
    assert type(error.__cause__).__name__ == kind
    assert error.message == f"'probe.fail' failed: {kind}: sorry, no"
    assert error.id == "it"
    assert error.notes[0] == f"called with (message='sorry, no', kind='{kind}')"
    assert error.notes[1].startswith(f"raised at {Path(__file__).with_name('conftest.py')}:")


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_stops_the_program_is_not_held_up(probe: Any, kind: type[BaseException]) -> None:
    def stop() -> None:
        raise kind

    probe.stop = stop
    with pytest.raises(kind):
        resolve({"it": {"_target_": "probe.stop"}})


@pytest.mark.usefixtures("probe")
@pytest.mark.parametrize(
    ("component", "message", "id", "hint"),
    [
        (
            {"_target_": "probe.Box", "valu": 1},
            "'probe.Box' takes no argument 'valu'",
            "it::valu",
            "did you mean 'value'?",
        ),
        ({"_target_": "probe.Box", "x": 1}, "'probe.Box' takes no argument 'x'", "it::x", "it takes value, other"),
        ({"_target_": "textwrap.wrap"}, "'textwrap.wrap' needs the argument 'text'", "it", "add 'text'"),
        ({"_target_": "probe.Box", 1: 2}, "'probe.Box' takes no argument 1", "it::1", None),
        (
            {"_target_": "builtins.len", "obj": []},
            "'builtins.len' takes 'obj' by position only",
            "it::obj",
            "give it in _args_",
        ),
        ({"_target_": "$lambda a: a", "b": 1}, "takes no argument 'b'", "it::b", "it takes a"),
        ({"_target_": "$lambda a, b: a", "b": 1}, "needs the argument 'a'", "it", "add 'a'"),
    ],
)
def test_arguments_that_do_not_fit(component: dict[Any, Any], message: str, id: str, hint: str | None) -> None:
    with pytest.raises(ArgumentError) as caught:
        resolve({"it": component})
    assert message in caught.value.message
    assert caught.value.id == id
    assert caught.value.hint == hint
    assert isinstance(caught.value, TypeError)


def test_a_type_error_of_the_target_itself_is_not_taken_for_a_wrong_argument(probe: Any) -> None:
    def inner(needed: int) -> None: ...

    @functools.wraps(inner)
    def wrapper() -> None:
        raise TypeError("the weather is bad")

    probe.wrapper = wrapper
    with pytest.raises(InstantiationError, match="TypeError: the weather is bad") as caught:
        resolve({"it": {"_target_": "probe.wrapper"}})
    assert not isinstance(caught.value, ArgumentError)


# --- one component alone ---


def test_a_component_alone() -> None:
    item = ConfigComponent({"_target_": "dict", "a": 1, "_desc_": "x"}, id="it")
    assert (item.get_id(), item.resolve_module_name(), item.resolve_args()) == ("it", "dict", {"a": 1})
    assert not item.is_disabled()
    assert item.instantiate() == {"a": 1}
    assert item.instantiate(b=2, a=3) == {"a": 3, "b": 2}
    item.update_config({"_target_": "dict", "_disabled_": "true"})
    assert item.is_disabled()
    assert item.instantiate() is None
    assert ConfigComponent({"a": 1}).instantiate() is None
    assert ConfigComponent({"_target_": "dict", "a": 1, "_mode_": "callable"}).instantiate()() == {"a": 1}
    with pytest.raises(ArgumentError):
        ConfigComponent({"_target_": "textwrap.wrap"}, id="it").instantiate()


@pytest.mark.parametrize(
    ("value", "is_one"), [({"_target_": "x"}, True), ({"a": 1}, False), ("_target_", False), ([], False), (None, False)]
)
def test_what_is_a_component(value: Any, is_one: bool) -> None:
    assert ConfigComponent.is_instantiable(value) == is_one


def test_an_expression_alone() -> None:
    names: dict[str, Any] = {"x": 2}
    assert ConfigExpression("$x + 1", globals=names).evaluate() == 3
    assert ConfigExpression("$x + y", globals=names).evaluate(globals={"y": 5}) == 7
    assert ConfigExpression("$x + y", globals=names).evaluate(locals={"y": 1, "x": 0}) == 1
    assert ConfigExpression("no expression").evaluate() is None
    assert ConfigExpression("$import json", globals=names).evaluate() is sys.modules["json"]
    assert names["json"] is sys.modules["json"]
    assert ConfigExpression.is_expression("$1")
    assert not ConfigExpression.is_expression("1")
    assert ConfigExpression.is_import_statement("$import json")
    assert not ConfigExpression.is_import_statement("$json")


def test_an_item_alone(capsys: pytest.CaptureFixture[str]) -> None:
    item = ConfigItem([1, 2], id="a::b")
    assert (item.get_config(), item.get_id()) == ([1, 2], "a::b")
    item.update_config(3)
    assert item.get_config() == 3
    assert repr(item) == "ConfigItem:\n3"


def test_unresolved_components_are_given_as_items(read: Callable[..., ConfigParser]) -> None:
    parser = read("it: {_target_: dict, a: '@n', b: $@n + 1}\nn: 3\n")
    item = parser.get_parsed_content("it", instantiate=False)
    assert isinstance(item, ConfigComponent)
    assert (item.get_id(), item.get_config()) == ("it", {"_target_": "dict", "a": 3, "b": 4})
    assert item.instantiate() == {"a": 3, "b": 4}
    expression = parser.get_parsed_content("it::b", eval_expr=False)
    assert isinstance(expression, ConfigExpression)
    assert (expression.get_id(), expression.get_config()) == ("it::b", "$@n + 1")
