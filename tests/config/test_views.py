"""Attribute access: section 7 of the language."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import AttributeNotFoundError, FrozenError


@pytest.fixture
def parser() -> ConfigParser:
    return ConfigParser(
        {
            "train": {"lr": "$0.1 * 2", "items": [1, {"x": "@train::lr"}], "epochs": 3},
            "alias": "@train",
            "text": "x",
            "e": "$@train",
        }
    )


def test_attributes_go_down_the_config(parser: ConfigParser) -> None:
    assert parser.text == "x"
    assert parser.train.lr == 0.2
    assert parser.train.items[1].x == 0.2  # a key comes before a method of the container
    assert parser.train["items"][0] == 1
    assert parser.alias.epochs == parser.e.epochs == 3


def test_a_view_behaves_as_the_value_does(parser: ConfigParser) -> None:
    view = parser.train
    assert view == {"lr": 0.2, "items": [1, {"x": 0.2}], "epochs": 3}
    assert view == parser.alias
    assert view["items"] != view
    assert len(view) == 3
    assert list(view) == ["lr", "items", "epochs"]
    assert "lr" in view
    assert list(view.keys()) == list(view)
    assert {**view}["epochs"] == 3
    assert bool(view)
    assert repr(view) == repr(view._raw)
    assert isinstance(view._raw, dict)
    assert view._raw is parser.get_parsed_content("train")
    with pytest.raises(TypeError, match="unhashable"):
        hash(view)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda view: pickle.loads(pickle.dumps(view))])
def test_a_copy_of_a_view_is_a_copy_of_the_value(parser: ConfigParser, duplicate: Any) -> None:
    found = duplicate(parser.train)
    assert type(found) is dict
    assert found == parser.train


def test_writing_reaches_the_config(parser: ConfigParser) -> None:
    parser.train.epochs = 5
    assert parser["train::epochs"] == 5
    parser.train["new"] = "$@train::epochs + 1"
    assert parser.train.new == 6
    parser.alias.epochs = 7
    parser.e.lr = 1
    assert parser["train"]["epochs"] == 7
    assert parser.alias.lr == 1
    parser.train.items[0] = 9
    assert parser["train::items"][0] == 9


def test_deleting_reaches_the_config(parser: ConfigParser) -> None:
    parser["train::items"] = []
    del parser.train.epochs
    assert "train::epochs" not in parser
    del parser.alias["lr"]
    assert "train::lr" not in parser
    with pytest.raises(AttributeError):
        del parser.train.epochs


def test_what_is_not_there(parser: ConfigParser) -> None:
    with pytest.raises(AttributeNotFoundError, match="there is no 'trian'") as caught:
        _ = parser.trian
    assert caught.value.hint == "did you mean 'train'?"
    assert isinstance(caught.value, KeyError)
    with pytest.raises(AttributeError):
        _ = parser.train.nothing
    assert not hasattr(parser, "trian")
    assert not hasattr(parser.train, "nothing")
    assert hasattr(parser, "train")
    assert hasattr(parser.train, "lr")
    assert not hasattr(parser, "__wrapped__")
    assert getattr(parser, "nothing", 5) == 5
    with pytest.raises(AttributeError, match="can only be read"):
        parser.train._raw = {}


def test_a_frozen_config_stays_as_it_is(parser: ConfigParser) -> None:
    parser.freeze()
    with pytest.raises(FrozenError):
        parser.train.epochs = 5
    with pytest.raises(FrozenError):
        del parser.train["epochs"]
    assert parser.train.epochs == 3
