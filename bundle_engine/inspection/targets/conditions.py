"""Conditions that depend on nothing but the interpreter."""

from __future__ import annotations

import ast
import operator
import os
import sys
from typing import Any

from bundle_engine.inspection.targets.shapes import dotted

__all__ = ["truth_of"]

_KNOWN: dict[str, Any] = {
    "sys.version_info": tuple(sys.version_info[:3]),
    "sys.platform": sys.platform,
    "os.name": os.name,
}
_OPERATORS: dict[type[ast.cmpop], Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
}


def truth_of(node: ast.expr) -> bool | None:
    """Tell how a condition turns out; None where that takes more than to know the interpreter."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = truth_of(node.operand)
        return None if inner is None else not inner
    if isinstance(node, ast.BoolOp):
        truths = [truth_of(value) for value in node.values]
        decisive = isinstance(node.op, ast.Or)
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive
    if name := dotted(node):
        return False if name.rpartition(".")[2] == "TYPE_CHECKING" else None
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(dotted(node.left), node.ops[0], node.comparators[0])
    return None


def _compared(name: str, comparison: ast.cmpop, other: ast.expr) -> bool | None:
    """Compare what is known of the interpreter with a literal."""
    mine, compare = _KNOWN.get(name), _OPERATORS.get(type(comparison))
    try:
        value = ast.literal_eval(other)
    except ValueError:
        return None
    if mine is None or compare is None or type(value) is not type(mine):
        return None
    if isinstance(value, tuple) and isinstance(comparison, (ast.Eq, ast.NotEq)):
        return None  # of a version, whose length is a matter of taste
    return bool(compare(mine, value))
