"""`verify` on the files of a bundle: licence, readme, configs, weights, and large files with their checksums."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle_engine.inspection.findings import Finding
from tests.metadata.verifying import found

ROW = {"path": "LICENSE", "url": "https://example.org/LICENSE"}

# --- files ---


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("LICENSE", []),
        ("LICENSE.txt", []),
        ("license.md", []),
        ("LICENCE", []),
        ("COPYING", []),
        ("LICENSES", ["BE070"]),
        ("unlicensed.txt", ["BE070"]),
    ],
)
def test_names_of_licences(bundle: Path, name: str, codes: list[str]) -> None:
    (bundle / "LICENSE").rename(bundle / name)
    assert [each.code for each in found(bundle)] == codes


@pytest.mark.parametrize(("file", "named"), [("LICENSE", "LICENSE"), ("docs/README.md", "docs/README.md")])
def test_files_that_are_missing_or_empty(bundle: Path, file: str, named: str) -> None:
    (bundle / file).write_text(" \n")
    (finding,) = found(bundle)
    assert (finding.code, finding.message) == ("BE070", f"the file {Path(file).name} is empty")
    (bundle / file).unlink()
    (finding,) = found(bundle)
    assert (finding.code, finding.message) == ("BE070", f"the bundle has no {named}")


def test_a_readme_beside_configs_will_do(bundle: Path) -> None:
    (bundle / "docs" / "README.md").rename(bundle / "README.md")
    assert found(bundle) == []


def test_configs_are_checked_each_with_what_it_is_put_over(bundle: Path) -> None:
    (bundle / "configs" / "main.yaml").write_text("lr: 1\nrun:\n- $print(@rl)\n")
    (finding,) = found(bundle)
    assert (finding.code, finding.id) == ("BE010", "run::0")
    (bundle / "configs" / "main.yaml").write_text("lr: 1\nrun:\n- $print(@lr, @net)\nnet: {_target_: dict}\n")
    (bundle / "configs" / "multi_main.yaml").write_text("device: cpu\nnet::b: '@device'\n")
    assert found(bundle) == []


def test_properties_that_a_workflow_must_have(bundle: Path) -> None:
    (bundle / "configs" / "main.yaml").rename(bundle / "configs" / "inference.yaml")
    missing = " ".join(each.message for each in found(bundle) if each.code == "BE051")
    for name in ("network_def", "inferer", "bundle_root"):
        assert name in missing


def test_weights_that_a_config_names(bundle: Path) -> None:
    config = bundle / "configs" / "main.yaml"
    config.write_text("lr: 1\nckpt: $'models' + '/model.pt'\nrun:\n- $print(@lr, @ckpt)\n")
    (finding,) = found(bundle)
    assert (finding.code, finding.severity, finding.id) == ("BE071", "info", "ckpt")
    assert finding.place is not None
    assert finding.place.line == 2
    (bundle / "models").mkdir()
    (bundle / "models" / "model.pt").write_bytes(b"x")
    assert found(bundle) == []


def test_weights_that_a_training_makes(bundle: Path) -> None:
    (bundle / "configs" / "main.yaml").write_text("lr: 1\nrun:\n- $print(@lr, 'model.pt')\n")
    (bundle / "configs" / "train.yaml").write_text("lr: 1\nrun:\n- $print(@lr)\n")
    assert [each.code for each in found(bundle) if each.code != "BE051"] == []


# --- large files ---


def large(bundle: Path, *files: Any, name: str = "large_files.yml") -> list[Finding]:
    (bundle / name).write_text(yaml.safe_dump({"large_files": list(files)}, sort_keys=False))
    return found(bundle)


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
def test_checksums(bundle: Path, kind: str) -> None:
    right = hashlib.new(kind, (bundle / "LICENSE").read_bytes()).hexdigest()
    assert large(bundle, {**ROW, "hash_val": right, "hash_type": kind}) == []
    assert large(bundle, {**ROW, "hash_val": right.upper(), "hash_type": kind}) == []
    (finding,) = large(bundle, {**ROW, "hash_val": "0" * len(right), "hash_type": kind})
    assert (finding.code, finding.id) == ("BE072", "large_files::0::hash_val")
    assert finding.message == f"'LICENSE' is another file: its {kind} is {right}, and should be {'0' * len(right)}"
    assert finding.place is not None
    assert finding.place.line == 4


def test_md5_is_meant_where_nothing_is_said(bundle: Path) -> None:
    right = hashlib.md5((bundle / "LICENSE").read_bytes()).hexdigest()
    assert large(bundle, {**ROW, "hash_val": right}) == []
    (finding,) = large(bundle, {**ROW, "hash_val": "0" * 64})
    assert (finding.code, finding.suggestion) == ("BE062", "write hash_type: sha256")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "..", "C:\\x", "C:/x", "a\\..\\..\\x", "link/x"])
def test_files_outside_of_the_bundle_are_not_read(bundle: Path, path: str) -> None:
    (bundle / "link").symlink_to(bundle.parent)
    (bundle.parent / "x").write_text("secret")
    (finding,) = large(bundle, {**ROW, "path": path, "hash_val": "0" * 32})
    assert (finding.code, finding.message) == ("BE073", f"'{path}' leads out of the bundle's folder")


def test_lists_of_large_files_that_are_none(bundle: Path) -> None:
    (bundle / "large_files.yml").write_text("- a\n")
    assert [each.code for each in found(bundle)] == ["BE002"]
    assert [each.code for each in large(bundle, 3)] == ["BE062"]
    assert [(each.code, each.id) for each in large(bundle, {"pth": "a", "url": "http://x/y"})] == [
        ("BE061", "large_files::0::pth")
    ]


@pytest.mark.parametrize(
    "name",
    ["large_files.yaml", "large_files.json", "large_file.yml", "configs/large_files.yml", "configs/large_files.json"],
)
def test_places_of_the_list(bundle: Path, name: str) -> None:
    files = {**ROW, "hash_val": "0" * 32}
    (bundle / name).write_text(json.dumps({"large_files": [files]}))
    assert [each.code for each in found(bundle)] == ["BE072"]


def test_progress_on_large_files(bundle: Path) -> None:
    with (bundle / "big.bin").open("wb") as file:
        file.truncate(128 * 2**20)
    told: list[tuple[int, int, str]] = []
    (bundle / "large_files.yml").write_text(
        yaml.safe_dump(
            {"large_files": [{"path": "big.bin", "url": "http://x/y", "hash_val": "0" * 40, "hash_type": "sha1"}]}
        )
    )
    found(bundle, progress=lambda done, total, name: told.append((done, total, name)))
    assert [done // 2**20 for done, _, _ in told] == [32, 64, 96, 128]
    assert told[0][1:] == (128 * 2**20, "big.bin")
