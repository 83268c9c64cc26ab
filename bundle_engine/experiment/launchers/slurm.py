"""Run jobs on a cluster that slurm manages, through submitit."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

from bundle_engine.errors import MissingDependencyError, UsageError
from bundle_engine.experiment.launchers.job import Job, State
from bundle_engine.experiment.launchers.local import how_it_ended
from bundle_engine.experiment.launchers.schedule import End, Schedule
from bundle_engine.experiment.launchers.work import Work

__all__ = ["SlurmLauncher"]

_INTERVAL, _ASK_EVERY = 1.0, 10.0  # seconds; slurm's own programs are not to be asked more often
_GONE_FOR = 30.0  # seconds that a result may take to be seen on this machine after slurm forgot the job
_DAY = 24 * 60
_AT_ONCE = 8  # of jobs that nobody can count
_ENGINES = ("slurm", "local", "debug")


class SlurmLauncher(NamedTuple):
    """Runs jobs on a cluster that slurm manages; one that is preempted or out of time goes on when it is its turn.

    Attributes:
        partition: where they run.
        time: minutes that slurm gives a job before it has to queue again.
        timeouts: how often it may.
        memory: GB for each.
        gpus: GPUs for each that does not say how many it needs.
        threads: cores for each that does not say how many it needs.
        account: who pays.
        setup: shell commands before a job, such as ``module load cuda``.
        options: further settings that submitit knows for sbatch, such as ``qos`` or ``constraint``.
        engine: ``slurm``; ``local`` runs what slurm would run as processes of this machine, to try it.
        grace: seconds that a process has to end when it was asked to, before it is killed.
        retries: how often a job begins again whose machine is gone.
    """

    partition: str | None = None
    time: int = _DAY
    timeouts: int = 20
    memory: float | None = None
    gpus: int = 1
    threads: int = 4
    account: str | None = None
    setup: Sequence[str] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    engine: str = "slurm"
    grace: float = 60.0
    retries: int = 2

    def launch(
        self,
        jobs: Iterable[Job],
        *,
        on_change: Callable[[State], None] | None = None,
        slots: int | None = None,
        watch: Callable[[Job], str | None] | None = None,
    ) -> dict[str, State]:
        """Run jobs to their ends; see `Launcher.launch`. Without a number, all of a list are queued at once.

        Raises:
            MissingDependencyError: when submitit is not installed.
            UsageError: when this machine has no slurm.
        """
        submitit = _submitit()
        if self.engine not in _ENGINES:
            raise UsageError(f"there is no engine '{self.engine}'", hint=f"there are {', '.join(_ENGINES)}")
        if self.engine == "slurm" and not submitit.SlurmExecutor.affinity() > 0:
            raise UsageError(
                "this machine has no slurm: there is no 'srun'", hint="start it on a machine from which jobs are queued"
            )
        if slots is None:
            slots = max(1, len(jobs)) if isinstance(jobs, Sequence) else _AT_ONCE
        queue = _Queue()

        def start(job: Job, _slot: int) -> _SlurmProcess:
            executor = self.executor(job)
            try:
                return _SlurmProcess(executor.submit(self.work(job)), queue)
            except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
                raise OSError(str(error).strip().splitlines()[-1]) from None

        schedule = Schedule(
            start,
            slots=slots,
            interval=_INTERVAL,
            grace=self.grace + 10,
            retries=self.retries,
            on_change=on_change,
            watch=watch,
        )
        return schedule.run(jobs)

    def work(self, job: Job) -> Work:
        """Give what slurm runs for a job."""
        threads = {name: str(self._threads(job)) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        return Work(job, {**threads, **job.environment}, self.grace)

    def executor(self, job: Job) -> Any:
        """Give submitit's executor for a job, which writes its script."""
        executor = _submitit().AutoExecutor(
            folder=job.folder / "slurm", cluster=self.engine, slurm_max_num_timeout=self.timeouts
        )
        settings: dict[str, Any] = {
            "name": _name_of(job),
            "timeout_min": self.time,
            "cpus_per_task": self._threads(job),
            "slurm_signal_delay_s": int(self.grace) + 30,  # between the warning and the end
            "slurm_dependency": "singleton",  # one that is left from before ends first
            "slurm_additional_parameters": {"requeue": True},
        }
        if gpus := self.gpus if job.gpus is None else job.gpus:
            settings["gpus_per_node"] = gpus
        if self.memory is not None:
            settings["mem_gb"] = self.memory
        if self.setup:
            settings["slurm_setup"] = list(self.setup)
        named = {"partition": self.partition, "account": self.account, **self.options}
        settings |= {f"slurm_{name}": value for name, value in named.items() if value is not None}
        try:
            executor.update_parameters(**settings)
        except (TypeError, ValueError, NameError) as error:
            reason = str(error).partition("\n  - ")[0].replace("\n", " ")
            raise UsageError(f"slurm cannot be asked for that: {reason}") from None
        return executor

    def _threads(self, job: Job) -> int:
        return job.threads or self.threads


def _submitit() -> Any:
    try:
        import submitit
    except ImportError:
        message = "the launcher slurm needs the package submitit, which is not installed"
        raise MissingDependencyError(message, hint="pip install 'bundle-engine[slurm]'") from None
    return submitit


def _name_of(job: Job) -> str:
    """Name a job by its folder, so that slurm never runs two in the same one."""
    return f"{job.name}-{hashlib.sha256(str(job.folder.absolute()).encode()).hexdigest()[:8]}"


class _Queue:
    """What slurm knows of all jobs, asked for now and then."""

    def __init__(self) -> None:
        self._asked = -_ASK_EVERY
        self._known: set[str] | None = None

    def has(self, id: str) -> bool | None:
        """Tell whether a job waits or runs; None where slurm does not answer."""
        if time.monotonic() - self._asked >= _ASK_EVERY:
            self._asked = time.monotonic()
            self._known = None
            with suppress(OSError, subprocess.SubprocessError):
                done = subprocess.run(
                    ["squeue", "--me", "-h", "-o", "%i"], capture_output=True, text=True, timeout=60, check=True
                )
                self._known = set(done.stdout.split())
        return None if self._known is None else id in self._known


class _SlurmProcess:
    """A job that slurm has."""

    def __init__(self, job: Any, queue: _Queue) -> None:
        self._job, self._queue = job, queue
        self._begun = time.monotonic()
        self._missed: float | None = None  # since when slurm does not know it

    def poll(self) -> End | None:
        """Tell how it ended; None while it waits or runs."""
        if self._job.paths.result_pickle.exists():
            error = self._job.exception()
            if error is None:
                return how_it_ended(self._job.result())
            return End(None, str(error).strip().splitlines()[-1])
        if not self._is_gone():
            return None
        return End(None, "slurm has it no more, and it left no result", is_lost=True)

    def _is_gone(self) -> bool:
        now = time.monotonic()
        if not isinstance(self._job, _submitit().SlurmJob):
            known: bool | None = not self._job.done()
        else:
            known = self._queue.has(self._job.job_id) if now - self._begun > _ASK_EVERY else True
        if known is not False:
            self._missed = None
            return False
        self._missed = self._missed or now
        return now - self._missed > _GONE_FOR

    def stop(self) -> None:
        """Ask slurm to end it; its process is told first."""
        self._job.cancel(check=False)

    def kill(self) -> None:
        """Ask slurm again; it kills what does not end."""
        self._job.cancel(check=False)
