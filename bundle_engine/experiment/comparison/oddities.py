"""Subjects that fall out of the row, and in how many of the runs they do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bundle_engine.evaluation.aggregates import fallen_out
from bundle_engine.experiment.comparison.contestants import Question, Values
from bundle_engine.experiment.comparison.measurements import larger_is_better

__all__ = ["Oddity", "Recurring", "find_oddities", "recurring"]


class Oddity(NamedTuple):
    """A value that is much worse than those of the other subjects.

    Attributes:
        question: set, structure and measure.
        name: of the run and split.
        subject: whose it is.
        value: its value, which may be infinite.
        fence: the value from which on it counts as an outlier; None where there are too few subjects for one.
    """

    question: Question
    name: str
    subject: str
    value: float
    fence: float | None


class Recurring(NamedTuple):
    """A subject that is an outlier, and how often.

    Attributes:
        question: set, structure and measure.
        subject: its name.
        names: the runs and splits that it is an outlier of.
        of: how many have a value of it.
        infinite: in how many of them the value is infinite.
        worst: the worst value.
    """

    question: Question
    subject: str
    names: tuple[str, ...]
    of: int
    infinite: int
    worst: float


def find_oddities(values: Mapping[str, Mapping[Question, Values]]) -> list[Oddity]:
    """Find the outliers of each run and split by Tukey's fence, each measure and structure by itself.

    Args:
        values: of each run and split, by its name.
    """
    found: list[Oddity] = []
    for name, of in values.items():
        for question, by_subject in of.items():
            worse = fallen_out(list(by_subject.items()), larger_is_better=larger_is_better(question.metric))
            found += [Oddity(question, name, *each) for each in worse]
    return found


def recurring(found: Sequence[Oddity], values: Mapping[str, Mapping[Question, Values]]) -> list[Recurring]:
    """Sum outliers up by subject: those of most runs first, then the worst."""
    by_subject: dict[tuple[Question, str], list[Oddity]] = {}
    for each in found:
        by_subject.setdefault((each.question, each.subject), []).append(each)
    rows: list[Recurring] = []
    for (question, subject), of in by_subject.items():
        worst = (min if larger_is_better(question.metric) else max)(each.value for each in of)
        having = sum(by.get(question, {}).get(subject) is not None for by in values.values())
        infinite = sum(math.isinf(each.value) for each in of)
        rows.append(Recurring(question, subject, tuple(each.name for each in of), having, infinite, worst))
    order = list(dict.fromkeys(each.question for each in rows))
    rows.sort(key=lambda row: (order.index(row.question), -len(row.names), -_badness(row), row.subject))
    return rows


def _badness(row: Recurring) -> float:
    return -row.worst if larger_is_better(row.question.metric) else row.worst
