"""What an engine tells about itself: its loss, the size of its batches, its key metric, what its handlers print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["KeyMetric", "Printed", "batch_size", "is_training", "key_metric", "losses", "printed_by_handlers"]


class KeyMetric(NamedTuple):
    """The metric that decides on the best network, after a validation.

    Attributes:
        name: its name.
        value: what it was in this validation.
        epoch: the epoch of this validation.
        best: the best value so far; None where nobody compares.
        best_epoch: the epoch that had it.
    """

    name: str
    value: float
    epoch: int
    best: float | None
    best_epoch: int | None


class Printed(NamedTuple):
    """What the handlers of an engine print themselves: of each iteration, of each epoch."""

    iterations: bool
    epochs: bool


def is_training(engine: Any) -> bool:
    """Tell whether an engine trains, rather than evaluates."""
    names = {kind.__name__ for kind in type(engine).__mro__}
    if names & {"Trainer", "Evaluator"}:
        return "Evaluator" not in names
    return (engine.state.max_epochs or 1) > 1  # an engine of ignite itself: who evaluates does so once


def losses(output: Any) -> dict[str, Any]:
    """Find the losses in what an iteration gave: `loss`, or all that end in it; numbers or tensors, by name."""
    first = output[0] if isinstance(output, (list, tuple)) and output else output
    if isinstance(first, Mapping):
        named = {"loss": first["loss"]} if first.get("loss") is not None else first
        return {str(name): value for name, value in named.items() if str(name).endswith("loss") and _is_scalar(value)}
    return {"loss": first} if _is_scalar(first) and first is output else {}


def _is_scalar(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return not isinstance(value, bool)
    return hasattr(value, "numel") and hasattr(value, "detach") and value.numel() == 1


def batch_size(state: Any) -> int | None:
    """Count the images of the batch that was just used; None where that cannot be told."""
    output = state.output
    if isinstance(output, list) and output and isinstance(output[0], Mapping):
        return len(output)  # one item per image
    batch = state.batch
    if isinstance(batch, (list, tuple)) and batch and not hasattr(batch[0], "shape"):
        return len(batch)
    candidates: Sequence[Any] = list(batch.values()) if isinstance(batch, Mapping) else [batch]
    if isinstance(batch, (list, tuple)):
        candidates = batch
    shapes = (value.shape for value in candidates if hasattr(value, "shape"))
    return next((int(shape[0]) for shape in shapes if len(shape) > 0), None)


def key_metric(state: Any) -> KeyMetric | None:
    """Give the key metric of a validation that is over; with engines of ignite itself, the first that is a number."""
    metrics = state.metrics or {}
    name = getattr(state, "key_metric_name", None)
    if name is None:
        name = next((name for name, value in metrics.items() if _is_scalar(value)), None)
    value = metrics.get(name)
    if name is None or value is None or not _is_scalar(value):
        return None
    best_epoch = getattr(state, "best_metric_epoch", -1)
    compared = isinstance(best_epoch, int) and best_epoch >= 0
    best = float(state.best_metric) if compared and _is_scalar(state.best_metric) else None
    return KeyMetric(str(name), float(value), int(state.epoch), best, best_epoch if best is not None else None)


def printed_by_handlers(engine: Any) -> Printed:
    """Find out what StatsHandlers of an engine print, so that it is not printed twice."""
    iterations = epochs = False
    for handlers in engine._event_handlers.values():
        for handler, *_ in handlers:
            owner: Any = getattr(handler, "__self__", None)
            if any(kind.__name__ == "StatsHandler" for kind in type(owner).__mro__):
                iterations |= bool(owner.iteration_log)
                epochs |= bool(owner.epoch_log)
    return Printed(iterations, epochs)
