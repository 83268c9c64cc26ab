"""Put plain values in the place of references to them. Nothing is built, and no expression is evaluated."""

from __future__ import annotations

from typing import Any, NamedTuple

from bundle_engine.config import expressions, tree
from bundle_engine.config.ids import ESCAPE, EXPRESSION, MANDATORY, REFERENCE, SIGILS, TARGET, Id, RelativeId, split
from bundle_engine.config.references import default_value, whole_reference

__all__ = ["Left", "Plain", "Values", "substituted"]


class Plain(NamedTuple):
    """A value that is plain data."""

    value: Any


class Left(NamedTuple):
    """A value that is known only when the config runs, and why."""

    why: str


class Values:
    """Finds out which values of a config are plain data.

    Args:
        config: the config, macros written out and relative ids made absolute.
    """

    def __init__(self, config: Any) -> None:
        self._config = config
        self._known: dict[Id, Plain | Left] = {}

    def at(self, id: Id) -> Plain | Left:
        """Give the plain value at an id, or say why there is none; without recursion, however long the way is."""
        stack = [id]
        open_ids: set[Id] = set()
        while stack:
            current = stack[-1]
            if current in self._known:
                stack.pop()
                continue
            needs = self._needs(current)
            if isinstance(needs, (Plain, Left)):
                self._known[current] = needs
            elif current in open_ids:
                self._known[current] = self._join(current, needs)
            else:
                open_ids.add(current)
                waiting = [need for need in needs if need not in self._known]
                if any(need in open_ids for need in waiting):
                    self._known[current] = Left("leads back to itself")
                stack += waiting if current not in self._known else ()
        return self._known[id]

    def of(self, text: str, at: Id) -> Plain | Left:
        """Give the plain value that a text stands for at an id, or say why there is none."""
        if not text or text[0] not in SIGILS or text[0] == ESCAPE:
            return Plain(text)
        if text == MANDATORY:
            return Left("not set")
        reference = referred(text)
        if reference is None:
            return Left("an expression") if text[0] == EXPRESSION else Plain(text)
        words, default = reference
        target = words.absolute(at)
        id = Id(split(target)) if target is not None else None
        if id is None or not self._exists(id):
            if default is None:
                return Left(self._why_absent(id))
            value = default_value(default)
            if isinstance(value, str) and value[:1] in (REFERENCE, EXPRESSION) and value != text:
                return self.of(value, at)
            return Plain(value)
        return self.at(id)

    def _needs(self, id: Id) -> list[Id] | Plain | Left:
        """Give the ids whose values the value at an id consists of; or the value itself."""
        raw = tree.find(self._config, id)
        if isinstance(raw, dict):
            if TARGET in raw:
                return Left(f"needs the component '{id}'")
            return [id.child(key) for key, item in raw.items() if _is_open(item)]
        if isinstance(raw, list):
            return [id.child(index) for index, item in enumerate(raw) if _is_open(item)]
        if raw.__class__ is not str:
            return Plain(raw)
        reference = referred(raw)
        if reference is not None:
            target = reference[0].absolute(id)
            if target is not None and self._exists(Id(split(target))):
                return [Id(split(target))]
        return self.of(raw, id)

    def _join(self, id: Id, needs: list[Id]) -> Plain | Left:
        values = [self._known.get(need, Left("leads back to itself")) for need in needs]
        for value in values:
            if isinstance(value, Left):
                return value
        raw = tree.find(self._config, id)
        if not isinstance(raw, (dict, list)):
            return values[0]
        known = {need[-1]: value for need, value in zip(needs, values, strict=True)}

        def item(key: Any, written: Any) -> Any:
            found = known.get(str(key))
            return found.value if isinstance(found, Plain) else written

        if isinstance(raw, dict):
            return Plain({key: item(key, written) for key, written in raw.items()})
        return Plain([item(index, written) for index, written in enumerate(raw)])

    def _exists(self, id: Id) -> bool:
        try:
            tree.find(self._config, id)
        except tree.NoSuchKey:
            return False
        return True

    def _why_absent(self, id: Id | None) -> str:
        if id is not None:
            try:
                tree.find(self._config, id)
            except tree.NoSuchKey as problem:
                around = problem.container
                if around[:1] in SIGILS if isinstance(around, str) else isinstance(around, dict) and TARGET in around:
                    return f"inside of '{Id(id[: problem.depth])}', which is known when it runs"
        return "leads to nothing"


def _is_open(item: Any) -> bool:
    """Tell whether an item of a container has to be looked at."""
    return isinstance(item, (dict, list)) or (item.__class__ is str and item[:1] in SIGILS)


def referred(text: str) -> tuple[RelativeId, str | None] | None:
    """Read a text that is nothing but one reference, be it in an expression."""
    if text[:1] == REFERENCE:
        return whole_reference(text)
    if text[:1] == EXPRESSION:
        pieces = expressions.scan(text[1:].strip())
        if len(pieces) == 1 and not isinstance(pieces[0], str) and pieces[0].default is None:
            return pieces[0].id, None
    return None


def substituted(config: Any, id: Id) -> tuple[Any, dict[Id, str]]:
    """Put plain values in the place of references at and inside an id.

    Args:
        config: the whole config, macros written out.
        id: what to give.

    Returns:
        a copy, and the ids of what stays text in it, relative to `id`, with the reason.
    """
    values = Values(config)
    holder = [tree.copy(tree.find(config, id))]
    left: dict[Id, str] = {}
    for container, key, text, path in list(tree.strings(holder, lambda text: text[0] != ESCAPE)):
        inner = Id(tree.id_of(path)[1:])
        found = values.of(text, Id((*id, *inner)))
        if isinstance(found, Left):
            left[inner] = found.why
        elif found.value is not text:
            container[key] = tree.copy(found.value)
    return holder[0], left
