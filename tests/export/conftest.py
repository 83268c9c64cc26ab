"""Bundles with small networks, to export."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from bundle_engine.cli import main
from bundle_engine.config import ConfigParser
from bundle_engine.workflow.roots import importable

NETWORKS = '''
import torch
from torch import nn

class TwoInputs(nn.Module):
    """Takes an image, the number of a step and a second image, in this order."""
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.steps = nn.Embedding(10, 2)

    def forward(self, image, timesteps, other):
        return self.first(image) * self.steps(timesteps)[:, :, None, None] + self.second(other)

class DictOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x):
        features = torch.relu(self.conv(x))
        return {"features": features, "logits": self.head(features.mean((2, 3)))}

class Dropping(nn.Module):
    """Drops out in inference, too."""
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x):
        return nn.functional.dropout(self.conv(x), 0.5, True)

class Deciding(nn.Module):
    """Does one thing or another, as a value of the image says."""
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x):
        if bool(x[0, 0, 0, 0] > 0.5):
            return self.conv(x)
        return self.conv(x) * 2

class OneSize(nn.Module):
    """Knows the places of 16 by 16 pixels."""
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.places = nn.Parameter(torch.arange(256.0).reshape(1, 1, 16, 16))

    def forward(self, x):
        return self.conv(x) + self.places
'''

UNET = {
    "_target_": "UNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8, 16],
    "strides": [2, 2],
    "num_res_units": 1,
}
DENSENET = {
    "_target_": "DenseNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 3,
    "init_features": 4,
    "growth_rate": 4,
    "block_config": [2, 2],
}


def image(size: Any = "8*n", channels: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "image", "format": "magnitude", "num_channels": channels, "spatial_shape": [size, size],
        "dtype": "float32", "value_range": [0, 1], **more,
    }  # fmt: skip


class Case(NamedTuple):
    """A network, and what the metadata says of it."""

    definition: Mapping[str, Any]
    inputs: Mapping[str, Any] = {"image": image()}  # never changed
    outputs: Mapping[str, Any] = {"pred": image(channels=2)}


CASES = {
    "unet": Case(UNET),
    "densenet": Case(DENSENET, {"image": image("*")}, {"pred": {"type": "probabilities", "num_channels": 3}}),
    "two-inputs": Case(
        {"_target_": "scripts.networks.TwoInputs"},
        # not in the order of the arguments
        {"other": image(channels=2), "image": image(), "timesteps": {"type": "timesteps", "dtype": "int64", "value_range": [0, 9]}},
    ),
    "dict-output": Case(
        {"_target_": "scripts.networks.DictOutput"},
        outputs={"logits": {"num_channels": 3}, "features": image(channels=4)},
    ),
    "dropping": Case({"_target_": "scripts.networks.Dropping"}),
    "deciding": Case({"_target_": "scripts.networks.Deciding"}),
    "one-size": Case({"_target_": "scripts.networks.OneSize"}),
}  # fmt: skip


class Bundle(NamedTuple):
    """A bundle in a folder, and its network with the weights of the checkpoint."""

    root: Path
    network: torch.nn.Module

    @property
    def models(self) -> list[str]:
        return sorted(path.name for path in (self.root / "models").iterdir())


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bundle]:
    """Make the bundle of a case, with a checkpoint; the working directory is beside it."""
    monkeypatch.chdir(tmp_path)

    def make(name: str, *, checkpoint: bool = True, metadata: bool = True, root: Path = tmp_path / "b") -> Bundle:
        case = CASES[name]
        for folder in ("configs", "models", "scripts"):
            (root / folder).mkdir(parents=True)
        (root / "scripts" / "__init__.py").touch()
        (root / "scripts" / "networks.py").write_text(NETWORKS)
        config = {"bundle_root": ".", "device": "cpu", "network_def": dict(case.definition)}
        (root / "configs" / "inference.json").write_text(json.dumps(config))
        if metadata:
            format = {"inputs": case.inputs, "outputs": case.outputs}
            (root / "configs" / "metadata.json").write_text(
                json.dumps({"version": "0.1.0", "network_data_format": format})
            )
        torch.manual_seed(3)
        with importable(root):
            parser = ConfigParser(config)
            parser.bundle_root = root
            network = parser.get_parsed_content("network_def").eval()
        if checkpoint:
            torch.save({"model": network.state_dict(), "epoch": 1}, root / "models" / "model.pt")
        return Bundle(root, network)

    return make


class Outcome(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command line in this process."""
    monkeypatch.delenv("BUNDLE_ENGINE_TRACEBACK", raising=False)

    def call(*argv: Any) -> Outcome:
        capsys.readouterr()
        code = main([str(arg) for arg in argv])
        return Outcome(code, *capsys.readouterr())

    return call
