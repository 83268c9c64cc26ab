"""Expressions: section 3 of the language."""

from __future__ import annotations

import glob
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import expressions
from bundle_engine.config.expressions import ExpressionProblem, scan
from bundle_engine.errors import ExpressionError, ImportStatementError, ReferenceNotFoundError


class Matrix:
    """A value that has a matrix product."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.T = self

    def __matmul__(self, other: Any) -> str:
        return f"{self.name}@{getattr(other, 'name', other)}"

    def __rmatmul__(self, other: Any) -> str:
        return f"{other}@{self.name}"

    def __getitem__(self, key: Any) -> Matrix:
        return self


def value_of(text: str, **ids: Any) -> Any:
    return ConfigParser({"it": text, **ids}, globals={"M": Matrix}).get_parsed_content("it")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("$1 + 1", 2, id="plain Python"),
        pytest.param("$ 1 + 1 ", 2, id="with blanks around it"),
        pytest.param("$[\n  1,\n  2,\n]", [1, 2], id="over several lines"),
        pytest.param("$@a + 1", 4, id="a reference"),
        pytest.param("$@a+@a", 6, id="two references"),
        pytest.param("$@o::x", 5, id="a reference with keys"),
        pytest.param("$@o#x", 5, id="the old separator"),
        pytest.param("$@l::0 + @l::1", 30, id="items of a list"),
        pytest.param("$-@a", -3, id="behind a minus"),
        pytest.param("$not @a", False, id="behind a word"),
        pytest.param("$not@a", False, id="right behind a word"),
        pytest.param("$[@a if @o::x else @a for _ in range(2)]", [3, 3], id="between words"),
        pytest.param("${'k': @a, **@o}", {"k": 3, "x": 5}, id="behind stars"),
        pytest.param("$(lambda x: x + @a)(1)", 4, id="inside of a lambda"),
        pytest.param("$[x for x in @l if x > @a]", [10, 20], id="inside of a comprehension"),
        pytest.param("$sum(@l[i] for i in range(2))", 30, id="indexed"),
        pytest.param("$@o['x']", 5, id="indexed by a text"),
        pytest.param("$@t.upper()", "ABC", id="an attribute"),
        pytest.param("$@a == 3 and @a != 4", True, id="compared"),
        pytest.param("$(y := @a) + y", 6, id="bound to a name"),
        # string literals and comments stay what they are
        pytest.param("$'@a'", "@a", id="in a literal"),
        pytest.param("$\"@a\" + '@o'", "@a@o", id="in literals"),
        pytest.param("$'it\\'s @a'", "it's @a", id="behind a quote that is escaped"),
        pytest.param("$'''@a\n\"@a'''", '@a\n"@a', id="in a long literal"),
        pytest.param("$r'\\@a'", "\\@a", id="in a raw literal"),
        pytest.param("$b'@a'", b"@a", id="in bytes"),
        pytest.param("$'a' '@a'", "a@a", id="in literals side by side"),
        pytest.param("$@a # @nowhere", 3, id="a comment"),
        pytest.param("$@a # it's", 3, id="a comment with a quote"),
        pytest.param("$[ # @nowhere\n @a]", [3], id="a comment in the middle"),
        pytest.param("$'#' + str(@a)", "#3", id="a number sign in a literal"),
        # f-strings
        pytest.param("$f'{@a}'", "3", id="in an f-string"),
        pytest.param("$f'@a is {@a}'", "@a is 3", id="in and outside of the braces"),
        pytest.param("$f'{{@a}} {@a}'", "{@a} 3", id="doubled braces"),
        pytest.param("$f'{@a:>{@o::x}}'", "    3", id="in the format"),
        pytest.param("$f'{@a!r:>4}'", "   3", id="with a conversion"),
        pytest.param("$f'{@t!r}'", "'abc'", id="a conversion alone"),
        pytest.param("$f'{@o[\"x\"]}'", "5", id="a literal inside of the braces"),
        pytest.param("$f\"{'@a'}{@a}\"", "@a3", id="a literal with a reference's look inside of the braces"),
        pytest.param("$rf'{@a}\\d'", "3\\d", id="a raw f-string"),
        pytest.param("$f'''{\n@a\n}'''", "3", id="a long f-string"),
        pytest.param("$f'{@a}' '{@a}'", "3{@a}", id="an f-string beside a literal"),
        pytest.param("$f'{@a ?? 4}'", "3", id="with a default"),
        pytest.param("$f'{@none ?? 4:>3}'", "  4", id="with a default and a format"),
        pytest.param("$f'{(lambda x: x + @a)(1)}'", "4", id="a colon in brackets"),
        pytest.param("$f'{@a != 4}'", "True", id="a comparison in the braces"),
        # relative references, not comments
        pytest.param("$@#a + 1", 4, id="a sibling, old separator"),
        pytest.param("$@::a + 1", 4, id="a sibling"),
        pytest.param("$[@#a, 1] # @#a", [3, 1], id="a sibling and a comment"),
        # the matrix product
        pytest.param("$M('x') @ M('y')", "x@y", id="a product"),
        pytest.param("$@m @ @n", "m@n", id="a product of references"),
        pytest.param("$@m@@n", "m@n", id="a product of references without blanks"),
        pytest.param("$@m @ @n.T", "m@n", id="a product with an attribute"),
        pytest.param("$(lambda a: M('x')@a)(3)", "x@3", id="behind a bracket it is a product with a name"),
        pytest.param("$M('x') @ @a", "x@3", id="a product with a reference"),
        pytest.param("$@m[0] @ @n[0]", "m@n", id="a product of items"),
        pytest.param("$'x' @ @n", "x@n", id="a product behind a literal"),
        pytest.param("$[z @ @n for z in [@m]]", ["m@n"], id="a product of a name and a reference"),
    ],
)
def test_references_are_found_as_python_reads(text: str, value: Any) -> None:
    ids = {"a": 3, "o": {"x": 5}, "l": [10, 20], "t": "abc", "m": "$M('m')", "n": "$M('n')"}
    assert value_of(text, **ids) == value


def test_relative_references_in_expressions() -> None:
    parser = ConfigParser({"x": 1, "o": {"x": 10, "p": {"x": 100, "e": "$[@#x, @##x, @###x, @::x, @::::x, @x]"}}})
    assert parser.get_parsed_content("o::p::e") == [100, 10, 1, 100, 10, 1]


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "'@a'",
        "f'{@a}@b{@c:{@d}}'",
        "@a @ @b",
        "@a ?? @b + 1",
        "[@::x, @##y] # @z",
        "f'{{@a}}'",
        "'open @a",
        "f'{@a",
    ],
)
def test_the_pieces_make_up_the_text(text: str) -> None:
    out, position = [], 0
    for piece in scan(text):
        if isinstance(piece, str):
            out.append(piece)
        else:
            assert text[piece.start] == "@"
            out.append(text[piece.start : piece.end])
        position += len(out[-1])
    assert "".join(out) == text
    assert position == len(text)


def test_an_object_that_is_referred_to_several_times_is_the_same_object() -> None:
    assert value_of("$@a is @a and [@a][0] is @a", a=[1]) is True


def test_expressions_of_the_same_shape_share_their_code() -> None:
    assert expressions.compile_expression("@a + 1").code is expressions.compile_expression("@b + 1").code


# --- names ---


def test_numpy_has_two_names() -> None:
    assert value_of("$np is numpy and int(np.sum([1, 2]))") == 3


@pytest.mark.parametrize(
    ("expression", "modules"),
    [("1 + 1", []), ("np.pi", ["numpy"]), ("numpy.pi", ["numpy"]), ("'torch.float32 np'", [])],
)
def test_modules_are_imported_when_an_expression_uses_them(expression: str, modules: list[str]) -> None:
    code = f"""
import sys
from bundle_engine import ConfigParser
ConfigParser({{"a": {"$" + expression!r}}}).get_parsed_content("a")
print([name for name in ("monai", "numpy", "torch") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(modules)


def test_names_are_given_to_the_parser() -> None:
    given = {"f": len, "js": "json"}  # a string is a module
    assert ConfigParser({"a": "$f([1, 2])", "b": "$js.loads('3')"}, globals=given).get_parsed_content() == {
        "a": 2,
        "b": 3,
    }


def test_the_usual_names_may_be_taken_away() -> None:
    with pytest.raises(ExpressionError, match="name 'np' is not defined"):
        ConfigParser({"a": "$np.pi"}, globals=False).get_parsed_content("a")
    assert ConfigParser({"a": "$len([1])"}, globals=False).get_parsed_content("a") == 1


def test_given_names_win_over_the_usual_ones() -> None:
    assert ConfigParser({"a": "$np"}, globals={"np": 3}).get_parsed_content("a") == 3


# --- import statements ---


@pytest.mark.parametrize(
    ("statement", "use", "value"),
    [
        pytest.param("$import glob", "$glob.glob", glob.glob, id="a module"),
        pytest.param("$import os.path", "$os", os, id="import a.b binds a"),
        pytest.param("$import os.path as p", "$p", os.path, id="as another name"),
        pytest.param("$import json, math", "$[json, math]", [json, math], id="import a, b binds both"),
        pytest.param("$from os import path as p, sep", "$[p, sep]", [os.path, os.sep], id="from"),
        pytest.param("$from math import *", "$pi", math.pi, id="everything"),
        pytest.param("$import glob # @x", "$glob", glob, id="with a comment"),
        pytest.param("$  import glob  ", "$glob", glob, id="with blanks"),
        pytest.param("$from os import (\n  path,\n  sep,\n)", "$sep", os.sep, id="over several lines"),
        pytest.param("$import json; import math", "$[json, math]", [json, math], id="two statements"),
    ],
)
def test_import_statements_bind_names_as_python_does(statement: str, use: str, value: Any) -> None:
    assert expressions.is_import(statement)
    for config in ({"i": statement, "a": use}, {"a": use, "deep": {"l": [{"i": statement}]}}):
        assert ConfigParser(config).get_parsed_content("a") == value


@pytest.mark.parametrize(
    "text", ["$import", "$import 3", "$imported", "$@important * 2", "$'import os'", "import os", "", "$from x"]
)
def test_what_is_no_import_statement(text: str) -> None:
    assert not expressions.is_import(text)


def test_an_expression_may_contain_the_word() -> None:  # section 8, 2
    assert value_of("$@important_lr * 2", important_lr=3) == 6


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("$import json", json),
        ("$import os.path", os.path),
        ("$import os.path as p", os.path),
        ("$from os import sep, path", os.sep),
    ],
)
def test_the_value_of_an_import_statement_is_what_it_names_first(statement: str, value: Any) -> None:
    assert value_of(statement) is value


def test_imports_run_once_in_document_order_before_the_first_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "order_log.py").write_text("log = []\n")
    for name in ("first_of_two", "second_of_two"):
        (tmp_path / f"{name}.py").write_text(f"import order_log\norder_log.log.append({name!r})\n")
    config = {
        "log": "$order_log.log.append('evaluated') or list(order_log.log)",
        "z": {"i": ["$import first_of_two"]},
        "a": "$import second_of_two, order_log",
    }
    parser = ConfigParser(config)
    assert parser.get_parsed_content("log") == ["first_of_two", "second_of_two", "evaluated"]
    parser["b"] = "$order_log.log"
    assert parser.get_parsed_content("b") == ["first_of_two", "second_of_two", "evaluated"]
    for name in ("order_log", "first_of_two", "second_of_two"):
        sys.modules.pop(name)


def test_an_import_that_is_added_later_binds_its_name() -> None:
    parser = ConfigParser({"a": "$1"})
    parser.get_parsed_content()
    parser["i"] = "$import colorsys"
    parser["b"] = "$colorsys.ONE_THIRD"
    assert parser.get_parsed_content("b") == 1 / 3


@pytest.mark.parametrize(
    "use", ["nothere.x(1)", "nothere()", "nothere + 1", "nothere[0]", "[x for x in nothere]", "len(nothere)"]
)
def test_an_import_that_fails_is_an_error_when_something_uses_it(use: str) -> None:
    parser = ConfigParser({"i": "$import nothere", "fine": "$1 + 1", "a": f"${use}"})
    assert parser.get_parsed_content("fine") == 2
    with pytest.raises(ImportStatementError) as caught:
        parser.get_parsed_content("a")
    assert caught.value.id == "i"
    assert "the import 'import nothere' failed: ModuleNotFoundError: No module named 'nothere'" in caught.value.message
    assert "needed by 'a'" in caught.value.notes[-1]
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_usual_name_that_cannot_be_imported_names_the_expression() -> None:
    with pytest.raises(ImportStatementError, match="'it' is not available: importing nothere failed") as caught:
        ConfigParser({"a": "$it.x"}, globals={"it": "nothere"}).get_parsed_content("a")
    assert caught.value.id == "a"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


# --- the environment ---


@pytest.mark.parametrize(
    ("text", "variable", "value"),
    [
        pytest.param("$env('V')", "x", "x", id="a text"),
        pytest.param("$env('V', 'd')", None, "d", id="not set"),
        pytest.param("$env('V', 'd')", "x", "x", id="set"),
        pytest.param("$env('V', '')", None, "", id="an empty default"),
        pytest.param("$env('V', 4)", "8", 8, id="a whole number"),
        pytest.param("$env('V', 4)", None, 4, id="a whole number, not set"),
        pytest.param("$env('V', 0.5)", "1e-3", 1e-3, id="a number"),
        pytest.param("$env('V', False)", "TRUE", True, id="true"),
        pytest.param("$env('V', True)", "0", False, id="false"),
    ],
)
def test_variables_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, variable: str | None, value: Any
) -> None:
    monkeypatch.delenv("V", raising=False)
    if variable is not None:
        monkeypatch.setenv("V", variable)
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


# --- what Python cannot read ---


@pytest.mark.parametrize(
    ("text", "offset", "statement"),
    [
        ("(@a + ) * 2", 6, False),
        ("1 + * 2", 4, False),
        ("@long::id + )", 12, False),
        ("@long::id ?? 3 + * 2", 17, False),
        ("  1 +", 5, False),
        ("[\n  @a,\n  3 +* 4,\n]", 13, False),
        ("x = 3", 2, True),
        ("del x", 0, True),
        ("", None, False),
        ("  ", None, False),
        ("from os import", 14, False),
    ],
)
def test_the_offset_is_that_of_the_text_as_written(text: str, offset: int | None, statement: bool) -> None:
    with pytest.raises(ExpressionProblem) as caught:
        expressions.compile_expression(text)
    assert caught.value.offset == offset
    assert caught.value.statement == statement


def test_a_reference_takes_no_name_from_the_config() -> None:
    with pytest.raises(ReferenceNotFoundError):
        value_of("$__ref_7__")
