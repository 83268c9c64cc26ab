"""`python -m bundle_engine check`: what it prints, in every format, and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.cli import main
from bundle_engine.inspection.catalogue import CATALOGUE

REPOSITORY = Path(__file__).resolve().parents[2]
WRONG = """\
lr: 0.1
optimizer:
  _target_: textwrap.indent
  text: "@lrr"
  prefixx: "> "
mode: off
run:
- $print(@optimizer, @mode, @lr)
"""
RIGHT = "lr: 0.1\nrun:\n- $print(@lr)\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "right.yaml").write_text(RIGHT)
    (tmp_path / "broken.yaml").write_text("a: [1,\n")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["check", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def codes(text: str) -> list[str]:
    return [finding["code"] for finding in json.loads(text)["findings"]]


# --- text ---


def test_findings_as_text(run: Run) -> None:
    code, out, err = run("wrong.yaml")
    assert code == 1
    assert err == ""
    assert (
        "wrong.yaml:4:9: error BE010: the reference '@lrr' leads to nothing  [optimizer::text]\n"
        "   |\n"
        ' 4 |   text: "@lrr"\n'
        "   |         ^^^^^^\n"
        "  help: did you mean 'lr'?\n"
    ) in out
    assert out.rstrip().endswith("2 errors, 1 warning in wrong.yaml")
    assert "\x1b" not in out


def test_nothing_to_find(run: Run) -> None:
    assert run("right.yaml") == (0, "no findings in right.yaml\n", "")


# --- exit codes ---


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["right.yaml"], 0),
        (["wrong.yaml"], 1),
        (["wrong.yaml", "--ignore", "BE010,BE040"], 0),
        (["wrong.yaml", "--ignore", "BE010,BE040", "--fail_on", "warning"], 1),
        (["wrong.yaml", "--ignore=be010,be040,BE006", "--fail_on", "warning"], 0),
        (["right.yaml", "broken.yaml"], 1),
        (["broken.yaml"], 2),
        (["nothing.yaml"], 2),
        ([], 2),
        (["right.yaml", "--fail_on", "never"], 2),
        (["right.yaml", "--format", "xml"], 2),
        (["right.yaml", "--ignore", "BE999"], 2),
        (["--explain", "BE999"], 2),
        (["--workflow", "train"], 2),
        (["--bundle", "nothing_of_this_name"], 2),
    ],
)
def test_exit_codes(arguments: list[str], expected: int, run: Run) -> None:
    assert run(*arguments)[0] == expected


def test_wrong_usage_is_one_clear_line(run: Run) -> None:
    code, out, err = run("right.yaml", "--ignore", "BE01")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no finding with the code 'BE01'\n  help: did you mean 'BE01")


def test_overrides(run: Run) -> None:
    assert run("wrong.yaml", "--lrr", "1", "--~optimizer::prefixx", "--optimizer::prefix=x", "--mode", "a")[0] == 0


def test_several_files(run: Run) -> None:
    _, out, _ = run("right.yaml", "broken.yaml", "wrong.yaml", "--format", "json")
    assert codes(out) == ["BE003", "BE010", "BE040", "BE006"]


def test_another_run_id(run: Run, tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("training:\n- $@a.run()\na: {_target_: dict}\n")
    assert run("old.yaml")[0] == 0
    assert run("old.yaml", "--run_id", "training") == (0, "no findings in old.yaml\n", "")
    assert run("old.yaml", "--run_id", "trainign")[0] == 1


# --- formats ---


def test_findings_as_json(run: Run) -> None:
    _, out, _ = run("wrong.yaml", "--format", "json")
    findings = json.loads(out)["findings"]
    assert findings[0] == {
        "code": "BE010",
        "severity": "error",
        "id": "optimizer::text",
        "file": "wrong.yaml",
        "line": 4,
        "column": 9,
        "message": "the reference '@lrr' leads to nothing",
        "suggestion": "did you mean 'lr'?",
    }
    assert json.loads(run("right.yaml", "--format", "json")[1]) == {"findings": []}


def test_findings_as_sarif(run: Run) -> None:
    _, out, _ = run("wrong.yaml", "--format", "sarif")
    log: dict[str, Any] = json.loads(out)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (sarif,) = log["runs"]
    rules = sarif["tool"]["driver"]["rules"]
    assert sarif["tool"]["driver"]["name"] == "bundle-engine"
    assert [rule["id"] for rule in rules] == sorted({rule["id"] for rule in rules})
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for result in sarif["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"] == {"uri": "wrong.yaml"}
        assert 1 <= physical["region"]["startColumn"] < physical["region"]["endColumn"]
    lines = [r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in sarif["results"]]
    assert lines == [4, 5, 6]
    assert sarif["results"][0]["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "optimizer::text"}]


def test_findings_for_github(run: Run) -> None:
    _, out, _ = run("wrong.yaml", "--format", "github")
    assert out.split("\n")[0] == (
        "::error file=wrong.yaml,line=4,col=9,endColumn=15,title=BE010 optimizer%3A%3Atext::"
        "the reference '@lrr' leads to nothing; did you mean 'lr'?"
    )
    assert [line.split(" ")[0] for line in out.strip().split("\n")] == ["::error", "::error", "::warning"]
    assert run("right.yaml", "--format", "github") == (0, "", "")


# --- codes ---


@pytest.mark.parametrize("code", CATALOGUE)
def test_codes_are_explained(code: str, run: Run) -> None:
    status, out, _ = run("--explain", code)
    assert status == 0
    assert out.startswith(f"{code}: {CATALOGUE[code].title}")
    assert "Wrong:" in out
    assert "Right:" in out


def test_the_reference_page_is_up_to_date(run: Run) -> None:
    page = (REPOSITORY / "tutorials" / "checks.md").read_text(encoding="utf-8")
    _, out, _ = run("--explain", "all", "--format", "markdown")
    assert out == page, "python -m bundle_engine check --explain all --format markdown > tutorials/checks.md"


# --- bundles ---


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    configs = tmp_path / "bundle" / "configs"
    configs.mkdir(parents=True)
    (configs / "metadata.json").write_text("{}")
    (configs / "train.yaml").write_text("net: {_target_: dict, a: 1}\nrun:\n- $print(@net)\n")
    (configs / "multi_gpu_train.yaml").write_text('device: cpu\nnet::b: "@device"\nwrapped: "$[@net]"\n')
    (configs / "inference.yaml").write_text("run:\n- $print(@nothing)\n")
    return tmp_path / "bundle"


def test_a_whole_bundle(run: Run, bundle: Path) -> None:
    code, out, _ = run("--bundle", str(bundle), "--format", "json", "--ignore", "BE051,BE053")
    found = json.loads(out)["findings"]
    assert code == 1
    assert [(each["code"], Path(each["file"]).name) for each in found] == [("BE010", "inference.yaml")]


def test_one_workflow_of_a_bundle(run: Run, bundle: Path) -> None:
    ignored = ("--ignore", "BE051,BE053", "--fail_on", "warning")
    assert run("--bundle", str(bundle), "--workflow", "train", *ignored)[0] == 0
    assert run("--bundle", str(bundle), "--workflow", "train,multi_gpu_train", *ignored)[0] == 0
    assert run("--bundle", str(bundle), "--workflow", "inference", *ignored)[0] == 1


# --- what it costs ---


def test_checking_imports_no_framework(tmp_path: Path) -> None:
    config = REPOSITORY / "tests" / "inspection" / "good" / "classification.yaml"
    code = f"""
import sys
from bundle_engine.cli import main
assert main(["check", {str(config)!r}]) == 0
print([name for name in ("torch", "monai", "ignite", "numpy", "scripts") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    assert done.stdout.rstrip().endswith("[]")
