"""How many examples hypothesis tries: few, or many with ``HYPOTHESIS_PROFILE=deep``; files and targets for tests."""

from __future__ import annotations

import os
import sys
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "5000"))
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("deep", max_examples=_EXAMPLES, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module ``targets``, whose ``calls`` count what was called."""
    module: Any = types.ModuleType("targets")
    module.calls = Counter()

    def note(name: str = "it", **_: Any) -> str:
        module.calls[name] += 1
        return name

    def nothing(name: str = "nothing") -> None:
        module.calls[name] += 1

    module.note, module.nothing = note, nothing
    monkeypatch.setitem(sys.modules, "targets", module)
    return module
