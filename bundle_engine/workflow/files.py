"""The files that an argument names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_engine.config import closest
from bundle_engine.config.ids import PATH_SUFFIXES
from bundle_engine.errors import InputNotFoundError

__all__ = ["FileOrFiles", "as_files", "check_files", "near_files"]

FileOrFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def as_files(files: FileOrFiles | None) -> list[str]:
    """List the files that an argument names: one path, several, or one string with commas between them."""
    if files is None:
        return []
    if isinstance(files, str | os.PathLike):
        text = str(files)
        if "," in text and not Path(text).is_file():
            return [part.strip() for part in text.split(",") if part.strip()]
        return [text]
    return [str(file) for file in files]


def check_files(files: FileOrFiles | Mapping[str, Any] | None, what: str) -> None:
    """Raise for the first of some files that is not there.

    Args:
        files: see `as_files`; what is given as a mapping is no file, and fine.
        what: what to call them in the message.

    Raises:
        InputNotFoundError: with the names of similar files.
    """
    if isinstance(files, Mapping):
        return
    for file in as_files(files):
        if Path(file).is_dir():
            inside = near_files(Path(file) / Path(file).name, PATH_SUFFIXES)
            raise InputNotFoundError(f"Cannot find the {what} file: {file} is a folder.", hint=inside)
        if not Path(file).is_file():
            hint = near_files(file, PATH_SUFFIXES)
            raise InputNotFoundError(f"Cannot find the {what} file: {file}.", hint=hint)


def near_files(path: str | os.PathLike[str], suffixes: Iterable[str] = ()) -> str | None:
    """Write a hint that names files like the missing `path`, or what else stands in its folder.

    Args:
        path: the file that is not there.
        suffixes: endings of the files that could be meant; all files if there are none.
    """
    path, suffixes = Path(path), tuple(suffixes)
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder '{folder}'"
    names = sorted(entry.name for entry in folder.iterdir() if not suffixes or entry.name.lower().endswith(suffixes))
    if near := closest.matches(path.name, names):
        return f"did you mean {closest.either(str(folder / name) for name in near)}?"
    if names:
        more = ", …" if len(names) > 8 else ""
        return f"in '{folder}' there are {', '.join(names[:8])}{more}"
    return f"there are no such files in '{folder}'"
