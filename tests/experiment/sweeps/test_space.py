"""What a sweep tries: lists, lists that go together, ranges."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import UsageError
from bundle_engine.experiment.sweeps.metric import Metric, direction_of, key_metric_of
from bundle_engine.experiment.sweeps.space import Range, Space, read_range
from bundle_engine.experiment.sweeps.study import Study, require_names
from bundle_engine.runs.record import Record, write_record


def test_each_value_goes_with_each_and_zipped_lists_go_together() -> None:
    space = Space.of({"a": [1, 2]}, [{"b": [1, 2], "c": ["x", "y"]}])
    assert space.points() == [
        {"a": 1, "b": 1, "c": "x"},
        {"a": 1, "b": 2, "c": "y"},
        {"a": 2, "b": 1, "c": "x"},
        {"a": 2, "b": 2, "c": "y"},
    ]
    assert space.ids == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("uniform(0, 1)", Range("uniform", (0.0, 1.0))),
        ("log(1e-5, 1e-2)", Range("log", (1e-5, 1e-2))),
        ({"int": [1, 8]}, Range("int", (1, 8))),
        ("logint(8,512)", Range("logint", (8, 512))),
        ("choice(relu, prelu)", Range("choice", ("relu", "prelu"))),
        ("choice([16, 32], [32, 64])", Range("choice", ([16, 32], [32, 64]))),
        ([1, None], Range("choice", (1, None))),
    ],
)
def test_ranges_are_written_as_calls_or_mappings(written: Any, expected: Range) -> None:
    assert read_range("a", written) == expected


@pytest.mark.parametrize("kind", ["uniform(0.5, 2)", "log(1e-5, 1e-2)", "int(1, 3)", "logint(8, 512)"])
def test_what_is_drawn_is_inside_of_its_range(kind: str) -> None:
    wanted = read_range("a", kind)
    source = random.Random(0)
    drawn = [wanted.draw(source) for _ in range(500)]
    low, high = wanted.values
    assert low <= min(drawn) < max(drawn) <= high
    if kind.startswith("log("):
        assert 150 < sum(value < 10**-3.5 for value in drawn) < 350  # as many below the middle decade as above
    if "int" in kind:
        assert all(isinstance(value, int) for value in drawn)


def test_points_at_random_are_the_same_for_a_seed_and_each_is_there_once() -> None:
    space = Space.of({"a": [1, 2, 3]}, [{"b": [1, 2], "c": [1, 2]}])
    drawn = space.draw(20, seed=1)
    assert len(drawn) == 6
    assert sorted(map(str, drawn)) == sorted(map(str, space.points()))
    ranges = Space.of(ranges={"lr": "log(1e-5, 1e-2)"})
    assert ranges.draw(3, seed=1) == ranges.draw(3, seed=1) != ranges.draw(3, seed=2)
    assert ranges.draw(5, seed=1)[:3] == ranges.draw(3, seed=1)


@pytest.mark.parametrize(
    ("grid", "zipped", "ranges", "message"),
    [
        ({}, [], {}, "it is not said what to try"),
        ({"a": []}, [], {}, "'a' has no list of values to try, but '[]'"),
        ({"a": 1}, [], {}, "'a' has no list of values to try, but '1'"),
        ({"a": [1]}, [{"a": [1]}], {}, "'a' is there twice in what the sweep shall try"),
        ({}, [{"a": [1], "b": [1, 2]}], {}, "lists that go together have the same number of values: 'a' has 1, 'b' has 2"),
        ({}, [], {"a": "nrmal(0, 1)"}, "'nrmal', from which 'a' shall be drawn, is unknown"),
        ({}, [], {"a": "log(0, 1)"}, "'log' takes numbers above 0; 'a' has [0, 1]"),
        ({}, [], {"a": "int(0, 1.5)"}, "'int' takes the lowest and the highest of whole numbers; 'a' has [0, 1.5]"),
        ({}, [], {"a": "uniform(2, 1)"}, "'uniform' takes the lowest and the highest of numbers; 'a' has [2, 1]"),
        ({}, [], {"a": 3}, "'3' is nothing that values of 'a' can be drawn from"),
        ({}, [], {"a": "choice()"}, "there is nothing to choose 'a' from"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_told(
    grid: dict[str, Any], zipped: list[dict[str, Any]], ranges: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        Space.of(grid, zipped, ranges)
    assert error.value.message == message


def test_ranges_have_no_points_and_huge_grids_are_refused() -> None:
    with pytest.raises(UsageError, match="it is not said how often"):
        Space.of(ranges={"a": "int(1, 2)"}).points()
    with pytest.raises(UsageError, match="1,000,000 points"):
        Space.of({"a": list(range(1000)), "b": list(range(1000))}).points()


def test_a_study_of_optuna_finds_the_top_and_goes_on_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = Space.of({"y": [0, 2, 4]}, ranges={"x": "uniform(0, 6)", "shape": [[1], [2, 3]]})

    def tried(folder: Path, count: int) -> list[dict[str, Any]]:
        folder.mkdir(exist_ok=True)
        study = Study(folder, space, direction="maximize", seed=4)
        found = []
        for _ in range(count):
            number, values = study.ask()
            study.tell(number, -((values["x"] - 3) ** 2) - (values["y"] - 4) ** 2 - len(values["shape"]))
            found.append(values)
        return found

    found = tried(tmp_path / "a", 30)
    best = min(found, key=lambda values: (values["x"] - 3) ** 2 + (values["y"] - 4) ** 2 + len(values["shape"]))
    assert (best["y"], best["shape"]) == (4, [1])
    assert abs(best["x"] - 3) < 0.5
    assert tried(tmp_path / "b", 5) == found[:5]
    assert tried(tmp_path / "b", 3) != found[:3]  # it knows what was tried before
    assert tried(tmp_path / "what? 5% #1", 1) == found[:1]
    assert (tmp_path / "what? 5% #1" / "optuna.db").is_file()


def test_the_key_metric_of_the_validation_is_read_from_the_config(tmp_path: Path) -> None:
    from tests.experiment.tiny_bundle import make_bundle

    assert key_metric_of(make_bundle(tmp_path / "tiny")) == "val_mean_dice"
    assert key_metric_of(make_bundle(tmp_path / "other", validate={"key_metric": {"val_loss": 1}})) == "val_loss"
    assert key_metric_of(make_bundle(tmp_path / "none", validate={})) == ""


def test_the_loss_of_the_training_does_not_stand_for_the_validation(tmp_path: Path) -> None:
    engines = {
        "train::trainer": {"metrics": {"train_loss": 1.5}, "key_metric": "train_loss"},
        "validate::evaluator": {"key_metric": "val_mean_dice"},
    }
    write_record(tmp_path, Record(id="a/a", bundle="a", workflow="train", results=engines))
    assert Metric("").of(tmp_path) is None
    assert Metric("train_loss").of(tmp_path) == ("train_loss", 1.5)


def test_a_study_that_is_damaged_and_names_that_optuna_has_not(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    (tmp_path / "optuna.db").write_text("this is no database, and is long enough to look like one" * 20)
    space = Space.of({"y": [0, 2]})
    with pytest.raises(ValueError, match="cannot be read"):
        Study(tmp_path, space, direction="maximize")
    with pytest.raises(UsageError, match="Optuna has no sampler 'tpee'") as error:
        require_names("tpee", "none", 0)
    assert error.value.hint == "did you mean 'tpe'?"
    with pytest.raises(UsageError, match="the pruner 'median' cannot be made with"):
        require_names("tpe", {"name": "median", "colour": 3}, 0)


def test_small_is_better_for_losses() -> None:
    assert [direction_of(name) for name in ("val_mean_dice", "val_loss", "surface_distance")] == [
        "maximize",
        "minimize",
        "minimize",
    ]
    assert Metric("val_loss").better(1, 2)
    assert Metric("dice").better(2, 1)
    assert Metric("dice", "minimize").better(1, 2)
