"""Whether a run is better for one group of subjects than for another, such as those of two hospitals: Mann-Whitney U.

Infinite values count as worse than all finite ones; undefined ones are left out, and counted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from bundle_engine.experiment.comparison.contestants import Question, Values
from bundle_engine.experiment.comparison.correction import LEVEL, corrected, enough_in_groups
from bundle_engine.experiment.comparison.measurements import larger_is_better

__all__ = ["GroupTest", "compare_groups"]


@dataclass(frozen=True)
class GroupTest:
    """One contestant in two groups of subjects.

    Attributes:
        question: set, structure and measure.
        name: name of the contestant.
        first: name of one group.
        second: name of the other group.
        first_count: number of subjects with a value in the first group.
        second_count: likewise in the second.
        undefined: subjects of both without a value.
        infinite: subjects of both with an infinite value.
        first_median: median of the first group.
        second_median: of the second.
        chance: how often a subject of the first group has a better value than one of the second, from 0 to 1; equal
            values count half.
        statistic: Mann and Whitney's U of the first group; None where no test was made.
        p: two-sided; None where no test was made.
        p_holm: corrected by Holm over the family.
        family: number of tests that it was corrected for: those of the same set and measure.
    """

    question: Question
    name: str
    first: str
    second: str
    first_count: int
    second_count: int
    undefined: int
    infinite: int
    first_median: float | None
    second_median: float | None
    chance: float | None
    statistic: float | None = None
    p: float | None = None
    p_holm: float | None = None
    family: int = 0

    @property
    def better(self) -> str:
        """The group that is shown to have better values; empty where none is."""
        if self.p_holm is None or self.p_holm > LEVEL or self.chance is None or self.chance == 0.5:
            return ""
        return self.first if self.chance > 0.5 else self.second

    @property
    def finding(self) -> str:
        """What the test says, in words."""
        if self.better:
            return f"{self.better} is better"
        return "no difference shown" if self.p is not None else "no test: too few subjects"


def compare_groups(
    values: Mapping[str, Mapping[Question, Values]], groups: Mapping[str, str]
) -> tuple[list[GroupTest], int]:
    """Compare each group of subjects with each other.

    Args:
        values: of each contestant, by its name.
        groups: of each subject that is in one.

    Returns:
        the tests, corrected per set and measure; and how many subjects are in no group.
    """
    tests: list[GroupTest] = []
    nowhere: set[str] = set()
    for name, of in values.items():
        for question, by_subject in of.items():
            members: dict[str, list[float | None]] = {}
            for subject, value in by_subject.items():
                if subject in groups:
                    members.setdefault(groups[subject], []).append(value)
                else:
                    nowhere.add(subject)
            for first, second in combinations(sorted(members), 2):
                tests.append(_test(question, name, (first, second), members[first], members[second]))
    return corrected(tests), len(nowhere)


def _test(
    question: Question,
    name: str,
    groups: tuple[str, str],
    first: Sequence[float | None],
    second: Sequence[float | None],
) -> GroupTest:
    one, other = ([value for value in values if value is not None] for values in (first, second))
    test = GroupTest(
        question=question,
        name=name,
        first=groups[0],
        second=groups[1],
        first_count=len(one),
        second_count=len(other),
        undefined=len(first) + len(second) - len(one) - len(other),
        infinite=sum(map(math.isinf, one)) + sum(map(math.isinf, other)),
        first_median=statistics.median(one) if one else None,
        second_median=statistics.median(other) if other else None,
        chance=None,
    )
    if not one or not other:
        return test
    from scipy import stats

    sign = 1 if larger_is_better(question.metric) else -1
    done = stats.mannwhitneyu([sign * x for x in one], [sign * x for x in other], alternative="two-sided")
    statistic = float(done.statistic)
    test = replace(test, chance=statistic / (len(one) * len(other)))
    if not enough_in_groups(len(one), len(other)):
        return test
    return replace(test, statistic=statistic, p=min(1.0, float(done.pvalue)) if len({*one, *other}) > 1 else 1.0)
