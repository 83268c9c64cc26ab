"""Draw graphs as SVG: cards in columns along the flow, one lane for each section, for light and dark grounds."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path

from bundle_engine.inspection.dataflow import DataFlow, FlowNode
from bundle_engine.inspection.kinds import COLOURS, KINDS
from bundle_engine.inspection.placement import Box, Placement, Route, place

__all__ = ["draw", "drawing", "style", "template"]

_WIDTH, _PILL_WIDTH = 204.0, 150.0
_HEAD, _PILL, _LINE = 46.0, 24.0, 15.0
_MOST_ITEMS = 7
_LABEL, _CAPTION, _SMALL = 12.5, 11.0, 10.5  # sizes of the letters
_MONO, _SMALL_MONO = 10.0, 9.5  # of those that are all of one width
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[]{} -/\\\"`"), frozenset("mwMW@%<>=+~#&")
_MORE = "… and {} more"


def draw(flow: DataFlow, title: str = "") -> str:
    """Draw a graph as an SVG document that stands by itself."""
    return drawing(flow, title, sheet=style()) + "\n"


def drawing(flow: DataFlow, title: str = "", *, sheet: str = "", name: str = "drawing") -> str:
    """Draw a graph as an SVG element.

    Args:
        flow: the graph.
        title: what it is a graph of, for those who cannot see it.
        sheet: its style; without one, whatever it is put into says how it looks.
        name: its XML id, and the beginning of those inside.
    """
    placed = place(
        {id: _size(node) for id, node in flow.nodes.items()},
        [(edge.source, edge.target) for edge in flow.edges],
        {id: node.group for id, node in flow.nodes.items()},
    )
    width, height = _number(placed.width), _number(placed.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" class="flow" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="group" aria-label="{_text(title or "data flow of a config")}">'
    ]
    if sheet:
        parts.append(f"<style>{sheet}</style>")
        parts.append('<rect class="ground" width="100%" height="100%"/>')
    parts.append(_markers(flow, name))
    parts += _lanes(placed)
    parts += _edges(flow, placed, name)
    parts.append('<g class="nodes">')
    parts += [line for id, node in flow.nodes.items() for line in _card(node, placed.boxes[id])]
    parts += ["</g>", "</svg>"]
    return "\n".join(parts)


@lru_cache
def template(name: str) -> str:
    """Read a file that pages and drawings are made from."""
    return (Path(__file__).with_name("page") / name).read_text(encoding="utf-8")


def style() -> str:
    """Write the style sheet of drawings, with the colours of the kinds."""
    light, dark = [], []
    for kind, colour in COLOURS.items():
        light.append(_rules(kind, colour.strong, _mixed(colour.strong, "#ffffff", 0.5)))
        dark.append(_rules(kind, colour.on_dark, _mixed(colour.on_dark, "#0f172a", 0.45)))
    light_rules, dark_rules = "\n".join(light), "\n".join(dark)
    sheet = template("drawing.css")
    return f"{sheet}\n{light_rules}\n@media (prefers-color-scheme: dark) {{\n{dark_rules}\n}}"


def _rules(kind: str, strong: str, soft: str) -> str:
    return (
        f".k-{kind} .bar,.dot.k-{kind},.tip.k-{kind}{{fill:{strong};background:{strong}}}"
        f".k-{kind} .caption{{fill:{strong}}}.edge.k-{kind}{{stroke:{soft}}}.soft.k-{kind}{{fill:{soft}}}"
    )


def _mixed(colour: str, ground: str, share: float) -> str:
    """Mix two colours: edges lie on each other, so that they cannot be transparent."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(ground[1:]), strict=True)
    return "#" + bytes(round(a * share + b * (1 - share)) for a, b in pairs).hex()


def _size(node: FlowNode) -> tuple[float, float]:
    if _is_pill(node):
        return _PILL_WIDTH, _PILL
    lines = len(_item_lines(node))
    return _WIDTH, _HEAD + (lines * _LINE + 7 if lines else 0)


def _is_pill(node: FlowNode) -> bool:
    return node.kind == "value"


def _item_lines(node: FlowNode) -> list[str]:
    if len(node.items) <= _MOST_ITEMS:
        return list(node.items)
    return [*node.items[: _MOST_ITEMS - 1], _MORE.format(len(node.items) - _MOST_ITEMS + 1)]


def _markers(flow: DataFlow, name: str) -> str:
    used = {flow.nodes[edge.source].kind for edge in flow.edges}
    heads = "".join(
        f'<marker id="{name}-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="soft k-{kind}" d="M0.5 0.8 L7.5 4 L0.5 7.2 Z"/></marker>'
        for kind in KINDS
        if kind in used
    )
    return f"<defs>{heads}</defs>"


def _lanes(placed: Placement) -> list[str]:
    parts = ['<g class="lanes">']
    for name, box in placed.lanes.items():
        parts.append(
            f'<g class="lane"><rect x="{_number(box.x)}" y="{_number(box.y)}" width="{_number(box.width)}"'
            f' height="{_number(box.height)}" rx="12"/><text x="{_number(box.x + 14)}" y="{_number(box.y + 18)}">'
            f"{_text(_fitted(name, box.width - 28, 11.5))}</text></g>"
        )
    return [*parts, "</g>"]


def _edges(flow: DataFlow, placed: Placement, name: str) -> list[str]:
    routes = {(route.source, route.target): route for route in placed.routes}
    parts = ['<g class="edges">']
    for edge in flow.edges:
        route = routes.get((edge.source, edge.target))
        if route is None:
            continue
        kind = flow.nodes[edge.source].kind
        more = (" part" if not edge.uses else "") + (" cycle" if route.backwards else "")
        parts.append(
            f'<path class="edge k-{kind}{more}" data-from="{_text(edge.source)}" data-to="{_text(edge.target)}"'
            f' d="{_way(route)}" marker-end="url(#{name}-{kind})"/>'
        )
    return [*parts, "</g>"]


def _way(route: Route) -> str:
    """Write a route: straight across columns, a curve across each gap."""
    points = route.points
    x, y = points[0]
    parts = [f"M{_number(x)} {_number(y)}"]
    for number, (ahead_x, ahead_y) in enumerate(points[1:], 1):
        if number % 2 == 1 or abs(ahead_y - y) < 0.5:
            parts.append(f"L{_number(ahead_x)} {_number(ahead_y)}")
        else:
            bend = (ahead_x - x) * 0.55
            controls = f"{_number(x + bend)} {_number(y)} {_number(ahead_x - bend)} {_number(ahead_y)}"
            parts.append(f"C{controls} {_number(ahead_x)} {_number(ahead_y)}")
        x, y = ahead_x, ahead_y
    return "".join(parts)


def _card(node: FlowNode, box: Box) -> list[str]:
    told = ", ".join(part for part in (node.id, KINDS[node.kind], node.caption) if part)
    classes = f"node k-{node.kind} f-{node.form}" + (" off" if node.disabled else "")
    parts = [
        f'<g class="{classes}" data-id="{_text(node.id)}" role="img" aria-label="{_text(told)}"'
        f' transform="translate({_number(box.x)} {_number(box.y)})"><title>{_text(_tip(node))}</title>'
    ]
    width, height = _number(box.width), _number(box.height)
    if _is_pill(node):
        label = _fitted(node.label, (box.width - 24) * 0.6, _CAPTION)
        room = box.width - 36 - _measured(label, _CAPTION)
        parts.append(f'<rect class="card pill" width="{width}" height="{height}" rx="{_number(box.height / 2)}"/>')
        parts.append(f'<text class="label" x="11" y="16">{_text(label)}</text>')
        caption = _fitted(node.caption, room, _SMALL)
        parts.append(f'<text class="caption" x="{_number(box.width - 11)}" y="16">{_text(caption)}</text></g>')
        return parts
    parts.append(f'<rect class="card" width="{width}" height="{height}" rx="9"/>')
    if node.form != "step":
        parts.append(f'<rect class="bar" x="6" y="8" width="3.5" height="{_number(box.height - 16)}" rx="1.75"/>')
    room = box.width - 30
    parts.append(f'<text class="label" x="18" y="20">{_text(_fitted(node.label, room, _LABEL, bold=True))}</text>')
    caption = _cut(node.caption, room, _MONO) if node.form == "expression" else _fitted(node.caption, room, _CAPTION)
    parts.append(f'<text class="caption" x="18" y="36">{_text(caption)}</text>')
    for number, item in enumerate(_item_lines(node)):
        y = _number(_HEAD + number * _LINE + 9)
        shown = _cut(item, room, _SMALL_MONO) if node.form == "step" else _fitted(item, room, _SMALL)
        parts.append(f'<text class="item" x="18" y="{y}">{_text(shown)}</text>')
    return [*parts, "</g>"]


def _tip(node: FlowNode) -> str:
    definition = node.definition
    lines = [node.id, definition.path if definition else node.caption, definition.doc if definition else ""]
    return "\n".join(line for line in lines if line)


def _fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Cut a text so that it fits; where letters are drawn is not known, so it is an estimate."""
    if _measured(text, size, bold=bold) <= room:
        return text
    while text and _measured(text + "…", size, bold=bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def _cut(text: str, room: float, size: float) -> str:
    most = int(room / (size * 0.61))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _measured(text: str, size: float, *, bold: bool = False) -> float:
    ems = 0.0
    for c in text:
        ems += 0.33 if c in _NARROW else 0.88 if c in _WIDE else 0.68 if c.isupper() else 0.57 if c.isascii() else 0.95
    return ems * size * (1.06 if bold else 1.0)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    """Write a text for XML, without the characters that XML cannot hold."""
    return escape("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))
