"""Resolve a config below full trust: look at everything first, then build only what the allow-list has.

What is outside of the level is collected over all that the wanted value needs, before any of it is built. Every
target, callable and value is judged again at the moment it is used, for what it is then.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bundle_engine.config import allowance, expressions, safe_expressions
from bundle_engine.config.components import CALLABLE, DEFAULT, MODES, Components
from bundle_engine.config.ids import ARGS, DEBUG, EXPRESSION, MODE, RANKS, REFERENCE, TARGET, Id
from bundle_engine.config.items import ConfigComponent, ConfigExpression
from bundle_engine.config.names import Names, imported_paths
from bundle_engine.config.node import ABSENT, COMPONENT, EXPRESSING, IMPORTING, Node
from bundle_engine.config.origins import Where
from bundle_engine.config.policy import Forbidden, Outside, Policy, refusal
from bundle_engine.config.resolver import ReferenceResolver
from bundle_engine.config.safe_values import STEPS, Budget, weigh
from bundle_engine.config.targets import ComponentLocator, Missing, Target
from bundle_engine.errors import BundleEngineError

__all__ = ["GuardedComponents", "GuardedResolver"]

_ALL_STEPS = 100 * STEPS  # of all expressions of a config together
_NOT_DATA = "plain data has no"
_BASE_NAMES = ("__builtins__", "env")


class GuardedComponents(Components):
    """Locates, checks and calls targets that are on the allow-list.

    Args:
        locator: finds short names.
        place: gives the place where an id was written.
        policy: the level of trust.
    """

    def __init__(self, locator: ComponentLocator, place: Where, *, policy: Policy) -> None:
        super().__init__(locator, place)
        self.policy = policy
        self.debug = False  # a debugger takes input, and runs it

    def outside(self, at: Id, problem: Forbidden) -> BundleEngineError:
        """Make the error for one thing that is outside."""
        return refusal([self.told(at, problem)], self.policy)

    def told(self, at: Id, problem: Forbidden) -> Outside:
        """Say where something is outside."""
        return Outside(str(at), self.place(at), problem.name, problem.reason, problem.level)

    def locate(self, target: str, id: Callable[[], Id]) -> Target:
        """Import what a target names, if it is on the allow-list.

        Raises:
            PolicyError: where it is not.
            TargetNotFoundError: where it is nothing.
        """
        if target not in self._targets:
            try:
                self.allow(target)
            except Forbidden as problem:
                raise self.outside(id().child(TARGET), problem) from None
        return super().locate(target, id)

    def allow(self, target: str) -> Target | Missing:
        """Find a target on the allow-list.

        Raises:
            Forbidden: where it is not there.
        """
        if self.policy.level != "safe":
            raise Forbidden(target, f"{_NOT_DATA} components", "safe")
        return allowance.find_target(target, self.locator)

    def build(
        self, target: Any, mode: Any, arguments: dict[str, Any], raw: dict[Any, Any], id: Callable[[], Id]
    ) -> Any:
        """Call a target, as `Components.build` does, if the allow-list has it.

        Raises:
            PolicyError: where it is not allowed.
        """
        try:
            self._judge(target, mode, arguments, raw, id)
        except Forbidden as problem:
            raise self.outside(id().child(TARGET), problem) from None
        return super().build(target, mode, arguments, raw, id)

    def _judge(self, target: Any, mode: Any, arguments: dict[str, Any], raw: Mapping[Any, Any], id: Any) -> None:
        if self.policy.level != "safe":
            raise Forbidden(str(target), f"{_NOT_DATA} components", "safe")
        if target is None:
            return
        positional = arguments.get(ARGS)
        if positional is not None and type(positional) not in (list, tuple):
            raise Forbidden(ARGS, "it is a plain list")
        called = self.locate(target, id).callable if type(target) is str else target
        called, given, keywords = allowance.unwrapped(
            called, positional or [], {key: value for key, value in arguments.items() if key != ARGS}
        )
        weigh([given, keywords], Budget())  # what is too much for a message is too much
        name = target if type(target) is str else None
        allowance.check_target(called, name)
        written = mode.strip() if type(mode) is str else mode
        if type(written) is not str or (written in MODES and written not in (DEFAULT, CALLABLE)) or raw.get(DEBUG):
            raise Forbidden(f"{MODE} {mode!r}", "a debugger runs what it is told")
        if written == CALLABLE and allowance.is_guarded(called):
            raise Forbidden(name or str(called), "it can be called with certain arguments only, and is no value")
        if written == DEFAULT:
            allowance.check_arguments(called, given, keywords)


class GuardedResolver(ReferenceResolver):
    """Builds and keeps the values of one config below full trust.

    Args:
        root, names, locator, place, instantiate, eval_expr: as for `ReferenceResolver`.
        policy: the level of trust.
    """

    def __init__(
        self,
        root: Any,
        names: Names,
        locator: ComponentLocator,
        place: Where,
        *,
        policy: Policy,
        instantiate: bool = True,
        eval_expr: bool = True,
    ) -> None:
        super().__init__(root, names, locator, place, instantiate=instantiate, eval_expr=eval_expr)
        self.policy = policy
        self.debug = False
        self.guard = GuardedComponents(locator, place, policy=policy)
        self.components = self.guard
        self.budget = Budget(_ALL_STEPS)

    # --- looking at everything first ---

    def _plan(self, start: Node) -> list[Node]:
        self.review(start)
        return super()._plan(start)

    def review(self, *nodes: Node) -> None:
        """Collect what is outside of the level in all that some values need.

        Raises:
            PolicyError: where there is something.
        """
        outside: list[Outside] = []
        walk = self.graph.new_walk()
        seen: set[Node] = set()
        for start in nodes:
            try:
                order = self.graph.plan(start, _pass, walk)
            except (RecursionError, MemoryError) as error:  # Python gives up on reading an expression
                problem = Forbidden("an expression", f"it cannot be read: {type(error).__name__}")
                raise self.guard.outside(start.id(), problem) from None
            for node in order:
                if node not in seen:
                    seen.add(node)
                    at = node.id()
                    outside += [self.guard.told(at, problem) for problem in self._problems(node)]
        if outside:
            raise refusal(outside, self.policy)

    def _problems(self, node: Node) -> Iterator[Forbidden]:
        if node.kind == COMPONENT and self.instantiate:
            yield from self._component_problems(node.raw)
        elif node.kind == EXPRESSING and self.eval_expr:
            if self.policy.level != "safe":
                yield Forbidden(node.raw, f"{_NOT_DATA} expressions", "safe")
                return
            try:
                tree = safe_expressions.parse(expressions.python_of(node.raw[1:]))
            except Forbidden as problem:
                yield problem
            except SyntaxError:  # told with its place when it is compiled
                return
            else:
                yield from safe_expressions.survey(tree, self._scope(()))
        elif node.kind == IMPORTING and self.eval_expr and self.policy.level != "safe":
            yield Forbidden(node.raw, f"{_NOT_DATA} import statements", "safe")

    def _component_problems(self, raw: Mapping[Any, Any]) -> Iterator[Forbidden]:
        target, mode = raw[TARGET], raw.get(MODE, DEFAULT)
        if self.policy.level != "safe":
            yield Forbidden(f"{TARGET} {target!r}", f"{_NOT_DATA} components", "safe")
            return
        if type(target) is str and target[:1] not in (REFERENCE, EXPRESSION):
            try:
                self.guard.allow(target)
            except Forbidden as problem:
                yield problem
        if (type(mode) is str and mode.strip() == "debug") or raw.get(DEBUG):
            yield Forbidden(f"{MODE} {mode!r}", "a debugger runs what it is told")
        ranks = raw.get(RANKS)
        if ranks is not None and type(ranks) not in (int, list, str):
            yield Forbidden(RANKS, "it is a plain list of numbers")

    # --- building one kind of node ---

    def _component(self, node: Node) -> Any:
        if self.instantiate:
            return super()._component(node)
        arguments = self._mapping(node)
        return ConfigComponent(arguments, str(node.id()), locator=self.components.locator, policy=self.policy)

    def _inside(self, node: Node) -> Any:
        assert node.parent is not None
        value = node.parent.value
        for key in node.key:
            if type(value) not in (dict, list, tuple, OrderedDict, str, int, float, bool, type(None), bytes):
                problem = Forbidden(f"{node.id()}", f"nothing inside of an object of type {_kind(value)} can be named")
                raise self.guard.outside(node.id(), problem)
            if type(value) in (dict, OrderedDict):
                value = next((item for name, item in value.items() if str(name) == key), ABSENT)
            elif type(value) in (list, tuple) and key.lstrip("-").isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                break
        return super()._inside(node)

    def _import(self, node: Node) -> Any:
        """Let an import statement bind names for what the allow-list has; nothing is imported."""
        if not self.eval_expr:
            return ConfigExpression(node.raw, str(node.id()), policy=self.policy)
        self.names.symbols.update(imported_paths(node.raw) or {})
        return None

    def _expression(self, node: Node) -> Any:
        text = node.raw
        if not self.eval_expr:
            return ConfigExpression(text, str(node.id()), globals=self._given(), policy=self.policy)
        if not self.run_expressions:
            return text[1:]
        if self.policy.level != "safe":
            raise self.guard.outside(node.id(), Forbidden(text, f"{_NOT_DATA} expressions", "safe"))
        compiled = self.graph.compiled(node)
        bound: dict[str, Any] = {}
        for name, target in node.bound or ():
            bound[expressions.exists_name(name)] = target is not None and target.value is not ABSENT
            if target is not None:
                bound[name] = target.value
        budget = Budget()
        try:
            tree = safe_expressions.parse(expressions.python_of(text[1:]))
            value = safe_expressions.evaluate(tree, self._scope(bound), budget)
            self.budget.spend(STEPS - max(budget.left, 0))
            return value
        except Forbidden as problem:
            raise self.guard.outside(node.id(), problem) from None
        except BundleEngineError:
            raise
        except Exception as error:
            raise self._failed(node, compiled, error) from error

    def _scope(self, bound: Mapping[str, Any] | Sequence[Any]) -> safe_expressions.Scope:
        symbols = {**self.names.lazy, **self.names.symbols}
        given = self._given()
        values = {name: value for name, value in given.items() if name not in self.names.symbols}
        return safe_expressions.Scope({**values, **dict(bound)}, symbols, self.components.locator)

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in self.names.known.items() if name not in _BASE_NAMES}


def _pass(node: Node) -> None:
    """Look at a component later."""


def _kind(value: Any) -> str:
    return type(value).__qualname__
