"""1 GB of weights: `pack` and `unpack`, against a copy of it and its SHA-256."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measure import goal, process

SIZE = 10**9
RUNS = 5


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        weights = here / "mine" / "models" / "model.safetensors"
        weights.parent.mkdir(parents=True)
        (here / "mine" / "configs").mkdir()
        (here / "mine" / "configs" / "metadata.json").write_text("{}")
        with weights.open("wb") as file:
            for _ in range(SIZE // 10**7):
                file.write(os.urandom(10**7))
        times: dict[str, list[float]] = {"cp": [], "sha256sum": [], "hashlib": [], "pack": [], "unpack": []}
        memory = 0.0
        for _ in range(RUNS):  # one after the other, so that what else the machine does is alike for all
            times["cp"].append(_seconds(lambda: subprocess.run(["cp", weights, here / "copy"], check=True)))
            (here / "copy").unlink()
            if shutil.which("sha256sum"):
                times["sha256sum"].append(
                    _seconds(lambda: subprocess.run(["sha256sum", weights], check=True, capture_output=True))
                )
            times["hashlib"].append(_seconds(lambda: _hash(weights)))
            packed = process(["-m", "bundle_engine", "pack", "mine", "--output", "mine.zip"], here)
            unpacked = process(["-m", "bundle_engine", "unpack", "mine.zip", "--output", "new"], here)
            times["pack"].append(packed.wall)
            times["unpack"].append(unpacked.wall)
            memory = max(memory, packed.memory, unpacked.memory)
            (here / "mine.zip").unlink()
            shutil.rmtree(here / "new")
    best = {name: min(runs) for name, runs in times.items() if runs}
    print("  " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in best.items()) + f" (best of {RUNS})")
    both = best["pack"] + best["unpack"]
    for how in sorted({"sha256sum", "hashlib"} & best.keys()):
        one = best["cp"] + best[how]
        rows = (("pack", best["pack"]), ("unpack", best["unpack"]), ("together", both))
        print(f"  times cp and {how}: " + ", ".join(f"{name} {seconds / one:.2f}" for name, seconds in rows))
    command = "sha256sum" if "sha256sum" in best else "hashlib"
    reached = [goal(f"pack and then unpack, times cp and {command}", both / (best["cp"] + best[command]), most=1.5)]
    reached.append(goal("memory", memory, most=60, unit=" MB"))
    return all(reached)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _hash(path: Path) -> str:
    digest, buffer = hashlib.sha256(), bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
