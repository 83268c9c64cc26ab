"""Large configs take time in proportion to their size: what is quadratic, or recursive, fails here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import CycleError, IdNotFoundError, ReferenceNotFoundError

SECONDS = 5.0  # of CPU; each takes well below one


def nested(levels: int, inner: Any, wrap: Callable[[Any], Any]) -> Any:
    value = inner
    for _ in range(levels):
        value = wrap(value)
    return value


def chain(length: int, text: str) -> dict[str, Any]:
    return {**{f"r{i}": text.format(i + 1) for i in range(length)}, f"r{length}": 7}


def unwrap(value: Any, levels: int, key: Any) -> Any:
    for _ in range(levels):
        value = value[key]
    return value


CASES: dict[str, tuple[Any, Callable[[Any], Any], Any]] = {
    "flat expressions": (
        {"b": 1, **{f"e{i}": f"$@b + {i}" for i in range(8_000)}},
        lambda value: value["e7999"],
        8_000,
    ),
    "mappings 10,000 deep": (
        nested(10_000, "$1 + 1", lambda inner: {"in": inner}),
        lambda value: unwrap(value, 10_000, "in"),
        2,
    ),
    "lists 10,000 deep": (
        nested(10_000, "$1 + 1", lambda inner: [inner, 0]),
        lambda value: unwrap(value, 10_000, 0),
        2,
    ),
    "components 10,000 deep": (
        nested(10_000, "$1 + 1", lambda inner: {"_target_": "dict", "x": inner}),
        lambda value: unwrap(value, 10_000, "x"),
        2,
    ),
    "a chain of 100,000 references": (chain(100_000, "@r{}"), lambda value: value["r0"], 7),
    "a chain of 20,000 expressions": (chain(20_000, "$@r{}"), lambda value: value["r0"], 7),
    "one list that refers to 20,000 ids": (
        {**{f"v{i}": i for i in range(20_000)}, "l": [f"@v{i}" for i in range(20_000)]},
        lambda value: value["l"][-1],
        19_999,
    ),
    "20,000 references to one id": (
        {"v": "$5", "l": ["@v"] * 10_000 + ["$@v"] * 10_000},
        lambda value: (value["l"][0], value["l"][-1]),
        (5, 5),
    ),
    "10,000 relative ids": (
        [{"x": i, "y": "$@::x + 1", "z": "@##0::x"} for i in range(5_000)],
        lambda value: (value[-1]["y"], value[-1]["z"]),
        (5_000, 0),
    ),
    "4,000 macros among 4,000 keys": (
        {**{f"k{i}": {"v": [i]} for i in range(4_000)}, **{f"m{i}": f"%k{i}" for i in range(4_000)}},
        lambda value: value["m3999"],
        {"v": [3_999]},
    ),
    "4,000 numbers as keys": (
        {"m": {i: i for i in range(4_000)}, "l": [f"@m::{i}" for i in range(4_000)]},
        lambda value: value["l"][-1],
        3_999,
    ),
    "5,000 components that may be disabled": (
        {"off": False, **{f"c{i}": {"_target_": "dict", "_disabled_": "@off"} for i in range(5_000)}},
        lambda value: value["c4999"],
        {},
    ),
    "5,000 imports": ({f"i{i}": "$import math" for i in range(5_000)}, lambda value: len(value), 5_000),
}


@pytest.mark.parametrize("name", CASES)
def test_time_grows_with_the_size(name: str) -> None:
    config, look, expected = CASES[name]
    begin = time.process_time()
    value = ConfigParser(config).get_parsed_content()
    assert time.process_time() - begin < SECONDS
    assert look(value) == expected


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_file_980_levels_deep_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep.{suffix}"
    path.write_text('{"a": ' * 980 + "1" + "}" * 980)
    parser = ConfigParser()
    parser.read_config(path)
    assert unwrap(parser.get_parsed_content(), 980, "a") == 1
    assert parser.where("::".join(["a"] * 980)).place.column == 6 * 980 + 1


def test_many_macros_into_one_large_file(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("".join(f"key{i}: {{value: {i}}}\n" for i in range(2_000)))
    begin = time.process_time()
    value = ConfigParser({f"m{i}": f"%{path}::key{i}" for i in range(80)}).get_parsed_content()
    assert time.process_time() - begin < SECONDS
    assert value["m79"] == {"value": 79}


def test_setting_one_id_again_and_again() -> None:
    config: dict[str, Any] = {f"id{i}": i for i in range(50_000)}
    config |= {"lr": 0, "use": "$@lr + 1", "default": "@none ?? 1", "built": {"_target_": "dict", "x": "@id1"}}
    parser = ConfigParser(config)
    parser.get_parsed_content()
    begin = time.process_time()
    built = parser.get_parsed_content("built")
    for i in range(1_000):
        parser["lr"] = i
        assert parser.get_parsed_content("use") == i + 1
        assert parser.get_parsed_content("default") == 1
    assert parser.get_parsed_content("built") is built
    assert time.process_time() - begin < SECONDS


def test_overriding_one_id_of_a_file_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_text(json.dumps({**{f"id{i}": i for i in range(50_000)}, "lr": 0, "use": "$@lr + 1"}))
    parser = ConfigParser()
    parser.read_config(path)
    begin = time.process_time()
    for i in range(1_000):
        parser.override({"lr": i})
        parser.set(i, "id7")
        assert parser.get_parsed_content("use") == i + 1
    assert time.process_time() - begin < SECONDS
    assert str(parser.where("lr").place) == "command line"


@pytest.mark.parametrize(
    ("id", "text", "hint"),
    [("bad", "@id12345x", "id12345"), ("bad", "$@id1234x + 1", "id1234"), ("id4999x", None, "id4999")],
    ids=["reference", "expression", "asked for"],
)
def test_the_closest_of_50_000_ids_are_found_fast(id: str, text: str | None, hint: str) -> None:
    config: dict[str, Any] = {f"id{i}": i for i in range(50_000)}
    if text is not None:
        config[id] = text
    parser = ConfigParser(config)
    parser.get_parsed_content("id1")
    times = []
    for _ in range(3):
        begin = time.process_time()
        with pytest.raises((ReferenceNotFoundError, IdNotFoundError), match=hint):
            parser.get_parsed_content(id)
        times.append(time.process_time() - begin)
    assert min(times) < 0.15  # 0.05 on a machine that does nothing else


def test_a_long_circle_is_found() -> None:
    config = chain(20_000, "@r{}")
    config["r20000"] = "@r0"
    begin = time.process_time()
    with pytest.raises(CycleError, match="r0 -> r1"):
        ConfigParser(config).get_parsed_content("r0")
    assert time.process_time() - begin < SECONDS
