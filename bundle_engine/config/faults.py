"""What is wrong with the values of a config, as errors that say where and what to try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bundle_engine.config import closest, expressions, tree
from bundle_engine.config.ids import ESCAPE, EXPRESSION, MANDATORY, SEP, TARGET, Id, RelativeId, split
from bundle_engine.config.node import COMPONENT, INSIDE, LIST, MAPPING, Node
from bundle_engine.config.origins import Where
from bundle_engine.errors import (
    CycleError,
    ExpressionSyntaxError,
    IdNotFoundError,
    IndexNotFoundError,
    MandatoryValueError,
    Place,
    ReferenceNotFoundError,
)


class Faults:
    """Makes the errors of one config.

    Args:
        root: gives the config.
        place: gives the place where an id was written.
    """

    def __init__(self, root: Callable[[], Any], place: Where) -> None:
        self.root = root
        self.place = place

    def not_found(self, id: Id, problem: tree.NoSuchKey | None) -> IdNotFoundError:
        """Make the error for an id at which nothing stands."""
        if problem is None:
            try:
                tree.find(self.root(), id)
            except tree.NoSuchKey as found:
                problem = found
            else:
                return IdNotFoundError(f"nothing is known at '{id}'", id=str(id))
        before = Id(id[: problem.depth])
        part, container = id[problem.depth], problem.container
        if isinstance(container, dict):
            inside = f" in '{before}'" if before else ""
            place = self.place(before, key=True) if before else None
            return IdNotFoundError(f"there is no '{part}'{inside}", id=str(id), place=place, hint=self.near(id))
        message = f"there is no '{id}': {closest.instead(before, container)}"
        return IndexNotFoundError(message, id=str(id), place=self.place(before))

    def missing(self, node: Node, written: RelativeId, why: str | None) -> ReferenceNotFoundError:
        at = node.id()
        words = written.absolute(at)
        shown = words if words is not None else SEP * written.up + written.words
        message = f"the reference '@{shown}' {why or 'leads to nothing'}"
        hint = self.near(Id(split(words))) if words is not None else None
        return ReferenceNotFoundError(message, id=str(at), place=self.place(at), hint=hint)

    def near(self, id: Id) -> str | None:
        """Say which ids were probably meant by one that does not exist, or what there is instead."""
        root = self.root()
        depth, value = _follow(root, id)
        before = Id(id[:depth])
        keys = [str(key) for key in value] if isinstance(value, dict) else []
        found = []
        for key in closest.matches(id[depth] if depth < len(id) else "", keys):
            inner = before.child(key)  # with as much of the rest as there is
            further, _ = _follow(value[tree.child_key(value, key)], Id(id[depth + 1 :]))
            found.append(str(inner.child(*id[depth + 1 : depth + 1 + further])))
        if not found and not isinstance(value, list):
            found = [str(other) for other in ids_ending_in(root, id[-1] if id else "", 3)]
        return f"did you mean {closest.either(found)}?" if found else closest.instead(before, value)

    def mandatory(self, node: Node) -> MandatoryValueError:
        at = node.id()
        return MandatoryValueError(
            f"'{at}' has no value yet: it was left open as {MANDATORY}",
            id=str(at),
            place=self.place(at),
            hint=f"set it in a config file, or on the command line with --{at}=VALUE",
        )

    def syntax_error(self, node: Node, problem: expressions.ExpressionProblem) -> ExpressionSyntaxError:
        at = node.id()
        text, place = node.raw, self.place(at)
        start = shown_at(text, place)
        notes = [] if start is not None else text.split("\n")
        if problem.offset is not None:
            offset = problem.offset + 1
            if place is not None and start is not None:
                place = replace(place, column=start + offset, width=1)
            else:
                line = text.count("\n", 0, offset)
                notes = [*notes[: line + 1], " " * (offset - (text.rfind("\n", 0, offset) + 1)) + "^"]
        hint = (
            f"after '{EXPRESSION}' stands one Python expression; "
            f"text that begins with it is written '{ESCAPE}{EXPRESSION}'"
        )
        if problem.statement:
            hint = "an expression gives a value; assignments and other statements cannot stand here"
        return ExpressionSyntaxError(
            f"the expression cannot be read: {problem.message}",
            id=str(at),
            place=place,
            notes=notes,
            hint=hint,
        )

    def cycle(self, stack: list[Node], again: Node) -> CycleError:
        nodes = stack[stack.index(again) :] if again in stack else [again, *stack]
        steps: list[tuple[Id, str, Place | None]] = []
        for node, after in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
            at = node.id()
            steps.append((at, _written(node), self._place_of(node, at)))
            if after.parent is not node:  # a reference among the items of a container has no node of its own
                for key, need in zip(node.keys or (), node.needs or (), strict=False):
                    if need is after:
                        inner = at.child(key)
                        steps.append((inner, repr(node.raw[key]), self.place(inner)))
                        break
        names = [str(at) for at, _, _ in steps]
        if len(names) > 12:  # a long circle is shown by its beginning and its end
            names = [*names[:6], "…", *names[-4:]]
        notes = [f"{at}: {text}" + (f"  ({place})" if place else "") for at, text, place in steps]
        if len(notes) > 12:
            notes = [*notes[:6], f"… {len(notes) - 10:,} more", *notes[-4:]]
        return CycleError(
            f"values need each other in a circle: {' -> '.join([*names, names[0]])}",
            id=names[0],
            place=steps[0][2],
            notes=notes,
            hint="give one of them a value of its own",
        )

    def _place_of(self, node: Node, at: Id) -> Place | None:
        if node.kind == COMPONENT:
            return self.place(at.child(TARGET))
        return self.place(at, key=node.kind in (MAPPING, LIST))


def shown_at(text: str, place: Place | None) -> int | None:
    """Give the column at which a line of a file shows a text as it is; None where it does not."""
    if place is None or not text or not place.line:
        return None
    for column in (place.column, place.column + 1):  # a quote may stand before it
        if place.text.startswith(text, column - 1):
            return column
    return None


def _written(node: Node) -> str:
    if node.kind == COMPONENT:
        return f"{TARGET}: {node.raw[TARGET]}"
    return {MAPPING: "a mapping", LIST: "a list", INSIDE: "inside of the value before"}.get(node.kind, repr(node.raw))


def _follow(value: Any, id: Id) -> tuple[int, Any]:
    """Follow an id as far as it leads: how many of its keys, and the value there."""
    for depth, part in enumerate(id):
        try:
            value = value[tree.child_key(value, part)]
        except LookupError:
            return depth, value
    return len(id), value


def ids_ending_in(root: Any, word: str, most: int) -> list[Id]:
    """Give ids whose last key is `word`."""
    found: list[Id] = []
    waiting: list[tuple[Any, Any]] = [(root, None)]
    while waiting and len(found) < most:
        container, path = waiting.pop(0) if len(waiting) < 64 else waiting.pop()
        if isinstance(container, dict):
            if word in container:
                found.append(tree.id_of((path, word)))
            items = container.items()
        else:
            items = enumerate(container)  # type: ignore[assignment]
        for key, value in items:
            if isinstance(value, (dict, list)):
                waiting.append((value, (path, key)))
    return found
