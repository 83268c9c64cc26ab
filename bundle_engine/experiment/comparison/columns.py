"""What else is known of the subjects: their sets where a table does not say, columns of a table of subjects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bundle_engine.data.reading import read_dataset
from bundle_engine.data.table import Dataset
from bundle_engine.experiment.comparison.measurements import Measurement

__all__ = ["join_columns", "name_sets"]

_FIRST = ("test", "val", "train")
UNKNOWN = "all"


def name_sets(rows: Sequence[Measurement]) -> tuple[list[Measurement], list[str]]:
    """Name the sets of rows that say nothing of it: each subject is in the set that the other tables have it in.

    Returns:
        the rows, and the runs of which that was taken for granted.
    """
    known: dict[str, set[str]] = {}
    for row in rows:
        if row.set:
            known.setdefault(row.subject, set()).add(row.set)
    guessed: dict[str, None] = {}
    found: list[Measurement] = []
    for row in rows:
        if not row.set:
            sets = known.get(row.subject, set())
            name = next((each for each in _FIRST if each in sets), min(sets, default=UNKNOWN))
            if sets:
                guessed[row.run] = None
            row = row._replace(set=name)
        found.append(row)
    return found, list(guessed)


def join_columns(
    rows: Sequence[Measurement], table: str | os.PathLike[str]
) -> tuple[list[Measurement], list[str], list[str]]:
    """Put the columns of a table of subjects beside what was measured.

    A subject is found by its name, or by the name of one of its files without the ending.

    Returns:
        the rows, the names of the columns, and the subjects that are not in the table.

    Raises:
        InputNotFoundError: when there is no such table.
        InputError: when it cannot be read.
    """
    dataset = read_dataset(table)
    known = _by_name(dataset)
    missing = {row.subject: None for row in rows if row.subject not in known}
    found = [row._replace(columns={**row.columns, **known.get(row.subject, {})}) for row in rows]
    return found, list(dataset.columns), list(missing)


def _by_name(dataset: Dataset) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for subject in dataset.subjects:
        columns = {key: str(value) for key, value in subject.columns.items()}
        for file in subject.files:
            found.setdefault(_stem(file.path), columns)
    for subject in dataset.subjects:
        found[subject.name] = {key: str(value) for key, value in subject.columns.items()}
    return found


def _stem(path: Path) -> str:
    name = path.name
    for ending in (".gz", ".bz2"):
        name = name.removesuffix(ending)
    return name.rpartition(".")[0] or name
