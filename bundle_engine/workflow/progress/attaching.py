"""Watch engines of ignite from outside, and show how far they are."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import UsageError
from bundle_engine.workflow.progress import facts
from bundle_engine.workflow.progress.lines import PlainLines
from bundle_engine.workflow.progress.meter import Meter
from bundle_engine.workflow.resume.processes import Processes

__all__ = ["MODES", "Progress", "View", "attach_progress", "engines_of", "require_mode"]

MODES = ("auto", "bar", "plain", "none")

logger = logging.getLogger("bundle_engine.progress")


class View(Protocol):
    """What shows progress."""

    def begin(self, meter: Meter, now: float) -> None:
        """Learn that a run began; those that began before it and have not ended are around it."""

    def look(self, meters: list[Meter], now: float) -> float:
        """Show where the runs are, the innermost last; give the seconds until the next look."""

    def end_of_epoch(self, meter: Meter, now: float) -> None:
        """Learn that an epoch is over, validation and all."""

    def end(self, meter: Meter, now: float, metric: facts.KeyMetric | None) -> None:
        """Learn that a run is over, and what its key metric is, if it evaluated."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Progress:
    """Shows the progress of engines from now on.

    Args:
        view: what shows it.
    """

    __slots__ = ("_clock", "_due", "_first", "_meters", "_processes", "_view", "_watched")

    def __init__(self, view: View) -> None:
        self._view = view
        self._clock = Meter.clock
        self._due = 0.0
        self._meters: list[Meter] = []
        self._processes = 1
        self._first = True
        self._watched: list[Any] = []

    def attach(self, engine: Any) -> None:
        """Watch an engine; doing so again changes nothing."""
        if any(engine is known for known in self._watched) or getattr(engine.run, "shows_progress", False):
            return
        from ignite.engine import Events

        self._watched.append(engine)
        engine.add_event_handler(Events.EPOCH_STARTED, self._epoch_started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._iteration_completed)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch_completed)
        run = engine.run

        def watched_run(*args: Any, **kwargs: Any) -> Any:
            # not by an event: an exception, or Ctrl-C, must give the terminal back, too
            try:
                return run(*args, **kwargs)
            finally:
                self._end(engine)

        watched_run.shows_progress = True  # type: ignore[attr-defined]
        engine.run = watched_run

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._meters.clear()
        self._view.close()

    # --- events ---

    def _epoch_started(self, engine: Any) -> None:
        now = self._clock()
        if not self._meters:
            processes = Processes.now()
            self._first, self._processes = processes.first, processes.size
        if not self._first:
            self._due = float("inf")
            return
        if not self._meters or all(meter.engine is not engine for meter in self._meters):
            if not self._meters:
                self._view.close()
            meter = Meter(engine, now, inner=bool(self._meters), processes=self._processes)
            self._meters.append(meter)
            self._view.begin(meter, now)
        self._meters[-1].begin_of_epoch(now)
        self._due = now  # each epoch shows its first iteration

    def _iteration_completed(self) -> None:
        now = self._clock()
        if now >= self._due:
            self._look(now)

    def _look(self, now: float) -> None:
        if not self._meters:
            return
        self._meters[-1].look(now)
        pause = self._view.look(self._meters, now)
        self._due = self._clock() + pause

    def _epoch_completed(self, engine: Any) -> None:
        now = self._clock()
        if self._meters and self._meters[-1].engine is engine:
            self._meters[-1].look(now)
            self._view.end_of_epoch(self._meters[-1], now)

    def _end(self, engine: Any) -> None:
        """Take leave of a run, whether it was completed or not, and of those within it that were not."""
        if not any(meter.engine is engine for meter in self._meters):
            return
        now = self._clock()
        failed = sys.exc_info()[0] is not None
        while self._meters:
            meter = self._meters.pop()
            if self._meters:
                self._meters[-1].paused += now - meter.begin
            metric = None if failed or meter.training else facts.key_metric(meter.engine.state)
            self._view.end(meter, now, metric)
            if meter.engine is engine:
                break
        if not self._meters:
            self._view.close()
        else:
            self._due = now


def require_mode(mode: str | None) -> str:
    """Give a mode that is one; None stands for ``auto``.

    Raises:
        UsageError: for an unknown one.
    """
    mode = "auto" if mode is None else str(mode).lower()
    if mode not in MODES:
        near = matches(mode, MODES, most=1)
        hint = f"did you mean {either(near)}?" if near else None
        raise UsageError(f"progress is shown as {', '.join(MODES)}, and not as '{mode}'", hint=hint)
    return mode


def attach_progress(engines: Any, mode: str = "auto", *, every: float | None = None) -> Progress | None:
    """Show the progress of engines whenever they run.

    Args:
        engines: an engine of ignite, or several of them; those that they run in turn are found.
        mode: ``bar`` for a board on the terminal, ``plain`` for lines in the log, ``none`` for nothing; ``auto`` for
            a board where standard error is a terminal, and for lines where it is none.
        every: seconds between two lines in a long epoch, 30 by default.

    Returns:
        what watches them, or None for ``none``; more engines can be attached to it.

    Raises:
        UsageError: for an unknown mode.
    """
    mode = require_mode(mode)
    if mode == "none":
        return None
    progress = Progress(_view(mode, every))
    for engine in engines_of(engines if isinstance(engines, Iterable) else [engines]):
        progress.attach(engine)
    return progress


def _view(mode: str, every: float | None) -> View:
    from bundle_engine.workflow.progress.terminal import is_terminal

    if mode == "bar" and not is_terminal():
        logger.info("standard error is no terminal: progress is shown as plain lines")
    if mode != "plain" and is_terminal():
        from bundle_engine.workflow.progress.board import Board

        return Board()
    return PlainLines(every) if every is not None else PlainLines()


def engines_of(values: Iterable[Any]) -> list[Any]:
    """Give the engines among values, and those that their handlers run in turn, such as the evaluator of a validation.

    Args:
        values: any objects, or lists of them.
    """
    if "ignite.engine" not in sys.modules:
        return []
    from ignite.engine import Engine

    found: list[Any] = []
    waiting = list(values)
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, (list, tuple)) and len(value) < 100:
            waiting.extend(value)
        elif isinstance(value, Engine) and all(value is not known for known in found):
            found.append(value)
            waiting.extend(_owned_by_handlers(value))
    return found


def _owned_by_handlers(engine: Any) -> Iterator[Any]:
    """Give what the handlers of an engine hold, such as the evaluator of a ValidationHandler."""
    for handlers in engine._event_handlers.values():
        for handler, *_ in handlers:
            owner = getattr(handler, "__self__", handler)  # a ValidationHandler is called itself
            if owner is not engine:
                yield from getattr(owner, "__dict__", {}).values()
