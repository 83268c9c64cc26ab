"""Digests of files: read at once, or computed in a thread of their own while the caller reads and writes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from queue import Queue
from threading import Thread
from types import TracebackType

from bundle_engine.errors import InputError, InputNotFoundError

__all__ = ["CHUNK", "BackgroundHash", "Chunk", "Progress", "chunks_of", "file_digest"]

CHUNK = 1 << 20  # bytes that are read at once
Chunk = bytes | memoryview
Progress = Callable[[int], object]
"""Told the number of bytes, each time that some were read or written."""

_WAITING = 6  # chunks that may wait for the thread; they bound the memory
_BUFFERS = _WAITING + 2  # with the one that is being hashed, and the one that is being read


def file_digest(path: str | os.PathLike[str], *, algorithm: str = "sha256", progress: Progress | None = None) -> str:
    """Compute the digest of a file's content, in chunks.

    Args:
        path: the file.
        algorithm: a name that ``hashlib`` knows.
        progress: told the number of bytes read, for each chunk.

    Returns:
        its hexadecimal digits: 64 of them for SHA-256.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it cannot be read.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    try:
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(view[:count])
                if progress is not None:
                    progress(count)
    except FileNotFoundError:
        raise InputNotFoundError(f"cannot find the file '{os.fspath(path)}'") from None
    except OSError as error:
        raise InputError(f"cannot read '{os.fspath(path)}': {error.strerror or error}") from error
    return digest.hexdigest()


def chunks_of(readinto: Callable[[memoryview], int | None], size: int | None = None) -> Iterator[memoryview]:
    """Read a stream into a few buffers, one after the other: new ones would cost more time than reading.

    A chunk holds what was read until `BackgroundHash` has taken it and some more were asked for; who wants to keep it
    makes a copy.

    Args:
        readinto: fills a buffer, and gives the number of bytes; 0 at the end.
        size: number of bytes after which to stop.
    """
    buffers: list[memoryview] = []
    turn, left = 0, size
    while left is None or left > 0:
        if turn == len(buffers) and turn < _BUFFERS:
            buffers.append(memoryview(bytearray(CHUNK if left is None else min(CHUNK, left))))
        buffer = buffers[turn]
        count = readinto(buffer if left is None else buffer[:left])
        if not count:
            return
        yield buffer[:count]
        turn = (turn + 1) % _BUFFERS
        if left is not None:
            left -= count


class BackgroundHash:
    """The SHA-256 of chunks that are given one after the other; a context, at whose end its thread has ended.

    The thread starts with the first chunk that is worth it: small files are hashed at once.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._queue: Queue[Chunk | None] = Queue(_WAITING)
        self._thread: Thread | None = None
        self._given_up = False

    def update(self, chunk: Chunk) -> None:
        """Add a chunk that the caller does not change, or one of `chunks_of`."""
        if self._thread is None:
            if len(chunk) < CHUNK:
                self._digest.update(chunk)
                return
            self._thread = Thread(target=self._work, name="sha256", daemon=True)
            self._thread.start()
        self._queue.put(chunk)

    def hexdigest(self) -> str:
        """Give the digest of all chunks; none may follow."""
        self._end()
        return self._digest.hexdigest()

    def _work(self) -> None:
        while (chunk := self._queue.get()) is not None:
            if not self._given_up:
                self._digest.update(chunk)

    def _end(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def __enter__(self) -> BackgroundHash:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._given_up = kind is not None
        self._end()
