"""The tree of errors, and how they are shown."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import errors
from bundle_engine.errors import (
    BundleEngineError,
    CycleError,
    ExpressionSyntaxError,
    IdNotFoundError,
    InputError,
    Place,
)

ROOT = Path(__file__).parents[1]
CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BundleEngineError)]


def drawn() -> dict[str, tuple[str, set[str]]]:
    """Read the tree in the docstring: for each class the one above it, and the names in parentheses."""
    found: dict[str, tuple[str, set[str]]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.strip(" │├└─").split(" ")[0]
        if name not in vars(errors):
            continue
        depth = (len(line) - len(line.lstrip(" │├└─")) - 4) // 4
        above[depth:] = [name]
        _, bracket, rest = line.partition(f"{name} (")
        others = set(rest.partition(")")[0].split(", ")) if bracket else set()
        found[name] = (above[-2] if depth else "", others)
    return found


def test_the_tree_is_as_it_is_drawn() -> None:
    tree = {}
    for each in CLASSES:
        above = [base.__name__ for base in each.__bases__ if issubclass(base, BundleEngineError)]
        others = {base.__name__ for base in each.__bases__ if not issubclass(base, BundleEngineError)}
        tree[each.__name__] = (above[0] if above else "", others - {"Exception"})
    assert drawn() == tree
    assert set(tree) | {"BundleEngineWarning", "Place"} == set(errors.__all__)


def made(kind: type[BundleEngineError], **more: Any) -> BundleEngineError:
    return kind(
        "it is wrong", id="a::b", place=Place("a.yaml", 3, 4, "a: @b", 2), hint="try this", notes=["one"], **more
    )


SHOWN = """\
it is wrong
  at a.yaml:3:4  id 'a::b'
   |
 3 | a: @b
   |    ^^
  one
  help: try this"""


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_answers_all_questions(kind: type[BundleEngineError]) -> None:
    error = made(kind)
    assert str(error) == SHOWN  # never the repr, which is what KeyError shows of itself
    assert error.render() == SHOWN
    assert (error.message, error.id, error.hint, error.notes) == ("it is wrong", "a::b", "try this", ("one",))
    assert (kind.__doc__ or "").strip()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_sent_to_another_process(kind: type[BundleEngineError]) -> None:
    error = made(kind)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == SHOWN
        assert (twin.id, twin.place) == (error.id, error.place)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_python_shows_every_error_whole_when_nobody_catches_it(kind: type[BundleEngineError]) -> None:
    import traceback

    assert "".join(traceback.format_exception_only(made(kind))) == f"bundle_engine.errors.{kind.__name__}: {SHOWN}\n"


def test_a_syntax_error_is_shown_whole_by_the_interpreter() -> None:
    code = "from bundle_engine import ConfigParser; ConfigParser({'a': '$1 +'}).get_parsed_content('a')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ExpressionSyntaxError: the expression cannot be read: invalid syntax\n  at code  id 'a'\n" in done.stderr


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        pytest.param({}, "it is wrong", id="nothing else"),
        pytest.param({"id": "a"}, "it is wrong\n  at id 'a'", id="an id"),
        pytest.param({"id": ""}, "it is wrong\n  at id ''", id="the root"),
        pytest.param({"place": Place("code")}, "it is wrong\n  at code", id="a place without lines"),
        pytest.param({"place": Place("a.yaml", 1, 1)}, "it is wrong\n  at a.yaml:1:1", id="a line without text"),
        pytest.param({"place": Place("a.yaml", 2, 1, "  ")}, "it is wrong\n  at a.yaml:2:1", id="a blank line"),
        pytest.param({"hint": "try"}, "it is wrong\n  help: try", id="a hint"),
        pytest.param({"notes": ["one\ntwo", "three"]}, "it is wrong\n  one\n  two\n  three", id="notes over lines"),
        pytest.param({"notes": ["\x1b[31mred"]}, "it is wrong\n  \ufffd[31mred", id="what a terminal would obey"),
    ],
)
def test_what_is_not_known_is_left_out(more: dict[str, Any], shown: str) -> None:
    assert str(BundleEngineError("it is wrong", **more)) == shown


@pytest.mark.parametrize(
    ("place", "text"),
    [(Place("a.yaml", 3, 4), "a.yaml:3:4"), (Place("command line"), "command line"), (Place("a.yaml"), "a.yaml")],
)
def test_a_place_is_written_as_editors_read_it(place: Place, text: str) -> None:
    assert str(place) == text


LONG = "x" * 200 + "HERE" + "y" * 200


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        pytest.param(Place("f", 7, 3, "a: b", 1), ["   |", " 7 | a: b", "   |   ^"], id="one character"),
        pytest.param(Place("f", 123, 1, "a: b", 4), ["     |", " 123 | a: b", "     | ^^^^"], id="a large number"),
        pytest.param(Place("f", 1, 5, "a: b", 1), ["   |", " 1 | a: b", "   |     ^"], id="behind the end"),
        pytest.param(Place("f", 1, 4, "a: b", 99), ["   |", " 1 | a: b", "   |    ^"], id="wider than the line"),
        pytest.param(Place("f", 1, 4, "\t\ta", 1), ["   |", " 1 | \t\ta", "   | \t\t ^"], id="tabs"),
        pytest.param(Place("f", 1, 3, "\t\ta", 1), ["   |", " 1 | \t\ta", "   | \t\t^"], id="under a tabbed value"),
        pytest.param(Place("f", 1, 4, "日本:x", 1), ["   |", " 1 | 日本:x", "   |      ^"], id="wide characters"),
        pytest.param(Place("f", 1, 1, "日本", 2), ["   |", " 1 | 日本", "   | ^^^^"], id="under wide characters"),
        pytest.param(
            Place("f", 1, 4, "e\u0301:x", 1), ["   |", " 1 | e\u0301:x", "   |   ^"], id="combining characters"
        ),
        pytest.param(
            Place("f", 1, 3, "a\x00b\x1b[m", 1), ["   |", " 1 | a\ufffdb\ufffd[m", "   |   ^"], id="control characters"
        ),
    ],
)
def test_the_carets_stand_under_the_value(place: Place, lines: list[str]) -> None:
    assert place.excerpt().split("\n") == lines


@pytest.mark.parametrize(
    ("text", "column"),
    [(LONG, 201), ("HERE" + "y" * 400, 1), ("x" * 400 + "HERE", 401), ("x" * 60 + "HERE" + "y" * 300, 61)],
    ids=["middle", "beginning", "end", "near the beginning"],
)
def test_a_very_long_line_is_cut_around_the_value(text: str, column: int) -> None:
    _, line, carets = Place("f", 1, column, text, 4).excerpt().split("\n")
    assert len(line) < 165
    start = carets.index("^")
    assert line[start : start + 4] == "HERE"
    assert carets.count("^") == 4
    assert (line[5] == "…") == (not text.startswith(line[5:9]))
    assert line.endswith("…") == (not text.endswith(line[-4:]))


def test_what_made_a_file_be_read_is_told() -> None:
    bare = InputError("there is no such file")
    bare.named_by("%b.yaml", "a", Place("a.yaml", 1, 4))
    assert (bare.id, str(bare.place), bare.notes) == ("a", "a.yaml:1:4", ())
    placed = InputError("it is broken", place=Place("b.yaml", 2, 1))
    placed.named_by("%b.yaml", "a", Place("a.yaml", 1, 4))
    assert (placed.id, str(placed.place), placed.notes) == (
        None,
        "b.yaml:2:1",
        ("read because of '%b.yaml' at a.yaml:1:4",),
    )


def test_families_are_what_callers_expect() -> None:
    assert issubclass(IdNotFoundError, KeyError)
    assert issubclass(CycleError, ValueError)
    assert issubclass(ExpressionSyntaxError, SyntaxError)
    with pytest.raises(KeyError, match="it is wrong"):
        raise made(IdNotFoundError)
