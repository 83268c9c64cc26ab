"""A wheel has everything inside and works outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "outputs", "*.egg-info", "__pycache__", "tests")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel of the checkout installs."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=NOT_SOURCE)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.mark.parametrize(
    "file",
    [
        "bundle_engine/py.typed",
        "bundle_engine/inspection/page/graph.html",
        "bundle_engine/bundle/templates/LICENSE",
        "bundle_engine/bundle/templates/segmentation/configs/train.yaml",
        "bundle_engine/bundle/templates/classification/docs/README.md",
        "bundle_engine/bundle/templates/classification/scripts/data.py",
        "bundle_engine/_data/schemas/metadata.schema.json",
        "bundle_engine/_data/bundles/brain_tissue_segmentation/configs/train.yaml",
        "bundle_engine/_data/bundles/brain_tissue_segmentation/scripts/template.py",
        "bundle_engine/_data/bundles/hippocampus_segmentation/docs/README.md",
        "bundle_engine/_data/bundles/hippocampus_segmentation/LICENSE",
    ],
)
def test_the_wheel_has(installed: Path, file: str) -> None:
    assert (installed / file).is_file()


def test_the_wheel_has_nothing_else_at_its_top(installed: Path) -> None:
    names = {entry.name for entry in installed.iterdir() if not entry.name.endswith(".dist-info")}
    assert names == {"bundle_engine"}


@pytest.mark.parametrize("bundle", ["brain_tissue_segmentation", "hippocampus_segmentation"])
def test_a_ready_made_bundle_is_found_and_right(installed: Path, tmp_path: Path, bundle: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "bundle_engine", "check", "--bundle", bundle, "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(ROOT) not in done.stdout + done.stderr  # it is the one of the wheel
