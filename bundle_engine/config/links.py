"""Who refers to whom in a config, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bundle_engine.config import closest, expressions, tree
from bundle_engine.config.expansion import strings_at
from bundle_engine.config.faults import ids_ending_in
from bundle_engine.config.ids import EXPRESSION, REFERENCE, ROOT, TARGET, Id, split
from bundle_engine.config.references import whole_reference


def references(config: Any, inside: Id = ROOT) -> Iterator[tuple[Id, list[Id]]]:
    """Give each reference and expression at and inside an id, with the ids that it refers to."""
    for _, _, text, path in strings_at(config, inside, lambda text: text[0] in (REFERENCE, EXPRESSION)):
        at = tree.id_of(path)
        if text[0] == EXPRESSION:
            targets = [r.id.absolute(at) for r in expressions.references(expressions.scan(text[1:]))]
        else:
            reference = whole_reference(text)
            targets = [reference[0].absolute(at)] if reference else []
        if targets:
            yield at, [Id(split(words)) for words in targets if words is not None]


def dependencies(config: Any, id: Id) -> list[Id]:
    """Give the ids that the value at an id refers to, in the order in which they are written."""
    return list(dict.fromkeys(target for _, targets in references(config, id) for target in targets))


def dependents(config: Any, id: Id) -> list[Id]:
    """Give the ids of the references and expressions that refer to an id, into it, or to what it stands in."""
    return [at for at, targets in references(config) if any(_touch(id, target) for target in targets)]


def unused(config: Any, overrides: Iterable[tuple[Id, bool]], wanted: Iterable[Id]) -> dict[Id, str]:
    """Find overrides without an effect.

    Args:
        config: the config, with the overrides.
        overrides: their ids, and whether something stood there before.
        wanted: ids that are used from outside of the config.

    Returns:
        for each id that existed nowhere, that nothing refers to and that is no component's argument, a message
        with the closest ids.
    """
    new = [id for id, existed in overrides if not existed]
    if not new:
        return {}
    used = [*wanted, *(target for _, targets in references(config) for target in targets)]
    found = {}
    for id in new:
        if any(_touch(id, target) for target in used) or _is_argument(config, id) or not _exists(config, id):
            continue
        near = _near(config, id)
        message = f"the override '{id}' has no effect: no config has that id, and nothing refers to it"
        found[id] = f"{message}; did you mean {near}?" if near else message
    return found


def _touch(a: Id, b: Id) -> bool:
    return bool(b) and (a.covers(b) or b.covers(a))


def _is_argument(config: Any, id: Id) -> bool:
    value = config
    for key in id:
        if isinstance(value, dict) and TARGET in value:
            return True
        try:
            value = value[tree.child_key(value, key)]
        except LookupError:
            return False
    return False


def _exists(config: Any, id: Id) -> bool:
    try:
        tree.find(config, id)
    except tree.NoSuchKey:  # a later override took it back
        return False
    return True


def _near(config: Any, id: Id) -> str:
    siblings = tree.find(config, id.parent)
    names = [str(key) for key in siblings if str(key) != id[-1]] if isinstance(siblings, dict) else []
    found = [id.parent.child(name) for name in closest.matches(id[-1], names)]
    return closest.either(map(str, found or [other for other in ids_ending_in(config, id[-1], 4) if other != id]))
