"""Unpacking archives of strangers: what is put in place, what is left behind, what is recorded."""

from __future__ import annotations

import gzip
import hashlib
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from bundle_engine.bundle.archive import make_archive
from bundle_engine.bundle.digests import digest_of, format_digests, tree_digests
from bundle_engine.bundle.origin import BundleOrigin, read_origin
from bundle_engine.bundle.unpack import unpack
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, UsageError
from tests.bundle.archives import GOOD, META, make_tar, make_tgz, make_zip, member, tarred, unix, zipped

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


MAKERS = pytest.mark.parametrize(
    ("make", "suffix"), [(make_zip, ".zip"), (make_tar, ".tar"), (make_tgz, ".tar.gz")], ids=["zip", "tar", "tgz"]
)


@MAKERS
def test_an_archive_becomes_a_folder_with_a_record(here, tmp_path, make, suffix):
    archive = make(tmp_path / f"a{suffix}")
    folder = unpack(archive)
    assert folder == here / "b"
    assert {f"b/{name}": (folder / name).read_bytes() for name in tree_digests(folder)} == GOOD
    origin = read_origin(folder)
    assert origin is not None
    assert origin.archive_digest == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert origin.tree_digest == digest_of(tree_digests(folder))
    assert (origin.source, origin.url) == ("archive", str(archive))
    assert datetime.fromisoformat(origin.time).tzinfo is not None
    assert os.listdir(here) == ["b"]


def test_the_record_says_what_the_caller_knows(here, tmp_path):
    known = BundleOrigin("github", "https://me:secret@example.org/b.zip?token=1", "0.2.0")
    origin = read_origin(unpack(make_zip(tmp_path / "a.zip"), here / "x", origin=known))
    assert origin is not None
    assert (origin.source, origin.url, origin.version) == ("github", "https://example.org/b.zip", "0.2.0")
    assert origin.tree_digest == digest_of(tree_digests(here / "x"))


@pytest.mark.parametrize(
    ("top", "expected"),
    [("", "arch"), ("b/", "b"), ("b-0.1.0/", "b-0.1.0"), ("./", "arch"), ("./b/", "b"), ("b b/", "b b")],
)
def test_the_bundle_may_lie_at_the_top_or_in_a_folder(here, tmp_path, top, expected):
    files = {f"{top}{name[2:]}": data for name, data in GOOD.items()}
    assert (
        unpack(zipped(tmp_path / "arch.zip", {f"{top}configs/": b"", **files, "__MACOSX/._b": b"x"})) == here / expected
    )
    tar = [member(name, data=data) for name, data in files.items()]
    first = [member("./", tarfile.DIRTYPE)] if top.startswith("./") else []
    assert unpack(tarred(tmp_path / "arch.tar.gz", first + tar), here / "t") == here / "t"
    assert tree_digests(here / "t") == tree_digests(here / expected)


def test_modes_and_owners_of_the_archive_are_dropped(here, tmp_path):
    before = os.umask(0o022)
    try:
        folders = [
            unpack(
                zipped(tmp_path / "a.zip", [(unix(META, 0o104777), b"{}"), (unix("b/run.sh", 0o100777), b"x")]), "z"
            ),
            unpack(
                tarred(
                    tmp_path / "a.tar",
                    [member("b", tarfile.DIRTYPE, mode=0o7), member(META, mode=0o4777), member("b/run.sh", mode=0)],
                ),
                "t",
            ),
        ]
    finally:
        os.umask(before)
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


@MAKERS
def test_what_could_act_unseen_is_not_written(here, tmp_path, make, suffix):
    hidden = {
        "b/.bundle_engine/origin.json": b"{}",
        "b/.bundle_engine/approval.json": b"{}",
        "b/.Bundle_Engine2": b"",
        "b/scripts/__pycache__/a.cpython-311.pyc": b"evil",
        "b/.git/hooks/post-checkout": b"evil",
        "b/configs/._metadata.json": b"",
        "b/configs/metadata.json~": b"",
    }
    archive = tmp_path / f"a{suffix}"
    if suffix == ".zip":
        zipped(archive, GOOD | hidden)
    else:
        tarred(archive, [member(name, data=data) for name, data in (GOOD | hidden).items()])
    folder = unpack(archive)
    assert {f"b/{name}" for name in tree_digests(folder)} == {*GOOD, "b/.Bundle_Engine2"}
    assert os.listdir(folder / ".bundle_engine") == ["origin.json"]
    assert not any(path.name in ("__pycache__", ".git") for path in folder.rglob("*"))


def test_another_spelling_of_the_records_is_not_written(here, tmp_path):
    folder = unpack(zipped(tmp_path / "a.zip", GOOD | {"b/.BUNDLE_ENGINE/approval.json": b"{}"}))
    assert names(folder) == sorted(
        [*(n[2:] for n in GOOD), "configs", "docs", "scripts", ".bundle_engine", ".bundle_engine/origin.json"]
    )


@pytest.mark.parametrize("change", ["changed", "missing", "not in the list", "broken"])
def test_a_wrong_list_of_digests_is_refused(here, tmp_path, change):
    digests = {name[2:]: hashlib.sha256(data).hexdigest() for name, data in GOOD.items()}
    if change == "changed":
        digests["scripts/a.py"] = "0" * 64
    elif change == "missing":
        digests["scripts/b.py"] = "0" * 64
    elif change == "not in the list":
        del digests["scripts/a.py"]
    text = "hello" if change == "broken" else format_digests(digests)
    archive = zipped(tmp_path / "a.zip", GOOD | {"b/SHA256SUMS": text.encode()})
    with pytest.raises(
        InputError, match="no line of a list" if change == "broken" else f"(?s)differ from its list.*{change}: scripts/"
    ):
        unpack(archive)
    assert os.listdir(here) == []


def test_the_digest_of_the_archive_is_checked(here, tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(UsageError, match="is no SHA-256"):
        unpack(archive, sha256="abc")
    with pytest.raises(InputError, match=f"another digest than expected: {digest}, not {'0' * 64}"):
        unpack(archive, sha256="0" * 64)
    assert os.listdir(here) == []
    unpack(archive, sha256=f" {digest.upper()}\n")
    archive.write_bytes(archive.read_bytes()[:-50])  # a wrong digest says more than a damaged archive
    with pytest.raises(InputError, match="another digest than expected"):
        unpack(archive, here / "x", sha256=digest)


@MAKERS
def test_an_archive_cut_off_anywhere_is_an_error(here, tmp_path, make, suffix):
    archive = make(tmp_path / f"a{suffix}")
    raw = archive.read_bytes()
    end = len(raw) if suffix == ".zip" else len(raw) - 1 if suffix == ".tar.gz" else raw.rindex(b"text") + 512
    for cut in sorted({*range(0, end, 197), end - 1, *(range(512, end, 512) if suffix == ".tar" else ())}):
        archive.write_bytes(raw[:cut])
        with pytest.raises(InputError, match=r"damaged|is no archive"):
            unpack(archive)
    assert os.listdir(here) == []


@MAKERS
def test_an_archive_with_any_byte_changed_is_unpacked_whole_or_not_at_all(here, tmp_path, make, suffix):
    archive = make(tmp_path / f"a{suffix}")
    raw = archive.read_bytes()
    for at in range(0, len(raw), 1 + len(raw) // 60):
        archive.write_bytes(raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :])
        try:
            folder = unpack(archive, here / "x")
        except BundleEngineError:
            assert os.listdir(here) == []
        else:
            assert tree_digests(folder)
            shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html>", "it is a web page"),
        (b'{"message": "Not Found"}', "it is JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"BZh9", "compressed in another way"),
        (b"something", "it may be cut off"),
        (b"x" * 2000, "it may be cut off"),
    ],
)
def test_what_is_no_archive_is_named(here, tmp_path, content, hint):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match="is no archive") as caught:
        unpack(tmp_path / "a.zip")
    assert hint in (caught.value.hint or "")
    assert os.listdir(here) == []


def test_an_archive_that_is_not_there_is_an_error(here, tmp_path):
    with pytest.raises(InputNotFoundError, match="cannot find the file"):
        unpack(tmp_path / "no.zip")
    with pytest.raises(InputError, match="is no file"):
        unpack(tmp_path)


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"b/readme.md": b""}, "a bundle has a folder 'configs'"),
        ({"b/configs/x.txt": b""}, "a bundle has a folder 'configs'"),
        ({"zoo/models/spleen/configs/train.json": b"{}", "zoo/x": b""}, "such as zoo/models/spleen"),
        ({"a/configs/train.json": b"{}", "b/configs/train.json": b"{}"}, "such as a, b"),
    ],
)
def test_an_archive_without_a_bundle_is_refused(here, tmp_path, files, hint):
    with pytest.raises(InputError, match="holds no bundle") as caught:
        unpack(zipped(tmp_path / "a.zip", files))
    assert hint in (caught.value.hint or "")
    assert os.listdir(here) == []


@pytest.mark.parametrize("name", [".ssh", "-rf"])
def test_an_archive_does_not_name_hidden_folders(here, tmp_path, name):
    archive = zipped(tmp_path / "a.zip", {f"{name}/configs/metadata.json": b"{}"})
    with pytest.raises(UsageError, match=f"names its bundle '{name}'"):
        unpack(archive)
    assert os.listdir(here) == []
    assert unpack(archive, "mine") == here / "mine"


def test_a_folder_that_is_there_stays_unless_told(here, tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    unpack(archive)
    (here / "b/mine").write_text("x")
    before = names(here)
    for folder in (None, here / "b"):
        with pytest.raises(UsageError, match="is there already"):
            unpack(archive, folder)
    broken = zipped(tmp_path / "broken.zip", GOOD | {"b/SHA256SUMS": b"0" * 64 + b"  x"})
    with pytest.raises(InputError):
        unpack(broken, here / "b", overwrite=True)
    assert names(here) == before
    unpack(archive, overwrite=True)
    assert names(here) == [name for name in before if name != "b/mine"]


def test_only_a_bundle_is_replaced(here, tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    (here / "b").mkdir()
    (here / "b/thesis.txt").write_text("x")
    with pytest.raises(UsageError, match="no bundle, so it is not replaced"):
        unpack(archive, overwrite=True)
    (here / "link").symlink_to("b")
    (here / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises(UsageError, match="it is there already, and no folder"):
            unpack(archive, here / name, overwrite=True)
    (here / "empty").mkdir()
    unpack(archive, here / "empty")
    assert names(here)[:2] == ["b", "b/thesis.txt"]


def test_an_archive_is_not_replaced_by_what_is_in_it(here, tmp_path):
    folder = unpack(make_zip(tmp_path / "a.zip"))
    archive = make_zip(folder / "a.zip")
    with pytest.raises(UsageError, match="lies in the folder that is to be replaced"):
        unpack(archive, folder, overwrite=True)
    assert archive.is_file()


def test_the_old_bundle_comes_back_when_the_new_one_cannot_be_put_in_place(here, tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "a.zip")
    unpack(archive)
    (here / "b/mine").write_text("x")
    before, rename = names(here), Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.parent.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, overwrite=True)
    assert names(here) == before


def test_a_folder_that_cannot_be_written_is_an_error(here, tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    with pytest.raises(UsageError, match="there is no folder"):
        unpack(archive, here / "no" / "b")
    (here / "ro").mkdir(mode=0o555)
    with pytest.raises(UsageError, match="cannot write"):
        unpack(archive, here / "ro" / "b" if os.geteuid() else "/proc/self/b")  # root may write everywhere but there
    (here / "ro").rmdir()


def test_a_full_disk_is_an_error_that_leaves_nothing(here, tmp_path):
    archive = zipped(tmp_path / "a.zip", GOOD | {"b/large": os.urandom(3 << 20)}, zipfile.ZIP_STORED)
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); from bundle_engine.cli import main; sys.exit(main(sys.argv[1:]))"
    bundle = unpack(archive, tmp_path / "whole")
    for argv in (["unpack", str(archive)], ["pack", str(bundle)]):
        done = subprocess.run(
            [sys.executable, "-c", code, *argv],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert "File too large" in done.stderr
        assert "Traceback" not in done.stderr
        assert os.listdir(here) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle of 200 MB and its archive."""
    root = tmp_path_factory.mktemp("large") / "b"
    (root / "configs").mkdir(parents=True)
    (root / "configs/metadata.json").write_text("{}")
    with (root / "weights").open("wb") as file:
        file.truncate(200 << 20)  # takes no place on the disk
    return root, make_archive(root, root.parent / "b.zip").path


@pytest.mark.parametrize("command", ["pack", "unpack"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_interrupted_process_leaves_nothing(here, large, command, number):
    argument = large[0] if command == "pack" else large[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "bundle_engine", command, str(argument)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (there := os.listdir(here)) and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert there
    assert there[0].endswith(".tmp")
    assert (process.returncode, out) == (128 + number, "")
    assert err in ("interrupted\n", "terminated\n")
    assert os.listdir(here) == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize("command", ["pack", "unpack"])
def test_memory_does_not_grow_with_the_size(here, large, command):
    code = (
        "import re, sys; from bundle_engine.cli import main; main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    argument = large[0] if command == "pack" else large[1]
    done = subprocess.run(
        [sys.executable, "-c", code, command, str(argument)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split("\n")[-2]) < 60_000


def test_gzip_damage_after_the_last_member_is_found(here, tmp_path):
    archive = make_tgz(tmp_path / "a.tar.gz")
    raw = bytearray(archive.read_bytes())
    raw[-6] ^= 1  # the checksum
    archive.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        unpack(archive)
    archive.write_bytes(gzip.compress(b"x" * 2000))
    with pytest.raises(InputError, match="damaged"):
        unpack(archive)
    assert os.listdir(here) == []
