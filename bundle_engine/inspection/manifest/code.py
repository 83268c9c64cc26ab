"""What Python code names and calls, found out by reading it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["Use", "aliases_of", "imported_roots", "uses"]


class Use(NamedTuple):
    """A name that code looks up, with the attributes behind it.

    Attributes:
        name: the dotted path, as far as names tell: ``torch.load``, ``open``, ``@network.parameters``; ``….item``
            where what comes before is known only when it runs.
        node: the part of the code.
        call: the call, where it is called.
    """

    name: str
    node: ast.expr
    call: ast.Call | None

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def is_known(self) -> bool:
        """Whether the path begins with a module or a built-in name."""
        return self.name[:1] not in "@…"


def aliases_of(tree: ast.AST, package: str = "") -> dict[str, str]:
    """Give the names that the import statements of code bind, and the dotted paths that they stand for.

    Args:
        tree: the code.
        package: the package that it belongs to, for relative imports.
    """
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    found[alias.asname] = alias.name
                else:
                    root = alias.name.partition(".")[0]
                    found[root] = root
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            for alias in node.names:
                found[alias.asname or alias.name] = f"{module}.{alias.name}"
    return found


def imported_roots(tree: ast.AST, package: str = "") -> Iterator[tuple[str, int]]:
    """Give the modules that code imports, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield _absolute(node, package), node.lineno


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - node.level + 1] if node.level > 1 else parts
    return ".".join([*base, *([node.module] if node.module else [])])


def uses(tree: ast.AST, names: Mapping[str, str]) -> Iterator[Use]:
    """Give what code looks up, in the order of its text.

    Args:
        tree: the code.
        names: dotted paths of the names that are bound outside of it.
    """
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    local = _local_names(tree)
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in inner]
    found.sort(key=lambda node: (node.lineno, node.col_offset, node.end_col_offset or 0))
    for node in found:
        name = _dotted(node, names, local)
        if name is not None:
            yield Use(name, node, called.get(id(node)))


def _dotted(node: ast.expr, names: Mapping[str, str], local: set[int]) -> str | None:
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    root = "…"
    if isinstance(node, ast.Name):
        if node.id in names:  # also where the code binds it again: rather too much is told than too little
            root = names[node.id]
        elif id(node) not in local:
            root = node.id
    return None if root == "…" and not attributes else ".".join([root, *attributes])


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef)


def _local_names(tree: ast.AST) -> set[int]:
    """Give the identities of the names that the code around them binds: arguments, variables, functions."""
    found: set[int] = set()
    outermost = frozenset() if isinstance(tree, _SCOPES) else _bound_in(tree)
    waiting: list[tuple[ast.AST, frozenset[str]]] = [(tree, outermost)]
    while waiting:
        node, bound = waiting.pop()
        if isinstance(node, ast.Name) and node.id in bound:
            found.add(id(node))
        inside = bound | _bound_in(node) if isinstance(node, (*_FUNCTIONS, *_COMPREHENSIONS)) else bound
        outside = _evaluated_outside(node)
        for part in ast.iter_child_nodes(node):
            if isinstance(part, (ast.arguments, ast.comprehension)):  # in these some parts belong to the code around
                waiting += [(each, bound if id(each) in outside else inside) for each in ast.iter_child_nodes(part)]
            else:
                waiting.append((part, bound if id(part) in outside else inside))
    return found


def _evaluated_outside(node: ast.AST) -> set[int]:
    """Give the identities of the parts of a function or comprehension that are evaluated in the code around it."""
    if isinstance(node, _COMPREHENSIONS):
        return {id(node.generators[0].iter)}
    if not isinstance(node, _FUNCTIONS):
        return set()
    parts: list[ast.AST | None] = [*node.args.defaults, *node.args.kw_defaults]
    if not isinstance(node, ast.Lambda):
        parts += node.decorator_list
    return {id(part) for part in parts}


def _bound_in(scope: ast.AST) -> frozenset[str]:
    """Give the names that a scope binds itself, without those of functions and classes inside it."""
    found: set[str] = set()
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)):
            found.add(node.name or "")
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found)
