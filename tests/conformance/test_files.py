"""Configs in files: read, put together, with macros into other files."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bundle_engine import ConfigParser

from .oracle import Refused, assert_same, monai_parser, monai_says, silence, we_say
from .strategies import NAMES, SCALARS, configs, ids

# ways to write a config: the suffix of the file, and how its text is made
WRITERS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "json": ("json", json.dumps),
    "json in unicode": ("JSON", lambda data: json.dumps(data, ensure_ascii=False, indent=1)),
    "yaml in blocks": ("yaml", lambda data: yaml.safe_dump(data, sort_keys=False, default_flow_style=False)),
    "yaml in one line": (
        "yml",
        lambda data: yaml.safe_dump(data, sort_keys=False, default_flow_style=True, width=9999),
    ),
    "yaml in unicode": ("yaml", lambda data: yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=20)),
    "yaml with tags": ("YAML", lambda data: yaml.safe_dump(data, sort_keys=False, default_style='"')),
}
WAYS = st.sampled_from(sorted(WRITERS))


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def write(where: Path, name: str, data: Any, way: str) -> Path:
    suffix, text = WRITERS[way]
    path = where / f"{name}.{suffix}"
    path.write_text(text(data), encoding="utf-8")
    return path


def text_keys(value: Any) -> Any:
    """Make all keys strings, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): text_keys(item) for key, item in value.items()}
    return [text_keys(item) for item in value] if isinstance(value, list) else value


def same_values(ours: ConfigParser, theirs: Any, seed: int) -> None:
    """Hold all values against each other, in a random order, as far as MONAI's parser gets."""
    __tracebackhide__ = True
    every = ["", *ids(theirs.get())]
    random.Random(seed).shuffle(every)
    for id in every:
        try:
            expected = monai_says(lambda parser: parser.get_parsed_content(id), theirs)  # noqa: B023  used at once
        except Refused:
            return
        assert_same(we_say(lambda parser: parser.get_parsed_content(id), ours), expected, id)  # noqa: B023


@given(config=configs(), way=WAYS, seed=st.integers(0, 1000))
def test_a_file_reads_and_resolves_to_the_same(config: Any, way: str, seed: int) -> None:
    config = text_keys(config) if way.startswith("json") else config
    with folder() as here:
        path = write(here, "config", config, way)
        ours, theirs = ConfigParser(), monai_parser()
        with silence():
            theirs.read_config(path)
        we_say(lambda parser: parser.read_config(path), ours)
        assert_same(ours.get(), theirs.get())
        same_values(ours, theirs, seed)


@st.composite
def later_documents(draw: Any) -> list[Any]:
    """Draw a document, and others that change it: whole keys, places inside, additions."""
    first = draw(configs(macros=False))
    documents = [first]
    known = [*ids(first)] if first == text_keys(first) else list(first)  # numbers as keys can be addressed here
    value = st.one_of(SCALARS, configs(macros=False, odd_keys=False), st.lists(SCALARS, max_size=3))
    flat = st.dictionaries(st.sampled_from(NAMES), st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3)
    for _ in range(draw(st.integers(1, 2))):
        document = {}
        for _ in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(["whole", "inside", "new inside", "merge", "merge", "append"]))
            id = draw(st.sampled_from([id for id in known if not id.endswith("_target_")]))
            if kind == "whole":
                document[draw(st.sampled_from(NAMES))] = draw(value)
            elif kind == "inside":
                document[id.replace("::", draw(st.sampled_from(["::", "#"])))] = draw(value)
            elif kind == "new inside":
                document[f"{id}::{draw(st.sampled_from(NAMES))}"] = draw(value)
            elif kind == "merge":
                document[f"+{id}"] = draw(flat)
            else:
                document[f"+{id}"] = draw(st.lists(st.one_of(SCALARS, flat), max_size=3))
        documents.append(document)
    return documents


@given(documents=later_documents(), ways=st.lists(WAYS, min_size=3, max_size=3), seed=st.integers(0, 1000))
def test_several_files_are_put_together_the_same_way(documents: list[Any], ways: list[str], seed: int) -> None:
    if any(way.startswith("json") for way in ways):
        documents = text_keys(documents)
    with folder() as here:
        written = enumerate(zip(documents, ways, strict=False))
        paths = [write(here, f"config{i}", data, way) for i, (data, way) in written]
        ours, theirs = ConfigParser(), monai_parser()
        try:
            monai_says(lambda parser: parser.read_config(paths), theirs)
        except Refused:
            return
        we_say(lambda parser: parser.read_config(paths), ours)
        assert_same(ours.get(), theirs.get())
        same_values(ours, theirs, seed)


@given(
    config=configs(macros=False),
    other=configs(macros=False, relative=False),
    way=WAYS,
    targets=st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["::", "#"]), st.sampled_from(NAMES)), min_size=1),
    seed=st.integers(0, 1000),
)
def test_macros_into_another_file_copy_the_same(
    config: Any, other: Any, way: str, targets: list[tuple[int, str, str]], seed: int
) -> None:
    other = text_keys(other) if way.startswith("json") else other
    with folder() as here:
        path = write(here, "other", other, way)
        every = ["", *ids(other)]
        for index, separator, name in targets:
            id = every[index % len(every)]
            config[name] = f"%{path}{separator}{id.replace('::', separator)}" if id else f"%{path}"
        ours, theirs = ConfigParser(config), monai_parser(config)
        try:
            monai_says(lambda parser: parser.parse(), theirs)
        except Refused:
            return
        we_say(lambda parser: parser.parse(), ours)
        same_values(ours, theirs, seed)


@given(config=configs(), meta=configs(odd_keys=False, macros=False), first=st.booleans(), way=WAYS)
def test_metadata_stands_beside_the_config(config: Any, meta: Any, first: bool, way: str) -> None:
    meta["version"] = "0.1.0"
    with folder() as here:
        paths = write(here, "config", text_keys(config), way), write(here, "metadata", meta, "json")
        parsers = ConfigParser(), monai_parser()
        for parser in parsers:
            with silence():
                for read_meta in (True, False) if first else (False, True):
                    parser.read_meta(paths[1]) if read_meta else parser.read_config(paths[0])
        assert_same(parsers[0].get(), parsers[1].get())
        same_values(*parsers, 0)


def _plain_scalars() -> st.SearchStrategy[str]:
    """Draw what may stand unquoted in YAML, much of it nearly a number, a date or a word with a meaning."""
    known = [
        "0o7", "010", "0x1F", "0b11", "1_000", "1:30", "12:30:45", "-1:30.5", ".5", "5.", "+1", "-.inf", ".Inf",
        ".NaN", "~", "null", "Null", "NULL", "nULL", "yes", "No", "ON", "off", "y", "n", "true", "TRUE", "tRUE",
        "2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "2002-1-1", "1.0.0", "1..2", "_",
        "1_", "0_0", "+.5", "1.5e+3", "1.e+3", ".1e-3", "1e", "e1", "0.", "-0", "+0x1F", "0x", "09", "1__0", "<",
        "a=b", "12e", "a: b", "''", '"x"', "'a''b'", '"\\u00e9\\n"', "!!str 5", '!!int "7"', "!!float 3",
        "!!null ''", "!!bool yes", "[1, [a, b]]", "{a: 1, b: {}}",
    ]  # fmt: skip
    return st.one_of(st.sampled_from(known), st.text("0123456789.+-_:xobeTZ", min_size=1, max_size=9))


@given(scalars=st.lists(_plain_scalars(), min_size=1, max_size=12))
def test_yaml_scalars_read_the_same(scalars: list[str]) -> None:
    scalars = [text for text in scalars if "e" not in text.lower() or _is_yaml_1_1(text)]  # 1e-4 is a float here
    text = "".join(f"- {scalar}\n" for scalar in scalars) or "- 1\n"
    with folder() as here:
        path = here / "config.yaml"
        path.write_text("a:\n" + text, encoding="utf-8")
        try:
            expected = monai_says(lambda parser: parser.load_config_file(path), monai_parser())
        except Refused:
            return
        assert_same(we_say(lambda parser: parser.load_config_file(path), ConfigParser()), expected)


def _is_yaml_1_1(text: str) -> bool:
    """Tell whether PyYAML agrees with YAML 1.2 on whether a text is a number."""
    try:
        return isinstance(yaml.safe_load(text), float) == isinstance(float(text), float)
    except (ValueError, yaml.YAMLError):
        return True


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: [2]}\nd: *x\ne: [*x, *x]",
        "? a\n: 1\n? b\n: - 2",
        "a: |\n  two\n  lines\nb: >\n  one\n  line\nc: |-\n  $1 +\n  1",
        "%YAML 1.1\n---\na: 1\n...\n",
        "# a comment\na: 1 # another\nb: 'x # y'",
        "{a: 1, 'b': \"2\"}",
        "a:\n- 1\n-\n- ~\n",
        "1: a\n1.5: b\ntrue: c\nnull: d\n2001-01-01: e",
        "a: !!set {x, y}\nb: !!omap [x: 1, y: 2]\nc: !!pairs [x: 1, x: 2]\nd: !!binary aGVsbG8=",
        "a: 1\r\nb:\r\n  - 2\r\n",
        "\ufeffa: 1",
        "a: 1\na: 2\nb: {c: 1, c: 2}",
        "a: |\n \tx\n y\nb:\n- !\n- ! 5\n- ! '5'",
    ],
    ids=[
        "aliases", "explicit keys", "blocks", "directive", "comments", "flow", "empty items", "keys", "tags", "crlf",
        "byte order mark", "keys written twice", "tabs and tags",
    ],
)  # fmt: skip
def test_yaml_documents_read_the_same(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode())
    expected = monai_says(lambda parser: parser.load_config_file(path), monai_parser())
    with silence():
        assert_same(ConfigParser.load_config_file(path), expected)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": [1.5, -0, 1e5, 1E-5, true, false, null]}',
        '{"a": NaN, "b": [Infinity, -Infinity]}',
        '{"a": "\\u00e9\\ud83d\\ude00\\n\\/", "größe": {"ключ": "значение"}}',
        '{"a": 123456789012345678901234567890}',
        '\r\n {"a" :\t1 }\r\n',
        '{"a": 1, "a": 2, "b": {"c": 1, "c": 2}}',
        "{}",
    ],
    ids=["values", "no numbers", "unicode", "large", "whitespace", "keys written twice", "nothing"],
)
def test_json_documents_read_the_same(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode())
    expected = monai_says(lambda parser: parser.load_config_file(path), monai_parser())
    with silence():
        assert_same(ConfigParser.load_config_file(path), expected)
