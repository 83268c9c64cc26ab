"""Comparing outputs."""

from __future__ import annotations

import math

import pytest
import torch

from bundle_engine.errors import ExportError
from bundle_engine.export.comparison import compare, flatten
from bundle_engine.export.samples import find_samples
from bundle_engine.metadata.data_format import read_data_format


class Giving(torch.nn.Module):
    """Gives something, whatever it gets."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, x):
        return self.output


def compared(original, exported, **tolerances):
    samples = find_samples(Giving(None), None, (1, 2), "net")
    return compare(
        Giving(original), lambda made: exported, samples, **{"rtol": 1e-3, "atol": 1e-6, **tolerances}, what="the file"
    )


def test_outputs_are_listed_by_key_and_number():
    outputs = {"a": 1, "b": [2, {"c": 3}], "d": (4,)}
    assert flatten(outputs) == {"a": 1, "b.0": 2, "b.1.c": 3, "d.0": 4}
    assert flatten(5) == {"output": 5}


@pytest.mark.parametrize(
    ("original", "exported", "said"),
    [
        (torch.ones(2), torch.ones(2) * 1.01, "the output 'output' differs by 0.01, where its largest value is 1"),
        (torch.ones(2), torch.ones(3), "has the shape [3] instead of [2]"),
        (torch.ones(2), torch.ones(2, dtype=torch.float64), "is float64 instead of float32"),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "differs by 1"),
        (torch.tensor([1.0, math.nan]), torch.ones(2), "infinite or undefined values at other places"),
        (torch.tensor([1.0, math.inf]), torch.tensor([1.0, -math.inf]), "infinite or undefined values at other places"),
        ({"a": torch.ones(1), "b": torch.ones(1)}, {"a": torch.ones(1)}, "the file gives 1 outputs, and the network 2"),
        ([torch.ones(1), None], [torch.ones(1), 2], "the output '1' is 2 instead of None"),
        ({"a": [torch.ones(1)]}, {"a": [torch.zeros(1)]}, "the output 'a.0' differs by 1"),
    ],
    ids="value shape dtype integers nan infinity fewer plain nested".split(),
)
def test_differences_are_told(original, exported, said):
    with pytest.raises(ExportError) as caught:
        compared(original, exported)
    assert said in str(caught.value)


def test_what_is_within_the_tolerance_is_measured():
    found = compared([torch.tensor([4.0, math.nan]), torch.zeros(0)], [torch.tensor([4.002, math.nan]), torch.zeros(0)])
    assert found.max_abs == pytest.approx(0.002, rel=1e-3)
    assert found.max_rel == pytest.approx(0.0005, rel=1e-3)
    assert found.outputs == ("0", "1")
    assert compared(torch.zeros(2), torch.full((2,), 1e-7)).max_rel == 0


def test_an_export_that_fails_at_another_size_says_how_to_export_for_one():
    spec = {"num_channels": 1, "spatial_shape": ["4*n"], "dtype": "float32"}
    format = read_data_format({"network_data_format": {"inputs": {"x": spec}, "outputs": {"y": spec}}})
    network = torch.nn.Identity()
    samples = find_samples(network, format, None, "net")

    def only_at_8(made):
        if made.args[0].shape[-1] != 8:
            raise RuntimeError("no such size")
        return made.args[0]

    with pytest.raises(
        ExportError, match="the file fails on an input of 1x1x12, which the network takes: no such size"
    ) as caught:
        compare(network, only_at_8, samples, rtol=0, atol=0, what="the file")
    assert "--input_shape [2,1,8] exports for this one size" in caught.value.hint
