"""What is kept of each run: its folder, its record, its checkpoints; and how it is repeated or goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {"recorded_run": "recorded"}

__all__ = ["recorded_run"]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.runs.recorded import recorded_run
