"""How far a config is trusted: the levels, what lies outside of them, and how that is told.

The level comes from the command line or from the caller's code, never from a config:

- ``data``: plain values, references and macros. No component is built, no expression evaluated.
- ``safe``: components of an allow-list, and expressions that an interpreter of its own evaluates, see
  `safe_expressions`, `allowance` and `allowed_targets`.
- ``full``: everything, as Python does it.

Below ``full``, macros and ``_extends_`` read files of the config's own folder only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bundle_engine.errors import Place, PolicyError, UsageError

__all__ = ["DATA", "FULL", "LEVELS", "SAFE", "Forbidden", "Outside", "Policy", "policy_of", "refusal", "root_of"]

LEVELS = ("data", "safe", "full")
_MOST = 40  # things to name in one message


@dataclass(frozen=True)
class Policy:
    """A level of trust.

    Attributes:
        level: ``data``, ``safe`` or ``full``.
    """

    level: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise UsageError(f"trust is {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, not {self.level!r}")

    @property
    def is_full(self) -> bool:
        """Whether nothing is forbidden."""
        return self.level == "full"


DATA, SAFE, FULL = map(Policy, LEVELS)


def policy_of(trust: Policy | str | None) -> Policy:
    """Read a level of trust as a caller gives it; None is ``full``.

    Raises:
        UsageError: for anything else than a level.
    """
    if trust is None:
        return FULL
    if type(trust) is Policy:
        return trust
    if not isinstance(trust, str):
        raise UsageError(f"trust is {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, not {trust!r}")
    return Policy(trust)


class Forbidden(Exception):
    """Something that a level of trust does not allow, met while it is looked at or evaluated.

    Attributes:
        name: what it is: the name of a callable, an attribute, a kind of expression.
        reason: why it is not allowed.
        level: the lowest level that allows it.
    """

    def __init__(self, name: str, reason: str, level: str = "full") -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
        self.level = level


class Outside(NamedTuple):
    """Something in a config that its level of trust does not allow.

    Attributes:
        id: where it stands in the config.
        place: where that was written.
        name: what it is.
        reason: why it is not allowed.
        level: the lowest level that allows it.
    """

    id: str
    place: Place | None
    name: str
    reason: str
    level: str

    def line(self) -> str:
        """Write it in one line."""
        where = f" ({self.place})" if self.place is not None else ""
        return f"{self.id}{where}: {self.name}: {self.reason}; needs --trust {self.level}"


def refusal(outside: Sequence[Outside], policy: Policy) -> PolicyError:
    """Make the error for what lies outside of a level, all of it named."""
    first = outside[0]
    if len(outside) == 1:
        message = f"'{first.name}' is outside of the trust level '{policy.level}': {first.reason}"
        notes = []
    else:
        message = f"{len(outside)} things are outside of the trust level '{policy.level}'"
        notes = [each.line() for each in outside[:_MOST]]
        if len(outside) > _MOST:
            notes.append(f"… and {len(outside) - _MOST} more")
    needed = max((each.level for each in outside), key=LEVELS.index)
    hint = f"--trust {needed} allows it" if len(outside) == 1 else f"--trust {needed} allows all of them"
    if needed == "full":
        hint += "; first see what it can do with the command 'manifest'"
    return PolicyError(message, id=first.id, place=first.place, notes=notes, hint=hint)


def root_of(file: Path) -> Path:
    """Give the folder that a config file may read from: the one around ``configs``, or else its own.

    Raises:
        PolicyError: for a file that is a link to somewhere else.
    """
    folder = file.parent.resolve()
    root = folder.parent if folder.name == "configs" else folder
    if not file.resolve().is_relative_to(root):
        raise PolicyError(
            f"the file '{file}' is a link that leads out of its folder '{root}'",
            place=Place(str(file)),
            hint="name the file that it leads to, if you trust it",
        )
    return root
