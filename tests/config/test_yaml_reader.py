"""Reading YAML: section 1 of the language."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
import yaml

from bundle_engine.config import yaml_reader
from bundle_engine.config.ids import Id
from bundle_engine.config.yaml_reader import YamlError

TEXTS = {
    "a mapping": "a: 1\nb: [x, 2.5, true, null, ~]\nc: {d: e}\n",
    "block style": "a:\n- 1\n-\n  - 2\n- b: 3\n  c: 4\n",
    "texts": "a: 'it''s'\nb: \"x\\ty\"\nc: |\n  one\n  two\nd: >-\n  one\n  two\n",
    "words for truth": "[yes, no, on, off, Yes, TRUE, y, n]",
    "numbers": "[0, -1, 0x10, 0o10, 010, 1_000, 1:30, .5, 5., -.inf, 1.5e+3]",
    "quoted numbers": "['1', \"2\", !!str 3]",
    "dates": "[2020-01-02, 2020-01-02 03:04:05]",
    "keys that are no text": "{1: a, true: b, null: c, 1.5: d}",
    "tags of plain data": "[!!int '3', !!float '4', !!str 5, !!bool 'yes', !!null '', !!binary aGk=]",
    "a set": "!!set {a, b}",
    "an ordered mapping": "!!omap [a: 1, b: 2]",
    "anchors": "a: &x [1, &y {b: 2}]\nc: *x\nd: *y\n",
    "a merge key": "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
    "several merge keys": "a: &x {b: 1, c: 2}\ne: &y {b: 5, f: 6}\nd:\n  <<: [*x, *y]\n",
    "a comment, and marks of a document": "# hello\n---\na: 1 # there\n...\n",
    "not ASCII": "Größe: 日本\n",
    "an empty value": "a:\nb: ''\n",
    "the sigils": "a: $x\nb: '@a'\nc: '%a'\nd: ???\n",
    "a folded flow": "a: [1,\n  2,\n]\n",
    "a question mark": "? a\n: 1\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_values_are_those_of_the_safe_loader(text: str) -> None:
    expected = yaml.safe_load(text)
    for reading in (yaml_reader.read(text), yaml_reader.read(text, spots=True)):
        assert repr(reading.value) == repr(expected)
        assert not reading.empty


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-1.5e3", -1500.0),
        ("+2e2", 200.0),
        (".5e1", 5.0),
        ("1e-4x", "1e-4x"),
        ("e1", "e1"),
    ],
)
def test_floats_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    found = yaml_reader.read(f"a: {text}").value["a"]
    assert found == value
    assert type(found) is type(value)
    assert yaml_reader.read(f"a: '{text}'").value["a"] == text


def test_values_that_only_look_like_dates_are_texts() -> None:
    assert yaml_reader.read("[2020-13-45, 2020-02-29]").value == ["2020-13-45", datetime.date(2020, 2, 29)]
    assert math.isnan(yaml_reader.read(".nan").value)


def test_an_anchor_may_be_given_again() -> None:
    assert yaml_reader.read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n").value == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_each_place_has_a_value_of_its_own() -> None:
    value = yaml_reader.read("a: &x {b: [1]}\nc: *x\nd:\n  <<: *x\n").value
    value["c"]["b"].append(2)
    value["d"]["b"].append(3)
    assert value == {"a": {"b": [1]}, "c": {"b": [1, 2]}, "d": {"b": [1, 3]}}


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n# comments\n"], ids=["empty", "blank", "comments"])
def test_a_text_without_a_document_is_empty(text: str) -> None:
    reading = yaml_reader.read(text)
    assert reading.empty
    assert reading.value is None


def test_the_place_of_every_value_is_known() -> None:
    text = "a:\n  b: [10, 'x']\n  ? c\n  : |\n    long\nd: &z e\nf: *z\n7: g\n"
    spots = yaml_reader.read(text, spots=True).spots
    found = {str(id): (tuple(key), tuple(value)) for id, (key, value) in spots.items()}
    assert found == {
        "": ((1, 1, 1), (1, 1, 1)),
        "a": ((1, 1, 1), (2, 3, 1)),
        "a::b": ((2, 3, 1), (2, 6, 1)),
        "a::b::0": ((2, 7, 2), (2, 7, 2)),
        "a::b::1": ((2, 11, 3), (2, 11, 3)),
        "a::c": ((3, 5, 1), (4, 5, 1)),
        "d": ((6, 1, 1), (6, 4, 4)),
        "f": ((7, 1, 1), (7, 4, 2)),
        "7": ((8, 1, 1), (8, 4, 1)),
    }


def test_places_are_not_noted_when_nobody_asks() -> None:
    assert yaml_reader.read("a: {b: 1}").spots == {}


def test_a_key_written_twice_is_found() -> None:
    text = "a: 1\nb:\n  - c: 2\n    c: 3\na: 4\n"
    reading = yaml_reader.read(text, spots=True)
    assert reading.value == {"a": 4, "b": [{"c": 3}]}
    found = [(str(each.id), each.first.line, each.again.line) for each in reading.duplicates]
    assert found == [("b::0::c", 3, 4), ("a", 1, 5)]
    assert yaml_reader.read(text).duplicates  # and without places, too


def test_a_merge_key_may_stand_twice_and_a_key_may_replace_a_merged_one() -> None:
    reading = yaml_reader.read("a: &x {b: 1}\nc: &y {d: 2}\ne:\n  <<: *x\n  <<: *y\n  b: 3\n")
    assert reading.value["e"] == {"b": 3, "d": 2}
    assert reading.duplicates == []


BROKEN = {
    "an unknown alias": ("a: *x", 1, 4, "names no anchor before it"),
    "an alias before its anchor": ("a: *x\nb: &x 1", 1, 4, "names no anchor before it"),
    "an alias of what it stands in": ("a: &x\n  b: *x", 2, 6, "stands inside the value"),
    "a list as a key": ("? [a]\n: b", 1, 3, "cannot be a key"),
    "a mapping as a key": ("a: 1\n{b: c}: d", 2, 1, "cannot be a key"),
    "code": ("a: !!python/object/apply:os.getcwd []", 1, 4, "is not plain data"),
    "a name": ("a: !!python/name:os.getcwd", 1, 4, "is not plain data"),
    "an unknown tag": ("a: 1\nb: !mine {c: 1}", 2, 4, "is not plain data"),
    "a tag that does not fit": ("a: !!int many", 1, 4, "is no !!int"),
    "a second document": ("a: 1\n---\nb: 2", 2, 1, "a second document"),
    "a merge key with a scalar": ("a:\n  <<: 1", 2, 7, "takes a mapping"),
    "an open list": ("a: [1", 1, 4, "this '[' is never closed"),
    "a NUL": ("a: \0", 1, 4, "U+0000 is not allowed"),
}


@pytest.mark.parametrize(("text", "line", "column", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_plain_document_is_refused(text: str, line: int, column: int, message: str) -> None:
    for spots in (False, True):
        with pytest.raises(YamlError) as caught:
            yaml_reader.read(text, spots=spots)
        fault = caught.value.fault
        assert (fault.line, fault.column) == (line, column)
        assert message in fault.message


# --- aliases may not expand without bound: the budget is on the ratio of expanded to written values ---


def _laughs(levels: int, each: str) -> str:
    return "a0: &a0 [lol, lol]\n" + "".join(
        f"a{i}: &a{i} {each.replace('X', f'*a{i - 1}')}\n" for i in range(1, levels)
    )


@pytest.mark.parametrize(
    "each",
    ["[X, X, X, X, X, X, X, X, X, X]", "{b: X, c: X, d: X, e: X}", "{<<: {b: X}, c: X, d: X}"],
    ids=["lists", "mappings", "merge keys"],
)
def test_a_billion_laughs_are_refused_at_once(each: str) -> None:
    with pytest.raises(YamlError, match=r"aliases expand the \d+ values written so far to more than 1\d\d,\d\d\d"):
        yaml_reader.read(_laughs(40, each))


def test_a_large_honest_file_with_many_aliases_is_read() -> None:
    text = "base: &base {a: 1, b: [1, 2, 3], c: {d: x}}\n" + "".join(
        f"k{i}: {{<<: *base, e: *base}}\n" for i in range(20_000)
    )
    value = yaml_reader.read(text).value
    assert len(value) == 20_001
    assert value["k19999"] == {"a": 1, "b": [1, 2, 3], "c": {"d": "x"}, "e": value["base"]}


def test_a_few_aliases_of_something_large_are_read() -> None:
    text = f"base: &base [{', '.join(map(str, range(20_000)))}]\n" + "".join(f"k{i}: *base\n" for i in range(20))
    assert sum(map(len, yaml_reader.read(text).value.values())) == 21 * 20_000


@pytest.mark.parametrize("depth", [980, 4_000])
def test_deep_nesting_is_read(depth: int) -> None:
    value = yaml_reader.read("{a: " * depth + "1" + "}" * depth).value
    for _ in range(depth):
        value = value["a"]
    assert value == 1


@pytest.mark.parametrize("text", ["{a: " * 100_000, "[" * 100_000, "- " * 100_000], ids=["mappings", "lists", "blocks"])
def test_nesting_without_bounds_is_refused(text: str) -> None:
    with pytest.raises(YamlError, match="nested more than 5,000 levels deep"):
        yaml_reader.read(text)


def test_ids_of_a_key_that_is_a_mapping_do_not_disturb_places() -> None:
    spots = yaml_reader.read("a: 1\n? b\n: {c: 2}\n", spots=True).spots
    assert spots[Id.parse("b::c")][1] == (3, 7, 1)
