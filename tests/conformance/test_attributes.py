"""Attribute access: ``parser.train.trainer`` and what stands behind it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bundle_engine import ConfigParser
from bundle_engine.errors import IndexNotFoundError

from .oracle import Refused, assert_same, monai_parser, monai_says, we_say
from .strategies import NAMES, Index, Path, configs
from .test_one_document import plain_copy

ROUTES = st.lists(st.booleans(), min_size=4, max_size=4)  # by attribute, or else by item


def paths(config: Any, path: Path = ()) -> list[Path]:
    """Give the paths to all values, with keys and indices as they are."""
    found = [path] if path else []
    if isinstance(config, dict):
        for key, item in config.items():
            found += paths(item, (*path, key))
    elif isinstance(config, list):
        for index, item in enumerate(config):
            found += paths(item, (*path, Index(index)))
    return found


def follow(parser: Any, path: Path, route: list[bool]) -> Any:
    """Go down by attributes and items; what is reached may still be a view."""
    value = getattr(parser, str(path[0]))
    for key, by_attribute in zip(path[1:], route, strict=False):
        if isinstance(key, str):
            value = getattr(value, key) if by_attribute else value[key]
        else:
            value = value[int(key)] if isinstance(key, Index) else value[key]
    return value


def bare(value: Any) -> Any:
    """Give what a view shows."""
    return value._raw if type(value).__name__ in ("ConfigView", "_ConfigProxy") else value


@given(config=configs(), route=ROUTES, data=st.data())
def test_attributes_and_items_lead_to_the_same_values(config: Any, route: list[bool], data: Any) -> None:
    path = data.draw(st.sampled_from(paths(config)))
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))
    try:
        expected = monai_says(lambda parser: follow(parser, path, route), theirs)
    except Refused:
        return
    value = we_say(lambda parser: follow(parser, path, route), ours)
    assert_same(bare(value), bare(expected), str(path))
    assert (type(value).__name__ == "ConfigView") is (type(expected).__name__ == "_ConfigProxy")
    if type(value).__name__ == "ConfigView":
        assert value == bare(value)
        assert (len(value), bool(value), repr(value)) == (len(expected), bool(expected), repr(bare(value)))
        assert_same(list(value), list(expected))
        if isinstance(bare(value), list) and bare(value):
            assert_same(bare(value[-1]), bare(expected[-1]))
            assert_same(value[::-1], expected[::-1])


@given(config=configs(macros=False), route=ROUTES, key=st.sampled_from([*NAMES, "x::y"]), data=st.data())
def test_writes_and_deletions_reach_the_config(config: Any, route: list[bool], key: str, data: Any) -> None:
    path = data.draw(st.sampled_from(paths(config)))
    delete = data.draw(st.booleans())
    ours, theirs = ConfigParser(config), monai_parser(plain_copy(config))

    def change(parser: Any) -> None:
        view = follow(parser, path, route)
        if type(view).__name__ not in ("ConfigView", "_ConfigProxy"):
            raise LookupError("nothing to change")
        if delete:
            del view[int(key) if isinstance(bare(view), list) else key]
        else:
            view[int(key) if isinstance(bare(view), list) else key] = {"new": ["$1 + 1"]}

    try:
        monai_says(change, theirs)
    except Refused:
        return
    try:
        we_say(change, ours)
    except IndexNotFoundError:  # of an expression, where MONAI's parser writes to what it happens to refer to first
        return
    assert_same(ours.get(), theirs.get())
    for id in ("", str(path[0])):
        try:
            expected = monai_says(lambda parser: parser.get_parsed_content(id), theirs)  # noqa: B023  used at once
        except Refused:
            return
        assert_same(we_say(lambda parser: parser.get_parsed_content(id), ours), expected, id)  # noqa: B023
