"""Where this language differs from MONAI 1.6.1 on purpose: what follows from the reference beyond its list."""

from __future__ import annotations

import builtins
import copy
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import names
from bundle_engine.errors import (
    BundleEngineError,
    CycleError,
    InstantiationError,
    MandatoryValueError,
    TargetNotFoundError,
)

from .both import ours, read, theirs
from .oracle import monai_parser, silence


def test_relative_ids_in_a_copied_text_are_read_where_it_was_copied_to() -> None:
    config = {"a": {"lr": 1, "part": {"lr": "@::::lr"}}, "b": {"lr": 2, "part": "%a::part"}}
    assert theirs(config, "b::part::lr") == 1
    assert ours(config, "b::part::lr") == 2


def test_a_macro_that_copies_itself_is_an_error() -> None:
    assert theirs({"a": "%", "b": 1}) == {"a": {"a": "%", "b": 1}, "b": 1}
    with pytest.raises(CycleError):
        ours({"a": "%", "b": 1})


def test_a_relative_id_in_the_middle_of_a_text_is_text() -> None:
    config = {"a": {"b": "see @::c"}}
    assert theirs(config, "a::b") == "see @a::c"
    assert ours(config, "a::b") == "see @::c"


@pytest.mark.parametrize("text", ["\\$5", "\\@home", "\\%", "\\\\server"])
def test_a_backslash_takes_the_meaning_from_a_character(text: str) -> None:
    assert theirs({"a": text}, "a") == text
    assert ours({"a": text}, "a") == text[1:]


def test_a_mandatory_value_must_be_set() -> None:
    assert theirs({"a": "???"}, "a") == "???"
    with pytest.raises(MandatoryValueError):
        ours({"a": "???"}, "a")


@pytest.mark.parametrize(
    ("text", "value"), [("@b ?? 3", 1), ("@c ?? 3", 3), ("@c ?? @b", 1)], ids=["not used", "used", "a reference"]
)
def test_a_reference_may_carry_a_default(text: str, value: Any) -> None:
    assert theirs({"b": 1, "a": text}, "a") == text
    assert ours({"b": 1, "a": text}, "a") == value


def test_positional_arguments() -> None:
    config = {"_target_": "dict", "_args_": [[["x", 1]]], "y": 2}
    assert theirs(config) == {"_args_": [[["x", 1]]], "y": 2}
    assert ours(config) == {"x": 1, "y": 2}


def test_ranks_that_build_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    config = {"a": {"_target_": "dict", "_ranks_": [0]}, "b": {"_target_": "dict", "_ranks_": [1]}}
    assert theirs(config) == {"a": {"_ranks_": [0]}, "b": {"_ranks_": [1]}}
    assert ours(config) == {"b": {}}


def test_required_values_come_first_wherever_they_stand(targets: Any) -> None:
    def part(name: str) -> dict[str, Any]:
        return {"_target_": "targets.note", "name": name}

    config = {"_target_": "targets.note", "x": part("argument"), "_requires_": part("required")}
    theirs(config)
    assert list(targets.calls) == ["argument", "required", "it"]
    targets.calls.clear()
    ours(config)
    assert list(targets.calls) == ["required", "argument", "it"]


def test_numbers_as_keys_can_be_addressed() -> None:
    config = {"a": {0: "x", 1.5: "y"}}
    assert monai_parser(copy.deepcopy(config)).get("a::0") is None
    assert ConfigParser(config).get("a::0") == "x"
    for parser, text in (
        (monai_parser(copy.deepcopy(config)), {0: "x", 1.5: "y", "0": 2}),
        (ConfigParser(config), {0: 2, 1.5: "y"}),
    ):
        parser["a::0"] = 2
        assert parser.get("a") == text


def test_mappings_merge_to_any_depth(write: Any) -> None:
    parser, other = read(write("a.yaml", "a: {b: {c: 1}}"), write("b.yaml", "+a: {b: {d: 2}}"))
    assert other["a"] == {"b": {"d": 2}}
    assert parser["a"] == {"b": {"c": 1, "d": 2}}


@pytest.mark.parametrize(
    ("later", "monai", "value"),
    [
        ("+a: {+l: [2]}", {"l": [1], "+l": [2]}, {"l": [1, 2]}),
        ("a::+l: [2]", {"l": [1], "+l": [2]}, {"l": [1, 2]}),
        ("~a::l: null", None, {}),
    ],
    ids=["in a merged mapping", "in a key", "deleting"],
)
def test_operators_work_at_any_depth(write: Any, later: str, monai: Any, value: Any) -> None:
    parser, other = read(write("a.yaml", "a: {l: [1]}"), write("b.yaml", later))
    assert isinstance(other, Exception) if monai is None else other["a"] == monai
    assert parser["a"] == value


def test_a_file_extends_others(write: Any) -> None:
    write("base.yaml", "a: 1\nb: 2")
    parser, other = read(write("config.yaml", "_extends_: base.yaml\nb: 3"))
    assert other.get() == {"_meta_": {}, "_extends_": "base.yaml", "b": 3}
    assert parser.get() == {"_meta_": {}, "a": 1, "b": 3}


def test_a_place_that_is_not_there_is_made(write: Any) -> None:
    parser, other = read(write("a.yaml", "a: 1"), write("b.yaml", "b::c: 2"))
    assert isinstance(other, KeyError)
    assert parser["b"] == {"c": 2}


def test_an_alias_of_yaml_stands_for_a_copy(write: Any) -> None:
    first = write("a.yaml", 'a: &x {b: 1, c: "@::b"}\nd: *x')
    parser, other = read(first, write("b.yaml", "d::b: 2"))
    assert other.get_parsed_content() == {"_meta_": {}, "a": {"b": 2, "c": 2}, "d": {"b": 2, "c": 2}}
    assert parser.get_parsed_content() == {"_meta_": {}, "a": {"b": 1, "c": 1}, "d": {"b": 2, "c": 2}}


def test_a_reference_goes_on_past_a_resolved_value() -> None:
    config = {"data": "$dict(training=[5, 6])", "a": "@data::training::1"}
    assert isinstance(theirs(config, "a"), ValueError)
    assert ours(config, "a") == 6


def test_an_import_statement_binds_what_python_binds() -> None:
    config = {"i": "$import math, os.path", "a": "$os.path.basename('a/b') + str(math.floor(1.5))"}
    assert isinstance(theirs(config, "a"), RuntimeError)
    assert ours(config, "a") == "b1"


def test_an_import_that_fails_matters_only_where_it_is_used() -> None:
    config = {"i": "$import no_such_package, math", "a": 1, "b": "$no_such_package.x"}
    assert theirs(config, "a") == ours(config, "a") == 1
    assert isinstance(ours(config, "i"), names.FailedImport)
    assert isinstance(theirs(config, "b"), RuntimeError)
    with pytest.raises(BundleEngineError, match="no_such_package"):
        ours(config, "b")


def test_an_id_has_one_object_containers_included() -> None:
    config = {"a": {"l": [1]}}
    parser, other = ConfigParser(config), monai_parser(copy.deepcopy(config))
    assert other.get_parsed_content("a")["l"] is not other.get_parsed_content("a::l")
    assert parser.get_parsed_content("a")["l"] is parser.get_parsed_content("a::l")


def test_other_questions_leave_the_kept_values_as_they_are() -> None:
    config: dict[str, Any] = {"a": {"_target_": "dict"}}
    parser, other = ConfigParser(config), monai_parser(copy.deepcopy(config))
    for each, same in ((parser, True), (other, False)):
        value = each.get_parsed_content("a")
        assert each.get_parsed_content("a", lazy=False) is not value
        assert (each.get_parsed_content("a") is value) is same
    config = {"a": "$1 + 1"}
    parser, other = ConfigParser(config), monai_parser(config)
    for each, value in ((parser, 2), (other, None)):
        first = each.get_parsed_content("a", eval_expr=False)
        again = each.get_parsed_content("a")
        assert again == (value or first)


def test_everything_is_checked_before_anything_is_built(targets: Any) -> None:
    config = {"a": {"_target_": "targets.note", "name": "slow"}, "b": {"_target_": "targets.nothing", "nam": "@a"}}
    assert isinstance(theirs(config), RuntimeError)
    assert targets.calls == {"slow": 1}
    targets.calls.clear()
    with pytest.raises(InstantiationError, match="takes no argument 'nam'"):
        ours(config)
    assert not targets.calls


def test_an_empty_target_is_an_error() -> None:
    assert theirs({"_target_": ""}) is builtins
    with pytest.raises(TargetNotFoundError):
        ours({"_target_": ""})


def test_a_config_that_was_renamed_or_set_by_item_is_the_same() -> None:
    for parser in (ConfigParser({"a": 1}), monai_parser({"a": 1})):
        parser["a"] = {"optional_packages_version": {}}
        assert parser.get("a") == {"optional_packages_version": {}}
        with silence():
            parser.set({"optional_packages_version": {"x": "1"}}, "a")
        assert parser.get("a") == {"required_packages_version": {"x": "1"}}
