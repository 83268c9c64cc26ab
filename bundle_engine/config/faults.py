"""What is wrong with the values of a config, as errors that say where and what to try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bundle_engine.config import closest, expressions, tree
from bundle_engine.config.ids import MANDATORY, TARGET, Id, RelativeId, split
from bundle_engine.config.node import COMPONENT, LIST, MAPPING, Node
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

    def __init__(self, root: Callable[[], Any], place: Callable[[Id], Place | None]) -> None:
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
        container = problem.container
        if isinstance(container, dict):
            inside = f" in '{before}'" if before else ""
            return IdNotFoundError(
                f"there is no '{id[problem.depth]}'{inside}",
                id=str(id),
                place=self.place(before) if before else None,
                hint=self.near(id),
            )
        if isinstance(container, list):
            message = f"'{before}' is a list of {len(container)} items and has no '{id[problem.depth]}'"
        else:
            message = f"'{before}' is {container!r} and has no inside"
        return IndexNotFoundError(message, id=str(id), place=self.place(before))

    def missing(self, node: Node, written: RelativeId, why: str | None) -> ReferenceNotFoundError:
        at = node.id()
        words = written.absolute(at)
        shown = words if words is not None else "::" * written.up + written.words
        message = f"the reference '@{shown}' {why or 'leads to nothing'}"
        hint = self.near(Id(split(words))) if words is not None else None
        return ReferenceNotFoundError(message, id=str(at), place=self.place(at), hint=hint)

    def near(self, id: Id) -> str | None:
        """Say which ids were probably meant by one that does not exist."""
        value: Any = self.root()
        depth = 0
        for part in id:  # as far as it can be followed
            try:
                value = value[tree.child_key(value, part)]
            except LookupError:
                break
            depth += 1
        before = Id(id[:depth])
        missing = id[depth] if depth < len(id) else ""
        if isinstance(value, list):
            return f"'{before}' is a list of {len(value)} items, counted from 0"
        keys = [str(key) for key in value] if isinstance(value, dict) else []
        found = [str(before.child(key)) for key in closest.matches(missing, keys)]
        if not found:
            found = [str(other) for other in _ids_ending_in(self.root(), id[-1] if id else "", 3)]
        if found:
            return f"did you mean {closest.either(found)}?"
        if not isinstance(value, dict) and before:
            return f"'{before}' is {value!r} and has no inside"
        return f"'{before}' has {', '.join(keys[:8])}{', …' if len(keys) > 8 else ''}" if before and keys else None

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
        lines = node.raw.split("\n")
        offset = problem.offset + 1 if problem.offset is not None else len(node.raw)
        line = node.raw.count("\n", 0, offset)
        column = offset - (node.raw.rfind("\n", 0, offset) + 1)
        hint = None
        if problem.message.startswith("invalid syntax") and "=" in lines[line]:
            hint = "an expression gives a value; assignments and other statements cannot stand here"
        return ExpressionSyntaxError(
            f"the expression cannot be read: {problem.message}",
            id=str(at),
            place=self.place(at),
            notes=[*lines[: line + 1], " " * column + "^"],
            hint=hint,
        )

    def cycle(self, stack: list[Node], again: Node) -> CycleError:
        nodes = stack[stack.index(again) :] if again in stack else [again, *stack]
        steps = [node.id() for node in nodes]
        if len(steps) > 12:  # a long circle is shown by its beginning and its end
            shown = [*(str(s) for s in steps[:6]), "…", *(str(s) for s in steps[-4:])]
        else:
            shown = [str(step) for step in steps]
        path = " -> ".join([*shown, str(steps[0])])
        notes = []
        for node, step in list(zip(nodes, steps, strict=True))[:12]:
            place = self.place(step)
            text = (
                repr(node.raw)
                if isinstance(node.raw, str)
                else {MAPPING: "a mapping", LIST: "a list"}.get(
                    node.kind, f"a {node.raw[TARGET]}" if node.kind == COMPONENT else ""
                )
            )
            notes.append(f"{step}: {text}" + (f"  ({place})" if place else ""))
        return CycleError(
            f"values need each other in a circle: {path}",
            id=str(steps[0]),
            place=self.place(steps[0]),
            notes=notes,
            hint="give one of them a value of its own",
        )


def _ids_ending_in(root: Any, word: str, most: int) -> list[Id]:
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
