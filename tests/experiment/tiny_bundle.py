"""A bundle whose training on real images takes a second, and is full of chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bundle_engine.evaluation.sets import Configs

SUBJECTS, HELD_OUT = 8, 2

_SHARED: dict[str, Any] = {
    "bundle_root": ".",
    "dataset_dir": "???",
    "output_dir": "outputs",
    "ckpt_dir": "$@output_dir + '/models'",
    "device": "$torch.device('cpu')",
    "first": 0,
    "names": "$sorted(p.name for p in __import__('pathlib').Path(@dataset_dir, 'imagesTr').glob('hippo*.nii.gz'))[@first:]",
    "subjects": "$[dict(image=@dataset_dir + '/imagesTr/' + n, label=@dataset_dir + '/labelsTr/' + n) for n in @names]",
    "network_def": {
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8], "strides": [2],
        "dropout": 0.2, "norm": "batch",
    },
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": ["image", "label"], "ensure_channel_first": True},
            {"_target_": "NormalizeIntensityd", "keys": "image"},
            {"_target_": "DivisiblePadd", "keys": ["image", "label"], "k": 8},
        ],
    },
    "postprocessing": {"_target_": "AsDiscreted", "keys": ["pred", "label"], "argmax": [True, False], "to_onehot": 3},
    "key_metric": {
        "val_mean_dice": {"_target_": "MeanDice", "output_transform": "$monai.handlers.from_engine(['pred', 'label'])"}
    },
}  # fmt: skip

_TRAIN: dict[str, Any] = {
    **_SHARED,
    "seed": 3,
    "max_epochs": 2,
    "optimizer": {"_target_": "torch.optim.Adam", "params": "$@network.parameters()", "lr": 0.01},
    "train": {
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                "%preprocessing::transforms::0", "%preprocessing::transforms::1", "%preprocessing::transforms::2",
                {"_target_": "RandSpatialCropd", "keys": ["image", "label"], "roi_size": [16] * 3, "random_size": False},
                {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
                {"_target_": "EnsureTyped", "keys": ["image", "label"], "track_meta": False},
            ],
        },
        "dataset": {
            "_target_": "bundle_engine.data.CachedDataset", "data": f"$@subjects[{HELD_OUT}:{SUBJECTS}]",
            "transform": "@train::preprocessing", "progress": False,
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@train::dataset", "batch_size": 1, "shuffle": True},
        "inferer": {"_target_": "SimpleInferer"},
        "key_metric": {
            "train_loss": {
                "_target_": "ignite.metrics.Average",
                "output_transform": "$monai.handlers.from_engine('loss', first=True)",
            }
        },
        "handlers": [
            {"_target_": "ValidationHandler", "validator": "@validate::evaluator", "interval": 1},
            {
                "_target_": "CheckpointSaver", "save_dir": "@ckpt_dir", "save_dict": {"model": "@network"},
                "save_final": True, "final_filename": "model.pt",
            },
        ],
        "trainer": {
            "_target_": "SupervisedTrainer", "device": "@device", "max_epochs": "@max_epochs", "network": "@network",
            "train_data_loader": "@train::dataloader", "optimizer": "@optimizer", "inferer": "@train::inferer",
            "loss_function": {"_target_": "DiceLoss", "softmax": True, "to_onehot_y": True},
            "key_train_metric": "@train::key_metric", "train_handlers": "@train::handlers",
        },
    },
    "validate": {
        "dataset": {
            "_target_": "bundle_engine.data.CachedDataset", "data": f"$@subjects[:{HELD_OUT}]",
            "transform": "@preprocessing", "progress": False,
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@validate::dataset", "batch_size": 1},
        "inferer": {"_target_": "SimpleInferer"},
        "evaluator": {
            "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@validate::dataloader",
            "network": "@network", "inferer": "@validate::inferer", "postprocessing": "@postprocessing",
            "key_val_metric": "@key_metric",
        },
    },
    "initialize": [
        "$monai.utils.set_determinism(seed=@seed)",
        "$1 / (not __import__('os').path.exists(@output_dir + '/break'))",
    ],
    "run": ["$@train::trainer.run()"],
}  # fmt: skip

_EVALUATE: dict[str, Any] = {
    **_SHARED,
    "dataset": {"_target_": "Dataset", "data": f"$@subjects[:{HELD_OUT}]", "transform": "@preprocessing"},
    "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
    "inferer": {"_target_": "SimpleInferer"},
    "handlers": [
        {"_target_": "CheckpointLoader", "load_path": "$@ckpt_dir + '/model.pt'", "load_dict": {"model": "@network"}}
    ],
    "evaluator": {
        "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@dataloader", "network": "@network",
        "inferer": "@inferer", "postprocessing": "@postprocessing", "key_val_metric": "@key_metric",
        "val_handlers": "@handlers",
    },
    "run": ["$@evaluator.run()"],
}  # fmt: skip

_METADATA = {
    "version": "0.1.0",
    "network_data_format": {
        "inputs": {"image": {"type": "image", "num_channels": 1, "spatial_shape": ["8*n"] * 3}},
        "outputs": {
            "pred": {
                "type": "image", "format": "segmentation", "num_channels": 3,
                "channel_def": {"0": "background", "1": "anterior", "2": "posterior"},
            }
        },
    },
}  # fmt: skip


def make_bundle(root: Path, *, tested: bool = False, **train: Any) -> Configs:
    """Make the bundle.

    Args:
        root: its folder.
        tested: whether its evaluate config works on two subjects of its own.
        train: what else stands in its train config.
    """
    folder = root / "configs"
    folder.mkdir(parents=True)
    evaluate = dict(_EVALUATE)
    if tested:
        evaluate["dataset"] = {**evaluate["dataset"], "data": f"$@subjects[{SUBJECTS}:{SUBJECTS + 2}]"}
    for name, content in (("train", {**_TRAIN, **train}), ("evaluate", evaluate), ("metadata", _METADATA)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return Configs(root, (folder / "evaluate.json",), (folder / "train.json",))
