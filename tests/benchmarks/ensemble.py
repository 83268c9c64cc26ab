"""The memory that an ensemble takes: five networks may need at most 1.3 times what one needs.

    python -m tests.benchmarks.ensemble [--size 96] [--networks 5]

Each measurement is a process of its own that segments an image made up of noise with the bundle for the hippocampus,
with networks of its real size; the peak is that of the process. A third process imports everything and segments
nothing, so that the share of the libraries can be taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST = 1.3
BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "hippocampus_segmentation"


def prepare(folder: Path, networks: int, size: int) -> None:
    """Write an image and weights."""
    import nibabel
    import numpy as np
    import torch

    from bundle_engine.experiment.prediction import build

    values = np.random.default_rng(0).normal(size=(size,) * 3).astype(np.float32)
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(folder / "image.nii.gz")
    network = build(BUNDLE).network
    for number in range(networks):
        torch.manual_seed(number)
        state = {name: torch.randn_like(value) * 0.05 for name, value in network.state_dict().items()}
        torch.save(state, folder / f"model_{number}.pt")


def measure(folder: Path, networks: int) -> None:
    """Segment the image, and print how long it took and the peak of memory."""
    import torch

    from bundle_engine.experiment import model_of_bundle, predict
    from bundle_engine.experiment.prediction import build

    torch.set_num_threads(1)
    begin = time.perf_counter()
    if networks:
        model = model_of_bundle(BUNDLE, [folder / f"model_{number}.pt" for number in range(networks)])
        predict(model, [folder / "image.nii.gz"], folder / f"out_{networks}", pictures=False)
    else:
        build(BUNDLE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": time.perf_counter() - begin, "mb": peak / 1024}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96, help="voxels along each axis of the image")
    parser.add_argument("--networks", type=int, default=5, help="networks of the ensemble")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(Path(given.measure[0]), int(given.measure[1]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, given.networks, given.size)
        found = {}
        for networks in (0, 1, given.networks):
            command = [sys.executable, "-m", "tests.benchmarks.ensemble", "--measure", name, str(networks)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            found[networks] = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{networks} networks: {found[networks]['mb']:.0f} MB, {found[networks]['seconds']:.1f} s", flush=True
            )
    many, one, none = found[given.networks]["mb"], found[1]["mb"], found[0]["mb"]
    own = (many - none) / (one - none)
    print(
        f"{given.networks} to 1: {many / one:.3f} of all memory, {own:.3f} without that of the libraries (at most {MOST})"
    )
    return 0 if own <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
