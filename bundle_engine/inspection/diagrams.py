"""Write graphs in the languages of other programs: Mermaid, and Graphviz' DOT."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bundle_engine.inspection.dataflow import DataFlow, FlowNode
from bundle_engine.inspection.kinds import COLOURS, KINDS

__all__ = ["dot", "mermaid"]

_WIDEST = 48  # characters of a line
_MOST_ITEMS = 6

# characters that mean nothing in a text of Mermaid; all others are written as their number
_PLAIN = re.compile(r"[^\w .,:/+*=()\[\]@$'%?!|{}^~·…-]")


def mermaid(flow: DataFlow) -> str:
    """Write a graph as a flowchart of Mermaid."""
    names = {id: f"n{number}" for number, id in enumerate(flow.nodes)}
    lines = ["flowchart LR"]
    for number, (group, nodes) in enumerate(_by_group(flow)):
        indent = "    " if group else "  "
        if group:
            lines.append(f'  subgraph s{number}["{_mermaid(group)}"]')
        for node in nodes:
            left, right = _mermaid_shape(node)
            text = "<br/>".join(_mermaid(line) for line in _lines(node))
            lines.append(f'{indent}{names[node.id]}{left}"{text}"{right}:::{node.kind}')
        if group:
            lines.append("  end")
    for edge in flow.edges:
        arrow = "-->" if edge.uses else "-.->"
        lines.append(f"  {names[edge.source]} {arrow} {names[edge.target]}")
    used = {node.kind for node in flow.nodes.values()}
    for kind in KINDS:
        if kind in used:
            stroke, fill, _ = COLOURS[kind]
            dashes = ",stroke-dasharray:4 3" if kind in ("expression", "missing") else ""
            lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke},color:#1e293b{dashes}")
    return "\n".join(lines) + "\n"


def dot(flow: DataFlow) -> str:
    """Write a graph in the language of Graphviz."""
    names = {id: f"n{number}" for number, id in enumerate(flow.nodes)}
    lines = [
        "digraph config {",
        '  graph [rankdir=LR, fontname="Helvetica", fontsize=12, nodesep=0.2, ranksep=0.6]',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, fontcolor="#1e293b"]',
        '  edge [color="#94a3b8", arrowsize=0.7]',
    ]
    for number, (group, nodes) in enumerate(_by_group(flow)):
        indent = "    " if group else "  "
        if group:
            lines += [
                f"  subgraph cluster_{number} {{",
                f'    graph [label={_dot(group)}, style=rounded, color="#cbd5e1", labeljust=l]',
            ]
        for node in nodes:
            stroke, fill, _ = COLOURS[node.kind]
            more = ', style="rounded,filled,dashed"' if _is_dashed(node) else ""
            label = _dot(*_lines(node))
            tip = _dot(node.id)
            lines.append(
                f'{indent}{names[node.id]} [label={label}, tooltip={tip}, color="{stroke}", fillcolor="{fill}"{more}]'
            )
        if group:
            lines.append("  }")
    for edge in flow.edges:
        style = "" if edge.uses else " [style=dashed]"
        lines.append(f"  {names[edge.source]} -> {names[edge.target]}{style}")
    return "\n".join([*lines, "}"]) + "\n"


def _by_group(flow: DataFlow) -> Iterable[tuple[str, list[FlowNode]]]:
    groups: dict[str, list[FlowNode]] = {}
    for node in flow.nodes.values():
        groups.setdefault(node.group, []).append(node)
    return groups.items()


def _lines(node: FlowNode) -> list[str]:
    lines = [node.label + (" (disabled)" if node.disabled else ""), node.caption]
    lines += [f"· {item}" for item in node.items[:_MOST_ITEMS]]
    if len(node.items) > _MOST_ITEMS:
        lines.append(f"· and {len(node.items) - _MOST_ITEMS} more")
    return [line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…" for line in lines]


def _is_dashed(node: FlowNode) -> bool:
    return node.disabled or node.kind in ("expression", "missing")


def _mermaid_shape(node: FlowNode) -> tuple[str, str]:
    if node.form == "step":
        return "([", "])"
    if node.form in ("expression", "value"):
        return "(", ")"
    if node.form == "missing":
        return "{{", "}}"
    return "[", "]"


def _mermaid(text: str) -> str:
    """Write a text so that Mermaid reads nothing into it: neither its own language, nor HTML, nor Markdown."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    escaped = _PLAIN.sub(lambda found: f"#{ord(found.group())};", shown)
    return re.sub(r"^(\d+[.)]|[-*+])(?=\s)", lambda found: f"{found.group()[:-1]}#{ord(found.group()[-1])};", escaped)


def _dot(*lines: str) -> str:
    """Write lines as one quoted string."""
    texts = (line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join("".join(c if c.isprintable() else "\ufffd" for c in text) for text in texts) + '"'
