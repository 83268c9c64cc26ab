"""Probabilities of error when many tests are made: Holm's correction, and how small a sample can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from bundle_engine.experiment.comparison.groups import GroupTest
    from bundle_engine.experiment.comparison.paired import PairedTest

    Test = TypeVar("Test", GroupTest, PairedTest)

__all__ = ["LEVEL", "PAIRS", "corrected", "enough_in_groups", "holm"]

LEVEL = 0.05
PAIRS = 6
"""With five pairs even the clearest outcome has p = 2 / 2**5 > 0.05: a test of fewer than six says nothing."""


def holm(values: Sequence[float]) -> list[float]:
    """Correct p-values of a family of tests so that any false claim in all of it is as rare as in one test.

    The smallest is multiplied by the number of tests, the next by one less, and so on; none becomes smaller than the
    one before, or larger than 1 (Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6, 1979). It assumes nothing about how the tests depend on each other.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    corrected = [1.0] * len(values)
    so_far = 0.0
    for rank, index in enumerate(order):
        so_far = max(so_far, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = so_far
    return corrected


def corrected(tests: Sequence[Test]) -> list[Test]:
    """Correct tests by Holm, those of the same set and measure as one family."""
    families: dict[tuple[str, str], list[int]] = {}
    for index, test in enumerate(tests):
        if test.p is not None:
            families.setdefault((test.question.set, test.question.metric), []).append(index)
    found = list(tests)
    for members in families.values():
        values = holm([p for index in members if (p := tests[index].p) is not None])
        for index, value in zip(members, values, strict=True):
            found[index] = replace(tests[index], p_holm=value, family=len(members))
    return found


def enough_in_groups(first: int, second: int) -> bool:
    """Tell whether the clearest outcome of a rank test of two groups of these sizes would have p <= 0.05."""
    return min(first, second) > 0 and 2 / math.comb(first + second, first) <= LEVEL
