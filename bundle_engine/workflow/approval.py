"""Find out whether files belong to a bundle from elsewhere, and whether its owner has approved it.

A bundle that was downloaded or unpacked has a record of its origin. What approvals are, and where they are kept, is
known on a floor above this one (`bundle_engine.bundle.trust`), and asked only where there is such a record.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from bundle_engine.workflow.files import as_files

__all__ = ["require_approval", "roots_from_elsewhere"]

_RECORD = os.path.join(".bundle_engine", "origin.json")
_APPROVALS = "bundle_engine.bundle.trust"


def roots_from_elsewhere(path: str | os.PathLike[str]) -> list[str]:
    """Give the folders around a file, or the folder itself, that have a record of an origin; the outermost first.

    Args:
        path: a file or a folder, which need not be there. Where links lead is looked at, too.
    """
    found = []
    for start in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        found += [folder for folder in _upwards(start) if os.path.lexists(os.path.join(folder, _RECORD))]
    return list(dict.fromkeys(map(os.path.realpath, reversed(found))))


def _upwards(path: str) -> Iterator[str]:
    while True:
        yield path
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent


def require_approval(*paths: Any) -> None:
    """Refuse files of bundles from elsewhere that were not approved, or have changed since.

    Args:
        paths: files and folders, as options give them: one, several, or one string with commas. What is no path, such
            as a mapping or a switch, is left aside.

    Raises:
        PolicyError: for such a bundle.
    """
    for path in paths:
        if path is None or isinstance(path, (bool, Mapping)):
            continue
        for file in as_files(path):
            for root in roots_from_elsewhere(file):
                import_module(_APPROVALS).require(root)
