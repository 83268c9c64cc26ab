"""The board on a terminal: a row per run with its bar, and the last validation below it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.workflow.progress import facts, wording
from bundle_engine.workflow.progress.meter import Meter
from bundle_engine.workflow.progress.terminal import Terminal

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Board"]

SHARE = 0.002  # of the time may go into drawing
OFTEN, SELDOM = 0.1, 1.0  # seconds between two drawings
WIDEST, NARROWEST = 40, 5  # columns of a bar


class Board:
    """Draws progress at the bottom of the terminal, and takes it away when the work is done.

    There is no thread that draws: it is done between two iterations, as often as a small share of the time allows.
    So a process may be forked at any time, and the training does not wait for a lock.
    """

    __slots__ = ("_live", "_metric", "_terminal")

    def __init__(self) -> None:
        self._live: Any = None
        self._terminal: Terminal | None = None
        self._metric: facts.KeyMetric | None = None

    def begin(self, meter: Meter, now: float) -> None:
        if self._live is not None:
            return
        from rich.live import Live

        self._terminal = Terminal()
        self._live = Live(
            console=self._terminal.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        self._terminal.redirect()

    def look(self, meters: Sequence[Meter], now: float) -> float:
        if self._live is None or self._terminal is None:
            return SELDOM
        begin = time.thread_time()
        from rich.text import Text

        console = self._terminal.console
        width, plain = console.width, not (console.encoding or "").lower().startswith("utf")
        rows = [_row(meter, width, plain) for meter in meters]
        if self._metric is not None:
            rows.append(Text(f"last validation: {wording.metric(self._metric)}", style="cyan"))
        rows += [Text.from_ansi(line) for line in self._terminal.partial()]
        for row in rows:
            row.no_wrap, row.overflow = True, "crop"
            row.truncate(width - 1, overflow="ellipsis" if not plain else "crop")
        self._live.update(Text("\n").join(rows), refresh=True)
        return min(SELDOM, max(OFTEN, (time.thread_time() - begin) / SHARE))

    def end_of_epoch(self, meter: Meter, now: float) -> None:
        """Do nothing: the next drawing has it."""

    def end(self, meter: Meter, now: float, metric: facts.KeyMetric | None) -> None:
        if metric is not None and meter.inner:
            self._metric = metric

    def close(self) -> None:
        live, self._live = self._live, None
        terminal, self._terminal = self._terminal, None
        self._metric = None
        if live is not None and terminal is not None:
            terminal.restore()
            live.stop()


class _Part(NamedTuple):
    """What may stand in a row: its text, its style, and how dispensable it is when the terminal is narrow."""

    text: str
    style: str
    dispensable: int


def _row(meter: Meter, width: int, plain: bool) -> Text:
    from rich.text import Text

    left, all_left, length = meter.left_in_epoch(), meter.left(), meter.length
    epoch = f"epoch {meter.epoch}/{meter.max_epochs}" if meter.training else ""
    before = [_Part(f"{wording.title(meter):<10}", "bold", 4), _Part(epoch, "", 1)]
    after = [
        _Part(f"{meter.iteration}/{length}" if length else f"iteration {meter.iteration}", "", 3),
        _Part(wording.losses(meter), "green", 2),
        _Part(wording.speed(meter), "", 6),
        _Part(f"{wording.duration(left)} left" if left is not None else "", "", 7 if meter.training else 2),
        _Part(f"{wording.duration(all_left)} in all" if all_left is not None and meter.training else "", "magenta", 5),
    ]
    room = width - 1
    while True:
        taken = sum(len(part.text) + 1 for part in (*before, *after) if part.text)
        space = room - taken - 1
        shown = [part.dispensable for part in (*before, *after) if part.text]
        if space >= NARROWEST or len(shown) < 2:
            break
        worst = max(shown)
        before = [part for part in before if part.dispensable != worst or not part.text]
        after = [part for part in after if part.dispensable != worst or not part.text]
    row = Text()
    for part in before:
        if part.text:
            row.append(part.text + " ", part.style)
    if length and space >= NARROWEST:
        row.append_text(_bar(meter.iteration / length, min(WIDEST, space), plain))
        row.append(" ")
    for part in after:
        if part.text:
            row.append(part.text + " ", part.style)
    row.rstrip()
    return row


def _bar(share: float, width: int, plain: bool) -> Text:
    from rich.text import Text

    filled = round(max(0.0, min(1.0, share)) * width)
    full, empty = ("#", "-") if plain else ("━", "━")
    return Text.assemble((full * filled, "blue"), (empty * (width - filled), "bright_black"))
