"""What the tests of workflows share."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file below the test's folder, mappings as JSON, and give its path."""

    def write_file(name: str, content: Any) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return write_file


@pytest.fixture
def bare_log() -> logging.Logger:
    """The root logger without handlers, as a program begins; see `pytest_runtest_call`."""
    return logging.getLogger()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Take away the handlers of pytest itself, which come in after all fixtures, for tests with `bare_log`."""
    if "bare_log" not in getattr(item, "fixturenames", ()):
        return (yield)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        return (yield)
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def own_modules() -> Iterator[None]:
    """Forget the modules and search paths that a test brought in."""
    modules, path = set(sys.modules), sys.path[:]
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("scripts", "only_a", "only_b"):
            del sys.modules[name]
