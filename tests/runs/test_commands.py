"""rerun, runs list, runs show, runs diff; and what --resume refuses."""

from __future__ import annotations

import json
import os

import pytest

from tests.runs.conftest import record_of, runs_in

HELLO = {
    "message": "hello",
    "width": 3,
    "train": {"trainer": {"max_epochs": "@epochs"}},
    "epochs": 2,
    "run": "$print(@message, @width)",
}


@pytest.fixture
def two(here, written, cli):
    """Two runs of a bundle, and the bundle."""
    written("b/configs/train.json", HELLO)
    cli("run", "--bundle", "b", "--run_name", "one")
    cli("run", "--bundle", "b", "--run_name", "two", "--width", "4")
    return sorted(runs_in(here), key=lambda run: run.name.partition("-")[2].partition("-")[2])


def test_rerun_repeats_it(here, two, written, cli):
    written("b/configs/train.json", {**HELLO, "message": "changed"})
    outcome = cli("rerun", "two")
    assert (outcome.code, outcome.out) == (0, "hello 4\n"), outcome.err
    assert "warning: the bundle in" in outcome.err
    assert "has changed" in outcome.err
    new = next(run for run in runs_in(here) if run not in two)
    assert record_of(new)["repeats"] == str(two[1])
    assert cli("rerun", str(two[0]), "--message", "x")[:2] == (0, "x 3\n")
    assert cli("rerun", new.name)[:2] == (0, "hello 4\n"), "what repeats can be repeated"


def test_rerun_elsewhere_works_where_the_run_was(here, two, cli, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    monkeypatch.chdir(other)
    outcome = cli("rerun", "two")
    assert (outcome.code, outcome.out) == (0, "hello 4\n")
    assert f"working in '{here}', where the run was begun" in outcome.err


def test_rerun_tells_other_versions(two, cli):
    record = record_of(two[0])
    record["packages"]["numpy"] = "1.0.0"
    (two[0] / "run.json").write_text(json.dumps(record))
    outcome = cli("rerun", "one")
    assert outcome.code == 0
    assert "versions differ: numpy 1.0.0 then, " in outcome.err


def test_a_dry_rerun(here, two, cli):
    assert cli("rerun", "two", "--dry_run").out.startswith("dry run: everything that 'run' refers to")
    assert runs_in(here) == sorted(two)


def test_list(here, two, written, cli):
    header, *rows = cli("runs").out.splitlines()
    assert header.split() == ["run", "status", "begun", "seconds", "epochs", "result"]
    assert [row.split()[:2] for row in rows] == [[f"b/{run.name}", "done"] for run in two]
    assert cli("runs", "list", "--bundle", "other").out == f"no runs in '{here / 'runs'}'\n"
    listed = json.loads(cli("runs", "list", "--format", "json", "--bundle", "b").out)
    assert [each["id"] for each in listed] == [f"b/{run.name}" for run in two]
    (two[0] / "run.json").write_text("{")
    outcome = cli("runs", "list")
    assert outcome.code == 0
    assert "left out: the record cannot be read" in outcome.err
    assert len(outcome.out.splitlines()) == 2


def test_show(two, cli):
    text = cli("runs", "show", "two").out
    assert "width = 4" in text
    assert f"b/{two[1].name}" in text
    assert json.loads(cli("runs", "show", "last", "--format", "json").out)["overrides"] == {"width": 4}


def test_diff(two, cli):
    text = cli("runs", "diff", "one", "two").out
    assert "overrides:\n  width: - -> 4" in text
    assert "config:\n" in text
    assert "width" in text.partition("config:\n")[2]
    compared = json.loads(cli("runs", "diff", "one", "two", "--format", "json").out)
    assert compared["overrides"] == {"width": [None, 4]}
    assert [each["id"] for each in compared["config"]] == ["width"]


def test_diff_of_metrics_and_data(two, cli):
    for run, dice, digest in zip(two, (0.5, 0.75), ("a" * 64, "b" * 64), strict=True):
        record = record_of(run)
        record["results"] = {"validate::evaluator": {"epoch": 3, "metrics": {"dice": dice}}}
        record["data"] = {"train_dataset_data": {"items": 2, "files": 4, "digest": digest}}
        (run / "run.json").write_text(json.dumps(record))
    text = cli("runs", "diff", "one", "two").out
    assert "  validate::evaluator dice: 0.5 -> 0.75" in text
    assert "  train_dataset_data: 2 items, 4 files, aaaaaaaaaaaa -> 2 items, 4 files, bbbbbbbbbbbb" in text


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["runs", "shw", "x"], "did you mean 'show'?"),
        (["runs", "show"], "runs show takes one run, and 0 are named"),
        (["runs", "diff", "one"], "runs diff takes two runs, and 1 are named"),
        (["runs", "list", "--format", "xml"], "there is no format 'xml'"),
        (["runs", "show", "nothing"], "there is no run 'nothing'"),
        (["runs", "show", "b/"], "is part of the names of 2 runs"),
        (["rerun"], "no run is named"),
        (["rerun", "nothing"], "there is no run 'nothing'"),
        (["run", "--resume", "nothing"], "there is no run 'nothing'"),
        (["run", "--resume"], "--resume does not say which run is to go on"),
        (["run", "--bundle", "b", "--resume"], "there is no run of 'train' of 'b' that has not ended"),
        (["run", "--bundle", "b", "--workflow", "evaluate", "--resume"], "there is no run of 'evaluate' of 'b'"),
        (["run", "--bundle", "b", "--resume", "one"], "is done: there is nothing to go on with"),
        (["run", "--bundle", "b", "--resume", "--record", "false"], "--record false keeps no record"),
        (["run", "--bundle", "b", "--resume", "--dry_run"], "--dry_run runs nothing that could be resumed"),
        (["run", "--bundle", "b", "--checkpoint_interval", "often"], "is a number of epochs, 0 or more"),
    ],
)  # fmt: skip
def test_what_is_refused(here, two, written, cli, argv, said):
    written("b/configs/evaluate.json", HELLO)
    outcome = cli(*argv)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(runs_in(here)) == sorted(two), "nothing was written"


def test_one_that_is_done_says_how_to_train_longer(here, two, cli):
    outcome = cli("run", "--bundle", "b", "--resume", "one")
    assert f"help: to train longer: --resume {os.path.relpath(two[0])} --epochs 12" in outcome.err


def test_the_newest_that_has_not_ended_goes_on(here, written, cli):
    step = "$print(@message) if __import__('os').path.exists('there') else 1 / 0"
    written("b/configs/train.json", {**HELLO, "run": step})
    assert cli("run", "--bundle", "b", "--message", "kept", "--width", "5").code == 1
    (here / "there").touch()
    written("b/configs/train.json", {**HELLO, "run": step, "new": 1})
    outcome = cli("run", "--bundle", "b", "--resume", "--width", "6")
    assert (outcome.code, outcome.out) == (0, "kept\n")
    [run] = runs_in(here)
    record = record_of(run)
    assert (record["status"], record["overrides"]) == ("done", {"message": "kept", "width": 6})
    assert len(record["resumed"]) == 1
    log = (run / "log.txt").read_text()
    assert "the config has changed since the run" in log
    assert "new" in log
    assert (run / "config.1.yaml").is_file(), "the config that it was begun with is kept"


def test_a_record_that_is_none(here, written, cli):
    written("runs/b/20260101-000000-x/run.json", {"id": 3})
    outcome = cli("runs", "show", "20260101")
    assert outcome.code == 2
    assert "this is no record of a run" in outcome.err
    written(
        "runs/b/20260101-000000-x/run.json", {"id": "b/x", "bundle": "b", "workflow": "w", "packages": [], "later": 1}
    )
    assert "'packages' of this record is no dict" in cli("runs", "show", "20260101").err
    written("runs/b/20260101-000000-x/run.json", {"id": "b/x", "bundle": "b", "workflow": "w", "later": 1})
    assert cli("runs", "show", "20260101").code == 0, "one of a later version, which says more"
