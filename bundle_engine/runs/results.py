"""What a run has built and what came of it, read from the values that its config has by now."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.ids import REFERENCE
from bundle_engine.runs.circumstances import file_list

__all__ = ["data_of", "places_of", "results_of", "seeds_of", "tracking_of"]

_PLACES = ("output_dir", "ckpt_dir", "ckpt_path", "checkpoint", "save_dir", "log_dir", "model_dir", "tracking_uri")
_MOST_STEPS = 20  # of references that lead to references


def results_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give epochs, iterations and metrics of all engines, by their ids."""
    engine_class = getattr(sys.modules.get("ignite.engine"), "Engine", None)
    if engine_class is None:
        return {}
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for id, engine in sorted(values.items()):
        if isinstance(engine, engine_class) and id and _is_new(engine, seen):
            found[id] = _state_of(engine.state)
    return found


def _is_new(value: Any, seen: set[int]) -> bool:
    """Tell whether an object was not met before; several ids may have it."""
    if id(value) in seen:
        return False
    seen.add(id(value))
    return True


def _state_of(state: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"epoch": state.epoch, "iteration": state.iteration}
    metrics = {name: number for name, value in state.metrics.items() if (number := _number(value)) is not None}
    if metrics:
        told["metrics"] = metrics
    name, epoch = getattr(state, "key_metric_name", None), getattr(state, "best_metric_epoch", -1)
    if name is not None:
        told["key_metric"] = name
        if isinstance(epoch, int) and epoch > 0 and (best := _number(getattr(state, "best_metric", None))) is not None:
            told["best_metric"], told["best_metric_epoch"] = best, epoch
    return told


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):  # a tensor of several numbers
        return None
    return number if math.isfinite(number) else None


def data_of(parser: ConfigParser, properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up the files of the datasets that were built, by the names of their properties."""
    values = parser.ref_resolver.resolved_content
    found = {}
    for name, entry in properties.items():
        id = str(entry.get("id"))
        for _ in range(_MOST_STEPS if name.endswith("dataset_data") else 0):
            if id in values:
                if (summary := file_list(values[id])) is not None:
                    found[name] = summary
                break
            written = parser.get(id)  # a reference is not kept, but what it leads to is
            if not (isinstance(written, str) and written.startswith(REFERENCE)):
                break
            id = written.removeprefix(REFERENCE)
    return found


def seeds_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the seeds that the config names, by their ids, and the one of torch."""
    found = {
        id: value
        for id, value in sorted(values.items())
        if isinstance(value, int) and not isinstance(value, bool) and id and Id.parse(id)[-1].endswith("seed")
    }
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "initial_seed"):
        found["torch"] = torch.initial_seed()
    return found


def places_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Give the absolute paths that the config names for results, by their ids."""
    found = {}
    for id, value in sorted(values.items()):
        if id and Id.parse(id)[-1] in _PLACES and isinstance(value, (str, Path)) and str(value):
            found[id] = str(value) if "://" in str(value) else os.path.abspath(value)
    return found


def tracking_of(workflow: Any) -> dict[str, str]:
    """Give the id of the run in MLflow, where a workflow is tracked there."""
    tracked = getattr(workflow, "tracked_run", None)
    return {} if tracked is None else {"mlflow": str(tracked.run_id)}
