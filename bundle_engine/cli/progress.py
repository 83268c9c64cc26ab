"""How far a command is, on standard error: a bar in a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_of"]

_PATIENCE = 5.0  # seconds between two lines where there is no terminal


@contextmanager
def progress_of(doing: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give what takes how much is done and how much there is, and shows it.

    Args:
        doing: what is done, in a word or two.
        in_bytes: whether bytes are counted, not things.
    """
    if sys.stderr.isatty():
        with _bar(doing, in_bytes) as tell:
            yield tell
        return
    last = time.monotonic()

    def tell_line(done: int, total: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _PATIENCE:
            last = now
            far = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if in_bytes else f"{done:,} of {total:,}"
            print(f"{doing}: {far}", file=sys.stderr, flush=True)

    yield tell_line


@contextmanager
def _bar(doing: str, in_bytes: bool) -> Iterator[Callable[[int, int], None]]:
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
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(doing, total=None)

        def tell(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield tell
