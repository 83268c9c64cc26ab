"""Paired tests are scipy's on the pairs that they should be made of; wins, directions and corrections by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bundle_engine.evaluation.tables import measure_of
from bundle_engine.experiment.comparison.contestants import Question
from bundle_engine.experiment.comparison.correction import enough_in_groups, holm
from bundle_engine.experiment.comparison.groups import compare_groups
from bundle_engine.experiment.comparison.paired import compare_pairs

DICE = Question("test", "anterior", "Dice")
DISTANCE = Question("test", "anterior", "HausdorffDistance_mm")


def named(values):
    return {f"s{index:02}": value for index, value in enumerate(values)}


def one(first, second, question=DICE):
    (test,), unpaired = compare_pairs({"a": {question: named(first)}, "b": {question: named(second)}})
    return test, unpaired


def test_six_pairs_by_hand() -> None:
    # all six differences are for a: p = 2 / 2**6
    test, unpaired = one([0.91, 0.82, 0.83, 0.94, 0.75, 0.86], [0.90, 0.80, 0.80, 0.90, 0.70, 0.80])
    assert (test.pairs, test.first_wins, test.second_wins, test.ties, unpaired) == (6, 6, 0, 0, [])
    assert (test.statistic, test.effect, test.ahead, test.better) == (0, 1, "a", "a")
    assert test.p == test.p_holm == pytest.approx(1 / 32)
    assert test.difference == pytest.approx(0.035)
    assert test.finding == "a is better"


def test_ranks_by_hand() -> None:
    # differences times 100: 1 2 3 -4 5 6 7: rank sums 24 and 4, so that (24 - 4) / 28 are for a
    test, _ = one([0.51, 0.52, 0.53, 0.50, 0.55, 0.56, 0.57], [0.50, 0.50, 0.50, 0.54, 0.50, 0.50, 0.50])
    assert (test.first_wins, test.second_wins, test.statistic) == (6, 1, 4)
    assert test.effect == pytest.approx(20 / 28)
    assert test.p == pytest.approx(2 * 7 / 2**7)  # of 128 signs 7 have a sum of at most 4: {} 1 2 3 4 12 13
    assert (test.ahead, test.better, test.finding) == ("a", "", "no difference shown")


@pytest.mark.parametrize("metric", ["Dice", "HausdorffDistance_mm", "MeanDistance_mm", "HD95_mm"])
@pytest.mark.parametrize("structure", ["anterior", "posterior"])
@pytest.mark.parametrize(("first", "second"), [("good", "bad"), ("good", "alike"), ("alike", "bad")])
def test_the_tests_of_real_labels_are_those_of_scipy(models, metric, structure, first, second) -> None:
    question = Question("test", structure, metric)
    values = {
        name: {question: {r.subject: measure_of(r.agreement, metric) for r in rows if r.structure == structure}}
        for name, rows in models.items()
    }
    found = {(test.first, test.second): test for test in compare_pairs(values)[0]}
    test = found[first, second]
    pairs = [(values[first][question][s], values[second][question][s]) for s in values[first][question]]
    differences = np.array([min(a, 1e6) - min(b, 1e6) for a, b in pairs])  # infinite: the largest, and the same
    differences = np.round(differences, 9)
    expected = stats.wilcoxon(differences[differences != 0])
    assert (test.p, test.statistic) == pytest.approx((expected.pvalue, expected.statistic))
    sign = 1 if metric == "Dice" else -1
    ranks = stats.rankdata(abs(differences[differences != 0]))
    assert test.effect == pytest.approx((ranks * np.sign(sign * differences[differences != 0])).sum() / ranks.sum())
    assert test.first_wins == (sign * differences > 0).sum()
    assert test.second_wins == (sign * differences < 0).sum()
    assert test.pairs == len(pairs) == test.first_wins + test.second_wins + test.ties
    if "bad" in (first, second):
        assert test.better == ({first, second} - {"bad"}).pop()
    else:
        assert not test.better
    family = [each.p for each in found.values()]
    assert test.family == len(family)
    assert test.p_holm == pytest.approx(holm(family)[list(found).index((first, second))])


def test_the_direction_turns_round_with_the_measure() -> None:
    low, high = [1.0, 2, 3, 4, 5, 6], [2.0, 4, 6, 8, 10, 12]
    assert one(low, high, DISTANCE)[0].better == "a"
    assert one(high, low, DISTANCE)[0].better == "b"
    assert one(low, high, DISTANCE)[0].difference == -3.5


@pytest.mark.parametrize("pairs", [0, 1, 5])
def test_fewer_than_six_pairs_are_no_test(pairs) -> None:
    first = {f"s{i}": 0.9 if i < pairs else None for i in range(5)}
    second = {f"s{i}": 0.1 * i for i in range(5)}
    (test,), _ = compare_pairs({"a": {DICE: first}, "b": {DICE: second}})
    assert (test.pairs, test.undefined, test.p, test.p_holm, test.statistic, test.family) == (
        pairs, 5 - pairs, None, None, None, 0,
    )  # fmt: skip
    assert test.finding == f"no test: {pairs} pairs, fewer than 6"
    assert test.first_wins == pairs


def test_equal_pairs_are_counted_and_do_not_help() -> None:
    test, _ = one([0.5] * 20 + [0.6] * 5, [0.5] * 20 + [0.1 + 0.4] * 5)
    assert (test.pairs, test.ties, test.first_wins, test.p) == (25, 20, 5, None)
    assert test.finding == "no test: 5 pairs that differ, fewer than 6"
    same, _ = one([0.3] * 8, [0.1 + 0.2] * 8)  # which differ by 4e-17
    assert (same.ties, same.effect, same.ahead, same.p) == (8, None, "", None)


def test_infinite_values_are_the_worst_and_equal_to_each_other() -> None:
    first = [1.0, 1, 1, 1, 1, 1, math.inf, math.inf]
    second = [1.5, 2, 3, 4, 5, math.inf, math.inf, 9]
    test, _ = one(first, second, DISTANCE)
    assert (test.pairs, test.first_wins, test.second_wins, test.ties) == (8, 6, 1, 1)
    assert (test.infinite_first, test.infinite_second) == (2, 2)
    # ranks: 1 2 3 4 5 for a; the two infinite differences share 6 and 7, one for each
    assert test.statistic == 6.5
    assert test.effect == pytest.approx((21.5 - 6.5) / 28)
    assert test.p == pytest.approx(stats.wilcoxon([0.5, 1, 2, 3, 4, 99, -99]).pvalue)
    assert (test.first_median, test.second_median, test.difference) == (1, 4.5, -1.5)


def test_medians_that_do_not_exist() -> None:
    test, _ = one([math.inf, 1.0], [1.0, math.inf], DISTANCE)
    assert test.difference is None
    assert test.first_median == math.inf


def test_unpaired_subjects_are_named_and_pairs_without_any_are_left_out() -> None:
    first, second = {DICE: {"x": 0.5, "y": 0.6}}, {DICE: {"y": 0.7, "z": 0.8}}
    (test,), unpaired = compare_pairs({"a": first, "b": second, "c": {DICE: {"w": 1.0}}})
    assert (test.first, test.second, test.pairs, test.only_first, test.only_second) == ("a", "b", 1, 1, 1)
    assert [(each.subject, each.there, each.missing) for each in unpaired] == [("x", "a", "b"), ("z", "b", "a")]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert holm([]) == []


def test_holm_is_never_smaller_than_what_it_corrects_nor_larger_than_bonferroni() -> None:
    values = np.random.default_rng(0).random(50) ** 3
    corrected = holm(list(values))
    assert all(p <= c <= min(1, 50 * p) + 1e-12 for p, c in zip(values, corrected, strict=True))
    order = np.argsort(values)
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_families_are_those_of_a_set_and_a_measure() -> None:
    rng = np.random.default_rng(1)
    questions = [Question(part, s, m) for part in ("val", "test") for s in ("a", "b") for m in ("Dice", "HD95_mm")]
    values = {name: {q: named(rng.random(9)) for q in questions} for name in ("x", "y", "z")}
    assert {test.family for test in compare_pairs(values)[0]} == {6}


@pytest.mark.parametrize(
    ("sizes", "enough"),
    [
        ((3, 3), False),
        ((4, 4), True),
        ((3, 5), True),
        ((2, 7), False),
        ((2, 8), True),
        ((1, 38), False),
        ((0, 9), False),
    ],
)
def test_groups_that_can_show_a_difference(sizes, enough) -> None:
    assert enough_in_groups(*sizes) == enough
    if min(sizes):
        least = stats.mannwhitneyu(range(sizes[0]), range(100, 100 + sizes[1]), method="exact").pvalue
        assert (least <= 0.05) == enough


def test_groups_by_hand() -> None:
    values = {"run": {DISTANCE: named([1.0, 2, 3, 4, 5, 6, 7, math.inf, None])}}
    groups = {f"s{i:02}": "north" if i < 4 else "south" for i in range(9)}
    (test,), nowhere = compare_groups(values, groups)
    assert (test.first, test.second, test.first_count, test.second_count) == ("north", "south", 4, 4)
    assert (test.undefined, test.infinite, nowhere) == (1, 1, 0)
    assert (test.statistic, test.chance) == (16, 1)  # all of the north are nearer, which is better
    assert test.p == test.p_holm == pytest.approx(2 / math.comb(8, 4))
    assert (test.better, test.first_median, test.second_median) == ("north", 2.5, 6.5)


def test_groups_are_scipys(models) -> None:
    question = Question("test", "posterior", "HD95_mm")
    of = {r.subject: r.agreement.hd95_mm for r in models["bad"] if r.structure == "posterior"}
    groups = dict(zip(of, ["a"] * 7 + ["b"] * 6 + ["c"] * 6, strict=False))
    tests, nowhere = compare_groups({"bad": {question: of}}, groups)
    assert nowhere == 1
    assert [(test.first, test.second) for test in tests] == [("a", "b"), ("a", "c"), ("b", "c")]
    by_group = {name: [of[s] for s, group in groups.items() if group == name] for name in "abc"}
    for test in tests:
        expected = stats.mannwhitneyu(by_group[test.second], by_group[test.first])
        assert test.p == pytest.approx(expected.pvalue)
        assert test.statistic == pytest.approx(expected.statistic)  # that of the second, as small distances are better
        assert test.family == 3


def test_groups_that_are_too_small_or_all_the_same() -> None:
    few, _ = compare_groups(
        {"run": {DICE: named([0.1, 0.2, 0.8, 0.9])}}, {"s00": "a", "s01": "a", "s02": "b", "s03": "b"}
    )
    assert (few[0].p, few[0].chance, few[0].finding) == (None, 0, "no test: too few subjects")
    same, _ = compare_groups({"run": {DICE: named([0.5] * 10)}}, {f"s{i:02}": "ab"[i % 2] for i in range(10)})
    assert (same[0].p, same[0].chance, same[0].better) == (1, 0.5, "")
