"""What the tests of the command line share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bundle_engine.cli import main


class Outcome(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write a file below the test's folder, mappings as JSON, and give its path; the folder is the working one."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, content: Any) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return write_file


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command line in this process."""
    monkeypatch.delenv("BUNDLE_ENGINE_TRACEBACK", raising=False)

    def call(*argv: str) -> Outcome:
        capsys.readouterr()
        code = main(argv)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    """Forget the modules that a test wrote and imported."""
    yield
    for name in ("mine", "engine_code", "stop", "scripts"):
        sys.modules.pop(name, None)
