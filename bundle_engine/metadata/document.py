"""Files that describe a bundle, as plain data with the place of every value."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bundle_engine.config import merge, source
from bundle_engine.config.closest import counted
from bundle_engine.config.ids import EXTENDS, ROOT, Id
from bundle_engine.config.origins import Origins
from bundle_engine.config.source import Document, PathLike
from bundle_engine.errors import InputError, Place
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding

__all__ = ["LARGEST", "Description", "find_file", "leaves", "read"]

LARGEST = 16 * 2**20  # bytes; metadata takes a few thousand
SUFFIXES = (".json", ".yaml", ".yml")


class Description:
    """What one file says, or several of which later ones win.

    Attributes:
        files: the files.
        data: their content, with texts for keys as JSON has them.
    """

    def __init__(self, documents: Sequence[Document], data: dict[Any, Any], origins: Origins | None) -> None:
        self.files = tuple(document.path for document in documents)
        self.data: dict[str, Any] = _with_texts_for_keys(data)
        self._documents = documents
        self._origins = origins

    def place(self, id: Id, *, key: bool = False) -> Place | None:
        """Say where the value at an id was written, or with `key` its key; else what is around it."""
        if self._origins is not None:
            origin = self._origins.where(id)
            return None if origin is None else origin.key if key else origin.place
        spot = self._documents[0].find(id)
        return None if spot is None else spot.key if key else spot.value

    def findings(self) -> Iterator[Finding]:
        """Find what is wrong with the files whatever they describe: keys written twice, numbers that JSON lacks."""
        for document in self._documents:
            for id, first, again in document.duplicates():
                message = (
                    f"the key '{id[-1]}' is written twice: on line {first.line}, and again here; the later one counts"
                )
                yield found("BE004", id, again, message, "delete one of the two, or give one of them another name")
        for id, value in leaves(self.data):
            if isinstance(value, float) and not math.isfinite(value):
                message = f"{id[-1] if id else 'a number'} is {_number(value)}, which is no number in JSON"
                yield found("BE065", id, self.place(id), message, "write a number, or leave it out")


def find_file(folder: Path, stem: str) -> Path | None:
    """Find a JSON or YAML file by its name without the suffix."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def read(files: PathLike | Sequence[PathLike]) -> Description:
    """Read one file, or put several together as a config is put together.

    Raises:
        InputError: when one cannot be read, or is too large to be what it should be.
    """
    paths = [Path(files)] if isinstance(files, (str, os.PathLike)) else [Path(file) for file in files]
    if not paths:
        raise InputError("no file is named")
    documents = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            _refuse_large(path)
            documents.append(source.load(path, tell=False))
        if len(documents) == 1 and EXTENDS not in documents[0].data:
            return Description(documents, documents[0].data, None)
        origins = Origins()
        return Description(documents, merge.assemble(documents, source.load, origins), origins)


def _refuse_large(path: Path) -> None:
    size = path.stat().st_size if path.is_file() else 0
    if size > LARGEST:
        raise InputError(
            f"the file '{path}' has {counted(size // 2**20, 'megabyte')}, which is no description of a bundle",
            place=Place(str(path)),
            hint=f"it may have {LARGEST // 2**20} megabytes at most",
        )


def _with_texts_for_keys(data: Any) -> Any:
    """Copy mappings and lists with a text for each key: YAML has numbers there where JSON has texts."""
    copied: list[Any] = [data]
    waiting: list[tuple[Any, Any]] = [(copied, 0)]
    while waiting:
        container, key = waiting.pop()
        value = container[key]
        if isinstance(value, dict):
            value = container[key] = {str(name): item for name, item in value.items()}
            waiting += [(value, name) for name in value]
        elif isinstance(value, (list, tuple)):
            value = container[key] = list(value)
            waiting += [(value, index) for index in range(len(value))]
    return copied[0]


def leaves(data: Any) -> Iterator[tuple[Id, Any]]:
    """Give all values that have no inside, with their ids, in document order."""
    waiting: list[tuple[Id, Any]] = [(ROOT, data)]
    while waiting:
        id, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(id.child(key), item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(id.child(index), value[index]) for index in reversed(range(len(value)))]
        else:
            yield id, value


def _number(value: float) -> str:
    return "not a number (NaN)" if math.isnan(value) else "infinity" if value > 0 else "minus infinity"
