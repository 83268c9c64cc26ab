"""The effective config: order, origins, plain values in the place of references."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle_engine import ConfigParser
from bundle_engine.errors import CycleError, IdNotFoundError, UsageError
from bundle_engine.inspection import Subject, effective_config, show_config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "bundles").glob("*/configs/*.yaml"))
BASE = """\
lr: 1e-3 # the rate
net:
  _target_: torch.nn.Linear
  in_features: '@size'
  out_features: 2
size: 4
steps: [$@net(1), '@lr']
"""


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ConfigParser]:
    """Write files and read them, with overrides; the folder is the working one."""
    monkeypatch.chdir(tmp_path)

    def read_files(*texts: str, **overrides: Any) -> ConfigParser:
        names = ["a.yaml", "b.yaml", "c.yaml"][: len(texts)]
        for name, text in zip(names, texts, strict=True):
            Path(name).write_text(text, encoding="utf-8")
        parser = ConfigParser()
        parser.read_config(names)
        parser.override(overrides)
        return parser

    return read_files


def test_the_order_is_that_of_the_files(read: Callable[..., ConfigParser]) -> None:
    parser = read(BASE, "late: 1\nnet::bias: false\nlr: 2\n", size=8)
    assert show_config(parser) == (
        "lr: 2\n"
        "net:\n"
        "  _target_: torch.nn.Linear\n"
        "  in_features: '@size'\n"
        "  out_features: 2\n"
        "  bias: false\n"
        "size: 8\n"
        "steps:\n"
        "  - $@net(1)\n"
        "  - '@lr'\n"
        "late: 1\n"
    )


def test_origins_are_comments(read: Callable[..., ConfigParser]) -> None:
    text = show_config(read(BASE, "lr: 2\n+steps: [1]\n", **{"net::out_features": 3}), origins=True)
    comments = dict(line.split("  # ") for line in text.splitlines())
    assert {line.strip(): comment for line, comment in comments.items()} == {
        "lr: 2": "b.yaml:1, instead of 1e-3 (a.yaml:1)",
        "net:": "a.yaml:3",
        "_target_: torch.nn.Linear": "a.yaml:3",
        "in_features: '@size'": "a.yaml:4",
        "out_features: 3": "command line, instead of 2 (a.yaml:5)",
        "size: 4": "a.yaml:6",
        "steps:": "a.yaml:7",
        "- $@net(1)": "a.yaml:7",
        "- '@lr'": "a.yaml:7",
        "- 1": "b.yaml:2",
    }
    assert yaml.safe_load(text)["steps"] == ["$@net(1)", "@lr", 1]


def test_files_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    files = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "train.yaml")
        files[-1].write_text(f"{folder}: 1\n", encoding="utf-8")
    parser = ConfigParser()
    parser.read_config(files)
    comments = [line.partition("# ")[2] for line in show_config(parser, origins=True).splitlines()]
    assert comments == [str(Path("one", "train.yaml:1")), str(Path("two", "train.yaml:1"))]


@pytest.mark.parametrize("file", CONFIGS, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
@pytest.mark.parametrize("origins", [False, True])
def test_the_yaml_of_a_bundle_reads_back(file: Path, origins: bool, tmp_path: Path) -> None:
    files = [file.with_name("train.yaml"), file] if file.stem == "multi_gpu_train" else [file]
    subject = Subject.load(files)
    (tmp_path / "again.yaml").write_text(show_config(subject.parser, origins=origins), encoding="utf-8")
    again = ConfigParser()
    again.read_config(tmp_path / "again.yaml")
    expected = effective_config(subject.parser)
    assert effective_config(again) == expected
    assert list(effective_config(again)) == list(expected)
    assert yaml.safe_load(show_config(subject.parser)) == json.loads(show_config(subject.parser, format="json"))


def test_macros_are_written_out(read: Callable[..., ConfigParser]) -> None:
    parser = read("a: {b: '@::c', c: 1}\nd: '%a'\ne: \\%f\n")
    assert effective_config(parser) == {"a": {"b": "@a::c", "c": 1}, "d": {"b": "@d::c", "c": 1}, "e": "\\%f"}
    assert "d:" in show_config(parser, origins=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: '@b'\nb: '@c'\nc: 1", "a: 1\nb: 1\nc: 1", id="chain"),
        pytest.param(
            "a: '@b'\nb: [1, '@c']\nc: {d: 2}", "a:\n  - 1\n  - d: 2\nb:\n  - 1\n  - d: 2\nc:\n  d: 2", id="data"
        ),
        pytest.param("a: $@b\nb: 1", "a: 1\nb: 1", id="expression-that-is-a-reference"),
        pytest.param("a: '@b::0'\nb: [5]", "a: 5\nb: [5]", id="inside"),
        pytest.param("a: '@x ?? 3'", "a: 3", id="default"),
        pytest.param("a: '@x ?? @b'\nb: 4", "a: 4\nb: 4", id="default-reference"),
        pytest.param("a: '@b'\nb: \\$5", "a: \\$5\nb: \\$5", id="escapes-stay"),
        pytest.param("a: user@b\nb: 1", "a: user@b\nb: 1", id="text"),
        pytest.param("a: '@my-key'\nb: 1", "a: '@my-key'\nb: 1", id="no-reference"),
    ],
)
def test_plain_values_take_the_place_of_references(read: Callable[..., ConfigParser], text: str, expected: str) -> None:
    assert show_config(read(text), resolved=True) == f"{expected}\n"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        pytest.param("a: '@n'\nn: {_target_: x}", "a: '@n'", "needs the component 'n'", id="component"),
        pytest.param("a: '@b'\nb: [{n: {_target_: x}}]", "a: '@b'", "needs the component 'b::0::n'", id="within"),
        pytest.param("a: '@n::x'\nn: {_target_: x}", "a: '@n::x'", "inside of 'n', which is known when it", id="past"),
        pytest.param("a: '@b'\nb: $1 + 1", "a: '@b'", "an expression", id="expression-behind"),
        pytest.param("a: $@b + 1\nb: 1", "a: $@b + 1", "an expression", id="expression"),
        pytest.param("a: '@b'", "a: '@b'", "leads to nothing", id="missing"),
        pytest.param("a: ???", "a: ???", "not set", id="mandatory"),
        pytest.param("a: '@b'\nb: '@a'", "a: '@b'", "leads back to itself", id="circle"),
        pytest.param("a: {b: '@a'}", "b: '@a'", "leads back to itself", id="circle-around"),
        pytest.param("a: $import os", "a: $import os", "an expression", id="import"),
    ],
)
def test_what_runs_stays_text_and_says_why(read: Callable[..., ConfigParser], text: str, line: str, why: str) -> None:
    parser = read(text)
    shown = show_config(parser, resolved=True)
    found = [row.partition("  # ") for row in shown.splitlines()]
    comments = {row.strip(): comment for row, _, comment in found}
    assert comments[line].startswith(f"not resolved: {why}")
    assert yaml.safe_load(shown) == effective_config(parser, resolved=True)


def test_resolving_takes_any_length() -> None:
    parser = ConfigParser({**{f"a{n}": f"@a{n + 1}" for n in range(20_000)}, "a20000": 7})
    assert effective_config(parser, "a0", resolved=True) == 7


def test_resolving_shares_nothing(read: Callable[..., ConfigParser]) -> None:
    parser = read("a: '@b'\nb: [1]\n")
    value = effective_config(parser, resolved=True)
    value["a"].append(2)
    assert value["b"] == [1]
    assert effective_config(parser) == {"a": "@b", "b": [1]}


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        pytest.param("lr", "0.001\n", id="scalar"),
        pytest.param("steps::1", "'@lr'\n", id="item"),
        pytest.param("steps::-1", "'@lr'\n", id="last"),
        pytest.param("net", "_target_: torch.nn.Linear\nin_features: '@size'\nout_features: 2\n", id="mapping"),
        pytest.param("steps", "- $@net(1)\n- '@lr'\n", id="list"),
    ],
)
def test_one_id(read: Callable[..., ConfigParser], id: str, expected: str) -> None:
    assert show_config(read(BASE), id) == expected


def test_one_id_with_origins_and_values(read: Callable[..., ConfigParser]) -> None:
    text = show_config(read(BASE), "net", origins=True, resolved=True)
    assert [line.split() for line in text.splitlines()][1] == ["in_features:", "4", "#", "a.yaml:4"]


def test_json_with_origins(read: Callable[..., ConfigParser]) -> None:
    shown = json.loads(show_config(read(BASE, "lr: 2\n"), format="json", origins=True))
    assert shown["config"]["lr"] == 2
    assert shown["origins"]["lr"] == {
        "source": "b.yaml",
        "line": 1,
        "column": 5,
        "overrode": [{"source": "a.yaml", "line": 1, "column": 5}],
    }
    assert set(shown["origins"]) >= {"net", "net::in_features", "steps::1"}


def test_metadata_of_its_own_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"version": "1"}')
    (tmp_path / "a.yaml").write_text("x: 1\n")
    parser = Subject.load(tmp_path / "a.yaml").parser
    assert show_config(parser) == "x: 1\n"
    assert show_config(parser, "_meta_") == "version: '1'\n"


def test_metadata_in_the_config_stays(read: Callable[..., ConfigParser]) -> None:
    assert show_config(read("x: 1\n_meta_: {v: 2}\n")) == "_meta_:\n  v: 2\nx: 1\n"


@pytest.mark.parametrize(
    ("text", "id", "format", "kind", "message"),
    [
        pytest.param("a: 1", "", "toml", UsageError, "written as yaml or json, not as 'toml'", id="format"),
        pytest.param("alpha: 1", "alpa", "yaml", IdNotFoundError, "did you mean 'alpha'", id="id"),
        pytest.param("a: '%b'\nb: '%a'", "", "yaml", CycleError, "copies itself", id="macros"),
        pytest.param("a: '%b'", "", "yaml", IdNotFoundError, "leads to nothing", id="macro"),
    ],
)
def test_errors(
    read: Callable[..., ConfigParser], text: str, id: str, format: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        show_config(read(text), id, format=format)
