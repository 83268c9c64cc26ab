"""Track what a run does in MLflow, though its config knows nothing of it."""

from bundle_engine.workflow.tracking.beginning import ARTIFACTS, begin_tracking
from bundle_engine.workflow.tracking.settings import (
    DEFAULT_EXP_MGMT_SETTINGS,
    DEFAULT_HANDLERS_ID,
    DEFAULT_MLFLOW_SETTINGS,
    is_tracking,
    patch_tracking,
    read_tracking_settings,
    save_executed_config,
)
from bundle_engine.workflow.tracking.tracked_run import TrackedRun, current_run

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
