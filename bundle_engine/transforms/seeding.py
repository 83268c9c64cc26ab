"""Where a callable draws its random numbers from, set for the length of a call."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["MAX_SEED", "is_monai", "seeded"]

MAX_SEED = 2**32 - 1


def is_monai(function: Callable[..., Any]) -> bool:
    """Tell whether a callable is a transform in MONAI's sense."""
    from monai.transforms import Transform

    return isinstance(function, Transform)


@contextmanager
def restored() -> Iterator[None]:
    """Give the global random streams of python, numpy and torch (on the CPU) back as they were."""
    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])


def seeded(function: Callable[..., Any], seed: int) -> Callable[..., Any]:
    """Seed all that a callable may draw from, and give it back.

    MONAI's random transforms, and Compose with such in it, have streams of their own. Others, torchvision's among them,
    draw from the global streams; call this inside `restored` where those are not to be touched.

    Args:
        function: what is going to be called.
        seed: from 0 to `MAX_SEED`.
    """
    import numpy as np
    import torch
    from monai.transforms import Compose, Randomizable

    if isinstance(function, Randomizable):
        function.set_random_state(seed=seed)
    if not is_monai(function) or isinstance(function, Compose):
        random.seed(seed)
        np.random.seed(seed)
        torch.random.default_generator.manual_seed(seed)
    return function
