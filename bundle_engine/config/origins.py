"""Remember where values came from, and say so when asked.

The history of a config is a list of small frozen entries: "the value at this id was written there". Nothing is
computed when an entry is made; `Origins.where` reads the list backwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from bundle_engine.config.ids import ROOT, Id
from bundle_engine.config.source import KeySpot, Source
from bundle_engine.errors import Place


class Where(Protocol):
    """Gives the place where the value at an id was written, or with `key` the place of its key."""

    def __call__(self, id: Id, *, key: bool = False) -> Place | None: ...


class Entry(NamedTuple):
    """One step of a config's history.

    Attributes:
        id: where in the config the value was put.
        source: what it was written in.
        at: its id in that source.
        copied: whether a macro copied it there.
        deleted: whether the step took the value away.
        moved: whether the value came from another id, so that earlier entries do not speak of it.
    """

    id: Id
    source: Source
    at: Id
    copied: bool = False
    deleted: bool = False
    moved: bool = False


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
        # numbers of the entries for each id, and of those inside of it; made when something asks
        self._at: dict[Id, list[int]] = {}
        self._inside: dict[Id, list[int]] = {}
        self._indexed = 0

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

    def history(self, id: Id, to: Id, *, copied: bool = False) -> list[Entry]:
        """Give the entries that tell, at `to`, where the value at `id` and all inside it come from."""
        entries = []
        around = self._latest(id)
        if around is not None:
            entry = self._entries[around]
            entries.append(Entry(to, entry.source, Id((*entry.at, *entry.id.suffix(id))), copied))
        for number in self._inside.get(id, ()):
            if around is None or number > around:
                entry = self._entries[number]
                entries.append(entry._replace(id=Id((*to, *id.suffix(entry.id))), copied=copied or entry.copied))
        return entries

    def move_up(self, id: Id, length: int) -> None:
        """Note that an item of a list was taken out: those behind it, of `length` in all before, have new ids."""
        *before, index = id
        moved = [self.history(Id((*before, str(i + 1))), Id((*before, str(i)))) for i in range(int(index), length - 1)]
        for entries in moved:
            self._entries += [entry._replace(moved=True) for entry in entries[:1]] + entries[1:]

    def where(self, id: Id) -> Origin | None:
        """Say where the value at `id` was written, and which values it replaced."""
        spots: list[KeySpot] = []
        for number in self._around(id):
            entry = self._entries[number]
            if entry.deleted:
                continue
            at = Id((*entry.at, *entry.id.suffix(id)))
            if spots and not entry.source.holds(at):
                continue  # there was no such value at that time
            found = entry.source.find(at)
            if found is not None:
                spots.append(found)
            if entry.moved:
                break
        if not spots:
            return None
        first, *rest = spots
        seen = {first.value}
        overrode = [spot.value for spot in rest if not (spot.value in seen or seen.add(spot.value))]  # type: ignore[func-returns-value]
        return Origin(first.value, first.key, tuple(overrode))

    def source_of(self, id: Id) -> tuple[Source, Id] | None:
        """Give the source in which the value at `id` was written last, and its id there."""
        number = self._latest(id)
        if number is None:
            return None
        entry = self._entries[number]
        return entry.source, Id((*entry.at, *entry.id.suffix(id)))

    def file_of(self, id: Id) -> Path | None:
        """Give the file in which the value at `id` was written last."""
        found = self.source_of(id)
        return found[0].path if found else None

    def _latest(self, id: Id) -> int | None:
        return next((number for number in self._around(id) if not self._entries[number].deleted), None)

    def _around(self, id: Id) -> list[int]:
        """Give the numbers of the entries for an id and for all around it, latest first."""
        for number in range(self._indexed, len(self._entries)):
            entry = self._entries[number]
            self._at.setdefault(entry.id, []).append(number)
            for depth in range(len(entry.id)):
                self._inside.setdefault(Id(entry.id[:depth]), []).append(number)
        self._indexed = len(self._entries)
        found = [number for depth in range(len(id) + 1) for number in self._at.get(Id(id[:depth]), ())]
        return sorted(found, reverse=True)
