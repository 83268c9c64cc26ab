"""What is inspected: configs read as far as they can be read, with what is wrong with the rest."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser, macros, merge, source, tree
from bundle_engine.config.expansion import MacroFiles, macros_around, strings_at
from bundle_engine.config.ids import EXTENDS, MACRO, META, ROOT, Id, split_operator, split_path
from bundle_engine.config.origins import Entry, Origins
from bundle_engine.config.source import COMMAND_LINE, Document, PathLike, Source
from bundle_engine.errors import (
    BundleEngineError,
    CycleError,
    IdNotFoundError,
    InputError,
    InputNotFoundError,
    MergeError,
    Place,
)
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding

__all__ = ["Subject"]

METADATA_NAMES = ("metadata.json", "metadata.yaml", "metadata.yml")
_NO_CONFIG = ("the root of a config", "not UTF-8", "the file ", "unknown file input", "cannot read")


@dataclass(frozen=True)
class Subject:
    """Configs that are inspected. Nothing of them is imported or evaluated.

    Attributes:
        files: the config files that were given.
        bundle_root: the folder that macros and the bundle's own modules are looked up in.
        parser: what could be read, merged, with the overrides on top and macros written out.
        findings: what was wrong with reading: files, merging, macros.
        documents: all files that were read, those among them that others extend or copy from.
        broken: the names of files that could not be read; an id that is missing may stand in one of them.
        unknown: ids whose text is not known, because their macro leads nowhere.
        copied: ids at which macros were written; what stands inside was written elsewhere.
        sources: ids that macros copy from.
        overrides: ids that overrides set, and whether something stood there before.
    """

    files: tuple[Path, ...]
    bundle_root: Path | None
    parser: ConfigParser
    findings: tuple[Finding, ...] = ()
    documents: tuple[Document, ...] = ()
    broken: tuple[str, ...] = ()
    unknown: frozenset[Id] = frozenset()
    copied: frozenset[Id] = frozenset()
    sources: frozenset[Id] = frozenset()
    overrides: tuple[tuple[Id, bool], ...] = ()

    @classmethod
    def load(
        cls,
        files: PathLike | Sequence[PathLike],
        overrides: Mapping[str, Any] | None = None,
        bundle_root: PathLike | None = None,
        *,
        meta_file: PathLike | None = None,
        source_name: str = COMMAND_LINE.name,
    ) -> Subject:
        """Read config files, later ones on top of earlier ones.

        What is wrong with them does not stop the reading: it is told by `findings`.

        Args:
            files: one file or several.
            overrides: ids, also with ``+`` or ``~``, and the values to set there.
            bundle_root: by default the folder around ``configs``, or else the folder of the first file.
            meta_file: the metadata, which stands at ``_meta_``; by default ``metadata.json`` beside the first file.
            source_name: what to call the origin of the overrides.
        """
        paths = [Path(files)] if isinstance(files, (str, os.PathLike)) else [Path(file) for file in files]
        root = Path(bundle_root) if bundle_root is not None else _root_of(paths[0]) if paths else None
        reading = _Reading(root)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for path in paths:
                reading.add(path)
            reading.add_metadata(_metadata(paths, meta_file))
            reading.override(overrides or {}, source_name)
            reading.expand()
        return cls(
            tuple(paths),
            root,
            reading.parser(),
            tuple(_unique(reading.findings, reading.copied)),
            tuple(reading.documents),
            tuple(reading.broken),
            frozenset(reading.unknown),
            frozenset(reading.copied),
            frozenset(reading.sources),
            tuple(reading.overrides),
        )

    def place(self, id: Id, *, key: bool = False) -> Place | None:
        """Say where the value at an id was written, or with `key` its key; None where that is not known."""
        try:
            origin = self.parser.where(id)
        except BundleEngineError:
            return None
        place = origin.key if key else origin.place
        return place if place.line or place.source != "code" else None

    def is_unknown(self, id: Id) -> bool:
        """Tell whether the text at an id, or of something around it, is not known."""
        return any(Id(id[:depth]) in self.unknown for depth in range(len(id) + 1)) if self.unknown else False


class _Reading:
    """Reads step by step, and notes what fails on the way."""

    def __init__(self, bundle_root: Path | None) -> None:
        self.root: dict[Any, Any] = {META: {}}
        self.origins = Origins()
        self.files = MacroFiles()
        self.files.bundle_root = bundle_root
        self.findings: list[Finding] = []
        self.documents: list[Document] = []
        self.broken: list[str] = []
        self.unknown: set[Id] = set()
        self.copied: set[Id] = set()
        self.sources: set[Id] = set()
        self.overrides: list[tuple[Id, bool]] = []

    def add(self, path: Path) -> None:
        """Read a file, with what it extends, and put it on top."""
        document = self._read(path)
        if document is not None:
            self._put(document, (), self.root)

    def add_metadata(self, path: Path | None) -> None:
        if path is not None and (document := self._read(path)) is not None:
            own = Origins()
            own.record(Entry(ROOT, document, ROOT))
            self.root[META] = document.data
            self.origins.adopt(own, below=Id((META,)))

    def override(self, pairs: Mapping[str, Any], name: str) -> None:
        origin = Source(name)
        for key, value in pairs.items():
            operator, words = split_operator(key)
            id = Id.parse(words)
            for around in macros_around(self.root, id, operator):
                self._expand_macros(strings_at(self.root, around, lambda text: text[0] == MACRO))
            existed = _exists(self.root, id)
            if self._apply(key, tree.copy(value), origin, self.root):
                self.overrides.append((id, existed))

    def expand(self) -> None:
        """Write out macros and relative ids."""
        found_macros = list(tree.strings(self.root, lambda text: text[0] == MACRO))
        if found_macros:
            self._expand_macros(found_macros)
        for each in list(tree.strings(self.root, macros.needs_rewriting)):
            try:
                macros.make_absolute([each], self._place)
            except BundleEngineError as error:
                self._note("BE011", error)
                self.unknown.add(tree.id_of(each[3]))
        for document in self.files._documents.values():
            self._note_duplicates(document)
            self.documents.append(document)

    def parser(self) -> ConfigParser:
        """Give a parser that holds what was read."""
        parser = ConfigParser()
        parser.bundle_root = self.files.bundle_root
        parser._begin(self.root, self.origins)
        parser._overrides = list(self.overrides)
        if self.unknown:  # a macro that leads nowhere stays as it is, and is told by a finding
            parser._expansion.pending = []
        return parser

    # --- files ---

    def _read(self, path: Path, named: Callable[[InputError], None] | None = None) -> Document | None:
        try:
            document = source.load(path, tell=False)
        except InputError as error:
            if named is not None:
                named(error)
            self._note(code_of(error), error, Place(str(path)))
            self.broken.append(str(path))
            return None
        self.documents.append(document)
        self._note_duplicates(document)
        return document

    def _note_duplicates(self, document: Document) -> None:
        severe = os.environ.get(source.FAIL_ON_DUPLICATE, "0") == "1"
        for id, first, again in document.duplicates():
            message = f"the key '{id[-1]}' is written twice: on line {first.line}, and again here; the later one counts"
            hint = "delete one of the two, or give one of them another name"
            self.findings.append(found("BE004", id, again, message, hint, severity="error" if severe else None))

    def _put(self, document: Document, chain: tuple[Document, ...], base: dict[Any, Any]) -> None:
        """Apply what a document extends, and then the document."""
        chain = (*chain, document)
        spot = document.find(Id((EXTENDS,))) if EXTENDS in document.data else None
        for index, name in enumerate(self._bases(document)):
            inner = document.find(Id((EXTENDS, str(index)))) or spot
            place = inner.value if inner else None
            path = document.path.parent / name
            if any(step.path.resolve() == path.resolve() for step in chain):
                names = " -> ".join([*(step.name for step in chain), str(path)])
                hint = "take one of the files out of the circle"
                self.findings.append(found("BE014", EXTENDS, place, f"{EXTENDS} goes in a circle: {names}", hint))
                continue
            read = self._read(path, lambda error, name=name, place=place: _named(error, name, place))  # type: ignore[misc]
            if read is not None:
                self._put(read, chain, base)
        for key, value in document.data.items():
            self._apply(key, value, document, base)

    def _bases(self, document: Document) -> list[str]:
        if EXTENDS not in document.data:
            return []
        written = document.data.pop(EXTENDS)
        names = [written] if isinstance(written, str) else written
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
        spot = document.find(Id((EXTENDS,)))
        message = f"{EXTENDS} takes a file or a list of files, not {names!r}"
        self.findings.append(
            found("BE001", EXTENDS, spot.value if spot else None, message, f"write '{EXTENDS}: base.yaml'")
        )
        return []

    def _apply(self, key: Any, value: Any, origin: Source, base: dict[Any, Any]) -> bool:
        try:
            merge.apply(base, {key: value}, origin, self.origins)
        except BundleEngineError as error:
            self._note("BE005", error, Place(origin.name), lenient=isinstance(error, MergeError))
            return False
        return True

    # --- macros ---

    def _expand_macros(self, found_macros: list[tuple[Any, Any, str, Any]]) -> None:
        self.copied |= {tree.id_of(path) for _, _, _, path in found_macros}
        try:
            self.sources.update(macros.expand(self.root, found_macros, self._load, self.origins))
            return
        except BundleEngineError:
            pass
        good = []
        for container, key, text, path in found_macros:
            try:
                macros.expand(self.root, [(container, key, text, path)], self._load, self.origins.copy())
                good.append((container, key, text, path))
            except BundleEngineError as error:
                id = tree.id_of(path)
                self.unknown.add(id)
                if error.id == str(id) or split_path(text)[0]:  # else a macro in what it copies is told by itself
                    self._note(_macro_code(error), error, lenient=isinstance(error, IdNotFoundError))
            container[key] = text
        self.sources.update(macros.expand(self.root, good, self._load, self.origins))

    def _load(self, path: str, folder: Path | None) -> Document:
        return self.files.load(path, folder)

    # --- findings ---

    def _place(self, id: Id) -> Place | None:
        origin = self.origins.where(id)
        return origin.place if origin else None

    def _note(self, code: str, error: BundleEngineError, place: Place | None = None, *, lenient: bool = False) -> None:
        """Make a finding of an error; a mere warning where it may come from a file that cannot be read."""
        severity: Any = "warning" if lenient and self.broken else None
        message = "; ".join([error.message, *_one_line(error.notes)])
        self.findings.append(found(code, error.id or "", error.place or place, message, error.hint, severity=severity))


def _one_line(notes: Iterable[str]) -> list[str]:
    return [note for note in notes if "\n" not in note][:3]


def _named(error: InputError, name: str, place: Place | None) -> None:
    error.named_by(f"{EXTENDS}: {name}", EXTENDS, place)


def code_of(error: InputError) -> str:
    if isinstance(error, InputNotFoundError):
        return "BE001"
    return "BE002" if error.message.startswith(_NO_CONFIG) or "is a folder" in error.message else "BE003"


def _macro_code(error: BundleEngineError) -> str:
    if isinstance(error, CycleError):
        return "BE014"
    if isinstance(error, InputError):
        return "BE017"
    return "BE011" if "past the root" in error.message else "BE016"


def _exists(root: Any, id: Id) -> bool:
    try:
        tree.find(root, id)
    except tree.NoSuchKey:
        return False
    return True


def _root_of(file: Path) -> Path:
    """Give the root of the bundle that a config belongs to: the folder around ``configs``, or its own folder."""
    folder = file.absolute().parent
    return folder.parent if folder.name == "configs" else folder


def _metadata(files: Sequence[Path], given: PathLike | None) -> Path | None:
    if given is not None:
        return Path(given)
    if not files:
        return None
    beside = (files[0].parent / name for name in METADATA_NAMES)
    return next((path for path in beside if path.is_file() and path not in files), None)


def _unique(findings: Iterable[Finding], copied: set[Id]) -> list[Finding]:
    """Leave out what is told twice, because macros copy it."""
    kept: dict[Any, Finding] = {}
    for finding in findings:
        key = (finding.code, finding.place) if finding.place and finding.place.line else finding
        kept.setdefault(key, finding)
    return list(kept.values())
