"""The download script of the hippocampus bundle, against a web server on this computer."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

BUNDLE = Path(__file__).parents[2] / "bundles" / "hippocampus_segmentation"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hippocampus_download", BUNDLE / "scripts" / "download.py")
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
        self.content_type = "application/x-tar"
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
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}/Task04_Hippocampus.tar"
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


def make_tar(extra: list[tarfile.TarInfo] | None = None, drop: str | None = None) -> bytes:
    """A small archive laid out like the published one, with the hidden files that macOS leaves behind."""
    listing = {"training": [{"image": f"./imagesTr/h_{i}.nii.gz", "label": f"./labelsTr/h_{i}.nii.gz"} for i in (1, 2)]}
    files = {"dataset.json": json.dumps(listing).encode(), "._dataset.json": b"fork", "imagesTs/._h_9.nii.gz": b"fork"}
    for i in (1, 2):
        files[f"imagesTr/h_{i}.nii.gz"] = b"image%d" % i * 5000
        files[f"labelsTr/h_{i}.nii.gz"] = b"label%d" % i
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("Task04_Hippocampus")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, content in files.items():
            if name != drop:
                member = tarfile.TarInfo(f"Task04_Hippocampus/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        for member in extra or []:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def get(server: Server, target: Path, *more: str) -> int:
    """Run the script's command line for what the server serves, with the right checksum unless one is given."""
    checksum = [] if {"--md5", "--sha256"} & set(more) else ["--md5", md5(server.body)]
    status: int = script.main(["--dataset_dir", str(target), "--url", server.url, *checksum, *more])
    return status


def left_over(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_downloads_verifies_and_unpacks(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.body = make_tar()
    target = tmp_path / "new" / "hippo"
    assert get(server, target) == 0
    assert "ready" in capsys.readouterr().out
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert files == [
        "dataset.json",
        "imagesTr/h_1.nii.gz",
        "imagesTr/h_2.nii.gz",
        "labelsTr/h_1.nii.gz",
        "labelsTr/h_2.nii.gz",
    ]
    assert (target / "imagesTr" / "h_2.nii.gz").read_bytes() == b"image2" * 5000
    assert left_over(target) == ["hippo"]


def test_present_already(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.body = make_tar()
    assert get(server, tmp_path / "hippo") == 0
    asked = len(server.starts)
    assert get(server, tmp_path / "hippo") == 0
    assert len(server.starts) == asked
    assert "already present" in capsys.readouterr().out


def test_an_empty_folder_is_filled(server: Server, tmp_path: Path) -> None:
    server.body = make_tar()
    (tmp_path / "hippo").mkdir()
    assert get(server, tmp_path / "hippo") == 0
    assert (tmp_path / "hippo" / "dataset.json").is_file()


def test_a_folder_with_other_files_is_left_alone(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.body = make_tar()
    (tmp_path / "hippo").mkdir()
    (tmp_path / "hippo" / "mine.txt").write_text("mine")
    assert get(server, tmp_path / "hippo") == 1
    assert "not a complete dataset" in capsys.readouterr().err
    assert server.starts == []
    assert left_over(tmp_path / "hippo" / "mine.txt") == ["mine.txt"]


def test_sha256_replaces_the_default_md5(server: Server, tmp_path: Path) -> None:
    server.body = make_tar()
    assert get(server, tmp_path / "hippo", "--sha256", hashlib.sha256(server.body).hexdigest()) == 0


@pytest.mark.parametrize("option", ["--md5", "--sha256"])
def test_wrong_checksum(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    server.body = make_tar()
    assert get(server, tmp_path / "hippo", option, "0" * 32) == 1
    assert "checksum" in capsys.readouterr().err
    assert left_over(tmp_path / "hippo") == []


def test_a_web_page_instead_of_the_archive(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.body, server.content_type = b"\n<!DOCTYPE html><html><body>Please log in</body></html>", "text/html"
    assert get(server, tmp_path / "hippo", "--md5", script.DEFAULT_MD5) == 1
    assert "web page" in capsys.readouterr().err
    assert left_over(tmp_path / "hippo") == []


def test_not_a_tar_with_the_right_checksum(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.body = b"something else " * 100
    assert get(server, tmp_path / "hippo") == 1
    assert "not a readable tar" in capsys.readouterr().err
    assert left_over(tmp_path / "hippo") == []


def test_a_dataset_with_missing_files_is_refused(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.body = make_tar(drop="labelsTr/h_2.nii.gz")
    assert get(server, tmp_path / "hippo") == 1
    assert "complete dataset" in capsys.readouterr().err
    assert left_over(tmp_path / "hippo") == []


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    member.size = 4 if kind == tarfile.REGTYPE else 0
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("../evil.txt"),
        _member("Task04_Hippocampus/../../evil.txt"),
        _member("/tmp/evil.txt"),
        _member("..\\evil.txt"),
        _member("C:/evil.txt"),
        _member("Task04_Hippocampus/link", tarfile.SYMTYPE, "../../evil.txt"),
        _member("Task04_Hippocampus/inside", tarfile.SYMTYPE, "dataset.json"),
        _member("Task04_Hippocampus/hard", tarfile.LNKTYPE, "Task04_Hippocampus/dataset.json"),
        _member("Task04_Hippocampus/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.type.decode()}-{member.name}",
)
def test_unsafe_members_are_refused(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], member: tarfile.TarInfo
) -> None:
    server.body = make_tar(extra=[member])
    assert get(server, tmp_path / "hippo") == 1
    assert "refused" in capsys.readouterr().err
    assert left_over(tmp_path / "hippo") == []


def test_a_cut_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    server.body, server.cuts = make_tar(), [20000, 10000]
    assert get(server, tmp_path / "hippo") == 0
    assert server.starts == [0, 20000, 30000]
    assert (tmp_path / "hippo" / "imagesTr" / "h_1.nii.gz").read_bytes() == b"image1" * 5000


def test_a_cut_connection_is_resumed_by_the_next_call(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.body, server.cuts = make_tar(), [20000, 0]
    assert get(server, tmp_path / "hippo") == 1
    error = capsys.readouterr().err
    assert "run the command again" in error
    assert "cut" in error
    assert left_over(tmp_path / "hippo") == ["hippo.tar.part"]
    assert get(server, tmp_path / "hippo") == 0
    assert server.starts == [0, 20000, 20000]
    assert left_over(tmp_path / "hippo") == ["hippo"]


def test_a_server_that_cannot_resume_starts_over(server: Server, tmp_path: Path) -> None:
    server.body, server.cuts, server.ranges_supported = make_tar(), [20000], False
    assert get(server, tmp_path / "hippo") == 0
    assert server.starts == [0, 0]


def test_a_complete_part_file_is_used(server: Server, tmp_path: Path) -> None:
    server.body = make_tar()
    (tmp_path / "hippo.tar.part").write_bytes(server.body)
    assert get(server, tmp_path / "hippo") == 0
    assert left_over(tmp_path / "hippo") == ["hippo"]


def test_a_longer_part_file_is_replaced(server: Server, tmp_path: Path) -> None:
    server.body = make_tar()
    (tmp_path / "hippo.tar.part").write_bytes(b"z" * (len(server.body) + 5))
    assert get(server, tmp_path / "hippo") == 0


def test_no_such_file_on_the_server(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.status = 404
    assert get(server, tmp_path / "hippo", "--md5", "0" * 32) == 1
    assert "404" in capsys.readouterr().err


def test_no_connection(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.close()
    assert get(server, tmp_path / "hippo", "--md5", "0" * 32) == 1
    error = capsys.readouterr().err
    assert "Could not download" in error
    assert "--archive" in error


def test_an_archive_downloaded_before(server: Server, tmp_path: Path) -> None:
    server.body = make_tar()
    archive = tmp_path / "data.tar"
    archive.write_bytes(server.body)
    assert get(server, tmp_path / "hippo", "--archive", str(archive)) == 0
    assert archive.is_file()
    assert server.starts == []
    assert left_over(tmp_path / "hippo") == ["data.tar", "hippo"]


def test_other_address_kinds_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "data.tar"
    archive.write_bytes(make_tar())
    assert script.main(["--dataset_dir", str(tmp_path / "hippo"), "--url", archive.as_uri()]) == 1
    assert "http" in capsys.readouterr().err


def test_help_names_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        script.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert script.DEFAULT_URL in text.replace("\n", "").replace(" ", "")
    assert "--dataset_dir" in text
