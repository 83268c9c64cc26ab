"""A small copy of the bundle for the hippocampus, with weights, and a run of it that was recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bundle_engine.runs import recorded_run
from tests.conftest import ROOT

FILTERS = [4, 4, 8, 8]


def network() -> torch.nn.Module:
    """Make the network of the small bundle, independently of it."""
    from monai.networks.nets import DynUNet

    return DynUNet(
        spatial_dims=3, in_channels=1, out_channels=3, kernel_size=[3] * 4, strides=[1, 2, 2, 2],
        upsample_kernel_size=[2] * 3, filters=FILTERS,
    )  # fmt: skip


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle for the hippocampus with a network that takes no time."""
    folder = tmp_path_factory.mktemp("bundles") / "small"
    shutil.copytree(
        ROOT / "bundles" / "hippocampus_segmentation", folder, ignore=shutil.ignore_patterns("__pycache__", "outputs")
    )
    config = folder / "configs" / "train.yaml"
    text = config.read_text(encoding="utf-8")
    assert "filters: [16, 32, 64, 128]" in text
    config.write_text(text.replace("filters: [16, 32, 64, 128]", f"filters: {FILTERS}"), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three networks that know nothing, and do not agree."""
    folder, files = tmp_path_factory.mktemp("weights"), []
    for seed in range(3):
        torch.manual_seed(seed)
        files.append(folder / f"network_{seed}.pt")
        torch.save(network().state_dict(), files[-1])
    return files


@pytest.fixture(scope="session")
def run(hippocampus: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of two epochs, each validated."""
    import monai

    folder = tmp_path_factory.mktemp("runs") / "training"
    recorded_run(
        [str(bundle / "configs" / "train.yaml")], output_dir=folder, logging_file=False, dataset_dir=str(hippocampus),
        ckpt_dir=str(folder / "models"), max_epochs=2, train_subjects=4, val_subjects=2, val_interval=1,
        bundle_root=str(bundle), **{"network_def::deep_supervision": False},
    )  # fmt: skip
    monai.utils.set_determinism(seed=None)
    return folder


@pytest.fixture
def image(hippocampus: Path) -> Path:
    return hippocampus / "imagesTr" / "hippocampus_003.nii.gz"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep what is cached and kept to the test, and take back what a config set for the whole process."""
    import monai

    monkeypatch.setenv("BUNDLE_ENGINE_CACHE", str(tmp_path.with_name(f"{tmp_path.name}_cache")))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    monai.utils.set_determinism(seed=None)
