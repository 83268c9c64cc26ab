"""Begin to track a workflow that a config describes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import META, TARGET
from bundle_engine.workflow.masking import Masker, hidden
from bundle_engine.workflow.tracking.settings import MLFLOW_HANDLER
from bundle_engine.workflow.tracking.store import effective_uri
from bundle_engine.workflow.tracking.tracked_run import TrackedRun, tags_of

__all__ = ["begin_tracking"]


def begin_tracking(parser: ConfigParser, root: Path | None = None, *, run_id: str | None = None) -> TrackedRun | None:
    """Begin a run in MLflow, on the first process only, with the config as its parameters.

    Args:
        parser: the config, with tracking settings in it.
        root: the bundle's folder.
        run_id: id of a run to go on with; by default a new one.

    Returns:
        the run; None where no handler of the config tracks into MLflow.

    Raises:
        TrackingError: when the store cannot be used.
        MissingDependencyError: when a package for it is not installed.
    """
    if os.environ.get("RANK", "0") != "0" or not _has_handler(parser.get()):
        return None
    wanted = {name: parser.get_parsed_content(name) if name in parser else None for name in _SETTINGS}
    config = hidden(parser.get())
    meta = config.get(META)
    bundle = (meta.get("name") if isinstance(meta, dict) else None) or (root.name if root is not None else "run")
    name = wanted["run_name"] or f"{'_'.join(str(bundle).lower().split())}_{time.strftime('%Y%m%d_%H%M%S')}"
    run = TrackedRun(
        effective_uri(wanted["tracking_uri"]),
        wanted["experiment_name"] or "monai_experiment",
        str(name),
        run_id=run_id,
        tags=tags_of(config, root, Masker().command(sys.argv)),
    )
    with run.at_work():
        run.log_parameters(config)
    return run


_SETTINGS = ("tracking_uri", "experiment_name", "run_name")


def _has_handler(config: object) -> bool:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get(TARGET) == MLFLOW_HANDLER:
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False
