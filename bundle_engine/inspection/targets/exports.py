"""The names that a star import brings: ``__all__``."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from bundle_engine.inspection.targets.shapes import dotted

__all__ = ["exports_of"]


def exports_of(body: Sequence[ast.stmt]) -> tuple[list[str] | None, bool]:
    """Read ``__all__``; also tell whether all of it could be read."""
    names: list[str] | None = None
    known = True
    for node in body:
        if isinstance(node, ast.Assign):
            if any(dotted(target) == "__all__" for target in node.targets):
                names, known = _strings(node.value)
        elif isinstance(node, ast.AnnAssign):
            if dotted(node.target) == "__all__" and node.value is not None:
                names, known = _strings(node.value)
        elif isinstance(node, ast.AugAssign) and dotted(node.target) == "__all__":
            more, complete = _strings(node.value)
            names, known = [*(names or ()), *more], known and complete
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = dotted(node.value.func)
            if called in ("__all__.extend", "__all__.append") and node.value.args:
                argument = node.value.args[0]
                listed = argument if called == "__all__.extend" else ast.List([argument], ast.Load())
                more, complete = _strings(listed)
                names, known = [*(names or ()), *more], known and complete
            elif called.startswith("__all__."):
                known = False
        elif isinstance(node, (ast.If, ast.Try, ast.For, ast.With)):
            known = known and not any(map(_changes_exports, ast.walk(node)))
    return names, known


def _changes_exports(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return dotted(node.value) == "__all__"
    return isinstance(node, ast.Name) and node.id == "__all__" and isinstance(node.ctx, ast.Store)


def _strings(node: ast.expr) -> tuple[list[str], bool]:
    """Give the text constants of a list display, and whether there is nothing else in it."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return [], False
    texts = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return texts, len(texts) == len(node.elts)
