"""Where the records of runs are, what their folders are called, and who is at work in one."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import InputNotFoundError, UsageError
from bundle_engine.workflow.approval import roots_from_elsewhere

__all__ = [
    "CHECKPOINTS",
    "CONFIG",
    "LOG",
    "METADATA",
    "RECORD",
    "RUNS",
    "Lock",
    "all_runs",
    "clear_leftovers",
    "find_run",
    "is_running",
    "make_folder",
    "process_in",
    "runs_dir",
    "shown",
]

RUNS = "BUNDLE_ENGINE_RUNS"
"""The environment variable that names the folder of all records."""

RECORD, CONFIG, METADATA, LOG, CHECKPOINTS = "run.json", "config.yaml", "metadata.json", "log.txt", "checkpoints"
_LOCK = ".lock"
_LAST = "last"
_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST = 60  # characters of a name
_LISTED = 8


def runs_dir() -> Path:
    """Give the folder of all records: ``runs`` in the working directory, or what the environment names.

    Inside a bundle from elsewhere it is beside that bundle, whose approval new files would end.
    """
    if named := os.environ.get(RUNS):
        return Path(named).expanduser().absolute()
    here = Path.cwd()
    foreign = roots_from_elsewhere(here)
    return (Path(foreign[0]).parent if foreign else here) / "runs"


def make_folder(base: Path, bundle: str, name: str) -> Path:
    """Make a folder for one run, ``<base>/<bundle>/<time>-<name>``; nobody else gets the same.

    Raises:
        OSError: when it cannot be made.
    """
    above = base / _fit(bundle)
    above.mkdir(parents=True, exist_ok=True)
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{_fit(name)}"
    number = 1
    while True:
        path = above / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def _fit(name: str) -> str:
    return _UNFIT.sub("_", name).strip("._")[:_LONGEST] or "run"


def all_runs(base: Path | None = None) -> list[Path]:
    """Give the folders of all records, oldest first."""
    found = (base or runs_dir()).glob(f"*/*/{RECORD}")
    return sorted((path.parent for path in found), key=lambda path: (path.name[:15], _begin_of(path), path.name))


def _begin_of(folder: Path) -> int:
    """Tell runs of the same second apart."""
    try:
        return (folder / CONFIG).stat().st_mtime_ns
    except OSError:
        return 0


def find_run(name: str | os.PathLike[str]) -> Path:
    """Find the folder of a run.

    Args:
        name: the folder, an unambiguous part of its name, or ``last`` for the newest.

    Raises:
        InputNotFoundError: when there is none.
        UsageError: when several have that in their names.
    """
    text = os.fspath(name).rstrip("/")
    if text and (Path(text).expanduser() / RECORD).is_file():
        return Path(text).expanduser().absolute()
    runs = all_runs()
    if text == _LAST and runs:
        return runs[-1]
    ids = {f"{path.parent.name}/{path.name}": path for path in runs}
    found = [path for id, path in ids.items() if text and text in id]
    found = [path for path in found if path.name == text] or found
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(shown(path) for path in found[-_LISTED:])
        raise UsageError(f"'{text}' is part of the names of {len(found)} runs", hint=f"say more of the name: {listed}")
    near = matches(text, ids)
    hint = f"did you mean {either(near)}?" if near else f"the records are looked for in '{runs_dir()}'"
    raise InputNotFoundError(f"there is no run '{text}'", hint=hint)


def shown(folder: Path) -> str:
    """Write the path of a folder as short as a command line takes it."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)


def clear_leftovers(folder: Path) -> None:
    """Remove what a process that was killed left half-written; only who has the lock may."""
    for path in (*folder.glob(".*.tmp*"), *(folder / CHECKPOINTS).glob(".*.tmp*")):
        path.unlink(missing_ok=True)


class Lock:
    """Says that a process is at work in a run's folder, for as long as it lives, and not longer.

    Where the system has no such locks, nothing is locked.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _LOCK
        self._file: Any = None

    def take(self) -> bool:
        """Lock the folder; tell whether nobody else had.

        Raises:
            OSError: when its file cannot be written.
        """
        if _is_ours(self._path):
            return False
        file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115  # open as long as the lock is held
        if not _locked(file):
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        _held[str(self._path)] = os.getpid()
        return True

    def release(self) -> None:
        """Leave the folder to others."""
        if self._file is not None:
            _held.pop(str(self._path), None)
            self._file.close()
            self._file = None


# A process that opens and closes a file that it has locked loses the lock. A worker that it forked does not have it.
_held: dict[str, int] = {}


def _is_ours(path: Path) -> bool:
    return _held.get(str(path)) == os.getpid()


def _locked(file: Any) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, not kept by workers that outlive the process
    except OSError:
        return False
    return True


def is_running(folder: Path) -> bool:
    """Tell whether a process is at work in a run's folder."""
    path = folder / _LOCK
    if _is_ours(path):
        return True
    try:
        with open(path, "r+", encoding="utf-8") as file:
            return not _locked(file)
    except OSError:
        return False


def process_in(folder: Path) -> str:
    """Give the number of the process that is at work in a folder, or was last."""
    try:
        return (folder / _LOCK).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
