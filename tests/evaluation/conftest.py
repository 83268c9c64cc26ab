"""What the tests of the evaluation share: real labels, and predictions that are made wrong from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

STRUCTURES = {1: "anterior", 2: "posterior"}


@pytest.fixture(scope="session")
def labels(hippocampus: Path) -> dict[str, NDArray[np.uint8]]:
    """The label maps of the first eight subjects, by name."""
    files = sorted((hippocampus / "labelsTr").glob("hippocampus_*.nii.gz"))[:8]
    return {file.name.removesuffix(".nii.gz"): np.asarray(nib.load(file).dataobj).astype(np.uint8) for file in files}


@pytest.fixture(scope="session")
def perturbed() -> Callable[[NDArray[Any], int], NDArray[np.uint8]]:
    """Make a prediction of a truth: moved, frayed, with a stray piece, as a network would not be proud of."""

    def make(truth: NDArray[Any], seed: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        moved = np.roll(truth, tuple(int(step) for step in rng.integers(-2, 3, truth.ndim)), range(truth.ndim))
        frayed = np.where(rng.random(truth.shape) < 0.03, 0, moved)
        corner = tuple(int(rng.integers(0, size - 3)) for size in truth.shape)
        frayed[tuple(slice(at, at + 2) for at in corner)] = rng.integers(1, 3)
        return frayed.astype(np.uint8)

    return make
