"""Random streams go on where they were."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bundle_engine.workflow.resume.streams import global_streams, is_stream, position_of, put, put_global_streams

STREAMS: dict[str, tuple[Callable[[], Any], Callable[[Any], float]]] = {
    "numpy's old one": (lambda: np.random.RandomState(1), lambda s: float(s.normal())),
    "numpy's PCG64": (lambda: np.random.default_rng(1), lambda s: float(s.normal())),
    "numpy's MT19937": (lambda: np.random.Generator(np.random.MT19937(1)), lambda s: float(s.random())),
    "numpy's Philox": (lambda: np.random.Generator(np.random.Philox(1)), lambda s: float(s.random())),
    "python's": (lambda: random.Random(1), lambda s: s.gauss(0, 1)),
    "torch's": (lambda: torch.Generator().manual_seed(1), lambda s: float(torch.rand((), generator=s))),
}


def through_a_file(value: Any) -> Any:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_goes_on(name: str) -> None:
    make, draw = STREAMS[name]
    stream = make()
    assert is_stream(stream)
    for _ in range(3):  # an odd number: normal numbers come in pairs, of which one waits
        draw(stream)
    position = through_a_file(position_of(stream))
    expected = [draw(stream) for _ in range(5)]
    other = make()
    put(other, position)
    assert [draw(other) for _ in range(5)] == expected
    put(stream, position)
    assert [draw(stream) for _ in range(5)] == expected


def test_a_position_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="a position of kind 'python' does not fit a RandomState"):
        put(np.random.RandomState(1), position_of(random.Random(1)))


def test_what_all_code_shares_goes_on() -> None:
    before = global_streams()
    try:
        random.gauss(0, 1)
        np.random.normal()
        positions = through_a_file(global_streams())
        expected = (random.gauss(0, 1), np.random.normal(), torch.rand(3).tolist())
        put_global_streams(positions)
        assert (random.gauss(0, 1), np.random.normal(), torch.rand(3).tolist()) == expected
    finally:
        put_global_streams(before)


@pytest.mark.parametrize(
    "value", [np.random, random, torch.ones(1), 3, None], ids=["numpy", "random", "tensor", "number", "None"]
)
def test_what_is_no_stream(value: Any) -> None:
    assert not is_stream(value)
