"""Several processes start, fail and end as one program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundle_engine.cli import main

from .conftest import ROOT, run

CONFIG = {
    "imports": ["$import logging, os, signal, time", "$import torch", "$import torch.distributed as dist"],
    "step": "$0",
    "initialize": ["$logging.getLogger('mine').info('hello')", "$logging.getLogger('mine').warning('careful')"],
    "run": [
        "$print('rank', dist.get_rank(), 'of', dist.get_world_size(), flush=True)",
        "@step",
        "$dist.all_reduce(torch.ones(1))",
    ],
    "finalize": ["$print('finalized', dist.is_initialized(), flush=True)"],
}
OWN = {  # as configs for several GPUs in MONAI's format do
    **CONFIG,
    "initialize": ["$dist.init_process_group(backend='gloo')"],
    "step": "$print('device', @device)",
    "device": "$torch.device('cpu')",
    "finalize": ["$dist.is_initialized() and dist.destroy_process_group()"],
}
ALONE = ("--record", "false", "--logging_file", "False")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, config in (("ours", CONFIG), ("own", OWN)):
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    (tmp_path / "metadata.json").write_text("{}")
    return tmp_path


def test_an_error_of_one_ends_all_and_is_told_once(folder: Path) -> None:
    failing = ("--run::1", "$1 / dist.get_rank()")
    begin = time.monotonic()
    ended = run(folder, "--config_file", "ours.json", "--nproc", "2", "--record", "false", *failing)
    assert ended.code == 1
    errors = [line for line in ended.err.splitlines() if line.startswith("error")]
    assert errors == ["error on rank 0: the expression failed: ZeroDivisionError: division by zero"]
    assert "Connection closed" not in ended.err
    assert ended.out == "rank 0 of 2\nfinalized True\n"
    logged = [line.partition(" mine: ")[2] for line in ended.err.splitlines() if " mine: " in line]
    assert sorted(logged) == ["[rank 1] careful", "careful", "hello"], "others are heard from a warning on"
    assert time.monotonic() - begin < 60


def test_under_torchrun_a_config_that_sets_up_its_group_is_left_as_it_is(folder: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    failing = ("--run::2", "$dist.get_rank() == 0 or 1 / 0", "--+run", "['$dist.barrier()']")
    ended = run(folder, "--config_file", "own.json", *ALONE, *failing, launcher=launcher)
    assert ended.code == 1
    assert ended.out == "rank 0 of 2\ndevice cpu\n"
    errors = [line for line in ended.err.splitlines() if line.startswith("error")]
    assert len(errors) == 1, "the other one fails, too, for it was left alone"
    assert errors[0].startswith("error on rank 1: the expression failed: ZeroDivisionError")


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGTERM, 143, "terminated\n")], ids=["terminated"])
def test_a_signal_ends_all(folder: Path, number: int, code: int, said: str) -> None:
    command = [sys.executable, "-m", "bundle_engine", "run", "--config_file", "ours.json", "--nproc", "2", *ALONE]
    process = subprocess.Popen(
        [*command, "--step", "$time.sleep(60)"], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "rank 0 of 2\n"
    assert sorted(process.stderr.readline() for _ in range(2)) == ["[rank 1] careful\n", "careful\n"], "both are there"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "finalized True\n")
    assert err == said


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "--nproc is a number of processes, gpu or auto, and not '0'"),
        ("two", "--nproc is a number of processes, gpu or auto, and not 'two'"),
        ("gpu", "--nproc gpu: there is no GPU"),
    ],
)
def test_what_nproc_takes(
    value: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert main(["run", "--config_file", str(folder / "ours.json"), "--nproc", value, *ALONE]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.parametrize("value", ["1", "auto"])
def test_one_process_is_this_one(
    value: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    (folder / "one.json").write_text(json.dumps({"run": "$print('here')"}))
    assert main(["run", "--config_file", str(folder / "one.json"), "--nproc", value, *ALONE]) == 0
    assert capsys.readouterr().out == "here\n"


def test_nothing_is_started_for_a_command_line_that_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--nproc", "2", "a", "b", "c", "d", "e", "f", "g", "h", "i"]) == 2
    assert "'i' is one argument too many" in capsys.readouterr().err


def test_an_error_of_all_is_told_once(folder: Path) -> None:
    ended = run(folder, "--config_file", "no.json", "--nproc", "3")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("no.json") == 1
    assert ended.err.startswith("error: ")


def test_processes_end_when_the_one_that_started_them_is_killed(folder: Path) -> None:
    waiting = ["$print(os.getpid(), flush=True)", "$time.sleep(60) or 'init_process_group'"]  # they need not talk
    (folder / "wait.json").write_text(json.dumps({"imports": "$import os, time", "run": waiting}))
    process = subprocess.Popen(
        [sys.executable, "-m", "bundle_engine", "run", "--config_file", "wait.json", "--nproc", "2", *ALONE],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    first = int(process.stdout.readline())
    process.kill()
    process.communicate()
    end = time.monotonic() + 20
    while time.monotonic() < end and _is_alive(first):
        time.sleep(0.05)
    assert not _is_alive(first)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
