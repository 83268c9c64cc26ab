"""The figures of a classification against scikit-learn, and what cannot be said of a set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from bundle_engine.errors import InputError
from bundle_engine.evaluation import classification as ours
from bundle_engine.evaluation.verdicts import (
    Verdict,
    read_verdicts,
    summarize,
    write_figures,
    write_verdicts,
)


def two_classes(seed: int, size: int = 200, digits: int = 2):
    """Give probabilities of class 1, with ties, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.random(size) < 0.3
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1).round(digits)
    return scores, labels.astype(int)


def many_classes(seed: int, size: int = 300, classes: int = 4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size)
    logits = rng.normal(size=(size, classes)) + 1.5 * np.eye(classes)[labels]
    table = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return table, labels


@pytest.mark.parametrize("digits", [1, 2, 12])
@pytest.mark.parametrize("seed", range(4))
def test_curves_and_areas_are_those_of_scikit_learn(seed, digits):
    scores, labels = two_classes(seed, digits=digits)
    assert ours.area_under_roc(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    expected = metrics.average_precision_score(labels, scores)
    assert ours.average_precision(scores, labels) == pytest.approx(expected, abs=1e-12)
    x, y, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
    curve = ours.roc_curve(scores, labels)
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.y, y)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    curve = ours.recall_curve(scores, labels)
    kept = len(precision) - 1  # scikit-learn leaves the points behind full recall in, as we do
    np.testing.assert_allclose(curve.y[1:][::-1][-kept:], precision[:-1])
    np.testing.assert_allclose(curve.x[1:][::-1][-kept:], recall[:-1])


@pytest.mark.parametrize("seed", range(6))
def test_the_threshold_is_the_best_there_is(seed):
    scores, labels = two_classes(seed)
    threshold = ours.choose_threshold(scores, labels)
    benefits = [metrics.balanced_accuracy_score(labels, scores >= t) for t in [*np.unique(scores), 2]]
    assert metrics.balanced_accuracy_score(labels, scores >= threshold) == pytest.approx(max(benefits), abs=1e-12)


def test_the_threshold_lies_half_way_and_near_the_middle():
    assert ours.choose_threshold([0.1, 0.2, 0.6, 0.9], [0, 0, 1, 1]) == pytest.approx(0.4)
    assert ours.choose_threshold([0.1, 0.1], [1, 1]) is None
    # everything is wrong: nobody is positive, or everybody is; the first is nearer to 0.5 with these
    assert ours.choose_threshold([0.9, 0.1], [0, 1]) == pytest.approx(0.95)
    above = np.nextafter(0.5, 1)
    assert ours.choose_threshold([0.5, above], [0, 1]) == above


def test_rates_and_the_matrix_are_those_of_scikit_learn():
    scores, labels = two_classes(7)
    rates = ours.rates_of(scores >= 0.5, labels)
    matrix = metrics.confusion_matrix(labels, scores >= 0.5)
    assert matrix.ravel().tolist() == [
        rates.true_negatives,
        rates.false_positives,
        rates.false_negatives,
        rates.true_positives,
    ]
    assert rates.sensitivity == pytest.approx(metrics.recall_score(labels, scores >= 0.5))
    assert rates.specificity == pytest.approx(metrics.recall_score(1 - labels, scores < 0.5))
    assert rates.accuracy == pytest.approx(metrics.accuracy_score(labels, scores >= 0.5))
    table, truth = many_classes(1)
    predicted = ours.predictions_of(table)
    np.testing.assert_array_equal(
        ours.confusion_matrix(predicted, truth, 4), metrics.confusion_matrix(truth, predicted)
    )
    assert ours.predictions_of([[0.7, 0.3], [0.6, 0.4]], 0.35).tolist() == [0, 1]


def test_calibration_is_that_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    scores, labels = two_classes(3, size=500)
    scores = np.clip(scores + 0.003, 0, 1)  # off the borders of the bins, which belong to another side there
    bins = ours.reliability(scores, labels)
    frequency, confidence = calibration_curve(labels, scores, n_bins=10)
    filled = [each for each in bins if each.size]
    assert [each.frequency for each in filled] == pytest.approx(frequency.tolist())
    assert [each.confidence for each in filled] == pytest.approx(confidence.tolist())
    by_hand = sum(each.size * abs(each.frequency - each.confidence) for each in filled) / 500
    assert ours.calibration_error(bins) == pytest.approx(by_hand)
    both = np.stack([1 - scores, scores], axis=1)
    assert ours.brier_score(both, labels) == pytest.approx(metrics.brier_score_loss(labels, scores))
    table, truth = many_classes(2)
    assert ours.brier_score(table, truth) == pytest.approx(np.mean(np.sum((table - np.eye(4)[truth]) ** 2, axis=1)))


def test_the_borders_of_bins():
    bins = ours.reliability([0.0, 0.1, 0.1000001, 1.0], [0, 0, 1, 1])
    assert [each.size for each in bins] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert bins[2].confidence is None
    assert ours.calibration_error(ours.reliability([], [])) is None


def test_perfect_calibration_has_no_error():
    assert ours.calibration_error(ours.reliability([0.25] * 4, [1, 0, 0, 0])) == 0


@pytest.mark.parametrize(
    ("table", "labels", "message"),
    [
        pytest.param([[0.5], [0.5]], [0, 0], "a column per class, of two or more", id="one-column"),
        pytest.param([], [], "a row per subject", id="nobody"),
        pytest.param([[0.5, 0.5]], [0, 1], "1 rows of probabilities and 2 labels", id="lengths"),
        pytest.param([[-3.0, 4.0]], [0], "outside of 0 to 1", id="logits"),
        pytest.param([[np.nan, 0.5]], [0], "outside of 0 to 1", id="nan"),
        pytest.param([[0.9, 0.9]], [0], "do not add up to 1", id="sum"),
        pytest.param([[0.5, 0.5]], [2], "the label 2 is none of the 2 classes", id="label"),
        pytest.param([[0.5, 0.5]], [-1], "the label -1 is none", id="negative"),
    ],
)
def test_what_are_no_probabilities(table, labels, message):
    with pytest.raises(InputError, match=message):
        ours.check_probabilities(table, labels)


# ---- tables and summaries ----


def verdicts_of(table, labels, classes, threshold=None):
    predicted = ours.predictions_of(table, threshold)
    return [
        Verdict(f"s{i}", classes[label], classes[said], tuple(map(float, row)), f"s{i}.png")
        for i, (row, label, said) in enumerate(zip(table, labels, predicted, strict=True))
    ]


def test_two_classes_are_summed_up(tmp_path: Path) -> None:
    scores, labels = two_classes(11)
    table = np.stack([1 - scores, scores], axis=1)
    verdicts = verdicts_of(table, labels, ["normal", "pneumonia"], 0.45)
    found = {(each.metric, each.of): each.value for each in summarize(verdicts, ["normal", "pneumonia"], 0.45)}
    assert found["AUC", "pneumonia"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert found["AveragePrecision", "pneumonia"] == pytest.approx(metrics.average_precision_score(labels, scores))
    assert found["Accuracy", "all"] == pytest.approx(metrics.accuracy_score(labels, scores >= 0.45))
    assert found["Sensitivity", "pneumonia"] == pytest.approx(metrics.recall_score(labels, scores >= 0.45))
    assert found["Brier", "all"] == pytest.approx(metrics.brier_score_loss(labels, scores))
    assert found["Threshold", "pneumonia"] == 0.45
    assert ("AUC", "normal") not in found


def test_many_classes_are_summed_up() -> None:
    table, labels = many_classes(5)
    classes = ["a", "b", "c", "d"]
    found = {
        (each.metric, each.of): each.value for each in summarize(verdicts_of(table, labels, classes), classes, None)
    }
    assert found["AUC", "all"] == pytest.approx(metrics.roc_auc_score(labels, table, multi_class="ovr"))
    recalls = metrics.recall_score(labels, table.argmax(axis=1), average=None)
    assert [found["Sensitivity", name] for name in classes] == pytest.approx(recalls.tolist())
    assert all(metric != "Threshold" for metric, _ in found)


def test_one_class_leaves_open_what_cannot_be_said(tmp_path: Path) -> None:
    verdicts = verdicts_of([[0.2, 0.8], [0.6, 0.4]], [1, 1], ["no", "yes"])
    figures = summarize(verdicts, ["no", "yes"], None)
    found = {each.metric: each.value for each in figures}
    assert (found["AUC"], found["Specificity"]) == (None, None)
    assert (found["Accuracy"], found["Sensitivity"], found["AveragePrecision"]) == (0.5, 0.5, 1.0)
    write_figures(tmp_path / "a.csv", figures)
    assert "AUC,yes,,2\n" in (tmp_path / "a.csv").read_text()
    assert "Specificity,yes,,0\n" in (tmp_path / "a.csv").read_text()


def test_a_class_that_nobody_has_does_not_spoil_the_mean() -> None:
    table, labels = many_classes(6)
    kept = labels != 3
    found = summarize(verdicts_of(table[kept], labels[kept], list("abcd")), list("abcd"), None)
    areas = {each.of: each.value for each in found if each.metric == "AUC"}
    assert areas["d"] is None
    assert areas["all"] == pytest.approx(np.mean([areas[name] for name in "abc"]))


def test_the_table_is_read_back(tmp_path: Path) -> None:
    table, labels = many_classes(8, size=20)
    classes = ["a", "b,c", "d", "ü"]
    verdicts = verdicts_of(table, labels, classes)
    write_verdicts(tmp_path / "metrics.csv", verdicts, classes)
    read, names = read_verdicts(tmp_path / "metrics.csv")
    assert names == classes
    assert [each._replace(probabilities=()) for each in read] == [each._replace(probabilities=()) for each in verdicts]
    np.testing.assert_allclose([v.probabilities for v in read], [v.probabilities for v in verdicts], atol=1e-6)


HEAD = "Subject,Label,Prediction,Correct,Probability_a,Probability_b,Image\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("Subject,Label,Prediction\n", "has no columns Probability_", id="no-classes"),
        pytest.param(
            HEAD + "s,a,c,0,0.5,0.5,\n", "'c' in the column 'Prediction' is no class; there are a, b", id="class"
        ),
        pytest.param(HEAD + "s,a,b,0,1.5,0.5,\n", "is no number between 0 and 1", id="range"),
        pytest.param(HEAD + "s,a,b,0,nan,0.5,\n", "is no number between 0 and 1", id="nan"),
        pytest.param(HEAD + 2 * "s,a,b,0,0.5,0.5,\n", "'s' is there twice", id="twice"),
    ],
)
def test_a_damaged_table_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_verdicts(tmp_path / "metrics.csv")
