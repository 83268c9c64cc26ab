"""The state of a training as plain data and tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bundle_engine.errors import InputError
from bundle_engine.workflow.resume.objects import Found
from bundle_engine.workflow.resume.streams import global_streams, position_of, put, put_global_streams

__all__ = ["accumulated", "capture", "put_accumulated", "put_streams", "restore", "streams"]

_NOT_KEPT = frozenset(  # of an engine's state: what belongs to one moment, or is the config's to say
    {"batch", "output", "dataloader", "seed", "times", "max_epochs", "max_iters", "epoch_length", "metrics"}
)
_UNKNOWN: Any = object()
_LINES = 12  # of what a class says against a state


def capture(found: Found) -> dict[str, Any]:
    """Give the state of all that was found in a training, but for random streams and metrics.

    Returns:
        a mapping that `torch.load` reads with ``weights_only=True``. Under ``left_out`` are the paths of what cannot be
        written that way.
    """
    stateful: dict[str, Any] = {}
    left_out: list[str] = []
    for path, value in found.stateful.items():
        state = value.state_dict()
        stateful[path] = known = _known(state)
        left_out += [f"{path}/{name}" for name in state if name not in known]
    engines = {path: _known(vars(engine.state), _NOT_KEPT) for path, engine in found.engines.items()}
    return {"stateful": stateful, "engines": engines, "left_out": left_out}


def restore(found: Found, state: Mapping[str, Any], source: str) -> list[str]:
    """Put a state back that `capture` gave of a training of the same config.

    Args:
        found: what was found in the training that goes on.
        state: what `capture` gave.
        source: what to call the state in messages.

    Returns:
        the paths that only one of the two has: of something that changes, and was added or taken away since.

    Raises:
        InputError: when a state does not fit, such as weights of another shape.
    """
    for path, value in found.stateful.items():
        if path not in state["stateful"]:
            continue
        try:
            value.load_state_dict(state["stateful"][path])
        except Exception as error:  # whatever a class says when the state is not its own
            raise InputError(
                f"{source} does not fit the config: '{path}' cannot take its state",
                notes=[line.strip() for line in str(error).strip().split("\n")[:_LINES]],
                hint="go on with the config that the run began with, or begin anew without --resume",
            ) from error
    for path, engine in found.engines.items():
        for name, value in state["engines"].get(path, {}).items():
            setattr(engine.state, name, value)
    return [
        path
        for mine, theirs in ((found.stateful, state["stateful"]), (found.engines, state["engines"]))
        for path in sorted(mine.keys() ^ theirs.keys())
    ]


def streams(found: Found) -> dict[str, Any]:
    """Give the positions of all random streams."""
    return {
        "global": global_streams(),
        "own": {path: position_of(stream) for path, stream in found.streams.items()},
    }


def put_streams(found: Found, positions: Mapping[str, Any]) -> None:
    """Put all random streams to the positions that `streams` gave."""
    for path, stream in found.streams.items():
        if path in positions["own"]:
            put(stream, positions["own"][path])
    put_global_streams(positions["global"])


def accumulated(found: Found) -> dict[str, Any]:
    """Give what metrics have added up so far in an epoch."""
    return {path: _known(vars(metric)) for path, metric in found.metrics.items()}


def put_accumulated(found: Found, kept: Mapping[str, Any]) -> None:
    """Let metrics go on with what `accumulated` gave."""
    for path, metric in found.metrics.items():
        for name, value in kept.get(path, {}).items():
            setattr(metric, name, value)


def _known(values: Mapping[str, Any], without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Give those of some values that are plain data or tensors."""
    pairs = ((name, _plain(value)) for name, value in values.items() if name not in without)
    return {name: value for name, value in pairs if value is not _UNKNOWN}


def _plain(value: Any) -> Any:
    """Give a value as tensors, numbers, text, and mappings and lists of them; a mark where it is something else."""
    import numpy as np
    import torch

    if value is None or type(value) in (bool, int, float, complex, str, bytes):  # an enum may be text, too
        return value
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy()) if value.dtype.kind in "biufc" else _UNKNOWN
    if isinstance(value, Mapping):
        items = {key: _plain(item) for key, item in value.items()}
        return _UNKNOWN if any(item is _UNKNOWN for item in items.values()) else items
    if isinstance(value, (list, tuple)):
        parts = [_plain(item) for item in value]
        if any(part is _UNKNOWN for part in parts):
            return _UNKNOWN
        return parts if isinstance(value, list) else tuple(parts)
    return _UNKNOWN
