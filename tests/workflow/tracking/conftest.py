"""A small training that a config describes, in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CONFIG: dict[str, Any] = {
    "_meta_": {"name": "Small training", "version": "1.2.3"},
    "imports": ["$import torch"],
    "output_dir": "$@bundle_root + '/out'",
    "bundle_root": ".",
    "max_epochs": 2,
    "api_key": "do-not-tell",
    "note": "x" * 7000,
    "network": {"_target_": "torch.nn.Linear", "in_features": 4, "out_features": 4},
    "images": "$[{'image': torch.full((1, 4), float(i)), 'label': torch.zeros(1, 4)} for i in range(6)]",
    "optimizer": {"_target_": "torch.optim.SGD", "params": "$@network.parameters()", "lr": 0.01},
    "validate": {
        "handlers": [{"_target_": "StatsHandler", "iteration_log": False}],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "cpu",
            "val_data_loader": {"_target_": "DataLoader", "dataset": "@images", "batch_size": 1},
            "network": "@network",
            "key_val_metric": {
                "score": {
                    "_target_": "ignite.metrics.Average",
                    "output_transform": "$lambda output: float(output[0]['pred'].abs().mean())",
                }
            },
            "val_handlers": "@validate::handlers",
        },
    },
    "train": {
        "handlers": [
            {"_target_": "ValidationHandler", "validator": "@validate::evaluator", "interval": 1},
            {"_target_": "StatsHandler", "output_transform": "$monai.handlers.from_engine(['loss'], first=True)"},
        ],
        "trainer": {
            "_target_": "SupervisedTrainer",
            "device": "cpu",
            "max_epochs": "@max_epochs",
            "train_data_loader": {"_target_": "DataLoader", "dataset": "@images", "batch_size": 2},
            "network": "@network",
            "optimizer": "@optimizer",
            "loss_function": {"_target_": "torch.nn.MSELoss"},
            "train_handlers": "@train::handlers",
        },
    },
    "initialize": ["$monai.utils.set_determinism(0)"],
    "run": ["$@train::trainer.run()"],
}


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., str]:
    """Write the config, with other values where they are given; give its path."""

    def write(**changes: Any) -> str:
        file = tmp_path / "configs" / "train.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**CONFIG, **changes}), encoding="utf-8")
        return str(file)

    return write


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in the test's folder, without what the environment says of MLflow."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}.get(name, "2"))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    yield
    from bundle_engine.workflow.tracking import tracked_run

    tracked_run._current = None
