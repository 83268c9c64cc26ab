"""How far runs are, read from their logs, and how it is shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from bundle_engine.errors import UsageError
from bundle_engine.experiment import board
from bundle_engine.experiment.board import Lines, Row, fitting, left_in_all, make_board
from bundle_engine.experiment.progress import Progress, read_progress

LOG = """\
2026-11-20 09:52:58,970 INFO ignite.engine.engine.SupervisedTrainer: Engine run resuming from iteration 0, epoch 0
2026-11-20 09:52:59,100 INFO bundle_engine.progress: validation: val_mean_dice 0.2912 in epoch 1, best 0.2912 in epoch 1
2026-11-20 09:52:59,100 INFO bundle_engine.progress: training: epoch 1/45, 0:12, loss 0.6450, 13 images/s, 8:48 left in all
"""
HANDLERS = """\
2026-11-20 10:00:00,000 - INFO - Epoch[2] Metrics -- dice_anterior: 0.8100 val_mean_dice: 0.8012 
2026-11-20 10:00:00,001 - INFO - Key metric: val_mean_dice best value: 0.801234 at epoch: 2
2026-11-20 10:00:00,100 - INFO - Epoch[2] Metrics -- train_loss: 0.4321 
2026-11-20 10:00:00,101 - INFO - Key metric: train_loss best value: 0.4321 at epoch: 2
2026-11-20 10:00:00,200 INFO bundle_engine.progress: training: epoch 2/45, 0:12, 13 images/s, 1:02:03 left in all
"""  # noqa: W291


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (LOG, Progress(1, 45, 0.645, ("val_mean_dice", 0.2912), 528)),
        (LOG + HANDLERS, Progress(2, 45, 0.4321, ("val_mean_dice", 0.8012), 3723)),
        (LOG.splitlines()[0] + "\n", Progress()),
        (b"\xff\xfe training: epoch x/y".decode("latin-1"), Progress()),
    ],
    ids=["lines", "handlers", "nothing yet", "nonsense"],
)
def test_progress_is_read_from_the_log(tmp_path: Path, log: str, expected: Progress) -> None:
    (tmp_path / "log.txt").write_text(log, encoding="utf-8")
    found = read_progress(tmp_path)
    (tmp_path / "log.txt").rename(tmp_path / "output.txt")
    assert read_progress(tmp_path)._replace(left=None) == found._replace(left=None)
    assert found._replace(left=expected.left) == expected
    assert expected.left is None or found.left == pytest.approx(expected.left, abs=5)


def test_of_a_run_that_has_not_begun_nothing_is_known(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "nowhere") == Progress()


def rows(folder: Path) -> list[Row]:
    (folder / "b").mkdir()
    (folder / "b" / "log.txt").write_text(LOG, encoding="utf-8")
    return [Row("a", folder / "a", "done", 600.0), Row("b", folder / "b"), Row("c", folder / "c")]


def test_plain_lines_tell_of_changes_and_now_and_then_of_progress(tmp_path: Path) -> None:
    told: list[str] = []
    lines = Lines(rows(tmp_path), told.append, every=0.0)
    lines.change("b", "running")
    lines.change("b", "running")
    lines.look()
    lines.change("b", "failed", 61.4, "killed by SIGKILL")
    assert told[0] == "b: running"
    assert told[1].startswith("b: epoch 1/45, loss 0.6450, val_mean_dice 0.2912, 8:4")
    assert told[2:] == ["b: failed after 1:01, killed by SIGKILL"]


def test_the_table_has_a_row_for_each_run(tmp_path: Path) -> None:
    found = rows(tmp_path)
    found[1].status, found[1].progress = "running", Progress(15, 45, 0.5, ("val_mean_dice", 0.75), 400.0)
    console = Console(width=120, file=io.StringIO())
    console.print(board._table("cross-validation of spleen", found, 1, 20))
    assert isinstance(console.file, io.StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert lines[0] == "cross-validation of spleen: 1 of 3 done, 16:40 left".split()
    assert lines[1] == ["run", "state", "epoch", "loss", "val_mean_dice", "left"]
    assert lines[2] == ["a", "done", "took", "10:00"][:2] + lines[2][2:]
    assert lines[2][-2:] == ["took", "10:00"]
    assert lines[3] == ["b", "running", "15/45", "━" * 20, "0.5000", "0.7500", "6:40"]
    assert lines[4] == ["c", "waiting"]


@pytest.mark.parametrize(
    ("statuses", "slots", "expected"),
    [
        ("running waiting", 1, 400.0 + 600.0),
        ("running running", 2, 400.0),
        ("running waiting", 2, 500.0),
        ("done done", 2, 0.0),
    ],
)
def test_the_time_left_in_all(tmp_path: Path, statuses: str, slots: int, expected: float) -> None:
    # one that is running has taken 200 of 600 seconds
    found = [Row(str(number), tmp_path, status, 600.0) for number, status in enumerate(statuses.split())]
    for row in found:
        if row.status == "running":
            row.progress = Progress(15, 45, left=400.0)
    assert left_in_all(found, slots) == pytest.approx(expected)


def test_nothing_is_said_of_the_time_while_nothing_is_known(tmp_path: Path) -> None:
    assert left_in_all([Row("a", tmp_path, "running"), Row("b", tmp_path)], 1) is None


def test_a_small_terminal_shows_what_is_at_work(tmp_path: Path) -> None:
    statuses = ["done"] * 40 + ["failed"] + ["pruned"] * 9 + ["running"] * 2 + ["waiting"] * 48
    found = [Row(f"trial_{number}", tmp_path, status) for number, status in enumerate(statuses)]
    assert [row.name for row in fitting(found, 5)] == ["trial_40", "trial_50", "trial_51", "trial_52", "trial_53"]
    assert fitting(found[:40], 2) == found[38:40]
    console = Console(file=io.StringIO(), width=100, height=10)
    console.print(board._table("sweep of light", found, 2, 6))
    lines = console.file.getvalue().splitlines()
    assert (len(lines), "49 of 100 done" in lines[0], "and 95 more" in lines[-1]) == (8, True, True)


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not as 'bars'"):
        make_board("title", [], mode="bars")
