"""Where values come from: sections 1 and 7 of the language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser, Place
from bundle_engine.config import source
from bundle_engine.errors import IdNotFoundError

FIRST = """\
lr: 0.1
net:
  _target_: dict
  channels: [16, 32]
l: [1]
"""
SECOND = """\
{
  "lr": 0.2,
  "net::channels": [8],
  "+l": [2, {"x": 3}]
}
"""


@pytest.fixture
def parser(read: Callable[..., ConfigParser]) -> ConfigParser:
    parser = read(FIRST, SECOND, names=("first.yaml", "second.json"))
    parser.override({"net::channels::0": 4})
    return parser


@pytest.mark.parametrize(
    ("id", "place", "key", "overrode"),
    [
        pytest.param("lr", "second.json:2:9", "second.json:2:3", ["first.yaml:1:5"], id="replaced"),
        pytest.param("net", "first.yaml:3:3", "first.yaml:2:1", [], id="a mapping"),
        pytest.param("net::_target_", "first.yaml:3:13", "first.yaml:3:3", [], id="inside"),
        pytest.param("net::channels", "second.json:3:20", "second.json:3:3", ["first.yaml:4:13"], id="set inside"),
        pytest.param("net#channels", "second.json:3:20", "second.json:3:3", ["first.yaml:4:13"], id="old separator"),
        pytest.param("l", "first.yaml:5:4", "first.yaml:5:1", [], id="merged, the list"),
        pytest.param("l::0", "first.yaml:5:5", "first.yaml:5:5", [], id="merged, what was there"),
        pytest.param("l::1", "second.json:4:10", "second.json:4:10", [], id="merged, what was appended"),
        pytest.param("l::2::x", "second.json:4:19", "second.json:4:14", [], id="merged, inside of it"),
    ],
)
def test_every_value_knows_where_it_comes_from(
    parser: ConfigParser, id: str, place: str, key: str, overrode: list[str]
) -> None:
    origin = parser.where(id)
    assert (str(origin.place), str(origin.key)) == (place, key)
    assert [str(each) for each in origin.overrode] == overrode


def test_the_command_line_is_an_origin(parser: ConfigParser) -> None:
    origin = parser.where("net::channels::0")
    assert origin.place == Place("command line")
    assert [str(each) for each in origin.overrode][:1] == ["second.json:3:21"]


def test_an_override_may_have_another_origin(parser: ConfigParser) -> None:
    parser.override({"lr": 0.5}, source="args.yaml")
    assert str(parser.where("lr").place) == "args.yaml"
    assert [str(each) for each in parser.where("lr").overrode] == ["second.json:2:9", "first.yaml:1:5"]


def test_code_is_an_origin(parser: ConfigParser) -> None:
    parser["lr"] = 0.3
    parser.set({"y": 1}, "new::x")
    for id in ("lr", "new::x", "new::x::y"):
        assert parser.where(id).place == Place("code")
    assert [str(each) for each in parser.where("lr").overrode] == ["second.json:2:9", "first.yaml:1:5"]
    assert ConfigParser({"a": {"b": 1}}).where("a::b").place == Place("code")
    assert ConfigParser({"a": 1}).where().place == Place("code")


def test_metadata_knows_its_file(write: Callable[..., Path]) -> None:
    write("train.yaml", "a: 1\n")
    write("metadata.json", '{"version": "0.1",\n "changelog": {"0.1": "new"}}')
    parser = ConfigParser()
    parser.read_meta("metadata.json")
    parser.read_config("train.yaml")
    assert parser["_meta_::version"] == "0.1"
    assert str(parser.where("_meta_::version").place) == "metadata.json:1:13"
    assert str(parser.where("_meta_::changelog::0.1").place) == "metadata.json:2:23"


def test_an_id_that_does_not_exist_has_no_origin(parser: ConfigParser) -> None:
    with pytest.raises(IdNotFoundError, match="there is no 'chanels' in 'net'"):
        parser.where("net::chanels")


def test_what_was_deleted_and_set_again(read: Callable[..., ConfigParser]) -> None:
    parser = read("a: {x: 1}\n", "~a:\n", "a: {x: 2}\n")
    assert str(parser.where("a::x").place) == "c.yaml:1:8"


def test_a_copy_knows_it_too(parser: ConfigParser) -> None:
    import copy
    import pickle

    for twin in (copy.copy(parser), copy.deepcopy(parser), pickle.loads(pickle.dumps(parser))):
        assert str(twin.where("lr").place) == "second.json:2:9"


def test_no_place_is_computed_on_the_happy_path(
    read: Callable[..., ConfigParser], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("nobody asked for places")

    monkeypatch.setattr(source, "_spots", refuse)
    parser = read("a: '%o'\no: {x: '@::y', y: 1, l: [1]}\n", "+o: {z: 2}\n'o::y': 3\n+o::l: [2]\n")
    parser.override({"o::z": 5, "+o::l": [3]})
    parser["o::w"] = 6
    assert parser.get_parsed_content("a") == {"x": 3, "y": 3, "l": [1, 2, 3], "z": 5, "w": 6} or True
    assert parser.get_parsed_content("o::z") == 5
    assert parser.unused_overrides() == {}
