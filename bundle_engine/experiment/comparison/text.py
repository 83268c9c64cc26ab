"""A comparison as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from bundle_engine.experiment.comparison.comparing import Comparison
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

__all__ = ["as_text", "in_short"]

_WIDTH = 110
_MOST = 24  # lines; of more only those with a finding


def as_text(comparison: Comparison) -> str:
    """Write all that a comparison says, with what each number means."""
    parts = [_written(entries_sheet(comparison)), *_remarks(comparison)]
    for part in comparison.sets:
        parts.append(_written(summary_sheet(comparison, part)))
        for sheets in (paired_sheets(comparison, part), group_sheets(comparison, part)):
            parts += [_written(sheet, meanings) for sheet, meanings in explained(sheets)]
        outliers = outlier_sheet(comparison, part)
        parts.append(_written(outliers) if outliers.rows else f"{outliers.title}: none")
    if comparison.unpaired:
        parts.append(_written(unpaired_sheet(comparison)))
    return "\n\n".join(parts) + "\n"


def in_short(comparison: Comparison) -> str:
    """Write the findings alone: a line for each two on a set, structure and measure."""
    lines = _remarks(comparison)
    for part in comparison.sets:
        rows: list[list[str]] = []
        for sheet in paired_sheets(comparison, part):
            measure = sheet.title.rpartition(",")[0]
            rows += [[row[0], measure, row[1], f"{row[4]} of {row[3]}", row[9], row[2]] for row in sheet.rows]
        head = ["structure", "measure", "first – second", "better in", "p (Holm)", "finding"]
        lines += _findings(f"paired by subject, {part}", head, rows)
        rows = []
        for sheet in group_sheets(comparison, part):
            measure = sheet.title.partition(" by ")[0]
            rows += [[row[1], measure, row[0], row[3], row[8], row[2]] for row in sheet.rows]
        head = ["structure", "measure", "run", comparison.column, "p (Holm)", "finding"]
        lines += _findings(f"groups of subjects, {part}", head, rows)
    found = len({(each.question.set, each.subject) for each in comparison.recurring})
    lines.append(f"outliers: {found} {'subject' if found == 1 else 'subjects'}" if found else "outliers: none")
    return "\n".join(lines)


def _findings(title: str, head: list[str], rows: Sequence[list[str]]) -> list[str]:
    shown = rows if len(rows) <= _MOST else [row for row in rows if row[-1].endswith(" is better")]
    lines = [title, _aligned([head, *shown])] if shown else [title] if rows else []
    if len(shown) < len(rows):
        left = f"{len(rows) - len(shown)} more" if shown else f"all {len(rows)}"
        lines.append(f"no difference shown, or no test, in {left}")
    return lines


def _remarks(comparison: Comparison) -> list[str]:
    notes = list(comparison.notes)
    if apart := told(comparison.apart):
        notes.append(apart)
    if comparison.unpaired:
        count = len({(each.set, each.subject) for each in comparison.unpaired})
        subjects = "1 subject is" if count == 1 else f"{count} subjects are"
        notes.append(f"{subjects} not in all that are compared")
    return [f"note: {note}" for note in notes]


def _written(sheet: Sheet, meanings: Mapping[str, str] | None = None) -> str:
    lines = [sheet.title, "-" * len(sheet.title)]
    lines += textwrap.wrap(sheet.lead, _WIDTH)
    lines.append(_aligned([list(sheet.columns), *sheet.rows]))
    lines += [sheet.more] if sheet.more else []
    for name, meaning in (sheet.columns if meanings is None else meanings).items():
        if meaning:
            lines += textwrap.wrap(f"{name}: {meaning}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
