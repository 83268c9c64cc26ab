"""A file that is fetched, what is left of it in a folder, and what a person sees of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from bundle_engine.network.progress import Progress

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Notes(Progress):
    """What a person would see."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
