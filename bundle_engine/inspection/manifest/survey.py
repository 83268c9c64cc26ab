"""Gather a manifest from configs and from the files of a bundle."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bundle_engine.config import ConfigParser, Id, source
from bundle_engine.config.ids import META, PATH_SUFFIXES
from bundle_engine.errors import BundleEngineError, UsageError
from bundle_engine.inspection.manifest.configs import ConfigSurvey, imported_names
from bundle_engine.inspection.manifest.entries import (
    Called,
    Download,
    FileUse,
    Manifest,
    Noteworthy,
    Root,
    RootKind,
    Url,
    Weights,
    Where,
)
from bundle_engine.inspection.manifest.modules import ModuleSurvey
from bundle_engine.inspection.manifest.tables import urls_in, weights_kind
from bundle_engine.inspection.overlays import workflows
from bundle_engine.inspection.subject import Subject
from bundle_engine.inspection.targets import NotFound, TargetIndex

__all__ = ["manifest_of", "manifest_of_bundle"]

_METADATA = ("metadata.json", "metadata.yaml", "metadata.yml")
_LARGE_FILES = tuple(f"large_files{suffix}" for suffix in (".yml", ".yaml", ".json"))
_COMPILED = frozenset({".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo", ".egg", ".whl", ".jar", ".exe"})
_NO_CONFIGS = ("metadata", "logging")
_LOGGING = {
    **dict.fromkeys(("logging.conf", "logging.ini"), "Python evaluates its lines 'args=' when it sets up the log"),
    **dict.fromkeys(
        ("logging.json", "logging.yaml", "logging.yml"), "it may name functions that setting up the log calls"
    ),
}
_NO_FOLDERS = frozenset({"__pycache__", "node_modules"})

_Key = TypeVar("_Key")


def manifest_of(subject: Subject, index: TargetIndex | None = None) -> Manifest:
    """Say what a config can do if it runs.

    Of the bundle's own modules, those are told that the config leads to.

    Args:
        subject: the config.
        index: knows what is installed; without one, a new one is made.
    """
    gathering = _Gathering(subject.bundle_root, index)
    gathering.take([subject])
    gathering.follow_modules()
    gathering.take_metadata()
    return gathering.manifest()


def manifest_of_bundle(
    folder: str | os.PathLike[str], workflow: str | None = None, index: TargetIndex | None = None
) -> Manifest:
    """Say what a bundle can do if it runs: all its configs, all its Python files.

    Each config is looked at by itself, or where it only makes sense over another one, together with that.

    Args:
        folder: the bundle.
        workflow: look at this config only, such as ``train``; ``a,b`` for one over the other.
        index: knows what is installed; without one, a new one is made.

    Raises:
        UsageError: when the folder has no such configs.
    """
    root = Path(folder)
    files = {file.name: file for file in sorted((root / "configs").glob("*")) if _is_config(file)}
    if workflow is None:
        stacks = [stack.split(",") for stack in workflows(list(files.values()))]
    else:
        stacks = [[_file_of(files, name.strip()) for name in workflow.split(",")]]
    if not all(name in files for stack in stacks for name in stack) or not stacks:
        name = f" '{workflow}'" if workflow else ""
        raise UsageError(f"'{root}' has no config{name} in its folder 'configs'")
    gathering = _Gathering(root, index)
    gathering.take([Subject.load([files[name] for name in stack], bundle_root=root) for stack in stacks])
    gathering.take_modules()
    gathering.take_metadata()
    gathering.take_other_files()
    return gathering.manifest()


def _is_config(file: Path) -> bool:
    return file.suffix.lower() in PATH_SUFFIXES and file.stem not in _NO_CONFIGS and file.is_file()


def _file_of(files: Mapping[str, Path], workflow: str) -> str:
    return next((name for name, file in files.items() if workflow in (file.stem, name)), "")


class _Gathering:
    """What was found so far; every table maps what counts as one entry to where it was found."""

    def __init__(self, root: Path | None, index: TargetIndex | None) -> None:
        self.root = root
        self.index = index if index is not None else TargetIndex(paths=[root] if root is not None else [])
        self.configs: dict[str, str] = {}
        self.callables: dict[tuple[str, str, bool], set[Where]] = {}
        self.roots: dict[str, set[Where]] = {}
        self.files: dict[tuple[str, str, str, str], set[Where]] = {}
        self.urls: dict[str, set[Where]] = {}
        self.downloads: dict[tuple[str, str, str], set[Where]] = {}
        self.weights: dict[str, set[Where]] = {}
        self.noteworthy: set[Noteworthy] = set()
        self.problems: set[str] = set()
        self.modules = ModuleSurvey(root)

    # --- configs ---

    def take(self, subjects: Sequence[Subject]) -> None:
        """Take over what configs can do."""
        names: dict[str, str] = {}
        for subject in subjects:
            names |= imported_names(subject.parser.config)
        for subject in subjects:
            for finding in subject.findings:
                if finding.severity == "error":
                    where = Where(self.relative(finding.place.source), finding.place.line) if finding.place else None
                    self.problems.add(f"{finding.message} ({where})" if where else finding.message)
            for document in subject.documents:
                self.configs[self.relative(document.name)] = _digest(document.path)
            self._take_config(subject.parser, names)

    def _take_config(self, parser: ConfigParser, names: Mapping[str, str]) -> None:
        config = {key: value for key, value in parser.config.items() if key != META}

        def where(id: Id) -> Where:
            place = parser.where(id).place
            return Where(self.relative(place.source), place.line, str(id))

        survey = ConfigSurvey(config, self.index, where, names)
        survey.run()
        for path, how, known, at in survey.callables:
            self.callables.setdefault((path, how, known), set()).add(at)
        for name, at in survey.imports:
            self.roots.setdefault(name.partition(".")[0], set()).add(at)
            self.modules.wanted.add(name)
        for mode, path, text, by, at in survey.files:
            self.files.setdefault((mode, path, text, by), set()).add(at)
            if weights_kind(path) is not None:
                self.weights.setdefault(path, set()).add(at)
        for url, at in survey.urls:
            self.urls.setdefault(url, set()).add(at)
        self.noteworthy |= survey.noteworthy
        self.problems |= survey.problems

    # --- the files of the bundle ---

    def follow_modules(self) -> None:
        """Read the modules of the bundle that the config leads to, and those that they import."""
        self.modules.follow()
        self._take_modules()

    def take_modules(self) -> None:
        """Read all Python files of the bundle."""
        self.modules.read_all(file for file in self._files_of_bundle() if file.suffix == ".py")
        self._take_modules()

    def _take_modules(self) -> None:
        for name, at in self.modules.imports:
            self.roots.setdefault(name.partition(".")[0], set()).add(at)
        for url, at in self.modules.urls:
            self.urls.setdefault(url, set()).add(at)
        self.noteworthy |= self.modules.noteworthy

    def take_metadata(self) -> None:
        """Read the addresses in the metadata, and the files that are to be downloaded."""
        if self.root is None:
            return
        for name in _METADATA:
            if (self.root / "configs" / name).is_file():
                self._take_document(self.root / "configs" / name)
        for name in _LARGE_FILES:
            for folder in (self.root, self.root / "configs"):
                if (folder / name).is_file():
                    self._take_large_files(folder / name)

    def _take_document(self, file: Path) -> Any:
        name = self.relative(str(file))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                document = source.load(file, any_root=True)
        except BundleEngineError as error:
            self.problems.add(f"{error.message} ({name})")
            return None
        self.configs[name] = _digest(file)
        for id, text in texts(document.data):
            for url in urls_in(text):
                spot = document.find(id)
                self.urls.setdefault(url, set()).add(Where(name, spot.value.line if spot else 0, str(id)))
        return document

    def _take_large_files(self, file: Path) -> None:
        document = self._take_document(file)
        entries = document.data.get("large_files") if document is not None and isinstance(document.data, dict) else None
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, dict):
                continue
            id = Id(("large_files", str(number)))
            spot = document.find(id)
            where = Where(self.relative(str(file)), spot.value.line if spot else 0, str(id))
            path = str(entry.get("path", ""))
            kind, value = entry.get("hash_type"), entry.get("hash_val")
            hash = f"{kind or 'unknown'}:{value}" if value else ""
            self.downloads.setdefault((path, str(entry.get("url", "")), hash), set()).add(where)
            if weights_kind(path) is not None:
                self.weights.setdefault(path, set()).add(where)

    def take_other_files(self) -> None:
        """Find the files in the bundle that hold weights, or code that is no Python source."""
        for file in self._files_of_bundle():
            name = self.relative(str(file))
            if weights_kind(file.name) is not None:
                self.weights.setdefault(name, set())
            if file.suffix.lower() in _COMPILED:
                self._note("native", file.suffix, "compiled code, which cannot be read here", name)
            if file.name in _LOGGING:
                self._note("code", file.name, _LOGGING[file.name], name)

    def _note(self, kind: str, name: str, why: str, file: str) -> None:
        self.noteworthy.add(Noteworthy(kind, name, why, file, Where(file)))

    def _files_of_bundle(self) -> Iterator[Path]:
        for folder, folders, names in os.walk(self.root or Path()):
            folders[:] = sorted(name for name in folders if name[:1] != "." and name not in _NO_FOLDERS)
            yield from (file for name in sorted(names) if (file := Path(folder, name)).is_file())

    # --- the result ---

    def relative(self, path: str) -> str:
        """Name a file from the bundle's root, where it lies in it."""
        if self.root is None or not os.path.exists(path):
            return path
        try:
            return Path(path).resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return path

    def manifest(self) -> Manifest:
        """Give what was found, in order."""
        return Manifest(
            configs=tuple(sorted(self.configs.items())),
            callables=tuple(
                Called(path, how, known, where)  # type: ignore[arg-type]
                for (path, how, known), where in _ordered(self.callables)
            ),
            roots=tuple(Root(name, self._kind_of_root(name), where) for name, where in _ordered(self.roots) if name),
            modules=tuple(sorted(self.modules.modules.values(), key=lambda module: module.file)),
            files=tuple(
                FileUse(mode, path, text, by, where)  # type: ignore[arg-type]
                for (mode, path, text, by), where in _ordered(self.files)
            ),
            urls=tuple(Url(url, where) for url, where in _ordered(self.urls)),
            downloads=tuple(Download(path, url, hash, where) for (path, url, hash), where in _ordered(self.downloads)),
            weights=tuple(self._weights(path, where) for path, where in _ordered(self.weights)),
            noteworthy=tuple(sorted(self.noteworthy, key=lambda each: (each.where, each.kind, each.name))),
            problems=tuple(sorted(self.problems | self.modules.problems)),
        )

    def _kind_of_root(self, name: str) -> RootKind:
        if self.modules.is_own(name):
            return "own"
        if name in sys.stdlib_module_names or name in sys.builtin_module_names:
            return "standard library"
        return "not found" if isinstance(self.index.lookup(name), NotFound) else "installed"

    def _weights(self, path: str, where: tuple[Where, ...]) -> Weights:
        kind, runs_code = weights_kind(path) or ("", True)
        there = self.root is not None and (self.root / path).is_file()
        return Weights(path, kind, runs_code, there, where)


def texts(value: Any) -> Iterator[tuple[Id, str]]:
    """Give all texts of plain data, keys too, with their ids."""
    waiting: list[tuple[Id, Any]] = [(Id(), value)]
    while waiting:
        id, item = waiting.pop()
        if isinstance(item, str):
            yield id, item
        elif isinstance(item, Mapping):
            yield from ((id.child(key), key) for key in item if isinstance(key, str) and "://" in key)
            waiting += [(id.child(key), each) for key, each in reversed(list(item.items()))]
        elif isinstance(item, (list, tuple, set)):
            waiting += [(id.child(number), each) for number, each in reversed(list(enumerate(item)))]


def _ordered(table: Mapping[_Key, Iterable[Where]]) -> Sequence[tuple[_Key, tuple[Where, ...]]]:
    return [(key, tuple(sorted(where))) for key, where in sorted(table.items(), key=lambda item: item[0])]  # type: ignore[arg-type,return-value]


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
