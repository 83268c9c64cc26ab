"""A workflow that Python code describes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import META
from bundle_engine.errors import PropertyError, WorkflowError
from bundle_engine.workflow.base import BundleWorkflow
from bundle_engine.workflow.files import FileOrFiles
from bundle_engine.workflow.properties import ID, REQUIRED

__all__ = ["PythonicWorkflow"]

logger = logging.getLogger(__name__)


class PythonicWorkflow(BundleWorkflow):
    """A workflow whose properties come from methods ``get_<name>`` of a subclass.

    The value of a property is what was set for it; else what the metadata says, for the properties of the metadata;
    else what ``get_<name>()`` gave when it was first needed. Setting a property means that the workflow must be
    initialized again before its properties are read. ``self.parser`` holds the config, if there is one.

    Args:
        workflow_type: see `BundleWorkflow`.
        properties_path: see `BundleWorkflow`.
        config_file: file or files with a config, or the config itself; usually it holds hyperparameters.
        meta_file: file or files with the metadata; by default ``metadata.json`` in the working directory.
        logging_file: see `BundleWorkflow`.
        override: ids and the values to set there.
    """

    def __init__(
        self,
        workflow_type: str | None = None,
        properties_path: str | os.PathLike[str] | None = None,
        config_file: FileOrFiles | Mapping[str, Any] | None = None,
        meta_file: FileOrFiles | Mapping[str, Any] | None = None,
        logging_file: str | os.PathLike[str] | None = None,
        **override: Any,
    ) -> None:
        default = Path.cwd() / "metadata.json"
        if meta_file is None and default.is_file():
            meta_file = str(default)
        super().__init__(
            workflow_type=workflow_type, properties_path=properties_path, meta_file=meta_file, logging_file=logging_file
        )
        if meta_file is None:
            logger.error("Cannot find the metadata config file: %s.", default)
        self._props_vals: dict[str, Any] = {}  # given by the methods
        self._set_props_vals: dict[str, Any] = {}  # set from outside
        self.parser = ConfigParser()
        if config_file is not None:
            self.parser.read_config(config_file)
        if self.meta_file is not None:
            self.parser.read_meta(self.meta_file)
        if override:
            self.parser.override(override, source="code")
        self._is_initialized = False

    def initialize(self, *args: Any, **kwargs: Any) -> Any:
        """Forget what the methods gave, and let the properties be read."""
        self._props_vals = {}
        self._is_initialized = True

    def _get_property(self, name: str, property: dict[str, Any]) -> Any:
        if not self._is_initialized:
            raise WorkflowError(
                f"the property '{name}' cannot be read yet", hint="call initialize() first, and again after setting one"
            )
        if name in self._set_props_vals:
            return self._set_props_vals[name]
        if name in self._props_vals:
            return self._props_vals[name]
        if self._in_metadata(name, property):
            return self.parser.get(property[ID])
        method = getattr(self, f"get_{name}", None)
        if method is not None:
            value = method()
        elif property.get(REQUIRED):
            raise PropertyError(
                f"unsupported property '{name}' is required in the bundle properties",
                hint=f"write a method 'get_{name}' in {type(self).__name__}",
            )
        else:
            value = None
        self._props_vals[name] = value
        return value

    def _in_metadata(self, name: str, property: Mapping[str, Any]) -> bool:
        return name in (self.parser.get(META) or {}) and property.get(ID) is not None

    def _set_property(self, name: str, property: dict[str, Any], value: Any) -> None:
        self._set_props_vals[name] = value
        self._is_initialized = False

    def _has(self, name: str) -> bool:
        return (
            name in self._set_props_vals
            or name in self._props_vals
            or self._in_metadata(name, self.properties[name])
            or hasattr(self, f"get_{name}")
            or hasattr(type(self), name)
        )
