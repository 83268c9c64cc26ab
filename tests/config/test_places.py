"""Where values come from: file, line and column, through merging, macros, overrides, changes and deletions."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from bundle_engine import ConfigParser

FIRST = """\
a: {x: 1, y: [1, 2, 3]}
b:
  c: 1
  d:
    - p
    - q
    - {r: 1}
m: "%b"
n: "%other.yaml::k"
"""
SECOND = """\
a::x: 5
+b:
  c: 2
  +d: [t]
new::deep::er: 7
~b::d::0:
b::d::1::r: 8
"""
OTHER = """\
k:
  z: [5,
   6]
"""
FIRST_JSON = """\
{"a": {"x": 1, "y": [1, 2, 3]},
 "b": {
   "c": 1,
   "d": ["p",
         "q",
         {"r": 1}]},
 "m": "%b",
 "n": "%other.json::k"}
"""
SECOND_JSON = """\
{"a::x": 5,
 "+b": {
   "c": 2,
   "+d": ["t"]},
 "new::deep::er": 7,
 "~b::d::0": null,
 "b::d::1::r": 8}
"""
OTHER_JSON = """\
{"k": {
  "z": [5,
   6]}}
"""


@pytest.fixture
def parser(write: Callable[..., Any]) -> ConfigParser:
    write("other.yaml", OTHER)
    parser = ConfigParser()
    parser.read_config([write("a.yaml", FIRST), write("b.yaml", SECOND)])
    parser.override({"a::y::1": 9, "+a::y": [4]})
    return parser


@pytest.mark.parametrize(
    ("id", "place", "key", "overrode"),
    [
        ("a", "a.yaml:1:4", "a.yaml:1:1", []),
        ("a::x", "b.yaml:1:7", "b.yaml:1:1", ["a.yaml:1:8"]),
        ("a::y", "a.yaml:1:14", "a.yaml:1:11", []),
        ("a::y::0", "a.yaml:1:15", "a.yaml:1:15", []),
        ("a::y::1", "command line", "command line", ["a.yaml:1:18"]),
        ("a::y::3", "command line", "command line", []),
        ("b", "a.yaml:3:3", "a.yaml:2:1", []),
        ("b::c", "b.yaml:3:6", "b.yaml:3:3", ["a.yaml:3:6"]),
        ("b::d", "a.yaml:5:5", "a.yaml:4:3", []),
        ("b::d::0", "a.yaml:6:7", "a.yaml:6:7", []),
        ("b::d::1", "a.yaml:7:7", "a.yaml:7:7", []),
        ("b::d::1::r", "b.yaml:7:13", "b.yaml:7:1", ["a.yaml:7:11"]),
        ("b::d::2", "b.yaml:4:8", "b.yaml:4:8", []),
        ("m", "a.yaml:3:3", "a.yaml:2:1", ["a.yaml:8:4"]),
        ("m::c", "b.yaml:3:6", "b.yaml:3:3", ["a.yaml:3:6"]),
        ("m::d::0", "a.yaml:6:7", "a.yaml:6:7", []),
        ("m::d::1::r", "b.yaml:7:13", "b.yaml:7:1", ["a.yaml:7:11"]),
        ("n", "other.yaml:2:3", "other.yaml:1:1", ["a.yaml:9:4"]),
        ("n::z", "other.yaml:2:6", "other.yaml:2:3", []),
        ("n::z::1", "other.yaml:3:4", "other.yaml:3:4", []),
        ("new", "b.yaml:5:16", "b.yaml:5:1", []),
        ("new::deep", "b.yaml:5:16", "b.yaml:5:1", []),
        ("new::deep::er", "b.yaml:5:16", "b.yaml:5:1", []),
        ("_meta_", "code", "code", []),
        ("", "code", "code", []),
    ],
)
def test_places_in_yaml(parser: ConfigParser, id: str, place: str, key: str, overrode: list[str]) -> None:
    parser.parse()
    assert_place(parser, id, place, key, overrode)


@pytest.mark.parametrize(
    ("id", "place", "key", "overrode"),
    [
        ("a", "a.json:1:7", "a.json:1:2", []),
        ("a::x", "b.json:1:10", "b.json:1:2", ["a.json:1:13"]),
        ("a::y::2", "a.json:1:28", "a.json:1:28", []),
        ("b", "a.json:2:7", "a.json:2:2", []),
        ("b::c", "b.json:3:9", "b.json:3:4", ["a.json:3:9"]),
        ("b::d", "a.json:4:9", "a.json:4:4", []),
        ("b::d::0", "a.json:5:10", "a.json:5:10", []),
        ("b::d::1::r", "b.json:7:16", "b.json:7:2", ["a.json:6:16"]),
        ("b::d::2", "b.json:4:11", "b.json:4:11", []),
        ("m::d::1::r", "b.json:7:16", "b.json:7:2", ["a.json:6:16"]),
        ("n::z::1", "other.json:3:4", "other.json:3:4", []),
        ("new::deep::er", "b.json:5:19", "b.json:5:2", []),
    ],
)
def test_places_in_json(write: Callable[..., Any], id: str, place: str, key: str, overrode: list[str]) -> None:
    write("other.json", OTHER_JSON)
    parser = ConfigParser()
    parser.read_config([write("a.json", FIRST_JSON), write("b.json", SECOND_JSON)])
    parser.parse()
    assert_place(parser, id, place, key, overrode)


def assert_place(parser: ConfigParser, id: str, place: str, key: str, overrode: list[str]) -> None:
    origin = parser.where(id)
    assert (str(origin.place), str(origin.key), [str(p) for p in origin.overrode]) == (place, key, overrode)


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (lambda p: p.set(3, "a::x"), {"a::x": ["code", "b.yaml:1:7", "a.yaml:1:8"], "a::y": ["a.yaml:1:14"]}),
        (lambda p: p.set({"x": 1, "z": 2}, "a"), {"a": ["code", "a.yaml:1:4"], "a::z": ["code"]}),
        (lambda p: p.set(3, "a::q::w"), {"a::q": ["code"], "a::q::w": ["code"], "a": ["a.yaml:1:4"]}),
        (lambda p: p.delete("b::d::0"), {"b::d::0::r": ["b.yaml:7:13", "a.yaml:7:11"], "b::d::1": ["b.yaml:4:8"]}),
        (lambda p: p.override({"~b::d::1": None}), {"b::d::0": ["a.yaml:6:7"], "b::d::1": ["b.yaml:4:8"]}),
        (lambda p: p.override({"~a::x": None, "a::x": 1}), {"a::x": ["command line", "b.yaml:1:7", "a.yaml:1:8"]}),
        (lambda p: p.override({"a": 1}, source="arguments"), {"a": ["arguments", "a.yaml:1:4"]}),
        (lambda p: p.read_meta("other.yaml"), {"_meta_::k::z::1": ["other.yaml:3:4"], "_meta_": ["other.yaml:1:1"]}),
        (lambda p: p.set("%b::d", "new"), {"new": ["a.yaml:5:5", "code", "b.yaml:5:16"], "new::0": ["a.yaml:6:7"]}),
    ],
    ids=[
        "set a value", "set a mapping", "set what was not there", "delete an item", "delete by an override",
        "delete and set", "named source", "metadata", "set a macro",
    ],
)  # fmt: skip
def test_places_after_a_change(parser: ConfigParser, change: Any, places: dict[str, list[str]]) -> None:
    parser.parse()
    change(parser)
    parser.parse(reset=False)
    for id, expected in places.items():
        origin = parser.where(id)
        assert [str(origin.place), *map(str, origin.overrode)] == expected, id


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_places_survive_a_copy(parser: ConfigParser, twin: Any) -> None:
    parser.parse()
    other = twin(parser)
    for id in ("a::x", "b::d::1::r", "n::z::1", "a::y::1"):
        assert other.where(id) == parser.where(id)


def test_a_file_that_extends_another_says_which_of_them_it_was(write: Callable[..., Any]) -> None:
    write("base.yaml", "a: 1\nb: {c: 2}\n")
    parser = ConfigParser()
    parser.read_config(write("config.yaml", "_extends_: base.yaml\nb::c: 3\n"))
    assert_place(parser, "a", "base.yaml:1:4", "base.yaml:1:1", [])
    assert_place(parser, "b::c", "config.yaml:2:7", "config.yaml:2:1", ["base.yaml:2:8"])


def test_a_place_shows_its_line(parser: ConfigParser) -> None:
    assert parser.where("b::c").place.excerpt() == "   |\n 3 |   c: 2\n   |      ^"


def test_an_alias_of_yaml_is_where_it_stands(write: Callable[..., Any]) -> None:
    parser = ConfigParser()
    parser.read_config(write("config.yaml", "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2\n"))
    for id, place in (("a::b", "1:11"), ("c", "2:4"), ("c::b", "2:4"), ("d::e", "5:6"), ("d::b", "4:3")):
        assert str(parser.where(id).place) == f"config.yaml:{place}", id
