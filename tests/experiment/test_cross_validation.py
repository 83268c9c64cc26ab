"""Cross-validations for real: two folds of a small training on real images, disturbed in all ways."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.data.store import Store
from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment.course import How
from bundle_engine.experiment.cross_validation import CrossValidation, begin, carry_on, cross_validate
from bundle_engine.experiment.outcome import trained_rows
from bundle_engine.experiment.parent import read_experiment
from bundle_engine.runs.folder import is_running, process_in
from bundle_engine.runs.record import read_record
from tests.experiment.tiny_bundle import SUBJECTS, make_bundle

ROOT = Path(__file__).parents[2]
EPOCHS = 12
QUIET = How(parallel=2, progress="none")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", tested=True)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what preprocessing keeps, of this module only."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("BUNDLE_ENGINE_CACHE", str(folder))
        patch.setenv("PYTHONPATH", str(ROOT))
        yield folder


@pytest.fixture(scope="module")
def options(hippocampus: Path) -> dict[str, Any]:
    return {
        "splits": 2,
        "overrides": {"dataset_dir": str(hippocampus), "max_epochs": EPOCHS},
        "threads": 1,
        "how": QUIET,
    }


@pytest.fixture(scope="module")
def undisturbed(
    tiny: Configs, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, cache: Path
) -> CrossValidation:
    """A cross-validation that nobody disturbed."""
    return cross_validate(tiny, **options, output_dir=tmp_path_factory.mktemp("whole") / "parent")


def weights(folder: Path) -> list[Any]:
    import torch

    models = [torch.load(folder / f"fold_{number}" / "models" / "model.pt", weights_only=True) for number in (0, 1)]
    return [[tensor.tolist() for tensor in model.values()] for model in models]


def test_folds_are_runs_of_their_own_on_subjects_of_their_own(undisturbed: CrossValidation) -> None:
    experiment = read_experiment(undisturbed.folder)
    assert experiment == undisturbed.experiment
    assert (experiment.status, experiment.settings["seed"], experiment.settings["test_subjects"]) == ("done", 0, 2)
    held_out = []
    for child in experiment.children:
        record = read_record(undisturbed.folder / child.name)
        assert (child.status, record.status, record.data["train_dataset_data"]["items"]) == ("done", "done", 4)
        arguments = json.loads((undisturbed.folder / child.name / "args.json").read_text())
        trained = {item["image"] for item in arguments["train::dataset::data"]}
        validated = {item["image"] for item in arguments["validate::dataset::data"]}
        assert len(trained) == len(validated) == SUBJECTS // 2
        assert not trained & validated
        held_out += child.facts["validation"]
    assert len(set(held_out)) == len(held_out) == SUBJECTS
    assert weights(undisturbed.folder)[0] != weights(undisturbed.folder)[1]


def test_each_fold_is_evaluated_and_summed_up(undisturbed: CrossValidation) -> None:
    with open(undisturbed.folder / "folds.csv", newline="") as file:
        table = {(row["set"], row["fold"]): row for row in csv.DictReader(file)}
    of_both = [(part, row) for part in ("val", "test") for row in ("fold_0", "fold_1", "mean", "sd")]
    assert list(table) == [*of_both, ("test", "ENSEMBLE")]
    one, other = (float(table["val", name]["Dice"]) for name in ("fold_0", "fold_1"))
    assert float(table["val", "mean"]["Dice"]) == pytest.approx((one + other) / 2, abs=1e-6)
    assert float(table["val", "sd"]["Dice"]) == pytest.approx(abs(one - other) / 2**0.5, abs=1e-5)
    for child in undisturbed.experiment.children:
        metrics = undisturbed.folder / child.name / "evaluation" / "val" / "metrics.csv"
        with open(metrics, newline="") as file:
            assert {row["Patient"] for row in csv.DictReader(file)} == set(child.facts["validation"])
    results = undisturbed.folder / "CrossValResults"
    assert {path.name for path in results.iterdir() if path.is_dir()} == {"fold_0", "fold_1", "ENSEMBLE", "plots"}
    assert undisturbed.page == results / "report.html"
    assert undisturbed.page.is_file()


def test_the_networks_of_all_folds_vote_on_the_test_set(undisturbed: CrossValidation) -> None:
    rows = {(row.set, row.fold): row for row in undisturbed.rows}
    assert ("val", "ENSEMBLE") not in rows  # all subjects of the folds were trained on
    assert rows["test", "ENSEMBLE"].subjects == rows["test", "fold_0"].subjects == 2
    record = json.loads((undisturbed.folder / "ENSEMBLE" / "evaluation" / "test" / "evaluation.json").read_text())
    assert [Path(each["path"]).parts[-3] for each in record["ensemble"]] == ["fold_0", "fold_1"]


def test_without_an_evaluate_config_the_last_validation_counts(undisturbed: CrossValidation) -> None:
    (row,) = trained_rows(undisturbed.folder / "fold_0", "fold_0", 4)
    assert (row.set, row.fold, row.subjects, list(row.figures)) == ("val", "fold_0", 4, ["val_mean_dice"])
    assert 0 < float(row.figures["val_mean_dice"] or 0) < 1


def test_what_is_kept_of_preprocessing_is_shared(undisturbed: CrossValidation, cache: Path) -> None:
    assert len(Store(cache).entries()) == SUBJECTS  # what one fold trains on, the other one validates on


def test_a_fold_that_fails_does_not_take_the_other(
    undisturbed: CrossValidation, tiny: Configs, options: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    whole = {**options, "workflow": "train", "group_column": None, "seed": 0, "which": "final"}
    folder = begin(tiny, **whole, output_dir=tmp_path / "parent")
    (folder / "fold_0" / "break").touch()
    found = carry_on(folder, how=QUIET)
    assert [(child.name, child.status) for child in found.experiment.children] == [
        ("fold_0", "failed"),
        ("fold_1", "done"),
    ]
    assert "division by zero" in str(found.unfinished[0].error)
    assert found.experiment.status == "failed"
    assert {row.fold for row in found.rows} == {"fold_1"}
    assert not (folder / "CrossValResults").exists()

    from bundle_engine.cli.cross_validating import _tell

    assert _tell(found) == 1
    told = capsys.readouterr().err
    assert "fold_0 failed: " in told
    assert str(folder / "fold_0" / "output.txt") in told
    assert f"cross_validate --resume {folder}" in told

    (folder / "fold_0" / "break").unlink()
    before = (folder / "fold_1" / "run.json").stat().st_mtime_ns
    found = carry_on(folder, how=QUIET)
    assert not found.unfinished
    assert (folder / "fold_1" / "run.json").stat().st_mtime_ns == before
    assert weights(folder) == weights(undisturbed.folder)
    assert found.rows == undisturbed.rows


def command(*arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "bundle_engine", "cross_validate", *arguments]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextmanager
def on_terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], str]]]:
    """Run the command on a terminal; give its process and what gives what was drawn, without colours."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "bundle_engine", "cross_validate", *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
    process = subprocess.Popen(words, cwd=ROOT, stdout=theirs, stderr=theirs, env=environment, text=True)
    os.close(theirs)
    parts: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 1 << 16):
                parts.append(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, lambda: b"".join(parts).decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=10)
        os.close(ours)


def wait_until(so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not so():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.01)


def epoch(folder: Path) -> int:
    return max((int(path.name[5:9]) for path in folder.glob("checkpoints/epoch*.pt")), default=-1)


def test_stopped_by_ctrl_c_then_killed_it_comes_to_the_same(
    undisturbed: CrossValidation, tiny: Configs, hippocampus: Path, tmp_path: Path
) -> None:
    parent = tmp_path / "parent"
    children = [parent / "fold_0", parent / "fold_1"]
    process = command(
        "--bundle", str(tiny.root), "--number_of_cross_validation_splits", "2", "--output_dir", str(parent),
        "--dataset_dir", str(hippocampus), "--max_epochs", str(EPOCHS), "--threads", "1", "--parallel", "2",
    )  # fmt: skip
    wait_until(lambda: all(epoch(child) >= 1 for child in children), process)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 130, told
    assert f"cross_validate --resume {parent}" in told
    assert not any(is_running(child) for child in children)
    assert [read_record(child).status for child in children] == ["interrupted"] * 2
    experiment = read_experiment(parent)
    assert (experiment.status, [child.status for child in experiment.children]) == ("interrupted", ["stopped"] * 2)
    reached = [epoch(child) for child in children]

    with on_terminal("--resume", str(parent)) as (process, drawn):
        wait_until(lambda: all(epoch(child) > at for child, at in zip(children, reached, strict=True)), process)
        wait_until(lambda: f"/{EPOCHS} " in drawn(), process)
        os.kill(int(process_in(children[0])), signal.SIGKILL)
        process.kill()
        process.wait(timeout=60)
    assert "cross-validation of tiny: 0 of 2 done" in drawn()
    assert "fold_1" in drawn()
    found = carry_on(parent, how=QUIET)  # the other child may still be saving
    assert not found.unfinished
    assert len(found.experiment.resumed) == 2
    assert weights(parent) == weights(undisturbed.folder)
    assert found.rows == undisturbed.rows
