"""A config prepared for the rules: its values in document order, its components, what leads where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from bundle_engine.config import closest, expressions, tree
from bundle_engine.config.expressions import Reference
from bundle_engine.config.faults import Faults
from bundle_engine.config.ids import (
    ARGS,
    COMPONENT_KEYS,
    DESC,
    DISABLED,
    EXPRESSION,
    LINT,
    MACRO,
    META,
    RANKS,
    REFERENCE,
    ROOT,
    SIGILS,
    TARGET,
    Id,
    RelativeId,
    split,
)
from bundle_engine.config.names import is_import
from bundle_engine.config.references import whole_reference
from bundle_engine.errors import Place
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding, Severity
from bundle_engine.inspection.subject import Subject
from bundle_engine.inspection.targets import Ambiguous as AmbiguousName
from bundle_engine.inspection.targets import Definition, Found, Lookup, TargetIndex

__all__ = ["MISSING", "UNKNOWN", "Item", "Scene", "did_you_mean", "is_literal", "is_off", "is_steps", "references_of"]

#: what `Scene.follow` gives where nothing stands, and where it cannot be told what stands there
MISSING: Any = object()
UNKNOWN: Any = object()


def references_of(text: str) -> Iterator[tuple[RelativeId, bool]]:
    """Give the ids that a text refers to, and whether each has a default."""
    if text[0] == EXPRESSION:
        if not is_import(text):
            yield from _of_pieces(expressions.scan(text[1:]))
    elif text[0] == REFERENCE and (reference := whole_reference(text)) is not None:
        yield reference[0], reference[1] is not None
        if reference[1] and reference[1][0] in (REFERENCE, EXPRESSION):
            yield from ((id, True) for id, _ in references_of(reference[1]))


def _of_pieces(pieces: Iterable[str | Reference], optional: bool = False) -> Iterator[tuple[RelativeId, bool]]:
    for piece in pieces:
        if not isinstance(piece, str):
            yield piece.id, optional or piece.default is not None
            if piece.default is not None:
                yield from _of_pieces(piece.default, True)


class Item(NamedTuple):
    """One value of a config.

    Attributes:
        id: where it stands.
        value: what is written there.
        inside: the id of the innermost component around it, whose argument or part of one it is; None outside.
    """

    id: Id
    value: Any
    inside: Id | None


class Scene:
    """What the rules look at.

    Args:
        subject: the config.
        index: what targets can be.
        run_id, init_id, final_id: the ids of the steps.
    """

    def __init__(
        self, subject: Subject, index: TargetIndex, run_id: str = "run", init_id: str = "initialize",
        final_id: str = "finalize",
    ) -> None:  # fmt: skip
        self.subject = subject
        self.index = index
        self.steps = (run_id, init_id, final_id)
        self.root: dict[Any, Any] = subject.parser.config
        self.faults = Faults(lambda: self.root, lambda id, *, key=False: subject.place(id, key=key))

    # --- what is there ---

    @cached_property
    def items(self) -> list[Item]:
        """All values in document order, without the metadata, descriptions and what is disabled for certain."""
        found_items: list[Item] = []
        waiting: list[Item] = [Item(ROOT, self.root, None)]
        while waiting:
            item = waiting.pop()
            found_items.append(item)
            value = item.value
            if isinstance(value, dict):
                component = TARGET in value
                if component and is_off(value.get(DISABLED)):
                    continue
                inside = item.id if component else item.inside
                inner = [
                    Item(item.id.child(key), each, inside)
                    for key, each in value.items()
                    if key not in (DESC, LINT) and not (key == META and not item.id)
                ]
            elif isinstance(value, list):
                inner = [Item(item.id.child(number), each, item.inside) for number, each in enumerate(value)]
            else:
                continue
            waiting += reversed(inner)
        return found_items

    @cached_property
    def texts(self) -> list[tuple[Id, str]]:
        """All strings in document order; those whose macro leads nowhere are left out."""
        return [
            (item.id, item.value)
            for item in self.items
            if isinstance(item.value, str) and item.value and not self.subject.is_unknown(item.id)
        ]

    @cached_property
    def components(self) -> list[tuple[Id, dict[Any, Any]]]:
        """All components that may be built."""
        return [
            (item.id, item.value)
            for item in self.items
            if isinstance(item.value, dict) and TARGET in item.value and not is_off(item.value.get(DISABLED))
        ]

    @cached_property
    def needs(self) -> dict[Id, list[Id]]:
        """For each id the ids that have to be resolved for it."""
        needs: dict[Id, list[Id]] = {}
        for item in self.items:
            value = item.value
            if isinstance(value, dict):
                off = TARGET in value and is_off(value.get(DISABLED))
                needs[item.id] = [] if off else [item.id.child(key) for key in value]
            elif isinstance(value, list):
                needs[item.id] = [item.id.child(number) for number in range(len(value))]
            elif isinstance(value, str) and value[:1] in (REFERENCE, EXPRESSION):
                needs[item.id] = list(self._needed(item.id, value))
        return needs

    def _needed(self, at: Id, text: str) -> Iterator[Id]:
        for relative, _ in references_of(text):
            words = relative.absolute(at)
            if words:
                id = Id(split(words))
                value, depth = self._down(id)
                # what goes on past a value needs that value, if it may have an inside; what is missing needs nothing
                if depth == len(id) or isinstance(value, str) or (isinstance(value, dict) and TARGET in value):
                    yield Id(id[:depth])

    @cached_property
    def reached(self) -> set[Id] | None:
        """The ids that the steps need; None where there are no steps, so that anything may be needed."""
        starts = [Id.parse(step) for step in self.steps if step and self.value(Id.parse(step)) is not MISSING]
        if self.value(Id.parse(self.steps[0])) is MISSING:
            starts += [Id((str(key),)) for key, value in self.root.items() if is_steps(value)]
            if not starts or not any(is_steps(self.value(start)) for start in starts):
                return None
        reached = set(starts)
        waiting = list(starts)
        while waiting:
            for need in self.needs.get(waiting.pop(), ()):
                if need not in reached:
                    reached.add(need)
                    waiting.append(need)
        return reached

    def may_be_needed(self, id: Id) -> bool:
        """Tell whether the steps need a value, or may need it."""
        if self.reached is None or not id:
            return True
        return any(Id(id[:depth]) in self.reached for depth in range(len(id), 0, -1))

    def value(self, id: Id) -> Any:
        """Give what is written at an id; `MISSING` where nothing is."""
        try:
            return tree.find(self.root, id)
        except tree.NoSuchKey:
            return MISSING

    def follow(self, id: Id) -> tuple[Any, Id]:
        """Follow an id, through references on the way, to the text that it leads to.

        Returns:
            what is written there and at which id; `MISSING` or `UNKNOWN` instead of it where that is so.
        """
        seen: set[Id] = set()
        while id not in seen:
            seen.add(id)
            value, depth = self._down(id)
            at = Id(id[:depth])
            if value is UNKNOWN or self.subject.is_unknown(at):
                return UNKNOWN, at
            if isinstance(value, str) and value[:1] == REFERENCE:
                reference = whole_reference(value)
                words = reference[0].absolute(at) if reference else None
                if words is not None and reference is not None and reference[1] is None:
                    id = Id((*split(words), *id[depth:]))
                    continue
                if reference is not None:
                    return UNKNOWN, at
            if depth == len(id):
                return value, at
            if isinstance(value, str):
                return (UNKNOWN if value[:1] in (*SIGILS, MACRO) else MISSING), at
            if isinstance(value, dict) and TARGET in value:
                return UNKNOWN, at
            plain = value is None or isinstance(value, (bool, int, float, dict, list))
            return (MISSING if plain else UNKNOWN), at
        return UNKNOWN, id  # a circle, which another rule tells of

    def _down(self, id: Id) -> tuple[Any, int]:
        """Go down along an id as far as it leads; give the value and the depth reached."""
        value: Any = self.root
        depth = 0
        while depth < len(id):
            try:
                value = value[tree.child_key(value, id[depth])]
                depth += 1
            except LookupError:
                joined = tree.joined_key(value, id, depth)
                if joined is None:
                    return value, depth
                value, depth = value[joined[0]], joined[1]
        return value, depth

    def literal(self, value: Any, at: Id) -> tuple[Any, Id]:
        """Give the literal that an argument is, or refers to, and its id; `UNKNOWN` where it is none."""
        if isinstance(value, str) and value[:1] == REFERENCE:
            reference = whole_reference(value)
            if reference is None:
                return value, at
            words = reference[0].absolute(at)
            if words is None or reference[1] is not None:
                return UNKNOWN, at
            value, at = self.follow(Id(split(words)))
        return (value, at) if value is not MISSING and is_literal(value) else (UNKNOWN, at)

    def definition(self, component: dict[Any, Any]) -> Definition | None:
        """Give what a component's target is, where that is known."""
        target = component.get(TARGET)
        looked = self.lookup(target) if isinstance(target, str) else None
        return looked.definition if isinstance(looked, (Found, AmbiguousName)) else None

    def lookup(self, target: str) -> Lookup | None:
        """Look a target up; None where it is a reference, an expression or open."""
        if target[:1] in ("@", "$", "%") or target == "???":
            return None
        return self.index.lookup(target)

    def may_be_off(self, id: Id) -> bool:
        """Tell whether a component at or around an id may be disabled, depending on what an expression gives."""
        value: Any = self.root
        for key in (*id, ""):
            if isinstance(value, dict) and TARGET in value and isinstance(value.get(DISABLED), str):
                return True
            try:
                value = value[tree.child_key(value, key)]
            except LookupError:
                return False
        return False

    # --- what is wrong ---

    def finding(
        self,
        code: str,
        id: Id,
        message: str,
        suggestion: str | None = None,
        *,
        key: bool = False,
        place: Place | None = None,
        severity: Severity | None = None,
        anywhere: bool = False,
    ) -> Finding:
        """Make a finding at an id; an error of what may be disabled, or what no step needs, is a warning.

        With `anywhere` the severity does not depend on what needs the id.
        """
        made = found(code, id, place or self.subject.place(id, key=key), message, suggestion, severity=severity)
        if made.severity == "error" and not anywhere and (self.may_be_off(id) or not self.may_be_needed(id)):
            return replace(made, severity="warning")
        return made

    def near(self, id: Id) -> str | None:
        """Suggest what an id that does not exist was meant to be."""
        return self.faults.near(id)

    def argument_names(self, component: dict[Any, Any]) -> Iterator[Any]:
        """Give the names of a component's arguments."""
        return (key for key in component if key not in COMPONENT_KEYS)

    def positional(self, component: dict[Any, Any]) -> int | None:
        """Count a component's positional arguments; None where that is not known."""
        given = component.get(ARGS, [])
        if given is None:
            return 0
        if not isinstance(given, list):
            return None
        gated = any(isinstance(each, dict) and (DISABLED in each or RANKS in each) for each in given)
        return None if gated else len(given)


def is_off(flag: Any) -> bool:
    """Tell whether the value of ``_disabled_`` is true for certain."""
    return (
        flag.strip().lower() == "true" if isinstance(flag, str) else bool(flag) and not isinstance(flag, (dict, list))
    )


def is_steps(value: Any) -> bool:
    """Tell whether a value looks like steps: expressions that run something."""
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and each[:1] == EXPRESSION and ".run(" in each for each in texts)


def is_literal(value: Any) -> bool:
    """Tell whether a value is plain data, with nothing to resolve in it."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if value[:1] in SIGILS:
                return False
        elif isinstance(value, dict):
            if TARGET in value:
                return False
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif value is not None and not isinstance(value, (bool, int, float)):
            return False
    return True


def did_you_mean(name: str, names: Iterator[str] | list[str] | set[str]) -> str | None:
    """Suggest similar names."""
    near = closest.matches(name, names)
    return f"did you mean {closest.either(near)}?" if near else None
