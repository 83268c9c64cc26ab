"""Import statements that fail."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from bundle_engine.config import closest
from bundle_engine.config.ids import Id
from bundle_engine.config.names import bound_names
from bundle_engine.inspection.findings import Finding, Severity
from bundle_engine.inspection.rules.expressions import used_names
from bundle_engine.inspection.rules.packages import (
    missing_imports,
    modules_of,
    nodes_of,
    package_hint,
    statements_of,
    targets_in,
)
from bundle_engine.inspection.rules.scene import Scene
from bundle_engine.inspection.targets import NotFound

__all__ = ["imports"]


def imports(scene: Scene) -> Iterator[Finding]:
    """Find import statements that fail: errors where something needs what they bind, for they fail only then."""
    missing = missing_imports(scene)
    statements = statements_of(scene)
    used = used_names(scene)
    for root, at in missing.items():
        needing = [
            text for _, text in statements if any(module.partition(".")[0] == root for module in modules_of(text))
        ]
        needed = any(name in used for text in needing for name in bound_names(text))
        count = targets_in(scene, root)
        first = next(text for where, text in statements if where == at)
        also = f" ({count} target{'s need' if count > 1 else ' needs'} it, too)" if count else ""
        message = f"the import '{first[1:].strip()}' fails: there is no package '{root}'{also}"
        yield _finding(scene, "BE022", at, message, package_hint(scene, root), needed or count > 0)
    for at, text in statements:
        needed = any(name in used for name in bound_names(text))
        for node in nodes_of(text):
            if isinstance(node, ast.ImportFrom):
                if node.module and not node.level and node.module.partition(".")[0] not in missing:
                    yield from _from_module(scene, at, text, node.module, [alias.name for alias in node.names], needed)
            else:
                for alias in node.names:
                    if alias.name.partition(".")[0] not in missing:
                        yield from _module(scene, at, text, alias.name, needed)


def _from_module(
    scene: Scene, at: Id, text: str, module: str, wanted: Iterable[str], needed: bool
) -> Iterator[Finding]:
    problems = list(_module(scene, at, text, module, needed))
    yield from problems
    for name in () if problems else wanted:
        looked = scene.index.lookup(f"{module}.{name}") if name != "*" else None
        if isinstance(looked, NotFound):
            hint = f"did you mean {closest.either(looked.near)}?" if looked.near else None
            yield _finding(scene, "BE023", at, f"the import '{text[1:].strip()}' fails: {looked.reason}", hint, needed)


def _module(scene: Scene, at: Id, text: str, module: str, needed: bool) -> Iterator[Finding]:
    looked = scene.index.lookup(module) if "." in module else None
    if isinstance(looked, NotFound):
        hint = f"did you mean {closest.either(looked.near)}?" if looked.near else None
        yield _finding(scene, "BE022", at, f"the import '{text[1:].strip()}' fails: {looked.reason}", hint, needed)


def _finding(scene: Scene, code: str, at: Id, message: str, hint: str | None, needed: bool) -> Finding:
    severity: Severity = "error" if needed else "warning"
    return scene.finding(code, at, message, hint, severity=severity, anywhere=True)
