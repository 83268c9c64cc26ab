"""One value of a config as a node of its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundle_engine.config import tree
from bundle_engine.config.ids import ESCAPE, EXPRESSION, MANDATORY, REFERENCE, TARGET, Id
from bundle_engine.config.names import is_import
from bundle_engine.config.references import whole_reference

# kinds of nodes
PLAIN, MAPPING, LIST, COMPONENT, REFERRING, EXPRESSING, IMPORTING, INSIDE = range(8)
# states of nodes
NEW, ACTIVE, DONE = range(3)

#: text, and later value, of what may be missing past a resolved value
ABSENT: Any = object()


class Node:
    """One value of a config.

    Attributes:
        parent, key: where it stands.
        raw: what is written there.
        kind: one of the kinds above.
        state: whether its value is known, or is being built.
        value: the resolved value.
        dropped: whether it is a disabled component.
        gate: for a component that may be disabled: whether its arguments were asked for.
        needs: the nodes to build before it, in order; None before somebody asked.
        keys: for a container, the key that each of these nodes gives the value of.
        bound: for an expression, names and the nodes whose values they take (None: the id does not exist).
        children: nodes inside, by key.
        dependents: nodes elsewhere that refer to it.
        open, stamp: whether the walk of planning is inside of it, and which walk was there last.
    """

    __slots__ = (
        "bound", "children", "dependents", "dropped", "gate", "key", "keys", "kind", "needs", "open", "parent",
        "raw", "stamp", "state", "value",
    )  # fmt: skip
    needs: list[Node] | None
    keys: list[Any] | None
    bound: list[tuple[str, Node | None]] | None
    children: dict[Any, Node] | None
    dependents: list[Node] | None

    def __init__(self, parent: Node | None, key: Any, raw: Any) -> None:
        self.parent = parent
        self.key = key
        self.raw = raw
        self.value: Any = None
        self.kind = PLAIN
        self.state = self.stamp = 0
        self.dropped = self.gate = self.open = False
        self.needs = self.keys = self.bound = self.children = self.dependents = None
        if raw.__class__ is str:
            if raw:
                first = raw[0]
                if first == EXPRESSION:
                    self.kind = IMPORTING if "import" in raw and is_import(raw) else EXPRESSING
                elif first == REFERENCE:
                    if whole_reference(raw) is not None:
                        self.kind = REFERRING
                elif first == ESCAPE and raw[1:2] in ("$", "@", "%", "\\"):
                    self.value, self.state = raw[1:], DONE
                    return
        elif isinstance(raw, dict):
            self.kind = COMPONENT if TARGET in raw else MAPPING
        elif isinstance(raw, list):
            self.kind = LIST
        if self.kind == PLAIN:
            self.value = raw
            if raw.__class__ is not str or raw != MANDATORY:
                self.state = DONE

    def id(self) -> Id:
        """Give the node's id."""
        keys: list[str] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            keys.extend(reversed(node.key) if node.kind == INSIDE else (str(node.key),))
            node = node.parent
        return Id(reversed(keys))

    def __repr__(self) -> str:
        return f"<Node {str(self.id())!r}>"


def known_child(node: Node, part: str) -> Node | None:
    """Give the child that an id calls `part`, if its node was made."""
    children = node.children or {}
    if part in children:
        return children[part]
    try:
        return children.get(tree.child_key(node.raw, part))
    except LookupError:
        return None


def depend(target: Node, node: Node) -> None:
    """Note that `node` refers to `target`."""
    if target.dependents is None:
        target.dependents = [node]
    else:
        target.dependents.append(node)


def reset(node: Node) -> None:
    """Forget what is known of a node."""
    node.needs = node.keys = node.bound = None
    if node.kind != PLAIN:
        node.state = NEW
        node.value = None
        node.dropped = node.gate = False


def with_descendants(node: Node) -> Iterator[Node]:
    """Give a node and all inside it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend((node.children or {}).values())
