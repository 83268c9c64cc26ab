"""What the commands that run a bundle many times have in common: their options, and how they go on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Option
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.experiment import How
    from bundle_engine.experiment.parent import Child, Experiment

__all__ = [
    "RESUME",
    "begun_before",
    "count",
    "exits",
    "how_to_run",
    "in_short",
    "kept",
    "number",
    "row_of",
    "shared_options",
    "tell_failed",
    "told",
    "unchanged",
    "way_on",
]

DONE = "done"
_LONGEST = 100  # characters of a value in a line
RESUME = "go on with one that was stopped: its folder or a part of its name; alone, the newest one"


def shared_options(each: str, *, threads: str = "its share of the cores") -> dict[str, Option]:
    """Describe the options that both commands take, by name.

    Args:
        each: what one of the runs is called.
        threads: how many threads it has by default.
    """
    every = f"{each}s"
    options = (
        Option("bundle", "file", "DIR", "the bundle: a folder, or the name of a ready-made one"),
        Option("launcher", "text", "NAME", f"where the {every} run: local, ray or slurm (default: local)"),
        Option(
            "launcher_settings",
            "settings",
            "SETTINGS",
            "what the launcher takes, or a file with it: {address: auto} for a ray cluster, {partition: gpu} for slurm",
        ),
        Option(
            "parallel", "text", "N", f"how many {every} run at once (default: one on each GPU, or else on each core)"
        ),
        Option("threads", "text", "N", f"threads of each {each} (default: {threads})"),
        Option(
            "output_dir",
            "file",
            "DIR",
            f"the folder of all {every}, each of which has one in it (default: one of its own in runs/, or in the one"
            " that BUNDLE_ENGINE_RUNS names)",
        ),
        Option("args_file", "files", "FILES", "JSON or YAML file with overrides; the command line wins over it"),
        Option(
            "progress",
            "text",
            "MODE",
            f"how to show how far it is: bar, a board of all {every} on the terminal; plain, lines; none; auto, which"
            " is bar on a terminal and plain elsewhere (default: auto)",
        ),
    )
    return {option.name: option for option in options}


def exits(each: str, done: str) -> tuple[tuple[int, str], ...]:
    """Describe the exit codes.

    Args:
        each: what one of the runs is called.
        done: what 0 means.
    """
    return (
        (0, done),
        (1, f"a {each} failed, or was stopped; the others are done"),
        (2, "the input is wrong; nothing was run"),
        (130, "interrupted: what runs was stopped and is saved"),
        (143, "terminated, likewise"),
    )


# --- their records ---


def row_of(folder: Path, experiment: Experiment) -> dict[str, Any]:
    """Give what a list of runs tells of an experiment."""
    done = sum(child.status == DONE for child in experiment.children)
    return {
        "id": experiment.id,
        "status": experiment.status_now(folder),
        "begun": experiment.begun,
        "seconds": _seconds(experiment),
        "kind": experiment.kind,
        "done": done,
        "of": _number_of_runs(experiment),
        "folder": str(folder),
    }


def told(folder: Path, experiment: Experiment) -> list[tuple[str, str]]:
    """Write the record of an experiment for people: what each line is about, and the line."""
    from bundle_engine.runs.folder import shown

    settings = {name: value for name, value in experiment.settings.items() if value not in (None, {}, [])}
    rows = [
        ("experiment", experiment.id),
        ("kind", experiment.kind),
        ("status", experiment.status_now(folder)),
        ("begun", experiment.begun),
        *(("resumed", each) for each in experiment.resumed),
        ("ended", experiment.ended or ""),
        ("command", shlex.join(experiment.command)),
        ("in", experiment.cwd),
        ("folder", shown(folder)),
        *(("set", f"{id} = {in_short(value)}") for id, value in experiment.overrides.items()),
        *(("setting", f"{name} = {in_short(value)}") for name, value in settings.items()),
    ]
    for child in experiment.children:
        took = "" if child.seconds is None else f", {child.seconds:.1f} s"
        tried = "".join(f", {id} {in_short(value)}" for id, value in child.facts.get("values", {}).items())
        result = child.facts.get("result")
        came_to = "" if result is None else f", {_metric(experiment)} {result:.6g}"
        why = f": {child.error}" if child.error else ""
        rows.append(("run", f"{shown(folder / child.name)}: {child.status}{took}{tried}{came_to}{why}"))
    return rows


def _metric(experiment: Experiment) -> str:
    return str((experiment.settings.get("plan") or {}).get("metric") or "result")


def in_short(value: Any) -> str:
    """Write a value in as many characters as a line has room for."""
    text = str(value)
    if len(text) <= _LONGEST:
        return text
    count = f" ({len(value)} items)" if isinstance(value, list | tuple | Mapping) else ""
    return f"{text[: _LONGEST - 20]}…{count}"


def _number_of_runs(experiment: Experiment) -> int:
    return max(len(experiment.children), int(experiment.settings.get("trials") or 0))  # Optuna makes them one by one


def _seconds(experiment: Experiment) -> float | None:
    known = [child.seconds for child in experiment.children if child.seconds is not None]
    return sum(known) if known else None


# --- what the command line says ---


def number(name: str, value: Any) -> int | None:
    """Read a whole number; None where nothing was said.

    Raises:
        UsageError: when it is none.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit():
        raise UsageError(f"--{name} is a whole number, 0 or more, and not '{value}'")
    return int(value)


def count(name: str, value: Any) -> int | None:
    """Read how many; None where nothing was said.

    Raises:
        UsageError: when it is no whole number, or 0.
    """
    found = number(name, value)
    if found == 0:
        raise UsageError(f"--{name} is at least 1")
    return found


def how_to_run(launcher: str | None, settings: Any, parallel: int | None, progress: str | None) -> How:
    """Put together how the runs are launched."""
    from bundle_engine.experiment import How

    return How(launcher or "local", _read_settings(settings), parallel, progress or "auto")


def _read_settings(value: Any) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    from bundle_engine.workflow.create import load_config_file

    return load_config_file(str(value))


# --- going on ---


def unchanged(may_change: str, **fixed: Any) -> None:
    """Refuse options that would make something else of what goes on.

    Args:
        may_change: the options that may be given, for people.
        fixed: the others.

    Raises:
        UsageError: when one of these was given.
    """
    changed = [name for name, value in fixed.items() if value is not None]
    if changed:
        raise UsageError(
            f"--resume goes on with what was begun, and --{changed[0]} would be something else",
            hint=f"leave it out, or begin anew without --resume; {may_change} may change",
        )


def begun_before(
    kind: str, name: str | bool, launcher: str | None, settings: Any, parallel: int | None, progress: str | None
) -> tuple[Path, How]:
    """Find an experiment that goes on, and work where it was begun.

    Args:
        kind: which kind of experiment.
        name: its folder or a part of its name; True for the newest one.
        launcher: by default the one of before, with its settings.
        settings: of the launcher.
        parallel: how many run at once.
        progress: how to show how far it is.

    Returns:
        its folder, and how its runs are launched.
    """
    from bundle_engine.cli import report
    from bundle_engine.experiment import How
    from bundle_engine.experiment.parent import find_experiment, read_experiment
    from bundle_engine.runs.folder import RUNS, runs_dir

    folder = find_experiment("last" if name is True else str(name), kind)
    experiment = read_experiment(folder)
    if os.path.realpath(experiment.cwd) != os.path.realpath(os.getcwd()) and os.path.isdir(experiment.cwd):
        os.environ.setdefault(RUNS, str(runs_dir()))
        os.chdir(experiment.cwd)  # relative paths in its config count from there
        report.note(f"working in '{experiment.cwd}', where it was begun")
    if launcher is None:
        old = How.of(experiment)
        launcher, settings = old.launcher, old.settings if settings is None else settings
    return folder, how_to_run(launcher, settings, parallel, progress)


@contextmanager
def kept(command: str, folder: Path) -> Iterator[None]:
    """Surround the work: whatever ends it, say how to go on."""
    from bundle_engine.cli import report

    try:
        yield
    except UsageError:
        raise
    except BaseException:  # Ctrl-C, too
        report.note(f"what is done is kept; to go on: {way_on(command, folder)}")
        raise


def way_on(command: str, folder: Path) -> str:
    """Give the command line that goes on."""
    from bundle_engine.runs.folder import shown
    from bundle_engine.runs.naming import program

    return f"{shlex.join(program())} {command} --resume {shlex.quote(shown(folder))}"


def tell_failed(folder: Path, child: Child) -> None:
    """Say what has become of a run that is not done."""
    from bundle_engine.cli import report
    from bundle_engine.runs.folder import shown

    report.note(f"{child.name} {child.status}: {child.error or 'nobody knows why'}")
    report.note(f"  what it said: {shown(folder / child.name / 'output.txt')}")
