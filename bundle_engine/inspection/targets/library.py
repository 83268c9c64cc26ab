"""Give the facts of modules: from memory, from the store, or by reading their files."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import decode_source
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.errors import Place
from bundle_engine.inspection.targets.definitions import Problem
from bundle_engine.inspection.targets.facts import FROM, MODULE, UNREADABLE, ModuleFacts
from bundle_engine.inspection.targets.locations import Finder, Location, Stamp, stamp_of
from bundle_engine.inspection.targets.store import Store

__all__ = ["Library"]

_TRIES = 3  # to read a file that changes meanwhile
_LARGEST = 8_000_000  # bytes of a file that is still read
_JUST_NOW = 2_000_000_000  # ns; a file as young as that may change again without a sign in its stamp
_EMPTY = ModuleFacts({}, [], None, True, False, False, {})


class _Held(NamedTuple):
    facts: ModuleFacts
    file: str
    stamp: Stamp | None
    young: bytes | None = None  # the content, where the stamp is not to be trusted
    imports: list[Any] | None = None  # where the file was read right now


class Library:
    """The facts of modules, by dotted name.

    Args:
        finder: says where modules are.
        store: keeps facts between runs.
        reading: called with the name of each module that is about to be read from source.

    Attributes:
        problems: what could not be read, by module.
    """

    def __init__(self, finder: Finder, store: Store, reading: Callable[[str], None] | None = None) -> None:
        self.finder = finder
        self.store = store
        self.reading = reading
        self.problems: dict[str, Problem] = {}
        self._held: dict[str, _Held] = {}
        self._own: set[str] = set()  # the names of those that lie in the folders given to the finder
        self._folders: dict[str, Stamp | None] = {path: stamp_of(path) for path in finder.paths}

    def facts(self, module: str) -> ModuleFacts | None:
        """Give the facts of a module; None where there is no such module."""
        held = self._held.get(module)
        if held is None:
            location = self.finder.find(module)
            if location is None:
                return None
            held = self._held[module] = self._read(location)
            self._watch(location)
        return held.facts

    def imports(self, module: str) -> list[Any]:
        """Give the import statements that a module runs."""
        location = self.finder.find(module)
        if location is None or not location.file:
            return []
        held = self._held.get(module)
        if held is not None and held.imports is not None:
            return held.imports
        stamp = stamp_of(location.file)
        kept = None if stamp is None else self.store.imports(location.file, module, stamp)
        if kept is None:
            read = self._parsed(location)
            return [] if read is None else read[1]
        return kept

    def file(self, module: str) -> str | None:
        """Give the file that a module is read from; None where it has none."""
        location = self.finder.find(module)
        return location.file or None if location is not None else None

    def is_own(self, module: str) -> bool:
        """Tell whether a module lies in one of the folders that were given to the finder."""
        location = self.finder.find(module)
        return location is not None and any(map(self.finder.own, (location.file, *location.search)))

    def is_stub(self, module: str) -> bool:
        """Tell whether only a stub of a module can be read: its signatures need not be those of the module."""
        location = self.finder.find(module)
        return location is not None and location.kind == "stub"

    def source(self, module: str) -> str | None:
        """Give the text of a module; None where it cannot be read."""
        file = self.file(module)
        try:
            return None if file is None else decode_source(Path(file).read_bytes())
        except (OSError, SyntaxError, ValueError):
            return None

    def refresh(self, *, everything: bool = False) -> bool:
        """Drop what has changed on disk; tell whether anything has.

        Args:
            everything: look at installed packages too, not only at the folders that were given to the finder.
        """
        names = self._held if everything else self._own
        changed = [name for name in names if _has_changed(self._held[name])]
        for name in changed:
            del self._held[name]
            self.problems.pop(name, None)
        folders = {folder: stamp_of(folder) for folder in self._folders}
        if changed or everything or folders != self._folders:
            self._folders = folders
            self.finder.forget()
            self._held = {name: held for name, held in self._held.items() if held.file and self.file(name) == held.file}
            self._own &= self._held.keys()
            self.problems = {name: problem for name, problem in self.problems.items() if name in self._held}
            return True
        return False

    def _watch(self, location: Location) -> None:
        if location.file and self.finder.own(location.file):
            self._own.add(location.name)
        for folder in location.search:
            if self.finder.own(folder):
                self._folders.setdefault(folder, stamp_of(folder))

    def _read(self, location: Location) -> _Held:
        if location.kind == "namespace":
            return _Held(_EMPTY, "", None)
        if location.kind == "opaque":
            return _Held(UNREADABLE, "", None)
        stamp = stamp_of(location.file)
        kept = None if stamp is None else self.store.facts(location.file, location.name, stamp)
        if kept is not None:
            return _Held(kept, location.file, stamp)
        read = self._parsed(location)
        if read is None:
            return _Held(UNREADABLE, location.file, stamp)
        facts, imports, stamp, young = read
        if young is None:
            self.store.keep(location.file, location.name, stamp, facts, imports)
        return _Held(facts, location.file, stamp, young, imports)

    def _parsed(self, location: Location) -> tuple[ModuleFacts, list[Any], Stamp, bytes | None] | None:
        """Read a file; None where that fails, which is noted as a problem."""
        from bundle_engine.inspection.targets import reading

        if self.reading is not None:
            self.reading(location.name)
        try:
            content, stamp = _content(location.file)
            source = decode_source(content)
            tree = reading.parse(source)
        except OSError as error:
            self._fail(location, f"cannot be read: {error.strerror or error}")
            return None
        except SyntaxError as error:
            self._fail(location, f"is not valid Python: {error.msg}", error)
            return None
        except ValueError as error:
            self._fail(location, f"is not valid Python: {error}")
            return None
        try:
            facts, imports = reading.module_facts(tree, source, location.name, package=bool(location.search))
        except RecursionError:
            self._fail(location, "cannot be read: it is nested too deep")
            return None
        if location.kind == "stub":  # what a stub imports, it does not export
            names = {name: step for name, step in facts.names.items() if step[0] not in (FROM, MODULE)}
            facts = facts._replace(names=names, otherwise=[], dynamic=True)
        now = time.time_ns()
        young = content if abs(now - stamp[0]) < _JUST_NOW else None
        return facts, imports, stamp, young

    def _fail(self, location: Location, what: str, error: SyntaxError | None = None) -> None:
        place = Place(location.file)
        if error is not None and error.lineno:
            text = (error.text or "").rstrip("\n")
            place = Place(location.file, error.lineno, max(1, error.offset or 1), text)
        self.problems[location.name] = Problem(location.name, f"the module '{location.name}' {what}", place)


def _content(file: str) -> tuple[bytes, Stamp]:
    """Read a file whole, as it was at one moment.

    Raises:
        OSError: when it cannot be read, is too large, or keeps changing.
    """
    for _ in range(_TRIES):
        before = stamp_of(file)
        content = Path(file).read_bytes()
        if before is not None and stamp_of(file) == before and before[1] == len(content):
            if len(content) > _LARGEST:
                raise OSError(0, "it is too large")
            return content, before
        time.sleep(0.01)
    raise OSError(0, "it keeps changing")


def _has_changed(held: _Held) -> bool:
    if not held.file:
        return False
    if stamp_of(held.file) != held.stamp:
        return True
    if held.young is None:
        return False
    try:
        return Path(held.file).read_bytes() != held.young
    except OSError:
        return True
