"""Repeat a run from its record."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from bundle_engine.errors import BundleEngineWarning, InputError
from bundle_engine.runs.circumstances import bundle_digest
from bundle_engine.runs.folder import CONFIG, METADATA, shown
from bundle_engine.runs.record import Record

__all__ = ["arguments_to_repeat", "changes_since", "tell_changes"]


def arguments_to_repeat(folder: Path, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the arguments and the overrides that make the workflow of a run again.

    The config is the one of the record, in which the overrides are contained; secrets in it are left open. A workflow
    that is Python code gets its arguments again.

    Raises:
        InputError: when the record has neither.
    """
    if not (folder / CONFIG).is_file():
        if record.arguments.get("workflow_name") is None:
            raise InputError(f"the run in '{shown(folder)}' cannot be repeated: it has no '{CONFIG}'")
        return dict(record.arguments), dict(record.overrides)
    arguments = {**record.arguments, "config_file": [str(folder / CONFIG)]}
    if (folder / METADATA).is_file():
        arguments["meta_file"] = [str(folder / METADATA)]
    else:
        arguments.pop("meta_file", None)
    arguments.pop("tracking", None)  # it is in the config
    return arguments, {}


def changes_since(record: Record, root: Path | None) -> list[str]:
    """Say what is different from when the run was recorded: the bundle's code, versions of packages."""
    changes = []
    if record.bundle_digest is not None and root is not None and bundle_digest(root) != record.bundle_digest:
        changes.append(
            f"the bundle in '{root}' has changed; its config is taken from the record, its code as it is now"
        )
    versions = []
    for package, before in record.packages.items():
        now = _version(package)
        if now != before:
            versions.append(f"{package} {before} then, {now or 'not installed'} now")
    if versions:
        changes.append(f"versions differ: {', '.join(versions)}")
    return changes


def _version(package: str) -> str | None:
    """Give the version of a package, without importing it."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    if package == "bundle_engine":
        from bundle_engine import __version__

        return __version__
    for name in (package, *packages_distributions().get(package, ())):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def tell_changes(record: Record, root: Path | None) -> None:
    """Warn of what is different from when the run was recorded."""
    for change in changes_since(record, root):
        warnings.warn(change, BundleEngineWarning, stacklevel=2)
