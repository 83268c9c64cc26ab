"""The commands graph and schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "lr": 0.1,
    "net": {"_target_": "UNet", "spatial_dims": 3},
    "unused": {"_target_": "UNet"},
    "opt": {"_target_": "torch.optim.AdamW", "params": "$@net.parameters()", "lr": "@lr"},
    "run": ["$print(@opt)"],
}


@pytest.fixture
def config(write):
    return write("train.json", CONFIG)


def test_mermaid_on_standard_output(cli, config):
    code, out, err = cli("graph", config)
    assert (code, err) == (0, "")
    assert out.startswith('flowchart LR\n  n0["net<br/>UNet"]:::network\n')
    assert "unused" not in out
    assert "0.1" not in out


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("g.mmd", "flowchart LR"),
        ("g.dot", "digraph"),
        ("g.gv", "digraph"),
        ("g.svg", "<svg "),
        ("g.html", "<!DOCTYPE html>"),
        ("G.HTM", "<!DOCTYPE html>"),
        ("g.txt", "flowchart LR"),
    ],
)
def test_the_name_of_the_output_tells_the_format(cli, config, tmp_path, name, beginning):
    code, out, err = cli("graph", config, "--output", name)
    assert (code, out) == (0, "")
    assert err.startswith(f"wrote {name}: ")
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(beginning)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "train.json"])


def test_the_format_wins_over_the_name(cli, config, tmp_path):
    assert cli("graph", config, "--format", "dot", "--output", "g.svg").code == 0
    assert (tmp_path / "g.svg").read_text().startswith("digraph")


def test_what_is_drawn(cli, config):
    assert "unused" in cli("graph", config, "--all").out
    assert "lr<br/>0.1" in cli("graph", config, "--values").out
    assert "lr<br/>0.5" in cli("graph", config, "--values", "--lr", "0.5").out
    near = cli("graph", config, "--id", "net", "--steps", "1").out
    assert "opt<br/>AdamW" in near
    assert "run" not in near


def test_overrides_and_several_files(cli, config, write):
    other = write("other.json", {"net": {"_target_": "DynUNet"}})
    assert "net<br/>DynUNet" in cli("graph", config, other).out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "png"], "there is no format 'png'"),
        (["--id", "optt"], "did you mean 'opt'?"),
        (["--id", "net", "--steps", "far"], "--steps takes a whole number, not 'far'"),
        (["--id", "net", "--steps=-1"], "--steps takes a whole number, not '-1'"),
        (["--output", "no/such/g.svg"], "there is no folder 'no/such'"),
        (["--output", "."], "it is a folder"),
        (["--output", "train.json/g.svg"], "there is no folder 'train.json'"),
    ],
)
def test_wrong_usage_is_said_and_nothing_is_written(cli, config, tmp_path, argv, message):
    code, out, err = cli("graph", config, *argv)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["train.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(cli, config, tmp_path):
    (tmp_path / "shut").mkdir(mode=0o500)
    code, _, err = cli("graph", config, "--output", "shut/g.svg")
    assert code == 2
    assert "cannot write 'shut/g.svg': Permission denied" in err


def test_a_failed_write_leaves_the_file_as_it_was(cli, config, tmp_path, monkeypatch):
    (tmp_path / "g.svg").write_text("before")

    def fail(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    code, _, err = cli("graph", config, "--output", "g.svg")
    assert code == 2
    assert "cannot write 'g.svg': No space left on device" in err
    assert (tmp_path / "g.svg").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.svg", "train.json"]


def test_a_config_that_cannot_be_read(cli, write):
    code, out, err = cli("graph", write("broken.yaml", "a: [1\n"))
    assert (code, out) == (2, "")
    assert "broken.yaml:1" in err


@pytest.mark.parametrize("workflow", ["train", "evaluate", "inference", "train,multi_gpu_train"])
@pytest.mark.parametrize("bundle", ["hippocampus_segmentation", "brain_tissue_segmentation"])
def test_the_ready_made_bundles(cli, bundle, workflow, tmp_path):
    page = tmp_path / "g.html"
    assert (
        cli("graph", "--bundle", str(ROOT / "bundles" / bundle), "--workflow", workflow, "--output", str(page)).code
        == 0
    )
    text = page.read_text(encoding="utf-8")
    assert f"<h1>{bundle} · {', '.join(f'{name}.yaml' for name in workflow.split(','))}</h1>" in text
    assert "k-missing f-missing" not in text


def test_nothing_heavy_is_imported(config, tmp_path):
    heavy = ["torch", "monai", "ignite", "numpy", "networkx"]
    code = (
        "import sys; from bundle_engine.cli import main\n"
        f"assert main(['graph', {config!r}, '--output', {str(tmp_path / 'g.html')!r}]) == 0\n"
        f"assert main(['schema', '--output', {str(tmp_path / 's.json')!r}]) == 0\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_schema_on_standard_output_and_in_a_file(cli, tmp_path, write):
    code, out, err = cli("schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["title"] == "Config of a MONAI bundle"
    write("x", "")
    assert cli("schema", "--output", "s.json").code == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == out
    assert cli("schema", "--outpt", "s.json").code == 2
