"""The processes of one training: what each keeps for itself, gathered where the checkpoint is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Processes"]


class Processes(NamedTuple):
    """The processes that train together.

    Attributes:
        rank: which of them this is.
        size: how many they are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def now(cls) -> Processes:
        """Give those that torch.distributed knows; only this one where it is not in use."""
        import torch.distributed as dist

        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def first(self) -> bool:
        """Whether this process writes for all."""
        return self.rank == 0

    def gather(self, mine: Any) -> list[Any]:
        """Give what each process has, in the order of their ranks; an empty list on all but the first."""
        if self.size == 1:
            return [mine]
        import torch.distributed as dist

        everyone: list[Any] | None = [None] * self.size if self.first else None
        dist.gather_object(mine, everyone)
        return everyone or []

    def mine(self, everyone: Sequence[Any]) -> Any:
        """Give what was gathered of the process with this rank; None where there was none."""
        return everyone[self.rank] if self.rank < len(everyone) else None

    def any_signal(self, number: int | None) -> int | None:
        """Give a signal that any of the processes got, the same on all of them."""
        if self.size == 1:
            return number
        import torch
        import torch.distributed as dist

        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        asked = torch.tensor(number or 0, device=device)
        dist.all_reduce(asked, op=dist.ReduceOp.MAX)
        return int(asked) or None
