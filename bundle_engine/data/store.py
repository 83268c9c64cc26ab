"""Where results of preprocessing are kept: one file per image, complete or not there, the oldest go when it gets full.

Nothing is locked. A file is written beside its place, flushed to the disk and then renamed; two processes that make the
same one write the same content. Whoever has a file open keeps it when another removes it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.errors import UsageError

__all__ = ["FOLDER", "LIMIT", "Entry", "Store", "Usage", "default_folder", "read_size"]

#: environment variables: the folder, and how large it may become
FOLDER, LIMIT = "BUNDLE_ENGINE_CACHE", "BUNDLE_ENGINE_CACHE_LIMIT"
_SUFFIX = ".safetensors"
_STRUCTURE = "structure"
_SHARE = 0.5  # of the free disk, by default
_LOOK = 0.02  # of the limit, after which to see what other processes have written
_SPARE = 1 << 30  # bytes of the disk that are never taken
_ABANDONED = 3600  # seconds after which a file that nobody completed is removed
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class Entry(NamedTuple):
    """A file: its path, its size in bytes, and when it was used, in ns."""

    path: Path
    size: int
    used: int


class Usage(NamedTuple):
    """How full a store is.

    Attributes:
        folder: where it is.
        entries: number of results.
        size: their bytes.
        limit: bytes that they may take.
        oldest: when the oldest was used, in seconds since 1970; None where there are none.
    """

    folder: Path
    entries: int
    size: int
    limit: int
    oldest: float | None


def default_folder() -> Path:
    """Give the folder for all: that of ``BUNDLE_ENGINE_CACHE``, or one where the system keeps caches."""
    if given := os.environ.get(FOLDER):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_path("bundle_engine", appauthor=False))


def read_size(text: int | float | str) -> int:
    """Read a number of bytes, as 20000000000 or 20GB.

    Raises:
        UsageError: when it is none.
    """
    if isinstance(text, int | float) and text >= 0:
        return int(text)
    import re

    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", str(text), re.IGNORECASE)
    if match is None:
        raise UsageError(f"'{text}' is no size", hint="write it as 20GB, or as a number of bytes")
    return int(float(match[1]) * _UNITS[match[2].lower()])


class Store:
    """Results of preprocessing by key, in a folder of limited size.

    Args:
        folder: where they are kept; by default one folder for all that a user runs.
        limit: bytes that they may take; by default what ``BUNDLE_ENGINE_CACHE_LIMIT`` says, or else half of what is
            free on the disk, counting what they take already.

    Raises:
        UsageError: when the folder cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, limit: int | str | None = None) -> None:
        self.folder = (Path(folder).expanduser() if folder is not None else default_folder()).absolute()
        self.results = self.folder / "preprocessed"
        self.notes = self.folder / "files"
        try:
            self.results.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot make the folder '{self.results}': {error.strerror or error}",
                hint=f"name another one by cache_dir, or by {FOLDER}",
            ) from error
        given = limit if limit is not None else os.environ.get(LIMIT)
        self._size = sum(entry.size for entry in self.entries())
        self.limit = read_size(given) if given else int((shutil.disk_usage(self.folder).free + self._size) * _SHARE)
        self._unseen = 0  # bytes written since the folder was last looked through
        self._started = time.time_ns()

    def has(self, key: str) -> bool:
        """Tell whether there is a result."""
        return self._path(key).is_file()

    def get(self, key: str) -> tuple[Any, dict[str, Any]] | None:
        """Read a result.

        Its tensors are pages of the file: what nobody looks at is not read, and what is changed changes in memory only.

        Returns:
            structure and tensors, as they were put; None when there is none, or it cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        path = self._path(key)
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                structure = json.loads(file.metadata()[_STRUCTURE])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return structure, tensors

    def put(self, key: str, structure: Any, tensors: dict[str, Any]) -> bool:
        """Keep a result.

        Returns:
            whether it is kept. It is not when it needs the place of what was used since this store was opened, or when
            the disk is full.
        """
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        text = json.dumps(structure, separators=(",", ":"))
        size = len(text) + sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if not self._make_room(size):
            return False
        path = self._path(key)
        aside = path.with_name(f".{key}.{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, aside, metadata={_STRUCTURE: text})
            with open(aside, "rb+") as file:
                os.fsync(file.fileno())
            written = os.path.getsize(aside)
            os.replace(aside, path)
            self._size += written
            self._unseen += written
        except (OSError, SafetensorError):
            with suppress(OSError):
                aside.unlink()
            return False
        return True

    def entries(self) -> list[Entry]:
        """List what is kept; what nobody completed is removed."""
        found = []
        for folder in _folders(self.results):
            for each in _files(folder):
                with suppress(OSError):
                    stat = each.stat()
                    if each.name.endswith(_SUFFIX):
                        found.append(Entry(Path(each.path), stat.st_size, stat.st_mtime_ns))
                    elif time.time() - stat.st_mtime > _ABANDONED:
                        os.unlink(each.path)
        return found

    def usage(self) -> Usage:
        """Say how full it is."""
        entries = self.entries()
        oldest = min((entry.used for entry in entries), default=None)
        size = sum(entry.size for entry in entries)
        return Usage(self.folder, len(entries), size, self.limit, oldest / 1e9 if oldest is not None else None)

    def clear(self) -> Usage:
        """Remove everything; give what there was."""
        before = self.usage()
        for folder in (self.results, self.notes):
            shutil.rmtree(folder, ignore_errors=True)
        self._size = 0
        return before

    def _path(self, key: str) -> Path:
        return self.results / key[:2] / f"{key}{_SUFFIX}"

    def _make_room(self, size: int) -> bool:
        """Remove what was not used for the longest time, until there is room; nothing that was used just now."""
        if size > self.limit:
            return False
        free = shutil.disk_usage(self.folder).free - _SPARE
        looked = self._unseen <= self.limit * _LOOK
        if self._size + size <= self.limit and size <= free and looked:
            return True
        self._unseen = 0
        entries = sorted(self.entries(), key=lambda entry: entry.used)  # others may have written and removed some
        self._size = sum(entry.size for entry in entries)
        needed = max(self._size + size - self.limit, size - free)
        old = [entry for entry in entries if entry.used < self._started]
        if needed > sum(entry.size for entry in old):
            return False
        for entry in old:
            if needed <= 0:
                break
            with suppress(OSError):
                entry.path.unlink()
                self._size -= entry.size
                needed -= entry.size
        return True


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
    return []


def _files(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(OSError):
        return [entry for entry in os.scandir(folder) if entry.is_file()]
    return []
