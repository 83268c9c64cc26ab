"""Make one page of a graph that a browser shows without a network: search, details, zoom."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from bundle_engine.config.ids import COMPONENT_KEYS, TARGET
from bundle_engine.errors import Place
from bundle_engine.inspection.dataflow import DataFlow, FlowNode
from bundle_engine.inspection.drawing import drawing, style, template
from bundle_engine.inspection.kinds import KINDS
from bundle_engine.inspection.layout import lines
from bundle_engine.inspection.targets.definitions import Definition

__all__ = ["graph_page"]

_MOST_LINES = 400  # of a config that the page shows for one node
_ROLE = re.compile(r":(?:\w+:)+`~?([^`<]+?)(?:\s*<[^`>]*>)?`")
_CODE = re.compile(r"``([^`]+)``")
_GAP = re.compile(r"\{\{(\w+)\}\}")


def graph_page(flow: DataFlow, title: str, *, doc: Callable[[Definition], str] | None = None) -> str:
    """Make a self-contained HTML page of a graph.

    Nothing of a config becomes markup or code: texts are escaped, and the page lets no script run but its own.

    Args:
        flow: the graph, with plain values; the page shows them on request.
        title: what it is a graph of.
        doc: gives the whole docstring of a definition; without it, only the first lines of docstrings are shown.
    """
    script = template("graph.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    plain = flow.without_values()
    number = len(plain.nodes)
    parts = {
        "digest": f"sha256-{digest}",
        "title": escape(title),
        "subtitle": escape(f"{number} component{'' if number == 1 else 's'} and what flows between them"),
        "style": f"{template('graph.css')}\n{style()}",
        "plain": drawing(plain, title, name="without-values"),
        "full": drawing(flow, title, name="with-values"),
        "data": _json(_data(flow, doc)),
        "script": script,
    }
    return _GAP.sub(lambda gap: parts.get(gap[1], gap[0]), template("graph.html"))


def _json(data: Any) -> str:
    """Write data so that it can stand in a script element: no text in it can end that."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(flow: DataFlow, doc: Callable[[Definition], str] | None) -> dict[str, Any]:
    return {
        "kinds": dict(KINDS),
        "nodes": [_node(node) for node in flow.nodes.values()],
        "docs": _docs(flow, doc) if doc else {},
        "edges": [{"from": edge.source, "to": edge.target, "uses": edge.uses} for edge in flow.edges],
    }


def _docs(flow: DataFlow, doc: Callable[[Definition], str]) -> dict[str, str]:
    """Give the docstrings that say more than their first lines, by the paths of the definitions."""
    definitions = {node.definition.path: node.definition for node in flow.nodes.values() if node.definition}
    whole = {path: doc(definition).strip() for path, definition in definitions.items()}
    return {path: _unmarked(text) for path, text in whole.items() if text != definitions[path].doc}


def _node(node: FlowNode) -> dict[str, Any]:
    definition = node.definition
    told: dict[str, Any] = {
        "id": node.id,
        "label": node.label,
        "kind": node.kind,
        "form": node.form,
        "caption": node.caption,
        "items": node.items,
        "aliases": node.aliases,
        "disabled": node.disabled,
        "origin": _origin(node.place),
        "config": _yaml(node.value) if node.form != "missing" else "",
        "path": _path(node),
        "doc": "",
        "parameters": None,
        "given": [],
        "name": "",
        "file": "",
    }
    if definition is not None:
        told["doc"] = _unmarked(definition.doc)
        told["name"] = definition.name
        told["file"] = f"{_short(definition.file)}:{definition.line}" if definition.file else ""
        if definition.parameters is not None:
            told["parameters"] = [{"name": p.name, "text": str(p)} for p in definition.parameters]
        if isinstance(node.value, Mapping):
            told["given"] = [str(key) for key in node.value if key not in COMPONENT_KEYS]
    return told


def _unmarked(text: str) -> str:
    """Take the marks of reStructuredText off a docstring: people read it as it is."""
    return _CODE.sub(r"\1", _ROLE.sub(r"\1", text))


def _path(node: FlowNode) -> str:
    if node.definition is not None:
        return node.definition.path
    target = node.value.get(TARGET) if isinstance(node.value, Mapping) else None
    return str(target) if target is not None else ""


def _origin(place: Place | None) -> str:
    if place is None:
        return ""
    return f"{place.source}:{place.line}" if place.line else place.source


def _short(file: str) -> str:
    """Name a file of an installed package from the package on, others in full."""
    parts = Path(file).parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(folder) :])
    return file


def _yaml(value: Any) -> str:
    written = []
    for number, line in enumerate(lines(value)):
        if number == _MOST_LINES:
            written.append("…")
            break
        written.append(line.text)
    return "\n".join(written)
