"""Bring published data sets, from a web server on this computer that may misbehave."""

from __future__ import annotations

import errno
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.archives import members
from bundle_engine.data import PublishedDataset, fetch_dataset
from bundle_engine.errors import BundleEngineError, DownloadError, InputError, NotPublishedError, UsageError
from tests.network.conftest import limits, no_proxies, server
from tests.network.server import File, Reply, Server, zipped

__all__ = ["limits", "no_proxies", "server"]

pytestmark = pytest.mark.usefixtures("no_proxies")

CONTENT = {"list.txt": b"a.bin b.bin", "a.bin": b"first" * 9000, "sub/b.bin": bytes(range(256)) * 200}
FORKS = {"._list.txt": b"fork", "sub/._b.bin": b"fork", ".DS_Store": b"desktop"}
BODY = b"PK\x03\x04" + bytes(range(256)) * 400  # what begins like a zip archive, as an npz does


def complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in CONTENT)


def tarred(files: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w", top: str = "Set/") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def get(server: Server, limits: Any, tmp_path: Path) -> Any:
    """Fetch what the server gives for ``/data.tar``, to the folder ``set``."""

    def call(content: bytes, /, folder: str = "set", **more: Any) -> bool:
        more = {"sha256": sha256(content), "complete": complete, "progress": False, "limits": limits, **more}
        return fetch_dataset(f"{server.url}/data.tar", tmp_path / folder, **more)

    return call


ARCHIVES = {
    "tar": tarred({**CONTENT, **FORKS}),
    "tar.gz": tarred({**CONTENT, **FORKS}, mode="w:gz"),
    "zip": zipped({f"Set/{name}": content for name, content in {**CONTENT, **FORKS}.items()}),
    "at-the-top": tarred(CONTENT, top=""),
}


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_becomes_the_folder(get, server, tmp_path, content):
    server.give("/data.tar", content)
    assert get(content, "new/set") is True
    assert {name: (tmp_path / "new/set" / name).read_bytes() for name in CONTENT} == CONTENT
    assert names(tmp_path) == ["new", "new/set", *(f"new/set/{name}" for name in sorted([*CONTENT, "sub"]))]
    assert get(content, "new/set") is False
    assert len(server.asked) == 1


def test_one_file_is_kept_as_it_is(get, server, tmp_path):
    server.give("/data.tar", BODY)
    assert get(BODY, file="x.npz", sha256=None, md5=md5(BODY).upper()) is True
    assert (tmp_path / "set" / "x.npz").read_bytes() == BODY
    assert names(tmp_path) == ["set", "set/x.npz"]
    assert get(BODY, file="x.npz") is False
    assert len(server.asked) == 1


@pytest.mark.parametrize("file", [None, "x.npz"])
def test_what_is_somebody_elses_is_left_alone(get, server, tmp_path, file):
    server.give("/data.tar", BODY)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.npz").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already, and is not the") as caught:
        get(BODY, file=file)
    assert "name another folder" in str(caught.value)
    assert (tmp_path / "set" / "x.npz").read_bytes() == b"mine"
    assert names(tmp_path) == ["set", "set/x.npz"]
    assert server.asked == []


def test_an_empty_folder_is_filled(get, server, tmp_path):
    content = ARCHIVES["tar"]
    server.give("/data.tar", content)
    (tmp_path / "set").mkdir()
    assert get(content)
    assert complete(tmp_path / "set")


@pytest.mark.parametrize("file", [None, "x.npz"])
@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_wrong_digest_leaves_nothing(get, server, tmp_path, kind, file):
    server.give("/data.tar", ARCHIVES["tar"])
    digest = {"md5": "0" * 32, "sha256": "0" * 64}[kind]
    with pytest.raises(DownloadError, match=f"not the file that was expected: its {kind.upper()} is"):
        get(b"", file=file, **{"sha256": None, kind: digest})
    assert [name for name in names(tmp_path) if name != "set"] == []


def test_both_digests_count(get, server):
    server.give("/data.tar", BODY)
    with pytest.raises(DownloadError, match="its MD5 is"):
        get(BODY, file="x", md5="0" * 32)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"sha256": None}, "a checksum is needed"),
        ({"sha256": "12"}, "'12' is no SHA256"),
        ({"sha256": None, "md5": "z" * 32}, "is no MD5"),
        ({"complete": None}, "not said what makes the data set complete"),
    ],
)
def test_arguments_that_do_not_fit(get, server, tmp_path, more, message):
    with pytest.raises(UsageError, match=message):
        get(BODY, **more)
    assert server.asked == []
    assert names(tmp_path) == []


@pytest.mark.parametrize("file", [None, "x.npz"])
def test_a_cut_connection_is_taken_up_by_the_next_call(get, server, tmp_path, file):
    content = ARCHIVES["tar"]
    server.give("/data.tar", File(content, cuts=[20000, 0, 0, 0]))
    with pytest.raises(DownloadError) as caught:
        get(content, file=file)
    assert "the same command goes on from there" in str(caught.value)
    assert "--archive FILE" in str(caught.value)
    assert not (tmp_path / "set" / "x.npz").exists()
    assert get(content, file=file)
    assert server.asked[-1].range == "bytes=20000-"
    assert [name for name in names(tmp_path) if name.startswith(".") or "/." in name] == []


def test_an_archive_that_could_not_be_unpacked_is_not_downloaded_again(get, server, tmp_path, monkeypatch):
    content = ARCHIVES["tar"]
    server.give("/data.tar", content)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("bundle_engine.data.fetching.extract", full)
        with pytest.raises(UsageError, match=r"cannot write .*No space left"):
            get(content)
    assert names(tmp_path) == [".set.archive"]
    assert get(content)
    assert len(server.asked) == 1
    assert ".set.archive" not in names(tmp_path)


def test_a_web_page_is_told(get, server, tmp_path):
    page = b"\n<!DOCTYPE html><html><title>Log in</title></html>"
    server.pages["/data.tar"] = lambda _: Reply(page, headers={"Content-Type": "text/html"})
    with pytest.raises(DownloadError, match="web page with the title 'Log in'"):
        get(BODY)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"something else " * 100, "is no archive|is damaged"),
        (tarred({"list.txt": b""}), "holds no complete data set"),
        (tarred(CONTENT) + tarred({}), ""),
        (tarred({f"{top}/{name}": b"" for top in "AB" for name in CONTENT}, top=""), "holds more than one data set"),
        (ARCHIVES["tar"][:30000], "is damaged"),
    ],
    ids=["no-archive", "incomplete", "fine", "two", "cut"],
)
def test_archives_that_are_no_good(get, server, tmp_path, content, message):
    server.give("/data.tar", content)
    if not message:
        assert get(content)
        return
    with pytest.raises(InputError, match=message):
        get(content)
    assert names(tmp_path) == []


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    made.size = 4 if kind == tarfile.REGTYPE else 0
    return made


@pytest.mark.parametrize(
    "unsafe",
    [
        member("../evil.txt"),
        member("Set/../../evil.txt"),
        member("/tmp/evil.txt"),
        member("..\\evil.txt"),
        member("Set/link", tarfile.SYMTYPE, "../../evil.txt"),
        member("Set/inside", tarfile.SYMTYPE, "list.txt"),
        member("Set/hard", tarfile.LNKTYPE, "Set/list.txt"),
        member("Set/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.type.decode()}-{member.name}",
)
def test_unsafe_members_are_refused(get, server, tmp_path, unsafe):
    content = tarred(CONTENT, unsafe)
    server.give("/data.tar", content)
    with pytest.raises(InputError, match="refused"):
        get(content)
    assert names(tmp_path) == []


def test_what_an_archive_may_cost_can_be_said(get, server, tmp_path):
    server.give("/data.tar", ARCHIVES["zip"])
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        get(ARCHIVES["zip"], unpacking=members.Limits(size=1000))
    assert names(tmp_path) == []


@pytest.mark.parametrize("file", [None, "x.npz"])
def test_a_file_on_this_computer(get, server, tmp_path, file):
    content = ARCHIVES["tar"]
    local = tmp_path / "mine.tar"
    local.write_bytes(content)
    assert get(content, archive=local, file=file)
    assert ((tmp_path / "set" / file).read_bytes() == content) if file else complete(tmp_path / "set")
    with pytest.raises(InputError, match=r"mine.tar' is not the file that was expected: its SHA256 is"):
        get(BODY, "other", archive=local, file=file)
    with pytest.raises(InputError, match="there is no file"):
        get(content, "other", archive=tmp_path / "no.tar", file=file)
    assert local.read_bytes() == content
    assert server.asked == []
    assert [name for name in names(tmp_path) if "tmp" in name] == []
    assert not (tmp_path / "other").exists() or names(tmp_path / "other") == []


def test_nothing_at_the_address(get):
    with pytest.raises(NotPublishedError, match="404") as caught:
        get(BODY)
    assert "--archive" in str(caught.value)


def test_no_server(limits, tmp_path):
    with pytest.raises(DownloadError, match="cannot download") as caught:
        fetch_dataset("http://127.0.0.1:9/x", tmp_path, file="x", md5=md5(b""), progress=False, limits=limits)
    assert "--archive" in str(caught.value)


def test_other_addresses_are_refused(tmp_path):
    with pytest.raises(UsageError, match="http://") as caught:
        fetch_dataset((tmp_path / "x").as_uri(), tmp_path, file="x", md5=md5(b""))
    assert "--archive" in str(caught.value)
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written(get, server, tmp_path):
    server.give("/data.tar", BODY)
    (tmp_path / "set").write_text("a file")
    with pytest.raises(BundleEngineError, match="cannot write"):
        get(BODY, "set/below", file="x")


@pytest.mark.parametrize("shown", [True, False])
def test_progress_is_told_on_request(get, server, capsys, shown):
    server.give("/data.tar", ARCHIVES["tar"])
    get(ARCHIVES["tar"], progress=shown)
    told = capsys.readouterr()
    assert told.out == ""
    assert ("data.tar" in told.err and "complete" in told.err) is shown


@pytest.fixture
def published(server: Server) -> PublishedDataset:
    server.give("/x.npz", BODY)
    return PublishedDataset(
        name="Some pictures",
        size="1 kB",
        licence="CC0",
        url=f"{server.url}/x.npz",
        md5=md5(BODY),
        folder="Pictures",
        holds="x.npz",
        file="x.npz",
    )


def test_the_command_line(published, server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert published.main([]) == 0
    assert capsys.readouterr().out == "The data are ready in Pictures\n"
    assert published.main([]) == 0
    assert capsys.readouterr().out == "The data are already present in Pictures\n"
    assert names(tmp_path) == ["Pictures", "Pictures/x.npz"]
    assert published.main(["--dataset_dir", "b", "--archive", "Pictures/x.npz", "--sha256", sha256(BODY)]) == 0
    assert len(server.asked) == 1
    other = b"another file"
    server.give("/y", other)
    assert published.main(["--dataset_dir", "c", "--url", f"{server.url}/y", "--md5", md5(other)]) == 0
    assert (tmp_path / "c" / "x.npz").read_bytes() == other


def test_the_command_line_tells_errors(published, tmp_path, capsys):
    assert published.main(["--dataset_dir", str(tmp_path), "--sha256", "0" * 64]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "error: " in told.err
    assert "its SHA256 is" in told.err
    assert "--archive" in told.err
    assert names(tmp_path) == []


def test_ctrl_c_ends_it(published, server, tmp_path, capsys):
    server.give("/x.npz", File(BODY, cuts=[30000]))
    from bundle_engine.network import retrying

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying.time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        assert published.main(["--dataset_dir", str(tmp_path)]) == 130
    assert "run the command again to go on" in capsys.readouterr().err
    assert published.main(["--dataset_dir", str(tmp_path)]) == 0
    assert server.asked[-1].range == "bytes=30000-"


def test_the_help_names_what_is_usual(published, capsys):
    with pytest.raises(SystemExit) as stop:
        published.main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("Some pictures (1 kB, licence CC0)", published.md5, "x.npz (default: Pictures)", "--archive FILE"):
        assert part in text


def test_fetching_is_light():
    code = "import sys, bundle_engine.data.published\nprint([n for n in ('torch', 'monai', 'requests') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
