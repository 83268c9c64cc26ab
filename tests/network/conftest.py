"""A server on this computer, and limits that do not make a test wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bundle_engine.network.limits import Limits
from tests.network.server import Server, serving

__all__ = ["limits", "no_proxies", "server"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out proxies of the computer that runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as each:
        yield each


@pytest.fixture
def limits() -> Limits:
    return Limits(attempts=3, pause=0.01, connect=2, silence=0.3, window=0.2, most_bytes=100_000_000)
