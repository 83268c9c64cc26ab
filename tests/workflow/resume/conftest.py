"""A training on real images that takes a second, and is full of chance: what a checkpoint has to hold."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigWorkflow
from bundle_engine.workflow.resume.snapshots import Snapshots
from bundle_engine.workflow.resume.training import Keeper

EPOCHS, ITERATIONS = 3, 4  # of two images each


def training(images: Path) -> dict[str, Any]:
    """Describe the training: dropout, random transforms, shuffling, a schedule, an average of weights, a validation."""
    return {
        "imports": ["$import torch", "$import monai"],
        "bundle_root": ".",
        "device": "$torch.device('cpu')",
        "dataset_dir": str(images),
        "seed": 3,
        "max_epochs": EPOCHS,
        "workers": 0,
        "names": "$sorted(p.name for p in __import__('pathlib').Path(@dataset_dir, 'imagesTr').glob('hippo*.nii.gz'))",
        "subjects": "$[dict(image=@dataset_dir + '/imagesTr/' + n, label=@dataset_dir + '/labelsTr/' + n) for n in @names]",
        "network_def": {
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8],
            "strides": [2], "dropout": 0.2, "norm": "batch",
        },
        "network": "$@network_def.to(@device)",
        "loss": {"_target_": "DiceLoss", "softmax": True, "to_onehot_y": True},
        "optimizer": {"_target_": "torch.optim.Adam", "params": "$@network.parameters()", "lr": 0.01},
        "scheduler": {
            "_target_": "torch.optim.lr_scheduler.OneCycleLR", "optimizer": "@optimizer", "max_lr": 0.02,
            "total_steps": EPOCHS * ITERATIONS,
        },
        "train": {
            "preprocessing": {
                "_target_": "Compose",
                "transforms": [
                    {"_target_": "LoadImaged", "keys": ["image", "label"], "ensure_channel_first": True},
                    {"_target_": "NormalizeIntensityd", "keys": "image"},
                    {"_target_": "RandSpatialCropd", "keys": ["image", "label"], "roi_size": [16] * 3, "random_size": False},
                    {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
                    {"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.5},
                    {"_target_": "EnsureTyped", "keys": ["image", "label"], "track_meta": False},
                ],
            },
            "dataset": {"_target_": "CacheDataset", "data": "$@subjects[2:10]", "transform": "@train::preprocessing", "progress": False},
            "dataloader": {
                "_target_": "DataLoader", "dataset": "@train::dataset", "batch_size": 2, "shuffle": True,
                "num_workers": "@workers", "persistent_workers": "$@workers > 0",
            },
            "inferer": {"_target_": "SimpleInferer"},
            "key_metric": {
                "loss": {"_target_": "ignite.metrics.Average", "output_transform": "$monai.handlers.from_engine('loss', first=True)"}
            },
            "handlers": [
                {"_target_": "ignite.handlers.EMAHandler", "model": "@network", "momentum": 0.1},
                {"_target_": "LrScheduleHandler", "lr_scheduler": "@scheduler", "epoch_level": False, "print_lr": False},
                {"_target_": "ValidationHandler", "validator": "@validate::evaluator", "interval": 1},
            ],
            "trainer": {
                "_target_": "SupervisedTrainer", "device": "@device", "max_epochs": "@max_epochs", "network": "@network",
                "train_data_loader": "@train::dataloader", "optimizer": "@optimizer", "loss_function": "@loss",
                "inferer": "@train::inferer", "key_train_metric": "@train::key_metric", "train_handlers": "@train::handlers",
            },
        },
        "averaged": "$@train::handlers::0.ema_model",
        "validate": {
            "dataset": {"_target_": "Dataset", "data": "$@subjects[:2]", "transform": "@train::preprocessing"},
            "dataloader": {"_target_": "DataLoader", "dataset": "@validate::dataset", "batch_size": 1},
            "inferer": {"_target_": "SimpleInferer"},
            "postprocessing": {
                "_target_": "AsDiscreted", "keys": ["pred", "label"], "argmax": [True, False], "to_onehot": 3,
            },
            "evaluator": {
                "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@validate::dataloader",
                "network": "@averaged", "inferer": "@validate::inferer", "postprocessing": "@validate::postprocessing",
                "key_val_metric": {
                    "dice": {"_target_": "MeanDice", "output_transform": "$monai.handlers.from_engine(['pred', 'label'])"}
                },
            },
        },
        "initialize": ["$monai.utils.set_determinism(seed=@seed)"],
        "run": ["$@train::trainer.run()"],
    }  # fmt: skip


class Training:
    """One process's part of a training, with its checkpoints in a folder."""

    def __init__(self, config: dict[str, Any], folder: Path, *, resume: bool = False, **override: Any) -> None:
        self.workflow = ConfigWorkflow(config, logging_file=False, **override)
        self.workflow.initialize()
        self.snapshots = Snapshots(folder)
        parser = self.workflow.parser
        self.trainer = self.workflow.trainer
        self.keeper = Keeper(
            self.trainer, lambda: sorted(parser.ref_resolver.resolved_content.items()), self.snapshots, resume=resume
        )

    def run(self) -> str:
        """Train to the end, and give a digest of all that was learnt."""
        with self.keeper.at_work():
            self.workflow.run()
        return self.digest()

    def digest(self) -> str:
        digest = hashlib.sha256()
        for id in ("network_def", "averaged"):
            for name, tensor in self.workflow.parser.get_parsed_content(id).state_dict().items():
                digest.update(name.encode() + tensor.numpy().tobytes())
        optimizer = self.workflow.parser.get_parsed_content("optimizer")
        digest.update(str(optimizer.param_groups[0]["lr"]).encode())
        validator = self.workflow.parser.get_parsed_content("validate::evaluator").state
        digest.update(f"{validator.best_metric} {validator.best_metric_epoch} {self.trainer.state.metrics}".encode())
        return digest.hexdigest()


@pytest.fixture(autouse=True)
def nothing_left_deterministic() -> Any:
    """Take back what a training set for the whole process."""
    import monai

    yield
    monai.utils.set_determinism(seed=None)


@pytest.fixture(autouse=True)
def interruptible() -> Any:
    """Let Ctrl-C interrupt, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def train(hippocampus: Path) -> Callable[..., Training]:
    """Make a training in a folder."""

    def make(folder: Path, **options: Any) -> Training:
        return Training(training(hippocampus), folder, **options)

    return make


@pytest.fixture(scope="module")
def undisturbed(hippocampus: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a training that nobody disturbed."""
    return Training(training(hippocampus), tmp_path_factory.mktemp("undisturbed")).run()
