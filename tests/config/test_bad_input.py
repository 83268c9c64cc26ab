"""What bad input gets: a clear error with id, file, line, column and the way out, before anything is built."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import BundleEngineError, ConfigParser
from bundle_engine.errors import (
    AttributeNotFoundError,
    ExpressionSyntaxError,
    FrozenError,
    IdNotFoundError,
    IndexNotFoundError,
    MergeError,
    ReferenceNotFoundError,
)
from tests.config.bad_code_cases import ARGUMENTS, CONSTRUCTORS, EXPRESSIONS, PYTHON, TARGETS
from tests.config.bad_input_cases import CIRCLES, FILES, MACROS, MERGES, REFERENCES, Ask, Case


def _cases() -> Iterator[tuple[str, str, Case]]:
    """Give names, suffixes and cases."""
    groups = {
        "target": TARGETS, "argument": ARGUMENTS, "reference": REFERENCES, "circle": CIRCLES, "merge": MERGES,
        "macro": MACROS, "expression": EXPRESSIONS, "constructor": CONSTRUCTORS, "file": FILES,
    }  # fmt: skip
    for group, cases in groups.items():
        for name, case in cases.items():
            for suffix in ("json", "yaml"):
                yield f"{group}: {name}, {suffix}", suffix, case


CASES = {name: (suffix, case) for name, suffix, case in _cases()}


def with_suffix(text: str, suffix: str) -> str:
    return text.replace(".X", f".{suffix}").replace("not {}:", f"not {suffix.upper()}:")


def files_of(suffix: str, case: Case) -> dict[str, str]:
    """Give the files of a case, with their suffixes."""
    return {
        (name if "." in name else f"{name}.{suffix}"): with_suffix(text, suffix) for name, text in case.files.items()
    }


def run(suffix: str, case: Case) -> None:
    """Read the files of a case, which are there, and ask for what goes wrong."""
    parser = ConfigParser()
    parser.read_config([f"{name}.{suffix}" for name in case.main or list(case.files)[:1]])
    case.ask(parser)


@pytest.mark.parametrize(("suffix", "case"), CASES.values(), ids=CASES.keys())
def test_bad_input_gets_a_clear_error(
    write_marked: Callable[..., Any],
    assert_clear: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    case: Case,
) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    monkeypatch.setenv("IS_A_WORD", "word")
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    place, underlined = write_marked(files_of(suffix, case))
    with pytest.raises(case.kind) as caught:
        run(suffix, case)
    sys.modules.pop("lookup", None)
    error = caught.value

    assert type(error) is case.kind
    message = with_suffix(case.message, suffix)
    if case.cause in (ImportError, TypeError):  # the rest of their texts is Python's, or the library's
        assert error.message.startswith(message)
    else:
        assert error.message == message
    assert error.id == case.id
    assert error.hint == (with_suffix(case.hint, suffix) if case.hint else None)
    assert len(error.notes) == len(case.notes)
    for note, begin in zip(error.notes, case.notes, strict=True):
        assert note.startswith(with_suffix(begin, suffix))
    assert type(error.__cause__) is (case.cause or type(None))
    assert_clear(error, place, underlined)
    written = {str(path) for path in Path().rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert written == set(files_of(suffix, case))  # nothing was written


# --- what is asked wrongly ---


@pytest.mark.parametrize(
    ("ask", "kind", "lines"),
    [
        pytest.param(
            lambda parser: parser.get_parsed_content("train::max_epoch"),
            IdNotFoundError,
            [
                "there is no 'max_epoch' in 'train'",
                "  at a.yaml:2:1  id 'train::max_epoch'",
                "   |",
                " 2 | train: {max_epochs: 3}",
                "   | ^^^^^",
                "  help: did you mean 'train::max_epochs'?",
            ],
            id="a missing id",
        ),
        pytest.param(
            lambda parser: parser["l::2"],
            IndexNotFoundError,
            [
                "there is no 'l::2': 'l' is a list of 2 items, counted from 0",
                "  at a.yaml:1:4  id 'l::2'",
                "   |",
                " 1 | l: [1, 2]",
                "   |    ^",
            ],
            id="a wrong index",
        ),
        pytest.param(
            lambda parser: parser.trian,
            AttributeNotFoundError,
            ["there is no 'trian'", "  at id 'trian'", "  help: did you mean 'train'?"],
            id="a missing attribute",
        ),
        pytest.param(
            lambda parser: parser.override({"train::+max_epochs": [1]}),
            MergeError,
            [
                "'+train::max_epochs' cannot merge a list into 3",
                "  at command line  id 'train::max_epochs'",
                "  'train::max_epochs' is 3 from a.yaml:2:9",
                "  help: write 'train::max_epochs' without '+' to replace the value",
            ],
            id="an override that does not fit",
        ),
        pytest.param(
            lambda parser: (parser.freeze(), parser.set(1, "l")),
            FrozenError,
            [
                "the config is frozen, 'l' cannot be set",
                "  at a.yaml:1:4  id 'l'",
                "   |",
                " 1 | l: [1, 2]",
                "   |    ^",
                "  help: set it before freeze(), or change a copy: copy.copy(parser)",
            ],
            id="a frozen config",
        ),
        pytest.param(
            lambda parser: ConfigParser({"a": "@b"}).get_parsed_content("a"),
            ReferenceNotFoundError,
            ["the reference '@b' leads to nothing", "  at code  id 'a'", "  help: the config has a"],
            id="a config from code",
        ),
    ],
)
def test_what_is_asked_wrongly_is_told(
    read: Callable[..., ConfigParser], ask: Ask, kind: type[BundleEngineError], lines: list[str]
) -> None:
    parser = read("l: [1, 2]\ntrain: {max_epochs: 3}\n")
    with pytest.raises(kind) as caught:
        ask(parser)
    assert str(caught.value).split("\n") == lines


def test_the_caret_stands_under_the_place_inside_the_expression(read: Callable[..., ConfigParser]) -> None:
    parser = read("lr: 1\nsteps:\n- $(@lr + ) * 2\n")
    with pytest.raises(ExpressionSyntaxError) as caught:
        parser.get_parsed_content("steps")
    assert str(caught.value).split("\n") == [
        "the expression cannot be read: invalid syntax",
        "  at a.yaml:3:11  id 'steps::0'",
        "   |",
        " 3 | - $(@lr + ) * 2",
        "   |           ^",
        f"  help: {PYTHON}",
    ]


def test_the_caret_stands_under_the_place_on_its_line_of_a_longer_expression(read: Callable[..., ConfigParser]) -> None:
    parser = read("lr: 1\nx: |-\n  $[\n    @lr,\n    3 +* 4,\n  ]\n")
    with pytest.raises(ExpressionSyntaxError) as caught:
        parser.get_parsed_content("x")
    assert str(caught.value).split("\n") == [
        "the expression cannot be read: invalid syntax",
        "  at a.yaml:2:4  id 'x'",
        "   |",
        " 2 | x: |-",
        "   |    ^",
        "  $[",
        "    @lr,",
        "    3 +* 4,",
        "       ^",
        f"  help: {PYTHON}",
    ]
