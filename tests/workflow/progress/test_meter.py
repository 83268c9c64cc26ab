"""Where a run is, how fast, and how long it will take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bundle_engine.workflow.progress import facts, wording
from bundle_engine.workflow.progress.meter import Meter


class Trainer:
    """As much of an engine as a meter looks at."""

    def __init__(self, **state: Any) -> None:
        given = {"epoch": 1, "max_epochs": 4, "iteration": 0, "epoch_length": 10, "metrics": {}, "output": None}
        self.state = SimpleNamespace(**{**given, "batch": None, **state})


class Evaluator(Trainer):
    """The same of one that evaluates."""


def test_the_speed_and_the_time_left_are_those_of_the_run_itself() -> None:
    engine = Trainer(output=[{"loss": torch.tensor(0.5)}] * 2)
    meter = Meter(engine, 100.0)
    engine.state.iteration = 10
    meter.look(105.0)
    assert meter.iterations_per_second == 2
    assert meter.images_per_second == 4
    assert meter.left() == 15  # three epochs of five seconds
    meter.paused += 8  # a validation
    engine.state.epoch, engine.state.iteration = 2, 15
    meter.look(115.5)
    assert meter.iterations_per_second == 2
    assert meter.left_in_epoch() == 2.5
    assert meter.left() == 12.5 + 2 * 8  # and a validation after each of the other two
    assert meter.losses == {"loss": 0.5}


def test_only_the_last_half_minute_makes_the_speed() -> None:
    engine = Trainer(epoch_length=1000)
    meter = Meter(engine, 0.0)
    for second in range(1, 121):
        engine.state.iteration += 1 if second <= 60 else 5
        meter.look(float(second))
    assert meter.iterations_per_second == 5


def test_a_run_that_goes_on_in_the_middle() -> None:
    engine = Trainer(epoch=3, iteration=25)
    meter = Meter(engine, 0.0)
    engine.state.iteration = 27
    meter.look(1.0)
    assert (meter.epoch, meter.iteration, meter.iterations_per_second) == (3, 7, 2)
    assert meter.left() == 6.5


def test_the_share_of_all_processes_counts() -> None:
    engine = Trainer(output=[{"loss": 1.0}] * 3)
    meter = Meter(engine, 0.0, processes=2)
    engine.state.iteration = 1
    meter.look(1.0)
    assert meter.images_per_second == 6


def test_nothing_is_foretold_of_a_length_that_nobody_knows() -> None:
    engine = Trainer(epoch_length=None)
    meter = Meter(engine, 0.0)
    engine.state.iteration = 7
    meter.look(1.0)
    assert (meter.length, meter.iteration, meter.left(), meter.left_in_epoch()) == (None, 7, None, None)
    assert wording.speed(meter) == "7.0 iterations/s"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param([{"loss": torch.tensor([0.25])}, {"loss": torch.tensor(0.75)}], {"loss": 0.25}, id="decollated"),
        pytest.param({"loss": 2}, {"loss": 2.0}, id="mapping"),
        pytest.param({"g_loss": 1.0, "d_loss": 2.0, "fakes": torch.ones(3)}, {"g_loss": 1, "d_loss": 2}, id="gan"),
        pytest.param(0.5, {"loss": 0.5}, id="number"),
        pytest.param((torch.ones(2), torch.ones(2)), {}, id="prediction-and-truth"),
        pytest.param([], {}, id="empty"),
        pytest.param(None, {}, id="nothing"),
    ],
)
def test_losses_are_found_in_what_an_iteration_gives(output: Any, expected: dict[str, float]) -> None:
    assert {name: float(value) for name, value in facts.losses(output).items()} == expected


@pytest.mark.parametrize(
    ("output", "batch", "expected"),
    [
        pytest.param([{}, {}, {}], None, None, id="empty-items"),
        pytest.param([{"pred": 1}] * 3, None, 3, id="decollated"),
        pytest.param(None, {"name": ["a", "b"], "image": torch.ones(2, 1, 4)}, 2, id="mapping"),
        pytest.param(None, (torch.ones(5, 1), torch.ones(5)), 5, id="pair"),
        pytest.param(None, torch.ones(4, 1), 4, id="tensor"),
        pytest.param(None, 3, None, id="number"),
    ],
)
def test_images_of_a_batch_are_counted(output: Any, batch: Any, expected: int | None) -> None:
    if output == [{}, {}, {}]:
        expected = 3
    assert facts.batch_size(SimpleNamespace(output=output, batch=batch)) == expected


def test_the_key_metric_is_that_of_the_validation() -> None:
    state = Evaluator(epoch=3, metrics={"other": 1.0, "dice": torch.tensor(0.5)}).state
    assert facts.key_metric(state) == ("other", 1.0, 3, None, None)  # an engine of ignite
    state.key_metric_name, state.best_metric, state.best_metric_epoch = "dice", 0.75, 2
    assert facts.key_metric(state) == ("dice", 0.5, 3, 0.75, 2)
    state.metrics["dice"] = torch.ones(2)
    assert facts.key_metric(state) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (65, "1:05"), (3599.6, "1:00:00"), (360000, "100:00:00"), (-1, "0:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text
