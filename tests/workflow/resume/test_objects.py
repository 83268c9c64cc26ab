"""What changes in a training is found, wherever it is."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import torch
from monai.metrics import DiceMetric
from monai.transforms import Compose, RandFlip, RandGaussianNoise

from bundle_engine.workflow.resume.objects import find_objects


class Handler:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


def test_networks_and_optimizers_once_each() -> None:
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
    wrapped = torch.nn.Sequential(network)
    found = find_objects({"net": network, "wrapped": wrapped, "handler": Handler(schedule=schedule, net=network)})
    assert found.stateful == {"net": network, "handler/schedule": schedule, "handler/schedule/optimizer": optimizer}


def test_an_average_of_weights_is_another_network() -> None:
    network, average = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    found = find_objects({"net": network, "handler": Handler(ema_model=average)})
    assert found.stateful == {"net": network, "handler/ema_model": average}


def test_random_transforms_keep_their_own_streams() -> None:
    transforms = Compose([RandFlip(prob=0.5), RandGaussianNoise(prob=0.5)])
    transforms.set_random_state(seed=1)
    found = find_objects({"dataset": Handler(transform=transforms)})
    assert len(found.streams) == 3, "each of the two, and that of Compose"
    assert all(isinstance(stream, np.random.RandomState) for stream in found.streams.values())


def test_streams_behind_functions() -> None:
    own, bound, kept = random.Random(1), torch.Generator(), np.random.default_rng(1)

    class Sampler:
        generator = None

        def draw(self) -> None:
            pass

    sampler = Sampler()
    sampler.generator = bound  # type: ignore[assignment]
    roots = {"partial": functools.partial(print, kept), "closure": lambda: own, "method": sampler.draw}
    assert set(map(id, find_objects(roots).streams.values())) == {id(own), id(bound), id(kept)}


def test_circles_and_depth_end() -> None:
    first, second = Handler(), Handler()
    first.other, second.other = second, first  # type: ignore[attr-defined]
    deep: Any = torch.Generator()
    for _ in range(5_000):
        deep = [deep]
    found = find_objects({"circle": first, "deep": deep})
    assert len(found.streams) == 1


def test_metrics() -> None:
    metric = DiceMetric()
    assert find_objects({"handler": Handler(metric_fn=metric)}).metrics == {"handler/metric_fn": metric}


def test_data_is_not_walked_over() -> None:
    class Counted(list[int]):
        walks = 0

        def __iter__(self) -> Any:
            type(self).walks += 1
            return super().__iter__()

    data = Counted(range(200_000))
    find_objects({"dataset": Handler(data=data, cache=[torch.zeros(1)] * 200_000)})
    assert Counted.walks == 0


def test_the_names_are_the_same_each_time() -> None:
    def made() -> list[str]:
        net = torch.nn.Linear(1, 1)
        found = find_objects([("a", Handler(net=net, g=torch.Generator())), ("b", {"x": [net, random.Random(1)]})])
        return [*found.stateful, *found.streams]

    assert made() == made() == ["a/net", "a/g", "b/x/1"]
