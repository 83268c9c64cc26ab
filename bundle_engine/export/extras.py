"""Packages that only some exports need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from bundle_engine.errors import MissingDependencyError

__all__ = ["require"]


def require(package: str, what: str, hint: str = "pip install 'bundle-engine[export]'") -> ModuleType:
    """Import an optional package.

    Args:
        package: its name.
        what: what it is needed for, after "needs the package X, ".
        hint: how it is installed.

    Raises:
        MissingDependencyError: when it is not installed, or cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] == package.partition(".")[0]:
            raise MissingDependencyError(f"this needs the package {package}, {what}", hint=hint) from None
        raise MissingDependencyError(
            f"the package {package}, {what}, cannot be imported: {error}", hint=f"install it again: {hint}"
        ) from None
