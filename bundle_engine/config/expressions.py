"""Expressions: find the references in Python text as Python reads it, compile, evaluate, import.

`scan` splits the text after ``$`` into plain pieces and references. String literals and comments stay what
they are, the braces of an f-string are read as code, and ``@`` after an operand is the matrix product.
References then become names, so that expressions of the same shape (``@a + 1``, ``@b + 1``) share their code.
"""

from __future__ import annotations

import _ast
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import NamedTuple

from bundle_engine.config.ids import ID_PATTERN, OR_ELSE, REFERENCE, RelativeId, read_relative
from bundle_engine.config.names import ANY_NAME, MAY_IMPORT


class Reference(NamedTuple):
    """An ``@id`` in an expression.

    Attributes:
        id: the id as written, which may be relative.
        start: offset of the ``@``.
        end: offset behind the id, or behind the default.
        default: the pieces of what follows ``??``; None where there is no default.
    """

    id: RelativeId
    start: int
    end: int
    default: tuple[str | Reference, ...] | None = None


Pieces = tuple["str | Reference", ...]

# one piece of code at a time; the order matters
_TOKEN = re.compile(
    rf"""
    (?P<string>(?P<prefix>[rRbBuUfFtT]{{0,2}})(?P<quote>'''|\"\"\"|'|\"))
  | (?P<reference>@{ID_PATTERN})
  | (?P<comment>\#[^\n]*)
  | (?P<word>\w+)
  | (?P<space>\s+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SIMPLE = re.compile(rf"@{ID_PATTERN}")
_HARD = re.compile(r"""['"?]|\#|[\w)\]}]\s*@""")  # what a plain text replacement would get wrong
_OR_ELSE = re.compile(rf"\s*{re.escape(OR_ELSE)}")
# words after which a value must follow, so that "@" begins a reference
_OPERATORS = frozenset(
    {"and", "as", "assert", "async", "await", "del", "elif", "else", "except", "for", "from", "global", "if",
     "import", "in", "is", "lambda", "nonlocal", "not", "or", "raise", "return", "while", "with", "yield"}
)  # fmt: skip
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


@lru_cache(maxsize=65_536)
def scan(text: str) -> Pieces:
    """Split the text of an expression (without ``$``) into plain pieces and references."""
    if REFERENCE not in text:
        return (text,)
    if not _HARD.search(text):
        return tuple(_simple_pieces(text))
    pieces, _ = _Scanner(text).code(0, "")
    return pieces


def _simple_pieces(text: str) -> Iterator[str | Reference]:
    position = 0
    for found in _SIMPLE.finditer(text):
        if found.start() > position:
            yield text[position : found.start()]
        yield Reference(read_relative(text[found.start() + 1 : found.end()]), found.start(), found.end())
        position = found.end()
    if position < len(text):
        yield text[position:]


class _Scanner:
    """Walks once over the text of an expression."""

    def __init__(self, text: str) -> None:
        self.text = text

    def code(self, position: int, stop: str) -> tuple[Pieces, int]:
        """Read code until one of the characters in `stop` stands outside all brackets opened here."""
        text = self.text
        pieces: list[str | Reference] = []
        begun = position  # where the plain piece began that is being read
        depth = 0
        operand = False  # whether a complete operand stands before the position

        def take(piece: str | Reference, start: int) -> None:
            if start > begun:
                pieces.append(text[begun:start])
            pieces.append(piece)

        while position < len(text):
            found = _TOKEN.match(text, position)
            assert found is not None  # the last alternative accepts anything
            kind, token, after = found.lastgroup, found.group(), found.end()
            if kind == "quote" or kind == "string":
                prefix, quote = found.group("prefix"), found.group("quote")
                if "f" in prefix.lower() or "t" in prefix.lower():
                    inner, after = self.formatted(after, quote)
                    if begun < after and inner:
                        pieces.append(text[begun : found.end()])
                        pieces.extend(inner)
                        begun = after
                else:
                    after = self.literal(after, quote)
                operand = True
            elif kind == "reference" or token[0] == REFERENCE:
                if operand or len(token) == 1:  # the matrix product; what follows is read again
                    after = position + 1
                    operand = False
                else:
                    end = ",)]}:" if depth or stop else ""
                    reference, after = self.reference(found, end if depth or "!" not in stop else f"{end}!")
                    take(reference, position)
                    begun = after
                    operand = True
            elif kind == "word":
                operand = token not in _OPERATORS
            elif kind == "other":
                if depth == 0 and token in stop and text[position : position + 2] not in ("!=", ":="):
                    break
                if token in _OPEN:
                    depth += 1
                elif token in _CLOSE:
                    depth -= 1
                operand = token in _CLOSE
            position = after
        if position > begun:
            pieces.append(text[begun:position])
        return tuple(pieces), position

    def reference(self, found: re.Match[str], stop: str) -> tuple[Reference, int]:
        """Read a reference and, behind ``??``, its default, as far as one of the characters in `stop`."""
        id, start, end = read_relative(found.group()[1:]), found.start(), found.end()
        or_else = _OR_ELSE.match(self.text, end)
        if or_else is None:
            return Reference(id, start, end), end
        default, end = self.code(or_else.end(), stop)
        return Reference(id, start, end, default), end

    def literal(self, position: int, quote: str) -> int:
        """Find the end of a string literal."""
        text = self.text
        while position < len(text):
            if text[position] == "\\":
                position += 2
            elif text.startswith(quote, position):
                return position + len(quote)
            else:
                position += 1
        return len(text)

    def formatted(self, position: int, quote: str) -> tuple[list[str | Reference], int]:
        """Read the inside of an f-string; the pieces are empty where it holds no reference."""
        text = self.text
        pieces: list[str | Reference] = []
        begun = position
        nested = 0  # braces of a replacement field whose format is being read
        while position < len(text):
            if text[position] == "\\" and not nested:
                position += 2
            elif text.startswith(quote, position):
                position += len(quote)
                break
            elif text.startswith("{{", position) and not nested:
                position += 2
            elif text[position] == "{":
                inner, end = self.code(position + 1, "}!:")
                if len(inner) > 1 or (inner and not isinstance(inner[0], str)):
                    pieces.append(text[begun : position + 1])
                    pieces.extend(inner)
                    begun = end
                position = end
                if text.startswith("!", position):
                    position += 2
                if text.startswith(":", position):  # the format follows, in which further fields may stand
                    nested += 1
                elif nested and text.startswith("}", position):
                    position += 1
                    continue
                position += 1
            elif text[position] == "}" and nested:
                nested -= 1
                position += 1
            else:
                position += 1
        if pieces:
            pieces.append(text[begun:position])
        return pieces, min(position, len(text))


def references(pieces: Pieces) -> Iterator[Reference]:
    """Give all references, those inside of defaults too."""
    for piece in pieces:
        if not isinstance(piece, str):
            yield piece
            if piece.default is not None:
                yield from references(piece.default)


def rewrite(text: str, absolute: Callable[[RelativeId], str]) -> str:
    """Write the text of an expression again, with each reference's id replaced by what `absolute` gives."""

    def write(pieces: Pieces) -> str:
        out = []
        for piece in pieces:
            if isinstance(piece, str):
                out.append(piece)
            else:
                out.append(REFERENCE + absolute(piece.id))
                if piece.default is not None:
                    out.append(f" ?? {write(piece.default).lstrip()}")
        return "".join(out)

    return write(scan(text))


class Binding(NamedTuple):
    """A name that stands for a reference.

    Attributes:
        name: the name.
        reference: the reference, as it was read first.
    """

    name: str
    reference: Reference


_SEES_NAMES = re.compile(r"(?<![\w.])(?:eval|exec|globals|locals)\s*\(")


class Compiled(NamedTuple):
    """An expression that is ready to be evaluated.

    Attributes:
        code: what `eval` takes.
        names: the names that the code looks up, attributes among them.
        bindings: what stands for each reference, in the order of reading.
        choices: the pieces of the text where some reference has a default; None where all are needed.
    """

    code: CodeType
    names: frozenset[str]
    bindings: tuple[Binding, ...]
    choices: Pieces | None


def value_name(index: int) -> str:
    """The name that stands for the value of a reference."""
    return f"__ref_{index}__"


def is_reference_name(name: str) -> bool:
    """Tell whether a name stands for a reference, or for its being there."""
    return name.startswith("__ref_")


def exists_name(name: str) -> str:
    """The name that tells whether the id of a reference with a default exists."""
    return f"{name}exists__"


@lru_cache(maxsize=65_536)
def compile_expression(text: str) -> Compiled:
    """Compile the text of an expression (without ``$``).

    Raises:
        ExpressionProblem: where Python cannot read it, with the offset into `text`.
    """
    bindings: dict[RelativeId, Binding] = {}
    pieces = scan(text)
    source, offsets = _substitute(pieces, bindings)
    try:
        code, names = _code(source)
    except (SyntaxError, ValueError) as error:
        raise _problem(text, source, offsets, error) from None
    return Compiled(code, names, tuple(bindings.values()), pieces if OR_ELSE in text else None)


def python_of(text: str) -> str:
    """Give the Python text of an expression, with the names that `compile_expression` puts for its references."""
    return _substitute(scan(text), {})[0]


def _substitute(pieces: Pieces, bindings: dict[RelativeId, Binding]) -> tuple[str, list[tuple[int, int]]]:
    """Put names in the place of references; the offsets pair the new text with the old."""
    out: list[str] = []
    offsets: list[tuple[int, int]] = []
    new = 0
    for text, at in _substituted(pieces, 0, bindings):
        if is_reference_name(text) and out and (out[-1][-1:].isalnum() or out[-1][-1:] == "_"):
            text = f" {text}"  # "not@x"
        out.append(text)
        offsets.append((new, at))
        new += len(text)
    return "".join(out), offsets


def _substituted(pieces: Pieces, at: int, bindings: dict[RelativeId, Binding]) -> Iterator[tuple[str, int]]:
    """Give the pieces of the new text, each with the offset in the old where it comes from."""
    for piece in pieces:
        if isinstance(piece, str):
            yield piece, at
            at += len(piece)
            continue
        known = bindings.get(piece.id)
        name = known.name if known else value_name(len(bindings))
        if known is None:
            bindings[piece.id] = Binding(name, piece)
        if piece.default is None:
            yield name, piece.start
        else:
            yield f"({name} if {exists_name(name)} else (", piece.start
            yield from _substituted(piece.default, _default_start(piece), bindings)
            yield "))", piece.end
        at = piece.end


def _default_start(reference: Reference) -> int:
    default = reference.default or ()
    length = sum(len(p) if isinstance(p, str) else p.end - p.start for p in default)
    return reference.end - length


@lru_cache(maxsize=16_384)
def _code(source: str) -> tuple[CodeType, frozenset[str]]:
    code = compile(source.strip(), "<expression>", "eval", dont_inherit=True)
    names = frozenset(_names(code))
    return code, names | {ANY_NAME} if _SEES_NAMES.search(source) else names


def has_functions(code: CodeType) -> bool:
    """Tell whether code defines functions: lambdas, comprehensions."""
    return any(constant.__class__ is CodeType for constant in code.co_consts)


def named(code: CodeType, name: str) -> CodeType:
    """Give code whose functions tell in tracebacks from which expression they are."""
    constants = tuple(named(c, name) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=constants, co_filename=name)


def _names(code: CodeType) -> Iterator[str]:
    waiting = [code]
    while waiting:
        code = waiting.pop()
        yield from code.co_names
        waiting.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))


class ExpressionProblem(ValueError):
    """Text that is no expression.

    Attributes:
        message: what Python says.
        offset: the offset into the text where reading stopped, if Python tells.
        statement: whether the text is a statement.
    """

    def __init__(self, message: str, offset: int | None, statement: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.statement = statement


def _problem(text: str, source: str, offsets: list[tuple[int, int]], error: Exception) -> ExpressionProblem:
    if not text.strip():
        return ExpressionProblem("there is nothing after '$'", None)
    statement = False
    try:
        compile(source.strip(), "<expression>", "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
        statement = True
    except SyntaxError as other:
        if MAY_IMPORT.match(text):
            error = other
    except ValueError:  # a NUL character
        return ExpressionProblem(str(error), text.find("\0"))
    if isinstance(error, SyntaxError) and error.offset == 0:  # the text ends too early
        return ExpressionProblem(error.msg, len(text.rstrip()), statement)
    if not isinstance(error, SyntaxError) or not error.offset:
        return ExpressionProblem(error.msg if isinstance(error, SyntaxError) else str(error), None, statement)
    stripped = len(source) - len(source.lstrip())
    before = source.strip().split("\n")[: (error.lineno or 1) - 1]
    found = stripped + sum(len(line) + 1 for line in before) + error.offset - 1
    new, old = max((pair for pair in offsets if pair[0] <= found), default=(0, 0))
    return ExpressionProblem(error.msg, min(old + found - new, len(text)), statement)
