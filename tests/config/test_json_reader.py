"""Reading JSON: section 1 of the language."""

from __future__ import annotations

import json
import math

import pytest

from bundle_engine.config import json_reader
from bundle_engine.config.ids import Id
from bundle_engine.config.json_reader import JsonDepthError, JsonSyntaxError

TEXTS = {
    "an empty mapping": "{}",
    "an empty list": "[]",
    "nested": '{"a": {"b": [1, {"c": null}, []]}, "d": {}}',
    "literals": "[true, false, null, -1, 2.5e-3, 1E4, 0]",
    "escapes": '{"a\\n\\u00e9\\"": "\\\\ \\t \\ud83d\\ude00"}',
    "not ASCII": '{"Größe": "日本"}',
    "white space": ' \n\t{ "a" :\r\n [ 1 ,\n 2 ] } \n',
    "a text": '"hello"',
    "a number": "3",
    "brackets in texts": '{"a": "}],{", "b": "[\\""}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_both_ways_of_reading_agree_with_the_standard_library(text: str) -> None:
    expected = json.loads(text)
    assert json_reader.read(text) == (expected, False)
    assert json_reader.scan(text)[0] == expected


def test_numbers_that_json_does_not_have_are_read_as_python_writes_them() -> None:
    for value in (json_reader.read("[NaN, Infinity, -Infinity]")[0], json_reader.scan("[NaN, Infinity, -Infinity]")[0]):
        assert math.isnan(value[0])
        assert value[1:] == [math.inf, -math.inf]


BROKEN = {
    "nothing": ("", 0),
    "a bracket": ("{", 1),
    "a comma too many": ('{"a": 1,}', 8),
    "a comma too many in a list": ("[1,]", 3),
    "no comma": ('{"a": 1 "b": 2}', 8),
    "no comma in a list": ("[1 2]", 3),
    "no colon": ('{"a" 1}', 5),
    "no value": ('{"a": }', 6),
    "no key": ("{1: 2}", 1),
    "the wrong bracket": ('{"a": [1}', 8),
    "text behind the end": ('{"a": 1} x', 9),
    "a word": ("[tru]", 1),
    "an open text": ('{"a": "b', 6),
    "two values": ("{} {}", 3),
}


@pytest.mark.parametrize(("text", "offset"), BROKEN.values(), ids=BROKEN.keys())
def test_both_ways_of_reading_refuse_the_same_at_the_same_place(text: str, offset: int) -> None:
    with pytest.raises(JsonSyntaxError) as quick:
        json_reader.read(text)
    with pytest.raises(JsonSyntaxError) as thorough:
        json_reader.scan(text)
    assert quick.value.offset == offset
    assert thorough.value.offset == offset


def test_the_place_of_every_value_is_known() -> None:
    text = '{"a": {"b": [10, "x"]}, "c": null}'
    _, spots, _ = json_reader.scan(text)

    def shown(id: str) -> tuple[str, str]:
        key, value = spots[Id.parse(id)]
        return text[key.start : key.end], text[value.start : value.end]

    assert shown("") == (text, text)
    assert shown("a") == ('"a"', '{"b": [10, "x"]}')
    assert shown("a::b") == ('"b"', '[10, "x"]')
    assert shown("a::b::0") == ("10", "10")
    assert shown("a::b::1") == ('"x"', '"x"')
    assert shown("c") == ('"c"', "null")


def test_a_key_written_twice_is_found() -> None:
    text = '{"x": [{"a": 1, "b": 2, "a": 3}], "x": 4}'
    value, doubled = json_reader.read(text)
    assert value == {"x": 4}
    assert doubled
    scanned, _, duplicates = json_reader.scan(text)
    assert scanned == {"x": 4}
    assert [str(each.id) for each in duplicates] == ["x::0::a", "x"]
    assert [(each.first.start, each.again.start) for each in duplicates] == [(8, 24), (1, 34)]


def test_the_same_key_in_two_mappings_is_no_duplicate() -> None:
    assert json_reader.read('[{"a": 1}, {"a": 2}]') == ([{"a": 1}, {"a": 2}], False)


@pytest.mark.parametrize("depth", [980, 4_000])
def test_deep_nesting_is_read(depth: int) -> None:
    value, _ = json_reader.read('{"a":' * depth + "1" + "}" * depth)
    for _ in range(depth):
        value = value["a"]
    assert value == 1


@pytest.mark.parametrize("text", ['{"a":' * 100_000 + "1" + "}" * 100_000, "[" * 100_000], ids=["closed", "open"])
def test_nesting_without_bounds_is_refused(text: str) -> None:
    with pytest.raises(JsonDepthError, match="nested more than 5,000 levels deep"):
        json_reader.read(text)


def test_options_of_the_standard_library_reach_it() -> None:
    assert json_reader.read_with('{"a": 1.5}', {"parse_float": str}) == {"a": "1.5"}
    with pytest.raises(JsonSyntaxError) as caught:
        json_reader.read_with('{"a": 1.5', {"parse_float": str})
    assert caught.value.offset == 9
    with pytest.raises(JsonDepthError):
        json_reader.read_with("[" * 100_000, {"parse_float": str})
