"""Versions of bundles: compared as versions, so that 0.10.0 comes after 0.9.0."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.version import Version

__all__ = ["fits", "installed_version", "newest", "newest_that_fits", "sort_versions"]


def sort_versions(versions: Iterable[str]) -> list[str]:
    """Sort versions, oldest first; what is no version, such as the name of a branch, comes before all."""
    return sorted(versions, key=_key)


def newest(versions: Iterable[str]) -> str:
    """Give the newest version; a release candidate or development version only where there is no release.

    Raises:
        ValueError: when there is none.
    """
    ordered = sort_versions(versions)
    if not ordered:
        raise ValueError("there are no versions")
    releases = [text for text in ordered if (version := _read(text)) is not None and not version.is_prerelease]
    return (releases or ordered)[-1]


def newest_that_fits(versions: Iterable[str], needs: Callable[[str], str | None], installed: str | None) -> str:
    """Give the newest version that can run with what is installed; the newest at all where none can.

    Args:
        versions: the versions.
        needs: gives the version of the package that a version needs; None where it does not say. Only asked for
            those that come into question, newest first.
        installed: version of the package that is installed; None where it is not.

    Raises:
        ValueError: when there are no versions.
    """
    left = list(versions)
    best = newest(left)
    while left:
        candidate = newest(left)
        if fits(needs(candidate), installed):
            return candidate
        left.remove(candidate)
    return best


def fits(needed: str | None, installed: str | None) -> bool:
    """Tell whether an installed version is not older than the one that is needed; candidates count as releases."""
    wanted, there = _read(needed or ""), _read(installed or "")
    return wanted is None or there is None or there.release >= wanted.release


def installed_version(package: str) -> str | None:
    """Give the version of a package that is installed, without importing it; None where it is not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read(text: str) -> Version | None:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion:
        return None


def _key(text: str) -> tuple[Any, ...]:
    version = _read(text)
    return (0, text) if version is None else (1, version, text)
