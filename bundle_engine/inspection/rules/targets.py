"""Targets: whether they are there, and what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundle_engine.config import closest
from bundle_engine.config.components import MODES
from bundle_engine.config.ids import COMPONENT_KEYS, EXPRESSION, EXTENDS, MODE, REFERENCE, TARGET, Id
from bundle_engine.inspection.findings import Finding
from bundle_engine.inspection.rules.packages import missing_imports, package_hint, targets_in
from bundle_engine.inspection.rules.scene import Scene
from bundle_engine.inspection.rules.spelling import probably_misspelt
from bundle_engine.inspection.targets import Ambiguous, Definition, NotFound, Unknown

__all__ = ["modes", "special_keys", "targets"]

_MAY_RESEMBLE = 2  # edits by which a misspelt special key differs


def targets(scene: Scene) -> Iterator[Finding]:
    """Find targets that are not there, ambiguous, on their way out, or no callables."""
    told = set(missing_imports(scene))
    for at, component in scene.components:
        target = component[TARGET]
        inner = at.child(TARGET)
        if target is None:
            hint = "name a class or a function, or take the key out"
            yield scene.finding("BE030", at, f"the {TARGET} of '{at}' is null", hint, place=scene.subject.place(inner))
        if not isinstance(target, str):
            continue
        looked = scene.lookup(target)
        if isinstance(looked, NotFound):
            yield from _not_found(scene, at, target, looked, told)
        elif isinstance(looked, Ambiguous):
            others = ", ".join(looked.choices[1:])
            message = f"the short name '{target}' is ambiguous: taking {looked.choices[0]}"
            hint = f"write the full path to choose; others are {others}"
            yield scene.finding("BE032", at, message, hint, place=scene.subject.place(inner))
            yield from _remarks(scene, at, target, looked.definition)
        elif isinstance(looked, Unknown):
            meant = probably_misspelt(scene.index, target, looked)
            if meant:
                message, meaning = f"the target '{target}' is probably not there", closest.either(meant)
                place = scene.subject.place(inner)
                yield scene.finding("BE030", at, message, f"did you mean {meaning}?", place=place, severity="warning")
        elif looked is not None:
            yield from _remarks(scene, at, target, looked.definition)
    yield from _unreadable(scene)


def _not_found(scene: Scene, at: Id, target: str, looked: NotFound, told: set[str]) -> Iterator[Finding]:
    place = scene.subject.place(at.child(TARGET))
    missing = looked.root
    if missing:
        if missing in told:
            return
        told.add(missing)
        count = targets_in(scene, missing)
        others = f" ({count} targets need it)" if count > 1 else ""
        hint = package_hint(scene, missing)
        if looked.near:
            hint = f"did you mean {closest.either(looked.near)}?"
        yield scene.finding(
            "BE031", at, f"cannot locate the target '{target}': {looked.reason}{others}", hint, place=place
        )
        return
    hint = f"did you mean {closest.either(looked.near)}?" if looked.near else ""
    if looked.successor:
        hint = f"use '{looked.successor}' instead"
    yield scene.finding("BE030", at, f"cannot locate the target '{target}': {looked.reason}", hint, place=place)


def _remarks(scene: Scene, at: Id, target: str, definition: Definition) -> Iterator[Finding]:
    place = scene.subject.place(at.child(TARGET))
    if definition.kind == "module":
        message = f"the target '{target}' is a module, which cannot be called"
        yield scene.finding("BE033", at, message, "name a class or a function in it", place=place)
    for mark in definition.deprecations:
        if mark.kind != "target" or mark.state == "later":
            continue
        since = f" since version {mark.since}" if mark.since else ""
        until = f", and gone from version {mark.removed} on" if mark.removed else ""
        message = f"the target '{target}' is deprecated{since}{until}"
        severity: Any = "error" if mark.state == "removed" else None
        yield scene.finding("BE034", at, message, mark.message, place=place, severity=severity)


def _unreadable(scene: Scene) -> Iterator[Finding]:
    """Tell of source files that lookups met and that Python cannot read."""
    for problem in scene.index.problems:
        inside = f"{problem.module}."
        targets = ((at, each[TARGET]) for at, each in scene.components if isinstance(each[TARGET], str))
        user = next((at for at, target in targets if target.startswith(inside)), None)
        if user is not None:
            message = f"the module '{problem.module}' cannot be read ({problem.place}): {problem.message}"
            hint = "correct it: Python cannot import it either"
            yield scene.finding("BE037", user, message, hint, place=scene.subject.place(user.child(TARGET)))


def modes(scene: Scene) -> Iterator[Finding]:
    """Find modes that there are not."""
    for at, component in scene.components:
        mode = component.get(MODE)
        if isinstance(mode, str) and mode.strip() not in MODES and mode[:1] not in (REFERENCE, EXPRESSION, "%"):
            near = closest.matches(mode, MODES)
            hint = f"did you mean {closest.either(near)}?" if near else f"it is {closest.either(MODES)}"
            yield scene.finding("BE035", at.child(MODE), f"there is no mode {mode!r}", hint)


def special_keys(scene: Scene) -> Iterator[Finding]:
    """Find keys that look like special keys, and are none."""
    known = sorted({*COMPONENT_KEYS, EXTENDS, "_meta_"})
    for item in scene.items:
        if not isinstance(item.value, dict):
            continue
        for key in item.value:
            if not isinstance(key, str) or key in known or "_" not in (key[:1], key[-1:]):
                continue
            bare = key.strip("_").lower()
            near = next((each for each in known if _resembles(bare, each.strip("_"), key)), None)
            if near is not None and (near not in item.value or near == TARGET):
                hint = f"did you mean '{near}'?"
                yield scene.finding("BE036", item.id.child(key), f"'{key}' has no special meaning", hint, key=True)


def _resembles(bare: str, word: str, key: str) -> bool:
    distance = closest.edit_distance(bare, word, _MAY_RESEMBLE)
    both = key[:1] == key[-1:] == "_"
    return distance == 0 or (both and distance <= (1 if len(word) < 6 else _MAY_RESEMBLE))
