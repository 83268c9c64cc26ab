"""Every tutorial works as it is written."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import real_data
from tests.tutorials.pages import ROOT, play

GENERATED = {"checks"}  # from the catalogue of findings, whose examples have tests of their own
TUTORIALS = sorted(page for page in (ROOT / "tutorials").glob("*.md") if page.stem not in GENERATED)
PAGES = [ROOT / "README.md", *TUTORIALS]
NEEDS = {  # packages, by the page
    "tracking": ("mlflow", "sqlalchemy", "alembic", "tensorboard"),
    "cross_validation": ("mlflow", "sqlalchemy", "alembic", "sklearn"),
    "sweep": ("optuna",),
    "models": ("mlflow", "sqlalchemy", "alembic"),
}
DATA = {"cross_validation": {"Task04_Hippocampus": "hippocampus"}}  # what a page calls real data, by the page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    for package in NEEDS.get(page.stem, ()):
        pytest.importorskip(package)
    for name, data in DATA.get(page.stem, {}).items():
        (tmp_path / name).symlink_to(real_data(data))
    try:
        assert play(page, tmp_path) > 0
    finally:
        for server in tmp_path.glob("*.pid"):  # what a page started and did not come to end
            with suppress(OSError):
                os.kill(int(server.read_text()), signal.SIGTERM)
