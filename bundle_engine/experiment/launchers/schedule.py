"""The loop of all launchers: start what there is a place for, look after what runs, stop it all when interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple, Protocol

from bundle_engine.errors import UsageError
from bundle_engine.experiment.launchers.job import DONE, FAILED, RUNNING, STOPPED, Job, State
from bundle_engine.runs.folder import is_running

__all__ = ["Drawn", "End", "Process", "Schedule"]

_INTERRUPTED = (130, 143)  # what a command of this product says when it was asked to end
_WATCH_EVERY = 1.0  # seconds


class End(NamedTuple):
    """How a process ended.

    Attributes:
        code: its exit code; negative for a signal, None where nobody knows.
        message: what else is known.
        is_lost: whether it was no fault of its own, so that it may be started again.
    """

    code: int | None
    message: str = ""
    is_lost: bool = False


class Process(Protocol):
    """A job that runs somewhere."""

    def poll(self) -> End | None:
        """Tell how it ended; None while it runs."""
        ...

    def stop(self) -> None:
        """Ask it to end, so that it can save."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Drawn(NamedTuple):
    """Jobs, with what has to be known of them before any is started.

    Attributes:
        jobs: all of them.
        first: the first one, which the others are like; None where there is none.
        number: how many they are; None where nobody knows.
    """

    jobs: Iterable[Job]
    first: Job | None
    number: int | None

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Drawn:
        """Draw the first of some jobs."""
        if isinstance(jobs, Sequence):
            return cls(jobs, jobs[0] if jobs else None, len(jobs))
        rest = iter(jobs)
        first = next(rest, None)
        return cls([], None, 0) if first is None else cls(chain([first], rest), first, None)


class _Patient:
    """A job in whose folder another process is still at work; it is started when that has ended."""

    def __init__(self, job: Job, start: Callable[[], Process]) -> None:
        self._job, self._start = job, start
        self._process: Process | None = None
        self._is_stopped = False

    def poll(self) -> End | None:
        if self._process is None:
            if self._is_stopped:
                return End(None)
            if is_running(self._job.folder):
                return None
            if self._job.is_done():
                return End(0)
            try:
                self._process = self._start()
            except OSError as error:
                return End(127, f"it cannot be started: {error}")
        return self._process.poll()

    def stop(self) -> None:
        if self._process is None:
            self._is_stopped = True
        else:
            self._process.stop()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


@dataclass
class _Running:
    state: State
    process: Process
    slot: int
    begun: float
    before: float = 0.0  # seconds of the attempts before
    asked: float | None = None  # when it was asked to end
    why: str = ""
    is_killed: bool = False

    @property
    def seconds(self) -> float:
        return round(self.before + time.monotonic() - self.begun, 3)


class Schedule:
    """Runs jobs by what starts one.

    Args:
        start: starts a job in the slot of that number, from 0; an OSError means that it cannot be started.
        slots: how many run at once.
        interval: seconds from one look to the next.
        grace: seconds that a job has to end when it was asked to.
        retries: how often a job that was lost is started again.
        on_change: told of each change.
        watch: asked whether a job shall be stopped.
    """

    def __init__(
        self,
        start: Callable[[Job, int], Process],
        *,
        slots: int,
        interval: float = 0.05,
        grace: float = 60.0,
        retries: int = 0,
        on_change: Callable[[State], None] | None = None,
        watch: Callable[[Job], str | None] | None = None,
    ) -> None:
        self._start = start
        self._free = list(range(slots))
        self._interval, self._grace, self._retries = interval, grace, retries
        self._on_change, self._watch = on_change, watch
        self._states: dict[str, State] = {}
        self._running: list[_Running] = []
        self._looked = time.monotonic()

    def run(self, jobs: Iterable[Job]) -> dict[str, State]:
        """Run all jobs; give how each ended, by its name.

        Raises:
            UsageError: when two have the same name.
        """
        if isinstance(jobs, Sequence):
            for job in jobs:
                self._require_new(job)
                self._change(State(job))
        waiting = iter(jobs)
        seen: set[str] = set()
        is_more = True
        try:
            while is_more or self._running:
                while is_more and self._free:
                    is_more = self._begin_next(waiting, seen)
                    self._look()  # what has ended makes place, and a generator may need to know
                if is_more or self._running:
                    time.sleep(self._interval)
                self._look()
        except BaseException:
            self._stop_all()
            raise
        return self._states

    def _require_new(self, job: Job) -> None:
        if job.name in self._states:
            raise UsageError(f"two jobs are called '{job.name}'")

    def _begin_next(self, waiting: Iterator[Job], seen: set[str]) -> bool:
        try:
            job = next(waiting)
        except StopIteration:
            return False
        if job.name in seen or (job.name in self._states and self._states[job.name].job is not job):
            raise UsageError(f"two jobs are called '{job.name}'")
        seen.add(job.name)
        if job.is_done():
            self._change(State(job, DONE, 0, message="it was done before"))
        else:
            self._begin(State(job), self._free.pop(0))
        return True

    def _begin(self, state: State, slot: int) -> None:
        state = replace(state, status=RUNNING, attempt=state.attempt + 1, exit_code=None)
        try:
            state.job.folder.mkdir(parents=True, exist_ok=True)
            state.job.log_file.parent.mkdir(parents=True, exist_ok=True)
            if state.job.again is not None and is_running(state.job.folder):
                process: Process = _Patient(state.job, lambda: self._start(state.job, slot))
                state = replace(state, message="waits for a process that is still at work in its folder")
            else:
                process = self._start(state.job, slot)
        except OSError as error:
            self._give_back(slot)
            self._change(replace(state, status=FAILED, exit_code=127, message=f"it cannot be started: {error}"))
            return
        self._running.append(_Running(state, process, slot, time.monotonic(), state.seconds))
        self._change(state)

    def _look(self) -> None:
        """See what has ended, and what is to be stopped."""
        for running in list(self._running):
            end = running.process.poll()
            if end is not None:
                self._running.remove(running)
                self._end(running, end)
        now = time.monotonic()
        if self._watch is not None and now - self._looked >= _WATCH_EVERY:
            self._looked = now
            for running in self._running:
                if running.asked is None and (why := self._watch(running.state.job)):
                    self._ask(running, why)
        for running in self._running:
            self._press(running)

    def _end(self, running: _Running, end: End) -> None:
        state = replace(running.state, seconds=running.seconds, exit_code=end.code)
        if end.code == 0:
            status, message = DONE, end.message
        elif running.asked is not None:
            status, message = STOPPED, running.why + ("; it had to be killed" if running.is_killed else "")
        elif end.is_lost and state.attempt <= self._retries:
            self._begin(replace(state, message=f"{end.message}; it goes on"), running.slot)
            return
        elif end.code in _INTERRUPTED:
            status, message = STOPPED, end.message or "somebody else stopped it"
        else:
            status, message = FAILED, end.message
        self._give_back(running.slot)
        self._change(replace(state, status=status, message=message))

    def _give_back(self, slot: int) -> None:
        self._free.append(slot)
        self._free.sort()

    def _change(self, state: State) -> None:
        self._states[state.job.name] = state
        if self._on_change is not None:
            self._on_change(state)

    def _ask(self, running: _Running, why: str) -> None:
        running.asked, running.why = time.monotonic(), why
        running.process.stop()

    def _press(self, running: _Running) -> None:
        """Kill what was asked to end and has not."""
        if running.asked is not None and not running.is_killed and time.monotonic() - running.asked > self._grace:
            running.is_killed = True
            running.process.kill()

    def _stop_all(self) -> None:
        """End everything; whoever asks a second time does not want to wait."""
        try:
            for running in self._running:
                if running.asked is None:
                    self._ask(running, "interrupted")
            self._watch = None
            self._retries = 0
            while self._running:
                self._look()
                time.sleep(min(self._interval, 0.2))
        except BaseException:
            for running in self._running:
                running.process.kill()
            raise
