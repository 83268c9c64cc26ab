"""Write a file so that it is complete, or as it was before."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundle_engine.errors import UsageError

__all__ = ["check_writable", "replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there takes the name `path` when the block ends well.

    The content is on the disk before it gets the name. When the block raises, nothing is left, and a file that had the
    name before stays as it was. A symbolic link stays, and the file that it points to is replaced.

    Raises:
        UsageError: when there is no such folder, or the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    check_writable(target)
    temporary = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}.tmp{target.suffix}")
    try:
        yield temporary
        try:
            _flush(temporary)
            os.replace(temporary, target)
            _flush_folder(target.parent)
        except OSError as error:
            raise UsageError(f"cannot write '{path}': {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise a `UsageError` where no file of this name can be written, before the work that makes it is done."""
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise UsageError(f"cannot write '{path}': it is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write '{path}': there is no folder '{path.parent}'", hint="make the folder first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"cannot write '{path}': the folder '{path.parent}' may not be written to")


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new name last, too, where the system lets folders be opened."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
