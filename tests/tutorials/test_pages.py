"""Every tutorial works as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tutorials.pages import ROOT, play

PAGES = [ROOT / "README.md", *sorted((ROOT / "tutorials").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    assert play(page, tmp_path) > 0
