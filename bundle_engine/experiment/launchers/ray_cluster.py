"""Run jobs on a ray cluster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from bundle_engine.errors import MissingDependencyError, UsageError
from bundle_engine.experiment.launchers.job import Job, State
from bundle_engine.experiment.launchers.local import how_it_ended
from bundle_engine.experiment.launchers.schedule import Drawn, End, Schedule
from bundle_engine.experiment.launchers.work import Work, code_path

__all__ = ["RayLauncher"]

_INTERVAL, _ANSWER = 0.5, 10.0  # seconds


class RayLauncher(NamedTuple):
    """Runs jobs on a ray cluster; a job whose machine is gone goes on elsewhere, from its last checkpoint.

    All machines see the folders of the jobs at the same paths.

    Attributes:
        address: of the cluster, such as ``auto`` or ``ray://head:10001``; by default that of RAY_ADDRESS, or else a
            cluster of this machine alone, for as long as the jobs run.
        retries: how often a job goes on elsewhere.
        grace: seconds that a process has to end when it was asked to, before it is killed.
    """

    address: str | None = None
    retries: int = 5
    grace: float = 60.0

    def launch(
        self,
        jobs: Iterable[Job],
        *,
        on_change: Callable[[State], None] | None = None,
        slots: int | None = None,
        watch: Callable[[Job], str | None] | None = None,
    ) -> dict[str, State]:
        """Run jobs to their ends; see `Launcher.launch`.

        Raises:
            MissingDependencyError: when ray is not installed.
            UsageError: when there is no cluster at the address.
        """
        drawn = Drawn.of(jobs)
        if drawn.first is None:
            return {}
        with _connected(self.address) as ray:
            needs = _Needs.of(ray, drawn.first, drawn.number, slots)

            def start(job: Job, _slot: int) -> _RayProcess:
                threads = {name: str(needs.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
                work = Work(job, {**threads, **job.environment}, self.grace)
                remote = ray.remote(
                    num_cpus=needs.threads, num_gpus=needs.gpus, max_retries=0, runtime_env={"env_vars": code_path()}
                )(_run)
                return _RayProcess(ray, remote.remote(work))

            schedule = Schedule(
                start,
                slots=needs.slots,
                interval=_INTERVAL,
                grace=self.grace + 10,  # the machine there kills it first
                retries=self.retries,
                on_change=on_change,
                watch=watch,
            )
            return schedule.run(drawn.jobs)


def _run(work: Work) -> int:
    return work()


class _Needs(NamedTuple):
    """What each job takes of the cluster, and how many run at once."""

    slots: int
    threads: int
    gpus: int

    @classmethod
    def of(cls, ray: Any, job: Job, count: int | None, slots: int | None) -> _Needs:
        """Share out a cluster among jobs like one of them."""
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cores = int(sum(each.get("CPU", 0) for each in resources))
        most = int(max((each.get("CPU", 0) for each in resources), default=1))
        devices = int(sum(each.get("GPU", 0) for each in resources))
        gpus = job.gpus if job.gpus is not None else 1 if devices else 0
        if slots is None:
            slots = max(1, cores // (job.threads or 1))
            slots = min(slots, max(1, devices // gpus)) if gpus and devices else slots
        slots = slots if count is None else min(slots, max(1, count))
        return cls(slots, job.threads or max(1, min(cores // slots, most)), gpus)


class _RayProcess:
    """A job that runs on a ray cluster."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference

    def poll(self) -> End | None:
        """Tell how it ended; None while it runs."""
        from ray import exceptions

        ready, _ = self._ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            return how_it_ended(self._ray.get(self._reference))
        except (exceptions.TaskCancelledError, KeyboardInterrupt):
            return End(None)
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, KeyboardInterrupt):
                return End(None)
            return End(None, str(error.cause))
        except exceptions.RayError as error:
            return End(None, _words(type(error).__name__), is_lost=True)

    def stop(self) -> None:
        """Ask it to end."""
        self._ray.cancel(self._reference, force=False)

    def kill(self) -> None:
        """End it, and what it started."""
        self._ray.cancel(self._reference, force=True)


def _words(name: str) -> str:
    """Say what happened, by the name of ray's error."""
    if name == "NodeDiedError":
        return "the machine that it ran on is gone"
    if name == "OutOfMemoryError":
        return "the machine that it ran on had too little memory"
    return f"the process of ray that it ran in is gone ({name})"


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Be connected to a cluster; one that the program is connected to already stays so."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        import ray
    except ImportError:
        message = "the launcher ray needs the package ray, which is not installed"
        raise MissingDependencyError(message, hint="pip install 'bundle-engine[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    _require_answer(address or os.environ.get("RAY_ADDRESS") or "local")
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    here: dict[str, Any] = (
        {"include_dashboard": False} if address in (None, "local") and not os.environ.get("RAY_ADDRESS") else {}
    )
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **here)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"ray cannot be used: {reason}", hint="ray status --address ADDRESS tells more") from None
    finally:
        if is_main and before is not None:
            signal.signal(signal.SIGTERM, before)  # ray has set up its own
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuse an address at which nothing answers; ray itself tries for minutes."""
    import socket

    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER).close()
    except OSError as error:
        message = f"there is no ray cluster at '{address}': {error.strerror or error}"
        raise UsageError(message, hint="ray start --head begins one; without an address one of this machine") from None
