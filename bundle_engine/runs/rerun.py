"""Repeat a run from its record."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
    now = _versions(record.packages)
    differing = [
        f"{package} {before} then, {now.get(package, 'not installed')} now"
        for package, before in record.packages.items()
        if now.get(package) != before
    ]
    if differing:
        changes.append(f"versions differ: {', '.join(differing)}")
    return changes


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Give the versions of packages, without importing them."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    from bundle_engine import __version__

    found = {"bundle_engine": __version__}
    others: Mapping[str, Sequence[str]] | None = None  # names of distributions; it takes long to find them
    for package in packages:
        if package in found:
            continue
        with suppress(PackageNotFoundError):
            found[package] = version(package)
            continue
        others = packages_distributions() if others is None else others
        for name in others.get(package, ()) if others else ():
            with suppress(PackageNotFoundError):
                found[package] = version(name)
                break
    return found


def tell_changes(record: Record, root: Path | None) -> None:
    """Warn of what is different from when the run was recorded."""
    for change in changes_since(record, root):
        warnings.warn(change, BundleEngineWarning, stacklevel=2)
