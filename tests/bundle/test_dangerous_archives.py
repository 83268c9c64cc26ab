"""Archives that are dangerous: names and links that lead elsewhere, bombs, and the limits of what is read."""

from __future__ import annotations

import itertools
import os
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle_engine.archives.member_names import MemberNames
from bundle_engine.archives.members import Limits, members_of
from bundle_engine.archives.zip_writer import ZipWriter
from bundle_engine.bundle.unpack import unpack
from bundle_engine.errors import InputError
from tests.bundle.archives import GOOD, META, member, tarred, unix, zipped

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
