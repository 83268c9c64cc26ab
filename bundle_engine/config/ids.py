"""Ids, and the characters and keys that mean something in a config. Nobody else splits a string on ``::``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

SEP = "::"
OLD_SEP = "#"  # the separator of early bundles, still accepted inside ids

REFERENCE = "@"
EXPRESSION = "$"
MACRO = "%"
ESCAPE = "\\"
MERGE = "+"
DELETE = "~"
MANDATORY = "???"
OR_ELSE = "??"
SIGILS = frozenset(REFERENCE + EXPRESSION + MACRO + ESCAPE + "?")

META = "_meta_"
EXTENDS = "_extends_"

TARGET = "_target_"
DISABLED = "_disabled_"
REQUIRES = "_requires_"
MODE = "_mode_"
ARGS = "_args_"
RANKS = "_ranks_"
DESC = "_desc_"
DEBUG = "_debug_"
LINT = "_lint_"  # says which findings of `check` to leave out here and below
# keys of a component that are not arguments of its target
COMPONENT_KEYS = frozenset({TARGET, DISABLED, REQUIRES, MODE, ARGS, RANKS, DESC, DEBUG, LINT})

# the dotted words of an id as they may stand after "@": MONAI's word characters
_WORDS = r"\w+(?:(?:::|\#)\w+)*"
_UP = r"(?:::|\#)*"
ID_PATTERN = rf"({_UP})({_WORDS})"
_TOKEN = re.compile(rf"({_UP})((?:{_WORDS})?)")
_PATH_SUFFIX = re.compile(r"(.*?\.(?:json|yaml|yml))(?=::|\#|$)(.*)", re.IGNORECASE | re.DOTALL)
PATH_SUFFIXES = (".json", ".yaml", ".yml")


class Id(tuple[str, ...]):
    """The parsed id of a value: the keys that lead to it from the root, the empty tuple for the root."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str | int | Iterable[str]) -> Id:
        """Read an id as people write it; ``#`` is accepted for ``::``, numbers for items of a list."""
        if isinstance(text, Id):
            return text
        if isinstance(text, str):
            return cls(split(text))
        if isinstance(text, int):
            return cls((str(text),))
        return cls(str(part) for part in text)

    def __str__(self) -> str:
        return SEP.join(self)

    def __repr__(self) -> str:
        return f"Id({str(self)!r})"

    @property
    def parent(self) -> Id:
        return Id(self[:-1])

    def child(self, *keys: Any) -> Id:
        return Id((*self, *(str(key) for key in keys)))

    def covers(self, other: Id) -> bool:
        """Tell whether `other` is this id or stands inside it."""
        return other[: len(self)] == self

    def suffix(self, other: Id) -> tuple[str, ...]:
        """Give the keys that lead from this id to `other`, which it covers."""
        return tuple(other[len(self) :])


ROOT = Id()
IdLike = str | int | Id  # as callers may give one


def split(text: str) -> list[str]:
    """Split the text of an absolute id into keys; no keys for the root ``""``."""
    if not text:
        return []
    if OLD_SEP in text:
        text = text.replace(OLD_SEP, SEP)
    return text.split(SEP) if SEP in text else [text]


def normalize(text: str) -> str:
    """Write an id with the present separator."""
    return text.replace(OLD_SEP, SEP)


def steps_up(prefix: str) -> int:
    """Count the separators at the beginning of a relative id."""
    return prefix.count(OLD_SEP) + prefix.count(SEP)


class RelativeId(NamedTuple):
    """What stands after ``@`` or ``%``: how many levels to go up (0: an absolute id), and the keys from there."""

    up: int
    words: str

    def absolute(self, at: Id) -> str | None:
        """Give the text of the absolute id as read at the value `at`; None when it leads above the root."""
        if not self.up:
            return normalize(self.words)
        if self.up > max(len(at), 1):
            return None
        base = at[: len(at) - self.up] if len(at) >= self.up else ()
        return SEP.join((*base, normalize(self.words))) if self.words else SEP.join(base)


def read_relative(text: str) -> RelativeId:
    """Read an id that may be relative (``::x``, ``##x``)."""
    found = _TOKEN.match(text)
    assert found is not None  # the pattern accepts the empty string
    up = found.group(1)
    return RelativeId(steps_up(up), text[len(up) :])


def split_path(text: str) -> tuple[str, str]:
    """Split ``file.yaml::key`` into the path and the id; the path is empty where there is none."""
    found = _PATH_SUFFIX.match(text)
    if found is None:
        return "", text
    path, rest = found.group(1), found.group(2)
    for separator in (SEP, OLD_SEP):
        if rest.startswith(separator):
            return path, rest[len(separator) :]
    return path, rest


def split_operator(key: str) -> tuple[str, str]:
    """Split a key of a document into its operator (``+``, ``~`` or nothing) and the id it works on.

    The operator may stand before the whole id (``+a::b``) or before its last key (``a::+b``).
    """
    if key[:1] in (MERGE, DELETE):
        return key[0], key[1:]
    head, separator, last = _rpartition(key)
    if separator and last[:1] in (MERGE, DELETE):
        return last[0], f"{head}{separator}{last[1:]}"
    return "", key


def _rpartition(key: str) -> tuple[str, str, str]:
    at_sep, at_old = key.rfind(SEP), key.rfind(OLD_SEP)
    separator = SEP if at_sep >= at_old else OLD_SEP
    return key.rpartition(separator)
