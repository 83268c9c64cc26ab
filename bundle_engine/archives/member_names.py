"""Names in an archive: only those that mean the same file, below one folder, on every system.

A name is a path with ``/``. Refused is what leads elsewhere (absolute paths, ``..``, drive letters, backslashes), what
some system reads otherwise (reserved names, a dot or blank at the end, control characters), and what would be one and
the same file on a system that does not tell capitals or forms of Unicode apart.
"""

from __future__ import annotations

import re
import unicodedata

from bundle_engine.errors import InputError

__all__ = ["MemberNames"]

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.I | re.S)
_LONGEST_PART = 255  # bytes of UTF-8
_LONGEST = 1024


class MemberNames:
    """The names of one archive, as far as they are known; each is checked by itself and against the others."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, bool]] = {}  # by what systems may take it for: spelling, whether a folder

    def add(self, raw: str, *, folder: bool = False) -> str:
        """Check a name and remember it.

        Args:
            raw: the name as the archive has it.
            folder: whether it is that of a folder.

        Returns:
            the name without ``.`` and doubled or final ``/``; empty for the archive's top itself.

        Raises:
            InputError: when it is refused.
        """
        fault = _fault(raw)
        if fault:
            raise _refused(raw, fault)
        parts = [part for part in raw.split("/") if part not in ("", ".")]
        for number in range(1, len(parts) + 1):
            self._take(raw, "/".join(parts[:number]), folder=folder or number < len(parts))
        if not parts and not folder:
            raise _refused(raw, "it is empty")
        return "/".join(parts)

    def _take(self, raw: str, name: str, *, folder: bool) -> None:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if key not in self._taken:
            self._taken[key] = name, folder
            return
        spelling, is_folder = self._taken[key]
        if spelling != name:
            raise _refused(raw, f"'{_shown(spelling)}' is there too, which is the same on some systems")
        if is_folder != folder:
            raise _refused(raw, f"'{_shown(name)}' is both a file and a folder")
        if not folder:
            raise _refused(raw, "it is there twice")


def _fault(raw: str) -> str:
    """Say what is wrong with a name by itself; empty when nothing is."""
    parts = raw.split("/")
    if raw.startswith("/"):
        return "it is an absolute path"
    if ".." in parts:
        return "it leads out of its folder"
    if "\\" in raw or ":" in raw:
        return "backslashes and colons have a meaning on some systems"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in raw):
        return "it has control characters or is not UTF-8"
    for part in parts:
        if part != part.rstrip(". ") and part != ".":
            return "a part of it ends in a dot or a blank"
        if _RESERVED.fullmatch(part):
            return f"'{part}' is the name of a device on some systems"
        if len(part.encode()) > _LONGEST_PART:
            return f"a part of it is longer than {_LONGEST_PART} bytes"
    return f"it is longer than {_LONGEST} bytes" if len(raw.encode()) > _LONGEST else ""


def _refused(raw: str, fault: str) -> InputError:
    return InputError(f"the name '{_shown(raw)}' is refused: {fault}")


def _shown(name: str) -> str:
    """Write a name so that a terminal shows it and does not obey it."""
    text = "".join(c if c.isprintable() else c.encode("utf-8", "backslashreplace").decode() for c in name)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= 100 else f"{text[:100]}…"
