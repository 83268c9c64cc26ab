"""YAML that people like to read, and that reads back as the same data."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle_engine.config import Id, yaml_reader
from bundle_engine.inspection.layout import lines, one_line, with_comments


def text_of(value: Any) -> str:
    return with_comments(lines(value), {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"a": 1, "b": "text"}, "a: 1\nb: text", id="scalars"),
        pytest.param({"b": 1, "a": 2}, "b: 1\na: 2", id="order-is-kept"),
        pytest.param({"a": "@x", "b": "%y", "c": "$x + 1"}, "a: '@x'\nb: '%y'\nc: $x + 1", id="sigils"),
        pytest.param({"a": "$f(x) if y: z"}, "a: '$f(x) if y: z'", id="colon"),
        pytest.param({"a": "$x #1"}, "a: '$x #1'", id="comment"),
        pytest.param({"a": "1e-4", "b": 1e-4, "c": 1e-5}, "a: '1e-4'\nb: 0.0001\nc: 1.0e-05", id="numbers"),
        pytest.param({"a": "0o17", "b": "1_000", "c": "12:30:00"}, "a: '0o17'\nb: '1_000'\nc: '12:30:00'", id="like"),
        pytest.param({"a": "yes", "b": "null", "c": "", "y": "y"}, "a: 'yes'\nb: 'null'\nc: ''\ny: y", id="words"),
        pytest.param({"a": None, "b": True, "c": math.inf}, "a: null\nb: true\nc: .inf", id="constants"),
        pytest.param({"a": "it's", "b": "'q'"}, "a: it's\nb: '''q'''", id="quotes"),
        pytest.param({"a": "???", "b": "- x", "c": "-x"}, "a: ???\nb: '- x'\nc: -x", id="indicators"),
        pytest.param({"a": [1, 2, 3], "b": []}, "a: [1, 2, 3]\nb: []", id="list-of-scalars"),
        pytest.param({"a": ["x, y", "a:b"]}, "a: ['x, y', 'a:b']", id="flow-quotes"),
        pytest.param({"a": [[1, 2], [3, 4]]}, "a: [[1, 2], [3, 4]]", id="matrix"),
        pytest.param({"run": ["$@t.run()"]}, "run:\n  - $@t.run()", id="expressions-have-lines"),
        pytest.param({"a": [{"x": 1, "y": [2]}, {}]}, "a:\n  - x: 1\n    y: [2]\n  - {}", id="list-of-mappings"),
        pytest.param({"a": [[{"b": 1}]]}, "a:\n  - - b: 1", id="list-of-lists"),
        pytest.param({"a": {"b": {}}, "c": 1}, "a:\n  b: {}\nc: 1", id="nested"),
        pytest.param({"a": "x\ny\n"}, "a: |\n  x\n  y", id="several-lines"),
        pytest.param({"a": "x\n\n  y"}, "a: |-\n  x\n\n    y", id="several-lines-without-end"),
        pytest.param({"a": "x\n\n"}, 'a: "x\\n\\n"', id="blank-end"),
        pytest.param({"a": " x\ny"}, 'a: " x\\ny"', id="blank-begin"),
        pytest.param({"a": "tab\there"}, 'a: "tab\\there"', id="tab"),
        pytest.param({"a": "\u00a0\u2028\x85"}, 'a: "\\xa0\\u2028\\x85"', id="invisible"),
        pytest.param({3: {True: "a", None: "b"}}, "3:\n  true: a\n  null: b", id="keys"),
        pytest.param({"a: b": 1, "c,": 2}, "'a: b': 1\n'c,': 2", id="keys-in-quotes"),
        pytest.param({"d": datetime.date(2020, 1, 2)}, "d: 2020-01-02", id="date"),
        pytest.param({"s": {"b", "a"}}, "s: !!set {a: null, b: null}", id="set"),
        pytest.param({"b": b"\x00\x01"}, 'b: !!binary "AAE="', id="bytes"),
        pytest.param("text", "text", id="root-text"),
        pytest.param([1, 2], "[1, 2]", id="root-list"),
        pytest.param({}, "{}", id="root-empty"),
        pytest.param([{"a": 1}, "$x"], "- a: 1\n- $x", id="root-block"),
    ],
)
def test_layout(value: Any, expected: str) -> None:
    assert text_of(value) == f"{expected}\n"
    assert yaml_reader.read(f"{expected}\n").value == value


def test_a_long_list_goes_on_in_the_next_line() -> None:
    value = {"a": {"ids": list(range(100, 160))}}
    text = text_of(value)
    assert text.count("\n") == 5
    assert max(map(len, text.split("\n"))) <= 100
    assert yaml.safe_load(text) == value


def test_comments_stand_behind_the_lines_of_their_values() -> None:
    value = {"a": {"ids": list(range(100, 130)), "text": "x\ny\n"}, "b": ["$x"]}
    ids = [Id.parse(id) for id in ("a", "a::ids", "a::text", "b::0")]
    text = with_comments(lines(value), {id: f"about {id}" for id in ids})
    shown = [line.partition("  # ")[2] for line in text.split("\n") if "  # " in line]
    assert shown == ["about a", "about a::ids", "about a::text", "about b::0"]
    assert yaml.safe_load(text) == value
    assert yaml_reader.read(text).value == value


def test_a_comment_stays_on_its_line() -> None:
    assert with_comments(lines({"a": 1}), {Id(("a",)): "x\nb: 2"}).count("\n") == 1


_TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="@$%'\"#:,[]{}-? \n|>&*!~=+1e.0\\\t<yn", max_size=8),
    st.sampled_from(["---", "...", "<<", "=", "1e5", "0x1f", "1:30", "~", "NaN", "2020-01-01", "%a", "\ufeff"]),
)
_SCALARS = st.one_of(_TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
_DATA = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_TEXTS, _DATA, min_size=1, max_size=5))
def test_what_is_written_reads_back(value: dict[str, Any]) -> None:
    text = text_of(value)
    assert yaml_reader.read(text).value == value
    commented = with_comments(lines(value), {line.id: "here" for line in lines(value) if line.id is not None})
    assert yaml_reader.read(commented).value == value
    assert list(yaml_reader.read(text).value) == list(value)


def test_depth_is_no_limit() -> None:
    value: Any = 1
    for _ in range(2000):
        value = {"a": [value, {}]}
    assert yaml_reader.read(text_of(value)).value.keys() == {"a"}
    assert one_line(value).endswith("…")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"a": [1, {"b": "@c"}], "d": {}}, "{a: [1, {b: '@c'}], d: {}}", id="nested"),
        pytest.param("$x + 1", "$x + 1", id="text"),
        pytest.param("a\nb", '"a\\nb"', id="lines"),
        pytest.param(list(range(100)), "[0, 1, 2, 3, 4…", id="cut"),
        pytest.param("x" * 30, "x" * 14 + "…", id="cut-text"),
        pytest.param(None, "null", id="null"),
    ],
)
def test_one_line(value: Any, expected: str) -> None:
    assert one_line(value, 15 if "…" in expected else 80) == expected
