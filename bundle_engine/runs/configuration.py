"""The config of a run as it was: written so that it can be read as a config again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.ids import MANDATORY, META
from bundle_engine.inspection.provenance import in_words, short_names
from bundle_engine.runs.folder import CONFIG, METADATA
from bundle_engine.runs.record import write_text
from bundle_engine.workflow.masking import Masker, hidden, secret_ids

__all__ = ["config_text", "differences", "secrets_of", "write_config"]

_WIDEST = 60  # characters of a line that others keep their comments beside


class Line(NamedTuple):
    """A line of a config, and the id of the value that begins on it; None where none does."""

    text: str
    id: Id | None


def config_text(parser: ConfigParser, mask: Masker) -> str:
    """Write the effective config as YAML, each value with where it came from; without its metadata.

    Secrets become ``???``, so that who runs it is asked for them. Where no YAML was read, the text is in the style of
    JSON, which YAML contains.
    """
    config = parser.to_dict()
    config.pop(META, None)
    secret = set(secret_ids(config))
    text = _lines(hidden(config, secret))
    origins = {line.id: parser.where(line.id) for line in text if line.id is not None and line.id in parser}
    name = short_names(place for origin in origins.values() for place in (origin.place, *origin.overrode))
    comments: dict[Id, str] = {}
    for id, origin in origins.items():
        covers_secret = id in secret or any(id.covers(other) for other in secret)
        comments[id] = name(origin.place) if covers_secret else mask(in_words(origin, name))
        if id in secret:
            comments[id] += "; a secret, not written down"
    width = max((len(line.text) for line in text if len(line.text) <= _WIDEST), default=0)
    return "".join(
        f"{line.text.ljust(width)}  # {_on_one_line(comments[line.id])}\n" if line.id in comments else f"{line.text}\n"
        for line in text
    )


def _on_one_line(comment: str) -> str:
    return comment if comment.isprintable() else ascii(comment)


def _lines(config: Any) -> list[Line]:
    if "yaml" not in sys.modules:  # reading it in would take longer than many a run
        try:
            text = list(_lines_of_json(config))
            if all(line.text.isascii() for line in text):
                return text
        except (TypeError, ValueError, RecursionError):
            pass  # something that JSON has not
    from bundle_engine.inspection.layout import lines

    return [Line(line.text, line.id) for line in lines(config)]


def _lines_of_json(config: Any) -> Iterator[Line]:
    """Write a config as lines of JSON; what has nothing but scalars in it stands on one line."""
    levels: list[tuple[_Items, Id, str]] = []

    def opened(start: str, value: Any, id: Id) -> Line:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        levels.append((_Items(items), id, "}" if isinstance(value, dict) else "]"))
        return Line(f"{start}{'{' if isinstance(value, dict) else '['}", id or None)

    yield opened("", config, Id())
    while levels:
        items, above, end = levels[-1]
        indent = " " * (len(levels) - 1)
        pair = next(items, None)
        if pair is None:
            levels.pop()
            comma = "," if levels and not levels[-1][0].is_last else ""
            yield Line(f"{indent}{end}{comma}", None)
            continue
        key, value = pair
        if end == "}" and not isinstance(key, str):
            raise TypeError(key)
        id = above.child(key)
        start = f" {indent}{json.dumps(key)}: " if end == "}" else f" {indent}"
        if isinstance(value, (dict, list)) and value:
            yield opened(start, value, id)
        else:
            comma = "" if items.is_last else ","
            yield Line(f"{start}{json.dumps(value, allow_nan=False)}{comma}", id)


class _Items:
    """Gives items, and knows whether the one given last is the last of all."""

    def __init__(self, items: Iterable[tuple[Any, Any]]) -> None:
        self._items = iter(list(items))
        self._next: tuple[Any, Any] | None = next(self._items, None)
        self.is_last = False

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> tuple[Any, Any]:
        if self._next is None:
            raise StopIteration
        found, self._next = self._next, next(self._items, None)
        self.is_last = self._next is None
        return found


def secrets_of(parser: ConfigParser) -> list[Any]:
    """Give the secrets that stand in a config."""
    found = secret_ids(parser.config)
    return [parser[id] for id in found]


def write_config(folder: Path, parser: ConfigParser, mask: Masker) -> None:
    """Write a config and its metadata into a run's folder; one that is there is kept as ``config.1.yaml``, and so on.

    Raises:
        OSError: when it cannot be written.
    """
    path = folder / CONFIG
    if path.exists():
        number = 1
        while (folder / f"config.{number}.yaml").exists():
            number += 1
        path.replace(folder / f"config.{number}.yaml")
    write_text(path, config_text(parser, mask))
    metadata = parser.get(META)
    if metadata:
        write_text(folder / METADATA, json.dumps(hidden(metadata), indent=1, ensure_ascii=False, default=str) + "\n")


def differences(folder: Path, parser: ConfigParser) -> list[Any]:
    """Compare the config of a run with another; what was a secret does not count."""
    from bundle_engine.inspection.differences import compare

    before = ConfigParser()
    before.read_config(folder / CONFIG)
    return [each for each in compare(before, parser) if each.old != MANDATORY]
