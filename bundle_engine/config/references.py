"""Strings that are one reference: ``@id``, ``@::sibling``, ``@id ?? default``."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from bundle_engine.config.ids import ID_PATTERN, REFERENCE, SIGILS, RelativeId, read_relative

_WHOLE = re.compile(rf"@(?P<id>{ID_PATTERN})(?:\s*\?\?(?P<default>.*))?", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None, "none": None, "~": None, "": None}


@lru_cache(maxsize=65_536)
def whole_reference(text: str) -> tuple[RelativeId, str | None] | None:
    """Read a string that is one reference; None where it is ordinary text, such as ``@my-key``.

    Returns:
        the id as written, and the text of the default, None where there is no default.
    """
    if text[:1] != REFERENCE:
        return None
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    default = found.group("default")
    return read_relative(found.group("id")), default.strip() if default is not None else None


def default_value(text: str) -> Any:
    """Read what stands after ``??``: a reference or expression, a number, list or other literal, or a text."""
    if text[:1] in SIGILS:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def step_into(value: Any, key: str) -> Any:
    """Index into a resolved value by one key of an id.

    Raises:
        LookupError: when the value has no such item, or no items at all.
    """
    if isinstance(value, Mapping):
        if key in value:
            return value[key]
        for candidate in value:
            if not isinstance(candidate, str) and str(candidate) == key:
                return value[candidate]
        raise LookupError(key)
    if isinstance(value, (str, bytes)):
        raise LookupError(key)
    if isinstance(value, Sequence) or (hasattr(value, "__getitem__") and hasattr(value, "__len__")):
        try:
            return value[int(key)]
        except (ValueError, TypeError):
            raise LookupError(key) from None
    raise LookupError(key)
