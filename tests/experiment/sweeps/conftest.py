"""A bundle whose runs compute a number, without torch, and so in a third of a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.cli import main
from tests.cli.conftest import Outcome

ROOT = Path(__file__).resolve().parents[3]

# computes a parabola with its top at x = 3, y = 4, in steps, as a training gets better
CODE = """
import json, pathlib, time

def climb(folder, x, y, steps=1, seconds=0.0, broken=""):
    if broken and pathlib.Path(broken).exists():
        raise ValueError(f"cannot compute {x}")
    top = -((x - 3) ** 2) - (y - 4) ** 2
    values = []
    for step in range(1, steps + 1):
        values.append(top - (steps - step))
        pathlib.Path(folder, "metrics.json").write_text(json.dumps({"score": values, "height": -top}))
        time.sleep(seconds)
"""
CONFIG = {
    "output_dir": "nowhere",
    "x": 1.0,
    "y": 2,
    "shape": [1],
    "steps": 1,
    "seconds": 0.0,
    "broken": "",
    "run": [
        {
            "_target_": "scripts.climb",
            **{name: f"@{name}" for name in ("x", "y", "steps", "seconds", "broken")},
            "folder": "@output_dir",
        }
    ],
}


def make_light(root: Path) -> Path:
    """Make the bundle."""
    for name, text in (
        ("configs/train.json", json.dumps(CONFIG)),
        ("configs/metadata.json", "{}"),
        ("scripts/__init__.py", CODE),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundle, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUNDLE_ENGINE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("BUNDLE_ENGINE_TRACEBACK", raising=False)
    return make_light(tmp_path / "light")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command line in this process."""

    def call(*argv: str) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["bundle-engine", *argv])
        return Outcome(main(argv), *capsys.readouterr())

    return call


def sweep_in(folder: Path) -> Path:
    """Give the folder of the only sweep below a folder."""
    [found] = folder.rglob("experiment.json")
    return found.parent


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())
