"""The commands that make something of a config, or of what is installed, for other programs: graph and schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.inspecting import ARGS_FILE, BUNDLE, CONFIG_FILE, META_FILE, OVERRIDES, WORKFLOW, subject_of
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.inspection.dataflow import DataFlow
    from bundle_engine.inspection.subject import Subject
    from bundle_engine.inspection.targets import TargetIndex

__all__ = ["GRAPHS", "graph", "schema"]

FORMATS = ("mermaid", "dot", "svg", "html")
_SUFFIXES = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
}
_STEPS = 2


def graph(
    config_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    meta_file: str | None = None,
    args_file: Any = None,
    format: str | None = None,
    output: str | None = None,
    id: str | None = None,
    steps: Any = _STEPS,
    all: bool = False,
    values: bool = False,
    **override: Any,
) -> int:
    """Draw the data flow of a config; ``bundle-engine graph --help`` explains the options."""
    from bundle_engine.cli.showing import parser_of, progress
    from bundle_engine.inspection.dataflow import data_flow
    from bundle_engine.inspection.targets import TargetIndex

    format = _format(format, output)
    distance = _whole_number("steps", steps)
    subject = subject_of(
        config_file, bundle=bundle, workflow=workflow, meta_file=meta_file, args_file=args_file, override=override
    )
    parser = parser_of(subject)
    with TargetIndex(paths=[subject.bundle_root] if subject.bundle_root else [], progress=progress()) as index:
        flow = data_flow(parser, index, everything=all)
        if id is not None:
            flow = flow.around(id, distance)
        text = _drawn(flow, format, _title(subject, id), index, values=values)
    drawn = flow if values or format == "html" else flow.without_values()
    _put(text, output, f"{len(drawn.nodes)} nodes, {len(drawn.edges)} edges")
    return 0


def schema(*, output: str | None = None) -> int:
    """Write a JSON Schema of configs; ``bundle-engine schema --help`` explains the options."""
    import json

    from bundle_engine.cli.showing import progress
    from bundle_engine.inspection.config_schema import config_schema
    from bundle_engine.inspection.targets import TargetIndex
    from bundle_engine.workflow.properties import EvalProperties, InferProperties, TrainProperties

    with TargetIndex(progress=progress()) as index:
        made = config_schema(index, (TrainProperties, EvalProperties, InferProperties))
    count = len(made["definitions"]["target"]["anyOf"][0]["enum"])
    _put(json.dumps(made, separators=(",", ":"), ensure_ascii=False) + "\n", output, f"{count} targets")
    return 0


def _drawn(flow: DataFlow, format: str, title: str, index: TargetIndex, *, values: bool) -> str:
    if format == "html":
        from bundle_engine.inspection.graph_page import graph_page

        return graph_page(flow, title, doc=index.doc)
    shown = flow if values else flow.without_values()
    if format == "svg":
        from bundle_engine.inspection.drawing import draw

        return draw(shown, title)
    from bundle_engine.inspection import diagrams

    return diagrams.dot(shown) if format == "dot" else diagrams.mermaid(shown)


def _format(format: str | None, output: str | None) -> str:
    if format is None:
        return _SUFFIXES.get(Path(output).suffix.lower(), FORMATS[0]) if output else FORMATS[0]
    from bundle_engine.cli.showing import check_format

    check_format(format, FORMATS)
    return format


def _whole_number(name: str, text: Any) -> int:
    try:
        number = int(str(text))
    except ValueError:
        number = -1
    if number < 0:
        raise UsageError(f"--{name} takes a whole number, not '{text}'", hint=f"--{name} {_STEPS}")
    return number


def _title(subject: Subject, id: str | None) -> str:
    files = ", ".join(file.name for file in subject.files)
    folder = subject.files[0].absolute().parent
    named = folder.parent.name if folder.name == "configs" else ""
    return " · ".join(part for part in (named, files, id) if part)


def _put(text: str, output: str | None, summary: str) -> None:
    """Write a text to a file, or on standard output.

    Raises:
        UsageError: when the file cannot be written.
    """
    if output is None:
        from bundle_engine.cli.showing import write

        write(text)
        return
    from bundle_engine.cli import report
    from bundle_engine.config import source

    path = Path(output)
    if path.is_dir():
        raise UsageError(f"cannot write '{path}': it is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write '{path}': there is no folder '{path.parent}'", hint="make the folder first")
    try:
        source.write(path, text)
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror or error}") from error
    report.note(f"wrote {path}: {summary}, {len(text.encode()) / 1000:,.0f} kB")


def _load_graph() -> Callable[..., int]:
    return graph


def _load_schema() -> Callable[..., int]:
    return schema


_EXITS = ((0, "done"), (2, "the input is wrong: the config, a file, or the command line"))
_OUTPUT = Option("output", "file", "FILE", "write to this file (default: standard output)")

GRAPHS: tuple[Command, ...] = (
    Command(
        name="graph",
        summary="draw the components of a config and what flows between them",
        usage="CONFIG... | --bundle DIR [--workflow NAME] [OPTIONS] [--any::id=VALUE ...]",
        options=(
            CONFIG_FILE,
            BUNDLE,
            WORKFLOW,
            META_FILE,
            ARGS_FILE,
            Option(
                "format",
                "text",
                "FORMAT",
                "mermaid, dot (Graphviz), svg, or html: a page to zoom, search and click in, which needs no network"
                " (default: what the name of the output says, or else mermaid)",
            ),
            _OUTPUT,
            Option("id", "text", "ID", "draw only what is near this id, along and against the flow"),
            Option("steps", "text", "N", f"with --id: how near (default: {_STEPS})"),
            Option("all", "switch", "", "also draw what neither initialize, run nor finalize reaches"),
            Option("values", "switch", "", "also draw plain values; the html page shows them on request"),
        ),
        positional=0,
        overrides=OVERRIDES,
        examples=(
            ("graph --bundle my_bundle --output train.html", "a page to look around in"),
            ("graph configs/train.yaml", "Mermaid, for a README"),
            ("graph configs/train.yaml --id optimizer --output optimizer.svg", "what is near the optimizer"),
            ("graph configs/train.yaml --format dot --output train.dot", "for Graphviz"),
        ),
        load=_load_graph,
        rest="config_file",
        exits=_EXITS,
    ),
    Command(
        name="schema",
        summary="write a JSON Schema, so that editors complete and check configs",
        usage="[--output FILE]",
        options=(_OUTPUT,),
        positional=0,
        overrides=None,
        examples=(("schema --output .vscode/bundle.schema.json", "for the targets of the installed packages"),),
        load=_load_schema,
        exits=_EXITS,
    ),
)
