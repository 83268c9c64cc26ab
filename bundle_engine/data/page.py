"""Write the overview of a table of subjects: plots as PNG files, and one page that has them all in itself."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bundle_engine.data.checks import Report
from bundle_engine.data.plots import draw
from bundle_engine.data.summary import Row, in_a_line, rows_of, sets_of, span
from bundle_engine.errors import UsageError
from bundle_engine.inspection.findings import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PAGE", "write_overview"]

PAGE = "overview.html"
_MOST_ROWS, _MOST_FINDINGS = 2000, 300
_TITLES = {
    "sizes": ("Sizes", "How many voxels the images have along each axis."),
    "spacings": ("Voxels", "How large the voxels are along each axis."),
    "intensities": (
        "Intensities",
        "How often intensities occur: thin lines are subjects, thick ones all of a set."
        " Those far beyond what is usual are not shown.",
    ),
    "volumes": ("Classes", "How large what the labels show is: a point for each subject; boxes from the first to the"
                           " third quartile."),
}  # fmt: skip
_STYLE = """
:root { color-scheme: light; --ink: #111827; --soft: #4b5563; --line: #e5e7eb; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem; }
p { margin: 0 0 .8rem; color: var(--soft); overflow-wrap: anywhere; }
img { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { position: sticky; top: 0; background: #fff; font-weight: 600; }
td.n, th.n { text-align: right; }
.scroll { max-height: 30rem; overflow: auto; border-bottom: 1px solid var(--line); }
.error { color: #b42318; font-weight: 600; } .warning { color: #8a5a00; font-weight: 600; }
.info { color: #1d4ed8; font-weight: 600; } .good { color: #067647; font-weight: 600; }
.help { color: var(--soft); }
@media print { .scroll { max-height: none; overflow: visible; } }
"""


def write_overview(
    report: Report,
    folder: str | os.PathLike[str],
    *,
    labels: Sequence[str] = (),
    classes: Mapping[int, str] | None = None,
) -> Path:
    """Write the overview of a table into a folder.

    Args:
        report: what `check_dataset` found; without voxels, there are no plots of them.
        folder: it is made where it is not there.
        labels: channels that hold labels; by default those whose names say so.
        classes: names of the values of labels; by default those of the table.

    Returns:
        the page.

    Raises:
        UsageError: when the folder cannot be written to.
        MissingDependencyError: when matplotlib is not installed.
    """
    from bundle_engine.workflow.replacement import replacing

    home = Path(folder).expanduser()
    rows = rows_of(report, labels)
    named = classes or report.dataset.classes
    figures = {name: _png(figure) for name, figure in draw(rows, named).items()}
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder '{home}': {error.strerror or error}") from error
    for name, data in figures.items():
        with replacing(home / f"{name}.png") as aside:
            aside.write_bytes(data)
    with replacing(home / PAGE) as aside:
        aside.write_text(overview_page(report, rows, figures, named), encoding="utf-8")
    return home / PAGE


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=160, metadata={"Software": None})
    return file.getvalue()


def overview_page(report: Report, rows: Sequence[Row], figures: Mapping[str, bytes], classes: Mapping[int, str]) -> str:
    """Make the page: it needs no other file and no network, and no script runs on it."""
    title = report.dataset.source.name
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(in_a_line(report))}.</p>", *_sets(rows)]
    parts += _findings(report.findings, full=report.full)
    for name, data in figures.items():
        heading, text = _TITLES[name]
        image = base64.b64encode(data).decode()
        parts.append(f"<h2>{heading}</h2><p>{text}</p>")
        parts.append(f'<img alt="{heading}: {text}" src="data:image/png;base64,{image}">')
    parts += _subjects(rows, classes)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _sets(rows: Sequence[Row]) -> list[str]:
    lines = []
    for name, inside in sets_of(rows).items():
        known = [row.facts for row in inside if row.facts is not None]
        axes = min((len(facts.shape) for facts in known), default=0)
        cells = [escape(name), f"{len(inside):,}"]
        cells.append(" × ".join(span([facts.shape[axis] for facts in known]) for axis in range(axes)) or "–")
        measured = [facts for facts in known if facts.affine is not None]
        cells.append(" × ".join(span([f.spacing[a] for f in measured]) for a in range(axes)) if measured else "–")
        lines.append(cells)
    return ["<h2>Sets</h2>", *_table(["set", "subjects", "voxels", "mm per voxel"], lines, numbers=(1,))]


def _findings(findings: Sequence[Finding], *, full: bool) -> list[str]:
    looked = "All voxels were read." if full else "Only the headers were read, not the voxels."
    if not findings:
        return ["<h2>Findings</h2>", f'<p><span class="good">Nothing was found.</span> {looked}</p>']
    lines = []
    for each in findings[:_MOST_FINDINGS]:
        line = f"{each.place.line}" if each.place is not None and each.place.line else ""
        text = escape(each.message)
        if each.suggestion:
            text += f'<br><span class="help">{escape(each.suggestion)}</span>'
        lines.append([f'<span class="{each.severity}">{each.severity}</span>', each.code, line, text])
    more = len(findings) - len(lines)
    parts = [f"<h2>Findings</h2><p>{len(findings):,} in all. {looked}</p>", '<div class="scroll">']
    parts += _table(["", "code", "line", "what"], lines)
    return [*parts, "</div>", *([f"<p>and {more:,} more.</p>"] if more else [])]


def _subjects(rows: Sequence[Row], classes: Mapping[int, str]) -> list[str]:
    values = sorted({value for row in rows for value in row.volumes})[:12]
    unit = rows[0].unit if rows else "ml"
    head = ["subject", "set", "voxels", "mm per voxel", *(f"{classes.get(v, f'class {v}')} ({unit})" for v in values)]
    lines = []
    for row in rows[:_MOST_ROWS]:
        facts = row.facts
        shape = " × ".join(map(str, facts.shape)) if facts else "–"
        spacing = " × ".join(f"{each:.4g}" for each in facts.spacing) if facts and facts.affine is not None else "–"
        volumes = [f"{row.volumes[value]:.4g}" if value in row.volumes else "–" for value in values]
        lines.append([escape(row.subject.name), escape(row.set), shape, spacing, *volumes])
    more = len(rows) - len(lines)
    parts = ["<h2>Subjects</h2>", '<div class="scroll">']
    parts += _table([escape(each) for each in head], lines, numbers=tuple(range(4, len(head))))
    return [*parts, "</div>", *([f"<p>and {more:,} more.</p>"] if more else [])]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> list[str]:
    def row(cells: Sequence[str], tag: str) -> str:
        marks = [' class="n"' if number in numbers else "" for number in range(len(cells))]
        return (
            "<tr>" + "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, cells, strict=True)) + "</tr>"
        )

    return ["<table>", row(head, "th"), *(row(line, "td") for line in lines), "</table>"]
