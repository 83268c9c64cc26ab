"""What the measures of many subjects amount to: means and spreads per structure, and who falls out of the row."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bundle_engine.evaluation.segmentation import Agreement
from bundle_engine.evaluation.tables import MEASURES, AggregateRow, StructureRow, measure_of

__all__ = ["DISTANCES", "Outlier", "aggregate", "fallen_out", "outliers", "values_of"]

DISTANCES = ("HausdorffDistance_mm", "MeanDistance_mm", "HD95_mm")
_FENCE = 1.5  # times the distance between the quartiles


class Outlier(NamedTuple):
    """A value that is much worse than those of the other subjects.

    Attributes:
        subject: whose it is.
        structure: of which structure.
        metric: name of the measure.
        value: its value; infinite for a structure that was missed, or found where it is not.
        fence: the value from which on it counts as an outlier; None where there are too few subjects for one.
    """

    subject: str
    structure: str
    metric: str
    value: float
    fence: float | None


def values_of(rows: Iterable[StructureRow], structure: str, metric: str) -> list[float | None]:
    """Give the values of a measure of a structure, a subject each; None where it is undefined."""
    return [measure_of(row.agreement, metric) for row in rows if row.structure == structure]


def aggregate(rows: Sequence[StructureRow]) -> list[AggregateRow]:
    """Sum the measures of all subjects up, per structure.

    Mean, standard deviation, median, minimum and maximum are those of the finite values; how many values are infinite
    or undefined stands beside them, so that nobody takes the mean for that of all subjects.
    """
    found: list[AggregateRow] = []
    for structure in dict.fromkeys(row.structure for row in rows):
        agreements = [row.agreement for row in rows if row.structure == structure]
        found += [_aggregate(structure, metric, agreements) for metric in MEASURES]
    return found


def outliers(rows: Sequence[StructureRow], metrics: Sequence[str] = ("Dice", *DISTANCES)) -> list[Outlier]:
    """Find the values that are worse than Tukey's fence: 1.5 times the distance between the quartiles beyond them.

    Infinite distances always count. With fewer than four finite values there is no fence.

    Returns:
        the outliers by structure and measure, the worst first.
    """
    found: list[Outlier] = []
    for structure in dict.fromkeys(row.structure for row in rows):
        for metric in metrics:
            named = [(row.subject, measure_of(row.agreement, metric)) for row in rows if row.structure == structure]
            found += [
                Outlier(subject, structure, metric, value, fence)
                for subject, value, fence in fallen_out(named, larger_is_better=metric == "Dice")
            ]
    return found


def fallen_out(
    named: Sequence[tuple[str, float | None]], *, larger_is_better: bool
) -> list[tuple[str, float, float | None]]:
    """Find the values of one measure that are worse than Tukey's fence; infinite ones always are.

    Args:
        named: subjects with their values; None where a value is undefined.
        larger_is_better: which end is the bad one.

    Returns:
        subject, value and fence of each, the worst first; no fence with fewer than four finite values.
    """
    better = 1 if larger_is_better else -1  # times the value: larger is better
    fence = _fence([better * value for _, value in named if value is not None and math.isfinite(value)])
    worse = [
        (subject, value, None if fence is None else better * fence)
        for subject, value in named
        if value is not None and (math.isinf(value) or (fence is not None and better * value < fence))
    ]
    return sorted(worse, key=lambda each: (better * each[1], each[0]))


def _fence(values: Sequence[float]) -> float | None:
    if len(values) < 4:
        return None
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower - _FENCE * (upper - lower)


def _aggregate(structure: str, metric: str, agreements: Sequence[Agreement]) -> AggregateRow:
    values = [measure_of(agreement, metric) for agreement in agreements]
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return AggregateRow(
        structure=structure,
        metric=metric,
        count=len(finite),
        mean=statistics.fmean(finite) if finite else None,
        std=statistics.stdev(finite) if len(finite) > 1 else None,
        median=statistics.median(finite) if finite else None,
        min=min(finite, default=None),
        max=max(finite, default=None),
        infinite=sum(value is not None and math.isinf(value) for value in values),
        undefined=values.count(None),
        both_empty=sum(agreement.both_empty for agreement in agreements),
    )
