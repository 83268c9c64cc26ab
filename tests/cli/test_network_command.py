"""`python -m bundle_engine verify_net_in_out`: what it prints, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NETWORK = {"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3, "padding": 1}
FORMAT = {
    "inputs": {"image": {"num_channels": 1, "spatial_shape": ["8*n", "8*n"], "dtype": "float32"}},
    "outputs": {"pred": {"num_channels": 2, "spatial_shape": ["8*n", "8*n"], "dtype": "float32"}},
}


@pytest.fixture
def bundle(write: Callable[..., str], tmp_path: Path) -> Path:
    write("mine/configs/metadata.json", json.dumps({"network_data_format": FORMAT}, indent=1))
    write("mine/configs/inference.json", {"bundle_root": ".", "net": NETWORK, "other": {**NETWORK, "out_channels": 4}})
    return tmp_path / "mine"


@pytest.mark.usefixtures("bundle")
def test_nothing_but_the_bundle_is_needed(cli: Callable[..., Any]) -> None:
    done = cli("verify_net_in_out", "--bundle", "mine")
    assert (done.code, done.out, done.err) == (0, "no findings in mine\n", "")


@pytest.mark.usefixtures("bundle")
def test_a_mismatch_is_told_with_its_line(cli: Callable[..., Any]) -> None:
    done = cli("verify_net_in_out", "other", "--bundle", "mine")
    assert done.code == 1
    assert done.out.startswith(
        "mine/configs/metadata.json:15:21: error BE085: the output 'pred' has 4 channels, and the metadata says 2"
    )
    assert '15 |     "num_channels": 2,' in done.out
    assert done.out.endswith("1 error in mine\n")


@pytest.mark.usefixtures("bundle")
def test_the_options_of_monai(cli: Callable[..., Any], write: Callable[..., str]) -> None:
    files = ("--meta_file", "mine/configs/metadata.json", "--config_file", "mine/configs/inference.json")
    sizes = ("--device", "cpu", "--p", "2", "--n", "3", "--any", "4")
    assert cli("verify_net_in_out", "net", *files, *sizes).code == 0
    done = cli("verify_net_in_out", "net", *files, *sizes, "--extra_forward_args", "{'scale': 2}")
    assert done.code == 1
    assert "unexpected keyword argument 'scale'" in done.out
    arguments = {"net_id": "other", "meta_file": files[1], "config_file": files[3], "n": 2, "other::out_channels": 2}
    write("arguments.json", arguments)
    assert cli("verify_net_in_out", "--args_file", "arguments.json").code == 0
    assert cli("verify_net_in_out", "--args_file", "arguments.json", "--other::out_channels", "3").code == 1


@pytest.mark.usefixtures("bundle")
def test_overrides_reach_the_config_and_the_metadata(cli: Callable[..., Any]) -> None:
    assert cli("verify_net_in_out", "--bundle", "mine", "--net::out_channels=3").code == 1
    channels = "--_meta_#network_data_format#outputs#pred#num_channels=3"
    assert cli("verify_net_in_out", "--bundle", "mine", "--net::out_channels=3", channels).code == 0
    done = cli("verify_net_in_out", "--bundle", "mine", channels)
    assert "command line: error BE085: the output 'pred' has 2 channels, and the metadata says 3" in done.out
    done = cli("verify_net_in_out", "--bundle", "mine", "--net::out_channel=3")
    assert "takes no argument 'out_channel'" in done.out
    done = cli("verify_net_in_out", "--bundle", "mine", "--nett=3")
    assert (done.code, "the override 'nett' has no effect" in done.err) == (0, True)


@pytest.mark.usefixtures("bundle")
def test_formats_and_severities(cli: Callable[..., Any]) -> None:
    narrow = ("--_meta_::network_data_format::outputs::pred::value_range", "[8, 9]")
    done = cli("verify_net_in_out", "--bundle", "mine", "--format", "json", *narrow)
    assert done.code == 0
    assert [each["code"] for each in json.loads(done.out)["findings"]] == ["BE088"]
    assert cli("verify_net_in_out", "--bundle", "mine", "--fail_on", "warning", *narrow).code == 1
    assert cli("verify_net_in_out", "--bundle", "mine", "--fail_on", "warning", "--ignore", "BE088", *narrow).code == 0
    assert cli("verify_net_in_out", "--bundle", "mine", "--fail_on", "warning", "--fake_only", *narrow).code == 0


USAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "no config is named"),
    "no bundle": (("--bundle", "mien"), "there is no folder 'mien'"),
    "no workflow": (("--bundle", "mine", "--workflow", "train"), "the bundle has no workflow 'train'"),
    "a workflow of no bundle": (("--workflow", "train"), "--workflow needs --bundle"),
    "no number": (("--bundle", "mine", "--n", "-3"), "n is a whole number, not '-3'"),
    "both runs": (("--bundle", "mine", "--real", "--fake_only"), "--real and --fake_only contradict each other"),
    "a format": (("--bundle", "mine", "--format", "xml"), "--format is"),
    "no such file": (("--config_file", "mine/configs/train.json"), "no metadata|cannot find the file"),
    "broken metadata": (
        ("--config_file", "mine/configs/inference.json", "--meta_file", "broken.json"),
        "broken.json:1:1",
    ),
}


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(("arguments", "message"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_told(
    arguments: tuple[str, ...], message: str, cli: Callable[..., Any], write: Callable[..., str]
) -> None:
    write("broken.json", "{")
    done = cli("verify_net_in_out", *arguments)
    assert (done.code, done.out) == (2, "")
    assert any(part in done.err for part in message.split("|"))
    assert "Traceback" not in done.err


def test_what_a_network_prints_is_no_finding(cli: Callable[..., Any], write: Callable[..., str]) -> None:
    write("metadata.json", {"network_data_format": FORMAT})
    write("config.json", {"net": NETWORK, "network_def": "$print('building') or @net"})
    done = cli("verify_net_in_out", "--config_file", "config.json", "--format", "json")
    assert json.loads(done.out) == {"findings": []}
    assert "building" in done.err
