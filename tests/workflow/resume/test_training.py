"""A training that was stopped and resumed ends like one that was not, bit for bit."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ignite.engine import Events

from bundle_engine.errors import InputError, WorkflowError

from .conftest import EPOCHS, ITERATIONS, Training

Make = Callable[..., Training]


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours handles it."""


def end_at(training: Training, event: Any, how: Callable[[], None]) -> None:
    training.trainer.add_event_handler(event, how)


def kill() -> None:
    raise Killed


def ask_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_keeping_checkpoints_changes_nothing(train: Make, undisturbed: str, tmp_path: Path) -> None:
    from bundle_engine import ConfigWorkflow

    from .conftest import training

    plain = object.__new__(Training)
    plain.workflow = ConfigWorkflow(training(train(tmp_path).workflow.parser["dataset_dir"]), logging_file=False)
    plain.workflow.initialize()
    plain.trainer = plain.workflow.trainer
    plain.workflow.run()
    assert plain.digest() == undisturbed


def test_another_seed_gives_other_weights(train: Make, undisturbed: str, tmp_path: Path) -> None:
    assert train(tmp_path, seed=4).run() != undisturbed


@pytest.mark.parametrize("iteration", [1, 3, ITERATIONS, ITERATIONS + 1, 2 * ITERATIONS + 2, EPOCHS * ITERATIONS])
def test_killed_in_an_iteration(train: Make, undisturbed: str, tmp_path: Path, iteration: int) -> None:
    killed = train(tmp_path)
    end_at(killed, Events.ITERATION_COMPLETED(once=iteration), kill)
    with pytest.raises(Killed):
        killed.run()
    resumed = train(tmp_path, resume=True)
    assert resumed.run() == undisturbed
    done = (iteration - 1) // ITERATIONS  # epochs
    assert resumed.keeper.resumed == (done, done * ITERATIONS)


def test_killed_before_the_last_validation(train: Make, undisturbed: str, tmp_path: Path) -> None:
    killed = train(tmp_path)
    validator = killed.workflow.parser.get_parsed_content("validate::evaluator")
    validator.add_event_handler(Events.STARTED, lambda: kill() if killed.trainer.state.epoch == EPOCHS else None)
    with pytest.raises(Killed):
        killed.run()
    assert train(tmp_path, resume=True).run() == undisturbed


@pytest.mark.parametrize("iteration", [1, ITERATIONS - 1, ITERATIONS, ITERATIONS + 2])
def test_asked_to_stop(train: Make, undisturbed: str, tmp_path: Path, iteration: int) -> None:
    asked = train(tmp_path)
    end_at(asked, Events.ITERATION_STARTED(once=iteration), ask_to_stop)
    with pytest.raises(KeyboardInterrupt):
        asked.run()
    assert asked.trainer.state.iteration == iteration, "the iteration was finished, and no other begun"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = train(tmp_path, resume=True)
    assert resumed.run() == undisturbed
    assert resumed.keeper.resumed is not None
    assert resumed.keeper.resumed[1] == iteration


def test_asked_twice_stops_at_once(train: Make, tmp_path: Path) -> None:
    asked = train(tmp_path)
    end_at(asked, Events.ITERATION_STARTED(once=2), ask_to_stop)
    end_at(asked, Events.ITERATION_STARTED(once=2), ask_to_stop)
    with pytest.raises(KeyboardInterrupt):
        asked.run()
    assert [snapshot.iteration for snapshot in asked.snapshots.all()] == [0]


def test_asked_in_a_validation_finishes_it(train: Make, undisturbed: str, tmp_path: Path) -> None:
    asked = train(tmp_path)
    validator = asked.workflow.parser.get_parsed_content("validate::evaluator")
    validator.add_event_handler(Events.ITERATION_STARTED(once=1), ask_to_stop)
    with pytest.raises(KeyboardInterrupt):
        asked.run()
    assert asked.snapshots.all()[-1].iteration == ITERATIONS
    assert train(tmp_path, resume=True).run() == undisturbed


def test_stopped_again_and_again(train: Make, undisturbed: str, tmp_path: Path) -> None:
    for iteration in (1, 2, 6, 7, 11):
        asked = train(tmp_path, resume=True)
        end_at(asked, Events.ITERATION_STARTED(once=iteration), ask_to_stop)
        with pytest.raises(KeyboardInterrupt):
            asked.run()
    assert train(tmp_path, resume=True).run() == undisturbed


@pytest.mark.parametrize("iteration", [2, ITERATIONS + 1])
def test_workers_that_load(train: Make, tmp_path: Path, iteration: int, caplog: pytest.LogCaptureFixture) -> None:
    options = {"workers": 1}
    with caplog.at_level(logging.INFO):
        expected = train(tmp_path / "whole", **options).run()
    assert "begin anew in each epoch" in caplog.text
    asked = train(tmp_path / "parts", **options)
    end_at(asked, Events.ITERATION_STARTED(once=iteration), ask_to_stop)
    with pytest.raises(KeyboardInterrupt):
        asked.run()
    assert train(tmp_path / "parts", resume=True, **options).run() == expected


@pytest.mark.parametrize("length", [3, 6], ids=["shorter than the data", "longer than the data"])
def test_epochs_that_do_not_end_with_the_data(train: Make, tmp_path: Path, length: int) -> None:
    options = {"train::trainer::epoch_length": length, "scheduler::total_steps": 3 * length}
    expected = train(tmp_path / "whole", **options).run()
    for iteration in (length, length + 2):
        killed = train(tmp_path / str(iteration), **options)
        end_at(killed, Events.ITERATION_COMPLETED(once=iteration + 1), kill)
        with pytest.raises(Killed):
            killed.run()
        assert train(tmp_path / str(iteration), resume=True, **options).run() == expected


def test_more_epochs_than_at_first(train: Make, tmp_path: Path) -> None:
    longer = {"scheduler::total_steps": 5 * ITERATIONS}
    train(tmp_path, **longer).run()
    resumed = train(tmp_path, resume=True, max_epochs=5, **longer)
    resumed.run()
    assert resumed.keeper.resumed == (EPOCHS, EPOCHS * ITERATIONS)
    assert resumed.trainer.state.epoch == 5


def test_one_that_had_ended_ends_again(train: Make, undisturbed: str, tmp_path: Path) -> None:
    train(tmp_path).run()
    resumed = train(tmp_path, resume=True)
    ended: list[int] = []
    resumed.trainer.add_event_handler(Events.COMPLETED, lambda: ended.append(resumed.trainer.state.epoch))
    resumed.run()
    assert ended == [EPOCHS], "what comes at the end of a training comes, such as writing its last weights"
    assert resumed.trainer.state.iteration == EPOCHS * ITERATIONS


def test_nothing_to_resume_begins_anew(
    train: Make, undisturbed: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(tmp_path / "none", resume=True).run() == undisturbed
    assert f"there is no checkpoint in '{tmp_path / 'none'}' yet: the training begins anew" in caplog.text


def test_a_damaged_checkpoint_is_skipped(
    train: Make, undisturbed: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed = train(tmp_path)
    end_at(killed, Events.ITERATION_COMPLETED(once=2 * ITERATIONS + 1), kill)
    with pytest.raises(Killed):
        killed.run()
    newest = tmp_path / killed.snapshots.all()[-1].file
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    resumed = train(tmp_path, resume=True)
    assert resumed.run() == undisturbed
    assert resumed.keeper.resumed == (1, ITERATIONS)
    assert f"the checkpoint '{newest}' is skipped: its content is not what was written" in caplog.text


def test_when_all_are_damaged_nothing_is_lost(train: Make, tmp_path: Path) -> None:
    train(tmp_path).run()
    files = sorted(tmp_path.glob("*.pt"))
    for file in files:
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"none of the checkpoints in .* can be read"):
        train(tmp_path, resume=True).run()
    assert sorted(tmp_path.glob("*.pt")) == files


def test_another_network_is_refused(train: Make, tmp_path: Path) -> None:
    train(tmp_path).run()
    other = train(tmp_path, resume=True, **{"network_def::channels": [6, 8]})
    with pytest.raises(InputError, match="does not fit the config: 'averaged' cannot take its state") as caught:
        other.run()
    assert any("size mismatch for model.0.conv.weight" in note for note in caught.value.notes)


def test_what_was_added_to_the_config_is_told(train: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path).run()
    schedule = {"_target_": "torch.optim.lr_scheduler.ConstantLR", "optimizer": "@optimizer"}
    more = {"+train::handlers": [{"_target_": "LrScheduleHandler", "lr_scheduler": schedule, "print_lr": False}]}
    train(tmp_path, resume=True, max_epochs=EPOCHS, **more).run()
    assert "the config has changed since the checkpoint" in caplog.text


def test_the_last_two_and_the_best_are_kept(train: Make, tmp_path: Path) -> None:
    training = train(tmp_path, max_epochs=6, **{"scheduler::total_steps": 6 * ITERATIONS})
    scores = iter([0.1, 0.2, 0.9, 0.3, 0.4, 0.5])
    validator = training.workflow.parser.get_parsed_content("validate::evaluator")

    def say(engine: Any) -> None:
        engine.state.metrics["dice"] = score = next(scores)
        engine.state.key_metric_name = "dice"
        if score > engine.state.best_metric:
            engine.state.best_metric, engine.state.best_metric_epoch = score, engine.state.epoch

    validator._event_handlers[Events.EPOCH_COMPLETED].clear()
    validator.add_event_handler(Events.EPOCH_COMPLETED, say)
    training.run()
    kept = training.snapshots.all()
    assert [(each.epoch, each.metric, each.best) for each in kept] == [(3, 0.9, True), (5, 0.4, False), (6, 0.5, False)]
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == [each.file for each in kept]


def test_a_full_disk_leaves_the_earlier_checkpoints_whole(
    train: Make, undisturbed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    training = train(tmp_path)
    save = torch.save

    def fill_up(content: Any, stream: Any) -> None:
        save(content, stream)
        if training.trainer.state.epoch == 2:
            stream.truncate(1000)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fill_up)
    with pytest.raises(WorkflowError, match=r"the checkpoint of epoch 2 cannot be written .*No space left on device"):
        training.run()
    assert [each.epoch for each in training.snapshots.all()] == [0, 1]
    assert len(list(tmp_path.iterdir())) == 3, "nothing half-written is left: two checkpoints and their list"
    monkeypatch.undo()
    assert train(tmp_path, resume=True).run() == undisturbed
