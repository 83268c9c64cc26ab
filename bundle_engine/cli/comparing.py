"""The command that compares runs with statistics: its table, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bundle_engine.cli.command import Command, Option

__all__ = ["COMPARING", "compare"]

_FOLDER = "comparison"


def compare(
    runs: Any = None,
    *,
    output_dir: str | None = None,
    dataset: str | None = None,
    group: str | None = None,
    sets: Any = None,
    metrics: Any = None,
    structures: Any = None,
    title: str = "",
) -> int:
    """Compare runs, folds and tables of measures; ``bundle-engine compare --help`` explains the options."""
    from pathlib import Path

    from bundle_engine.experiment.comparison.comparing import compare as run
    from bundle_engine.experiment.comparison.text import in_short
    from bundle_engine.experiment.comparison.written import check_folder, write_comparison
    from bundle_engine.runs.folder import shown

    folder = Path(output_dir or _FOLDER).expanduser().absolute()
    check_folder(folder)
    comparison = run(
        [runs] if isinstance(runs, str) else list(runs or ()),
        dataset=dataset,
        group=group,
        sets=_listed(sets),
        metrics=_listed(metrics),
        structures=_listed(structures),
    )
    print(in_short(comparison))
    page = write_comparison(comparison, folder, title=title)
    print(f"wrote {shown(page)}, and the tables and plots beside it")
    return 0


def _listed(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else list(value)
    return [part.strip() for item in items for part in str(item).split(",") if part.strip()]


def _load_compare() -> Callable[..., int]:
    return compare


COMPARING: tuple[Command, ...] = (
    Command(
        name="compare",
        summary="compare runs, folds and tables of measures, with statistics",
        usage="RUN_A RUN_B ... [--output_dir DIR] [--dataset FILE --group COLUMN] [OPTIONS]",
        options=(
            Option(
                "runs",
                "files",
                "RUNS",
                "what to compare, each by its path or as NAME=path: evaluations, runs or cross-validations with"
                " evaluations in them (also a part of their names), registered models (name:version), or a metrics.csv"
                " from elsewhere. Of one"
                " cross-validation the folds and the ensemble are compared with each other",
            ),
            Option(
                "output_dir",
                "file",
                "DIR",
                f"folder for the tables, the plots and report.html (default: {_FOLDER})",
            ),
            Option(
                "dataset",
                "file",
                "FILE",
                "a table of subjects, such as dataset.csv, whose columns are put beside the measures",
            ),
            Option(
                "group",
                "text",
                "COLUMN",
                "compare groups of subjects by this column (default: institutionId, where it is there)",
            ),
            Option("sets", "text", "SETS", "only these sets, such as test,val (default: all)"),
            Option("metrics", "text", "NAMES", "only these measures, such as Dice,HD95_mm (default: all)"),
            Option("structures", "text", "NAMES", "only these structures (default: all)"),
            Option("title", "text", "TEXT", "title of the page (default: the names of the runs)"),
        ),
        positional=0,
        overrides=None,
        examples=(
            ("compare results/a results/b", "two evaluations, paired by subject"),
            ("compare old=runs/b/20260101-120000-train new=last --sets test", "two runs, with names"),
            ("compare mine=results/val theirs=metrics.csv", "with a table from elsewhere"),
            (
                "compare runs/b/20260101-120000-cv --dataset dataset.csv --group institutionId",
                "the folds and the ensemble of a cross-validation, and its hospitals",
            ),
        ),
        load=_load_compare,
        rest="runs",
        exits=((0, "done, whatever the tests say"), (2, "wrong usage, or a table is missing or damaged")),
    ),
)
