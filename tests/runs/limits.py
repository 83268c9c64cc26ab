"""A handler after which no file can grow beyond a few bytes: like a disk that is full."""

from __future__ import annotations

import resource
import signal
from typing import Any


class LimitedAfter:
    """Limits the size of files, from the end of an epoch on.

    Args:
        epoch: the epoch.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def attach(self, engine: Any) -> None:
        from ignite.engine import Events

        engine.add_event_handler(Events.EPOCH_STARTED(once=self.epoch + 1), self.limit)

    def limit(self) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
