"""From the statements of a block, in order, to the steps that bind each name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bundle_engine.inspection.targets.facts import BLOCK, CHOICE, NEED, STAR, TRY, Step

__all__ = ["Bind", "Choice", "Event", "Need", "Star", "Try", "as_step", "compile_names", "imports_in"]


class Bind(NamedTuple):
    """A name gets a value."""

    name: str
    step: Step


class Star(NamedTuple):
    """``from module import *``."""

    module: str


class Need(NamedTuple):
    """A module is imported, and has to have a name where one is given."""

    module: str
    name: str
    line: int


class Choice(NamedTuple):
    """One of two blocks runs.

    Attributes:
        condition: the name whose truth decides for the first one; empty where it is anything else.
    """

    one: Sequence[Event]
    other: Sequence[Event]
    condition: str = ""


class Try(NamedTuple):
    """A ``try`` statement.

    Attributes:
        failed: the block that runs when an import fails; None when that raises.
        others: the blocks of the other handlers.
        pure: whether nothing but imports can fail in the body.
    """

    body: Sequence[Event]
    failed: Sequence[Event] | None
    others: Sequence[Sequence[Event]]
    pure: bool


Event = Bind | Star | Need | Choice | Try


def compile_names(events: Sequence[Event]) -> tuple[dict[str, Step], list[Step]]:
    """Give the steps of each name that a block binds, and the steps of all other names."""
    touching: dict[str, list[int]] = {}
    stars: list[int] = []
    for position, event in enumerate(events):
        if isinstance(event, Bind):
            touching.setdefault(event.name, []).append(position)
        elif isinstance(event, Star):
            stars.append(position)
        elif not isinstance(event, Need):
            for name in set(_bound(event)):
                touching.setdefault(name, []).append(position)
            if _has_star(event):
                stars.append(position)
    names = {}
    for name, positions in touching.items():
        steps = []
        for position in sorted({*positions, *stars}) if stars else positions:
            event = events[position]
            if isinstance(event, Bind):
                steps = [event.step]  # what was there before is gone
            else:
                steps.extend(_pruned((event,), name))
        names[name] = as_step(steps)
    return names, _pruned([events[position] for position in stars], "")


def as_step(steps: list[Step]) -> Step:
    """Write several steps as one."""
    return steps[0] if len(steps) == 1 else [BLOCK, steps]


def _bound(event: Event) -> Iterator[str]:
    """Give all names that an event may bind."""
    if isinstance(event, Bind):
        yield event.name
    elif isinstance(event, Choice):
        yield from _bound_in((*event.one, *event.other))
    elif isinstance(event, Try):
        yield from _bound_in((*event.body, *(event.failed or ()), *(e for block in event.others for e in block)))


def _bound_in(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        yield from _bound(event)


def _has_star(event: Event) -> bool:
    if isinstance(event, Choice):
        return any(map(_has_star, (*event.one, *event.other)))
    if isinstance(event, Try):
        return any(map(_has_star, (*event.body, *(event.failed or ()), *(e for block in event.others for e in block))))
    return isinstance(event, Star)


def _pruned(events: Sequence[Event], name: str) -> list[Step]:
    """Keep of a block what concerns one name."""
    steps: list[Step] = []
    for event in events:
        if isinstance(event, Bind):
            if event.name == name:
                steps = [event.step]
        elif isinstance(event, Star):
            steps.append([STAR, event.module])
        elif isinstance(event, Choice):
            one, other = _pruned(event.one, name), _pruned(event.other, name)
            if one or other:
                steps.append([CHOICE, one, other, event.condition])
        elif isinstance(event, Try):
            body = _pruned_try(event.body, name)
            failed = None if event.failed is None else _pruned(event.failed, name)
            others = [_pruned(block, name) for block in event.others]
            if failed or any(others) or any(step[0] != NEED for step in body):
                steps.append([TRY, body, failed, [block for block in others if block], event.pure])
    return steps


def _pruned_try(events: Sequence[Event], name: str) -> list[Step]:
    """Keep of the body of a ``try`` what concerns one name, and every import that may fail."""
    steps: list[Step] = []
    for event in events:
        if isinstance(event, Need):
            steps.append([NEED, *event])
        else:
            steps.extend(_pruned((event,), name))
    return steps


def imports_in(events: Iterable[Event]) -> list[Step]:
    """Keep of a block the imports that it makes, in order."""
    steps: list[Step] = []
    for event in events:
        if isinstance(event, Need):
            steps.append([NEED, *event])
        elif isinstance(event, Choice):
            if (one := imports_in(event.one)) or imports_in(event.other):
                steps.append([CHOICE, one, imports_in(event.other), event.condition])
        elif isinstance(event, Try) and (body := imports_in(event.body)):
            failed = None if event.failed is None else imports_in(event.failed)
            steps.append([TRY, body, failed])
    return steps
