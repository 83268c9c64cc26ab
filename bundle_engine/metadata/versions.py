"""Versions in metadata: of the bundle, of its changelog, of the packages that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bundle_engine.config.ids import Id
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding
from bundle_engine.metadata.document import Description

if TYPE_CHECKING:
    from packaging.version import Version

__all__ = ["changelog", "packages", "versions"]

# keys that name one package
_PACKAGES = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}
_REQUIRED, _OPTIONAL = "required_packages_version", "optional_packages_version"


def versions(metadata: Description) -> Iterator[Finding]:
    """Find versions that cannot be compared."""
    data = metadata.data
    for key in ("version", *_PACKAGES):
        text = data.get(key)
        if isinstance(text, str) and _starts_well(text) and version_of(text) is None:
            severity: Any = "error" if key == "version" else None
            yield _no_version(metadata, Id((key,)), f"{key} is '{text}'", severity)
    entries = data.get("changelog")
    for key in entries if isinstance(entries, dict) else ():
        if version_of(key) is None:
            yield _no_version(metadata, Id(("changelog", key)), f"the changelog has an entry for '{key}'", key=True)
    for group in (_REQUIRED, _OPTIONAL):
        for name, text in _named(data, group):
            if not _fits_any(text):
                yield _no_version(metadata, Id((group, name)), f"{name} is wanted in the version '{text}'")


def changelog(metadata: Description) -> Iterator[Finding]:
    """Find out whether the changelog speaks of the version."""
    written, entries = metadata.data.get("version"), metadata.data.get("changelog")
    version = version_of(written)
    if version is None or (entries is not None and not isinstance(entries, dict)):
        return
    place = metadata.place(Id(("version",)))
    hint = f'"changelog": {{"{written}": "what has changed"}}'
    if not entries:
        yield found("BE067", "version", place, "there is no changelog that says what this version is", hint)
        return
    known = [entry for entry in map(version_of, entries) if entry is not None]
    if known and version not in known:
        message = f"the changelog has no entry for the version {written}; its latest is {max(known)}"
        yield found("BE067", "version", place, message, hint)
    elif known and max(known) > version:
        message = f"the version is {written}, and the changelog goes on to {max(known)}"
        yield found("BE067", "version", place, message, f"write {max(known)}, or correct the changelog")


def packages(metadata: Description) -> Iterator[Finding]:
    """Find packages that are not installed here as the bundle needs them."""
    data = metadata.data
    wanted = [(Id((key,)), name, data.get(key)) for key, name in _PACKAGES.items()]
    group = _REQUIRED if _REQUIRED in data else _OPTIONAL  # what the former was called before
    wanted += [(Id((group, name)), name, text) for name, text in _named(data, group)]
    for at, name, text in wanted:
        if isinstance(text, str) and (_fits_any(text) or not text):
            yield from _installed(metadata, at, name, text)


def version_of(text: Any) -> Version | None:
    """Read a version; None where the text is none."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text) if isinstance(text, str) else None
    except InvalidVersion:
        return None


def _installed(metadata: Description, at: Id, name: str, text: str) -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    place = metadata.place(at)
    try:
        there = version_of(version(name))
    except (PackageNotFoundError, ValueError):
        hint = f"pip install '{name}{_as_requirement(text)}'"
        yield found("BE068", at, place, f"the package {name} is not installed here", hint)
        return
    if there is None or not text:
        return
    if not _specifiers(text).contains(there, prereleases=True):
        wanted = f"{text} or a later one" if version_of(text) is not None else text
        message = f"the package {name} is installed here in the version {there}, and {wanted} is needed"
        yield found("BE068", at, place, message, f"pip install '{name}{_as_requirement(text)}'")


def _as_requirement(text: str) -> str:
    version = version_of(text)
    return f">={version.public}" if version is not None else text


def _specifiers(text: str) -> Any:
    """Read what is wanted of a version: a plain one stands for itself and all later ones."""
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(_as_requirement(text))


def _fits_any(text: Any) -> bool:
    from packaging.specifiers import InvalidSpecifier

    if not isinstance(text, str) or not text:
        return not text
    try:
        _specifiers(text)
    except InvalidSpecifier:
        return False
    return True


def _named(data: dict[str, Any], group: str) -> list[tuple[str, str]]:
    written = data.get(group)
    if not isinstance(written, dict):
        return []
    return [(name, text) for name, text in written.items() if isinstance(text, str)]


def _starts_well(text: str) -> bool:
    return text.strip().lstrip("vV")[:1].isdecimal()  # the schema tells of the others


def _no_version(metadata: Description, at: Id, what: str, severity: Any = None, *, key: bool = False) -> Finding:
    place = metadata.place(at, key=key)
    return found("BE066", at, place, f"{what}, which is no version", "such as 0.10.0 or 1.2.0rc1", severity=severity)
