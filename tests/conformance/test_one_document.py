"""One config, given by code: its text, and the value of every id, asked for in several orders."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bundle_engine import ConfigParser

from .oracle import Refused, assert_same, monai_parser, monai_says, we_say
from .strategies import configs, ids


def compare_ids(config: Any, wanted: list[str]) -> int:
    """Ask for ids one after the other; both parsers begin anew where MONAI's raises."""
    compared = 0
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
    for id in wanted:
        try:
            expected = monai_says(lambda parser: parser.get_parsed_content(id), theirs)  # noqa: B023  used at once
        except Refused:
            ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
            continue
        assert_same(we_say(lambda parser: parser.get_parsed_content(id), ours), expected, id)  # noqa: B023
        compared += 1
    return compared


def plain_copy(value: Any) -> Any:
    """Copy mappings and lists, since MONAI's parser changes what it is given."""
    if isinstance(value, dict):
        return {key: plain_copy(item) for key, item in value.items()}
    return [plain_copy(item) for item in value] if isinstance(value, list) else value


def one_separator(value: Any) -> Any:
    """Write the present separator in all texts; a macro may copy a text before MONAI's parser has done so."""
    if isinstance(value, dict):
        return {key: one_separator(item) for key, item in value.items()}
    if isinstance(value, list):
        return [one_separator(item) for item in value]
    return value.replace("#", "::") if isinstance(value, str) else value


@given(config=configs(string_root=False), seed=st.integers(0, 1000))
def test_every_id_resolves_to_the_same_value_in_any_order(config: Any, seed: int) -> None:
    every = ["", *ids(config)]
    random.Random(seed).shuffle(every)
    compare_ids(config, every)


@given(config=configs(string_root=False))
def test_the_root_resolves_to_the_same_value(config: Any) -> None:
    compare_ids(config, [""])


@given(config=configs(string_root=False), parsed=st.booleans())
def test_the_text_at_every_id_is_the_same(config: Any, parsed: bool) -> None:
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
    if parsed:
        try:
            monai_says(lambda parser: parser.parse(), theirs)
        except Refused:
            return
        ours.parse()
    assert_same(one_separator(ours.get()), one_separator(theirs.get()))
    for id in [*ids(config), "nothing", "a::nothing", "a::0", "a::-1", "b::x1"]:
        missing = object()
        expected = theirs.get(id, missing)
        if expected is not missing:  # beyond MONAI's, keys that are no strings can be addressed
            assert_same(one_separator(ours.get(id)), one_separator(expected), id)
            assert id in ours
