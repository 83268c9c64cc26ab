"""The names that were probably meant."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_engine.config import closest

NAMES = ["max_epochs", "lr", "learning_rate", "network", "net", "optimizer", "dataset_dir", "val_interval"]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        pytest.param("max_epoch", ["max_epochs"], id="a letter is missing"),
        pytest.param("max_epochss", ["max_epochs"], id="a letter too many"),
        pytest.param("max_ephocs", ["max_epochs"], id="letters are swapped"),
        pytest.param("MAX_EPOCHS", ["max_epochs"], id="upper case"),
        pytest.param("optimiser", ["optimizer"], id="another letter"),
        pytest.param("nett", ["net"], id="a short word"),
        pytest.param("momentum", [], id="nothing is similar"),
        pytest.param("", [], id="no word"),
        pytest.param("x", [], id="one letter"),
    ],
)
def test_similar_names_are_found(word: str, found: list[str]) -> None:
    assert closest.matches(word, NAMES) == found


def test_the_best_comes_first_and_there_are_not_many() -> None:
    names = ["lossA", "lossAB", "loss_", "losses", "loss"]
    found = closest.matches("losss", names)
    assert found[0] == "loss"
    assert len(found) == 3
    assert closest.matches("losss", names, most=1) == ["loss"]


def test_names_that_differ_in_case_only_are_offered_once() -> None:
    assert closest.matches("BasicUNett", ["Basicunet", "BasicUnet", "BasicUNet"]) == ["BasicUNet"]


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "xabc", 1),
        ("ab", "ba", 1),
    ],
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert closest.edit_distance(a, b, 3) == distance
    assert closest.edit_distance(b, a, 3) == distance


def slow_distance(a: str, b: str) -> int:
    """The distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    least = min(
        slow_distance(a[:-1], b) + 1, slow_distance(a, b[:-1]) + 1, slow_distance(a[:-1], b[:-1]) + (a[-1] != b[-1])
    )
    if a[-2:] == b[-2:][::-1] and len(a) > 1 and len(b) > 1:
        least = min(least, slow_distance(a[:-2], b[:-2]) + 1)
    return least


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 3))
def test_edit_distance_is_what_its_definition_says(a: str, b: str, most: int) -> None:
    assert closest.edit_distance(a, b, most) == min(slow_distance(a, b), most + 1)


def test_edit_distance_gives_up() -> None:
    assert closest.edit_distance("abcdef", "uvwxyz", 2) == 3
    assert closest.edit_distance("a", "abcdef", 2) == 3


def test_fifty_thousand_names_take_less_than_50_ms() -> None:  # section 6
    names = [f"component_{i}" for i in range(50_000)]
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        found = closest.matches("componet_31415", names)
        seconds.append(time.process_time() - begin)
        assert found[0] == "component_31415"
    assert min(seconds) < 0.05


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "'a'"), (["a", "b"], "'a' or 'b'"), (["a", "b", "c"], "'a', 'b' or 'c'")],
)
def test_a_choice_is_written(names: list[str], text: str) -> None:
    assert closest.either(names) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        pytest.param("a", {"x": 1, "y": 2}, "'a' has x, y", id="a mapping"),
        pytest.param("", {"_meta_": {}, "x": 1}, "the config has x", id="the root, without its metadata"),
        pytest.param("a", dict.fromkeys(range(20)), "'a' has 0, 1, 2, 3, 4, 5, 6, 7, …", id="a large mapping"),
        pytest.param("a", {}, "'a' is empty", id="an empty mapping"),
        pytest.param("", {}, "the config is empty", id="an empty config"),
        pytest.param("a", [1], "'a' is a list of 1 item, counted from 0", id="a list of one"),
        pytest.param("a", [], "'a' is a list of 0 items, counted from 0", id="an empty list"),
        pytest.param("a", 3, "'a' is 3 and has no inside", id="a number"),
        pytest.param("a", "x" * 99, f"'a' is '{'x' * 58}… and has no inside", id="a long text"),
    ],
)
def test_what_there_is_instead(name: str, value: object, text: str) -> None:
    assert closest.instead(name, value) == text
