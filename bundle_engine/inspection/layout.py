"""Lay out plain data as YAML for people: in order, with short lists on one line, and quotes only where they count.

PyYAML's writer folds long texts, and has no place for comments. The conversions are those of the config reader: what
is written here reads back as the same data.
"""

from __future__ import annotations

import base64
import datetime
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from bundle_engine.config import tree
from bundle_engine.config.ids import EXPRESSION, Id

__all__ = ["Line", "lines", "one_line", "printable", "with_comments"]

_WIDTH = 100  # beyond which a list goes on in the next line
_LONG = 40  # characters of a text that has a line of its own in a list
_COMMENTS_AT = 48  # the column at which comments stand, where the line leaves room
_NESTED = 3  # lists in lists that may stand on one line

_INDICATORS = frozenset("-?:,[]{}#&*!|>'\"%@`")
_FLOW = frozenset(",[]{}?:")
_SIMPLE = re.compile(r"[A-Za-z_][\w./]*", re.ASCII)
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "<<"})  # that YAML reads otherwise
_LIKE_A_NUMBER = re.compile(r"[-+]?0o[0-7_]+$")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


class Line(NamedTuple):
    """A line of YAML, and the id of the value that begins on it; None where none does."""

    text: str
    id: Id | None


def lines(value: Any) -> Iterator[Line]:
    """Write data as lines of block style.

    Args:
        value: mappings, lists and scalars; anything else is written as the text that `repr` gives.
    """
    flow = _flow(value, _NESTED)
    if flow is not None or not _has_items(value):
        yield from _value_lines("", value, flow, Id(), 0)
        return
    levels: list[tuple[Iterator[tuple[Any, Any]], bool, int, Any]] = [(*_items(value), 0, None)]
    lead = ""  # dashes that wait for the first line behind them
    while levels:
        items, in_list, indent, path = levels[-1]
        pair = next(items, None)
        if pair is None:
            levels.pop()
            continue
        key, item = pair
        start = (lead or " " * indent) + ("- " if in_list else f"{_scalar(key, flow=True)}: ")
        lead = ""
        here = (path, key)
        flow = _flow(item, _NESTED)
        if flow is not None or not _has_items(item):
            yield from _value_lines(start, item, flow, tree.id_of(here), indent)
            continue
        if in_list:
            lead = start
        else:
            yield Line(start.rstrip(" "), tree.id_of(here))
        levels.append((*_items(item), indent + 2, here))


def with_comments(text: Iterable[Line], comments: Mapping[Id, str]) -> str:
    """Join lines into a text, each with the comment on the value that begins there."""
    out = []
    for line in text:
        comment = comments.get(line.id) if line.id is not None else None
        out.append(f"{line.text.ljust(_COMMENTS_AT)}  # {printable(comment)}" if comment else line.text)
    return "\n".join((*out, ""))


def one_line(value: Any, most: int = 80) -> str:
    """Write data on one line, cut where it is longer than `most` characters."""
    if isinstance(value, str):
        text = _scalar(value, flow=False) if "\n" not in value else _double_quoted(value)
        return text if len(text) <= most else text[: most - 1] + "…"
    out: list[str] = []
    length = 0
    for part in _flow_parts(value):
        out.append(part)
        length += len(part)
        if length > most:
            return "".join(out)[: most - 1] + "…"
    return "".join(out)


def _flow_parts(value: Any) -> Iterator[str]:
    if not _is_container(value):
        yield _scalar(value, flow=True)
        return
    waiting: list[Any] = [iter((value,))]
    closing: list[str] = []
    first = True
    while waiting:
        item = next(waiting[-1], waiting)
        if item is waiting:
            waiting.pop()
            yield closing.pop() if closing else ""
            first = False
            continue
        if not first:
            yield ", "
        first = False
        if isinstance(item, tuple) and len(item) == 2 and item[0] is _PAIR:
            key, item = item[1]
            yield f"{_scalar(key, flow=True)}: "
        if _is_container(item):
            if isinstance(item, dict):
                yield "{"
                waiting.append((_PAIR, pair) for pair in item.items())
            else:
                yield "["
                waiting.append(iter(item))
            closing.append("}" if isinstance(item, dict) else "]")
            first = True
        else:
            yield _scalar(item, flow=True)


_PAIR: Any = object()


def _is_container(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple))


def _has_items(value: Any) -> bool:
    return _is_container(value) and bool(value)


def _items(value: Any) -> tuple[Iterator[tuple[Any, Any]], bool]:
    if isinstance(value, dict):
        return iter(value.items()), False
    return iter(enumerate(value)), True


def _value_lines(start: str, value: Any, flow: list[str] | None, id: Id, indent: int) -> Iterator[Line]:
    """Write what stands in the line of its key: a scalar, a list of scalars, or a text of several lines."""
    if flow is not None:
        yield from _wrapped(start, flow, id, indent)
        return
    if isinstance(value, str) and "\n" in value and _fits_a_block(value):
        ends = value.endswith("\n")
        yield Line(f"{start}|" if ends else f"{start}|-", id)
        for line in (value[:-1] if ends else value).split("\n"):
            yield Line(" " * (indent + 2) + line if line else "", None)
        return
    yield Line(start + _scalar(value, flow=False), id)


def _wrapped(start: str, items: list[str], id: Id, indent: int) -> Iterator[Line]:
    text = f"{start}["
    at: Id | None = id
    for index, item in enumerate(items):
        item += "]" if index == len(items) - 1 else ","
        if len(text) + len(item) + 1 > _WIDTH and not text.endswith("["):
            yield Line(text, at)
            text, at = " " * (indent + 4) + item, None
        else:
            text += item if text.endswith("[") else f" {item}"
    yield Line(text if items else f"{text}]", at)


def _flow(value: Any, depth: int) -> list[str] | None:
    """Write the items of a list that can stand on one line; None for what cannot, and for scalars."""
    if not isinstance(value, (list, tuple)) or not depth:
        return None
    texts = []
    for item in value:
        if isinstance(item, (list, tuple)):
            inner = _flow(item, depth - 1)
            text = f"[{', '.join(inner)}]" if inner is not None else ""
            if not text or len(text) > _LONG or len(value) * len(text) > _WIDTH - _LONG:
                return None
        elif isinstance(item, dict) or (isinstance(item, str) and _needs_a_line(item)):
            return None
        else:
            text = _scalar(item, flow=True)
        texts.append(text)
    return texts


def _needs_a_line(text: str) -> bool:
    return len(text) > _LONG or "\n" in text or text[:1] == EXPRESSION


# --- scalars ---


def _scalar(value: Any, *, flow: bool) -> str:
    if isinstance(value, str):
        return _text(value, flow)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, (datetime.date, datetime.datetime)):
        text = str(value)
        return text if _reads_as(text) == value else _quoted(text)
    if isinstance(value, bytes):
        return f'!!binary "{base64.b64encode(value).decode()}"'
    if isinstance(value, (set, frozenset)):
        return f"!!set {{{', '.join(sorted(f'{_scalar(item, flow=True)}: null' for item in value))}}}"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    return _quoted(printable(repr(value)))


def _number(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    if "e" in text and "." not in text:  # as YAML 1.1 wants it, for other readers
        return text.replace("e", ".0e")
    return text


def _text(text: str, flow: bool) -> str:
    if not text.isprintable():
        return _double_quoted(text)
    return text if _may_stand_plain(text, flow) else _quoted(text)


def _may_stand_plain(text: str, flow: bool) -> bool:
    if text.lower() in _WORDS or _LIKE_A_NUMBER.match(text):
        return False
    if _SIMPLE.fullmatch(text):
        return True
    if not text or text[0] == " " or text[-1] in " :" or ": " in text or " #" in text:
        return False
    if text[0] in _INDICATORS and (flow or text[0] not in "-?" or text[1:2] in ("", " ") or text[:3] == "---"):
        return False
    if text[:3] == "..." or (flow and not _FLOW.isdisjoint(text)):
        return False
    known = _reads_as(text)
    return known.__class__ is str and known == text


@lru_cache(maxsize=65_536)
def _reads_as(text: str) -> Any:
    """Give what the reader of configs makes of a scalar without quotes; None where that is no YAML."""
    from bundle_engine.config import yaml_reader

    try:
        return yaml_reader.read(text).value
    except yaml_reader.YamlError:
        return None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double_quoted(text: str) -> str:
    return '"' + "".join(c if c.isprintable() and c not in _ESCAPES else _escape(c) for c in text) + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _fits_a_block(text: str) -> bool:
    """Tell whether a text of several lines can be written as it is."""
    if text[0] in " \n" or text.endswith("\n\n"):
        return False
    return all(line.isprintable() and (not line or not line.isspace()) for line in text.split("\n"))


def printable(text: str) -> str:
    """Replace what a terminal would obey instead of show."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
