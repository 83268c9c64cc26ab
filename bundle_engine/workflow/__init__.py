"""What runs: workflows that a config or Python code describes, their properties, their log, their tracking."""

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
