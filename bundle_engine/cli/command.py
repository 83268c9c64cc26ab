"""What a command and its options are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["PROGRAM", "Command", "Option"]

PROGRAM = "bundle-engine"


class Option(NamedTuple):
    """An option of a command.

    Attributes:
        name: as on the command line, and as the parameter of the command's function.
        kind: how its value is read: ``text``, ``texts`` (a list of those that were given), ``file``, ``files``,
            ``log`` (a file or False), ``settings`` (a name, a file or a mapping), ``optional`` (a text, or nothing,
            which is True) or ``switch``.
        shows: what stands for its value in the help.
        meaning: what it does.
    """

    name: str
    kind: str
    shows: str
    meaning: str


class Command(NamedTuple):
    """A command.

    Attributes:
        name: as on the command line.
        summary: what it does, in one line.
        usage: how it is called, after the program and the command's name.
        options: those that may also be given by position come first, in that order.
        positional: how many those are.
        overrides: what ``--any::id=value`` does; None where there are no such arguments.
        examples: command lines, each with a line of explanation.
        load: gives the command's function; nothing is imported before it is called.
        rest: the option that takes all further arguments by position, any number of them; None where there is none.
        exits: what its exit codes mean, where they mean something else than those of a run.
    """

    name: str
    summary: str
    usage: str
    options: tuple[Option, ...]
    positional: int
    overrides: str | None
    examples: tuple[tuple[str, str], ...]
    load: Callable[[], Callable[..., int]]
    rest: str | None = None
    exits: tuple[tuple[int, str], ...] = ()

    def option(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)
