"""The chest X-ray bundle on the real images: a short training, the evaluation, the inference; and its lists."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

from bundle_engine.resources import bundles_dir
from bundle_engine.workflow.roots import importable
from tests.conftest import real_data

BUNDLE = bundles_dir() / "chest_xray_classification"


def run(folder: Path, *arguments: str, command: str = "run") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(bundles_dir().parent), "PYTHONWARNINGS": "ignore"}
    line = [sys.executable, "-m", "bundle_engine", command, "--bundle", str(BUNDLE), *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="session")
def images() -> Path:
    return real_data("pneumoniamnist.npz")


@pytest.fixture(scope="module")
def trained(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a short training was run and measured."""
    folder = tmp_path_factory.mktemp("chest")
    short = ("--train_images", "1500", "--val_images", "200", "--batch_size", "32", "--max_epochs", "2")
    data = ("--dataset_dir", str(images))
    for arguments in (
        (*short, "--val_interval", "2", "--ema_momentum", "0.2", *data),
        ("--workflow", "evaluate", *data),
    ):
        done = run(folder, *arguments)
        assert done.returncode == 0, done.stderr
        (folder / f"{len(arguments)}.txt").write_text(done.stdout)
    return folder / "outputs" / "chest_xray_classification"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_short_training_tells_the_classes_apart(trained: Path) -> None:
    for name, count in (("val", 524), ("test", 624)):
        figures = {
            row["Metric"]: float(row["Value"])
            for row in rows_of(trained / "evaluation" / name / "metrics_aggregates.csv")
        }
        assert 0.85 < figures["AUC"] < 0.999
        assert 0.7 < figures["Accuracy"] < 0.999
        rows = rows_of(trained / "evaluation" / name / "metrics.csv")
        assert len(rows) == count
        assert rows[0]["Subject"] == f"{name}_0000"


def test_the_threshold_of_the_validation_is_used_on_the_test_set(trained: Path) -> None:
    records = {
        name: json.loads((trained / "evaluation" / name / "evaluation.json").read_text()) for name in ("val", "test")
    }
    assert records["val"]["threshold"]["value"] == records["test"]["threshold"]["value"]
    assert records["test"]["threshold"]["source"] == "chosen on the validation set"
    limit = records["test"]["threshold"]["value"]
    rows = rows_of(trained / "evaluation" / "test" / "metrics.csv")
    assert all((float(r["Probability_pneumonia"]) >= limit) == (r["Prediction"] == "pneumonia") for r in rows)
    printed = dict(
        line.split(": ") for line in (trained.parents[1] / "4.txt").read_text().splitlines() if line.count(": ") == 1
    )
    right = sum(row["Correct"] == "1" for row in rows) / len(rows)
    assert float(printed["Accuracy"]) == pytest.approx(right, abs=5e-4)
    assert float(printed["Threshold"]) == pytest.approx(limit, abs=5e-4)
    assert {"AUC", "Sensitivity", "Specificity"} <= set(printed)


def test_the_command_evaluate_finds_the_same(trained: Path, images: Path, tmp_path: Path) -> None:
    weights = ("--checkpoint", str(trained / "models" / "model.pt"))
    more = ("--dataset_dir", str(images), "--output_dir", str(tmp_path / "found"), "--noplots", "--nothumbnails")
    done = run(tmp_path, *weights, *more, command="evaluate")
    assert done.returncode == 0, done.stderr
    for name in ("val", "test"):
        ours, theirs = (folder / name / "metrics.csv" for folder in (tmp_path / "found", trained / "evaluation"))
        assert ours.read_text() == theirs.read_text()
    assert not (tmp_path / "outputs").exists()


def test_inference_reads_an_image_in_every_form(trained: Path, images: Path, tmp_path: Path) -> None:
    with np.load(images, allow_pickle=False) as arrays:
        first, second = arrays["test_images"][:2]
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(first).save(folder / "a.png")
    Image.fromarray(first).convert("RGB").save(folder / "b.png")
    np.save(folder / "c.npy", first.astype(np.float32) * 16)  # another scale
    np.savez(folder / "d.npz", test_images=np.stack([first, second]), test_labels=np.ones((2, 1)))
    nib.save(nib.Nifti1Image(first.T[..., None], np.diag([-1, -1, 1, 1])), folder / "e.nii.gz")
    nib.save(nib.Nifti1Image(first.T[::-1, ::-1].copy(), np.diag([1, 1, 1, 1])), folder / "f.nii")
    (folder / "notes.txt").write_text("no image")
    done = run(tmp_path, "--workflow", "inference", "--input", str(folder), "--ckpt_dir", str(trained / "models"))
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "outputs" / "chest_xray_classification" / "predictions.csv")
    names = [row["Image"].removeprefix(f"{folder}/") for row in rows]
    assert names == ["a.png", "b.png", "c.npy", "d.npz:test_images[0]", "d.npz:test_images[1]", "e.nii.gz", "f.nii"]
    measured = rows_of(trained / "evaluation" / "test" / "metrics.csv")
    wanted = [float(measured[number]["Probability_pneumonia"]) for number in (0, 0, 0, 0, 1, 0, 0)]
    np.testing.assert_allclose([float(row["Probability_pneumonia"]) for row in rows], wanted, atol=2e-4)
    for row in rows:
        assert float(row["Probability_normal"]) + float(row["Probability_pneumonia"]) == pytest.approx(1, abs=1e-5)
        assert row["Prediction"] == ("pneumonia" if float(row["Probability_pneumonia"]) >= 0.5 else "normal")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("a.png", b"no picture", "cannot be read"), ("c.npz", b"PK\x03\x04", "cannot be read as an .npz file")],
)
def test_a_file_that_is_no_image_is_named(name: str, content: bytes, said: str, trained: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    arguments = ("--workflow", "inference", "--input", str(tmp_path / name), "--ckpt_dir", str(trained / "models"))
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("predictions.csv"))


def test_missing_images_say_how_to_get_them(tmp_path: Path) -> None:
    done = run(tmp_path, "--dataset_dir", "no where")
    assert done.returncode == 2
    assert str(tmp_path / "no where" / "pneumoniamnist.npz") in done.stderr
    assert f"python -m scripts.download --dataset_dir '{tmp_path / 'no where'}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sections_are_the_publishers(images: Path) -> None:
    with importable(BUNDLE):
        from scripts.data import class_weights, image_list, pneumoniamnist

        with np.load(images, allow_pickle=False) as arrays:
            for section in ("train", "val", "test"):
                items = pneumoniamnist(images, section)
                assert len(items) == len(arrays[f"{section}_images"])
                assert [item["label"] for item in items] == arrays[f"{section}_labels"][:, 0].tolist()
                np.testing.assert_array_equal(items[-1]["image"], arrays[f"{section}_images"][-1])
        few = pneumoniamnist(images.parent, "train", limit=70)
        assert len(few) == 70
        assert {item["label"] for item in few} == {0, 1}  # the file is sorted by them
        items = pneumoniamnist(images, "train")
        weights = class_weights(items)
        each = weights[[item["label"] for item in items]]
        labels = torch.tensor([item["label"] for item in items])
        torch.testing.assert_close(each[labels == 0].sum(), each[labels == 1].sum(), rtol=1e-4, atol=0)
        assert float(each.mean()) == pytest.approx(1, abs=1e-4)
        with pytest.raises(ValueError, match="section must be"):
            pneumoniamnist(images, "held_out")
        with pytest.raises(FileNotFoundError, match="--input"):
            image_list(BUNDLE / "configs")


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


def test_an_object_in_a_file_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    objects = np.array([_Evil()], dtype=object)
    np.savez(tmp_path / "pneumoniamnist.npz", train_images=objects, train_labels=objects)
    np.save(tmp_path / "one.npy", objects)
    with importable(BUNDLE):
        from scripts.data import pneumoniamnist
        from scripts.pictures import read_picture

        with pytest.raises(ValueError, match=r"cannot be read as an \.npz file"):
            pneumoniamnist(tmp_path, "train")
        with pytest.raises(ValueError, match=r"one\.npy cannot be read"):
            read_picture(tmp_path / "one.npy")
    assert not (tmp_path / "unpickled").exists()


def test_another_npz_file_is_refused(tmp_path: Path) -> None:
    with importable(BUNDLE):
        from scripts.data import pneumoniamnist

        file = tmp_path / "other.npz"
        np.savez(file, train_images=np.zeros((2, 28, 28, 3)), train_labels=np.zeros((2, 1)))
        with pytest.raises(ValueError, match="is not PneumoniaMNIST"):
            pneumoniamnist(file, "train")
        with pytest.raises(ValueError, match="val_images"):
            pneumoniamnist(file, "val")


def test_pictures_are_cut_to_the_square_in_the_middle(tmp_path: Path) -> None:
    values = np.arange(6 * 10, dtype=np.uint16).reshape(6, 10) * 900
    Image.fromarray(values).save(tmp_path / "wide.png")
    with importable(BUNDLE):
        from scripts.data import image_list
        from scripts.pictures import ReadPictured, read_picture

        np.testing.assert_array_equal(read_picture(tmp_path / "wide.png"), values)  # of 16 bits
        found = ReadPictured(keys="image")({"image": str(tmp_path / "wide.png")})["image"]
        assert found.shape == (1, 6, 6)
        np.testing.assert_array_equal(found[0], values[:, 2:8])
        nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4)), tmp_path / "volume.nii.gz")
        with pytest.raises(ValueError, match="no image of rows and columns"):
            read_picture(tmp_path / "volume.nii.gz")
        np.save(tmp_path / "nan.npy", np.full((4, 4), np.nan))
        with pytest.raises(ValueError, match="no numbers"):
            read_picture(tmp_path / "nan.npy")
        (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY")
        with pytest.raises(ValueError, match=r"cut\.npy cannot be read"):
            read_picture(tmp_path / "cut.npy")
        (tmp_path / "a.tif").write_bytes(b"II*\x00")
        with pytest.raises(ValueError, match="none of the images that can be read"):
            image_list(tmp_path / "a.tif")


def test_the_network_and_the_transforms_are_written_once() -> None:
    from bundle_engine import ConfigParser

    parsers = {name: ConfigParser() for name in ("train", "evaluate", "inference")}
    for name, parser in parsers.items():
        parser.bundle_root = BUNDLE
        parser.read_config(BUNDLE / "configs" / f"{name}.yaml")
        parser.parse()
    train = parsers["train"]
    for name in ("evaluate", "inference"):
        assert parsers[name].get("network_def") == train.get("network_def")
        assert parsers[name].get("preprocessing::transforms") == train.get("image_transforms")
