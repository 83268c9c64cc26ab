"""`weights`: showing and converting files with weights."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bundle_engine.workflow.checkpoints import read_checkpoint, write_weights

WEIGHTS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(7)}


class Malicious:
    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_safetensors_are_shown_without_torch(folder):
    write_weights("a.safetensors", WEIGHTS)
    code = (
        "import sys; from bundle_engine.cli import main\n"
        "assert main(['weights', 'show', 'a.safetensors']) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    home = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(home)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "steps        scalar  int64     8 B\n"
        "conv.weight  2 x 3   float32  24 B\n"
        "format: pt\n"
        "\n"
        "2 tensors, 7 numbers, 32 B (safetensors)\n"
    )


def test_a_checkpoint_is_shown_with_what_it_has_besides(cli, folder):
    tied = {**WEIGHTS, "tied": WEIGHTS["conv.weight"]}
    torch.save(
        {"model": tied, "epoch": 3, "optimizer": {"state": {0: {"m": torch.ones(2)}}, "param_groups": []}}, "a.pt"
    )
    code, out, err = cli("weights", "show", "a.pt")
    assert (code, err) == (0, "")
    assert out.split("\n") == [
        "conv.weight  2 x 3   float32  24 B",
        "steps        scalar  int64     8 B",
        "tied         2 x 3   float32  24 B  (the memory of conv.weight)",
        "",
        "besides these:",
        "  epoch: 3",
        "  optimizer: a mapping of 2, with 1 tensors",
        "",
        "3 tensors at 'model', 7 numbers, 32 B (torch)",
        "",
    ]
    shown = json.loads(cli("weights", "show", "a.pt", "--format", "json").out)
    assert shown["tensors"][2] == {
        "name": "tied", "shape": [2, 3], "dtype": "float32", "size": 24, "shares": "conv.weight"
    }  # fmt: skip
    assert (shown["key"], shown["size"], shown["rest"]["epoch"]) == ("model", 32, "3")


def test_several_weights_are_named_and_one_is_chosen(cli, folder):
    torch.save({"generator": WEIGHTS, "critic": {"x": torch.ones(1)}}, "a.pt")
    out = cli("weights", "show", "a.pt").out
    assert "there are no weights to choose without --key_in_ckpt:\n  generator: a mapping of 2, with 2 tensors" in out
    assert "1 tensor at 'critic', 1 numbers" in cli("weights", "show", "a.pt", "--key_in_ckpt", "critic").out
    code, _, err = cli("weights", "convert", "a.pt", "a.safetensors")
    assert code == 2
    assert "'a.pt' has weights under several keys: generator, critic" in err
    assert cli("weights", "convert", "a.pt", "a.safetensors", "--key_in_ckpt", "critic").code == 0
    assert list(read_checkpoint("a.safetensors")) == ["x"]


def test_weights_are_converted_there_and_back(cli, folder):
    torch.save({"model": {f"module.{n}": v for n, v in WEIGHTS.items()}, "epoch": 3}, "a.pt")
    code, out, err = cli("weights", "convert", "a.pt", "a.safetensors")
    assert (code, out) == (0, "")
    assert err == "wrote a.safetensors: 2 tensors, 200 B\nleft out, as they are no weights: epoch\n"
    assert cli("weights", "convert", "a.safetensors", "b.pt").code == 0
    read = torch.load("b.pt", weights_only=True)
    assert read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[name], WEIGHTS[name]) for name in WEIGHTS)


def test_a_file_that_runs_code_is_converted_only_on_demand(cli, folder):
    torch.save({"model": WEIGHTS, "args": argparse.Namespace(lr=1), "evil": Malicious(folder / "made")}, "a.pt")
    code, _, err = cli("weights", "convert", "a.pt", "a.safetensors")
    assert code == 2
    assert "could run code: its pickle asks for argparse.Namespace, posix.mkdir" in err.replace(
        "nt.mkdir", "posix.mkdir"
    )
    assert "weights convert a.pt a.safetensors --unsafe_load" in err
    assert sorted(os.listdir()) == ["a.pt"]
    code, _, err = cli("weights", "convert", "a.pt", "a.safetensors", "--unsafe_load")
    assert code == 0
    assert err.startswith("warning: 'a.pt' is read by running the code that it holds, with all your rights")
    assert "left out, as they are no weights: args" in err
    assert sorted(os.listdir()) == ["a.pt", "a.safetensors", "made"]
    assert torch.equal(read_checkpoint("a.safetensors")["conv.weight"], WEIGHTS["conv.weight"])


def test_the_weights_of_a_program_and_of_a_whole_network_can_be_taken(cli, folder):
    network = torch.nn.Linear(3, 2)
    torch.jit.save(torch.jit.trace(network, torch.ones(1, 3)), "a.ts")
    torch.save(network, "b.pt")
    for source in ("a.ts", "b.pt"):
        assert cli("weights", "convert", source, "a.safetensors", "--unsafe_load").code == 0
        assert torch.equal(read_checkpoint("a.safetensors")["weight"], network.weight)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "nothing is said of what to do"),
        (["shwo", "a.pt"], "'shwo' is nothing that can be done with weights"),
        (["show"], "no file is named"),
        (["show", "a.pt", "b.pt"], "weights show takes a file and nothing else"),
        (["show", "a.pt", "--format", "yaml"], "there is no format 'yaml'"),
        (["show", "b.pt"], "cannot find the file 'b.pt'\n  help: did you mean 'a.pt'?"),
        (["convert", "a.pt"], "no file to write is named\n  help: weights convert a.pt a.safetensors"),
        (["convert", "a.pt", "b.txt"], "the name 'b.txt' does not say what to write"),
        (["convert", "a.pt", "no/b.pt"], "there is no folder"),
        (["convert", "html.pt", "b.pt"], "holds a web page"),
        (["convert", "html.pt", "b.pt", "--unsafe_load"], "holds a web page"),
        (["convert", "text.pkl", "b.pt", "--unsafe_load"], "'text.pkl' could not be read by running its code"),
        (["show", "a.pt", "--keyinckpt", "x"], "there is no option --keyinckpt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_an_error_and_writes_nothing(cli, folder, argv, said):
    torch.save(WEIGHTS, "a.pt")
    Path("html.pt").write_text("<html>")
    Path("text.pkl").write_bytes(b"\x80\x04no pickle")
    code, out, err = cli("weights", *argv)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert sorted(os.listdir()) == ["a.pt", "html.pt", "text.pkl"]
