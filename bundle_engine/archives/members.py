"""The members of a zip or tar archive that somebody else made, read with bounds on what they may cost.

Refused are links, devices, encrypted members, compression other than deflate, and bombs: what the archive says of its
sizes is checked before anything is read, and what comes out is counted while it is read. Names are checked elsewhere.
"""

from __future__ import annotations

import gzip
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast

from bundle_engine.errors import InputError
from bundle_engine.hashing import CHUNK, Chunk, chunks_of

__all__ = ["Limits", "Member", "members_of"]

_ANY_RATIO = 64 << 20  # bytes that may come out of an archive whatever its ratio
_DIRECTORY_ENTRY = 256  # bytes of a zip's directory for each member, on average
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_LOCAL_NAME = 26  # where a member's header tells the lengths of its name and of what follows before the content
_ZERO_BLOCK = bytes(tarfile.BLOCKSIZE)
_TAIL = (1 << 16) + 98  # the end of a zip: the longest comment and the records before it


@dataclass(frozen=True)
class Limits:
    """What unpacking an archive may cost at most.

    Attributes:
        size: bytes of all files together.
        entries: number of files and folders.
        ratio: how many times larger than the archive all files together may be; from 64 MiB on.
    """

    size: int = 64 << 30
    entries: int = 50_000
    ratio: float = 200.0

    def check_size(self, size: int, packed: int) -> None:
        """Refuse a number of bytes that comes out of a number of packed ones.

        Raises:
            InputError: when it is too much.
        """
        if size > self.size:
            hint = f"if you trust where it came from, --max_size {-(-size // 10**9)}GB allows it"
            raise InputError(f"the archive is refused: it unpacks to more than {self.size:,} bytes", hint=hint)
        if size > _ANY_RATIO and size > self.ratio * packed:
            hint = "if you trust where it came from, --max_ratio allows more"
            message = f"the archive is refused: it unpacks to more than {self.ratio:g} times its size, as bombs do"
            raise InputError(message, hint=hint)

    def check_entries(self, count: int) -> None:
        """Refuse a number of members.

        Raises:
            InputError: when there are too many.
        """
        if count > self.entries:
            hint = "if you trust where it came from, --max_entries allows more"
            raise InputError(f"the archive is refused: it has more than {self.entries:,} members", hint=hint)


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive.

    Attributes:
        name: as it stands in the archive, unchecked.
        folder: whether it is a folder.
        size: number of the file's bytes, as the archive says.
        chunks: reads the content, once, before the next member is asked for.
    """

    name: str
    folder: bool
    size: int
    chunks: Callable[[], Iterator[Chunk]]


def members_of(file: BinaryIO, name: str, limits: Limits) -> Iterator[Member]:
    """Give the members of an archive one after the other.

    Args:
        file: the archive, open for reading.
        name: its name, for errors.
        limits: what it may cost.

    Raises:
        InputError: for what is no archive, is damaged or cut off, or is refused; while iterating, too.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip_members(file, size, limits)
    if head.startswith(b"\x1f\x8b"):
        return _tar_members(cast(BinaryIO, gzip.GzipFile(fileobj=file)), file, size, limits)
    if head[257:262] == b"ustar" or name.lower().endswith(".tar"):
        return _tar_members(file, file, size, limits)
    raise InputError(f"'{name}' is no archive (zip, tar or tar.gz)", hint=_what_it_is(head))


def _what_it_is(head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "it is empty: download it again"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "it is a web page: the address may need a login, or lead to a page about the file"
    if start.startswith((b"{", b"[")):
        return "it is JSON, probably the message of a server instead of the file"
    if start.startswith(b"version https://git-lfs"):
        return "it only points to the file, which is kept by Git LFS: run 'git lfs pull'"
    if head.startswith((b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")):
        return "it is compressed in another way: unpack it with its own program, and pack it as zip or tar.gz"
    return "it may be cut off or something else: compare its digest with the one that its publisher names"


@contextmanager
def _damage_told(what: str = "") -> Iterator[None]:
    """Turn what libraries raise for damaged archives into the product's error."""
    try:
        yield
    except InputError:
        raise
    except (
        EOFError, OSError, zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, zlib.error, struct.error,
        RuntimeError, ValueError, OverflowError, LookupError,
    ) as error:  # fmt: skip
        hint = "it may have been cut off: compare its digest with the one that its publisher names, or get it again"
        where = f" at '{ascii(what)[1:-1]}'" if what else ""
        raise InputError(f"the archive is damaged{where}: {error}", hint=hint) from error


def _zip_members(file: BinaryIO, size: int, limits: Limits) -> Iterator[Member]:
    _check_directory(file, size, limits)
    with _damage_told():
        archive = zipfile.ZipFile(file)
    infos = archive.infolist()
    limits.check_entries(len(infos))
    limits.check_size(sum(info.file_size for info in infos), size)
    for info in infos:
        _check_zip_member(info)
    for info in infos:
        yield Member(info.orig_filename, info.is_dir(), info.file_size, partial(_zip_chunks, archive, info, file))


def _check_directory(file: BinaryIO, size: int, limits: Limits) -> None:
    """Refuse a zip whose directory would take much memory, before it is read.

    The directory stands right before the record that tells its size; what only looks like such a record is passed over.
    """
    begin = max(0, size - _TAIL)
    file.seek(begin)
    tail = file.read(_TAIL)
    for mark, layout, offset in ((b"PK\5\6", "<L", 12), (b"PK\6\6", "<Q", 40)):
        at = tail.find(mark)
        while at >= 0:
            field = tail[at + offset : at + offset + struct.calcsize(layout)]
            claimed = struct.unpack(layout, field)[0] if len(field) == struct.calcsize(layout) else size
            if claimed < begin + at:
                file.seek(begin + at - claimed)
                if file.read(4) == b"PK\1\2":
                    limits.check_entries(claimed // _DIRECTORY_ENTRY)
            at = tail.find(mark, at + 1)


def _check_zip_member(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(info.orig_filename, "a link" if kind == stat.S_IFLNK else "a device, a pipe or a socket")
    if info.flag_bits & _ENCRYPTED:
        raise _refused(info.orig_filename, "encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(info.orig_filename, f"compressed in a way (number {info.compress_type}) that is not supported")


def _zip_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: BinaryIO) -> Iterator[Chunk]:
    with _damage_told(info.orig_filename):
        left = info.file_size
        with archive.open(info) as stream:  # which holds the header of the member against the directory
            if info.compress_type == zipfile.ZIP_STORED:
                yield from _stored_chunks(info, file)
                return
            while chunk := stream.read(CHUNK):
                left -= len(chunk)
                yield chunk
        if left:
            raise EOFError("it ends too early")


def _stored_chunks(info: zipfile.ZipInfo, file: BinaryIO) -> Iterator[Chunk]:
    """Read a member that is not compressed, as weights are, without the copies that `zipfile` makes."""
    if info.compress_size != info.file_size:
        raise zipfile.BadZipFile("it is not compressed, but has two sizes")
    file.seek(info.header_offset + _LOCAL_NAME)
    file.seek(sum(struct.unpack("<2H", file.read(4))), os.SEEK_CUR)
    left, checksum = info.file_size, 0
    for chunk in chunks_of(cast(Any, file).readinto, left):
        left -= len(chunk)
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if left:
        raise EOFError("it ends too early")
    if checksum != info.CRC:
        raise zipfile.BadZipFile("its content does not have the checksum that the archive names")


def _refused(name: str, what: str) -> InputError:
    return InputError(f"the archive is refused: its member '{ascii(name)[1:-1]}' is {what}")


class _Forward:
    """Reads a stream from front to back, for `tarfile`, and counts what comes out."""

    def __init__(self, stream: BinaryIO, packed: BinaryIO, size: int, limits: Limits) -> None:
        self._stream, self._packed, self._size, self._limits = stream, packed, size, limits
        self._position = 0
        self.last = b""  # what was read last

    def read(self, count: int) -> bytes:
        if not 0 <= count <= CHUNK:
            raise InputError(f"the archive is refused: one of its headers has {count:,} bytes")
        parts = []
        while count and (part := self._stream.read(count)):
            parts.append(part)
            count -= len(part)
        self.last = b"".join(parts)
        self._position += len(self.last)
        packed = self._packed.tell() if self._packed is not self._stream else self._size
        self._limits.check_size(self._position, packed)
        return self.last

    def seek(self, position: int, whence: int = 0) -> int:
        if whence or position < self._position:
            raise tarfile.ReadError("it leads back to where it has been read already")
        while self._position < position:
            if not self.read(min(CHUNK, position - self._position)):
                raise EOFError("it ends too early")
        return position

    def tell(self) -> int:
        return self._position


def _tar_members(stream: BinaryIO, packed: BinaryIO, size: int, limits: Limits) -> Iterator[Member]:
    forward = _Forward(stream, packed, size, limits)
    with _damage_told():
        archive = tarfile.TarFile(fileobj=cast(BinaryIO, forward), mode="r", encoding="utf-8", errors="surrogateescape")
    count, total = 0, 0
    while True:
        with _damage_told():
            member = archive.next()
            cast(Any, archive).members = []  # or else they pile up
        if member is None:
            break
        count, total = count + 1, total + max(0, member.size)
        limits.check_entries(count)
        limits.check_size(total, size)
        _check_tar_member(member)
        yield Member(member.name, member.isdir(), member.size, partial(_tar_chunks, forward, member))
    with _damage_told():
        if forward.last != _ZERO_BLOCK:
            raise EOFError("it ends too early, or goes on after what cannot be read")
        while forward.read(CHUNK):  # to its end, where the checksum of gzip stands
            pass


def _check_tar_member(member: tarfile.TarInfo) -> None:
    if member.issym() or member.islnk():
        raise _refused(member.name, "a link")
    if member.issparse():
        raise _refused(member.name, "a file with holes, which is not supported")
    if not (member.isreg() or member.isdir()):
        raise _refused(member.name, "a device, a pipe or something unknown")
    if member.size < 0:
        raise _refused(member.name, "of a negative size")


def _tar_chunks(forward: _Forward, member: tarfile.TarInfo) -> Iterator[Chunk]:
    with _damage_told(member.name):
        left = member.size
        while left:
            chunk = forward.read(min(CHUNK, left))
            if not chunk:
                raise EOFError("it ends too early")
            left -= len(chunk)
            yield chunk
