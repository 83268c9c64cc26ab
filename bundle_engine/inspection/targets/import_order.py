"""The order in which the modules of MONAI come to be imported.

A short name that several modules of MONAI define means the one in the module that was imported first. So the
imports are followed here as Python, and MONAI's own ``load_submodules``, would make them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import all_suffixes

from bundle_engine.inspection.targets.facts import CHOICE, NEED, Step
from bundle_engine.inspection.targets.nodes import Absent, Module
from bundle_engine.inspection.targets.resolving import Resolver

__all__ = ["import_order"]

_LOADER = ("utils.module", "load_submodules")  # what `monai/__init__.py` imports right before it loads all modules
# the modules that it leaves to whoever needs them
_LEFT_OUT = re.compile(r"^monai\.(handlers|bundle|fl|_C)|\.so$|__main__$|video_dataset$|nnunet")


def import_order(resolver: Resolver, package: str) -> list[str]:
    """Give the modules of a package that are loaded once it is imported, in the order of ``sys.modules``."""
    run = _Run(resolver, package)
    run.load(package)
    return list(run.loaded)


class _Run:
    """One import of the package, as it goes on."""

    def __init__(self, resolver: Resolver, package: str) -> None:
        self.resolver = resolver
        self.package = package
        self.loaded: dict[str, None] = {}

    def load(self, name: str) -> bool:
        """Import a module after its parents; tell whether that works."""
        if name in self.loaded:
            return True
        parent = name.rpartition(".")[0]
        if parent and not self.load(parent):
            return False
        if name in self.loaded:
            return True
        if self.resolver.library.facts(name) is None:
            return False
        self.loaded[name] = None
        works = self.run(name, self.resolver.library.imports(name))
        del self.loaded[name]
        if works:
            self.loaded[name] = None  # Python puts a module last when it is complete
        return works

    def run(self, module: str, steps: Sequence[Step]) -> bool:
        """Make the imports of a block of a module; tell whether all of them work."""
        for step in steps:
            if step[0] == NEED:
                if not self.need(step[1], step[2]):
                    return False
                if module == self.package and step[1:3] == [f"{self.package}.{_LOADER[0]}", _LOADER[1]]:
                    self.load_submodules(files=False)
                    self.load_submodules(files=True)
            elif step[0] == CHOICE:
                self.run(module, step[1])
            elif not self.run(module, step[1]):
                if step[2] is None:
                    return False
                self.run(module, step[2])
        return True

    def need(self, module: str, name: str) -> bool:
        """Make one import."""
        top = module.partition(".")[0]
        if top != self.package:
            return top in sys.builtin_module_names or self.resolver.library.finder.find(top) is not None
        if not self.load(module):
            return False
        if name:
            facts = self.resolver.library.facts(module)
            if facts is not None and name not in facts.names:
                node = self.resolver.member(module, name)
                if isinstance(node, Module) and node.name == f"{module}.{name}":
                    return self.load(node.name)
                return not isinstance(node, Absent)
        return True

    def load_submodules(self, *, files: bool) -> None:
        """Import the packages below, and the modules too where `files` says so, as `pkgutil` walks them."""
        for name, is_package in self.walk(self.package):
            if (is_package or files) and not _LEFT_OUT.search(name):
                self.load(name)

    def walk(self, package: str) -> Iterator[tuple[str, bool]]:
        location = self.resolver.library.finder.find(package)
        for folder in location.search if location is not None else ():
            for name, is_package in _listed(folder):
                full = f"{package}.{name}"
                yield full, is_package
                if is_package and self.load(full):  # walking imports packages by itself
                    yield from self.walk(full)


def _listed(folder: str) -> list[tuple[str, bool]]:
    """List the modules in a folder, and whether each is a package, in the order of `pkgutil.iter_modules`."""
    found: dict[str, bool] = {}
    suffixes = sorted(all_suffixes(), key=len, reverse=True)
    for entry in sorted(os.listdir(folder)):
        suffix = next((s for s in suffixes if entry.endswith(s)), "")
        name = entry[: len(entry) - len(suffix)] if suffix else entry
        if name == "__init__" or name in found or "." in name:
            continue
        if suffix:
            found[name] = False
        elif any(os.path.isfile(os.path.join(folder, entry, f"__init__{s}")) for s in suffixes):
            found[name] = True
    return list(found.items())
