"""What is launched, what becomes of it, and what a launcher is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bundle_engine.errors import InputError
from bundle_engine.runs.folder import RECORD
from bundle_engine.runs.record import DONE, FAILED, RUNNING, read_record

__all__ = [
    "DONE",
    "FAILED",
    "RUNNING",
    "STOPPED",
    "WAITING",
    "Job",
    "Launcher",
    "State",
    "product_command",
]

WAITING, STOPPED = "waiting", "stopped"


def product_command(*arguments: str) -> tuple[str, ...]:
    """Give the command line that runs a command of this product with the same Python."""
    return sys.executable, "-m", "bundle_engine", *arguments


@dataclass(frozen=True)
class Job:
    """A command line to run. Those that are launched together are alike in what they need.

    Attributes:
        name: what it is called; each of those that are launched together has its own.
        command: the words of the command line.
        folder: where its record goes; it is made if need be.
        log: the file that takes what it prints, behind what is there already; by default ``output.txt`` in the folder.
        again: the words of the command line that goes on with the run that the folder has a record of, when there is
            one. With it, a job whose record says that it is done is not run again. None where a job begins anew.
        environment: variables that it gets besides those of this process.
        gpus: how many GPUs it needs; None for one where there are any.
        threads: how many threads it computes with; None for its share of the cores.
        cwd: its working directory; by default that of this process.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path | None = None
    again: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    gpus: int | None = None
    threads: int | None = None
    cwd: Path | None = None

    @property
    def log_file(self) -> Path:
        """The file that takes what it prints."""
        return self.log if self.log is not None else self.folder / "output.txt"

    def words(self) -> tuple[str, ...]:
        """Give the command line to run now: to begin, or to go on."""
        if self.again is not None and (self.folder / RECORD).is_file():
            return self.again
        return self.command

    def is_done(self) -> bool:
        """Tell whether there is nothing left to do, by its record."""
        if self.again is None:
            return False
        try:
            return read_record(self.folder).status == DONE
        except InputError:
            return False


@dataclass(frozen=True)
class State:
    """What has become of a job.

    Attributes:
        job: the job.
        status: ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
        exit_code: that of its process; negative for the number of the signal that killed it. None until it has ended,
            and where nobody knows.
        seconds: how long it has run, all its attempts together.
        attempt: how often it was started.
        message: why it is in this state, where there is more to say.
    """

    job: Job
    status: str = WAITING
    exit_code: int | None = None
    seconds: float = 0.0
    attempt: int = 0
    message: str = ""


class Launcher(Protocol):
    """Runs jobs somewhere, as many at once as there is room for."""

    def launch(
        self,
        jobs: Iterable[Job],
        *,
        on_change: Callable[[State], None] | None = None,
        slots: int | None = None,
        watch: Callable[[Job], str | None] | None = None,
    ) -> dict[str, State]:
        """Run jobs to their ends; one that fails does not take the others.

        When this is interrupted, all jobs are asked to end, so that they can save, and killed if they do not.

        Args:
            jobs: the jobs. A job is drawn when there is a place for it, so a generator may wait for what became of
                those before.
            on_change: told of each change of a job's state, in the thread that called this.
            slots: how many run at once; by default as many as there is room for.
            watch: asked now and then about each running job whether it shall be stopped; it gives the reason, or None.

        Returns:
            how each job ended, by its name.
        """
        ...
