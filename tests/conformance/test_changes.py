"""A config that is changed between questions, through each way there is to change it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_engine import ConfigParser

from .oracle import Refused, assert_same, monai_parser, monai_says, silence, we_say
from .strategies import NAMES, SCALARS, configs, ids
from .test_one_document import one_separator, plain_copy

WAYS: dict[str, Callable[[Any, str, Any], None]] = {
    "set": lambda parser, id, value: parser.set(value, id),
    "set in what is there": lambda parser, id, value: parser.set(value, id, recursive=False),
    "item": lambda parser, id, value: parser.__setitem__(id, value),
    "update": lambda parser, id, value: parser.update({id: value}),
}


def same_outcome(ours: ConfigParser, theirs: Any, question: Callable[[Any], Any], what: str) -> bool:
    """Ask both; tell whether MONAI's parser answered."""
    __tracebackhide__ = True
    try:
        expected = monai_says(question, theirs)
    except Refused:
        return False
    assert_same(we_say(question, ours), expected, what)
    return True


@given(
    config=configs(odd_keys=False, macros=False),
    changes=st.lists(
        st.tuples(
            st.sampled_from(sorted(WAYS)),
            st.integers(0, 1000),
            st.sampled_from(["there", "inside", "new"]),
            st.sampled_from(NAMES),
            st.one_of(
                SCALARS,
                configs(odd_keys=False, macros=False),
                st.sampled_from(["@a", "@::b", "$@net", "$[@a, 1]", "@b::0"]),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 1000),
)
def test_values_after_a_change_are_the_same(config: Any, changes: list[Any], seed: int) -> None:
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
    shuffle = random.Random(seed)
    for way, index, where, name, value in changes:
        every = list(ids(theirs.get()))
        for id in shuffle.sample(["", *every], min(3, len(every) + 1)):
            if not same_outcome(ours, theirs, lambda parser: parser.get_parsed_content(id), id):  # noqa: B023
                return
        chosen = every[index % len(every)]
        if chosen.endswith("_target_"):
            continue  # MONAI's parser calls the empty text the module builtins
        id = {"there": chosen, "inside": f"{chosen}::{name}", "new": f"{name}::{name}"}[where]
        id = id.replace("::", "#") if index % 3 == 0 else id
        try:
            with silence():
                WAYS[way](theirs, id, plain_copy(value))
        except Exception:
            return  # MONAI's may have changed halfway
        WAYS[way](ours, id, value)
        assert_same(ours.get(id), theirs.get(id), id)
    every = ["", *ids(theirs.get())]
    shuffle.shuffle(every)
    for id in every:
        if not same_outcome(ours, theirs, lambda parser: parser.get_parsed_content(id), id):  # noqa: B023
            return


@given(config=configs(), instantiate=st.booleans(), evaluate=st.booleans(), lazy=st.booleans())
def test_unresolved_values_are_of_the_same_kind(config: Any, instantiate: bool, evaluate: bool, lazy: bool) -> None:
    options = {"instantiate": instantiate, "eval_expr": evaluate, "lazy": lazy}
    for id in ["", *ids(config)]:
        try:
            expected = monai_says(lambda p: p.get_parsed_content(id, **options), monai_parser(plain_copy(config)))  # noqa: B023
        except Refused:
            continue
        with silence():  # an expression that is not evaluated is no target that can be called: both say so
            value = ConfigParser(config).get_parsed_content(id, **options)
        if evaluate and instantiate:
            assert_same(value, expected, id)
        else:
            assert kinds(value) == kinds(expected), id


def kinds(value: Any) -> Any:
    """Describe a value by its classes; inside of expressions MONAI's parser writes names of its own."""
    name = {"_LazyRaise": "FailedImport"}.get(type(value).__name__, type(value).__name__)
    if name == "ConfigComponent":
        return name, kinds(value.get_config())
    if isinstance(value, dict):
        return name, {key: kinds(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return name, [kinds(item) for item in value]
    return name


@pytest.mark.parametrize("way", sorted(WAYS))
@given(config=configs(odd_keys=False), key=st.sampled_from([*NAMES, "a::b", "a#0", "new::deep::er", "a::-1", ""]))
def test_a_change_writes_the_same_text(way: str, config: Any, key: str) -> None:
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
    try:
        with silence():
            WAYS[way](theirs, key, {"x": ["$1"]})
    except Exception:
        return
    WAYS[way](ours, key, {"x": ["$1"]})
    assert_same(ours.get(), theirs.get())


@given(
    config=configs(odd_keys=False),
    overrides=st.lists(
        st.tuples(st.integers(0, 1000), st.one_of(SCALARS, configs(odd_keys=False, macros=False)), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    asked=st.booleans(),
)
def test_overrides_give_the_same_as_updates(config: Any, overrides: list[Any], asked: bool) -> None:
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
    every = [id for id in ids(config) if not id.endswith("_target_")]
    if asked and not same_outcome(ours, theirs, lambda parser: parser.get_parsed_content(), "before"):
        return
    for index, value, old in overrides:
        id = every[index % len(every)]
        id = id.replace("::", "#") if old else id
        try:
            with silence():
                theirs.update({id: plain_copy(value)})
        except Exception:
            return  # an override before it took the place away
        ours.override({id: value})
    assert_same(one_separator(ours.get()), one_separator(theirs.get()))
    for id in ("", *every):
        if not same_outcome(ours, theirs, lambda parser: parser.get_parsed_content(id), id):  # noqa: B023
            return
