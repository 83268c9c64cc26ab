"""`verify` without the network: what it finds in a bundle, above all in its metadata, and where."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle_engine.errors import InputNotFoundError
from bundle_engine.inspection.catalogue import metadata as catalogue
from bundle_engine.inspection.findings import Code, Finding
from bundle_engine.metadata import verify
from bundle_engine.resources import bundles_dir
from tests.metadata.verifying import QUIET, found, index

READY_MADE = sorted(folder for folder in bundles_dir().iterdir() if (folder / "configs").is_dir())
HIPPOCAMPUS = bundles_dir() / "hippocampus_segmentation"


def rows(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.code, each.severity, each.id) for each in findings]


def change(bundle: Path, **changes: Any) -> Path:
    """Set keys of the metadata, or take those away that are set to `...`."""
    path = bundle / "configs" / "metadata.json"
    data = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not ...}, indent=2))
    return path


def line_of(path: Path, word: str) -> int:
    lines = path.read_text().split("\n")
    return next(number for number, line in enumerate(lines, 1) if word in line)


# --- bundles with which nothing is wrong ---


@pytest.mark.parametrize("folder", READY_MADE, ids=lambda folder: folder.name)
def test_the_ready_made_bundles_have_nothing(folder: Path) -> None:
    assert rows(verify(folder, network=False, ignore=["BE055"])) == []


def test_the_small_bundle_has_nothing(bundle: Path) -> None:
    assert found(bundle) == []


@pytest.mark.parametrize("suffix", ["yaml", "yml"])
def test_metadata_in_yaml(bundle: Path, suffix: str) -> None:
    path = bundle / "configs" / "metadata.json"
    data = json.loads(path.read_text())
    path.unlink()
    data["network_data_format"]["outputs"]["pred"]["channel_def"] = {0: "spleen"}
    text = yaml.safe_dump(data, sort_keys=False)
    (path.with_suffix(f".{suffix}")).write_text(text)
    assert found(bundle) == []
    path.with_suffix(f".{suffix}").write_text(text.replace("0: spleen", "0: 3"))
    (finding,) = found(bundle)
    assert (finding.code, finding.id) == ("BE062", "network_data_format::outputs::pred::channel_def::0")
    assert finding.place is not None
    assert finding.place.text.strip() == "0: 3"


# --- the catalogue ---


def write_example(bundle: Path, text: str) -> None:
    """Put an example of the catalogue into a bundle: keys of metadata, a list of large files, or a file missing."""
    configs = bundle / "configs"
    if text.startswith("large_files:"):
        (bundle / "large_files.yml").write_text(text)
    elif "no configs/metadata.json" in text:
        (configs / "metadata.json").unlink()
    elif "no other config" in text:
        (configs / "main.yaml").unlink()
    elif "without LICENSE" in text:
        (bundle / "LICENSE").unlink()
    elif not text.startswith("#"):
        data = json.loads((configs / "metadata.json").read_text())
        (configs / "metadata.json").unlink()
        keys = yaml.safe_load(text)
        rest = {
            key: value for key, value in data.items() if key not in keys and not (key == "authors" and "athors" in keys)
        }
        (configs / "metadata.yaml").write_text(text + yaml.safe_dump(rest, sort_keys=False))


@pytest.mark.parametrize("code", catalogue.CODES, ids=lambda code: code.code)
def test_the_wrong_example_is_found_at_its_line(code: Code, bundle: Path) -> None:
    write_example(bundle, code.wrong)
    findings = [each for each in found(bundle) if each.code != "BE071" or code.code == "BE071"]
    marked = [number for number, line in enumerate(code.wrong.split("\n"), 1) if line.endswith("# here")]
    assert [(each.code, each.severity) for each in findings] == [(code.code, code.severity)]
    assert findings[0].place is not None
    assert findings[0].place.line == (marked[0] if marked else 0)
    assert findings[0].suggestion or code.code == "BE060"


@pytest.mark.parametrize("code", catalogue.CODES, ids=lambda code: code.code)
def test_the_right_example_has_nothing(code: Code, bundle: Path) -> None:
    write_example(bundle, code.right)
    assert [each for each in found(bundle) if each.code != "BE071"] == []


# --- metadata: one change, one finding ---

TENSOR = {"type": "image", "format": "x", "num_channels": 2, "spatial_shape": [8], "dtype": "float32"}


def tensor(**fields: Any) -> dict[str, Any]:
    return {"network_data_format": {"inputs": {"image": {**TENSOR, **fields}}, "outputs": {"pred": TENSOR}}}


AT = "network_data_format::inputs::image"
CHANGES: dict[str, tuple[dict[str, Any], tuple[str, str, str], str, str]] = {
    "version missing": ({"version": ...}, ("BE061", "error", "version"), "{", "missing 'version'"),
    "task is a number": ({"task": 3}, ("BE062", "error", "task"), '"task"', "task should be text, is 3"),
    "copyright is null": (
        {"copyright": None}, ("BE062", "error", "copyright"), '"copyright"', "copyright should be text, is null",
    ),
    "authors empty": ({"authors": " "}, ("BE064", "warning", "authors"), '"authors"', "authors is empty"),
    "another name": (
        {"authors": ..., "author": "x"}, ("BE061", "error", "author"), '"author"', "missing 'authors'; there is 'author'",
    ),
    "pytorch by the name of its package": (
        {"pytorch_version": ..., "torch_version": "1.12.1"},
        ("BE061", "error", "torch_version"), '"torch_version"', "missing 'pytorch_version'; there is 'torch_version'",
    ),
    "misspelt": (
        {"data_sourse": "x"}, ("BE063", "warning", "data_sourse"), '"data_sourse"',
        "nothing is known of 'data_sourse', which is spelt almost like 'data_source'",
    ),
    "a version that is none": (
        {"version": "1.0 beta two", "changelog": {"0.1.0": ""}},
        ("BE066", "error", "version"), '"version"', "version is '1.0 beta two', which is no version",
    ),
    "a word as version": ({"version": "first"}, ("BE062", "error", "version"), '"version"', 'version should look like "0.1.0", is \'first\''),
    "an entry of the changelog that is no version": (
        {"changelog": {"next": "x", "0.1.0": "y"}},
        ("BE066", "warning", "changelog::next"), '"next"', "the changelog has an entry for 'next', which is no version",
    ),
    "no changelog": (
        {"changelog": ...}, ("BE067", "warning", "version"), '"version"', "there is no changelog that says what this version is",
    ),
    "no entry": (
        {"version": "0.10.0", "changelog": {"0.9.0": "x"}}, ("BE067", "warning", "version"), '"version"',
        "the changelog has no entry for the version 0.10.0; its latest is 0.9.0",
    ),
    "a later entry": (
        {"version": "0.9.0", "changelog": {"0.10.0": "x", "0.9.0": "y"}}, ("BE067", "warning", "version"), '"version"',
        "the version is 0.9.0, and the changelog goes on to 0.10.0",
    ),
    "a package that is not there": (
        {"required_packages_version": {"no_such_package": "1.0"}},
        ("BE068", "info", "required_packages_version::no_such_package"), "no_such_package",
        "the package no_such_package is not installed here",
    ),
    "a package that is too old": (
        {"required_packages_version": {"PyYAML": "999.0"}}, ("BE068", "info", "required_packages_version::PyYAML"), "PyYAML",
        f"the package PyYAML is installed here in the version {yaml.__version__}, and 999.0 or a later one is needed",
    ),
    "a range of versions": (
        {"required_packages_version": {"PyYAML": ">=5,<6"}}, ("BE068", "info", "required_packages_version::PyYAML"), "PyYAML",
        f"the package PyYAML is installed here in the version {yaml.__version__}, and >=5,<6 is needed",
    ),
    "packages by their old name": (
        {"optional_packages_version": {"PyYAML": "999.0"}}, ("BE068", "info", "optional_packages_version::PyYAML"), "PyYAML",
        f"the package PyYAML is installed here in the version {yaml.__version__}, and 999.0 or a later one is needed",
    ),
    "a package in no version": (
        {"required_packages_version": {"PyYAML": "new"}}, ("BE066", "warning", "required_packages_version::PyYAML"), "PyYAML",
        "PyYAML is wanted in the version 'new', which is no version",
    ),
    "no network": (
        {"network_data_format": ...}, ("BE061", "error", ""), "{",
        "missing 'network_data_format', which says what the network takes and gives",
    ),
    "no outputs": (
        {"network_data_format": {"inputs": {"image": TENSOR}}},
        ("BE061", "error", "network_data_format::outputs"), '"network_data_format"', "missing 'outputs' in network_data_format",
    ),
    "channels and names": (
        tensor(channel_def={"0": "x"}), ("BE075", "warning", f"{AT}::channel_def"), "channel_def", "2 channels, and channel_def names 1",
    ),
    "names beyond the channels": (
        tensor(channel_def={"0": "x", "2": "y"}), ("BE075", "warning", f"{AT}::channel_def"), "channel_def",
        "channel_def names 2, and the channels are 0 to 1",
    ),
    "a label map names its values": (tensor(num_channels=1, format="labels", channel_def={"0": "x", "1": "y"}), ("", "", ""), "", ""),
    "a name for no channel": (
        tensor(channel_def={"first": "x"}), ("BE062", "error", f"{AT}::channel_def::first"), '"first"', "channel_def takes no 'first'",
    ),
    "one end": (tensor(value_range=[1]), ("BE076", "error", f"{AT}::value_range"), "value_range", "value_range has one number, 1, and no other end"),
    "ends the other way round": (
        tensor(value_range=[1, -1]), ("BE076", "error", f"{AT}::value_range"), "value_range",
        "value_range goes from 1 to -1, and the smallest value comes first",
    ),
    "values out of order": (
        tensor(value_range=[0, 2, 1]), ("BE076", "error", f"{AT}::value_range"), "value_range", "value_range lists values out of their order",
    ),
    "numbers and words": (
        tensor(value_range=[0, "much"]), ("BE076", "error", f"{AT}::value_range"), "value_range", "value_range has numbers and texts",
    ),
    "a size of another letter": (
        tensor(spatial_shape=["8*m"]), ("BE077", "error", f"{AT}::spatial_shape::0"), "8*m",
        "the size '8*m' has the name 'm', and only n, p, any mean something",
    ),
    "a size that runs code": (
        tensor(spatial_shape=["__import__('os').getcwd()"]), ("BE077", "error", f"{AT}::spatial_shape::0"), "__import__",
        "the size '__import__('os').getcwd()' is more than arithmetic with + - * // **",
    ),
    "a size of nothing": (tensor(spatial_shape=[0]), ("BE062", "error", f"{AT}::spatial_shape::0"), "0", "spatial_shape.0 should be at least 1, is 0"),
    "numbers of no type": (
        tensor(dtype="flaot32"), ("BE078", "warning", f"{AT}::dtype"), "flaot32", "no type of numbers is called 'flaot32'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "expected", "word", "message"), CHANGES.values(), ids=CHANGES)
def test_one_change_gives_one_finding_at_its_line(
    bundle: Path, changes: dict[str, Any], expected: tuple[str, str, str], word: str, message: str
) -> None:
    path = change(bundle, **changes)
    findings = found(bundle)
    if not expected[0]:
        assert findings == []
        return
    assert rows(findings) == [expected]
    assert findings[0].message == message
    assert findings[0].place is not None
    assert findings[0].place.source == str(path)
    if word != "0":
        assert findings[0].place.line == line_of(path, word)


def test_an_image_says_what_a_network_needs(bundle: Path) -> None:
    change(
        bundle, network_data_format={"inputs": {"image": {"type": "image"}}, "outputs": {"boxes": {"type": "object"}}}
    )
    keys = ("dtype", "format", "num_channels", "spatial_shape")
    assert sorted(rows(found(bundle))) == [("BE061", "error", f"{AT}::{key}") for key in keys]


def test_every_network_of_the_metadata_is_looked_at(bundle: Path) -> None:
    change(
        bundle,
        autoencoder_data_format={"inputs": {"x": {"type": "latent", "dtype": "no"}}, "outputs": {"y": {"type": "z"}}},
    )
    assert rows(found(bundle)) == [("BE078", "warning", "autoencoder_data_format::inputs::x::dtype")]


# --- metadata that is none ---

HOSTILE: dict[str, tuple[bytes, str, str]] = {
    "a list": (b"[1, 2]", "BE002", "the root of a config is a mapping, and here it is a list"),
    "empty": (b"", "BE002", "is empty"),
    "a number": (b"3", "BE002", "here it is a number"),
    "Latin-1": ('{"task": "Läsion"}'.encode("latin-1"), "BE002", "not UTF-8"),
    "UTF-16": ('{"task": 1}'.encode("utf-16"), "BE002", "not UTF-8"),
    "cut off": (b'{"version": "0.1', "BE003", ""),
    "a page of the web": (b"<!DOCTYPE html><html></html>", "BE003", ""),
    "deep": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "BE003", ""),
}


@pytest.mark.parametrize(("content", "code", "message"), HOSTILE.values(), ids=HOSTILE)
def test_metadata_that_cannot_be_read(bundle: Path, content: bytes, code: str, message: str) -> None:
    (bundle / "configs" / "metadata.json").write_bytes(content)
    findings = found(bundle)
    assert [(each.code, each.severity) for each in findings] == [(code, "error")]
    assert message in findings[0].message
    assert findings[0].place is not None
    assert findings[0].place.source.endswith("metadata.json")


def test_metadata_that_is_enormous_is_not_read(bundle: Path) -> None:
    with (bundle / "configs" / "metadata.json").open("wb") as file:
        file.truncate(20 * 2**20)
    codes = [each.code for each in found(bundle)]
    assert codes[0] == "BE002"


def test_numbers_that_json_lacks_and_keys_written_twice(bundle: Path) -> None:
    path = bundle / "configs" / "metadata.json"
    text = path.read_text().replace('"task"', '"eval_metrics": {"a": NaN, "b": -Infinity},\n  "task": "x",\n  "task"')
    path.write_text(text)
    findings = found(bundle)
    assert rows(findings) == [
        ("BE065", "warning", "eval_metrics::a"),
        ("BE065", "warning", "eval_metrics::b"),
        ("BE004", "warning", "task"),
    ]
    assert findings[1].message == "b is minus infinity, which is no number in JSON"


def test_nothing_but_strange_values(bundle: Path) -> None:
    strange: list[Any] = [None, True, 3, 1.5, "x", [], {}, [[]], {"": {}}, [{"a": None}]]
    for value in strange:
        for key in (
            "version",
            "changelog",
            "authors",
            "network_data_format",
            "required_packages_version",
            "x_data_format",
        ):
            change(bundle, **{key: value})
            assert all(each.place is not None for each in found(bundle))


# --- the network ---

NET = "network_def: {_target_: torch.nn.Conv2d, in_channels: 1, out_channels: %d, kernel_size: 3, padding: 1}\n"


@pytest.mark.parametrize(("channels", "expected"), [(1, []), (2, ["network_data_format::outputs::pred::num_channels"])])
def test_the_network_is_held_against_the_metadata(bundle: Path, channels: int, expected: list[str]) -> None:
    (bundle / "configs" / "main.yaml").unlink()
    (bundle / "configs" / "inference.yaml").write_text(NET % channels + "run:\n- $print(@network_def)\n")
    findings = verify(bundle, ignore=("BE051",), index=index())
    assert [each.id for each in findings] == expected
    assert all(each.code >= "BE080" and each.severity == "error" for each in findings)
    assert found(bundle, ignored=("BE051",)) == []


def test_a_network_that_cannot_be_built(bundle: Path) -> None:
    (bundle / "configs" / "inference.yaml").write_text("network_def: {_target_: dict}\nrun:\n- $print(@network_def)\n")
    findings = verify(bundle, ignore=("BE051",), index=index())
    assert [(each.code, each.severity) for each in findings] == [("BE080", "error")]


def test_without_a_network_in_the_configs(bundle: Path) -> None:
    findings = verify(bundle, ignore=("BE051",), index=index())
    assert [(each.code, each.severity) for each in findings] == [("BE080", "error")]


# --- the whole ---


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="has no folder 'configs'"):
        verify(tmp_path)
    with pytest.raises(InputNotFoundError, match="is not there"):
        verify(tmp_path / "nothing")


def test_codes_can_be_left_out(bundle: Path) -> None:
    change(bundle, task=3, authors=...)
    assert {each.code for each in found(bundle)} == {"BE061", "BE062"}
    assert rows(verify(bundle, network=False, ignore=(*QUIET, "BE061", "BE062"))) == []


def test_nothing_of_the_bundle_is_changed_or_run(tmp_path: Path) -> None:
    bundle = tmp_path / "copy"
    shutil.copytree(HIPPOCAMPUS, bundle, ignore=shutil.ignore_patterns("models", "eval", "outputs", "__pycache__"))
    (bundle / "scripts" / "__init__.py").write_text("raise SystemExit('run')")

    def state() -> dict[str, str]:
        return {str(path): hashlib.md5(path.read_bytes()).hexdigest() for path in bundle.rglob("*") if path.is_file()}

    before = state()
    here = Path(os.getcwd())
    assert rows(verify(bundle, network=False, ignore=["BE055"])) == []
    assert state() == before
    assert Path(os.getcwd()) == here


@pytest.fixture
def mutated(tmp_path: Path) -> Callable[[str, str], list[Finding]]:
    """Verify a copy of a ready-made bundle after one replacement in its metadata."""

    def verified(pattern: str, replacement: str) -> list[Finding]:
        bundle = tmp_path / "copy"
        shutil.copytree(HIPPOCAMPUS, bundle, ignore=shutil.ignore_patterns("models", "eval", "outputs", "__pycache__"))
        path = bundle / "configs" / "metadata.json"
        text, count = re.subn(pattern, replacement, path.read_text(), count=1)
        assert count == 1
        path.write_text(text)
        return verify(bundle, network=False, ignore=["BE055"])

    return verified


@pytest.mark.parametrize(
    ("pattern", "replacement", "code", "line"),
    [
        (r'"version": "0.1.0"', '"version": "0.2.0"', "BE067", '"version": "0.2.0"'),
        (r'"task": ".*?"', '"task": ["a"]', "BE062", '"task": ["a"]'),
        (r'"authors"', '"auhtors"', "BE061", '"auhtors"'),
        (r'"num_channels": 3', '"num_channels": 2', "BE075", '"channel_def": {'),
        (r'"dtype": "float32"', '"dtype": "float23"', "BE078", '"float23"'),
        (r'"nibabel": "[\d.]+"', '"nibabel": "999"', "BE068", '"nibabel": "999"'),
        (r'"8\*n"', '"8*k"', "BE077", '"8*k"'),
    ],
)
def test_mutations_of_a_ready_made_bundle(
    mutated: Callable[[str, str], list[Finding]], pattern: str, replacement: str, code: str, line: str
) -> None:
    (finding,) = mutated(pattern, replacement)
    assert finding.code == code
    assert finding.place is not None
    assert line in finding.place.text
