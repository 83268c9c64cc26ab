"""A network is held against its metadata: each mistake gives its finding, and what is right gives none."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.errors import InputNotFoundError, UsageError
from bundle_engine.inspection.catalogue import network as catalogue
from bundle_engine.inspection.findings import Code, Finding
from bundle_engine.metadata.network import verify_net_in_out, verify_network
from bundle_engine.resources import bundles_dir
from tests.benchmarks import network_format

MODULES = '''\
"""Networks that no library has."""
from typing import NamedTuple

import torch

class Two(NamedTuple):
    mask: torch.Tensor
    score: torch.Tensor

class Detector(torch.nn.Module):
    def forward(self, x):
        return [{"boxes": x}]

class Heads(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.conv, self.kind = torch.nn.Conv2d(1, 2, 1), kind

    def forward(self, image, scale: float = 1.0):
        mask = self.conv(image) * scale
        score = mask.mean((2, 3))
        outputs = {"dict": {"mask": mask, "score": score}, "tuple": (mask, score), "list": [mask, score, None]}
        return Two(mask, score) if self.kind == "named" else outputs[self.kind]

class Fusion(torch.nn.Module):
    def forward(self, ct, pet, weight):
        assert ct.shape[1] == 1 and pet.shape[1] == 2
        return ct * weight.view(-1, 1, 1, 1) + pet.sum(1, keepdim=True)

class Looks(torch.nn.Module):
    def forward(self, x):
        return x * 2 if x.sum().item() > 0 else x

class Loss(torch.nn.Module):
    def forward(self, x):
        return x.mean()

class Number(torch.nn.Module):
    def forward(self, x):
        return 0.5

class Fails(torch.nn.Module):
    def forward(self, x):
        raise KeyError("no such table")
'''

UNET = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8],
    "strides": [2],
    "norm": "batch",
}


def tensor(num_channels: int | None, spatial_shape: list[int | str], **fields: Any) -> dict[str, Any]:
    return {"num_channels": num_channels, "spatial_shape": spatial_shape, "dtype": "float32", **fields}


def parser_of(network: Any, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> ConfigParser:
    metadata = {"network_data_format": {"inputs": inputs, "outputs": outputs}}
    return ConfigParser({"network_def": network, "_meta_": metadata, **more})


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.code, each.severity, each.id.removeprefix("network_data_format::")) for each in findings]


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "__init__.py").write_text("")
    (tmp_path / "scripts" / "net.py").write_text(MODULES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("scripts", "scripts.net"):
        monkeypatch.delitem(sys.modules, name, raising=False)


# --- the catalogue ---


@pytest.mark.parametrize("code", catalogue.CODES, ids=lambda code: code.code)
def test_the_wrong_example_is_found_at_its_line(code: Code) -> None:
    marked = [number for number, line in enumerate(code.wrong.split("\n"), 1) if line.endswith("# here")]
    found = verify_network(read(code.wrong))
    assert [(each.code, each.severity, each.place and each.place.line) for each in found] == [
        (code.code, code.severity, marked[0])
    ]


@pytest.mark.parametrize("code", catalogue.CODES, ids=lambda code: code.code)
def test_the_right_example_has_nothing(code: Code) -> None:
    assert verify_network(read(code.right)) == []


def read(text: str) -> ConfigParser:
    Path("both.yaml").write_text(text)
    parser = ConfigParser()
    parser.read_config("both.yaml")
    parser.read_meta("both.yaml")
    return parser


# --- what is right ---

ANY = "*"
EIGHT = ["8*n"] * 3
SEGRESNET = {"_target_": "SegResNet", "in_channels": 4, "out_channels": 3}
DENSENET = {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 3, "out_channels": 4}
DENSENET |= {"block_config": [1, 1, 1, 1]}
UNETR = {"_target_": "UNETR", "in_channels": 1, "out_channels": 2, "img_size": 96, "feature_size": 8}
UNETR |= {"hidden_size": 48, "mlp_dim": 64, "num_heads": 4}
HEADS = {"mask": tensor(2, ["n", "n"]), "score": tensor(2, [])}
LINE = {"image": tensor(1, ["n", "n"])}
DIFFUSION = {"_target_": "DiffusionModelUNet", "spatial_dims": 2, "in_channels": 8, "out_channels": 8}
DIFFUSION |= {"channels": [32, 64], "attention_levels": [False, True], "num_head_channels": 64, "num_res_blocks": 1}
SWIN = {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 2, "feature_size": 12}

RIGHT: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "SegResNet": (SEGRESNET, {"image": tensor(4, EIGHT)}, {"pred": tensor(3, EIGHT)}),
    "UNet": (UNET, {"image": tensor(1, ["2*n", 16, "16"])}, {"pred": tensor(2, ["2*n", 16, "16"])}),
    "UNETR": (UNETR, {"image": tensor(1, [96] * 3)}, {"pred": tensor(2, [96] * 3)}),
    "DenseNet": (DENSENET, {"image": tensor(3, ["64*n"] * 2)}, {"pred": tensor(4, [])}),
    "DenseNet, half precision": (
        DENSENET,
        {"image": tensor(3, [64, 64], dtype="float16")},
        {"pred": tensor(4, [], dtype="float16")},
    ),
    "SwinUNETR, which looks at values while it is built": (
        SWIN,
        {"image": tensor(1, [64] * 3)},
        {"pred": tensor(2, [64] * 3)},
    ),
    "one axis": (
        {"_target_": "torch.nn.Conv1d", "in_channels": 3, "out_channels": 5, "kernel_size": 3, "padding": 1},
        {"signal": tensor(3, [ANY])},
        {"pred": tensor(5, [ANY])},
    ),
    "one number more": (
        {"_target_": "torch.nn.AvgPool1d", "kernel_size": 2, "stride": 1},
        {"signal": tensor(3, ["16*n+1"])},
        {"pred": tensor(3, ["16*n"])},
    ),
    "powers": (
        {"_target_": "torch.nn.MaxPool2d", "kernel_size": 2},
        {"image": tensor(1, ["2**p"] * 2)},
        {"pred": tensor(1, ["2**p//2"] * 2)},
    ),
    "outputs by name": ({"_target_": "scripts.net.Heads", "kind": "dict"}, LINE, dict(reversed(HEADS.items()))),
    "outputs by name of a tuple": ({"_target_": "scripts.net.Heads", "kind": "named"}, LINE, HEADS),
    "outputs by position": ({"_target_": "scripts.net.Heads", "kind": "tuple"}, LINE, HEADS),
    "a list with None": ({"_target_": "scripts.net.Heads", "kind": "list"}, LINE, HEADS),
    "inputs by name": (
        {"_target_": "scripts.net.Fusion"},
        {"weight": tensor(1, []), "pet": tensor(2, [8, 8]), "ct": tensor(1, [8, 8])},
        {"pred": tensor(1, [8, 8])},
    ),
    "inputs by position": (
        {"_target_": "scripts.net.Fusion"},
        {"first": tensor(1, [8, 8]), "second": tensor(2, [8, 8]), "third": tensor(1, [])},
        {"pred": tensor(1, [8, 8])},
    ),
    "timesteps": (
        DIFFUSION,
        {"latent": tensor(8, [16, 16]), "condition": tensor(1, [], type="timesteps", dtype="long")},
        {"pred": tensor(8, [16, 16])},
    ),
    "whole numbers": (
        {"_target_": "torch.nn.Embedding", "num_embeddings": 10, "embedding_dim": 4},
        {"ids": tensor(7, [], dtype="int64", value_range=[0, 9])},
        {"pred": tensor(7, [4])},
    ),
    "a scalar": ({"_target_": "scripts.net.Loss"}, LINE, {"loss": tensor(1, [])}),
    "a number": ({"_target_": "scripts.net.Number"}, LINE, {"loss": tensor(1, [])}),
    "a range": (
        {"_target_": "torch.nn.Sigmoid"},
        {"image": tensor(1, [8], value_range=[-5, 5])},
        {"pred": tensor(1, [8], value_range=[0, 1])},
    ),
}


@pytest.mark.parametrize(("network", "inputs", "outputs"), RIGHT.values(), ids=RIGHT)
def test_what_is_right_gives_nothing(network: Any, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    assert told(verify_network(parser_of(network, inputs, outputs))) == []


# --- what is wrong ---

PAIR = {"image": tensor(1, ["4*n"] * 3)}, {"pred": tensor(2, ["4*n"] * 3, value_range=[-9, 9])}

MUTATIONS: dict[str, tuple[str, Any, list[tuple[str, str, str]]]] = {
    "channels of the input": ("inputs::image::num_channels", 3, [("BE085", "error", "inputs::image::num_channels")]),
    "channels of the output": ("outputs::pred::num_channels", 3, [("BE085", "error", "outputs::pred::num_channels")]),
    "channels of the output forgotten": ("outputs::pred::num_channels", None, [("BE085", "error", "outputs::pred")]),
    "sizes of the output": (
        "outputs::pred::spatial_shape",
        ["4*n", "4*n", "2*n"],
        [("BE086", "error", "outputs::pred::spatial_shape")],
    ),
    "sizes that meet at one point": (
        "outputs::pred::spatial_shape",
        [4, 4, 4],
        [("BE086", "error", "outputs::pred::spatial_shape")],
    ),
    "an axis too few": (
        "inputs::image::spatial_shape",
        ["4*n", "4*n"],
        [("BE086", "error", "inputs::image::spatial_shape")],
    ),
    "an axis too few behind": (
        "outputs::pred::spatial_shape",
        ["4*n", "4*n"],
        [("BE086", "error", "outputs::pred::spatial_shape")],
    ),
    "a size in another letter": (
        "inputs::image::spatial_shape",
        ["4*m", "4*n", "4*n"],
        [("BE077", "error", "inputs::image::spatial_shape::0")],
    ),
    "odd sizes": (
        "inputs::image::spatial_shape",
        ["*", "*", "*"],
        [("BE086", "error", "outputs::pred::spatial_shape")],
    ),
    "number type of the input": ("inputs::image::dtype", "int32", [("BE087", "error", "inputs::image::dtype")]),
    "number type of the output": ("outputs::pred::dtype", "uint8", [("BE087", "error", "outputs::pred::dtype")]),
    "range of the output": ("outputs::pred::value_range", [8, 9], [("BE088", "warning", "outputs::pred::value_range")]),
    "meanings of the channels": (
        "inputs::image::channel_def",
        {"0": "CT", "1": "PET"},
        [("BE075", "warning", "inputs::image::channel_def")],
    ),
    "numbers of the channels": (
        "inputs::image::channel_def",
        {"1": "CT"},
        [("BE075", "warning", "inputs::image::channel_def")],
    ),
    "an input too many": ("inputs::mask", tensor(1, [8] * 3), [("BE082", "error", "inputs::mask")]),
    "an output too many": ("outputs::boxes", tensor(1, [8] * 3), [("BE083", "error", "outputs::boxes")]),
}


@pytest.mark.parametrize(("id", "value", "expected"), MUTATIONS.values(), ids=MUTATIONS)
def test_each_mutation_gives_its_finding(id: str, value: Any, expected: list[tuple[str, str, str]]) -> None:
    parser = parser_of(UNET, *copy.deepcopy(PAIR))
    assert verify_network(parser) == []
    container, _, key = id.rpartition("::")
    parser[f"_meta_::network_data_format::{container}"][key] = value
    assert sorted(told(verify_network(parser))) == sorted(expected)


def test_every_mistake_is_told_and_not_the_first_one() -> None:
    wrong = (
        {"image": tensor(3, ["n", "n"], dtype="int64", channel_def={"0": "CT"})},
        {
            "pred": tensor(5, ["n"], dtype="float64", value_range=[8, 9], channel_def={"0": "a"}),
            "boxes": tensor(1, []),
        },
    )
    assert sorted(told(verify_network(parser_of(UNET, *wrong)))) == [
        ("BE075", "warning", "inputs::image::channel_def"),
        ("BE075", "warning", "outputs::pred::channel_def"),
        ("BE083", "error", "outputs::boxes"),
        ("BE085", "error", "inputs::image::num_channels"),
        ("BE085", "error", "outputs::pred::num_channels"),
        ("BE086", "error", "inputs::image::spatial_shape"),
        ("BE086", "error", "outputs::pred::spatial_shape"),
        ("BE087", "error", "inputs::image::dtype"),
        ("BE087", "error", "outputs::pred::dtype"),
        ("BE088", "warning", "outputs::pred::value_range"),
    ]


ODD: dict[str, tuple[Any, dict[str, Any], dict[str, Any], list[tuple[str, str, str]], str]] = {
    "no network": (None, LINE, {"pred": tensor(1, [])}, [("BE080", "error", "network_def")], "has no network"),
    "no module": ({"_target_": "dict"}, LINE, HEADS, [("BE080", "error", "network_def")], "is a dict, and no torch"),
    "a class that is not there": (
        {"_target_": "UNett"},
        LINE,
        HEADS,
        [("BE080", "error", "network_def")],
        "UNett",
    ),
    "a wrong argument": (
        {**UNET, "chanels": 3},
        *PAIR,
        [("BE080", "error", "network_def::chanels")],
        "takes no argument 'chanels'",
    ),
    "an error of its own": (
        {"_target_": "scripts.net.Fails"},
        LINE,
        HEADS,
        [("BE081", "error", "inputs::image")],
        "KeyError: 'no such table'",
    ),
    "an argument without an input": (
        {"_target_": "scripts.net.Fusion"},
        LINE,
        {"pred": tensor(1, [])},
        [("BE082", "error", "inputs")],
        "needs 'pet' and 'weight'",
    ),
    "an output too few": (
        {"_target_": "scripts.net.Heads", "kind": "dict"},
        LINE,
        {"mask": HEADS["mask"]},
        [("BE084", "warning", "outputs")],
        "gives 'score'",
    ),
    "outputs by another name": (
        {"_target_": "scripts.net.Heads", "kind": "dict"},
        LINE,
        {"mask": HEADS["mask"], "points": HEADS["score"]},
        [("BE084", "warning", "outputs"), ("BE083", "error", "outputs::points")],
        "",
    ),
    "classes with their batch": (
        DENSENET,
        {"image": tensor(3, [64, 64])},
        {"pred": tensor(4, [1, 4])},
        [("BE092", "info", "outputs::pred::spatial_shape")],
        "counts the batch and the channels, too",
    ),
    "a mask without channels": (
        {"_target_": "torch.nn.Flatten", "start_dim": 1, "end_dim": 2},
        {"image": tensor(1, [8, 8])},
        {"pred": tensor(2, [8, 8])},
        [("BE085", "error", "outputs::pred::num_channels")],
        "without an axis for the 2 channels",
    ),
    "what fake tensors cannot follow": (
        {"_target_": "scripts.net.Looks"},
        LINE,
        {"pred": tensor(1, ["n", "n"], value_range=[5, 6])},
        [("BE090", "info", ""), ("BE088", "warning", "outputs::pred::value_range")],
        "",
    ),
    "a fixed size in a pattern": (
        UNETR,
        {"image": tensor(1, ["32*n"] * 3)},
        {"pred": tensor(2, ["32*n"] * 3)},
        [("BE089", "warning", "inputs::image::spatial_shape")],
        "takes 'image' of 96x96x96 (n=3), and refuses 'image' of 128x128x128 (n=4)",
    ),
}


@pytest.mark.parametrize(("network", "inputs", "outputs", "expected", "message"), ODD.values(), ids=ODD)
def test_what_is_odd_is_told(
    network: Any,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
    expected: list[tuple[str, str, str]],
    message: str,
) -> None:
    found = verify_network(parser_of(network, inputs, outputs))
    assert sorted((c, s, "" if i == "network_data_format" else i) for c, s, i in told(found)) == sorted(expected)
    assert any(message in each.message for each in found)


# --- options ---


def test_sizes_that_are_given_are_the_only_ones() -> None:
    parser = parser_of(UNETR, {"image": tensor(1, ["32*n"] * 3)}, {"pred": tensor(2, ["32*n"] * 3)})
    assert verify_network(parser, given={"n": 3}) == []
    assert told(verify_network(parser, given={"n": 2}, real=False)) == [("BE081", "error", "inputs::image")]


def test_sizes_that_no_computer_has_are_refused() -> None:
    parser = parser_of(UNET, {"image": tensor(1, ["2**p"] * 3)}, {"pred": tensor(2, ["2**p"] * 3)})
    assert told(verify_network(parser, given={"p": 30})) == [("BE077", "error", "inputs::image::spatial_shape")]


def test_further_arguments_reach_the_network() -> None:
    parser = parser_of({"_target_": "scripts.net.Heads", "kind": "tuple"}, LINE, HEADS)
    assert verify_network(parser, extra_forward_args={"scale": 2.0}) == []
    found = verify_network(parser, extra_forward_args={"scael": 2.0})
    assert told(found) == [("BE081", "error", "inputs::image")]
    assert "unexpected keyword argument 'scael'" in found[0].message


def test_a_run_is_left_out_or_forced() -> None:
    parser = parser_of({"_target_": "scripts.net.Looks"}, LINE, {"pred": tensor(1, ["n", "n"])})
    assert told(verify_network(parser, real=False)) == [("BE090", "warning", "network_data_format")]
    wrong_range = parser_of(UNET, PAIR[0], {"pred": tensor(2, ["4*n"] * 3, value_range=[8, 9])})
    assert verify_network(wrong_range, real=False) == []
    assert told(verify_network(wrong_range, real=True)) == [("BE088", "warning", "outputs::pred::value_range")]


def test_the_config_and_the_random_numbers_stay_as_they_are() -> None:
    import torch

    parser = parser_of(UNET, *PAIR)
    network = parser.get_parsed_content("network_def")
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    assert verify_network(parser) == []
    assert torch.equal(torch.random.get_rng_state(), before)
    assert parser.get_parsed_content("network_def") is network
    assert not network.training or next(network.parameters()).device.type == "cpu"
    assert type(torch.zeros(1)) is torch.Tensor


# --- bundles and files ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("brain_tissue_segmentation", []),
        # a patch of 8x8x8 has one voxel left after three halvings, and an instance norm needs two
        ("hippocampus_segmentation", [("BE089", "info", "inputs::image::spatial_shape")]),
    ],
)
def test_the_ready_made_bundles_are_right(name: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(verify_net_in_out(bundle=bundles_dir() / name)) == expected
    assert told(verify_network(bundles_dir() / name, given={"n": 4})) == []


def test_what_cannot_be_named_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="no config with a network"):
        verify_net_in_out(bundle=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no config is named"):
        verify_net_in_out()
    (tmp_path / "train.json").write_text("{}")
    with pytest.raises(UsageError, match="no metadata is named"):
        verify_net_in_out(config_file=tmp_path / "train.json")
    with pytest.raises(UsageError, match="n is a whole number, not 'two'"):
        verify_net_in_out(bundle=bundles_dir() / "hippocampus_segmentation", n="two")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "agreed"),
    [({}, True), ({"num_channels": 3}, False), ({"dtype": "float64"}, False), ({"dtype": "int32"}, False)],
    ids=str,
)
def test_monai_says_the_same(change: dict[str, Any], agreed: bool, tmp_path: Path) -> None:
    import monai.bundle

    inputs, outputs = PAIR[0], {"pred": {**PAIR[1]["pred"], **change}}
    ConfigParser.export_config_file({"net": UNET}, tmp_path / "config.json")
    metadata = {"network_data_format": {"inputs": inputs, "outputs": outputs}}
    ConfigParser.export_config_file(metadata, tmp_path / "metadata.json")
    files = {"meta_file": str(tmp_path / "metadata.json"), "config_file": str(tmp_path / "config.json")}
    ours = verify_net_in_out("net", **files, n=2, device="cpu")
    assert (ours == []) is agreed
    if agreed:
        monai.bundle.verify_net_in_out("net", **files, n=2, device="cpu")
    else:
        with pytest.raises(ValueError, match="doesn't match"):
            monai.bundle.verify_net_in_out("net", **files, n=2, device="cpu")


# --- time and memory ---


@pytest.mark.parametrize("size", [96, 512])
def test_a_large_network_takes_neither_time_nor_memory(size: int) -> None:
    resource = pytest.importorskip("resource")
    import time

    import monai.networks.nets  # noqa: F401

    parser = ConfigParser({**network_format.config(size), "_meta_": network_format.metadata(size)})
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert verify_network(parser, real=False) == []
    assert time.process_time() - begin < 5
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500 * (1024**2 if sys.platform == "darwin" else 1024)
