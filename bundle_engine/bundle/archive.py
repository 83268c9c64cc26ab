"""Pack a bundle into a zip archive: the same content always gives the same bytes.

The archive holds one folder named as the bundle, the files in the order of their names, and among them ``SHA256SUMS``
with their digests. Times, owners, modes and the order in folders are not part of it. Empty folders are not either.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import secrets
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.archives.member_names import MemberNames
from bundle_engine.archives.zip_writer import ZipWriter
from bundle_engine.bundle.digests import LIST_NAME, digest_of, files_of, format_digests
from bundle_engine.config.ids import PATH_SUFFIXES
from bundle_engine.errors import BundleEngineWarning, InputError, InputNotFoundError, UsageError
from bundle_engine.hashing import BackgroundHash, Chunk, chunks_of

__all__ = ["Packed", "is_bundle", "make_archive", "pack"]

Progress = Callable[[int, int], object]
"""Told how many bytes are done, and of how many."""

_LARGE_FILES = tuple(f"large_files{suffix}" for suffix in (".yml", ".yaml", ".json"))
_VERSION = re.compile(r"[0-9A-Za-z][\w.+-]{0,63}", re.ASCII)
_SECRETS = (
    ".env", ".env.*", ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd", "id_rsa", "id_dsa",
    "id_ecdsa", "id_ed25519", "*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", ".aws/*", ".ssh/*", ".docker/config.json",
    "credentials", "credentials.json", "kaggle.json",
)  # fmt: skip
_LEFT_BY_RUNS = ("mlruns", "mlruns.db", "mlflow.db", "wandb", "lightning_logs", "runs", "outputs", "eval")


class Packed(NamedTuple):
    """An archive that was made.

    Attributes:
        path: the archive.
        digest: its SHA-256.
        tree_digest: the SHA-256 of the list of digests in it; see `digests.digest_of`.
        files: number of the bundle's files in it.
        size: number of the archive's bytes.
    """

    path: Path
    digest: str
    tree_digest: str
    files: int
    size: int


class _Content(NamedTuple):
    size: int
    checksum: int
    digest: str


def is_bundle(root: str | os.PathLike[str]) -> bool:
    """Tell whether a folder is a bundle: it has a folder ``configs`` with a config or metadata in it."""
    try:
        return any(
            path.suffix.lower() in PATH_SUFFIXES and path.is_file() for path in (Path(root) / "configs").iterdir()
        )
    except OSError:
        return False


def pack(
    bundle: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    without_large_files: bool = False,
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Pack a bundle into a zip archive that is the same, byte for byte, whenever the content is.

    Args:
        bundle: the bundle's folder.
        output: the archive, or a folder for it; by default ``NAME_vVERSION.zip`` in the working directory.
        overwrite: whether an archive that is there already is replaced.
        without_large_files: leave out the files that ``large_files.yml`` lists, which can be downloaded.
        exclude: leave out files and folders with these names; ``*`` and ``?`` stand for any characters.
        progress: told how many bytes are done, and of how many.

    Returns:
        the archive's path.

    Raises:
        InputError: when the folder is no bundle, or holds what an archive cannot hold: links that lead outside or to
            folders, devices, names that some system does not allow.
        UsageError: when the archive is there already or cannot be written, and for what `exclude` does not match.
    """
    return make_archive(
        bundle,
        output,
        overwrite=overwrite,
        without_large_files=without_large_files,
        exclude=exclude,
        progress=progress,
    ).path


def make_archive(
    bundle: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    without_large_files: bool = False,
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> Packed:
    """Do what `pack` does; give the digests as well."""
    root = Path(bundle).expanduser()
    _require_bundle(root)
    name = root.resolve().name
    target = _target(root, name, output, overwrite=overwrite)
    files = files_of(root)
    if without_large_files:
        files = _without(files, _large_files(root))
    files = _without_excluded(files, exclude)
    _check_names(name, files)
    _warn_of_leftovers(files)
    tell = _Told(2 * sum(_size(file) for file in files.values()), progress)
    contents = {path: _survey(file, tell) for path, file in files.items()}
    listed = format_digests({path: content.digest for path, content in contents.items()})
    digest, size = _write(target, _entries(name, files, contents, listed, tell))
    tree = digest_of({path: content.digest for path, content in contents.items()})
    return Packed(target, digest, tree, len(files), size)


class _Told:
    """Counts what is done, and tells it."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def __call__(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)


def _require_bundle(root: Path) -> None:
    if is_bundle(root):
        return
    if not root.is_dir():
        raise InputNotFoundError(f"there is no folder '{root}'")
    hint = "a bundle has a folder 'configs' with metadata.json and configs in it"
    if is_bundle(root.resolve().parent):
        hint = f"did you mean the folder around it, '{root.resolve().parent}'?"
    elif inside := sorted(entry for entry in root.iterdir() if is_bundle(entry)):
        hint = f"did you mean {' or '.join(repr(os.fspath(entry)) for entry in inside[:3])}?"
    raise InputError(f"'{root}' is no bundle", hint=hint)


def _target(root: Path, name: str, output: str | os.PathLike[str] | None, *, overwrite: bool) -> Path:
    """Decide on the archive's path, and refuse one that it cannot have."""
    given = Path(output if output is not None else ".").expanduser()
    target = given / _file_name(root, name) if given.is_dir() else given
    if not target.parent.is_dir():
        raise UsageError(f"cannot write '{target}': there is no folder '{target.parent}'", hint="make the folder first")
    if target.is_dir():
        raise UsageError(f"cannot write '{target}': it is a folder")
    if target.parent.resolve().is_relative_to(root.resolve()):
        hint = f"--output {root.resolve().parent / target.name}"
        raise UsageError(f"the archive '{target}' would lie in the bundle itself", hint=hint)
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"'{target}' is there already", hint="--overwrite replaces it; --output names another file")
    return target


def _file_name(root: Path, name: str) -> str:
    try:
        version = json.loads((root / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        version = None
    named = isinstance(version, str) and _VERSION.fullmatch(version)
    return f"{name}_v{version}.zip" if named else f"{name}.zip"


def _large_files(root: Path) -> list[str]:
    """Give the names of the files that the bundle's list of large files says can be downloaded."""
    file = next((root / name for name in _LARGE_FILES if (root / name).is_file()), None)
    if file is None:
        hint = f"{_LARGE_FILES[0]} lists, for each file, 'path' and 'url'"
        raise UsageError(f"the bundle '{root}' lists no large files", hint=hint)
    from bundle_engine.config import ConfigParser

    content: Any = ConfigParser.load_config_file(file)
    rows = content.get("large_files") if isinstance(content, Mapping) else None
    if not isinstance(rows, list) or not all(
        isinstance(row, Mapping) and isinstance(row.get("path"), str) for row in rows
    ):
        raise InputError(f"'{file}' is no list of large files", hint="large_files: is a list with 'path' and 'url'")
    if lost := [row["path"] for row in rows if not row.get("url")]:
        raise InputError(f"'{lost[0]}' in '{file}' has no url, so nobody could download it", hint="add its url")
    return [os.path.normpath(row["path"]).replace(os.sep, "/") for row in rows]


def _without(files: Mapping[str, Path], names: Iterable[str]) -> dict[str, Path]:
    left_out = frozenset(names)
    return {name: file for name, file in files.items() if name not in left_out}


def _without_excluded(files: Mapping[str, Path], patterns: Sequence[str]) -> dict[str, Path]:
    kept = dict(files)
    for pattern in patterns:
        matched = [name for name in files if _matches(name, pattern.strip().strip("/"))]
        if not matched:
            raise UsageError(
                f"--exclude: no file of the bundle is called '{pattern}'", hint="name it from the bundle's folder"
            )
        for name in matched:
            kept.pop(name, None)
    return kept


def _matches(name: str, pattern: str) -> bool:
    """Tell whether a pattern is the name of a file, or of a folder around it."""
    parts = name.split("/")
    return any(fnmatch.fnmatchcase("/".join(parts[:number]), pattern) for number in range(1, len(parts) + 1))


def _check_names(bundle: str, files: Iterable[str]) -> None:
    names = MemberNames()
    try:
        for name in (*files, LIST_NAME):
            names.add(f"{bundle}/{name}")
    except InputError as error:
        error.hint = "rename it, so that the bundle can be unpacked on every system"
        raise


def _warn_of_leftovers(files: Mapping[str, Path]) -> None:
    private = [name for name in files if any(_ends_in(name, pattern) for pattern in _SECRETS)]
    left = sorted({name.split("/")[0] for name in files} & set(_LEFT_BY_RUNS))
    for what, names in (("may hold secrets", private), ("look like what runs leave behind", left)):
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            example = ",".join(names[:5])
            message = f"files in the archive that {what}: {shown} (--exclude {example} leaves them out)"
            warnings.warn(message, BundleEngineWarning, stacklevel=4)


def _ends_in(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern) or fnmatch.fnmatchcase(name.lower(), f"*/{pattern}")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise InputError(f"cannot read '{file}': {error.strerror or error}") from error


def _survey(file: Path, tell: _Told) -> _Content:
    size = checksum = 0
    with BackgroundHash() as hashed:
        for chunk in _chunks(file, tell):
            hashed.update(chunk)
            checksum = zlib.crc32(chunk, checksum)
            size += len(chunk)
        return _Content(size, checksum, hashed.hexdigest())


def _chunks(file: Path, tell: _Told) -> Iterator[Chunk]:
    try:
        with file.open("rb", buffering=0) as stream:
            for chunk in chunks_of(stream.readinto):
                yield chunk
                tell(len(chunk))
    except OSError as error:
        raise InputError(f"cannot read '{file}': {error.strerror or error}") from error


_Entry = tuple[str, _Content, Iterable[Chunk]]


def _entries(
    bundle: str, files: Mapping[str, Path], contents: Mapping[str, _Content], listed: str, tell: _Told
) -> Iterator[_Entry]:
    text = listed.encode()
    for name in sorted([*files, LIST_NAME]):
        if name == LIST_NAME:
            yield f"{bundle}/{name}", _Content(len(text), zlib.crc32(text), ""), [text]
        else:
            yield f"{bundle}/{name}", contents[name], _chunks(files[name], tell)


def _write(target: Path, entries: Iterable[_Entry]) -> tuple[str, int]:
    """Write an archive under a temporary name, then give it its own; give its digest and size."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with BackgroundHash() as hashed, temporary.open("xb") as stream:

            def put(data: Chunk) -> None:
                hashed.update(data)
                stream.write(data)

            archive = ZipWriter(put)
            for name, content, chunks in entries:
                archive.add(name, content.size, content.checksum, chunks)
            size = archive.finish()
            digest = hashed.hexdigest()
        os.replace(temporary, target)
    except OSError as error:
        if isinstance(error, (InputError, UsageError)):
            raise
        raise UsageError(f"cannot write '{target}': {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return digest, size
