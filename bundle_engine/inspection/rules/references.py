"""References: those that lead nowhere, circles, values left open, text that looks like a reference."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle_engine.config import expressions
from bundle_engine.config.ids import (
    ESCAPE,
    EXPRESSION,
    MACRO,
    MANDATORY,
    REFERENCE,
    Id,
    split,
)
from bundle_engine.config.references import whole_reference
from bundle_engine.inspection.findings import Finding
from bundle_engine.inspection.rules.scene import MISSING, Scene, references_of

__all__ = ["circles", "looks_like_something_else", "missing", "open_values"]

BUNDLE_ROOT = Id(("bundle_root",))  # early bundles leave it to the command line
_LIKE_ID = re.compile(r"@(?:::|#)*[\w.-]+(?:(?:::|#|:|\.)[\w.-]+)*")
_CALL = re.compile(r"([A-Za-z_]\w*)(?:\.\w+)*\(.*\)", re.DOTALL)


def missing(scene: Scene) -> Iterator[Finding]:
    """Find references that lead to nothing, or up past the root."""
    for at, text in scene.texts:
        if text[0] not in (REFERENCE, EXPRESSION):
            continue
        told = set()
        for relative, optional in references_of(text):
            words = relative.absolute(at)
            if words is None:
                yield scene.finding(
                    "BE011", at, f"the reference '@{'::' * relative.up}{relative.words}' goes up past the root"
                )
                continue
            id = Id(split(words))
            if optional or id in told or scene.follow(id)[0] is not MISSING:
                continue
            told.add(id)
            message, severity, hint = f"the reference '@{words}' leads to nothing", None, scene.near(id)
            if id == BUNDLE_ROOT:
                severity, hint = (
                    "warning",
                    "give it on the command line with --bundle_root DIR, or set it in the config",
                )
            if scene.subject.broken:
                message += f", unless '{id}' stands in {scene.subject.broken[0]}, which cannot be read"
                severity = "warning"
            yield scene.finding("BE010", at, message, hint, severity=severity)  # type: ignore[arg-type]


def open_values(scene: Scene) -> Iterator[Finding]:
    """Find values that were left open."""
    for at, text in scene.texts:
        if text == MANDATORY:
            hint = f"set it in a config file, or on the command line with --{at}=VALUE"
            yield scene.finding("BE015", at, f"'{at}' has no value yet: it was left open as {MANDATORY}", hint)


def looks_like_something_else(scene: Scene) -> Iterator[Finding]:
    """Find text that was probably meant as a reference or an expression."""
    bound: set[str] | None = None
    for at, text in scene.texts:
        first = text[0]
        stripped = text.strip()
        if first in (EXPRESSION, MACRO, ESCAPE) or not stripped:
            continue
        if stripped[0] in (EXPRESSION, MACRO):
            message = f"{text!r} is text: it begins with a blank, not with '{stripped[0]}'"
            yield scene.finding("BE013", at, message, f"write {stripped!r}")
        elif stripped[0] == REFERENCE and whole_reference(text) is None:
            yield _no_reference(scene, at, text, stripped)
        elif first != REFERENCE and (call := _CALL.fullmatch(stripped)) is not None:
            bound = bound if bound is not None else _bound(scene)
            if call[1] in bound and _compiles(stripped):
                yield scene.finding(
                    "BE013", at, f"{text!r} is text, though it reads like Python", f"write '${stripped}'"
                )


def _bound(scene: Scene) -> set[str]:
    from bundle_engine.inspection.rules.packages import imported_names

    return {"torch", "np", "numpy", "monai", *imported_names(scene)}


def _no_reference(scene: Scene, at: Id, text: str, stripped: str) -> Finding:
    if whole_reference(stripped) is not None:
        return scene.finding("BE012", at, f"{text!r} is text, for a blank is no part of an id", f"write {stripped!r}")
    if _LIKE_ID.fullmatch(stripped) is None and _compiles(stripped):
        message = f"{text!r} is text, for it is more than one reference"
        return scene.finding("BE013", at, message, f"write '${stripped}' if it is an expression")
    words = re.sub(r"[^\w:#]+", "_", stripped[1:].strip())
    id = Id(split(words))
    exists = scene.follow(id)[0] is not MISSING
    hint = f"did you mean '@{words}'?" if exists else scene.near(id)
    if not exists and (hint is None or not hint.startswith("did you mean")):
        hint = f"for text that begins with '@', write '{ESCAPE}{stripped}'"
    message = f"{text!r} is text: an id has letters, digits and underscores only"
    return scene.finding("BE012", at, message, hint)


def _compiles(text: str) -> bool:
    try:
        expressions.compile_expression(text)
    except (expressions.ExpressionProblem, RecursionError, MemoryError):
        return False
    return True


def circles(scene: Scene) -> Iterator[Finding]:
    """Find references that lead back to where they began: one finding for each circle."""
    needs = scene.needs
    for members in _strongly_connected(needs):
        texts = [at for at in needs if at in members and isinstance(scene.value(at), str)]
        if not texts:
            continue
        path = _walk_circle(texts[0], members, needs)
        steps = " -> ".join(str(id) for id in [*path, path[0]])
        hint = "let one of them hold a value of its own"
        yield scene.finding("BE014", texts[0], f"this leads in a circle: {steps}", hint)


def _walk_circle(start: Id, members: set[Id], needs: dict[Id, list[Id]]) -> list[Id]:
    """Give a shortest way from an id back to itself, by the texts on it."""
    before: dict[Id, Id] = {}
    waiting = [start]
    for id in waiting:
        for need in needs.get(id, ()):
            if need == start:
                path = [id]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return list(reversed(path))
            if need in members and need not in before:
                before[need] = id
                waiting.append(need)
    return [start]


def _strongly_connected(needs: dict[Id, list[Id]]) -> Iterator[set[Id]]:
    """Give the sets of ids that need each other, after Tarjan (1972), without recursion."""
    number: dict[Id, int] = {}
    low: dict[Id, int] = {}
    stack: list[Id] = []
    on_stack: set[Id] = set()
    for root in needs:
        if root in number:
            continue
        work = [(root, iter(needs[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            id, rest = work[-1]
            for need in rest:
                if need not in needs:
                    continue
                if need not in number:
                    number[need] = low[need] = len(number)
                    stack.append(need)
                    on_stack.add(need)
                    work.append((need, iter(needs[need])))
                    break
                if need in on_stack:
                    low[id] = min(low[id], number[need])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[id])
                if low[id] == number[id]:
                    members = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.add(member)
                        if member == id:
                            break
                    if len(members) > 1 or id in needs[id]:
                        yield members
