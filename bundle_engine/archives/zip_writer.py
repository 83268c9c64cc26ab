"""A zip archive written front to back, so that its digest is known at its end, and always as the same bytes.

`zipfile` goes back to fill in a file's checksum, after which all has to be read again for a digest; and details of
what it writes differ between versions of Python. Here the checksum is known before. Files are stored as they are:
weights hardly shrink, and compressed bytes depend on the version of zlib. Times and modes are the same for all files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable

from bundle_engine.errors import InputError
from bundle_engine.hashing import Chunk

__all__ = ["ZipWriter"]

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")

_UTF8, _STORED = 0x800, 0
_UNIX = 3 << 8
_TIME, _DATE = 0, (1 << 5) | 1  # 1 January 1980, the earliest there is
_MODE = 0o100644 << 16
_PLAIN, _ZIP64 = 20, 45  # versions of the format
_FULL, _FULL_COUNT = 0xFFFFFFFF, 0xFFFF


class ZipWriter:
    """Writes stored files to a zip archive.

    Args:
        write: takes the archive's bytes, from the first to the last.
        largest: number from which on the 64-bit fields are used.
    """

    def __init__(self, write: Callable[[Chunk], object], *, largest: int = _FULL) -> None:
        self._write = write
        self._largest = largest
        self._offset = 0
        self._directory: list[bytes] = []

    def add(self, name: str, size: int, checksum: int, chunks: Iterable[Chunk]) -> None:
        """Write a file.

        Args:
            name: its path in the archive.
            size: number of its bytes.
            checksum: its CRC-32.
            chunks: its content.

        Raises:
            InputError: when the content has another size or checksum; the archive is of no use then.
        """
        path, offset = name.encode(), self._offset
        large = size >= self._largest
        extra = struct.pack("<2H2Q", 1, 16, size, size) if large else b""
        short = _FULL if large else size
        version = _ZIP64 if large else _PLAIN
        fields = (_UTF8, _STORED, _TIME, _DATE, checksum, short, short, len(path))
        self._put(_LOCAL.pack(b"PK\3\4", version, *fields, len(extra)) + path + extra)
        seen = 0
        for chunk in chunks:
            seen = zlib.crc32(chunk, seen)
            self._put(chunk)
        written = self._offset - offset - _LOCAL.size - len(path) - len(extra)
        if (written, seen) != (size, checksum):
            raise InputError(f"'{name}' changed while it was packed", hint="wait until nothing writes to it")
        far = offset >= self._largest
        values = ([size, size] if large else []) + ([offset] if far else [])
        extra = struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""
        version = _ZIP64 if values else _PLAIN
        tail = (len(extra), 0, 0, 0, _MODE, _FULL if far else offset)
        entry = _CENTRAL.pack(b"PK\1\2", _UNIX | version, version, *fields, *tail)
        self._directory.append(entry + path + extra)

    def finish(self) -> int:
        """Write the directory; give the number of bytes of the whole archive."""
        start, count = self._offset, len(self._directory)
        for entry in self._directory:
            self._put(entry)
        end = self._offset
        size = end - start
        if count >= min(self._largest, _FULL_COUNT) or max(start, size) >= self._largest:
            versions = (_UNIX | _ZIP64, _ZIP64)
            self._put(
                _END_64.pack(b"PK\6\6", _END_64.size - 12, *versions, 0, 0, count, count, size, start)
                + _LOCATOR_64.pack(b"PK\6\7", 0, end, 1)
            )
            count, size, start = _FULL_COUNT, _FULL, _FULL
        self._put(_END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0))
        return self._offset

    def _put(self, data: Chunk) -> None:
        self._write(data)
        self._offset += len(data)
