"""What a launcher, such as torchrun or ``--nproc``, told this process about itself and the others."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["FIRST_ERROR", "Launched"]

FIRST_ERROR = "BUNDLE_ENGINE_FIRST_ERROR"
"""Names the file that the first process to fail makes; ``--nproc`` sets it for the processes that it starts."""


class Launched(NamedTuple):
    """The place of this process among those that were started together.

    Attributes:
        rank: its number among all.
        size: how many they are.
        local_rank: its number among those of this machine.
        local_size: how many there are on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def now(cls) -> Launched:
        """Read the variables that torchrun sets; without all that a process group needs, there is one process only."""
        try:
            rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
            local_rank = int(os.environ.get("LOCAL_RANK", rank))
            local_size = int(os.environ.get("LOCAL_WORLD_SIZE", size))
        except (KeyError, ValueError):
            return cls()
        if size < 2 or "MASTER_ADDR" not in os.environ or "MASTER_PORT" not in os.environ:
            return cls()
        return cls(rank, size, local_rank, local_size)

    @property
    def together(self) -> bool:
        """Whether there are others."""
        return self.size > 1

    @property
    def by_us(self) -> bool:
        """Whether ``--nproc`` started the processes, so that somebody of ours waits for them."""
        return self.together and FIRST_ERROR in os.environ
