"""Sweeps from the command line: grids, chance, Optuna; failures; all ways to be stopped, and to go on."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment.course import How
from bundle_engine.experiment.sweeps import Plan, sweep
from bundle_engine.runs.record import read_record
from tests.cli.conftest import Outcome
from tests.experiment.sweeps.conftest import ROOT, read_json, sweep_in
from tests.runs.conftest import make_bundle

Cli = Callable[..., Outcome]


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_runs_all_and_tells_the_best(light: Path, cli: Cli) -> None:
    done = cli(
        "sweep", "--bundle", "light", "--grid", "x=1.0,3.0", "--zip", "y=2,4; shape=[1],[2,3]", "--metric", "score",
        "--steps", "2",
    )  # fmt: skip
    assert done.code == 0, done.err
    folder = sweep_in(light.parent)
    assert folder.parent == light.parent / "runs" / "light"
    found = rows(folder)
    assert [(row["trial"], row["status"], row["x"], row["y"], row["shape"], row["score"]) for row in found] == [
        ("trial_0", "done", "1", "2", "[1]", "-8.0"),
        ("trial_1", "done", "1", "4", "[2, 3]", "-4.0"),
        ("trial_2", "done", "3", "2", "[1]", "-4.0"),
        ("trial_3", "done", "3", "4", "[2, 3]", "0.0"),
    ]
    lines = done.out.splitlines()
    assert lines[0].split() == ["trial", "x", "y", "shape", "score", "seconds", "state"]
    assert lines[1].split()[:6] == ["trial_3", "3", "4", "[2,", "3]", "0.0000"]
    assert lines[-1] == f"in {folder.relative_to(light.parent)}: results.csv, results.png, best.yaml, best_args.json"
    assert read_json(folder / "best_args.json") == {"steps": 2, "x": 3.0, "y": 4, "shape": [2, 3]}
    assert (folder / "best.yaml").read_text() == (folder / "trial_3" / "config.yaml").read_text()
    assert (folder / "results.png").read_bytes()[:4] == b"\x89PNG"
    record = read_json(folder / "experiment.json")
    assert (record["kind"], record["status"], len(record["children"])) == ("sweep", "done", 4)
    assert read_record(folder / "trial_3").overrides["shape"] == [2, 3]
    again = cli("sweep", "--resume", "last")
    assert (again.code, again.out) == (0, done.out)
    assert len(list((folder / "trial_0").glob("output.txt"))) == 1


def test_a_file_says_what_to_try_and_smaller_can_be_better(light: Path, cli: Cli) -> None:
    Path("sweep.yaml").write_text(
        "grid: {y: [4, 5]}\nspace: {x: {uniform: [0, 6]}}\nrandom: 3\nseed: 1\nmetric: height\ndirection: minimize\n"
        "overrides: {steps: 2}\n"
    )
    done = cli(
        "sweep", "sweep.yaml", "--bundle", "light", "--random", "2", "--output_dir", "here", "--progress", "none"
    )
    assert (done.code, done.err) == (0, "")
    found = rows(Path("here"))
    assert len(found) == 2
    best = min(found, key=lambda row: float(row["height"]))
    assert done.out.splitlines()[1].startswith(best["trial"])
    assert read_json(Path("here/best_args.json"))["steps"] == 2
    assert all(float(row["height"]) >= 0 and 0 <= float(row["x"]) <= 6 and row["y"] in "45" for row in found)
    refused = cli("sweep", "--bundle", "light", "--grid", "x=1", "--output_dir", "here")
    assert refused.code == 2
    assert "there is an experiment in" in refused.err


def test_optuna_chooses_by_what_the_others_came_to(light: Path, cli: Cli) -> None:
    pytest.importorskip("optuna")
    arguments = ("--space", "x=uniform(0, 6)", "--grid", "y=3,4", "--optuna", "12", "--metric", "score")
    done = cli("sweep", "--bundle", "light", *arguments, "--parallel", "1", "--output_dir", "a")
    assert done.code == 0
    best = max(float(row["score"]) for row in rows(Path("a")))
    assert best > -0.3
    assert Path("a/optuna.db").is_file()
    short = cli("sweep", "--bundle", "light", *arguments[:4], "--optuna", "3", "--metric", "score", "--parallel", "1",
                "--output_dir", "b")  # fmt: skip
    assert short.code == 0
    assert [row["score"] for row in rows(Path("b"))] == [row["score"] for row in rows(Path("a"))][:3]


def test_trials_that_lag_behind_are_stopped(light: Path, cli: Cli) -> None:
    pytest.importorskip("optuna")
    done = cli(
        "sweep", "--bundle", "light", "--grid", "x=3.0", "--optuna", "1", "--metric", "score", "--parallel", "1",
        "--steps", "60", "--seconds", "0.5", "--output_dir", "a", "--pruner", "{name: threshold, lower: 0}",
    )  # fmt: skip
    assert done.code == 0, done.err
    [row] = rows(Path("a"))
    assert (row["status"], row["error"].startswith("score -6")) == ("pruned", True)
    assert read_record(Path("a/trial_0")).status == "interrupted"
    assert not Path("a/best.yaml").exists()
    assert "pruned" in done.out
    assert cli("sweep", "--resume", "a").code == 0


def test_a_trial_that_fails_does_not_take_the_others_and_can_be_run_again(light: Path, cli: Cli) -> None:
    Path("no").touch()
    arguments = ("--bundle", "light", "--zip", f"x=1.0,3.0; broken={Path('no').absolute()},''", "--metric", "score")
    done = cli("sweep", *arguments, "--output_dir", "a")
    assert done.code == 1
    assert [(row["status"], row["score"]) for row in rows(Path("a"))] == [("failed", ""), ("done", "-4.0")]
    assert "cannot compute 1.0" in rows(Path("a"))[0]["error"]
    assert "trial_0 failed: " in done.err
    assert "what it said: a/trial_0/output.txt" in done.err
    assert "to go on with what is not finished: bundle-engine sweep --resume a" in done.err
    Path("no").unlink()
    again = cli("sweep", "--resume", "a")
    assert again.code == 0, again.err
    assert [(row["status"], row["score"]) for row in rows(Path("a"))] == [("done", "-8.0"), ("done", "-4.0")]


def test_a_metric_that_is_not_there_is_told_with_those_that_are(light: Path, cli: Cli) -> None:
    done = cli("sweep", "--bundle", "light", "--grid", "x=1.0", "--metric", "scor", "--output_dir", "a")
    assert done.code == 1
    assert "trial_0 failed: it is done, and has no metric 'scor'; it has score, height" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "it is not said what to try"),
        (("--grid", "x"), "--grid has 'x'"),
        (("--grid", "x=1", "--grid", "x=2"), "--grid has 'x' twice"),
        (("--grid", "x=1", "--zip", "x=1"), "'x' is there twice"),
        (("--space", "x=uniform(0,1)"), "it is not said how often"),
        (("--grid", "x=1", "--random", "2", "--optuna", "2"), "both say what is tried next"),
        (("--grid", "x=1", "--random", "0"), "--random is at least 1"),
        (("--grid", "x=1", "--direction", "up"), "'up' is no direction"),
        (("--grid", "x=1", "--optuna", "2", "--sampler", "best"), "Optuna has no sampler 'best'"),
        (("--grid", "output_dir=a,b"), "'output_dir' would be one folder for all"),
        (("--grid", "x=1", "--launcher", "locl"), "there is no launcher 'locl'"),
        (("--grid", "x=1", "--launcher_settings", "{speed: 3}"), "has no setting 'speed'"),
        (("wrong.yaml",), "a sweep has no 'gird'"),
        (("--resume", "--grid", "x=1"), "--grid would be something else"),
        (("--grid", "xx=1,2"), "the override 'xx' has no effect"),
        (("--grid", "x=1,2", "--x", "3"), "'x' is set in all trials, and the sweep tries values of it"),
        (("--grid", "x=log(1e-3, 1)"), '--space "x=log(1e-3, 1)" draws from a range'),
        (("--grid", "x=range(1, 4)"), "write all values, with commas between them"),
        (("--grid", "x=1,2 y=3,4"), "'2 y=3' is an odd value for 'x'"),
        (("--grid", "x=1,", "2"), "there is no file '2' that says what to try"),
        (("--grid", "x=1", "--pruner", "median"), "there is a pruner, and nothing that Optuna chooses"),
        (("--grid", "x=1", "--progress", "brr"), "progress is shown as"),
        (("--grid", "x=1", "--output_dir", "wrong.yaml"), "cannot write to 'wrong.yaml'"),
        (("--grid", "x=1", "--output_dir", "/proc/none"), "cannot write to '/proc/none'"),
        (("--grid", "x=1", "--strict", "true", "--stesp", "3"), "did you mean 'steps'?"),
    ],
)
def test_wrong_usage_runs_nothing(light: Path, cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    Path("wrong.yaml").write_text("gird: {x: [1]}\n")
    bundle = () if "--resume" in arguments else ("--bundle", "light")
    done = cli("sweep", *arguments, *bundle)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(light.parent.rglob("experiment.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("zip: 3", "'zip' of a sweep is a mapping of ids to lists"),
        ("{grid: {x: [1]}, overrides: [steps]}", "'overrides' of a sweep is a mapping of ids, and not '['steps']'"),
        ("{grid: {x: [1]}, metric: 3}", "'metric' of a sweep is the name of a metric, and not '3'"),
        ("{grid: {x: [1]}, seed: one}", "--seed is a whole number"),
        ("{random: 2, space: {x: uniform(0, 1)}}", "'uniform(0' is only the beginning"),
        ("{grid: {x: [1]}, sampler: tpe}", "there is a sampler, and nothing that Optuna chooses"),
    ],
)
def test_wrong_files_run_nothing(light: Path, cli: Cli, content: str, message: str) -> None:
    Path("wrong.yaml").write_text(content + "\n")
    done = cli("sweep", "wrong.yaml", "--bundle", "light")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


def test_the_command_line_wins_over_a_file_that_says_how_to_choose(light: Path, cli: Cli) -> None:
    Path("sweep.yaml").write_text("{space: {x: 'uniform(0, 6)'}, optuna: 30, pruner: median, metric: score}\n")
    assert cli("sweep", "sweep.yaml", "--bundle", "light", "--random", "1", "--output_dir", "a").code == 0
    [row] = rows(Path("a"))
    assert float(row["x"]) == read_json(Path("a/best_args.json"))["x"]  # with all its digits
    assert not Path("a/optuna.db").exists()


def test_what_does_nothing_in_all_trials_is_told(light: Path, cli: Cli) -> None:
    done = cli("sweep", "--bundle", "light", "--grid", "x=1", "--metric", "score", "--stesp", "3", "--output_dir", "a")
    assert done.code == 0
    assert "warning: the override 'stesp' has no effect" in done.err


def test_a_run_that_is_there_already_is_not_taken_for_a_trial(light: Path, cli: Cli) -> None:
    Path("a/trial_0").mkdir(parents=True)
    Path("a/trial_0/run.json").write_text("{}")
    done = cli("sweep", "--bundle", "light", "--grid", "x=1", "--output_dir", "a")
    assert (done.code, "there is a run in 'a/trial_0' already" in done.err) == (2, True)
    assert not Path("a/experiment.json").exists()


def test_another_metric_can_count_in_the_end(light: Path, cli: Cli) -> None:
    cli("sweep", "--bundle", "light", "--grid", "x=1.0,3.0", "--metric", "scor", "--output_dir", "a")
    done = cli("sweep", "--resume", "a")
    assert "to go on with another metric: bundle-engine sweep --resume a --metric score" in done.err
    assert "not finished" not in done.err
    done = cli("sweep", "--resume", "a", "--metric", "score")
    assert (done.code, done.out.splitlines()[1].split()[:3]) == (0, ["trial_1", "3", "-4.0000"])
    done = cli("sweep", "--resume", "a", "--metric", "height", "--direction", "minimize")
    assert (done.code, done.out.splitlines()[1].split()[:3]) == (0, ["trial_1", "3", "4.0000"])
    shown = cli("runs", "show", "a")
    assert f"{Path('a/trial_1')}: done" in shown.out
    assert shown.out.splitlines()[-1].endswith(", x 3.0, height 4")


def test_without_a_metric_nothing_is_the_best(light: Path, cli: Cli) -> None:
    code = light / "scripts" / "__init__.py"
    code.write_text(code.read_text().replace('{"score"', 'x == 1.0 or {"score"'))
    done = cli("sweep", "--bundle", "light", "--grid", "x=1.0", "--output_dir", "a")
    assert (done.code, "nothing tells which is the best" in done.err) == (0, True)
    assert not Path("a/best.yaml").exists()


def test_what_is_no_number_is_told(light: Path, cli: Cli) -> None:
    code = light / "scripts" / "__init__.py"
    code.write_text(code.read_text().replace("top - (steps - step)", "top * float('nan')"))
    done = cli("sweep", "--bundle", "light", "--grid", "x=1.0", "--metric", "score", "--output_dir", "a")
    assert (done.code, "it is done, and its metric 'score' is nan" in done.err) == (1, True)


def test_what_failed_where_optuna_chose_is_not_gone_on_with(light: Path, cli: Cli) -> None:
    pytest.importorskip("optuna")
    Path("no").touch()
    arguments = ("--bundle", "light", "--grid", "x=1.0", "--broken", str(Path("no").absolute()), "--metric", "score")
    done = cli("sweep", *arguments, "--optuna", "1", "--output_dir", "a")
    assert (done.code, "to go on" in done.err) == (1, False)
    refused = cli("sweep", "--resume", "a", "--metric", "height")
    assert (refused.code, "cannot go on with another" in refused.err) == (2, True)


def test_a_sampler_that_has_tried_all_ends_the_sweep(light: Path, cli: Cli) -> None:
    pytest.importorskip("optuna")
    arguments = ("--bundle", "light", "--grid", "x=1.0,3.0", "--metric", "score", "--parallel", "1", "--optuna", "9")
    done = cli("sweep", *arguments, "--sampler", "bruteforce", "--output_dir", "a")
    assert done.code == 0, done.err
    assert sorted(row["x"] for row in rows(Path("a"))) == ["1", "3"]
    assert cli("sweep", "--resume", "a").code == 0
    assert len(rows(Path("a"))) == 2


def test_a_bundle_is_needed_and_a_sweep_to_go_on_with(light: Path, cli: Cli) -> None:
    assert "no bundle is named" in cli("sweep", "--grid", "x=1").err
    assert "did you mean --bundle?" in cli("sweep", "--bundel", "b", "--grid", "x=1").err
    assert "--bundle light" in cli("sweep", "light", "--grid", "x=1").err
    missing = cli("sweep", "--resume")
    assert (missing.code, "there is no sweep in 'runs'" in missing.err) == (2, True)


# --- stopped ---


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BUNDLE_ENGINE_RUNS": str(folder / "runs")}
    command = [sys.executable, "-m", "bundle_engine", "sweep", *arguments]
    with open(folder / "err.txt", "wb") as errors:
        return subprocess.Popen(command, cwd=folder, env=environment, stderr=errors)


@pytest.mark.parametrize(
    ("number", "plan"),
    [(signal.SIGINT, "grid"), (signal.SIGTERM, "optuna"), (signal.SIGKILL, "grid"), (signal.SIGKILL, "optuna")],
)
def test_a_sweep_that_is_stopped_goes_on_and_comes_to_the_same(
    light: Path, cli: Cli, number: signal.Signals, plan: str
) -> None:
    """The same trials are run: of a grid those that are left, of Optuna as many as were asked for."""
    what = ("--grid", "x=1.0,2.0,3.0,4.0") if plan == "grid" else ("--space", "x=uniform(0,6)", "--optuna", "4")
    parent = start(
        light.parent, "--bundle", "light", *what, "--metric", "score", "--parallel", "2", "--output_dir", "a",
        "--steps", "4", "--seconds", "0.25",
    )  # fmt: skip
    begun = time.monotonic()
    while len(list(Path("a").glob("trial_*/metrics.json"))) < 3 and parent.poll() is None:
        assert time.monotonic() - begun < 30
        time.sleep(0.02)
    parent.send_signal(number)
    code = parent.wait(30)
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    if number != signal.SIGKILL:
        record = read_json(Path("a/experiment.json"))
        assert record["status"] == "interrupted"
        assert {child["status"] for child in record["children"]} <= {"done", "stopped", "waiting"}
        assert "to go on: python -m bundle_engine sweep --resume a" in Path("err.txt").read_text()
    before = {row["trial"]: row["x"] for row in rows(Path("a"))} if Path("a/results.csv").exists() else {}
    done = cli("sweep", "--resume", "a")
    assert done.code == 0, done.err
    found = rows(Path("a"))
    assert [(row["trial"], row["status"]) for row in found] == [(f"trial_{n}", "done") for n in range(4)]
    assert all(float(row["score"]) == pytest.approx(-((float(row["x"]) - 3) ** 2) - 4, abs=1e-4) for row in found)
    assert before.items() <= {row["trial"]: row["x"] for row in found}.items()
    assert read_json(Path("a/experiment.json"))["status"] == "done"


# --- with torch ---


def test_trainings_are_compared_by_their_key_metric_and_stopped_by_it(
    tmp_path: Path, hippocampus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    root = make_bundle(tmp_path / "tiny", hippocampus)
    configs = Configs(root, (), (root / "configs" / "train.json",))
    quiet = How(parallel=1, progress="none")
    whole = sweep(configs, Plan(grid={"seed": [3]}), threads=1, output_dir=tmp_path / "whole", how=quiet)
    [child] = whole.experiment.children
    results: dict[str, Any] = read_record(tmp_path / "whole" / "trial_0").results
    assert child.status == "done"
    assert whole.metric.name == "dice"
    assert child.facts["result"] == results["validate::evaluator"]["best_metric"] > 0
    assert whole.best == child
    plan = Plan(grid={"seed": [3]}, optuna=1, metric="dice", pruner={"name": "threshold", "lower": 0.999})
    stopped = sweep(
        configs, plan, overrides={"max_epochs": 300, "scheduler::total_steps": 1200}, threads=1,
        output_dir=tmp_path / "stopped", how=quiet,
    )  # fmt: skip
    [child] = stopped.experiment.children
    assert child.status == "pruned", child
    assert 0 <= child.facts["result"] < 0.999
    record = read_record(tmp_path / "stopped" / "trial_0")
    assert record.status == "interrupted"
    assert 0 < record.results["train::trainer"]["epoch"] < 300
    assert stopped.best is None
