"""Tell the arguments of a command apart: positions, options, overrides.

The syntax is fire's, and so is the reading of values. But fire was made for the parameters of Python functions: it
turns ``-`` in a name into ``_``, keeps the last of repeated options only, reads a lone ``--normalize`` as
``rmalize=False``, and calls the function before it complains about an argument too many. An override names an id of
a config, so here names stay as they are written, and nothing runs before everything is understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.cli.command import Command
from bundle_engine.cli.values import is_yes_or_no, read_option, read_value
from bundle_engine.config.closest import edit_distance
from bundle_engine.config.ids import MERGE, OLD_SEP, SEP
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.config import ConfigParser

__all__ = ["Arguments", "Override", "overrides_of", "read_arguments"]

_FLAG = re.compile(r"--|-[a-zA-Z]")


class Override(NamedTuple):
    """An argument that is no option.

    Attributes:
        key: as it was written, without the leading hyphens.
        value: its value; True where there was none.
        bare: whether there was no value.
        meant: the option that it probably should have been.
    """

    key: str
    value: Any
    bare: bool
    meant: str | None


class Arguments(NamedTuple):
    """What a command line says.

    Attributes:
        options: values of the options that were given, by name.
        overrides: everything else, in the order given, each key once.
    """

    options: dict[str, Any]
    overrides: list[Override]


class _Flag(NamedTuple):
    name: str
    key: str
    value: str | None


def read_arguments(command: Command, args: Sequence[str]) -> Arguments:
    """Read the arguments that follow the name of a command.

    Raises:
        UsageError: for what cannot be understood; nothing was run then.
    """
    positional, flags = _split(args, command)
    rest = positional[command.positional :] if command.rest is not None else []
    if rest:
        positional = positional[: command.positional]
    if len(positional) > command.positional:
        extra = positional[command.positional :]
        raise UsageError(
            f"'{extra[0]}' is one argument too many",
            hint="an option begins with '--'; quote a value that contains spaces",
        )
    given: dict[str, list[str]] = {}
    overrides: dict[str, Override] = {}
    if rest and command.rest is not None:
        given[command.rest] = list(rest)
    for flag in flags:
        negated = command.option(flag.name.removeprefix("no")) if flag.value is None else None
        if negated is not None and negated.name != flag.name and negated.kind in ("switch", "log"):
            given.setdefault(negated.name, []).append("False")
        elif command.option(flag.name) is not None:
            given.setdefault(flag.name, []).append(_value_of(command, flag))
        else:
            overrides[flag.key] = _override(command, flag, overrides)
    for name, texts in given.items():
        if len(texts) > 1 and (option := command.option(name)) is not None and option.kind not in ("files", "texts"):
            given[name] = texts[-1:]
    options = _bind(command, positional, given)
    return Arguments(options, list(overrides.values()))


def overrides_of(override: Mapping[str, Any], configs: Callable[[], Iterable[ConfigParser]] = tuple) -> dict[str, Any]:
    """Read the overrides of a command line.

    Args:
        override: what stands there.
        configs: gives the configs, which may have an id that is spelt almost as an option is.

    Raises:
        UsageError: when one is an option that is misspelt.
    """
    found: dict[str, Any] = {}
    for key, each in override.items():
        name = key.replace("-", "_")
        if isinstance(each, Override) and each.meant is not None and not any(name in config for config in configs()):
            raise UsageError(f"there is no option --{key}", hint=f"did you mean --{each.meant}?")
        found[name] = each.value if isinstance(each, Override) else each
    return found


def _split(args: Sequence[str], command: Command) -> tuple[list[str], list[_Flag]]:
    """Tell positional arguments and flags apart, as fire does: a flag takes the next argument, unless that is one.

    A switch takes yes and no only, so that ``trust --yes DIR`` is what it looks like; and not even these where a
    command takes any number of arguments by position.
    """
    positional: list[str] = []
    flags: list[_Flag] = []
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        if not _FLAG.match(arg):
            positional.append(arg)
            continue
        key, equals, value = arg.lstrip("-").partition("=")
        if not key:
            raise UsageError(f"'{arg}' names no option", hint="write --option value, or --option=value")
        option = command.option(key.replace("-", "_"))
        is_next = bool(rest) and not _FLAG.match(rest[0])
        if is_next and option is not None and option.kind == "switch":
            is_next = command.rest is None and is_yes_or_no(rest[0])
        taken = value if equals else rest.pop(0) if is_next else None
        flags.append(_Flag(key.replace("-", "_"), key, taken))
    return positional, flags


def _value_of(command: Command, flag: _Flag) -> str:
    option = command.option(flag.name)
    assert option is not None
    if flag.value is not None:
        return flag.value
    if option.kind in ("switch", "optional"):
        return "True"
    raise UsageError(f"--{flag.name} needs a value", hint=f"--{flag.name} {option.shows}: {option.meaning}")


def _override(command: Command, flag: _Flag, before: dict[str, Override]) -> Override:
    if command.overrides is None:
        near = _misspelt(command, flag.name)
        hint = f"did you mean --{near}?" if near else f"see {command.name} --help"
        raise UsageError(f"there is no option --{flag.key}", hint=hint)
    if flag.key in before and flag.key.startswith(MERGE):
        raise UsageError(f"--{flag.key} is given twice", hint="put all that is to be added into one list or mapping")
    value = True if flag.value is None else read_value(flag.value)
    return Override(flag.key, value, flag.value is None, _misspelt(command, flag.name))


def _misspelt(command: Command, name: str) -> str | None:
    if SEP in name or OLD_SEP in name:
        return None
    for option in command.options:
        if edit_distance(name, option.name, 2) <= (2 if len(option.name) > 6 else 1):
            return option.name
    return None


def _bind(command: Command, positional: Sequence[str], given: dict[str, list[str]]) -> dict[str, Any]:
    """Give arguments by position their names, and read what all of them say."""
    for option, text in zip(command.options, positional, strict=False):
        if option.name in given:
            raise UsageError(
                f"{option.name} is given twice: by position, '{text}', and as --{option.name}",
                hint="options that take no value come last, or are written --option=True",
            )
        given[option.name] = [text]
    options: dict[str, Any] = {}
    for option in command.options:
        if option.name in given:
            values = [read_option(option, text) for text in given[option.name]]
            lists = [value for value in values if isinstance(value, list)]
            options[option.name] = [path for paths in lists for path in paths] if len(lists) > 1 else values[-1]
    return options
