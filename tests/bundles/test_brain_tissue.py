"""The demo: its data, its errors, and a short run of all three workflows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from bundle_engine.resources import bundles_dir
from bundle_engine.workflow.roots import importable

BUNDLE = bundles_dir() / "brain_tissue_segmentation"
SHORT = ("--max_epochs", "2", "--val_interval", "2", "--iterations_per_epoch", "10")

pytest.importorskip("nilearn", reason="the template is inside nilearn: pip install 'bundle-engine[demo]'")


def run(folder: Path, *arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the bundle from another folder, as a user would."""
    environment = {**os.environ, "PYTHONPATH": str(bundles_dir().parent), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, *launcher, "-m", "bundle_engine", "run", "--bundle", str(BUNDLE), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def printed_scores(done: subprocess.CompletedProcess[str]) -> dict[str, float]:
    lines = [line.removeprefix("Dice of ") for line in done.stdout.splitlines() if line.startswith("Dice of ")]
    return {tissue: float(score) for tissue, score in (line.split(": ") for line in lines)}


def voxels(path: str | Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


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
    assert all(0.6 < score < 0.99 for score in printed_scores(done).values())
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


def test_the_hemispheres_are_mirror_images_as_the_readme_says(data: dict[str, list[dict[str, str]]]) -> None:
    for kind in ("image", "label"):
        left, right = (voxels(data[part][0][kind]) for part in ("train", "validation"))
        np.testing.assert_array_equal(left[::-1], right)


@pytest.mark.parametrize(
    ("grey", "white", "label"),
    [(0.0, 0.0, 0), (0.45, 0.05, 0), (0.6, 0.3, 1), (0.4, 0.35, 1), (0.1, 0.8, 2), (0.45, 0.55, 2)],
    ids=["air", "mostly fluid", "grey", "grey, but not by half", "white", "white, no fluid"],
)
def test_the_most_probable_of_three(grey: float, white: float, label: int) -> None:
    with importable(BUNDLE):
        from scripts.template import most_probable_tissue

        assert most_probable_tissue(np.array([grey]), np.array([white])).tolist() == [label]


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
    assert not (tmp_path / "new").exists()


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


def test_the_printed_scores_are_those_of_the_segmentation(trained: Path) -> None:
    done = run(trained, "--workflow", "evaluate", "--output_dir", "my results")
    assert done.returncode == 0, done.stderr
    results = trained / "my results"
    found, truth = (voxels(results / name)[99:] for name in ("mni152_t1_tissues.nii.gz", "data/mni152_tissues.nii.gz"))
    printed = printed_scores(done)
    assert list(printed) == ["grey matter", "white matter"]
    for label, score in enumerate(printed.values(), start=1):
        overlap = 2 * np.sum((found == label) & (truth == label)) / (np.sum(found == label) + np.sum(truth == label))
        # not the same to the last digit: here the network has seen the other side of the midline, too
        assert overlap == pytest.approx(score, abs=0.01)
    table = dict(line.split(",") for line in (results / "metrics.csv").read_text().split("\n") if line)
    assert float(table["grey matter"]) == printed["grey matter"]
    assert float(table["val_mean_dice"]) == pytest.approx(sum(printed.values()) / 2, abs=1e-4)


def test_inference_writes_the_label_map_on_the_grid_of_its_image(
    trained: Path, data: dict[str, list[dict[str, str]]]
) -> None:
    part = (slice(60, 140), slice(150, 70, -1), slice(40, 100, 2))  # seen from behind, and with voxels 2 mm high
    scan = nib.load(data["template"][0]["image"]).slicer[part]
    nib.save(scan, trained / "my scan.nii.gz")
    done = run(trained, "--workflow", "inference", "--output_dir", "my results", "--image", "my scan.nii.gz")
    assert done.returncode == 0, done.stderr
    segmentation = nib.load(trained / "my results" / "my scan_tissues.nii.gz")
    assert segmentation.shape == scan.shape
    np.testing.assert_allclose(segmentation.affine, scan.affine)
    truth = voxels(data["template"][0]["label"])[part]
    assert np.mean(np.asarray(segmentation.dataobj) == truth) > 0.77  # with a flipped axis it is 0.73 at most
    assert (trained / "my results" / "my scan_tissues.png").read_bytes().startswith(b"\x89PNG")
    (trained / "my scan.nii.gz").unlink()


def test_two_processes_train_one_network(tmp_path: Path, data: dict[str, list[dict[str, str]]]) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    folder = str(Path(data["train"][0]["image"]).parent)
    options = ("--workflow", "train,multi_gpu_train", "--dataset_dir", folder, "--device", "$torch.device('cpu')")
    done = run(tmp_path, *options, "--max_epochs", "1", "--iterations_per_epoch", "4", launcher=launcher)
    assert done.returncode == 0, done.stderr
    results = tmp_path / "outputs" / "brain_tissue_segmentation"
    assert sorted(path.name for path in results.iterdir()) == [
        "mni152_t1_tissues.nii.gz",
        "mni152_t1_tissues.png",
        "models",
    ]
    assert list(printed_scores(done)) == ["grey matter", "white matter"]
    assert done.stdout.count("Dice of") == 2  # only the first process speaks
    weights = torch.load(results / "models" / "model.pt", weights_only=True)
    assert not any(name.startswith("module.") for name in weights)


@pytest.mark.parametrize(
    ("arguments", "missing", "advice"),
    [
        (("--workflow", "evaluate"), "model.pt", "Train first"),
        (("--workflow", "inference"), "model.pt", "Train first"),
        (("--workflow", "inference", "--image", "my brian.nii.gz"), "my brian.nii.gz", "--image FILE"),
    ],
    ids=["evaluate without weights", "inference without weights", "no such image"],
)
def test_a_missing_file_is_named_and_what_to_do(
    arguments: tuple[str, ...], missing: str, advice: str, tmp_path: Path, data: dict[str, list[dict[str, str]]]
) -> None:
    done = run(tmp_path, *arguments, "--dataset_dir", str(Path(data["train"][0]["image"]).parent))
    assert done.returncode == 2
    assert missing in done.stderr
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
