"""Approvals of bundles from elsewhere: what their owners looked at, and let run with full trust.

A bundle with a record of its origin (`bundle_engine.bundle.origin`) came from elsewhere. It runs with full trust only
after its owner has approved it. An approval is bound to the folder's real path and to the content of every file in
it, and is kept outside of the bundle, in the user's own data folder, so that no bundle can bring one along. A copy of
the folder elsewhere needs an approval of its own.

What ends an approval: any file that changes or goes, and any new file that could hold code, a config or weights.
Results that a run writes (images, tables, logs, see `_RESULTS`) do not end it, unless they appear where configs and
code are.

Every file is hashed each time; only files above 64 MiB, which are weights and images, are taken as unchanged while
their size, their inode and the times of their last change, which a program cannot set back, are the same. Within one
process, what was found is kept as long as that holds for all files.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.bundle.digests import RECORDS, files_of
from bundle_engine.bundle.origin import BundleOrigin, read_origin
from bundle_engine.config import source
from bundle_engine.errors import PolicyError, UsageError
from bundle_engine.hashing import file_digest

__all__ = ["APPROVED", "CHANGED", "OWN", "UNSEEN", "State", "approve", "contents", "require", "revoke", "state_of"]

OWN, APPROVED, CHANGED, UNSEEN = "own", "approved", "changed", "not approved"

_LARGE = 64 << 20  # bytes
_RESULTS = (
    ".nii", ".nii.gz", ".mha", ".nrrd", ".dcm", ".png", ".jpg", ".jpeg", ".tif", ".svg", ".pdf", ".csv", ".tsv", ".txt",
    ".log", ".md", ".ds_store",
)  # fmt: skip
_NO_RESULTS = frozenset({"configs", "scripts"})  # folders in which a new file of any kind ends an approval
_COMPILED = "__pycache__"

Stat = tuple[int, int, int, int, int]


class Entry(NamedTuple):
    """A file of a bundle as it was approved: its SHA-256, and what tells cheaply that it did not change."""

    digest: str
    stat: Stat


class State(NamedTuple):
    """Whether a bundle may run with full trust.

    Attributes:
        kind: ``own`` (it has no record of an origin), ``approved``, ``changed`` since it was approved, or
            ``not approved``.
        root: its real path.
        origin: where it came from; None for one's own.
        time: when it was approved; empty where it was not.
        changes: for a changed one, a line for each file.
    """

    kind: str
    root: Path
    origin: BundleOrigin | None
    time: str = ""
    changes: tuple[str, ...] = ()

    @property
    def may_run(self) -> bool:
        """Whether full trust is allowed."""
        return self.kind in (OWN, APPROVED)


def state_of(root: str | os.PathLike[str]) -> State:
    """Find out whether a bundle may run with full trust.

    Args:
        root: the bundle's folder.

    Raises:
        InputError: when a file of it, or the record of its origin, cannot be read.
    """
    folder = Path(os.path.realpath(root))
    origin = read_origin(folder)
    if origin is None:
        return State(OWN, folder, None)
    record = _read_record(folder)
    if record is None:
        return State(UNSEEN, folder, origin)
    time, approved = record
    changes = tuple(_changes(folder, approved))
    return State(CHANGED if changes else APPROVED, folder, origin, time, changes)


def require(root: str | os.PathLike[str]) -> None:
    """Refuse a bundle from elsewhere that may not run with full trust.

    From then on Python writes no compiled modules in this process, for those in the bundle would be a change.

    Raises:
        PolicyError: with what to do.
    """
    folder = os.path.realpath(root)
    seen = _seen_now(Path(folder))
    if _passed.get(folder) == seen:
        return
    state = state_of(folder)
    if not state.may_run:
        came = _came_from(state)
        if state.kind == CHANGED:
            message = f"the bundle '{folder}' has changed since it was approved{came}"
        else:
            message = f"the bundle '{folder}' came from elsewhere{came}, and nobody has approved it"
        shown = state.changes[:10]
        more = [f"… and {len(state.changes) - 10} more"] if len(state.changes) > 10 else []
        hint = (
            f"see what it can do with 'manifest --bundle {folder}', then approve it with 'trust {folder}';"
            " or run it with --trust safe, which allows no code of its own"
        )
        raise PolicyError(message, notes=[*shown, *more], hint=hint)
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    _passed[folder] = seen


_passed: dict[str, tuple[tuple[str, Stat], ...]] = {}  # bundles that may run, and their files as they were then


def _came_from(state: State) -> str:
    where = (state.origin.url or state.origin.source) if state.origin is not None else ""
    return f" ({where})" if where else ""


def contents(root: str | os.PathLike[str], known: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """Look at every file of a bundle.

    Args:
        root: its folder.
        known: large files that did not change since are taken from here.

    Returns:
        the files by their paths from `root`, with ``/``; all but this product's own records.

    Raises:
        InputError: for what cannot be read, and for links that lead outside.
    """
    found: dict[str, Entry] = {}
    for name, path in _files(Path(root)):
        stat = _stat(path)
        before = (known or {}).get(name)
        unchanged = before is not None and before.stat == stat and stat[0] > _LARGE
        found[name] = before if before is not None and unchanged else Entry(file_digest(path), stat)
    return found


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    files_of(root)  # refuses what could change unseen
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name.lower() != RECORDS]
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path.relative_to(root).as_posix(), path


def _stat(path: Path) -> Stat:
    try:
        stat = os.stat(path)
    except OSError:  # a link that leads to nothing
        return (-1, 0, 0, 0, 0)
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)


def _seen_now(root: Path) -> tuple[tuple[str, Stat], ...]:
    return tuple((name, _stat(path)) for name, path in _files(root))


def _changes(root: Path, approved: Mapping[str, Entry]) -> Iterator[str]:
    now = contents(root, approved)
    for name in sorted(approved.keys() | now.keys()):
        if name not in now:
            yield f"missing: {name}"
        elif name not in approved:
            if not _is_result(name):
                yield f"new: {name}"
        elif now[name].digest != approved[name].digest:
            yield f"changed: {name}"


def _is_result(name: str) -> bool:
    parts = name.lower().split("/")
    return parts[-1].endswith(_RESULTS) and not _NO_RESULTS.intersection(parts[:-1])


def approve(root: str | os.PathLike[str], seen: Mapping[str, Entry] | None = None) -> State:
    """Approve a bundle from elsewhere as it is now.

    Args:
        root: the bundle's folder.
        seen: what its owner looked at, as `contents` gave it.

    Raises:
        UsageError: when the bundle is one's own; when it holds compiled modules, which nobody can read; when it has
            changed since it was `seen`.
        InputError: when it cannot be read.
    """
    folder = Path(os.path.realpath(root))
    origin = read_origin(folder)
    if origin is None:
        raise UsageError(f"'{folder}' is a bundle of one's own, which needs no approval")
    now = contents(folder, seen)
    compiled = [name for name in now if _COMPILED in name.split("/")]
    if compiled:
        message = f"the bundle holds compiled modules ('{compiled[0]}'), which Python runs in place of their sources"
        raise UsageError(message, hint=f"remove the folders '{_COMPILED}' in it")
    if seen is not None and {name: entry.digest for name, entry in seen.items()} != {
        name: entry.digest for name, entry in now.items()
    }:
        raise UsageError("the bundle has changed while you looked at it", hint="look again")
    time = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record = {"folder": str(folder), "time": time, "origin": asdict(origin), "files": now}
    path = _record_path(folder)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.write(path, json.dumps(record, indent=1))
        path.chmod(0o600)
    except OSError as error:
        raise UsageError(f"cannot write the approval '{path}': {error.strerror or error}") from error
    return State(APPROVED, folder, origin, time)


def revoke(root: str | os.PathLike[str]) -> bool:
    """Take back an approval; tell whether there was one.

    Raises:
        UsageError: when it cannot be removed.
    """
    folder = os.path.realpath(root)
    _passed.pop(folder, None)
    path = _record_path(Path(folder))
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UsageError(f"cannot remove the approval '{path}': {error.strerror or error}") from error
    return True


def _record_path(folder: Path) -> Path:
    """Give the place of a bundle's approval, outside of the bundle.

    Raises:
        UsageError: when the user's data folder lies in the bundle.
    """
    import platformdirs

    home = platformdirs.user_data_path("bundle_engine", appauthor=False)
    if Path(os.path.realpath(home)).is_relative_to(folder):
        raise UsageError(
            f"approvals are kept in '{home}', which lies in the bundle '{folder}' itself",
            hint="move the bundle, or set XDG_DATA_HOME to a folder of your own",
        )
    return home / "approvals" / f"{sha256(os.fsencode(folder)).hexdigest()}.json"


def _read_record(folder: Path) -> tuple[str, dict[str, Entry]] | None:
    """Read an approval; one that cannot be read is none."""
    path = _record_path(folder)
    try:
        row: Any = json.loads(path.read_text(encoding="utf-8"))
        if row["folder"] != str(folder):
            return None
        entries = {}
        for name, (digest, stat) in row["files"].items():
            size, modified, changed, inode, device = map(int, stat)
            entries[name] = Entry(str(digest), (size, modified, changed, inode, device))
        return str(row["time"]), entries
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
