"""How long a download waits, how often it tries, and how much it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bundle_engine.errors import UsageError

__all__ = ["Limits", "read_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True)
class Limits:
    """How long a download waits, how often it tries, and how much it takes.

    Attributes:
        attempts: attempts in a row that bring nothing, before it gives up.
        pause: seconds before the second attempt; each further one waits twice as long.
        longest_pause: seconds that it waits at most, also when a server asks for more.
        connect: seconds for a connection to be made.
        silence: seconds without a byte, after which a connection counts as cut.
        window: seconds over which the speed is measured.
        slowest: bytes per second; a connection that is slower over a whole window counts as cut.
        most_bytes: size of a file that is taken at most.
        redirects: redirects that are followed.
    """

    attempts: int = 5
    pause: float = 0.5
    longest_pause: float = 60.0
    connect: float = 10.0
    silence: float = 30.0
    window: float = 60.0
    slowest: int = 100
    most_bytes: int = 50 * 1000**3
    redirects: int = 10


def read_size(text: str | int) -> int:
    """Read a size such as ``500MB``, ``2 GiB`` or ``1000``.

    Returns:
        the number of bytes.

    Raises:
        UsageError: when it is no size, or none above zero.
    """
    match = _SIZE.fullmatch(str(text).strip())
    size = 0
    if match:
        number, unit, binary = match.groups()
        size = int(float(number) * (1024 if binary else 1000) ** _POWERS[unit.lower()])
    if size <= 0:
        raise UsageError(f"'{text}' is no size", hint="write it as 500MB, 2GB or a number of bytes")
    return size
