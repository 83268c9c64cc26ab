"""A comparison as one page, with everything in it."""

from __future__ import annotations

from html import escape

from bundle_engine.evaluation.markup import definitions, plot, table, whole_page
from bundle_engine.evaluation.sections import MEANINGS
from bundle_engine.experiment.comparison.comparing import Comparison
from bundle_engine.experiment.comparison.correction import LEVEL
from bundle_engine.experiment.comparison.measurements import TRUE_CLASS, short_name
from bundle_engine.experiment.comparison.plots import Drawing
from bundle_engine.experiment.comparison.sheets import (
    Sheet,
    entries_sheet,
    explained,
    group_sheets,
    outlier_sheet,
    paired_sheets,
    summary_sheet,
    told,
    unpaired_sheet,
)

__all__ = ["Pictures", "render_page"]

Pictures = dict[str, tuple[list[Drawing], list[Drawing]]]
"""Of each set its box plots and its scatter plots."""

_TRUE_CLASS = "the probability that was given to the class that the subject has: 1 is best"
_BOXES = (
    "Each point is a subject. Boxes hold the middle half of them, with the median as a line; whiskers reach to the last"
    " subject within 1.5 times the box. How many values are infinite stands beside the name: they have no place in the"
    " plot. For distances left is better, otherwise right."
)
_SCATTER = (
    "Each point is a subject, with its value of the one across and of the other up. On the dotted line both are the"
    " same. Blue: the one across is better; orange: the one up is better. Triangles on the edge: a value is infinite."
)
_METHOD = (
    "Wilcoxon's p is exact for up to 50 pairs whose differences are all unlike; otherwise it is that of the normal"
    " approximation, or of all ways to put the signs where there are few pairs. Mann and Whitney's p is exact where a"
    " group has up to 8 subjects and no two values are equal, otherwise that of the normal approximation, corrected for"
    " ties and continuity. Both are computed by scipy. Who makes many tests finds something by luck; with Holm's"
    " correction the chance that any of the tests of one set and measure names a better one by mistake is at most"
    f" {LEVEL:.0%}. Sets and measures are questions of their own, and are not corrected for each other."
)
_LIMITS = (
    "What these tests are about: whether the difference between two trained models would show in other subjects like"
    " these. They do not say whether it would come up again if the models were trained again, nor whether it is large"
    " enough to matter: for that, look at the difference and its unit. That no difference is shown does not mean that"
    " there is none. Subjects that are no random sample, or several images of one patient as different subjects, make p"
    " too small."
)


def render_page(comparison: Comparison, pictures: Pictures, *, title: str = "") -> str:
    """Give the page's HTML; it needs nothing from outside of itself.

    Args:
        comparison: what came of it.
        pictures: the plots of each set.
        title: of the page; by default the names of the runs.
    """
    parts = [_opening(comparison)]
    links = ['<a href="#compared">What is compared</a>']
    for number, part in enumerate(comparison.sets):
        anchor = f"set-{number}"
        links.append(f'<a href="#{anchor}">{escape(_heading(part))}</a>')
        parts.append(_section(comparison, part, anchor, pictures.get(part, ([], []))))
    return whole_page(
        title or _title(comparison),
        facts=f'<p class="facts">{_facts(comparison)}</p>',
        navigation="".join(links),
        body="\n".join(parts),
        footer="Made by <code>bundle-engine compare</code>. The numbers of all tables are in the CSV files beside this"
        " page. The page needs no network.",
    )


def _title(comparison: Comparison) -> str:
    runs = list(dict.fromkeys(entry.run for entry in comparison.entries))
    shown = ", ".join(runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
    return f"Comparison of {shown}" if len(runs) > 1 else f"Comparison within {shown}"


def _facts(comparison: Comparison) -> str:
    subjects = len({row.subject for row in comparison.rows})
    tests = sum(test.p is not None for test in comparison.paired)
    shown = sum(bool(test.better) for test in comparison.paired)
    return (
        f"{len(comparison.contestants)} compared · {subjects} subjects · {len(comparison.structures)} structures ·"
        f" {tests} paired tests, {shown} of them with a difference"
    )


def _opening(comparison: Comparison) -> str:
    parts = ['<section id="compared"><h2>What is compared</h2>', _table(entries_sheet(comparison))]
    apart = told(comparison.apart)
    parts += [_notice(note) for note in (*comparison.notes, *([apart] if apart else []))]
    if comparison.unpaired:
        sheet = unpaired_sheet(comparison)
        parts += [f"<h3>{escape(sheet.title)}</h3><p class='quiet'>{escape(sheet.lead)}</p>", _table(sheet)]
        parts.append(_meanings(sheet))
    splits = [each for each in comparison.contestants if len(each.splits) > 1]
    if splits:
        names = ", ".join(each.name for each in splits)
        parts.append(
            f"<p>{escape(names)}: of a subject that several splits have, the mean of its values is compared; on a"
            " validation set of a cross-validation each subject has one value, of the model that was not trained with"
            " it.</p>"
        )
    words = {short_name(metric): MEANINGS.get(short_name(metric), _TRUE_CLASS) for metric in comparison.metrics}
    parts.append("<h3>The measures</h3>" + definitions(words))
    if TRUE_CLASS in comparison.metrics:
        parts.append("<p class='quiet'>A classification has no structures: in their place stands the true class.</p>")
    parts.append(f"<h3>How to read the tests</h3><p>{escape(_LIMITS)}</p><p>{escape(_METHOD)}</p></section>")
    return "\n".join(parts)


def _section(comparison: Comparison, part: str, anchor: str, pictures: tuple[list[Drawing], list[Drawing]]) -> str:
    boxes, scatters = pictures
    summary = summary_sheet(comparison, part)
    parts = [f'<section id="{anchor}"><h2>{escape(_heading(part))}</h2>', "<h3>Values</h3>"]
    parts += [f"<p class='quiet'>{escape(summary.lead)}</p>" if summary.lead else "", _table(summary)]
    parts.append(_meanings(summary))
    parts += ["<h3>Spread over the subjects</h3>"]
    parts += [
        f"<h4>{escape(each.structure)}</h4>{plot(each.figure, _BOXES if i == 0 else '')}"
        for i, each in enumerate(boxes)
    ]
    tests = paired_sheets(comparison, part)
    parts.append("<h3>Paired by subject</h3>")
    if not tests:
        parts.append("<p class='quiet'>No two have a subject in common here, and so there is nothing to pair.</p>")
    for sheet, meanings in explained(tests):
        parts += [f"<h4>{escape(sheet.title.rpartition(',')[0])}</h4><p class='quiet'>{escape(sheet.lead)}</p>"]
        parts += [_table(sheet), definitions(meanings) if meanings else ""]
    parts += _scatter_part(scatters)
    for sheet, meanings in explained(group_sheets(comparison, part)):
        parts += [f"<h3>{escape(sheet.title.rpartition(',')[0])}</h3><p class='quiet'>{escape(sheet.lead)}</p>"]
        parts += [_table(sheet), definitions(meanings) if meanings else ""]
    outliers = outlier_sheet(comparison, part)
    parts.append("<h3>Outliers</h3>")
    if outliers.rows:
        parts += [f"<p class='quiet'>{escape(outliers.lead)}</p>", _table(outliers)]
        parts += [f"<p class='quiet'>{escape(outliers.more)}</p>" if outliers.more else "", _meanings(outliers)]
    else:
        parts.append("<p class='quiet'>No subject is much worse than the others.</p>")
    return "\n".join([*parts, "</section>"])


def _scatter_part(scatters: list[Drawing]) -> list[str]:
    if not scatters:
        return []
    parts = ["<h3>Each two against each other</h3>", f"<p class='quiet'>{escape(_SCATTER)}</p>"]
    first = scatters[0].metric
    for metric in dict.fromkeys(each.metric for each in scatters):
        drawn = "".join(
            f"<h4>{escape(each.structure)}</h4>{plot(each.figure, '')}" for each in scatters if each.metric == metric
        )
        unfolded = " open" if metric == first else ""
        parts.append(f"<details{unfolded}><summary>{escape(short_name(metric))}</summary>{drawn}</details>")
    return parts


def _table(sheet: Sheet) -> str:
    rows = []
    for index, row in enumerate(sheet.rows):
        cells = [escape(cell).replace(" – ", " –<br>") for cell in row]
        if index in sheet.marked:
            cells[2] = f"<b>{cells[2]}</b>"
        rows.append(cells)
    meanings = {name: meaning for name, meaning in sheet.columns.items() if meaning}
    return table(list(sheet.columns), rows, meanings=meanings, words=min(3, sheet.words))


def _meanings(sheet: Sheet) -> str:
    return definitions({name: meaning for name, meaning in sheet.columns.items() if meaning})


def _notice(text: str) -> str:
    return f'<p class="notice">{escape(text)}</p>'


def _heading(part: str) -> str:
    return {"train": "Training set", "val": "Validation set", "test": "Test set", "all": "All subjects"}.get(part, part)
