"""The names that expressions may use: given ones, imported ones, and `env`."""

from __future__ import annotations

import _ast
import builtins
import importlib
import re
from collections.abc import Mapping
from typing import Any

from bundle_engine.config.causes import import_hint, told
from bundle_engine.config.ids import EXPRESSION
from bundle_engine.errors import ImportStatementError

ANY_NAME = "*"  # among the names of code that may look up any name
DEFAULT_GLOBALS: Mapping[str, str] = {"monai": "monai", "torch": "torch", "np": "numpy", "numpy": "numpy"}


class Names:
    """The names that expressions may use: given ones, imported ones, and modules that are imported on first use.

    Args:
        given: names and their values; a string is the module to import when an expression uses the name.

    Attributes:
        known: names and their values, as far as they are known.
        lazy: names of modules that were not imported yet.
        symbols: below full trust, names that import statements bind, and the dotted paths that they stand for.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.known = base_names()
        self.lazy: dict[str, str] = {}
        self.symbols: dict[str, str] = {}
        for name, value in given.items():
            if isinstance(value, str):
                self.lazy[name] = value
            else:
                self.known[name] = value

    def table(self, used: frozenset[str]) -> dict[str, Any]:
        """Give the names for one expression, importing what it uses."""
        if self.lazy:
            for name in tuple(self.lazy) if ANY_NAME in used else used & self.lazy.keys():
                module = self.lazy.pop(name)
                try:
                    self.known[name] = importlib.import_module(module)
                except ImportError as error:
                    message = f"'{name}' is not available: importing {module} failed: {told(error)}"
                    problem = ImportStatementError(message, hint=import_hint(error))
                    problem.__cause__ = error
                    self.known[name] = FailedImport(problem)
        return self.known

    def bind(self, names: Mapping[str, Any]) -> None:
        """Take over what an import statement binds; it stands before what is imported on first use."""
        for name, value in names.items():
            if name != "__builtins__":
                self.lazy.pop(name, None)
                self.known[name] = value


# --- import statements ---

#: what begins like one
MAY_IMPORT = re.compile(r"\s*(?:import|from)\b")


def is_import(text: str) -> bool:
    """Tell whether a config string is an import statement, ``$import x`` or ``$from x import y``."""
    if text[:1] != EXPRESSION or not MAY_IMPORT.match(text, 1):
        return False
    try:
        statements = _statements(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(statements) and isinstance(statements[0], (_ast.Import, _ast.ImportFrom))


def _statements(text: str) -> list[Any]:
    tree: Any = compile(text[1:].strip(), "<import>", "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
    body: list[Any] = tree.body
    return body


def run_import(text: str, names: dict[str, Any]) -> Any:
    """Run the import statement of a config string and bind what it imports into `names`.

    Returns:
        the first module or object that the statement names.

    Raises:
        Exception: whatever importing raises.
    """
    statements = [node for node in _statements(text) if isinstance(node, (_ast.Import, _ast.ImportFrom))]
    exec(compile(_ast.Module(list[_ast.stmt](statements), []), "<import>", "exec"), names)
    first = statements[0]
    alias = first.names[0]
    if isinstance(first, _ast.ImportFrom):
        return names.get(alias.asname or alias.name)
    if alias.asname:
        return names[alias.asname]
    module = names[alias.name.partition(".")[0]]
    for part in alias.name.split(".")[1:]:
        module = getattr(module, part)
    return module


def imported_paths(text: str) -> dict[str, str] | None:
    """Give the names that the import statement of a config string binds, each with the dotted path it stands for.

    Returns:
        None for a statement that does not say which names it binds: a relative one, or one with ``*``.
    """
    paths: dict[str, str] = {}
    for node in _statements(text):
        if isinstance(node, _ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                paths[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, _ast.ImportFrom):
            if node.level or any(alias.name == "*" for alias in node.names):
                return None
            for alias in node.names:
                paths[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return paths


def bound_names(text: str) -> list[str]:
    """Give the names that the import statement of a config string binds."""
    names = []
    for node in _statements(text):
        if isinstance(node, (_ast.Import, _ast.ImportFrom)):
            for alias in node.names:
                whole = isinstance(node, _ast.ImportFrom)
                names.append(alias.asname or (alias.name if whole else alias.name.partition(".")[0]))
    return names


def failed_import(value: Any) -> ImportStatementError | None:
    """Give the error of an import that a value stands for, if it does."""
    if type(value) is not FailedImport:
        return None
    error: ImportStatementError = object.__getattribute__(value, "_error")
    return error


class FailedImport:
    """Stands for what an import statement could not bind; the first use raises the error.

    MONAI lets a config whose imports fail run on as long as nothing uses them, and so does this.
    """

    def __init__(self, error: ImportStatementError) -> None:
        object.__setattr__(self, "_error", error)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        raise object.__getattribute__(self, "_error")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise object.__getattribute__(self, "_error")

    __getitem__ = __iter__ = __call__

    def __repr__(self) -> str:
        return f"<failed import: {object.__getattribute__(self, '_error').message}>"


def env(name: str, default: Any = None) -> Any:
    """Read an environment variable; available in every expression as ``env(name, default)``.

    Args:
        name: name of the variable.
        default: what to give when it is not set; its type converts the text of a variable that is set, so
            ``env('WORKERS', 4)`` gives an integer.

    Raises:
        KeyError: when the variable is not set and there is no default.
        ValueError: when the text does not fit the type of the default.
    """
    import os

    text = os.environ.get(name)
    if text is None:
        if default is None:
            raise KeyError(f"the environment variable {name} is not set; export it, or write env('{name}', DEFAULT)")
        return default
    if isinstance(default, bool):
        return text.strip().lower() in ("1", "true", "yes", "on")
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            wanted = "a whole number" if isinstance(default, int) else "a number"
            raise ValueError(f"the environment variable {name} is {text!r}, and {wanted} is wanted") from None
    return text


def base_names() -> dict[str, Any]:
    """Give a new table of the names that every expression knows."""
    return {"__builtins__": builtins, "env": env}
