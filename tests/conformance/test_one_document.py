"""One config, given by code: its text, and the value of every id, asked for in several orders."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_engine import ComponentLocator, ConfigParser

from .oracle import Refused, assert_same, monai_parser, monai_says, silence, we_say
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


@pytest.mark.parametrize(
    "config",
    ["$1 + 1", "$import math", "@a", "text", 5, None, [], ["@1", "$@0", [1, "@0"]], ["%1", {"x": "$1"}], "%{file}::a"],
    ids=repr,
)
def test_a_root_of_any_kind_resolves_to_the_same(config: Any, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"a": {"b": "$1 + 1"}}')
    config = config.replace("{file}", str(file)) if isinstance(config, str) else config
    try:
        expected = monai_says(lambda parser: parser.get_parsed_content(), monai_parser(plain_copy(config)))
    except Refused:
        return
    assert_same(we_say(lambda parser: parser.get_parsed_content(), ConfigParser(config)), expected)


def test_another_config_may_be_put_in_place() -> None:
    parsers = ConfigParser({"a": 1}), monai_parser({"a": 1})
    for parser in parsers:
        parser.config = {"a": "$2", "b": "%a"}
    assert_same(parsers[0].get_parsed_content(), parsers[1].get_parsed_content())


def test_a_macro_copies_an_object_that_code_put_there() -> None:
    for parser in (ConfigParser({"a": {"b": {1}}, "c": "%a"}), monai_parser({"a": {"b": {1}}, "c": "%a"})):
        value = parser.get_parsed_content()
        assert value["c"]["b"] == value["a"]["b"]
        assert value["c"]["b"] is not value["a"]["b"]


@pytest.mark.parametrize(
    "config", [{"a": "@no", "b": ["@no::x", 1]}, {"a": {"_target_": "dict", "x": "@no"}}], ids=repr
)
def test_references_to_nothing_may_be_allowed(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = monai_parser(plain_copy(config))
    monkeypatch.setattr(type(theirs.ref_resolver), "allow_missing_reference", True)
    monkeypatch.setenv("MONAI_ALLOW_MISSING_REFERENCE", "1")
    with silence():
        expected = theirs.get_parsed_content()
        assert_same(ConfigParser(config).get_parsed_content(), expected)


@pytest.mark.parametrize(
    "options",
    [{"default": 5}, {"default": None}, {"default": "$1"}, {"default": [1]}, {"lazy": False, "default": 1}],
    ids=repr,
)
def test_the_default_for_an_id_that_is_not_there(options: Any) -> None:
    for id in ("nothing", "a::nothing", "a"):
        values = [
            parser.get_parsed_content(id, **options) for parser in (ConfigParser({"a": {}}), monai_parser({"a": {}}))
        ]
        assert_same(*values)


@pytest.mark.parametrize("excludes", [None, "losses", ["nets", "transforms.io"]])
def test_short_names_lead_to_the_same_place(excludes: Any) -> None:
    monai_parser()  # imports all of MONAI's modules
    with silence():
        from monai.bundle import ComponentLocator as Theirs

        theirs = Theirs(excludes)
        theirs.get_component_module_name("nothing")
    ours = ComponentLocator(excludes)
    table = theirs._components_table
    assert table is not None
    assert len(table) > 1_000
    for name in [*table, "nothing", "dict", "print", "torch.nn.ReLU"]:
        assert ours.get_component_module_name(name) == theirs.get_component_module_name(name), name
