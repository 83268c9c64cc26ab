"""Find and read what evaluations left: their records, and the tables beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.errors import InputError, InputNotFoundError, Place
from bundle_engine.evaluation.staging import RECORD
from bundle_engine.evaluation.tables import METRICS, StructureRow, read_metrics
from bundle_engine.evaluation.verdicts import Verdict, read_verdicts

__all__ = ["Evaluation", "find_evaluations"]

_DEPTH = 3


class Evaluation(NamedTuple):
    """An evaluation of one checkpoint on one set.

    Attributes:
        folder: where its results are.
        name: its folder's path below the one that was asked for; that folder's own name if it is this one.
        record: the content of ``evaluation.json``.
        rows: of a segmentation, the measures; empty for a classification.
        verdicts: of a classification, the subjects; empty for a segmentation.
        classes: of a classification, the classes.
    """

    folder: Path
    name: str
    record: dict[str, Any]
    rows: Sequence[StructureRow] = ()
    verdicts: Sequence[Verdict] = ()
    classes: Sequence[str] = ()

    @property
    def threshold(self) -> float | None:
        """The threshold that a classification of two classes used."""
        value = (self.record.get("threshold") or {}).get("value")
        return float(value) if isinstance(value, int | float) else None


def find_evaluations(folder: str | os.PathLike[str]) -> list[Evaluation]:
    """Read all evaluations in a folder: its own, or those up to three folders below it.

    Raises:
        InputNotFoundError: when there are none.
        InputError: when a table or a record is damaged.
    """
    root = Path(folder).expanduser().absolute()
    if not root.is_dir():
        raise InputNotFoundError(f"there is no folder '{folder}'", hint="name a folder that evaluate wrote")
    found = sorted(path.parent for depth in range(_DEPTH + 1) for path in root.glob("*/" * depth + RECORD))
    if not found:
        raise InputNotFoundError(
            f"there is no evaluation in '{folder}': no {RECORD} in it or below it",
            hint="name the folder that evaluate wrote (its --output_dir)",
        )
    return [_read(path, root) for path in sorted(found, key=lambda path: (path.parent, _order(path.name)))]


def _order(name: str) -> tuple[int, str]:
    names = ("train", "val", "test")
    return (names.index(name) if name in names else len(names), name)


def _read(folder: Path, root: Path) -> Evaluation:
    path = folder / RECORD
    name = str(folder.relative_to(root)) if folder != root else folder.name
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the record cannot be read: {error}", place=Place(str(path))) from error
    task = record.get("task") if isinstance(record, dict) else None
    if task == "segmentation":
        return Evaluation(folder, name, record, rows=read_metrics(folder / METRICS))
    if task == "classification":
        verdicts, classes = read_verdicts(folder / METRICS)
        return Evaluation(folder, name, record, verdicts=verdicts, classes=classes)
    raise InputError(f"the record is of no known task: {task!r}", place=Place(str(path)))
