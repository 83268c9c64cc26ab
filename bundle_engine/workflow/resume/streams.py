"""Random streams: read where each stands, and put it back there.

A training draws from the generators of Python, numpy and torch (one per device), and from those that transforms,
samplers and data loaders keep for themselves. Positions are plain data and tensors, so that files with them can be read
without running code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

__all__ = ["global_streams", "is_stream", "position_of", "put", "put_global_streams"]


def is_stream(value: Any) -> bool:
    """Tell whether something is a source of random numbers with a position of its own."""
    import numpy as np
    import torch

    return isinstance(value, (np.random.RandomState, np.random.Generator, random.Random, torch.Generator))


def position_of(stream: Any) -> dict[str, Any]:
    """Give the position of a stream.

    Args:
        stream: a `numpy.random.RandomState`, `numpy.random.Generator`, `random.Random` or `torch.Generator`.
    """
    import numpy as np
    import torch

    if isinstance(stream, torch.Generator):
        return {"kind": "torch", "state": stream.get_state()}
    if isinstance(stream, np.random.RandomState):
        return _numpy_position(stream.get_state(legacy=True))
    if isinstance(stream, np.random.Generator):
        return {"kind": "generator", "state": json.dumps(stream.bit_generator.state, default=_listed)}
    version, numbers, gauss = stream.getstate()
    return {"kind": "python", "state": [version, torch.tensor(numbers, dtype=torch.int64), gauss]}


def put(stream: Any, position: Mapping[str, Any]) -> None:
    """Put a stream to a position that `position_of` gave of a stream of its kind.

    Raises:
        ValueError: when it is of another kind.
    """
    import numpy as np
    import torch

    kind, state = position["kind"], position["state"]
    if isinstance(stream, torch.Generator) and kind == "torch":
        stream.set_state(state.cpu())
    elif isinstance(stream, np.random.RandomState) and kind == "numpy":
        stream.set_state(_numpy_state(state))
    elif isinstance(stream, np.random.Generator) and kind == "generator":
        stream.bit_generator.state = json.loads(state)
    elif isinstance(stream, random.Random) and kind == "python":
        stream.setstate((state[0], tuple(state[1].tolist()), state[2]))
    else:
        raise ValueError(f"a position of kind '{kind}' does not fit a {type(stream).__name__}")


def global_streams() -> dict[str, Any]:
    """Give the positions of the generators that all code shares: Python's, numpy's, torch's and those of the GPUs."""
    import numpy as np
    import torch

    positions = {
        "python": position_of(random._inst),
        "numpy": _numpy_position(np.random.get_state(legacy=True)),
        "torch": {"kind": "torch", "state": torch.get_rng_state()},
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        positions["cuda"] = {"kind": "cuda", "state": torch.cuda.get_rng_state_all()}
    return positions


def put_global_streams(positions: Mapping[str, Any]) -> None:
    """Put the generators that all code shares to the positions that `global_streams` gave."""
    import numpy as np
    import torch

    put(random._inst, positions["python"])
    np.random.set_state(_numpy_state(positions["numpy"]["state"]))
    torch.set_rng_state(positions["torch"]["state"].cpu())
    states = positions.get("cuda", {}).get("state", ())
    if states and torch.cuda.is_available():
        for device, state in enumerate(states[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(state.cpu(), device)


def _numpy_position(state: Any) -> dict[str, Any]:
    import torch

    name, keys, position, has_gauss, gauss = state
    numbers = torch.tensor(keys.astype("int64"))
    return {"kind": "numpy", "state": [str(name), numbers, int(position), int(has_gauss), float(gauss)]}


def _numpy_state(state: Any) -> tuple[Any, ...]:
    name, numbers, position, has_gauss, gauss = state
    return (name, numbers.cpu().numpy().astype("uint32"), position, has_gauss, gauss)


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
