"""The files of a bundle: those that it should have, and those that are downloaded into it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from bundle_engine.config.ids import Id
from bundle_engine.errors import InputError, Place
from bundle_engine.hashing import CHUNK, file_digest
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding
from bundle_engine.metadata.document import Description, find_file, read
from bundle_engine.metadata.schema import LARGE_FILES, bundled_schema, validate

__all__ = ["Progress", "expected_files", "large_files", "large_files_list", "named_weights", "unreadable"]

Progress = Callable[[int, int, str], None]  # takes what is done, what there is to do, and what it is

_LICENCE = re.compile(r"(licen[sc]e|copying)([-_. ].*)?", re.IGNORECASE)
_README = re.compile(r"readme(\.(md|rst|txt))?", re.IGNORECASE)
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_WEIGHTS = re.compile(r"[\w.\-]+\.(?:pt2?|pth|ts|ckpt|safetensors|onnx)(?![\w.])", re.ASCII)


def expected_files(folder: Path) -> Iterator[Finding]:
    """Find out whether licence and description are there."""
    for pattern, places, wanted, hint in (
        (_LICENCE, (folder,), "LICENSE", "put the text of the licence into it; without one, nobody may use the bundle"),
        (_README, (folder / "docs", folder), "docs/README.md", "say what the bundle does, on which data, how well"),
    ):
        there = [file for place in places for file in _files(place) if pattern.fullmatch(file.name)]
        if not there:
            yield found("BE070", "", Place(str(folder)), f"the bundle has no {wanted}", hint)
        elif all(not _has_text(file) for file in there):
            yield found("BE070", "", Place(str(there[0])), f"the file {there[0].name} is empty", hint)


def large_files_list(folder: Path) -> Path | None:
    """Find the list of files that are downloaded into a bundle: ``large_files.yml``, in its folder or in configs."""
    for place in (folder, folder / "configs"):
        for stem in ("large_files", "large_file"):
            if (path := find_file(place, stem)) is not None:
                return path
    return None


def large_files(folder: Path, progress: Progress | None = None) -> tuple[list[Finding], set[str]]:
    """Check the files that are downloaded into a bundle: the list of them, and those that are there.

    Args:
        folder: the bundle.
        progress: is told how many bytes of how many were read for checksums, and of which file.

    Returns:
        the findings, and the names of the files on the list.
    """
    path = large_files_list(folder)
    if path is None:
        return [], set()
    try:
        listed = read(path)
    except InputError as error:
        return [unreadable(error, path)], set()
    findings = validate(listed, bundled_schema(LARGE_FILES))
    rows = listed.data.get("large_files")
    names: set[str] = set()
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict) and isinstance(row.get("path"), str) and row["path"]:
            names.add(PurePosixPath(row["path"]).name)
            findings += _large_file(folder, listed, row, Id(("large_files", str(index))), progress)
    return findings, names


def named_weights(texts: Iterator[tuple[Id, str]]) -> dict[str, Id]:
    """Give the files with weights that texts of a config name, with the first id that names each."""
    names: dict[str, Id] = {}
    for at, text in texts:
        for name in _WEIGHTS.findall(text):
            names.setdefault(name, at)
    return names


def unreadable(error: InputError, path: Path) -> Finding:
    """Make a finding of a file that cannot be read."""
    from bundle_engine.inspection.subject import code_of

    code = code_of(error)
    return found(code, error.id or "", error.place or Place(str(path)), error.message, error.hint)


# --- one large file ---


def _large_file(
    folder: Path, listed: Description, row: dict[str, Any], at: Id, progress: Progress | None
) -> Iterator[Finding]:
    written = row["path"]
    place = listed.place(at.child("path"))
    if _leads_out(folder, written):
        message = f"'{written}' leads out of the bundle's folder"
        yield found("BE073", at.child("path"), place, message, "give the path relative to the bundle's folder")
        return
    value, kind = row.get("hash_val"), row.get("hash_type") or "md5"
    if not value:
        hint = "add hash_val and hash_type: sha256"
        yield found("BE074", at, place, f"nothing says what '{written}' holds: it has no checksum", hint)
    path = folder / written
    if not path.is_file():
        hint = "bundle-engine download_large_files gets it" if row.get("url") else ""
        yield found("BE071", at.child("path"), place, f"'{written}' is not there", hint)
    elif isinstance(value, str) and value and kind in _DIGITS:
        yield from _checksum(path, value, kind, listed, at, progress)


def _checksum(
    path: Path, wanted: str, kind: str, listed: Description, at: Id, progress: Progress | None
) -> Iterator[Finding]:
    place = listed.place(at.child("hash_val"))
    if len(wanted) != _DIGITS[kind]:
        right = next((name for name, digits in _DIGITS.items() if digits == len(wanted)), None)
        hint = f"write hash_type: {right}" if right else "write the checksum whole"
        message = f"a checksum of the kind {kind} has {_DIGITS[kind]} digits, and this one has {len(wanted)}"
        yield found("BE062", at.child("hash_val"), place, message, hint)
        return
    try:
        there = _digest(path, kind, progress)
    except InputError as error:
        yield found("BE002", at.child("path"), place, error.message)
        return
    if there != wanted.lower():
        message = f"'{path.name}' is another file: its {kind} is {there}, and should be {wanted.lower()}"
        yield found("BE072", at.child("hash_val"), place, message, "download it again, or correct the checksum")


def _digest(path: Path, kind: str, progress: Progress | None) -> str:
    total, done = path.stat().st_size if path.is_file() else 0, 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None and total > 64 * CHUNK and done % (32 * CHUNK) == 0:
            progress(done, total, path.name)

    return file_digest(path, algorithm=kind, progress=told)


def _leads_out(folder: Path, written: str) -> bool:
    if PurePosixPath(written).is_absolute() or PureWindowsPath(written).drive or "\\" in written or "\0" in written:
        return True
    inside = os.path.normpath(written)
    if inside == os.pardir or inside.startswith(os.pardir + os.sep):
        return True
    root = folder.resolve()
    return not (root / inside).resolve().is_relative_to(root)  # a link may lead out


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _has_text(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return bool(stream.read(4096).strip())
    except OSError:
        return False
