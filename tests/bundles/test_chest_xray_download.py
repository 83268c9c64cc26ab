"""The download script of the chest X-ray bundle, against a web server on this computer."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

BUNDLE = Path(__file__).parents[2] / "bundles" / "chest_xray_classification"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chest_xray_download", BUNDLE / "scripts" / "download.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _load()


class Server:
    """Serves ``body`` at any address; ``cuts`` lists after how many bytes the next answers break off."""

    def __init__(self) -> None:
        self.body = b""
        self.content_type = "application/octet-stream"
        self.cuts: list[int] = []
        self.status: int | None = None
        self.ranges_supported = True
        self.starts: list[int] = []  # first byte of every answer that was asked for
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                start = 0
                wanted = self.headers.get("Range")
                if wanted and outer.ranges_supported:
                    start = int(wanted.removeprefix("bytes=").rstrip("-"))
                outer.starts.append(start)
                if outer.status is not None:
                    self.send_error(outer.status)
                    return
                size = len(outer.body)
                if start >= size:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{size}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                self.send_header("Content-Type", outer.content_type)
                self.send_header("Content-Length", str(size - start))
                self.end_headers()
                end = start + outer.cuts.pop(0) if outer.cuts else size
                self.wfile.write(outer.body[start:end])
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}/pneumoniamnist.npz"
        self.thread = threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    yield running
    running.close()


BODY = b"PK\x03\x04" + bytes(range(256)) * 400


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def get(server: Server, target: Path, *more: str) -> int:
    """Run the script's command line for what the server serves, with the right checksum unless one is given."""
    server.body = server.body or BODY
    checksum = [] if {"--md5", "--sha256"} & set(more) else ["--md5", md5(server.body)]
    status: int = script.main(["--dataset_dir", str(target), "--url", server.url, *checksum, *more])
    return status


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_downloads_and_verifies(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(server, tmp_path / "new" / "chest") == 0
    assert "ready" in capsys.readouterr().out
    assert files_in(tmp_path / "new" / "chest") == ["pneumoniamnist.npz"]
    assert (tmp_path / "new" / "chest" / "pneumoniamnist.npz").read_bytes() == BODY
    assert get(server, tmp_path / "new" / "chest") == 0
    assert "already present" in capsys.readouterr().out
    assert server.starts == [0]


def test_sha256_replaces_the_default_md5(server: Server, tmp_path: Path) -> None:
    assert get(server, tmp_path, "--sha256", hashlib.sha256(BODY).hexdigest()) == 0


@pytest.mark.parametrize("option", ["--md5", "--sha256"])
def test_wrong_checksum(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert get(server, tmp_path, option, "0" * 32) == 1
    assert "checksum" in capsys.readouterr().err
    assert files_in(tmp_path) == []


def test_a_web_page_instead_of_the_file(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.body, server.content_type = b"\n<!DOCTYPE html><html><body>Please log in</body></html>", "text/html"
    assert get(server, tmp_path, "--md5", script.DEFAULT_MD5) == 1
    assert "web page" in capsys.readouterr().err
    assert files_in(tmp_path) == []


def test_another_file_of_that_name_is_left_alone(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pneumoniamnist.npz").write_bytes(b"mine")
    assert get(server, tmp_path) == 1
    assert "not the published file" in capsys.readouterr().err
    assert (tmp_path / "pneumoniamnist.npz").read_bytes() == b"mine"
    assert server.starts == []


def test_a_cut_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    server.cuts = [20000, 10000]
    assert get(server, tmp_path) == 0
    assert server.starts == [0, 20000, 30000]
    assert (tmp_path / "pneumoniamnist.npz").read_bytes() == BODY


def test_a_cut_connection_is_resumed_by_the_next_call(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.cuts = [20000, 0]
    assert get(server, tmp_path) == 1
    assert "run the command again" in capsys.readouterr().err
    assert files_in(tmp_path) == ["pneumoniamnist.npz.part"]
    assert get(server, tmp_path) == 0
    assert files_in(tmp_path) == ["pneumoniamnist.npz"]


def test_a_server_that_cannot_resume_starts_over(server: Server, tmp_path: Path) -> None:
    server.cuts, server.ranges_supported = [20000], False
    assert get(server, tmp_path) == 0
    assert server.starts == [0, 0]


def test_a_part_file_that_is_something_else_is_not_built_upon(server: Server, tmp_path: Path) -> None:
    (tmp_path / "pneumoniamnist.npz.part").write_bytes(b"z" * 500)
    assert get(server, tmp_path) == 1
    assert files_in(tmp_path) == []
    assert get(server, tmp_path) == 0


def test_no_such_file_on_the_server(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.status = 404
    assert get(server, tmp_path) == 1
    assert "404" in capsys.readouterr().err


def test_no_connection(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.close()
    assert get(server, tmp_path) == 1
    error = capsys.readouterr().err
    assert "Could not download" in error
    assert "--archive" in error


def test_a_file_downloaded_before(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.npz").write_bytes(BODY)
    assert get(server, tmp_path / "chest", "--archive", str(tmp_path / "data.npz")) == 0
    assert files_in(tmp_path / "chest") == ["pneumoniamnist.npz"]
    assert get(server, tmp_path / "other", "--archive", str(tmp_path / "data.npz"), "--md5", "0" * 32) == 1
    assert files_in(tmp_path / "other") == []
    assert get(server, tmp_path / "other", "--archive", str(tmp_path / "nothing.npz")) == 1
    assert "There is no file" in capsys.readouterr().err
    assert (tmp_path / "data.npz").is_file()
    assert server.starts == []


def test_other_address_kinds_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.npz").write_bytes(BODY)
    assert script.main(["--dataset_dir", str(tmp_path / "chest"), "--url", (tmp_path / "data.npz").as_uri()]) == 1
    assert "http" in capsys.readouterr().err


def test_the_defaults_are_the_published_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        script.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out.replace("\n", "").replace(" ", "")
    assert script.DEFAULT_URL in text
    assert "https://zenodo.org/" in script.DEFAULT_URL
    assert "28209eda62fecd6e6a2d98b1501bb15f" in text
