"""The course of an experiment: how its runs are launched, how it begins, how it goes on, and how it ends."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bundle_engine.errors import UsageError
from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment.children import wait_for
from bundle_engine.experiment.launchers import FAILED, RUNNING, Launcher, make_launcher
from bundle_engine.experiment.parent import EXPERIMENT, WAITING, Child, Experiment, now, read_experiment, taken
from bundle_engine.runs.folder import RECORD, make_folder, runs_dir, shown
from bundle_engine.runs.naming import program

__all__ = ["INTERRUPTED", "Course", "How", "Tell", "begin_experiment", "new_folder", "writing_to"]

INTERRUPTED = "interrupted"

Tell = Callable[[str, int, int], None]  # the name of a part, how much of it is done, and how much there is


@dataclass(frozen=True)
class How:
    """How the runs of an experiment are launched, which changes nothing about what they come to.

    Attributes:
        launcher: ``local``, ``ray`` or ``slurm``.
        settings: of the launcher, such as ``address``.
        parallel: how many run at once; None for as many as there is room for.
        progress: see `make_board`.
        tell: is told how far evaluations are, see `evaluate`.
    """

    launcher: str = "local"
    settings: Mapping[str, Any] = field(default_factory=dict)
    parallel: int | None = None
    progress: str = "auto"
    tell: Tell | None = None

    @classmethod
    def of(cls, experiment: Experiment) -> How:
        """Give how an experiment was launched before."""
        settings = experiment.settings
        return cls(str(settings.get("launcher", "local")), settings.get("launcher_settings") or {})

    def check(self) -> None:
        """Make sure that it can be done, before anything is written.

        Raises:
            UsageError: when there is no such launcher, it has no such settings, or progress is not shown in that way.
        """
        from bundle_engine.workflow.progress import require_mode

        require_mode(self.progress)
        self.make_launcher()

    def make_launcher(self) -> Launcher:
        """Make the launcher.

        Raises:
            UsageError: when there is no such launcher, or it has no such settings.
        """
        return make_launcher(self.launcher, **self.settings)


def new_folder(configs: Configs, kind: str, output_dir: Path | None, names: Iterable[str] = ()) -> Path:
    """Make the folder of a new experiment.

    Args:
        configs: of the bundle.
        kind: which kind of experiment it is.
        output_dir: the folder; by default a new one below `runs_dir`.
        names: of its runs.

    Raises:
        UsageError: when there is an experiment in it already, or a run that would be taken for one of the new ones; or
            it cannot be written to.
    """
    if output_dir is None:
        with writing_to(runs_dir()):
            return make_folder(runs_dir(), configs.root.name, kind)
    folder = output_dir.expanduser().absolute()
    with writing_to(folder):
        if (folder / EXPERIMENT).exists():
            again = f"--resume {shlex.quote(shown(folder))}"
            raise UsageError(f"there is an experiment in '{folder}' already", hint=f"{again} goes on with it")
        if old := next((folder / name for name in names if (folder / name / RECORD).exists()), None):
            raise UsageError(
                f"there is a run in '{shown(old)}' already, which is no part of this",
                hint="name another folder, or put that one aside",
            )
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return folder


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Surround what writes to a folder: where that fails, say so.

    Raises:
        UsageError: when it cannot be written to.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write to '{shown(folder)}': {error.strerror or error}", hint="--output_dir names another folder"
        ) from None


def begin_experiment(
    folder: Path,
    kind: str,
    configs: Configs,
    *,
    workflow: str,
    how: How,
    settings: Mapping[str, Any],
    overrides: Mapping[str, Any],
    children: Sequence[Child],
) -> None:
    """Write the record of a new experiment.

    Args:
        folder: its folder.
        kind: which kind of experiment it is.
        configs: of the bundle.
        workflow: name of the config that runs.
        how: how its runs are launched.
        settings: what else there is to know of it.
        overrides: ids and values that are set in all runs.
        children: its runs, as far as they are known.
    """
    Experiment(
        kind=kind,
        id=f"{configs.root.name}/{folder.name}",
        bundle=configs.root.name,
        root=str(configs.root),
        workflow=workflow,
        begun=now(),
        command=[*program(), *sys.argv[1:]],
        cwd=os.getcwd(),
        settings={
            **settings,
            "launcher": how.launcher,
            "launcher_settings": dict(how.settings),
            "train_config": [str(file) for file in configs.train],
        },
        overrides=dict(overrides),
        children=[*children],
    ).write(folder)


class Course:
    """An experiment that this process is at work on; its record follows what becomes of it.

    Args:
        folder: its folder.
        kind: which kind of experiment it must be.

    Attributes:
        folder: its folder.
        experiment: its record.

    Raises:
        InputError: when it has no record, or a damaged one.
        UsageError: when it is of another kind.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.experiment = read_experiment(folder)
        if self.experiment.kind != kind:
            is_, was = kind.replace("_", "-"), self.experiment.kind.replace("_", "-")
            raise UsageError(f"'{folder}' is no {is_}, but a {was}")

    def write(self, **news: Any) -> None:
        """Change the record."""
        self.experiment = replace(self.experiment, **news)
        self.experiment.write(self.folder)

    def put(self, child: Child) -> Child:
        """Note what has become of a run."""
        if child != self.experiment.child(child.name):
            self.experiment = self.experiment.with_child(child)
            self.experiment.write(self.folder)
        return child

    def end(self, status: str) -> None:
        """Note that it has come to an end."""
        self.write(status=status, ended=now())

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Surround the work: nobody else is at it, no run of before is still alive, and an error is noted as the end.

        Raises:
            UsageError: when it is running already.
        """
        lock = taken(self.folder)
        try:
            self.experiment = read_experiment(self.folder)  # nobody changes it any more
            children = self.experiment.children
            if any(child.status != WAITING for child in children):
                self.write(resumed=[*self.experiment.resumed, now()])
                wait_for([self.folder / child.name for child in children])
            self.write(status=RUNNING, ended=None)
            yield
        except Exception:  # whatever it is: the record must not say for ever that this is running
            self.end(FAILED)
            raise
        except BaseException:  # Ctrl-C, or how the command line says SIGTERM
            self.end(INTERRUPTED)
            raise
        finally:
            lock.release()
