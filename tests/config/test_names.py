"""The names that expressions may use: section 3 of the language."""

from __future__ import annotations

import glob
import json
import math
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import names
from bundle_engine.errors import ExpressionError, ImportStatementError


def value_of(text: str, **ids: Any) -> Any:
    return ConfigParser({"it": text, **ids}).get_parsed_content("it")


@pytest.mark.parametrize("name", ["monai", "torch", "np", "numpy"])
def test_four_names_are_always_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    module = types.ModuleType("stands for the real one")
    monkeypatch.setitem(sys.modules, "numpy" if name == "np" else name, module)
    assert value_of(f"${name}") is module


def test_numpy_has_two_names() -> None:
    assert value_of("$np is numpy and int(np.sum([1, 2]))") == 3


@pytest.mark.parametrize(
    ("expression", "modules"),
    [("1 + 1", []), ("np.pi", ["numpy"]), ("numpy.pi", ["numpy"]), ("'torch.float32 np'", [])],
)
def test_modules_are_imported_when_an_expression_uses_them(expression: str, modules: list[str]) -> None:
    code = f"""
import sys
from bundle_engine import ConfigParser
ConfigParser({{"a": {"$" + expression!r}}}).get_parsed_content("a")
print([name for name in ("monai", "numpy", "torch") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(modules)


def test_names_are_given_to_the_parser() -> None:
    given = {"f": len, "js": "json"}  # a string is a module
    assert ConfigParser({"a": "$f([1, 2])", "b": "$js.loads('3')"}, globals=given).get_parsed_content() == {
        "a": 2,
        "b": 3,
    }


def test_the_usual_names_may_be_taken_away() -> None:
    with pytest.raises(ExpressionError, match="name 'np' is not defined"):
        ConfigParser({"a": "$np.pi"}, globals=False).get_parsed_content("a")
    assert ConfigParser({"a": "$len([1])"}, globals=False).get_parsed_content("a") == 1


def test_given_names_win_over_the_usual_ones() -> None:
    assert ConfigParser({"a": "$np"}, globals={"np": 3}).get_parsed_content("a") == 3


# --- import statements ---


@pytest.mark.parametrize(
    ("statement", "use", "value"),
    [
        pytest.param("$import glob", "$glob.glob", glob.glob, id="a module"),
        pytest.param("$import os.path", "$os", os, id="import a.b binds a"),
        pytest.param("$import os.path as p", "$p", os.path, id="as another name"),
        pytest.param("$import json, math", "$[json, math]", [json, math], id="import a, b binds both"),
        pytest.param("$from os import path as p, sep", "$[p, sep]", [os.path, os.sep], id="from"),
        pytest.param("$from math import *", "$pi", math.pi, id="everything"),
        pytest.param("$import glob # @x", "$glob", glob, id="with a comment"),
        pytest.param("$  import glob  ", "$glob", glob, id="with blanks"),
        pytest.param("$from os import (\n  path,\n  sep,\n)", "$sep", os.sep, id="over several lines"),
        pytest.param("$import json; import math", "$[json, math]", [json, math], id="two statements"),
    ],
)
def test_import_statements_bind_names_as_python_does(statement: str, use: str, value: Any) -> None:
    assert names.is_import(statement)
    for config in ({"i": statement, "a": use}, {"a": use, "deep": {"l": [{"i": statement}]}}):
        assert ConfigParser(config).get_parsed_content("a") == value


@pytest.mark.parametrize(
    "text", ["$import", "$import 3", "$imported", "$@important * 2", "$'import os'", "import os", "", "$from x"]
)
def test_what_is_no_import_statement(text: str) -> None:
    assert not names.is_import(text)


def test_an_expression_may_contain_the_word() -> None:  # section 8, 2
    assert value_of("$@important_lr * 2", important_lr=3) == 6


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("$import json", json),
        ("$import os.path", os.path),
        ("$import os.path as p", os.path),
        ("$from os import sep, path", os.sep),
    ],
)
def test_the_value_of_an_import_statement_is_what_it_names_first(statement: str, value: Any) -> None:
    assert value_of(statement) is value


def test_imports_run_once_in_document_order_before_the_first_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "order_log.py").write_text("log = []\n")
    for name in ("first_of_two", "second_of_two"):
        (tmp_path / f"{name}.py").write_text(f"import order_log\norder_log.log.append({name!r})\n")
    config = {
        "log": "$order_log.log.append('evaluated') or list(order_log.log)",
        "z": {"i": ["$import first_of_two"]},
        "a": "$import second_of_two, order_log",
    }
    parser = ConfigParser(config)
    assert parser.get_parsed_content("log") == ["first_of_two", "second_of_two", "evaluated"]
    parser["b"] = "$order_log.log"
    assert parser.get_parsed_content("b") == ["first_of_two", "second_of_two", "evaluated"]
    for name in ("order_log", "first_of_two", "second_of_two"):
        sys.modules.pop(name)


def test_an_import_that_is_added_later_binds_its_name() -> None:
    parser = ConfigParser({"a": "$1"})
    parser.get_parsed_content()
    parser["i"] = "$import colorsys"
    parser["b"] = "$colorsys.ONE_THIRD"
    assert parser.get_parsed_content("b") == 1 / 3


@pytest.mark.parametrize(
    "use", ["nothere.x(1)", "nothere()", "nothere + 1", "nothere[0]", "[x for x in nothere]", "len(nothere)"]
)
def test_an_import_that_fails_is_an_error_when_something_uses_it(use: str) -> None:
    parser = ConfigParser({"i": "$import nothere", "fine": "$1 + 1", "a": f"${use}"})
    assert parser.get_parsed_content("fine") == 2
    with pytest.raises(ImportStatementError) as caught:
        parser.get_parsed_content("a")
    assert caught.value.id == "i"
    assert "the import 'import nothere' failed: ModuleNotFoundError: No module named 'nothere'" in caught.value.message
    assert "needed by 'a'" in caught.value.notes[-1]
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_usual_name_that_cannot_be_imported_names_the_expression() -> None:
    with pytest.raises(ImportStatementError, match="'it' is not available: importing nothere failed") as caught:
        ConfigParser({"a": "$it.x"}, globals={"it": "nothere"}).get_parsed_content("a")
    assert caught.value.id == "a"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


# --- the environment ---


@pytest.mark.parametrize(
    ("text", "variable", "value"),
    [
        pytest.param("$env('V')", "x", "x", id="a text"),
        pytest.param("$env('V', 'd')", None, "d", id="not set"),
        pytest.param("$env('V', 'd')", "x", "x", id="set"),
        pytest.param("$env('V', '')", None, "", id="an empty default"),
        pytest.param("$env('V', 4)", "8", 8, id="a whole number"),
        pytest.param("$env('V', 4)", None, 4, id="a whole number, not set"),
        pytest.param("$env('V', 0.5)", "1e-3", 1e-3, id="a number"),
        pytest.param("$env('V', False)", "TRUE", True, id="true"),
        pytest.param("$env('V', True)", "0", False, id="false"),
    ],
)
def test_variables_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, variable: str | None, value: Any
) -> None:
    monkeypatch.delenv("V", raising=False)
    if variable is not None:
        monkeypatch.setenv("V", variable)
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)
