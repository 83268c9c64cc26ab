"""A training in a process of its own that is killed at any moment, and goes on, learns the same to the last bit."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.runs.conftest import learnt, make_bundle, record_of, runs_in
from tests.runs.processes import Child, Nursery

KILLS = 20
WRITING = 8  # of them while a checkpoint is being written
COMMAND = ("run", "--bundle", "bundle")


@pytest.fixture(scope="module")
def undisturbed(hippocampus: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    """What a training learns that nobody disturbs, and the seconds that it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    make_bundle(folder / "bundle", hippocampus)
    nursery.run(folder, "--version")  # it is ready then
    begin = time.monotonic()
    ended = nursery.run(folder, *COMMAND, BUNDLE_ENGINE_RUNS=str(folder / "runs"))
    assert ended.code == 0, ended.output
    [run] = runs_in(folder)
    return learnt(run), time.monotonic() - begin


@pytest.fixture
def folder(hippocampus: Path, tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle", hippocampus)
    return tmp_path


def half_written(runs: Path) -> set[Path]:
    return set(runs.glob("*/*/checkpoints/.epoch*.tmp*"))


def wait_for(moment: str, child: Child, runs: Path, chance: random.Random, seconds: float) -> None:
    """Wait for the moment at which a process is to be killed, or for its end."""
    at = time.monotonic() + chance.uniform(0.05, 1) * seconds
    while child.is_alive() and moment == "any" and time.monotonic() < at:
        time.sleep(0.003)
    seen = half_written(runs)  # of one that was killed before
    for _ in range(chance.randint(1, 3) if moment == "writing" else 0):
        while child.is_alive() and not half_written(runs) - seen:
            time.sleep(0.0005)
        seen |= half_written(runs)


def test_killed_at_any_moment(nursery: Nursery, folder: Path, undisturbed: tuple[str, float]) -> None:
    expected, seconds = undisturbed
    chance = random.Random(20)
    moments = ["writing"] * WRITING + ["any"] * (KILLS - WRITING)
    chance.shuffle(moments)
    runs = folder / "runs"
    ended_well = resumed = while_writing = 0

    while moments or record_of(runs_in(runs)[-1])["status"] != "done":
        begun = runs_in(runs)
        goes_on = bool(begun) and record_of(begun[-1])["status"] != "done"
        resumed += goes_on
        child = nursery.start(folder, *COMMAND, *(["--resume"] if goes_on else []), BUNDLE_ENGINE_RUNS=str(runs))
        if moments:
            wait_for(moments[-1], child, runs, chance, seconds)
            child.signal(signal.SIGKILL)
        ended = child.end()
        if ended.code == -signal.SIGKILL:
            while_writing += moments.pop() == "writing" and bool(half_written(runs))
        else:
            assert ended.code == 0, ended.output
            ended_well += 1
            assert learnt(runs_in(runs)[-1]) == expected
    assert resumed >= KILLS / 3
    assert while_writing >= 1
    assert not half_written(runs), "what was left of writing is cleared away"
    assert ended_well >= 1


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_asked_to_stop(
    nursery: Nursery, folder: Path, undisturbed: tuple[str, float], number: signal.Signals, code: int, said: str
) -> None:
    runs = folder / "runs"
    child = nursery.start(folder, *COMMAND, BUNDLE_ENGINE_RUNS=str(runs))
    while child.is_alive() and not list(runs.glob("*/*/checkpoints/epoch0001*")):
        time.sleep(0.001)
    child.signal(number)
    ended = child.end()
    assert ended.code == code, ended.output
    [run] = runs_in(runs)
    command = f"bundle-engine run --resume {run.relative_to(folder)}"
    assert ended.output.rstrip().endswith(f"it is saved; to go on: {command}\n{said}")
    assert "Traceback" not in ended.output
    assert "ERROR" not in ended.output, "being asked to stop is no error"
    assert record_of(run)["status"] == said
    assert record_of(run)["exit_code"] == code

    ended = nursery.run(folder, *command.split()[1:], BUNDLE_ENGINE_RUNS=str(runs))
    assert ended.code == 0, ended.output
    assert runs_in(runs) == [run], "it works in the same folder"
    assert learnt(run) == undisturbed[0]
    record = record_of(run)
    assert record["status"] == "done"
    assert [each["epoch"] >= 1 for each in record["resumed"]] == [True]
    log = (run / "log.txt").read_text()
    assert log.count("checkpoints and the record of this run are kept in") == 2, "the log goes on, too"
    assert f"going on after epoch {record['resumed'][0]['epoch']}," in log


def test_one_that_runs_is_refused(nursery: Nursery, folder: Path) -> None:
    runs = folder / "runs"
    child = nursery.start(folder, *COMMAND, BUNDLE_ENGINE_RUNS=str(runs))
    try:
        while child.is_alive() and not runs_in(runs):
            time.sleep(0.001)
        [run] = runs_in(runs)
        child.signal(signal.SIGSTOP)
        refused = nursery.run(folder, *COMMAND, "--resume", BUNDLE_ENGINE_RUNS=str(runs))
        listed = nursery.run(folder, "runs", "list", BUNDLE_ENGINE_RUNS=str(runs))
    finally:
        child.signal(signal.SIGCONT)
        child.kill()
    assert refused.code == 2
    assert f"the run in '{run.relative_to(folder)}' is still running, as process {child.pid}" in refused.output
    assert "running" in listed.output
    assert "killed" in nursery.run(folder, "runs", "list", BUNDLE_ENGINE_RUNS=str(runs)).output


def test_a_full_disk_is_told_and_nothing_is_lost(nursery: Nursery, folder: Path) -> None:
    """A limit on the size of files stands for the disk: writing fails in the middle of a checkpoint."""
    runs = folder / "runs"
    handler = {"_target_": "tests.runs.limits.LimitedAfter", "epoch": 1}
    argv = (*COMMAND, "--+train::handlers", str([handler]))
    ended = nursery.run(folder, *argv, BUNDLE_ENGINE_RUNS=str(runs))
    [run] = runs_in(runs)
    assert ended.code == 1, ended.output
    assert "error: the checkpoint of epoch 2 cannot be written" in ended.output
    assert "those before it are whole" in ended.output
    assert "Traceback" not in ended.output
    assert record_of(run)["status"] in ("failed", "running")
    kept = sorted(path.name for path in (run / "checkpoints").glob("*.pt"))
    assert kept == ["epoch0000_iteration00000000.pt", "epoch0001_iteration00000004.pt"]
    assert not half_written(runs)
