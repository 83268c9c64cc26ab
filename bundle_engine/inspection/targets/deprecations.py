"""Read the marks by which MONAI, torch and others say that something is on its way out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bundle_engine.inspection.targets.decorating import decorator_node
from bundle_engine.inspection.targets.definitions import Deprecation, DeprecationState
from bundle_engine.inspection.targets.facts import DecoratorFacts
from bundle_engine.inspection.targets.nodes import Class, Function, path_of
from bundle_engine.inspection.targets.resolving import Resolver

__all__ = ["deprecations_of", "installed_version"]

_MONAI = "monai.utils.deprecate_utils"
# the parameters of each decorator, in order
_MARKS = {
    f"{_MONAI}.deprecated": ("since", "removed", "msg_suffix"),
    f"{_MONAI}.deprecated_arg": ("name", "since", "removed", "msg_suffix", "version_val", "new_name"),
    f"{_MONAI}.deprecated_arg_default": ("name", "old_default", "new_default", "since", "replaced", "msg_suffix"),
    "typing_extensions.deprecated": ("message",),
    "warnings.deprecated": ("message",),
}
_ADVICE = re.compile(r"\buse `?([A-Za-z_](?:[\w.]*\w)?)`? instead", re.IGNORECASE)
_RELEASE = re.compile(r"\s*v?(\d+(?:\.\d+)*)(.*)", re.DOTALL)


def deprecations_of(resolver: Resolver, node: Class | Function, call: Function | None) -> tuple[Deprecation, ...]:
    """Give the marks on a target, and on the function that takes its arguments."""
    found = list(_marks(resolver, node, node.name))
    if call is not None and call is not node:
        found += [mark for mark in _marks(resolver, call, call.name) if mark.kind != "target"]
    return tuple(found)


def _marks(resolver: Resolver, node: Class | Function, name: str) -> Iterator[Deprecation]:
    owner = node.owner if isinstance(node, Function) else None
    for row in node.facts.decorators:
        decorator = DecoratorFacts(*row)
        if not decorator.called or "deprecated" not in decorator.name:
            continue
        path = path_of(decorator_node(resolver, decorator, node.module, owner))
        if path in _MARKS:
            given = dict(zip(_MARKS[path], decorator.arguments, strict=False)) | decorator.keywords
            yield _mark(resolver, path, {k: v for k, v in given.items() if v != "None"}, name.rpartition(".")[2])


def _mark(resolver: Resolver, path: str, given: dict[str, str], name: str) -> Deprecation:
    since, removed = given.get("since"), given.get("removed") or given.get("replaced")
    message = given.get("message") or given.get("msg_suffix") or ""
    advice = _ADVICE.search(message)
    successor = given.get("new_name") or (advice[1] if advice is not None else None)
    state: DeprecationState = "deprecated"
    if path.startswith(_MONAI):
        location = resolver.library.finder.find("monai")
        version = installed_version("monai", location.search if location is not None else ())
        state = _state(version, since, removed)
    if path.endswith("deprecated_arg_default"):
        return Deprecation(
            "default",
            given.get("name", ""),
            message,
            since,
            removed,
            old_default=given.get("old_default"),
            new_default=given.get("new_default"),
            state=state,
        )
    if path.endswith("deprecated_arg"):
        return Deprecation("argument", given.get("name", ""), message, since, removed, successor, state=state)
    return Deprecation("target", name, message, since, removed, successor, state=state)


def _state(version: str, since: str | None, removed: str | None) -> DeprecationState:
    """Tell how a mark stands in a version, as MONAI's decorators do."""
    if since is None and removed is None:
        return "removed"
    if not version or version.startswith("0+"):  # a checkout that is not installed counts as newer than all
        return "deprecated"
    if removed is not None and _key(removed) <= _key(version):
        return "removed"
    return "later" if since is not None and _key(since) > _key(version) else "deprecated"


def _key(version: str) -> tuple[Any, ...]:
    """Give a key by which versions can be put in order: 1.5rc1 comes before 1.5, which is 1.5.0."""
    match = _RELEASE.match(version)
    if match is None:
        return ((), 0)
    numbers = [int(number) for number in match[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return (tuple(numbers), 0 if re.match(r"\.?(a|b|rc|dev)", match[2]) else 1)


def installed_version(package: str, folders: Iterable[str]) -> str:
    """Give the version of an installed package, by the metadata beside it; empty where there is none."""
    pattern = re.compile(rf"{re.escape(package)}(?:_weekly)?-([^-]+)\.(?:dist|egg)-info", re.IGNORECASE)
    for folder in folders:
        try:
            entries = os.listdir(os.path.dirname(folder))
        except OSError:
            continue
        for entry in entries:
            if match := pattern.fullmatch(entry):
                return match[1]
    return ""
