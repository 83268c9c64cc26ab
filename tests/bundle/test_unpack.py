"""Unpacking archives of strangers: what is refused, what is left behind, what is recorded."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bundle_engine.archives.member_names import MemberNames
from bundle_engine.archives.members import Limits, members_of
from bundle_engine.archives.zip_writer import ZipWriter
from bundle_engine.bundle.archive import make_archive
from bundle_engine.bundle.digests import digest_of, format_digests, tree_digests
from bundle_engine.bundle.origin import BundleOrigin, read_origin
from bundle_engine.bundle.unpack import unpack
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, UsageError

ROOT = Path(__file__).resolve().parents[2]
META = "b/configs/metadata.json"
GOOD = {META: b"{}", "b/scripts/a.py": b"x = 1\n", "b/docs/\u00fc \u00df.md": b"text"}


def zipped(
    path: Path, files: dict[str, bytes] | list[tuple[object, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    rows = files.items() if isinstance(files, dict) else files
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in rows:
            archive.writestr(name, data)
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "", mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(data), mode
    return info, data


def tarred(
    path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz", format: int = tarfile.PAX_FORMAT
) -> Path:
    with tarfile.open(path, mode, format=format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


def unix(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, around which nothing may change."""
    folder = tmp_path / "around" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    yield folder
    assert os.listdir(tmp_path / "around") == ["here"]


def make_zip(path: Path) -> Path:
    return zipped(path, GOOD)


def make_tar(path: Path) -> Path:
    return tarred(path, [member(name, data=data) for name, data in GOOD.items()], "w")


def make_tgz(path: Path) -> Path:
    return tarred(path, [member(name, data=data) for name, data in GOOD.items()])


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


BAD_NAMES = [
    "../evil", "b/../../evil", "b/..", "/etc/evil", "//host/evil", "b\\..\\evil", "C:/evil", "C:evil", "b/x:stream",
    "b/\x07bell", "b/new\nline", "b/con", "b/AUX.txt", "b/com1.tar.gz", "b/nul .x", "b/end.", "b/end ", "b/.../x",
    "b/" + "x" * 256, "b/" + "x/" * 600 + "y",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[1:40])
def test_names_that_lead_elsewhere_are_refused(here, tmp_path, name):
    (here / "evil").write_text("mine")
    for archive in (
        zipped(tmp_path / "a.zip", [(META, b"{}"), (unix("placeholder", 0o100644), b"x")]),
        tarred(tmp_path / "a.tar", [member(META, data=b"{}"), member(name, data=b"x")], "w"),
    ):
        if archive.suffix == ".zip":
            info = unix("x", 0o100644)
            info.filename = name
            with zipfile.ZipFile(archive, "w") as out:
                out.writestr(META, b"{}")
                out.writestr(info, b"x")
        with pytest.raises(InputError, match="is refused: ") as caught:
            unpack(archive)
        assert "\n" not in caught.value.message
        assert "\x07" not in caught.value.message
    assert (os.listdir(here), (here / "evil").read_text()) == (["evil"], "mine")


def test_a_name_with_nul_is_refused(here, tmp_path):
    archive = zipped(tmp_path / "a.zip", {META: b"{}", "b/abcXdef": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"b/abcXdef", b"b/abc\0def"))
    with pytest.raises(InputError, match=r"refused|damaged"):
        unpack(archive)
    assert os.listdir(here) == []


def test_a_name_that_is_not_utf8_is_refused(here, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as out:
        out.addfile(tarfile.TarInfo("b/\xff\xfe"))
    with pytest.raises(InputError, match="not UTF-8"):
        unpack(tmp_path / "a.tar")
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("b/x", "b/x", "there twice"),
        ("b/x", "b//x", "there twice"),
        ("b/x", "b/./x", "there twice"),
        ("b/x", "b/X", "the same on some systems"),
        ("b/stra\u00dfe", "b/STRASSE", "the same on some systems"),
        ("b/\u00e9", "b/e\u0301", "the same on some systems"),
        ("b/d/x", "b/D/y", "the same on some systems"),
        ("b/x", "b/x/y", "both a file and a folder"),
        ("b/x/y", "b/x", "both a file and a folder"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_for_the_same_file_are_refused(here, tmp_path, first, second, message):
    rows = [(META, b"{}"), (first, b"1"), (second, b"2")]
    for archive in (zipped(tmp_path / "a.zip", rows), tarred(tmp_path / "a.tar", [member(n, data=d) for n, d in rows])):
        with pytest.raises(InputError, match=message):
            unpack(archive)
    assert os.listdir(here) == []


def test_usual_names_are_allowed():
    known = MemberNames()
    for name in (
        "a/.gitignore",
        "a/b c",
        "a/\u00fc",
        "a/console.py",
        "a/com10",
        "a/null",
        "a/x..y",
        "a/..x",
        "./a/-rf",
        "a/x y.(1)",
    ):
        assert known.add(name) == name.removeprefix("./")
    assert known.add("a/", folder=True) == "a"
    assert known.add("./", folder=True) == ""
    with pytest.raises(InputError, match="it is empty"):
        known.add("")


SPECIAL = [
    [member("b/l", tarfile.SYMTYPE, link="/etc/passwd")],
    [member("b/l", tarfile.SYMTYPE, link="configs")],
    [member("b/l", tarfile.SYMTYPE, link="../.."), member("b/l/evil", data=b"x")],
    [member("b/l", tarfile.LNKTYPE, link="/etc/passwd")],
    [member("b/l", tarfile.LNKTYPE, link=META)],
    [member("b/l", tarfile.CHRTYPE)],
    [member("b/l", tarfile.BLKTYPE)],
    [member("b/l", tarfile.FIFOTYPE)],
    [member("b/l", b"Z", data=b"x")],
    [member("b/l", tarfile.GNUTYPE_SPARSE)],
]


@pytest.mark.parametrize(
    "members",
    SPECIAL,
    ids=["link", "link-inside", "write-through", "hard", "hard-inside", "chr", "blk", "fifo", "unknown", "holes"],
)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_and_devices_in_tar_are_refused(here, tmp_path, members, mode):
    with pytest.raises(InputError, match=r"its member 'b/l' is (a|an) "):
        unpack(tarred(tmp_path / "a.tar", [member(META, data=b"{}"), *members], mode))
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    ("kind", "what"), [(stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a device"), (stat.S_IFIFO, "a device")]
)
def test_links_and_devices_in_zip_are_refused(here, tmp_path, kind, what):
    rows = [(META, b"{}"), (unix("b/l", kind | 0o777), b"../.."), ("b/l2", b"x")]
    with pytest.raises(InputError, match=f"its member 'b/l' is {what}"):
        unpack(zipped(tmp_path / "a.zip", rows))
    assert os.listdir(here) == []


def test_encrypted_members_are_refused(here, tmp_path):
    archive = zipped(tmp_path / "a.zip", GOOD)
    raw = bytearray(archive.read_bytes())
    raw[raw.rindex(b"PK\1\2") + 8] |= 1
    archive.write_bytes(raw)
    with pytest.raises(InputError, match="is encrypted"):
        unpack(archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(here, tmp_path, method):
    with pytest.raises(InputError, match="compressed in a way"):
        unpack(zipped(tmp_path / "a.zip", GOOD, method))


@pytest.fixture(scope="session")
def ten_gb_of_zeros(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A deflate stream of 10 GB of zeros: the same piece again and again, so that making it takes no time."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = compressor.compress(bytes(1 << 24)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return piece * 640 + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def raw_zip(path: Path, name: str, data: bytes, declared: int, checksum: int = 0) -> Path:
    """Write a zip whose second member is a deflate stream, with the size that it is said to have."""
    zipped(path, {META: b"{}"})
    raw = path.read_bytes()
    start = raw.index(b"PK\1\2")
    central = raw[start : raw.index(b"PK\5\6")]
    encoded = name.encode()
    extra = struct.pack("<HHQQ", 1, 16, declared, len(data))
    local = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 45, 0, 8, 0, 33, checksum, 0xFFFFFFFF, 0xFFFFFFFF, len(encoded), len(extra)
    )
    local += encoded + extra
    entry = struct.pack(
        "<4s6H3L5H2L",
        b"PK\1\2",
        45,
        45,
        0,
        8,
        0,
        33,
        checksum,
        0xFFFFFFFF,
        0xFFFFFFFF,
        len(encoded),
        len(extra),
        0,
        0,
        0,
        0,
        start,
    )
    central += entry + encoded + extra
    body = raw[:start] + local + data
    path.write_bytes(body + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(central), len(body), 0))
    return path


def watch(folder: Path) -> Callable[[int, int], None]:
    """Fail when more than 100 MB were written."""

    def look(_done: int, _total: int) -> None:
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 100e6

    return look


@pytest.mark.parametrize("declared", [10 << 30, 1000, 60 << 20], ids=["honest", "lying-small", "lying-below-the-limit"])
def test_a_bomb_in_zip_is_refused(here, tmp_path, ten_gb_of_zeros, declared):
    archive = raw_zip(tmp_path / "a.zip", "b/models/model.pt", ten_gb_of_zeros, declared)
    begin = time.process_time()
    with pytest.raises(InputError, match=r"times its size, as bombs do|damaged"):
        unpack(archive, progress=watch(here))
    assert time.process_time() - begin < 3
    assert os.listdir(here) == []


@pytest.mark.parametrize("declared", [10 << 30, 1 << 29, 100], ids=["honest", "several", "behind-the-end"])
def test_a_bomb_in_tar_gz_is_refused(here, tmp_path, ten_gb_of_zeros, declared):
    header = tarfile.TarInfo("b/models/model.pt")
    header.size = declared
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = compressor.compress(member(META)[0].tobuf() + header.tobuf()) + compressor.flush(zlib.Z_FULL_FLUSH)
    (tmp_path / "a.tar.gz").write_bytes(start + ten_gb_of_zeros)
    begin = time.process_time()
    with pytest.raises(InputError, match="times its size, as bombs do"):
        unpack(tmp_path / "a.tar.gz", progress=watch(here))
    assert time.process_time() - begin < 3
    assert os.listdir(here) == []


def test_a_huge_header_in_tar_is_refused(here, tmp_path):
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    with open(tmp_path / "a.tar", "wb") as out:
        out.write(info.tobuf(tarfile.USTAR_FORMAT))
        out.truncate(1 << 30)
    with pytest.raises(InputError, match="one of its headers has 1,073,741,824 bytes"):
        unpack(tmp_path / "a.tar")


def test_many_headers_in_tar_are_no_recursion(here, tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5
    (tmp_path / "a.tar").write_bytes((info.tobuf(tarfile.GNU_FORMAT) + b"name\0".ljust(512, b"\0")) * 5000)
    with pytest.raises(InputError, match="damaged"):
        unpack(tmp_path / "a.tar")
    assert os.listdir(here) == []


def test_limits_can_be_lowered_and_raised(here, tmp_path):
    archive = zipped(tmp_path / "a.zip", GOOD | {"b/zeros": bytes(70 << 20)})
    with pytest.raises(InputError, match="times its size"):
        unpack(archive)
    with pytest.raises(InputError, match="to more than 1,000 bytes"):
        unpack(archive, limits=Limits(size=1000))
    with pytest.raises(InputError, match="more than 3 members"):
        unpack(archive, limits=Limits(entries=3))
    assert os.listdir(here) == []
    unpack(archive, limits=Limits(ratio=2000))
    tar = tarred(tmp_path / "a.tar", [member(f"b/{n}") for n in range(5)], "w")
    for limits in (Limits(size=1000), Limits(entries=3)):
        with pytest.raises(InputError, match="refused"):
            unpack(tar, here / "x", limits=limits)


def test_a_directory_of_many_members_is_refused_before_it_is_read(here, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(6000):
            archive.writestr(f"{number}", b"")
    with pytest.raises(InputError, match="more than 1,000 members"):
        unpack(tmp_path / "a.zip", limits=Limits(entries=1000))


def test_members_of_more_than_four_gigabytes_are_read(tmp_path):
    size, block = (1 << 32) + (1 << 24), bytes(1 << 24)
    checksum = 0
    for _ in range(size // len(block)):
        checksum = zlib.crc32(block, checksum)
    with (tmp_path / "a.zip").open("w+b") as file:
        writer = ZipWriter(lambda data: file.seek(len(data), os.SEEK_CUR) if data is block else file.write(data))
        writer.add("b/weights", size, checksum, itertools.repeat(block, size // len(block)))
        writer.add(META, 2, zlib.crc32(b"{}"), [b"{}"])
        writer.finish()
        file.seek(0)
        found = list(members_of(file, "a.zip", Limits()))
        assert [(each.name, each.size) for each in found] == [("b/weights", size), (META, 2)]
        assert b"".join(map(bytes, found[1].chunks())) == b"{}"
        with pytest.raises(InputError, match="more than 1 members"):
            list(members_of(file, "a.zip", Limits(entries=1)))


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
