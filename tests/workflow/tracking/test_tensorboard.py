"""TensorBoard's handlers of MONAI, in a config as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle_engine.workflow import ConfigWorkflow

pytest.importorskip("tensorboard")


def test_event_files_hold_what_the_engines_had(config: Callable[..., str], tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    handler = {"_target_": "TensorBoardStatsHandler", "log_dir": "$@output_dir + '/board'"}
    loss = {"tag_name": "train_loss", "output_transform": "$monai.handlers.from_engine(['loss'], first=True)"}
    workflow = ConfigWorkflow(
        config(),
        logging_file=False,
        bundle_root=str(tmp_path),
        **{
            "+train::handlers": [{**handler, **loss}],
            "+validate::handlers": [{**handler, "iteration_log": False}],
        },
    )
    workflow.initialize()
    losses: list[float] = []
    scores: list[float] = []
    from ignite.engine import Events

    trainer = workflow.trainer
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: losses.append(float(e.state.output[0]["loss"])))
    evaluator = workflow.parser.get_parsed_content("validate::evaluator")
    evaluator.add_event_handler(Events.EPOCH_COMPLETED, lambda e: scores.append(float(e.state.metrics["score"])))
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    workflow.run()
    board = EventAccumulator(str(tmp_path / "out" / "board"))
    board.Reload()
    assert set(board.Tags()["scalars"]) == {"train_loss", "score"}
    assert [(event.step, pytest.approx(event.value)) for event in board.Scalars("train_loss")] == [
        *enumerate(losses, 1)
    ]
    assert [(event.step, pytest.approx(event.value)) for event in board.Scalars("score")] == [*enumerate(scores, 1)]
    assert len(losses) == 6
    assert len(scores) == 2
