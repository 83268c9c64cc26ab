"""Read ``dataset.csv`` in InnerEye's long form: a row for each file, with its subject and what it shows."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundle_engine.config.closest import either, matches
from bundle_engine.data.table import Dataset, File, Subject, set_name
from bundle_engine.errors import InputError, Place
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding

__all__ = ["read_csv"]

_NEEDED = ("subject", "filePath", "channel")
_KNOWN = (*_NEEDED, "split", "institutionId", "seriesId", "groupId", "tags", "acquisition_date")
_ALSO = {"path": "filePath", "file": "filePath", "filename": "filePath", "subjectid": "subject", "patient": "subject"}
_ALSO |= {"patientid": "subject", "set": "split", "section": "split", "modality": "channel"}
_DELIMITERS = (",", ";", "\t", "|")


class _Row(NamedTuple):
    number: int
    fields: list[str]


def read_csv(path: Path) -> tuple[Dataset, list[Finding]]:
    """Read a table from a CSV file.

    The delimiter is a comma, a semicolon, a tabulator or a bar; the file may begin with a byte order mark and end its
    lines as it likes. Names of columns are the same in upper and lower case, with and without ``_``.

    Returns:
        the table, and what is wrong with rows; wrong rows are left out of the table.

    Raises:
        InputError: when it cannot be read at all, or has not the columns that are needed.
    """
    text = _read(path)
    lines = text.split("\n")
    rows, delimiter = _rows(path, text, lines)
    header = _header(path, rows[0], lines, delimiter)
    return _Reader(path, lines, header).read(rows[1:])


def _read(path: Path) -> str:
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the table is not UTF-8: byte {data[error.start]:#04x}",
            place=Place(str(path), line, 1),
            hint="save it again as 'CSV UTF-8'",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _rows(path: Path, text: str, lines: list[str]) -> tuple[list[_Row], str]:
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise InputError("the table is empty", place=Place(str(path)), hint=f"its first line is {','.join(_NEEDED)}")
    delimiter = max(_DELIMITERS, key=lambda each: (_known(first, each), first.count(each)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[_Row] = []
    begin = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                rows.append(_Row(begin, [field.strip() for field in fields]))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"the table cannot be read: {error}", place=_line(path, lines, begin)) from None
    return rows, delimiter


def _known(line: str, delimiter: str) -> int:
    return sum(name in _KNOWN for name in _columns(line.split(delimiter)))


def _columns(written: Sequence[str]) -> list[str]:
    """Give names of columns as they are usually written; another name for one counts where that is not there."""
    names = [_column(name) for name in written]
    for index, name in enumerate(names):
        other = _ALSO.get(_plain(name))
        if other is not None and other not in names:
            names[index] = other
    return names


def _column(name: str) -> str:
    """Give a column's name as it is usually written."""
    usual = {_plain(known): known for known in _KNOWN}
    return usual.get(_plain(name)) or name.strip().strip("\"'")


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-\"']+", "", name).lower()


def _header(path: Path, row: _Row, lines: list[str], delimiter: str) -> list[str]:
    names = _columns(row.fields)
    place = _line(path, lines, row.number)
    missing = [name for name in _NEEDED if name not in names]
    doubled = next((name for index, name in enumerate(names) if name and name in names[:index]), None)
    if doubled is not None:
        raise InputError(f"the column '{doubled}' is there twice", place=place, hint="rename or delete one of them")
    if not missing:
        return names
    if len(missing) == len(_NEEDED) and any("/" in name or "." in name or name.isdigit() for name in row.fields):
        raise InputError(
            "the first line names no columns", place=place, hint=f"put a line in front of it: {delimiter.join(_NEEDED)}"
        )
    near = matches(missing[0], [name for name in names if name not in _KNOWN])
    hint = f"is it '{near[0]}'? It has to be called '{missing[0]}'" if near else None
    there = f"; it has {', '.join(name for name in names if name)}"
    raise InputError(
        f"the table has no column {either(missing)}{there}" if len(missing) == 1 else
        f"the table has no columns {', '.join(repr(name) for name in missing)}{there}",
        place=_spot(path, lines, row.number, near[0]) if near else place,
        hint=hint or f"the first line has to name {', '.join(_NEEDED)}",
    )  # fmt: skip


class _Reader:
    def __init__(self, path: Path, lines: list[str], header: list[str]) -> None:
        self._path = path
        self._lines = lines
        self._header = header
        self._findings: list[Finding] = []
        self._files: dict[str, list[File]] = {}
        self._sets: dict[str, tuple[str, Place]] = {}
        self._columns: dict[str, dict[str, str]] = {}
        self._places: dict[str, Place] = {}

    def read(self, rows: Sequence[_Row]) -> tuple[Dataset, list[Finding]]:
        self._look_at_header()
        for row in rows:
            self._row(row)
        subjects = tuple(
            Subject(name, tuple(files), self._sets.get(name, ("",))[0], self._columns[name], self._places[name])
            for name, files in self._files.items()
        )
        if not subjects and not self._findings:
            place = _line(self._path, self._lines, 1)
            raise InputError("the table has a header and no rows", place=place, hint="add a row for each file")
        return Dataset(self._path, subjects), self._findings

    def _look_at_header(self) -> None:
        """Note columns that were probably meant to be others."""
        for name in self._header:
            near = [] if name in _KNOWN else matches(name, _KNOWN)
            if name and near and near[0] not in self._header:
                place = _spot(self._path, self._lines, 1, name)
                said = f"nothing is known of the column '{name}'"
                self._findings.append(found("BE101", name, place, said, f"did you mean '{near[0]}'?"))

    def _row(self, row: _Row) -> None:
        number, fields = row
        if len(fields) > len(self._header) and any(fields[len(self._header) :]):
            said = f"the row has {len(fields)} fields, and the header {len(self._header)}"
            self._wrong(number, said, "put what contains the delimiter into quotes")
            return
        values = dict(zip(self._header, [*fields, *[""] * len(self._header)], strict=False))
        empty = [name for name in _NEEDED if not values[name]]
        if empty:
            self._wrong(number, f"the row has no {' and no '.join(empty)}", "")
            return
        name, channel, written = (values[key] for key in ("subject", "channel", "filePath"))
        place = _spot(self._path, self._lines, number, written)
        files = self._files.setdefault(name, [])
        self._places.setdefault(name, place)
        self._note_set(name, values.pop("split", ""), number)
        columns = self._columns.setdefault(name, {})
        for key, value in values.items():
            if key and key not in _NEEDED and value:
                columns.setdefault(key, value)
        before = next((file for file in files if file.channel == channel), None)
        if before is not None:
            where = f" in line {before.place.line}" if before.place else ""
            said = f"subject '{name}' has the channel '{channel}' twice: '{written}', and '{before.written}'{where}"
            self._findings.append(found("BE103", name, place, said, "one of the rows is wrong, or has another subject"))
            return
        files.append(File(channel, resolve(self._path.parent, written), written, place))

    def _note_set(self, name: str, text: str, number: int) -> None:
        if not text:
            return
        place = _spot(self._path, self._lines, number, text)
        before = self._sets.setdefault(name, (set_name(text), place))
        if before[0] != set_name(text):
            said = f"subject '{name}' is in the set '{set_name(text)}', and in line {before[1].line} in '{before[0]}'"
            hint = "a subject that a network was trained with says nothing about how good it is"
            self._findings.append(found("BE104", name, place, said, hint))

    def _wrong(self, number: int, message: str, hint: str) -> None:
        self._findings.append(found("BE100", "", _line(self._path, self._lines, number), message, hint))


def resolve(folder: Path, written: str) -> Path:
    """Give the path of a file that a table names, relative to the table's folder."""
    path = folder / Path(written).expanduser()
    if "\\" in written and os.sep != "\\" and not path.exists():
        return folder / written.replace("\\", "/")  # written on Windows
    return path


def _line(path: Path, lines: list[str], number: int) -> Place:
    text = lines[number - 1] if number <= len(lines) else ""
    return Place(str(path), number, 1, text, max(1, len(text)))


def _spot(path: Path, lines: list[str], number: int, field: str) -> Place:
    """Give the place of a field in a row; the row where it cannot be found."""
    text = lines[number - 1] if number <= len(lines) else ""
    column = text.find(field)
    return Place(str(path), number, column + 1, text, len(field)) if column >= 0 else _line(path, lines, number)
