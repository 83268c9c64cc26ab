"""Try again what a network spoilt, with longer and longer pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bundle_engine.errors import DownloadError
from bundle_engine.network.limits import Limits

__all__ = ["ENOUGH", "Broken", "persist"]

T = TypeVar("T")
ENOUGH = 1 << 16  # bytes that an attempt must bring to count as a success of its own


class Broken(Exception):
    """An attempt that failed in a way that may pass.

    Args:
        reason: what went wrong, without any secret.
        wait: seconds that the server asked to wait.
        hint: what to try when it stays so.
    """

    def __init__(self, reason: str, *, wait: float | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait, self.hint = reason, wait, hint


def persist(
    attempt: Callable[[], T],
    limits: Limits,
    *,
    what: str,
    note: Callable[[str], object],
    received: Callable[[], int] = lambda: 0,
    kept: Callable[[], str | None] = lambda: None,
) -> T:
    """Attempt something until it works, or until too many attempts in a row have brought nothing.

    Args:
        attempt: what to do; raises `Broken` when it may be tried again.
        limits: how often, and how long to wait.
        what: what this is about, for messages.
        note: told each failure that is not the last.
        received: gives the number of bytes that are there; when it grows, the counting starts anew.
        kept: gives a hint that says what is kept for the next time.

    Raises:
        DownloadError: when it is given up.
    """
    failures, most = 0, received()
    while True:
        try:
            return attempt()
        except Broken as broken:
            if received() >= most + ENOUGH:
                failures, most = 0, received()
            failures += 1
            failure = broken
        if failures >= limits.attempts or (failure.wait or 0) > limits.longest_pause:
            tried = f" ({failures} attempts)" if failures > 1 else ""
            raise DownloadError(
                f"cannot download {what}: {failure.reason}{tried}", hint=failure.hint or kept() or "try again later"
            )
        pause = min(limits.longest_pause, limits.pause * 2 ** (failures - 1))
        pause = failure.wait if failure.wait is not None else pause
        note(f"{failure.reason}; trying again in {pause:.3g} s")
        time.sleep(pause)
