"""Read YAML from libyaml's events.

PyYAML's own loader builds a tree of nodes first, in Python, by recursion. Reading the events instead is several
times faster, never recurses, sees keys that are written twice, counts what aliases would expand to, and can
note where each value stands.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from bundle_engine.config import tree
from bundle_engine.config.ids import Id
from bundle_engine.config.json_reader import MAX_DEPTH
from bundle_engine.config.syntax import TOO_DEEP, Fault, line_column, yaml_fault

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# aliases may expand to this many nodes, or to this many times what is written, whichever is more
EXPANSION_FLOOR = 100_000
EXPANSION_RATIO = 100

_STR = "tag:yaml.org,2002:str"
_FLOAT = "tag:yaml.org,2002:float"
_MERGE = "tag:yaml.org,2002:merge"
_CORE = "tag:yaml.org,2002:"


class YamlError(ValueError):
    """Text that cannot be read as one YAML document."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Spot(NamedTuple):
    """Where a value or a key stands: line and column from 1, and how many characters it takes on that line."""

    line: int
    column: int
    width: int


class Duplicate(NamedTuple):
    """A key written twice in one mapping."""

    id: Id
    first: Spot
    again: Spot


class _Merge:
    """Stands for the key ``<<`` until its mapping is complete."""


class _Level:
    """A container that is being read."""

    __slots__ = (
        "anchor", "at", "expanded", "is_mapping", "key", "key_event", "keys", "merges", "start", "tag", "value",
    )  # fmt: skip

    def __init__(self, start: Any, is_mapping: bool, at: Id | None) -> None:
        self.start = start
        self.anchor: str | None = start.anchor
        self.tag: str | None = start.tag
        self.is_mapping = is_mapping
        self.value: Any = {} if is_mapping else []
        self.key: Any = _Level  # no key waits for its value
        self.key_event: Any = None
        self.keys: dict[Any, Any] | None = None
        self.merges: list[Any] = []
        self.expanded = 1
        self.at = at


class Reading:
    """What reading one document gives.

    Attributes:
        value: the root's value; None for an empty document.
        duplicates: keys that were written twice in one mapping.
        spots: for each id the spots of its key and of its value, where they were asked for.
        empty: whether the text has no document at all.
    """

    def __init__(self) -> None:
        self.value: Any = None
        self.duplicates: list[Duplicate] = []
        self.spots: dict[Id, tuple[Spot, Spot]] = {}
        self.empty = True


def read(text: str, *, spots: bool = False) -> Reading:
    """Read a YAML text.

    Args:
        text: the text of one document.
        spots: note where each value stands.

    Raises:
        YamlError: where the text is no YAML, holds more than one document, a tag that is not plain data, an
            alias of a place around it, or aliases that expand beyond measure.
    """
    try:
        try:
            return _read_by(_Loader, text, spots)
        except yaml.MarkedYAMLError as error:
            if "tab character" not in (error.problem or ""):
                raise
            try:  # libyaml lets no block of text begin with a tab, and PyYAML does
                return _read_by(yaml.SafeLoader, text, spots)
            except yaml.MarkedYAMLError:
                raise error from None
    except yaml.MarkedYAMLError as error:
        mark, begun = error.problem_mark or error.context_mark, error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        start = (begun.line + 1, begun.column + 1) if begun else None
        raise YamlError(yaml_fault(text, error.problem or "", line, column, error.context or "", start)) from None
    except yaml.reader.ReaderError as error:
        message = f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        raise YamlError(Fault(message, *line_column(text, error.position), "is this a text file?")) from None


def _read_by(kind: Any, text: str, spots: bool) -> Reading:
    reading = Reading()
    loader = kind(text)
    try:
        _read(loader, reading, spots)
    finally:
        loader.dispose()
    return reading


def _read(loader: Any, reading: Reading, spots: bool) -> None:
    get_event = loader.get_event
    levels: list[_Level] = []
    anchors: dict[str, tuple[Any, int]] = {}
    open_anchors: set[str] = set()
    written = 0
    aliased = 0  # what aliases have expanded to
    level: _Level | None = None
    documents = 0

    while True:
        event = get_event()
        kind = type(event)
        size = 1
        if kind is ScalarEvent:
            written += 1
            tag = event.tag
            if tag is None or tag == "!":
                value = _plain(event.value) if event.implicit[0] or tag else event.value
            else:
                value = _tagged_scalar(event)
            if value.__class__ is _Merge and not (level is not None and level.is_mapping and level.key is _Level):
                value = "<<"
            if event.anchor:
                anchors[event.anchor] = (value, 1)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            written += 1
            if event.anchor:
                open_anchors.add(event.anchor)
                anchors.pop(event.anchor, None)
            at = _here(level) if spots else None
            if spots and at is not None:
                reading.spots[at] = _spots_of(level, event)
            level = _Level(event, kind is MappingStartEvent, at)
            levels.append(level)
            if len(levels) > MAX_DEPTH:
                raise _error(f"nested more than {MAX_DEPTH:,} levels deep", event, TOO_DEEP)
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            assert level is not None
            value, size = _finish(level), level.expanded
            levels.pop()
            if level.anchor:
                open_anchors.discard(level.anchor)
                anchors[level.anchor] = (value, size)
            closed, level = level, (levels[-1] if levels else None)
            event = closed.start
        elif kind is AliasEvent:
            if event.anchor not in anchors:
                alias = f"the alias '*{event.anchor}'"
                if event.anchor in open_anchors:
                    hint = "a value cannot hold itself; refer to values with '@id'"
                    raise _error(f"{alias} stands inside the value that it names", event, hint)
                hint = f"put '&{event.anchor}' before a value above, or quote a text: \"*{event.anchor}\""
                raise _error(f"{alias} names no anchor before it", event, hint)
            value, size = anchors[event.anchor]
            written += 1
            if size > 1:
                aliased += size
                if aliased > EXPANSION_FLOOR and aliased > EXPANSION_RATIO * written:
                    raise _error(
                        f"aliases expand the {written:,} values written so far to more than {aliased:,}",
                        event,
                        "an alias of aliases multiplies; refer to values with '@id' instead",
                    )
                value = tree.copy(value)  # each place has a value of its own
        elif kind is DocumentStartEvent:
            documents += 1
            if documents > 1:
                hint = "take the line '---' out, or make two files"
                raise _error("a second document begins here, and a config is one document", event, hint)
            continue
        elif event.__class__.__name__ == "StreamEndEvent":
            return
        else:
            continue

        if level is None:  # the root is complete
            reading.value, reading.empty = value, False
            if spots and kind is ScalarEvent:
                reading.spots[Id()] = _spots_of(None, event)
            continue
        level.expanded += size
        if not level.is_mapping:
            if spots and level.at is not None and kind in (ScalarEvent, AliasEvent):
                reading.spots[level.at.child(len(level.value))] = _spots_of(level, event)
            level.value.append(value)
        elif level.key is _Level:
            _take_key(level, value, event, reading)
        else:
            if level.key.__class__ is _Merge:
                level.merges.append((value, event))
            else:
                if spots and level.at is not None and kind in (ScalarEvent, AliasEvent):
                    reading.spots[level.at.child(level.key)] = _spots_of(level, event)
                level.value[level.key] = value
            level.key = _Level


def _take_key(level: _Level, key: Any, event: Any, reading: Reading) -> None:
    try:
        known = key in level.value
    except TypeError:
        hint = "put a key that begins with a bracket in quotes"
        raise _error("a mapping or a list cannot be a key", event, hint) from None
    if known or level.keys is not None:
        # only a mapping that repeats itself, or asks for places, remembers where its keys stand
        first = (level.keys or {}).get(key)
        if known:
            at = level.at.child(key) if level.at is not None else Id((str(key),))
            reading.duplicates.append(Duplicate(at, _spot(first) if first else Spot(0, 0, 1), _spot(event)))
    if level.at is not None:
        level.keys = level.keys or {}
        level.keys[key] = event
    level.key, level.key_event = key, event


def _finish(level: _Level) -> Any:
    """Complete a container that has been read to its end: merge keys, and tags of plain data."""
    value = level.value
    if level.merges:
        merged: dict[Any, Any] = {}
        for source, event in level.merges:
            parts = source if isinstance(source, list) else [source]
            for part in reversed(parts):  # of several, the earlier wins
                if not isinstance(part, dict):
                    raise _error("'<<' takes a mapping or a list of mappings", event, "write '<<: *name'")
                merged.update(part)
        merged.update(value)  # what the mapping says itself wins
        level.value = value = merged
    tag = level.tag
    if tag is None or tag in ("!", f"{_CORE}map", f"{_CORE}seq"):
        return value
    return _tagged_container(level)


def _here(level: _Level | None) -> Id | None:
    """Give the id of the value that begins now; None inside a key."""
    if level is None:
        return Id()
    if level.at is None or (level.is_mapping and level.key is _Level):
        return None
    return level.at.child(level.key if level.is_mapping else len(level.value))


def _spot(event: Any) -> Spot:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Spot(start.line + 1, start.column + 1, max(1, width))


def _spots_of(level: _Level | None, event: Any) -> tuple[Spot, Spot]:
    value = _spot(event)
    key = _spot(level.key_event) if level is not None and level.is_mapping else value
    return key, value


def _error(message: str, event: Any, hint: str | None = None) -> YamlError:
    mark = event.start_mark
    return YamlError(Fault(message, mark.line + 1, mark.column + 1, hint))


# --- scalars: the tags and conversions are PyYAML's, but for floats, which follow YAML 1.2 as well ---


class _Scalars(SafeConstructor, Resolver):
    """PyYAML's conversions, without its reader."""

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


_scalars = _Scalars()


@lru_cache(maxsize=65_536)
def _plain(text: str) -> Any:
    """Give the value of an unquoted scalar. All kinds that can come out are immutable."""
    tag: str = _scalars.resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag == _STR:
        return _float(text) if text[:1] in _NUMBER_STARTS else text
    if tag == _MERGE:
        return _Merge()
    try:
        return _construct(ScalarNode(tag, text))
    except (ValueError, LookupError):  # such as the date 2020-13-45, which PyYAML's pattern lets through
        return text


_NUMBER_STARTS = frozenset("+-.0123456789")


def _float(text: str) -> Any:
    """Read ``1e-4`` and ``1.5e3`` as the numbers they are in YAML 1.2; PyYAML asks for a dot and a sign."""
    if ("e" in text or "E" in text) and not (set(text) - set("+-.0123456789eE")):
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _tagged_scalar(event: Any) -> Any:
    tag = event.tag
    if tag == _STR:
        return event.value
    if tag == _FLOAT:
        return _convert(ScalarNode(tag, event.value.strip()), event)
    return _convert(ScalarNode(tag, event.value), event)


def _tagged_container(level: _Level) -> Any:
    """Convert ``!!set``, ``!!omap`` and ``!!pairs``; refuse every other tag."""
    value, tag = level.value, level.tag
    if tag == f"{_CORE}set" and isinstance(value, dict):
        return set(value)
    if tag in (f"{_CORE}omap", f"{_CORE}pairs") and isinstance(value, list):
        pairs = [pair for item in value if isinstance(item, dict) for pair in item.items()]
        if len(pairs) == len(value):
            return pairs
    node = MappingNode(tag or "", []) if level.is_mapping else SequenceNode(tag or "", [])
    return _convert(node, level.start)


def _convert(node: Any, event: Any) -> Any:
    known = node.tag in SafeConstructor.yaml_constructors and isinstance(node, ScalarNode)
    if not known:
        hint = "a config holds plain data: build objects with '_target_', and put text that begins with '!' in quotes"
        raise _error(f"the tag '{node.tag.replace(_CORE, '!!')}' is not plain data", event, hint)
    try:
        return _construct(node)
    except (ValueError, TypeError, LookupError, yaml.YAMLError):
        raise _error(f"{node.value!r} is no {node.tag.replace(_CORE, '!!')}", event) from None


def _construct(node: ScalarNode) -> Any:
    return SafeConstructor.yaml_constructors[node.tag](_scalars, node)
