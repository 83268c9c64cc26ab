"""Bring a published data set to this computer: download, check, unpack, and give it its place when it is complete."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from bundle_engine.archives import members
from bundle_engine.archives.extraction import extract
from bundle_engine.errors import DownloadError, InputError, InputNotFoundError, UsageError
from bundle_engine.hashing import file_digest
from bundle_engine.network.addresses import check_address, direct
from bundle_engine.network.answers import Web
from bundle_engine.network.limits import Limits
from bundle_engine.network.progress import Progress, progress_of
from bundle_engine.network.transfer import ALGORITHMS, fetch
from bundle_engine.workflow.replacement import replacing

__all__ = ["fetch_dataset"]

# the digest says that a file is the one that was meant: what it may cost is bounded by the disk more than by these
_DOWNLOAD = Limits(most_bytes=1 << 42)
_UNPACKING = members.Limits(size=1 << 42, entries=2_000_000, ratio=2000)
_ELSEWHERE = "it is left as it is: move it away, or name another folder"
_LEFTOVERS = ("__MACOSX", ".DS_Store")
_OFFLINE = (
    "Without a connection: download the file on another computer, and pass it with --archive FILE (archive=FILE)."
)


def fetch_dataset(
    url: str,
    folder: str | os.PathLike[str],
    *,
    file: str | None = None,
    complete: Callable[[Path], bool] | None = None,
    md5: str | None = None,
    sha256: str | None = None,
    archive: str | os.PathLike[str] | None = None,
    progress: bool = True,
    limits: Limits | None = None,
    unpacking: members.Limits | None = None,
) -> bool:
    """Put a published data set into a folder, unless it is there already.

    A download is collected in a hidden file beside the folder; one that was interrupted goes on where it was when this
    is called again. Nothing appears under its own name before it is complete and has the digest that it should have,
    and what is there of somebody else is left as it is. The files that macOS leaves in archives are not unpacked.

    Args:
        url: address of an archive (zip, tar, tar.gz), or of one file that is kept as it is.
        folder: the folder that will hold the data; folders above it are made.
        file: the name to keep the download under in `folder`; by default it is an archive to unpack there.
        complete: tells of a folder whether it holds all of the data, so that nothing is to do, and that an archive gave
            what it should; needed for an archive. The archive has that folder at its top, or as a folder there.
        md5: MD5 that the download must have; this or `sha256` is needed.
        sha256: SHA-256 that it must have.
        archive: the file on this computer, to use instead of downloading it; it stays where it is.
        progress: whether to tell on standard error how far it is.
        limits: how long to wait for a server, and how often to try.
        unpacking: what an archive may unpack to.

    Returns:
        whether the data were brought; False when they were there.

    Raises:
        UsageError: when the arguments do not fit together, the folder has something else, or cannot be written.
        DownloadError: when the file cannot be had, or has another digest.
        InputError: when a local file has another digest, or an archive is damaged, refused or not complete.
    """
    target = Path(os.path.abspath(Path(folder).expanduser()))
    digests = _digests(md5, sha256)
    order = _Order(url, digests, None if archive is None else Path(archive).expanduser(), limits or _DOWNLOAD)
    with _writing(target):
        if file is not None:
            if _file_is_there(target / file, digests):
                return False
            with progress_of(progress) as shown:
                target.mkdir(parents=True, exist_ok=True)
                order.bring(target / file, shown)
            return True
        if complete is None:
            hint = "pass complete=, or file= for one file"
            raise UsageError("it is not said what makes the data set complete", hint=hint)
        if _folder_is_there(target, complete):
            return False
        with progress_of(progress) as shown:
            target.parent.mkdir(parents=True, exist_ok=True)
            with order.archive(target, shown) as path:
                _install(path, order.name, target, complete, unpacking or _UNPACKING, shown)
        return True


class _Order(NamedTuple):
    """The file that is wanted, and how to get it."""

    url: str
    digests: Mapping[str, str]
    local: Path | None
    limits: Limits

    @property
    def name(self) -> str:
        if self.local is not None:
            return self.local.name
        return PurePosixPath(urlsplit(self.url).path).name or "download"

    def bring(self, path: Path, shown: Progress) -> None:
        """Put the file at a path, when it is the right one."""
        if self.local is not None:
            _check_local(self.local, self.digests)
            with replacing(path) as temporary:
                shutil.copyfile(self.local, temporary)
            return
        try:
            check_address(self.url)
        except UsageError as error:
            error.hint = "a file on this computer is named with --archive FILE (archive=FILE)"
            raise
        web = Web(self.limits, note=shown.note)
        try:
            fetch(direct(self.url), path, web=web, progress=shown, digests=self.digests, name=self.name)
        except DownloadError as error:
            error.notes = (*error.notes, _OFFLINE)
            raise

    @contextmanager
    def archive(self, target: Path, shown: Progress) -> Iterator[Path]:
        """Give the archive for a folder; one that was downloaded is removed when it has served, or is no good."""
        if self.local is not None:
            _check_local(self.local, self.digests)
            yield self.local
            return
        path = target.with_name(f".{target.name}.archive")
        if not (path.is_file() and _is_right(path, self.digests)):  # or else it could not be unpacked the last time
            self.bring(path, shown)
        try:
            yield path
        except InputError:
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)


def _digests(md5: str | None, sha256: str | None) -> dict[str, str]:
    given = {name: text.strip().lower() for name, text in (("md5", md5), ("sha256", sha256)) if text is not None}
    if not given:
        raise UsageError("a checksum is needed, to tell that the file is the right one", hint="--md5 or --sha256")
    for name, text in given.items():
        if not (len(text) == ALGORITHMS[name] and re.fullmatch("[0-9a-f]+", text)):
            raise UsageError(f"'{text}' is no {name.upper()}", hint=f"it has {ALGORITHMS[name]} hexadecimal digits")
    return given


def _is_right(path: Path, digests: Mapping[str, str]) -> bool:
    return all(file_digest(path, algorithm=name) == wanted for name, wanted in digests.items())


def _file_is_there(path: Path, digests: Mapping[str, str]) -> bool:
    if not os.path.lexists(path):
        return False
    if path.is_file() and _is_right(path, digests):
        return True
    raise UsageError(f"'{path}' is there already, and is not the published file", hint=_ELSEWHERE)


def _folder_is_there(path: Path, complete: Callable[[Path], bool]) -> bool:
    if not os.path.lexists(path):
        return False
    if path.is_dir():
        if complete(path):
            return True
        if not any(path.iterdir()) and not path.is_symlink():
            return False
    raise UsageError(f"'{path}' is there already, and is not the complete data set", hint=_ELSEWHERE)


def _check_local(path: Path, digests: Mapping[str, str]) -> None:
    if not path.exists():
        raise InputNotFoundError(f"there is no file '{path}'")
    for name, wanted in digests.items():
        found = file_digest(path, algorithm=name)
        if found != wanted:
            raise InputError(
                f"'{path}' is not the file that was expected: its {name.upper()} is {found}"
                f" ({path.stat().st_size} bytes), not {wanted}",
                hint="it may be cut off, or a web page of its publisher: download it again",
            )


def _install(
    archive: Path,
    name: str,
    target: Path,
    complete: Callable[[Path], bool],
    limits: members.Limits,
    shown: Progress,
) -> None:
    """Unpack an archive beside the folder, and give it the folder's name when the data are complete."""
    work = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")

    def told(done: int, total: int) -> None:
        shown.advance(done - shown.done)

    try:
        work.mkdir()
        with archive.open("rb") as stream:
            shown.begin(f"unpack {name}", archive.stat().st_size)
            extract(stream, name, work / "new", limits=limits, dropped=_leftover, progress=told)
            shown.finish()
        root = _root(work / "new", name, complete)
        if target.is_dir():
            target.rmdir()  # it is empty
        os.replace(root, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _root(folder: Path, name: str, complete: Callable[[Path], bool]) -> Path:
    if complete(folder):
        return folder
    found = [inside for inside in folder.iterdir() if inside.is_dir() and complete(inside)]
    if len(found) != 1:
        what = "more than one data set" if found else "no complete data set"
        raise InputError(f"'{name}' holds {what}, at its top or in a folder there", hint="nothing was unpacked")
    return found[0]


def _leftover(name: str) -> bool:
    """Tell whether a file is what macOS adds to archives."""
    return any(part.startswith("._") or part in _LEFTOVERS for part in name.split("/"))


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise UsageError(f"cannot write '{target}': {error.strerror or error}") from error
