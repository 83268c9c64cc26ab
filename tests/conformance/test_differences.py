"""Where this language differs from MONAI 1.6.1 on purpose: each difference, and what each parser does.

The numbers are those of the list in the language reference; the second half shows what follows from its other
sections. Nothing else may differ: the other tests of this folder see to that.
"""

from __future__ import annotations

import builtins
import copy
import sys
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import names
from bundle_engine.errors import (
    BundleEngineError,
    CycleError,
    InputError,
    InstantiationError,
    MandatoryValueError,
    TargetNotFoundError,
)

from .oracle import monai_parser, silence

Value = Callable[..., Any]


def ours(config: Any, id: str = "") -> Any:
    """Give what our parser resolves."""
    return ConfigParser(config).get_parsed_content(id)


def theirs(config: Any, id: str = "") -> Any:
    """Give what MONAI's parser resolves, or the error it raises."""
    with silence():
        try:
            return monai_parser(copy.deepcopy(config)).get_parsed_content(id)
        except Exception as error:
            return error


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def read(*paths: Path) -> tuple[ConfigParser, Any]:
    """Read files with both parsers; in the place of MONAI's stands the error that it raises."""
    parser = ConfigParser()
    parser.read_config(list(paths))
    with silence():
        other = monai_parser()
        try:
            other.read_config(list(paths))
        except Exception as error:
            other = error
    return parser, other


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module ``targets``, whose ``calls`` count what was called."""
    module: Any = types.ModuleType("targets")
    module.calls = Counter()

    def note(name: str = "it", **_: Any) -> str:
        module.calls[name] += 1
        return name

    def nothing(name: str = "nothing") -> None:
        module.calls[name] += 1

    module.note, module.nothing = note, nothing
    monkeypatch.setitem(sys.modules, "targets", module)
    return module


# --- 1: "#" in an ordinary string stays "#" ---


@pytest.mark.parametrize(
    ("text", "monai"),
    [
        ("color #fff", "color ::fff"),
        ("https://example.org/page#part", "https://example.org/page::part"),
        ("no. #1 # 2", "no. ::1 :: 2"),
        ("$'#fff'", "::fff"),
    ],
    ids=["color", "fragment", "text", "in an expression's string"],
)
def test_1_a_hash_in_text_stays_a_hash(text: str, monai: str) -> None:
    assert theirs({"a": text}, "a") == monai
    assert ours({"a": text}, "a") == text.removeprefix("$").strip("'")


def test_1_a_comment_in_an_expression_is_a_comment() -> None:
    assert isinstance(theirs({"a": "$1 + 1  # two"}, "a"), Exception)
    assert ours({"a": "$1 + 1  # two"}, "a") == 2


def test_1_a_hash_in_ids_is_the_old_separator() -> None:
    config = {"a": {"b": 1, "c": "@#b"}, "d": "$@a#b + 1", "e": "%a#b"}
    assert ours(config) == theirs(config) == {"a": {"b": 1, "c": 1}, "d": 2, "e": 1}


# --- 2: an import statement is recognised by parsing it ---


@pytest.mark.parametrize("text", ["$@important_lr * 2", "$@lr if 'import' else 0", "$[@important_lr] * 1"])
def test_2_the_letters_import_make_no_import_statement(text: str) -> None:
    config = {"important_lr": 2, "lr": 4, "a": text}
    assert isinstance(theirs(config, "a"), (SyntaxError, RuntimeError)) or theirs(config, "a") == ours(config, "a")
    assert ours(config, "a") in (4, [2])


def test_2_an_expression_over_an_important_id() -> None:
    config = {"important_lr": 2, "a": "$@important_lr * 2"}
    assert isinstance(theirs(config, "a"), SyntaxError)
    assert ours(config, "a") == 4


# --- 3: "@" in string literals, f-strings and matrix products ---


class Matrix:
    def __init__(self, name: str) -> None:
        self.name = name

    def __matmul__(self, other: Matrix) -> str:
        return f"{self.name}{other.name}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$'user@b.org'", "user@b.org"),
        ('$"@b"', "@b"),
        ("$f'{@b} of @b'", "1 of @b"),
        ("$f'{@b}'", "1"),
        ("$'@b' + str(@b)", "@b1"),
        ("$len('''@b''')", 2),
        ("$matrix @ matrix", "mm"),
        ("$matrix @matrix", "mm"),
        ("$@m @ @m", "mm"),
        ("$(@m)@ matrix", "mm"),
        ("$[@m][0] @ @m", "mm"),
    ],
)
def test_3_at_signs_are_read_as_python_reads_them(text: str, value: Any) -> None:
    config = {"b": 1, "m": "$matrix", "a": text}
    names = {"matrix": Matrix("m")}
    assert ConfigParser(config, globals=names).get_parsed_content("a") == value
    with silence():
        try:
            other = monai_parser(config, globals=names).get_parsed_content("a")
        except Exception as error:
            other = error
    assert isinstance(other, Exception) or other != value


# --- 4: None is a value; what is disabled is not built ---


def test_4_a_target_that_returns_none_is_kept(targets: Any) -> None:
    config = {"list": [{"_target_": "targets.nothing"}, 1], "mapping": {"a": {"_target_": "targets.nothing"}}}
    assert theirs(config) == {"list": [1], "mapping": {}}
    assert ours(config) == {"list": [None, 1], "mapping": {"a": None}}


def test_4_the_arguments_of_a_disabled_component_are_not_built(targets: Any) -> None:
    config = {
        "a": {"_target_": "targets.note", "_disabled_": True, "x": {"_target_": "targets.note", "name": "argument"}},
        "b": 1,
    }
    assert theirs(config) == {"b": 1}
    assert targets.calls == {"argument": 1}
    targets.calls.clear()
    assert ours(config) == {"b": 1}
    assert not targets.calls


def test_4_a_disabled_component_is_removed_and_a_reference_to_it_is_none() -> None:
    config = {"a": {"_target_": "dict", "_disabled_": "$1 == 1"}, "b": ["@a"], "c": {"_target_": "dict", "x": "@a"}}
    assert ours(config) == theirs(config) == {"b": [None], "c": {"x": None}}


# --- 5: YAML merge keys work; empty files and list roots are clear errors; 1e-4 is a float ---


def test_5_merge_keys_of_yaml_work(write: Any) -> None:
    path = write("a.yaml", "base: &base {x: 1, y: 2}\nmore:\n  <<: *base\n  y: 3\n")
    parser, other = read(path)
    assert isinstance(other, Exception)
    assert parser.get_parsed_content("more") == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", ""), ("a.json", ""), ("a.yaml", "# nothing\n"), ("a.yaml", "- 1\n- 2"), ("a.json", "[1]")],
    ids=["empty YAML", "empty JSON", "only comments", "a list in YAML", "a list in JSON"],
)
def test_5_a_file_whose_root_is_no_mapping_is_a_clear_error(write: Any, name: str, text: str) -> None:
    path = write(name, text)
    with pytest.raises(InputError) as caught:
        ConfigParser().read_config(path)
    assert str(caught.value.place).startswith(f"{path}:1:1")
    with silence(), pytest.raises((AttributeError, ValueError)):  # accidents of its code
        monai_parser().read_config(path)


@pytest.mark.parametrize(("text", "value"), [("1e-4", 1e-4), ("1.5e3", 1500.0), ("-2E5", -2e5), ("1e10", 1e10)])
def test_5_a_float_of_yaml_1_2_is_a_float(write: Any, text: str, value: float) -> None:
    parser, other = read(write("a.yaml", f"a: {text}\nb: '{text}'"))
    assert other["a"] == other["b"] == text
    assert type(parser["a"]) is float
    assert parser["a"] == value
    assert parser["b"] == text


# --- 6: macros do not depend on how often a config is parsed; a file is read once ---


@pytest.mark.parametrize(
    "config",
    [
        {"a": "%b", "b": "%c", "c": [1]},
        {"c": [1], "b": {"x": "%c"}, "a": "%b::x"},
        {"a": {"x": "%b"}, "b": {"y": "%c"}, "c": 1},
    ],
    ids=["a macro for a macro", "a macro inside a macro", "a mapping with macros"],
)
def test_6_macros_are_expanded_to_the_end_at_once(config: Any) -> None:
    once, twice = monai_parser(copy.deepcopy(config)), monai_parser(copy.deepcopy(config))
    once.parse()
    twice.parse()
    twice.parse()
    parser = ConfigParser(config)
    parser.parse()
    assert "%" not in str(parser.get())
    assert parser.get() == twice.get()
    if config["a"] != "%b::x":  # with its target before it, MONAI's parser is done at once
        assert once.get() != twice.get()
    parser.parse()
    assert parser.get() == twice.get()


def test_6_a_file_that_macros_name_is_read_once(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("other.json", '{"x": [1], "y": 2}')
    config = {"a": f"%{path}::x", "b": f"%{path}::y", "c": f"%{path}"}
    reads: Counter[str] = Counter()
    for owner, name in ((builtins, "open"), (Path, "read_bytes")):
        original = getattr(owner, name)

        def counting(file: Any, *args: Any, original: Any = original, name: str = name, **kwargs: Any) -> Any:
            reads[name] += str(file) == str(path)
            return original(file, *args, **kwargs)

        monkeypatch.setattr(owner, name, counting)
    assert theirs(config) == {"a": [1], "b": 2, "c": {"x": [1], "y": 2}}
    assert reads["open"] == 3
    assert ours(config) == {"a": [1], "b": 2, "c": {"x": [1], "y": 2}}
    assert reads["read_bytes"] == 1


# --- 7: the caller's objects are not changed; setting an id keeps unrelated objects ---


def test_7_the_callers_objects_are_not_changed() -> None:
    config = {"a": {"b": 1, "c": "@::b"}, "d": "%a"}
    given = copy.deepcopy(config)
    with silence():
        monai_parser(given).get_parsed_content()
    assert given == {"a": {"b": 1, "c": "@a::b"}, "d": {"b": 1, "c": "@a::b"}}
    parser = ConfigParser(config)
    parser["a::b"] = 2
    parser.get_parsed_content()
    assert config == {"a": {"b": 1, "c": "@::b"}, "d": "%a"}


def test_7_setting_an_id_keeps_unrelated_objects(targets: Any) -> None:
    config = {
        "lr": 0.1,
        "network": {"_target_": "targets.note", "name": "network"},
        "optimizer": {"_target_": "targets.note", "name": "optimizer", "lr": "@lr", "network": "@network"},
    }
    counts = []
    for parser in (monai_parser(copy.deepcopy(config)), ConfigParser(config)):
        targets.calls.clear()
        parser.get_parsed_content("optimizer")
        parser["lr"] = 0.2
        parser.get_parsed_content("optimizer")
        counts.append(dict(targets.calls))
    assert counts == [{"network": 2, "optimizer": 2}, {"network": 1, "optimizer": 2}]


# --- 10: an error never leaves out the id and the place ---


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("a:\n  b: $1 / 0", "a::b"),
        ("a:\n  b: $1 +", "a::b"),
        ("a:\n  b: '@nothing'", "a::b"),
        ("a:\n  b: '%nothing'", "a::b"),
        ("a:\n  b: '@::::::c'", "a::b"),
        ("a:\n  b: {_target_: no.such.thing}", "a::b"),
        ("a:\n  b: {_target_: fractions.Fraction, numerator: 1, denominator: 0}", "a::b"),
        ("a:\n  b: {_target_: fractions.Fraction, numerato: 1}", "a::b"),
        ("a:\n  b: '@a'", "a"),
        ("a:\n  b: ???", "a::b"),
    ],
    ids=[
        "expression", "syntax", "reference", "macro", "relative", "target", "component", "argument", "cycle", "open",
    ],
)  # fmt: skip
def test_10_an_error_has_the_id_and_the_place(write: Any, text: str, id: str) -> None:
    path = write("config.yaml", text)
    parser, other = read(path)
    with pytest.raises(BundleEngineError) as caught:
        parser.get_parsed_content("a")
    assert caught.value.id is not None
    assert caught.value.id.startswith(id)
    assert str(caught.value.place).startswith(f"{path}:{1 if id == 'a' else 2}:")
    assert id in str(caught.value)
    with silence():
        try:
            message = str(other.get_parsed_content("a"))
        except Exception as error:
            message = str(error)
    assert str(path) not in message


# --- what follows from the other sections ---


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
