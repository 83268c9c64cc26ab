"""Unpack the archive of a bundle that may come from anyone.

All is written to a temporary folder beside the final one, which appears when it is complete and its digests are
right. Nothing is run, and what stays outside of the digests is not written: records such as an approval that somebody
else gave, and compiled Python that would run in place of its source.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

from bundle_engine.archives.extraction import Progress, extract
from bundle_engine.archives.members import Limits
from bundle_engine.bundle.archive import is_bundle
from bundle_engine.bundle.arrival import put_in_place, remove
from bundle_engine.bundle.digests import LIST_NAME, RECORDS, digest_of, is_digest, left_out, parse_digests
from bundle_engine.bundle.origin import BundleOrigin, write_origin
from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.hashing import CHUNK

__all__ = ["Limits", "unpack"]

_LONGEST_LIST = 16 << 20  # bytes of a list of digests


def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    sha256: str | None = None,
    overwrite: bool = False,
    limits: Limits | None = None,
    origin: BundleOrigin | None = None,
    progress: Progress | None = None,
) -> Path:
    """Unpack a bundle, and record where it came from.

    Files get the mode 0644 and folders 0755, less what the umask takes away. The list of digests in the archive, where
    there is one, is checked and must name all files.

    Args:
        archive: a zip, tar or tar.gz file, with the bundle at its top or in one folder.
        folder: the bundle's new folder; by default one in the working directory, named as in the archive.
        sha256: digest that the archive must have.
        overwrite: whether a bundle that is there already is replaced; it stays until the new one is complete.
        limits: what the archive may cost.
        origin: the record of the origin; its digests, and what is empty of it, are filled in.
        progress: told how many bytes of the archive are done, and how many it has.

    Returns:
        the bundle's folder.

    Raises:
        InputNotFoundError: when there is no such archive.
        InputError: when the archive is damaged, holds no bundle, has wrong digests, or is refused.
        UsageError: when the folder is there already or cannot be written, and for a `sha256` that is none.
    """
    path = Path(archive).expanduser()
    if sha256 is not None and not is_digest(sha256.strip()):
        raise UsageError(f"'{sha256}' is no SHA-256 digest", hint="it has 64 hexadecimal digits")
    expected = sha256.strip().lower() if sha256 is not None else None
    target = Path(os.path.abspath(Path(folder).expanduser())) if folder is not None else None
    if target is not None:
        _check_target(target, overwrite=overwrite)
    if not path.is_file():
        if path.exists():
            raise InputError(f"'{path}' is no file")
        raise InputNotFoundError(f"cannot find the file '{path}'")
    work = (target.parent if target is not None else Path.cwd()) / f".unpack-{secrets.token_hex(4)}.tmp"
    try:
        work.mkdir()
        with _ArchiveDigest(path) as whole:
            content = _extract(path, work / "new", limits or Limits(), progress, whole, expected)
            archive_digest = whole.result()
        _require_digest(archive_digest, expected)
        root, name, digests = _inspect(content, _stem(path))
        if target is None:
            target = _named(name)
        _check_target(target, overwrite=overwrite)
        if path.resolve().is_relative_to(target.resolve()):
            hint = "move the archive elsewhere, or name another folder"
            raise UsageError(f"the archive '{path}' lies in the folder that is to be replaced", hint=hint)
        known = origin or BundleOrigin("archive")
        known = replace(known, url=known.url or str(path.absolute()))
        write_origin(root, replace(known, archive_digest=archive_digest, tree_digest=digest_of(digests)))
        put_in_place(root, target, work / "old")
    except OSError as error:
        if isinstance(error, InputError):
            raise
        where = target if target is not None else work.parent
        raise UsageError(f"cannot write '{where}': {error.strerror or error}", hint="nothing was unpacked") from error
    finally:
        remove(work)
    return target


@dataclass(frozen=True)
class _Content:
    """What an archive held: where it was written, and the digests of its files by name."""

    folder: Path
    digests: Mapping[str, str]


class _ArchiveDigest:
    """The SHA-256 of a whole archive, computed while it is unpacked; a context, at whose end its thread has ended."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise InputError(f"cannot read '{path}': {error.strerror or error}") from error
        self.status = os.fstat(self._file.fileno())
        self._digest = hashlib.sha256()
        self._error: OSError | None = None
        self._stopped = Event()
        self._thread = Thread(target=self._work, name="sha256", daemon=True)

    def _work(self) -> None:
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        try:
            while not self._stopped.is_set() and (count := self._file.readinto(buffer)):
                self._digest.update(view[:count])
        except OSError as error:
            self._error = error

    def result(self) -> str:
        """Wait for the digest."""
        self._thread.join()
        if self._error is not None:
            raise InputError(f"cannot read the archive: {self._error.strerror or self._error}") from self._error
        return self._digest.hexdigest()

    def __enter__(self) -> _ArchiveDigest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._file.close()


def _check_target(target: Path, *, overwrite: bool) -> None:
    parent = target.parent
    if not parent.is_dir():
        raise UsageError(f"cannot write '{target}': there is no folder '{parent}'", hint="make the folder first")
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise UsageError(f"cannot write '{target}': it is there already, and no folder", hint="name another folder")
    if not any(target.iterdir()):
        return
    if not overwrite:
        hint = "--overwrite replaces it; --output names another folder"
        raise UsageError(f"'{target}' is there already", hint=hint if is_bundle(target) else "name another folder")
    if not is_bundle(target):
        raise UsageError(
            f"'{target}' is there already and no bundle, so it is not replaced", hint="name another folder"
        )


def _named(name: str) -> Path:
    """Give the folder in the working directory that the archive names."""
    if name.startswith((".", "-")):  # such as .ssh
        raise UsageError(f"the archive names its bundle '{name}'", hint="--output names the folder for it")
    return Path.cwd() / name


def _extract(
    path: Path, folder: Path, limits: Limits, progress: Progress | None, whole: _ArchiveDigest, expected: str | None
) -> _Content:
    """Write the members of an archive; a wrong digest of the archive comes before what else is wrong with it."""
    try:
        with path.open("rb") as file:
            if not os.path.samestat(os.fstat(file.fileno()), whole.status):
                raise InputError(f"'{path}' changed while it was read")
            digests = extract(file, path.name, folder, limits=limits, dropped=_dropped, progress=progress)
            return _Content(folder, digests)
    except InputError:
        if expected is not None:
            _require_digest(whole.result(), expected)
        raise


def _dropped(name: str) -> bool:
    """Tell whether a member is what programs leave behind, wherever the bundle lies in the archive."""
    return left_out(f"top/{name}")


def _require_digest(digest: str, expected: str | None) -> None:
    if expected is not None and digest != expected:
        raise InputError(
            f"the archive has another digest than expected: {digest}, not {expected}",
            hint="it is damaged, or another file than the one that was published; nothing was unpacked",
        )


def _inspect(content: _Content, stem: str) -> tuple[Path, str, dict[str, str]]:
    """Find the bundle in what was unpacked, and check it against its list of digests.

    Returns:
        its folder, its name, and the digests of its files.
    """
    root, name, prefix = content.folder, stem, ""
    if not is_bundle(root):
        inside = [entry for entry in root.iterdir() if entry.is_dir()]
        if len(inside) == 1 and len(list(root.iterdir())) == 1:
            root, name, prefix = inside[0], inside[0].name, f"{inside[0].name}/"
    if not is_bundle(root):
        raise _no_bundle(root, prefix)
    digests = {path[len(prefix) :]: digest for path, digest in content.digests.items()}
    listed = root / LIST_NAME
    digests = {path: digest for path, digest in digests.items() if not left_out(path)}
    if listed.is_file():
        _check_list(listed, digests)
        listed.unlink()
    for entry in root.iterdir():
        if entry.name.lower() == RECORDS:
            remove(entry)
    return root, name, dict(sorted(digests.items()))


def _no_bundle(root: Path, prefix: str) -> InputError:
    found = sorted(
        path.parent.relative_to(root).as_posix() for path in root.glob("**/configs") if is_bundle(path.parent)
    )
    hint = "a bundle has a folder 'configs' with metadata.json and configs in it"
    if found:
        shown = ", ".join(prefix + path for path in found[:5])
        hint = f"there are bundles deeper inside, such as {shown}: unpack it by hand, and pack the one that you want"
    return InputError("the archive holds no bundle, neither at its top nor in its only folder", hint=hint)


def _check_list(path: Path, digests: Mapping[str, str]) -> None:
    if path.stat().st_size > _LONGEST_LIST:
        raise InputError(f"the list of digests '{LIST_NAME}' in the archive is too long")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"the list of digests '{LIST_NAME}' in the archive is not UTF-8") from None
    listed = parse_digests(text)
    wrong = [f"changed: {name}" for name in digests if name in listed and digests[name] != listed[name]]
    wrong += [f"missing: {name}" for name in sorted(listed.keys() - digests.keys()) if not left_out(name)]
    wrong += [f"not in the list: {name}" for name in digests if name not in listed]
    if wrong:
        notes = [*wrong[:10], *([f"and {len(wrong) - 10} more"] if len(wrong) > 10 else [])]
        hint = "the archive was damaged or changed after it was packed: get it again"
        raise InputError(f"files in the archive differ from its list of digests, {LIST_NAME}", notes=notes, hint=hint)


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".zip", ".tar.gz", ".tgz", ".tar"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name or "bundle"
