"""Folds side by side: their throughput on two cores, and a whole cross-validation of the hippocampus bundle.

By default two folds of a few subjects are trained twice, one after the other with two threads and both at a time with
one thread each; the seconds of their epochs are compared, without starts. ``--full`` trains and evaluates five folds of
all 200 subjects as the bundle is shipped; that takes more than half an hour.

Both are held to two cores. While the machine does something else, the figures mean nothing.
"""

from __future__ import annotations

import csv
import datetime
import os
import re
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.measure import goal, process
from tests.conftest import DATA

CORES, SUBJECTS, EPOCHS = 2, 16, 6
_EPOCH = re.compile(r"^(\S+ \S+) INFO bundle_engine\.progress: training: epoch \d+/", re.MULTILINE)


def cross_validate(folder: Path, *options: str) -> tuple[Path, float]:
    """Cross-validate the bundle; give the folder and the seconds on the clock."""
    command = ["-m", "bundle_engine", "cross_validate", "--bundle", "hippocampus_segmentation"]
    begin = time.perf_counter()
    process([*command, "--dataset_dir", str(DATA / "hippocampus"), "--output_dir", "parent", *options], folder)
    return folder / "parent", time.perf_counter() - begin


def seconds_of_epochs(parent: Path) -> list[float]:
    """Give the seconds of the epochs of all folds but their first and last ones, for a fold does not begin alone."""
    found: list[float] = []
    for log in parent.glob("fold_*/log.txt"):
        times = [
            datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f") for text in _EPOCH.findall(log.read_text("utf-8"))
        ]
        lasted = [(after - before).total_seconds() for before, after in pairwise(times)]
        found += lasted[:-1]
    return found


def short() -> bool:
    """Compare two folds at a time with one after the other."""
    few = (
        "--number_of_cross_validation_splits", "2", "--train_subjects", str(SUBJECTS), "--val_subjects", str(SUBJECTS),
        "--max_epochs", str(EPOCHS), "--progress", "none",
    )  # fmt: skip
    medians: dict[str, float] = {}
    walls: dict[str, float] = {}
    for name, options in (
        ("one after the other", ("--parallel", "1", "--threads", str(CORES))),
        ("two at a time", ("--parallel", "2", "--threads", "1")),
    ):
        with tempfile.TemporaryDirectory(prefix="cross_validation_") as folder:
            parent, walls[name] = cross_validate(Path(folder), *few, *options)
            medians[name] = statistics.median(seconds_of_epochs(parent))
        print(
            f"  {name}: {medians[name]:.2f} s an epoch of {SUBJECTS} subjects, {walls[name]:.0f} s in all", flush=True
        )
    ratio = 2 * medians["one after the other"] / medians["two at a time"]
    whole = walls["one after the other"] / walls["two at a time"]
    print(f"  with starts and evaluation: {whole:.2f} times the throughput")
    return goal("two folds at a time by one after the other, throughput of epochs", ratio, least=1.3)


def full() -> bool:
    """Cross-validate all subjects with five folds."""
    with tempfile.TemporaryDirectory(prefix="cross_validation_") as folder:
        parent, wall = cross_validate(Path(folder), "--progress", "plain")
        text = (parent / "folds.csv").read_text("utf-8")
    print(text)
    rows = {(row["set"], row["fold"]): row for row in csv.DictReader(text.splitlines())}
    reached = goal("five folds of 200 subjects with evaluation, minutes", wall / 60, most=45)
    return goal("mean Dice over the folds", float(rows["val", "mean"]["Dice"]), least=0.88) and reached


def main(arguments: list[str]) -> bool:
    """Print the figures; tell whether the goals are reached."""
    if not (DATA / "hippocampus").is_dir():
        print(f"  there is no data set in {DATA}; set BUNDLE_ENGINE_DATA to its folder", file=sys.stderr)
        return False
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    return full() if "--full" in arguments else short()


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
