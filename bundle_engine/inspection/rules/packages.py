"""Import statements, and the packages that they and targets need."""

from __future__ import annotations

import ast
import importlib.util
import sys
from functools import lru_cache

from bundle_engine.config import closest
from bundle_engine.config.ids import EXPRESSION, TARGET, Id
from bundle_engine.config.names import MAY_IMPORT, bound_names, is_import
from bundle_engine.inspection.rules.scene import Scene
from bundle_engine.inspection.targets import NotFound

__all__ = [
    "imported_names",
    "is_there",
    "missing_imports",
    "modules_of",
    "nodes_of",
    "package_hint",
    "statements_of",
    "targets_in",
]


def statements_of(scene: Scene) -> list[tuple[Id, str]]:
    """Give the import statements in document order."""
    return [
        (at, text)
        for at, text in scene.texts
        if text[0] == EXPRESSION and MAY_IMPORT.match(text, 1) and is_import(text)
    ]


def imported_names(scene: Scene) -> set[str]:
    """Give the names that import statements bind."""
    return {name for _, text in statements_of(scene) for name in bound_names(text)}


@lru_cache(maxsize=1_024)
def nodes_of(text: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    try:
        tree = ast.parse(text[1:].strip())
    except (SyntaxError, ValueError):
        return ()
    return tuple(node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)))


def package_hint(scene: Scene, package: str) -> str:
    """Say what to do about a package that is not there."""
    folder = scene.subject.bundle_root
    if package == "scripts":
        return f"it is the bundle's own code: put it into '{folder or 'the folder of the bundle'}'"
    near = [name for name in closest.matches(package, sys.stdlib_module_names) if not name.startswith("_")]
    looked = scene.index.lookup(f"{package}.{package}")
    if isinstance(looked, NotFound) and looked.near:
        near = [name.partition(".")[0] for name in looked.near]
    if near:
        return f"did you mean {closest.either(near)}?"
    return f"install '{package}', or put it into the bundle's folder"


def targets_in(scene: Scene, package: str) -> int:
    """Count the components whose target is in a package."""
    targets = (component[TARGET] for _, component in scene.components)
    return sum(isinstance(target, str) and target.startswith(f"{package}.") for target in targets)


def missing_imports(scene: Scene) -> dict[str, Id]:
    """Give the packages that import statements need and that are not there, with the ids of the first statements."""
    missing: dict[str, Id] = {}
    for at, text in statements_of(scene):
        for module in modules_of(text):
            root = module.partition(".")[0]
            if root and root not in missing and not is_there(scene, root):
                missing[root] = at
    return missing


def modules_of(text: str) -> list[str]:
    """Give the modules that an import statement names."""
    named: list[str] = []
    for node in nodes_of(text):
        named += [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return named


def is_there(scene: Scene, root: str) -> bool:
    """Tell whether a top-level module can be imported, without importing it."""
    if root in sys.stdlib_module_names or root in sys.builtin_module_names or root in sys.modules:
        return True
    folder = scene.subject.bundle_root
    if folder is not None and ((folder / root).is_dir() or (folder / f"{root}.py").is_file()):
        return True
    try:
        return importlib.util.find_spec(root) is not None
    except (ImportError, ValueError, AttributeError):
        return False
