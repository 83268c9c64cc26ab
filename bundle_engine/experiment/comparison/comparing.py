"""Compare runs: read what they measured, pair it by subject, test it, and find who falls out of the row."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bundle_engine.config.closest import either, matches
from bundle_engine.data.table import set_name
from bundle_engine.errors import InputError, MissingDependencyError, UsageError
from bundle_engine.experiment.comparison.columns import join_columns, name_sets
from bundle_engine.experiment.comparison.contestants import (
    Contestant,
    Question,
    Values,
    contestants_of,
    entrants,
    values_of,
    wholes_of,
)
from bundle_engine.experiment.comparison.entries import Entry, read_entries
from bundle_engine.experiment.comparison.groups import GroupTest, compare_groups
from bundle_engine.experiment.comparison.measurements import METRICS, Measurement
from bundle_engine.experiment.comparison.oddities import Oddity, Recurring, find_oddities, recurring
from bundle_engine.experiment.comparison.paired import PairedTest, Unpaired, compare_pairs

__all__ = ["Comparison", "compare", "compare_entries"]

GROUP = "institutionId"
_FIRST = ("test", "val", "train")


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison.

    Attributes:
        entries: the tables that took part.
        rows: all that was measured, in the long form.
        metrics: the measures that were compared.
        sets: the sets, the most telling first.
        structures: the structures.
        contestants: who was compared with whom.
        values: of each contestant, by question and subject.
        split_values: likewise of each split of each run.
        whole_values: likewise of the folds of each run together, and of its ensemble.
        paired: the tests of each two contestants.
        unpaired: subjects that one of two contestants does not have.
        apart: pairs of contestants that have no subject in common, in any set.
        column: the column that groups come from; empty for none.
        groups: the tests of each two groups.
        oddities: values that are much worse than the others.
        recurring: the same, by subject.
        notes: what a reader has to know about the data.
    """

    entries: tuple[Entry, ...]
    rows: tuple[Measurement, ...]
    metrics: tuple[str, ...]
    sets: tuple[str, ...]
    structures: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    values: Mapping[str, Mapping[Question, Values]]
    split_values: Mapping[str, Mapping[Question, Values]]
    whole_values: Mapping[str, Mapping[Question, Values]]
    paired: tuple[PairedTest, ...]
    unpaired: tuple[Unpaired, ...]
    apart: tuple[tuple[str, str], ...]
    column: str = ""
    groups: tuple[GroupTest, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    recurring: tuple[Recurring, ...] = ()
    notes: tuple[str, ...] = field(default=())


def compare(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    dataset: str | os.PathLike[str] | None = None,
    group: str | None = None,
    sets: Sequence[str] = (),
    metrics: Sequence[str] = (),
    structures: Sequence[str] = (),
) -> Comparison:
    """Compare runs, folds and tables from elsewhere.

    Of one run its splits are compared with each other; of several runs each is compared as a whole, with the mean over
    its folds where several of them have a subject, and its ensemble by itself.

    Args:
        inputs: what to compare; see `bundle_engine.experiment.comparison.entries.read_entries`.
        dataset: a table of subjects, whose columns are put beside the measures.
        group: the column to compare groups of subjects by; by default ``institutionId``, where it is there.
        sets: only these sets.
        metrics: only these measures; by default all that are there and have a better end.
        structures: only these structures.

    Raises:
        InputNotFoundError: when something is not there.
        InputError: when a table is damaged.
        UsageError: when there is nothing to compare, or a name is not known.
        MissingDependencyError: when scipy or matplotlib is not installed.
    """
    return compare_entries(
        read_entries(inputs), dataset=dataset, group=group, sets=sets, metrics=metrics, structures=structures
    )


def compare_entries(
    entries: Sequence[Entry],
    *,
    dataset: str | os.PathLike[str] | None = None,
    group: str | None = None,
    sets: Sequence[str] = (),
    metrics: Sequence[str] = (),
    structures: Sequence[str] = (),
    alone: bool = False,
) -> Comparison:
    """Compare tables that are read already; see `compare`.

    Args:
        entries: the tables.
        dataset: a table of subjects.
        group: the column of groups.
        sets: only these sets.
        metrics: only these measures.
        structures: only these structures.
        alone: whether a single one is enough, which is compared with nobody.
    """
    _require()
    rows, guessed = name_sets([row for entry in entries for row in entry.rows])
    notes = [f"{run} names no set: its subjects are taken for the set that the others have them in" for run in guessed]
    missing: list[str] = []
    if dataset is not None:
        rows, _, missing = join_columns(rows, dataset)
        if len(missing) == len({row.subject for row in rows}):
            raise InputError(
                f"none of the {len(missing)} subjects is in '{dataset}'",
                hint=f"the runs have names such as '{missing[0]}'",
            )
    rows = _chosen(rows, sets, structures)
    chosen = _metrics(rows, metrics)
    contestants = contestants_of(rows)
    values = _values(rows, contestants, chosen)
    column, groups, more = _groups(rows, chosen, group)
    if len(contestants) < 2 and not groups and not alone:
        raise UsageError(
            f"there is nothing to compare {contestants[0].name} with",
            hint="name two runs or more, a cross-validation, or a column of groups: --dataset dataset.csv --group NAME",
        )
    paired, unpaired = compare_pairs(values)
    split_values = _values(rows, entrants(rows), chosen)
    oddities = find_oddities(split_values)
    if missing:
        notes.append(f"{len(missing)} subjects are not in '{dataset}', such as '{missing[0]}'")
    return Comparison(
        entries=tuple(entries),
        rows=tuple(rows),
        metrics=tuple(chosen),
        sets=tuple(sorted({row.set for row in rows}, key=_order)),
        structures=tuple(dict.fromkeys(row.structure for row in rows)),
        contestants=tuple(contestants),
        values=values,
        split_values=split_values,
        whole_values=_values(rows, wholes_of(rows), chosen),
        paired=tuple(paired),
        unpaired=tuple(unpaired),
        apart=tuple(_apart(values, paired)),
        column=column,
        groups=tuple(groups),
        oddities=tuple(oddities),
        recurring=tuple(recurring(oddities, split_values)),
        notes=(*notes, *more),
    )


def _require() -> None:
    try:
        import matplotlib
        import scipy.stats  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"a comparison needs {error.name}, which is not installed", hint="pip install 'bundle-engine[experiment]'"
        ) from error
    del matplotlib


def _chosen(rows: Sequence[Measurement], sets: Sequence[str], structures: Sequence[str]) -> list[Measurement]:
    for what, wanted, there in (
        ("set", [set_name(each) for each in sets], [row.set for row in rows]),
        ("structure", list(structures), [row.structure for row in rows]),
    ):
        for name in wanted:
            _require_known(what, name, there)
        if wanted:
            rows = [row for row in rows if (row.set if what == "set" else row.structure) in wanted]
    if not rows:
        raise UsageError("nothing is left to compare", hint="choose fewer sets and structures away")
    return list(rows)


def _metrics(rows: Sequence[Measurement], wanted: Sequence[str]) -> list[str]:
    there = [metric for metric in METRICS if any(metric in row.values for row in rows)]
    for name in wanted:
        _require_known("measure", name, there)
    if not there:
        raise UsageError("the tables have no measure with a better and a worse", hint=f"such as {', '.join(METRICS)}")
    return [metric for metric in there if metric in wanted or not wanted]


def _require_known(what: str, name: str, there: Sequence[str]) -> None:
    if name not in there:
        names = list(dict.fromkeys(there))
        near = matches(name, names)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(names)}"
        raise UsageError(f"there is no {what} '{name}'", hint=hint)


def _values(
    rows: Sequence[Measurement], contestants: Sequence[Contestant], metrics: Sequence[str]
) -> dict[str, dict[Question, Values]]:
    found: dict[str, dict[Question, Values]] = {}
    for contestant in contestants:
        of = values_of(rows, contestant)
        found[contestant.name] = {question: of[question] for question in of if question.metric in metrics}
    return found


def _groups(
    rows: Sequence[Measurement], metrics: Sequence[str], group: str | None
) -> tuple[str, list[GroupTest], list[str]]:
    column = group or GROUP
    there = list(dict.fromkeys(name for row in rows for name in row.columns))
    if group is not None:
        if not there:
            raise UsageError(f"nothing is known of '{group}'", hint="--dataset FILE names the table with that column")
        _require_known("column", group, there)
    members: dict[str, str] = {}
    for row in rows:
        if row.columns.get(column):
            members.setdefault(row.subject, row.columns[column])
    names = set(members.values())
    if len(names) < 2:
        if group is not None:
            raise UsageError(f"all subjects have the same '{group}': {next(iter(names), 'none')}")
        return "", [], []
    tests, nowhere = compare_groups(_values(rows, wholes_of(rows), metrics), members)
    return column, tests, [f"{nowhere} subjects have no {column}, and are in no group"] if nowhere else []


def _apart(values: Mapping[str, Mapping[Question, Values]], paired: Sequence[PairedTest]) -> list[tuple[str, str]]:
    names = list(values)
    together = {(test.first, test.second) for test in paired}
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if (a, b) not in together]


def _order(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)
