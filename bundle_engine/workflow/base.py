"""What every workflow can do, whether a config or Python code describes it."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.config.closest import either, matches
from bundle_engine.errors import InputError, InputNotFoundError, Place, UsageError
from bundle_engine.workflow.files import FileOrFiles, check_files, near_files
from bundle_engine.workflow.logs import apply_logging_file
from bundle_engine.workflow.properties import (
    DESC,
    REQUIRED,
    EvalProperties,
    InferProperties,
    MetaProperties,
    PropertyTable,
    TrainProperties,
)

__all__ = ["BundleWorkflow"]

logger = logging.getLogger(__name__)

_TABLES: dict[str, PropertyTable] = {"train": TrainProperties, "infer": InferProperties, "evaluate": EvalProperties}


class BundleWorkflow(ABC):
    """The steps of a workflow, and its properties by their fixed names.

    A property reads and writes as an attribute: ``workflow.network_def``. Which there are depends on the type of the
    workflow; see `bundle_engine.workflow.properties`.

    Args:
        workflow_type: ``train`` or ``training``; ``infer``, ``inference``, ``eval`` or ``evaluation``, which as in
            MONAI all have the properties of an inference; ``evaluate``, which in addition must have a metric and
            handlers; or None for the properties of the metadata only.
        properties_path: JSON or YAML file with tables of properties by type (``train``, ``infer``, ``evaluate``,
            ``meta``), in place of those that the product defines.
        meta_file: file or files with the metadata.
        logging_file: file that sets up the log; nothing that is written in it is run.

    Raises:
        UsageError: for an unknown type.
        InputNotFoundError: when one of the files is not there.
        InputError: when one of the files cannot be used.
    """

    supported_train_type: tuple[str, ...] = ("train", "training")
    supported_infer_type: tuple[str, ...] = ("infer", "inference", "eval", "evaluation")
    supported_evaluate_type: tuple[str, ...] = ("evaluate",)

    properties: PropertyTable

    def __init__(
        self,
        workflow_type: str | None = None,
        properties_path: str | os.PathLike[str] | None = None,
        meta_file: FileOrFiles | Mapping[str, Any] | None = None,
        logging_file: str | os.PathLike[str] | None = None,
    ) -> None:
        kind = self._kind(workflow_type)
        if meta_file is not None:
            check_files(meta_file, "metadata")
        self.properties = _read_properties(properties_path, kind) if properties_path is not None else _properties(kind)
        if logging_file is not None:
            apply_logging_file(logging_file)
        self.workflow_type = kind
        self.meta_file = meta_file

    def _kind(self, workflow_type: str | None) -> str | None:
        kinds = {
            "train": self.supported_train_type,
            "infer": self.supported_infer_type,
            "evaluate": self.supported_evaluate_type,
        }
        if workflow_type is None:
            return None
        for kind, names in kinds.items():
            if str(workflow_type).lower() in names:
                return kind
        known = [name for names in kinds.values() for name in names]
        near = matches(str(workflow_type), known, most=1)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"Unsupported workflow type: '{workflow_type}'.", hint=hint)

    @abstractmethod
    def initialize(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare the run."""

    @abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do what the workflow is for."""

    @abstractmethod
    def finalize(self, *args: Any, **kwargs: Any) -> Any:
        """Clean up after the run."""

    @abstractmethod
    def _get_property(self, name: str, property: dict[str, Any]) -> Any:
        """Give the value of a property.

        Args:
            name: its name.
            property: what the table says about it.
        """

    @abstractmethod
    def _set_property(self, name: str, property: dict[str, Any], value: Any) -> Any:
        """Replace the value of a property.

        Args:
            name: its name.
            property: what the table says about it.
            value: the new value.
        """

    def __getattr__(self, name: str) -> Any:
        # only called for what is no ordinary attribute; through __dict__, for there is no table before __init__
        properties = self.__dict__.get("properties")
        if properties and name in properties:
            return self._get_property(name=name, property=properties[name])
        raise AttributeError(f"'{type(self).__name__}' has neither an attribute nor a property '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        properties = self.__dict__.get("properties")
        if properties and name in properties:
            self._set_property(name=name, property=properties[name], value=value)
        else:
            super().__setattr__(name, value)

    def get_workflow_type(self) -> str | None:
        """Give the type of the workflow: ``train``, ``infer``, ``evaluate`` or None."""
        return self.workflow_type

    def get_meta_file(self) -> FileOrFiles | Mapping[str, Any] | None:
        """Give the file or files that the metadata was read from; None when there are none."""
        return self.meta_file

    def add_property(self, name: str, required: bool, desc: str | None = None) -> None:
        """Add a property that an application needs beyond those of the table.

        Args:
            name: its name; a property that has it already is replaced.
            required: whether the workflow must have it.
            desc: what it is, for people.
        """
        if name in self.properties:
            logger.warning("the property '%s' is defined already, and is replaced", name)
        self.properties[name] = {DESC: desc, REQUIRED: required}

    def check_properties(self) -> list[str] | None:
        """Give the names of the required properties that the workflow does not have."""
        return [name for name, entry in self.properties.items() if entry.get(REQUIRED) and not self._has(name)]

    def _has(self, name: str) -> bool:
        try:
            getattr(self, name)
        except Exception as error:  # a subclass may say in any way it likes that it has no such property
            logger.debug("no property '%s': %s", name, error)
            return False
        return True


def _properties(kind: str | None) -> PropertyTable:
    table = {**_TABLES[kind], **MetaProperties} if kind is not None else MetaProperties
    return {name: dict(entry) for name, entry in table.items()}


def _read_properties(path: str | os.PathLike[str], kind: str | None) -> PropertyTable:
    if not Path(path).is_file():
        raise InputNotFoundError(f"Property file {path} does not exist.", hint=near_files(path, (".json",)))
    tables = ConfigParser.load_config_file(path)
    for section, table in tables.items():
        if not isinstance(table, Mapping) or not all(isinstance(entry, Mapping) for entry in table.values()):
            raise InputError(
                f"the properties of '{section}' must be a mapping of mappings", id=str(section), place=Place(str(path))
            )
    wanted = [kind, "infer"] if kind == "evaluate" else [kind]
    found = next((tables[section] for section in wanted if section in tables), None)
    if found is None and kind is not None:
        logger.warning("the property file %s has no section '%s'", path, kind)
    return {name: dict(entry) for name, entry in {**(found or {}), **tables.get("meta", {})}.items()}
