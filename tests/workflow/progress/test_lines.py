"""Plain lines about trainings and evaluations of MONAI's engines."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from ignite.metrics import Average
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import StatsHandler, ValidationHandler, from_engine

from bundle_engine.errors import UsageError
from bundle_engine.workflow.progress import attach_progress, attaching, engines_of


def images(number: int) -> list[dict[str, torch.Tensor]]:
    return [{"image": torch.full((1, 4), float(index)), "label": torch.zeros(1, 4)} for index in range(number)]


def evaluator(handlers: list[Any] | None = None) -> SupervisedEvaluator:
    return SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(images(3), batch_size=1),
        network=torch.nn.Linear(4, 4),
        key_val_metric={"score": Average(output_transform=lambda output: 0.5)},
        val_handlers=handlers,
    )


def trainer(validator: SupervisedEvaluator | None = None, **more: Any) -> SupervisedTrainer:
    network = torch.nn.Linear(4, 4)
    handlers = [] if validator is None else [ValidationHandler(validator=validator, interval=1)]
    return SupervisedTrainer(
        device="cpu",
        max_epochs=2,
        train_data_loader=DataLoader(images(6), batch_size=2),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), 0.01),
        loss_function=torch.nn.MSELoss(),
        train_handlers=[*handlers, *more.pop("handlers", [])],
        **more,
    )


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO)

    def told() -> list[str]:
        texts = [record.getMessage() for record in caplog.records if record.name == "bundle_engine.progress"]
        return [re.sub(r"[\d.]+ (image|iteration)s/s", r"N \1s/s", text) for text in texts]

    return told


def test_one_line_for_an_epoch_and_one_for_a_validation(lines: Callable[[], list[str]], caplog: Any) -> None:
    engine = trainer(evaluator())
    attach_progress(engine, "plain")
    engine.run()
    first, second = (float(text.split("loss ")[1].split(",")[0]) for text in lines() if "loss" in text)
    assert lines() == [
        "validation: score 0.5000 in epoch 1, best 0.5000 in epoch 1",
        f"training: epoch 1/2, 0:00, loss {first:#.4g}, N images/s, 0:00 left in all",
        "validation: score 0.5000 in epoch 2, best 0.5000 in epoch 1",
        f"training: epoch 2/2, 0:00, loss {second:#.4g}, N images/s",
    ]
    assert second == pytest.approx(float(engine.state.output[0]["loss"]), rel=1e-3)
    ends = [record.getMessage() for record in caplog.records if "Complete. Time taken" in record.getMessage()]
    assert len(ends) == 2, "of the validations; those of the training are in the lines above"
    assert not engine.logger.filters


def test_what_a_stats_handler_prints_is_left_to_it(lines: Callable[[], list[str]]) -> None:
    stats = StatsHandler(output_transform=from_engine(["loss"], first=True), name="test")
    engine = trainer(evaluator([StatsHandler(iteration_log=False, name="test")]), handlers=[stats])
    attach_progress(engine, "plain")
    engine.run()
    assert lines() == [
        "training: epoch 1/2, 0:00, N images/s, 0:00 left in all",
        "training: epoch 2/2, 0:00, N images/s",
    ]


def test_long_epochs_have_lines_in_between(lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(attaching.Meter, "clock", staticmethod(lambda: now[0]))
    engine = trainer()

    def wait(*_: Any) -> None:
        now[0] += 20.0

    from ignite.engine import Events

    engine.add_event_handler(Events.ITERATION_STARTED, wait)
    attach_progress(engine, "plain", every=30)
    engine.run()
    told = [re.sub(r"loss [\d.e-]+", "loss N", text) for text in lines()]
    slow = "10.0 s/image"
    assert told == [
        f"training: epoch 1/2, iteration 2/3 (66 %), loss N, {slow}, 0:20 left in the epoch, 1:20 left in all",
        f"training: epoch 1/2, 1:00, loss N, {slow}, 1:00 left in all",
        f"training: epoch 2/2, iteration 2/3 (66 %), loss N, {slow}, 0:20 left in the epoch",
        f"training: epoch 2/2, 1:00, loss N, {slow}",
    ]


def test_a_training_that_fails_leaves_nothing_behind(lines: Callable[[], list[str]]) -> None:
    engine = trainer(postprocessing=lambda data: 1 / 0)
    progress = attach_progress(engine, "plain")
    with pytest.raises(Exception, match=r"division|transform"):
        engine.run()
    assert lines() == []
    assert not engine.logger.filters
    assert progress is not None
    assert not progress._meters


def test_engines_are_found_once_with_those_that_they_run() -> None:
    validator = evaluator()
    engine = trainer(validator)
    assert engines_of([1, "text", engine, [validator]]) == [engine, validator]
    run = engine.run
    progress = attach_progress(engine, "plain")
    assert engine.run is not run
    attached = engine.run
    assert progress is not None
    progress.attach(engine)
    attach_progress([engine], "plain")
    assert engine.run is attached


def test_none_attaches_nothing() -> None:
    engine = trainer()
    handlers = sum(map(len, engine._event_handlers.values()))
    assert attach_progress(engine, "none") is None
    assert sum(map(len, engine._event_handlers.values())) == handlers


def test_an_unknown_mode_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"auto, bar, plain, none, and not as 'plan'") as caught:
        attach_progress(trainer(), "plan")
    assert caught.value.hint == "did you mean 'plain'?"


def test_a_checkpoint_of_the_training_holds_nothing_of_it() -> None:
    from bundle_engine.workflow.resume.objects import find_objects

    before = find_objects({"trainer": (engine := trainer(evaluator()))})
    attach_progress(engine, "plain")
    after = find_objects({"trainer": engine})
    assert [list(part) for part in after] == [list(part) for part in before]
