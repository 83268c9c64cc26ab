"""show, explain, diff, manifest: what the command line adds to the functions."""

from __future__ import annotations

import json
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TRAIN = """\
lr: 0.002
net: {_target_: torch.nn.Linear, in_features: 4, out_features: '@size'}
size: 2
run: [$print(@net)]
"""
RESOLVED = "_target_: torch.nn.Linear\nin_features: 4\nout_features: 2\nbias: false\n"
ORIGIN = f"{'0.001'.ljust(48)}  # b.yaml:1, instead of 0.002 (a.yaml:1)\n"
LR = "~ lr: 0.002 -> 0.001\n    a.yaml:1 -> b.yaml:1\n"
HIPPOCAMPUS = ["--bundle", "hippocampus_segmentation"]


@pytest.fixture
def files(write):
    write("scripts/__init__.py", "")
    write("a.yaml", TRAIN)
    write("b.yaml", "lr: 1e-3\nnet::bias: false\n")
    write("copy.yaml", "net: '%block.yaml::net'\n")
    write("block.yaml", "net: {in_features: 4}\n")
    write("broken.yaml", "a: [1\n")
    write("missing.yaml", "a: '%b'\nc: '%d.yaml::e'\n")
    return write


# --- show ---


def test_show_prints_yaml_that_reads_back(cli, files, write):
    code, out, err = cli("show", "a.yaml", "b.yaml", "--size", "3", "--net::name", "$x")
    assert (code, err) == (0, "")
    write("again.yaml", out)
    assert cli("show", "again.yaml").out == out
    expected = {"_target_": "torch.nn.Linear", "in_features": 4, "out_features": "@size", "bias": False, "name": "$x"}
    assert yaml.safe_load(out)["net"] == expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(["a.yaml", "--id", "lr"], "0.002\n", id="id"),
        pytest.param(["--id=net::out_features", "a.yaml", "--resolved"], "2\n", id="resolved"),
        pytest.param(["a.yaml", "--resolved", "--id", "net", "b.yaml"], RESOLVED, id="options-between-files"),
        pytest.param(["--config_file", "a.yaml,b.yaml", "--id", "lr"], "0.001\n", id="with-commas"),
        pytest.param(["a.yaml", "b.yaml", "--id", "lr", "--origins"], ORIGIN, id="origins"),
        pytest.param(["copy.yaml", "--net::bias", "1", "--id", "net"], "in_features: 4\nbias: 1\n", id="into-a-macro"),
        pytest.param(["a.yaml", "--id", "run", "--format", "json"], '[\n  "$print(@net)"\n]\n', id="json"),
        pytest.param(["a.yaml", "--+run", "['$1']", "--id", "run"], "- $print(@net)\n- $1\n", id="append"),
        pytest.param(["a.yaml", "--~net", "--id", ""], "lr: 0.002\nsize: 2\nrun:\n  - $print(@net)\n", id="delete"),
    ],
)  # fmt: skip
def test_show(cli, files, argv, expected):
    assert cli("show", *argv) == (0, expected, "")


def test_show_a_bundle(cli):
    code, out, _ = cli("show", "--bundle", "hippocampus_segmentation", "--workflow", "inference", "--format", "json")
    assert code == 0
    shown = json.loads(out)
    assert shown["network_def"]["_target_"] == "DynUNet"
    assert "_meta_" not in shown


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["show"], "no config is named\n  help: name a config file, or --bundle DIR", id="nothing"),
        pytest.param(["show", "c.yaml"], "cannot find the file 'c.yaml'", id="no-file"),
        pytest.param(["show", "broken.yaml"], "at broken.yaml:", id="syntax"),
        pytest.param(["show", "a.yaml", "broken.yaml", "c.yaml"], "and at c.yaml: cannot find the file", id="two"),
        pytest.param(["show", "missing.yaml"], "the macro '%b' leads to nothing", id="macro"),
        pytest.param(["show", "missing.yaml"], "and at missing.yaml:2:4: cannot find", id="macro-file"),
        pytest.param(["show", "a.yaml", "--id", "rl"], "there is no 'rl'", id="id"),
        pytest.param(["show", "a.yaml", "--format", "toml"], "as yaml or json, not as 'toml'", id="format"),
        pytest.param(["show", "a.yaml", "--workflow", "x"], "--workflow needs --bundle", id="workflow"),
        pytest.param(["show", "a.yaml", "--~gone"], "'~gone' deletes nothing", id="delete"),
        pytest.param(["explain"], "no id is named\n  help: explain ID CONFIG", id="no-id"),
        pytest.param(["explain", "lr"], "no config is named", id="no-config"),
        pytest.param(["explain", "mlr", "a.yaml"], "did you mean 'lr'?", id="misspelt"),
        pytest.param(["explain", "lr", "a.yaml", "--format", "yaml"], "there is no format 'yaml'", id="explain-format"),
        pytest.param(["explain", "lr", "broken.yaml"], "at broken.yaml:", id="explain-syntax"),
        pytest.param(["diff"], "no config is named", id="diff-nothing"),
        pytest.param(["diff", "a.yaml"], "there is nothing to compare with", id="diff-one"),
        pytest.param(["diff", "a.yaml", "c.yaml"], "cannot find the file 'c.yaml'", id="diff-no-file"),
        pytest.param(["diff", "a.yaml", "b.yaml", "a.yaml"], "'a.yaml' is one argument too many", id="diff-three"),
        pytest.param(["diff", "a.yaml", "b.yaml", "--id", "x"], "there is no 'x'", id="diff-id"),
        pytest.param(["diff", "a.yaml", "nothing"], "there is no folder 'nothing'", id="diff-bundle"),
        pytest.param(["manifest"], "no config is named", id="manifest-nothing"),
        pytest.param(["manifest", "broken.yaml"], "at broken.yaml:", id="manifest-syntax"),
        pytest.param(["manifest", "--bundle", "nothing"], "there is no folder 'nothing'", id="manifest-bundle"),
        pytest.param(["manifest", *HIPPOCAMPUS, "a.yaml"], "each config of the bundle as it is", id="manifest-both"),
        pytest.param(["manifest", *HIPPOCAMPUS, "--workflow", "x"], "has no config 'x'", id="manifest-workflow"),
    ],
)  # fmt: skip
def test_wrong_input(cli, files, argv, said):
    code, out, err = cli(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err


# --- explain ---


def test_explain(cli, files):
    code, out, err = cli("explain", "net::out_features", "a.yaml", "--size", "5")
    assert (code, err) == (0, "")
    assert out.split("\n")[:5] == [
        "net::out_features  reference",
        "    '@size'",
        "value       5",
        "written     a.yaml:2:64",
        "argument    out_features: int, an argument of torch.nn.modules.linear.Linear",
    ]
    row = json.loads(cli("explain", "net", "a.yaml", "--format", "json").out)
    assert row["target"]["path"] == "torch.nn.modules.linear.Linear"
    assert row["used_by"][0]["at"] == "run::0"


# --- diff ---


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        pytest.param(["a.yaml", "a.yaml"], 0, "no difference\n", id="same"),
        pytest.param(["a.yaml", "a.yaml", "--lr", "1"], 0, "no difference\n", id="overrides-of-both"),
        pytest.param(["a.yaml", "--lr", "0.002"], 0, "no difference\n", id="override-of-the-same-value"),
        pytest.param(["a.yaml", "--lr", "1"], 1, "~ lr: 0.002 -> 1\n    a.yaml:1 -> command line\n", id="override"),
        pytest.param(["a.yaml", "a.yaml,b.yaml", "--id", "net"], 1, "+ net::bias: false\n    b.yaml:2\n", id="two-files"),
        pytest.param(["--first", "a.yaml", "--second", "b.yaml", "--id", "lr"], 1, LR, id="named"),
        pytest.param(["a.yaml", "--~run"], 1, "- run: [$print(@net)]\n    a.yaml:4\n", id="deleted"),
    ],
)  # fmt: skip
def test_diff(cli, files, argv, code, expected):
    assert cli("diff", *argv) == (code, expected, "")


def test_diff_of_bundles_as_data(cli):
    code, out, _ = cli("diff", "hippocampus_segmentation", "brain_tissue_segmentation", "--format", "json")
    assert code == 1
    rows = {row["id"]: row for row in json.loads(out)["differences"]}
    assert rows["network_def::_target_"]["old"] == "DynUNet"
    assert cli("diff", str(ROOT / "bundles" / "hippocampus_segmentation"), "hippocampus_segmentation").code == 0


# --- manifest ---


def test_manifest(cli, files):
    code, out, err = cli("manifest", "a.yaml", "--evil", "$eval('1')", "--format", "json")
    assert (code, err) == (0, "")
    row = json.loads(out)
    assert [(each["kind"], each["name"], each["where"]["id"]) for each in row["noteworthy"]] == [
        ("code", "eval", "evil")
    ]
    assert {each["path"] for each in row["callables"]} >= {"torch.nn.modules.linear.Linear", "builtins.print"}
    assert cli("manifest", "a.yaml").out.startswith(
        "noteworthy: none\npackages: 1\n  torch  installed  net::_target_ (a.yaml:2)"
    )


# --- all ---


def big_config() -> str:
    """Make a config of about 500 ids, as a bundle has them."""
    sections = []
    for number in range(25):
        sections.append(
            f"part{number}:\n"
            f"  rate: 1e-{number % 5 + 1}\n"
            "  transforms:\n"
            "    - {_target_: LoadImaged, keys: [image, label], ensure_channel_first: true}\n"
            "    - {_target_: Spacingd, keys: [image, label], pixdim: [1.0, 1.0, 1.0], mode: [bilinear, nearest]}\n"
            "    - {_target_: torch.nn.Linear, in_features: 4, out_features: $@part0::rate * 2}\n"
            f"  output_dir: $@part{number}::data_dir + '/out'\n"
            "  data_dir: data\n"
            f"  all: {{_target_: Compose, transforms: '@part{number}::transforms'}}\n"
        )
    return "".join(sections) + "run: [$@part1::all(1)]\n"


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param("show big.yaml --origins --resolved", id="show"),
        pytest.param("explain part3::transforms::1 big.yaml", id="explain"),
        pytest.param("diff big.yaml --part3::rate 5", id="diff"),
        pytest.param("manifest big.yaml", id="manifest"),
    ],
)
def test_it_is_light(write, argv):
    write("big.yaml", big_config())
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bundle_engine.cli import main\n"
        f"main({shlex.split(argv)!r})\n"
        "heavy = [name for name in ('torch', 'monai', 'ignite', 'numpy') if name in sys.modules]\n"
        "status = Path('/proc/self/status')\n"
        "lines = status.read_text().split('\\n') if status.exists() else []\n"
        "most = next((int(line.split()[1]) // 1024 for line in lines if line.startswith('VmHWM')), 0)\n"
        "print(heavy, most, file=sys.stderr)\n"
    )

    def call() -> tuple[float, float, str]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment()
        )
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stderr

    call()  # the first time, what is installed is read
    runs = [call() for _ in range(3)]
    heavy, megabytes = runs[0][2].strip().rsplit("\n")[-1].rsplit(" ", 1)
    assert heavy == "[]"
    assert int(megabytes) < 80
    assert min(processor for _, processor, _ in runs) < 0.5, runs


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
