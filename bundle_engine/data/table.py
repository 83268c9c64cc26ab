"""A table of subjects: which files belong to whom, and to which set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bundle_engine.errors import Place

__all__ = ["SETS", "Dataset", "File", "Subject", "is_label", "set_name"]

#: sets by their names, and what else they are called
SETS: Mapping[str, str] = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "tr": "train",
        "val": "val",
        "valid": "val",
        "validation": "val",
        "dev": "val",
        "test": "test",
        "testing": "test",
        "ts": "test",
    }
)
_LABELS = ("label", "labels", "labelmap", "seg", "segmentation", "mask", "gt", "groundtruth")


def set_name(text: str) -> str:
    """Give the name of a set as this product writes it: train, val, test; any other as it is."""
    return SETS.get(text.strip().lower(), text.strip())


def is_label(channel: str) -> bool:
    """Tell by its name whether a channel holds labels."""
    return channel.lower().replace("_", "").replace("-", "") in _LABELS


@dataclass(frozen=True)
class File:
    """A file of a subject.

    Attributes:
        channel: what it shows, such as ``t1`` or ``label``.
        path: where it is.
        written: the path as it is written in the table.
        place: where that is.
    """

    channel: str
    path: Path
    written: str
    place: Place | None = None


@dataclass(frozen=True)
class Subject:
    """A subject with its files.

    Attributes:
        name: unlike all others.
        files: one for each channel.
        set: ``train``, ``val``, ``test`` or another name; empty where the table says nothing.
        columns: everything else that the table says, by column.
        place: where it is written first.
    """

    name: str
    files: tuple[File, ...]
    set: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = None

    def file(self, channel: str) -> File | None:
        """Give the file of a channel; None when there is none."""
        return next((file for file in self.files if file.channel == channel), None)


@dataclass(frozen=True)
class Dataset:
    """A table of subjects.

    Attributes:
        source: the file that it was read from.
        subjects: in the order of the file.
        classes: names of the values of labels, as far as the file says.
        modalities: what the channels of images show, as far as the file says.
    """

    source: Path
    subjects: tuple[Subject, ...]
    classes: Mapping[int, str] = field(default_factory=dict)
    modalities: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that any subject has, in the order of the file."""
        return tuple(dict.fromkeys(file.channel for subject in self.subjects for file in subject.files))

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that subjects are in: train, val, test first."""
        found = dict.fromkeys(subject.set for subject in self.subjects if subject.set)
        usual = [name for name in ("train", "val", "test") if name in found]
        return (*usual, *(name for name in found if name not in usual))

    @property
    def columns(self) -> tuple[str, ...]:
        """The further columns that any subject has."""
        return tuple(dict.fromkeys(name for subject in self.subjects for name in subject.columns))

    def labels(self, named: Iterable[str] = ()) -> tuple[str, ...]:
        """Give the channels that hold labels: those named, or else those whose names say so."""
        given = tuple(named)
        return tuple(each for each in self.channels if (each in given if given else is_label(each)))

    def in_set(self, name: str) -> tuple[Subject, ...]:
        """Give the subjects of a set."""
        wanted = set_name(name)
        return tuple(subject for subject in self.subjects if subject.set == wanted)
