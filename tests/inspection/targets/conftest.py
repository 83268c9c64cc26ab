"""What the tests of the index of targets share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundle_engine.inspection.targets import Definition, Found, TargetIndex


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a source file below the test's folder ``root``, and give its path."""

    def write_file(name: str, source: str = "") -> Path:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    (tmp_path / "root").mkdir()
    return write_file


@pytest.fixture
def index(write: Callable[[str, str], Path], tmp_path: Path) -> Iterator[TargetIndex]:
    """An index that keeps nothing, with the folder ``root`` to import from."""
    with TargetIndex(paths=[tmp_path / "root"], cache=False) as made:
        yield made


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TargetIndex]:
    """An index of what is installed, for the whole session."""
    with TargetIndex(cache=tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture
def define(write: Callable[[str, str], Path], index: TargetIndex) -> Callable[..., Definition]:
    """Write a module ``m`` and give the definition of one of its names."""

    def define_name(source: str, name: str = "X") -> Definition:
        write("m.py", source)
        found = index.lookup(f"m.{name}")
        assert isinstance(found, Found), found
        return found.definition

    return define_name
