"""What stands in a manifest, as plain frozen values in an order that does not depend on anything but the bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = [
    "Called",
    "Download",
    "FileUse",
    "Manifest",
    "Noteworthy",
    "OwnModule",
    "Root",
    "Url",
    "Weights",
    "Where",
]

RootKind = Literal["standard library", "installed", "own", "not found"]
Mode = Literal["reads", "writes", "reads or writes"]


@dataclass(frozen=True, order=True)
class Where:
    """Where something of a manifest was found.

    Attributes:
        source: the file, relative to the bundle where it lies in it.
        line: the line, from 1; 0 where there is none.
        id: the id, in a config.
    """

    source: str
    line: int = 0
    id: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{self.id} ({place})" if self.id else place


@dataclass(frozen=True)
class Called:
    """Something that a config can call.

    Attributes:
        path: the dotted path of its definition; as written where that is not known. ``@id.name`` is an attribute of
            what an id gives, which is known when it runs.
        how: ``target``, or ``expression``.
        known: whether the index of what is installed has it.
        where: where it is named.
    """

    path: str
    how: Literal["target", "expression"]
    known: bool
    where: tuple[Where, ...]


@dataclass(frozen=True)
class Root:
    """A top-level package that is imported.

    Attributes:
        name: its name.
        kind: where it comes from.
        where: where something of it is named.
    """

    name: str
    kind: RootKind
    where: tuple[Where, ...]


@dataclass(frozen=True)
class OwnModule:
    """A Python file of the bundle.

    Attributes:
        name: the name of the module.
        file: the file, relative to the bundle.
        sha256: of its content.
        imports: the top-level packages that it imports.
        problem: why it could not be read; empty where it could.
    """

    name: str
    file: str
    sha256: str
    imports: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True)
class FileUse:
    """A file or folder that is read or written.

    Attributes:
        mode: what happens to it, as far as the name of the argument or function tells.
        path: the path; empty where it is known only when it runs.
        text: what is written there.
        by: the argument or function that takes it.
        where: where.
    """

    mode: Mode
    path: str
    text: str
    by: str
    where: tuple[Where, ...]

    @property
    def dynamic(self) -> bool:
        """Whether the path is known only when it runs."""
        return not self.path


@dataclass(frozen=True)
class Url:
    """An address that is named anywhere."""

    url: str
    where: tuple[Where, ...]


@dataclass(frozen=True)
class Download:
    """A file that belongs to the bundle and is downloaded.

    Attributes:
        path: where it goes in the bundle.
        url: where it comes from.
        hash: the checksum that is asked for, with its kind; empty where none is.
        where: where that is written.
    """

    path: str
    url: str
    hash: str
    where: tuple[Where, ...]


@dataclass(frozen=True)
class Weights:
    """A file with weights.

    Attributes:
        path: the file.
        kind: what it is by its name.
        runs_code: whether loading it may run code that it holds.
        there: whether the file is in the bundle.
        where: where it is named; empty for a file that nothing names.
    """

    path: str
    kind: str
    runs_code: bool
    there: bool
    where: tuple[Where, ...]


@dataclass(frozen=True)
class Noteworthy:
    """Something that a person should look at before trusting the bundle.

    Attributes:
        kind: ``code``, ``program``, ``file``, ``unpickling``, ``network``, ``native``, ``import``, ``environment``,
            ``internals`` or ``dynamic``.
        name: what is called or used.
        why: what it can do.
        text: the line or the expression in which it stands.
        where: where.
    """

    kind: str
    name: str
    why: str
    text: str
    where: Where


@dataclass(frozen=True)
class Manifest:
    """What a bundle can do if it runs.

    Attributes:
        configs: the files that were read, with the checksums of their contents.
        callables: what configs call.
        roots: the top-level packages that configs and the bundle's own modules import.
        modules: the bundle's own modules.
        files: what is read and written.
        urls: all addresses that are named.
        downloads: files that are downloaded.
        weights: files with weights.
        noteworthy: what a person should look at.
        problems: what could not be read, so that the manifest may lack something.
    """

    configs: tuple[tuple[str, str], ...] = ()
    callables: tuple[Called, ...] = ()
    roots: tuple[Root, ...] = ()
    modules: tuple[OwnModule, ...] = ()
    files: tuple[FileUse, ...] = ()
    urls: tuple[Url, ...] = ()
    downloads: tuple[Download, ...] = ()
    weights: tuple[Weights, ...] = ()
    noteworthy: tuple[Noteworthy, ...] = ()
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give the manifest as plain data."""
        row = asdict(self)
        row["configs"] = [{"file": file, "sha256": digest} for file, digest in self.configs]
        for entry, use in zip(row["files"], self.files, strict=True):
            entry["dynamic"] = use.dynamic
        return row
