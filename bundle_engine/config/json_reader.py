"""Read JSON: values by the standard library, places of values by a scan of the text when something asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bundle_engine.config.ids import Id

MAX_DEPTH = 5_000  # nesting that files may have; the standard library's own reader gives up near 1,000

_TOKEN = re.compile(r'[ \t\n\r]*([{}\[\],:]|"(?:[^"\\\x00-\x1f]|\\.)*"|[^\s{}\[\],:"]+|\Z|.)', re.DOTALL)
_WORD: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # reads one number, string or literal


class JsonSyntaxError(ValueError):
    """Text that is no JSON, with the offset of the first character that cannot be read."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class JsonDepthError(JsonSyntaxError):
    """Text that is nested too deeply."""


class Spot(NamedTuple):
    """Where a value or a key stands: offsets into the text."""

    start: int
    end: int


class Duplicate(NamedTuple):
    """A key written twice in one mapping: its id, and where it was written first and again."""

    id: Id
    first: Spot
    again: Spot


def read(text: str) -> tuple[Any, bool]:
    """Read a JSON text.

    Returns:
        the value, and whether some mapping has a key twice.

    Raises:
        JsonSyntaxError: where the text is no JSON (a `JsonDepthError` where it is nested too deeply).
    """
    doubled = False

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        result = dict(pairs)
        if len(result) != len(pairs):
            doubled = True
        return result

    try:
        return json.loads(text, object_pairs_hook=mapping), doubled
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg, error.pos) from None
    except RecursionError:
        value, _, duplicates = scan(text)
        return value, bool(duplicates)


def read_with(text: str, options: Mapping[str, Any]) -> Any:
    """Read a JSON text with options of `json.loads`.

    Raises:
        JsonSyntaxError: as for `read`.
    """
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg, error.pos) from None
    except RecursionError:
        raise JsonDepthError("nested too deeply to be read with these options", 0) from None


def scan(text: str) -> tuple[Any, dict[Id, tuple[Spot, Spot]], list[Duplicate]]:
    """Read a JSON text step by step, without recursion, and note where each value stands.

    Returns:
        the value; for each id the spots of its key (for items of a list: of the value) and of its value;
        the keys that were written twice.

    Raises:
        JsonSyntaxError: as for `read`.
    """
    spots: dict[Id, tuple[Spot, Spot]] = {}
    duplicates: list[Duplicate] = []
    tokens = _tokens(text)
    root: list[Any] = []
    levels: list[tuple[Any, Id, Spot]] = []  # the open containers, their ids, where they begin
    key: str | None = None
    key_spot: Spot | None = None

    def put(value: Any, at: Id, spot: Spot) -> None:
        nonlocal key, key_spot
        spots[at] = (key_spot or spot, spot)
        if not levels:
            root.append(value)
        elif isinstance(levels[-1][0], dict):
            levels[-1][0][key] = value
        else:
            levels[-1][0].append(value)
        key = key_spot = None

    for token, start in tokens:
        if levels and isinstance(levels[-1][0], dict) and key is None and token != "}":
            container, at, _ = levels[-1]
            if token == "," and container:
                token, start = next(tokens)
            elif container:
                raise JsonSyntaxError("Expecting ',' or '}'", start)
            if token[:1] != '"':
                raise JsonSyntaxError("Expecting a property name in double quotes", start)
            key, key_spot = _word(text, token, start), Spot(start, start + len(token))
            if key in container:
                here = at.child(key)
                duplicates.append(Duplicate(here, spots[here][0], key_spot))
            token, start = next(tokens)
            if token != ":":
                raise JsonSyntaxError("Expecting ':'", start)
            continue
        if levels and isinstance(levels[-1][0], list) and token != "]" and levels[-1][0]:
            if token != ",":
                raise JsonSyntaxError("Expecting ',' or ']'", start)
            token, start = next(tokens)
            if token == "]":
                raise JsonSyntaxError("Expecting a value", start)
        if token in ("}", "]"):
            wanted = levels and ("}" if isinstance(levels[-1][0], dict) else "]")
            if not levels or token != wanted or key is not None:
                raise JsonSyntaxError("Expecting a value", start)
            _, at, begin = levels.pop()
            whole = Spot(begin.start, start + 1)
            spots[at] = (whole if spots[at][0] == begin else spots[at][0], whole)
            if not levels:
                break
            continue
        if not levels:
            at = Id()
        else:
            container, parent, _ = levels[-1]
            at = parent.child(key if isinstance(container, dict) else len(container))
        spot = Spot(start, start + len(token))
        if token in ("{", "["):
            if len(levels) >= MAX_DEPTH:
                raise JsonDepthError(f"nested more than {MAX_DEPTH:,} levels deep", start)
            value: Any = {} if token == "{" else []
            put(value, at, spot)
            levels.append((value, at, spot))
            continue
        put(_word(text, token, start), at, spot)
        if not levels:
            break
    token, start = next(tokens, ("", len(text)))
    if levels or not root or token:
        raise JsonSyntaxError("Expecting a value" if not root else "Extra data", start)
    return root[0], spots, duplicates


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    position = 0
    while True:
        found = _TOKEN.match(text, position)
        assert found is not None  # the last alternatives accept anything
        yield found.group(1), found.start(1)
        if not found.group(1):
            return
        position = found.end()


def _word(text: str, token: str, start: int) -> Any:
    try:
        value, end = _WORD(text, start)
    except (StopIteration, json.JSONDecodeError):
        raise JsonSyntaxError("Expecting a value", start) from None
    if end != start + len(token):
        raise JsonSyntaxError("Expecting a value", end)
    return value
