"""Find out which keywords a constructor hands on to that of its base, when it takes any."""

from __future__ import annotations

import ast
import os
from functools import lru_cache
from typing import NamedTuple

from bundle_engine.inspection.targets import Ambiguous, Definition, Found, Parameter, TargetIndex

__all__ = ["forwarded"]

_MOST_BASES = 8
_READING = frozenset({"get", "pop", "setdefault"})


class _HandedOn(NamedTuple):
    """What a constructor does with the keywords that it takes beyond its own.

    Attributes:
        names: keywords that it looks at by their names.
        given: arguments that it gives to the constructor of its base itself.
        positional: how many of them it gives by position.
    """

    names: tuple[str, ...]
    given: tuple[str, ...]
    positional: int


def forwarded(index: TargetIndex, definition: Definition) -> dict[str, Parameter] | None:
    """Give the keywords that a class which takes any hands on to its base; None where that cannot be told.

    It can where all that the constructor does with them is to look at some by their names, and to give them to
    ``super().__init__``.
    """
    further: dict[str, Parameter] = {}
    for _ in range(_MOST_BASES):
        owner, _, method = definition.signature_path.rpartition(".")
        looked = index.lookup(owner) if method == "__init__" else None
        if not isinstance(looked, (Found, Ambiguous)) or looked.definition.file is None:
            return None
        home = looked.definition
        name = next((p.name for p in definition.parameters or () if p.kind == "var_keyword"), "")
        handed = _read(str(home.file), _stamp(str(home.file)), home.name, home.line, name)
        if handed is None or len(home.bases) != 1:
            return None
        base = index.lookup(home.bases[0])
        if not isinstance(base, (Found, Ambiguous)) or base.definition.parameters is None or base.definition.wrapped:
            return None
        definition = base.definition
        order = [p for p in definition.parameters or () if p.kind in ("positional_only", "positional_or_keyword")]
        taken = {*handed.given, *(p.name for p in order[: handed.positional])}
        further |= {each: Parameter(each) for each in handed.names if each not in further}
        for parameter in definition.parameters or ():
            if parameter.by_name and parameter.name not in taken:
                further[parameter.name] = parameter
        if not definition.open:
            return further
    return None


def _stamp(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _read(file: str, stamp: int, cls: str, line: int, name: str) -> _HandedOn | None:
    """Read from the source what the constructor of a class does with the keywords called `name`."""
    try:
        with open(file, encoding="utf-8") as source:
            lines = source.readlines()[line - 1 :]
        end = next((n for n, text in enumerate(lines) if n and text[:1] not in " \t\n\r#)"), len(lines))
        tree = ast.parse("".join(lines[:end]))  # the class alone: its file may be long
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    owner = tree.body[0] if tree.body else None
    if not isinstance(owner, ast.ClassDef) or owner.name != cls:
        return None
    init = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    return _handed_on(init, name) if init is not None else None


def _handed_on(init: ast.FunctionDef, name: str) -> _HandedOn | None:
    known: set[int] = set()  # uses of the keywords that are understood
    names: list[str] = []
    call: ast.Call | None = None
    for node in ast.walk(init):
        constant: ast.expr | None = None
        if isinstance(node, ast.Subscript) and _is(node.value, name):
            known.add(id(node.value))
            constant = node.slice
        elif isinstance(node, ast.Compare) and len(node.comparators) == 1 and _is(node.comparators[0], name):
            if not isinstance(node.ops[0], (ast.In, ast.NotIn)):
                return None
            known.add(id(node.comparators[0]))
            constant = node.left
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, name):
            if node.func.attr not in _READING or not node.args:
                return None
            known.add(id(node.func.value))
            constant = node.args[0]
        elif isinstance(node, ast.Call) and any(k.arg is None and _is(k.value, name) for k in node.keywords):
            if call is not None or not _is_super_init(node.func):
                return None
            call = node
            known.update(id(k.value) for k in node.keywords if k.arg is None and _is(k.value, name))
        if constant is not None:
            if not isinstance(constant, ast.Constant) or not isinstance(constant.value, str):
                return None
            names.append(constant.value)
    if call is None or any(isinstance(arg, ast.Starred) for arg in call.args):
        return None
    if any(_is(node, name) and id(node) not in known for node in ast.walk(init)):
        return None
    if sum(keyword.arg is None for keyword in call.keywords) != 1:
        return None
    return _HandedOn(tuple(names), tuple(k.arg for k in call.keywords if k.arg is not None), len(call.args))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_super_init(function: ast.expr) -> bool:
    """Tell whether a call is ``super().__init__``."""
    if not isinstance(function, ast.Attribute) or function.attr != "__init__":
        return False
    value = function.value
    return isinstance(value, ast.Call) and _is(value.func, "super") and not value.args
