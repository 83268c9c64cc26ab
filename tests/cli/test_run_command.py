"""The command ``run``: what it does, what it says, how it ends."""

from __future__ import annotations

import json
import logging

import pytest

CONFIG = {
    "lr": 1,
    "net": {"width": 4, "in-channels": 1},
    "keys": ["a"],
    "initialize": ["$print('initialize')"],
    "run": ["$print('run', @lr, @net, @keys)"],
    "finalize": ["$print('finalize')"],
}
NET = {"width": 4, "in-channels": 1}


@pytest.fixture
def config(write):
    write("metadata.json", {"version": "1"})
    return write("train.json", CONFIG)


@pytest.fixture
def seen(cli, config):
    """Run the config with arguments, and give what its run printed."""

    def call(*argv, code=0):
        outcome = cli("run", "--config_file", config, *argv)
        assert (outcome.code, outcome.err) == (code, ""), outcome.err
        before, run, after = outcome.out.splitlines()
        assert (before, after) == ("initialize", "finalize")
        return run

    return call


def test_takes_all_steps(seen):
    assert seen() == f"run 1 {NET} ['a']"


class TestOverrides:
    @pytest.mark.parametrize(
        ("argv", "lr", "net", "keys"),
        [
            pytest.param(["--lr", "1e-3"], 0.001, NET, ["a"], id="number"),
            pytest.param(["--lr=None"], None, NET, ["a"], id="none"),
            pytest.param(["--lr", "two words"], "two words", NET, ["a"], id="words"),
            pytest.param(["--lr", "@net::width"], 4, NET, ["a"], id="reference"),
            pytest.param(["--lr", "$@net::width + 1"], 5, NET, ["a"], id="expression"),
            pytest.param(["--lr", "%more.yaml::deep::lr"], 9, NET, ["a"], id="macro"),
            pytest.param(["--net::width", "8"], 1, {**NET, "width": 8}, ["a"], id="inside"),
            pytest.param(["--net#width=8"], 1, {**NET, "width": 8}, ["a"], id="old-separator"),
            pytest.param(["--+net", "{depth: 2}"], 1, {**NET, "depth": 2}, ["a"], id="merge-mapping"),
            pytest.param(["--+keys=[b]"], 1, NET, ["a", "b"], id="merge-list"),
            pytest.param(["--~net::width"], 1, {"in-channels": 1}, ["a"], id="delete"),
            pytest.param(["--net::in-channels", "2"], 1, {**NET, "in-channels": 2}, ["a"], id="hyphen-in-the-config"),
            pytest.param(["--keys::0", "z"], 1, NET, ["z"], id="item"),
        ],
    )
    def test_reach_the_config(self, write, seen, argv, lr, net, keys):
        write("more.yaml", "deep:\n  lr: 9\n")
        assert seen(*argv) == f"run {lr} {net} {keys}"

    @pytest.mark.parametrize(
        ("config", "argv", "printed"),
        [
            pytest.param({"my_key": 0, "run": "$print(@my_key)"}, ["--my-key", "1"], "1", id="hyphen-for-underscore"),
            pytest.param({"run": "$print(@my_key)"}, ["--my-key", "1"], "1", id="hyphen-and-referred-to"),
            pytest.param({"normalize": 0, "run": "$print(@normalize)"}, ["--normalize"], "True", id="an-id-with-no"),
            pytest.param({"amp": 1, "run": "$print(@amp)"}, ["--noamp"], "False", id="negated"),
            pytest.param({"my_amp": 1, "run": "$print(@my_amp)"}, ["--nomy-amp"], "False", id="negated-with-hyphen"),
            pytest.param({"run": "$print(@novel)"}, ["--novel"], "True", id="new-with-no"),
            pytest.param({"run": "$print(@stict)"}, ["--stict", "5"], "5", id="like-an-option-but-referred-to"),
            pytest.param(
                {"bundles": 1, "run": "$print(@bundles)"}, ["--bundles", "5"], "5", id="like-an-option-but-there"
            ),
        ],
    )
    def test_mean_the_id_that_the_config_has(self, cli, write, config, argv, printed):
        write("metadata.json", {})
        outcome = cli("run", "--config_file", write("c.json", config), *argv)
        assert outcome == (0, f"{printed}\n", "")

    def test_that_reach_nothing_are_warnings(self, cli, config):
        code, out, err = cli("run", "--config_file", config, "--lrr", "2")
        assert (code, "run 1" in out) == (0, True)
        assert err == (
            "warning: the override 'lrr' has no effect: no config has that id, and nothing refers to it;"
            " did you mean 'lr'?\n"
        )

    def test_that_reach_nothing_are_errors_when_strict(self, cli, config):
        code, out, err = cli("run", "--config_file", config, "--lrr", "2", "--strict")
        assert (code, out) == (2, "")
        assert err.startswith("error: the override 'lrr' has no effect")

    @pytest.mark.parametrize("argv", [["--config_fle", "x.json"], ["--stict"], ["--dry-rn"], ["--meta_fil=x"]], ids=str)
    def test_that_look_like_misspelt_options_are_errors(self, cli, config, argv):
        code, out, err = cli("run", "--config_file", config, *argv)
        assert (code, out) == (2, "")
        assert "help: did you mean --" in err

    def test_a_misspelt_config_file_is_found_without_a_config(self, cli, config):
        code, _, err = cli("run", "--config_fle", config)
        assert (code, "did you mean --config_file?" in err) == (2, True)

    def test_the_place_of_an_override_is_the_command_line(self, cli, config):
        code, _, err = cli("run", "--config_file", config, "--lr", "@nothing")
        assert (code, "at command line  id 'lr'" in err) == (2, True)


class TestFiles:
    @pytest.mark.parametrize(
        "argv",
        [
            pytest.param(["--config_file", "train.json,more.json"], id="comma"),
            pytest.param(["--config_file", "['train.json','more.json']"], id="list"),
            pytest.param(["--config_file", "[train.json,more.json]"], id="bare-list"),
            pytest.param(["--config_file=train.json", "--config_file=more.json"], id="repeated"),
        ],
    )
    def test_later_configs_win(self, cli, write, config, argv):
        write("more.json", {"lr": 2})
        assert "run 2 " in cli("run", *argv).out

    def test_paths_may_have_spaces_and_commas(self, cli, write):
        write("my configs, all/metadata.json", {})
        path = write("my configs, all/a,b c.json", {"run": "$print('here')"})
        assert cli("run", "--config_file", path) == (0, "here\n", "")

    def test_metadata_is_read(self, cli, write, config):
        meta = write("meta.yaml", "version: 7\n")
        assert cli(
            "run", "show", "--config_file", config, "--meta_file", meta, "--show", "$print(@_meta_::version)"
        ).out == ("initialize\n7\nfinalize\n")

    def test_without_metadata_the_log_says_so(self, cli, write, caplog):
        path = write("elsewhere/c.json", {"run": "$print(1)"})
        with caplog.at_level(logging.INFO):
            assert cli("run", "--config_file", path) == (0, "1\n", "")
        assert ("ERROR", True) in [(r.levelname, "metadata" in r.getMessage()) for r in caplog.records]

    def test_the_args_file_gives_defaults(self, cli, write, config):
        args = {"config_file": config, "run_id": "other", "other": "$print(@lr, @net)", "lr": 5, "net": {"width": 6}}
        path = write("args.yaml", json.dumps(args))
        assert "5 {'width': 6}" in cli("run", "--args_file", path).out
        assert "7 {'width': 6, 'depth': 1}" in cli("run", "--args_file", path, "--lr=7", "--net={depth: 1}").out
        assert "run 5 {'width': 6}" in cli("run", "run", "--args_file", path).out

    def test_the_args_file_may_set_options_of_the_command_line(self, cli, write, config):
        path = write("args.json", {"config_file": config, "dry_run": True})
        assert "dry run" in cli("run", "--args_file", path).out
        assert "dry run" not in cli("run", "--args_file", path, "--nodry_run").out


STEPS = {
    "log": "$__import__('collections').deque()",
    "thing": {"_target_": "builtins.print", "_args_": ["thing"]},
    "other": {"_target_": "builtins.print", "_args_": ["other"]},
    "unused": {"_target_": "builtins.print", "_args_": ["unused"]},
    "initialize": ["$print('initialize')"],
    "run": ["$print('run', @thing)", {"_target_": "builtins.print", "_args_": ["@thing"]}],
    "finalize": ["$print('finalize', @other)"],
}


class TestDryRun:
    def test_builds_what_the_run_needs_and_stops(self, cli, write):
        write("metadata.json", {})
        code, out, err = cli("run", "--config_file", write("c.json", STEPS), "--dry_run")
        assert (code, err) == (0, "")
        assert out.splitlines()[:3] == ["initialize", "thing", "other"]
        assert out.splitlines()[3:] == ["dry run: everything that 'run' refers to can be built (thing, other)"]

    def test_writes_no_copy_of_the_config(self, cli, write, tmp_path):
        settings = write("settings.json", {"configs": {"output_dir": "out", "save_execute_config": True}})
        argv = ["run", "--config_file", write("c.json", STEPS), "--tracking", settings]
        assert cli(*argv, "--dry_run").code == 0
        assert not (tmp_path / "out").exists()
        assert cli(*argv).code == 0
        assert len(list((tmp_path / "out").iterdir())) == 1

    def test_finds_what_cannot_be_built(self, cli, write):
        config = {**STEPS, "other": {"_target_": "builtins.int", "_args_": ["none"]}}
        code, out, err = cli("run", "--config_file", write("c.json", config), "--dry_run")
        assert (code, "dry run" in out) == (2, False)
        assert "id 'other'" in err

    def test_needs_a_config(self, cli, write, monkeypatch, tmp_path):
        write("mine.py", MINE)
        monkeypatch.syspath_prepend(tmp_path)
        code, _, err = cli("run_workflow", "mine.Mine", "--dry_run")
        assert (code, "--dry_run needs a workflow that a config describes" in err) == (2, True)


def test_the_log_goes_to_a_file_too(cli, write, config, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert (
        cli(
            "run", "--config_file", config, "--log_file", "out/run.log", "--lr=$__import__('logging').info('seen')"
        ).code
        == 0
    )
    assert " INFO root: seen\n" in (tmp_path / "out/run.log").read_text()
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, logging.FileHandler) and "run.log" in h.baseFilename]:
        root.removeHandler(handler)
        handler.close()


class TestFailure:
    def run(self, cli, write, config, *argv):
        write("metadata.json", {})
        return cli("run", "--config_file", write("c.yaml", config), *argv)

    def test_of_the_run_is_1_after_finalize(self, cli, write):
        code, out, err = self.run(cli, write, "run:\n  - $1 / 0\nfinalize: $print('finalized')\n")
        assert (code, out) == (1, "finalized\n")
        assert "ZeroDivisionError: division by zero" in err
        assert "c.yaml:2:5  id 'run::0'" in err
        assert "Traceback" not in err

    def test_of_a_component_shows_where_in_its_code(self, cli, write):
        lines = [
            "class Engine:",
            "    def run(self):",
            "        return self.step()",
            "",
            "    def step(self):",
            "        raise ValueError('bad batch')",
        ]
        write("engine_code.py", "\n".join(lines))
        config = "engine:\n  _target_: engine_code.Engine\nrun: $@engine.run()\n"
        code, _, err = self.run(cli, write, config)
        assert code == 1
        assert "bad batch" in err
        assert "id 'run'" in err
        assert "engine_code.py:6 in step\n        raise ValueError('bad batch')\n" in err
        assert "/bundle_engine/" not in err
        assert "BUNDLE_ENGINE_TRACEBACK=1 shows the whole traceback" in err

    def test_shows_the_whole_traceback_when_asked(self, cli, write, monkeypatch):
        monkeypatch.setenv("BUNDLE_ENGINE_TRACEBACK", "1")
        from bundle_engine.cli import main  # the fixture takes the variable away

        path = write("c.yaml", "run: $1 / 0\n")
        import contextlib
        import io

        with contextlib.redirect_stderr(io.StringIO()) as err:
            assert main(["run", "--config_file", path]) == 1
        assert "Traceback (most recent call last)" in err.getvalue()

    def test_of_finalize_is_1(self, cli, write):
        code, out, err = self.run(cli, write, "run: $print('ran')\nfinalize: $1 / 0\n")
        assert (code, out) == (1, "ran\n")
        assert "id 'finalize'" in err

    @pytest.mark.parametrize(("code", "exits"), [("3", 3), ("", 0), ("'stop'", 1)])
    def test_an_exit_code_of_a_component_is_kept(self, cli, write, code, exits):
        outcome = self.run(cli, write, f"run: $__import__('sys').exit({code})\nfinalize: $print('finalized')\n")
        assert (outcome.code, outcome.out) == (exits, "finalized\n")

    def test_an_interruption_is_130(self, cli, write):
        write("stop.py", "def interrupt():\n    raise KeyboardInterrupt\n")
        code, out, err = self.run(
            cli, write, "import: $import stop\nrun: $stop.interrupt()\nfinalize: $print('finalized')\n"
        )
        assert (code, out, err) == (130, "finalized\n", "interrupted\n")


WRONG = [
    pytest.param(
        "run: '$@x'\nx: {_target_: collections.OrderedDct}\n", ["OrderedDct", "c.yaml:2", "OrderedDict"], id="target"
    ),
    pytest.param(
        "run: '$@x'\nx: {_target_: string.Template}\n", ["template", "c.yaml:2", "'x'"], id="missing-argument"
    ),
    pytest.param(
        "run: '$@x'\nx: {_target_: string.Template, templte: a}\n",
        ["templte", "c.yaml:2", "template"],
        id="unknown-argument",
    ),
    pytest.param(
        "run: '$@learning_rte'\nlearning_rate: 1\n", ["learning_rte", "c.yaml:1", "learning_rate"], id="reference"
    ),
    pytest.param("run: '$@a'\na: '@b'\nb: '@a'\n", ["a -> b -> a", "c.yaml:2"], id="cycle"),
    pytest.param("run: '%a'\na: '%b'\nb: '%a'\n", ["c.yaml"], id="macro-cycle"),
    pytest.param("_extends_: c.yaml\nrun: $1\n", ["c.yaml"], id="extends-cycle"),
    pytest.param("run: '$@x'\nx: ???\n", ["'x'", "c.yaml:2"], id="left-open"),
    pytest.param("run: '$@x::5'\nx: [1]\n", ["c.yaml:1", "x"], id="index"),
    pytest.param("run: $(1 +\n", ["c.yaml:1", "^"], id="expression-syntax"),
    pytest.param("run: '$@x'\nx: $1 / 0\n", ["division by zero", "c.yaml:2", "id 'x'"], id="expression-raises"),
    pytest.param(
        "run: '$@x'\nx: {_target_: builtins.int, _args_: [q]}\n", ["'q'", "c.yaml:2", "id 'x'"], id="constructor-raises"
    ),
    pytest.param("run: $1\ninitialize: $1 / 0\n", ["division by zero", "c.yaml:2"], id="initialize-raises"),
    pytest.param("", ["empty", "c.yaml"], id="empty"),
    pytest.param("- a\n", ["c.yaml:1:1", "mapping"], id="list"),
    pytest.param("run: [\n", ["c.yaml", "not YAML"], id="syntax"),
    pytest.param("x: 1\n", ["run ID 'run' doesn't exist"], id="no-run"),
    pytest.param("run: '%nothing.yaml::x'\n", ["nothing.yaml"], id="macro-file"),
]


@pytest.mark.parametrize(("config", "said"), WRONG)
def test_wrong_input_is_2_and_writes_nothing(cli, write, tmp_path, config, said):
    path = write("c.yaml", config)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = cli("run", "--config_file", path)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    for text in said:
        assert text in err
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["--config_file", "trian.json"], ["trian.json", "did you mean 'train.json'"], id="config"),
        pytest.param(["--config_file", "no/train.json"], ["there is no folder 'no'"], id="folder"),
        pytest.param(
            ["--config_file", "train.json", "--meta_file", "metadta.json"], ["'metadata.json'"], id="metadata"
        ),
        pytest.param(["--config_file", "train.json", "--args_file", "arg.json"], ["arg.json"], id="args"),
        pytest.param(["--config_file", "train.json", "--logging_file", "log.cnf"], ["log.conf"], id="logging"),
        pytest.param(
            ["--config_file", "train.json", "--logging_file", "log.conf"], ["GHSA-wvpx-5qmp-46g3"], id="bad-log"
        ),
        pytest.param(["--config_file", "train.json", "--tracking", "mlfow"], ["(mlflow)"], id="tracking"),
        pytest.param(["--config_file", "train.json", "--workflow_type", "trian"], ["'train'"], id="type"),
        pytest.param(["--config_file", "train.json", "--+lr", "[1]"], ["lr", "command line"], id="merge"),
        pytest.param(["--config_file", "train.json", "--~lrr"], ["lrr", "lr"], id="delete"),
        pytest.param(["--config_file", "train.json", "--keys::9", "1"], ["keys", "command line"], id="index"),
        pytest.param(["--workflow", "train"], ["there is no --bundle"], id="workflow-alone"),
        pytest.param([], ["no config is given", "--config_file FILE, or --bundle DIR"], id="nothing"),
        pytest.param(
            ["--config_file", "train.json", "a", "b", "c", "d", "e", "f", "g", "h", "i"], ["too many"], id="many"
        ),
    ],
)
def test_wrong_arguments_are_2(cli, write, config, argv, said):
    write(
        "log.conf", "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\n[logger_root]\n[handler_h]\nclass=eval\n"
    )
    code, out, err = cli("run", *argv)
    assert (code, out) == (2, "")
    for text in said:
        assert text in err


MINE = """\
from bundle_engine import BundleWorkflow

class Mine(BundleWorkflow):
    def __init__(self, filename=None, fail=None):
        super().__init__()
        self.filename, self.fail = filename, fail
        if fail == "init":
            raise OSError("cannot be made")
    def initialize(self):
        print("initialize", self.filename)
    def run(self):
        print("run")
        if self.fail == "run":
            raise OSError("cannot be run")
    def finalize(self):
        print("finalize")
    def _get_property(self, name, property): ...
    def _set_property(self, name, property, value): ...
"""


class TestRunWorkflow:
    @pytest.fixture(autouse=True)
    def mine(self, write, monkeypatch, tmp_path):
        write("mine.py", MINE)
        monkeypatch.syspath_prepend(tmp_path)

    @pytest.mark.parametrize("argv", [["mine.Mine"], ["--workflow_name", "mine.Mine"]], ids=["position", "name"])
    def test_runs_a_class_with_its_arguments(self, cli, argv):
        assert cli("run_workflow", *argv, "--filename", "x") == (0, "initialize x\nrun\nfinalize\n", "")

    def test_runs_a_config_by_default(self, cli, write):
        write("metadata.json", {})
        path = write("c.json", {"training": "$print(@x)", "x": 1})
        assert cli("run_workflow", "--run_id", "training", "--config_file", path, "--x=2") == (0, "2\n", "")

    @pytest.mark.parametrize(("where", "steps"), [("init", ""), ("run", "initialize None\nrun\nfinalize\n")])
    def test_an_error_of_the_class_is_1(self, cli, where, steps):
        code, out, err = cli("run_workflow", "mine.Mine", "--fail", where)
        assert (code, out) == (1, steps)
        assert err.startswith("error: OSError: cannot be")
        assert "mine.py:" in err

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (["mine.Mne"], "Mne"),
            (["mine.Mine", "--filenam", "x"], "it takes filename, fail"),
            (["mine.Mine", "args.json", "more"], "'more' is one argument too many"),
        ],
    )
    def test_wrong_arguments_are_2(self, cli, argv, said):
        code, out, err = cli("run_workflow", *argv)
        assert (code, out) == (2, "")
        assert said in err
