"""A file that is still coming: what is there of it, and how to tell whether the rest belongs to it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from bundle_engine.errors import DownloadError
from bundle_engine.network.addresses import split_credentials

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Partial", "partial_file"]


def partial_file(target: Path) -> Path:
    """Give the path at which a file is collected before it gets its own name."""
    return target.with_name(f".{target.name.lstrip('.')}.part")


class Partial:
    """A file that is still coming; use it in a ``with`` block, in which no other process can work on it.

    Beside it lies a small record: a digest of the address, and what the server said about the file's version. With
    another address or version, the file begins anew.

    Args:
        target: the path that the file will have.
        url: where it comes from.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.target = target
        self.path = partial_file(target)
        self.etag = self.modified = ""
        self.total: int | None = None
        self._record = self.path.with_name(f"{self.path.name}.json")
        self._address = hashlib.sha256(split_credentials(url)[0].encode()).hexdigest()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink():  # never follow what somebody else may have put there
                self.path.unlink()
            self._file = open(self.path, "r+b" if self.path.exists() else "w+b", buffering=0)
            self._lock()
            self._read_record()
        except OSError as error:
            self.__exit__()
            raise DownloadError(f"cannot write '{self.path}': {error.strerror or error}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        if self._file is not None:
            empty = not self._file.closed and self.path.exists() and self.size == 0
            self._file.close()
            if empty:
                self.discard()

    @property
    def file(self) -> IO[bytes]:
        assert self._file is not None
        return self._file

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return os.fstat(self.file.fileno()).st_size if self._file and not self._file.closed else 0

    @property
    def validator(self) -> str | None:
        """What names the version of the file in ``If-Range``; None where the server gave nothing that does."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.modified or None

    def begin(self, headers: Mapping[str, str], total: int | None) -> None:
        """Empty the file, and note what the server says about the version that now comes."""
        self.file.seek(0)
        self.file.truncate()
        self.etag, self.modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        self.total = total
        row = {"address": self._address, "etag": self.etag, "modified": self.modified, "total": total}
        with suppress(OSError):  # without it, the next time begins anew
            self._record.write_text(json.dumps(row), encoding="utf-8")

    def write(self, block: bytes) -> None:
        """Append some bytes."""
        view = memoryview(block)
        while view:
            view = view[self.file.write(view) or 0 :]

    def finish(self) -> None:
        """Give the file its own name."""
        self.file.close()
        os.replace(self.path, self.target)
        self._record.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what is there."""
        self.file.close()
        for path in (self.path, self._record):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _read_record(self) -> None:
        row: object = None
        with suppress(OSError, ValueError):
            row = json.loads(self._record.read_text(encoding="utf-8"))
        if not isinstance(row, dict) or row.get("address") != self._address:
            self.file.truncate(0)
            return
        self.etag, self.modified = str(row.get("etag") or ""), str(row.get("modified") or "")
        self.total = row["total"] if isinstance(row.get("total"), int) else None

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.close()
            message = f"another process is downloading '{self.target.name}' to '{self.target.parent}'"
            raise DownloadError(message, hint="wait for it, or end it") from None
        except OSError:
            return  # a file system without locks
        if not os.path.exists(self.path) or not os.path.samestat(os.fstat(self.file.fileno()), os.stat(self.path)):
            self.file.close()  # the other one finished just now, and this is its file
            raise DownloadError(f"another process has just downloaded '{self.target.name}'", hint="look at its result")
