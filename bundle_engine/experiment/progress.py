"""How far a run is, read from what it printed, or from the log in its folder."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import NamedTuple

from bundle_engine.runs.folder import LOG

__all__ = ["Progress", "read_progress"]

_TAIL = 1 << 16  # bytes of a log that are looked at
_EPOCH = re.compile(r"training: epoch (\d+)/(\d+)")
_LOSS = re.compile(r"training: .*?\b\w*loss (\S+?)(?:,|$)")
_LEFT = re.compile(r"training: .*?([\d:]+) left in all")
_METRIC = re.compile(r"validation: (\w+) (\S+) in epoch")
_HANDLER = re.compile(r"Epoch\[\d+\] Metrics -- (.*)")  # of a StatsHandler, which may write to standard output only
_KEY = re.compile(r"Key metric: (\w+) best value")
_PAIR = re.compile(r"(\w+): (\S+)")
_OUTPUT = "output.txt"


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        epoch: the epoch that it is in; 0 before the first one.
        max_epochs: how many there will be; 0 while that is not known.
        loss: the last loss.
        metric: the key metric of the last validation: its name and its value.
        left: seconds until it will be done.
    """

    epoch: int = 0
    max_epochs: int = 0
    loss: float | None = None
    metric: tuple[str, float] | None = None
    left: float | None = None

    @property
    def share(self) -> float:
        """The part of the training that is done, from 0 to 1."""
        return min(1.0, self.epoch / self.max_epochs) if self.max_epochs else 0.0


def read_progress(folder: Path) -> Progress:
    """Read how far the run in a folder is; nothing is known of one that has not begun."""
    lines, written = _tail(folder / _OUTPUT)
    if not lines:
        lines, written = _tail(folder / LOG)
    found = Progress()
    key = next((match[1] for line in reversed(lines) if (match := _KEY.search(line)) and _is_metric(match[1])), None)
    for line in reversed(lines):
        found = _with_line(found, line, key)
        if found.max_epochs and found.loss is not None and found.metric is not None:
            break
    if found.left is not None:
        found = found._replace(left=max(0.0, found.left - (time.time() - written)))
    return found


def _tail(path: Path) -> tuple[list[str], float]:
    """Give the last lines of a file, and when it was written."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read().decode("utf-8", errors="replace").splitlines(), path.stat().st_mtime
    except OSError:
        return [], 0.0


def _with_line(found: Progress, line: str, key: str | None) -> Progress:
    """Add what a line says and a later one has not said."""
    if not found.max_epochs and (match := _EPOCH.search(line)):
        found = found._replace(epoch=int(match[1]), max_epochs=int(match[2]))
        if left := _LEFT.search(line):
            found = found._replace(left=_seconds(left[1]))
    if found.loss is None and (match := _LOSS.search(line)):
        found = found._replace(loss=_number(match[1]))
    if found.metric is None and (match := _METRIC.search(line)):
        found = found._replace(metric=_named(match[1], match[2]))
    for name, text in _PAIR.findall(match[1]) if (match := _HANDLER.search(line)) else ():
        if not _is_metric(name):
            found = found if found.loss is not None else found._replace(loss=_number(text))
        elif name == key and found.metric is None:
            found = found._replace(metric=_named(name, text))
    return found


def _is_metric(name: str) -> bool:
    return not name.endswith("loss")


def _named(name: str, text: str) -> tuple[str, float] | None:
    value = _number(text)
    return None if value is None else (name, value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _seconds(text: str) -> float:
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + int(part or 0)
    return seconds
