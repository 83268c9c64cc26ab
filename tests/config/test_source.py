"""Config files: section 1 of the language. What broken ones get is in test_bad_input.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle_engine import BundleEngineWarning
from bundle_engine.config import json_reader, source, yaml_reader
from bundle_engine.config.ids import ROOT, Id
from bundle_engine.config.source import CODE, COMMAND_LINE
from bundle_engine.errors import DuplicateKeyError, InputError, Place

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.json", '{"a": [1]}', id="JSON"),
        pytest.param("a.yaml", "a: [1]", id="YAML"),
        pytest.param("a.yml", "a:\n- 1", id="yml"),
        pytest.param("A.JSON", '{"a": [1]}', id="JSON in upper case"),
        pytest.param("A.YAML", "a: [1]", id="YAML in upper case"),
        pytest.param("a.yaml", '{"a": [1]}', id="JSON is YAML"),
        pytest.param("a.json", '\ufeff{"a": [1]}', id="JSON with a byte order mark"),
        pytest.param("a.yaml", "\ufeffa: [1]", id="YAML with a byte order mark"),
        pytest.param("a.json", '{\r\n"a":\r\n[1]}\r\n', id="JSON with the line ends of Windows"),
        pytest.param("a.yaml", "a:\r\n- 1\r\n", id="YAML with the line ends of Windows"),
        pytest.param("a.yaml", "a:\r- 1\r", id="YAML with the line ends of old Macs"),
    ],
)
def test_a_file_is_read_by_its_suffix(write: Write, name: str, text: str) -> None:
    document = source.load(write(name, text.encode()))
    assert document.data == {"a": [1]}
    assert document.name == name
    assert document.path == Path(name)


def test_files_are_utf_8_whatever_the_locale_says(write: Write) -> None:
    path = write("a.yaml", "größe: 日本\n")
    code = f"from bundle_engine.config import source; print(ascii(source.load({str(path)!r}).data))"
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii({"größe": "日本"})


def test_any_root_is_read_where_a_macro_asks(write: Write) -> None:
    assert source.load(write("a.json", '"Dataset"'), any_root=True).data == "Dataset"
    with pytest.raises(InputError):
        source.load("a.json")


@pytest.mark.parametrize(
    "files",
    [["a.yaml", "b.json"], "a.yaml,b.json", "a.yaml, b.json", ("a.yaml", Path("b.json")), ["a.yaml", "", "b.json"]],
    ids=["list", "commas", "commas and blanks", "tuple", "an empty name"],
)
def test_several_files(write: Write, files: object) -> None:
    write("a.yaml", "a: 1")
    write("b.json", '{"b": 2}')
    assert [each.data for each in source.load_all(files, {})] == [{"a": 1}, {"b": 2}]  # type: ignore[arg-type]


def test_a_comma_in_the_name_of_a_file(write: Write) -> None:
    write("a,b.yaml", "a: 1")
    assert [each.data for each in source.load_all("a,b.yaml", {})] == [{"a": 1}]


def test_options_go_to_the_json_reader(write: Write) -> None:
    assert source.load(write("a.json", '{"a": 1.0}'), json_options={"parse_float": str}).data == {"a": "1.0"}


# --- places ---

YAML = "# places\na:\n  b: [10, @x]\nc: &n 'text'\nlong: |\n  one\n".replace("@x", "x")
JSON = '{\n  "a": {"b": [10, "x"]},\n  "c": "text"\n}\n'


@pytest.mark.parametrize(
    ("name", "text", "id", "key", "value"),
    [
        pytest.param("a.yaml", YAML, "", (2, 1, 1), (2, 1, 1), id="YAML, root"),
        pytest.param("a.yaml", YAML, "a", (2, 1, 1), (3, 3, 1), id="YAML, a mapping"),
        pytest.param("a.yaml", YAML, "a::b", (3, 3, 1), (3, 6, 1), id="YAML, a list"),
        pytest.param("a.yaml", YAML, "a::b::1", (3, 11, 1), (3, 11, 1), id="YAML, an item"),
        pytest.param("a.yaml", YAML, "c", (4, 1, 1), (4, 4, 9), id="YAML, a text with an anchor"),
        pytest.param("a.yaml", YAML, "long", (5, 1, 4), (5, 7, 1), id="YAML, a text of several lines"),
        pytest.param("a.yaml", YAML, "a::b::1::x", (3, 11, 1), (3, 11, 1), id="YAML, the nearest around it"),
        pytest.param("a.json", JSON, "a", (2, 3, 3), (2, 8, 16), id="JSON, a mapping"),
        pytest.param("a.json", JSON, "a::b::1", (2, 19, 3), (2, 19, 3), id="JSON, an item"),
        pytest.param("a.json", JSON, "c", (3, 3, 3), (3, 8, 6), id="JSON, a text"),
        pytest.param("a.json", JSON, "d", (1, 1, 1), (1, 1, 1), id="JSON, the nearest around it"),
        pytest.param("a.json", "\ufeff" + JSON.replace("\n", "\r\n"), "c", (3, 3, 3), (3, 8, 6), id="CRLF and a BOM"),
        pytest.param("a.yaml", YAML.replace("\n", "\r\n"), "c", (4, 1, 1), (4, 4, 9), id="YAML, CRLF"),
    ],
)
def test_every_value_has_a_place(
    write: Write, name: str, text: str, id: str, key: tuple[int, ...], value: tuple[int, ...]
) -> None:
    spot = source.load(write(name, text.encode())).find(Id.parse(id))
    assert spot is not None
    assert (spot.key.source, spot.key.line, spot.key.column, spot.key.width) == (name, *key)
    assert (spot.value.line, spot.value.column, spot.value.width) == value
    assert spot.value.text == text.lstrip("\ufeff").splitlines()[value[0] - 1]


def test_what_no_file_holds_has_a_place_too() -> None:
    for each, name in ((CODE, "code"), (COMMAND_LINE, "command line")):
        spot = each.find(Id.parse("a::b"))
        assert spot is not None
        assert spot.value == spot.key == Place(name)
        assert str(spot.value) == name


@pytest.mark.parametrize(("name", "text"), [("a.json", JSON), ("a.yaml", YAML)])
def test_places_are_computed_when_something_asks(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    asked = []
    scan, read = json_reader.scan, yaml_reader.read

    def spy_scan(text: str) -> object:
        asked.append("scan")
        return scan(text)

    def spy_read(text: str, *, spots: bool = False) -> object:
        asked.extend(["spots"] * spots)
        return read(text, spots=spots)

    monkeypatch.setattr(json_reader, "scan", spy_scan)
    monkeypatch.setattr(yaml_reader, "read", spy_read)
    document = source.load(write(name, text))
    assert asked == []
    document.find(ROOT)
    document.find(Id.parse("a::b"))
    assert len(asked) == 1


# --- keys written twice ---

DOUBLED = [
    pytest.param("a.yaml", "lr: 1\nb: 2\nlr: 3\n", "lr", 1, 3, id="YAML"),
    pytest.param("a.json", '{"lr": 1,\n "b": 2,\n "lr": 3}', "lr", 1, 3, id="JSON"),
    pytest.param("a.yaml", "b:\n- lr: 2\n  lr: 3\nlr: 1\n", "b::0::lr", 2, 3, id="YAML, inside"),
    pytest.param("a.json", '{"b": [{"lr": 2,\n  "lr": 3}],\n "lr": 1}', "b::0::lr", 1, 2, id="JSON, inside"),
]


@pytest.mark.parametrize(("name", "text", "id", "first", "again"), DOUBLED)
def test_a_key_written_twice_warns_once(write: Write, name: str, text: str, id: str, first: int, again: int) -> None:
    path = write(name, text)
    message = f"Duplicate key: `lr`, first written on line {first} and again on line {again} of {name}"
    with pytest.warns(BundleEngineWarning, match=message) as caught:
        data = source.load(path).data
    assert len(caught) == 1
    assert {"lr": data.get("lr"), "b": data["b"]}  # it is read; the later one counts
    assert (data if id == "lr" else data["b"][0])["lr"] == 3


@pytest.mark.parametrize(("name", "text", "id", "first", "again"), DOUBLED)
def test_a_key_written_twice_is_an_error_when_wanted(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, text: str, id: str, first: int, again: int
) -> None:
    monkeypatch.setenv("MONAI_FAIL_ON_DUPLICATE_CONFIG", "1")
    with pytest.raises(DuplicateKeyError) as caught:
        source.load(write(name, text))
    assert caught.value.id == id
    assert caught.value.place is not None
    assert caught.value.place.line == again
    assert f"first written on line {first} and again on line {again}" in caught.value.message


# --- writing ---


def test_a_file_is_complete_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    source.write(path, "größe")
    assert path.read_bytes() == "größe".encode()
    with pytest.raises(UnicodeEncodeError):
        source.write(path, "\ud800")
    assert path.read_bytes() == "größe".encode()
    assert list(tmp_path.iterdir()) == [path]
