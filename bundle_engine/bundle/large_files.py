"""Download the large files of a bundle: those that ``large_files.yml`` lists, because archives leave them out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bundle_engine.archives.member_names import MemberNames
from bundle_engine.bundle.origin import read_origin
from bundle_engine.config import ConfigParser
from bundle_engine.errors import InputError, InputNotFoundError, Place, UsageError
from bundle_engine.network.addresses import check_address, direct, host_of, is_local, without_secrets
from bundle_engine.network.answers import Web
from bundle_engine.network.limits import Limits, read_size
from bundle_engine.network.progress import progress_of
from bundle_engine.network.transfer import ALGORITHMS, fetch

__all__ = ["LargeFile", "download_large_files", "missing_large_files", "read_large_files"]

LIST_STEM = "large_files"
_SUFFIXES = (".yml", ".yaml", ".json")


class LargeFile(NamedTuple):
    """A file of the list.

    Attributes:
        path: its path below the bundle's folder, with ``/``.
        url: where it comes from.
        digests: what its digest must be, by algorithm; empty where the list has none.
    """

    path: str
    url: str
    digests: Mapping[str, str]


def download_large_files(
    bundle_path: str | os.PathLike[str] | None = None,
    large_file_name: str | None = None,
    *,
    progress: bool = True,
    max_size: str | int | None = None,
    only: Sequence[str] | None = None,
    limits: Limits | None = None,
) -> list[Path]:
    """Download the large files of a bundle, each to its place below the bundle's folder.

    Files that are there and right are left alone. An interrupted download goes on where it was.

    Args:
        bundle_path: the bundle's folder; by default the working directory.
        large_file_name: name of the list; by default all that are called ``large_files`` with the ending ``.yml``,
            ``.yaml`` or ``.json``.
        progress: whether the progress is shown.
        max_size: size of one file that is taken at most, such as ``20GB``.
        only: paths of the list; the others are left out.
        limits: how long to wait, and how often to try.

    Returns:
        the files that were downloaded.

    Raises:
        InputNotFoundError: when there is no such folder or list.
        InputError: when the list is wrong, a path leads out of the bundle, or a file that is there has another digest
            than the list says.
        DownloadError: when a file cannot be had.
    """
    root = Path(bundle_path if bundle_path is not None else ".").expanduser()
    files = read_large_files(root, large_file_name)
    if only is not None:
        wanted = set(only)
        files = [file for file in files if file.path in wanted]
    _refuse_local(root, files)
    limits = limits or Limits()
    if max_size is not None:
        limits = replace(limits, most_bytes=read_size(max_size))
    brought: list[Path] = []
    with progress_of(progress) as shown:
        for file in files:
            target = _inside(root, file.path)
            if target.exists():
                _check_there(target, file)
                shown.note(f"{file.path}: is there already")
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(f"cannot make '{target.parent}': {error.strerror or error}") from error
            web = Web(limits, note=shown.note)
            fetch(direct(file.url), target, web=web, progress=shown, digests=file.digests, name=file.path)
            brought.append(target)
    return brought


def missing_large_files(bundle: str | os.PathLike[str]) -> list[str]:
    """Give the paths of the large files that a bundle lists and does not have; none where it has no list.

    Raises:
        InputError: when the list is wrong.
    """
    root = Path(bundle)
    if not _lists(root):
        return []
    return [file.path for file in read_large_files(root) if not (root / file.path).exists()]


def read_large_files(root: Path, name: str | None = None) -> list[LargeFile]:
    """Read the lists of a bundle.

    Args:
        root: the bundle's folder.
        name: name of the list; None for all that have the customary names.

    Raises:
        InputNotFoundError: when there is no such folder or list.
        InputError: when a list is wrong, or a path leads out of the bundle.
    """
    if not root.is_dir():
        raise InputNotFoundError(f"there is no folder '{root}'")
    lists = [root / name] if name is not None else _lists(root)
    if not lists:
        hint = f"it is called {LIST_STEM}.yml, or --large_file_name says otherwise"
        raise InputNotFoundError(f"the bundle '{root}' has no list of large files", hint=hint)
    names = MemberNames()
    return [_entry(file, number, row, names) for file in lists for number, row in enumerate(_rows(file))]


def _lists(root: Path) -> list[Path]:
    return sorted(path for path in root.glob(f"{LIST_STEM}*") if path.suffix in _SUFFIXES and path.is_file())


def _rows(file: Path) -> list[object]:
    content = ConfigParser.load_config_file(file)
    rows = content.get("large_files")
    if not isinstance(rows, list):
        hint = "large_files: is a list, and each file has 'path' and 'url'"
        raise InputError("no list of large files stands there", place=Place(str(file)), hint=hint)
    return rows


def _entry(file: Path, number: int, row: object, names: MemberNames) -> LargeFile:
    id, place = f"large_files::{number}", Place(str(file))
    path, url = (row.get("path"), row.get("url")) if isinstance(row, Mapping) else (None, None)
    if not isinstance(row, Mapping) or not isinstance(path, str) or not path or not isinstance(url, str):
        raise InputError("a large file needs 'path' and 'url'", id=id, place=place)
    try:
        name = names.add(path)
        check_address(url)
    except (InputError, UsageError) as error:
        error.id, error.place = id, place
        raise
    return LargeFile(name, url, _digests(row, id, place))


def _digests(row: Mapping[str, object], id: str, place: Place) -> dict[str, str]:
    value, kind = str(row.get("hash_val") or "").strip().lower(), str(row.get("hash_type") or "").strip().lower()
    if not value:
        return {}
    if not kind:
        kind = next((name for name, length in ALGORITHMS.items() if length == len(value)), "")
    if kind not in ALGORITHMS:
        hint = f"there are {', '.join(ALGORITHMS)}"
        raise InputError(f"hash_type '{kind or value}' is no kind of digest", id=id, place=place, hint=hint)
    if len(value) != ALGORITHMS[kind] or any(character not in "0123456789abcdef" for character in value):
        message = f"hash_val '{value}' is no {kind}, which has {ALGORITHMS[kind]} hexadecimal digits"
        raise InputError(message, id=id, place=place, hint="write it in quotes")
    return {kind: value}


def _inside(root: Path, path: str) -> Path:
    """Give the path of a file, which links must not lead out of the bundle."""
    target, top = root / path, os.path.realpath(root)
    real = os.path.realpath(target)
    if os.path.commonpath([top, real]) != top or target.is_symlink():
        raise InputError(f"'{path}' is refused: a link leads it out of its place in the bundle", hint="remove the link")
    return target


def _refuse_local(root: Path, files: Sequence[LargeFile]) -> None:
    """Keep the list of a bundle from elsewhere from asking servers that only this computer can reach."""
    origin = read_origin(root)
    if origin is None or is_local(host_of(origin.url)) or "://" not in origin.url:
        return
    for file in files:
        if is_local(host_of(file.url)):
            raise InputError(
                f"'{without_secrets(file.url)}' is refused: the bundle came from elsewhere, and the address is of this"
                " computer or a private network",
                hint="download the file by hand, if you know what it is",
            )


def _check_there(target: Path, file: LargeFile) -> None:
    for kind, value in file.digests.items():
        digest = hashlib.new(kind, usedforsecurity=False)
        try:
            with target.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise InputError(f"cannot read '{target}': {error.strerror or error}") from error
        if digest.hexdigest() != value:
            raise InputError(
                f"'{target}' is there already, and is not the file of the list: its {kind.upper()} is"
                f" {digest.hexdigest()}, not {value}",
                hint="remove it to download it anew",
            )
