"""A few real subjects, to be spoilt or preprocessed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.data import datalist
from bundle_engine.data.checks import check_dataset
from bundle_engine.data.reading import read_table

NUMBERS = ("001", "003", "004", "006", "007", "008")
CLASSES = {"0": "background", "1": "Anterior", "2": "Posterior"}


def name(number: str) -> str:
    return f"hippocampus_{number}"


@pytest.fixture
def few(hippocampus: Path, tmp_path: Path) -> Path:
    """A folder with six of the real subjects and their dataset.json."""
    root = tmp_path / "few"
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
        for number in NUMBERS:
            shutil.copyfile(hippocampus / folder / f"{name(number)}.nii.gz", root / folder / f"{name(number)}.nii.gz")
    entries = [{"image": image(number), "label": label(number)} for number in NUMBERS]
    write_json(root, {"labels": CLASSES, "modality": {"0": "MRI"}, "training": entries, "test": []})
    return root


def image(number: str) -> str:
    return f"./imagesTr/{name(number)}.nii.gz"


def label(number: str) -> str:
    return f"./labelsTr/{name(number)}.nii.gz"


def write_json(root: Path, content: object) -> None:
    (root / "dataset.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


@pytest.fixture
def codes() -> Callable[..., list[tuple[str, str, str]]]:
    """Check a table; give code, severity and subject of what is found."""

    def check(table: Path, **options: object) -> list[tuple[str, str, str]]:
        dataset, findings = read_table(table)
        report = check_dataset(dataset, findings, workers=2, **options)
        return [(each.code, each.severity, each.id) for each in report.findings]

    return check


@pytest.fixture
def items(few: Path) -> list[dict[str, Any]]:
    return datalist(few, "train")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"
