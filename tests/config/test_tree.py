"""Walking plain data."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from bundle_engine.config import tree
from bundle_engine.config.ids import Id


def test_a_copy_shares_nothing_but_leaves() -> None:
    leaf = object()
    value = {"a": [1, {"b": leaf}], "c": OrderedDict(d=[])}
    copied = tree.copy(value)
    assert copied == value
    assert copied["a"] is not value["a"]
    assert copied["a"][1] is not value["a"][1]
    assert copied["a"][1]["b"] is leaf
    assert type(copied["c"]) is OrderedDict
    assert copied["c"]["d"] is not value["c"]["d"]
    assert tree.copy("text") == "text"


def test_strings_are_found_in_document_order() -> None:
    value = {"a": "$1", "b": [{"c": "@x"}, "plain", "%y"], "d": {"e": "\\$z"}, "f": "", "g": "$2", 7: "@k"}
    found = list(tree.strings(value, lambda text: text[0] in "$@%"))
    assert [(str(tree.id_of(path)), text) for _, _, text, path in found] == [
        ("a", "$1"), ("b::0::c", "@x"), ("b::2", "%y"), ("g", "$2"), ("7", "@k"),
    ]  # fmt: skip
    assert all(container[key] == text for container, key, text, _ in found)
    assert list(tree.strings("$1", lambda text: True)) == []


@pytest.mark.parametrize(
    ("container", "key", "found"),
    [
        ({"a": 1}, "a", "a"),
        ({0: 1}, "0", 0),
        ({1.5: 1}, "1.5", 1.5),
        ({None: 1}, "None", None),
        ({True: 1}, "True", True),
        ({"0": 1, 0: 2}, "0", "0"),
        ([1, 2], "1", 1),
        ([1, 2], "-1", 1),
        ([1, 2], "-2", 0),
    ],
)
def test_a_key_of_an_id_names_a_key_or_an_index(container: Any, key: str, found: Any) -> None:
    assert tree.child_key(container, key) == found
    assert type(tree.child_key(container, key)) is type(found)


@pytest.mark.parametrize(
    ("container", "key"),
    [({"a": 1}, "b"), ({}, "0"), ([1], "1"), ([1], "-2"), ([1], "x"), ([], "0"), ("text", "0"), (3, "0")],
)
def test_what_a_container_does_not_hold(container: Any, key: str) -> None:
    with pytest.raises(LookupError):
        tree.child_key(container, key)


@pytest.mark.parametrize(
    ("id", "value"),
    [("", ...), ("a::b::0", 1), ("a::b::-1", 2), ("x::y", 5), ("o::p::q::r", 7)],
)
def test_a_value_is_found_by_its_id(id: str, value: Any) -> None:
    root = {"a": {"b": [1, 2]}, "x::y": 5, "o": {"p::q": {"r": 7}}}
    assert tree.find(root, Id.parse(id)) == (root if value is ... else value)


@pytest.mark.parametrize(("id", "depth"), [("z", 0), ("a::z", 1), ("a::b::7", 2), ("a::b::0::x", 3)])
def test_how_far_an_id_leads(id: str, depth: int) -> None:
    with pytest.raises(tree.NoSuchKey) as caught:
        tree.find({"a": {"b": [1]}}, Id.parse(id))
    assert caught.value.depth == depth
