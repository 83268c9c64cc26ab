"""Write the members of an archive that somebody else made to a new folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from bundle_engine.archives.member_names import MemberNames
from bundle_engine.archives.members import Limits, Member, members_of
from bundle_engine.hashing import BackgroundHash

__all__ = ["Progress", "extract"]

Progress = Callable[[int, int], object]
"""Told how many bytes of the archive are done, and how many it has."""


def extract(
    file: BinaryIO,
    name: str,
    folder: Path,
    *,
    limits: Limits,
    dropped: Callable[[str], bool],
    progress: Progress | None = None,
) -> dict[str, str]:
    """Write the files of an archive below a folder, and nothing anywhere else.

    Files get the mode 0644 and folders 0755, less what the umask takes away.

    Args:
        file: a zip, tar or tar.gz file, open for reading.
        name: its name, for errors.
        folder: the folder; it is made, and what is there after an error is no good.
        limits: what the archive may cost.
        dropped: tells of a file's name whether it is not written; names are checked before.
        progress: told how many bytes of the archive are done, and how many it has.

    Returns:
        the SHA-256 of each file that was written, by its name from the folder, with ``/``.

    Raises:
        InputError: for what is no archive, is damaged, or is refused: links, devices, names that lead elsewhere.
        OSError: when it cannot be written.
    """
    size = os.fstat(file.fileno()).st_size
    told = None if progress is None else lambda: progress(min(file.tell(), size), size)
    folder.mkdir()
    names = MemberNames()
    digests: dict[str, str] = {}
    for member in members_of(file, name, limits):
        path = names.add(member.name, folder=member.folder)
        if not member.folder and not dropped(path):
            digests[path] = _write_file(member, folder / path, told)
    if progress is not None:
        progress(size, size)
    return digests


def _write_file(member: Member, path: Path, told: Callable[[], object] | None) -> str:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (
        open(path, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o644)) as stream,
        BackgroundHash() as hashed,
    ):
        for chunk in member.chunks():
            hashed.update(chunk)
            left = memoryview(chunk)
            while left:
                left = left[stream.write(left) :]
            if told is not None:
                told()
        return hashed.hexdigest()
