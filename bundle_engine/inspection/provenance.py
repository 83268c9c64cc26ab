"""Say in a few words where a value was written, and what it took the place of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

from bundle_engine.config.origins import Origin
from bundle_engine.errors import Place

__all__ = ["in_words", "line_of", "place_as_data", "short_names", "written_at"]

_MOST = 40  # characters of a value that was replaced


def line_of(place: Place) -> str:
    """Name a place by its file and line: ``train.yaml:12``, or ``command line``."""
    return f"{place.source}:{place.line}" if place.line else place.source


def written_at(place: Place) -> str:
    """Give the text of the value that begins at a place; empty where it goes on in further lines, or has no text."""
    if not place.line:
        return ""
    start = place.column - 1
    text = place.text[start : start + place.width]
    after = place.text[start + place.width : start + place.width + 1]
    if len(text) == 1 and (after not in ("", " ", ",", "]", "}", "\t") or text in "|>-[{&!"):
        return ""
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def in_words(origin: Origin, name: Callable[[Place], str] = line_of) -> str:
    """Say where a value was written, and which values it replaced, latest first.

    Args:
        origin: where it came from.
        name: names a place.
    """
    replaced = []
    for place in origin.overrode:
        value = written_at(place)
        replaced.append(f"{value} ({name(place)})" if value else name(place))
    return f"{name(origin.place)}, instead of {', '.join(replaced)}" if replaced else name(origin.place)


def short_names(places: Iterable[Place]) -> Callable[[Place], str]:
    """Give a function that names places as `line_of` does, files by no more of their paths than tells them apart."""
    paths = {place.source: PurePath(place.source).parts for place in places if place.line}
    names: dict[str, str] = {}
    for source, parts in paths.items():
        length = 1
        while sum(other[-length:] == parts[-length:] for other in paths.values()) > 1 and length < len(parts):
            length += 1
        names[source] = str(PurePath(*parts[-length:]))

    def name(place: Place) -> str:
        return f"{names.get(place.source, place.source)}:{place.line}" if place.line else place.source

    return name


def place_as_data(place: Place) -> dict[str, Any]:
    """Give a place as plain data, for JSON."""
    if not place.line:
        return {"source": place.source}
    return {"source": place.source, "line": place.line, "column": place.column}
