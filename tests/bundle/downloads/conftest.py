"""A server on this computer, and limits that do not make a test wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from bundle_engine.bundle.network.limits import Limits
from bundle_engine.cli import main
from tests.bundle.downloads.server import Server, serving

QUICK = Limits(attempts=3, pause=0.01, connect=2, silence=0.3, window=0.2, most_bytes=100_000_000)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out proxies and tokens of the computer that runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("NGC_API_KEY", "NGC_ORG", "NGC_TEAM", "BUNDLE_DOWNLOAD_SRC", "HF_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as each:
        yield each


@pytest.fixture
def limits() -> Limits:
    return QUICK


class Outcome(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command line in this process."""
    monkeypatch.delenv("BUNDLE_ENGINE_TRACEBACK", raising=False)

    def call(*argv: str) -> Outcome:
        capsys.readouterr()
        code = main(argv)
        return Outcome(code, *capsys.readouterr())

    return call
