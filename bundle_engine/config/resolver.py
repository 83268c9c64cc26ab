"""Resolve: build the values of a graph in the order that planning gives, each once."""

from __future__ import annotations

import builtins
import gc
import importlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bundle_engine.config import expressions, tree
from bundle_engine.config.components import DEFAULT, Components, told
from bundle_engine.config.graph import Graph
from bundle_engine.config.ids import COMPONENT_KEYS, EXPRESSION, MODE, SEP, TARGET, Id
from bundle_engine.config.items import ConfigComponent, ConfigExpression
from bundle_engine.config.node import (
    ACTIVE,
    COMPONENT,
    DONE,
    EXPRESSING,
    IMPORTING,
    INSIDE,
    LIST,
    MAPPING,
    NEW,
    PLAIN,
    REFERRING,
    Node,
)
from bundle_engine.config.references import step_into
from bundle_engine.config.targets import ComponentLocator
from bundle_engine.errors import (
    BundleEngineError,
    BundleEngineWarning,
    ExpressionError,
    ImportStatementError,
    Place,
    ReferenceNotFoundError,
    TargetNotFoundError,
)

DEFAULT_GLOBALS: Mapping[str, str] = {"monai": "monai", "torch": "torch", "np": "numpy", "numpy": "numpy"}


class Names:
    """The names that expressions may use: given ones, imported ones, and modules that are imported on first use.

    Args:
        given: names and their values; a string is the module to import when an expression uses the name.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.known = expressions.base_names()
        self.lazy: dict[str, str] = {}
        for name, value in given.items():
            if isinstance(value, str):
                self.lazy[name] = value
            else:
                self.known[name] = value

    def table(self, used: frozenset[str]) -> dict[str, Any]:
        """Give the names for one expression, importing what it uses."""
        if self.lazy and not used.isdisjoint(self.lazy):
            for name in used & self.lazy.keys():
                module = self.lazy.pop(name)
                try:
                    self.known[name] = importlib.import_module(module)
                except ImportError as error:
                    problem = ImportStatementError(f"'{name}' is not available: importing {module} failed: {error}")
                    problem.__cause__ = error
                    self.known[name] = expressions.FailedImport(problem)
        return self.known


class ReferenceResolver:
    """Builds and keeps the values of one config.

    Args:
        root: the config, macros expanded and relative ids made absolute.
        names: what expressions may use.
        locator: finds short names.
        place: gives the place where an id was written.
        instantiate: build components; otherwise they become `ConfigComponent` items.
        eval_expr: evaluate expressions; otherwise they become `ConfigExpression` items.
    """

    #: a reference that leads nowhere is a warning and stays the text it is
    allow_missing_reference = False

    def __init__(
        self,
        root: Any,
        names: Names,
        locator: ComponentLocator,
        place: Callable[[Id], Place | None],
        *,
        instantiate: bool = True,
        eval_expr: bool = True,
    ) -> None:
        if os.environ.get("MONAI_ALLOW_MISSING_REFERENCE", "0") != "0":
            self.allow_missing_reference = True
        self.run_expressions = os.environ.get("MONAI_EVAL_EXPR", "1") != "0"
        self.debug = os.environ.get("MONAI_DEBUG_CONFIG", "0") != "0"
        self.names = names
        self.place = place
        self.graph = Graph(root, place, lambda: self.allow_missing_reference)
        self.components = Components(locator, place)
        self.instantiate = instantiate
        self.eval_expr = eval_expr
        self.lock = threading.RLock()
        self._changes_paths: bool | None = None
        self._builders: dict[int, Callable[[Node], Any]] = {
            MAPPING: self._mapping,
            LIST: self._list,
            COMPONENT: self._component,
            REFERRING: self._reference,
            EXPRESSING: self._expression,
            IMPORTING: self._import,
            INSIDE: self._inside,
        }

    # --- what was resolved ---

    def is_resolved(self) -> bool:
        """Tell whether any value is known."""
        return next(self._resolved(), None) is not None

    @property
    def resolved_content(self) -> dict[str, Any]:
        """The values that are known, by id."""
        return {str(node.id()): node.value for node in self._resolved()}

    def _resolved(self) -> Iterator[Node]:
        waiting = [self.graph.root]
        while waiting:
            node = waiting.pop()
            if node.state == DONE and (node.parent is not None or node.kind != PLAIN):
                yield node
            waiting.extend((node.children or {}).values())

    # --- resolving ---

    def resolve(self, node: Node) -> Any:
        """Give the value of a node, building what is missing for it.

        Raises:
            BundleEngineError: where something is wrong with the config, before anything is built; or where a
                component or an expression fails.
        """
        if node.state == DONE:
            return node.value
        with self.lock:
            self._build(node)
            return node.value

    def check(self, node: Node) -> None:
        """Find what is wrong on the way to a node's value, without building anything.

        Raises:
            BundleEngineError: for the first thing found.
        """
        with self.lock:
            self._plan(node)

    def fresh(self, node: Node) -> Any:
        """Give the value of a node, and forget it again, so that it is built anew the next time."""
        with self.lock:
            value = self.resolve(node)
            if node.kind not in (PLAIN, IMPORTING):
                node.state, node.value = NEW, None
            return value

    def _build(self, start: Node) -> None:
        active: list[Node] = []
        builders = self._builders
        try:
            work: list[Iterator[Node]] = [iter(self._plan(start))]
            while work:
                for node in work[-1]:
                    if node.state == DONE:
                        continue
                    kind = node.kind
                    if kind == COMPONENT and not node.gate:
                        if self.graph.is_disabled(node):
                            node.value, node.dropped, node.state = None, True, DONE
                            continue
                        node.gate, node.needs = True, None
                        if node.state != ACTIVE:
                            node.state = ACTIVE
                            active.append(node)
                        work.append(iter(self._plan(node)))
                        break
                    if kind in (COMPONENT, EXPRESSING):
                        node.state = ACTIVE
                        active.append(node)
                        node.value = builders[kind](node)
                        node.state = DONE
                        active.pop()
                    else:
                        node.value = builders[kind](node)
                        node.state = DONE
                else:
                    work.pop()
        finally:
            for node in active:
                if node.state == ACTIVE:
                    node.state = NEW

    def _plan(self, start: Node) -> list[Node]:
        """Plan without the garbage collector: it would walk over all nodes again and again, and none is garbage."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self.graph.plan(start, self._check_component)
        finally:
            if collecting:
                gc.enable()

    def _check_component(self, node: Node) -> None:
        if not self.instantiate or not node.gate or node.state == DONE:
            return
        try:
            self.components.check(node.raw, node.id)
        except TargetNotFoundError as error:
            # an expression that is evaluated before may still make the package importable
            if not (error.name and self._may_change_paths()):
                raise

    def _may_change_paths(self) -> bool:
        if self._changes_paths is None:
            found = tree.strings(self.graph.root.raw, lambda text: text[0] == EXPRESSION and "path" in text)
            self._changes_paths = next(found, None) is not None
        return self._changes_paths

    # --- building one kind of node ---

    def _mapping(self, node: Node) -> Any:
        raw = node.raw
        if raw.__class__ is dict:
            value = dict(raw)
        else:
            value = type(raw)()
            value.update(raw)
        if node.needs:
            for key, part in zip(node.keys or (), node.needs, strict=True):
                if part.dropped and part.parent is node:  # a reference to a disabled component gives None
                    del value[key]
                else:
                    value[key] = part.value
        return value

    def _list(self, node: Node) -> Any:
        raw = node.raw
        if raw.__class__ is list:
            value = list(raw)
        else:
            value = type(raw)()
            value.extend(raw)
        removed = []
        for key, part in zip(node.keys or (), node.needs or (), strict=True):
            if part.dropped and part.parent is node:
                removed.append(key)
            else:
                value[key] = part.value
        for index in reversed(removed):
            del value[index]
        return value

    def _component(self, node: Node) -> Any:
        arguments = self._mapping(node)
        if not self.instantiate:
            return ConfigComponent(arguments, str(node.id()), locator=self.components.locator)
        target = arguments.pop(TARGET)
        mode = arguments.pop(MODE, DEFAULT)
        for key in _NOT_ARGUMENTS:
            if key in arguments:
                del arguments[key]
        return self.components.build(target, mode, arguments, node.raw, node.id)

    def _reference(self, node: Node) -> Any:
        if not node.needs:  # it leads nowhere, and is allowed to
            warnings.warn(f"the reference {node.raw!r} leads to nothing", BundleEngineWarning, stacklevel=2)
            return node.raw
        return node.needs[0].value

    def _inside(self, node: Node) -> Any:
        assert node.parent is not None
        value = node.parent.value
        for depth, key in enumerate(node.key):
            try:
                value = step_into(value, key)
            except LookupError:
                before = SEP.join((*node.parent.id(), *node.key[:depth]))
                at = node.id()
                user = node.dependents[0].id() if node.dependents else at
                raise ReferenceNotFoundError(
                    f"'{at}' leads to nothing: '{before}' gives {_described(value)}, which has no '{key}'",
                    id=str(user),
                    place=self.place(user),
                ) from None
        return value

    def _import(self, node: Node) -> Any:
        if not self.eval_expr:
            return ConfigExpression(node.raw, str(node.id()))
        return self.run_import(node.raw, node.id())

    def _expression(self, node: Node) -> Any:
        text = node.raw
        if not self.eval_expr:
            return ConfigExpression(text, str(node.id()), globals=self.names.known)
        if not self.run_expressions:
            return text[1:]
        compiled = self.graph.compiled(node)
        table = dict(self.names.table(compiled.names))
        if node.bound:
            for name, target in node.bound:
                table[expressions.exists_name(name)] = target is not None
                if target is not None:
                    table[name] = target.value
        if self.debug:
            import pdb

            warnings.warn(f"evaluating {text!r} under pdb", BundleEngineWarning, stacklevel=2)
            pdb.run(compiled.code, table)
            return None
        try:
            return eval(compiled.code, table)
        except Exception as error:
            raise self._failed(node, error) from error

    def run_import(self, text: str, id: Id) -> Any:
        """Run an import statement and bind its names; one that fails raises when something uses its names."""
        try:
            return expressions.run_import(text, self.names.known)
        except Exception as error:
            problem = ImportStatementError(
                f"the import '{text[1:].strip()}' failed: {told(error)}",
                id=str(id),
                place=self.place(id),
                hint="install the package, or take the import out",
            )
            problem.__cause__ = error
            failed = expressions.FailedImport(problem)
            for name in expressions.bound_names(text):
                self.names.known[name] = failed
            return failed

    def _failed(self, node: Node, error: Exception) -> BundleEngineError:
        if isinstance(error, ImportStatementError):
            return error
        at = node.id()
        text = node.raw
        hint = None
        if isinstance(error, NameError):
            name = getattr(error, "name", None) or ""
            if name.startswith("__ref_"):
                message = f"a reference in {text!r} leads to nothing"
                return ReferenceNotFoundError(message, id=str(at), place=self.place(at))
            if name and self.graph.find(Id((name,))) is not None:
                hint = f"write '@{name}' to refer to the value of that id"
            elif name:
                hint = f"import it in the config: '$import {name}'"
        return ExpressionError(
            f"the expression failed: {told(error)}", id=str(at), place=self.place(at), notes=[text], hint=hint
        )


_NOT_ARGUMENTS = tuple(COMPONENT_KEYS - {TARGET, MODE, "_args_"})


def _described(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == builtins.__name__ else f"{kind.__module__}.{kind.__qualname__}"
