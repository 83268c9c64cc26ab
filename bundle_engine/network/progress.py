"""Tell how far a download is: a bar in a terminal, plain lines anywhere else, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Progress", "progress_of", "sized"]

_EVERY = 10.0  # seconds between two plain lines


def sized(count: float) -> str:
    """Write a number of bytes for people: ``12.3 MB``."""
    unit, *larger = ("bytes", "kB", "MB", "GB", "TB")
    while count >= 1000 and larger:
        count, unit = count / 1000, larger.pop(0)
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


class Progress(AbstractContextManager["Progress"]):
    """Says nothing of how far it is; only what a person has to know, on standard error, when `quiet` is false.

    Args:
        quiet: whether it says nothing at all.
    """

    def __init__(self, *, quiet: bool = True) -> None:
        self.quiet = quiet
        self.name, self.total, self.done = "", 0, 0

    def begin(self, name: str, total: int | None, done: int = 0) -> None:
        """Start with a file, or start it again.

        Args:
            name: what to call it.
            total: its size; None where that is unknown.
            done: bytes that are there already.
        """
        self.name, self.total, self.done = name, total or 0, done

    def advance(self, count: int) -> None:
        """Take in that so many more bytes have come."""
        self.done += count

    def finish(self) -> None:
        """Say that the file is complete."""

    def note(self, text: str) -> None:
        """Say something that a person should know."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""


class _Lines(Progress):
    """A plain line every ten seconds, and one for each file at its end."""

    def __init__(self) -> None:
        super().__init__(quiet=False)
        self._told = time.monotonic()

    def advance(self, count: int) -> None:
        super().advance(count)
        now = time.monotonic()
        if now - self._told >= _EVERY:
            self._told = now
            share = f" of {sized(self.total)} ({100 * self.done // self.total}%)" if self.total else ""
            self.note(f"{self.name}: {sized(self.done)}{share}")

    def finish(self) -> None:
        self.note(f"{self.name}: {sized(self.done)}, complete")


class _Bar(Progress):
    """A bar in a terminal."""

    def __init__(self) -> None:
        super().__init__(quiet=False)
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        self._bars = Bars(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True))
        self._task: Any = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def begin(self, name: str, total: int | None, done: int = 0) -> None:
        if self._task is None or self.name != name:
            self._task = self._bars.add_task(name, total=total, completed=done)
        else:
            self._bars.update(self._task, total=total, completed=done)
        super().begin(name, total, done)

    def advance(self, count: int) -> None:
        super().advance(count)
        self._bars.update(self._task, advance=count)

    def finish(self) -> None:
        self._bars.update(self._task, total=self.done, completed=self.done)

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._bars.stop()


def progress_of(shown: bool) -> Progress:
    """Give what tells the progress of downloads; use it in a ``with`` block.

    Args:
        shown: whether it is told at all.
    """
    if not shown:
        return Progress()
    return _Bar() if sys.stderr is not None and sys.stderr.isatty() else _Lines()
