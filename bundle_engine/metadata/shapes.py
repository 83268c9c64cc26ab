"""Sizes as metadata writes them: numbers, ``*`` for any size, and arithmetic such as ``8*n`` or ``2**p``.

The text comes from a file that somebody else wrote, so it is never given to Python to run. It is parsed, and what is
not integer arithmetic over `n`, `p` and `any` is refused. No intermediate result may grow past `LARGEST`.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping

__all__ = ["ANY", "LARGEST", "NAMES", "ShapeError", "evaluate", "names_in"]

ANY = "*"
NAMES = ("n", "p", "any")
LARGEST = 2**31 - 1
_LONGEST = 200  # characters
_LARGEST_EXPONENT = 31

_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


class ShapeError(ValueError):
    """A size that is no number and no arithmetic over `NAMES`; the text says what is wrong with it."""


def evaluate(size: int | str, *, n: int = 1, p: int = 1, any: int = 1) -> int:
    """Give the size that a number or a text of the metadata stands for.

    Args:
        size: such as ``96``, ``"96"``, ``"16*n"``, ``"2**p"``, ``"*"``.
        n: what `n` is.
        p: what `p` is.
        any: what ``*`` and `any` are.

    Raises:
        ShapeError: when it is nothing of the kind, or the result is not between 1 and `LARGEST`.
    """
    result = _value(_parse(size), {"n": n, "p": p, "any": any})
    if result < 1:
        raise ShapeError(f"gives {result}, and a size is at least 1")
    return result


def names_in(size: int | str) -> frozenset[str]:
    """Give those of `NAMES` that a size depends on; ``*`` depends on `any`.

    Raises:
        ShapeError: when it cannot be read.
    """
    parsed = _parse(size)
    return frozenset(node.id for node in ast.walk(parsed) if isinstance(node, ast.Name))


def _parse(size: int | str) -> ast.expr:
    if isinstance(size, int) and not isinstance(size, bool):
        return ast.Constant(size)
    if not isinstance(size, str):
        raise ShapeError("is neither a number nor a text")
    text = size.strip()
    if len(text) > _LONGEST:
        raise ShapeError(f"is longer than {_LONGEST} characters")
    if text == ANY:
        return ast.Name("any")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about strange literals, such as 1if
            parsed = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ShapeError("is no arithmetic") from None
    _refuse_others(parsed)
    return parsed


def _refuse_others(parsed: ast.expr) -> None:
    """Raise for everything but integers, `NAMES`, ``+ - * // **`` and parentheses."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.Name):
            if node.id not in NAMES:
                raise ShapeError(f"has the name '{node.id}', and only {', '.join(NAMES)} mean something")
        elif isinstance(node, ast.Constant):
            if type(node.value) is not int:
                raise ShapeError(f"has {node.value!r:.40}, and a size is made of whole numbers")
        elif isinstance(node, ast.BinOp):
            if type(node.op) not in _OPERATIONS:
                raise ShapeError("has an operator that is none of + - * // **")
        elif not isinstance(node, (ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)):
            raise ShapeError("is more than arithmetic with + - * // **")
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, (ast.USub, ast.UAdd)):
            raise ShapeError("has an operator that is none of + - * // **")


def _value(node: ast.expr, names: Mapping[str, int]) -> int:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return _bounded(node.value)
    if isinstance(node, ast.Name):
        return _bounded(names[node.id])
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, names)
        return -value if isinstance(node.op, ast.USub) else value
    assert isinstance(node, ast.BinOp)
    left, right = _value(node.left, names), _value(node.right, names)
    if isinstance(node.op, ast.Pow) and not 0 <= right <= _LARGEST_EXPONENT:
        raise ShapeError(f"has the exponent {right}, and it may be 0 to {_LARGEST_EXPONENT}")
    if isinstance(node.op, ast.FloorDiv) and right == 0:
        raise ShapeError("divides by 0")
    return _bounded(_OPERATIONS[type(node.op)](left, right))


def _bounded(value: int) -> int:
    if abs(value) > LARGEST:
        raise ShapeError(f"gives more than {LARGEST}")
    return value
