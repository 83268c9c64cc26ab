"""Find the imports of a module that cannot work."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from bundle_engine.errors import Place
from bundle_engine.inspection.targets.definitions import Problem
from bundle_engine.inspection.targets.facts import NEED
from bundle_engine.inspection.targets.library import Library

__all__ = ["missing_imports"]


def missing_imports(library: Library, modules: Iterable[str]) -> Iterator[Problem]:
    """Give the imports of packages that are not installed, in modules and in those of the bundle they import."""
    waiting, seen = list(modules), set()
    while waiting:
        module = waiting.pop(0)
        if module in seen:
            continue
        seen.add(module)
        for kind, *details in library.imports(module):
            if kind != NEED:
                continue
            name, wanted, line = details
            top = name.partition(".")[0]
            if not top or top in sys.builtin_module_names:
                continue
            if library.finder.find(top) is None:
                message = f"the module '{module}' imports '{name}', and '{top}' is not installed"
                yield Problem(module, message, Place(library.file(module) or module, line, 1))
            elif library.is_own(top):
                parts = [*name.split("."), *([wanted] if wanted else [])]
                waiting += [".".join(parts[:number]) for number in range(1, len(parts) + 1)]
