"""Arguments: their names and number, and the types of literals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundle_engine.config import closest
from bundle_engine.config.ids import ARGS, MODE, TARGET, Id
from bundle_engine.inspection.findings import Finding, Severity
from bundle_engine.inspection.rules import types
from bundle_engine.inspection.rules.forwarding import forwarded
from bundle_engine.inspection.rules.scene import UNKNOWN, Scene
from bundle_engine.inspection.targets import Definition, Deprecation, Parameter

__all__ = ["arguments"]


def arguments(scene: Scene) -> Iterator[Finding]:
    """Hold the arguments of all components against the signatures of their targets."""
    told: set[Id] = set()
    for at, component in scene.components:
        definition = scene.definition(component)
        if definition is None or definition.kind not in ("class", "function") or definition.parameters is None:
            if component.get(ARGS) is not None:
                yield from _no_list(scene, at, component)
            continue
        mode = component.get(MODE, "default")
        if not isinstance(mode, str) or mode[:1] in ("$", "@", "%"):
            continue
        yield from _no_list(scene, at, component)
        yield from _names(scene, at, component, definition, mode.strip())
        for finding in _types(scene, at, component, definition):
            if Id.parse(finding.id) not in told:
                told.add(Id.parse(finding.id))
                yield finding


def _no_list(scene: Scene, at: Id, component: dict[Any, Any]) -> Iterator[Finding]:
    given = component.get(ARGS)
    if given is None or isinstance(given, list) or (isinstance(given, str) and given[:1] in ("$", "@", "%", "?")):
        return
    message = f"{ARGS} is a list of positional arguments, not {given!r}"
    yield scene.finding("BE043", at.child(ARGS), message, f"write '{ARGS}: [...]', also for one argument")


def _names(scene: Scene, at: Id, component: dict[Any, Any], definition: Definition, mode: str) -> Iterator[Finding]:
    known, opened = _known(scene, definition)
    names = list(scene.argument_names(component))
    positional = scene.positional(component)
    order = [p.name for p in definition.parameters or () if p.kind in ("positional_only", "positional_or_keyword")]
    by_position = set(order[:positional] if positional else ())
    marks = {mark.name: mark for mark in definition.deprecations if mark.kind == "argument"}
    lower: Severity | None = "warning" if mode == "callable" else None
    path = component[TARGET]

    if definition.positional is not None and positional is not None and positional > definition.positional:
        number = closest.counted(definition.positional, "positional argument")
        message = f"'{path}' takes {number}, and gets {positional}"
        yield scene.finding(
            "BE043", at.child(ARGS), message, f"it takes {', '.join(order)}" if order else None, key=True
        )
    needed = [name for name in definition.required if name not in names and name not in by_position]
    needed = [name for name in needed if name not in {mark.successor for n, mark in marks.items() if n in names}]
    if mode == "callable" or positional is None or (definition.wrapped and not _only_marked(definition)):
        needed = []
    for name in names:
        if name in marks and marks[name].state != "later":
            yield _deprecated(scene, at.child(name), path, marks[name])
        if name in known:
            if name in by_position:
                message = f"'{path}' gets the argument '{name}' twice: in {ARGS} and by name"
                yield scene.finding("BE042", at.child(name), message, "give it once", key=True)
        elif name in marks:
            continue
        elif not opened or (isinstance(name, str) and _almost(name, [n for n in known if n not in names]) is not None):
            spare = [each for each in known if each not in names]
            meant = closest.matches(str(name), spare)[:1]
            severity: Severity | None = lower if not opened or set(meant) & set(needed) else "warning"
            yield _unknown(scene, at.child(name), path, name, spare, list(known), severity, opened)
            needed = [each for each in needed if each not in meant]  # it is there, under another name
    if needed:
        plural = "s" if len(needed) > 1 else ""
        message = f"'{path}' needs the argument{plural} {', '.join(map(repr, needed))}"
        yield scene.finding(
            "BE041", at, message, f"it takes {_shown(known)}", place=scene.subject.place(at.child(TARGET))
        )


def _only_marked(definition: Definition) -> bool:
    """Tell whether what stands between a call and the parameters is a mark of MONAI, which gives no arguments."""
    return bool(definition.deprecations) and definition.module.startswith("monai.")


def _almost(name: str, names: list[str]) -> str | None:
    """Give the name from which another one differs by a slip of the fingers."""
    most = 1 if len(name) < 8 else 2
    return next((each for each in names if len(name) > 3 and closest.edit_distance(name, each, most) <= most), None)


def _known(scene: Scene, definition: Definition) -> tuple[dict[str, Parameter], bool]:
    """Give the parameters that may be given by name, and whether there may be others."""
    known = {p.name: p for p in definition.parameters or () if p.by_name}
    if not definition.open:
        return known, False
    further = forwarded(scene.index, definition)
    return (known, True) if further is None else ({**further, **known}, False)


def _unknown(
    scene: Scene,
    at: Id,
    path: Any,
    name: Any,
    spare: list[str],
    known: list[str],
    severity: Severity | None,
    opened: bool,
) -> Finding:
    if not isinstance(name, str):
        message = f"'{path}' takes no argument {name!r}: the name of an argument is a string"
        return scene.finding("BE040", at, message, key=True)
    near = closest.matches(name, spare)
    hint = f"did you mean {closest.either(near)}?" if near else f"it takes {_shown(known) or 'no arguments'}"
    message = f"'{path}' takes no argument '{name}'"
    if opened:
        message = f"'{path}' has no argument '{name}' of its own, and hands it on"
    return scene.finding("BE040", at, message, hint, key=True, severity=severity)


def _shown(names: Any) -> str:
    return ", ".join(name for name in names if not name.startswith("_"))


def _deprecated(scene: Scene, at: Id, path: str, mark: Deprecation) -> Finding:
    since = f" since version {mark.since}" if mark.since else ""
    until = f", and gone from version {mark.removed} on" if mark.removed else ""
    hint = f"use '{mark.successor}' instead" if mark.successor else mark.message
    message = f"the argument '{mark.name}' of '{path}' is deprecated{since}{until}"
    severity: Severity | None = "error" if mark.state == "removed" else None
    return scene.finding("BE045", at, message, hint, key=True, severity=severity)


# --- types ---


def _types(scene: Scene, at: Id, component: dict[Any, Any], definition: Definition) -> Iterator[Finding]:
    known, _ = _known(scene, definition)
    given = [(name, component[name], at.child(name)) for name in scene.argument_names(component)]
    order = [p.name for p in definition.parameters or () if p.kind in ("positional_only", "positional_or_keyword")]
    positional = component.get(ARGS)
    if isinstance(positional, list) and scene.positional(component) is not None:
        numbered = zip(order, positional, strict=False)
        given += [(name, value, at.child(ARGS, number)) for number, (name, value) in enumerate(numbered)]
    for name, written, id in given:
        parameter = known.get(name)
        if parameter is None or parameter.annotation is None:
            continue
        value, where = scene.literal(written, id)
        if value is UNKNOWN or types.fits(value, parameter.annotation) is not False:
            continue
        if _is_loose(parameter, value):
            continue
        severity: Severity = "error" if _fails(value, parameter.annotation) else "warning"
        through = f" (as the argument '{name}' at '{id}')" if where != id else ""
        shown = repr(value) if len(repr(value)) < 60 else f"{repr(value)[:57]}…"
        message = f"'{component[TARGET]}' takes '{name}: {parameter.annotation}', and gets {shown}{through}"
        yield scene.finding("BE044", where, message, _type_hint(value, parameter.annotation), severity=severity)


def _is_loose(parameter: Parameter, value: Any) -> bool:
    """Tell whether an annotation is not meant strictly: its own default does not fit, or null is for "none"."""
    import ast

    if value is None:
        return parameter.default is not None or not types.only_numbers(parameter.annotation or "")
    if parameter.default is None:
        return False
    try:
        default = ast.literal_eval(parameter.default)
    except (ValueError, SyntaxError):
        return False
    return types.fits(default, parameter.annotation) is False


def _fails(value: Any, annotation: str) -> bool:
    """Tell whether a misfit fails for sure: text, or a mapping, where the annotation speaks of numbers alone."""
    if not types.only_numbers(annotation):
        return False
    values = value if isinstance(value, list) else [value]
    return any(isinstance(each, (str, dict)) for each in values)


def _type_hint(value: Any, annotation: str) -> str | None:
    if isinstance(value, str):
        for read in (int, float):
            try:
                if types.fits(read(value), annotation):
                    return f"write the number without quotes: {value.strip()}"
            except ValueError:
                continue
    return f"give it as {annotation}"
