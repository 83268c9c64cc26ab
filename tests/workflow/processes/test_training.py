"""Two processes train what one trains, speak with one voice, and stop and go on together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import torch

from bundle_engine import ConfigWorkflow

from .conftest import notes, run

EPOCHS, ITERATIONS = 3, 2  # of four images


# the order in which DistributedSampler gives images to all processes, for one
ONE_ORDER = {"_target_": "DistributedSampler", "dataset": "@train::dataset", "num_replicas": 1, "rank": 0}


class Pair:
    """A training by two processes with two images each, and by one with four."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended = run(folder, "--bundle", ".", "--nproc", "2", "--batch_size", "2", "--part", "of two ")
        order = {"train::dataloader::sampler": ONE_ORDER, "train::dataloader::shuffle": False}
        alone = ConfigWorkflow(str(folder / "configs" / "train.json"), logging_file=False, **order)
        alone.initialize()
        alone.run()
        alone.finalize()
        self.dice = float(alone.evaluator.state.metrics["dice"])
        self.alone = notes(folder, 0)
        self.both = [notes(folder, rank, "of two ") for rank in (0, 1)]


@pytest.fixture(scope="module")
def pair(bundle: Path) -> Iterator[Pair]:
    import monai

    yield Pair(bundle)
    monai.utils.set_determinism(seed=None)


def test_two_processes_with_half_the_batch_have_the_losses_of_one(pair: Pair) -> None:
    assert pair.ended.code == 0, pair.ended.err
    for iteration, names in enumerate(pair.alone["names"]):
        parts = [each["names"][iteration] for each in pair.both]
        assert [len(part) for part in parts] == [2, 2]
        assert sorted(chain(*parts)) == sorted(names)
    assert len(pair.alone["losses"]) == EPOCHS * ITERATIONS
    means = [sum(losses) / 2 for losses in zip(*(each["losses"] for each in pair.both), strict=True)]
    assert means == pytest.approx(pair.alone["losses"], rel=1e-5)
    assert pair.alone["losses"][-1] < pair.alone["losses"][0] - 0.01


def test_both_have_the_same_weights(pair: Pair) -> None:
    first, second = pair.both
    assert first["digest"] == second["digest"]
    assert first["losses"] != second["losses"]


def test_metrics_are_of_all_processes(pair: Pair) -> None:
    first, second = pair.both
    assert first["means"] == second["means"]
    assert first["means"] == pytest.approx(pair.alone["means"], rel=1e-5)
    dice = float(pair.ended.out.split()[-1])  # of three images, which two processes cannot share evenly
    assert dice == pytest.approx(pair.dice, abs=1e-3)


def test_they_speak_with_one_voice(pair: Pair) -> None:
    lines = [*pair.ended.err.splitlines(), *pair.ended.out.splitlines()]
    for epoch in range(1, EPOCHS + 1):
        assert sum(f"Epoch[{epoch}] Metrics -- loss" in line for line in lines) == 1
    assert sum("2 processes work together, by gloo" in line for line in lines) == 1
    assert sum("checkpoints and the record of this run are kept in" in line for line in lines) == 1
    assert sum(line.startswith("Dice") for line in lines) == 1
    assert sum("Train completed, saved final checkpoint" in line for line in lines) == 1
    assert "[rank 1]" not in pair.ended.err + pair.ended.out


def test_one_of_them_writes(pair: Pair) -> None:
    weights = torch.load(pair.folder / "models" / "model.pt", weights_only=True)
    assert not any(name.startswith("module.") for name in weights)
    records = list((pair.folder / "runs").glob("*/*/run.json"))
    assert len(records) == 1
    record = json.loads(records[0].read_text())
    assert (record["status"], record["exit_code"]) == ("done", 0)
    assert [each["epoch"] for each in record["checkpoints"]][-1] == EPOCHS


def test_ranks_of_a_component_are_respected(pair: Pair) -> None:
    assert [path.name for path in pair.folder.glob("mark*")] == ["mark1"]


def test_each_image_comes_once_in_an_epoch_and_in_another_order_in_the_next(pair: Pair) -> None:
    orders = []
    for epoch in range(EPOCHS):
        batches = [each["names"][epoch * ITERATIONS : (epoch + 1) * ITERATIONS] for each in pair.both]
        orders.append([name for part in batches for batch in part for name in batch])
        assert len(set(orders[-1])) == 8
    assert orders[0] != orders[1]
    assert orders[1] != orders[2]


def test_chance_differs_between_them(pair: Pair) -> None:
    first, second = pair.both
    assert all(mine != yours for mine, yours in zip(first["drawn"], second["drawn"], strict=True))


def test_stopped_killed_and_resumed_ends_like_undisturbed(pair: Pair) -> None:
    folder = pair.folder
    begin = ("--bundle", ".", "--batch_size", "2", "--run_name", "parts")
    stopped = run(folder, *begin, "--nproc", "2", "--end", "['interrupt', 0, 3]", "--part", "parts ")
    assert stopped.code == 130, stopped.err
    assert stopped.err.splitlines()[-1] == "interrupted"
    told = [line.partition("to go on: ")[2] for line in stopped.err.splitlines() if "to go on: " in line]
    assert len(told) == 1
    assert told[0].startswith("python -m bundle_engine run --resume runs/")
    assert told[0].endswith("-parts --nproc 2")
    go_on = told[0].split()[4:]
    killed = run(folder, *go_on, "--end", "['kill', 1, 5]")
    assert killed.code == 137, killed.err
    assert "error: the process of rank 1 was killed by SIGKILL" in killed.err
    errors = [line for line in killed.err.splitlines() if line.startswith("error")]
    assert len(errors) == 1, "what the others noticed of it in the meantime may be logged, but it is no news"
    resumed = run(folder, *go_on, "--end", "None")
    assert resumed.code == 0, resumed.err
    for rank, whole in enumerate(pair.both):
        found = notes(folder, rank, "parts ")
        assert found["digest"] == whole["digest"]
        done = len(found["names"])  # iterations since the last checkpoint
        for name in ("names", "losses", "drawn"):
            assert found[name] == whole[name][-done:]
        assert found["means"][-1] == whole["means"][-1]
