"""Checkpoints in a folder: found again, whole, and no more than wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bundle_engine.errors import InputError
from bundle_engine.workflow.resume.snapshots import INDEX, Snapshots


def state(number: int) -> dict[str, object]:
    return {"stateful": {"network": {"weight": torch.full((3,), float(number))}}, "processes": []}


@pytest.fixture
def filled(tmp_path: Path) -> Snapshots:
    snapshots = Snapshots(tmp_path / "checkpoints")
    for epoch in range(4):
        snapshots.save(state(epoch), epoch=epoch, iteration=10 * epoch, metric=epoch / 10, best=epoch == 1)
    return snapshots


def weight(snapshots: Snapshots) -> float:
    found = snapshots.newest()
    assert found is not None
    return float(found[1]["stateful"]["network"]["weight"][0])


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "none")
    assert snapshots.all() == []
    assert snapshots.newest() is None
    assert not (tmp_path / "none").exists(), "looking makes nothing"


def test_the_newest_is_read(filled: Snapshots) -> None:
    assert [(each.epoch, each.best) for each in filled.all()] == [(1, True), (2, False), (3, False)]
    assert weight(filled) == 3.0


def test_one_that_is_not_in_the_list_yet_counts(filled: Snapshots) -> None:
    index = (filled.folder / INDEX).read_text()
    filled.save(state(4), epoch=4, iteration=40)
    (filled.folder / INDEX).write_text(index)  # as if the process had been killed in between
    assert weight(filled) == 4.0


def test_a_damaged_list_is_no_loss(filled: Snapshots, caplog: pytest.LogCaptureFixture) -> None:
    (filled.folder / INDEX).write_text("[{")
    assert weight(filled) == 3.0
    assert f"the list of checkpoints '{filled.folder / INDEX}' is damaged" in caplog.text


def test_a_file_that_was_cut_off_is_skipped(filled: Snapshots, caplog: pytest.LogCaptureFixture) -> None:
    newest = filled.folder / filled.all()[-1].file
    newest.write_bytes(newest.read_bytes()[:-100])
    (filled.folder / INDEX).unlink()  # so that no digest tells
    assert weight(filled) == 2.0
    assert f"the checkpoint '{newest}' is skipped" in caplog.text


def test_a_file_of_something_else_is_skipped(filled: Snapshots) -> None:
    torch.save({"model": {"weight": torch.zeros(1)}}, filled.folder / "epoch0009_iteration00000090.pt")
    (filled.folder / "epoch_notes.pt").write_bytes(b"mine")
    assert weight(filled) == 3.0


def test_a_file_that_would_run_code_is_skipped(filled: Snapshots) -> None:
    import pickle

    (filled.folder / "epoch0009_iteration00000090.pt").write_bytes(pickle.dumps(print))
    assert weight(filled) == 3.0


def test_all_damaged_is_an_error(filled: Snapshots) -> None:
    for file in filled.folder.glob("*.pt"):
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"none of the checkpoints in .* can be read"):
        filled.newest()


def test_going_back_forgets_what_was_ahead(filled: Snapshots) -> None:
    filled.save(state(7), epoch=2, iteration=25)
    assert [each.iteration for each in filled.all()] == [10, 20, 25]
    assert weight(filled) == 7.0


def test_the_list_is_for_people_too(filled: Snapshots) -> None:
    rows = json.loads((filled.folder / INDEX).read_text())
    assert [(row["file"], row["epoch"], row["metric"]) for row in rows][-1] == (
        "epoch0003_iteration00000030.pt",
        3,
        0.3,
    )
    assert all(len(row["sha256"]) == 64 for row in rows)
