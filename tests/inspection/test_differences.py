"""What differs between two configs, and what does not count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle_engine import ConfigParser
from bundle_engine.errors import IdNotFoundError
from bundle_engine.inspection import Difference, compare
from bundle_engine.inspection.differences import render

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "bundles" / "hippocampus_segmentation" / "configs"


def differences(old: Any, new: Any, id: str = "") -> list[tuple[str, str, Any, Any]]:
    return [(d.kind, d.id, d.old, d.new) for d in compare(ConfigParser(old), ConfigParser(new), id)]


def component(name: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": name, **arguments}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}, id="order-of-mappings"),
        pytest.param({"a": "$x+1"}, {"a": "$ x  +  1 "}, id="blanks-of-expressions"),
        pytest.param({"a": "$f( @b::c,'x' )"}, {"a": '$f(@b::c, "x")'}, id="quotes-of-expressions"),
        pytest.param({"a": "$(@b)"}, {"a": "$@b"}, id="brackets-that-say-nothing"),
        pytest.param({"a": ["$x+1", {"b": "$y"}]}, {"a": ["$x + 1", {"b": "$ y"}]}, id="in-lists"),
        pytest.param({"a": "@b#c", "b": {"c": 1}}, {"a": "@b::c", "b": {"c": 1}}, id="old-separator"),
        pytest.param({"a": {"b": "@::c", "c": 1}}, {"a": {"b": "@a::c", "c": 1}}, id="relative-ids"),
        pytest.param({"a": "%b", "b": [1]}, {"a": [1], "b": [1]}, id="macros"),
        pytest.param({"a": float("nan")}, {"a": float("nan")}, id="nan"),
        pytest.param({"_meta_": {"x": 1}, "a": 1}, {"a": 1}, id="metadata"),
        pytest.param({"a": "$import  os"}, {"a": "$import os"}, id="imports"),
    ],
)
def test_what_does_not_count(old: Any, new: Any) -> None:
    assert differences(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param({"a": 1}, {"a": 2}, [("changed", "a", 1, 2)], id="value"),
        pytest.param({"a": 1}, {"a": True}, [("changed", "a", 1, True)], id="type"),
        pytest.param({"a": 1}, {"a": 1.0}, [("changed", "a", 1, 1.0)], id="number-type"),
        pytest.param({"a": 1}, {"a": None}, [("changed", "a", 1, None)], id="null"),
        pytest.param({"a": {}}, {"a": []}, [("changed", "a", {}, [])], id="container"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, [("added", "a::c", None, 2)], id="added"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, [("removed", "a::c", 2, None)], id="removed"),
        pytest.param({"a": {"b": 1}}, {}, [("removed", "a", {"b": 1}, None)], id="removed-as-a-whole"),
        pytest.param({"a": None}, {}, [("removed", "a", None, None)], id="removed-null"),
        pytest.param({"a": "$@b+1"}, {"a": "$@c+1"}, [("changed", "a", "$@b+1", "$@c+1")], id="other-reference"),
        pytest.param({"a": "$'x y'"}, {"a": "$'x  y'"}, [("changed", "a", "$'x y'", "$'x  y'")], id="blanks-in-text"),
        pytest.param({"a": "$x +"}, {"a": "$x  +"}, [("changed", "a", "$x +", "$x  +")], id="broken-expression"),
        pytest.param({"a": "$@b ?? 1"}, {"a": "$@b ?? 2"}, [("changed", "a", "$@b ?? 1", "$@b ?? 2")], id="default"),
        pytest.param({"a": [1, 2]}, {"a": [1, 3]}, [("changed", "a", [1, 2], [1, 3])], id="item"),
        pytest.param({"a": [1, 2]}, {"a": [1, 2, 3]}, [("changed", "a", [1, 2], [1, 2, 3])], id="short-row"),
        pytest.param({"a": [1]}, {"a": []}, [("changed", "a", [1], [])], id="emptied"),
        pytest.param({"a": [{}, 1]}, {"a": [{}, 2]}, [("changed", "a::1", 1, 2)], id="item-among-mappings"),
        pytest.param(
            {"a": list(range(30))},
            {"a": [-1, *range(30)]},
            [("added", "a::0", None, -1)],
            id="long-row",
        ),
        pytest.param({1: "x"}, {1: "y"}, [("changed", "1", "x", "y")], id="number-as-key"),
    ],
)
def test_what_counts(old: Any, new: Any, expected: list[Any]) -> None:
    assert differences(old, new) == expected


A, B, C, D = (component(name, p=name) for name in "ABCD")
B2 = {**B, "p": 2}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([A, B, C], [A, D, B, C], [("added", "l::1", None, D)], id="put-in"),
        pytest.param([A, B, C], [A, C], [("removed", "l::1", B, None)], id="taken-out"),
        pytest.param([A, B], [D, A, B2], [("added", "l::0", None, D), ("changed", "l::2::p", "B", 2)], id="both"),
        pytest.param([A, B], [A, D], [("removed", "l::1", B, None), ("added", "l::1", None, D)], id="other-target"),
        pytest.param([A, B, C], [B, C, A], [("moved", "l::2", A, A)], id="moved"),
        pytest.param(["$x", "$y"], ["$y", "$x"], [("moved", "l::0", "$y", "$y")], id="moved-expression"),
        pytest.param([A, A], [A], [("removed", "l::1", A, None)], id="twice"),
        pytest.param([[1, 2], [3]], [[1, 2], [4]], [("changed", "l::1", [3], [4])], id="matrix"),
        pytest.param([{"x": 1}], [{"x": 2}], [("changed", "l::0::x", 1, 2)], id="mappings"),
        pytest.param([1, A], [A], [("removed", "l::0", 1, None)], id="mixed"),
    ],
)  # fmt: skip
def test_lists_are_aligned(old: list[Any], new: list[Any], expected: list[Any]) -> None:
    assert differences({"l": old}, {"l": new}) == expected


def test_a_move_names_both_places() -> None:
    (found,) = compare(ConfigParser({"l": [A, B, C]}), ConfigParser({"l": [B, C, A]}))
    assert (found.old_id, found.id) == ("l::0", "l::2")
    assert render([found]).startswith("> l::0 -> l::2: {_target_: A, p: A}")


def test_one_id() -> None:
    old, new = {"a": {"b": 1}, "c": 1}, {"a": {"b": 2}, "c": 2, "d": 1}
    assert differences(old, new, "a") == [("changed", "a::b", 1, 2)]
    assert differences(old, new, "d") == [("added", "d", None, 1)]
    assert differences({"_meta_": {"v": 1}}, {"_meta_": {"v": 2}}, "_meta_") == [("changed", "_meta_::v", 1, 2)]
    with pytest.raises(IdNotFoundError, match="there is no 'e'"):
        differences(old, new, "e")


def test_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1\ny: {z: 2}\ngone: 1\n")
    (tmp_path / "b.yaml").write_text("# a comment\ny:\n  z: 3\nx: 1\nnew: [1]\n")
    old, new = ConfigParser(), ConfigParser()
    old.read_config(tmp_path / "a.yaml")
    new.read_config(tmp_path / "b.yaml")
    new.override({"x": 5})
    found = compare(old, new)
    assert [(d.kind, d.id, str(d.old_place or ""), str(d.new_place or "")) for d in found] == [
        ("changed", "y::z", f"{tmp_path / 'a.yaml'}:2:8", f"{tmp_path / 'b.yaml'}:3:6"),
        ("removed", "gone", f"{tmp_path / 'a.yaml'}:3:7", ""),
        ("changed", "x", f"{tmp_path / 'a.yaml'}:1:4", "command line"),
        ("added", "new", "", f"{tmp_path / 'b.yaml'}:5:6"),
    ]


def test_a_bundle_and_what_many_gpus_change() -> None:
    old, new = ConfigParser(), ConfigParser()
    old.read_config(CONFIGS / "train.yaml")
    new.read_config([CONFIGS / "train.yaml", CONFIGS / "multi_gpu_train.yaml"])
    found = {d.id: d.kind for d in compare(old, new)}
    assert found["train::dataloader::sampler"] == "added"
    assert found["train::dataloader::shuffle"] == "changed"
    assert found["network"] == "changed"
    assert "optimizer" not in found
    assert compare(old, old) == []


def test_text_and_data() -> None:
    assert render([]) == "no difference"
    long = {"a": "$" + " + ".join(["x"] * 60)}
    found = compare(ConfigParser({**long, "b": 1}), ConfigParser({"a": "$" + "y" * 30, "c": [1]}))
    lines = render(found).split("\n")
    assert lines[0] == "~ a:"
    assert lines[2] == " -> $" + "y" * 30
    assert "- b: 1" in lines
    assert "+ c: [1]" in lines
    assert "\x1b[32m+ c: [1]\x1b[0m" in render(found, colour=True)
    rows = json.loads(json.dumps([each.as_dict() for each in found]))
    assert rows[-1] == {"kind": "added", "id": "c", "new": [1], "new_place": {"source": "code"}}
    assert [row["kind"] for row in rows] == ["changed", "removed", "added"]


def test_size_is_no_limit() -> None:
    deep_old: Any = 1
    deep_new: Any = 2
    for _ in range(3000):
        deep_old, deep_new = {"a": [deep_old]}, {"a": [deep_new]}
    (found,) = compare(ConfigParser(deep_old), ConfigParser(deep_new))
    assert (found.old, found.new) == ([1], [2])
    numbers = compare(ConfigParser({"a": list(range(3000))}), ConfigParser({"a": list(range(1, 3001))}))
    assert 2 <= len(numbers) <= 3000


_DATA = st.recursive(
    st.one_of(st.integers(-2, 2), st.booleans(), st.none(), st.sampled_from(["x", "$a", "$b", "text"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc_"), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), _DATA), st.dictionaries(st.sampled_from("abcd"), _DATA))
def test_two_configs_differ_where_they_do(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = compare(ConfigParser(old), ConfigParser(new))
    assert (found == []) == (_typed(old) == _typed(new))
    assert compare(ConfigParser(new), ConfigParser(new)) == []
    back = compare(ConfigParser(new), ConfigParser(old))
    assert bool(back) == bool(found)
    for each in found:
        assert isinstance(each, Difference)
        if each.kind != "removed":
            assert ConfigParser(new)[each.id] == each.new
        if each.kind != "added":
            assert ConfigParser(old)[each.old_id] == each.old


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    return [_typed(item) for item in value] if isinstance(value, list) else (type(value), value)
