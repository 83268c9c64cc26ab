"""What is wrong with the syntax of a JSON or YAML text, in plain words.

The readers say what they expected, and where they gave up. People need to know where it went wrong, which may be
many lines before: a bracket that is never closed, a quote, a key without a colon.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TOO_DEEP = "no config needs that; the file is probably damaged"


class Fault(NamedTuple):
    """What is wrong with a text.

    Attributes:
        message: what is wrong.
        line, column: where, from 1.
        hint: what to try.
    """

    message: str
    line: int
    column: int
    hint: str | None = None


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Give line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


# --- JSON ---

_JSON_PIECE = re.compile(r'"(?:[^"\\\n]|\\.)*"?|[{}\[\]]')
_CLOSES = {"{": "}", "[": "]"}
_PYTHON_WORDS = ("True", "False", "None", "nan", "inf")
_IN_STRING = {"\n": "close it, or write \\n for a line break inside", "\t": "write \\t for a tab inside of a string"}


def json_fault(text: str, message: str, offset: int) -> Fault:
    """Say what is wrong with a JSON text.

    Args:
        text: the text.
        message: what the reader says; the words are those of the standard library.
        offset: where it gave up.
    """
    rest = text[offset:]
    hint = None
    if message.startswith("Unterminated string"):
        message, hint = "this string is never closed", "close it with '\"'"
    elif message.startswith("Invalid control character"):
        message = "this string is not closed on its line" if rest[:1] == "\n" else "a string cannot hold this character"
        hint = _IN_STRING.get(rest[:1])
    elif message.startswith("Invalid \\"):
        message = "this is no escape that JSON knows"
        hint = "write \\\\ for a backslash"
    elif not rest.strip() and (bracket := _open_bracket(text)) is not None:
        message, offset = f"this '{text[bracket]}' is never closed", bracket
        hint = f"close it with '{_CLOSES[text[bracket]]}'"
    elif message.startswith("Expecting ','"):
        message = "a ',' or a closing bracket is missing before this"
        hint = _json_hint("", rest) or "put a ',' after the value before it"
    elif message.startswith("Expecting ':'"):
        message = "a ':' was expected here, between a key and its value"
    elif message.startswith("Extra data"):
        message = "the text goes on after the end of its value"
        hint = _json_hint("", rest) or "a file holds one mapping; is there a bracket too many before?"
    elif message.startswith("Expecting"):
        is_key = "property name" in message
        message = "a key in double quotes was expected here" if is_key else "a value was expected here"
        hint = _json_hint(text[:offset].rstrip()[-1:], rest)
        if hint is None and (word := re.match(r"[\w$@%]\w*", rest)):
            hint = f'put text in double quotes: "{word.group()}"'
    return Fault(f"not JSON: {message}", *line_column(text, offset), hint)


def _json_hint(before: str, rest: str) -> str | None:
    if before == "," and rest[:1] in ("}", "]"):
        return "JSON allows no comma after the last item"
    if rest[:2] in ("//", "/*") or rest[:1] == "#":
        return "JSON has no comments; YAML has"
    if rest[:1] == "'":
        return "JSON strings take double quotes"
    if rest.startswith(_PYTHON_WORDS):
        return "JSON writes true, false, null, NaN and Infinity"
    return None


def _open_bracket(text: str) -> int | None:
    """Give the offset of the last bracket that is open at the end of a text."""
    opened: list[int] = []
    for found in _JSON_PIECE.finditer(text):
        token = found.group()
        if token in "{[":
            opened.append(found.start())
        elif token in "}]" and opened and token == _CLOSES[text[opened[-1]]]:
            opened.pop()
    return opened[-1] if opened else None


# --- YAML ---

_QUOTES = {"'": "a ' inside of single quotes is written ''", '"': 'a " inside of double quotes is written \\"'}


def yaml_fault(
    text: str, problem: str, line: int, column: int, context: str = "", begun: tuple[int, int] | None = None
) -> Fault:
    """Say what is wrong with a YAML text.

    Args:
        text: the text.
        problem: what the reader says; the words are libyaml's.
        line, column: where it gave up, from 1.
        context: what it was reading.
        begun: where that began.
    """
    message, hint = ", ".join(part for part in (context, problem) if part), None
    here = _rest(text, line, column)
    if "cannot start any token" in problem:
        if here[:1] == "\t":
            message, hint = "a tab cannot indent a line", "indent with spaces"
        else:
            message, hint = f"a value cannot begin with '{here[:1]}'", _quote(here)
    elif problem.startswith("mapping values are not allowed"):
        message, hint = "a ': ' cannot stand here", "quote a value that contains ': ', or check the indentation"
    elif "expected key" in problem:
        message = "a key was expected here"
        hint = "keys of one mapping begin in the same column, and nothing follows a closing quote"
    elif "expected '-' indicator" in problem:
        message, hint = "an item of a list, '- ', was expected here", "items of one list begin in the same column"
    elif "expected ',' or" in problem and begun:
        bracket = _rest(text, *begun)[:1]
        if not here.strip():
            (line, column), message = begun, f"this '{bracket}' is never closed"
            hint = f"close it with '{_CLOSES.get(bracket, bracket)}'"
        else:
            message = f"a ',' or a closing bracket was expected here: the '{bracket}' of line {begun[0]} is still open"
            hint = f"close it with '{_CLOSES.get(bracket, bracket)}', or put a ',' between its items"
    elif begun and "quoted scalar" in context and "escape" not in problem:
        (line, column), message = begun, "this quote is never closed"
        hint = _QUOTES.get(_rest(text, line, column)[:1])
    elif "unknown escape" in problem:
        message, hint = "this is no escape that YAML knows", "write \\\\ for a backslash, or use single quotes"
    elif begun and "expected ':'" in problem:
        (line, column), message = begun, "this key has no ': ' behind it"
        hint = "write 'key: value'; an item of a list begins with '- '"
    elif context.startswith(("while scanning an alias", "while scanning an anchor")) and begun:
        (line, column) = begun
        here = _rest(text, line, column)
        message, hint = f"'{here[:1]}' begins {context.removeprefix('while scanning ')}, and needs a name", _quote(here)
    return Fault(f"not YAML: {message}", line, column, hint)


def _rest(text: str, line: int, column: int) -> str:
    """Give the rest of a text from a line and column on."""
    lines = text.split("\n", line)
    return "\n".join([lines[line - 1][column - 1 :], *lines[line:]]) if line <= len(lines) else ""


def _quote(text: str) -> str:
    """Say how to quote the value at the beginning of a text."""
    value = re.split(r"[,\]}\n]| #", text, maxsplit=1)[0].strip()
    return f'put it in quotes: "{value}"' if '"' not in value else f"put it in quotes: '{value}'"
