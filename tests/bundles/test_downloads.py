"""What the download scripts of the bundles say of their data; the rest is in tests/data/test_fetching.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundle_engine.data import PublishedDataset
from bundle_engine.resources import bundles_dir
from tests.bundles.test_layout import BUNDLES

WITH_SCRIPT = [bundle for bundle in BUNDLES if (bundle / "scripts" / "download.py").is_file()]


def script(bundle: Path, *argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the script as its README says: from the folder of the bundle."""
    env = {**os.environ, "PYTHONPATH": str(bundles_dir().parent), "COLUMNS": "1000", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "scripts.download", *argv]
    done = subprocess.run(command, cwd=bundle, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def data_of(name: str) -> PublishedDataset:
    scope: dict[str, object] = {"__name__": f"{name}_download"}
    exec((bundles_dir() / name / "scripts" / "download.py").read_text(encoding="utf-8"), scope)
    data = scope["DATA"]
    assert isinstance(data, PublishedDataset)
    return data


@pytest.mark.parametrize("bundle", WITH_SCRIPT, ids=lambda bundle: bundle.name)
def test_the_script_is_described_as_the_readme_says(bundle: Path) -> None:
    text = script(bundle, "--help").stdout
    data = data_of(bundle.name)
    for option in ("--dataset_dir DIR", "--url URL", "--archive FILE", "--md5 HEX", "--sha256 HEX"):
        assert option in text
    assert data.url in text
    assert str(data.md5) in text
    readme = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    assert f"python -m scripts.download --dataset_dir {data.folder}" in readme
    assert f"licence {data.licence}" in readme
    assert data.licence in json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))["data_source"]


@pytest.mark.parametrize("bundle", WITH_SCRIPT, ids=lambda bundle: bundle.name)
def test_another_file_is_not_taken_for_the_published_one(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"something else")
    done = script(bundle, "--dataset_dir", str(tmp_path / "to"), "--archive", str(tmp_path / "mine"), code=1)
    assert f"not {data_of(bundle.name).md5}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_published_files() -> None:
    assert {bundle.name: data_of(bundle.name).md5 for bundle in WITH_SCRIPT} == {
        "chest_xray_classification": "28209eda62fecd6e6a2d98b1501bb15f",
        "hippocampus_segmentation": "9d24dba78a72977dbd1d2e110310f31b",
    }


@pytest.mark.parametrize("lost", [None, "dataset.json", "labelsTr/h_2.nii.gz"])
def test_what_makes_the_hippocampus_data_complete(tmp_path: Path, lost: str | None) -> None:
    listed = [{"image": f"./imagesTr/h_{i}.nii.gz", "label": f"./labelsTr/h_{i}.nii.gz"} for i in (1, 2)]
    files = {"dataset.json": json.dumps({"training": listed})}
    files |= {f"{folder}/h_{i}.nii.gz": "" for folder in ("imagesTr", "labelsTr") for i in (1, 2)}
    for name, text in files.items():
        if name != lost:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
    complete = data_of("hippocampus_segmentation").complete
    assert complete is not None
    assert complete(tmp_path) is (lost is None)


@pytest.mark.parametrize("text", ["", "[]", '{"training": [{"image": 1}]}', '{"training": null}'])
def test_a_list_that_cannot_be_read_is_no_complete_data(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    complete = data_of("hippocampus_segmentation").complete
    assert complete is not None
    assert not complete(tmp_path)
