"""The order of resolving, and what is found before anything is built: section 6 of the language."""

from __future__ import annotations

import gc
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import (
    ArgumentError,
    BundleEngineError,
    CycleError,
    ExpressionError,
    ExpressionSyntaxError,
    IdNotFoundError,
    InstantiationError,
    MandatoryValueError,
    ReferenceNotFoundError,
    TargetNotFoundError,
)


def build(label: str, **more: Any) -> dict[str, Any]:
    return {"_target_": "probe.build", "label": label, **more}


# --- on demand ---


def test_only_what_the_wanted_id_needs_is_built(probe: Any) -> None:
    config = {
        "wanted": build("wanted", value="@needed"),
        "needed": build("needed"),
        "other": build("other"),
        "broken": "@nowhere",
        "worse": "$1 / 0",
        "typo": {"_target_": "no.such.Thing"},
        "open": "???",
    }
    ConfigParser(config).get_parsed_content("wanted")
    assert probe.calls == ["needed", "wanted"]


def test_one_item_is_built_without_the_others(probe: Any) -> None:
    parser = ConfigParser({"l": [build("0"), build("1"), {"a": build("2")}]})
    parser.get_parsed_content("l::2::a")
    assert probe.calls == ["2"]
    parser.get_parsed_content("l")
    assert probe.calls == ["2", "0", "1"]


def test_depth_first_in_document_order(probe: Any) -> None:
    config = {
        "all": [build("first", value="@late"), {"x": build("second"), "y": "@early"}, "$@last"],
        "early": build("early"),
        "late": build("late", value=build("inside")),
        "last": build("last"),
    }
    ConfigParser(config).get_parsed_content("all")
    assert probe.calls == ["inside", "late", "first", "second", "early", "last"]


@pytest.mark.parametrize(
    "value", [None, 0, False, "", "text", 1.5, [], {}, {"a": [1, {"b": None}]}, [["x"]], "a@b", "50 %", "#fff", "x $1"]
)
def test_plain_values_stay_as_they_are(value: Any) -> None:
    parser = ConfigParser({"a": value})
    assert parser.get_parsed_content("a") == value
    assert parser.get_parsed_content() == {"a": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\\$x", "$x"),
        ("\\@x", "@x"),
        ("\\%x", "%x"),
        ("\\\\x", "\\x"),
        ("\\x", "\\x"),
        ("\\", "\\"),
        ("\\$", "$"),
        ("a\\$", "a\\$"),
    ],
)
def test_a_backslash_makes_a_sigil_literal(text: str, value: str) -> None:  # section 3
    assert ConfigParser({"a": text, "l": [text]}).get_parsed_content() == {"a": value, "l": [value]}


@pytest.mark.parametrize("id", ["a", "b", "l", "o", "e", ""])
def test_a_value_left_open_is_an_error_that_says_how_to_set_it(id: str) -> None:  # section 3
    parser = ConfigParser({"a": "???", "b": "@a", "l": [1, "@a"], "o": {"x": "@a"}, "e": "$@a + 1"})
    with pytest.raises(MandatoryValueError) as caught:
        parser.get_parsed_content(id)
    assert caught.value.id == "a"
    assert "--a=VALUE" in (caught.value.hint or "")
    parser["a"] = 1
    assert parser.get_parsed_content() == {"a": 1, "b": 1, "l": [1, 1], "o": {"x": 1}, "e": 2}


def test_what_only_looks_open_is_text() -> None:
    assert ConfigParser({"a": "????", "b": "??? ", "c": "\\???"}).get_parsed_content() == {
        "a": "????",
        "b": "??? ",
        "c": "\\???",
    }


def test_mappings_of_other_kinds_keep_their_kind() -> None:
    class Special(dict):  # type: ignore[type-arg]
        pass

    given = OrderedDict(a=OrderedDict(b="$1 + 1"), c=Special(d="@a::b"))
    found = ConfigParser(given).get_parsed_content()
    assert found == {"a": {"b": 2}, "c": {"d": 2}}
    assert [type(found), type(found["a"]), type(found["c"])] == [OrderedDict, OrderedDict, Special]


# --- linear and iterative ---


def test_a_chain_of_100_000_references() -> None:
    config: dict[str, Any] = {f"k{i}": f"@k{i + 1}" for i in range(100_000)}
    config["k100000"] = "end"
    parser = ConfigParser(config)
    assert parser.get_parsed_content("k0") == "end"
    assert parser.get_parsed_content()["k50000"] == "end"


def test_a_chain_of_20_000_expressions() -> None:
    config: dict[str, Any] = {f"k{i}": f"$@k{i + 1} + 1" for i in range(20_000)}
    config["k20000"] = 0
    assert ConfigParser(config).get_parsed_content("k0") == 20_000


@pytest.mark.parametrize("shape", ["mapping", "list", "component"])
def test_a_structure_nested_10_000_deep(shape: str) -> None:
    value: Any = "@leaf"
    for _ in range(10_000):
        value = {"mapping": {"d": value}, "list": [value], "component": {"_target_": "dict", "d": value}}[shape]
    parser = ConfigParser({"deep": value, "leaf": "$1 + 1", "copy": "%deep"})
    assert parser.get_parsed_content("leaf") == 2
    for id in ("deep", "copy"):
        found = parser.get_parsed_content(id)
        for _ in range(10_000):
            found = found[0] if shape == "list" else found["d"]
        assert found == 2
    parser.set(parser["deep"], "again")
    parser.check()
    twin = ConfigParser(parser.to_dict())
    assert twin["again"] is not parser["again"]
    while isinstance(value, (dict, list)):  # let go of it step by step; Python itself would do so by recursion
        value = value[0] if isinstance(value, list) else value["d"]


def test_a_circle_of_5_000_steps_is_shown_in_short() -> None:
    config = {f"k{i}": f"@k{(i + 1) % 5_000}" for i in range(5_000)}
    with pytest.raises(CycleError) as caught:
        ConfigParser(config).get_parsed_content("k0")
    assert caught.value.message.endswith(
        "k0 -> k1 -> k2 -> k3 -> k4 -> k5 -> … -> k4996 -> k4997 -> k4998 -> k4999 -> k0"
    )
    assert len(caught.value.notes) == 11
    assert caught.value.notes[6] == "… 4,990 more"


def test_time_grows_with_size() -> None:
    def seconds(size: int) -> float:
        config: dict[str, Any] = {f"e{i}": f"$@n{i} + 1" for i in range(size)} | {f"n{i}": i for i in range(size)}
        begin = time.process_time()
        ConfigParser(config).get_parsed_content()
        return time.process_time() - begin

    seconds(1_000)
    small = min(seconds(2_000) for _ in range(3))
    assert min(seconds(8_000) for _ in range(3)) < 12 * small


def test_a_missing_reference_among_50_000_ids_is_told_quickly() -> None:
    config: dict[str, Any] = {f"group{i}": {f"key{j}": i * j for j in range(100)} for i in range(500)}
    parser = ConfigParser({**config, "a": "@group7::keyy3"})
    parser.parse()
    for id, kind, near in (
        ("a", ReferenceNotFoundError, "'group7::key3'"),
        ("group7::keyy3", IdNotFoundError, "'group7::key3'"),
    ):
        seconds = []
        for _ in range(3):
            begin = time.process_time()
            with pytest.raises(kind) as caught:
                parser.get_parsed_content(id)
            seconds.append(time.process_time() - begin)
            assert near in (caught.value.hint or "")
        assert min(seconds) < 0.05


def test_the_garbage_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    ConfigParser({"a": "$1"}).get_parsed_content()
    assert gc.isenabled()
    with pytest.raises(BundleEngineError):
        ConfigParser({"a": "@b"}).get_parsed_content()
    assert gc.isenabled()
    gc.disable()
    try:
        ConfigParser({"a": "$1"}).get_parsed_content()
        assert not gc.isenabled()
    finally:
        gc.enable()


# --- checked before anything is built ---

WRONG = {
    "a misspelt argument": ({"_target_": "probe.Box", "valu": 1}, ArgumentError),
    "a missing argument": ({"_target_": "textwrap.wrap"}, ArgumentError),
    "a misspelt target": ({"_target_": "probe.Bocks"}, TargetNotFoundError),
    "a missing package": ({"_target_": "no_such_package.X"}, TargetNotFoundError),
    "a missing reference": ({"x": "@nowhere"}, ReferenceNotFoundError),
    "a missing reference in an expression": ("$1 + @nowhere", ReferenceNotFoundError),
    "a syntax error in an expression": ("$1 +", ExpressionSyntaxError),
    "a value left open": ("???", MandatoryValueError),
    "a circle": ("@it", CycleError),
    "a wrong mode": ({"_target_": "dict", "_mode_": "x"}, InstantiationError),
    "positional arguments twice": ({"_target_": "probe.Box", "_args_": [1], "value": 2}, ArgumentError),
    "inside of arguments": ({"_target_": "probe.Box", "value": [{"_target_": "probe.Box", "x": 1}]}, ArgumentError),
    "behind a reference": ("@other", ArgumentError),
    "in what is required": ({"_target_": "probe.Box", "_requires_": "@nowhere"}, ReferenceNotFoundError),
    "a component that is not disabled": ({"_target_": "probe.Box", "x": 1, "_disabled_": "$not @use"}, ArgumentError),
    "an argument of one that is not disabled": (
        {
            "_target_": "probe.Box",
            "_disabled_": "@off",
            "value": {"_target_": "probe.Box", "x": 1, "_ranks_": "@ranks"},
        },
        ArgumentError,
    ),
}


@pytest.mark.parametrize(("wrong", "kind"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_found_before_the_first_component_is_built(
    probe: Any, wrong: Any, kind: type[BundleEngineError]
) -> None:
    config = {
        "data": build("an hour"),
        "also": {"x": [build("another")]},
        "it": wrong,
        "use": True, "off": False, "ranks": [0],
        "other": {"_target_": "probe.Box", "x": 1},
    }  # fmt: skip
    for id in ("", "both"):
        parser = ConfigParser({**config, "both": ["@data", "@also", "@it"]})
        with pytest.raises(kind) as caught:
            parser.get_parsed_content(id)
        assert caught.value.id
        assert probe.calls == []
        with pytest.raises(kind):
            parser.check(id)
        assert probe.calls == []


@pytest.mark.parametrize("file", ["train.json", "train.yaml"])
def test_a_misspelt_argument_at_the_end_of_a_file_costs_nothing(
    probe: Any, write: Callable[..., Any], file: str
) -> None:
    text = """{
  "data": {"_target_": "probe.build", "label": "an hour"},
  "loader": {"_target_": "probe.build", "label": "@data"},
  "trainer": {
    "_target_": "probe.Box",
    "value": "@loader",
    "othre": 1
  }
}
"""
    parser = ConfigParser()
    parser.read_config(write(file, text))
    with pytest.raises(ArgumentError) as caught:
        parser.get_parsed_content("trainer")
    assert (caught.value.id, str(caught.value.place)) == ("trainer::othre", f"{file}:7:5")
    assert caught.value.hint == "did you mean 'other'?"
    assert probe.calls == []


def test_what_was_built_is_kept_when_something_later_fails(probe: Any) -> None:
    parser = ConfigParser({"data": build("data"), "l": ["@data", "$1 / 0"]})
    with pytest.raises(ExpressionError):
        parser.get_parsed_content("l")
    assert probe.calls == ["data"]
    parser["l::1"] = 2
    parser.get_parsed_content("l")
    assert probe.calls == ["data"]


def test_a_value_that_failed_may_be_tried_again(probe: Any) -> None:
    switch = [0]
    parser = ConfigParser({"a": "$1 / switch[0]"}, globals={"switch": switch})
    for _ in range(2):
        with pytest.raises(ExpressionError):
            parser.get_parsed_content("a")
    switch[0] = 1
    assert parser.get_parsed_content("a") == 1


# --- circles ---


@pytest.mark.parametrize(
    ("config", "id", "path", "notes"),
    [
        pytest.param({"a": "@a"}, "a", "a -> a", ["a: '@a'"], id="itself"),
        pytest.param(
            {"a": "@b", "b": "$@c + 1", "c": "@a"},
            "a",
            "a -> b -> c -> a",
            ["a: '@b'", "b: '$@c + 1'", "c: '@a'"],
            id="three",
        ),
        pytest.param({"x": "@a", "a": "@b", "b": "@a"}, "x", "a -> b -> a", ["a: '@b'", "b: '@a'"], id="further on"),
        pytest.param({"a": {"b": "@a"}}, "a", "a -> a::b -> a", ["a: a mapping", "a::b: '@a'"], id="what it stands in"),
        pytest.param({"a": [1, "@a"]}, "a", "a -> a::1 -> a", ["a: a list", "a::1: '@a'"], id="a list"),
        pytest.param(
            {"net": {"_target_": "dict", "opt": "@opt"}, "opt": {"_target_": "dict", "p": ["$@net['p']"]}},
            "net",
            "net -> net::opt -> opt -> opt::p -> opt::p::0 -> net",
            [
                "net: _target_: dict",
                "net::opt: '@opt'",
                "opt: _target_: dict",
                "opt::p: a list",
                "opt::p::0: \"$@net['p']\"",
            ],
            id="components",
        ),
        pytest.param(
            {"a": {"_target_": "dict", "_requires_": "@a"}},
            "a",
            "a -> a::_requires_ -> a",
            ["a: _target_: dict", "a::_requires_: '@a'"],
            id="what it requires",
        ),
        pytest.param(
            {"a": "$@b::x", "b": "$dict(x=@a)"},
            "a",
            "a -> b::x -> b -> a",
            ["a: '$@b::x'", "b::x: inside of the value before", "b: '$dict(x=@a)'"],
            id="past a value",
        ),
    ],
)
def test_a_circle_is_shown_with_a_line_for_each_step(config: Any, id: str, path: str, notes: list[str]) -> None:
    for wanted in (id, ""):
        with pytest.raises(CycleError) as caught:
            ConfigParser(config).get_parsed_content(wanted)
        if wanted:
            assert caught.value.message == f"values need each other in a circle: {path}"
            assert [note.partition("  (")[0] for note in caught.value.notes] == notes


def test_the_steps_of_a_circle_have_places(read: Callable[..., ConfigParser]) -> None:
    parser = read(
        "a: '@b'\nb:\n  c: $@d\n", '{"d": {"_target_": "dict",\n  "x": "@a"}}', names=("one.yaml", "two.json")
    )
    with pytest.raises(CycleError) as caught:
        parser.get_parsed_content("a")
    assert caught.value.notes == (
        "a: '@b'  (one.yaml:1:4)",
        "b: a mapping  (one.yaml:2:1)",
        "b::c: '$@d'  (one.yaml:3:6)",
        "d: _target_: dict  (two.json:1:20)",
        "d::x: '@a'  (two.json:2:8)",
    )


def test_a_component_that_asks_the_parser_for_itself(probe: Any) -> None:
    probe.ask = lambda: probe.parser.get_parsed_content("a")
    probe.parser = ConfigParser({"a": {"_target_": "probe.ask"}})
    with pytest.raises(InstantiationError) as caught:
        probe.parser.get_parsed_content("a")
    assert isinstance(caught.value.__cause__, CycleError)
