"""Download a bundle: by an address, to a folder that may be there already, and on the command line."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path

import pytest

from bundle_engine.bundle.digests import digest_of, tree_digests
from bundle_engine.bundle.download import default_bundle_dir, download
from bundle_engine.bundle.origin import read_origin
from bundle_engine.errors import DownloadError, InputError, UsageError
from tests.bundle.downloads.bundles import ARCHIVE, FILES, SHA256, archive_of, files_in, left
from tests.network.server import Asked, File, Reply, zipped

pytestmark = pytest.mark.usefixtures("sources")


# by an address


def test_from_an_address(get, server, tmp_path):
    server.give("/files/spleen_v0.10.0.zip", File(ARCHIVE))
    url = f"{server.url}/files/spleen_v0.10.0.zip?token=secret"
    folder = get(url=url)
    assert folder == tmp_path / "bundles" / "spleen"
    assert files_in(folder) == FILES
    origin = read_origin(folder)
    assert (origin.source, origin.url) == ("url", f"{server.url}/files/spleen_v0.10.0.zip")
    assert (origin.archive_digest, origin.tree_digest) == (SHA256, digest_of(tree_digests(folder)))
    assert left(tmp_path) == ["spleen"]


@pytest.mark.parametrize(
    ("path", "base", "name", "expected"),
    [
        ("/other_v1.zip", "spleen", None, "spleen"),
        ("/other_v1.zip", "spleen", "mine", "mine"),
        ("/other_v1.zip", "", None, "other"),
        ("/download", "", None, "download"),
        ("/", "", None, "bundle"),
    ],
)
def test_the_name_of_the_folder(get, server, tmp_path, path, base, name, expected):
    server.give(path, archive_of(base))
    assert get(name, url=server.url + path) == tmp_path / "bundles" / expected
    assert left(tmp_path) == [expected]


def test_a_cut_download_goes_on_with_the_same_command(get, server, tmp_path):
    server.give("/a.zip", File(ARCHIVE, cuts=[300, 0, 0, 0]))
    with pytest.raises(DownloadError, match="the same command goes on from there"):
        get("a", url=f"{server.url}/a.zip")
    assert left(tmp_path) == [".a.zip.part", ".a.zip.part.json"]
    server.give("/a.zip", File(ARCHIVE))
    get("a", url=f"{server.url}/a.zip")
    assert server.asked[-1].range == "bytes=300-"
    assert files_in(tmp_path / "bundles" / "a") == FILES
    assert left(tmp_path) == ["a"]


def test_the_digest_that_was_asked_for(get, server, tmp_path):
    server.give("/a.zip", ARCHIVE)
    with pytest.raises(DownloadError, match="is not the file that was expected: its SHA256 is"):
        get("a", url=f"{server.url}/a.zip", sha256="0" * 64)
    assert left(tmp_path) == []
    get("a", url=f"{server.url}/a.zip", sha256=SHA256.upper())
    assert left(tmp_path) == ["a"]


def with_member(name: str, mode: int = 0) -> bytes:
    buffer = io.BytesIO(ARCHIVE)
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (with_member("spleen/../../evil.txt"), "it leads out of its folder"),
        (with_member("/tmp/evil.txt"), "it is an absolute path"),
        (with_member("spleen/link", stat.S_IFLNK | 0o777), "link"),
        (zipped({"readme.txt": "hello"}), "holds no bundle"),
        (ARCHIVE[:-40], "damaged"),
        (b"PK\x03\x04" + bytes(1000), "damaged"),
    ],
    ids=["traversal", "absolute", "link", "no-bundle", "cut-off", "damaged"],
)
def test_archives_that_are_refused(get, server, tmp_path, archive, message):
    server.give("/a.zip", archive)
    with pytest.raises(InputError, match=message):
        get("a", url=f"{server.url}/a.zip")
    assert left(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundles"]


def test_a_bomb_is_refused(get, server, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in FILES.items():
            archive.writestr(f"a/{name}", content)
        with archive.open("a/models/model.pt", "w") as member:
            for _ in range(100):
                member.write(bytes(1_000_000))
    server.give("/a.zip", buffer.getvalue())
    with pytest.raises(InputError, match="the archive is refused"):
        get("a", url=f"{server.url}/a.zip")
    with pytest.raises(InputError, match="the archive is refused"):
        get("a", url=f"{server.url}/a.zip", max_size="10MB")
    assert left(tmp_path) == []


def test_a_size_above_the_limit(get, server, tmp_path):
    server.give("/a.zip", File(ARCHIVE))
    with pytest.raises(DownloadError, match="500 bytes is the most that is taken"):
        get("a", url=f"{server.url}/a.zip", max_size="500")
    assert left(tmp_path) == []


def test_another_host_is_recorded(get, server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.redirect("http://a.example/a.zip", "http://b.example/there")
    server.give("http://b.example/there", ARCHIVE)
    origin = read_origin(get("a", url="http://a.example/a.zip"))
    assert (origin.url, origin.served_by) == ("http://a.example/a.zip", "b.example")


# what is there already


def test_the_same_bundle_is_left_as_it_is(get, server):
    server.give("/a.zip", ARCHIVE)
    folder = get("a", url=f"{server.url}/a.zip")
    (folder / "mine.txt").write_text("mine")
    assert get("a", url=f"{server.url}/a.zip") == folder
    assert (folder / "mine.txt").read_text() == "mine"
    assert len(server.asked) == 1


def test_another_bundle_is_not_replaced_unless_asked(get, server):
    server.give("/a.zip", ARCHIVE)
    server.give("/b.zip", archive_of("b", {**FILES, "docs/README.md": "# B\n"}))
    folder = get("a", url=f"{server.url}/a.zip")
    with pytest.raises(UsageError, match=r"is there already, from http://.*/a.zip\n  help: overwrite replaces it"):
        get("a", url=f"{server.url}/b.zip")
    assert (folder / "docs/README.md").read_text() == "# Spleen\n"
    get("a", url=f"{server.url}/b.zip", overwrite=True)
    assert (folder / "docs/README.md").read_text() == "# B\n"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_ones_own_is_never_replaced(get, server, tmp_path, overwrite):
    mine = tmp_path / "bundles" / "a"
    mine.mkdir(parents=True)
    (mine / "thesis.tex").write_text("all my work")
    server.give("/a.zip", ARCHIVE)
    with pytest.raises(UsageError, match="is there already"):
        get("a", url=f"{server.url}/a.zip", overwrite=overwrite)
    assert (mine / "thesis.tex").read_text() == "all my work"
    assert server.asked == []


# arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to download is named"),
        ({"name": "../evil"}, "is no name of a bundle"),
        ({"name": ".."}, "is no name of a bundle"),
        ({"name": ".ssh"}, "is no name of a bundle"),
        ({"name": "a/b"}, "is no name of a bundle"),
        ({"name": ""}, "is no name of a bundle"),
        ({"name": "a", "source": "githab"}, "there is no source 'githab' of bundles\n  help: did you mean 'github'"),
        ({"name": "a", "source": "github", "repo": "a/b"}, "in the form of `repo_owner/repo_name/release_tag`"),
        ({"name": "a", "source": "huggingface_hub"}, "needs a repo"),
        ({"name": "a", "source": "huggingface_hub", "repo": "a"}, "in the form of `repo_owner/repo_name`"),
        ({"url": "file:///etc/passwd"}, "only addresses that begin with http"),
        ({"url": "ftp://a/b.zip"}, "only addresses that begin with http"),
        ({"name": "a", "sha256": "abc"}, "is no SHA-256 digest"),
        ({"name": "a", "max_size": "lots"}, "is no size"),
        ({"args_file": {"nmae": "a"}}, "download takes no 'nmae'"),
    ],
)
def test_arguments_that_make_no_sense(get, server, tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        get(**arguments)
    assert server.asked == []
    assert left(tmp_path) == []


def test_arguments_from_a_file(server, tmp_path, limits):
    server.give("/me/zoo/releases/download/v1/spleen_v0.9.0.zip", ARCHIVE)
    row = {
        "name": "spleen",
        "version": "0.1",
        "source": "github",
        "repo": "me/zoo/v1",
        "bundle_dir": str(tmp_path / "b"),
    }
    (tmp_path / "args.json").write_text(json.dumps({**row, "progress": False, "remove_prefix": "x"}))
    folder = download(version="0.9.0", args_file=tmp_path / "args.json", limits=limits)
    assert folder == tmp_path / "b" / "spleen"


def test_the_default_source(get, server, monkeypatch):
    monkeypatch.setenv("BUNDLE_DOWNLOAD_SRC", "github")
    server.give("/Project-MONAI/model-zoo/releases/download/hosting_storage_v1/spleen_v1.zip", ARCHIVE)
    assert read_origin(get("spleen", "1")).source == "github"


def test_the_default_folder_is_that_of_torch_hub(monkeypatch, tmp_path):
    from torch import hub

    assert default_bundle_dir() == Path(hub.get_dir()) / "bundle"
    import sys

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert default_bundle_dir() == tmp_path / "hub" / "bundle"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_bundle_dir() == tmp_path / "torch" / "hub" / "bundle"


def test_a_folder_that_cannot_be_made(get, tmp_path):
    (tmp_path / "bundles").write_text("a file")
    with pytest.raises(UsageError, match="cannot make"):
        get("a", url="http://127.0.0.1:9/a.zip")


# the command line


def test_on_the_command_line(cli, server, tmp_path):
    server.give("/a.zip", File(ARCHIVE))
    code, out, err = cli("download", "--url", f"{server.url}/a.zip?k=secret", "--bundle_dir", str(tmp_path))
    assert (code, out) == (0, f"{tmp_path / 'spleen'}\n")
    assert err == (
        f"a.zip: {len(ARCHIVE)} bytes, complete\n"
        "the bundle is from elsewhere, and nothing of it was run\n"
        f"see what it can do: bundle-engine manifest --bundle {tmp_path / 'spleen'}\n"
        f"and then let it run: bundle-engine trust {tmp_path / 'spleen'}\n"
    )


def test_wrong_on_the_command_line(cli, server, tmp_path):
    server.give("/a.zip", b"<html><title>Sign in</title>")
    code, out, err = cli("download", "a", "--url", f"{server.url}/a.zip?k=secret", "--bundle_dir", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: '{server.url}/a.zip' gives a web page with the title 'Sign in', and no zip archive")
    assert "secret" not in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_large_files_are_pointed_out(cli, server, tmp_path):
    listed = "large_files:\n- path: models/model.pt\n  url: https://example.org/model.pt\n"
    server.give("/a.zip", archive_of("a", {**FILES, "large_files.yml": listed}))
    err = cli("download", "a", "--url", f"{server.url}/a.zip", "--bundle_dir", str(tmp_path)).err
    assert f"models/model.pt must be downloaded as well: download_large_files --bundle_path {tmp_path / 'a'}" in err


def test_ctrl_c_in_a_terminal(server, tmp_path):
    """The whole process: what came is kept, and the message says how to go on."""
    import signal
    import subprocess
    import sys
    import threading
    import time

    stall = threading.Event()
    content = archive_of("a", {**FILES, "models/weights": "x" * 100_000})

    def answer(asked: Asked) -> Reply:
        return Reply(content[:50_000], length=len(content), headers={"ETag": '"1"'}, stall=stall)

    server.give("/a.zip", answer)
    command = [sys.executable, "-m", "bundle_engine", "download", "a", "--url", f"{server.url}/a.zip", "--bundle_dir"]
    process = subprocess.Popen([*command, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    part = tmp_path / ".a.zip.part"
    for _ in range(500):
        if part.exists() and part.stat().st_size == 50_000:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=10)[1]
    stall.set()
    assert process.returncode == 130
    assert f"50.0 kB of {len(content) / 1000:.1f} kB are kept in '{part}'; the same command goes on" in err
    assert "Traceback" not in err
    server.give("/a.zip", File(content, etag='"1"'))
    subprocess.run([*command, str(tmp_path)], check=True, capture_output=True)
    assert server.asked[-1].range == "bytes=50000-"
