"""Keep a training's checkpoints, stop it cleanly when asked to, and let it go on exactly where it was.

A checkpoint is written before the first epoch, after each epoch, and after the iteration in which somebody asked to
stop. In the middle of an epoch the batches that were used are read again and thrown away, so that samplers and workers
stand where they stood; then the random streams are put back.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bundle_engine.errors import BundleEngineError, WorkflowError
from bundle_engine.workflow.resume import state as states
from bundle_engine.workflow.resume.objects import Found, find_objects
from bundle_engine.workflow.resume.processes import Processes
from bundle_engine.workflow.resume.snapshots import Snapshots

__all__ = ["Keeper"]

logger = logging.getLogger(__name__)

_ONCE = 2.0  # seconds within which two signals to several processes are one


class Keeper:
    """Keeps the checkpoints of one training.

    Args:
        trainer: the engine of the training.
        roots: gives the objects of the training by name, when it starts.
        snapshots: where its checkpoints are.
        resume: whether to go on with the newest of them.
        epochs: number of epochs from one checkpoint to the next.

    Attributes:
        resumed: the epoch and the iteration that the training went on after; None where it began anew.
        seconds: time spent on checkpoints.
        error: why a checkpoint could not be written or used.
    """

    def __init__(
        self,
        trainer: Any,
        roots: Callable[[], Iterable[tuple[str, Any]]],
        snapshots: Snapshots,
        *,
        resume: bool = False,
        epochs: int = 1,
    ) -> None:
        from ignite.engine import Events

        self.trainer = trainer
        self.snapshots = snapshots
        self.resume = resume
        self.epochs = epochs
        self.resumed: tuple[int, int] | None = None
        self.seconds = 0.0
        self.error: BundleEngineError | None = None
        self._roots = roots
        self._found = Found({}, {}, {}, {}, {})
        self._processes = Processes()
        self._told_left_out = False
        self._stop: int | None = None  # the signal that asked to stop
        self._asked = 0.0  # when it did
        self._handlers: dict[int, Any] = {}
        self._taken = 0  # batches since the data loader began
        self._begun: dict[str, Any] = {}  # random streams when it began
        self._waiting: Mapping[str, Any] | None = None  # of a checkpoint: what the loader has to catch up with
        self._set_up_loader = trainer._setup_dataloader_iter
        trainer._setup_dataloader_iter = self._begin_loader
        trainer.add_event_handler(Events.STARTED, self._started)
        trainer.add_event_handler(Events.GET_BATCH_COMPLETED, self._batch_taken)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._iteration_completed)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._epoch_completed)
        trainer.add_event_handler(Events.COMPLETED, self.close)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Surround the training: what the keeper has to say is not lost in the errors of those that call it."""
        try:
            yield
        except Exception:
            if self.error is not None:
                raise self.error from None
            raise
        finally:
            self.close()

    # --- events ---

    def _started(self) -> None:
        self._last(self._epoch_completed)
        self._found = find_objects([*self._roots(), ("trainer", self.trainer)])
        for path, loader in self._found.loaders.items():
            if loader.persistent_workers and loader.num_workers:
                vars(loader)["persistent_workers"] = False  # nobody can tell where their random streams stand
                logger.info("the workers of '%s' begin anew in each epoch, so that the training can be resumed", path)
        self._processes = Processes.now()
        self._catch_signals()
        try:
            newest = self.snapshots.newest() if self.resume else None
            if newest is not None:
                self._go_on(*newest)
                return
        except BundleEngineError as error:
            self.error = error
            raise
        if self.resume:
            logger.warning("there is no checkpoint in '%s' yet: the training begins anew", self.snapshots.folder)
        self._save()

    def _go_on(self, snapshot: Any, state: Mapping[str, Any]) -> None:
        source = f"the checkpoint '{self.snapshots.folder / snapshot.file}'"
        differing = states.restore(self._found, state, source)
        if differing:
            logger.warning("the config has changed since %s: %s", source, ", ".join(differing[:8]))
        mine = self._processes.mine(state["processes"])
        if mine is None or len(state["processes"]) != self._processes.size:
            logger.warning(
                "%s is of %d processes and this run has %d: it goes on, but not exactly as it would have",
                source, len(state["processes"]), self._processes.size,
            )  # fmt: skip
        if mine is not None:
            states.put_streams(self._found, mine["streams"])
        trainer = self.trainer.state
        trainer.iteration, trainer.epoch = snapshot.iteration, snapshot.epoch
        if mine is not None and mine["taken"]:
            self._waiting = mine
        if trainer.epoch_length and snapshot.iteration % trainer.epoch_length:
            trainer.epoch = snapshot.epoch - 1  # the engine counts the epoch that it goes on with once more
        self.resumed = (trainer.epoch, snapshot.iteration)
        logger.info("going on after epoch %d, iteration %d, from %s", trainer.epoch, snapshot.iteration, source)

    def _begin_loader(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            states.put_streams(self._found, waiting["begun"])
        self._begun = states.streams(self._found)
        self._taken = 0
        self._set_up_loader()
        if waiting is not None:
            for _ in range(waiting["taken"]):
                next(self.trainer._dataloader_iter)
            self._taken = waiting["taken"]
            states.put_streams(self._found, waiting["streams"])
            states.put_accumulated(self._found, waiting["metrics"])

    def _batch_taken(self) -> None:
        self._taken += 1

    def _iteration_completed(self) -> None:
        stop = self._processes.any_signal(self._stop)
        state = self.trainer.state
        if stop is None or (state.epoch_length and state.iteration % state.epoch_length == 0):
            return  # at the end of an epoch, what happens there comes first
        self._save()
        self._leave(stop)

    def _epoch_completed(self) -> None:
        state = self.trainer.state
        stop = self._processes.any_signal(self._stop)
        if stop is not None or state.epoch % self.epochs == 0 or state.epoch == state.max_epochs:
            self._save()
        if stop is not None and state.epoch != state.max_epochs:
            self._leave(stop)

    def _last(self, handler: Callable[..., Any]) -> None:
        """Let a handler come after those that were added when others started."""
        from ignite.engine import Events

        self.trainer.remove_event_handler(handler, Events.EPOCH_COMPLETED)
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, handler)

    # --- checkpoints ---

    def _save(self) -> None:
        begin = time.perf_counter()
        state = self.trainer.state
        loader = getattr(self.trainer.state, "dataloader", None)
        length = len(loader) if loader is not None and hasattr(loader, "__len__") else None
        mine = {
            "streams": states.streams(self._found),
            "taken": 0 if self._taken == length else self._taken,
            "begun": self._begun,
            "metrics": states.accumulated(self._found),
        }
        everyone = self._processes.gather(mine)
        if self._processes.first:
            captured = states.capture(self._found)
            if captured["left_out"] and not self._told_left_out:
                self._told_left_out = True
                logger.warning("checkpoints leave out what is no plain data: %s", ", ".join(captured["left_out"]))
            metric, best = self._key_metric()
            try:
                self.snapshots.save(
                    {**captured, "processes": everyone, "epoch": state.epoch, "iteration": state.iteration},
                    epoch=state.epoch,
                    iteration=state.iteration,
                    metric=metric,
                    best=best,
                )
            except (OSError, RuntimeError, BundleEngineError) as error:  # torch says "cannot write" as RuntimeError
                self.error = WorkflowError(
                    f"the checkpoint of epoch {state.epoch} cannot be written to '{self.snapshots.folder}': {error}",
                    hint="those before it are whole: make room, and go on with --resume",
                )
                raise self.error from error
        self.seconds += time.perf_counter() - begin

    def _key_metric(self) -> tuple[float | None, bool]:
        """Give the key metric of this epoch's validation, and whether it is the best so far."""
        epoch = self.trainer.state.epoch
        for engine in self._found.engines.values():
            state = engine.state
            name = getattr(state, "key_metric_name", None)
            if engine is self.trainer or name is None or not epoch or state.epoch != epoch:
                continue
            value = state.metrics.get(name)
            return (None if value is None else float(value)), getattr(state, "best_metric_epoch", None) == epoch
        return None, False

    # --- stopping ---

    def _catch_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        process = os.getpid()

        def ask(number: int, frame: Any) -> None:
            if os.getpid() != process:  # a worker: the process that it works for tells it when to end
                if number != signal.SIGINT:
                    signal.signal(number, signal.SIG_DFL)
                    os.kill(os.getpid(), number)
                return
            if self._stop is not None:
                if self._processes.size > 1 and time.monotonic() - self._asked < _ONCE:
                    return  # a terminal and a launcher such as torchrun both pass the same one on
                self._leave(number)
            self._stop, self._asked = number, time.monotonic()
            logger.warning("stopping after this iteration, or this validation; once more stops at once")

        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            if callable(before):
                self._handlers[number] = before
                signal.signal(number, ask)

    def close(self) -> None:
        """Leave signals to the program again."""
        for number, before in self._handlers.items():
            signal.signal(number, before)
        self._handlers.clear()

    def _leave(self, number: int) -> None:
        """End as the program ends when it gets this signal."""
        before = self._handlers.get(number)
        self.close()
        if before is not None:
            before(number, None)
        raise KeyboardInterrupt
