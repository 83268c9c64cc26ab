"""How far a command is, on standard error: a bar in a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["images_one_by_one", "parts_of", "progress_of"]

_PATIENCE = 5.0  # seconds between two lines where there is no terminal


@contextmanager
def progress_of(doing: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give what takes how much is done and how much there is, and shows it.

    Args:
        doing: what is done, in a word or two.
        in_bytes: whether bytes are counted, not things.
    """
    if sys.stderr.isatty():
        with _bars(in_bytes=in_bytes) as bars:
            task = bars.add_task(doing, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
        return
    last = time.monotonic()

    def tell_line(done: int, total: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _PATIENCE:
            last = now
            far = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if in_bytes else f"{done:,} of {total:,}"
            _line(f"{doing}: {far}")

    yield tell_line


@contextmanager
def parts_of(doing: str) -> Iterator[Callable[[str, int, int], None]]:
    """Give what takes the name of a part, how many of its subjects are done, and how many there are.

    Each part has a bar, or else a line when it begins. Bars are drawn from the first call on, so that something else
    can draw before.

    Args:
        doing: what is done, in a word or two.
    """
    shown: list[Any] = []
    tasks: dict[str, Any] = {}

    def draw(name: str, done: int, total: int) -> None:
        if not shown:
            shown.append(_bars())
            shown[0].start()
        if name not in tasks:
            tasks[name] = shown[0].add_task(f"{doing} {name}", total=total or None)
        shown[0].update(tasks[name], completed=done)

    def tell_line(name: str, done: int, total: int) -> None:
        if done == 0:
            _line(f"{doing} {name}" + (f", {total} subjects" if total else ""))

    try:
        yield draw if sys.stderr.isatty() else tell_line
    finally:
        for bars in shown:
            bars.stop()


@contextmanager
def images_one_by_one(doing: str) -> Iterator[Callable[[int, int, str], None]]:
    """Give what takes how many images are done, of how many, and the name of the next: a bar, or a line for each."""
    if not sys.stderr.isatty():

        def tell_line(done: int, total: int, name: str) -> None:
            if done < total:
                _line(f"{doing} {name} ({done + 1} of {total})")

        yield tell_line
        return
    with _bars() as bars:
        task = bars.add_task(doing, total=None)
        yield lambda done, total, name: bars.update(task, completed=done, total=total, description=name or "done")


def _line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _bars(*, in_bytes: bool = False) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if in_bytes else [MofNCompleteColumn()]
    columns = TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)
