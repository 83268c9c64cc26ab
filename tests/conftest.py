"""What all tests share: the real data, where it is."""

from __future__ import annotations

import os
import sys
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


@pytest.fixture
def no_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package ``scripts``, which every bundle has, is there from a test before."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture(scope="session")
def hippocampus() -> Path:
    """The folder of 200 subjects of the Decathlon's hippocampus task."""
    return real_data("hippocampus")


@pytest.fixture(autouse=True)
def _runs_elsewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the records of runs out of the checkout; a tutorial has a folder of its own anyway."""
    if "tutorials" not in request.path.parts:
        monkeypatch.setenv("BUNDLE_ENGINE_RUNS", str(tmp_path.with_name(f"{tmp_path.name}_runs")))
