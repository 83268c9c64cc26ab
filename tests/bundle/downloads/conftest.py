"""The server on this computer, downloads from it, and command lines that run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bundle_engine.bundle.download import download
from bundle_engine.cli import main
from tests.network.conftest import limits, no_proxies, server
from tests.network.server import Server

__all__ = ["limits", "no_proxies", "server"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out tokens of the computer that runs the tests."""
    for name in ("NGC_API_KEY", "NGC_ORG", "NGC_TEAM", "BUNDLE_DOWNLOAD_SRC", "HF_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


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


@pytest.fixture
def sources(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the server in the place of all sources."""
    for name in ("GITHUB", "GITHUB_API", "GITHUB_RAW", "NGC", "HUGGINGFACE"):
        monkeypatch.setenv(f"BUNDLE_ENGINE_{name}_URL", server.url)
    monkeypatch.setenv("BUNDLE_ENGINE_NGC_TOKEN_URL", f"{server.url}/token")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture
def get(limits: Any, tmp_path: Path) -> Any:
    """Download to a folder of the test's."""

    def call(*args: Any, **options: Any) -> Path:
        given = {"bundle_dir": tmp_path / "bundles", "progress": False, "limits": limits, **options}
        return download(*args, **given)

    return call
