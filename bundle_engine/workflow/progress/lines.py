"""Plain lines in the log: one for each epoch of a training, and one now and then in a long epoch."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from bundle_engine.workflow.progress import facts, wording
from bundle_engine.workflow.progress.meter import Meter

__all__ = ["LINE_EVERY", "PlainLines"]

LINE_EVERY = 30.0  # seconds

_EPOCH_TIME = re.compile(r"Epoch\[[^]]*\] Complete\. Time taken")

logger = logging.getLogger("bundle_engine.progress")


class PlainLines:
    """Write progress to the log.

    What a StatsHandler of the engine prints is left to it: the losses and metrics. In return the line with which
    ignite ends an epoch of a training, which has the time only, is left out.

    Attributes:
        every: seconds between two lines in a long epoch.
    """

    __slots__ = ("_filters", "_last", "every")

    def __init__(self, every: float = LINE_EVERY) -> None:
        self.every = every
        self._last = 0.0
        self._filters: list[tuple[logging.Logger, logging.Filter]] = []

    def begin(self, meter: Meter, now: float) -> None:
        self._last = now
        if meter.training:
            quiet = _WithoutEpochTimes()
            meter.engine.logger.addFilter(quiet)
            self._filters.append((meter.engine.logger, quiet))

    def look(self, meters: Sequence[Meter], now: float) -> float:
        """Write a line when it is time to; give the seconds until the next look."""
        if now - self._last >= self.every:
            self._last = now
            meter = meters[-1]
            of = f"/{meter.length} ({100 * meter.iteration // meter.length} %)" if meter.length else ""
            self._write(meter, [f"iteration {meter.iteration}{of}"])
        return min(1.0, self.every / 4)

    def end_of_epoch(self, meter: Meter, now: float) -> None:
        self._last = now
        if meter.training:
            self._write(meter, [wording.duration(meter.epoch_seconds(now))], ended=True)

    def end(self, meter: Meter, now: float, metric: facts.KeyMetric | None) -> None:
        self._last = now
        if metric is not None and not facts.printed_by_handlers(meter.engine).epochs:
            logger.info("%s: %s", wording.title(meter), wording.metric(metric))

    def close(self) -> None:
        for owner, quiet in self._filters:
            owner.removeFilter(quiet)
        self._filters.clear()

    def _write(self, meter: Meter, parts: list[str], *, ended: bool = False) -> None:
        if meter.training:
            parts.insert(0, f"epoch {meter.epoch}/{meter.max_epochs}")
        printed = facts.printed_by_handlers(meter.engine)
        told = printed.iterations or (ended and printed.epochs and bool(meter.engine.state.metrics))
        parts += [part for part in ("" if told else wording.losses(meter), wording.speed(meter)) if part]
        left, all_left = meter.left_in_epoch(), meter.left()
        if not ended and left is not None:
            parts.append(f"{wording.duration(left)} left" + (" in the epoch" if meter.training else ""))
        if meter.training and all_left is not None and meter.epoch < meter.max_epochs:
            parts.append(f"{wording.duration(all_left)} left in all")
        logger.info("%s: %s", wording.title(meter), ", ".join(parts))


class _WithoutEpochTimes(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _EPOCH_TIME.match(str(record.msg))
