"""Write the files of an evaluation aside, several at a time, and put them in place when all is there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from bundle_engine.errors import UsageError

__all__ = ["RECORD", "Staging", "gather", "rank"]

RECORD = "evaluation.json"
_ASIDE = ".partial"
_PENDING = 16  # so that not all images of a large set wait in memory


class Staging:
    """A folder that the results of an evaluation are written to, aside from those of an earlier one.

    Args:
        folder: where they belong in the end; made when it is missing.
        workers: number of threads that draw and write.

    Several processes may share a folder: each writes files of its own, and the first puts all of them in place.
    """

    def __init__(self, folder: str | os.PathLike[str], *, workers: int = 2) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self.aside = self.folder / _ASIDE
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: list[Future[None]] = []

    def begin(self) -> None:
        """Make the folder.

        Raises:
            UsageError: when that is not possible.
        """
        self.discard()
        try:
            if rank() == 0:
                shutil.rmtree(self.aside, ignore_errors=True)
                self.aside.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"cannot write to '{self.folder}': {error.strerror or error}") from error
        _meet()
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="evaluation")

    def submit(self, name: str, write: Callable[[Path], None]) -> None:
        """Let a function write a file, soon.

        Args:
            name: path of the file below the folder.
            write: gets the path to write to.
        """
        assert self._pool is not None, "begin() comes first"
        path = self.aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        while len(self._waiting) >= _PENDING:
            self._waiting.pop(0).result()
        self._waiting.append(self._pool.submit(write, path))

    def wait(self) -> None:
        """Wait until all is written, in all processes; what went wrong is raised."""
        while self._waiting:
            self._waiting.pop(0).result()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        _meet()

    def path(self, name: str) -> Path:
        """Give the path to write a file to at once."""
        path = self.aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def finish(self, record: Mapping[str, Any]) -> None:
        """Put everything in place, in the first process only. The record comes last: what has one is complete.

        Raises:
            UsageError: when that is not possible.
        """
        if rank() == 0:
            text = json.dumps(dict(record), indent=2, ensure_ascii=False) + "\n"
            try:
                (self.folder / RECORD).unlink(missing_ok=True)
                for entry in sorted(self.aside.iterdir()):
                    target = self.folder / entry.name
                    if target.is_dir():
                        shutil.rmtree(target)
                    os.replace(entry, target)
                (self.aside / RECORD).write_text(text, encoding="utf-8")
                os.replace(self.aside / RECORD, self.folder / RECORD)
                self.aside.rmdir()
            except OSError as error:
                raise UsageError(f"cannot write to '{self.folder}': {error.strerror or error}") from error
        _meet()

    def discard(self) -> None:
        """Stop, and take away what was written aside."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._waiting.clear()
        if rank() == 0:
            shutil.rmtree(self.aside, ignore_errors=True)
            with suppress(OSError):
                self.folder.rmdir()  # only if it is empty


def rank() -> int:
    """Give the number of this process among those that work together, from 0."""
    import torch.distributed as dist

    return int(dist.get_rank()) if _together() else 0


def gather(items: list[Any]) -> list[Any]:
    """Give the items of all processes, in the order of the processes."""
    if not _together():
        return items
    import torch.distributed as dist

    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, items)
    return [item for part in parts for item in part]


def _together() -> bool:
    import torch.distributed as dist

    return bool(dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1)


def _meet() -> None:
    if _together():
        import torch.distributed as dist

        dist.barrier()
