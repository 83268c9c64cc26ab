"""Measure whole processes, and say how a figure stands to its goal."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Usage(NamedTuple):
    """What a process took: CPU seconds, seconds on the clock, and its largest memory in MB."""

    cpu: float
    wall: float
    memory: float


def process(arguments: Sequence[str], cwd: Path) -> Usage:
    """Run a Python process to its end and measure it.

    Raises:
        RuntimeError: when it fails; with what it printed.
    """
    import time

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    log = cwd / "output.txt"
    begin = time.perf_counter()
    with log.open("wb") as output:
        child = subprocess.Popen([sys.executable, *arguments], cwd=cwd, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{log.read_text()}")
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * kilobyte / 2**20)


def median(runs: Sequence[Usage]) -> Usage:
    """Give the median of each figure."""
    return Usage(*(statistics.median(figures) for figures in zip(*runs, strict=True)))


def goal(what: str, figure: float, most: float | None = None, least: float | None = None, unit: str = "") -> bool:
    """Print a figure beside its goal; tell whether it is reached."""
    reached = (most is None or figure <= most) and (least is None or figure >= least)
    wanted = f"at most {most:g}" if most is not None else f"at least {least:g}"
    print(f"  {'ok    ' if reached else 'MISSED'}  {what}: {figure:.4g}{unit} ({wanted}{unit})", flush=True)
    return reached
