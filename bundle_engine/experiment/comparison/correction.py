"""Probabilities of error when many tests are made: Holm's correction, and how small a sample can be."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["LEVEL", "PAIRS", "enough_in_groups", "holm"]

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


def enough_in_groups(first: int, second: int) -> bool:
    """Tell whether the clearest outcome of a rank test of two groups of these sizes would have p <= 0.05."""
    return min(first, second) > 0 and 2 / math.comb(first + second, first) <= LEVEL
