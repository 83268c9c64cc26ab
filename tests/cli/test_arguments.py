"""Telling positions, options and overrides apart."""

from __future__ import annotations

import inspect

import pytest

from bundle_engine.cli.arguments import read_arguments
from bundle_engine.cli.options import COMMANDS
from bundle_engine.errors import UsageError

RUN = COMMANDS["run"]


def read(*args, command=RUN):
    found = read_arguments(command, args)
    return found.options, {override.key: override.value for override in found.overrides}


@pytest.mark.parametrize(
    ("args", "options", "overrides"),
    [
        pytest.param([], {}, {}, id="nothing"),
        pytest.param(["training"], {"run_id": "training"}, {}, id="position"),
        pytest.param(["a", "b", "c"], {"run_id": "a", "init_id": "b", "final_id": "c"}, {}, id="positions"),
        pytest.param(["--run_id", "a"], {"run_id": "a"}, {}, id="by-name"),
        pytest.param(["--run-id=a"], {"run_id": "a"}, {}, id="hyphen-in-an-option"),
        pytest.param(["--config_file=a b.yaml"], {"config_file": ["a b.yaml"]}, {}, id="space"),
        pytest.param(
            ["--config_file", "a.yaml", "train"], {"config_file": ["a.yaml"], "run_id": "train"}, {}, id="mixed"
        ),
        pytest.param(
            ["--config_file", "a.yaml", "--config_file=b.yaml,c.yaml"],
            {"config_file": ["a.yaml", "b.yaml", "c.yaml"]},
            {},
            id="repeated-files",
        ),
        pytest.param(["--run_id=a", "--run_id=b"], {"run_id": "b"}, {}, id="repeated-option"),
        pytest.param(["--strict"], {"strict": True}, {}, id="switch"),
        pytest.param(["--strict", "--dry_run=False"], {"strict": True, "dry_run": False}, {}, id="switch-with-value"),
        pytest.param(["--nostrict"], {"strict": False}, {}, id="negated-switch"),
        pytest.param(["--nologging_file"], {"logging_file": False}, {}, id="no-log"),
        pytest.param(["--lr", "1e-4"], {}, {"lr": 1e-4}, id="override"),
        pytest.param(["--lr=-1"], {}, {"lr": -1}, id="negative"),
        pytest.param(["--lr", "-1"], {}, {"lr": -1}, id="negative-as-next"),
        pytest.param(["--x", "None"], {}, {"x": None}, id="none"),
        pytest.param(["--a::b=[1,2]"], {}, {"a::b": [1, 2]}, id="inside"),
        pytest.param(["--net#input_chns", "1"], {}, {"net#input_chns": 1}, id="old-separator"),
        pytest.param(["--+handlers=[a]", "--+b", "{c: 1}"], {}, {"+handlers": ["a"], "+b": {"c": 1}}, id="merge"),
        pytest.param(["--~key"], {}, {"~key": True}, id="delete"),
        pytest.param(["--flag"], {}, {"flag": True}, id="flag"),
        pytest.param(["--flag", "--lr", "1"], {}, {"flag": True, "lr": 1}, id="flag-before-another"),
        pytest.param(["-x", "1", "-long", "2"], {}, {"x": 1, "long": 2}, id="single-hyphen"),
        pytest.param(["--my-key", "1"], {}, {"my-key": 1}, id="hyphen-in-an-id"),
        pytest.param(["--x=a=b"], {}, {"x": "a=b"}, id="equals-in-a-value"),
        pytest.param(["--x="], {}, {"x": ""}, id="empty-value"),
        pytest.param(["--x", "-"], {}, {"x": "-"}, id="lone-hyphen-as-value"),
        pytest.param(["--x=--y"], {}, {"x": "--y"}, id="hyphens-in-a-value"),
        pytest.param(["--x", "@y", "--z", "$@y + 1"], {}, {"x": "@y", "z": "$@y + 1"}, id="reference-and-expression"),
        pytest.param(["--lr", "1", "--lr", "2"], {}, {"lr": 2}, id="the-last-wins"),
        pytest.param(["--dataset_dir", "/a,b c"], {}, {"dataset_dir": "/a,b c"}, id="comma-and-space"),
        pytest.param(["--strict", "training"], {"strict": True, "run_id": "training"}, {}, id="switch-before-word"),
        pytest.param(["--strict", "no", "training"], {"strict": False, "run_id": "training"}, {}, id="switch-and-no"),
        pytest.param(["--args", "1", "--ignore_none=2"], {}, {"args": 1, "ignore_none": 2}, id="names-of-monais"),
    ],
)
def test_arguments(args, options, overrides):
    assert read(*args) == (options, overrides)


def test_overrides_keep_their_order():
    assert list(read("--b=1", "--a=2", "--+b=[3]")[1]) == ["b", "a", "+b"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(list("abcdefghi"), "'i' is one argument too many", id="too-many"),
        pytest.param(["a", "--run_id", "b"], "run_id is given twice: by position, 'a', and as --run_id", id="twice"),
        pytest.param(["--config_file"], "--config_file needs a value", id="no-value"),
        pytest.param(["--config_file", "--strict"], "--config_file needs a value", id="no-value-but-an-option"),
        pytest.param(["--strict=training"], "--strict is a switch, and cannot be 'training'", id="switch-is-word"),
        pytest.param(["--"], "'--' names no option", id="separator"),
        pytest.param(["--=1"], "'--=1' names no option", id="no-name"),
        pytest.param(["--+a=[1]", "--+a=[2]"], "--+a is given twice", id="merged-twice"),
    ],
)
def test_what_cannot_be_understood_is_an_error(args, message):
    with pytest.raises(UsageError) as caught:
        read(*args)
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("config_fle", "config_file"),
        ("configfile", "config_file"),
        ("config_files", "config_file"),
        ("meta_fil", "meta_file"),
        ("bundel", "bundle"),
        ("dryrun", "dry_run"),
        ("stict", "strict"),
        ("run_di", "run_id"),
        ("net::bundel", None),
        ("+bundel", None),
        ("tracking_uri", None),
        ("experiment_name", None),
        ("bundle_root", None),
        ("device", None),
        ("lr", None),
    ],
)
def test_overrides_that_look_like_misspelt_options_are_marked(key, meant):
    [override] = read_arguments(RUN, [f"--{key}=1"]).overrides
    assert override.meant == meant


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_table_of_options_is_the_signature_of_the_function(command):
    parameters = inspect.signature(command.load()).parameters
    names = [name for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD]
    if names:  # the exports take all they get as one mapping
        assert sorted({option.name for option in command.options} - {"nproc"}) == sorted(names)  # nproc: the launcher's
    assert (command.overrides is not None) == any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if command.name.startswith("run") and command.name != "runs":
        by_position = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert [option.name for option in command.options[: command.positional]] == by_position, "as in MONAI"
        # an args_file of these gives the options that the command line leaves open
        assert all(p.default is None for name, p in parameters.items() if name in names)


@pytest.mark.parametrize("name", ["run", "run_workflow"])
def test_the_commands_take_what_those_of_monai_take(name):
    from bundle_engine import workflow

    command = COMMANDS[name]

    theirs = [
        name
        for name, p in inspect.signature(getattr(workflow, command.name)).parameters.items()
        if p.kind is not p.VAR_KEYWORD
    ]
    assert [option.name for option in command.options[: command.positional]] == theirs
