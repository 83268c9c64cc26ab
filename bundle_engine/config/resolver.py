"""Resolve: build the values of a graph in the order that planning gives, each once."""

from __future__ import annotations

import builtins
import functools
import gc
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bundle_engine.config import closest, expressions, tree
from bundle_engine.config.causes import import_hint, raised_at, told
from bundle_engine.config.components import DEFAULT, Components
from bundle_engine.config.faults import shown_at
from bundle_engine.config.graph import Graph
from bundle_engine.config.ids import COMPONENT_KEYS, EXPRESSION, MODE, TARGET, Id
from bundle_engine.config.items import ConfigComponent, ConfigExpression
from bundle_engine.config.names import FailedImport, Names, bound_names, failed_import, run_import
from bundle_engine.config.node import (
    ABSENT,
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
from bundle_engine.config.origins import Where
from bundle_engine.config.policy import Policy
from bundle_engine.config.references import step_into
from bundle_engine.config.targets import ComponentLocator, describe_arguments
from bundle_engine.errors import (
    BundleEngineError,
    BundleEngineWarning,
    ExpressionError,
    ImportStatementError,
    ReferenceNotFoundError,
    TargetNotFoundError,
)


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
        place: Where,
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
        self.graph = Graph(root, place, lambda: self.allow_missing_reference, whole=not instantiate)
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
            if node.state == ACTIVE:  # what is being built asks for itself
                raise self.graph.faults.cycle([node], node)
            self._build(node)
            return node.value

    def check(self, node: Node) -> None:
        """Find what is wrong on the way to a node's value, without building anything.

        Raises:
            BundleEngineError: for the first thing found.
        """
        with self.lock:
            self._plan(node)

    def review(self, *nodes: Node) -> None:
        """Find what is outside of the level of trust; at full trust nothing is."""

    def fresh(self, node: Node) -> Any:
        """Give the value of a node, and forget it again, so that it is built anew the next time.

        An expression or a component is evaluated without the lock: it may run for days, and other threads read on.
        """
        with self.lock:
            known = node.state == DONE or node.kind not in (EXPRESSING, COMPONENT)
            if known:
                self.resolve(node)
            else:
                self._build(node, itself=False)
            if node.state == DONE:  # it was known, or is disabled
                value = node.value
                if node.kind not in (PLAIN, IMPORTING):
                    node.state, node.value = NEW, None
                return value
        return self._builders[node.kind](node)

    def _build(self, start: Node, *, itself: bool = True) -> None:
        """Build what a node needs, and the node itself."""
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
                    if node is start and not itself:
                        return
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
            undecided: list[Node] = []

            def visit(node: Node) -> None:
                if not self.instantiate or node.state == DONE:
                    return
                if node.gate:
                    self._check_component(node)
                elif self.eval_expr and self.run_expressions:
                    undecided.append(node)

            walk = self.graph.new_walk()
            order = self.graph.plan(start, visit, walk)
            wanted_after_all = False
            for node in undecided:  # it grows while it is read
                if self._decide(node):
                    wanted_after_all = True
                    self.graph.plan(node, visit, walk)
            return self.graph.plan(start, _seen, self.graph.new_walk()) if wanted_after_all else order
        finally:
            if collecting:
                if gc.get_count()[0] > _MANY and not gc.get_freeze_count():
                    gc.freeze()  # these two make all objects old ones, without a walk over them
                    gc.unfreeze()
                gc.enable()

    def _decide(self, node: Node) -> bool:
        """Find out whether a component is disabled before anything is built, where plain values tell.

        A component that is not disabled can then be checked in time. What only components or functions tell is
        left for later.

        Returns:
            whether the component turned out to be built.
        """
        waiting = list(node.needs or ())
        seen = set()
        while waiting:
            part = waiting.pop()
            if part.kind == LIST and not self.graph.needs(part):
                continue
            if part.state == DONE:
                if not isinstance(part.value, (str, int, float, type(None))):
                    return False
            elif part.kind == EXPRESSING:
                if not all(map(expressions.is_reference_name, self.graph.compiled(part).names)):
                    return False
            elif part.kind not in (PLAIN, REFERRING):
                return False
            if part not in seen:
                seen.add(part)
                waiting.extend(self.graph.needs(part))
        for part in node.needs or ():
            self._build(part)
        if self.graph.is_disabled(node):
            node.value, node.dropped, node.state = None, True, DONE
            return False
        node.gate, node.needs = True, None
        return True

    def _check_component(self, node: Node) -> None:
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
                if part.dropped and part.parent is node and part.key == key:  # of a reference to it the value is None
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
            if part.dropped and part.parent is node and part.key == key:
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
        if TARGET not in arguments:  # it is a component that is disabled, and so is this one
            node.dropped = True
            return None
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
        value = node.needs[0].value
        return node.needs[1].value if value is ABSENT else value

    def _inside(self, node: Node) -> Any:
        assert node.parent is not None
        value = node.parent.value
        for depth, key in enumerate(node.key):
            try:
                value = step_into(value, key)
            except LookupError:
                if node.raw is ABSENT:
                    return ABSENT
                before = Id((*node.parent.id(), *node.key[:depth]))
                at = node.id()
                user = _user(node)
                raise ReferenceNotFoundError(
                    f"'{at}' leads to nothing: '{before}' gives {_described(value)}, which has no '{key}'",
                    id=str(user),
                    place=self.place(user),
                    hint=_inside_hint(before, key, value),
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
                table[expressions.exists_name(name)] = target is not None and target.value is not ABSENT
                if target is not None:
                    table[name] = target.value
        if self.debug:
            import pdb

            warnings.warn(f"evaluating {text!r} under pdb", BundleEngineWarning, stacklevel=2)
            pdb.run(compiled.code, table)
            return None
        try:
            code = compiled.code
            if expressions.has_functions(code):
                code = expressions.named(code, f"<expression {node.id()}>")
            return eval(code, table)
        except Exception as error:
            for problem in (error, *map(failed_import, map(table.get, compiled.names))):
                if isinstance(problem, ImportStatementError):
                    raise self._not_imported(node, problem) from problem.__cause__
            raise self._failed(node, compiled, error) from error

    def run_import(self, text: str, id: Id) -> Any:
        """Run an import statement and bind its names; one that fails raises when something uses its names."""
        bound: dict[str, Any] = {}
        try:
            value = run_import(text, bound)
        except Exception as error:
            problem = ImportStatementError(
                f"the import '{text[1:].strip()}' failed: {told(error)}",
                id=str(id),
                place=self.place(id),
                notes=raised_at(error),
                hint=import_hint(error),
            )
            problem.__cause__ = error
            names = bound_names(text)
            for name in names:  # those before the one that failed are there
                bound.setdefault(name, FailedImport(problem))
            value = bound[names[0]]
        self.names.bind(bound)
        return value

    def _not_imported(self, node: Node, problem: ImportStatementError) -> ImportStatementError:
        """Make the error for an expression that needs what could not be imported."""
        at, place = node.id(), self.place(node.id())
        if problem.id is None:  # a name that needs no import statement
            return ImportStatementError(problem.message, id=str(at), place=place, notes=[node.raw], hint=problem.hint)
        notes = [*problem.notes, f"needed by '{at}'" + (f"  ({place})" if place else "")]
        return ImportStatementError(problem.message, id=problem.id, place=problem.place, notes=notes, hint=problem.hint)

    def _failed(self, node: Node, compiled: expressions.Compiled, error: Exception) -> BundleEngineError:
        at = node.id()
        text = node.raw
        hint = None
        if isinstance(error, NameError):
            name = getattr(error, "name", None) or ""
            if expressions.is_reference_name(name):
                message = f"a reference in {text!r} leads to nothing"
                return ReferenceNotFoundError(message, id=str(at), place=self.place(at))
            if name and self.graph.find(Id((name,))) is not None:
                hint = f"write '@{name}' to refer to the value of that id"
            elif name:
                hint = f"import it in the config: '$import {name}'"
        place = self.place(at)
        notes = [text] if shown_at(text, place) is None else []
        bound = [(binding, target) for binding, (_, target) in zip(compiled.bindings, node.bound or (), strict=True)]
        known = {f"@{binding.reference.id.words}": target.value for binding, target in bound if target is not None}
        if known:
            notes.append(f"with {describe_arguments(known)}")
        return ExpressionError(
            f"the expression failed: {told(error)}",
            id=str(at),
            place=place,
            notes=[*notes, *raised_at(error)],
            hint=hint,
        )


def resolver_of(policy: Policy) -> Callable[..., ReferenceResolver]:
    """Give what makes the resolver of a level of trust."""
    if policy.is_full:
        return ReferenceResolver
    from bundle_engine.config.guarded import GuardedResolver

    return functools.partial(GuardedResolver, policy=policy)


def _seen(node: Node) -> None:
    """Pass a component that was checked before."""


def _user(node: Node) -> Id:
    """Give the id of a reference to a node; of the node itself where there is none."""
    for user in node.dependents or ():
        for key, need in zip(user.keys or (), user.needs or (), strict=False):
            if need is node:
                return user.id().child(key)
        return user.id()
    return node.id()


def _inside_hint(before: Id, key: str, value: Any) -> str | None:
    if isinstance(value, Mapping):
        near = closest.matches(key, map(str, value))
        if near:
            return f"did you mean {closest.either(str(before.child(name)) for name in near)}?"
    return closest.instead(before, value) if isinstance(value, (dict, list)) else None


_MANY = 10_000  # objects that are worth sparing the garbage collector
_NOT_ARGUMENTS = tuple(COMPONENT_KEYS - {TARGET, MODE, "_args_"})


def _described(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == builtins.__name__ else f"{kind.__module__}.{kind.__qualname__}"
