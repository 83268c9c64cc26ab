"""Expressions: section 3 of the language."""

from __future__ import annotations

from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import expressions
from bundle_engine.config.expressions import ExpressionProblem, scan
from bundle_engine.errors import ReferenceNotFoundError


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
