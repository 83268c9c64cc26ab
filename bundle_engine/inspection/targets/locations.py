"""Find the files of modules without importing anything, parents included."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
)
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Finder", "Location", "Stamp", "stamp_of"]

Stamp = tuple[int, int]

# modules that Python itself puts under another name
_REGISTERED = {"collections.abc": "_collections_abc", "os.path": os.path.__name__}
# importers of others that import something when they are asked, or that have nothing a config can name
_NOT_ASKED = ("_distutils_hack", "six", "_pytest")


class Location(NamedTuple):
    """Where a module is.

    Attributes:
        name: its dotted name.
        kind: `source`; `stub` for an extension module that has a ``.pyi``; `namespace` for a package without
            ``__init__``; `opaque` for what has no source to read.
        file: the source or stub; empty where there is none.
        search: the folders of its submodules; empty where it is no package.
    """

    name: str
    kind: Literal["source", "stub", "namespace", "opaque"]
    file: str
    search: tuple[str, ...]


class Finder:
    """Locate modules as an import would, on `paths` and then on ``sys.path``.

    Args:
        paths: folders that come before ``sys.path``. What lies there may change at any time, so what Python
            remembers of them is not trusted.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]] = ()) -> None:
        self.paths = tuple(os.path.abspath(path) for path in paths)
        self._found: dict[str, Location | None] = {}
        self._packages: list[str] = []

    def find(self, name: str) -> Location | None:
        """Locate a module by its dotted name; None where there is none."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def forget(self) -> None:
        """Look again for every module that is asked for from now on."""
        self._found.clear()
        self._packages.clear()

    def own(self, file: str) -> bool:
        """Tell whether a file lies in one of the folders that were given."""
        return any(file.startswith(path + os.sep) for path in self.paths)

    def _find(self, name: str) -> Location | None:
        if name in _REGISTERED:
            return self.find(_REGISTERED[name])
        parent, _, last = name.rpartition(".")
        if not last.isidentifier():
            return None
        if parent:
            around = self.find(parent)
            if around is None or not around.search:
                return None
            return self._located(name, self._spec(name, around.search))
        if name in sys.builtin_module_names:
            return Location(name, "opaque", "", ())
        spec = self._spec(name, (*self.paths, *sys.path))
        return self._located(name, spec) if spec is not None else _from_other_importers(name)

    def _spec(self, name: str, search: Sequence[str]) -> ModuleSpec | None:
        """Do what `PathFinder` does, which for a package inside a package needs the outer one to be imported."""
        for folder in search:
            if any(folder == path or folder.startswith(path + os.sep) for path in self.paths):
                finder = sys.path_importer_cache.get(folder)
                if finder is not None and hasattr(finder, "invalidate_caches"):
                    finder.invalidate_caches()
        spaces: list[str] = []
        for folder in search:
            try:
                finder = pkgutil.get_importer(folder or os.getcwd())
                spec = finder.find_spec(name) if finder is not None else None
            except (ImportError, OSError, ValueError):
                continue
            if spec is not None and spec.loader is not None:
                return spec
            if spec is not None:
                spaces.extend(spec.submodule_search_locations or ())
        if not spaces:
            return None
        space = ModuleSpec(name, None, is_package=True)
        space.submodule_search_locations = spaces
        return space

    def _located(self, name: str, spec: ModuleSpec | None) -> Location | None:
        if spec is None:
            return None
        search = tuple(spec.submodule_search_locations or ())
        if spec.loader is None:
            return Location(name, "namespace", "", search)
        origin = spec.origin or ""
        if spec.has_location and origin.endswith(tuple(SOURCE_SUFFIXES)) and os.path.isfile(origin):
            return Location(name, "source", origin, search)
        if spec.has_location and origin.endswith(tuple(EXTENSION_SUFFIXES)):
            bare = Path(origin).parent / Path(origin).name.partition(".")[0]
            for stub in (bare.with_suffix(".pyi"), bare / "__init__.pyi"):
                if stub.is_file():
                    return Location(name, "stub", str(stub), search)
        return Location(name, "opaque", "", search)

    def submodules(self, location: Location) -> list[str]:
        """Give the names of the modules right inside a package."""
        return sorted(_modules_in(location.search, os.DirEntry.is_dir))

    def packages(self) -> list[str]:
        """Give the names of all top-level modules that can be imported."""
        if not self._packages:
            own, installed = _modules_in(self.paths, os.DirEntry.is_dir), _modules_in(sys.path, _has_init)
            self._packages[:] = sorted({*own, *installed, *sys.stdlib_module_names})
        return self._packages


def stamp_of(file: str) -> Stamp | None:
    """Give what tells whether a file has changed; None where there is no such file."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _from_other_importers(name: str) -> Location | None:
    """Ask the importers that packages have installed, such as those of editable installations."""
    known = (PathFinder, BuiltinImporter, FrozenImporter)
    for importer in sys.meta_path:
        if importer in known or (getattr(importer, "__module__", None) or "").startswith(_NOT_ASKED):
            continue
        try:
            spec = importer.find_spec(name, None)
        except Exception:  # whatever a foreign importer does, a lookup goes on
            return Location(name, "opaque", "", ())
        if spec is not None:
            origin, search = spec.origin or "", tuple(spec.submodule_search_locations or ())
            if origin.endswith(tuple(SOURCE_SUFFIXES)) and os.path.isfile(origin):
                return Location(name, "source", origin, search)
            return Location(name, "namespace" if spec.loader is None else "opaque", "", search)
    return None


def _modules_in(folders: Iterable[str], is_package: Callable[[os.DirEntry[str]], bool]) -> set[str]:
    names = set()
    for folder in folders:
        try:
            entries = list(os.scandir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            name, _, suffix = entry.name.partition(".")
            if not name.isidentifier() or name == "__init__" or name == "__pycache__":
                continue
            if f".{suffix}" in (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES) or (not suffix and is_package(entry)):
                names.add(name)
    return names


def _has_init(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and os.path.isfile(os.path.join(entry.path, "__init__.py"))
