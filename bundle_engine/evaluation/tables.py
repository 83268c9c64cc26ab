"""The tables of an evaluation: written whole or not at all, and read back strictly.

``metrics.csv`` of a segmentation has a row per subject and structure, ``metrics.csv`` of a classification one per
subject, and ``metrics_aggregates.csv`` one per structure and measure. An empty cell is a value that is not defined,
``inf`` an infinite one; see `bundle_engine.evaluation.segmentation` for when that is.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import InputError, InputNotFoundError, Place
from bundle_engine.evaluation.segmentation import Agreement
from bundle_engine.workflow.replacement import replacing

__all__ = [
    "AGGREGATES",
    "MEASURES",
    "METRICS",
    "AggregateRow",
    "StructureRow",
    "measure_of",
    "read_aggregates",
    "read_metrics",
    "read_table",
    "write_aggregates",
    "write_metrics",
    "write_table",
]

METRICS = "metrics.csv"
AGGREGATES = "metrics_aggregates.csv"


class StructureRow(NamedTuple):
    """One structure of one subject."""

    subject: str
    structure: str
    agreement: Agreement


@dataclass(frozen=True)
class AggregateRow:
    """One measure of one structure over all subjects.

    Attributes:
        structure: name of the structure.
        metric: name of the measure, as a column of ``metrics.csv``.
        count: number of subjects that mean, std, median, min and max are taken over: those with a finite value.
        mean: their mean; None where there are none.
        std: their standard deviation, with one less than their number below the line; None for fewer than two.
        median: their median.
        min: the smallest.
        max: the largest.
        infinite: number of subjects with an infinite value: the structure was missed, or found where it is not.
        undefined: number of subjects without a value: there was nothing to find and nothing was found; or, for a
            volume, the image is flat.
        both_empty: number of subjects where there was nothing to find and nothing was found; their Dice counts as 1.
    """

    structure: str
    metric: str
    count: int
    mean: float | None
    std: float | None
    median: float | None
    min: float | None
    max: float | None
    infinite: int
    undefined: int
    both_empty: int


_KEYS = ("Patient", "Structure")
_MEASURES: dict[str, str] = {  # columns of a segmentation's metrics.csv, and the attributes behind them
    "Dice": "dice",
    "HausdorffDistance_mm": "hausdorff_mm",
    "MeanDistance_mm": "mean_mm",
    "HD95_mm": "hd95_mm",
    "Volume_ml": "volume_ml",
    "TruthVolume_ml": "truth_ml",
}
_COUNTS = {"Voxels": "voxels", "TruthVoxels": "truth_voxels"}
_NUMBERS = ("mean", "std", "median", "min", "max")
_AGGREGATE_COLUMNS = ("Structure", "Metric", "count", *_NUMBERS, "infinite", "undefined", "both_empty")
MEASURES = tuple(_MEASURES)


def measure_of(agreement: Agreement, metric: str) -> float | None:
    """Give a measure by the name of its column."""
    value: float | None = getattr(agreement, _MEASURES[metric])
    return value


def write_metrics(path: str | os.PathLike[str], rows: Iterable[StructureRow]) -> None:
    """Write ``metrics.csv`` of a segmentation."""
    fields = (*_MEASURES.values(), *_COUNTS.values())
    cells = ([row.subject, row.structure, *(getattr(row.agreement, name) for name in fields)] for row in rows)
    write_table(path, (*_KEYS, *_MEASURES, *_COUNTS), cells)


def read_metrics(path: str | os.PathLike[str]) -> list[StructureRow]:
    """Read ``metrics.csv`` of a segmentation.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it lacks a column, a cell holds no number where one belongs, or a subject and structure are
            there twice.
    """
    kinds: dict[str, Callable[[str], Any]] = {"Patient": _text, "Structure": _text, "Dice": _fraction}
    kinds |= {name: _distance for name in _MEASURES if name != "Dice"} | dict.fromkeys(_COUNTS, _count)
    rows: list[StructureRow] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in read_table(path, kinds):
        key = (cells["Patient"], cells["Structure"])
        if key in seen:
            raise InputError(
                f"'{key[1]}' of '{key[0]}' is there twice, in lines {seen[key]} and {line}", place=Place(str(path))
            )
        seen[key] = line
        fields = {field: cells[column] for column, field in (_MEASURES | _COUNTS).items()}
        rows.append(StructureRow(*key, Agreement(**fields)))
    return rows


def write_aggregates(path: str | os.PathLike[str], rows: Iterable[AggregateRow]) -> None:
    """Write ``metrics_aggregates.csv``."""
    names = ("structure", "metric", "count", *_NUMBERS, "infinite", "undefined", "both_empty")
    write_table(path, _AGGREGATE_COLUMNS, ([getattr(row, name) for name in names] for row in rows))


def read_aggregates(path: str | os.PathLike[str]) -> list[AggregateRow]:
    """Read ``metrics_aggregates.csv``; what is wrong with it is an error as in `read_metrics`."""
    kinds: dict[str, Callable[[str], Any]] = {"Structure": _text, "Metric": _text}
    kinds |= dict.fromkeys(("count", "infinite", "undefined", "both_empty"), _count)
    kinds |= dict.fromkeys(_NUMBERS, _number)
    return [
        AggregateRow(**{name.lower(): cells[name] for name in _AGGREGATE_COLUMNS})
        for _, cells in read_table(path, kinds)
    ]


def write_table(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; the file is complete, or as it was before. None becomes an empty cell.

    Raises:
        UsageError: when the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_written(cell) for cell in row] for row in rows)


def read_table(
    path: str | os.PathLike[str], kinds: dict[str, Callable[[str], Any]]
) -> list[tuple[int, dict[str, Any]]]:
    """Read a table.

    Args:
        path: the file.
        kinds: what reads the cells of each column that must be there; it raises a ValueError that says what is
            expected. Further columns are left out.

    Returns:
        for each row its line in the file, and its values by column.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it is no such table; the message names the line and the column.
    """
    source = str(path)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise InputNotFoundError(f"there is no table '{path}'", hint="evaluate a bundle first") from None
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no table: it is not UTF-8", place=Place(source)) from error
    except (csv.Error, OSError) as error:
        raise InputError(f"'{path}' cannot be read as a table: {error}", place=Place(source)) from error
    if not lines:
        raise InputError(
            "the table is empty", place=Place(source), hint=f"expected are {', '.join(kinds)}" if kinds else None
        )
    columns = lines[0][1]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise InputError(f"the column '{twice[0]}' is there twice", place=Place(source, 1, 1))
    for name in kinds:
        if name not in columns:
            near = matches(name, columns)
            hint = f"did you mean {either(near)}?" if near else f"the columns are {', '.join(columns)}"
            raise InputError(f"the table has no column '{name}'", place=Place(source, 1, 1), hint=hint)
    return [(number, _read_row(row, columns, kinds, Place(source, number, 1))) for number, row in lines[1:]]


def _read_row(
    row: Sequence[str], columns: Sequence[str], kinds: dict[str, Callable[[str], Any]], place: Place
) -> dict[str, Any]:
    if len(row) != len(columns):
        raise InputError(f"the row has {len(row)} cells, and there are {len(columns)} columns", place=place)
    cells = dict(zip(columns, row, strict=True))
    values: dict[str, Any] = {}
    for name, kind in kinds.items():
        try:
            values[name] = kind(cells[name])
        except ValueError as error:
            raise InputError(f"'{cells[name]}' in the column '{name}' is no {error}", place=place) from None
    return values


def _written(cell: Any) -> Any:
    if isinstance(cell, float):
        return "inf" if math.isinf(cell) and cell > 0 else repr(round(cell, 6))
    return "" if cell is None else cell


def _text(cell: str) -> str:
    if not cell.strip():
        raise ValueError("name")
    return cell


def _count(cell: str) -> int:
    if not cell.isascii() or not cell.isdigit():
        raise ValueError("whole number from 0")
    return int(cell)


def _number(cell: str) -> float | None:
    """Read a finite number, or None from an empty cell."""
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise ValueError("number") from None
    if not math.isfinite(value):
        raise ValueError("finite number")
    return value


def _distance(cell: str) -> float | None:
    value = math.inf if cell == "inf" else _number(cell)
    if value is not None and value < 0:
        raise ValueError("number from 0")
    return value


def _fraction(cell: str) -> float:
    value = _number(cell)
    if value is None or not 0 <= value <= 1:
        raise ValueError("number between 0 and 1")
    return value
