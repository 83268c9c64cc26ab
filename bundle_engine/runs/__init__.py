"""What is kept of each run: its folder, its record, its checkpoints; and how it is repeated or goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["recorded_run"]


def __getattr__(name: str) -> Any:
    if name != "recorded_run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bundle_engine.runs.recorded import recorded_run

    return recorded_run


if TYPE_CHECKING:
    from bundle_engine.runs.recorded import recorded_run
