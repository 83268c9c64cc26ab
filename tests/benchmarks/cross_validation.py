"""Folds side by side: their throughput on two cores, and a whole cross-validation of the hippocampus bundle.

By default two folds of a few subjects are trained twice, one after the other with two threads and both at a time with
one thread each; the seconds of their epochs are compared, without starts. ``--full`` sets 20 of the 200 subjects aside
for a test, trains and evaluates five folds of the others with the settings that the bundle is shipped with, and tests
the folds and their ensemble; that takes more than half an hour. ``--full --test_subjects 0`` has all in the folds.

Both are held to two cores. While the machine does something else, the figures mean nothing.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.measure import goal, process
from tests.conftest import DATA

CORES, SUBJECTS, EPOCHS = 2, 16, 6
PUBLISHED = 0.89  # nnU-Net's mean Dice over five folds of the 260 published subjects
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


def full(test_subjects: int, keep: Path | None) -> bool:
    """Cross-validate with five folds, and test them and their ensemble."""
    with tempfile.TemporaryDirectory(prefix="cross_validation_") as folder:
        parent, wall = cross_validate(Path(folder), "--progress", "plain", "--test_subjects", str(test_subjects))
        text = (parent / "folds.csv").read_text("utf-8")
        if keep is not None:
            shutil.copytree(parent, keep)
    print(text)
    rows = {(row["set"], row["fold"]): row for row in csv.DictReader(text.splitlines())}
    dice = float(rows["val", "mean"]["Dice"])
    reached = [
        goal("five folds of 200 subjects with evaluation and ensemble, minutes", wall / 60, most=45),
        goal("mean Dice over the folds, by how much it is below the published 0.89", PUBLISHED - dice, most=0.01),
    ]
    if test_subjects:
        together, alone = (float(rows["test", name]["Dice"]) for name in ("ENSEMBLE", "mean"))
        reached.append(
            goal("Dice of the ensemble on the test set, less the mean of its members", together - alone, least=0)
        )
    return all(reached)


def main(arguments: list[str]) -> bool:
    """Print the figures; tell whether the goals are reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cross_validation", description=__doc__)
    parser.add_argument("--full", action="store_true", help="cross-validate all subjects")
    parser.add_argument("--test_subjects", type=int, default=20, help="how many are set aside (default: 20)")
    parser.add_argument("--keep", type=Path, help="copy the folder of the folds here")
    options = parser.parse_args(arguments)
    if not (DATA / "hippocampus").is_dir():
        print(f"  there is no data set in {DATA}; set BUNDLE_ENGINE_DATA to its folder", file=sys.stderr)
        return False
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    return full(options.test_subjects, options.keep) if options.full else short()


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
