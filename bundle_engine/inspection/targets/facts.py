"""What the source of a module says, before any name is followed: rows that JSON can hold.

A name of a module or class body is bound by *steps*, lists that begin with one of the words below. Most names
have one step; ``if`` and ``try`` leave several possible ones, which are told apart when a name is followed,
because that takes knowledge of other modules.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Step = list[Any]

CLASS = "class"  # ClassFacts
FUNCTION = "function"  # FunctionFacts
MODULE = "module"  # dotted name
FROM = "from"  # module, name
OPTIONAL = "optional"  # module, name: MONAI's optional_import
FOUND = "found"  # module, name, whether a version was asked for: whether optional_import had success
ALIAS = "alias"  # dotted expression, line
VALUE = "value"  # text, line, what was called to make it (empty for a plain literal)
DELETED = "deleted"
STAR = "star"  # module
NEED = "need"  # module, name, line: an import, which may fail
CHOICE = "choice"  # two lists of steps, one of which is taken; a name that says which
TRY = "try"  # body, steps after a failed import (None when it raises), steps of other handlers, whether pure
BLOCK = "block"  # list of steps

UNKNOWN = "?"  # as what was called to make a value

# shapes of decorators: what one gives for the thing that it decorates
SAME = "same"  # the thing itself
WRAPS = "wraps"  # a function that hands all arguments on
MAKES = "makes "  # a decorator of the shape that follows
INSTANCE = "instance"  # of a __new__ that gives what another __new__ gives: an instance of the class


class ParameterFacts(NamedTuple):
    """A parameter; `kind` counts as the kinds of `inspect.Parameter` do."""

    name: str
    kind: int
    default: str | None
    annotation: str | None


class DecoratorFacts(NamedTuple):
    """A decorator: its dotted name, empty for other expressions, and its arguments as text."""

    name: str
    called: bool
    arguments: list[str]
    keywords: dict[str, str]


class FunctionFacts(NamedTuple):
    """A ``def``.

    Attributes:
        shape: what it does to a thing that it decorates, or what a ``__new__`` gives; empty where that cannot be
            told.
    """

    line: int
    doc: str
    decorators: list[Any]
    parameters: list[Any]
    shape: str


class FieldFacts(NamedTuple):
    """An annotated name in a class body, as dataclasses see it."""

    name: str
    annotation: str
    default: str | None
    init: bool
    keyword_only: bool | None


class ClassFacts(NamedTuple):
    """A ``class``.

    Attributes:
        bases: dotted names; empty for other expressions.
        metaclass: dotted name; None where none is given; empty for other expressions.
        names: steps for each name of its body.
        fields: annotated names, in order.
        dynamic: whether its body binds names in ways that cannot be followed.
    """

    line: int
    doc: str
    decorators: list[Any]
    bases: list[str]
    metaclass: str | None
    names: dict[str, Step]
    fields: list[Any]
    dynamic: bool


class ModuleFacts(NamedTuple):
    """A module.

    Attributes:
        names: steps for each name; from the store as text, for most of them are never looked at.
        otherwise: steps for any other name: the star imports.
        exports: ``__all__``; None where there is none.
        exports_known: whether all of ``__all__`` could be read.
        dynamic: whether the module may have names that its source does not show.
        replaced: whether the module puts another object in its place in ``sys.modules``.
        patched: attributes that are set from outside their class, for each class; ``*`` stands for any class, or
            any attribute.
    """

    names: dict[str, Step | str]
    otherwise: list[Step]
    exports: list[str] | None
    exports_known: bool
    dynamic: bool
    replaced: bool
    patched: dict[str, list[str]]

    def step(self, name: str) -> Step | None:
        """Give the steps for a name; None where it is not bound."""
        step = self.names.get(name)
        return json.loads(step) if isinstance(step, str) else step

    def as_text(self) -> ModuleFacts:
        """Give the same facts with the steps as text."""
        return self._replace(names={name: json.dumps(step, separators=(",", ":")) for name, step in self.names.items()})


# what a file gives that could not be read: nothing is known of it
UNREADABLE = ModuleFacts({}, [], None, False, True, True, {})
