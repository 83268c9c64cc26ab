"""What runs: workflows that a config or Python code describes, their properties, their log, their tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {
    "BundleWorkflow": "base",
    "ConfigWorkflow": "config_workflow",
    "DEFAULT_EXP_MGMT_SETTINGS": "tracking",
    "DEFAULT_HANDLERS_ID": "tracking",
    "DEFAULT_MLFLOW_SETTINGS": "tracking",
    "EvalProperties": "properties",
    "InferProperties": "properties",
    "MetaProperties": "properties",
    "PythonicWorkflow": "pythonic",
    "TrainProperties": "properties",
    "create_workflow": "create",
    "load_config_file": "create",
    "load_config_files": "create",
    "run": "create",
    "run_workflow": "create",
    "update_kwargs": "create",
}

__all__ = [
    "DEFAULT_EXP_MGMT_SETTINGS",
    "DEFAULT_HANDLERS_ID",
    "DEFAULT_MLFLOW_SETTINGS",
    "BundleWorkflow",
    "ConfigWorkflow",
    "EvalProperties",
    "InferProperties",
    "MetaProperties",
    "PythonicWorkflow",
    "TrainProperties",
    "create_workflow",
    "load_config_file",
    "load_config_files",
    "run",
    "run_workflow",
    "update_kwargs",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.workflow.base import BundleWorkflow
    from bundle_engine.workflow.config_workflow import ConfigWorkflow
    from bundle_engine.workflow.create import (
        create_workflow,
        load_config_file,
        load_config_files,
        run,
        run_workflow,
        update_kwargs,
    )
    from bundle_engine.workflow.properties import EvalProperties, InferProperties, MetaProperties, TrainProperties
    from bundle_engine.workflow.pythonic import PythonicWorkflow
    from bundle_engine.workflow.tracking import DEFAULT_EXP_MGMT_SETTINGS, DEFAULT_HANDLERS_ID, DEFAULT_MLFLOW_SETTINGS
