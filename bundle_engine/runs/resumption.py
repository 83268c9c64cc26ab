"""Find the run that is to go on, and what it was run with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config.ids import REFERENCE
from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.runs.folder import (
    CONFIG,
    RECORD,
    Lock,
    all_runs,
    find_run,
    is_running,
    process_in,
    runs_dir,
    shown,
)
from bundle_engine.runs.record import DONE, Record, read_record
from bundle_engine.workflow.files import as_files
from bundle_engine.workflow.processes.launched import Launched

__all__ = ["require_unfinished", "run_to_resume", "taken"]


def run_to_resume(
    wanted: str | bool, bundle: str, workflow: str, arguments: Mapping[str, Any], output_dir: Path | None = None
) -> Path:
    """Find the run that is to go on.

    Args:
        wanted: its folder or a part of its name; True for the newest of a workflow that has not ended well.
        bundle: name of the bundle.
        workflow: name of the workflow.
        arguments: how the workflow is made.
        output_dir: a folder to look in.

    Raises:
        InputNotFoundError: when there is none.
    """
    if isinstance(wanted, str):
        return find_run(wanted)
    files = arguments.get("config_file")
    if files is None or isinstance(files, Mapping):
        raise UsageError("--resume does not say which run is to go on", hint="name its folder, or the bundle it is of")
    first = os.path.abspath(as_files(files)[0])
    folders = all_runs() if output_dir is None else _inside(output_dir)
    done = None
    for folder in reversed(folders):
        record = _readable(folder)
        if record is None or (record.bundle, record.workflow) != (bundle, workflow) or _first_file(record) != first:
            continue
        if record.status != DONE:
            return folder
        done = done or folder
    where = output_dir or runs_dir()
    if done is not None:
        raise InputNotFoundError(
            f"there is no run of '{workflow}' of '{bundle}' that has not ended: the newest, '{shown(done)}', is done",
            hint=_longer(done),
        )
    raise InputNotFoundError(
        f"there is no run of '{workflow}' of '{bundle}' in '{where}'",
        hint="begin one without --resume, or name its folder",
    )


def _inside(folder: Path) -> list[Path]:
    own = [folder] if (folder / RECORD).is_file() else []
    return own + all_runs(folder)


def _readable(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except InputError:
        return None


def _first_file(record: Record) -> str | None:
    files = record.arguments.get("config_file")
    return os.path.abspath(as_files(files)[0]) if files and not isinstance(files, Mapping) else None


def taken(folder: Path) -> Lock:
    """Lock the folder of a run that goes on; of several processes, the first one does.

    Raises:
        UsageError: when a process is at work there, or it cannot be written to.
    """
    lock = Lock(folder)
    if Launched.now().rank:
        return lock
    try:
        if not is_running(folder) and lock.take():
            return lock
    except OSError as error:
        message = f"the run in '{shown(folder)}' cannot go on: {error.strerror or error}"
        raise UsageError(message, hint="its folder must be writable") from None
    process = process_in(folder)
    raise UsageError(
        f"the run in '{shown(folder)}' is still running{f', as process {process}' if process else ''}",
        hint="wait for its end, or stop it with Ctrl-C or SIGTERM: it saves and tells how to go on",
    )


def require_unfinished(folder: Path, record: Record, *, is_changed: bool) -> None:
    """Refuse a run that is done, unless something about it is changed.

    Raises:
        UsageError: when it is done.
    """
    if record.status == DONE and not is_changed:
        raise UsageError(f"the run in '{shown(folder)}' is done: there is nothing to go on with", hint=_longer(folder))


def _longer(folder: Path) -> str:
    """Say how to train longer."""
    from bundle_engine.config import ConfigParser

    id = "train::trainer::max_epochs"
    try:
        parser = ConfigParser()
        parser.read_config(folder / CONFIG)
        value = parser.get(id)
    except InputError:
        return "begin a new one without --resume"
    if value is None:
        return "begin a new one without --resume"
    if isinstance(value, str) and value.startswith(REFERENCE) and value.removeprefix(REFERENCE) in parser:
        id = value.removeprefix(REFERENCE)
        value = parser.get(id)
    more = value + 10 if isinstance(value, int) else "N"
    return f"to train longer: --resume {shown(folder)} --{id} {more}"
