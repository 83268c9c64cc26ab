"""A classification of many subjects: its table, and the figures that sum it up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import InputError, Place
from bundle_engine.evaluation import classification as figures
from bundle_engine.evaluation.tables import read_table, write_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Figure", "Verdict", "classes_of", "read_verdicts", "summarize", "write_figures", "write_verdicts"]

_PREFIX = "Probability_"
ALL = "all"


class Verdict(NamedTuple):
    """What was said of one subject.

    Attributes:
        subject: its name.
        label: the true class.
        prediction: the class that was decided for.
        probabilities: of each class.
        image: the file; empty where it is not known.
    """

    subject: str
    label: str
    prediction: str
    probabilities: tuple[float, ...]
    image: str = ""


class Figure(NamedTuple):
    """One figure of ``metrics_aggregates.csv``.

    Attributes:
        metric: its name.
        of: the class that it is about, or ``all``.
        value: None where it cannot be said of this set.
        subjects: how many are behind it.
    """

    metric: str
    of: str
    value: float | None
    subjects: int


def write_verdicts(path: str | os.PathLike[str], verdicts: Sequence[Verdict], classes: Sequence[str]) -> None:
    """Write ``metrics.csv`` of a classification: a row per subject, with its probability of each class."""
    columns = ("Subject", "Label", "Prediction", "Correct", *(_PREFIX + name for name in classes), "Image")
    rows = (
        [each.subject, each.label, each.prediction, int(each.label == each.prediction), *each.probabilities, each.image]
        for each in verdicts
    )
    write_table(path, columns, rows)


def classes_of(path: str | os.PathLike[str]) -> list[str]:
    """Give the classes that ``metrics.csv`` has columns for.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it has fewer than two.
    """
    read_table(path, {})
    with open(path, encoding="utf-8-sig", newline="") as file:
        import csv

        columns = next(csv.reader(file))
    classes = [name.removeprefix(_PREFIX) for name in columns if name.startswith(_PREFIX)]
    if len(classes) < 2:
        raise InputError(f"the table has no columns {_PREFIX}..., one per class", place=Place(str(path), 1, 1))
    return classes


def read_verdicts(path: str | os.PathLike[str]) -> tuple[list[Verdict], list[str]]:
    """Read ``metrics.csv`` of a classification.

    Returns:
        the subjects, and the classes.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it is no such table; the message names line and column.
    """
    classes = classes_of(path)

    def known(cell: str) -> str:
        if cell not in classes:
            raise ValueError(f"class; there are {', '.join(classes)}")
        return cell

    kinds: dict[str, Any] = {"Subject": str, "Label": known, "Prediction": known}
    kinds |= {_PREFIX + name: _probability for name in classes} | {"Image": str}
    verdicts: list[Verdict] = []
    seen: set[str] = set()
    for line, cells in read_table(path, kinds):
        if cells["Subject"] in seen:
            raise InputError(f"'{cells['Subject']}' is there twice", place=Place(str(path), line, 1))
        seen.add(cells["Subject"])
        probabilities = tuple(cells[_PREFIX + name] for name in classes)
        verdicts.append(Verdict(cells["Subject"], cells["Label"], cells["Prediction"], probabilities, cells["Image"]))
    return verdicts, classes


def table_of(verdicts: Sequence[Verdict], classes: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the probabilities, a row per subject, and the numbers of the true classes."""
    numbers = {name: number for number, name in enumerate(classes)}
    # what a table holds is rounded, so that rows need not add up to 1 exactly
    return figures.check_probabilities([each.probabilities for each in verdicts], [numbers[v.label] for v in verdicts])


def summarize(verdicts: Sequence[Verdict], classes: Sequence[str], threshold: float | None) -> list[Figure]:
    """Sum a classification up; see `bundle_engine.evaluation.classification` for what the figures mean.

    Args:
        verdicts: the subjects, with the decisions that were taken.
        classes: names of the classes; of two the second one is the positive.
        threshold: the threshold that the decisions were taken at; None for the likeliest class.
    """
    table, labels = table_of(verdicts, classes)
    total = len(verdicts)
    numbers = {name: number for number, name in enumerate(classes)}
    decided = [numbers[each.prediction] for each in verdicts]
    right = [each.prediction == each.label for each in verdicts]
    found = [Figure("Accuracy", ALL, sum(right) / total, total)]
    areas: list[float] = []
    of_each = list(enumerate(classes))[1:] if len(classes) == 2 else list(enumerate(classes))
    for number, name in of_each:
        positive = labels == number
        area = figures.area_under_roc(table[:, number], positive)
        precision = figures.average_precision(table[:, number], positive)
        rates = figures.rates_of([one == number for one in decided], positive)
        areas += [] if area is None else [area]
        found += [
            Figure("AUC", name, area, total),
            Figure("AveragePrecision", name, precision, total),
            Figure("Sensitivity", name, rates.sensitivity, rates.true_positives + rates.false_negatives),
            Figure("Specificity", name, rates.specificity, rates.true_negatives + rates.false_positives),
        ]
    if len(classes) > 2:
        found.insert(1, Figure("AUC", ALL, sum(areas) / len(areas) if areas else None, total))
        bins = figures.reliability(table.max(axis=1), table.argmax(axis=1) == labels)
    else:
        bins = figures.reliability(table[:, 1], labels == 1)
        found.append(Figure("Threshold", classes[1], threshold, total))
    found += [
        Figure("ECE", ALL, figures.calibration_error(bins), total),
        Figure("Brier", ALL, figures.brier_score(table, labels), total),
    ]
    return found


def write_figures(path: str | os.PathLike[str], found: Sequence[Figure]) -> None:
    """Write ``metrics_aggregates.csv`` of a classification."""
    write_table(path, ("Metric", "Class", "Value", "Count"), ([f.metric, f.of, f.value, f.subjects] for f in found))


def _probability(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError("number") from None
    if not 0 <= value <= 1:
        raise ValueError("number between 0 and 1")
    return value
