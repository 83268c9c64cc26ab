"""The demo: its data, its errors, and a short run of all three workflows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bundle_engine.resources import bundles_dir
from bundle_engine.workflow.roots import importable

BUNDLE = bundles_dir() / "brain_tissue_segmentation"
SHORT = ("--max_epochs", "2", "--val_interval", "2", "--iterations_per_epoch", "10")

pytest.importorskip("nilearn", reason="the template is inside nilearn: pip install 'bundle-engine[demo]'")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle from another folder, as a user would."""
    environment = {**os.environ, "PYTHONPATH": str(bundles_dir().parent), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "bundle_engine", "run", "--bundle", str(BUNDLE), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """The files that the bundle makes of the template."""
    with importable(BUNDLE):
        from scripts.template import prepare

        found: dict[str, list[dict[str, str]]] = prepare(tmp_path_factory.mktemp("data of the demo"))
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, with a space in its name, in which the demo was run shortly."""
    folder = tmp_path_factory.mktemp("a short demo")
    done = run(folder, "--output_dir", "my results", *SHORT)
    assert done.returncode == 0, done.stderr
    assert "Dice of grey matter: 0." in done.stdout
    return folder


def test_the_labels_are_the_most_probable_tissues(data: dict[str, list[dict[str, str]]]) -> None:
    label = nib.load(data["template"][0]["label"])
    values, counts = np.unique(np.asarray(label.dataobj), return_counts=True)
    assert values.tolist() == [0, 1, 2]
    litres = counts * np.prod(label.header.get_zooms()) / 1e6
    assert 0.8 < litres[1] < 1.1  # grey matter of an adult brain, in litres
    assert 0.45 < litres[2] < 0.75  # white matter


def test_image_and_label_lie_on_the_template_s_grid(data: dict[str, list[dict[str, str]]]) -> None:
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=1)
    for kind in ("image", "label"):
        image = nib.load(data["template"][0][kind])
        assert image.shape == template.shape
        np.testing.assert_allclose(image.affine, template.affine)


def test_no_voxel_is_in_both_hemispheres(data: dict[str, list[dict[str, str]]]) -> None:
    left, right = (nib.load(data[part][0]["image"]) for part in ("train", "validation"))
    last = left.affine @ [left.shape[0] - 1, 0, 0, 1]
    first = right.affine @ [0, 0, 0, 1]
    assert last[0] < 0 < first[0]
    whole = nib.load(data["template"][0]["image"])
    assert left.shape[0] + right.shape[0] + 1 == whole.shape[0]
    np.testing.assert_array_equal(np.asarray(whole.dataobj)[: left.shape[0]], np.asarray(left.dataobj))


def test_files_that_are_there_are_not_written_again(data: dict[str, list[dict[str, str]]]) -> None:
    file = Path(data["train"][0]["image"])
    before = file.stat().st_mtime_ns
    with importable(BUNDLE):
        from scripts.template import prepare

        assert prepare(file.parent) == data
    assert file.stat().st_mtime_ns == before


def test_without_nilearn_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nilearn", None)
    with importable(BUNDLE):
        from scripts.template import prepare

        with pytest.raises(ModuleNotFoundError, match=r"pip install 'bundle-engine\[demo\]'"):
            prepare(tmp_path / "new")


def test_training_ends_with_a_segmentation_of_the_whole_brain(trained: Path) -> None:
    results = trained / "my results"
    segmentation = nib.load(results / "mni152_t1_tissues.nii.gz")
    image = nib.load(results / "data" / "mni152_t1.nii.gz")
    assert segmentation.shape == image.shape
    np.testing.assert_allclose(segmentation.affine, image.affine)
    assert set(np.unique(np.asarray(segmentation.dataobj))) <= {0, 1, 2}
    assert (results / "mni152_t1_tissues.png").read_bytes().startswith(b"\x89PNG")
    assert (results / "models" / "model.pt").is_file()
    assert sorted(path.name for path in trained.iterdir()) == ["my results"]  # nothing elsewhere


def test_evaluation_prints_and_writes_the_scores(trained: Path) -> None:
    done = run(trained, "--workflow", "evaluate", "--output_dir", "my results")
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix("Dice of ") for line in done.stdout.splitlines() if line.startswith("Dice of ")]
    scores = dict(line.split(": ") for line in lines)
    assert list(scores) == ["grey matter", "white matter"]
    assert all(0.5 < float(score) < 1 for score in scores.values())
    assert "val_mean_dice" in (trained / "my results" / "metrics.csv").read_text()


def test_inference_writes_the_label_map_on_the_grid_of_its_image(
    trained: Path, data: dict[str, list[dict[str, str]]]
) -> None:
    crop = nib.load(data["template"][0]["image"]).slicer[60:110, 80:140, 60:100]
    nib.save(crop, trained / "crop.nii.gz")
    arguments = ("--workflow", "inference", "--output_dir", "my results", "--image", "crop.nii.gz")
    done = run(trained, *arguments)
    assert done.returncode == 0, done.stderr
    segmentation = nib.load(trained / "my results" / "crop_tissues.nii.gz")
    assert segmentation.shape == crop.shape
    np.testing.assert_allclose(segmentation.affine, crop.affine)
    assert (trained / "my results" / "crop_tissues.png").is_file()
    (trained / "crop.nii.gz").unlink()


def test_evaluation_without_weights_says_so(tmp_path: Path, data: dict[str, list[dict[str, str]]]) -> None:
    folder = str(Path(data["train"][0]["image"]).parent)
    done = run(tmp_path, "--workflow", "evaluate", "--dataset_dir", folder)
    assert done.returncode == 2
    assert "model.pt" in done.stderr
    assert "Train first" in done.stderr
    assert "Traceback" not in done.stderr
