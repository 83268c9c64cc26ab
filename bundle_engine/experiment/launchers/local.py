"""Run jobs as processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bundle_engine.experiment.launchers import guard
from bundle_engine.experiment.launchers.job import Job, State
from bundle_engine.experiment.launchers.machine import share_out
from bundle_engine.experiment.launchers.schedule import Drawn, End, Schedule

__all__ = ["LocalLauncher", "LocalProcess", "how_it_ended", "start_process"]

_WATCHED = "BUNDLE_ENGINE_WATCHED"  # see `bundle_engine.cli.launching.watched`


class LocalLauncher(NamedTuple):
    """Runs jobs as processes of this machine, each with its own GPU and its share of the cores.

    Without a number, as many run at once as there are cores for their threads, and GPUs. They end with this process,
    however it ends.

    Attributes:
        grace: seconds that a process has to end when it was asked to, before it is killed.
    """

    grace: float = 60.0

    def launch(
        self,
        jobs: Iterable[Job],
        *,
        on_change: Callable[[State], None] | None = None,
        slots: int | None = None,
        watch: Callable[[Job], str | None] | None = None,
    ) -> dict[str, State]:
        """Run jobs to their ends; see `Launcher.launch`."""
        drawn = Drawn.of(jobs)
        if drawn.first is None:
            return {}
        shares = share_out(jobs=drawn.number, slots=slots, threads=drawn.first.threads, gpus_each=drawn.first.gpus)

        def start(job: Job, slot: int) -> LocalProcess:
            return start_process(job, shares.environment(slot, job.environment))

        schedule = Schedule(start, slots=shares.slots, grace=self.grace, on_change=on_change, watch=watch)
        return schedule.run(drawn.jobs)


class LocalProcess:
    """A job that runs as a process of this machine.

    Args:
        process: its process, the first one of a session of its own.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def poll(self) -> End | None:
        """Tell how it ended; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        if self.process.stdin is not None:
            self.process.stdin.close()
        return how_it_ended(code)

    def stop(self) -> None:
        """Ask it to end by SIGINT; what it started itself it ends itself."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, and all that it started."""
        if hasattr(os, "killpg"):
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        else:
            self.process.kill()


def how_it_ended(code: int) -> End:
    """Say what an exit code of a process means."""
    if code >= 0:
        return End(code)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    more = ": there may have been too little memory" if name == "SIGKILL" else ""
    return End(code, f"killed by {name}{more}")


def start_process(job: Job, environment: dict[str, str]) -> LocalProcess:
    """Start the process of a job; it ends when this process does.

    Args:
        job: the job; its folder is there.
        environment: the variables that it gets besides those of this process.

    Raises:
        OSError: when it cannot be started.
    """
    command = job.words()
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    is_linux = sys.platform == "linux"
    if is_linux:
        command = (sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), *command)
    else:  # a command of this product sees its standard input end
        variables[_WATCHED] = "1"
    with open(job.log_file, "ab") as log:
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=job.cwd,
            stdin=subprocess.DEVNULL if is_linux else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches it through this process
        )
    return LocalProcess(process)
