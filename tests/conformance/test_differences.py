"""Where this language differs from MONAI 1.6.1 on purpose: the numbered list in the language reference."""

from __future__ import annotations

import builtins
import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import BundleEngineError, InputError

from .both import ours, read, theirs
from .oracle import monai_parser, silence

# Nothing may differ but this and what test_further_differences.py and test_workflow_differences.py show: the other tests
# of this folder see to that.

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
