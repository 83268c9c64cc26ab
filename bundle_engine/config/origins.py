"""Remember where values came from, and say so when asked.

The history of a config is a list of small frozen entries: "the value at this id was written there". Nothing is
computed when an entry is made; `Origins.where` reads the list backwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bundle_engine.config.ids import ROOT, Id
from bundle_engine.config.source import KeySpot, Source
from bundle_engine.errors import Place


class Entry(NamedTuple):
    """One step of a config's history.

    Attributes:
        id: where in the config the value was put.
        source: what it was written in.
        at: its id in that source.
        copied: whether a macro copied it there.
        deleted: whether the step took the value away.
    """

    id: Id
    source: Source
    at: Id
    copied: bool = False
    deleted: bool = False


class Origin(NamedTuple):
    """Where a value came from.

    Attributes:
        place: file, line and column of the value.
        key: the place of its key; for items of a list, of the value.
        overrode: the places of earlier values that it replaced, latest first.
    """

    place: Place
    key: Place
    overrode: tuple[Place, ...] = ()


class Origins:
    """The history of one config."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def record(self, entry: Entry) -> None:
        self._entries.append(entry)

    def copy(self) -> Origins:
        twin = Origins()
        twin._entries = list(self._entries)
        return twin

    def adopt(self, other: Origins, *, inside: Id = ROOT, below: Id = ROOT) -> None:
        """Take over the history of another config: what concerns `inside`, put below another id."""
        self._entries += [
            entry._replace(id=Id((*below, *entry.id))) for entry in other._entries if inside.covers(entry.id)
        ]

    def clear_inside(self, id: Id) -> None:
        """Drop what is known of an id's inside, when code replaced it."""
        self._entries = [entry for entry in self._entries if not (id.covers(entry.id) and entry.id != id)]

    def where(self, id: Id) -> Origin | None:
        """Say where the value at `id` was written, and which values it replaced."""
        spots: list[KeySpot] = []
        for entry in reversed(self._entries):
            if not entry.id.covers(id) or entry.deleted:
                continue
            found = entry.source.find(Id((*entry.at, *entry.id.suffix(id))))
            if found is not None:
                spots.append(found)
        if not spots:
            return None
        first, *rest = spots
        seen = {first.value}
        overrode = [spot.value for spot in rest if not (spot.value in seen or seen.add(spot.value))]  # type: ignore[func-returns-value]
        return Origin(first.value, first.key, tuple(overrode))

    def source_of(self, id: Id) -> tuple[Source, Id] | None:
        """Give the source in which the value at `id` was written last, and its id there."""
        for entry in reversed(self._entries):
            if entry.id.covers(id) and not entry.deleted:
                return entry.source, Id((*entry.at, *entry.id.suffix(id)))
        return None

    def file_of(self, id: Id) -> Path | None:
        """Give the file in which the value at `id` was written last."""
        found = self.source_of(id)
        return found[0].path if found else None
