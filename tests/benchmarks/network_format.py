"""`verify_net_in_out` on fake tensors: a UNETR on growing images, beside what importing torch and MONAI takes."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import goal, process

SIZES = (96, 256, 512)
IMPORTS = "import torch, monai.networks.nets"


def config(size: int) -> dict[str, Any]:
    """Give a config with the UNETR of the published segmentation of 13 organs."""
    network = {"_target_": "UNETR", "in_channels": 1, "out_channels": 14, "img_size": [size] * 3, "feature_size": 16}
    return {"network_def": {**network, "hidden_size": 768, "mlp_dim": 3072, "num_heads": 12}}


def metadata(size: int) -> dict[str, Any]:
    """Give the description of its inputs and outputs."""
    tensor = {"spatial_shape": [size] * 3, "dtype": "float32"}
    sides = {"inputs": {"image": {"num_channels": 1, **tensor}}, "outputs": {"pred": {"num_channels": 14, **tensor}}}
    return {"network_data_format": sides}


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    reached = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        imports = process(["-c", IMPORTS], here)
        print(f"  importing torch and monai.networks.nets: {imports.cpu:.2f} s CPU, {imports.memory:.0f} MB")
        for size in SIZES:
            (here / "config.json").write_text(json.dumps(config(size)))
            (here / "metadata.json").write_text(json.dumps(metadata(size)))
            run = ["-m", "bundle_engine", "verify_net_in_out", "--config_file", "config.json", "--fake_only"]
            whole = process(run, here)
            print(f"  {size}x{size}x{size}: {whole.cpu:.2f} s CPU in all, {whole.wall:.2f} s")
            reached.append(goal(f"{size}, CPU beyond the imports", whole.cpu - imports.cpu, most=5, unit=" s"))
            reached.append(goal(f"{size}, memory", whole.memory, most=1500, unit=" MB"))
    return all(reached)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
