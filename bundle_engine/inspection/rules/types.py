"""Hold literals against annotations, where these say for certain what they mean."""

from __future__ import annotations

import ast
import collections.abc
import typing
from functools import lru_cache
from typing import Any

__all__ = ["accepts_text", "fits", "only_numbers"]

#: annotations whose meaning is certain; a list stands for a tuple, as configs have no tuples
_PLAIN: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "None": None, "Any": Any, "object": object,
}  # fmt: skip
_MANY = frozenset({"Sequence", "List", "list", "Tuple", "tuple", "Iterable", "Collection"})


class _Uncertain(Exception):
    """An annotation that says nothing certain about literals."""


@lru_cache(maxsize=4_096)
def _meaning(annotation: str) -> Any:
    """Give the type that an annotation means; `_Uncertain` where that is not certain."""
    try:
        return _read(ast.parse(annotation.strip(), mode="eval").body)
    except (_Uncertain, SyntaxError, ValueError, TypeError, RecursionError):
        return _Uncertain


def _read(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        if node.value is None:
            return None
        if isinstance(node.value, str):
            return _read(ast.parse(node.value, mode="eval").body)
    elif isinstance(node, ast.Name) and node.id in _PLAIN:
        return _PLAIN[node.id]
    elif isinstance(node, ast.Name | ast.Attribute):
        name = _name(node)
        if name in _MANY:
            return collections.abc.Sequence
        if name in _PLAIN and isinstance(node, ast.Attribute):
            return _PLAIN[name]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return typing.Union[_read(node.left), _read(node.right)]  # noqa: UP007  made while it runs
    elif isinstance(node, ast.Subscript):
        return _subscript(_name(node.value), node.slice)
    raise _Uncertain


def _subscript(name: str, inner: ast.expr) -> Any:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Literal":
        return typing.Literal[tuple(_value(part) for part in parts)]
    if name == "Optional":
        return typing.Union[_read(inner), None]  # noqa: UP007
    if name == "Union":
        return typing.Union[tuple(_read(part) for part in parts)]  # noqa: UP007
    if name in _MANY:
        kinds = [_read(part) for part in parts if not (isinstance(part, ast.Constant) and part.value is ...)]
        item: Any = typing.Union[tuple(kinds)]  # noqa: UP007
        return collections.abc.Sequence[item]
    raise _Uncertain


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.value.id in ("typing", "t", "collections", "abc", "builtins") else ""
    return node.id if isinstance(node, ast.Name) else ""


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    raise _Uncertain


@lru_cache(maxsize=1)
def _library() -> Any:
    import typeguard

    return typeguard


def fits(value: Any, annotation: str | None) -> bool | None:
    """Tell whether a literal fits an annotation; None where that is not certain."""
    meaning = _meaning(annotation) if annotation is not None else _Uncertain
    if meaning is _Uncertain:
        return None
    if _clearly_fits(value, meaning):
        return True  # as most do; the library takes a while to import
    typeguard = _library()
    try:
        typeguard.check_type(value, meaning, collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS)
    except typeguard.TypeCheckError:
        return False
    except Exception:  # an annotation that the library does not understand says nothing
        return None
    return True


def _clearly_fits(value: Any, meaning: Any) -> bool:
    """Tell whether a literal is of a type that is named outright."""
    choices = typing.get_args(meaning) if typing.get_origin(meaning) is typing.Union else (meaning,)
    if value.__class__ in choices or (value.__class__ is int and float in choices) or meaning is Any:
        return True
    many = [choice for choice in choices if typing.get_origin(choice) is collections.abc.Sequence]
    return value.__class__ is list and any(
        all(_clearly_fits(each, typing.get_args(choice)[0]) for each in value) for choice in many
    )


def accepts_text(annotation: str | None) -> bool:
    """Tell whether text fits an annotation, or may fit it."""
    return annotation is not None and fits("text", annotation) is True


@lru_cache(maxsize=4_096)
def only_numbers(annotation: str) -> bool:
    """Tell whether an annotation speaks of numbers alone, single ones or many."""
    waiting = [_meaning(annotation)]
    while waiting:
        meaning = waiting.pop()
        if meaning in (int, float, None, type(None)):
            continue
        if typing.get_origin(meaning) in (typing.Union, collections.abc.Sequence):
            waiting += typing.get_args(meaning)
        else:
            return False
    return True
