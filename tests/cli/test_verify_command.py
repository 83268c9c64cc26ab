"""`python -m bundle_engine verify` and `verify_metadata`: what they print, how they exit, what they cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.resources import bundles_dir
from tests.metadata.conftest import METADATA

REPOSITORY = Path(__file__).resolve().parents[2]
WRONG = {**METADATA, "task": 3, "data_sourse": "x"}
IGNORED = ("--ignore", "BE053")


@pytest.fixture
def bundle(write: Callable[..., str]) -> str:
    write("b/configs/main.yaml", "lr: 1\nrun:\n- $print(@lr)\n")
    write("b/configs/metadata.json", METADATA)
    write("b/LICENSE", "do as you please")
    write("b/docs/README.md", "# b")
    return "b"


def test_nothing_to_find(cli: Any, bundle: str) -> None:
    assert cli("verify", bundle, "--static") == (0, "no findings in b\n", "")
    assert cli("verify", "--bundle", bundle, "--static") == (0, "no findings in b\n", "")


def test_findings_as_text(cli: Any, write: Callable[..., str], bundle: str) -> None:
    write("b/configs/metadata.json", json.dumps(WRONG, indent=1))
    code, out, err = cli("verify", bundle, "--static")
    assert (code, err) == (1, "")
    path = os.path.join("b", "configs", "metadata.json")
    assert out.startswith(
        f"{path}:9:10: error BE062: task should be text, is 3  [task]\n"
        "   |\n"
        ' 9 |  "task": 3,\n'
        "   |          ^\n"
        '  help: put it in quotes: "3"\n'
    )
    assert "warning BE063: nothing is known of 'data_sourse'" in out
    assert out.rstrip().endswith("1 error, 1 warning in b")


def test_other_formats(cli: Any, write: Callable[..., str], bundle: str) -> None:
    write("b/configs/metadata.json", json.dumps(WRONG, indent=1))
    findings = json.loads(cli("verify", bundle, "--static", "--format", "json").out)["findings"]
    assert [(each["code"], each["line"], each["id"]) for each in findings] == [
        ("BE062", 9, "task"),
        ("BE063", 39, "data_sourse"),
    ]
    (sarif,) = json.loads(cli("verify", bundle, "--static", "--format", "sarif").out)["runs"]
    assert [rule["id"] for rule in sarif["tool"]["driver"]["rules"]] == ["BE062", "BE063"]
    uri = sarif["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "b/configs/metadata.json"
    github = cli("verify", bundle, "--static", "--format", "github").out.split("\n")
    assert github[0].startswith("::error file=b/configs/metadata.json,line=9,col=10")


@pytest.mark.parametrize(
    ("metadata", "arguments", "expected"),
    [
        (METADATA, [], 0),
        (WRONG, [], 1),
        (WRONG, ["--ignore", "BE062"], 0),
        (WRONG, ["--ignore", "BE062", "--fail_on", "warning"], 1),
        (WRONG, ["--ignore", "BE062,BE063", "--fail_on", "info"], 0),
        ("{", [], 1),
        (METADATA, ["--format", "xml"], 2),
        (METADATA, ["--fail_on", "never"], 2),
        (METADATA, ["--ignore", "BE999"], 2),
        (METADATA, ["--schema", "nothing.json"], 2),
        (METADATA, ["--use_schema_url"], 2),
        (METADATA, ["--hash_val", "00"], 2),
        (METADATA, ["--colour", "red"], 2),
    ],
)
def test_exit_codes(
    cli: Any, write: Callable[..., str], bundle: str, metadata: Any, arguments: list[str], expected: int
) -> None:
    write("b/configs/metadata.json", metadata)
    done = cli("verify", bundle, "--static", *arguments)
    assert done.code == expected
    assert bool(done.err) == (expected == 2)


@pytest.mark.parametrize("arguments", [["nothing"], [], ["b/configs"], ["b", "b"]], ids=str)
def test_no_such_bundle(cli: Any, bundle: str, arguments: list[str]) -> None:
    code, out, err = cli("verify", *arguments, "--static")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")


def test_a_ready_made_bundle_by_its_name(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("verify", "brain_tissue_segmentation", "--static", "--fail_on", "info", "--ignore", "BE055")
    assert (code, err) == (0, "")
    assert out.startswith("no findings in ")


# --- verify_metadata ---


def test_metadata_alone(cli: Any, write: Callable[..., str]) -> None:
    write("metadata.json", METADATA)
    assert cli("verify_metadata", "metadata.json") == (0, "no findings in metadata.json\n", "")
    assert cli("verify_metadata", "--meta_file", "metadata.json").code == 0
    write("metadata.json", json.dumps(WRONG, indent=1))
    code, out, err = cli("verify_metadata", "--meta_file", "metadata.json", "--format", "json")
    assert (code, err) == (1, "")
    assert [each["code"] for each in json.loads(out)["findings"]] == ["BE062", "BE063"]
    assert cli("verify_metadata", "metadata.json", "--ignore", "BE062").code == 0


def test_arguments_of_a_file(cli: Any, write: Callable[..., str]) -> None:
    write("metadata.json", METADATA)
    write("strict.json", {"required": ["special"]})
    write("args.yaml", "meta_file: metadata.json\nschema: strict.json\n")
    code, out, _ = cli("verify_metadata", "--args_file", "args.yaml")
    assert code == 1
    assert "missing 'special'" in out
    code, out, err = cli("verify_metadata", "metadata.json", "--colour", "red")
    assert (code, out) == (2, "")
    assert "there is no option --colour" in err
    write("args.yaml", "meta_file: metadata.json\ncolour: red\n")
    assert "jsonschema does not take these options" in cli("verify_metadata", "--args_file", "args.yaml").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no metadata is named"),
        (["nothing.json"], "cannot find the file 'nothing.json'"),
        (["list.json"], "the root of a config is a mapping"),
        (["metadata.json", "--filepath", "s.json"], "the metadata has no 'schema' that names one"),
        (["metadata.json", "--schema", "ftp://x/y"], "a schema is fetched by http or https"),
    ],
)
def test_what_cannot_be_verified(cli: Any, write: Callable[..., str], arguments: list[str], message: str) -> None:
    write("metadata.json", METADATA)
    write("list.json", "[]")
    code, out, err = cli("verify_metadata", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not Path("s.json").exists()


# --- what it costs ---


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is known of the installed packages, read by the first process that asks."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", ["brain_tissue_segmentation", "hippocampus_segmentation"])
def test_verifying_takes_less_than_a_second_and_no_framework(name: str, cache: Path, tmp_path: Path) -> None:
    code = f"""
import sys, time
from bundle_engine.cli import main
assert main(["verify", {str(bundles_dir() / name)!r}, "--static"]) == 0
print([name for name in ("torch", "monai", "ignite", "numpy", "requests", "scripts") if name in sys.modules])
print(time.process_time())
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(cache)}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
        )
        .stdout.rstrip()
        .split("\n")
        for _ in range(2)  # the first one reads the installed packages
    ]
    assert outputs[1][-2] == "[]"
    assert float(outputs[1][-1]) < 1
