"""What a cross-validation leaves: ``CrossValResults`` with a folder for each fold, one for the ensemble, and more.

::

    CrossValResults/
      0/val/metrics.csv ...            the tables and the record of each fold's evaluation, set by set
      ENSEMBLE/test/metrics.csv ...    likewise of the ensemble
      MetricsAcrossAllRuns.csv  paired_tests.csv  group_tests.csv  outliers.csv  unpaired_subjects.csv
      comparison.txt  plots/  report.html
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from bundle_engine.data.table import set_name
from bundle_engine.errors import UsageError
from bundle_engine.evaluation.records import find_evaluations
from bundle_engine.evaluation.staging import RECORD
from bundle_engine.evaluation.subjects import file_name
from bundle_engine.evaluation.tables import AGGREGATES, METRICS
from bundle_engine.experiment.comparison.comparing import compare_entries
from bundle_engine.experiment.comparison.entries import ENSEMBLE, RESULTS, Entry, measurements_of
from bundle_engine.experiment.comparison.written import PAGE, replacing_entries, write_into

__all__ = ["write_cross_validation_results"]


def write_cross_validation_results(
    folder: str | os.PathLike[str],
    folds: Mapping[str, str | os.PathLike[str]],
    ensemble: str | os.PathLike[str] | None = None,
    *,
    dataset: str | os.PathLike[str] | None = None,
    group: str | None = None,
    name: str = "",
) -> Path:
    """Gather the evaluations of a cross-validation in ``CrossValResults``, and compare its folds.

    Args:
        folder: of the cross-validation; ``CrossValResults`` is made in it, or replaced.
        folds: of each fold, by its name, the folder that evaluate wrote, with its sets in it.
        ensemble: that of the ensemble; None without one.
        dataset: a table of subjects, whose columns are put beside the measures.
        group: the column to compare groups of subjects by; by default ``institutionId``, where it is there.
        name: of the cross-validation, for the page; by default the folder's.

    Returns:
        the page.

    Raises:
        InputNotFoundError: when a folder has no evaluation in it.
        InputError: when an evaluation is damaged.
        UsageError: when there is no fold, or the folder cannot be written to.
    """
    if not folds:
        raise UsageError("a cross-validation without folds has no results")
    above = Path(folder).expanduser().absolute()
    target = above if above.name == RESULTS else above / RESULTS
    sources = {str(fold): Path(path).expanduser().absolute() for fold, path in folds.items()}
    if ensemble is not None:
        sources[ENSEMBLE] = Path(ensemble).expanduser().absolute()
    if (len(sources) == len(folds) and ensemble is not None) or len({*map(file_name, sources)}) < len(sources):
        raise UsageError(f"folds need names, each another, and none of them {ENSEMBLE}: {', '.join(folds)}")
    run = name or target.parent.name
    with replacing_entries(target.parent) as outside:
        entries: list[Entry] = []
        for fold, source in sources.items():
            for each in find_evaluations(source):
                part = set_name(str(each.record.get("set") or ""))
                inside = each.folder.relative_to(source)
                below = Path(file_name(fold), inside if inside.parts else part)
                _copy(each.folder, outside / RESULTS / below)
                rows = measurements_of(each, run, fold)
                entries.append(Entry(run, fold, part, below / METRICS, rows))
        comparison = compare_entries(entries, dataset=dataset, group=group, alone=True)
        write_into(outside / RESULTS, comparison, title=f"Cross-validation {run}")
    return target / PAGE


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in (METRICS, AGGREGATES, RECORD):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
