"""Read config files, and say where in them a value stands."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import closest, json_reader
from bundle_engine.config.ids import PATH_SUFFIXES, ROOT, Id
from bundle_engine.config.syntax import TOO_DEEP, Fault, json_fault, line_column
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

    def holds(self, id: Id) -> bool:
        """Tell whether the source itself says what stands at `id`."""
        return True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


CODE = Source("code")
COMMAND_LINE = Source("command line")


class Document(Source):
    """A config file that was read.

    Attributes:
        data: the root's value; it belongs to whoever asked for the file.
        text: what was read.
        doubled: whether some mapping in it has a key twice.
    """

    path: Path

    def __init__(self, path: Path, text: str, data: Any, doubled: bool = False) -> None:
        super().__init__(str(path))
        self.path = path
        self.data = data
        self.text = text
        self.doubled = doubled
        self._spots: Mapping[Id, tuple[Any, Any]] | None = None

    def find(self, id: Id) -> KeySpot | None:
        spots = self._all_spots()
        while id not in spots:
            if not id:
                return None
            id = id.parent
        key, value = spots[id]
        return KeySpot(_spot_place(self.path, self.text, key), _spot_place(self.path, self.text, value))

    def holds(self, id: Id) -> bool:
        return id in self._all_spots()

    def duplicates(self) -> list[tuple[Id, Place, Place]]:
        """Give the keys that are written twice: their ids, and both places."""
        return _duplicates(self.path, self.text) if self.doubled else []

    def _all_spots(self) -> Mapping[Id, tuple[Any, Any]]:
        if self._spots is None:
            self._spots = _spots(self.path, self.text)
        return self._spots


def is_config_path(text: PathLike) -> bool:
    """Tell whether a path has the suffix of a config file."""
    return str(text).lower().endswith(PATH_SUFFIXES)


def load(
    path: PathLike, *, json_options: Mapping[str, Any] | None = None, any_root: bool = False, tell: bool = True
) -> Document:
    """Read one JSON or YAML file.

    Args:
        path: the file; its suffix says what it is.
        json_options: options that go to `json.loads` unchanged.
        any_root: accept a root that is no mapping.
        tell: warn of keys written twice, or refuse them; otherwise the document knows them.

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
    if doubled and tell:
        _tell_duplicates(path, text)
    if not isinstance(data, dict) and not any_root:
        spot = Document(path, text, data).find(ROOT)
        raise InputError(
            f"the root of a config is a mapping, and here it is {_kind(data)}",
            place=spot.value if spot else _place(path, text, 1, 1),
            hint="give the value a name: 'key: value'",
        )
    return Document(path, text, data, doubled)


def named_files(files: PathLike | Sequence[PathLike]) -> list[Path]:
    """List files that are given as one, as a list, or as one string with commas."""
    if isinstance(files, str) and "," in files and not Path(files).is_file():
        files = [part.strip() for part in files.split(",")]
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    return [Path(file) for file in files if file]


def load_all(files: PathLike | Sequence[PathLike], options: Mapping[str, Any]) -> list[Document]:
    """Read files that are given as `named_files` takes them."""
    return [load(file, json_options=options) for file in named_files(files)]


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
        raise InputError(f"'{path}' is a folder, and a config is a file", hint=_near_files(path / path.name)) from None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        shown = raw.split(b"\n", line)[line - 1].decode("utf-8", "replace")
        raise InputError(
            f"not UTF-8: the byte 0x{raw[error.start]:02x} cannot be read",
            place=Place(str(path), line, column, shown.rstrip("\r")),
            hint="save the file as UTF-8 (it may be Latin-1, or no text at all)",
        ) from None


def _read_json(path: Path, text: str, options: Mapping[str, Any] | None) -> tuple[Any, bool]:
    if not text.strip():
        raise _empty(path, text)
    try:
        if options:
            return json_reader.read_with(text, options), False
        return json_reader.read(text)
    except json_reader.JsonDepthError as error:
        fault = Fault(error.message, *line_column(text, error.offset), TOO_DEEP)
    except json_reader.JsonSyntaxError as error:
        fault = json_fault(text, error.message, error.offset)
    raise _unreadable(path, text, fault)


def _read_yaml(path: Path, text: str) -> tuple[Any, bool]:
    from bundle_engine.config import yaml_reader

    try:
        reading = yaml_reader.read(text)
    except yaml_reader.YamlError as error:
        raise _unreadable(path, text, error.fault) from None
    if reading.empty or reading.value is None:
        raise _empty(path, text)
    return reading.value, bool(reading.duplicates)


def _unreadable(path: Path, text: str, fault: Fault) -> InputError:
    return InputError(fault.message, place=_place(path, text, fault.line, fault.column), hint=fault.hint)


def _empty(path: Path, text: str) -> InputError:
    kind = "holds no values, only comments" if "#" in text else "holds no values" if text.strip() else "is empty"
    return InputError(f"the file '{path}' {kind}", place=Place(str(path), 1, 1), hint="write at least one 'key: value'")


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
        line, column = line_column(text, spot.start)
        width = spot.end - spot.start
    else:
        line, column, width = spot
    place = _place(path, text, line, column)
    return replace(place, width=max(1, min(width, len(place.text) - column + 1)))


def _place(path: Path, text: str, line: int, column: int) -> Place:
    lines = text.split("\n", line)
    return Place(str(path), line, column, lines[line - 1] if line <= len(lines) else "")


def _near_files(path: Path) -> str | None:
    """Say which file was probably meant."""
    folder = path.parent
    if not folder.is_dir():
        return _near_folders(folder)
    names = sorted(entry.name for entry in folder.iterdir() if is_config_path(entry.name))
    near = [name for name in names if Path(name).stem == path.stem]
    near = near or [name for stem in closest.matches(path.stem, _stems(names)) for name in _stems(names)[stem]]
    if near:
        return f"did you mean {closest.either(str(folder / name) for name in near)}?"
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"'{folder.resolve()}' has {shown or 'no configs'}"


def _near_folders(folder: Path) -> str:
    while not folder.parent.is_dir():
        folder = folder.parent
    names = sorted(entry.name for entry in folder.parent.iterdir() if entry.is_dir())
    near = closest.matches(folder.name, names)
    guess = f"; did you mean {closest.either(str(folder.parent / name) for name in near)}?" if near else ""
    return f"there is no folder '{folder}'{guess}"


def _stems(names: Iterable[str]) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = {}
    for name in names:
        stems.setdefault(Path(name).stem, []).append(name)
    return stems


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)
