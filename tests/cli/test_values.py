"""Values on the command line are read as fire reads them, but for what fire garbles."""

from __future__ import annotations

import contextlib

import pytest

from bundle_engine.cli.options import COMMANDS, Option
from bundle_engine.cli.values import read_option, read_value
from bundle_engine.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("1e-3", 1e-3),
        ("-1.5", -1.5),
        ("1.10", 1.1),
        ("1_000", 1000),
        ("True", True),
        ("true", "true"),
        ("None", None),
        ("word", "word"),
        ("two words", "two words"),
        ("'quoted'", "quoted"),
        ("[1,2]", [1, 2]),
        ("[a,b]", ["a", "b"]),
        ("['a','b']", ["a", "b"]),
        ("(1,2)", (1, 2)),
        ("a,b", ("a", "b")),
        ("1,2", (1, 2)),
        ("{a: 1}", {"a": 1}),
        ("{'a': [1, {b: c}]}", {"a": [1, {"b": "c"}]}),
        ("/a,b", "/a,b"),
        ("a/b", "a/b"),
        ("a.yaml", "a.yaml"),
        ("a.yaml,b.yaml", "a.yaml,b.yaml"),
        ("2024-01-01", "2024-01-01"),
        ("1-2", "1-2"),
        ("1+2j", "1+2j"),
        ("007", "007"),
        ("", ""),
        ("???", "???"),
        ("@y", "@y"),
        ("@a::b", "@a::b"),
        ("$@y+1", "$@y+1"),
        ("$torch.device('cpu')", "$torch.device('cpu')"),
        ("%file.yaml::id", "%file.yaml::id"),
        ("print('x')", "print('x')"),
        ("1if", "1if"),
        ("[" * 200, "[" * 200),
    ],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_values_are_those_of_fire(text, value):
    from fire.parser import DefaultParseValue

    read = read_value(text)
    assert read == value
    assert type(read) is type(value)
    with contextlib.suppress(MemoryError, RecursionError):  # fire gives up on too many brackets
        assert read == DefaultParseValue(text)


@pytest.mark.parametrize(
    "text", ["step #2", "5 # five", "[1] # one", " padded ", "(word)", "...", "color #fff", "#", "'it' #"]
)
def test_text_that_fire_would_garble_stays(text):
    assert read_value(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[{_target_: torch.nn.ReLU, inplace: True}]", [{"_target_": "torch.nn.ReLU", "inplace": True}]),
        ("{a: b.c, d.e: 1}", {"a": "b.c", "d.e": 1}),
        ("[a.b, f().c]", "[a.b, f().c]"),
        ("[0-9]", "[0-9]"),
        ("{name}_x.nii", "{name}_x.nii"),
        ("(a.b)", "(a.b)"),
        ("[a/b.yaml]", "[a/b.yaml]"),
    ],
)
def test_words_with_dots_may_stand_in_lists_and_mappings(text, value):
    assert read_value(text) == value


def option(kind):
    return Option("name", kind, "", "")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "1", "1"),
        ("text", "None", None),
        ("file", "2024", "2024"),
        ("file", "None", None),
        ("file", "a,b", "a,b"),
        ("log", "False", False),
        ("log", "False.conf", "False.conf"),
        ("settings", "mlflow", "mlflow"),
        ("settings", "{'configs': {}}", {"configs": {}}),
        ("settings", "{odd", "{odd"),
        ("switch", "True", True),
        ("switch", "no", False),
        ("files", "a.yaml", ["a.yaml"]),
        ("files", "None", None),
        ("files", "a.yaml,b.yaml", ["a.yaml", "b.yaml"]),
        ("files", "a.yaml, b.yaml,", ["a.yaml", "b.yaml"]),
        ("files", "['a.yaml','b.yaml']", ["a.yaml", "b.yaml"]),
        ("files", '["a.yaml", "b.yaml"]', ["a.yaml", "b.yaml"]),
        ("files", "('a.yaml','b.yaml')", ["a.yaml", "b.yaml"]),
        ("files", "[a.yaml,b.yaml]", ["a.yaml", "b.yaml"]),
        ("files", "[a.yaml]", ["a.yaml"]),
        ("files", "{'lr': 1}", {"lr": 1}),
    ],
)
def test_options_are_read_by_their_kind(kind, text, value):
    assert read_option(option(kind), text) == value


def test_files_with_commas_in_their_names_win(write):
    for name in ("a,b.yaml", "c.yaml", "[d].yaml"):
        write(name, "x: 1")
    assert read_option(option("files"), "a,b.yaml") == ["a,b.yaml"]
    assert read_option(option("files"), "c.yaml,a,b.yaml") == ["c.yaml", "a,b.yaml"]
    assert read_option(option("files"), "a,b.yaml,c.yaml,d.yaml") == ["a,b.yaml", "c.yaml", "d.yaml"]
    assert read_option(option("files"), "[d].yaml") == ["[d].yaml"]


def test_a_switch_takes_yes_and_no_only():
    with pytest.raises(UsageError, match="--name is a switch, and cannot be 'training'"):
        read_option(option("switch"), "training")


def test_texts_are_not_split():
    assert read_option(option("texts"), "x=1,2; y=[1, 2]") == ["x=1,2; y=[1, 2]"]


def test_all_kinds_are_known():
    kinds = {option.kind for command in COMMANDS.values() for option in command.options}
    assert kinds <= {"text", "texts", "file", "files", "log", "settings", "optional", "switch"}
