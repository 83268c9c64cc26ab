"""From cold: `run` on a config that needs no torch, and `import bundle_engine`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import goal, median, process

RUNS = 7


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        config = {"message": "hello", "run": ["$len(@message)"]}
        (here / "config.json").write_text(json.dumps(config))
        (here / "metadata.json").write_text("{}")
        arguments = ["run", "--config_file", "config.json", "--meta_file", "metadata.json"]
        ours = [process(["-m", "bundle_engine", *arguments], here) for _ in range(RUNS)]
        theirs = [process(["-m", "monai.bundle", *arguments], here) for _ in range(RUNS)]
        bare = [process(["-c", "pass"], here) for _ in range(RUNS)]
        imported = [process(["-c", "import bundle_engine"], here) for _ in range(RUNS)]
    our, their = median(ours), median(theirs)
    print(f"  ours {our.cpu:.3f} s CPU, {our.wall:.3f} s, {our.memory:.0f} MB;", end=" ")
    print(f"monai.bundle {their.cpu:.3f} s CPU, {their.wall:.3f} s, {their.memory:.0f} MB (medians of {RUNS})")
    reached = [
        goal("run, times faster than monai.bundle (CPU)", their.cpu / our.cpu, least=10),
        goal("run, CPU", our.cpu, most=0.2, unit=" s"),
        goal("run, memory", our.memory, most=60, unit=" MB"),
        goal("import bundle_engine", 1000 * (median(imported).cpu - median(bare).cpu), most=30, unit=" ms"),
    ]
    return all(reached)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
