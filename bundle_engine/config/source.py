"""Read config files, and say where in them a value stands."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import closest, json_reader
from bundle_engine.config.ids import PATH_SUFFIXES, Id
from bundle_engine.errors import BundleEngineWarning, DuplicateKeyError, InputError, InputNotFoundError, Place

PathLike = str | os.PathLike[str]

FAIL_ON_DUPLICATE = "MONAI_FAIL_ON_DUPLICATE_CONFIG"


class KeySpot(NamedTuple):
    """Where an item stands: its key (for items of a list, its value) and its value."""

    key: Place
    value: Place


class Source:
    """Where values come from that were not read from a file: the command line, or code.

    Attributes:
        name: what to call it in messages.
        path: the file, None where there is none.
    """

    path: Path | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def find(self, id: Id) -> KeySpot | None:
        """Say where the item `id` of this source stands, or the nearest item around it."""
        place = Place(self.name)
        return KeySpot(place, place)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


CODE = Source("code")
COMMAND_LINE = Source("command line")


class Document(Source):
    """A config file that was read.

    Attributes:
        data: the root's value; it belongs to whoever asked for the file.
    """

    path: Path

    def __init__(self, path: Path, text: str, data: Any) -> None:
        super().__init__(str(path))
        self.path = path
        self.data = data
        self._text = text
        self._spots: Mapping[Id, tuple[Any, Any]] | None = None

    def find(self, id: Id) -> KeySpot | None:
        if self._spots is None:
            self._spots = _spots(self.path, self._text)
        while id not in self._spots:
            if not id:
                return None
            id = id.parent
        key, value = self._spots[id]
        return KeySpot(_spot_place(self.path, self._text, key), _spot_place(self.path, self._text, value))


def is_config_path(text: PathLike) -> bool:
    """Tell whether a path has the suffix of a config file."""
    return str(text).lower().endswith(PATH_SUFFIXES)


def load(path: PathLike, *, json_options: Mapping[str, Any] | None = None, any_root: bool = False) -> Document:
    """Read one JSON or YAML file.

    Args:
        path: the file; its suffix says what it is.
        json_options: options that go to `json.loads` unchanged.
        any_root: accept a root that is no mapping.

    Raises:
        InputNotFoundError: when there is no such file; similar names beside it are offered.
        InputError: when it has another suffix, is not UTF-8, is empty, has a syntax error, or when its root is
            no mapping.
        DuplicateKeyError: for a key written twice, while ``MONAI_FAIL_ON_DUPLICATE_CONFIG=1``.
    """
    path = Path(path)
    if not is_config_path(path):
        raise InputError(
            f"unknown file input: '{path}' is neither JSON nor YAML by its name",
            hint=f"name a file that ends in {', '.join(PATH_SUFFIXES)}",
        )
    text = _read_text(path)
    if path.suffix.lower() == ".json":
        data, doubled = _read_json(path, text, json_options)
    else:
        data, doubled = _read_yaml(path, text)
    if doubled:
        _tell_duplicates(path, text)
    if not isinstance(data, dict) and not any_root:
        kind = "a list" if isinstance(data, list) else "a string" if isinstance(data, str) else type(data).__name__
        raise InputError(
            f"the root of a config is a mapping, and here it is {kind}",
            place=_place(path, text, 1, 1),
            hint="give the value a name: 'key: value'",
        )
    return Document(path, text, data)


def load_all(files: PathLike | Sequence[PathLike], options: Mapping[str, Any]) -> list[Document]:
    """Read files that are given as one, as a list, or as one string with commas."""
    if isinstance(files, str) and "," in files and not Path(files).is_file():
        files = [part.strip() for part in files.split(",")]
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    return [load(file, json_options=options) for file in files if file]


def write(path: Path, text: str) -> None:
    """Write a text file; it is complete or as it was before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputNotFoundError(f"cannot find the file '{path}'", hint=_near_files(path)) from None
    except IsADirectoryError:
        raise InputError(f"'{path}' is a folder, and a config is a file") from None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        raise InputError(
            f"not UTF-8: byte 0x{raw[error.start]:02x} cannot be read",
            place=Place(str(path), line, column),
            hint="save the file as UTF-8 (it may be Latin-1, or no text at all)",
        ) from None


def _read_json(path: Path, text: str, options: Mapping[str, Any] | None) -> tuple[Any, bool]:
    if not text.strip():
        raise _empty(path)
    if options:
        import json

        return json.loads(text, **options), False
    try:
        return json_reader.read(text)
    except json_reader.JsonSyntaxError as error:
        line, column = _line_column(text, error.offset)
        raise InputError(
            f"not JSON: {error.message}",
            place=_place(path, text, line, column),
            hint=_json_hint(text, error.offset),
        ) from None


def _json_hint(text: str, offset: int) -> str | None:
    before = text[:offset].rstrip()
    rest = text[offset : offset + 2]
    if before.endswith(",") and rest[:1] in ("}", "]"):
        return "JSON allows no comma after the last item"
    if rest == "//" or rest[:1] == "#":
        return "JSON has no comments; YAML has"
    if rest[:1] == "'":
        return "JSON strings take double quotes"
    return None


def _read_yaml(path: Path, text: str) -> tuple[Any, bool]:
    from bundle_engine.config import yaml_reader

    try:
        reading = yaml_reader.read(text)
    except yaml_reader.YamlError as error:
        lines = text.split("\n")
        line_text = lines[error.line - 1] if error.line <= len(lines) else ""
        hint = None
        if "\t" in line_text[: error.column]:
            hint = "YAML is indented with spaces, not with tabs"
        elif line_text[error.column - 1 : error.column] in ("@", "%", "`"):
            hint = f"quote a value that begins with '{line_text[error.column - 1]}': \"...\""
        elif "mapping values are not allowed" in error.message:
            hint = "quote a value that contains ': ', or check the indentation"
        place = _place(path, text, error.line, error.column)
        raise InputError(f"not YAML: {error.message}", place=place, hint=hint) from None
    if reading.empty or reading.value is None:
        raise _empty(path)
    return reading.value, bool(reading.duplicates)


def _empty(path: Path) -> InputError:
    return InputError(f"the file '{path}' is empty", place=Place(str(path), 1, 1), hint="a config has at least one key")


def _tell_duplicates(path: Path, text: str) -> None:
    for key, first, again in _duplicates(path, text):
        message = f"Duplicate key: `{key[-1]}`, first written on line {first.line} and again on line {again.line}"
        if os.environ.get(FAIL_ON_DUPLICATE, "0") == "1":
            raise DuplicateKeyError(message, id=str(key), place=again, hint="delete one of the two")
        warnings.warn(f"{message} of {path}; the later one counts", BundleEngineWarning, stacklevel=2)


def _duplicates(path: Path, text: str) -> list[tuple[Id, Place, Place]]:
    found: Sequence[tuple[Id, Any, Any]]
    if path.suffix.lower() == ".json":
        found = json_reader.scan(text)[2]
    else:
        from bundle_engine.config import yaml_reader

        found = yaml_reader.read(text, spots=True).duplicates
    return [(id, _spot_place(path, text, first), _spot_place(path, text, again)) for id, first, again in found]


def _spots(path: Path, text: str) -> Mapping[Id, tuple[Any, Any]]:
    if path.suffix.lower() == ".json":
        return json_reader.scan(text)[1]
    from bundle_engine.config import yaml_reader

    return yaml_reader.read(text, spots=True).spots


def _spot_place(path: Path, text: str, spot: Any) -> Place:
    if isinstance(spot, json_reader.Spot):
        line, column = _line_column(text, spot.start)
        width = spot.end - spot.start
    else:
        line, column, width = spot
    place = _place(path, text, line, column)
    return replace(place, width=max(1, min(width, len(place.text) - column + 1)))


def _line_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _place(path: Path, text: str, line: int, column: int) -> Place:
    lines = text.split("\n", line)
    return Place(str(path), line, column, lines[line - 1] if line <= len(lines) else "")


def _near_files(path: Path) -> str | None:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder '{folder}'"
    names = sorted(entry.name for entry in folder.iterdir() if is_config_path(entry.name))
    near = closest.matches(path.name, names)
    if near:
        return f"did you mean {closest.either(str(folder / name) for name in near)}?"
    if names:
        return f"in '{folder}' there are {', '.join(names[:8])}"
    return None
