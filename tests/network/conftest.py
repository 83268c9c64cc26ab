"""A server on this computer, files from it, and limits that do not make a test wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.network.answers import Web
from bundle_engine.network.limits import Limits
from bundle_engine.network.progress import Progress
from bundle_engine.network.transfer import Fetched, fetch
from tests.network.content import Notes
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


@pytest.fixture
def get(server: Server, limits: Limits, tmp_path: Path) -> Any:
    """Fetch a path of the server to ``file`` in the test's folder."""

    def fetch_path(path: str = "/file", *, progress: Progress | None = None, **options: Any) -> Fetched:
        web = Web(options.pop("limits", limits), hosts=options.pop("hosts", None))
        url = path if "://" in path else server.url + path
        return fetch(url, tmp_path / "file", web=web, progress=progress or Notes(), **options)

    return fetch_path
