"""Measure one run of an engine: where it is, how fast, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from bundle_engine.workflow.progress import facts

__all__ = ["Meter"]

WINDOW = 30.0  # seconds that the speed is a mean over


class Meter:
    """The measure of one run.

    What other engines take in between, such as a validation, does not count as time of this one: it is kept apart,
    and the time left allows for it.

    Args:
        engine: the engine of ignite.
        now: the time at which the run begins, by `time.perf_counter`.
        inner: whether the run takes place within that of another engine.
        processes: number of processes that share the work.

    Attributes:
        begin: when the run began.
        training: whether the run trains, rather than evaluates.
        losses: the last losses that are known, by name.
        paused: seconds that other engines took.
    """

    __slots__ = (
        "_coming", "_images", "_samples", "_state", "_used", "begin", "begin_epoch", "begin_iteration", "engine",
        "epoch_begin", "epoch_paused", "inner", "losses", "paused", "processes", "training",
    )  # fmt: skip

    def __init__(self, engine: Any, now: float, *, inner: bool = False, processes: int = 1) -> None:
        self.engine = engine
        self._state = engine.state
        self.inner = inner
        self.processes = processes
        self.training = not inner and facts.is_training(engine)
        self.losses: dict[str, float] = {}
        self.paused = 0.0
        self.begin_epoch: int = max(0, self._state.epoch - 1)
        self.begin_iteration: int = self._state.iteration
        self.epoch_begin, self.epoch_paused = now, 0.0
        self.begin = now
        self._coming: dict[str, Any] = {}
        self._images: int | None = None
        self._samples: deque[tuple[float, int]] = deque([(0.0, self._state.iteration)])
        self._used = 0.0  # seconds that this run took itself, at the last look

    def begin_of_epoch(self, now: float) -> None:
        """Note that an epoch begins."""
        self.epoch_begin, self.epoch_paused = now, self.paused

    def look(self, now: float) -> None:
        """Take note of where the run is."""
        state = self._state
        self._used = now - self.begin - self.paused
        samples = self._samples
        samples.append((self._used, state.iteration))
        while len(samples) > 2 and self._used - samples[1][0] > WINDOW:
            samples.popleft()
        self._images = facts.batch_size(state) or self._images
        # what lies on a GPU comes over by itself, and is read at the next look: nobody waits for the GPU
        self.losses.update({name: float(value) for name, value in self._coming.items()})
        self._coming = {}
        if self.training:
            for name, value in facts.losses(state.output).items():
                if getattr(value, "is_cuda", False):
                    self._coming[name] = value.detach().to("cpu", non_blocking=True)
                else:
                    self.losses[name] = float(value)

    # --- where it is ---

    @property
    def epoch(self) -> int:
        return int(self._state.epoch)

    @property
    def max_epochs(self) -> int:
        return int(self._state.max_epochs or 1)

    @property
    def iteration(self) -> int:
        """The iteration within the epoch, from 1; 0 before the first."""
        length = self._state.epoch_length
        if not length:
            return int(self._state.iteration)
        done = self._state.iteration - (self.begin_iteration if not self.training else 0)
        return int((done - 1) % length + 1) if done > 0 else 0

    @property
    def length(self) -> int | None:
        """The number of iterations in an epoch; None while nobody knows it."""
        length = self._state.epoch_length
        return int(length) if length else None

    # --- how fast ---

    @property
    def iterations_per_second(self) -> float | None:
        (begin, first), (end, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end - begin) if last > first and end > begin else None

    @property
    def images_per_second(self) -> float | None:
        """The images of all processes; None where a batch does not tell how many it has."""
        rate = self.iterations_per_second
        return rate * self._images * self.processes if rate is not None and self._images else None

    def epoch_seconds(self, now: float) -> float:
        """Give the time that the epoch took itself."""
        return now - self.epoch_begin - (self.paused - self.epoch_paused)

    def left_in_epoch(self) -> float | None:
        """Give the seconds until the epoch ends."""
        rate, length = self.iterations_per_second, self.length
        return (length - self.iteration) / rate if rate and length else None

    def left(self) -> float | None:
        """Give the seconds until the whole run ends, validations included as far as there were any."""
        rate, length = self.iterations_per_second, self.length
        if not rate or not length:
            return None
        if not self.training:
            return self.left_in_epoch()
        epochs_left = self.max_epochs - self.epoch
        finished = self.epoch - self.begin_epoch - (1 if self.iteration < length else 0)
        pauses = self.paused / finished * epochs_left if finished > 0 else 0.0
        return (epochs_left * length + length - self.iteration) / rate + pauses

    @staticmethod
    def clock() -> float:
        """Give the time that all of this is measured by."""
        return time.perf_counter()
