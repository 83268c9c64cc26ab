"""`check` on a config of 500 ids: seconds and memory, warm and the very first time, beside what MONAI needs to start."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import ROOT, goal, median, process

RUNS = 7
IDS = 500
MORE = ("RandFlipd", "RandZoomd", "RandAffined", "RandGaussianNoised", "RandScaleIntensityd")


def config() -> dict[str, Any]:
    """Give a training with as many transforms as make 500 ids."""
    import yaml

    path = ROOT / "tests" / "inspection" / "good" / "classification.yaml"
    whole: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    number = 0
    while count(whole) < IDS:
        name = MORE[number % len(MORE)]
        more = {"factors": 0.1} if name == "RandScaleIntensityd" else {}
        whole["augmentation"].append({"_target_": name, "keys": "@image_key", "prob": 0.1, **more})
        number += 1
    return whole


def count(value: Any) -> int:
    """Count the ids of a config."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(count(each) for each in inner)


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "config.json").write_text(json.dumps(config(), indent=2))
        os.environ["XDG_CACHE_HOME"] = str(here / "cache")
        arguments = ["-m", "bundle_engine", "check", "config.json"]
        first = process(arguments, here)
        warm = median([process(arguments, here) for _ in range(RUNS)])
        code = (
            "import sys\nfrom bundle_engine.cli import main\nassert main(['check', 'config.json']) == 0\n"
            "assert not {'torch', 'monai', 'numpy'} & set(sys.modules)"
        )
        process(["-c", code], here)
        theirs = process(["-c", "import monai.bundle"], here)
    print(
        f"  check {warm.cpu:.3f} s CPU, {warm.wall:.3f} s, {warm.memory:.0f} MB; the first time {first.cpu:.3f} s CPU,"
    )
    print(f"  {first.memory:.0f} MB; import monai.bundle {theirs.cpu:.3f} s CPU, {theirs.memory:.0f} MB")
    reached = [
        goal("check, CPU", warm.cpu, most=0.5, unit=" s"),
        goal("check, memory", warm.memory, most=80, unit=" MB"),
        goal("check, the first time, CPU", first.cpu, most=6, unit=" s"),
    ]
    return all(reached)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
