"""A SHA-256 that is computed in a thread of its own, while its caller reads and writes."""

from __future__ import annotations

import hashlib
from queue import Queue
from threading import Thread
from types import TracebackType

from bundle_engine.bundle.digests import CHUNK

__all__ = ["BackgroundHash"]

_WAITING = 8  # chunks that may wait for the thread; they bound the memory


class BackgroundHash:
    """The SHA-256 of chunks that are given one after the other; a context, at whose end its thread has ended.

    The thread starts with the first chunk that is worth it: small files are hashed at once.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._queue: Queue[bytes | None] = Queue(_WAITING)
        self._thread: Thread | None = None
        self._given_up = False

    def update(self, chunk: bytes) -> None:
        """Add a chunk, which the caller no longer changes."""
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
