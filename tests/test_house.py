"""The rules of the house, asserted by reading the code."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bundle_engine
import bundle_engine.config

HOME = Path(bundle_engine.__file__).parent
MODULES = sorted(path for path in HOME.rglob("*.py"))
NAMES = [str(path.relative_to(HOME)) for path in MODULES]

# what each folder may import of the product and, where it is listed, of other packages; the standard library always
FLOORS = {
    "config": {"config", "errors"},
    "inspection": {"inspection", "config", "errors"},
    "network": {"network", "errors"},
    "archives": {"archives", "hashing", "errors"},
    "metadata": {"metadata", "workflow", "inspection", "config", "errors", "resources", "hashing"},
    "export": {"export", "metadata", "workflow", "inspection", "config", "errors", "resources"},
    "bundle": {
        "bundle",
        "metadata",
        "export",
        "workflow",
        "inspection",
        "config",
        "network",
        "archives",
        "hashing",
        "errors",
        "resources",
    },
    "data": {"data", "workflow", "inspection", "config", "network", "archives", "hashing", "errors", "resources"},
    "evaluation": {
        "evaluation",
        "data",
        "metadata",
        "workflow",
        "inspection",
        "config",
        "hashing",
        "errors",
        "resources",
    },
    "experiment": {
        "experiment",
        "runs",
        "evaluation",
        "data",
        "bundle",
        "metadata",
        "export",
        "workflow",
        "inspection",
        "config",
        "errors",
        "hashing",
        "network",
        "resources",
    },
    "runs": {"runs", "workflow", "inspection", "bundle", "config", "hashing", "errors"},
    "transforms": {"transforms", "config", "errors"},
    "workflow": {"workflow", "config", "errors", "resources", "inspection", "hashing"},
    "": {"errors"},
}
PACKAGES = {"config": {"yaml"}, "inspection": {"griffe", "platformdirs", "typeguard", "yaml"}, "": set()}
SPLITTING = ("split", "rsplit", "partition", "rpartition")
HEAVY = ("torch", "monai", "ignite", "numpy", "yaml", "fire", "rich")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Give the modules that a module imports, and whether only type checkers follow."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checking = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            checking.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in checking
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module, id(node) in checking
            if node.module in ("bundle_engine", "bundle_engine.config"):
                for alias in node.names:
                    yield f"{node.module}.{alias.name}", id(node) in checking


def floor_of(path: Path) -> str:
    inside = path.relative_to(HOME).parts
    return inside[0] if len(inside) > 1 else ""


def rooms(path: Path) -> set[str]:
    """Give the folders and top-level modules of the product that a module imports when it runs."""
    found = {
        name.split(".")[1] for name, checking in imports(path) if name.startswith("bundle_engine.") and not checking
    }
    return {room for room in found if (HOME / room).is_dir() or (HOME / f"{room}.py").exists()}


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_point_down(path: Path) -> None:
    floor = floor_of(path)
    used = rooms(path)
    if path.name != "__main__.py" and floor != "cli":
        assert "cli" not in used, "nobody knows the command line"
    if floor in FLOORS and path.name != "__main__.py":
        assert used <= FLOORS[floor] | {"lazy"}


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_other_packages_stay_in_their_rooms(path: Path) -> None:
    floor = floor_of(path)
    if floor in PACKAGES and path.name != "__main__.py":
        roots = {name.partition(".")[0] for name, checking in imports(path) if not checking}
        assert roots - set(sys.stdlib_module_names) - {"bundle_engine"} <= PACKAGES[floor]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_is_one_noun(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 500, "at 500 lines it is two nouns"
    assert path.stem not in ("utils", "helpers", "misc", "common", "tools")
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "a module says what it is"


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name == "config"], ids=lambda path: path.name)
def test_only_one_module_splits_ids(path: Path) -> None:
    if path.name == "ids.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SPLITTING:
            assert not any("::" in ast.unparse(arg) or "SEP" in ast.unparse(arg) for arg in node.args)


@pytest.mark.parametrize(
    "statement", ["import bundle_engine", "import bundle_engine.config", "from bundle_engine import ConfigParser"]
)
def test_importing_is_light(statement: str) -> None:
    code = f"import sys\n{statement}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HOME.parent, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout.strip() == "[]"


def test_resolving_json_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": {"_target_": "collections.Counter", "x": "$1 + 1"}, "b": "@a"}')
    code = f"""
import sys
from bundle_engine import ConfigParser
parser = ConfigParser()
parser.read_config({str(tmp_path / "a.json")!r})
assert parser.get_parsed_content("b") == {{"x": 2}}
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME.parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_of_the_package() -> None:
    assert set(bundle_engine.__all__) == {
        "BundleEngineError",
        "BundleEngineWarning",
        "BundleWorkflow",
        "ComponentLocator",
        "ConfigComponent",
        "ConfigExpression",
        "ConfigItem",
        "ConfigParser",
        "ConfigWorkflow",
        "Origin",
        "Place",
        "PythonicWorkflow",
        "ReferenceResolver",
        "__version__",
        "create_workflow",
        "load_config_file",
        "load_config_files",
        "run",
        "run_workflow",
    }
    assert set(bundle_engine.__all__) <= set(dir(bundle_engine))
    for name in bundle_engine.__all__:
        assert getattr(bundle_engine, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'ConfigPraser'"):
        _ = bundle_engine.ConfigPraser


def test_the_public_names_of_the_language() -> None:
    assert set(bundle_engine.config.__all__) == {
        "PATH_SUFFIXES",
        "ComponentLocator",
        "ConfigComponent",
        "ConfigExpression",
        "ConfigItem",
        "ConfigParser",
        "Id",
        "Origin",
        "ReferenceResolver",
    }
    for name in bundle_engine.config.__all__:
        assert getattr(bundle_engine.config, name) is not None


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_every_module_can_be_imported(path: Path) -> None:
    parts = path.relative_to(HOME.parent).with_suffix("").parts
    if parts[-1] != "__main__":
        importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
