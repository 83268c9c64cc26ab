"""What is known of a target, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bundle_engine.errors import Place

__all__ = [
    "Ambiguous",
    "Definition",
    "Deprecation",
    "Found",
    "Lookup",
    "NotFound",
    "Parameter",
    "Problem",
    "Unknown",
]

ParameterKind = Literal["positional_only", "positional_or_keyword", "var_positional", "keyword_only", "var_keyword"]
Kind = Literal["class", "function", "attribute", "module", "unknown"]
DeprecationKind = Literal["target", "argument", "default"]
DeprecationState = Literal["later", "deprecated", "removed"]

_STARS = {"var_positional": "*", "var_keyword": "**"}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a target, as its source writes it.

    Attributes:
        name: its name, without stars.
        kind: how it may be given.
        default: the text of its default; None where it has none.
        annotation: the text of its annotation; None where it has none.
    """

    name: str
    kind: ParameterKind = "positional_or_keyword"
    default: str | None = None
    annotation: str | None = None

    @property
    def by_name(self) -> bool:
        """Whether it may be given by keyword."""
        return self.kind in ("positional_or_keyword", "keyword_only")

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is None and self.kind not in _STARS

    def __str__(self) -> str:
        text = _STARS.get(self.kind, "") + self.name
        if self.annotation is not None:
            text += f": {self.annotation}"
        if self.default is not None:
            text += f" = {self.default}" if self.annotation is not None else f"={self.default}"
        return text


@dataclass(frozen=True)
class Deprecation:
    """A mark in the source that a target, one of its arguments, or a default of one, is on its way out.

    Attributes:
        kind: what is marked.
        name: the argument; the target's own name where the target itself is marked.
        message: what the mark says to do instead, as written.
        since: the version that deprecated it; None where the mark names none.
        removed: the version that removes it, or that changes the default; None where the mark names none.
        successor: the argument or target to use instead; None where the mark names none.
        old_default: the text of the default that will change.
        new_default: the text of the default to come.
        state: how that stands in the installed version: `later` (nothing happens yet), `deprecated` (using it
            warns), `removed` (using it raises; for a default: it has changed).
    """

    kind: DeprecationKind
    name: str
    message: str = ""
    since: str | None = None
    removed: str | None = None
    successor: str | None = None
    old_default: str | None = None
    new_default: str | None = None
    state: DeprecationState = "deprecated"


@dataclass(frozen=True)
class Definition:
    """What is known of something that a config can name.

    Attributes:
        path: the dotted path of its definition, after all re-exports and aliases.
        name: the last part of that path.
        kind: `unknown` where something of the name is there, and what it is cannot be known.
        module: the module that defines it.
        file: the file of that module; None for what is built in.
        line: the line of the definition, from 1; 0 where there is none.
        doc: the first line of its docstring.
        parameters: what a call takes, without `self`; None where that cannot be known.
        signature_path: the dotted path of the function that the parameters were read from: an inherited
            ``__init__`` stands in another module than its class, and the names in annotations are that module's.
        signature_module: that module.
        wrapped: whether a decorator stands between a call and the parameters: it may give arguments itself.
        bases: dotted paths of the direct bases of a class; as written where they cannot be followed.
        deprecations: the marks on the target and its arguments.
        value: the text of what is assigned, for an attribute.
        why: the reason why the parameters are not known; empty where they are.
    """

    path: str
    name: str
    kind: Kind
    module: str
    file: str | None = None
    line: int = 0
    doc: str = ""
    parameters: tuple[Parameter, ...] | None = None
    signature_path: str = ""
    signature_module: str = ""
    wrapped: bool = False
    bases: tuple[str, ...] = ()
    deprecations: tuple[Deprecation, ...] = ()
    value: str = ""
    why: str = ""

    @property
    def place(self) -> Place | None:
        """Where it is defined."""
        return Place(self.file, self.line, 1 if self.line else 0) if self.file else None

    @property
    def open(self) -> bool | None:
        """Whether any keyword is taken; None where that cannot be known."""
        return None if self.parameters is None else any(p.kind == "var_keyword" for p in self.parameters)

    @property
    def positional(self) -> int | None:
        """How many arguments may be given by position; None for any number, or where that cannot be known."""
        if self.parameters is None or any(p.kind == "var_positional" for p in self.parameters):
            return None
        return sum(p.kind in ("positional_only", "positional_or_keyword") for p in self.parameters)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the parameters that a call must give; none where that cannot be known."""
        return tuple(p.name for p in self.parameters or () if p.required)

    def parameter(self, name: str) -> Parameter | None:
        """Give the parameter that a keyword fills; None where there is none of that name."""
        return next((p for p in self.parameters or () if p.name == name and p.by_name), None)

    def accepts(self, name: str) -> bool | None:
        """Tell whether a call takes a keyword; None where that cannot be known."""
        if self.parameters is None:
            return None
        return self.parameter(name) is not None or bool(self.open)

    @property
    def signature(self) -> str:
        """The name and the parameters in one line, as for a person; ``…`` where they are not known."""
        if self.kind in ("module", "attribute"):
            return self.name
        if self.parameters is None:
            return f"{self.name}(…)"
        parts: list[str] = []
        before = ""
        for parameter in self.parameters:
            if before == "positional_only" != parameter.kind:
                parts.append("/")
            if parameter.kind == "keyword_only" and before not in ("keyword_only", "var_positional"):
                parts.append("*")
            parts.append(str(parameter))
            before = parameter.kind
        if before == "positional_only":
            parts.append("/")
        return f"{self.name}({', '.join(parts)})"


@dataclass(frozen=True)
class Found:
    """A target that is there."""

    definition: Definition


@dataclass(frozen=True)
class Ambiguous:
    """A short name that several modules of MONAI define.

    Attributes:
        definition: the one that MONAI takes.
        choices: the dotted paths of all, that one first.
    """

    definition: Definition
    choices: tuple[str, ...]


@dataclass(frozen=True)
class NotFound:
    """A target that is certainly not there.

    Attributes:
        reason: one sentence.
        near: what was probably meant, best first, as it would be written in the config.
        root: the top-level package that is not installed; empty where the package is there.
        successor: what took the place of a target that the installed version no longer has.
    """

    reason: str
    near: tuple[str, ...] = ()
    root: str = ""
    successor: str | None = None


@dataclass(frozen=True)
class Unknown:
    """A target that may be there or not: it cannot be told without running code.

    Attributes:
        why: one sentence.
        near: names that are similar and certainly there; the target may all the same be right.
    """

    why: str
    near: tuple[str, ...] = ()


Lookup = Found | Ambiguous | NotFound | Unknown


@dataclass(frozen=True)
class Problem:
    """A file that could not be read, and what follows from it.

    Attributes:
        module: the name of the module.
        message: one sentence.
        place: the file, and where it says so the line and column.
    """

    module: str
    message: str
    place: Place
