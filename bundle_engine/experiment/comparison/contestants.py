"""Who is compared with whom: the splits of one run, or several runs as wholes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from bundle_engine.experiment.comparison.entries import ENSEMBLE
from bundle_engine.experiment.comparison.measurements import Measurement

__all__ = ["Contestant", "Question", "contestants_of", "entrants", "values_of", "wholes_of"]

Values = dict[str, float | None]


class Contestant(NamedTuple):
    """One that is compared with others.

    Attributes:
        name: what it is called.
        run: its run.
        splits: those of the run whose values are its own; with several of them for a subject, the mean.
    """

    name: str
    run: str
    splits: tuple[str, ...]


class Question(NamedTuple):
    """What is compared: a measure of a structure on a set."""

    set: str
    structure: str
    metric: str


def entrants(rows: Sequence[Measurement]) -> list[Contestant]:
    """Give each split of each run."""
    found = list(dict.fromkeys((row.run, row.split) for row in rows))
    several = len({run for run, _ in found}) > 1
    return [Contestant(_name(run, split, several), run, (split,)) for run, split in found]


def contestants_of(rows: Sequence[Measurement]) -> list[Contestant]:
    """Give who is compared: of one run its splits, of several each as a whole."""
    return entrants(rows) if len({row.run for row in rows}) == 1 else wholes_of(rows)


def wholes_of(rows: Sequence[Measurement]) -> list[Contestant]:
    """Give each run as a whole: its splits together, its ensemble by itself."""
    splits: dict[str, dict[str, None]] = {}
    for row in rows:
        splits.setdefault(row.run, {})[row.split] = None
    several = len(splits) > 1
    found: list[Contestant] = []
    for run, of in splits.items():
        folds = tuple(split for split in of if split != ENSEMBLE)
        if len(folds) > 1:
            found.append(Contestant(f"{run} folds" if several else "folds", run, folds))
        elif folds:
            alone = len(of) == 1
            found.append(Contestant(run if alone else _name(run, folds[0], several), run, folds))
        if ENSEMBLE in of:
            found.append(Contestant(_name(run, ENSEMBLE, several), run, (ENSEMBLE,)))
    return found


def values_of(rows: Sequence[Measurement], contestant: Contestant) -> dict[Question, Values]:
    """Give the values of a contestant, by question and subject; the mean where it has several of a subject.

    A mean of values of which one is infinite is infinite; undefined ones are left out of it.
    """
    gathered: dict[Question, dict[str, list[float | None]]] = {}
    for row in rows:
        if row.run == contestant.run and row.split in contestant.splits:
            for metric, value in row.values.items():
                of = gathered.setdefault(Question(row.set, row.structure, metric), {})
                of.setdefault(row.subject, []).append(value)
    return {question: {subject: _mean(values) for subject, values in of.items()} for question, of in gathered.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    if not defined:
        return None
    return math.inf if any(map(math.isinf, defined)) else statistics.fmean(defined)


def _name(run: str, split: str, several: bool) -> str:
    if not split:
        return run
    return f"{run} {split}" if several else split
