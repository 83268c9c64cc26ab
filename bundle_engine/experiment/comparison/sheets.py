"""What a comparison says, as tables of plain text with the meaning of each column; for the terminal and the page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from bundle_engine.evaluation.sections import number
from bundle_engine.experiment.comparison.comparing import Comparison
from bundle_engine.experiment.comparison.contestants import Question
from bundle_engine.experiment.comparison.correction import LEVEL, PAIRS
from bundle_engine.experiment.comparison.measurements import larger_is_better, short_name
from bundle_engine.runs.folder import shown

__all__ = [
    "Sheet",
    "entries_sheet",
    "explained",
    "group_sheets",
    "outlier_sheet",
    "paired_sheets",
    "summary_sheet",
    "told",
    "unpaired_sheet",
]

_MOST = 40  # rows of a list that goes on in a table beside the page


class Sheet(NamedTuple):
    """A table for people.

    Attributes:
        title: heading.
        lead: what the whole says, in sentences.
        columns: headings of the columns, and what each means; empty where the heading says it all.
        rows: cells.
        marked: numbers of the rows with a finding.
        words: how many columns, from the left, are words rather than numbers.
        more: what is left out.
    """

    title: str
    lead: str
    columns: dict[str, str]
    rows: list[list[str]]
    marked: frozenset[int] = frozenset()
    words: int = 1
    more: str = ""


def entries_sheet(comparison: Comparison) -> Sheet:
    """Say what was compared."""
    columns = {"run": "", "split": "", "set": "", "subjects": "", "structures": "", "table": ""}
    rows = []
    for entry in comparison.entries:
        subjects = len({row.subject for row in entry.rows})
        structures = len({row.structure for row in entry.rows})
        rows.append(
            [entry.run, entry.split, entry.set or "–", str(subjects), str(structures), shown(entry.source)]
        )  # fmt: skip
    if not any(entry.split for entry in comparison.entries):
        columns.pop("split")
        rows = [[run, *rest] for run, _, *rest in rows]
    return Sheet("What is compared", "", columns, rows, words=len(columns) - 3)


def summary_sheet(comparison: Comparison, part: str) -> Sheet:
    """Say what each has reached on a set."""
    columns = {
        "structure": "",
        "measure": "",
        "run": "",
        "subjects": "subjects with a finite value, which mean, spread and median are of",
        "mean ± sd": "mean and standard deviation over these subjects",
        "median": "half of these subjects are better, half are worse",
        "infinite": "subjects in which the structure was missed, or found where it is not; in no mean and no median",
        "undefined": "subjects in which it was neither there nor found",
    }
    rows = []
    for structure in comparison.structures:
        for metric in comparison.metrics:
            for name, values in {**comparison.values, **comparison.whole_values}.items():
                of = values.get(Question(part, structure, metric))
                if of is None:
                    continue
                finite = [value for value in of.values() if value is not None and math.isfinite(value)]
                infinite = sum(value is not None and math.isinf(value) for value in of.values())
                undefined = sum(value is None for value in of.values())
                mean = _figure(statistics.fmean(finite) if finite else None, metric)
                spread = f" ± {_figure(statistics.stdev(finite), metric)}" if len(finite) > 1 else ""
                rows.append([
                    structure, short_name(metric), name, str(len(finite)), mean + spread,
                    _figure(statistics.median(finite) if finite else None, metric), str(infinite), str(undefined),
                ])  # fmt: skip
    lead = ""
    if together := [name for name in comparison.whole_values if name not in comparison.values]:
        lead = (
            f"'{together[0]}' are all folds together: each subject counts once, with the mean over the folds that have"
            " it; in a validation set that is the one fold that was not trained with it."
        )
    return Sheet(f"Values, {_set(part)}", lead, columns, rows, words=3)


def paired_sheets(comparison: Comparison, part: str) -> list[Sheet]:
    """Say who is better on a set: a table for each measure."""
    return [sheet for metric in comparison.metrics if (sheet := _paired(comparison, part, metric)).rows]


def _paired(comparison: Comparison, part: str, metric: str) -> Sheet:
    tests = [t for t in comparison.paired if t.question.set == part and t.question.metric == metric]
    family = max((test.family for test in tests), default=0)
    columns = {
        "structure": "",
        "first – second": "the two that are compared",
        "finding": f"which is better, where p (Holm) is at most {LEVEL}; without a test, why there is none",
        "pairs": "subjects with a value of both",
        "better in": "pairs in which the first is better : in which the second is better; then those that are equal",
        "medians": "median of the first | of the second, over the pairs; infinite when half of the pairs are",
        "difference": "median of first minus second, subject by subject",
        "effect": "rank-biserial correlation: 1 when the first is better in all pairs, -1 when the second is, 0 when"
        " both are ahead by as much; large differences weigh more than small ones",
        "p": "how often differences at least as clear come up by chance when neither is better (two-sided)",
        "p (Holm)": "the same, corrected for all tests of the table",
        "left out": "subjects that only the first | only the second has; + those without a defined value of one",
    }
    rows = []
    for test in tests:
        equal = f", {test.ties} =" if test.ties else ""
        undefined = f" + {test.undefined}" if test.undefined else ""
        rows.append([
            test.question.structure, f"{test.first} – {test.second}", test.finding, str(test.pairs),
            f"{test.first_wins} : {test.second_wins}{equal}",
            f"{_figure(test.first_median, metric)} | {_figure(test.second_median, metric)}",
            _figure(test.difference, metric, sign=True), "–" if test.effect is None else f"{test.effect:+.2f}",
            _p(test.p), _p(test.p_holm), f"{test.only_first} | {test.only_second}{undefined}",
        ])  # fmt: skip
    if not any(test.only_first or test.only_second or test.undefined for test in tests):
        columns.pop("left out")
        rows = [row[:-1] for row in rows]
    infinite = [test for test in tests if test.infinite_first or test.infinite_second]
    lead = (
        f"{'Larger' if larger_is_better(metric) else 'Smaller'} is better. Wilcoxon's signed-rank test, two-sided,"
        f" paired by subject; corrected by Holm over the {family} tests of this set and measure. Pairs that are equal"
        " take no part in the test."
    )
    if infinite:
        lead += (
            " Infinite values take part: they count as worse than all finite ones, and as equal to each other. There"
            f" are some in {len(infinite)} of the comparisons."
        )
    if any(test.p is None for test in tests):
        lead += (
            f" With fewer than {PAIRS} pairs that differ no test is meaningful: even when one is better in all of them,"
            f" p is larger than {LEVEL}."
        )
    marked = frozenset(index for index, test in enumerate(tests) if test.better)
    return Sheet(f"{short_name(metric)}, {_set(part)}", lead, columns, rows, marked, words=3)


def group_sheets(comparison: Comparison, part: str) -> list[Sheet]:
    """Say in which group of subjects a run is better: a table for each measure."""
    return [sheet for metric in comparison.metrics if (sheet := _groups(comparison, part, metric)).rows]


def _groups(comparison: Comparison, part: str, metric: str) -> Sheet:
    tests = [t for t in comparison.groups if t.question.set == part and t.question.metric == metric]
    family = max((test.family for test in tests), default=0)
    columns = {
        "run": "",
        "structure": "",
        "finding": f"which group has better values, where p (Holm) is at most {LEVEL}",
        "first – second": "the two groups",
        "subjects": "with a value, in the first | second group",
        "medians": "of the first | of the second group",
        "chance": "how often a subject of the first group has a better value than one of the second: 0.5 means that the"
        " groups are alike",
        "p": "how often groups at least as unlike come up by chance when there is no difference (two-sided)",
        "p (Holm)": "the same, corrected for all tests of the table",
        "infinite": "how many of the values are infinite; they count as worse than all others",
        "undefined": "subjects that are left out, because they have no value",
    }
    rows = []
    for test in tests:
        rows.append([
            test.name, test.question.structure, test.finding, f"{test.first} – {test.second}",
            f"{test.first_count} | {test.second_count}",
            f"{_figure(test.first_median, metric)} | {_figure(test.second_median, metric)}", number(test.chance, 2),
            _p(test.p), _p(test.p_holm), str(test.infinite), str(test.undefined),
        ])  # fmt: skip
    for name in ("undefined", "infinite"):  # the last two columns, the last one first
        index = list(columns).index(name)
        if all(row[index] == "0" for row in rows):
            columns.pop(name)
            rows = [row[:index] + row[index + 1 :] for row in rows]
    lead = (
        f"The same run in groups of subjects, by their {comparison.column}. Mann-Whitney U test, two-sided; corrected"
        f" by Holm over the {family} tests of this set and measure. No test is made of groups so small that even the"
        f" clearest outcome has p > {LEVEL}."
    )
    marked = frozenset(index for index, test in enumerate(tests) if test.better)
    return Sheet(f"{short_name(metric)} by {comparison.column}, {_set(part)}", lead, columns, rows, marked, words=4)


def outlier_sheet(comparison: Comparison, part: str) -> Sheet:
    """Say which subjects of a set fall out of the row, each measure and structure by itself."""
    columns = {
        "structure": "",
        "measure": "",
        "subject": "",
        "outlier in": "number of runs and splits that the subject is an outlier of, of those that have a value of it",
        "worst": "the worst of these values",
        "infinite": "in how many of them the value is infinite: missed, or found where it is not",
        "runs": "which they are",
    }
    found = [each for each in comparison.recurring if each.question.set == part]
    rows = [
        [
            each.question.structure, short_name(each.question.metric), each.subject, f"{len(each.names)} of {each.of}",
            _figure(each.worst, each.question.metric), str(each.infinite), ", ".join(each.names),
        ]
        for each in found[:_MOST]
    ]  # fmt: skip
    lead = (
        "Worse than the worst quarter by more than 1.5 times the spread of the middle half (Tukey's fence, of the"
        " finite values of each run, split, structure and measure by itself). Infinite distances always count. A"
        " subject that is an outlier of many runs may have a wrong label."
    )
    more = f"and {len(found) - _MOST} more, in outliers.csv" if len(found) > _MOST else ""
    return Sheet(f"Outliers, {_set(part)}", lead, columns, rows, words=3, more=more)


def unpaired_sheet(comparison: Comparison) -> Sheet:
    """Say which subjects could not be paired."""
    by_pair: dict[tuple[str, str, str], dict[str, None]] = {}
    for each in comparison.unpaired:
        by_pair.setdefault((each.set, each.there, each.missing), {})[each.subject] = None
    rows = []
    for (part, there, missing), names in by_pair.items():
        listed = ", ".join([*names][:5]) + (" …" if len(names) > 5 else "")
        rows.append([part, there, missing, str(len(names)), listed])
    columns = {
        "set": "",
        "there in": "the one that has them",
        "missing in": "the one that has not",
        "subjects": "with at least one structure that the other lacks",
        "such as": "",
    }
    lead = "They take no part in the comparison of these two. All of them are in unpaired_subjects.csv."
    return Sheet("Subjects without a counterpart", lead, columns, rows, words=3)


def explained(sheets: Sequence[Sheet]) -> list[tuple[Sheet, dict[str, str]]]:
    """Give sheets that follow each other with the meanings of columns that none before has."""
    found: list[tuple[Sheet, dict[str, str]]] = []
    seen: set[str] = set()
    for sheet in sheets:
        found.append((sheet, {name: text for name, text in sheet.columns.items() if text and name not in seen}))
        seen |= sheet.columns.keys()
    return found


def told(names: Sequence[tuple[str, str]]) -> str:
    """Say which pairs have no subject in common."""
    if not names:
        return ""
    listed = ", ".join(f"{first} – {second}" for first, second in names[:6]) + (" …" if len(names) > 6 else "")
    count = f"{len(names)} pairs have" if len(names) > 1 else "1 pair has"
    return f"{count} no subject in common, and cannot be compared by subject: {listed}."


def _set(part: str) -> str:
    return f"{part} set" if part != "all" else "all subjects"


def _figure(value: float | None, metric: str, *, sign: bool = False) -> str:
    digits = 2 if metric.endswith("_mm") else 3
    text = number(value, digits)
    if value is not None and value < 0 and math.isinf(value):
        return "-∞"
    if not float(text.replace("∞", "inf").replace("–", "nan")):
        return text.removeprefix("-")  # what is rounded to nothing has no sign
    return f"+{text}" if sign and value is not None and value > 0 else text


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 0.0001:
        return "< 0.0001"
    return f"{value:.4f}" if value < 0.1 else f"{value:.2f}"
