"""Packaged models: complete, and used by a process that knows nothing of the checkout's folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml

from bundle_engine.bundle.digests import parse_digests, verify_digests
from bundle_engine.cli.entry import main
from bundle_engine.experiment.assembly import assemble
from bundle_engine.experiment.models import model_of_bundle
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def packaged(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two epochs of the run, packaged as an ensemble."""
    folder = tmp_path_factory.mktemp("packaged") / "final_ensemble_model"
    words = ["package_model", "--model", str(run), "--epochs_to_test", "1,2", "--output_dir", str(folder)]
    assert main(words) == 0
    return folder


def test_a_packaged_model_is_complete(packaged: Path) -> None:
    names = {path.relative_to(packaged).as_posix() for path in packaged.rglob("*") if path.is_file()}
    assert {"score.py", "requirements.txt", "environment.yml", "model_inference_config.json", "SHA256SUMS",
            "configs/inference.yaml", "configs/metadata.json", "scripts/inferer.py", "models/model_0.pt",
            "models/model_1.pt", "LICENSE"} <= names  # fmt: skip
    assert not any("__pycache__" in name for name in names)
    digests = parse_digests((packaged / "SHA256SUMS").read_text())
    assert not verify_digests(packaged, digests)
    assert digests.keys() == names - {"SHA256SUMS"}


def test_the_description_names_structures_colours_and_weights(packaged: Path) -> None:
    described = json.loads((packaged / "model_inference_config.json").read_text())
    assert [(each["name"], each["label"]) for each in described["structures"]] == [
        ("anterior hippocampus", 1),
        ("posterior hippocampus", 2),
    ]
    assert [each["colour"] for each in described["structures"]] == ["#e69f00", "#56b4e9"]
    assert [each["path"] for each in described["checkpoints"]] == ["models/model_0.pt", "models/model_1.pt"]
    assert described["aggregation"] == "average of posteriors"


def test_the_requirements_are_what_is_imported_as_it_is_installed(packaged: Path) -> None:
    rows = dict(line.split("==") for line in (packaged / "requirements.txt").read_text().splitlines())
    for name in ("torch", "monai", "numpy", "nibabel", "pytorch-ignite"):
        assert rows[name] == metadata.version(name).partition("+")[0]
    assert "bundle-engine" in rows
    assert not {"pytest", "mlflow-skinny", "scikit-learn", "ray", "optuna"} & rows.keys()
    described = yaml.safe_load((packaged / "environment.yml").read_text())
    pins = next(each["pip"] for each in described["dependencies"] if isinstance(each, dict))
    assert pins == [f"{name}=={version}" for name, version in rows.items()]
    assert f"python={'.'.join(map(str, sys.version_info[:3]))}" in described["dependencies"]
    assert described["name"] == "final_ensemble_model"


def test_the_configs_of_the_package_hold_what_the_training_changed(packaged: Path) -> None:
    train = yaml.safe_load((packaged / "configs" / "train.yaml").read_text())
    assert train["network_def"]["deep_supervision"] is False
    text = "".join(path.read_text() for path in (packaged / "configs").iterdir())
    assert str(ROOT) not in text


def test_score_segments_an_image_in_a_process_of_its_own(
    packaged: Path, run: Path, image: Path, tmp_path: Path, capsys: Any
) -> None:
    """The folder is moved first: nothing in it may depend on where it was made."""
    moved = Path(shutil.copytree(packaged, tmp_path / "elsewhere" / "model"))
    (moved / "models" / "model_1.pt").rename(tmp_path / "kept.pt")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error::UserWarning:bundle_engine", str(moved / "score.py"), str(image)]
    broken = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert broken.returncode == 2
    assert "model_1.pt' are missing" in broken.stderr
    assert not (tmp_path / "predictions").exists()
    (tmp_path / "kept.pt").rename(moved / "models" / "model_1.pt")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    words = ["predict", "--model", str(run), "--epochs_to_test", "1,2", "--image_file", str(image)]
    assert main([*words, "--output_dir", str(tmp_path / "here")]) == 0
    one, other = (tmp_path / name / "hippocampus_003_seg.nii.gz" for name in ("predictions", "here"))
    assert np.array_equal(np.asarray(nibabel.load(one).dataobj), np.asarray(nibabel.load(other).dataobj))


def test_a_bundle_that_brings_its_weights_is_packaged_with_them(
    packaged: Path, bundle: Path, tmp_path: Path, capsys: Any
) -> None:
    again = tmp_path / "once more"
    assert main(["package_model", "--model", str(packaged), "--output_dir", "once more"]) == 0
    assert capsys.readouterr().out == "wrote once more, with 2 networks\n  python 'once more/score.py' IMAGE\n"
    assert (again / "environment.yml").read_text().splitlines()[0] == "name: once_more"  # conda takes no spaces
    for name in ("requirements.txt", "configs/metadata.json", "scripts/inferer.py"):
        assert (again / name).read_bytes() == (packaged / name).read_bytes(), name
    for name in ("model_0.pt", "model_1.pt"):
        new, old = (torch.load(each / "models" / name, weights_only=True) for each in (again, packaged))
        assert new.keys() == old.keys()
        assert all(torch.equal(new[key], old[key]) for key in old)
    written = [yaml.safe_load((each / "configs" / "inference.yaml").read_text()) for each in (again, packaged)]
    assert written[0] == written[1]
    (again / "models" / "model_1.pt").unlink()
    assert main(["package_model", "--model", "once more", "--output_dir", "third"]) == 2
    assert "there are no trained weights at" in capsys.readouterr().err
    assert main(["package_model", "--model", str(bundle), "--output_dir", "third"]) == 2
    assert "--local_weights_path FILE" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("networks", [1, 2])
def test_a_loader_that_initialize_calls_gives_way(
    bundle: Path, weights: list[Path], image: Path, tmp_path: Path, networks: int
) -> None:
    zoo = Path(shutil.copytree(bundle, tmp_path / "zoo"))  # as many bundles of the Model Zoo are
    config = zoo / "configs" / "inference.yaml"
    content = yaml.safe_load(config.read_text())
    content["checkpointloader"] = content["handlers"].pop(0)
    content["initialize"].append("$@checkpointloader(@evaluator)")
    config.write_text(yaml.safe_dump(content, sort_keys=False))
    named = ["--bundle", "zoo", "--local_weights_path", ",".join(map(str, weights[:networks]))]
    words = ["--image_file", str(image), "--nopicture", "--output_dir"]
    assert main(["predict", *named, *words, "zoo's"]) == 0
    assert main(["predict", *named[:1], str(bundle), *named[2:], *words, "usual"]) == 0
    assemble(model_of_bundle(zoo, weights[:networks]), tmp_path / "packed")
    assert main(["predict", "--model", "packed", *words, "packed's"]) == 0
    found = [next(Path(each).iterdir()).read_bytes() for each in ("zoo's", "usual", "packed's")]
    assert found[0] == found[1] == found[2]


def test_what_is_there_already_stays(packaged: Path, run: Path, tmp_path: Path, capsys: Any) -> None:
    before = (packaged / "SHA256SUMS").read_text()
    assert main(["package_model", "--model", str(run), "--output_dir", str(packaged)]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert (packaged / "SHA256SUMS").read_text() == before
    (tmp_path / "photos").mkdir()
    words = ["package_model", "--model", str(run), "--output_dir", "photos", "--overwrite"]
    assert main(words) == 2
    assert "it is no packaged model" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main([*words[:-2], "file/model"]) == 2
    assert capsys.readouterr().err == f"error: cannot write '{tmp_path}/file/model': '{tmp_path}/file' is a file\n"
    assert list((tmp_path / "photos").iterdir()) == []


def test_a_model_that_cannot_be_built_leaves_nothing(
    bundle: Path, weights: list[Path], tmp_path: Path, capsys: Any
) -> None:
    broken = Path(shutil.copytree(bundle, tmp_path / "broken"))
    (broken / "scripts" / "inferer.py").write_text("raise RuntimeError('no')\n")
    words = ["package_model", "--bundle", "broken", "--local_weights_path", str(weights[0]), "--output_dir", "new"]
    assert main(words) == 2
    assert "cannot be built" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]
