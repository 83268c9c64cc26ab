"""The process group of a workflow: set up where its config does not do that itself, and taken down after the run."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.errors import MissingDependencyError, PolicyError, UsageError
from bundle_engine.workflow.processes.launched import Launched

__all__ = ["Group", "sets_up_itself"]

logger = logging.getLogger(__name__)

_SETTING_UP = re.compile(r"\binit_process_group\b|\b(?:idist|ignite\.distributed)\.(?:initialize|Parallel)\b")


def sets_up_itself(parser: ConfigParser, steps: Sequence[str]) -> bool:
    """Tell whether a config sets up the process group in its own steps, or in what they refer to."""
    ids = [id for step in steps if step in parser for id in (step, *parser.dependencies(step)) if id in parser]
    return any(_SETTING_UP.search(text) for id in dict.fromkeys(ids) for text in _texts(parser.get(id)))


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


class Group:
    """The process group of one workflow.

    A config that sets the group up itself, as those for several GPUs in MONAI's format do, is left as it is. For any
    other one the group is set up before its first step, and taken down after its last; and the work is shared, see
    `bundle_engine.workflow.processes.sharing`.

    Args:
        launched: the processes.
        parser: the config of the workflow.
        trusted: whether it is fully trusted.
    """

    def __init__(self, launched: Launched, parser: ConfigParser, *, trusted: bool = True) -> None:
        self.launched = launched
        self._parser = parser
        self._trusted = trusted
        self._is_up = False

    @classmethod
    def of(cls, parser: ConfigParser, steps: Sequence[str], *, trusted: bool = True) -> Group | None:
        """Give the group to set up for a workflow; None where there is one process, or the config does it.

        Args:
            parser: the config, with all macros written out.
            steps: ids of the workflow's steps.
            trusted: whether the config is fully trusted.
        """
        launched = Launched.now()
        if not launched.together or sets_up_itself(parser, steps) or _is_initialized():
            return None
        return cls(launched, parser, trusted=trusted)

    def set_up(self) -> None:
        """Let the processes know each other, and share what the config describes for one.

        Raises:
            UsageError: when this machine has fewer GPUs than processes; when the work cannot be shared.
            PolicyError: below full trust.
            MissingDependencyError: when this PyTorch was built without torch.distributed.
        """
        import torch
        import torch.distributed as dist

        from bundle_engine.workflow.processes.sharing import share

        if not self._trusted:
            raise PolicyError("several processes need full trust", hint="run one process, or --trust full")
        if not dist.is_available():
            raise MissingDependencyError(
                "this PyTorch was built without torch.distributed, so processes cannot work together",
                hint="run one process, or install another build of PyTorch",
            )
        share(self._parser)
        device = self._parser.get_parsed_content("device") if self._parser.get("device") is not None else None
        cuda = torch.cuda.is_available() if device is None else torch.device(device).type == "cuda"
        if cuda and self.launched.local_size > torch.cuda.device_count():
            gpus = torch.cuda.device_count()
            raise UsageError(
                f"{self.launched.local_size} processes need a GPU each, and this machine has {gpus}",
                hint="start fewer, or let them share the processor: --device cpu",
            )
        import ignite.distributed as idist

        idist.initialize("nccl" if cuda else "gloo")
        self._is_up = True
        logger.info("%d processes work together, by %s", self.launched.size, dist.get_backend())

    def spread_seeds(self) -> None:
        """Let each process draw its own random numbers, where the config gave all of them the same seed."""
        if not self.launched.rank or "monai" not in sys.modules:
            return
        from monai.utils import get_seed, set_determinism

        seed = get_seed()
        if seed is not None:
            set_determinism(seed=int(seed) + self.launched.rank)

    def take_down(self) -> None:
        """Leave the group, unless the config has done so."""
        if self._is_up and _is_initialized():
            import ignite.distributed as idist

            idist.finalize()
        self._is_up = False


def _is_initialized() -> bool:
    dist = getattr(sys.modules.get("torch"), "distributed", None)
    return dist is not None and dist.is_available() and dist.is_initialized()
