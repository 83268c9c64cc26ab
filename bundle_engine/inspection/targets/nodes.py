"""What a dotted name can turn out to be, while it is followed."""

from __future__ import annotations

import builtins
from typing import NamedTuple

from bundle_engine.inspection.targets.facts import ClassFacts, FunctionFacts

__all__ = ["Absent", "Builtin", "Class", "Function", "Module", "Node", "Opaque", "Value", "builtin", "path_of"]


class Module(NamedTuple):
    """A module."""

    name: str


class Class(NamedTuple):
    """A class that has source."""

    module: str
    name: str  # qualified, within the module
    facts: ClassFacts

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


class Function(NamedTuple):
    """A function that has source; `owner` is the class that it was looked up on."""

    module: str
    name: str
    facts: FunctionFacts
    owner: Class | None = None

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


class Value(NamedTuple):
    """What an assignment gave: it is there, and its kind is not known.

    Attributes:
        made: the dotted name of what was called to make it; empty where nothing was.
    """

    module: str
    name: str
    text: str
    line: int
    made: str


class Builtin(NamedTuple):
    """A name of Python's own `builtins`."""

    name: str


class Opaque(NamedTuple):
    """What cannot be told.

    Attributes:
        why: one sentence.
        there: whether something of that name is certainly there.
        path: the dotted path at which it could not be followed further; empty where there is none.
        circular: whether that is because it led back to itself.
    """

    why: str
    there: bool = False
    path: str = ""
    circular: bool = False


class Absent(NamedTuple):
    """What is certainly not there.

    Attributes:
        owner: the dotted path of what does not have it; empty where the top-level package is missing.
        name: what it does not have.
    """

    owner: str
    name: str


Node = Module | Class | Function | Value | Builtin | Opaque | Absent


def builtin(name: str) -> Builtin | None:
    """Give the builtin of a name."""
    return Builtin(name) if hasattr(builtins, name) else None


def path_of(node: Node | None) -> str:
    """Give the dotted path under which something is defined; empty for what cannot be told."""
    if isinstance(node, (Class, Function)):
        return node.path
    if isinstance(node, Value):
        return f"{node.module}.{node.name}"
    if isinstance(node, Builtin):
        return f"builtins.{node.name}"
    if isinstance(node, Opaque):
        return node.path
    return node.name if isinstance(node, Module) else ""
