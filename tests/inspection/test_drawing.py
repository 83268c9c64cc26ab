"""Graphs as Mermaid, DOT and SVG; where nodes are placed."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.inspection.dataflow import data_flow
from bundle_engine.inspection.diagrams import dot, mermaid
from bundle_engine.inspection.drawing import draw
from bundle_engine.inspection.placement import place
from bundle_engine.inspection.targets import Unknown

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</script><script>alert(1)</script>"


class NoTargets:
    def lookup(self, target):
        return Unknown("nobody looked")


def flow_of(config, **options):
    return data_flow(ConfigParser(config), NoTargets(), **options)


SMALL = {
    "lr": 0.1,
    "net": {"_target_": "UNet"},
    "train": {"trainer": {"_target_": "Trainer", "lr": "@lr", "net": "@net"}},
    "run": ["$@train::trainer.run()"],
}
NASTY = {
    "a<b>": EVIL,
    'q"; click n0 alert': f"$'{EVIL}' + \"`**b**`\" # ] --> x",
    "end": {"_target_": EVIL, "n": "@subgraph", EVIL: 1},
    "subgraph": "$'#quot; &lt; %% \n 1. list \\N \"'",
    "bell": "\x07\x00 ümlaut",
    "run": ["$print(@end, @bell)"],
}


def test_mermaid_of_a_small_config():
    assert (
        mermaid(flow_of(SMALL))
        == """\
flowchart LR
  n0("lr<br/>0.1"):::value
  n1["net<br/>UNet"]:::other
  n3(["run<br/>what runs<br/>· $@train::trainer.run()"]):::entry
  subgraph s1["train"]
    n2["trainer<br/>Trainer"]:::other
  end
  n0 --> n2
  n1 --> n2
  n2 --> n3
  classDef entry fill:#e2e8f0,stroke:#1e293b,color:#1e293b
  classDef other fill:#f0eeec,stroke:#57534e,color:#1e293b
  classDef value fill:#ffffff,stroke:#94a3b8,color:#1e293b
"""
    )


def test_dot_of_a_small_config():
    lines = dot(flow_of(SMALL).without_values()).splitlines()
    assert lines[0] == "digraph config {"
    assert lines[4].startswith('  n0 [label="net\\nUNet", tooltip="net"')
    assert lines[-4:] == ["  }", "  n0 -> n1", "  n1 -> n2", "}"]


def test_what_a_config_says_cannot_leave_its_quotes():
    flow = flow_of(NASTY, everything=True)
    for line in mermaid(flow).splitlines()[1:-1]:
        if ":::" in line:
            inside = line[line.index('"') + 1 : line.rindex('"')].replace("<br/>", "")
            assert not set(inside) & set('"<>&\\`\x07\x00')
    for line in dot(flow).splitlines():
        bare = line.replace("\\\\", "").replace('\\"', "")
        assert bare.count('"') % 2 == 0


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("config", [SMALL, NASTY], ids=["small", "nasty"])
def test_graphviz_reads_it(config):
    done = subprocess.run(
        ["dot", "-Tplain"], input=dot(flow_of(config, everything=True)).encode(), capture_output=True, check=True
    )
    assert done.stderr == b""
    assert done.stdout.startswith(b"graph")


@pytest.mark.parametrize("config", [SMALL, NASTY, {}], ids=["small", "nasty", "empty"])
def test_svg_is_well_formed_and_complete(config):
    flow = flow_of(config, everything=True)
    root = ElementTree.fromstring(draw(flow, f"title {EVIL}"))
    assert root.get("aria-label") == f"title {EVIL}"
    nodes = [each for each in root.iter(f"{SVG}g") if each.get("class", "").startswith("node ")]
    replaced = {id.replace("\x07", "\ufffd") for id in flow.nodes}
    assert {node.get("data-id") for node in nodes} == replaced
    edges = {(path.get("data-from"), path.get("data-to")) for path in root.iter(f"{SVG}path") if path.get("data-from")}
    assert edges == {(edge.source, edge.target) for edge in flow.edges}
    assert not list(root.iter(f"{SVG}script"))


def test_drawings_are_the_same_each_time():
    flow = flow_of(SMALL)
    assert draw(flow) == draw(flow_of(SMALL))
    assert draw(flow).endswith("</svg>\n")


# --- placement ---


def boxes_of(edges, lanes=None, nodes=None):
    names = nodes or list(dict.fromkeys(itertools.chain.from_iterable(edges)))
    return place(dict.fromkeys(names, (100.0, 40.0)), edges, lanes or {})


def overlap(a, b):
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


GRAPHS = {
    "chain": [("a", "b"), ("b", "c"), ("c", "d")],
    "diamond": [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")],
    "long edge": [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("c", "d")],
    "circle": [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")],
    "two circles": [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")],
    "full": [(f"s{i}", f"t{j}") for i in range(5) for j in range(5)],
}


@pytest.mark.parametrize("edges", GRAPHS.values(), ids=GRAPHS)
def test_nodes_do_not_overlap_and_edges_go_to_the_right(edges):
    lanes = {"b": "one", "c": "two", "t1": "one", "s2": "two"}
    placed = boxes_of(edges, lanes)
    for a, b in itertools.combinations(placed.boxes.values(), 2):
        assert not overlap(a, b)
    for a, b in itertools.combinations(placed.lanes.values(), 2):
        assert not overlap(a, b)
    assert {(route.source, route.target) for route in placed.routes} == set(edges)
    for route in placed.routes:
        source, target = placed.boxes[route.source], placed.boxes[route.target]
        assert (source.x < target.x) != route.backwards
    for node, lane in lanes.items():
        if node in placed.boxes:
            frame, box = placed.lanes[lane], placed.boxes[node]
            assert frame.x < box.x
            assert frame.y < box.y
            assert box.y + box.height < frame.y + frame.height
    for box in placed.boxes.values():
        assert 0 <= box.x <= box.x + box.width <= placed.width
        assert 0 <= box.y <= box.y + box.height <= placed.height


@pytest.mark.parametrize("edges", GRAPHS.values(), ids=GRAPHS)
def test_edges_run_around_nodes(edges):
    placed = boxes_of(edges)
    for route in placed.routes:
        for (x, y), (end, _) in zip(route.points[::2], route.points[1::2], strict=True):
            left, right = min(x, end), max(x, end)
            for node, box in placed.boxes.items():
                if node not in (route.source, route.target):
                    beside = right <= box.x or box.x + box.width <= left
                    assert beside or not box.y < y < box.y + box.height


def test_order_that_crosses_least():
    placed = boxes_of([("a", "y"), ("b", "x")], nodes=["a", "b", "x", "y"])
    assert (placed.boxes["a"].y < placed.boxes["b"].y) == (placed.boxes["y"].y < placed.boxes["x"].y)


def test_nodes_stand_near_what_uses_them():
    placed = boxes_of([("a", "b"), ("b", "c"), ("c", "d"), ("late", "d")])
    assert placed.boxes["late"].x == placed.boxes["c"].x


def test_nothing_can_be_placed():
    placed = place({}, [], {})
    assert (placed.boxes, placed.routes) == ({}, ())
