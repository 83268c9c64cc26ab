"""What runs are called, and how their arguments are written so that they mean the same everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.workflow.files import as_files

__all__ = ["absolute", "names_of", "program"]

_FILES = ("config_file", "meta_file", "args_file")
_FILE = ("logging_file", "properties_path")


def names_of(arguments: Mapping[str, Any], root: Path | None = None, workflow: str | None = None) -> tuple[str, str]:
    """Give the names of a bundle and of its workflow, which records go by.

    Args:
        arguments: how the workflow is made.
        root: the bundle's folder, where one is named.
        workflow: the workflow's name, where one is named.
    """
    if root is not None:
        return root.resolve().name, workflow or "train"
    files = arguments.get("config_file")
    if files is None or isinstance(files, Mapping) or not as_files(files):
        name = arguments.get("workflow_name") or "config"
        text = name if isinstance(name, str) else getattr(name, "__name__", "workflow")
        return (text.rpartition(".")[2],) * 2
    first = Path(as_files(files)[0]).absolute()
    return (first.parent.parent.name if first.parent.name == "configs" else first.stem), first.stem


def absolute(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give arguments with absolute paths, which mean the same in any working directory."""
    found = dict(arguments)
    for name in (*_FILES, *_FILE):
        value = found.get(name)
        if name in _FILES and value is not None and not isinstance(value, Mapping):
            found[name] = [os.path.abspath(file) for file in as_files(value)]
        elif name in _FILE and isinstance(value, str):
            found[name] = os.path.abspath(value)
    if isinstance(value := found.get("tracking"), str) and os.path.isfile(value):
        found["tracking"] = os.path.abspath(value)
    return found


def program() -> list[str]:
    """Give the words that this program was called by."""
    return ["python", "-m", "bundle_engine"] if Path(sys.argv[0]).name == "__main__.py" else ["bundle-engine"]
