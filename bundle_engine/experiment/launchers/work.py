"""What a cluster runs for a job: its process, ended with grace when the cluster says so."""

from __future__ import annotations

import os
import site
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import bundle_engine
from bundle_engine.experiment.launchers.job import Job
from bundle_engine.experiment.launchers.local import LocalProcess, start_process

__all__ = ["Work", "code_path"]

_INTERVAL = 0.2
_SHARED = ("BUNDLE_ENGINE_", "MONAI_")  # how the names of variables begin that count wherever a job runs


def code_path() -> dict[str, str]:
    """Give the variables by which another machine finds this product's code, where it is not installed."""
    root = str(Path(bundle_engine.__file__).parent.parent)
    before = os.environ.get("PYTHONPATH", "")
    if root in site.getsitepackages() or root in before.split(os.pathsep):
        return {"PYTHONPATH": before} if before else {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (root, before)))}


class Work:
    """Runs a job to its end on the machine where it is called; gives the exit code of its process.

    A job that was at work before goes on, and one that is done is not run again. That is why the same work can be
    called again on another machine.

    Args:
        job: the job; its folder is on a disk that all machines see.
        environment: variables that it gets besides those of the machine.
        grace: seconds that the process has to end when it was asked to.
    """

    def __init__(self, job: Job, environment: Mapping[str, str], grace: float) -> None:
        shared = {name: value for name, value in os.environ.items() if name.startswith(_SHARED)}
        self.job = job
        self.environment = {**code_path(), **shared, **environment}
        self.grace = grace
        self.cwd = str(job.cwd or Path.cwd())
        self._process: LocalProcess | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_process": None}  # which stays where it is

    def __call__(self) -> int:
        """Run the job; give its exit code."""
        if self.job.is_done():
            return 0
        with suppress(OSError):
            os.chdir(self.cwd)
        self.job.folder.mkdir(parents=True, exist_ok=True)
        self.job.log_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._process = start_process(self.job, self.environment)
        except OSError as error:
            print(f"error: {error}", file=sys.stderr)
            return 127
        try:
            return self._wait(None) or 0
        except BaseException:  # how clusters say that it shall end
            self.end()
            raise

    def end(self) -> None:
        """Ask the process to end, so that it saves, and kill it when it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.stop()
        if self._wait(self.grace) is None:
            self._process.kill()
            self._wait(self.grace)

    def checkpoint(self, *_: Any, **__: Any) -> Any:
        """End the process, and give what submitit runs later in its place."""
        import submitit

        self.end()
        return submitit.helpers.DelayedSubmission(self)

    def _wait(self, seconds: float | None) -> int | None:
        assert self._process is not None
        begun = time.monotonic()
        while (end := self._process.poll()) is None:
            if seconds is not None and time.monotonic() - begun > seconds:
                return None
            time.sleep(_INTERVAL)
        return end.code
