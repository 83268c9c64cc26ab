"""The public names of inspection, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bundle_engine import inspection

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", inspection.__all__)
def test_public_names(name: str) -> None:
    assert getattr(inspection, name) is not None
    assert name in dir(inspection)


def test_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'explian'"):
        _ = inspection.explian  # type: ignore[attr-defined]


def test_they_are_loaded_on_first_use() -> None:
    code = (
        "import sys\nimport bundle_engine.inspection as i\n"
        "assert not [name for name in sys.modules if name.startswith('bundle_engine.inspection.')]\n"
        "assert [getattr(i, name) for name in i.__all__]\n"
        "print([name for name in ('torch', 'monai', 'ignite', 'numpy', 'fire', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
