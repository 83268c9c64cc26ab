"""The hippocampus bundle on real subjects: a short training must already find the structures."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bundle_engine.resources import bundles_dir

BUNDLE = bundles_dir() / "hippocampus_segmentation"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(bundles_dir().parent), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "bundle_engine", "run", "--bundle", str(BUNDLE), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def trained(hippocampus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a short training on 32 subjects was run, and evaluated on 8 held-out ones."""
    folder = tmp_path_factory.mktemp("hippocampus")
    short = ("--train_subjects", "32", "--max_epochs", "6", "--val_interval", "6", "--ema_momentum", "0.2")
    data = ("--dataset_dir", str(hippocampus), "--val_subjects", "8")
    for arguments in ((*short, *data), ("--workflow", "evaluate", *data)):
        done = run(folder, *arguments)
        assert done.returncode == 0, done.stderr
    return folder / "outputs" / "hippocampus_segmentation"


def test_a_short_training_finds_both_structures(trained: Path) -> None:
    with (trained / "metrics.csv").open() as file:
        scores = {row[0]: float(row[1]) for row in csv.reader(file)}
    assert 0.6 < scores["dice_anterior"] < 0.95
    assert 0.6 < scores["dice_posterior"] < 0.95
    mean = (scores["dice_anterior"] + scores["dice_posterior"]) / 2
    assert scores["val_mean_dice"] == pytest.approx(mean, abs=0.01)


def test_the_held_out_subjects_are_the_first_by_name(trained: Path, hippocampus: Path) -> None:
    names = sorted(path.name for path in (hippocampus / "imagesTr").glob("hippocampus_*.nii.gz"))[:8]
    with (trained / "val_dice_raw.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    assert [Path(row[0]).name for row in rows] == names


def test_inference_segments_a_real_image_on_its_own_grid(trained: Path, hippocampus: Path) -> None:
    image = sorted((hippocampus / "imagesTr").glob("hippocampus_*.nii.gz"))[0]
    arguments = ("--workflow", "inference", "--input", str(image), "--ckpt_dir", str(trained / "models"))
    done = run(trained, *arguments, "--output_dir", "segmented")
    assert done.returncode == 0, done.stderr
    written = nib.load(trained / "segmented" / image.name.replace(".nii.gz", "_seg.nii.gz"))
    truth = nib.load(hippocampus / "labelsTr" / image.name)
    assert written.shape == truth.shape
    np.testing.assert_allclose(written.affine, nib.load(image).affine, atol=1e-5)
    found, wanted = np.asarray(written.dataobj) > 0, np.asarray(truth.dataobj) > 0
    assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.7


def test_a_missing_data_set_says_how_to_get_it(tmp_path: Path) -> None:
    done = run(tmp_path, "--dataset_dir", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "scripts.download" in done.stderr
    assert "Traceback" not in done.stderr
