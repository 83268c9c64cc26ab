"""Read a table of subjects from whatever it is written in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from bundle_engine.config.closest import either, matches
from bundle_engine.data.csv_table import read_csv
from bundle_engine.data.json_table import read_json
from bundle_engine.data.table import Dataset
from bundle_engine.errors import InputError, InputNotFoundError
from bundle_engine.inspection.findings import Finding

__all__ = ["NAMES", "Table", "find_table", "read_dataset", "read_table"]

#: what tables are called in a folder, in the order in which they are looked for
NAMES = ("dataset.csv", "dataset.json", "datalist.json")
_CSV, _JSON = (".csv", ".tsv", ".txt"), (".json", ".yaml", ".yml")


class Table(NamedTuple):
    """A table, and what is wrong with how it is written."""

    dataset: Dataset
    findings: list[Finding]


def find_table(path: str | os.PathLike[str]) -> Path:
    """Give the file of a table: the one named, or the one in the folder named.

    Raises:
        InputNotFoundError: when there is none.
    """
    given = Path(path).expanduser()
    if given.is_file():
        return given
    if given.is_dir():
        for name in NAMES:
            if (given / name).is_file():
                return given / name
        others = sorted(each.name for each in given.iterdir() if each.suffix.lower() in _CSV + _JSON)
        hint = f"did you mean {either([str(given / name) for name in others[:3]])}?" if others else None
        raise InputNotFoundError(f"there is no {' or '.join(NAMES)} in '{given}'", hint=hint or "name the file itself")
    beside = [each.name for each in given.parent.iterdir()] if given.parent.is_dir() else []
    near = matches(given.name, beside)
    hint = f"did you mean {either(near)}?" if near else None
    raise InputNotFoundError(f"there is no file '{given}'", hint=hint)


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table of subjects, and note what is wrong with its rows.

    Args:
        path: a CSV file in InnerEye's long form, a JSON file in the Decathlon's form or with a list of mappings, or a
            folder with ``dataset.csv`` or ``dataset.json``.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it cannot be read as a table at all.
    """
    file = find_table(path)
    suffix = file.suffix.lower()
    if suffix in _CSV:
        return Table(*read_csv(file))
    if suffix in _JSON:
        return Table(*read_json(file))
    raise InputError(
        f"'{file}' is no table of subjects by its name", hint=f"name a file that ends in {', '.join(_CSV + _JSON)}"
    )


def read_dataset(path: str | os.PathLike[str]) -> Dataset:
    """Read a table of subjects that has no mistakes in it.

    Args:
        path: as for `read_table`.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it cannot be read, or a row of it is wrong; the first one is named.
    """
    dataset, findings = read_table(path)
    raise_first(findings)
    return dataset


def raise_first(findings: list[Finding]) -> None:
    """Raise the first error among findings, with a note on how many more there are."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return
    first = errors[0]
    more = [] if len(errors) == 1 else [f"and {len(errors) - 1} more: `data check` lists them all"]
    raise InputError(first.message, place=first.place, hint=first.suggestion or None, notes=more)
