"""Prepare a config for resolving: write out macros and relative ids, and note its import statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_engine.config import macros, merge, source, tree
from bundle_engine.config.ids import EXPRESSION, EXTENDS, MACRO, MERGE, ROOT, Id
from bundle_engine.config.names import is_import
from bundle_engine.config.origins import Entry, Origins
from bundle_engine.config.policy import root_of
from bundle_engine.config.source import Document, PathLike
from bundle_engine.errors import InputNotFoundError, Place, PolicyError


class MacroFiles:
    """Finds and reads the files that macros name, each once.

    Args:
        confined: read below `bundle_root`, and the folders of the files that `admit` was told, only.
        on_read: told each file that a macro or an ``_extends_`` names, before it is read.

    Attributes:
        bundle_root: the second folder to look in, after that of the file that holds the macro.
        roots: the folders that reading is confined to, besides.
    """

    def __init__(self, *, confined: bool = False, on_read: Callable[[Path], object] | None = None) -> None:
        self.bundle_root: Path | None = None
        self.on_read = on_read
        self._documents: dict[Path, Document] = {}
        self._confined = confined
        self.roots: set[Path] = set()

    def admit(self, files: Any) -> None:
        """Take note of files that the caller named, before they are read.

        Raises:
            PolicyError: for a link that leads out of its folder, where reading is confined.
        """
        if self._confined:
            self.roots.update(root_of(file) for file in source.named_files(files))

    def assemble(
        self,
        files: PathLike | Sequence[PathLike],
        options: Mapping[str, Any],
        origins: Origins,
        base: dict[Any, Any] | None = None,
        *,
        whole: bool = False,
    ) -> dict[Any, Any]:
        """Read the files that the caller named, and put later ones over earlier ones.

        Args:
            files: as `source.named_files` takes them.
            options: options for `json.loads`.
            origins: the history to write.
            base: what to merge into; a new mapping by default.
            whole: note that the first file is where the root was written.

        Raises:
            InputError, PolicyError: for a file that cannot, or must not, be read; and see `merge.apply`.
        """
        self.admit(files)
        documents = source.load_all(files, options)
        if whole and documents:
            origins.record(Entry(ROOT, documents[0], ROOT))
        return merge.assemble(documents, self.read, origins, base)

    def read(self, path: PathLike) -> Document:
        """Read the file of an ``_extends_``."""
        self._check(Path(path), str(path))
        self._tell(Path(path))
        return source.load(path)

    def _tell(self, path: Path) -> None:
        if self.on_read is not None:
            self.on_read(path)

    def _may_read(self, path: Path) -> bool:
        if not self._confined:
            return True
        roots = self.roots if self.bundle_root is None else {*self.roots, self.bundle_root.resolve()}
        real = path.resolve()
        return any(real.is_relative_to(root) for root in roots)

    def _check(self, path: Path, written: str) -> None:
        if not self._may_read(path):
            raise PolicyError(
                f"the file '{written}' lies outside of the config's folder, and only full trust reads it",
                hint="--trust full allows it; or put the file into the folder of the config or its bundle",
            )

    def load(self, path: str, folder: Path | None) -> Document:
        """Read a file: beside the file that holds the macro, in the bundle's root, in the working directory.

        Raises:
            InputNotFoundError: when it is in none of them; and what `source.load` raises.
        """
        written = Path(path)
        folders = [Path(each) for each in (folder, self.bundle_root, Path.cwd()) if each is not None]
        named = [written] if written.is_absolute() else [each / written for each in folders]
        candidates = [each for each in named if self._may_read(each)]
        if not candidates:
            self._check(named[0], path)
        for candidate in candidates:
            if candidate.is_file():
                key = candidate.resolve()
                if key not in self._documents:
                    self._tell(candidate)
                    document = source.load(candidate, any_root=True)
                    if isinstance(document.data, dict) and EXTENDS in document.data:
                        document.data = merge.assemble([document], self.read, Origins())
                    self._documents[key] = document
                return self._documents[key]
        try:
            return source.load(candidates[0], any_root=True)  # tells what is wrong, with names that are similar
        except InputNotFoundError as error:
            looked = list(dict.fromkeys(str(candidate.parent) for candidate in candidates))
            error.notes = (f"looked in {', '.join(looked)}",)
            raise


class Expansion:
    """What remains to be done to one config.

    Attributes:
        pending: ids at and inside of which macros and relative ids may still stand.
        imports: ids of import statements that did not run yet, in document order.
        copied: ids that macros copied.
    """

    def __init__(self) -> None:
        self.pending: list[Id] = [ROOT]
        self.imports: list[Id] = []
        self.copied: list[Id] = []

    def run(
        self,
        config: Any,
        files: MacroFiles,
        origins: Origins,
        place: Callable[[Id], Place | None],
        changed: Callable[[Id], Any],
    ) -> None:
        """Work on what is pending, in place.

        Args:
            config: the config.
            files: reads the files that macros name.
            origins: its history.
            place: gives the place where an id was written.
            changed: is told the ids whose values macros replaced.

        Raises:
            CycleError, IdNotFoundError, InputError: for a macro or a relative id that leads nowhere.
        """
        while self.pending:
            id = self.pending[0]
            found = strings_at(config, id, _wanted)
            expandable = [each for each in found if each[2][0] == MACRO]
            if expandable:
                self.copied += macros.expand(config, expandable, files.load, origins)
                changed(id)
                found = strings_at(config, id, _wanted)
            macros.make_absolute([each for each in found if macros.needs_rewriting(each[2])], place)
            known = set(self.imports)
            for _, _, text, path in found:
                if text[0] == EXPRESSION and is_import(text):
                    statement = tree.id_of(path)
                    if statement not in known:
                        self.imports.append(statement)
            self.pending.pop(0)

    def open(
        self,
        config: Any,
        id: Id,
        operator: str,
        files: MacroFiles,
        origins: Origins,
        place: Callable[[Id], Place | None],
        changed: Callable[[Id], Any],
    ) -> None:
        """Write out the macro that stands where an override is about to change something inside of it.

        Args:
            config: the config.
            id: what the override changes.
            operator: how: what is merged into the value itself is inside of it, too.
            files, origins, place, changed: see `run`.
        """
        for around in macros_around(config, id, operator):
            later, self.pending = self.pending, [around]
            try:
                self.run(config, files, origins, place, changed)
            finally:
                self.pending = later

    def take_imports(self) -> list[Id]:
        """Give the import statements that did not run yet; they count as run from now on."""
        imports, self.imports = self.imports, []
        return imports


def macros_around(config: Any, id: Id, operator: str) -> Iterator[Id]:
    """Give the ids of the macros that an override would change the inside of; the caller writes out each at once."""
    for depth in range(1, len(id) + (operator == MERGE)):
        try:
            value = tree.find(config, Id(id[:depth]))
        except tree.NoSuchKey:
            return
        if value.__class__ is str and value.startswith(MACRO):
            yield Id(id[:depth])


def strings_at(config: Any, id: Id, wanted: Callable[[str], bool]) -> list[tuple[Any, Any, str, Any]]:
    """Give the wanted strings at and inside an id, as `tree.strings` gives them; none where nothing stands there."""
    try:
        value = tree.find(config, id)
    except tree.NoSuchKey:  # deleted meanwhile
        return []
    above: Any = None
    for key in id:
        above = (above, key)
    if value.__class__ is str:
        if not (value and id and wanted(value)):
            return []
        container = tree.find(config, id.parent)
        return [(container, tree.child_key(container, id[-1]), value, above)]
    return [(c, key, text, _below(above, path)) for c, key, text, path in tree.strings(value, wanted)]


def _below(above: Any, path: Any) -> Any:
    """Put a path below another one."""
    if above is None:
        return path
    for key in tree.id_of(path):
        above = (above, key)
    return above


def _wanted(text: str) -> bool:
    """Tell whether something has to be done to a string before resolving."""
    first = text[0]
    return first == MACRO or macros.needs_rewriting(text) or (first == EXPRESSION and "import" in text)
