"""The bundle's own Python files: what they import, and what in them a person should look at."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path

from bundle_engine.inspection.manifest.code import aliases_of, imported_roots, uses
from bundle_engine.inspection.manifest.entries import Noteworthy, OwnModule, Where
from bundle_engine.inspection.manifest.tables import judge, judge_attribute, urls_in

__all__ = ["ModuleSurvey"]


class ModuleSurvey:
    """Reads modules of one bundle, each once. Nothing of them is imported.

    Args:
        root: the folder that they are imported from; None where there is none.

    Attributes:
        wanted: dotted paths that may lead to modules of the bundle.
        modules: those that were read, by name.
        imports: modules that they import, where.
        urls: addresses in them, where.
        noteworthy: what a person should look at.
        problems: what could not be read.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self.wanted: set[str] = set()
        self.modules: dict[str, OwnModule] = {}
        self.imports: list[tuple[str, Where]] = []
        self.urls: list[tuple[str, Where]] = []
        self.noteworthy: set[Noteworthy] = set()
        self.problems: set[str] = set()

    def is_own(self, name: str) -> bool:
        """Tell whether a top-level package is the bundle's."""
        if self._root is None or not name.isidentifier():
            return False
        folder = self._root / name
        return folder.with_suffix(".py").is_file() or (folder.is_dir() and any(folder.glob("*.py")))

    def follow(self) -> None:
        """Read the modules that are wanted, and those of the bundle that these import."""
        while True:
            files = [file for name in sorted(self.wanted) for file in self._files_of(name)]
            new = [file for file in dict.fromkeys(files) if self._name(file) not in self.modules]
            if not new:
                return
            self.read_all(new)

    def _files_of(self, name: str) -> list[Path]:
        """Give the files that importing a dotted path runs: those of the packages on the way, and of the module."""
        if self._root is None:
            return []
        found = []
        folder = self._root
        for part in name.split("."):
            if not part.isidentifier():
                break
            for file in (folder / f"{part}.py", folder / part / "__init__.py"):
                if file.is_file():
                    found.append(file)
            folder = folder / part
        return found

    def read_all(self, files: Iterable[Path]) -> None:
        """Read Python files."""
        for file in files:
            self._read(file)

    def _name(self, file: Path) -> str:
        assert self._root is not None
        parts = file.relative_to(self._root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _read(self, file: Path) -> None:
        assert self._root is not None
        name, shown = self._name(file), file.relative_to(self._root).as_posix()
        try:
            raw = file.read_bytes()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about strange escapes in the text
                tree = ast.parse(raw)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = f"{shown} cannot be read: {error}"
            self.problems.add(reason)
            digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
            self.modules[name] = OwnModule(name, shown, digest, (), reason)
            return
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        imported = list(imported_roots(tree, package))
        self.imports += [(module, Where(shown, line)) for module, line in imported]
        self.wanted.update(module for module, _ in imported)
        self.wanted.update(path for path in aliases_of(tree, package).values())
        lines = raw.decode("utf-8", "replace").split("\n")
        self._take_uses(tree, package, shown, lines)
        self.urls += [(url, Where(shown, number)) for number, line in enumerate(lines, 1) for url in urls_in(line)]
        roots = tuple(sorted({module.partition(".")[0] for module, _ in imported if module}))
        self.modules[name] = OwnModule(name, shown, hashlib.sha256(raw).hexdigest(), roots)

    def _take_uses(self, tree: ast.AST, package: str, shown: str, lines: list[str]) -> None:
        for use in uses(tree, aliases_of(tree, package)):
            text = lines[use.line - 1].strip() if use.line <= len(lines) else ""
            found = judge(use.name) if use.is_known else None
            found = found or next(filter(None, map(judge_attribute, use.name.split("."))), None)
            if found is not None:
                self.noteworthy.add(Noteworthy(found.kind, use.name, found.why, text, Where(shown, use.line)))
