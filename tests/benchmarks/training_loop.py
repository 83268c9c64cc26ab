"""What `run` adds to a training loop: the same components, built in plain Python and by a config, in turns."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import goal

ROUNDS, EPOCHS, BATCHES = 7, 3, 12
NETWORK = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32], "strides": [2, 2]}


def plain() -> float:
    """Train in plain Python; give the CPU seconds of the loop."""
    import torch
    from monai.data import DataLoader
    from monai.engines import SupervisedTrainer
    from monai.losses import DiceLoss
    from monai.networks.nets import UNet
    from monai.utils import set_determinism

    set_determinism(0)
    network = UNet(**NETWORK)  # type: ignore[arg-type]
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=EPOCHS,
        train_data_loader=DataLoader(images(), batch_size=2),
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), 1e-3),
        loss_function=DiceLoss(softmax=True, to_onehot_y=True),
    )
    begin = time.process_time()
    trainer.run()
    return time.process_time() - begin


def configured(file: Path) -> float:
    """Train by a config; give the CPU seconds of `run`, everything that it adds included."""
    from bundle_engine import ConfigWorkflow

    workflow = ConfigWorkflow(str(file), logging_file=False)
    workflow.initialize()
    _ = workflow.trainer  # built before, as in plain Python
    begin = time.process_time()
    workflow.run()
    seconds = time.process_time() - begin
    workflow.finalize()
    return seconds


def images() -> list[dict[str, Any]]:
    """Make images of a cube in noise."""
    import torch

    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(2 * BATCHES):
        label = torch.zeros(1, 32, 32, 32)
        label[:, 8:24, 8:24, 8:24] = 1
        found.append({"image": label + torch.rand(label.shape, generator=generator), "label": label})
    return found


def main() -> bool:
    """Print the figures; tell whether the goal is reached."""
    config = {
        "imports": ["$from tests.benchmarks import training_loop"],
        "network": {"_target_": "UNet", **NETWORK},
        "train": {
            "trainer": {
                "_target_": "SupervisedTrainer",
                "device": "$torch.device('cpu')",
                "max_epochs": EPOCHS,
                "train_data_loader": {"_target_": "DataLoader", "dataset": "$training_loop.images()", "batch_size": 2},
                "network": "@network",
                "optimizer": {"_target_": "torch.optim.Adam", "params": "$@network.parameters()", "lr": 1e-3},
                "loss_function": {"_target_": "DiceLoss", "softmax": True, "to_onehot_y": True},
            }
        },
        "initialize": "$monai.utils.set_determinism(0)",
        "run": "$@train::trainer.run()",
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "train.json"
        file.write_text(json.dumps(config))
        (Path(folder) / "metadata.json").write_text("{}")
        plain(), configured(file)  # warm up
        pairs = [(plain(), configured(file)) for _ in range(ROUNDS)]
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    median = ratios[len(ratios) // 2]
    print(
        f"  plain {sorted(p for p, _ in pairs)[ROUNDS // 2]:.2f} s, configured / plain: {ratios[0]:.3f} to {ratios[-1]:.3f}"
    )
    return goal("run against plain Python, median ratio of CPU time", median, most=1.02)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
