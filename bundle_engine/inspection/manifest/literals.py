"""Texts that an expression puts together from literals and references, found out without evaluating it."""

from __future__ import annotations

import ast
import posixpath
from typing import Any

from bundle_engine.config import expressions, tree
from bundle_engine.config.ids import ESCAPE, EXPRESSION, MANDATORY, REFERENCE, SIGILS, Id, split
from bundle_engine.config.references import default_value
from bundle_engine.inspection.substitution import referred

__all__ = ["Literals", "parsed"]

_MOST_STEPS = 200  # references and operators behind one text
_JOINS = frozenset({"os.path.join", "path.join", "posixpath.join", "join"})
_SAME = frozenset(
    {"str", "Path", "pathlib.Path", "os.fspath", "os.path.abspath", "os.path.expanduser", "os.path.normpath"}
)
_PLAIN = (str, int, float, bool, type(None))


class _Unknown(Exception):
    """A text is known only when it runs."""


def parsed(text: str) -> tuple[ast.expr, dict[str, expressions.Reference]] | None:
    """Read an expression (with ``$``) as Python's tree, with names for its references; None where it cannot be read."""
    references: dict[str, expressions.Reference] = {}

    def write(pieces: expressions.Pieces) -> str:
        out = []
        for piece in pieces:
            if isinstance(piece, str):
                out.append(piece)
                continue
            name = expressions.value_name(len(references))
            references[name] = piece
            default = f" or ({write(piece.default)})" if piece.default is not None else ""
            out.append(f" ({name}{default}) " if default else f" {name} ")
        return "".join(out)

    try:
        return ast.parse(write(expressions.scan(text[1:])).strip(), mode="eval").body, references
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class Literals:
    """Finds out texts of one config.

    Args:
        config: the config, macros written out.
    """

    def __init__(self, config: Any) -> None:
        self._config = config
        self._known: dict[Id, Any] = {}

    def of(self, value: Any, at: Id) -> str | None:
        """Give the text that a value at an id comes to; None where it is known only when it runs."""
        try:
            found = self._of(value, at, [])
        except (_Unknown, RecursionError):
            return None
        return found if isinstance(found, str) else None

    def of_node(self, node: ast.expr, references: dict[str, expressions.Reference], at: Id) -> str | None:
        """Give the text that a part of an expression comes to; None where it is known only when it runs."""
        try:
            found = self._of_node(node, references, at, [])
        except (_Unknown, RecursionError):
            return None
        return found if isinstance(found, str) else None

    def _of(self, value: Any, at: Id, steps: list[Id]) -> Any:
        if len(steps) > _MOST_STEPS:
            raise _Unknown
        if not isinstance(value, str):
            if isinstance(value, _PLAIN):
                return value
            raise _Unknown
        if value[:1] not in SIGILS or value == MANDATORY:
            if value == MANDATORY:
                raise _Unknown
            return value
        if value[0] == ESCAPE:
            return value[1:] if value[1:2] in ("$", "@", "%", "\\") else value
        reference = referred(value)
        if reference is not None:
            words, default = reference
            return self._at(words.absolute(at), default, at, steps)
        if value[0] != EXPRESSION:
            return value
        read = parsed(value)
        if read is None:
            raise _Unknown
        return self._of_node(read[0], read[1], at, steps)

    def _at(self, words: str | None, default: str | None, at: Id, steps: list[Id]) -> Any:
        id = Id(split(words)) if words is not None else None
        if id is not None and id in steps:
            raise _Unknown
        try:
            if id is None:
                raise _Unknown
            value = tree.find(self._config, id)
        except tree.NoSuchKey:
            if default is None:
                raise _Unknown from None
            value = default_value(default)
            if isinstance(value, str) and value[:1] in (REFERENCE, EXPRESSION):
                return self._of(value, at, [*steps, at])
            return value
        return self._of(value, id, [*steps, id])

    def _of_node(self, node: ast.expr, references: dict[str, expressions.Reference], at: Id, steps: list[Id]) -> Any:
        def of(inner: ast.expr) -> Any:
            return self._of_node(inner, references, at, steps)

        if isinstance(node, ast.Constant) and isinstance(node.value, _PLAIN):
            return node.value
        if isinstance(node, ast.Name) and node.id in references:
            reference = references[node.id]
            if reference.default is not None:
                raise _Unknown
            return self._at(reference.id.absolute(at), None, at, steps)
        if isinstance(node, ast.BinOp):
            left, right = of(node.left), of(node.right)
            if isinstance(left, str) and isinstance(right, str):
                if isinstance(node.op, ast.Add):
                    return left + right
                if isinstance(node.op, ast.Div):
                    return posixpath.join(left, right)
        if isinstance(node, ast.JoinedStr):
            parts = []
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    if part.conversion != -1 or part.format_spec is not None:
                        raise _Unknown
                    parts.append(str(of(part.value)))
                else:
                    parts.append(str(of(part)))
            return "".join(parts)
        if isinstance(node, ast.Call) and not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args):
            name = ast.unparse(node.func)
            if name in _JOINS and node.args:
                return posixpath.join(*map(str, map(of, node.args)))
            if name in _SAME and len(node.args) == 1:
                return str(of(node.args[0]))
        raise _Unknown
