"""How well images are put into classes: areas under curves, rates at a threshold, calibration.

Everything works on probabilities and numbers of classes, so that it can be computed again from ``metrics.csv``. What
cannot be said of a set, such as the area under a curve where all subjects are of one class, is None.

==================  ==================================================================================================
AUC                 area under the ROC curve: how often a positive has a higher probability than a negative, ties half
                    (Hanley & McNeil, Radiology 143(1), 1982)
AveragePrecision    area under the precision-recall curve as a sum of steps, without interpolation
threshold           a subject is positive from this probability on. The one chosen maximises sensitivity + specificity
                    - 1 (Youden, Cancer 3(1), 1950), half way between two probabilities; of several the nearest to 0.5
ECE                 expected calibration error: how far confidence and accuracy lie apart, in 10 bins of equal width,
                    weighted by their subjects (Guo et al., ICML 2017)
Brier               mean of the squared difference between probability and truth (0 or 1); with more than two classes
                    the sum over the classes (Brier, Monthly Weather Review 78(1), 1950)
==================  ==================================================================================================

With two classes, class 1 is the positive one. With more, curves are of each class against all others, and their mean
leaves out those that cannot be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "Bin",
    "Curve",
    "Rates",
    "area_under_roc",
    "average_precision",
    "brier_score",
    "calibration_error",
    "check_probabilities",
    "choose_threshold",
    "confusion_matrix",
    "predictions_of",
    "rates_of",
    "recall_curve",
    "reliability",
    "roc_curve",
]

BINS = 10


class Curve(NamedTuple):
    """A curve over all thresholds.

    Attributes:
        x: false positive rate, or recall.
        y: true positive rate, or precision.
        thresholds: the probability from which on a subject is positive at each point; infinite where none is.
    """

    x: Array
    y: Array
    thresholds: Array


class Rates(NamedTuple):
    """What comes of a decision between two classes, or for one class against all others.

    Attributes:
        accuracy: part of the subjects that are decided rightly.
        sensitivity: part of the positives that are found; None where there are none.
        specificity: part of the negatives that are left alone; None where there are none.
        true_positives: number of positives that are found.
        false_positives: number of negatives that are taken for positive.
        true_negatives: number of negatives that are left alone.
        false_negatives: number of positives that are missed.
    """

    accuracy: float
    sensitivity: float | None
    specificity: float | None
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


class Bin(NamedTuple):
    """The subjects whose probability lies in one range.

    Attributes:
        lower: where the range begins.
        upper: where it ends; this value belongs to it.
        size: number of subjects.
        confidence: mean of their probabilities; None without subjects.
        frequency: part of them that is as predicted; likewise.
    """

    lower: float
    upper: float
    size: int
    confidence: float | None
    frequency: float | None


def check_probabilities(probabilities: Any, labels: Any) -> tuple[Array, NDArray[np.int64]]:
    """Give probabilities and labels as arrays that fit.

    Args:
        probabilities: a row per subject, a column per class.
        labels: number of the class of each subject.

    Raises:
        InputError: when there are no subjects, fewer than two classes, no probabilities, or labels outside the classes.
    """
    import numpy as np

    table, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if table.ndim != 2 or table.shape[1] < 2 or not len(table):
        raise InputError(f"expected are a row per subject and a column per class, of two or more; not {table.shape}")
    if truth.shape != table.shape[:1]:
        raise InputError(f"there are {len(table)} rows of probabilities and {truth.size} labels")
    if not np.isfinite(table).all() or table.min() < -1e-6 or table.max() > 1 + 1e-6:
        raise InputError("a probability lies outside of 0 to 1", hint="apply softmax or sigmoid after the network")
    if np.abs(table.sum(axis=1) - 1).max() > 1e-3:
        raise InputError("the probabilities of a subject do not add up to 1", hint="apply softmax after the network")
    if truth.min() < 0 or truth.max() >= table.shape[1]:
        wrong = int(truth.min() if truth.min() < 0 else truth.max())
        raise InputError(f"the label {wrong} is none of the {table.shape[1]} classes, which count from 0")
    return table, truth


def roc_curve(scores: Any, positive: Any) -> Curve | None:
    """Give the ROC curve; None where all subjects are of one class.

    Args:
        scores: probability of each subject to be positive.
        positive: whether it is.
    """
    import numpy as np

    hits, false, thresholds = _counts(scores, positive)
    if not hits[-1] or not false[-1]:
        return None
    return Curve(
        np.concatenate([[0.0], false / false[-1]]),
        np.concatenate([[0.0], hits / hits[-1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def area_under_roc(scores: Any, positive: Any) -> float | None:
    """Give the area under the ROC curve; None where all subjects are of one class."""
    import numpy as np

    curve = roc_curve(scores, positive)
    return None if curve is None else float(np.sum(np.diff(curve.x) * (curve.y[1:] + curve.y[:-1]) / 2))


def recall_curve(scores: Any, positive: Any) -> Curve | None:
    """Give recall (x) and precision (y); None where no subject is positive."""
    import numpy as np

    hits, false, thresholds = _counts(scores, positive)
    if not hits[-1]:
        return None
    precision, recall = hits / (hits + false), hits / hits[-1]
    return Curve(
        np.concatenate([[0.0], recall]), np.concatenate([[1.0], precision]), np.concatenate([[np.inf], thresholds])
    )


def average_precision(scores: Any, positive: Any) -> float | None:
    """Give the area under the precision-recall curve as a sum of steps; None where no subject is positive."""
    import numpy as np

    curve = recall_curve(scores, positive)
    return None if curve is None else float(np.sum(np.diff(curve.x) * curve.y[1:]))


def choose_threshold(scores: Any, positive: Any) -> float | None:
    """Choose the threshold with the largest sensitivity + specificity; None where all subjects are of one class."""
    import numpy as np

    curve = roc_curve(scores, positive)
    if curve is None:
        return None
    benefit = curve.y - curve.x
    best = np.flatnonzero(benefit >= benefit.max() - 1e-12)
    ends = np.concatenate([curve.thresholds, [0.0]])
    upper = np.minimum(ends[best], 1.0)
    middle = (upper + ends[best + 1]) / 2
    # so near to each other that there is nothing between them: then the probability itself
    middle = np.where(middle > ends[best + 1], middle, upper)
    return float(middle[np.argmin(np.abs(middle - 0.5))])


def rates_of(predicted: Any, positive: Any) -> Rates:
    """Count what is decided rightly and wrongly.

    Args:
        predicted: whether each subject is taken for positive.
        positive: whether it is.
    """
    import numpy as np

    said, real = np.asarray(predicted, dtype=bool), np.asarray(positive, dtype=bool)
    cells = [int(np.count_nonzero(cell)) for cell in (said & real, said & ~real, ~said & ~real, ~said & real)]
    hits, false, left, missed = cells
    return Rates(
        (hits + left) / max(1, said.size),
        hits / (hits + missed) if hits + missed else None,
        left / (left + false) if left + false else None,
        *cells,
    )


def predictions_of(probabilities: Any, threshold: float | None = None) -> NDArray[np.int64]:
    """Decide for a class: the likeliest one, or with two classes class 1 from a threshold on."""
    import numpy as np

    table = np.asarray(probabilities)
    if threshold is not None and table.shape[1] == 2:
        return np.asarray(table[:, 1] >= threshold, dtype=np.int64)
    return np.asarray(table.argmax(axis=1), dtype=np.int64)


def confusion_matrix(predicted: Any, labels: Any, classes: int) -> NDArray[np.int64]:
    """Count the subjects by their true class (rows) and the predicted one (columns)."""
    import numpy as np

    pairs = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def reliability(confidence: Any, right: Any, bins: int = BINS) -> list[Bin]:
    """Put subjects into bins of equal width by their probability, and see how often it comes true.

    Args:
        confidence: the probability of each subject.
        right: whether it came true.
        bins: number of bins between 0 and 1; a value on the border belongs to the lower one.
    """
    import numpy as np

    values, truth = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    edges = np.linspace(0, 1, bins + 1)
    numbers = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, bins - 1)
    found: list[Bin] = []
    for number in range(bins):
        inside = numbers == number
        count = int(np.count_nonzero(inside))
        means = (float(values[inside].mean()), float(truth[inside].mean())) if count else (None, None)
        found.append(Bin(float(edges[number]), float(edges[number + 1]), count, *means))
    return found


def calibration_error(bins: list[Bin]) -> float | None:
    """Give the expected calibration error of what `reliability` found; None without subjects."""
    total = sum(each.size for each in bins)
    gaps = (
        each.size * abs(each.confidence - each.frequency)
        for each in bins
        if each.confidence is not None and each.frequency is not None
    )
    return sum(gaps) / total if total else None


def brier_score(probabilities: Any, labels: Any) -> float:
    """Give the Brier score; with two classes that of class 1, with more the sum over the classes."""
    import numpy as np

    table, truth = check_probabilities(probabilities, labels)
    squares = (table - np.eye(table.shape[1])[truth]) ** 2
    return float(squares[:, 1].mean() if table.shape[1] == 2 else squares.sum(axis=1).mean())


def _counts(scores: Any, positive: Any) -> tuple[Array, Array, Array]:
    """Count the positives and negatives from each different score on, from the highest down."""
    import numpy as np

    values, real = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    if values.shape != real.shape or not values.size:
        raise InputError(f"there are {values.size} probabilities and {real.size} labels")
    order = np.argsort(-values, kind="stable")
    values, real = values[order], real[order]
    last = np.append(np.flatnonzero(np.diff(values)), values.size - 1)  # of the subjects with one score
    return np.cumsum(real)[last].astype(float), np.cumsum(~real)[last].astype(float), values[last]
