"""Find the whole docstring of a definition in its source."""

from __future__ import annotations

import ast

from bundle_engine.inspection.targets.definitions import Definition
from bundle_engine.inspection.targets.reading import parse

__all__ = ["docstring"]

_Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstring(source: str, definition: Definition) -> str:
    """Give the docstring, without the indentation of the source; empty where there is none."""
    try:
        tree = parse(source)
    except SyntaxError:
        return ""
    if definition.kind == "module":
        return ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, _Documented) and (node.lineno, node.name) == (definition.line, definition.name):
            return ast.get_docstring(node) or ""
    return ""
