"""Kill a cross-validation, or one of its folds, at random moments; what it comes to in the end must be the same.

``python -m tests.benchmarks.killed_folds 10 0``: how often, and the seed of the moments.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bundle_engine.runs.folder import is_running, process_in
from tests.benchmarks.measure import ROOT, goal
from tests.conftest import DATA
from tests.experiment.tiny_bundle import make_bundle

EPOCHS, LONGEST = 30, 5.0  # epochs of a fold; seconds until somebody is killed
EARLY = 0.25  # of the moments count from the start, and not from when a fold is at work


def command(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the command."""
    words = [
        sys.executable,
        "-m",
        "bundle_engine",
        "cross_validate",
        *arguments,
        "--parallel",
        "2",
        "--progress",
        "none",
    ]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def begin(bundle: Path, parent: Path) -> tuple[str, ...]:
    """Give the arguments of a new cross-validation of two folds."""
    return (
        "--bundle", str(bundle), "--number_of_cross_validation_splits", "2", "--output_dir", str(parent), "--threads",
        "1", "--dataset_dir", str(DATA / "hippocampus"), "--max_epochs", str(EPOCHS),
    )  # fmt: skip


def digests(parent: Path) -> list[str]:
    """Digest the weights of all folds."""
    import hashlib

    import torch

    found = []
    for model in sorted(parent.glob("fold_*/models/model.pt")):
        tensors = torch.load(model, weights_only=True).values()
        found.append(hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in tensors)).hexdigest())
    return found


def undisturbed(folder: Path) -> tuple[Path, list[str]]:
    """Make a bundle, and cross-validate it without a disturbance; give its folder, and what the weights came to."""
    os.environ["BUNDLE_ENGINE_CACHE"] = str(folder / "cache")
    bundle = make_bundle(folder / "tiny").root
    if command(*begin(bundle, folder / "whole")).wait():
        raise RuntimeError("the undisturbed cross-validation failed")
    return bundle, digests(folder / "whole")


def epoch(fold: Path) -> int:
    """Give the epoch that a fold has come to; -1 for one that has not begun."""
    return max((int(path.name[5:9]) for path in fold.glob("checkpoints/epoch*.pt")), default=-1)


def disturb(process: subprocess.Popen[bytes], parent: Path, chance: random.Random) -> str:
    """Wait for a moment, and kill somebody; give whom."""
    folds = [parent / "fold_0", parent / "fold_1"]
    before = [epoch(fold) for fold in folds]
    early = chance.random() < EARLY
    while not early and process.poll() is None and before == [epoch(fold) for fold in folds]:
        time.sleep(0.02)
    until = time.monotonic() + chance.uniform(0, LONGEST)
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    if process.poll() is not None:
        return "nobody: it had ended"
    victim = chance.choice(("the parent", "fold_0", "fold_1"))
    if victim == "the parent" or not is_running(parent / victim):
        process.kill()
        return "the parent"
    with suppress(ProcessLookupError, ValueError):
        os.kill(int(process_in(parent / victim)), signal.SIGKILL)
    return victim


def main(times: int, seed: int) -> bool:
    """Print what happened; tell whether all came to the same."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="killed_folds_") as name:
        folder = Path(name)
        bundle, expected = undisturbed(folder)
        same, killed, round_of = 0, 0, 0
        while killed < times:
            round_of += 1
            parent = folder / f"parent_{round_of}"
            process = command(*begin(bundle, parent))
            while process is not None:
                victim = disturb(process, parent, chance)
                code = process.wait()
                killed += not victim.startswith("nobody")
                epochs = ", ".join(str(epoch(parent / f"fold_{number}")) for number in (0, 1))
                print(f"  killed {victim}; exit code {code}; the folds have come to the epochs {epochs}", flush=True)
                has_begun = (parent / "experiment.json").exists()
                again = ("--resume", str(parent)) if has_begun else begin(bundle, parent)
                if killed >= times or victim.startswith("nobody"):
                    code = command(*again).wait()
                    process = None
                else:
                    process = command(*again)
            same += code == 0 and digests(parent) == expected
    return goal(f"cross-validations, killed {killed} times, that came to the same", same / round_of, least=1)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    sys.exit(0 if main(*(given + [10, 0][len(given) :])) else 1)
