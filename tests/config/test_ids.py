"""Ids: section 2 of the language."""

from __future__ import annotations

import pytest

from bundle_engine.config import ids
from bundle_engine.config.ids import ROOT, Id, RelativeId


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param("", (), id="the root is empty"),
        pytest.param("lr", ("lr",), id="one key"),
        pytest.param("train::trainer::max_epochs", ("train", "trainer", "max_epochs"), id="keys"),
        pytest.param("train#trainer#max_epochs", ("train", "trainer", "max_epochs"), id="the old separator"),
        pytest.param("train#trainer::max_epochs", ("train", "trainer", "max_epochs"), id="both separators"),
        pytest.param("transforms::0", ("transforms", "0"), id="an item of a list"),
        pytest.param(3, ("3",), id="a number"),
        pytest.param(("a", 0, "b"), ("a", "0", "b"), id="keys that are known already"),
        pytest.param("a:b", ("a:b",), id="one colon separates nothing"),
    ],
)
def test_an_id_is_read(text: str, keys: tuple[str, ...]) -> None:
    assert Id.parse(text) == keys
    assert isinstance(Id.parse(text), Id)


def test_an_id_is_a_value() -> None:
    assert Id.parse("a#b") == Id.parse("a::b") == Id(("a", "b"))
    assert len({Id.parse("a#b"), Id.parse("a::b")}) == 1
    assert Id.parse(Id(("a", "b"))) == Id(("a", "b"))
    assert str(Id.parse("a#b#0")) == "a::b::0"
    assert repr(Id.parse("a#b")) == "Id('a::b')"
    assert str(ROOT) == ""


def test_ids_know_what_they_stand_in() -> None:
    id = Id.parse("a::b::0")
    assert id.parent == Id.parse("a::b")
    assert id.parent.child(0) == id
    assert Id.parse("a").child("b", 0) == id
    assert Id.parse("a").covers(id)
    assert id.covers(id)
    assert ROOT.covers(id)
    assert not id.covers(Id.parse("a"))
    assert not Id.parse("a::bb").covers(Id.parse("a::b"))
    assert Id.parse("a").suffix(id) == ("b", "0")


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        pytest.param("x", RelativeId(0, "x"), id="absolute"),
        pytest.param("::x", RelativeId(1, "x"), id="a sibling"),
        pytest.param("#x", RelativeId(1, "x"), id="a sibling, old separator"),
        pytest.param("::::x", RelativeId(2, "x"), id="the parent's sibling"),
        pytest.param("##x", RelativeId(2, "x"), id="the parent's sibling, old separator"),
        pytest.param("#::x", RelativeId(2, "x"), id="both separators"),
        pytest.param("::x::y", RelativeId(1, "x::y"), id="inside of a sibling"),
        pytest.param("", RelativeId(0, ""), id="nothing"),
    ],
)
def test_a_relative_id_is_read(text: str, relative: RelativeId) -> None:
    assert ids.read_relative(text) == relative


@pytest.mark.parametrize(
    ("text", "at", "absolute"),
    [
        pytest.param("x::y", "a::b", "x::y", id="absolute"),
        pytest.param("x#y", "a::b", "x::y", id="absolute, old separator"),
        pytest.param("::x", "a::b", "a::x", id="a sibling"),
        pytest.param("::x#y", "a::b", "a::x::y", id="inside of a sibling"),
        pytest.param("::::x", "a::b::c", "a::x", id="the parent's sibling"),
        pytest.param("##x", "a::b", "x", id="up to the root"),
        pytest.param("::x", "a", "x", id="a sibling at the root"),
        pytest.param("::0", "l::1", "l::0", id="another item of a list"),
        pytest.param("::::x", "a", None, id="above the root"),
        pytest.param("######x", "a::b", None, id="far above the root"),
    ],
)
def test_a_relative_id_is_read_where_it_stands(text: str, at: str, absolute: str | None) -> None:
    assert ids.read_relative(text).absolute(Id.parse(at)) == absolute


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("a::b", ("", "a::b"), id="no path"),
        pytest.param("other.yaml::a::b", ("other.yaml", "a::b"), id="path and id"),
        pytest.param("other.yaml#a", ("other.yaml", "a"), id="the old separator"),
        pytest.param("other.json", ("other.json", ""), id="path alone"),
        pytest.param("/data/my configs/o.yml::a", ("/data/my configs/o.yml", "a"), id="a path with a blank"),
        pytest.param("OTHER.JSON::a", ("OTHER.JSON", "a"), id="upper case"),
        pytest.param("a.json.b::c", ("", "a.json.b::c"), id="a suffix inside of a name"),
        pytest.param("x.yaml::y.json::z", ("x.yaml", "y.json::z"), id="the first path counts"),
    ],
)
def test_a_path_is_split_off(text: str, parts: tuple[str, str]) -> None:
    assert ids.split_path(text) == parts


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        pytest.param("a::b", ("", "a::b"), id="none"),
        pytest.param("+a::b", ("+", "a::b"), id="merge, before the id"),
        pytest.param("~a::b", ("~", "a::b"), id="delete, before the id"),
        pytest.param("a::+b", ("+", "a::b"), id="merge, before the last key"),
        pytest.param("a#~b", ("~", "a#b"), id="delete, before the last key"),
        pytest.param("+", ("+", ""), id="alone"),
        pytest.param("a+b", ("", "a+b"), id="inside of a word"),
    ],
)
def test_an_operator_is_split_off(key: str, parts: tuple[str, str]) -> None:
    assert ids.split_operator(key) == parts
