"""Bundles for the tests, whose networks do something that can be computed without them.

The network of the segmentation takes an image that holds label values and says which is nearest: the prediction is the
image itself, a truth that was made wrong. That of the classification is linear, fitted by the test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

COMMON = """
bundle_root: .
dataset_dir: data
output_dir: outputs
device: $torch.device('cpu')
"""

SEGMENTING = """
network_def: {_target_: torch.nn.Conv3d, in_channels: 1, out_channels: 3, kernel_size: 1}
network: $@network_def.to(@device)
"""

EVALUATE = """
ckpt_path: $@output_dir + '/model.pt'
preprocessing:
  _target_: Compose
  transforms:
  - {_target_: LoadImaged, keys: [image, label], ensure_channel_first: true}
dataset: {_target_: Dataset, data: "$scripts.data.subjects(@dataset_dir, 'test')", transform: '@preprocessing'}
dataloader: {_target_: DataLoader, dataset: '@dataset', batch_size: 1}
inferer: {_target_: SimpleInferer}
postprocessing:
  _target_: Compose
  transforms:
  - {_target_: AsDiscreted, keys: [pred, label], argmax: [true, false], to_onehot: 3}
key_metric:
  val_mean_dice: {_target_: MeanDice, include_background: false, output_transform: "$monai.handlers.from_engine(['pred', 'label'])"}
handlers:
- {_target_: CheckpointLoader, load_path: '@ckpt_path', load_dict: {model: '@network'}}
- {_target_: MetricsSaver, save_dir: '@output_dir', metrics: [val_mean_dice]}
evaluator:
  _target_: SupervisedEvaluator
  device: '@device'
  val_data_loader: '@dataloader'
  network: '@network'
  inferer: '@inferer'
  postprocessing: '@postprocessing'
  key_val_metric: '@key_metric'
  val_handlers: '@handlers'
run: [$@evaluator.run()]
"""

TRAIN = """
train:
  dataset: {_target_: Dataset, data: "$scripts.data.subjects(@dataset_dir, 'train')"}
validate:
  dataset: {_target_: Dataset, data: "$scripts.data.subjects(@dataset_dir, 'val')"}
run: [$print('trained')]
"""

LISTING = """
import json
from pathlib import Path

def subjects(folder, part):
    return json.loads((Path(folder) / "sets.json").read_text())[part]
"""

IMPORTS = "imports: [$import scripts.data]\n"


def write_bundle(folder: Path, evaluate: str, train: str | None, metadata: dict[str, Any]) -> Path:
    """Write a bundle with an evaluate and, unless it is None, a train config."""
    (folder / "configs").mkdir(parents=True)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("")
    (folder / "scripts" / "data.py").write_text(LISTING)
    (folder / "configs" / "evaluate.yaml").write_text(IMPORTS + COMMON + evaluate)
    if train is not None:
        (folder / "configs" / "train.yaml").write_text(IMPORTS + COMMON + train)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder


def segmentation_metadata() -> dict[str, Any]:
    channels = {"0": "background", "1": "anterior", "2": "posterior"}
    pred = {"type": "image", "format": "segmentation", "num_channels": 3, "channel_def": channels}
    return {"version": "0.3.0", "network_data_format": {"outputs": {"pred": pred}}}


def nearest_label(path: Path, *, wrong: bool = False) -> Path:
    """Write the weights of the network that gives each voxel the nearest label; a wrong one swaps two of them."""
    values = torch.tensor([0.0, 2.0, 1.0] if wrong else [0.0, 1.0, 2.0])
    # the largest of -(x - v)^2 is the largest of 2 v x - v^2
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weight": 6 * values.reshape(3, 1, 1, 1, 1), "bias": -3 * values**2}, path)
    return path


AFFINE = np.array([[0.0, -1.5, 0, 10], [0.8, 0, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])  # turned by 90 degrees
SPACING = (0.8, 1.5, 3.0)
