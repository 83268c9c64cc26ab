"""Place the nodes of a graph on a plane: columns along the flow, one lane for each section.

The steps are those of Sugiyama, Tagawa and Toda (Methods for visual understanding of hierarchical system structures,
IEEE Transactions on Systems, Man, and Cybernetics 11, 1981): break cycles, choose columns, order each column so that
few edges cross, then choose heights. Lanes keep the nodes of a section together. Edges that pass columns run there
between the nodes, and those that leave one node share their way as long as it is the same.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Box", "Placement", "Route", "place"]

_COLUMN_GAP, _GAP_PER_EDGE, _MOST_GAP = 52.0, 1.6, 130.0
_ROW_GAP, _TRUNK_HEIGHT, _TRUNK_GAP = 14.0, 6.0, 8.0
_LANE_GAP, _LANE_HEAD, _LANE_PAD, _MARGIN = 20.0, 26.0, 14.0, 16.0
_PORT_GAP = 9.0
_STRAIGHT = 6.0  # how much more it counts that a passing edge is straight than that a node stands beside its neighbours
_SWEEPS = 10
_MOST_LANES = 6  # whose orders are all tried


@dataclass(frozen=True)
class Box:
    """A rectangle; `x` and `y` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Route:
    """The way of an edge.

    Attributes:
        source: the node that it leaves on the right.
        target: the node that it enters on the left.
        points: pairs of points: between the two of a pair, the edge runs straight across a column, from each pair
            to the next it swings across a gap.
        backwards: whether it closes a cycle, so that it runs against the others.
    """

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    backwards: bool = False


@dataclass(frozen=True)
class Placement:
    """Where everything is.

    Attributes:
        boxes: the rectangle of each node.
        lanes: the rectangle of each section that has nodes; not of the nodes without a section.
        routes: in the order of the edges.
        width, height: the size of the whole.
    """

    boxes: Mapping[str, Box]
    lanes: Mapping[str, Box]
    routes: tuple[Route, ...]
    width: float
    height: float


def place(
    sizes: Mapping[str, tuple[float, float]], edges: Iterable[tuple[str, str]], lanes: Mapping[str, str]
) -> Placement:
    """Place nodes.

    Args:
        sizes: width and height of each node, in the order in which they are to stand where nothing else decides.
        edges: pairs of nodes.
        lanes: the section of each node; nodes without one have a lane, too, but no frame around it.
    """
    pairs = list(dict.fromkeys((s, t) for s, t in edges if s != t))
    backwards = _backwards(sizes, pairs)
    forwards = [(t, s) if (s, t) in backwards else (s, t) for s, t in pairs]
    columns = _columns(list(sizes), forwards)
    grid = _Grid(sizes, forwards, columns, lanes)
    grid.order()
    grid.level()
    return grid.placement(pairs, backwards)


def _backwards(nodes: Iterable[str], edges: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Find edges without which there is no cycle."""
    following: dict[str, list[str]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    found: set[tuple[str, str]] = set()
    state: dict[str, bool] = {}  # True while the node is on the way that is looked at
    for start in nodes:
        if start in state:
            continue
        state[start] = True
        way = [(start, iter(following.get(start, ())))]
        while way:
            node, rest = way[-1]
            for target in rest:
                if target not in state:
                    state[target] = True
                    way.append((target, iter(following.get(target, ()))))
                    break
                if state[target]:
                    found.add((node, target))
            else:
                state[node] = False
                way.pop()
    return found


def _columns(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Give each node a column: behind all that flow into it, and no farther from its neighbours than needed."""
    into: dict[str, list[str]] = {node: [] for node in nodes}
    out: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        into[target].append(source)
        out[source].append(target)
    column: dict[str, int] = {}
    missing = {node: len(into[node]) for node in nodes}
    ready = [node for node in nodes if not missing[node]]
    ordered: list[str] = []
    while ready:
        following = []
        for node in ready:
            column[node] = max((column[source] + 1 for source in into[node]), default=0)
            ordered.append(node)
            for target in out[node]:
                missing[target] -= 1
                if not missing[target]:
                    following.append(target)
        ready = following
    for _ in range(3):  # pull what has more edges to the right than to the left
        for node in reversed(ordered):
            if out[node] and len(out[node]) >= len(into[node]):
                column[node] = min(column[target] for target in out[node]) - 1
        for node in ordered:
            if into[node] and len(into[node]) > len(out[node]):
                column[node] = max(column[source] for source in into[node]) + 1
    first = min(column.values(), default=0)
    return {node: number - first for node, number in column.items()}


class _Item:
    """A node in its column, or an edge that passes a column."""

    __slots__ = ("column", "height", "lane", "left", "node", "place", "right", "y")

    def __init__(self, node: str | None, column: int, lane: int, height: float) -> None:
        self.node = node
        self.column = column
        self.lane = lane
        self.height = height
        self.left: list[_Item] = []
        self.right: list[_Item] = []
        self.place = 0.0
        self.y = 0.0  # of the middle


class _Grid:
    """Nodes and passing edges, by column and lane."""

    def __init__(
        self,
        sizes: Mapping[str, tuple[float, float]],
        edges: Sequence[tuple[str, str]],
        columns: Mapping[str, int],
        lanes: Mapping[str, str],
    ) -> None:
        self._sizes = sizes
        self._names = _ordered_lanes(sizes, edges, lanes)
        numbers = {name: number for number, name in enumerate(self._names)}
        self._items = {
            node: _Item(node, columns[node], numbers[lanes.get(node, "")], height)
            for node, (_, height) in sizes.items()
        }
        self._ways: dict[tuple[str, str], list[_Item]] = {}
        trunks: dict[tuple[str, int], _Item] = {}
        for source, target in edges:
            before, end = self._items[source], self._items[target]
            way = []
            for column in range(before.column + 1, end.column):
                item = trunks.get((source, column))
                if item is None:
                    item = trunks[source, column] = _Item(None, column, self._items[source].lane, _TRUNK_HEIGHT)
                way.append(item)
            self._ways[source, target] = way
            for item in [*way, end]:
                if item not in before.right:
                    before.right.append(item)
                    item.left.append(before)
                before = item
        count = max(columns.values(), default=-1) + 1
        self._cells: list[list[list[_Item]]] = [[[] for _ in self._names] for _ in range(count)]
        for item in [*self._items.values(), *trunks.values()]:
            self._cells[item.column][item.lane].append(item)

    # --- order ---

    def order(self) -> None:
        """Order each cell so that few edges cross."""
        self._number()
        best, kept = self._crossings(), self._copy()
        for sweep in range(_SWEEPS):
            if not best:
                break
            rightwards = sweep % 2 == 0
            for column in self._cells if rightwards else reversed(self._cells):
                for cell in column:
                    cell.sort(key=lambda item: _mean(item, item.left if rightwards else item.right))
                self._number_column(column)
            crossings = self._crossings()
            if crossings < best:
                best, kept = crossings, self._copy()
        self._cells = kept
        self._number()

    def _copy(self) -> list[list[list[_Item]]]:
        return [[list(cell) for cell in column] for column in self._cells]

    def _number(self) -> None:
        for column in self._cells:
            self._number_column(column)

    def _number_column(self, column: list[list[_Item]]) -> None:
        for number, item in enumerate(itertools.chain.from_iterable(column)):
            item.place = number

    def _crossings(self) -> int:
        found = 0
        for column in self._cells:
            seen: list[float] = []
            for item in itertools.chain.from_iterable(column):
                ends = sorted(target.place for target in item.right)
                found += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return found

    # --- heights ---

    def level(self) -> None:
        """Choose heights: near those of the neighbours, without turning the order around."""
        self._bands: list[tuple[float, float]] = []
        top = _MARGIN
        for lane, name in enumerate(self._names):
            inner = max((_height(column[lane]) for column in self._cells), default=0.0)
            head = _LANE_HEAD if name else 0.0
            pad = _LANE_PAD if name else 0.0
            self._bands.append((top + head, top + head + inner))
            top += head + inner + pad + _LANE_GAP
        self._height = top - _LANE_GAP + _MARGIN if self._names else 2 * _MARGIN
        for column in self._cells:
            for lane, cell in enumerate(column):
                middle = sum(self._bands[lane]) / 2
                _settle(cell, [middle] * len(cell), self._bands[lane])
        for sweep in range(_SWEEPS):
            rightwards = sweep % 2 == 0
            for column in self._cells if rightwards else reversed(self._cells):
                for lane, cell in enumerate(column):
                    _settle(cell, [_wished(item, rightwards, sweep) for item in cell], self._bands[lane])

    # --- outcome ---

    def placement(self, pairs: Sequence[tuple[str, str]], backwards: set[tuple[str, str]]) -> Placement:
        starts, widths = self._column_places()
        boxes = {}
        for node, item in self._items.items():
            width, height = self._sizes[node]
            x = starts[item.column] + (widths[item.column] - width) / 2
            boxes[node] = Box(x, item.y - height / 2, width, height)
        ports = self._ports()
        routes = []
        for source, target in pairs:
            turned = (source, target) in backwards
            edge = (target, source) if turned else (source, target)
            first, last = boxes[edge[0]], boxes[edge[1]]
            points = [(first.x + first.width, self._items[edge[0]].y)]
            points.append((starts[self._items[edge[0]].column] + widths[self._items[edge[0]].column], points[0][1]))
            for item in self._ways[edge]:
                points += [(starts[item.column], item.y), (starts[item.column] + widths[item.column], item.y)]
            points += [(starts[self._items[edge[1]].column], ports[edge]), (last.x, ports[edge])]
            routes.append(Route(source, target, tuple(reversed(points) if turned else points), turned))
        right = _MARGIN + (_LANE_PAD if any(self._names) else 0.0)
        width = starts[-1] + widths[-1] + right if starts else 2 * right
        return Placement(boxes, self._frames(boxes), tuple(routes), width, self._height)

    def _column_places(self) -> tuple[list[float], list[float]]:
        starts, widths = [], []
        x = _MARGIN + (_LANE_PAD if any(self._names) else 0.0)
        for column in self._cells:
            items = list(itertools.chain.from_iterable(column))
            widths.append(max((self._sizes[item.node][0] for item in items if item.node is not None), default=0.0))
            starts.append(x)
            edges = sum(len(item.right) for item in items)
            x += widths[-1] + min(_COLUMN_GAP + _GAP_PER_EDGE * edges, _MOST_GAP)
        return starts, widths

    def _ports(self) -> dict[tuple[str, str], float]:
        """Choose where edges enter their nodes: beside each other, in the order in which they come."""
        arriving: dict[str, list[tuple[float, tuple[str, str]]]] = {}
        for (source, target), way in self._ways.items():
            before = way[-1] if way else self._items[source]
            arriving.setdefault(target, []).append((before.y, (source, target)))
        ports = {}
        for target, found in arriving.items():
            item = self._items[target]
            gap = min(_PORT_GAP, (item.height - 16) / max(1, len(found) - 1))
            top = item.y - gap * (len(found) - 1) / 2
            for number, (_, edge) in enumerate(sorted(found)):
                ports[edge] = top + gap * number
        return ports

    def _frames(self, boxes: Mapping[str, Box]) -> dict[str, Box]:
        frames = {}
        for lane, name in enumerate(self._names):
            if not name:
                continue
            inside = [boxes[node] for node, item in self._items.items() if item.lane == lane]
            left = min(box.x for box in inside) - _LANE_PAD
            right = max(box.x + box.width for box in inside) + _LANE_PAD
            top, bottom = self._bands[lane]
            frames[name] = Box(left, top - _LANE_HEAD, right - left, bottom - top + _LANE_HEAD + _LANE_PAD)
        return frames


def _ordered_lanes(nodes: Iterable[str], edges: Sequence[tuple[str, str]], lanes: Mapping[str, str]) -> tuple[str, ...]:
    """Order the lanes so that few edges pass one on their way."""
    names = tuple(dict.fromkeys(lanes.get(node, "") for node in nodes))
    if not 2 < len(names) <= _MOST_LANES:
        return names
    between: dict[tuple[str, str], int] = {}
    for source, target in edges:
        pair = (lanes.get(source, ""), lanes.get(target, ""))
        between[pair] = between.get(pair, 0) + 1

    def cost(order: tuple[str, ...]) -> int:
        return sum(abs(order.index(a) - order.index(b)) * count for (a, b), count in between.items())

    return min(itertools.permutations(names), key=cost)


def _mean(item: _Item, neighbours: Sequence[_Item]) -> float:
    return sum(each.place for each in neighbours) / len(neighbours) if neighbours else item.place


def _wished(item: _Item, rightwards: bool, sweep: int) -> float:
    sides = (item.left, item.right) if rightwards else (item.right, item.left)
    neighbours = sides[0] or sides[1]
    if sweep >= _SWEEPS - 4:  # in the end, both sides count
        neighbours = [*item.left, *item.right]
    if not neighbours:
        return item.y
    heights = sorted(each.y for each in neighbours)
    middle = len(heights) // 2
    return heights[middle] if len(heights) % 2 else (heights[middle - 1] + heights[middle]) / 2


def _gap(above: _Item, below: _Item) -> float:
    return _ROW_GAP if above.node is not None and below.node is not None else _TRUNK_GAP


def _height(cell: Sequence[_Item]) -> float:
    return sum(item.height for item in cell) + sum(map(_gap, cell, cell[1:]))


def _settle(cell: Sequence[_Item], wished: Sequence[float], band: tuple[float, float]) -> None:
    """Put items as near to the heights wished for as their order and distances allow: least squares."""
    if not cell:
        return
    offsets = [0.0]
    for above, below in itertools.pairwise(cell):
        offsets.append(offsets[-1] + (above.height + below.height) / 2 + _gap(above, below))
    # heights less offsets must not fall: pool the neighbours that would
    pools: list[tuple[float, float, int]] = []
    for item, wish, offset in zip(cell, wished, offsets, strict=True):
        weight = 1.0 if item.node is not None else _STRAIGHT
        total, count = (wish - offset) * weight, 1
        while pools and pools[-1][0] * weight > total * pools[-1][1]:
            before = pools.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        pools.append((total, weight, count))
    levels = [total / weight for total, weight, count in pools for _ in range(count)]
    lowest = band[0] + cell[0].height / 2
    highest = band[1] - cell[-1].height / 2 - offsets[-1]
    for item, level, offset in zip(cell, levels, offsets, strict=True):
        item.y = max(lowest, min(highest, level)) + offset
