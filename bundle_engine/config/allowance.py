"""Decide whether a target is on the allow-list: by what the name leads to, not by the name."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import types
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from bundle_engine.config.allowed_targets import (
    CALLABLES,
    CONSTANTS,
    GUARDS,
    IMAGE_LOADERS,
    METHODS,
    PURE,
    READERS,
)
from bundle_engine.config.policy import Forbidden
from bundle_engine.config.targets import ComponentLocator, Missing, Target, locate

__all__ = [
    "check_arguments",
    "check_target",
    "find_constant",
    "find_method",
    "find_pure",
    "find_target",
    "is_method_name",
    "may_be_target",
    "private_part",
]


def _names(table: Mapping[str, str]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, names in table.items() for name in names.split())


_CALLABLES, _CONSTANTS, _METHODS, _PURE = map(_names, (CALLABLES, CONSTANTS, METHODS, PURE))
_LAST = frozenset(name.rpartition(".")[2] for name in _CALLABLES)
_PACKAGES = frozenset(module.partition(".")[0] for module in CALLABLES)
_METHOD_NAMES = frozenset(name.rpartition(".")[2] for name in _METHODS)
_NOT_LISTED = "it is not on the list of callables"


def private_part(dotted: str) -> str | None:
    """Give the first part of a dotted path that begins with ``_``; None where there is none."""
    return next((part for part in dotted.split(".") if part[:1] == "_"), None)


def may_be_target(dotted: str) -> bool:
    """Tell whether a dotted path looks like one that leads to something on the list; nothing is imported."""
    package, _, rest = dotted.partition(".")
    return package in _PACKAGES and rest.rpartition(".")[2] in _LAST and private_part(dotted) is None


def find_target(name: str, locator: ComponentLocator) -> Target | Missing:
    """Find what a target names, if it is on the list.

    Only packages of the list are imported, and only for names that could be on it.

    Raises:
        Forbidden: for anything that is not on the list.
    """
    if private_part(name) is not None:
        raise Forbidden(name, f"'{private_part(name)}' is private")
    path = locator.full_name(name)
    if not may_be_target(path):
        raise Forbidden(name, _NOT_LISTED)
    found = locate(path, locator)
    if isinstance(found, Target):
        check_target(found.callable, name)
    return found


def check_target(target: Any, name: str | None = None) -> str:
    """Give the name under which a callable is on the list.

    Args:
        target: the object.
        name: what the config calls it, for the message.

    Raises:
        Forbidden: where it is not on the list.
    """
    canonical = _canonical(target)
    if canonical is None or canonical not in _CALLABLES:
        shown = name or canonical or f"an object of type {type(target).__qualname__}"
        leads = f", and leads to '{canonical}'" if name and canonical and canonical != name else ""
        raise Forbidden(shown, f"{_NOT_LISTED}{leads}")
    return canonical


def _canonical(target: Any) -> str | None:
    """Give module and qualified name of a class or function, if that is where it can be found."""
    kind = type(target)
    if not (isinstance(target, type) or kind in (types.FunctionType, types.BuiltinFunctionType)):
        return None
    if isinstance(target, type):
        module, qualified = type.__getattribute__(target, "__module__"), type.__getattribute__(target, "__qualname__")
    else:
        module, qualified = target.__module__, target.__qualname__
    if type(module) is not str or type(qualified) is not str:
        return None
    found: Any = sys.modules.get(module)
    for part in str(qualified).split("."):
        found = getattr(found, part, None)
    return f"{module}.{qualified}" if found is target else None


def check_arguments(target: Any, positional: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    """Refuse arguments with which a callable of the list would read files or addresses.

    Raises:
        Forbidden: for such an argument.
    """
    canonical = check_target(target)
    if canonical in GUARDS:
        given = _bound(target, positional, keywords)
        for argument in GUARDS[canonical]:
            value = given.get(argument)
            if value is not None and value is not False and not (type(value) is str and not value):
                reason = f"it fetches weights unless '{argument}' is false"
                raise Forbidden(f"{canonical}({argument}=…)", reason)
    if canonical in IMAGE_LOADERS:
        given = _bound(target, positional, keywords)
        reader = given.get("reader")
        for each in reader if isinstance(reader, (list, tuple)) else () if reader is None else (reader,):
            if type(each) is not str or each not in READERS:
                raise Forbidden(f"{canonical}(reader=…)", f"a reader is one of {', '.join(sorted(READERS))}, by name")
        if given.get("args") or given.get("kwargs"):
            more = ", ".join(given.get("kwargs", {})) or "by position"
            raise Forbidden(f"{canonical}({more})", "further arguments go to the reader, and may let it run code")
        if not _refuses_pickles():
            raise Forbidden(canonical, "in this version of MONAI it reads pickles in .npy files")


def is_guarded(target: Any) -> bool:
    """Tell whether a callable of the list is allowed with certain arguments only."""
    canonical = _canonical(target)
    return canonical in GUARDS or canonical in IMAGE_LOADERS


def _bound(target: Any, positional: Sequence[Any], keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        bound = inspect.signature(target).bind_partial(*positional, **keywords)
    except (TypeError, ValueError):
        raise Forbidden(
            _canonical(target) or "", "its arguments do not fit, so they cannot be looked through"
        ) from None
    bound.apply_defaults()
    return bound.arguments


@lru_cache(maxsize=1)
def _refuses_pickles() -> bool:
    try:
        reader = importlib.import_module("monai.data.image_reader").NumpyReader
        return inspect.signature(reader).parameters["allow_pickle"].default is False
    except (ImportError, AttributeError, KeyError, ValueError, TypeError):
        return False


# --- what expressions may name besides ---


def find_pure(dotted: str) -> Any | None:
    """Give a plain function of the standard library by its name; None where it is not on the list."""
    return _attribute(dotted) if dotted in _PURE else None


def find_constant(dotted: str) -> tuple[Any] | None:
    """Give a value that may be named, in a tuple; None where it is not on the list."""
    return (_attribute(dotted),) if dotted in _CONSTANTS else None


def is_constant(dotted: str) -> bool:
    """Tell whether a value may be named."""
    return dotted in _CONSTANTS


def is_pure(dotted: str) -> bool:
    """Tell whether a plain function is on the list."""
    return dotted in _PURE


def is_method_name(name: str) -> bool:
    """Tell whether methods of built objects are on the list under this name."""
    return name in _METHOD_NAMES


def find_method(value: Any, name: str) -> Any:
    """Give a method of an object as the function that its class has.

    Raises:
        Forbidden: where that function is not on the list.
    """
    function = inspect.getattr_static(type(value), name, None) if name in _METHOD_NAMES else None
    canonical = _canonical(function) if type(function) is types.FunctionType else None
    if canonical is None or canonical not in _METHODS:
        raise Forbidden(f".{name}", f"it is no listed method of {type(value).__qualname__}")
    return function


def unwrapped(
    target: Any, positional: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[Any, list[Any], dict[str, Any]]:
    """Give what a partial calls in the end, with all arguments."""
    positional, keywords = list(positional), dict(keywords)
    while type(target) is functools.partial:
        positional, keywords = [*target.args, *positional], {**target.keywords, **keywords}
        target = target.func
    return target, positional, keywords


def _attribute(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)
