"""What all tests share: the real data, where it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# beside the checkout by default; the variable names another folder
DATA = Path(os.environ.get("BUNDLE_ENGINE_DATA", ROOT.parent / "shared" / "data"))


def real_data(name: str) -> Path:
    """Give a folder of real data. Without it a test fails in CI, and is skipped elsewhere."""
    folder = DATA / name
    if not folder.exists():
        message = f"needs the data set '{name}', which is not in {DATA}; set BUNDLE_ENGINE_DATA to its folder"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def hippocampus() -> Path:
    """The folder of 200 subjects of the Decathlon's hippocampus task."""
    return real_data("hippocampus")
