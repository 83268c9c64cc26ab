"""Where workflows differ from MONAI's on purpose: numbers 8 and 9 of the list in the language reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bundle_engine
from bundle_engine.workflow import ConfigWorkflow

from .oracle import silence

seen: dict[str, Any] = {}  # what the steps of a workflow noted


@pytest.fixture(autouse=True)
def _forget() -> None:
    seen.clear()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], Path]:
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def run_with_monai(config: Path, **override: Any) -> Any:
    """Run a config with MONAI; give what its steps noted, or the error it raises."""
    with silence():
        from monai.bundle import run

        try:
            run(config_file=str(config), logging_file=False, **override)
        except (Exception, SystemExit) as error:
            return error
    return dict(seen)


def run_with_ours(config: Path, **override: Any) -> Any:
    bundle_engine.run(config_file=str(config), logging_file=False, **override)
    return dict(seen)


@pytest.fixture
def noting(write: Callable[[str, Any], Path]) -> Path:
    """A config whose run notes the value of `key`, in a module that it imports."""
    steps = ["$import sys", f"$sys.modules[{__name__!r}].seen.update(key=@key)"]
    write("metadata.json", {"version": "1"})
    return write("config.json", {"key": [1], "run": steps})


def test_8_plus_on_the_command_line_merges(noting: Path) -> None:
    assert run_with_monai(noting, **{"+key": [2]}) == {"key": [2]}
    assert run_with_ours(noting, **{"+key": [2]}) == {"key": [1, 2]}


@pytest.mark.parametrize("name", ["args", "ignore_none"])
def test_8_an_override_may_have_any_name(noting: Path, name: str) -> None:
    text = noting.read_text(encoding="utf-8").replace("@key", f"@{name}").replace('"key"', f'"{name}"')
    noting.write_text(text, encoding="utf-8")
    result = run_with_monai(noting, **{name: [5]})
    assert isinstance(result, Exception) or result == {"key": [1]}
    assert run_with_ours(noting, **{name: [5]}) == {"key": [5]}


def test_8_none_is_a_value(noting: Path) -> None:
    assert run_with_monai(noting, key=None) == {"key": [1]}
    assert run_with_ours(noting, key=None) == {"key": None}


def test_9_finalize_runs_even_when_run_fails(write: Any) -> None:
    write("metadata.json", {"version": "1"})
    final = ["$import sys", f"$sys.modules[{__name__!r}].seen.update(finalized=True)"]
    config = write("config.json", {"run": ["$1 / 0"], "finalize": final})
    assert isinstance(run_with_monai(config), Exception)
    assert not seen
    with pytest.raises(bundle_engine.BundleEngineError):
        run_with_ours(config)
    assert seen == {"finalized": True}


def test_9_the_bundles_own_modules_can_be_imported_everywhere(write: Any) -> None:
    write("configs/metadata.json", {"version": "1"})
    write("own_modules/__init__.py", "VALUE = 5\n")
    config = write("configs/config.json", {"i": "$import own_modules", "initialize": ["$own_modules.VALUE"], "run": []})
    with silence():
        from monai.bundle import ConfigWorkflow as Theirs

        theirs = Theirs(str(config), logging_file=False)
        with pytest.raises(RuntimeError):
            theirs.initialize()
    ours = ConfigWorkflow(str(config), logging_file=False)
    assert ours.initialize() == [5]
