"""What changes in a config that several processes share, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import monai.data
import monai.engines
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from bundle_engine import ConfigParser
from bundle_engine.errors import PolicyError, UsageError
from bundle_engine.workflow.config_workflow import ConfigWorkflow
from bundle_engine.workflow.processes.group import sets_up_itself
from bundle_engine.workflow.processes.launched import Launched
from bundle_engine.workflow.processes.sharing import own_device, own_samples, same_network, share

CONFIG: dict[str, Any] = {
    "imports": ["$import torch"],
    "device": "$torch.device('cpu')",
    "network": {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1},
    "train": {
        "dataset": [0, 1, 2, 3, 4, 5],
        "dataloader": {"_target_": "DataLoader", "dataset": "@train::dataset", "batch_size": 2, "shuffle": True},
        "handlers": [{"_target_": "StatsHandler"}, {"_target_": "TensorBoardStatsHandler", "log_dir": "log"}],
        "trainer": {
            "_target_": "SupervisedTrainer",
            "network": "@network",
            "train_data_loader": "@train::dataloader",
            "train_handlers": "@train::handlers",
        },
    },
    "validate": {
        "dataset": [0, 1, 2],
        "dataloader": {"_target_": "DataLoader", "dataset": "@validate::dataset", "batch_size": 1},
        "evaluator": {"_target_": "SupervisedEvaluator", "val_data_loader": "@validate::dataloader"},
    },
}


def shared(config: dict[str, Any] = CONFIG, **changes: Any) -> ConfigParser:
    parser = ConfigParser(config)
    parser.override(changes)
    parser.parse()
    share(parser)
    return parser


def launched(monkeypatch: pytest.MonkeyPatch, rank: int, size: int = 2) -> None:
    places = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1}
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be the second of two; they do not talk."""
    launched(monkeypatch, 1)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda *_: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda *_: 1)


def test_loaders_get_samplers() -> None:
    parser = shared()
    assert parser["train::dataloader::shuffle"] is False
    samples = parser["train::dataloader::sampler"]
    assert (samples["dataset"], samples["shuffle"], samples["even"]) == ("@train::dataloader::dataset", True, True)
    assert parser["validate::dataloader::sampler::even"] is False


def test_sharing_twice_changes_nothing_more() -> None:
    once = shared()
    before = once.to_dict()
    share(once)
    assert once.to_dict() == before


def test_for_one_process_nothing_changes() -> None:
    parser = shared()
    loader = parser.get_parsed_content("train::dataloader")
    assert isinstance(loader.sampler, RandomSampler)
    assert type(parser.get_parsed_content("validate::dataloader").sampler).__name__ == "SequentialSampler"
    assert type(parser.get_parsed_content("train::trainer::network")) is torch.nn.Linear
    torch.manual_seed(3)
    shuffled = [batch.tolist() for batch in loader]
    torch.manual_seed(3)
    assert [batch.tolist() for batch in DataLoader([0, 1, 2, 3, 4, 5], batch_size=2, shuffle=True)] == shuffled


@pytest.mark.usefixtures("second_of_two")
def test_each_process_takes_its_part() -> None:
    parser = shared()
    parts = [batch.tolist() for batch in parser.get_parsed_content("validate::dataloader")]
    assert parts == [[1]], "of three, the second of two processes has one"
    loader = parser.get_parsed_content("train::dataloader")
    assert len(loader) == 2, "an expression for the number of iterations knows of the others"
    assert isinstance(loader.sampler, DistributedSampler)


@pytest.mark.usefixtures("second_of_two")
def test_a_sampler_of_the_config_is_drawn_from_alike() -> None:
    drawn = []
    for rank in (0, 1):
        sampler = own_samples(range(6), sampler=WeightedRandomSampler([1.0] * 6, 6))
        sampler.rank = rank
        epochs = []
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            torch.manual_seed(rank)  # the processes' own streams differ
            epochs.append(list(sampler))
        drawn.append(epochs)
    torch.manual_seed(0)
    whole = list(WeightedRandomSampler([1.0] * 6, 6))
    assert sorted([*drawn[0][0], *drawn[1][0]]) == sorted(whole)
    assert drawn[0][0] != drawn[0][1]


@pytest.mark.usefixtures("second_of_two")
def test_a_distributed_sampler_of_the_config_is_kept() -> None:
    sampler = DistributedSampler(range(6))
    assert own_samples(range(6), sampler=sampler) is sampler


@pytest.mark.usefixtures("second_of_two")
def test_fewer_images_than_processes() -> None:
    assert own_samples([0], even=False) is None, "each takes all"
    with pytest.raises(UsageError, match="2 processes cannot share 1 samples"):
        own_samples([0])


@pytest.mark.usefixtures("second_of_two")
def test_what_cannot_be_shared_out_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Endless(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[int]:
            yield 1

    assert own_samples(Endless()) is None
    assert "each process reads all of the Endless" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train::trainer": {"_target_": "GanTrainer", "g_network": "@network"}}, "its trainer has no 'network'"),
        ({"train::dataloader": "$DataLoader(@train::dataset)"}, "a data loader with a 'dataset'"),
        ({"train::dataloader::batch_sampler": [[0, 1]]}, "a data loader with a 'dataset'"),
    ],
    ids=["two networks", "an expression", "batches"],
)
def test_a_training_that_cannot_be_shared_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        shared(**changes)
    assert "sets up the process group" in str(caught.value.hint)


def test_writers_of_curves_are_for_the_first_process() -> None:
    handlers = shared()["train::handlers"]
    assert [handler.get("_ranks_") for handler in handlers] == [None, [0]]


@pytest.mark.usefixtures("second_of_two")
def test_each_process_has_its_own_gpu() -> None:
    assert own_device(torch.device("cuda:0")) == torch.device("cuda:1")
    assert own_device("cuda") == "cuda:1"
    assert own_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.usefixtures("second_of_two")
def test_a_network_without_weights_to_train_is_left_alone() -> None:
    network = torch.nn.Linear(1, 1).requires_grad_(False)
    assert same_network(network) is network


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"initialize": ["$torch.distributed.init_process_group('nccl')"]}, True),
        ({"initialize": ["$@group"], "group": "$dist.init_process_group()"}, True),
        ({"initialize": ["$@group"], "group": {"_target_": "torch.distributed.init_process_group"}}, True),
        ({"run": ["$idist.initialize('gloo')"]}, True),
        ({"run": ["$@x"], "x": 1, "unused": "$dist.init_process_group()"}, False),
        ({"run": ["$@trainer.initialize('gloo')"], "trainer": 1}, False),
    ],
    ids=["a step", "referred to", "a component", "ignite", "nothing uses it", "something else"],
)
def test_a_config_that_sets_up_the_group_itself_is_known(config: dict[str, Any], expected: bool) -> None:
    assert sets_up_itself(ConfigParser(config), ("initialize", "run")) is expected


def test_several_processes_need_full_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = ConfigWorkflow({"run": []}, logging_file=False, trust="safe")
    launched(monkeypatch, 0)
    with pytest.raises(PolicyError, match="several processes need full trust"):
        workflow.initialize()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Launched()),
        ({"RANK": "1", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, Launched()),
        ({"RANK": "1", "WORLD_SIZE": "4"}, Launched()),
        ({"RANK": "x", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, Launched()),
        ({"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, Launched(3, 4, 3, 4)),
        (
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            Launched(3, 4, 1, 2),
        ),
    ],
    ids=["alone", "one of one", "no address", "no number", "four", "two machines"],
)  # fmt: skip
def test_what_the_launcher_says(variables: dict[str, str], expected: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Launched.now() == expected


@pytest.mark.parametrize("kind", [DistributedSampler, monai.data.DistributedSampler], ids=["torch", "monai"])
def test_samplers_are_told_the_epoch(kind: Any) -> None:
    sampler = kind(range(4), num_replicas=2, rank=0)
    network = torch.nn.Linear(1, 1)
    epochs: list[int] = []
    trainer = monai.engines.SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=2,
        train_data_loader=DataLoader(range(4), sampler=sampler),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), 0.1),
        loss_function=torch.nn.L1Loss(),
        iteration_update=lambda engine, batch: epochs.append(sampler.epoch),
    )
    trainer.run()
    assert epochs == [1, 1, 2, 2]
