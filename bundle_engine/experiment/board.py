"""One board for all runs of an experiment: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bundle_engine.experiment.progress import Progress, read_progress

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Board", "Lines", "Row", "TerminalBoard", "fitting", "left_in_all", "make_board"]

LINE_EVERY = 30.0  # seconds
DRAW_EVERY = 0.5
_BAR = 20  # columns
_AROUND = 3  # lines: the title, the heads, and where the cursor is
_RANKS = {"running": 0, "failed": 1, "stopped": 1, "waiting": 2, "done": 3, "pruned": 3}
_STYLES = {"running": "cyan", "done": "green", "pruned": "green", "failed": "bold red", "stopped": "yellow"}


@dataclass
class Row:
    """What is known of a run.

    Attributes:
        name: what it is called.
        folder: its folder.
        status: ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
        seconds: how long it took.
        message: why it is in this state.
        progress: how far it is.
    """

    name: str
    folder: Path
    status: str = "waiting"
    seconds: float | None = None
    message: str = ""
    progress: Progress = field(default_factory=Progress)


class Board(Protocol):
    """Shows the runs of an experiment."""

    def change(self, name: str, status: str, seconds: float | None = None, message: str = "") -> None:
        """Show that the state of a run has changed."""
        ...

    def look(self) -> None:
        """See how far the runs are, and show it when it is time to."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


def make_board(title: str, rows: Sequence[Row], *, slots: int = 1, mode: str = "auto") -> Board:
    """Make a board.

    Args:
        title: what stands above it.
        rows: the runs.
        slots: how many of them run at once.
        mode: ``bar`` for a table on the terminal, ``plain`` for lines, ``none`` for nothing; ``auto`` for a table where
            standard error is a terminal.

    Raises:
        UsageError: for an unknown mode.
    """
    from bundle_engine.workflow.progress import require_mode
    from bundle_engine.workflow.progress.terminal import is_terminal

    mode = require_mode(mode)
    if mode == "none":
        return Lines(rows, lambda line: None)
    if mode != "plain" and is_terminal():
        return TerminalBoard(title, rows, slots)
    return Lines(rows)


def left_in_all(rows: Sequence[Row], slots: int) -> float | None:
    """Estimate the seconds until all runs are done; None while nothing is known."""
    running = [row.progress.left for row in rows if row.status == "running"]
    if any(left is None for left in running):
        return None
    waiting = sum(row.status == "waiting" for row in rows)
    took = [row.seconds for row in rows if row.status == "done" and row.seconds]
    for row in rows:
        share = row.progress.share
        if row.status == "running" and row.progress.left and 0 < share < 1:
            took.append(row.progress.left / (1 - share))
    if waiting and not took:
        return None
    lefts = [left for left in running if left is not None]
    each = sum(took) / len(took) if took else 0.0
    return max([*lefts, (sum(lefts) + waiting * each) / max(1, slots)], default=0.0)


class Lines:
    """Writes a line for each change, and one now and then for each run that is at work.

    Args:
        rows: the runs.
        write: takes the lines; standard error by default.
        every: seconds between two lines of a run.
    """

    def __init__(
        self, rows: Sequence[Row], write: Callable[[str], None] | None = None, every: float = LINE_EVERY
    ) -> None:
        self._rows = {row.name: row for row in rows}
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))
        self._every = every
        self._last = dict.fromkeys(self._rows, time.monotonic())

    def change(self, name: str, status: str, seconds: float | None = None, message: str = "") -> None:
        row = self._rows[name]
        if (row.status, row.message) == (status, message):
            return
        row.status, row.seconds, row.message = status, seconds, message
        row.progress = read_progress(row.folder)
        self._last[name] = time.monotonic()
        if status == "waiting":
            return
        took = f" after {_duration(seconds)}" if seconds and status != "running" else ""
        parts = [f"{status}{took}", message, _metric(row.progress) if status == "done" and not message else ""]
        self._write(f"{name}: {', '.join(filter(None, parts))}")

    def look(self) -> None:
        now = time.monotonic()
        for row in self._rows.values():
            if row.status == "running" and now - self._last[row.name] >= self._every:
                self._last[row.name] = now
                row.progress = read_progress(row.folder)
                self._write(f"{row.name}: {_told(row.progress)}")

    def close(self) -> None:
        """Do nothing: what is written stays."""


class TerminalBoard:
    """Draws a table at the bottom of the terminal; the last one stays.

    Args:
        title: what stands above it.
        rows: the runs.
        slots: how many of them run at once.
    """

    def __init__(self, title: str, rows: Sequence[Row], slots: int = 1) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title, self._rows, self._slots = title, {row.name: row for row in rows}, slots
        self._drawn = 0.0
        self._live: Any = Live(console=Console(stderr=True), auto_refresh=False, vertical_overflow="crop")
        self._live.start()
        self.look()

    def change(self, name: str, status: str, seconds: float | None = None, message: str = "") -> None:
        row = self._rows[name]
        row.status, row.seconds, row.message = status, seconds, message
        self._draw()

    def look(self) -> None:
        if time.monotonic() - self._drawn >= DRAW_EVERY:
            self._draw()

    def close(self) -> None:
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        for row in self._rows.values():
            if row.status == "running" or (row.status == "done" and row.progress.share < 1):
                row.progress = read_progress(row.folder)
        most = self._live.console.size.height - _AROUND
        self._live.update(_table(self._title, list(self._rows.values()), self._slots, most), refresh=True)
        self._drawn = time.monotonic()


def fitting(rows: Sequence[Row], most: int) -> list[Row]:
    """Choose the rows that a terminal has room for: those at work first, then what failed, is next, is done."""
    waiting = [row for row in rows if row.status == "waiting"]
    others = [row for row in rows if row.status != "waiting"]
    ranks = {id(row): (_RANKS.get(row.status, 1), number) for number, row in enumerate(waiting)}
    ranks |= {
        id(row): (_RANKS.get(row.status, 1), number) for number, row in enumerate(reversed(others))
    }  # newest first
    chosen = {id(row) for row in sorted(rows, key=lambda row: ranks[id(row)])[: max(1, most)]}
    return [row for row in rows if id(row) in chosen]


def _table(title: str, rows: Sequence[Row], slots: int, most: int) -> Table:
    from rich.markup import escape
    from rich.table import Table

    done, left = sum(row.status in ("done", "pruned") for row in rows), left_in_all(rows, slots)
    more = f", {_duration(left)} left" if left else ""
    metric = next((row.progress.metric[0] for row in rows if row.progress.metric is not None), "metric")
    table = Table(title=f"{escape(title)}: {done} of {len(rows)} done{more}", title_justify="left", box=None)
    for name in ("run", "state", "epoch", "", "loss", metric, "left"):
        table.add_column(name, justify="right" if name in ("epoch", "loss", metric, "left") else "left", no_wrap=True)
    shown = rows if len(rows) <= most else fitting(rows, most - 1)
    for row in shown:
        style, at = _STYLES.get(row.status, "bright_black"), row.progress
        took = row.seconds if row.status != "running" else None
        table.add_row(
            escape(row.name),
            f"[{style}]{row.status}[/]",
            f"{at.epoch}/{at.max_epochs}" if at.max_epochs else "",
            _bar(1.0 if row.status == "done" else at.share) if row.status != "waiting" else "",
            "" if at.loss is None else f"{at.loss:#.4g}",
            "" if at.metric is None else f"{at.metric[1]:.4f}",
            _duration(at.left) if at.left is not None and row.status == "running" else _took(took),
        )
    if len(shown) < len(rows):
        table.add_row("…", f"[bright_black]and {len(rows) - len(shown)} more[/]", "", "", "", "", "")
    return table


def _bar(share: float) -> str:
    filled = round(share * _BAR)
    return f"[blue]{'━' * filled}[/][bright_black]{'━' * (_BAR - filled)}[/]"


def _took(seconds: float | None) -> str:
    return f"[bright_black]took {_duration(seconds)}[/]" if seconds else ""


def _told(progress: Progress) -> str:
    if not progress.max_epochs:
        return "running"
    parts = [
        f"epoch {progress.epoch}/{progress.max_epochs}",
        "" if progress.loss is None else f"loss {progress.loss:#.4g}",
        _metric(progress),
        "" if progress.left is None else f"{_duration(progress.left)} left",
    ]
    return ", ".join(filter(None, parts))


def _metric(progress: Progress) -> str:
    return "" if progress.metric is None else f"{progress.metric[0]} {progress.metric[1]:.4f}"


def _duration(seconds: float | None) -> str:
    from bundle_engine.workflow.progress.wording import duration

    return "" if seconds is None else duration(seconds)
