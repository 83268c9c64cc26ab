"""What records and checkpoints add to an epoch of the hippocampus bundle: with and without them, in turns."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import goal
from tests.conftest import DATA

ROUNDS, EPOCHS, SUBJECTS = 3, 5, 32  # the bundle trains on 160, so that an epoch of it takes five times as long

_begun: list[tuple[float, float]] = []


class EpochTimes:
    """Notes when each epoch begins: from one to the next there is all that happens between them."""

    def attach(self, engine: Any) -> None:
        from ignite.engine import Events

        engine.add_event_handler(
            Events.EPOCH_STARTED, lambda: _begun.append((time.perf_counter(), time.process_time()))
        )


def epochs(folder: Path, *more: str) -> list[tuple[float, float]]:
    """Train; give the seconds of all epochs but the last, on the clock and of the processor."""
    from bundle_engine.cli import main

    _begun.clear()
    settings = {
        "dataset_dir": DATA / "hippocampus",
        "train_subjects": SUBJECTS,
        "val_interval": 100,
        "max_epochs": EPOCHS,
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    handler = "[{_target_: tests.benchmarks.recording.EpochTimes}]"
    words += ["--+train::handlers", handler, "--output_dir", str(folder), "--progress", "none"]
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), redirect_stdout(nowhere):
        code = main(["run", "--bundle", "hippocampus_segmentation", *words, *more])
    if code:
        raise RuntimeError(f"the training ended with {code}")
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(_begun)]


def main() -> bool:
    """Print the figures; tell whether the goal is reached."""
    import warnings

    sys.modules["tests.benchmarks.recording"] = sys.modules[__name__]  # the config's handler is this one
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        epochs(folder / "warm")
        plain, recorded = [], []
        for turn in range(ROUNDS):
            plain += epochs(folder / f"plain{turn}", "--record", "false")
            recorded += epochs(folder / f"recorded{turn}")
        sizes = [path.stat().st_size for path in folder.glob("recorded0/checkpoints/*.pt")]
    for kind, index in (("on the clock", 0), ("of the processor", 1)):
        before = statistics.median(each[index] for each in plain)
        after = statistics.median(each[index] for each in recorded)
        added = after - before
        print(f"  {kind}: an epoch of {SUBJECTS} subjects {before:.3f} s, with records and checkpoints {after:.3f} s")
    whole = before * 160 / SUBJECTS
    print(
        f"  a checkpoint has {max(sizes) / 2**20:.1f} MB; an epoch of all 160 subjects takes {whole:.1f} s of the processor"
    )
    return goal("added to an epoch of all subjects (CPU)", 100 * max(0.0, added) / whole, most=3, unit=" %")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
