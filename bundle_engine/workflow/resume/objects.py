"""Find everything in a training that changes while it runs: by walking over the objects that its config built.

Nothing has to be named for that. Networks, optimizers, schedulers, scalers and handlers tell by `state_dict` and
`load_state_dict` that they change; engines, metrics and random streams are known by their classes. Each thing gets the
path on which it was found first, which is the same in another process that built the same config.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bundle_engine.workflow.resume.streams import is_stream

__all__ = ["Found", "find_objects"]


class Found(NamedTuple):
    """What changes in a training, by the paths where it was found.

    Attributes:
        stateful: whatever has `state_dict` and `load_state_dict`: networks, optimizers, schedulers, scalers, handlers.
        engines: trainers and evaluators.
        metrics: what adds up over an epoch.
        streams: random generators that transforms, samplers and loaders keep.
        loaders: data loaders.
    """

    stateful: dict[str, Any]
    engines: dict[str, Any]
    metrics: dict[str, Any]
    streams: dict[str, Any]
    loaders: dict[str, Any]


_SKIPPED = (
    str, bytes, bytearray, int, float, complex, bool, type(None), type, types.ModuleType, types.BuiltinFunctionType,
    types.CodeType, types.GeneratorType,
)  # fmt: skip
_SHORT, _LONG = 1_000, 100_000  # items of a list; longer ones hold data


def find_objects(roots: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Found:
    """Walk over objects and all that they hold.

    Args:
        roots: where to begin, by name; the order decides on the names of what several of them hold.
    """
    import torch
    from ignite.engine import Engine
    from ignite.metrics import Metric
    from monai.metrics import Cumulative

    found = Found({}, {}, {}, {}, {})
    weights: set[int] = set()  # memory of the parameters and buffers of the networks found
    keep: list[Any] = []  # what is made on the way must live as long as its id is known
    seen: set[int] = set()
    pairs = roots.items() if isinstance(roots, Mapping) else roots
    waiting = [(str(name), value) for name, value in pairs][::-1]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _SKIPPED) or id(value) in seen:
            continue
        seen.add(id(value))
        keep.append(value)
        if isinstance(value, torch.nn.Module):
            own = {id(tensor) for tensor in (*value.parameters(), *value.buffers())}
            if not own <= weights:
                found.stateful[path] = value
                weights |= own
            continue
        if is_stream(value):
            found.streams[path] = value
            continue
        if isinstance(value, Engine):
            found.engines[path] = value
        elif isinstance(value, (Metric, Cumulative)):
            found.metrics[path] = value
        elif _is_stateful(value):
            found.stateful[path] = value
            if isinstance(value, torch.optim.Optimizer):
                continue
        if isinstance(value, torch.utils.data.DataLoader):
            found.loaders[path] = value
        waiting.extend([(f"{path}/{name}", item) for name, item in _parts(value)][::-1])
    return found


def _is_stateful(value: Any) -> bool:
    return callable(getattr(value, "state_dict", None)) and callable(getattr(value, "load_state_dict", None))


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Give what an object holds, by name."""
    if isinstance(value, Mapping):
        if len(value) <= _LONG:
            yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        if len(value) <= _SHORT or (len(value) <= _LONG and not isinstance(value[0], _SKIPPED)):
            yield from ((str(index), item) for index, item in enumerate(value))
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, types.MethodType):
        yield "self", value.__self__
    elif isinstance(value, types.FunctionType):
        for index, cell in enumerate(value.__closure__ or ()):
            try:
                yield f"cell{index}", cell.cell_contents
            except ValueError:  # it is empty yet
                continue
    elif _is_ours_to_open(value):
        yield from vars(value).items()


def _is_ours_to_open(value: Any) -> bool:
    """Tell whether an object may hold what changes: those of the standard library do not, nor does plain data."""
    import torch

    if not hasattr(value, "__dict__") or isinstance(value, (torch.Tensor, torch.device, torch.dtype)):
        return False
    package = type(value).__module__.partition(".")[0]
    return package not in sys.stdlib_module_names and package not in ("numpy", "nibabel", "yaml")
