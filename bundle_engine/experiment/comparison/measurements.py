"""What was measured of a structure of a subject, by a run, in a split, on a set: one row of the long table."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.data.table import set_name
from bundle_engine.errors import InputError, Place
from bundle_engine.evaluation.aggregates import DISTANCES
from bundle_engine.evaluation.tables import MEASURES, read_table, write_table

__all__ = [
    "ACROSS",
    "METRICS",
    "TRUE_CLASS",
    "Measurement",
    "larger_is_better",
    "read_measurements",
    "short_name",
    "write_measurements",
]

ACROSS = "MetricsAcrossAllRuns.csv"
TRUE_CLASS = "TrueClassProbability"
METRICS = ("Dice", *DISTANCES, TRUE_CLASS)  # that have a better and a worse
_SHORT = {"HausdorffDistance_mm": "Hausdorff (mm)", "MeanDistance_mm": "mean distance (mm)", "HD95_mm": "HD95 (mm)"}
_SHORT |= {TRUE_CLASS: "probability of the true class"}
_KEYS = ("run", "split", "set", "Patient", "Structure")
_ALSO = {"subject": "Patient", "patient": "Patient", "patientid": "Patient", "subjectid": "Patient"}
_ALSO |= {"structure": "Structure", "run": "run", "split": "split", "set": "set", "mode": "set"}
_VALUES = (*MEASURES, TRUE_CLASS)
_LEFT_OUT = ("Voxels", "TruthVoxels")
_PLAIN = re.compile(r"[\s_\-]+")


class Measurement(NamedTuple):
    """What was measured of one structure of one subject.

    Attributes:
        run: name of the run.
        split: of a cross-validation its fold, or ``ENSEMBLE``; empty where there is none.
        set: ``train``, ``val``, ``test`` or another; empty where it is not known.
        subject: name of the subject.
        structure: name of the structure; of a classification, the true class.
        values: by measure; None is undefined. Measures that the table does not have are not in it.
        columns: what else is known of the subject.
    """

    run: str
    split: str
    set: str
    subject: str
    structure: str
    values: Mapping[str, float | None]
    columns: Mapping[str, str] = {}


def larger_is_better(metric: str) -> bool:
    """Tell which end of a measure is the good one."""
    return metric not in DISTANCES


def short_name(metric: str) -> str:
    """Give the name of a measure for people."""
    return _SHORT.get(metric, metric)


def write_measurements(path: str | os.PathLike[str], rows: Sequence[Measurement]) -> None:
    """Write ``MetricsAcrossAllRuns.csv``: a row per run, split, set, subject and structure."""
    metrics = [name for name in _VALUES if any(name in row.values for row in rows)]
    columns = list(dict.fromkeys(name for row in rows for name in row.columns))
    cells = (
        [*row[:5], *(row.values.get(name) for name in metrics), *(row.columns.get(name, "") for name in columns)]
        for row in rows
    )
    write_table(path, (*_KEYS, *metrics, *columns), cells)


def read_measurements(path: str | os.PathLike[str], *, run: str, split: str = "", set: str = "") -> list[Measurement]:
    """Read a table of measures from anywhere.

    It has the columns ``Patient`` (or ``Subject``), ``Structure`` and at least one measure by its name in
    ``metrics.csv``; ``run``, ``split`` and ``set``, where it has them, are taken from it. Further columns are kept as
    text. An empty cell and ``nan`` are undefined values.

    Args:
        path: the file.
        run: what the run is called; a column ``run`` is put behind it.
        split: for a table without that column.
        set: for a table without that column.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it is no such table; the message names line and column.
    """
    source = str(path)
    read_table(path, {})
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file))
    names = {name: _usual(name) for name in header if name.strip()}
    there = list(names.values())
    if twice := [name for name in (*_KEYS, *_VALUES) if there.count(name) > 1]:
        raise InputError(f"two columns mean '{twice[0]}'", place=Place(source, 1, 1))
    for needed in ("Patient", "Structure"):
        if needed not in there:
            raise InputError(
                f"the table has no column '{needed}'", place=Place(source, 1, 1), hint=f"it has {', '.join(header)}"
            )
    if not any(name in _VALUES for name in there):
        raise InputError(
            "the table has no measure", place=Place(source, 1, 1), hint=f"one or more of {', '.join(_VALUES)}"
        )
    kinds: dict[str, Callable[[str], Any]] = {
        name: _text if usual in ("Patient", "Structure") else _reader(usual) for name, usual in names.items()
    }
    rows: list[Measurement] = []
    seen: dict[tuple[str, ...], int] = {}
    for line, cells in read_table(path, kinds):
        row = _measurement({names[name]: cell for name, cell in cells.items()}, (run, split, set))
        if row[:5] in seen:
            raise InputError(
                f"'{row.structure}' of '{row.subject}' is there twice, in lines {seen[row[:5]]} and {line}",
                place=Place(source, line, 1),
            )
        seen[row[:5]] = line
        rows.append(row)
    if not rows:
        raise InputError("the table has a header and no rows", place=Place(source, 1, 1))
    return rows


def _measurement(cells: Mapping[str, Any], known: tuple[str, str, str]) -> Measurement:
    run, split, part = known
    own = cells.get("run", "")
    name = run if own in ("", run) else f"{run}/{own}"
    return Measurement(
        name,
        cells.get("split") or split,
        set_name(cells.get("set") or part),
        cells["Patient"],
        cells["Structure"],
        {key: value for key, value in cells.items() if key in _VALUES},
        {k: v for k, v in cells.items() if k not in (*_KEYS, *_VALUES, *_LEFT_OUT) and v},
    )


def _usual(name: str) -> str:
    plain = _PLAIN.sub("", name).lower()
    measures = {_PLAIN.sub("", each).lower(): each for each in (*_VALUES, *_LEFT_OUT)}
    return _ALSO.get(plain) or measures.get(plain) or name.strip()


def _reader(name: str) -> Callable[[str], Any]:
    if name in ("Dice", TRUE_CLASS):
        return _fraction
    return _size if name in _VALUES else str.strip


def _text(cell: str) -> str:
    if not cell.strip():
        raise ValueError("name")
    return cell.strip()


def _size(cell: str) -> float | None:
    text = cell.strip().lower()
    if text in ("", "nan"):
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError("number") from None
    if math.isnan(value) or value < 0:
        raise ValueError("number from 0")
    return value


def _fraction(cell: str) -> float | None:
    value = _size(cell)
    if value is not None and value > 1:
        raise ValueError("number between 0 and 1")
    return value
