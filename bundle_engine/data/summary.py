"""What a table of subjects comes to: numbers per set and per subject, for plots, pages and lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundle_engine.data.checks import Report
from bundle_engine.data.images import Facts
from bundle_engine.data.table import Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Row", "in_a_line", "rows_of", "sets_of", "span"]

ALL = "all"


@dataclass(frozen=True)
class Row:
    """A subject in numbers.

    Attributes:
        subject: the subject.
        set: its set; ``all`` where the table has none.
        facts: of its first file that could be read; None where none could.
        intensities: samples of the voxels of each image channel.
        volumes: of each class that its labels have, in ml.
        unit: of the volumes: ``ml``, or ``voxels`` where the files say nothing of sizes.
    """

    subject: Subject
    set: str
    facts: Facts | None
    intensities: Mapping[str, NDArray[Any]]
    volumes: Mapping[int, float]
    unit: str


def rows_of(report: Report, labels: Sequence[str] = ()) -> list[Row]:
    """Give the subjects in numbers, in the order of the table."""
    holding = report.dataset.labels(labels)
    return [_row(subject, report.facts, holding) for subject in report.dataset.subjects]


def _row(subject: Subject, facts: Mapping[Any, Facts], labels: Sequence[str]) -> Row:
    good = [(file, facts[file.path]) for file in subject.files if file.path in facts]
    good = [(file, seen) for file, seen in good if not seen.error and seen.known]
    intensities: dict[str, NDArray[Any]] = {}
    volumes: dict[int, float] = {}
    unit = "ml"
    for file, seen in good:
        if seen.voxels is None:
            continue
        if file.channel not in labels:
            intensities[file.channel] = seen.voxels.sample
            continue
        measured = seen.affine is not None
        unit = "ml" if measured else "voxels"
        factor = seen.volume / 1000 if measured else 1.0
        for value, count in seen.voxels.counts.items():
            if value == int(value) and value != 0:
                volumes[int(value)] = volumes.get(int(value), 0.0) + count * factor
    first = good[0][1] if good else None
    return Row(subject, subject.set or ALL, first, intensities, volumes, unit)


def sets_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Give rows by set: train, val, test first."""
    names = dict.fromkeys(row.set for row in rows)
    usual = [name for name in ("train", "val", "test") if name in names]
    return {name: [row for row in rows if row.set == name] for name in (*usual, *(n for n in names if n not in usual))}


def span(numbers: Sequence[float]) -> str:
    """Write the smallest and the largest of some numbers; one where they are the same."""
    low, high = min(numbers), max(numbers)
    return f"{low:.4g}" if abs(high - low) <= 1e-4 * max(abs(high), 1e-9) else f"{low:.4g} to {high:.4g}"


def in_a_line(report: Report) -> str:
    """Say in one line what is in a table."""
    dataset = report.dataset
    count = len(dataset.subjects)
    parts = [f"{len(dataset.in_set(name))} {name}" for name in dataset.sets]
    rest = sum(not subject.set for subject in dataset.subjects)
    parts += [f"{rest} in no set"] if parts and rest else []
    text = f"{count} subject{'s' * (count != 1)}" + (f" ({', '.join(parts)})" if parts else "")
    text += f" with {' and '.join(dataset.channels)}" if dataset.channels else ""
    seen = [row.facts for row in rows_of(report) if row.facts is not None]
    axes = min((len(facts.shape) for facts in seen), default=0)
    if axes:
        sizes = " x ".join(span([facts.shape[axis] for facts in seen]).replace(" to ", "-") for axis in range(axes))
        text += f"; {sizes} voxels"
        if any(facts.affine is not None for facts in seen):
            spacings = [span([facts.spacing[axis] for facts in seen]).replace(" to ", "-") for axis in range(axes)]
            text += f" of {' x '.join(spacings)} mm"
    return text
