"""Digests of the content of files, remembered as long as nothing says that a file has changed."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["FileDigests"]

_CHUNK = 1 << 20
_SETTLED = 2_000_000_000  # ns after its last change from which on a change would show in a file's times


class FileDigests:
    """Gives digests of files and folders by content.

    A digest is kept in a file of its own, with the size, the times and the number of the file that it is of; it holds
    as long as these are the same. A file that changed moments before it was read is read again next time, for another
    change might show no other time.

    Args:
        folder: where digests are kept; None to keep none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def content(self, path: str) -> str | None:
        """Give the digest of the file or folder at a path; None when there is none.

        A folder has to be named by more than one word, for a word may be anything.
        """
        if os.path.isfile(path):
            return self.of_file(path)
        several = os.path.basename(path) not in ("", path, ".", "..")
        return self._of_folder(path) if several and os.path.isdir(path) else None

    def file_content(self, path: str) -> str | None:
        """Give the digest of the file at a path; None when there is none."""
        return self.of_file(path) if os.path.isfile(path) else None

    def of_file(self, path: str) -> str:
        """Give the digest of a file.

        Raises:
            OSError: when it cannot be read.
        """
        whole = os.path.realpath(path)
        facts = _facts(os.stat(whole))
        note = self._note(whole)
        if note is not None:
            known = _read(note)
            if known.get("facts") == facts and known.get("path") == whole and isinstance(known.get("digest"), str):
                return str(known["digest"])
        started = time.time_ns()
        digest = hashlib.blake2b(digest_size=20)
        with open(whole, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        found = digest.hexdigest()
        settled = max(facts[1:3]) < started - _SETTLED
        if note is not None and settled and _facts(os.stat(whole)) == facts:
            _write(note, {"path": whole, "facts": facts, "digest": found})
        return found

    def _of_folder(self, path: str) -> str:
        digest = hashlib.blake2b(digest_size=20)
        for here, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                inside = os.path.join(here, name)
                if os.path.isfile(inside):
                    digest.update(f"{os.path.relpath(inside, path)}\0{self.of_file(inside)}\0".encode())
        return digest.hexdigest()

    def _note(self, path: str) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.blake2b(os.fsencode(path), digest_size=20).hexdigest()
        return self._folder / name[:2] / f"{name}.json"


def _facts(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _read(note: Path) -> dict[str, Any]:
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(note: Path, content: dict[str, Any]) -> None:
    """Write a note; without one, the file is only read again."""
    aside = note.with_name(f".{note.stem}.{secrets.token_hex(4)}.tmp")
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(content), encoding="utf-8")
        os.replace(aside, note)
