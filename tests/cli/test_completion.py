"""Completion: what is offered, and what the shells make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle_engine.cli.completion import FILES, SCRIPTS, candidates
from bundle_engine.cli.options import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
TRAIN = """\
lr: 1e-3
optimizer: {_target_: torch.optim.AdamW, lr: '@lr', betas: [0.9, 0.99]}
train: {trainer: {max_epochs: 2}, handlers: [{_target_: StatsHandler}, {_target_: A}], empty: {}}
"""


@pytest.fixture
def config(write):
    return write("train.yaml", TRAIN)


def offered(*words: str) -> list[str]:
    return [candidate.text for candidate in candidates(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["run"], ["run", "run_workflow", "runs"], id="commands"),
        pytest.param(["xyz"], [], id="no-command"),
        pytest.param(["nothing", "--"], [], id="unknown-command"),
        pytest.param(["help", "sh"], ["show"], id="help"),
        pytest.param(["show", "--ori"], ["--origins"], id="options"),
        pytest.param(["run", "--config_file", ""], [FILES], id="files"),
        pytest.param(["run", "--config_file=tr"], [FILES], id="files-behind-equals"),
        pytest.param(["show", ""], [FILES], id="files-by-position"),
        pytest.param(["show", "a.yaml", ""], [FILES], id="more-files-by-position"),
        pytest.param(["show", "--origins", ""], [FILES], id="a-switch-takes-no-value"),
        pytest.param(["show", "--format", ""], ["yaml", "json"], id="choices"),
        pytest.param(["show", "--format=j"], ["--format=json"], id="choices-behind-equals"),
        pytest.param(["run", "--workflow_type", ""], ["train", "infer", "evaluate"], id="three-choices"),
        pytest.param(["completion", "z"], ["zsh"], id="shells"),
        pytest.param(["completion", "zsh", ""], [], id="enough-arguments"),
        pytest.param(["run", "--bundle", "hip"], ["hippocampus_segmentation", FILES], id="bundles"),
        pytest.param(
            ["run", "--bundle", "hippocampus_segmentation", "--workflow", "m"], ["multi_gpu_train"], id="workflows"
        ),
        pytest.param(["run", "--lr", ""], [FILES], id="value-of-an-override"),
        pytest.param(["explain", ""], [], id="an-id-without-a-config"),
    ],
)
def test_candidates(words, expected):
    assert offered(*words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["run", "--config_file", "train.yaml", "--l"], ["--logging_file", "--log_file", "--lr"], id="with-options"),
        pytest.param(["run", "--config_file=train.yaml", "--opt"], ["--optimizer::"], id="one-level"),
        pytest.param(["show", "train.yaml", "--optimizer::"], ["--optimizer::_target_", "--optimizer::lr", "--optimizer::betas::"], id="inside"),
        pytest.param(["show", "train.yaml", "--train::handlers::"], ["--train::handlers::0::", "--train::handlers::1::"], id="items"),
        pytest.param(["show", "train.yaml", "--train#ha"], ["--train::handlers::"], id="old-separator"),
        pytest.param(["show", "train.yaml", "--train::e"], ["--train::empty"], id="empty-inside"),
        pytest.param(["show", "train.yaml", "--+train::ha"], ["--+train::handlers::"], id="merge"),
        pytest.param(["show", "train.yaml", "--~o"], ["--~optimizer::"], id="delete"),
        pytest.param(["show", "train.yaml", "--lr::x"], [], id="nothing-inside"),
        pytest.param(["show", "train.yaml", "--gone::x"], [], id="no-such-id"),
        pytest.param(["show", "train.yaml", "--id", "train::t"], ["train::trainer::"], id="option-that-takes-an-id"),
        pytest.param(["explain", "--config_file", "train.yaml", "opt"], ["optimizer::"], id="id-by-position"),
        pytest.param(["diff", "train.yaml", "--opt"], ["--optimizer::"], id="config-by-position"),
        pytest.param(["completion", "train.yaml", "--opt"], [], id="command-without-overrides"),
        pytest.param(["run", "--bundle", "hippocampus_segmentation", "--optim"], ["--optimizer::"], id="bundle"),
    ],
)  # fmt: skip
def test_ids_of_the_config_on_the_line(config, words, expected):
    assert offered(*words) == expected


def test_meanings_stand_beside(config):
    found = dict(candidates(["show", "train.yaml", "--"]))
    assert found["--optimizer::"] == "torch.optim.AdamW"
    assert found["--train::"] == "3 keys"
    assert found["--lr"] == "0.001"
    assert found["--origins"].startswith("say of each value where it was written")
    assert all("\n" not in meaning and len(meaning) <= 60 for meaning in found.values())


@pytest.mark.parametrize("text", ["a: [1\n", "a: '%b'\n", "- 1\n", ""])
def test_a_broken_config_is_no_trouble(cli, write, text):
    write("broken.yaml", text)
    assert cli("__complete", "show", "broken.yaml", "--zzz") == (0, "", "")
    assert cli("__complete", "show", "missing.yaml", "--zzz") == (0, "", "")
    assert cli("__complete", "run", "--bundle", "nowhere", "--zzz") == (0, "", "")


def test_all_commands_and_options_are_offered():
    assert set(COMMANDS) <= set(offered(""))
    for command in COMMANDS.values():
        assert {f"--{option.name}" for option in command.options} <= set(offered(command.name, "--"))


def test_help_on_the_line_is_completed_and_not_shown(cli):
    assert cli("__complete", "show", "--help", "--orig").out.startswith("--origins\t")


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_command_prints_the_script(cli, shell):
    assert cli("completion", shell) == (0, SCRIPTS[shell], "")
    assert "{" + "program}" not in SCRIPTS[shell]


@pytest.mark.parametrize(("argv", "said"), [([], "no shell is named"), (["tcsh"], "there is no completion for 'tcsh'")])
def test_other_shells(cli, argv, said):
    code, out, err = cli("completion", *argv)
    assert (code, out) == (2, "")
    assert f"{said}\n  help: completion bash or zsh or fish" in err


def test_it_is_light(config):
    code = (
        "import sys\nfrom bundle_engine.cli import main\nmain(['__complete', 'run', '--config_file', 'train.yaml', '--'])\n"
        "print([name for name in ('torch', 'monai', 'numpy', 'fire', 'rich') if name in sys.modules], file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "--optimizer::" in done.stdout
    assert done.stderr.strip() == "[]"


# --- in the shells themselves ---


@pytest.fixture
def shell_in(tmp_path, config, monkeypatch):
    """Run a script in a shell that has the program and its completion."""
    program = tmp_path / "bin" / "bundle-engine"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m bundle_engine "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    def run(shell: str, script: str) -> list[str]:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        (tmp_path / "completion").write_text(SCRIPTS[shell])
        done = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        return done.stdout.split("\n")[:-1]

    return run


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("bundle-engine expl", ["explain"], id="command"),
        pytest.param("bundle-engine show --ori", ["--origins"], id="option"),
        pytest.param("bundle-engine show train.yaml --opt", ["--optimizer::"], id="id"),
        pytest.param("bundle-engine show train.yaml --optimizer::l", ["lr"], id="id-behind-a-colon"),
        pytest.param("bundle-engine show train.yaml --train::", ["trainer::", "handlers::", "empty"], id="all-behind"),
        pytest.param("bundle-engine show --format=j", ["json"], id="choice-behind-equals"),
        pytest.param("bundle-engine show --config_file=tra", ["train.yaml"], id="file-behind-equals"),
        pytest.param("bundle-engine show tra", ["train.yaml"], id="file"),
    ],
)
def test_bash(shell_in, line, expected):
    script = (
        "source ./completion\n"
        f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}\n'
        '_bundle_engine\nprintf "%s\\n" "${COMPREPLY[@]}"\ncomplete -p bundle-engine >/dev/null'
    )
    assert shell_in("bash", script) == expected


def test_bash_at_a_cursor_inside_the_line(shell_in):
    script = (
        "source ./completion\n"
        'COMP_LINE="bundle-engine sho --origins"; COMP_POINT=17\n_bundle_engine\necho "${COMPREPLY[@]}"'
    )
    assert shell_in("bash", script) == ["show"]


def test_zsh(shell_in):
    script = (
        "compdef() { }\n"
        '_describe() { local name="$4"; print -rl -- "${(@P)name}" }\n'
        "_files() { print files }\n"
        "source ./completion\n"
        "words=(bundle-engine show train.yaml --optimizer::); CURRENT=4; _bundle_engine\n"
        "words=(bundle-engine show --config_file ''); CURRENT=4; _bundle_engine\n"
        "words=(bundle-engine expl); CURRENT=2; _bundle_engine\n"
    )
    assert shell_in("zsh", script) == [
        r"--optimizer\:\:_target_:torch.optim.AdamW",
        r"--optimizer\:\:lr:@lr",
        r"--optimizer\:\:betas\:\::2 items",
        "files",
        "explain:print what is known of one id of a config",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("bundle-engine expl", ["explain\tprint what is known of one id of a config"], id="command"),
        pytest.param("bundle-engine show train.yaml --optimizer::l", ["--optimizer::lr\t@lr"], id="id"),
        pytest.param("bundle-engine show --config_file tra", ["train.yaml"], id="file"),
        pytest.param("bundle-engine show --format=j", ["--format=json"], id="choice"),
    ],
)
def test_fish(shell_in, line, expected):
    found = shell_in("fish", f"source ./completion; complete -C '{line}'")
    assert [row.rstrip("\t") for row in found] == expected
