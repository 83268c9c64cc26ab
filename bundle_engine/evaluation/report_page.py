"""One page about evaluations, with everything in it: tables, plots, outliers, the worst cases, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bundle_engine.errors import UsageError
from bundle_engine.evaluation.markup import table, whole_page
from bundle_engine.evaluation.records import Evaluation, find_evaluations
from bundle_engine.evaluation.sections import classification_section, number, segmentation_section
from bundle_engine.workflow.replacement import replacing

__all__ = ["render_page", "title_of", "write_page"]


def write_page(
    folder: str | os.PathLike[str], *, output: str | os.PathLike[str] | None = None, title: str = ""
) -> Path:
    """Write ``report.html`` on the evaluations in a folder.

    Args:
        folder: what evaluate wrote.
        output: the file; by default ``report.html`` in the folder.
        title: of the page; by default the name of the bundle.

    Returns:
        the file.

    Raises:
        InputError: when there is no evaluation, or one is damaged.
        UsageError: when the file cannot be written.
    """
    evaluations = find_evaluations(folder)
    path = Path(output).expanduser() if output is not None else Path(folder).expanduser() / "report.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"'{path}' is no name for a page", hint="let it end in .html")
    text = render_page(evaluations, title=title)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def title_of(evaluations: Sequence[Evaluation]) -> str:
    """Give the name of the bundle that was evaluated, or of a folder where it is not known."""
    bundle = evaluations[0].record.get("bundle")
    return f"Evaluation of {bundle}" if bundle else f"Evaluation {evaluations[0].folder.name}"


def render_page(evaluations: Sequence[Evaluation], *, title: str = "") -> str:
    """Give the page's HTML; it needs nothing from outside of itself."""
    several = len(evaluations) > 1
    parts = [_comparison(evaluations)] if several else []
    for index, each in enumerate(evaluations):
        make = segmentation_section if each.record["task"] == "segmentation" else classification_section
        parts.append(make(each, f"set-{index}"))
    links = [f'<a href="#set-{index}">{escape(each.name)}</a>' for index, each in enumerate(evaluations)]
    return whole_page(
        title or title_of(evaluations),
        facts=_facts(evaluations),
        navigation="".join(links) if several else "",
        body="\n".join(parts),
        footer="Made by <code>bundle-engine report</code> from metrics.csv and evaluation.json of the evaluation."
        " The page needs no network.",
    )


def _facts(evaluations: Sequence[Evaluation]) -> str:
    record = evaluations[0].record
    parts = [str(record["bundle"]) + (f" {record['bundle_version']}" if record.get("bundle_version") else "")]
    parts = parts if record.get("bundle") else []
    dates = sorted({str(each.record["created"])[:10] for each in evaluations if each.record.get("created")})
    parts += [" to ".join(dict.fromkeys([dates[0], dates[-1]]))] if dates else []
    lines = [f'<p class="facts">{escape(" · ".join(parts))}</p>'] if parts else []
    checkpoints = {str(c["path"]): str(c["sha256"]) for e in evaluations if (c := e.record.get("checkpoint"))}
    lines += [
        f'<p class="facts">weights <code>{escape(path)}</code> (SHA-256 {escape(digest[:12])}…)</p>'
        for path, digest in checkpoints.items()
    ]
    return "\n".join(lines)


def _comparison(evaluations: Sequence[Evaluation]) -> str:
    """Set the main figures of several evaluations beside each other."""
    from bundle_engine.evaluation.aggregates import aggregate
    from bundle_engine.evaluation.verdicts import summarize

    columns: dict[str, None] = {}
    found: list[tuple[Evaluation, dict[str, str]]] = []
    for each in evaluations:
        if each.rows:
            rows = [row for row in aggregate(each.rows) if row.metric == "Dice"]
            cells = {f"mean Dice, {row.structure}": number(row.mean) for row in rows}
        else:
            kept = ("AUC", "Accuracy", "Sensitivity", "Specificity")
            figures = summarize(each.verdicts, each.classes, each.threshold)
            cells = {
                f.metric + ("" if f.of == "all" else f", {f.of}"): number(f.value) for f in figures if f.metric in kept
            }
        columns.update(dict.fromkeys(cells))
        found.append((each, cells))
    lines = [
        [escape(each.name), str(each.record.get("subjects", "")), *(cells.get(name, "–") for name in columns)]
        for each, cells in found
    ]
    body = table(["evaluation", "subjects", *columns], lines)
    return f"<section><h2>Side by side</h2>{body}</section>"
