"""What the tests of runs share: a training that takes a second, and processes that start fast."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome
from tests.runs.processes import Nursery
from tests.workflow.resume.conftest import training


@pytest.fixture(scope="package")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Start command lines in processes of their own."""
    opened = Nursery(tmp_path_factory.mktemp("output"))
    yield opened
    opened.close()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command line in this process; without torch it takes no time."""
    from bundle_engine.cli import main

    monkeypatch.delenv("BUNDLE_ENGINE_TRACEBACK", raising=False)

    def call(*argv: str) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["bundle-engine", *argv])
        code = main(argv)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the test, with its runs below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUNDLE_ENGINE_RUNS", str(tmp_path / "runs"))
    return tmp_path


@pytest.fixture
def written(here: Path) -> Callable[..., Path]:
    """Write a config below the working directory."""

    def write(name: str, content: Any) -> Path:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def make_bundle(folder: Path, images: Path) -> Path:
    """Make a bundle of the training that the tests of checkpoints have, as it is there: nothing is added to resume."""
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "train.json").write_text(json.dumps(training(images)))
    (folder / "configs" / "metadata.json").write_text("{}")
    return folder


def runs_in(folder: Path) -> list[Path]:
    """Give the folders of all records below a folder."""
    return sorted(path.parent for path in folder.rglob("run.json"))


def record_of(folder: Path) -> dict[str, Any]:
    """Read a record as a reader of JSON would."""
    return dict(json.loads((folder / "run.json").read_text()))


def learnt(run: Path) -> str:
    """Give a digest of everything that the last checkpoint of a run holds of networks, optimizers and averages."""
    import torch

    newest = max((run / "checkpoints").glob("epoch*.pt"))
    digest = hashlib.sha256(newest.name.encode())
    waiting = [torch.load(newest, weights_only=True)["stateful"]]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key in value:
                digest.update(str(key).encode())
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
        elif isinstance(value, torch.Tensor):
            digest.update(value.numpy().tobytes())
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()
