"""The files of a comparison: written aside, and put in place when all is there."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle_engine.errors import UsageError
from bundle_engine.evaluation.plots import save_figure
from bundle_engine.evaluation.staging import RECORD
from bundle_engine.evaluation.subjects import file_name
from bundle_engine.evaluation.tables import write_table
from bundle_engine.experiment.comparison.comparing import Comparison
from bundle_engine.experiment.comparison.measurements import ACROSS, write_measurements
from bundle_engine.experiment.comparison.page import Pictures, render_page
from bundle_engine.experiment.comparison.plots import boxes_of, scatters_of
from bundle_engine.experiment.comparison.text import as_text

__all__ = ["PAGE", "check_folder", "replacing_entries", "write_comparison", "write_into"]

PAGE = "report.html"
GROUPS = "group_tests.csv"
_PAIRED: tuple[str, ...] = (
    "set",
    "structure",
    "metric",
    "first",
    "second",
    "pairs",
    "only_first",
    "only_second",
    "undefined",
)
_PAIRED += ("infinite_first", "infinite_second", "first_wins", "second_wins", "ties", "first_median", "second_median")
_PAIRED += ("median_difference", "rank_biserial", "ahead", "W", "p", "p_holm", "tests_in_family", "better")
_GROUPS: tuple[str, ...] = (
    "set",
    "structure",
    "metric",
    "run",
    "column",
    "first",
    "second",
    "first_count",
    "second_count",
    "undefined",
)
_GROUPS += ("infinite", "first_median", "second_median", "chance_first_better", "U", "p", "p_holm", "tests_in_family")
_GROUPS += ("better",)
_OUTLIERS = ("set", "structure", "metric", "run", "subject", "value", "fence")
_UNPAIRED = ("set", "structure", "subject", "there_in", "missing_in")


def write_comparison(comparison: Comparison, folder: str | os.PathLike[str], *, title: str = "") -> Path:
    """Write the tables, plots and page of a comparison.

    Args:
        comparison: what came of it.
        folder: where they belong; made when it is missing. Files of other names stay in it.
        title: of the page; by default the names of the runs.

    Returns:
        the page.

    Raises:
        UsageError: when the folder cannot be written to.
    """
    target = Path(folder).expanduser().absolute()
    with replacing_entries(target) as aside:
        write_into(aside, comparison, title=title)
    if not comparison.groups:
        (target / GROUPS).unlink(missing_ok=True)  # of a comparison that was there before
    return target / PAGE


def write_into(folder: Path, comparison: Comparison, *, title: str = "") -> None:
    """Write the files of a comparison into a folder that is there."""
    write_measurements(folder / ACROSS, comparison.rows)
    write_table(folder / "paired_tests.csv", _PAIRED, (
        [
            *t.question, t.first, t.second, t.pairs, t.only_first, t.only_second, t.undefined, t.infinite_first,
            t.infinite_second, t.first_wins, t.second_wins, t.ties, t.first_median, t.second_median, t.difference,
            t.effect, t.ahead, t.statistic, _small(t.p), _small(t.p_holm), t.family or None, t.better,
        ]
        for t in comparison.paired
    ))  # fmt: skip
    if comparison.groups:
        write_table(folder / GROUPS, _GROUPS, (
            [
                *t.question, t.name, comparison.column, t.first, t.second, t.first_count, t.second_count, t.undefined,
                t.infinite, t.first_median, t.second_median, t.chance, t.statistic, _small(t.p), _small(t.p_holm),
                t.family or None, t.better,
            ]
            for t in comparison.groups
        ))  # fmt: skip
    write_table(folder / "outliers.csv", _OUTLIERS, ([*each.question, *each[1:]] for each in comparison.oddities))
    write_table(folder / "unpaired_subjects.csv", _UNPAIRED, (
        [each.set, each.structure, each.subject, each.there, each.missing] for each in comparison.unpaired
    ))  # fmt: skip
    (folder / "comparison.txt").write_text(as_text(comparison), encoding="utf-8")
    pictures: Pictures = {part: (boxes_of(comparison, part), scatters_of(comparison, part)) for part in comparison.sets}
    (folder / "plots").mkdir()
    for drawings in pictures.values():
        for each in (*drawings[0], *drawings[1]):
            save_figure(each.figure, folder / "plots" / f"{file_name(each.name)}.png")
    (folder / PAGE).write_text(render_page(comparison, pictures, title=title), encoding="utf-8")


def check_folder(folder: Path) -> None:
    """Raise a `UsageError` where a comparison cannot be written to, before it is made."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        which = "it is a file" if there == folder else f"'{there}' is a file"
        raise UsageError(f"cannot write to '{folder}': {which}", hint="name a folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"cannot write to '{folder}': there is no permission to write to '{there}'")
    if (folder / RECORD).is_file():
        raise UsageError(f"'{folder}' holds an evaluation, whose files would be replaced", hint="name another folder")


@contextmanager
def replacing_entries(folder: Path) -> Iterator[Path]:
    """Give an empty folder; what is in it when the block ends well takes the place of what `folder` has of the names.

    Raises:
        UsageError: when that is not possible.
    """
    aside = folder / f".{secrets.token_hex(4)}.partial"
    made = not folder.exists()
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot write to '{folder}': {error.strerror or error}") from None
    try:
        yield aside
        _put(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if made and not any(folder.iterdir()):
            folder.rmdir()


def _put(aside: Path, folder: Path) -> None:
    try:
        for entry in sorted(aside.iterdir()):
            target = folder / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            os.replace(entry, target)
    except OSError as error:
        raise UsageError(f"cannot write to '{folder}': {error.strerror or error}") from None


def _small(value: float | None) -> str | None:
    """Write a p-value with its leading digits, however small it is."""
    return None if value is None else f"{value:.6g}"
