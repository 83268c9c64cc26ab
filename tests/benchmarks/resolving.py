"""Load, resolve and instantiate large configs, against MONAI's parser.

Each measurement is a process of its own, which prints its figures; so memory is that of one size alone.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import goal, median, process

SIZES = (10_000, 50_000)


def config(size: int) -> dict[str, Any]:
    """Make a config with about `size` values: components, a chain of references, expressions."""
    content: dict[str, Any] = {}
    for i in range(size // 10):  # ten values each, those inside of components and lists counted
        content[f"number{i}"] = i
        content[f"chain{i}"] = f"@chain{i - 1}" if i else "@number0"
        content[f"sum{i}"] = f"$@number{i} + {i % 7}"
        content[f"component{i}"] = {"_target_": "collections.OrderedDict", "a": f"@sum{i}", "b": f"@number{i}"}
        content[f"list{i}"] = [f"@component{i}", f"$@sum{i} * 2"]
    return content


def worker(engine: str, file: str) -> None:
    """Load and resolve a file, and print the CPU seconds it took."""
    import time

    if engine == "monai":
        from monai.bundle import ConfigParser

        sys.setrecursionlimit(10**6)
    else:
        from bundle_engine import ConfigParser  # type: ignore[assignment]
    begin = time.process_time()
    parser = ConfigParser()
    parser.read_config(file)
    resolved = parser.get_parsed_content("")
    seconds = time.process_time() - begin
    last = max(int(key[4:]) for key in resolved if key.startswith("list"))
    assert resolved[f"list{last}"][1] == 2 * (last + last % 7)
    assert resolved[f"chain{last}"] == 0
    print(f"seconds={seconds}")


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    seconds: dict[tuple[str, int], float] = {}
    memory: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for size in SIZES:
            file = here / f"{size}.json"
            file.write_text(json.dumps(config(size)))
            for engine, runs in (("ours", 5), ("monai", 3 if size <= 10_000 else 1)):
                usages, times = [], []
                for _ in range(runs):
                    usages.append(process(["-m", "tests.benchmarks.resolving", engine, str(file)], here))
                    times.append(float(re.findall(r"seconds=(\S+)", (here / "output.txt").read_text())[0]))
                seconds[engine, size] = sorted(times)[len(times) // 2]
                memory[engine, size] = median(usages).memory
            ours, theirs = seconds["ours", size], seconds["monai", size]
            print(f"  {size:,} values: ours {ours:.4f} s, {memory['ours', size]:.0f} MB; monai.bundle {theirs:.2f} s")
    small, large = SIZES
    reached = [
        goal("10,000 values, times faster", seconds["monai", small] / seconds["ours", small], least=30),
        goal("50,000 values, times faster", seconds["monai", large] / seconds["ours", large], least=200),
        goal("50,000 against 10,000 values, time", seconds["ours", large] / seconds["ours", small], most=6),
        goal("50,000 against 10,000 values, memory", memory["ours", large] / memory["ours", small], most=6),
    ]
    return all(reached)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        worker(sys.argv[1], sys.argv[2])
    else:
        sys.exit(0 if main() else 1)
