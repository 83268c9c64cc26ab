"""Help, version, unknown commands."""

from __future__ import annotations

import shlex

import pytest

from bundle_engine import __version__
from bundle_engine.cli.arguments import read_arguments
from bundle_engine.cli.help import EXIT_CODES, command_help, program_help
from bundle_engine.cli.options import COMMANDS


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]], ids=" ".join)
def test_the_program_lists_its_commands(cli, argv):
    code, out, err = cli(*argv)
    assert (code, err) == (0, "")
    for command in COMMANDS.values():
        assert f"{command.name} " in out
        assert command.summary in out


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["-h"], ["x", "--lr", "1", "--help"], ["--config_file", "no.yaml", "-h"], ["--", "--help"]],
)
def test_a_command_lists_its_options(cli, name, arguments):
    code, out, err = cli(name, *arguments)
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    for option in COMMANDS[name].options:
        assert f"--{option.name}" in out
        assert " ".join(option.meaning.split()) in words
    for number, meaning in COMMANDS[name].exits or EXIT_CODES:
        assert f"{number} {meaning}" in words
    assert cli("help", name).out == out


def test_lines_fit_a_terminal():
    for text in (program_help(), *map(command_help, COMMANDS.values())):
        assert max(map(len, text.split("\n"))) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_can_be_understood(name):
    for example, meaning in COMMANDS[name].examples:
        first, *rest = shlex.split(example)
        assert first == name
        assert read_arguments(COMMANDS[name], rest)
        assert meaning


def test_version(cli):
    assert cli("--version") == (0, f"bundle-engine {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param(["rum"], "there is no command 'rum'\n  help: did you mean 'run'?", id="misspelt"),
        pytest.param(["run-workflow"], "did you mean 'run_workflow'?", id="hyphen"),
        pytest.param(["frobnicate"], "there are run, run_workflow", id="unknown"),
        pytest.param(["help", "rum"], "there is no command 'rum'", id="help-for-unknown"),
        pytest.param(
            ["--config_file", "a.yaml"],
            "'--config_file' stands where a command is expected\n  help: bundle-engine run",
            id="option-first",
        ),
    ],
)
def test_what_is_no_command_is_an_error(cli, argv, message):
    code, out, err = cli(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
