"""The hippocampus bundle: its lists of images, and its configs on a small made-up dataset."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

ConfigWorkflow = pytest.importorskip("monai.bundle").ConfigWorkflow
pytest.importorskip("ignite")

BUNDLE = Path(__file__).parents[2] / "bundles" / "hippocampus_segmentation"
AFFINE = np.array([[-1.0, 0, 0, 12], [0, 0, 1, -7], [0, 1, 0, 3], [0, 0, 0, 1]])  # 1 mm, but not in RAS order


SHORT: dict[str, Any] = {
    "held_out": 2,
    "max_epochs": 2,
    "val_interval": 2,
    "patch_size": [16, 16, 16],
    "ema_momentum": 0.5,
}


def _forget_scripts() -> None:
    """Every bundle has a package of the name "scripts"."""
    for name in [name for name in sys.modules if name == "scripts" or name.startswith("scripts.")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def in_bundle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _forget_scripts()
    monkeypatch.chdir(BUNDLE)
    monkeypatch.syspath_prepend(str(BUNDLE))
    yield
    _forget_scripts()


def _write(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.uint8), affine), path)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six subjects with two bright boxes, listed in another order than that of their names."""
    root = tmp_path_factory.mktemp("Task04_Hippocampus")
    random = np.random.default_rng(0)
    listing = []
    for number in (7, 1, 12, 3, 20, 15):
        label = np.zeros((18, 14, 21), dtype=np.uint8)
        label[4:12, 3:10, 3:10] = 1
        label[4:12, 3:10, 11:18] = 2
        image = random.normal(30, 4, label.shape) + 60 * label
        name = f"hippocampus_{number:03d}.nii.gz"
        _write(root / "imagesTr" / name, image)
        _write(root / "labelsTr" / name, label)
        listing.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    (root / "dataset.json").write_text(json.dumps({"training": listing}))
    _write(root / "imagesTs" / "hippocampus_002.nii.gz", image)
    (root / "imagesTs" / "._hippocampus_002.nii.gz").write_bytes(b"fork")
    return root


def _run(config: str | list[str], workflow_type: str, **overrides: Any) -> Any:
    names = [config] if isinstance(config, str) else config
    workflow = ConfigWorkflow(
        [f"configs/{name}.yaml" for name in names],
        meta_file="configs/metadata.json",
        logging_file=False,
        workflow_type=workflow_type,
        device="$torch.device('cpu')",
        **overrides,
    )
    workflow.initialize()
    assert not workflow.check_properties()
    workflow.run()
    workflow.finalize()
    return workflow


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model.pt after a short training."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        _forget_scripts()
        patch.chdir(BUNDLE)
        patch.syspath_prepend(str(BUNDLE))
        _run("train", "train", dataset_dir=str(dataset), ckpt_dir=str(folder), **SHORT)
    return folder


def test_train_saves_the_averaged_weights(trained: Path) -> None:
    weights = torch.load(trained / "model.pt", weights_only=True)
    assert sum(value.numel() for value in weights.values()) > 1_000_000
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_evaluate_prints_and_writes_the_scores(
    dataset: Path, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workflow = _run(
        "evaluate", "infer", dataset_dir=str(dataset), ckpt_dir=str(trained), output_dir=str(tmp_path), held_out=2
    )
    metrics = workflow.evaluator.state.metrics
    written = dict(csv.reader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert set(written) == {"val_mean_dice", "dice_anterior", "dice_posterior"}
    assert 0 <= float(written["val_mean_dice"]) <= 1
    assert float(written["val_mean_dice"]) == pytest.approx(metrics["val_mean_dice"])
    rows = list(csv.DictReader((tmp_path / "val_dice_raw.csv").read_text().splitlines()))
    assert [Path(row["filename"]).name for row in rows] == ["hippocampus_001.nii.gz", "hippocampus_003.nii.gz"]


def test_inference_writes_on_the_grid_of_the_image(dataset: Path, trained: Path, tmp_path: Path) -> None:
    spacing = np.diag([0.7, 1.5, 1.0, 1.0]) @ AFFINE
    image = np.random.default_rng(1).normal(30, 4, (20, 13, 17))
    image[5:14, 4:9, 4:12] += 80
    _write(tmp_path / "in" / "other.nii.gz", image, spacing)
    for source in (None, str(tmp_path / "in" / "other.nii.gz")):
        more = {"input": source} if source else {}
        _run(
            "inference",
            "infer",
            dataset_dir=str(dataset),
            ckpt_dir=str(trained),
            output_dir=str(tmp_path / "out"),
            **more,
        )
    results = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert results == ["hippocampus_002_seg.nii.gz", "other_seg.nii.gz"]
    for name, source_path in zip(
        results, (dataset / "imagesTs" / "hippocampus_002.nii.gz", tmp_path / "in" / "other.nii.gz"), strict=True
    ):
        result, original = nib.load(tmp_path / "out" / name), nib.load(source_path)
        assert result.shape == original.shape
        assert np.allclose(result.affine, original.affine, atol=1e-5)
        assert result.get_data_dtype() == np.uint8
        assert set(np.unique(result.dataobj)) <= {0, 1, 2}


def test_split_is_by_name(dataset: Path) -> None:
    from scripts.data import decathlon_split

    held_out = [Path(item["image"]).name[12:15] for item in decathlon_split(dataset, "held_out", 2)]
    train = [Path(item["label"]).name[12:15] for item in decathlon_split(dataset, "train", 2)]
    assert held_out == ["001", "003"]
    assert train == ["007", "012", "015", "020"]
    assert len(decathlon_split(dataset, "train", 2, limit=3)) == 3
    with pytest.raises(ValueError, match="section"):
        decathlon_split(dataset, "validation")
    for section, held_out, test in (("train", 40, 0), ("train", 2, 4), ("held_out", 2, 6), ("test", 2, 0)):
        with pytest.raises(ValueError, match="no subjects"):
            decathlon_split(dataset, section, held_out, test)


def test_subjects_can_be_set_aside_for_a_test(dataset: Path) -> None:
    from scripts.data import decathlon_split

    from bundle_engine import ConfigParser

    def names(section: str) -> list[str]:
        return [Path(item["image"]).name[12:15] for item in decathlon_split(dataset, section, 2, 3)]

    assert (names("held_out"), names("train"), names("test")) == (["001", "003"], ["007"], ["012", "015", "020"])
    parser = ConfigParser()
    parser.read_config(BUNDLE / "configs" / "evaluate.yaml")
    parser.update({"dataset_dir": str(dataset), "held_out": 2})
    assert parser.get_parsed_content("datalist") == decathlon_split(dataset, "held_out", 2)
    parser["test_subjects"] = 3
    parser.parse()
    assert parser.get_parsed_content("datalist") == decathlon_split(dataset, "test", 2, 3)


def test_missing_data_say_how_to_get_them(tmp_path: Path) -> None:
    from scripts.data import decathlon_split, image_list

    with pytest.raises(FileNotFoundError) as error:
        decathlon_split(tmp_path / "nowhere", "train")
    for part in (str(tmp_path / "nowhere"), "python -m scripts.download --dataset_dir", "--dataset_dir DIR"):
        assert part in str(error.value)
    with pytest.raises(FileNotFoundError, match="--input"):
        image_list(tmp_path)
    with pytest.raises(FileNotFoundError, match="--input"):
        image_list([tmp_path / "nowhere.nii.gz"])


def test_a_missing_image_is_named(dataset: Path, tmp_path: Path) -> None:
    from scripts.data import decathlon_split

    (tmp_path / "dataset.json").write_text((dataset / "dataset.json").read_text())
    with pytest.raises(FileNotFoundError, match="hippocampus_001"):
        decathlon_split(tmp_path, "held_out", 2)


def test_mirror_inferer_treats_both_sides_alike() -> None:
    from scripts.inferer import MirrorInferer

    torch.manual_seed(0)
    network = torch.nn.Conv3d(1, 3, 3, padding=1)
    image = torch.randn(2, 1, 6, 5, 4)
    with torch.no_grad():
        result = MirrorInferer()(image, network)
        mirrored = MirrorInferer()(image.flip(2), network).flip(2)
    assert result.shape == (2, 3, 6, 5, 4)
    assert torch.allclose(result, mirrored, atol=1e-6)
    assert torch.allclose(result.sum(1), torch.ones(2, 6, 5, 4), atol=1e-6)


def test_the_network_and_the_transforms_are_written_once() -> None:
    from monai.bundle import ConfigParser

    parsers = {}
    for name in ("train", "evaluate", "inference"):
        parsers[name] = ConfigParser(ConfigParser.load_config_file(f"configs/{name}.yaml"))
        parsers[name].parse()
    for id in ("network_def", "image_transforms", "whole_image_transforms"):
        assert parsers["train"][id] == parsers["evaluate"][id] == parsers["inference"][id]
    whole = [type(step) for step in parsers["train"].get_parsed_content("validate::preprocessing").transforms]
    for name in ("evaluate", "inference"):
        assert [type(step) for step in parsers[name].get_parsed_content("preprocessing").transforms] == whole
