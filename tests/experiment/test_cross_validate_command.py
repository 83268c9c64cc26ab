"""What cross_validate says about wrong input, and what it prepares; nothing is trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.cli import main
from bundle_engine.cli.cross_validating import _tell
from bundle_engine.errors import BundleEngineWarning, UsageError
from bundle_engine.experiment import fold_table
from bundle_engine.experiment.assessment import threshold_of
from bundle_engine.experiment.children import job_of, overrides_of, threads_of, why
from bundle_engine.experiment.course import How
from bundle_engine.experiment.cross_validation import CrossValidation, begin
from bundle_engine.experiment.fold_table import FoldRow
from bundle_engine.experiment.parent import read_experiment
from bundle_engine.runs.folder import Lock
from bundle_engine.runs.record import Record, write_record
from tests.experiment.tiny_bundle import make_bundle


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_bundle(tmp_path / "tiny", extra=None).root


@pytest.fixture
def prepare(tiny: Path, hippocampus: Path) -> Callable[..., Path]:
    """Prepare a cross-validation of two folds, without running it."""

    def prepared(**options: Any) -> Path:
        from bundle_engine.cli.cross_validating import _configs_of

        given: dict[str, Any] = {
            "splits": 2, "workflow": "train", "group_column": None, "seed": 0, "which": "final", "threads": 1,
            "output_dir": tiny.parent / "parent", "how": How(),
        } | options  # fmt: skip
        given["overrides"] = {"dataset_dir": str(hippocampus), **options.get("overrides", {})}
        return begin(_configs_of(str(tiny), "train", None), **given)

    return prepared


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no bundle is named"),
        (["--bundel", "tiny"], "did you mean --bundle?"),
        (["--bundle", "tiny", "--number_of_cross_validation_splits", "9"], "9 folds cannot be made of 8 subjects"),
        (["--bundle", "tiny", "--number_of_cross_validation_splits", "two"], "is a whole number"),
        (["--bundle", "tiny", "--folds", "5"], "there is no fold 5"),
        (["--bundle", "tiny", "--parallel", "0"], "--parallel is at least 1"),
        (["--bundle", "tiny", "--launcher", "slrum"], "did you mean 'slurm'?"),
        (["--bundle", "tiny", "--launcher_settings", "{adress: auto}"], "has no setting 'adress'"),
        (["--bundle", "tiny", "--group_column", "subjct"], "nothing called 'subjct'"),
        (["--bundle", "tiny", "--which", "worst"], "says nothing of which weights"),
        (["--bundle", "tiny", "--which", "best", "--epochs_to_test", "2"], "exclude each other"),
        (["--bundle", "tiny", "--epochs_to_test", "0"], "--epochs_to_test is at least 1"),
        (["--bundle", "tiny", "--ckpt_dir", "models"], "one folder for all folds"),
        (["--bundle", "tiny", "--api_key", "abc"], "'api_key' is a secret"),
        (["--bundle", "tiny", "--dry_run", "true"], "--dry_run is no option of the folds"),
        (["--bundle", "tiny", "--progress", "brr"], "progress is shown as"),
        (["--bundle", "tiny", "--register", "two words"], "'two words' is no name for a model"),
        (["--bundle", "tiny", "--strict", "true", "--max_epoch", "2"], "did you mean 'max_epochs'?"),
        (["--bundle", "tiny", "--output_dir", "/proc/none"], "cannot write to '/proc/none'"),
        (["--resume"], "one with an --output_dir is named by that folder"),
        (["--resume", "nothing"], "there is no cross-validation 'nothing'"),
        (["--resume", "nothing", "--max_epochs", "3"], "--max_epochs would be something else"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_told_and_nothing_is_written(
    tiny: Path, hippocampus: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [] if "--resume" in arguments else ["--dataset_dir", str(hippocampus)]
    mode = [] if "--progress" in arguments else ["--progress", "none"]
    assert main(["cross_validate", *arguments, *more, *mode]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["tiny"]


def test_an_experiment_is_not_written_over(
    prepare: Callable[..., Path], tiny: Path, hippocampus: Path, capsys: Any
) -> None:
    folder = prepare()
    before = (folder / "experiment.json").read_bytes()
    arguments = ["--bundle", "tiny", "--dataset_dir", str(hippocampus), "--output_dir", "parent"]
    assert main(["cross_validate", *arguments]) == 2
    assert "--resume" in capsys.readouterr().err
    assert (folder / "experiment.json").read_bytes() == before


def test_a_run_that_is_there_already_is_not_taken_for_a_fold(prepare: Callable[..., Path], tiny: Path) -> None:
    (tiny.parent / "parent" / "fold_1").mkdir(parents=True)
    (tiny.parent / "parent" / "fold_1" / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="there is a run in 'parent/fold_1' already"):
        prepare()


def test_what_does_nothing_in_all_folds_is_told(prepare: Callable[..., Path]) -> None:
    with pytest.warns(BundleEngineWarning, match="'max_epoch' has no effect.*did you mean 'max_epochs'"):
        prepare(overrides={"max_epoch": 3, "handlers": []})  # the evaluate config has handlers


def test_folds_that_were_not_measured(prepare: Callable[..., Path], capsys: Any) -> None:
    folder = prepare()
    done = CrossValidation(folder, read_experiment(folder), [FoldRow("val", "fold_0", 4, {})])
    assert _tell(done) == 0
    assert "nothing was measured" in capsys.readouterr().err


def test_the_threshold_of_an_ensemble_is_not_chosen_where_it_was_trained(prepare: Callable[..., Path]) -> None:
    folder = prepare()
    assert threshold_of(folder) is None, "nothing is done yet"
    for name in ("fold_0", "fold_1"):
        write_record(folder / name, Record(id=name, bundle="tiny", workflow="train", status="done"))
    assert threshold_of(folder) is None, "there is no classification"
    table = "Subject,Label,Prediction,Correct,Probability_normal,Probability_ill,Image\na,ill,ill,1,0.2,0.8,\n"
    for part, value in (
        ("fold_0/evaluation/val", 0.3),
        ("fold_1/evaluation/val", 0.5),
        ("fold_1/evaluation/test", 0.9),
    ):
        (folder / part).mkdir(parents=True)
        (folder / part / "metrics.csv").write_text(table)
        record = {"task": "classification", "threshold": {"value": value, "source": "chosen on this set"}}
        (folder / part / "evaluation.json").write_text(json.dumps(record))
    assert threshold_of(folder) == pytest.approx(0.4)
    assert threshold_of(folder / "fold_0") is None, "it is one run"


def test_two_do_not_work_on_one_experiment(prepare: Callable[..., Path], capsys: Any) -> None:
    folder = prepare()
    lock = Lock(folder)
    assert lock.take()
    assert main(["cross_validate", "--resume", str(folder)]) == 2
    assert "is still running, as process" in capsys.readouterr().err
    lock.release()


def test_a_damaged_record_is_told(prepare: Callable[..., Path], capsys: Any) -> None:
    folder = prepare()
    (folder / "experiment.json").write_text('{"kind": "cross_validation"}')
    assert main(["cross_validate", "--resume", str(folder)]) == 2
    assert "this is no record of an experiment" in capsys.readouterr().err


def test_another_kind_is_told(prepare: Callable[..., Path], capsys: Any) -> None:
    folder = prepare()
    record = json.loads((folder / "experiment.json").read_text())
    (folder / "experiment.json").write_text(json.dumps({**record, "kind": "sweep"}))
    assert main(["cross_validate", "--resume", str(folder)]) == 2
    assert f"'{folder}' is no cross-validation, but a sweep" in capsys.readouterr().err


def test_records_are_listed_and_shown(prepare: Callable[..., Path], tiny: Path, capsys: Any) -> None:
    folder = prepare(output_dir=None, overrides={"extra": list(range(100))})
    experiment = read_experiment(folder)
    done = replace(experiment.children[0], status="done", seconds=12.34)
    failed = replace(experiment.children[1], status="failed", error="disk full", seconds=2.0)
    replace(experiment, status="failed", children=[done, failed]).write(folder)
    assert main(["runs", "list"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "status", "begun", "seconds", "epochs", "result"]
    assert row.split()[:2] == [f"tiny/{folder.name}", "failed"]
    assert row.endswith(" 1 of 2 runs done")
    assert main(["runs", "list", "--format", "json", "--bundle", "other"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["runs", "list", "--format", "json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert listed.items() >= {"kind": "cross_validation", "done": 1, "of": 2, "seconds": 14.34}.items()

    assert main(["runs", "show", folder.name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["experiment", f"tiny/{folder.name}"]
    assert "setting     splits = 2" in lines
    assert lines[-2:] == [
        f"run         {folder}/fold_0: done, 12.3 s",
        f"run         {folder}/fold_1: failed, 2.0 s: disk full",
    ]
    assert max(map(len, lines)) < 300
    assert any(line.startswith("set         extra = [0, 1, ") and line.endswith("… (100 items)") for line in lines)
    assert main(["runs", "show", str(folder), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [child["name"] for child in shown["children"]] == ["fold_0", "fold_1"]
    assert shown["overrides"]["extra"] == list(range(100))
    assert main(["runs", "diff", str(folder), folder.name]) == 2
    assert "is a cross-validation, and diff takes runs" in capsys.readouterr().err
    assert main(["runs", "show", "nothing"]) == 2
    assert "there is no run 'nothing'" in capsys.readouterr().err


def test_what_a_fold_is_told(
    prepare: Callable[..., Path], tiny: Path, hippocampus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    folder = prepare(overrides={"max_epochs": 3, "tracking": "mlflow"}, seed=5)
    experiment = read_experiment(folder)
    assert (experiment.settings["seed"], experiment.settings["subjects"]) == (5, 8)
    told = json.loads((folder / "fold_1" / "args.json").read_text())
    assert set(told) == {"dataset_dir", "max_epochs", "tracking", "train::dataset::data", "validate::dataset::data"}
    assert "tracking" not in overrides_of(folder / "fold_1")
    job = job_of(experiment, experiment.children[1], folder)
    assert job.command[2:] == (
        "bundle_engine", "run", "--bundle", str(tiny), "--workflow", "train", "--output_dir", str(folder / "fold_1"),
        "--args_file", str(folder / "fold_1" / "args.json"), "--progress", "plain",
    )  # fmt: skip
    assert job.again is not None
    assert job.again[3:] == ("run", "--resume", str(folder / "fold_1"), "--progress", "plain")
    assert job.environment["OMP_NUM_THREADS"] == "1"
    assert "OMP_WAIT_POLICY" not in job.environment
    two = job_of(experiment, replace(experiment.children[1], threads=2), folder)
    assert (two.environment["OMP_NUM_THREADS"], two.environment["OMP_WAIT_POLICY"]) == ("2", "PASSIVE")


def test_folds_do_not_write_to_one_folder(prepare: Callable[..., Path], tiny: Path) -> None:
    config = json.loads((tiny / "configs" / "train.json").read_text())
    config["ckpt_dir"] = "$@bundle_root + '/models'"
    config["train"]["handlers"].append({"_target_": "TensorBoardStatsHandler", "log_dir": "logs"})
    (tiny / "configs" / "train.json").write_text(json.dumps(config))
    folder = prepare()
    for name in ("fold_0", "fold_1"):
        told = json.loads((folder / name / "args.json").read_text())
        assert told["ckpt_dir"] == str(folder / name / "models")
        assert told["train::handlers::2::log_dir"] == str(folder / name / "logs")
        assert "train::handlers::1::save_dir" not in told  # that follows from ckpt_dir


def test_seed_is_that_of_the_folds_and_of_the_config(
    tiny: Path, hippocampus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bundle_engine.experiment import cross_validation

    class Began(BaseException):
        pass

    def nothing_more(folder: Path, **_options: Any) -> None:
        raise Began(folder)

    monkeypatch.setattr(cross_validation, "carry_on", nothing_more)
    with pytest.raises(Began):
        main(["cross_validate", "tiny", "2", "--seed", "7", "--dataset_dir", str(hippocampus),
              "--output_dir", "parent"])  # fmt: skip
    experiment = read_experiment(tiny.parent / "parent")
    assert experiment.settings["seed"] == experiment.overrides["seed"] == 7


@pytest.mark.parametrize(
    ("count", "slots", "threads", "expected"),
    [
        (5, 2, None, (2, [2, 2, 2, 2, 4])),  # the last one has the cores of two
        (4, 2, None, (2, [2, 2, 2, 2])),
        (5, 2, 1, (2, [1, 1, 1, 1, 1])),
        (5, None, None, (4, [1, 1, 1, 1, 4])),
        (2, None, None, (2, [2, 2])),
    ],
)
def test_cores_are_shared_out(
    count: int, slots: int | None, threads: int | None, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bundle_engine.experiment.launchers import machine

    monkeypatch.setattr(machine, "cores", lambda: 4)
    monkeypatch.setattr(machine, "gpus", list)
    assert threads_of(count, slots=slots, threads=threads) == expected


@pytest.mark.parametrize(
    ("printed", "message", "expected"),
    [
        ("a\nerror: there is no file 'x'\n  help: y\n", "", "there is no file 'x'"),
        ("", "killed by SIGKILL", "killed by SIGKILL"),
        ("", "", "exit code 3"),
    ],
)
def test_why_a_fold_failed(tmp_path: Path, printed: str, message: str, expected: str) -> None:
    (tmp_path / "output.txt").write_text(printed)
    assert why(tmp_path, 3, message) == expected


ROWS = [
    FoldRow("val", "fold_0", 40, {"Dice": 0.8, "HausdorffDistance_mm": 3.0}),
    FoldRow("val", "fold_1", 40, {"Dice": 0.9, "HausdorffDistance_mm": None}),
    FoldRow("test", "fold_0", 10, {"Dice": 0.7}),
    FoldRow("test", "ENSEMBLE", 10, {"Dice": 0.95}),
]


def test_the_table_of_folds(tmp_path: Path) -> None:
    fold_table.write_folds(tmp_path / "folds.csv", ROWS)
    assert (tmp_path / "folds.csv").read_text().splitlines() == [
        "set,fold,subjects,Dice,HausdorffDistance_mm",
        "val,fold_0,40,0.8,3.0",
        "val,fold_1,40,0.9,",
        "val,mean,80,0.85,3.0",
        "val,sd,80,0.070711,",
        "test,fold_0,10,0.7,",
        "test,mean,10,0.7,",
        "test,sd,10,,",
        "test,ENSEMBLE,10,0.95,",
    ]
    assert fold_table.render(ROWS).splitlines() == [
        "set   fold       subjects  Dice",
        "val   fold_0     40        0.800",
        "val   fold_1     40        0.900",
        "val   mean ± sd            0.850 ± 0.071",
        "test  fold_0     10        0.700",
        "test  mean ± sd            0.700",
        "test  ENSEMBLE   10        0.950",
    ]
    assert fold_table.means_of(ROWS)["test Dice"] == 0.7
    of_classes = [FoldRow("val", "fold_0", 40, {"Brier": 0.1, "Accuracy": 0.9, "AUC ill": 0.8})]
    assert fold_table.render(of_classes).splitlines()[0].split() == [
        "set",
        "fold",
        "subjects",
        "Accuracy",
        "AUC",
        "ill",
    ]
