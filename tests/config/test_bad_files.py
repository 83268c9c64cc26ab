"""What files that cannot be read get: a clear error with file, line, column and the way out.

In the texts, « and » stand around what the error has to point at; they are taken out before the file is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import InputError, InputNotFoundError

NO_KEY = "write at least one 'key: value'"
COLUMNS = "keys of one mapping begin in the same column, and nothing follows a closing quote"
KEY_VALUE = "write 'key: value'; an item of a list begins with '- '"
LAST = "JSON allows no comma after the last item"
ONE_VALUE = "a file holds one mapping; is there a bracket too many before?"
DEEP = "nested more than 5,000 levels deep"
DAMAGED = "no config needs that; the file is probably damaged"
ROOT = "the root of a config is a mapping, and here it is"
NAME_IT = "give the value a name: 'key: value'"

YAML = {
    "comments": ("# nothing\n# here\n", "the file 'a.yaml' holds no values, only comments", NO_KEY),
    "no value": ("---\n...\n", "the file 'a.yaml' holds no values", NO_KEY),
    "a block list": ("# a list\n\n«-» a\n", f"{ROOT} a list", NAME_IT),
    "a colon in a value": (
        "a: 1\nb: c«:» d\n",
        "not YAML: a ': ' cannot stand here",
        "quote a value that contains ': ', or check the indentation",
    ),
    "a tab": ("a:\n«\t»b: 1\n", "not YAML: a tab cannot indent a line", "indent with spaces"),
    "a reference without quotes": (
        "a: 1\nb: «@»a::b # c\n",
        "not YAML: a value cannot begin with '@'",
        'put it in quotes: "@a::b"',
    ),
    "a macro without quotes": (
        "a: 1\nl: [1, «%»a]\n",
        "not YAML: a value cannot begin with '%'",
        'put it in quotes: "%a"',
    ),
    "a wrong indentation": ("a:\n  b: 1\n «c»: 2\n", "not YAML: a key was expected here", COLUMNS),
    "text behind a quote": ("a: 'x' «y»\n", "not YAML: a key was expected here", COLUMNS),
    "a quote that is never closed": (
        "a: 1\nb: «'»x\nc: 2\n",
        "not YAML: this quote is never closed",
        "a ' inside of single quotes is written ''",
    ),
    "a double quote that is never closed": (
        'a: «"»x\n',
        "not YAML: this quote is never closed",
        'a " inside of double quotes is written \\"',
    ),
    "a list that is never closed": ("a: 1\nb: «[»1,\n 2\n", "not YAML: this '[' is never closed", "close it with ']'"),
    "a list that goes on": (
        "b: [1, 2\nc«:» 3\n",
        "not YAML: a ',' or a closing bracket was expected here: the '[' of line 1 is still open",
        "close it with ']', or put a ',' between its items",
    ),
    "a mapping that is never closed": ("b: «{»x: 1\n", "not YAML: this '{' is never closed", "close it with '}'"),
    "a key without a colon": ("a: 1\n«b»\nc: 2\n", "not YAML: this key has no ': ' behind it", KEY_VALUE),
    "an item without a blank": ("a:\n- 1\n«-»2\nb: 3\n", "not YAML: this key has no ': ' behind it", KEY_VALUE),
    "an item between keys": ("a: 1\n«-» b\n", "not YAML: a key was expected here", COLUMNS),
    "a key between items": (
        "a:\n  - 1\n  «b»: 2\n",
        "not YAML: an item of a list, '- ', was expected here",
        "items of one list begin in the same column",
    ),
    "an escape that there is not": (
        'a: "C:«\\»data"\n',
        "not YAML: this is no escape that YAML knows",
        "write \\\\ for a backslash, or use single quotes",
    ),
    "a pattern without quotes": (
        "a: «*».nii.gz\n",
        "not YAML: '*' begins an alias, and needs a name",
        'put it in quotes: "*.nii.gz"',
    ),
    "an unknown alias": (
        "a: 1\nb: «*»x\n",
        "the alias '*x' names no anchor before it",
        "put '&x' before a value above, or quote a text: \"*x\"",
    ),
    "a value that holds itself": (
        "a: &x\n  b: «*»x\n",
        "the alias '*x' stands inside the value that it names",
        "a value cannot hold itself; refer to values with '@id'",
    ),
    "code": (
        "a: «!»!python/object/apply:os.getcwd []\n",
        "the tag '!!python/object/apply:os.getcwd' is not plain data",
        "a config holds plain data: build objects with '_target_', and put text that begins with '!' in quotes",
    ),
    "two documents": (
        "a: 1\n«-»--\nb: 2\n",
        "a second document begins here, and a config is one document",
        "take the line '---' out, or make two files",
    ),
    "a list as a key": (
        "«[»a, b]: 1\n",
        "a mapping or a list cannot be a key",
        "put a key that begins with a bracket in quotes",
    ),
    "a merge key with a scalar": ("a:\n  <<: «x»\n", "'<<' takes a mapping or a list of mappings", "write '<<: *name'"),
    "a character that is not allowed": (
        "a: «\0»\n",
        "not YAML: the character U+0000 is not allowed",
        "is this a text file?",
    ),
    "the line ends of Windows": (
        "a: 1\r\nb: «@»a\r\n",
        "not YAML: a value cannot begin with '@'",
        'put it in quotes: "@a"',
    ),
    "too deep": ("a: " + "[" * 4_999 + "«[»" + "[" * 95_000, DEEP, DAMAGED),
    "a billion laughs": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 4))
        + f"a4: &a4 [{', '.join(['*a3'] * 7)}, «*»a3, *a3]\n",
        "aliases expand the 59 values written so far to more than 101,218",
        "an alias of aliases multiplies; refer to values with '@id' instead",
    ),
}

JSON = {
    "null": ("«null»", f"{ROOT} null", NAME_IT),
    "a comma too many": ('{\n  "a": 1,\n«}»\n', "not JSON: a key in double quotes was expected here", LAST),
    "a comma too many in a list": ('{"a": [1,«]»}', "not JSON: a value was expected here", LAST),
    "a comma too few": (
        '{\n  "a": 1\n  «"»b": 2\n}',
        "not JSON: a ',' or a closing bracket is missing before this",
        "put a ',' after the value before it",
    ),
    "single quotes": (
        "{\n  «'»a': 1\n}",
        "not JSON: a key in double quotes was expected here",
        "JSON strings take double quotes",
    ),
    "single quotes of a value": (
        "{\"a\": «'»x'}",
        "not JSON: a value was expected here",
        "JSON strings take double quotes",
    ),
    "a comment": (
        '{\n  «/»/ hello\n  "a": 1\n}',
        "not JSON: a key in double quotes was expected here",
        "JSON has no comments; YAML has",
    ),
    "a comment behind a value": (
        '{\n  "a": 1 «#» hello\n}',
        "not JSON: a ',' or a closing bracket is missing before this",
        "JSON has no comments; YAML has",
    ),
    "the words of Python": (
        '{"a": «T»rue}',
        "not JSON: a value was expected here",
        "JSON writes true, false, null, NaN and Infinity",
    ),
    "a key without quotes": (
        "{«a»: 3}",
        "not JSON: a key in double quotes was expected here",
        'put text in double quotes: "a"',
    ),
    "a value without quotes": ('{"a": «$»x}', "not JSON: a value was expected here", 'put text in double quotes: "$x"'),
    "no colon": ('{"a" «1»}', "not JSON: a ':' was expected here, between a key and its value", None),
    "a list that is never closed": (
        '{\n  "a": «[»1, {"b": "]"}\n',
        "not JSON: this '[' is never closed",
        "close it with ']'",
    ),
    "a mapping that is never closed": (
        '«{»\n  "a": [1, 2]\n',
        "not JSON: this '{' is never closed",
        "close it with '}'",
    ),
    "a text that is never closed": ('{"a": «"»hello}', "not JSON: this string is never closed", "close it with '\"'"),
    "a text that is not closed on its line": (
        '{\n  "a": "hello«»\n}',
        "not JSON: this string is not closed on its line",
        "close it, or write \\n for a line break inside",
    ),
    "a tab in a text": (
        '{"a": "x«\t»y"}',
        "not JSON: a string cannot hold this character",
        "write \\t for a tab inside of a string",
    ),
    "a path of Windows": (
        '{"a": "C:«\\»data"}',
        "not JSON: this is no escape that JSON knows",
        "write \\\\ for a backslash",
    ),
    "a bracket too many": ('{\n  "a": 1\n}\n«}»\n', "not JSON: the text goes on after the end of its value", ONE_VALUE),
    "two values": ('{"a": 1}\n«{»"b": 2}\n', "not JSON: the text goes on after the end of its value", ONE_VALUE),
    "the line ends of Windows": (
        '{\r\n  "a": 1,\r\n«}»\r\n',
        "not JSON: a key in double quotes was expected here",
        LAST,
    ),
    "a byte order mark": ('\ufeff{"a": 1,«}»', "not JSON: a key in double quotes was expected here", LAST),
    "too deep": ('{"a": ' + "[" * 4_999 + "«[»" + "[" * 95_000, DEEP, DAMAGED),
    "too deep, closed": ('{"a":' * 5_000 + '«{»"a":' + '{"a":' * 94_999 + "1" + "}" * 100_000, DEEP, DAMAGED),
}


CASES = {
    f"{suffix}: {name}": (suffix, *case)
    for suffix, cases in (("yaml", YAML), ("json", JSON))
    for name, case in cases.items()
}


@pytest.mark.parametrize(("suffix", "text", "message", "hint"), CASES.values(), ids=CASES.keys())
def test_a_file_that_cannot_be_read_gets_a_clear_error(
    write_marked: Callable[..., Any], assert_clear: Callable[..., None], suffix: str, text: str, message: str, hint: str
) -> None:
    place, underlined = write_marked({f"a.{suffix}": text})
    with pytest.raises(InputError) as caught:
        ConfigParser().read_config(f"a.{suffix}")
    error = caught.value
    assert (error.message, error.hint, error.id, error.notes) == (message, hint, None, ())
    assert_clear(error, place or f"a.{suffix}:1:1", underlined)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_another_encoding(write_marked: Callable[..., Any], assert_clear: Callable[..., None], suffix: str) -> None:
    write_marked({f"a.{suffix}": b'{"a": 1,\r\n "b": "caf' + b'\xe9"}'})
    with pytest.raises(InputError, match="not UTF-8: the byte 0xe9 cannot be read") as caught:
        ConfigParser().read_config(f"a.{suffix}")
    assert caught.value.hint == "save the file as UTF-8 (it may be Latin-1, or no text at all)"
    assert_clear(caught.value, f"a.{suffix}:2:11", "\ufffd")


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("text", ["", "  \n\n"], ids=["nothing", "blanks"])
def test_an_empty_file(
    write_marked: Callable[..., Any], assert_clear: Callable[..., None], suffix: str, text: str
) -> None:
    write_marked({f"a.{suffix}": text})
    with pytest.raises(InputError, match=rf"the file 'a\.{suffix}' is empty") as caught:
        ConfigParser().read_config(f"a.{suffix}")
    assert caught.value.hint == NO_KEY
    assert_clear(caught.value, f"a.{suffix}:1:1", "")


# --- what has no file to show ---


def test_a_file_that_is_not_there(write: Callable[..., Path], tmp_path: Path) -> None:
    write("configs/train.yaml", "a: 1\n")
    write("configs/evaluate.yaml", "a: 1\n")
    write("configs/notes.txt", "")

    def told(path: str) -> tuple[str, str | None]:
        with pytest.raises(InputNotFoundError) as caught:
            ConfigParser().read_config(path)
        assert isinstance(caught.value, FileNotFoundError)
        return str(caught.value).split("\n")[0], caught.value.hint

    assert told("configs/trian.yaml") == (
        "cannot find the file 'configs/trian.yaml'",
        "did you mean 'configs/train.yaml'?",
    )
    assert told("configs/train.json")[1] == "did you mean 'configs/train.yaml'?"
    assert told("configs/train.yml")[1] == "did you mean 'configs/train.yaml'?"
    assert told("configs/quux.yaml")[1] == f"'{tmp_path / 'configs'}' has evaluate.yaml, train.yaml"
    assert told("confgis/train.yaml")[1] == "there is no folder 'confgis'; did you mean 'configs'?"
    assert told("quux/x/train.yaml")[1] == "there is no folder 'quux'"
    assert told("train.yaml")[1] == f"'{tmp_path}' has no configs"


def test_what_is_no_config_file(write: Callable[..., Path], tmp_path: Path) -> None:
    write("folder.yaml/inside.yaml", "a: 1\n")
    with pytest.raises(InputError, match=r"'folder\.yaml' is a folder, and a config is a file") as caught:
        ConfigParser().read_config("folder.yaml")
    assert caught.value.hint == f"'{tmp_path / 'folder.yaml'}' has inside.yaml"
    with pytest.raises(
        InputError, match=r"unknown file input: 'a\.toml' is neither JSON nor YAML by its name"
    ) as caught:
        ConfigParser().read_config("a.toml")
    assert caught.value.hint == "name a file that ends in .json, .yaml, .yml"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(write: Callable[..., Path]) -> None:
    write("a.yaml", "a: 1\n").chmod(0)
    with pytest.raises(InputError, match=r"cannot read 'a\.yaml': Permission denied"):
        ConfigParser().read_config("a.yaml")


def test_the_broken_one_of_several_files_is_named(write: Callable[..., Path]) -> None:
    files = [write("a.yaml", "a: 1\n"), write("b.json", '{"b": 1,}'), write("c.yaml", "c: [\n")]
    with pytest.raises(InputError) as caught:
        ConfigParser().read_config(files)
    assert str(caught.value.place) == "b.json:1:9"


def test_options_for_json_make_no_difference_to_errors(write: Callable[..., Path]) -> None:
    with pytest.raises(InputError) as caught:
        ConfigParser().read_config(write("a.json", '{"a": 1,}'), parse_float=str)
    assert str(caught.value.place) == "a.json:1:9"
    with pytest.raises(InputError, match="nested too deeply"):
        ConfigParser().read_config(write("a.json", "[" * 100_000), parse_float=str)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_nine_hundred_and_eighty_levels_are_fine(write: Callable[..., Path], suffix: str) -> None:
    parser = ConfigParser()
    parser.read_config(write(f"a.{suffix}", '{"a": ' * 980 + '"$1 + 1"' + "}" * 980))
    assert parser.get_parsed_content("::".join(["a"] * 980)) == 2
    parser.get_parsed_content()


def test_a_large_honest_file_is_fine(write: Callable[..., Path]) -> None:
    text = "base: &base {a: 1, b: [1, 2, 3]}\n" + "".join(f"k{i}: {{<<: *base, c: *base}}\n" for i in range(5_000))
    parser = ConfigParser()
    parser.read_config(write("a.yaml", text))
    assert parser.get_parsed_content("k4999") == {"a": 1, "b": [1, 2, 3], "c": {"a": 1, "b": [1, 2, 3]}}
