"""Which of two is better, subject by subject: wins, and Wilcoxon's signed-rank test.

A test sees the difference of both values of each subject. How infinite and undefined values are treated:

============================  =========================================================================================
one infinite, one finite      the finite one wins; the difference counts as larger than all finite ones
both infinite                 equal
one or both undefined         the subject is left out, and counted
equal (to nine decimals)      counted, and left out of the test, as Wilcoxon did
============================  =========================================================================================
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from bundle_engine.experiment.comparison.contestants import Question, Values
from bundle_engine.experiment.comparison.correction import LEVEL, PAIRS, corrected
from bundle_engine.experiment.comparison.measurements import larger_is_better

__all__ = ["PairedTest", "Unpaired", "compare_pairs", "differences", "matched"]

_DECIMALS = 9  # what two means of the same numbers may differ by is no difference


@dataclass(frozen=True)
class PairedTest:
    """Two contestants on the same subjects.

    Attributes:
        question: set, structure and measure.
        first: name of one contestant.
        second: name of the other.
        pairs: number of subjects with a value of both.
        only_first: subjects that only the first has.
        only_second: subjects that only the second has.
        undefined: subjects that both have, without a value of one of them.
        infinite_first: how many of the pairs have an infinite value of the first.
        infinite_second: likewise of the second.
        first_wins: in how many pairs the first is better.
        second_wins: in how many the second is.
        ties: in how many they are equal.
        first_median: median over the pairs.
        second_median: likewise.
        difference: median of first minus second over the pairs.
        effect: rank-biserial correlation, from -1 to 1: the ranks of the differences where the first is better, less
            those where the second is, by all of them; None without a difference.
        statistic: Wilcoxon's W, the smaller of both sums of ranks; None where no test was made.
        p: two-sided; None where no test was made.
        p_holm: corrected by Holm over the family.
        family: number of tests that it was corrected for: those of the same set and measure.
    """

    question: Question
    first: str
    second: str
    pairs: int
    only_first: int
    only_second: int
    undefined: int
    infinite_first: int
    infinite_second: int
    first_wins: int
    second_wins: int
    ties: int
    first_median: float | None
    second_median: float | None
    difference: float | None
    effect: float | None
    statistic: float | None = None
    p: float | None = None
    p_holm: float | None = None
    family: int = 0

    @property
    def ahead(self) -> str:
        """The one with the larger sum of ranks; empty when both are equal. By itself that proves nothing."""
        if not self.effect:
            return ""
        return self.first if self.effect > 0 else self.second

    @property
    def better(self) -> str:
        """The one that is shown to be better; empty where none is."""
        return self.ahead if self.p_holm is not None and self.p_holm <= LEVEL else ""

    @property
    def finding(self) -> str:
        """What the test says, in words."""
        if self.better:
            return f"{self.better} is better"
        if self.p is not None:
            return "no difference shown"
        if self.pairs < PAIRS:
            return f"no test: {self.pairs} pairs, fewer than {PAIRS}"
        return f"no test: {self.pairs - self.ties} pairs that differ, fewer than {PAIRS}"


@dataclass(frozen=True)
class Unpaired:
    """A subject that one of two contestants does not have.

    Attributes:
        set: the set.
        structure: the structure.
        subject: its name.
        there: the contestant that has it.
        missing: the one that has not.
    """

    set: str
    structure: str
    subject: str
    there: str
    missing: str


def differences(pairs: Sequence[tuple[float, float]], *, larger_is_better: bool) -> list[float]:
    """Give by how much the first value of each pair is better; infinite where only one of the two is infinite."""
    sign = 1 if larger_is_better else -1
    return [0.0 if first == second else round(sign * (first - second), _DECIMALS) for first, second in pairs]


def matched(first: Values, second: Values) -> dict[str, tuple[float, float]]:
    """Give the subjects with a value of both, in the order of their names."""
    found: dict[str, tuple[float, float]] = {}
    for subject in sorted(first.keys() & second.keys()):
        one, other = first[subject], second[subject]
        if one is not None and other is not None:
            found[subject] = (one, other)
    return found


def compare_pairs(values: Mapping[str, Mapping[Question, Values]]) -> tuple[list[PairedTest], list[Unpaired]]:
    """Compare each contestant with each other, on every question that both have subjects in common for.

    Args:
        values: of each contestant, by its name.

    Returns:
        the tests, corrected per set and measure; and the subjects that only one of two has.
    """
    tests: list[PairedTest] = []
    unpaired: dict[Unpaired, None] = {}
    for first, second in combinations(values, 2):
        for question in values[first]:
            one, other = values[first][question], values[second].get(question)
            if other is None or not one.keys() & other.keys():
                continue
            tests.append(_test(question, (first, second), one, other))
            both = (question.set, question.structure)
            unpaired |= {Unpaired(*both, name, first, second): None for name in sorted(one.keys() - other.keys())}
            unpaired |= {Unpaired(*both, name, second, first): None for name in sorted(other.keys() - one.keys())}
    return corrected(tests), list(unpaired)


def _test(question: Question, names: tuple[str, str], first: Values, second: Values) -> PairedTest:
    pairs = list(matched(first, second).values())
    better = differences(pairs, larger_is_better=larger_is_better(question.metric))
    statistic = p = None
    effect = None
    unequal = _finite([each for each in better if each])
    if unequal:
        effect, statistic, p = _signed_ranks(unequal)
    if len(unequal) < PAIRS:
        statistic = p = None
    return PairedTest(
        question=question,
        first=names[0],
        second=names[1],
        pairs=len(pairs),
        only_first=len(first.keys() - second.keys()),
        only_second=len(second.keys() - first.keys()),
        undefined=len(first.keys() & second.keys()) - len(pairs),
        infinite_first=sum(math.isinf(one) for one, _ in pairs),
        infinite_second=sum(math.isinf(other) for _, other in pairs),
        first_wins=sum(each > 0 for each in better),
        second_wins=sum(each < 0 for each in better),
        ties=better.count(0.0),
        first_median=_median([one for one, _ in pairs]),
        second_median=_median([other for _, other in pairs]),
        difference=_median([0.0 if one == other else one - other for one, other in pairs]),
        effect=effect,
        statistic=statistic,
        p=p,
    )


def _signed_ranks(unequal: Sequence[float]) -> tuple[float, float, float]:
    """Give the rank-biserial correlation, Wilcoxon's W and its two-sided p."""
    from scipy import stats

    ranks = stats.rankdata([abs(each) for each in unequal])
    up = float(sum(rank for rank, each in zip(ranks, unequal, strict=True) if each > 0))
    down = float(sum(ranks)) - up
    done = stats.wilcoxon(unequal, zero_method="wilcox", alternative="two-sided")
    return (up - down) / (up + down), float(done.statistic), float(done.pvalue)


def _finite(values: Sequence[float]) -> list[float]:
    """Put a difference in the place of infinite ones that is larger than all others, and the same for all of them."""
    largest = max((abs(each) for each in values if math.isfinite(each)), default=0.0)
    return [math.copysign(2 * largest + 1, each) if math.isinf(each) else each for each in values]


def _median(values: Sequence[float]) -> float | None:
    """Give the median, which is infinite when half of the values are; None of none, or of inf and -inf."""
    if not values:
        return None
    middle = statistics.median(values)
    return None if math.isnan(middle) else middle
