"""Every error the product raises, as one tree.

::

    BundleEngineError
    ├── InputError (ValueError)              a file that cannot be read as a config
    │   ├── InputNotFoundError (FileNotFoundError)
    │   ├── DownloadError                    something that cannot be had from the network
    │   │   └── NotPublishedError            nothing of that name or version is published
    │   └── DuplicateKeyError                a key written twice, where that is forbidden
    ├── IdNotFoundError (KeyError)           nothing stands at an id
    │   ├── IndexNotFoundError (IndexError, ValueError)   a list or a scalar has no such place
    │   ├── AttributeNotFoundError (AttributeError)       the same through ``parser.name``
    │   └── ReferenceNotFoundError (ValueError)           an ``@id`` leads nowhere
    ├── CycleError (ValueError)              references, macros or files that need themselves
    ├── MergeError (ValueError)              ``+key`` or ``~key`` that does not fit
    ├── MandatoryValueError (ValueError)     a ``???`` was left
    ├── ExpressionError (RuntimeError)       an expression that failed
    │   ├── ExpressionSyntaxError (SyntaxError)
    │   └── ImportStatementError (ImportError)
    ├── TargetNotFoundError (ModuleNotFoundError)         a ``_target_`` that leads nowhere
    ├── InstantiationError (RuntimeError)    a component that failed
    │   └── ArgumentError (TypeError)        an argument the target does not take, or lacks
    ├── FrozenError (TypeError)              a write to a frozen parser
    ├── PolicyError (PermissionError)        a config that needs more than the level of trust allows
    ├── WorkflowError (RuntimeError)         a workflow used in a way it cannot work
    │   ├── TrackingError                    a place to track a run that cannot be used
    │   ├── ExportError                      a network that cannot be exported, or not as it is
    │   ├── PropertyError (ValueError)       a property of the workflow that is not there
    │   └── MissingDependencyError (ImportError)          an extra that is not installed
    └── UsageError (ValueError)              a command line that cannot be understood

An error answers five questions: which id, which place, what stood there, what was expected and what to
try. They are data (`id`, `place`, `message`, `hint`, `notes`); `render` turns them into text for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "ArgumentError",
    "AttributeNotFoundError",
    "BundleEngineError",
    "BundleEngineWarning",
    "CycleError",
    "DownloadError",
    "DuplicateKeyError",
    "ExportError",
    "ExpressionError",
    "ExpressionSyntaxError",
    "FrozenError",
    "IdNotFoundError",
    "ImportStatementError",
    "IndexNotFoundError",
    "InputError",
    "InputNotFoundError",
    "InstantiationError",
    "MandatoryValueError",
    "MergeError",
    "MissingDependencyError",
    "NotPublishedError",
    "Place",
    "PolicyError",
    "PropertyError",
    "ReferenceNotFoundError",
    "TargetNotFoundError",
    "TrackingError",
    "UsageError",
    "WorkflowError",
]


@dataclass(frozen=True)
class Place:
    """A place where a value was written.

    Attributes:
        source: the file's path, ``command line`` or ``code``.
        line: line number from 1, or 0 where the source has no lines.
        column: column number from 1, or 0.
        text: the whole line, without its end.
        width: number of characters that the value takes on that line, for the underline.
    """

    source: str
    line: int = 0
    column: int = 0
    text: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source

    def excerpt(self) -> str:
        """Draw the line with carets under the value; an empty string where there is no line."""
        if not self.line or not self.text.strip():
            return ""
        text, column = self.text, max(1, self.column)
        if len(text) > 160:  # keep the place in view on a very long line
            start = max(0, min(column - 60, len(text) - 150))
            cut = "…" if start else ""
            end = "…" if start + 150 < len(text) else ""
            text, column = cut + text[start : start + 150] + end, column - start + len(cut)
        text = _printable(text)
        number = str(self.line)
        gap = " " * len(number)
        indent = "".join("\t" if c == "\t" else " " * _cells(c) for c in text[: column - 1])
        under = text[column - 1 : column - 1 + max(1, self.width)]
        carets = "^" * max(1, sum(_cells(c) for c in under))
        return f" {gap} |\n {number} | {text}\n {gap} | {indent}{carets}"


def _printable(text: str) -> str:
    """Replace what a terminal would obey instead of show."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)


def _cells(character: str) -> int:
    """Count the cells that a character takes in a terminal."""
    if character.isascii():
        return 1
    import unicodedata

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class BundleEngineWarning(UserWarning):
    """Something that is probably a mistake, but does not stop the work."""


class BundleEngineError(Exception):
    """The root of all errors that the product raises.

    Args:
        message: what is wrong, in one sentence that shows what stood there and what was expected.
        id: id of the value concerned.
        place: where that value was written.
        hint: what to try.
        notes: further lines, such as the steps of a cycle.
    """

    def __init__(
        self,
        message: str,
        *,
        id: str | None = None,
        place: Place | None = None,
        hint: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.id = id
        self.place = place
        self.hint = hint
        self.notes = tuple(notes)

    def render(self) -> str:
        """Lay the answers out over several lines, for a terminal."""
        lines = [self.message]
        if self.place is not None or self.id is not None:
            where = str(self.place) if self.place is not None else ""
            named = f"id '{self.id}'" if self.id is not None else ""
            lines.append("  at " + "  ".join(part for part in (where, named) if part))
        if self.place is not None and (excerpt := self.place.excerpt()):
            lines.append(excerpt)
        lines.extend(f"  {_printable(line)}" for note in self.notes for line in note.split("\n"))
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"id": self.id, "place": self.place, "hint": self.hint, "notes": self.notes}
        return _rebuild, (type(self), self.message, state)


def _rebuild(kind: type[BundleEngineError], message: str, state: dict[str, Any]) -> BundleEngineError:
    """Make an unpickled error again; the keyword-only arguments need more than the default protocol."""
    return kind(message, **state)


class InputError(BundleEngineError, ValueError):
    """A file that cannot be read as a config: syntax, encoding, kind of root, depth, size."""

    def named_by(self, text: str, id: str, place: Place | None) -> None:
        """Add what made the file be read: the text there, its id and its place."""
        if self.place is None:  # the file itself has no place to show
            self.place = place
            self.id = id if self.id is None else self.id
        else:
            self.notes = (*self.notes, f"read because of '{text}'" + (f" at {place}" if place else ""))


class InputNotFoundError(InputError, FileNotFoundError):
    """A file that a command, a macro or ``_extends_`` names and that is not there."""


class DownloadError(InputError):
    """Something that cannot be had from the network, or that is not what it should be."""


class NotPublishedError(DownloadError):
    """A bundle, a version or a file that is not published where it was looked for."""


class DuplicateKeyError(InputError):
    """A key written twice in one mapping, while ``MONAI_FAIL_ON_DUPLICATE_CONFIG`` is set."""


class IdNotFoundError(BundleEngineError, KeyError):
    """Nothing stands at the id asked for."""


class IndexNotFoundError(IdNotFoundError, IndexError, ValueError):
    """An id goes on past the end of a list, with a word into a list, or into something that has no inside."""


class AttributeNotFoundError(IdNotFoundError, AttributeError):
    """``parser.name`` where nothing has that name."""


class ReferenceNotFoundError(IdNotFoundError, ValueError):
    """An ``@id`` in a config leads to nothing."""


class CycleError(BundleEngineError, ValueError):
    """References, macros or ``_extends_`` that lead back to where they began."""


class MergeError(BundleEngineError, ValueError):
    """``+key`` between kinds that do not fit, or ``~key`` where there is nothing to delete."""


class MandatoryValueError(BundleEngineError, ValueError):
    """A value that the config leaves open as ``???``."""


class ExpressionError(BundleEngineError, RuntimeError):
    """An expression raised; its exception is the ``__cause__``."""


class ExpressionSyntaxError(ExpressionError, SyntaxError):
    """An expression that Python cannot read."""

    @property
    def msg(self) -> str:  # type: ignore[override]  # what Python prints of a SyntaxError that nobody caught
        return self.render()


class ImportStatementError(ExpressionError, ImportError):
    """An import statement of a config that failed, met by something that needs what it imports."""


class TargetNotFoundError(BundleEngineError, ModuleNotFoundError):
    """A ``_target_`` that names nothing importable."""


class InstantiationError(BundleEngineError, RuntimeError):
    """A component's target raised; its exception is the ``__cause__``."""


class ArgumentError(InstantiationError, TypeError):
    """A component has an argument that its target does not take, or lacks one that it needs."""


class FrozenError(BundleEngineError, TypeError):
    """A write to a parser after ``freeze()``."""


class PolicyError(BundleEngineError, PermissionError):
    """A config, or a bundle, that needs more than the level of trust it is used with; nothing of it was run."""


class WorkflowError(BundleEngineError, RuntimeError):
    """A workflow used in a way it cannot work, such as reading a property before ``initialize``."""


class TrackingError(WorkflowError):
    """A place to track a run that cannot be used; the run has not begun."""


class ExportError(WorkflowError):
    """A network that cannot be exported, or whose export computes something else."""


class PropertyError(WorkflowError, ValueError):
    """A property that the workflow needs and the bundle does not have."""


class MissingDependencyError(WorkflowError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it."""


class UsageError(BundleEngineError, ValueError):
    """A command line, or the arguments of a public function, that cannot be understood."""
