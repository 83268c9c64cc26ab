"""A declarative workflow engine for medical-imaging deep learning.

The public names are loaded on first use, so that importing the package costs milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

__version__ = "0.1.0"

_HOMES = {
    "BundleEngineError": "errors",
    "BundleEngineWarning": "errors",
    "BundleWorkflow": "workflow",
    "ComponentLocator": "config",
    "ConfigComponent": "config",
    "ConfigExpression": "config",
    "ConfigItem": "config",
    "ConfigParser": "config",
    "ConfigWorkflow": "workflow",
    "Origin": "config",
    "Place": "errors",
    "PythonicWorkflow": "workflow",
    "ReferenceResolver": "config",
    "create_workflow": "workflow",
    "load_config_file": "workflow",
    "load_config_files": "workflow",
    "run": "workflow",
    "run_workflow": "workflow",
}


__all__ = [
    "BundleEngineError",
    "BundleEngineWarning",
    "BundleWorkflow",
    "ComponentLocator",
    "ConfigComponent",
    "ConfigExpression",
    "ConfigItem",
    "ConfigParser",
    "ConfigWorkflow",
    "Origin",
    "Place",
    "PythonicWorkflow",
    "ReferenceResolver",
    "__version__",
    "create_workflow",
    "load_config_file",
    "load_config_files",
    "run",
    "run_workflow",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.config import (
        ComponentLocator,
        ConfigComponent,
        ConfigExpression,
        ConfigItem,
        ConfigParser,
        Origin,
        ReferenceResolver,
    )
    from bundle_engine.errors import BundleEngineError, BundleEngineWarning, Place
    from bundle_engine.workflow import (
        BundleWorkflow,
        ConfigWorkflow,
        PythonicWorkflow,
        create_workflow,
        load_config_file,
        load_config_files,
        run,
        run_workflow,
    )
