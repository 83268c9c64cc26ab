"""References: sections 2 and 3 of the language."""

from __future__ import annotations

from collections import OrderedDict, UserDict, deque
from collections.abc import Callable
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config.ids import RelativeId
from bundle_engine.config.references import default_value, step_into, whole_reference
from bundle_engine.errors import IdNotFoundError, ReferenceNotFoundError


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        pytest.param("@lr", (RelativeId(0, "lr"), None), id="an id"),
        pytest.param("@a::b::0", (RelativeId(0, "a::b::0"), None), id="keys"),
        pytest.param("@a#b#0", (RelativeId(0, "a#b#0"), None), id="the old separator"),
        pytest.param("@::x", (RelativeId(1, "x"), None), id="relative"),
        pytest.param("@##x", (RelativeId(2, "x"), None), id="relative, old separator"),
        pytest.param("@größe", (RelativeId(0, "größe"), None), id="letters of any script"),
        pytest.param("@0", (RelativeId(0, "0"), None), id="a number"),
        pytest.param("@lr ?? 1e-3", (RelativeId(0, "lr"), "1e-3"), id="with a default"),
        pytest.param("@lr??x y ", (RelativeId(0, "lr"), "x y"), id="with a default that is a text"),
        pytest.param("@lr ??", (RelativeId(0, "lr"), ""), id="with an empty default"),
        pytest.param("@my-key", None, id="other characters"),
        pytest.param("@a b", None, id="several words"),
        pytest.param("@", None, id="nothing behind it"),
        pytest.param("@::", None, id="separators alone"),
        pytest.param("@a::", None, id="a separator at the end"),
        pytest.param("@a:b", None, id="one colon"),
        pytest.param("lr", None, id="no sigil"),
        pytest.param("", None, id="empty"),
        pytest.param("user@example", None, id="inside of a text"),
    ],
)
def test_the_whole_string_is_a_reference_or_it_is_text(text: str, reference: Any) -> None:
    assert whole_reference(text) == reference
    if reference is None:
        assert ConfigParser({"a": text, "lr": 1}).get_parsed_content("a") == text


@pytest.mark.parametrize(
    ("config", "value"),
    [
        pytest.param({"lr": 3, "a": "@lr"}, 3, id="an id"),
        pytest.param({"o": {"lr": 3}, "a": "@o::lr"}, 3, id="inside of a mapping"),
        pytest.param({"o": {"lr": 3}, "a": "@o#lr"}, 3, id="the old separator"),
        pytest.param({"l": [1, 2], "a": "@l::1"}, 2, id="an item of a list"),
        pytest.param({"l": [1, 2], "a": "@l::-1"}, "@l::-1", id="a negative index is no id"),
        pytest.param({"a": "@later", "later": 3}, 3, id="written later"),
        pytest.param({"a": "@b", "b": "@c", "c": 3}, 3, id="a chain"),
        pytest.param({"a": "@n", "n": None}, None, id="null"),
        pytest.param({"a": "@m::0", "m": {0: "x"}}, "x", id="a number as a key of a mapping"),
        pytest.param({"a": "@m::True", "m": {True: "x"}}, "x", id="another scalar as a key"),
        pytest.param({"a": {"b": "@::c", "c": 3}}, {"b": 3, "c": 3}, id="a sibling"),
        pytest.param({"a": {"b": "@#c", "c": 3}}, {"b": 3, "c": 3}, id="a sibling, old separator"),
        pytest.param({"a": {"b": {"d": "@::::c"}, "c": 3}}, {"b": {"d": 3}, "c": 3}, id="the parent's sibling"),
        pytest.param({"a": {"b": ["@##c"], "c": 3}}, {"b": [3], "c": 3}, id="the parent's sibling, from a list"),
        pytest.param({"a": [1, "@::0"]}, [1, 1], id="another item of the same list"),
    ],
)
def test_a_reference_gives_the_resolved_value(config: dict[str, Any], value: Any) -> None:
    parser = ConfigParser(config)
    assert parser.get_parsed_content("a") == value
    assert ConfigParser(config).get_parsed_content("")["a"] == value


@pytest.mark.parametrize("text", ["@::::c", "@##c", "@######c", "$@::::c + 1"])
def test_too_many_steps_up_name_the_id(text: str) -> None:
    with pytest.raises(IdNotFoundError, match="goes up past the root") as caught:
        ConfigParser({"a": text, "c": 1}).get_parsed_content("a")
    assert caught.value.id == "a"


def test_everyone_who_refers_to_an_id_gets_the_same_object(probe: Any) -> None:
    parser = ConfigParser(
        {"net": {"_target_": "probe.build"}, "l": ["@net", "@net"], "o": {"net": "@net"}, "e": "$@net"}
    )
    net = parser.get_parsed_content("net")
    assert parser.get_parsed_content("l") == [net, net]
    assert parser.get_parsed_content("o")["net"] is net
    assert parser.get_parsed_content("e") is net
    assert len(probe.calls) == 1


# --- defaults ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("3", 3),
        ("-1", -1),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ("", None),
        ("'3'", "3"),
        ("[1, 'a']", [1, "a"]),
        ("{'a': 1}", {"a": 1}),
        ("some text", "some text"),
        ("@other", "@other"),
        ("$1 + 1", "$1 + 1"),
    ],
)
def test_what_stands_behind_the_question_marks(text: str, value: Any) -> None:
    assert default_value(text) == value
    assert type(default_value(text)) is type(value)


@pytest.mark.parametrize(
    ("config", "value"),
    [
        pytest.param({"a": "@lr ?? 1e-3"}, 1e-3, id="the id does not exist"),
        pytest.param({"a": "@lr ?? 1e-3", "lr": 2}, 2, id="the id exists"),
        pytest.param({"a": "@lr ?? 1e-3", "lr": None}, None, id="the id exists, and is null"),
        pytest.param({"a": "@x ?? @y", "y": 5}, 5, id="another reference"),
        pytest.param({"a": "@x ?? @y ?? 7"}, 7, id="a default of a default"),
        pytest.param({"a": "@x ?? $@y + 1", "y": 5}, 6, id="an expression"),
        pytest.param({"a": "@o::x ?? 4", "o": {}}, 4, id="inside of a mapping"),
        pytest.param({"a": "@l::3 ?? 4", "l": [1]}, 4, id="past the end of a list"),
        pytest.param({"a": "$@lr ?? 1e-3"}, 1e-3, id="in an expression"),
        pytest.param({"a": "$@lr ?? 1e-3", "lr": 2}, 2, id="in an expression, the id exists"),
        pytest.param({"a": "$(@lr ?? 2) * 3"}, 6, id="in brackets"),
        pytest.param({"a": "$max(@x ?? 1, @y ?? 2, 0)", "x": 9}, 9, id="in arguments"),
        pytest.param({"a": "$[@x ?? @y, 3]", "y": 1}, [1, 3], id="a reference, in an expression"),
        pytest.param({"a": "$@x ?? (@y ?? 4)"}, 4, id="a default of a default, in an expression"),
        pytest.param({"o": {"a": "@::x ?? 3"}, "a": "@o::a"}, 3, id="relative"),
        pytest.param({"a": "@d::y ?? 3", "d": "$dict(x=1)"}, 3, id="past a resolved value"),
        pytest.param({"a": "@d::x ?? 3", "d": "$dict(x=1)"}, 1, id="past a resolved value, it exists"),
        pytest.param({"a": "@d::y::z ?? @e", "d": "$dict(x=1)", "e": 4}, 4, id="past a resolved value, a reference"),
        pytest.param({"a": "$(@d::y ?? 3) + (@d::x ?? 3)", "d": "$dict(x=1)"}, 4, id="past it, in an expression"),
        pytest.param({"a": "$@d::y ?? @e", "d": "$dict(x=1)", "e": 4}, 4, id="past it, a reference in an expression"),
    ],
)
def test_a_default_is_used_only_when_the_id_does_not_exist(config: dict[str, Any], value: Any) -> None:
    assert ConfigParser(config).get_parsed_content("a") == value


def test_a_default_that_is_not_used_is_not_resolved(probe: Any) -> None:
    config = {"a": "@b ?? @slow", "e": "$@b ?? @slow", "b": 1, "slow": {"_target_": "probe.build"}}
    parser = ConfigParser(config)
    assert (parser.get_parsed_content("a"), parser.get_parsed_content("e")) == (1, 1)
    assert probe.calls == []


def test_a_default_gives_way_when_the_id_is_set_later() -> None:
    parser = ConfigParser({"a": "@lr ?? 1", "e": "$(@lr ?? 1) + 1"})
    assert (parser.get_parsed_content("a"), parser.get_parsed_content("e")) == (1, 2)
    parser["lr"] = 5
    assert (parser.get_parsed_content("a"), parser.get_parsed_content("e")) == (5, 6)


# --- past a resolved value ---


class Table:
    """Has items and a length, but is no sequence."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> str:
        return "xy"[index]


@pytest.mark.parametrize(
    ("value", "key", "item"),
    [
        ({"a": 1}, "a", 1),
        ({0: 1}, "0", 1),
        (OrderedDict(a=1), "a", 1),
        (UserDict(a=1), "a", 1),
        ([1, 2], "1", 2),
        ((1, 2), "0", 1),
        (deque([1, 2]), "1", 2),
        (range(5), "-1", 4),
        (Table(), "1", "y"),
    ],
)
def test_a_value_is_indexed_by_a_key_of_an_id(value: Any, key: str, item: Any) -> None:
    assert step_into(value, key) == item


@pytest.mark.parametrize(
    ("value", "key"),
    [({"a": 1}, "b"), ([1], "1"), ([1], "x"), ("text", "0"), (b"text", "0"), (3, "0"), (None, "a"), (Table(), "7")],
)
def test_what_is_not_there_cannot_be_indexed(value: Any, key: str) -> None:
    with pytest.raises(LookupError):
        step_into(value, key)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("@data::training::0", "t0"),
        ("@data#training#1", "t1"),
        ("@data::validation", ("v0",)),
        ("$@data::training::0 + '!'", "t0!"),
        ("@alias::training::0", "t0"),
        ("@built::0::a", 1),
    ],
)
def test_a_reference_goes_on_past_a_resolved_value(probe: Any, reference: str, value: Any) -> None:
    config = {
        "data": "$dict(training=['t0', 't1'], validation=('v0',))",
        "alias": "@data",
        "built": {"_target_": "probe.give", "value": [{"a": 1}]},
        "a": reference,
    }
    assert ConfigParser(config).get_parsed_content("a") == value
    if reference[0] == "@":
        assert ConfigParser(config).get_parsed_content(reference[1:]) == value


@pytest.mark.parametrize("reference", ["@data::train", "$@data::train", "@data::training::9", "@data::training::0::0"])
def test_what_the_resolved_value_does_not_have(reference: str) -> None:
    parser = ConfigParser({"data": "$dict(training=['t0'])", "a": reference})
    with pytest.raises(ReferenceNotFoundError, match="leads to nothing"):
        parser.get_parsed_content("a")


def test_the_id_of_a_reference_among_others_is_told(read: Callable[..., ConfigParser]) -> None:
    parser = read("data: $dict(a=1)\nl:\n- '@data::a'\n- '@data::b'\n")
    with pytest.raises(ReferenceNotFoundError) as caught:
        parser.get_parsed_content()
    assert caught.value.id == "l::1"
    assert str(caught.value.place) == "a.yaml:4:3"


# --- references that lead nowhere may be allowed ---


def test_missing_references_are_allowed_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:  # section 7
    monkeypatch.setenv("MONAI_ALLOW_MISSING_REFERENCE", "1")
    parser = ConfigParser({"a": "@nowhere", "b": 1})
    monkeypatch.delenv("MONAI_ALLOW_MISSING_REFERENCE")  # it was read when the parser was made
    with pytest.warns(UserWarning, match="the reference '@nowhere' leads to nothing"):
        assert parser.get_parsed_content("a") == "@nowhere"
    with pytest.raises(ReferenceNotFoundError):
        ConfigParser({"a": "@nowhere"}).get_parsed_content("a")
