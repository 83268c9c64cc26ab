"""What took the place of targets that current versions no longer have."""

from __future__ import annotations

__all__ = ["SUCCESSORS"]

SUCCESSORS: dict[str, str] = {}
