"""The record of an experiment: what it is, which runs belong to it, and how far it is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import InputError, InputNotFoundError, Place, UsageError
from bundle_engine.runs.folder import Lock, is_running, process_in, runs_dir, shown
from bundle_engine.runs.record import KILLED, RUNNING, write_text

__all__ = [
    "EXPERIMENT",
    "WAITING",
    "Child",
    "Experiment",
    "all_experiments",
    "find_experiment",
    "now",
    "read_experiment",
    "taken",
]

EXPERIMENT = "experiment.json"
WAITING = "waiting"
_LAST = "last"


@dataclass(frozen=True)
class Child:
    """A run of an experiment.

    Attributes:
        name: what it is called; its folder in that of the experiment, too.
        status: ``waiting``, ``running``, ``done``, ``failed``, ``stopped``.
        seconds: how long it took, all its parts together.
        error: why it failed.
        threads: how many it computes with; None for its share of the cores.
        facts: what else there is to know, such as the subjects of a fold.
    """

    name: str
    status: str = WAITING
    seconds: float | None = None
    error: str | None = None
    threads: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """The record of an experiment.

    Attributes:
        kind: such as ``cross_validation``.
        id: ``<bundle>/<name of the folder>``.
        bundle: name of the bundle.
        root: the bundle's folder.
        workflow: which of its workflows the children run.
        status: ``running``, ``done``, ``failed``, ``interrupted``.
        begun: when it began, in ISO 8601.
        ended: when it ended.
        command: the words of the command line.
        cwd: the working directory, from which relative paths count.
        settings: seeds, number of folds and the like.
        overrides: ids and values that are set in all children.
        children: its runs.
        resumed: when it went on, each time.
    """

    kind: str
    id: str
    bundle: str
    root: str
    workflow: str = "train"
    status: str = RUNNING
    begun: str = ""
    ended: str | None = None
    command: list[str] = field(default_factory=list)
    cwd: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)

    def status_now(self, folder: Path) -> str:
        """Give the status, with ``killed`` for one that cannot say itself that it has ended."""
        return KILLED if self.status == RUNNING and not is_running(folder) else self.status

    def child(self, name: str) -> Child:
        """Give the child of a name."""
        return next(child for child in self.children if child.name == name)

    def with_child(self, child: Child) -> Experiment:
        """Give the record with another child of that name."""
        return replace(self, children=[child if each.name == child.name else each for each in self.children])

    def write(self, folder: Path) -> None:
        """Write the record into its folder; a reader sees the old or the new one, and never a part.

        Raises:
            UsageError: when it cannot be written.
        """
        content = {**vars(self), "children": [vars(child) for child in self.children]}
        try:
            write_text(folder / EXPERIMENT, json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n")
        except OSError as error:
            raise UsageError(f"cannot write to '{folder}': {error.strerror or error}") from error


def now() -> str:
    """Give the time as records have it."""
    import datetime

    return datetime.datetime.fromtimestamp(time.time()).astimezone().isoformat(timespec="seconds")


def read_experiment(folder: Path) -> Experiment:
    """Read the record in the folder of an experiment.

    Raises:
        InputNotFoundError: when there is none.
        InputError: when it is damaged.
    """
    path = folder / EXPERIMENT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        children = [_made(Child, each) for each in content.pop("children")]
        experiment: Experiment = _made(Experiment, {**content, "children": children})
        return experiment
    except FileNotFoundError:
        raise InputNotFoundError(
            f"there is no record of an experiment in '{folder}'", hint=f"it has no '{EXPERIMENT}'"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"this is no record of an experiment: {error}", place=Place(str(path))) from None


def _made(kind: Any, content: Mapping[str, Any]) -> Any:
    known = {each.name for each in fields(kind)}
    return kind(**{key: value for key, value in content.items() if key in known})


def all_experiments(kind: str | None = None) -> dict[Path, Experiment]:
    """Give the experiments in `runs_dir`, by their folders, oldest first; damaged records are left out.

    Args:
        kind: only those of this kind.
    """
    found: dict[Path, Experiment] = {}
    for path in sorted(runs_dir().glob(f"*/*/{EXPERIMENT}"), key=lambda path: path.parent.name):
        try:
            experiment = read_experiment(path.parent)
        except InputError:
            continue
        if kind in (None, experiment.kind):
            found[path.parent] = experiment
    return found


def find_experiment(name: str | Path, kind: str | None = None) -> Path:
    """Find the folder of an experiment.

    Args:
        name: the folder, an unambiguous part of its name, or ``last`` for the newest.
        kind: which kind of experiment it is; None for any.

    Raises:
        InputNotFoundError: when there is none.
        UsageError: when several have that in their names.
    """
    text = str(name).rstrip("/")
    if text and (Path(text).expanduser() / EXPERIMENT).is_file():
        return Path(text).expanduser().absolute()
    found = {f"{path.parent.name}/{path.name}": path for path in all_experiments(kind)}
    if text == _LAST and found:
        return list(found.values())[-1]
    fitting = [path for id, path in found.items() if text and text in id]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            f"'{text}' is part of the names of {len(fitting)} experiments",
            hint=f"say more of the name: {', '.join(map(shown, fitting[-4:]))}",
        )
    what = (kind or "experiment").replace("_", "-")
    if text == _LAST:
        raise InputNotFoundError(
            f"there is no {what} in '{shown(runs_dir())}'", hint="one with an --output_dir is named by that folder"
        )
    near = matches(text, found)
    hint = f"did you mean {either(near)}?" if near else f"they are looked for in '{runs_dir()}'"
    raise InputNotFoundError(f"there is no {what} '{text}'", hint=hint)


def taken(folder: Path) -> Lock:
    """Lock the folder of an experiment.

    Raises:
        UsageError: when a process is at work there, or it cannot be written to.
    """
    lock = Lock(folder)
    try:
        if not is_running(folder) and lock.take():
            return lock
    except OSError as error:
        raise UsageError(f"'{shown(folder)}' cannot be written to: {error.strerror or error}") from None
    process = process_in(folder)
    raise UsageError(
        f"the experiment in '{shown(folder)}' is still running{f', as process {process}' if process else ''}",
        hint="wait for its end, or stop it with Ctrl-C: it stops its runs, and tells how to go on",
    )
