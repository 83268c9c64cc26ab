"""What the tests of the config language share: files to read, and targets that count their calls."""

from __future__ import annotations

import pickle
import sys
import textwrap
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import BundleEngineError, ConfigParser

VARIABLES = (
    "MONAI_ALLOW_MISSING_REFERENCE",
    "MONAI_DEBUG_CONFIG",
    "MONAI_EVAL_EXPR",
    "MONAI_FAIL_ON_DUPLICATE_CONFIG",
    "RANK",
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables that change the language are not set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a file in a fresh folder, which is the working directory; gives its path relative to that."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: str | bytes) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
        path.write_bytes(raw)
        return path

    return write


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[..., ConfigParser]:
    """Read texts as files, later ones on top of earlier ones; the names of the files come first."""

    def read(text: str | bytes, *more: str | bytes, names: tuple[str, ...] = ("a.yaml", "b.yaml", "c.yaml")) -> Any:
        texts = (text, *more)
        parser = ConfigParser()
        parser.read_config([write(name, each) for name, each in zip(names, texts, strict=False)])
        return parser

    return read


def write_marks(files: Mapping[str, str | bytes]) -> tuple[str | None, str]:
    """Write files into the working directory; « and » in their texts are taken out.

    Returns:
        the place of what stood between them, as file:line:column, and the text there.
    """
    place, underlined = None, ""
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
            continue
        before, mark, rest = content.partition("«")
        if mark:
            before = before.removeprefix("\ufeff")
            place = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
            underlined = rest.partition("»")[0]
        path.write_bytes(content.replace("«", "").replace("»", "").encode())
    return place, underlined


@pytest.fixture
def write_marked(write: Callable[..., Path]) -> Callable[..., tuple[str | None, str]]:
    """Write files with marks in a fresh folder, which is the working directory; see `write_marks`."""
    return write_marks


@pytest.fixture
def assert_clear() -> Callable[..., None]:
    """Assert that an error points at a place, and that its text is fit for people."""

    def assert_clear(error: BundleEngineError, place: str, underlined: str) -> None:
        assert error.place is not None
        assert str(error.place) == place
        found = error.place.text[error.place.column - 1 :][: error.place.width]
        assert found == underlined or len(underlined) <= 1
        assert error.place.text == error.place.text.rstrip("\r\n")
        shown = str(error)
        assert shown.startswith(error.message)
        assert f"at {place}" in shown
        assert all(len(line) < 400 for line in shown.splitlines())
        assert not any(sign in shown for sign in ("Traceback", "object at 0x", "\0", "«"))
        assert str(pickle.loads(pickle.dumps(error))) == shown

    return assert_clear


class Box:
    """Holds the arguments that it was built with."""

    def __init__(self, value: Any = None, other: Any = None) -> None:
        self.value = value
        self.other = other


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module ``probe`` with targets; ``probe.calls`` lists the labels of what was built, in order."""
    module: Any = types.ModuleType("probe")
    module.calls = []

    def build(label: Any = None, *needs: Any, value: Any = None) -> Any:
        module.calls.append(label)
        return Box(label if value is None else value, needs)

    def give(value: Any = None) -> Any:
        module.calls.append(value)
        return value

    def keywords(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    def fail(message: str = "it is broken", kind: str = "RuntimeError") -> None:
        raise getattr(__import__("builtins"), kind)(message)

    for target in (build, give, keywords, fail, Box):
        setattr(module, target.__name__, target)
        target.__module__ = "probe"
    monkeypatch.setitem(sys.modules, "probe", module)
    return module
