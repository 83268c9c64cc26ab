"""What the record of a run says, and where it is."""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

import pytest

from bundle_engine import ConfigParser
from tests.runs.conftest import record_of, runs_in

HELLO = {"message": "hello", "settings": {"a": [1, {"b": None}], "c": "x: # y"}, "run": "$print(@message)"}


def test_every_run_leaves_a_record(here, written, cli):
    written("hello.json", HELLO)
    assert cli("run", "--config_file", "hello.json", "--message", "ciao", "--run_name", "first try")[:2] == (
        0,
        "ciao\n",
    )
    [run] = runs_in(here)
    assert run.parent == here / "runs" / "hello"
    assert run.name.endswith("-first_try")
    record = record_of(run)
    assert record["id"] == f"hello/{run.name}"
    assert (record["bundle"], record["workflow"]) == ("hello", "hello")
    assert (record["status"], record["exit_code"], record["error"]) == ("done", 0, None)
    assert record["command"][:3] == ["bundle-engine", "run", "--config_file"]
    assert record["cwd"] == str(here)
    assert record["overrides"] == {"message": "ciao"}
    assert record["config_files"] == [str(here / "hello.json")]
    assert record["packages"]["bundle_engine"]
    assert record["begun"] <= record["ended"]
    assert not [name for name in os.listdir(run) if "tmp" in name]


YAML = "message: hello\nsettings: {a: [1, b: null], c: 'x: # y'}\nrun: $print(@message)\n"


@pytest.mark.parametrize(
    ("name", "content", "origins"),
    [
        ("hello.json", HELLO, ['command line, instead of "hello" (hello.json:1)', "# hello.json:1"]),
        ("hello.yaml", YAML, ["command line, instead of hello (hello.yaml:1)", "# hello.yaml:2", "# hello.yaml:3"]),
    ],
)
def test_the_config_is_kept_as_it_ran(here, written, cli, name, content, origins):
    written(name, content)
    cli("run", "--config_file", name, "--message", "ciao")
    [run] = runs_in(here)
    before = ConfigParser.load_config_file(here / name)
    assert ConfigParser.load_config_file(run / "config.yaml") == {**before, "message": "ciao"}
    text = (run / "config.yaml").read_text()
    assert [origin for origin in origins if origin not in text] == []


@pytest.mark.parametrize(
    "config",
    [
        {
            "a": "ä",
            "b": [],
            "c": {},
            "d": [[], {}],
            "e": "1e-4",
            "f": 1e-4,
            "g": 1e16,
            "h": "no",
            "i": True,
            "j": "a\nb\t",
        },
        {
            "": {"x y": "- z", "#": "a # b", "null": None, "1": "1"},
            "big": 10**20,
            "neg": -0.5,
            "text": "\\ \" ' \u00e9 \u2028",
        },
    ],
)
def test_what_json_keeps_reads_back_as_the_same(monkeypatch, tmp_path, config):
    import sys

    from bundle_engine.runs.configuration import config_text
    from bundle_engine.workflow.masking import Masker

    text = {}
    for has_yaml in (True, False):
        with monkeypatch.context() as patched:
            if not has_yaml:
                patched.delitem(sys.modules, "yaml")
            text[has_yaml] = config_text(ConfigParser(config), Masker())
        file = tmp_path / "config.yaml"
        file.write_text(text[has_yaml], encoding="utf-8")
        assert ConfigParser.load_config_file(file) == config


def test_without_a_record(here, written, cli):
    written("hello.json", HELLO)
    assert cli("run", "--config_file", "hello.json", "--record", "false").code == 0
    assert cli("run", "--config_file", "hello.json", "--norecord").code == 0
    assert cli("run", "--config_file", "hello.json", "--dry_run").code == 0
    assert not (here / "runs").exists()


def test_runs_of_one_second_have_folders_of_their_own(here, written, cli):
    written("hello.json", HELLO)
    for _ in range(3):
        assert cli("run", "--config_file", "hello.json").code == 0
    assert len(runs_in(here)) == 3


def test_bundles_give_their_names(here, written, cli):
    written("my_bundle/configs/train.json", HELLO)
    cli("run", "--bundle", "my_bundle")
    cli("run", "--config_file", "my_bundle/configs/train.json")
    first, second = runs_in(here)
    assert first.parent == second.parent == here / "runs" / "my_bundle"
    assert record_of(first)["bundle_digest"] == record_of(second)["bundle_digest"]
    assert len(record_of(first)["bundle_digest"]) == 64
    written("my_bundle/scripts/net.py", "x = 1")
    cli("run", "--bundle", "my_bundle")
    assert record_of(runs_in(here)[-1])["bundle_digest"] != record_of(first)["bundle_digest"]


def test_output_dir_is_the_folder_of_the_record_and_an_override(here, written, cli):
    written("a.json", {"output_dir": "here", "run": "$print(@output_dir)"})
    assert cli("run", "--config_file", "a.json", "--output_dir", "out")[:2] == (0, "out\n")
    assert record_of(here / "out")["overrides"] == {"output_dir": "out"}
    assert record_of(here / "out")["places"] == {"output_dir": str(here / "out")}
    assert cli("run", "--config_file", "a.json", "--output_dir", "out")[:2] == (0, "out\n")
    assert [path.parent for path in runs_in(here / "out" / "runs")] == [here / "out" / "runs"], "the first stays"


def test_output_dir_of_a_config_that_has_none(here, written, cli):
    written("hello.json", HELLO)
    outcome = cli("run", "--config_file", "hello.json", "--output_dir", "out", "--strict")
    assert (outcome.code, outcome.out) == (0, "hello\n")
    assert record_of(here / "out")["status"] == "done"


def test_output_dir_that_the_config_computes_is_an_override_only(here, written, cli):
    written("a.json", {"output_dir": "here", "run": "$print(@output_dir)"})
    assert cli("run", "--config_file", "a.json", "--output_dir", "$'a' + 'b'")[:2] == (0, "ab\n")
    assert len(runs_in(here / "runs")) == 1


def test_wrong_input_that_nothing_was_run_of_leaves_no_record(here, written, cli):
    written("a.json", {"thing": {"_target_": "collections.Counterr"}, "run": "$print(@thing)"})
    assert cli("run", "--config_file", "a.json").code == 2
    assert cli("run", "other", "--config_file", "a.json").code == 2
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("step", "status", "code", "error"),
    [
        ("$1 / 0", "failed", 1, "division by zero"),
        ("@part", "failed", 2, "division by zero"),
        ("$exec('raise KeyboardInterrupt')", "interrupted", 130, None),
        ("$exec('raise SystemExit(7)')", "failed", 7, "SystemExit"),
        ("$exec('raise SystemExit')", "done", 0, None),
        ("$__import__('os').kill(__import__('os').getpid(), 15)", "terminated", 143, None),
    ],
)
def test_how_it_ended(here, written, cli, step, status, code, error):
    written("a.json", {"part": "$1 / 0", "run": [step]})
    assert cli("run", "--config_file", "a.json").code == code
    record = record_of(runs_in(here)[0])
    assert (record["status"], record["exit_code"]) == (status, code)
    assert (record["error"] is None) if error is None else (record["error"].count(error) == 1)


def test_the_log_is_kept_and_not_that_of_others(here, written, cli, monkeypatch):
    monkeypatch.setenv("SERVICE_PASSWORD", "open sesame")
    step = "$__import__('logging').getLogger('mine').warning('hello %s', 'open sesame')"
    written("a.json", {"run": step})
    handlers = list(logging.getLogger().handlers)
    cli("run", "--config_file", "a.json")
    assert logging.getLogger().handlers == handlers
    logging.getLogger("mine").warning("afterwards")
    [run] = runs_in(here)
    [line] = (run / "log.txt").read_text().splitlines()
    assert line.endswith(" WARNING mine: hello ***")


def test_secrets_are_in_no_file(here, written, cli):
    config = {
        "db": {"password": "hunter22", "url": "https://me:swordfish@example.org/x", "user": "me"},
        "hf_token": "abcdef123",
        "looked_up": {"api_key": "$env('NO_SUCH', 'x')", "password": "$env('NO_SUCH_THING')"},
        "run": "$print(len(@db::password), len(@hf_token))",
    }
    written("a.json", config)
    outcome = cli("run", "--config_file", "a.json", "--db::password=tellnobody", "--hf_token", "token98765")
    assert outcome.out == "10 10\n"
    [run] = runs_in(here)
    for file in run.iterdir():
        text = file.read_text()
        for secret in ("hunter22", "tellnobody", "swordfish", "abcdef123", "token98765"):
            assert secret not in text, file
    kept = ConfigParser.load_config_file(run / "config.yaml")
    assert kept["db"] == {"password": "???", "url": "???", "user": "me"}
    assert kept["looked_up"]["password"] == "$env('NO_SUCH_THING')"
    assert record_of(run)["overrides"] == {"db::password": "???", "hf_token": "???"}

    asked = cli("rerun", str(run))
    assert asked.code == 2
    assert "'db::password' has no value yet" in asked.err
    again = cli("rerun", str(run), "--db::password", "abcde", "--db::url", "u", "--hf_token", "fghij")
    assert (again.code, again.out) == (0, "5 5\n")


def test_a_folder_that_cannot_be_written_is_one_warning(here, written, cli):
    written("hello.json", HELLO)
    (here / "runs").write_text("no folder")
    outcome = cli("run", "--config_file", "hello.json")
    assert (outcome.code, outcome.out) == (0, "hello\n")
    assert outcome.err.count("warning") == 1
    assert "warning: there will be no record of this run" in outcome.err


def test_the_state_of_git(here, written, cli):
    written("b/configs/train.json", HELLO)
    git = ["git", "-C", str(here / "b"), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q", "-b", "trunk"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    cli("run", "--bundle", "b")
    written("b/configs/train.json", {**HELLO, "run": "$__import__('time').sleep(1.5)"})
    cli("run", "--bundle", "b")
    quick, slow = (record_of(run)["git"] for run in runs_in(here))
    assert quick == [{"root": str(here / "b"), "branch": "trunk", "commit": commit, "changed": None}]
    assert slow == [{"root": str(here / "b"), "branch": "trunk", "commit": commit, "changed": True}]


def test_a_workflow_of_python_code_is_recorded(here, written, cli):
    code = "from bundle_engine import BundleWorkflow\n\nclass Mine(BundleWorkflow):\n"
    code += "    def __init__(self, width, output_dir='x'):\n        super().__init__()\n        self.width = width\n"
    for step in ("initialize", "finalize"):
        code += f"    def {step}(self): pass\n"
    code += "    def run(self): print(self.width)\n    def _get_property(self, name, property): pass\n"
    code += "    def _set_property(self, name, property, value): pass\n"
    written("mine.py", code)
    import sys

    sys.path.insert(0, str(here))
    try:
        assert cli("run_workflow", "mine.Mine", "--width", "3")[:2] == (0, "3\n")
        [run] = runs_in(here)
        assert (record_of(run)["bundle"], record_of(run)["overrides"]) == ("Mine", {"width": 3})
        assert cli("rerun", str(run), "--width", "4")[:2] == (0, "4\n")
        assert cli("run_workflow", "mine.Mine", "--width", "3", "--output_dir", "out")[:2] == (0, "3\n")
        assert record_of(here / "out")["status"] == "done"
    finally:
        sys.path.remove(str(here))
        sys.modules.pop("mine", None)


def test_from_python(here, written):
    from bundle_engine.runs import recorded_run

    file = written("hello.json", HELLO)
    folder = recorded_run(str(file), message="ciao", output_dir="out")
    assert folder == here / "out"
    assert record_of(folder)["overrides"] == {"message": "ciao"}


def test_inside_a_bundle_from_elsewhere_it_is_beside_it(here, written, monkeypatch):
    from bundle_engine.runs.folder import runs_dir

    monkeypatch.delenv("BUNDLE_ENGINE_RUNS")
    written("theirs/.bundle_engine/origin.json", {})
    monkeypatch.chdir(here / "theirs")
    assert runs_dir() == here / "runs"
    assert Path(runs_dir()).parent == here
