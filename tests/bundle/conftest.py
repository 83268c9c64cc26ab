"""A working directory around which nothing may change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, around which nothing may change."""
    folder = tmp_path / "around" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    yield folder
    assert os.listdir(tmp_path / "around") == ["here"]
