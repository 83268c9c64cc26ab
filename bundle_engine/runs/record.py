"""The record of a run: what was run, with what, and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bundle_engine.errors import InputError, InputNotFoundError, Place
from bundle_engine.runs.folder import RECORD, is_running

__all__ = [
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "KILLED",
    "RUNNING",
    "TERMINATED",
    "Record",
    "read_record",
    "write_record",
    "write_text",
]

RUNNING, DONE, FAILED, INTERRUPTED, TERMINATED = "running", "done", "failed", "interrupted", "terminated"
KILLED = "killed"  # it says that it runs, and no process does


@dataclass(frozen=True)
class Record:
    """The record of a run; secrets in it are masked.

    Attributes:
        id: ``<bundle>/<name of the folder>``.
        bundle: name of the bundle.
        workflow: which of its workflows it was, such as ``train``.
        status: ``running``, ``done``, ``failed``, ``interrupted`` or ``terminated``.
        begun: when it began, in ISO 8601.
        ended: when it ended; None while it runs, or when it was killed.
        seconds: how long it took, all its parts together.
        exit_code: what the process said in the end.
        error: why it failed.
        command: the words of the command line; empty when it was started by Python code.
        cwd: the working directory, from which relative paths count.
        root: the bundle's folder, from which its modules are imported; None where there is none.
        arguments: how the workflow was made, besides overrides.
        overrides: ids and the values that were set there.
        config_files: the files of the config; what they came to is in the folder.
        bundle_digest: digest of the bundle's configs and code; None for a config without a bundle.
        python: version of Python.
        platform: system and machine.
        packages: versions of the packages that were in use, by name.
        git: state of the repositories of the bundle and of the working directory.
        data: files of the datasets, by the name of the property.
        seeds: seeds, by where they stand.
        results: what engines came to, by their ids.
        places: folders and files that the config names for results.
        checkpoints: the checkpoints in the folder.
        checkpoint_interval: epochs from one checkpoint to the next.
        resumed: each time that the run went on: when, after which epoch and iteration, by which command.
        repeats: the run that this one repeats.
        tracking: ids that trackers gave the run, by their names.
    """

    id: str
    bundle: str
    workflow: str
    status: str = RUNNING
    begun: str = ""
    ended: str | None = None
    seconds: float | None = None
    exit_code: int | None = None
    error: str | None = None
    command: list[str] = field(default_factory=list)
    cwd: str = ""
    root: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    config_files: list[str] = field(default_factory=list)
    bundle_digest: str | None = None
    python: str = ""
    platform: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    git: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    checkpoint_interval: int = 1
    resumed: list[dict[str, Any]] = field(default_factory=list)
    repeats: str | None = None
    tracking: dict[str, str] = field(default_factory=dict)

    def status_now(self, folder: Path) -> str:
        """Give the status, with ``killed`` for a run that cannot say itself that it has ended."""
        return KILLED if self.status == RUNNING and not is_running(folder) else self.status


def read_record(folder: Path) -> Record:
    """Read the record in a run's folder.

    Raises:
        InputNotFoundError: when there is none.
        InputError: when it is damaged.
    """
    path = folder / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputNotFoundError(f"there is no record of a run in '{folder}'", hint=f"it has no '{RECORD}'") from None
    except (OSError, ValueError) as error:
        raise InputError(f"the record cannot be read: {error}", place=Place(str(path))) from None
    if not isinstance(content, Mapping) or not all(
        isinstance(content.get(key), str) for key in ("id", "bundle", "workflow")
    ):
        raise InputError("this is no record of a run", place=Place(str(path)))
    known = {each.name: each for each in fields(Record)}
    kinds = {"dict": dict, "list": list}
    for key, value in content.items():
        kind = kinds.get(str(known[key].type).partition("[")[0]) if key in known else None
        if kind is not None and not isinstance(value, kind):
            raise InputError(f"'{key}' of this record is no {kind.__name__}", place=Place(str(path)))
    return Record(**{key: value for key, value in content.items() if key in known})


def write_record(folder: Path, record: Record) -> None:
    """Write a record into a run's folder; a reader sees the old or the new one, and never a part.

    Raises:
        OSError: when it cannot be written.
    """
    write_text(folder / RECORD, json.dumps(vars(record), indent=1, ensure_ascii=False, default=str) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file that gets its name when it is complete.

    It is not forced to the disk, which would take longer than many a run: that is for checkpoints.

    Raises:
        OSError: when it cannot be written; nothing is left then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
