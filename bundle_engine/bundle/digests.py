"""SHA-256 digests of files and of whole bundles, and the list of them that ``sha256sum`` reads.

The files that count are all files below the bundle's folder but for three kinds, which never travel in an archive
either: the records that this product keeps of a bundle (``.bundle_engine/``), the list of digests itself
(``SHA256SUMS``, at the top), and what programs leave behind (``__pycache__``, ``.git``, copies of editors, files of
desktops). A link to a file inside the folder counts as that file. Links that lead outside, links to folders, devices,
pipes and sockets are refused: what they hold could change unseen.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bundle_engine.errors import InputError, InputNotFoundError, Place
from bundle_engine.hashing import Progress, file_digest

__all__ = [
    "LIST_NAME",
    "RECORDS",
    "Differences",
    "digest_of",
    "files_of",
    "format_digests",
    "is_digest",
    "left_out",
    "parse_digests",
    "tree_digests",
    "verify_digests",
]

RECORDS = ".bundle_engine"  # the folder in a bundle with what this product noted about it
LIST_NAME = "SHA256SUMS"

_FOLDERS = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", "__MACOSX"})
_FILES = (".DS_Store", "._*", "Thumbs.db", "desktop.ini", "*~", ".*.sw[op]", ".#*", "#*#", ".git")
_LEFTOVER = re.compile("|".join(fnmatch.translate(pattern) for pattern in _FILES))
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_ESCAPE = re.compile(r"\\(.?)")
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}


class Differences(NamedTuple):
    """How a folder differs from a list of digests; false when it does not.

    Attributes:
        missing: files of the list that the folder lacks.
        changed: files whose content is another.
        extra: files that the list does not name.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.extra)

    def lines(self) -> list[str]:
        """Give one line for each file concerned."""
        return [f"{kind}: {name}" for kind, names in zip(self._fields, self, strict=True) for name in names]


def is_digest(text: str) -> bool:
    """Tell whether a text is a SHA-256 digest: 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def left_out(name: str) -> bool:
    """Tell whether a file does not belong to the content of its bundle: records, the list, leftovers of programs.

    Args:
        name: the file's path from the bundle's folder, with ``/``.
    """
    *folders, last = name.split("/")
    return (
        (folders[0].lower() == RECORDS if folders else name == LIST_NAME or name.lower() == RECORDS)
        or any(folder in _FOLDERS for folder in folders)
        or _LEFTOVER.fullmatch(last) is not None
    )


def files_of(root: str | os.PathLike[str]) -> dict[str, Path]:
    """Find the files that are the content of a bundle.

    Returns:
        their paths by their names from `root`, with ``/``, in the order of the names.

    Raises:
        InputNotFoundError: when there is no such folder.
        InputError: for links that lead outside or to folders, for what is no file, and for names that are no UTF-8.
    """
    top = Path(root)
    if not top.is_dir():
        raise InputNotFoundError(f"there is no folder '{top}'")
    real = os.path.realpath(top)
    try:
        return dict(sorted(_walk(top, real)))
    except OSError as error:
        raise InputError(f"cannot read '{error.filename}': {error.strerror or error}") from error


def _walk(top: Path, real: str) -> Iterator[tuple[str, Path]]:
    waiting = [("", os.fspath(top))]
    while waiting:
        before, folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = before + entry.name
                _require_utf8(name, top)
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _FOLDERS and name.lower() != RECORDS:
                        waiting.append((f"{name}/", entry.path))
                elif not left_out(name):
                    _require_file(name, entry, top, real)
                    yield name, Path(entry.path)


def _require_utf8(name: str, top: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "backslashreplace").decode()
        raise InputError(f"the name '{shown}' in '{top}' is not UTF-8", hint="rename it") from None


def _require_file(name: str, entry: os.DirEntry[str], top: Path, real: str) -> None:
    """Refuse what is neither a file nor a link to a file inside of the bundle."""
    if entry.is_symlink():
        target = os.path.realpath(entry.path)
        if os.path.commonpath((real, target)) != real:
            message = f"the link '{name}' in '{top}' leads outside of the bundle, to '{target}'"
            raise InputError(message, hint="put a copy of the file in its place, or remove the link")
        if os.path.isdir(target):
            raise InputError(f"'{name}' in '{top}' is a link to a folder", hint="put a copy of the folder in its place")
        if not os.path.exists(target):
            raise InputError(f"the link '{name}' in '{top}' leads to nothing", hint="remove it")
    if not stat.S_ISREG(entry.stat().st_mode):
        raise InputError(f"'{name}' in '{top}' is no file but a device, a pipe or a socket", hint="remove it")


def tree_digests(root: str | os.PathLike[str], *, progress: Progress | None = None) -> dict[str, str]:
    """Compute the digests of all files that are the content of a bundle.

    Args:
        root: the bundle's folder.
        progress: told the number of bytes read, for each chunk.

    Returns:
        SHA-256 digests by the files' paths from `root`, with ``/``, in the order of the paths.

    Raises:
        InputNotFoundError: when there is no such folder.
        InputError: for a file that cannot be read, and for all that `files_of` refuses.
    """
    return {name: file_digest(path, progress=progress) for name, path in files_of(root).items()}


def digest_of(digests: Mapping[str, str]) -> str:
    """Compute one digest that stands for all: the SHA-256 of their list, as `format_digests` writes it."""
    return hashlib.sha256(format_digests(digests).encode()).hexdigest()


def format_digests(digests: Mapping[str, str]) -> str:
    """Write digests as the list that ``sha256sum --check`` reads, one file a line, in the order of the names."""
    return "".join(_line(name, digests[name]) for name in sorted(digests))


def _line(name: str, digest: str) -> str:
    if "\\" not in name and "\n" not in name and "\r" not in name:
        return f"{digest}  {name}\n"
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"\\{digest}  {escaped}\n"


def parse_digests(text: str, *, source: str = LIST_NAME) -> dict[str, str]:
    """Read a list that ``sha256sum`` or `format_digests` wrote.

    Args:
        text: the list; empty lines and comments (``#``) are skipped.
        source: what the list is called in an error.

    Returns:
        digests in small letters, by name; ``./`` before a name is dropped.

    Raises:
        InputError: for a line that is no digest and name, and for a name with two digests.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(
                "no line of a list of digests: 64 hexadecimal digits, two spaces and a name are expected",
                place=Place(source, number, 1, line, len(line)),
            )
        escaped, digest, name = match.groups()
        if escaped:
            name = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), name)
        name = name.removeprefix("./")
        if digests.setdefault(name, digest.lower()) != digest.lower():
            message = f"'{name}' stands in the list with two digests"
            raise InputError(message, place=Place(source, number, 1, line, len(line)))
    return digests


def verify_digests(
    root: str | os.PathLike[str], digests: Mapping[str, str], *, progress: Progress | None = None
) -> Differences:
    """Hold the files of a bundle against a list of digests.

    Args:
        root: the bundle's folder.
        digests: as `tree_digests` or `parse_digests` gives them.
        progress: told the number of bytes read, for each chunk.

    Returns:
        what is missing, changed or extra; all empty when the folder is as listed.

    Raises:
        InputNotFoundError: when there is no such folder.
        InputError: for a file that cannot be read, and for all that `files_of` refuses.
    """
    files = files_of(root)
    changed = [
        name
        for name, path in files.items()
        if name in digests and file_digest(path, progress=progress) != digests[name].lower()
    ]
    missing = sorted(digests.keys() - files.keys())
    extra = [name for name in files if name not in digests]
    return Differences(tuple(missing), tuple(changed), tuple(extra))
