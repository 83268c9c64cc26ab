"""An index of what a config can name, read from source: nothing is imported, nothing is run."""

from __future__ import annotations

import builtins
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from bundle_engine.config import closest
from bundle_engine.config.targets import HOME, SHADOWED_BUILTINS
from bundle_engine.inspection.targets.ancestry import line_of
from bundle_engine.inspection.targets.constructing import call_of, effects_of
from bundle_engine.inspection.targets.decorating import DESCRIPTOR
from bundle_engine.inspection.targets.definitions import (
    Ambiguous,
    Definition,
    Found,
    Kind,
    Lookup,
    NotFound,
    Problem,
    Unknown,
)
from bundle_engine.inspection.targets.deprecations import deprecations_of
from bundle_engine.inspection.targets.library import Library
from bundle_engine.inspection.targets.locations import Finder
from bundle_engine.inspection.targets.missing import missing_imports
from bundle_engine.inspection.targets.nodes import (
    Absent,
    Builtin,
    Class,
    Function,
    Module,
    Node,
    Opaque,
    Value,
    path_of,
)
from bundle_engine.inspection.targets.resolving import Resolver
from bundle_engine.inspection.targets.short_names import ShortNames
from bundle_engine.inspection.targets.store import Store, cache_folder, writable
from bundle_engine.inspection.targets.successors import argument_successor_of, successor_of

__all__ = ["TargetIndex"]

Progress = Callable[[int, int, str], None]


class TargetIndex:
    """Look up targets of configs without importing them.

    Modules are read when a target leads to them, and what was read is kept in the user's cache folder until the
    file changes. A file in one of `paths` may change between two lookups; installed packages are looked at again
    after `refresh`.

    Args:
        paths: folders that targets can be imported from besides ``sys.path``: the roots of bundles.
        cache: whether to keep what was read; a folder to keep it elsewhere than in the user's cache folder.
        progress: called with the number of modules read, the number of all and the name of one, while the short
            names of MONAI are gathered for the first time.
    """

    def __init__(
        self,
        *,
        paths: Iterable[str | os.PathLike[str]] = (),
        cache: bool | str | os.PathLike[str] = True,
        progress: Progress | None = None,
    ) -> None:
        folder = (cache_folder() if cache else None) if isinstance(cache, bool) else writable(Path(cache))
        self._store = Store(folder)
        self._library = Library(Finder(tuple(paths)), self._store)
        self._resolver = Resolver(self._library)
        self._short_names = ShortNames(self._resolver, progress)
        self._lookups: dict[str, Lookup] = {}
        self._lock = threading.RLock()
        self._finalizer = weakref.finalize(self, self._store.close)

    def __enter__(self) -> TargetIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what was read to the cache. It is also done when the index is collected and when Python ends."""
        with self._lock:
            self._store.close()

    def refresh(self) -> None:
        """Look again at all files, those of installed packages too."""
        with self._lock:
            self._library.refresh(everything=True)
            self._forget()
            self._short_names.forget()

    def lookup(self, target: str) -> Lookup:
        """Say what a ``_target_`` names: a short name of MONAI, or a dotted path."""
        with self._lock:
            self._notice_changes()
            if target not in self._lookups:
                try:
                    self._lookups[target] = self._lookup(target)
                except RecursionError:
                    self._lookups[target] = Unknown(f"what leads to '{target}' is nested too deep")
            return self._lookups[target]

    def short_names(self) -> Mapping[str, Sequence[str]]:
        """Give the dotted paths of every short name, the one that MONAI chooses first."""
        with self._lock:
            self._notice_changes()
            names = self._short_names.all()
            return {name: tuple(f"{module}.{name}" for module in modules) for name, modules in names.items()}

    def members(self, path: str, *, private: bool = False) -> tuple[str, ...]:
        """Give the names that a module or class has, as far as its source shows them, in alphabetical order.

        Args:
            path: dotted path of a module or class.
            private: also give those that begin with an underscore.
        """
        with self._lock:
            self._notice_changes()
            names = self._names_in(self._resolver.locate(_parts(path) or [""]))
            return tuple(name for name in names if private or not name.startswith("_"))

    def argument_successor(self, definition: Definition, argument: str) -> str | None:
        """Give the argument that took the place of one that a target of MONAI took in earlier versions."""
        found = argument_successor_of(argument) if definition.path.startswith(f"{HOME}.") else None
        return found if found is not None and definition.parameter(found) is not None else None

    def doc(self, definition: Definition) -> str:
        """Give the whole docstring of a definition; empty where it has none."""
        from bundle_engine.inspection.targets.docstrings import docstring

        with self._lock:
            self._notice_changes()
            source = self._library.source(definition.module) if definition.file else None
            return docstring(source, definition) if source is not None else ""

    def missing_imports(self, module: str) -> tuple[Problem, ...]:
        """Give the imports without which a module cannot be imported, of packages that are not installed.

        Modules in `paths` that it imports are looked through too; what is imported within ``try`` or ``if`` is not.

        Args:
            module: dotted name of a module.
        """
        with self._lock:
            self._notice_changes()
            parts = _parts(module)
            names = [".".join(parts[:number]) for number in range(1, len(parts) + 1)]
            return tuple(missing_imports(self._library, names))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The files that lookups have met so far and that could not be read."""
        return tuple(self._library.problems.values())

    # --- looking up ---

    def _notice_changes(self) -> None:
        if self._library.refresh():
            self._forget()

    def _forget(self) -> None:
        self._resolver.forget()
        self._lookups.clear()

    def _lookup(self, target: str) -> Lookup:
        path, modules = target, self._modules_of(target)
        if modules:
            path = f"{modules[0]}.{target}"
        parts = _parts(path)
        if not parts:
            return NotFound("the target is empty")
        node = self._resolver.locate(parts)
        if isinstance(node, Opaque) and not node.there:
            return Unknown(node.why, self._near_inside(parts))
        if isinstance(node, Absent) and len(parts) == 1 and not self._short_names.complete:
            return Unknown(f"not all of {HOME} can be read")
        if isinstance(node, Absent):
            return self._not_found(target, parts, node)
        definition = self._describe(node, parts)
        if len(modules) > 1:
            return Ambiguous(definition, tuple(f"{module}.{target}" for module in modules))
        return Found(definition)

    def _modules_of(self, target: str) -> list[str]:
        """Give the modules of MONAI that a target without a dot may mean."""
        if not target or "." in target or (hasattr(builtins, target) and target not in SHADOWED_BUILTINS):
            return []
        return self._short_names.modules_of(target)

    # --- what is there ---

    def _describe(self, node: Node, parts: Sequence[str]) -> Definition:
        name, asked = parts[-1], ".".join(parts)
        if isinstance(node, Module):
            return Definition(node.name, name, "module", node.name, self._library.file(node.name), why="it is a module")
        if isinstance(node, Builtin):
            kind: Kind = "class" if isinstance(getattr(builtins, node.name), type) else "function"
            return Definition(path_of(node), node.name, kind, "builtins", why="it is built in")
        if isinstance(node, Value):
            return self._describe_value(node)
        if isinstance(node, (Class, Function)):
            return self._describe_callable(node)
        why = node.why if isinstance(node, Opaque) else ""
        return Definition(asked, name, "unknown", ".".join(parts[:-1]), why=why)

    def _describe_value(self, node: Value) -> Definition:
        return Definition(
            path_of(node),
            node.name.rpartition(".")[2],
            "attribute" if not node.made else "unknown",
            node.module,
            self._library.file(node.module),
            node.line,
            value=node.text,
            why="it is a plain value" if not node.made else "it is made while its module runs",
        )

    def _describe_callable(self, node: Class | Function) -> Definition:
        effects = effects_of(self._resolver, node)
        call = call_of(self._resolver, node)
        kind: Kind = "class" if isinstance(node, Class) else "function"
        if DESCRIPTOR in effects:
            kind = "attribute"
        elif "" in effects:
            kind = "unknown"
        return Definition(
            node.path,
            node.name.rpartition(".")[2],
            kind,
            node.module,
            self._library.file(node.module),
            node.facts.line,
            node.facts.doc,
            call.parameters,
            call.path if call.parameters is not None else "",
            call.module if call.parameters is not None else "",
            call.wrapped,
            self._bases(node) if isinstance(node, Class) else (),
            deprecations_of(self._resolver, node, call.function),
            why=call.why,
        )

    def _bases(self, node: Class) -> tuple[str, ...]:
        return tuple(path_of(self._resolver.in_scope(base, node.module)) or base for base in node.facts.bases if base)

    # --- what is not there ---

    def _not_found(self, target: str, parts: Sequence[str], absent: Absent) -> NotFound:
        successor = self._successor(target)
        if not absent.owner and len(parts) > 1:
            root = absent.name
            near = [n for n in closest.matches(root, self._library.finder.packages()) if _is_misspelt(root, n)]
            named = tuple(".".join((name, *parts[1:])) for name in near)
            return NotFound(f"there is no package '{root}'", named, root, successor)
        if not absent.owner and self._library.finder.find(HOME) is None:
            return NotFound(f"'{target}' can only be a short name of MONAI's, and MONAI is not installed", (), HOME)
        if not absent.owner:
            near = closest.matches(target, [*self._short_names.all(), *dir(builtins)])
            return NotFound(f"nothing in MONAI is called '{target}'", tuple(near), "", successor)
        kind = "module" if self._library.finder.find(absent.owner) is not None else "object"
        reason = f"the {kind} '{absent.owner}' has no '{absent.name}'"
        return NotFound(reason, self._near_inside(parts), "", successor)

    def _near_inside(self, parts: Sequence[str]) -> tuple[str, ...]:
        """Give what may have been meant by the first part of a path that is not certainly there."""
        for number in range(1, len(parts)):
            node = self._resolver.locate(parts[: number + 1])
            if not isinstance(node, (Absent, Opaque)):
                continue
            before, rest = parts[:number], parts[number + 1 :]
            public = not parts[number].startswith("_")
            names = self._names_in(self._resolver.locate(before))
            near = closest.matches(parts[number], (n for n in names if not (public and n.startswith("_"))))
            found = [".".join((*before, name, *rest)) for name in near if self._is_there((*before, name))]
            if not found and parts[0] == HOME:
                found = [f"{module}.{parts[-1]}" for module in self._short_names.modules_of(parts[-1])]
            return tuple(found)
        return ()

    def _is_there(self, parts: Sequence[str]) -> bool:
        node = self._resolver.locate(parts)
        return not isinstance(node, Absent) and not (isinstance(node, Opaque) and not node.there)

    def _names_in(self, node: Node) -> list[str]:
        if isinstance(node, Module):
            return self._resolver.names(node.name)
        if isinstance(node, Class):
            line = line_of(self._resolver, node)
            return sorted({name for entry in line if isinstance(entry, Class) for name in entry.facts.names})
        return []

    def _successor(self, target: str) -> str | None:
        """Give what took the place of a target, where that is there."""
        found = successor_of(target)
        if found is None:
            return None
        modules = self._modules_of(found)
        parts = [*modules[0].split("."), found] if modules else _parts(found)
        return found if self._is_there(parts) else None


def _parts(path: str) -> list[str]:
    return [part for part in path.split(".") if part]


def _is_misspelt(package: str, other: str) -> bool:
    """Tell whether the name of a package differs from another by a slip: names of packages are short and many."""
    most = max(1, len(package) // 5)
    return not other.startswith("_") and closest.edit_distance(package.lower(), other.lower(), most) <= most
