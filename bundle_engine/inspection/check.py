"""Find what is wrong with a config, all at once, without running it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from bundle_engine.config.ids import LINT, Id
from bundle_engine.inspection.catalogue import CATALOGUE, found
from bundle_engine.inspection.findings import Finding, sort_key
from bundle_engine.inspection.rules import arguments, expressions, imports, references, targets, values, workflow
from bundle_engine.inspection.rules.scene import Scene
from bundle_engine.inspection.subject import Subject
from bundle_engine.inspection.targets import TargetIndex

__all__ = ["check"]

RULES: tuple[Callable[[Scene], Iterator[Finding]], ...] = (
    references.missing,
    references.circles,
    references.open_values,
    references.looks_like_something_else,
    expressions.syntax,
    expressions.names,
    imports.imports,
    targets.targets,
    targets.modes,
    targets.special_keys,
    arguments.arguments,
    values.surprises,
    values.numbers_as_text,
    values.paths,
    workflow.steps,
    workflow.metrics,
    workflow.unused,
    workflow.unused_overrides,
)


def check(
    subject: Subject,
    *,
    index: TargetIndex | None = None,
    properties: dict[str, dict[str, Any]] | None = None,
    run_id: str = "run",
    init_id: str = "initialize",
    final_id: str = "finalize",
    ignore: Collection[str] = (),
) -> list[Finding]:
    """Find what is wrong with a config.

    Args:
        subject: the config.
        index: what targets can be; made for the bundle's root by default.
        properties: the properties that the workflow must have, as `bundle_engine.workflow.properties` has them.
        run_id, init_id, final_id: the ids of the steps.
        ignore: codes to leave out.

    Returns:
        the findings in the order of the text, those of one file together.
    """
    own = index is None
    if index is None:
        index = TargetIndex(paths=[subject.bundle_root] if subject.bundle_root is not None else [])
    try:
        scene = Scene(subject, index, run_id, init_id, final_id)
        all_found = [*subject.findings]
        if isinstance(scene.root, dict):
            for rule in RULES:
                all_found += rule(scene)
            if properties is not None:
                all_found += workflow.properties(scene, properties)
            all_found += _unknown_codes(scene)
    finally:
        if own:
            index.close()
    kept = _unique(all_found, subject)
    kept = [finding for finding in kept if finding.code not in ignore and not _ignored(scene, finding)]
    return sorted(kept, key=sort_key)


def _unique(findings: Iterable[Finding], subject: Subject) -> list[Finding]:
    """Tell once what macros copied to several ids: at the id where it was written, if that is there."""
    kept: dict[Any, Finding] = {}
    copies: dict[Any, Finding] = {}
    written: set[Any] = set()
    for finding in findings:
        place = (finding.code, finding.place) if finding.place is not None and finding.place.line else finding
        if place is not finding and _is_copy(finding, subject):
            copies.setdefault(place, finding)
        else:
            written.add(place)
            kept.setdefault((place, finding.id), finding)
    return [*kept.values(), *(finding for place, finding in copies.items() if place not in written)]


def _is_copy(finding: Finding, subject: Subject) -> bool:
    id = Id.parse(finding.id)
    return any(Id(id[:depth]) in subject.copied for depth in range(len(id) + 1))


# --- findings that the config itself leaves out ---


def _codes(lint: Any) -> list[str]:
    given = lint.get("ignore", []) if isinstance(lint, dict) else []
    if isinstance(given, str):
        return [part for part in re.split(r"[,\s]+", given) if part]
    return [str(code) for code in given] if isinstance(given, list) else []


def _ignored(scene: Scene, finding: Finding) -> bool:
    value: Any = scene.root
    for key in (*Id.parse(finding.id), ""):
        if isinstance(value, dict) and LINT in value and finding.code in _codes(value[LINT]):
            return finding.code != "BE008"
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return False
    return False


def _unknown_codes(scene: Scene) -> Iterator[Finding]:
    for item in scene.items:
        if not isinstance(item.value, dict) or LINT not in item.value:
            continue
        lint, at = item.value[LINT], item.id.child(LINT)
        if not isinstance(lint, dict) or set(lint) != {"ignore"} or not _codes(lint):
            message = f"{LINT} is not understood: {lint!r}"
            yield found("BE008", at, scene.subject.place(at, key=True), message, f"write '{LINT}: {{ignore: [BE012]}}'")
            continue
        for code in _codes(lint):
            if code not in CATALOGUE:
                message = f"there is no finding with the code '{code}'"
                yield found("BE008", at, scene.subject.place(at, key=True), message, "check --explain all lists them")
