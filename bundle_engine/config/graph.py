"""The values of a config as a graph: what stands at each id, what it needs, and in which order to build.

Nodes are made when somebody asks for them. Planning is one walk without recursion: it finds missing references
and cycles, lets every component be checked, and gives the order of building, before anything is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bundle_engine.config import expressions, tree
from bundle_engine.config.faults import Faults
from bundle_engine.config.ids import (
    DESC,
    DISABLED,
    MANDATORY,
    RANKS,
    REFERENCE,
    REQUIRES,
    SIGILS,
    TARGET,
    Id,
    RelativeId,
    split,
)
from bundle_engine.config.node import (
    ABSENT,
    ACTIVE,
    COMPONENT,
    DONE,
    EXPRESSING,
    INSIDE,
    LIST,
    MAPPING,
    NEW,
    PLAIN,
    REFERRING,
    Node,
    depend,
    known_child,
    reset,
    with_descendants,
)
from bundle_engine.config.origins import Where
from bundle_engine.config.references import default_value, whole_reference

_GATES = (DISABLED, RANKS)


class Graph:
    """The nodes of one config.

    Args:
        root: the config, macros expanded.
        place: gives the place where an id was written.
        allow_missing: whether a reference that leads nowhere stays the text it is.
        whole: whether all parts of components are wanted, since none is built.
    """

    def __init__(
        self, root: Any, place: Where, allow_missing: Callable[[], bool] = lambda: False, *, whole: bool = False
    ) -> None:
        self.root = Node(None, "", root)
        self.faults = Faults(lambda: self.root.raw, place)
        self.allow_missing = allow_missing
        self.whole = whole
        self._insides: dict[Id, Node] = {}
        self._by_words: dict[str, Node | None] = {}
        self._shortcuts: dict[str, Node | None] = {}
        self._absent: list[tuple[Id, Node]] = []
        self._stamp = 0

    # --- finding ---

    def find(self, id: Id) -> Node | None:
        """Give the node at an id, or past a value that is only known when it is resolved; None where nothing is."""
        node = self.root
        depth = 0
        while depth < len(id):
            raw = node.raw
            if isinstance(raw, (dict, list)):
                try:
                    key = tree.child_key(raw, id[depth])
                    node = self.child(node, key)
                    depth += 1
                    continue
                except LookupError:
                    joined = tree.joined_key(raw, id, depth)
                    if joined is not None:
                        node, depth = self.child(node, joined[0]), joined[1]
                        continue
                    if isinstance(raw, list) or TARGET not in raw:
                        return None
            elif node.kind == PLAIN and (raw is None or isinstance(raw, (str, int, float))):
                return None
            return self._inside(node, id[depth:], id)
        return node

    def child(self, node: Node, key: Any) -> Node:
        """Give the node of an item that a mapping or a list holds."""
        raw = node.raw[key]
        children = node.children
        if children is None:
            children = node.children = {}
        found = children.get(key)
        if found is None or found.raw is not raw:
            found = children[key] = Node(node, key, raw)
        return found

    def _inside(self, base: Node, keys: tuple[str, ...], id: Id) -> Node:
        found = self._insides.get(id)
        if found is None or found.parent is not base:
            found = Node(base, keys, None)
            found.kind, found.state = INSIDE, NEW
            self._insides[id] = found
        return found

    def maybe(self, inside: Node) -> Node:
        """Give a twin of a node past a resolved value, whose value is `ABSENT` when nothing is there."""
        twin = Node(inside.parent, inside.key, ABSENT)
        twin.kind, twin.state = INSIDE, NEW
        return twin

    def find_words(self, words: str) -> Node | None:
        """Give the node at an id that is written out."""
        try:
            return self._by_words[words]
        except KeyError:
            found = self._by_words[words] = self.find(Id(split(words)))
            return found

    # --- needs ---

    def needs(self, node: Node) -> list[Node]:
        """Give what has to be built before a node, in order.

        A component that may turn out to be disabled first needs only what decides on that.

        Raises:
            ReferenceNotFoundError, MandatoryValueError, ExpressionSyntaxError: where the text itself is wrong.
        """
        if node.needs is None:
            kind = node.kind
            if kind in (MAPPING, COMPONENT):  # a change may have added the target, or taken it away
                node.kind = COMPONENT if TARGET in node.raw else MAPPING
                node.needs = self._parts(node) if node.kind == COMPONENT else self._items(node)
            elif kind == LIST:
                node.needs = self._items(node)
            elif kind == REFERRING:
                node.needs = self._referred(node)
            elif kind == EXPRESSING:
                node.needs = self._bound(node)
            elif kind == INSIDE:
                assert node.parent is not None
                node.needs = [node.parent]
                depend(node.parent, node)
            elif node.raw.__class__ is str and node.raw == MANDATORY:
                raise self.faults.mandatory(node)
            else:
                node.needs = []
        return node.needs

    def _items(self, node: Node) -> list[Node]:
        """The nodes behind the items of a container that are not plain; their keys go to `keys`.

        An item that is nothing but a reference needs no node of its own: what it refers to stands for it.
        """
        needs: list[Node] = []
        keys: list[Any] = []
        raw = node.raw
        shortcuts = self._shortcuts
        for key, item in raw.items() if isinstance(raw, dict) else enumerate(raw):
            if item.__class__ is str:
                if not item or item[0] not in SIGILS:
                    continue
                if item[0] == REFERENCE:
                    target = shortcuts[item] if item in shortcuts else self._shortcut(item)
                    if target is not None:
                        if target.dependents is None:
                            target.dependents = [node]
                        else:
                            target.dependents.append(node)
                        keys.append(key)
                        needs.append(target)
                        continue
            elif not isinstance(item, (dict, list)):
                continue
            keys.append(key)
            needs.append(self.child(node, key))
        node.keys = keys
        return needs

    def _shortcut(self, text: str) -> Node | None:
        """Give the node that an absolute reference without a default leads to."""
        reference = whole_reference(text)
        target = None
        if reference is not None and not reference[0].up and reference[1] is None:
            target = self.find_words(reference[0].words)
        self._shortcuts[text] = target
        return target

    def _parts(self, node: Node) -> list[Node]:
        """The parts of a component: what decides whether it is built, or else the rest of it, `_requires_` first."""
        raw = node.raw
        needs = self._items(node)
        keys = node.keys or []
        if not self.whole and (DISABLED in raw or RANKS in raw or REQUIRES in raw or DESC in raw):
            pairs = list(zip(keys, needs, strict=True))
            if not node.gate and (DISABLED in raw or RANKS in raw):
                gates = [pair for pair in pairs if pair[0] in _GATES]
                if gates or self.is_disabled(node):
                    node.keys = [key for key, _ in gates]
                    return [part for _, part in gates]
            pairs = [pair for pair in pairs if pair[0] not in _GATES and pair[0] != DESC]
            pairs.sort(key=lambda pair: pair[0] != REQUIRES)
            node.keys = [key for key, _ in pairs]
            needs = [part for _, part in pairs]
        node.gate = True
        return needs

    def is_disabled(self, node: Node) -> bool:
        """Tell whether a component is disabled, once the parts that decide are built."""
        flag = self._part_value(node, DISABLED, False)
        if flag.strip().lower() == "true" if isinstance(flag, str) else bool(flag):
            return True
        ranks = self._part_value(node, RANKS, None)
        return ranks is not None and process_rank() not in ([ranks] if isinstance(ranks, int) else list(ranks))

    def _part_value(self, node: Node, key: str, default: Any) -> Any:
        if key not in node.raw:
            return default
        for known, part in zip(node.keys or (), node.needs or (), strict=False):
            if known == key and part.state == DONE:
                return part.value
        return node.raw[key]

    def _referred(self, node: Node) -> list[Node]:
        reference = whole_reference(node.raw)
        assert reference is not None
        written, default = reference
        target = self._target_of(node, written, required=default is None)
        if target is None:
            if default is None:  # allowed to be missing: it stays the text it is
                return []
            target = Node(node.parent, node.key, default_value(default))
        elif target.kind == INSIDE and default is not None:
            target, instead = self.maybe(target), Node(node.parent, node.key, default_value(default))
            depend(target, node)
            depend(instead, node)
            return [target, instead]
        depend(target, node)
        return [target]

    def _bound(self, node: Node) -> list[Node]:
        compiled = self.compiled(node)
        used: dict[RelativeId, Node | None] | None = None
        if compiled.choices is not None:
            used = {}
            self._choose(node, compiled.choices, used)
        node.bound = bound = []
        targets = []
        for name, (id, *_) in compiled.bindings:
            target = self._target_of(node, id, required=True) if used is None else used.get(id)
            bound.append((name, target))
            if target is not None:
                depend(target, node)
                targets.append(target)
        return targets

    def _choose(self, node: Node, pieces: expressions.Pieces, used: dict[RelativeId, Node | None]) -> None:
        """Find what an expression needs where references have defaults: a default counts where the id is not there."""
        for piece in pieces:
            if isinstance(piece, str):
                continue
            target = self._target_of(node, piece.id, required=piece.default is None)
            if target is not None and target.kind == INSIDE and piece.default is not None:
                target = used.get(piece.id) or self.maybe(target)  # only resolving tells whether it is there
            used[piece.id] = target
            if piece.default is not None and (target is None or target.raw is ABSENT):
                self._choose(node, piece.default, used)

    def compiled(self, node: Node) -> expressions.Compiled:
        """Compile the expression of a node."""
        try:
            return expressions.compile_expression(node.raw[1:])
        except expressions.ExpressionProblem as problem:
            raise self.faults.syntax_error(node, problem) from None

    def _target_of(self, node: Node, written: RelativeId, *, required: bool) -> Node | None:
        if written.up:
            words = written.absolute(node.id())
            if words is None:
                raise self.faults.missing(node, written, "goes up past the root")
        else:
            words = written.words
        target = self.find_words(words)
        if target is None:
            if not required or self.allow_missing():
                self._absent.append((Id(split(words)), node))
            else:
                raise self.faults.missing(node, written, None)
        return target

    # --- planning ---

    def new_walk(self) -> int:
        """Begin a walk of planning: each node is walked over once in it, whatever the number of plans."""
        self._stamp += 1
        return self._stamp

    def plan(self, start: Node, visit: Callable[[Node], None], walk: int) -> list[Node]:
        """Give the nodes to build for `start`, each after what it needs: depth first, in document order.

        Args:
            start: what is wanted.
            visit: called for each component on the way, after what it needs.
            walk: leave out what an earlier plan of the same walk holds, but for `start` itself.

        Raises:
            CycleError: where a node needs itself; and what `needs` and `visit` raise.
        """
        start.stamp = 0
        order: list[Node] = []
        stack = [start]
        waiting: list[Iterator[Node]] = []  # for each node on the stack, what it needs besides
        needs_of = self.needs
        while stack:
            node = stack[-1]
            if node.stamp != walk:
                node.stamp = walk
                node.open = True
                needs = node.needs
                waiting.append(iter(needs_of(node) if needs is None else needs))
            for need in waiting[-1]:
                if need.state == DONE:
                    continue
                if need.stamp == walk:
                    if need.open:
                        raise self.faults.cycle(stack, need)
                elif need.state == ACTIVE:
                    raise self.faults.cycle(stack, need)
                else:
                    stack.append(need)
                    break
            else:
                stack.pop()
                waiting.pop()
                node.open = False
                if node.kind == COMPONENT:
                    visit(node)
                order.append(node)
        return order

    # --- changes ---

    def drop(self, id: Id) -> list[Node]:
        """Forget the values at an id, inside it, around it, and of all that depends on any of these.

        Returns:
            the nodes whose values were forgotten.
        """
        self._by_words.clear()
        self._shortcuts.clear()
        waiting: list[Node] = []
        node: Node | None = self.root
        for part in id:  # the ancestors, and the node itself when there is one
            assert node is not None
            waiting.append(node)
            node = known_child(node, part)
            if node is None:
                break
        if node is not None:
            waiting.extend(with_descendants(node))
            if node.parent is not None and node.parent.children is not None:
                del node.parent.children[node.key]
        waiting += [n for inside, n in self._insides.items() if id.covers(inside)]
        waiting += [n for absent, n in self._absent if id.covers(absent) or absent.covers(id)]
        dropped: list[Node] = []
        seen: set[Node] = set()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.needs is not None or node.state == DONE:
                dropped.append(node)
            reset(node)
            waiting.extend(node.dependents or ())
            node.dependents = None
            if node.parent is not None and node.kind != INSIDE:
                waiting.append(node.parent)
        self._absent = [(absent, user) for absent, user in self._absent if user not in seen]
        return dropped


def process_rank() -> int:
    """Give the rank of this process among those of a distributed run; 0 where there is only one."""
    import os
    import sys

    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    return int(os.environ.get("RANK", "0"))
