"""Find the values of a config that others refer to, and the references between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from bundle_engine.config import expressions, tree
from bundle_engine.config.expansion import strings_at
from bundle_engine.config.ids import EXPRESSION, META, REFERENCE, ROOT, TARGET, Id
from bundle_engine.config.names import is_import
from bundle_engine.config.references import whole_reference

__all__ = ["Survey", "entries_of", "is_live"]


class Link(NamedTuple):
    """A reference: where it stands, where it leads, whether it is the whole value, whether it has a default."""

    at: Id
    to: Id
    whole: bool
    optional: bool


class Survey:
    """Finds the ids that become nodes.

    Attributes:
        config: the config, with macros and relative ids written out.
        steps: ids of the steps.
        ids: ids of the nodes.
        aliases: ids that are nothing but a reference, and where they lead in the end.
        missing: ids that are referred to and are not there.
    """

    def __init__(self, config: Any, steps: Sequence[Id]) -> None:
        self.config = config
        self.steps = steps
        self.missing: set[Id] = set()
        self._links = [link for found in _links(config) if (link := self._grounded(found)) is not None]
        self.ids: set[Id] = {link.to for link in self._links} | {id for id in steps if _exists(config, id)}
        self.aliases = self._aliases()
        self.ids -= self.aliases.keys()
        self._names: dict[Id, list[Id]] = {}
        for alias, end in self.aliases.items():
            self._names.setdefault(end, []).append(alias)

    def value(self, id: Id) -> Any:
        """Give the value at an id as it is written."""
        return tree.find(self.config, id)

    def names_of(self, id: Id) -> list[Id]:
        """Give the aliases of a node."""
        return self._names.get(id, [])

    def node_around(self, id: Id) -> Id | None:
        """Give the innermost node that an id is in."""
        for depth in range(len(id), 0, -1):
            outer = Id(id[:depth])
            if outer in self.ids:
                return outer
        return None

    def take_all(self) -> None:
        """Make nodes of what nothing refers to, too."""
        waiting: list[tuple[Id, Any]] = [(ROOT, self.config)]
        parents = {Id(id[:depth]) for id in self.ids for depth in range(len(id))}
        while waiting:
            inside, section = waiting.pop()
            if not isinstance(section, dict):
                continue
            for key, value in section.items():
                id = inside.child(key)
                if id in self.ids or id in self.aliases or id[0] == META or _is_import_only(value):
                    continue
                if isinstance(value, dict) and TARGET not in value and (id in parents or is_live(value)):
                    waiting.append((id, value))
                else:
                    self.ids.add(id)

    def edges(self) -> dict[tuple[Id, Id], list[Id]]:
        """Give the edges between nodes, and the ids of the references that make them."""
        found: dict[tuple[Id, Id], list[Id]] = {}
        for link in self._links:
            target = self.node_around(link.at)
            source = self.aliases.get(link.to, link.to)
            if target is not None and source != target and link.at not in self.aliases:
                uses = found.setdefault((source, target), [])
                if link.at not in uses:
                    uses.append(link.at)
        for id in self.ids:  # a part that others refer to, and the whole
            whole = self.node_around(id.parent)
            if whole is not None:
                found.setdefault((id, whole), [])
        return found

    def given_whole(self) -> Iterator[tuple[Id, Id]]:
        """Give the references that are whole values: the node they lead to, and where they stand."""
        for link in self._links:
            if link.whole:
                yield self.aliases.get(link.to, link.to), link.at

    def _grounded(self, link: Link) -> Link | None:
        """Let a reference lead to something that is written, though it may go on past it; None for the root."""
        depth = _depth(self.config, link.to)
        if depth == len(link.to):
            return link if link.to else None
        if depth and not isinstance(tree.find(self.config, outer := Id(link.to[:depth])), (dict, list)):
            return link._replace(to=outer)  # into what an expression gives
        if depth and isinstance(held := tree.find(self.config, outer), dict) and TARGET in held:
            return link._replace(to=outer)
        if link.optional:
            return None
        self.missing.add(link.to)
        return link

    def _aliases(self) -> dict[Id, Id]:
        direct = {}
        for link in self._links:
            if link.whole and not link.optional and link.at in self.ids and link.at not in self.steps:
                direct[link.at] = link.to
        final: dict[Id, Id] = {}
        circular: set[Id] = set()
        for id in direct:
            way, end = {id: None}, direct[id]
            while end in direct and end not in way and end not in final and end not in circular:
                way[end] = None
                end = direct[end]
            if end in final or end not in direct:
                final.update(dict.fromkeys(way, final.get(end, end)))
            else:  # they lead in a circle, and stay nodes
                circular.update(way)
        return final


def _links(config: Any) -> Iterator[Link]:
    """Give every reference of a config, in the order of the document."""
    for _, _, text, path in strings_at(config, ROOT, lambda text: text[0] in (REFERENCE, EXPRESSION)):
        at = tree.id_of(path)
        if text[0] == EXPRESSION:
            pieces = expressions.scan(text[1:])
            alone = len(pieces) == 1
            found = [(each.id, alone, each.default is not None) for each in expressions.references(pieces)]
        else:
            reference = whole_reference(text)
            found = [(reference[0], True, reference[1] is not None)] if reference else []
        for relative, whole, optional in found:
            words = relative.absolute(at)
            if words is not None:
                yield Link(at, Id.parse(words), whole, optional)


def _depth(config: Any, id: Id) -> int:
    """Tell how many keys of an id can be followed."""
    try:
        tree.find(config, id)
    except tree.NoSuchKey as problem:
        return problem.depth
    return len(id)


def _exists(config: Any, id: Id) -> bool:
    return _depth(config, id) == len(id)


def is_live(value: Any) -> bool:
    """Tell whether a list or mapping holds anything that is not plain."""
    waiting = [value]
    while waiting:
        for _, inner in entries_of(waiting.pop()):
            if isinstance(inner, dict) and TARGET in inner:
                return True
            if isinstance(inner, (dict, list)):
                waiting.append(inner)
            elif isinstance(inner, str) and (
                inner[:1] == EXPRESSION or (inner[:1] == REFERENCE and whole_reference(inner))
            ):
                return True
    return False


def _is_import_only(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(t, str) and t[:1] == EXPRESSION and is_import(t) for t in texts)


def entries_of(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
