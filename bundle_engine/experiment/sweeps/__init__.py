"""Sweeps: runs of one bundle with other values, and which of them came to the most."""

from __future__ import annotations

from bundle_engine.experiment.sweeps.trials import (
    BEST_ARGUMENTS,
    BEST_CONFIG,
    KIND,
    PRUNED,
    Plan,
    Sweep,
    begin,
    carry_on,
    sweep,
)

__all__ = ["BEST_ARGUMENTS", "BEST_CONFIG", "KIND", "PRUNED", "Plan", "Sweep", "begin", "carry_on", "sweep"]
