"""Putting documents together: section 5 of the language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import merge
from bundle_engine.config.origins import Origins
from bundle_engine.config.source import CODE
from bundle_engine.errors import CycleError, IndexNotFoundError, InputError, InputNotFoundError, MergeError

MERGED = {
    # a key of a later file replaces the earlier value whole
    "a new key": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "a scalar": ({"a": 1}, {"a": 2}, {"a": 2}),
    "a mapping as a whole": ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}),
    "a list as a whole": ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    "another kind": ({"a": [1, 2]}, {"a": {"x": 1}}, {"a": {"x": 1}}),
    "null": ({"a": [1, 2]}, {"a": None}, {"a": None}),
    # a::b sets one place inside
    "inside": ({"a": {"x": 1, "y": 2}}, {"a::x": 3}, {"a": {"x": 3, "y": 2}}),
    "inside, old separator": ({"a": {"x": 1, "y": 2}}, {"a#x": 3}, {"a": {"x": 3, "y": 2}}),
    "deep inside": ({"a": {"x": [0, {"y": 2}]}}, {"a::x::1::y": 3}, {"a": {"x": [0, {"y": 3}]}}),
    "an item of a list": ({"a": [1, 2]}, {"a::1": 3}, {"a": [1, 3]}),
    "a new key inside": ({"a": {"x": 1}}, {"a::y": 3}, {"a": {"x": 1, "y": 3}}),
    "new mappings on the way": ({"a": 1}, {"b::c::d": 3}, {"a": 1, "b": {"c": {"d": 3}}}),
    "a number as a key": ({"a": {0: 1}}, {"a::0": 3}, {"a": {0: 3}}),
    "in the order of the keys": ({}, {"a": {"x": 1}, "a::x": 2, "a::y": 3}, {"a": {"x": 2, "y": 3}}),
    "a key that is no text": ({1: "a"}, {1: "b", None: "c"}, {1: "b", None: "c"}),
    # +key merges
    "mappings": ({"a": {"x": 1, "y": 1}}, {"+a": {"y": 2, "z": 3}}, {"a": {"x": 1, "y": 2, "z": 3}}),
    "mappings, deep": ({"a": {"x": {"p": 1, "q": 1}}}, {"+a": {"x": {"q": 2}}}, {"a": {"x": {"p": 1, "q": 2}}}),
    "lists": ({"a": [1]}, {"+a": [2, 3]}, {"a": [1, 2, 3]}),
    "a list inside is replaced": ({"a": {"l": [1]}}, {"+a": {"l": [2]}}, {"a": {"l": [2]}}),
    "a list inside is appended with its own +": ({"a": {"l": [1]}}, {"+a": {"+l": [2]}}, {"a": {"l": [1, 2]}}),
    "at depth": ({"a": {"b": {"l": [1]}}}, {"+a::b::l": [2]}, {"a": {"b": {"l": [1, 2]}}}),
    "at depth, before the last key": ({"a": {"b": {"l": [1]}}}, {"a::b::+l": [2]}, {"a": {"b": {"l": [1, 2]}}}),
    "in a list": ({"a": [{"x": 1}]}, {"+a::0": {"y": 2}}, {"a": [{"x": 1, "y": 2}]}),
    "what is not there": ({}, {"+a": {"x": 1}}, {"a": {"x": 1}}),
    "what is not there, at depth": ({}, {"+a::b": [1]}, {"a": {"b": [1]}}),
    "what is not there, with a + inside": ({}, {"+a": {"+x": [1]}}, {"a": {"x": [1]}}),
    "nothing": ({"a": [1], "b": {"x": 1}}, {"+a": [], "+b": {}}, {"a": [1], "b": {"x": 1}}),
    "keys that are no text": ({"a": {1: "x"}}, {"+a": {1: "y", 2: "z"}}, {"a": {1: "y", 2: "z"}}),
    # ~key deletes
    "a key": ({"a": 1, "b": 2}, {"~a": None}, {"b": 2}),
    "a key, whatever the value": ({"a": 1, "b": 2}, {"~a": "yes"}, {"b": 2}),
    "a key inside": ({"a": {"x": 1, "y": 2}}, {"~a::x": None}, {"a": {"y": 2}}),
    "a key inside, before the last key": ({"a": {"x": 1, "y": 2}}, {"a::~x": None}, {"a": {"y": 2}}),
    "an item": ({"a": [1, 2, 3]}, {"~a::1": None}, {"a": [1, 3]}),
    "inside of a merge": ({"a": {"x": 1, "y": 2}}, {"+a": {"~x": None, "z": 3}}, {"a": {"y": 2, "z": 3}}),
    "and set again": ({"a": {"x": 1}}, {"~a": None, "a::y": 2}, {"a": {"y": 2}}),
}


@pytest.mark.parametrize(("first", "second", "result"), MERGED.values(), ids=MERGED.keys())
def test_keys_of_a_later_document(first: dict[Any, Any], second: dict[Any, Any], result: dict[Any, Any]) -> None:
    base = merge.tree.copy(first)
    merge.apply(base, second, CODE, Origins())
    assert base == result


@pytest.mark.parametrize(("first", "second", "result"), MERGED.values(), ids=MERGED.keys())
def test_overrides_are_keys_of_a_later_document(
    first: dict[Any, Any], second: dict[Any, Any], result: dict[Any, Any]
) -> None:
    parser = ConfigParser(first)
    before = merge.tree.copy(second)
    parser.override({str(key) if key is not None else "None": value for key, value in second.items()})
    assert second == before
    shown = {str(key): value for key, value in result.items()}
    assert {str(key): value for key, value in parser.config.items()} == shown


MISFITS = {
    "a list into a mapping": ({"a": {"x": 1}}, {"+a": [1]}, MergeError, "'+a' cannot merge a list into a mapping"),
    "a mapping into a list": ({"a": [1]}, {"+a": {"x": 1}}, MergeError, "'+a' cannot merge a mapping into a list"),
    "a scalar into a list": ({"a": [1]}, {"+a": 2}, MergeError, "'+a' cannot merge 2 into a list"),
    "into a scalar": ({"a": 1}, {"+a": [2]}, MergeError, "'+a' cannot merge a list into 1"),
    "into null": ({"a": None}, {"+a": [2]}, MergeError, "'+a' cannot merge a list into None"),
    "deep": ({"a": {"x": {"l": 1}}}, {"+a": {"x": {"+l": [1]}}}, MergeError, "'+a::x::l' cannot merge a list into 1"),
    "delete nothing": ({"a": 1}, {"~b": None}, MergeError, "'~b' deletes nothing: there is no 'b'"),
    "delete nothing inside": ({"a": {}}, {"~a::b": None}, MergeError, "'~a::b' deletes nothing: there is no 'a::b'"),
    "delete on the way": ({"a": {}}, {"~b::c": None}, MergeError, "'~b::c' deletes nothing: there is no 'b'"),
    "delete past the end": ({"a": [1]}, {"~a::1": None}, MergeError, "'~a::1' deletes nothing: there is no 'a::1'"),
    "delete in a merge": ({"a": {"x": 1}}, {"+a": {"~y": None}}, MergeError, "'~a::y' deletes nothing"),
    "set past the end": ({"a": [1]}, {"a::1": 2}, IndexNotFoundError, "'a::1' cannot be set: 'a' is a list of 1 item"),
    "set a word in a list": ({"a": [1]}, {"a::b": 2}, IndexNotFoundError, "'a::b' cannot be set: 'a' is a list of 1"),
    "set in a scalar": ({"a": 1}, {"a::b": 2}, IndexNotFoundError, "'a::b' cannot be set: 'a' is 1 and has no inside"),
    "set on the way": ({"a": 1}, {"a::b::c": 2}, IndexNotFoundError, "'a::b::c' cannot be set: 'a' is 1"),
    "the root": ({"a": 1}, {"+": {}}, MergeError, "the root itself cannot be set by a key"),
}


@pytest.mark.parametrize(("first", "second", "kind", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit(first: Any, second: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        merge.apply(first, second, CODE, Origins())
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, ValueError)


def test_merging_reaches_any_depth() -> None:
    first: dict[str, Any] = {"leaf": {"x": 1}}
    second: dict[str, Any] = {"leaf": {"y": 2}}
    for _ in range(5_000):
        first, second = {"d": first}, {"d": second}
    merge.apply(base := {"a": first}, {"+a": second}, CODE, Origins())
    value: Any = base["a"]
    for _ in range(5_000):
        value = value["d"]
    assert value == {"leaf": {"x": 1, "y": 2}}


# --- several files ---


def test_later_files_win(read: Callable[..., ConfigParser]) -> None:
    parser = read("a: 1\nb: {x: 1}\nl: [1]\n", "a: 2\n'b::y': 2\n", "+l: [2]\n'~b::x':\n")
    assert parser.config == {"_meta_": {}, "a": 2, "b": {"y": 2}, "l": [1, 2]}


def test_overrides_win_over_files(read: Callable[..., ConfigParser]) -> None:
    parser = read("a: 1\nl: [1]\n")
    parser.override({"a": 3, "+l": [2], "new::x": 4})
    assert parser.get_parsed_content() == {"_meta_": {}, "a": 3, "l": [1, 2], "new": {"x": 4}}


def test_overrides_apply_in_their_order() -> None:
    parser = ConfigParser({"a": 1})
    parser.override({"b": {"x": 1}, "b::x": 2, "+b": {"y": 3}})
    assert parser["b"] == {"x": 2, "y": 3}


# --- _extends_ ---


def test_a_file_extends_another(write: Callable[..., Path]) -> None:
    write("configs/base.yaml", "a: 1\nb: {x: 1, y: 1}\nl: [1]\n")
    write("configs/train.yaml", "_extends_: base.yaml\n'b::x': 2\n+l: [2]\n~a:\n")
    parser = ConfigParser()
    parser.read_config("configs/train.yaml")
    assert parser.config == {"_meta_": {}, "b": {"x": 2, "y": 1}, "l": [1, 2]}
    assert ConfigParser.load_config_file("configs/train.yaml") == {"b": {"x": 2, "y": 1}, "l": [1, 2]}


def test_several_bases_in_their_order_and_relative_to_each_file(write: Callable[..., Path]) -> None:
    write("one/base.yaml", "_extends_: ../two/deep.json\na: one\n")
    write("two/deep.json", '{"a": "deep", "b": "deep", "c": "deep"}')
    write("two/other.yaml", "b: other\n")
    write("top.yaml", "c: top\n_extends_: [one/base.yaml, two/other.yaml]\n")
    parser = ConfigParser()
    parser.read_config("top.yaml")
    assert parser.config == {"_meta_": {}, "a": "one", "b": "other", "c": "top"}
    assert str(parser.where("b").place) == "two/other.yaml:1:4"
    assert [str(place) for place in parser.where("c").overrode] == ["one/../two/deep.json:1:33"]


def test_a_base_may_be_extended_twice(write: Callable[..., Path]) -> None:
    write("base.yaml", "l: [1]\n")
    write("a.yaml", "_extends_: base.yaml\n")
    write("b.yaml", "_extends_: [a.yaml, base.yaml]\n+l: [2]\n")
    assert ConfigParser.load_config_file("b.yaml") == {"l": [1, 2]}


def test_a_file_that_a_macro_names_may_extend_another(write: Callable[..., Path]) -> None:
    write("base.yaml", "x: 1\n")
    write("other.yaml", "_extends_: base.yaml\ny: 2\n")
    write("top.yaml", "a: '%other.yaml'\n")
    parser = ConfigParser()
    parser.read_config("top.yaml")
    assert parser.get_parsed_content("a") == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"a.yaml": "_extends_: a.yaml"}, "a.yaml -> a.yaml"),
        ({"a.yaml": "_extends_: b.yaml", "b.yaml": "_extends_: a.yaml"}, "a.yaml -> b.yaml -> a.yaml"),
        (
            {"a.yaml": "_extends_: d/b.yaml", "d/b.yaml": "_extends_: c.yaml", "d/c.yaml": "_extends_: b.yaml"},
            "d/b.yaml -> d/c.yaml -> d/b.yaml",
        ),
    ],
)
def test_a_circle_is_shown(write: Callable[..., Path], files: dict[str, str], path: str) -> None:
    for name, text in files.items():
        write(name, text)
    with pytest.raises(CycleError, match="_extends_ goes in a circle") as caught:
        ConfigParser().read_config("a.yaml")
    assert caught.value.message.endswith(path)


def test_a_base_that_is_not_there(write: Callable[..., Path]) -> None:
    write("base.yaml", "a: 1\n")
    write("top.yaml", "_extends_:\n- base.yaml\n- bsae.yaml\n")
    with pytest.raises(InputNotFoundError) as caught:
        ConfigParser().read_config("top.yaml")
    assert (str(caught.value.place), caught.value.id) == ("top.yaml:3:3", "_extends_")
    assert caught.value.hint == "did you mean 'base.yaml'?"


@pytest.mark.parametrize("value", ["3", "{a: 1}", "[1]"])
def test_extends_takes_files(write: Callable[..., Path], value: str) -> None:
    write("top.yaml", f"_extends_: {value}\n")
    with pytest.raises(InputError, match="_extends_ takes a file or a list of files"):
        ConfigParser().read_config("top.yaml")


def test_extends_is_special_at_the_root_of_a_file_only(read: Callable[..., ConfigParser]) -> None:
    assert read("a: {_extends_: nowhere.yaml}\n").get_parsed_content("a") == {"_extends_": "nowhere.yaml"}
    assert ConfigParser({"_extends_": "nowhere.yaml"}).get_parsed_content() == {"_extends_": "nowhere.yaml"}
