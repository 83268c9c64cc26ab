"""Evaluations to compare: real labels, and predictions that are made wrong from them, by one model more than another."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bundle_engine.evaluation.aggregates import aggregate
from bundle_engine.evaluation.segmentation import compare_structures
from bundle_engine.evaluation.tables import StructureRow, write_aggregates, write_metrics

STRUCTURES = {1: "anterior", 2: "posterior"}
SUBJECTS = 20
LEVELS = {"good": 0.03, "alike": 0.03, "bad": 0.10}  # part of the voxels of a prediction that are wrong

Rows = list[StructureRow]
Write = Callable[[Path, Mapping[str, Sequence[StructureRow]]], Path]


@pytest.fixture(scope="session")
def models(hippocampus: Path) -> dict[str, Rows]:
    """What three models measure on the same 20 subjects; `bad` misses a structure of one of them."""
    files = sorted((hippocampus / "labelsTr").glob("hippocampus_*.nii.gz"))[:SUBJECTS]
    rows: dict[str, Rows] = {name: [] for name in LEVELS}
    for number, file in enumerate(files):
        truth = np.asarray(nib.load(file).dataobj).astype(np.uint8)
        for seed, (name, level) in enumerate(LEVELS.items()):
            rng = np.random.default_rng([number, seed])
            wrong = rng.random(truth.shape) < level * (0.5 + rng.random())
            shift = int(rng.integers(0, 2)) if name != "bad" else int(rng.integers(1, 3))
            found = np.where(wrong, 0, np.roll(truth, shift, axis=0)).astype(np.uint8)
            if name == "bad" and number == 4:
                found[found == 2] = 0
            scores = compare_structures(found, truth, STRUCTURES, (1, 1, 1))
            subject = file.name.removesuffix(".nii.gz")
            rows[name] += [StructureRow(subject, structure, score) for structure, score in scores.items()]
    return rows


def write_evaluation(folder: Path, sets: Mapping[str, Sequence[StructureRow]]) -> Path:
    """Write what evaluate leaves of some sets."""
    for part, rows in sets.items():
        (folder / part).mkdir(parents=True)
        write_metrics(folder / part / "metrics.csv", rows)
        write_aggregates(folder / part / "metrics_aggregates.csv", aggregate(rows))
        record = {"task": "segmentation", "set": part, "bundle": "hippocampus"}
        (folder / part / "evaluation.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def write() -> Write:
    return write_evaluation
