"""`verify` on the ready-made bundles, without the network: seconds and memory, and no torch."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bundle_engine.resources import bundles_dir
from tests.benchmarks.measure import goal, median, process

RUNS = 7


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    reached = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        os.environ["XDG_CACHE_HOME"] = str(here / "cache")
        for bundle in sorted(path.parent for path in bundles_dir().glob("*/configs")):
            arguments = ["-m", "bundle_engine", "verify", str(bundle), "--static"]
            first = process(arguments, here)
            warm = median([process(arguments, here) for _ in range(RUNS)])
            code = (
                f"import sys\nfrom bundle_engine.cli import main\nassert main(['verify', {str(bundle)!r}, '--static']) == 0\n"
                "assert not {'torch', 'monai', 'numpy', 'requests'} & set(sys.modules)"
            )
            process(["-c", code], here)
            print(
                f"  {bundle.name}: {warm.cpu:.3f} s CPU, {warm.wall:.3f} s, {warm.memory:.0f} MB;"
                f" the first time {first.wall:.3f} s"
            )
            reached.append(goal(f"verify {bundle.name}", warm.wall, most=1, unit=" s"))
    return all(reached)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
