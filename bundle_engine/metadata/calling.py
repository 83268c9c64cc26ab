"""Which input of the metadata goes to which argument of a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "plan_call"]

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Call:
    """How a network is called.

    Attributes:
        positions: names of inputs that go by position, in that order.
        names: the argument of each other input.
        extra: further arguments, with their values.
        homeless: inputs that the network has no argument for.
        lacking: arguments that the network needs and that nothing is given for.
        takes: the names of all arguments.
    """

    positions: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    homeless: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def arguments(self, inputs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the positional and the named arguments of the call."""
        named = {argument: inputs[name] for name, argument in self.names.items()}
        return tuple(inputs[name] for name in self.positions), {**named, **self.extra}


def plan_call(forward: Callable[..., Any], inputs: Sequence[str], extra: Mapping[str, Any] | None = None) -> Call:
    """Find an argument for each input: the one of its name, or else the next that is free.

    Args:
        forward: what is called.
        inputs: names of the inputs, in the order of the metadata.
        extra: arguments that are given besides; they are not free.
    """
    extra = dict(extra or {})
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):  # it has no signature, as what is compiled
        return Call(positions=tuple(inputs), extra=extra)
    takes = [p for p in parameters if p.kind in _NAMED or p.kind == inspect.Parameter.POSITIONAL_ONLY]
    named = {p.name for p in takes if p.kind in _NAMED}
    names = {name: name for name in inputs if name in named and name not in extra}
    kinds = {p.kind for p in parameters}
    if inspect.Parameter.VAR_POSITIONAL in kinds and not names:
        return Call(positions=tuple(inputs), extra=extra, takes=tuple(p.name for p in takes))
    free = [p for p in takes if p.name not in {*names, *extra} and p.kind != inspect.Parameter.KEYWORD_ONLY]
    positions: list[str] = []
    homeless: list[str] = []
    for name in (each for each in inputs if each not in names):
        parameter = free.pop(0) if free else None
        if parameter is not None and parameter.kind == inspect.Parameter.POSITIONAL_ONLY:
            positions.append(name)
        elif parameter is not None:
            names[name] = parameter.name
        elif inspect.Parameter.VAR_KEYWORD in kinds:
            names[name] = name
        else:
            homeless.append(name)
    given = {*names.values(), *extra}
    needed = [p for p in takes if p.default is inspect.Parameter.empty and p.name not in given]
    lacking = [p.name for p in needed if p.kind != inspect.Parameter.POSITIONAL_ONLY or p in free]
    return Call(tuple(positions), names, extra, tuple(homeless), tuple(lacking), tuple(p.name for p in takes))
