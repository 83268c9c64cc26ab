"""The short names by which a config can call the classes and functions of MONAI."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator

from bundle_engine.config.targets import HOME
from bundle_engine.inspection.targets.constructing import effects_of
from bundle_engine.inspection.targets.decorating import CLASS_METHOD, DESCRIPTOR, OBJECT, STATIC_METHOD
from bundle_engine.inspection.targets.facts import ALIAS, BLOCK, CHOICE, CLASS, FUNCTION, TRY, UNKNOWN, VALUE, Step
from bundle_engine.inspection.targets.import_order import import_order
from bundle_engine.inspection.targets.nodes import Absent, Class, Function, Node, Value, path_of
from bundle_engine.inspection.targets.resolving import Resolver

__all__ = ["ShortNames"]

# what makes a class when it is called in a module, and says that it is of that module
_CLASS_MAKERS = frozenset(
    {
        "builtins.type",
        "collections.namedtuple",
        "dataclasses.make_dataclass",
        "enum.Enum",
        "enum.IntEnum",
        "typing.NamedTuple",
    }
)


class ShortNames:
    """Say in which modules of MONAI a class or function of some name is defined.

    Args:
        resolver: follows names.
        progress: called with the number of modules read, the number of all, and the name of one.
    """

    def __init__(self, resolver: Resolver, progress: Callable[[int, int, str], None] | None = None) -> None:
        self.resolver = resolver
        self.progress = progress
        self._all: dict[str, list[str]] | None = None
        self._stamp = ""

    def forget(self) -> None:
        """Look again at the files of MONAI."""
        self._all, self._stamp = None, ""

    def modules_of(self, name: str) -> list[str]:
        """Give the modules that define a name, in the order in which MONAI imports them."""
        if self._all is None:
            folder = self._folder()
            if not folder:
                return []
            kept = self.resolver.library.store.modules_of(folder, self._stamp_of(folder), name)
            if kept is not None:
                return kept
        return self.all().get(name, [])

    def all(self) -> dict[str, list[str]]:
        """Give the modules of every short name."""
        if self._all is None:
            folder = self._folder()
            store = self.resolver.library.store
            self._all = store.short_names(folder, self._stamp_of(folder)) if folder else {}
            if self._all is None:
                self._all = self._read()
                store.flush()
                if self.complete:
                    store.keep_short_names(folder, self._stamp_of(folder), self._all)
        return self._all

    @property
    def complete(self) -> bool:
        """Whether all of MONAI could be read, or there is no MONAI."""
        library = self.resolver.library
        location = library.finder.find(HOME)
        readable = location is None or bool(location.file)
        return readable and not any(name.partition(".")[0] == HOME for name in library.problems)

    def _folder(self) -> str:
        location = self.resolver.library.finder.find(HOME)
        return location.search[0] if location is not None and location.search and location.file else ""

    def _stamp_of(self, folder: str) -> str:
        """Give what tells whether any file of the package has changed."""
        if not self._stamp:
            digest, number = 0, 0
            for path, changed, size in _files_in(folder):
                digest = zlib.crc32(f"{path}|{changed}|{size}".encode("utf-8", "backslashreplace"), digest)
                number += 1
            self._stamp = f"{number}-{digest:08x}"
        return self._stamp

    def _read(self) -> dict[str, list[str]]:
        """Read all modules, and gather what they define."""
        modules = list(self._modules(HOME))
        for number, module in enumerate(modules):
            if self.progress is not None:
                self.progress(number, len(modules), module)
            self.resolver.library.facts(module)
        names: dict[str, list[str]] = {}
        for module in import_order(self.resolver, HOME):
            facts = self.resolver.library.facts(module)
            for name in facts.names if facts is not None else ():
                if self._defines(module, name):
                    names.setdefault(name, []).append(module)
        if self.progress is not None:
            self.progress(len(modules), len(modules), HOME)
        return names

    def _modules(self, name: str) -> Iterator[str]:
        finder = self.resolver.library.finder
        location = finder.find(name)
        if location is not None and location.kind in ("source", "namespace"):
            yield name
            for submodule in finder.submodules(location):
                yield from self._modules(f"{name}.{submodule}")

    def _defines(self, module: str, name: str) -> bool:
        """Tell whether a name of a module is a class or function that says it is of that module."""
        facts = self.resolver.library.facts(module)
        step = facts.step(name) if facts is not None else None
        if step is None or not _may_define(step):
            return False
        nodes = [node for node in self.resolver.may_be(module, name) if not isinstance(node, Absent)]
        return bool(nodes) and all(self._is_defined(node, module) for node in nodes)

    def _is_defined(self, node: Node, module: str) -> bool:
        if isinstance(node, (Class, Function)):
            kinds = (OBJECT, STATIC_METHOD, CLASS_METHOD, DESCRIPTOR)
            return node.module == module and not any(effect in kinds for effect in effects_of(self.resolver, node))
        if not isinstance(node, Value) or node.module != module or node.made in ("", UNKNOWN):
            return False
        return path_of(self.resolver.in_scope(node.made, module)) in _CLASS_MAKERS


def _may_define(step: Step) -> bool:
    """Tell whether a step could bind something that is defined in the same module: imports do not."""
    if step[0] in (CHOICE, TRY):
        blocks = [block for block in step[1:3] if block] + (step[3] if step[0] == TRY else [])
        return any(_may_define(inner) for block in blocks for inner in block)
    if step[0] == BLOCK:
        return any(map(_may_define, step[1]))
    return step[0] in (CLASS, FUNCTION, ALIAS, VALUE)


def _files_in(folder: str) -> Iterator[tuple[str, int, int]]:
    """Give the source files below a folder with what tells whether they have changed, in a fixed order."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_mtime_ns, status.st_size
            elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                yield from _files_in(entry.path)
        except OSError:
            continue
