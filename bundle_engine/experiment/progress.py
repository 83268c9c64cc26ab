"""How far a run is, read from the log and the checkpoints in its folder."""

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
_HANDLER = re.compile(r"\.(\w+): Epoch\[\d+\] Metrics -- (\w+): (\S+)")


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
    path = folder / LOG
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
        written = path.stat().st_mtime
    except OSError:
        return Progress()
    found = Progress()
    for line in reversed(lines):
        found = _with_line(found, line)
        if found.max_epochs and found.loss is not None and found.metric is not None:
            break
    if found.left is not None:
        found = found._replace(left=max(0.0, found.left - (time.time() - written)))
    return found


def _with_line(found: Progress, line: str) -> Progress:
    """Add what a line says and a later one has not said."""
    if not found.max_epochs and (match := _EPOCH.search(line)):
        found = found._replace(epoch=int(match[1]), max_epochs=int(match[2]))
        if left := _LEFT.search(line):
            found = found._replace(left=_seconds(left[1]))
    if found.loss is None and (match := _LOSS.search(line)):
        found = found._replace(loss=_number(match[1]))
    if found.metric is None and (match := _METRIC.search(line)):
        found = found._replace(metric=_named(match[1], match[2]))
    if match := _HANDLER.search(line):
        if "Evaluator" in match[1]:
            found = found if found.metric is not None else found._replace(metric=_named(match[2], match[3]))
        elif found.loss is None and match[2].endswith("loss"):
            found = found._replace(loss=_number(match[3]))
    return found


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
