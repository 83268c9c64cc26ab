"""The table of folds: what each came to, and their mean and standard deviation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bundle_engine.evaluation.records import Evaluation

__all__ = ["ENSEMBLE", "FOLDS", "FoldRow", "figures_of", "mean_and_sd", "means_of", "render", "write_folds"]

FOLDS = "folds.csv"
ENSEMBLE = "ENSEMBLE"  # stands for a fold where all of them vote
_SHOWN = ("Dice", "Accuracy", "AUC")  # what the first words of columns must be to be printed; all are written
_MOST = 6  # columns that are printed


class FoldRow(NamedTuple):
    """One fold, evaluated on one set.

    Attributes:
        set: ``val``, the fold's own subjects, or ``test``.
        fold: its name, or `ENSEMBLE`.
        subjects: how many there are.
        figures: means over them, by what they measure; None where one is not defined.
    """

    set: str
    fold: str
    subjects: int
    figures: dict[str, float | None]


def figures_of(evaluation: Evaluation) -> tuple[int, dict[str, float | None]]:
    """Sum an evaluation up.

    Returns:
        the number of subjects, and figures by their names: of a segmentation, Dice and Hausdorff distance of each
        structure and their means over structures; of a classification, its measures.
    """
    if evaluation.rows:
        return _of_segmentation(evaluation)
    from bundle_engine.evaluation.verdicts import summarize

    found: dict[str, float | None] = {}
    for figure in summarize(evaluation.verdicts, list(evaluation.classes), evaluation.threshold):
        found[figure.metric if figure.of == "all" else f"{figure.metric} {figure.of}"] = figure.value
    return len(evaluation.verdicts), found


def _of_segmentation(evaluation: Evaluation) -> tuple[int, dict[str, float | None]]:
    from bundle_engine.evaluation.aggregates import aggregate

    found: dict[str, float | None] = {}
    rows = [row for row in aggregate(evaluation.rows) if row.metric in ("Dice", "HausdorffDistance_mm")]
    for metric in ("Dice", "HausdorffDistance_mm"):
        means = {row.structure: row.mean for row in rows if row.metric == metric}
        found |= {f"{metric} {structure}": mean for structure, mean in means.items()}
        known = [mean for mean in means.values() if mean is not None]
        found[metric] = statistics.fmean(known) if known else None
    return len({row.subject for row in evaluation.rows}), found


def mean_and_sd(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """Give mean and standard deviation, with one less than their number below the line, of what is defined."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return (
        statistics.fmean(known) if known else None,
        statistics.stdev(known) if len(known) > 1 else None,
    )


def means_of(rows: Sequence[FoldRow]) -> dict[str, float]:
    """Give the means over the folds, by set and figure, such as ``val Dice``."""
    found: dict[str, float] = {}
    for name in dict.fromkeys(row.set for row in rows):
        for column in _columns(rows):
            each = (row.figures.get(column) for row in rows if row.set == name and row.fold != ENSEMBLE)
            mean, _ = mean_and_sd(each)
            if mean is not None:
                found[f"{name} {column}"] = mean
    return found


def write_folds(path: Path, rows: Sequence[FoldRow]) -> None:
    """Write the table as CSV: a row for each set and fold, and two for mean and standard deviation over the folds.

    The ensemble has a row as well, which is no part of these.
    """
    from bundle_engine.evaluation.tables import write_table

    columns = _columns(rows)
    cells: list[list[object]] = []
    for name in dict.fromkeys(row.set for row in rows):
        of_set = [row for row in rows if row.set == name and row.fold != ENSEMBLE]
        together = [row for row in rows if row.set == name and row.fold == ENSEMBLE]
        cells += [[name, row.fold, row.subjects, *(row.figures.get(each) for each in columns)] for row in of_set]
        spread = [mean_and_sd(row.figures.get(each) for row in of_set) for each in columns]
        total = sum(row.subjects for row in of_set) if name == "val" else max(row.subjects for row in of_set)
        cells.append([name, "mean", total, *(mean for mean, _ in spread)])
        cells.append([name, "sd", total, *(sd for _, sd in spread)])
        cells += [[name, row.fold, row.subjects, *(row.figures.get(each) for each in columns)] for row in together]
    write_table(path, ("set", "fold", "subjects", *columns), cells)


def render(rows: Sequence[FoldRow]) -> str:
    """Lay the table out for a terminal."""
    every = _columns(rows)
    columns = [name for name in every if name.startswith(_SHOWN)][:_MOST] or every[:_MOST]
    lines = [["set", "fold", "subjects", *columns]]
    for name in dict.fromkeys(row.set for row in rows):
        of_set = [row for row in rows if row.set == name and row.fold != ENSEMBLE]
        together = [row for row in rows if row.set == name and row.fold == ENSEMBLE]
        spread = [mean_and_sd(row.figures.get(each) for row in of_set) for each in columns]
        means = [_number(mean) + (f" ± {sd:.3f}" if sd is not None else "") for mean, sd in spread]
        lines += [_line(row, columns) for row in of_set]
        lines.append([name, "mean ± sd", "", *means])
        lines += [_line(row, columns) for row in together]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _line(row: FoldRow, columns: Sequence[str]) -> list[str]:
    return [row.set, row.fold, str(row.subjects), *(_number(row.figures.get(each)) for each in columns)]


def _columns(rows: Sequence[FoldRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.figures))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
