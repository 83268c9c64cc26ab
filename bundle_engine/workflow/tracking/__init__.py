"""Track what a run does in MLflow, though its config knows nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {
    "ARTIFACTS": "settings",
    "DEFAULT_EXP_MGMT_SETTINGS": "settings",
    "DEFAULT_HANDLERS_ID": "settings",
    "DEFAULT_MLFLOW_SETTINGS": "settings",
    "TrackedRun": "tracked_run",
    "begin_tracking": "beginning",
    "current_run": "tracked_run",
    "is_tracking": "settings",
    "patch_tracking": "settings",
    "read_tracking_settings": "settings",
    "save_executed_config": "settings",
}

__all__ = [
    "ARTIFACTS",
    "DEFAULT_EXP_MGMT_SETTINGS",
    "DEFAULT_HANDLERS_ID",
    "DEFAULT_MLFLOW_SETTINGS",
    "TrackedRun",
    "begin_tracking",
    "current_run",
    "is_tracking",
    "patch_tracking",
    "read_tracking_settings",
    "save_executed_config",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.workflow.tracking.beginning import begin_tracking
    from bundle_engine.workflow.tracking.settings import (
        ARTIFACTS,
        DEFAULT_EXP_MGMT_SETTINGS,
        DEFAULT_HANDLERS_ID,
        DEFAULT_MLFLOW_SETTINGS,
        is_tracking,
        patch_tracking,
        read_tracking_settings,
        save_executed_config,
    )
    from bundle_engine.workflow.tracking.tracked_run import TrackedRun, current_run
