"""Run the benchmarks: all of them, or those named on the command line, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "cold_start",
    "resolving",
    "worst_cases",
    "target_index",
    "training_loop",
    "recording",
    "checking",
    "verifying",
    "packing",
    "network_format",
    "chest_xray",
    "distances",
    "evaluating",
    "preprocessing_cache",
    "cross_validation",
    "killed_folds",
    "killed_nodes",
    "ensemble",
    "packaged_model",
)


def main(names: list[str]) -> int:
    """Run benchmarks; give 1 when a goal is missed, 2 for a name that there is not."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark is called {unknown[0]}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    missed = []
    for name in names or BENCHMARKS:
        print(f"\n== {name} ==", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False).returncode:
            missed.append(name)
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nall goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
