"""Evaluate expressions without Python's `eval`: an interpreter over plain data, with an allow-list of callables.

It walks over the syntax tree of an expression. A name stands for the value of a reference, a variable of a
comprehension, a plain value that the caller gave, a function of `safe_values.FUNCTIONS`, or, with what follows it
after dots, for something on the allow-list: no module is ever a value. Attributes exist only as listed methods. All
work is bounded. `survey` tells beforehand, without evaluating, what lies outside; `evaluate` decides anew on each
value.
"""

from __future__ import annotations

import ast
import builtins
import operator
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bundle_engine.config import allowance, safe_values
from bundle_engine.config.policy import Forbidden
from bundle_engine.config.safe_values import Budget
from bundle_engine.config.targets import ComponentLocator, Missing

__all__ = ["Scope", "evaluate", "survey"]

TEXT = 20_000  # characters of an expression
DEPTH = 120  # levels of its syntax tree

_BINARY: Mapping[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
    ast.BitAnd: ("&", operator.and_),
}
_UNARY: Mapping[type[ast.unaryop], tuple[str, Callable[[Any], Any]]] = {
    ast.UAdd: ("+", operator.pos),
    ast.USub: ("-", operator.neg),
    ast.Invert: ("~", operator.invert),
    ast.Not: ("not", operator.not_),
}
_COMPARE: Mapping[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda item, container: item in container),
    ast.NotIn: ("not in", lambda item, container: item not in container),
}
_NAMED = {
    ast.Lambda: "lambda",
    ast.NamedExpr: ":=",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
}
_CONSTANTS = frozenset({*safe_values.SCALARS, type(...)})


class Scope(NamedTuple):
    """What the names of an expression stand for.

    Attributes:
        values: names with a value: references, and what the caller gave.
        symbols: names of modules, or of what import statements name, and the dotted paths they stand for.
        locator: finds short names.
    """

    values: Mapping[str, Any]
    symbols: Mapping[str, str]
    locator: ComponentLocator


def parse(text: str) -> ast.expr:
    """Read an expression.

    Raises:
        SyntaxError: where Python cannot read it.
        Forbidden: where it is too long or too deep.
    """
    if len(text) > TEXT:
        raise Forbidden("a long expression", f"an expression has at most {TEXT:,} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (RecursionError, MemoryError, ValueError) as error:
        raise Forbidden("a deep expression", f"Python cannot read it: {type(error).__name__}") from None
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > DEPTH:
            raise Forbidden("a deep expression", f"an expression has at most {DEPTH} levels")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return tree


def _path(node: ast.expr, scope: Scope, local: Mapping[str, Any] | frozenset[str]) -> str | None:
    """Give the dotted path that a chain of attributes stands for; None where it begins with a value."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id in local or node.id in scope.values or node.id not in scope.symbols:
        return None
    return ".".join([scope.symbols[node.id], *reversed(parts)])


# --- looking without evaluating ---


def survey(tree: ast.expr, scope: Scope) -> Iterator[Forbidden]:
    """Tell what in an expression is outside of what may be evaluated, as far as that can be seen."""
    stored = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    local = frozenset(stored)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        problem = None
        if isinstance(node, (ast.Name, ast.Attribute)):
            path = _path(node, scope, local)
            if path is not None:
                problem = _path_problem(path, ast.unparse(node), scope)
                node = ast.Constant(None)  # the parts of the path are seen
            elif isinstance(node, ast.Attribute):
                problem = _attribute_problem(node, id(node) in called)
            elif isinstance(node.ctx, ast.Load) and node.id not in local and node.id not in scope.values:
                problem = _name_problem(node.id, id(node) in called)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            problem = Forbidden("@", "the matrix product needs more than plain data")
        elif isinstance(node, ast.comprehension) and node.is_async:
            problem = Forbidden("async for", "it is no plain expression")
        elif isinstance(node, (ast.expr, ast.comprehension)) and not isinstance(node, _KNOWN):
            shown = _NAMED.get(type(node), type(node).__name__)
            problem = Forbidden(shown, "the interpreter of expressions does not know it")
        if problem is not None:
            yield problem
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


_KNOWN = (
    ast.Attribute, ast.BinOp, ast.BoolOp, ast.Call, ast.Compare, ast.Constant, ast.Dict, ast.DictComp,
    ast.FormattedValue, ast.GeneratorExp, ast.IfExp, ast.JoinedStr, ast.List, ast.ListComp, ast.Name, ast.Set,
    ast.SetComp, ast.Slice, ast.Starred, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.comprehension,
)  # fmt: skip


def _path_problem(path: str, shown: str, scope: Scope) -> Forbidden | None:
    if allowance.is_constant(path) or allowance.is_pure(path):
        return None
    try:
        allowance.find_target(path, scope.locator)
    except Forbidden as problem:
        return Forbidden(shown, problem.reason) if shown == path else Forbidden(f"{shown} ({path})", problem.reason)
    return None


def _attribute_problem(node: ast.Attribute, is_called: bool) -> Forbidden | None:
    if node.attr.startswith("_"):
        return Forbidden(f".{node.attr}", "attributes that begin with '_' are private")
    if node.attr not in safe_values.METHOD_NAMES and not allowance.is_method_name(node.attr):
        return Forbidden(f".{node.attr}", "it is no listed method")
    return None if is_called else Forbidden(f".{node.attr}", "a method can be called, and is no value")


def _name_problem(name: str, is_called: bool) -> Forbidden | None:
    if name in safe_values.FUNCTIONS:
        return None if is_called else Forbidden(name, "a function can be called, and is no value")
    if name == "env" or hasattr(builtins, name):
        return Forbidden(name, "it is not on the list of functions")
    return None  # a reference, or a name that nobody knows


# --- evaluating ---


def evaluate(tree: ast.expr, scope: Scope, budget: Budget) -> Any:
    """Evaluate an expression.

    Args:
        tree: see `parse`.
        scope: its names.
        budget: the work it may do.

    Raises:
        Forbidden: for what is not allowed.
        Exception: what the expression raises in Python, too.
    """
    return _Evaluation(scope, budget).value(tree, {})


_Locals = dict[str, Any]


class _Evaluation:
    def __init__(self, scope: Scope, budget: Budget) -> None:
        self.scope = scope
        self.budget = budget

    def value(self, node: ast.AST, local: _Locals) -> Any:
        self.budget.spend()
        evaluate = _EVALUATE.get(type(node))
        if evaluate is None:
            raise Forbidden(_NAMED.get(type(node), type(node).__name__), "the interpreter does not know it")
        return evaluate(self, node, local)

    def constant(self, node: ast.Constant, local: _Locals) -> Any:
        if type(node.value) not in _CONSTANTS:
            raise Forbidden(type(node.value).__name__, "it is no plain value")
        return safe_values.checked(node.value, self.budget)

    def name(self, node: ast.Name, local: _Locals) -> Any:
        if node.id in local:
            return local[node.id]
        if node.id in self.scope.values:
            return self.scope.values[node.id]
        if node.id in self.scope.symbols:
            return self.path(self.scope.symbols[node.id], node)
        if node.id in safe_values.FUNCTIONS:
            raise Forbidden(node.id, "a function can be called, and is no value")
        raise NameError(f"name '{node.id}' is not defined", name=node.id)

    def attribute(self, node: ast.Attribute, local: _Locals) -> Any:
        path = _path(node, self.scope, local)
        if path is None:
            raise Forbidden(f".{node.attr}", "attributes can only be called, as listed methods")
        return self.path(path, node)

    def path(self, path: str, node: ast.expr) -> Any:
        """Give what a dotted path stands for: a constant, or a callable of the list as a value."""
        constant = allowance.find_constant(path)
        if constant is not None:
            return constant[0]
        found = self.callable(path, node)
        if allowance.is_guarded(found):
            raise Forbidden(ast.unparse(node), "it can be called with certain arguments only, and is no value")
        return found

    def callable(self, path: str, node: ast.expr) -> Any:
        try:
            found = allowance.find_target(path, self.scope.locator)
        except Forbidden as problem:
            raise Forbidden(ast.unparse(node), problem.reason) from None
        if isinstance(found, Missing):
            raise AttributeError(found.reason)
        return found.callable

    def call(self, node: ast.Call, local: _Locals) -> Any:
        function = node.func
        if isinstance(function, ast.Name) and not (
            function.id in local or function.id in self.scope.values or function.id in self.scope.symbols
        ):
            known = safe_values.FUNCTIONS.get(function.id)
            if known is None:
                raise NameError(f"name '{function.id}' is not defined", name=function.id)
            positional, keywords = self.arguments(node, local)
            return known(self.budget, *positional, **keywords)
        path = _path(function, self.scope, local)
        if path is not None:
            pure = allowance.find_pure(path)
            if pure is not None:
                return safe_values.call_pure(pure, *self.arguments(node, local), self.budget)
            return self.built(self.callable(path, function), *self.arguments(node, local))
        if isinstance(function, ast.Attribute):
            if function.attr.startswith("_"):
                raise Forbidden(f".{function.attr}", "attributes that begin with '_' are private")
            owner = self.value(function.value, local)
            positional, keywords = self.arguments(node, local)
            if safe_values.is_plain(owner):
                return safe_values.call_method(owner, function.attr, positional, keywords, self.budget)
            return allowance.find_method(owner, function.attr)(owner, *positional, **keywords)
        return self.built(self.value(function, local), *self.arguments(node, local))

    def built(self, target: Any, positional: list[Any], keywords: dict[str, Any]) -> Any:
        """Call what is on the list of callables."""
        target, positional, keywords = allowance.unwrapped(target, positional, keywords)
        allowance.check_arguments(target, positional, keywords)
        safe_values.weigh([positional, keywords], self.budget)
        return target(*positional, **keywords)

    def arguments(self, node: ast.Call, local: _Locals) -> tuple[list[Any], dict[str, Any]]:
        positional = self.items(node.args, local)
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, local)
            given = {keyword.arg: value} if keyword.arg is not None else self.mapping(value)
            for name, each in given.items():
                if type(name) is not str:
                    raise TypeError("keywords must be strings")
                if name in keywords:
                    raise TypeError(f"got multiple values for keyword argument '{name}'")
                keywords[name] = each
        return positional, keywords

    def mapping(self, value: Any) -> Mapping[Any, Any]:
        if type(value) not in (dict, OrderedDict):
            raise Forbidden("**", "only a plain mapping can be unpacked")
        self.budget.spend(len(value))
        return value  # type: ignore[no-any-return]

    def items(self, nodes: list[ast.expr], local: _Locals) -> list[Any]:
        values: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values.extend(safe_values.iterate(self.value(node.value, local), self.budget))
            else:
                values.append(self.value(node, local))
        return values

    def list_display(self, node: ast.List, local: _Locals) -> Any:
        return safe_values.checked(self.items(node.elts, local), self.budget)

    def tuple_display(self, node: ast.Tuple, local: _Locals) -> Any:
        return safe_values.checked(tuple(self.items(node.elts, local)), self.budget)

    def set_display(self, node: ast.Set, local: _Locals) -> Any:
        return safe_values.FUNCTIONS["set"](self.budget, self.items(node.elts, local))

    def dict_display(self, node: ast.Dict, local: _Locals) -> Any:
        made: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                made.update(self.mapping(self.value(value, local)))
            else:
                name = self.key(self.value(key, local))
                made[name] = self.value(value, local)
        return safe_values.checked(made, self.budget)

    def key(self, value: Any) -> Any:
        safe_values.weigh(value, self.budget, plain=True)
        return value

    def binary(self, node: ast.BinOp, local: _Locals) -> Any:
        known = _BINARY.get(type(node.op))
        if known is None:
            raise Forbidden(type(node.op).__name__, "the interpreter does not know this operator")
        left, right = self.value(node.left, local), self.value(node.right, local)
        return safe_values.binary(*known, left, right, self.budget)

    def unary(self, node: ast.UnaryOp, local: _Locals) -> Any:
        symbol, apply = _UNARY[type(node.op)]
        operand = self.value(node.operand, local)
        if symbol == "not":
            return not self.truth(operand)
        safe_values.require_plain(operand, symbol)
        return safe_values.checked(apply(operand), self.budget)

    def truth(self, value: Any) -> bool:
        safe_values.require_plain(value, "whether it is true")
        return bool(value)

    def logic(self, node: ast.BoolOp, local: _Locals) -> Any:
        wanted = isinstance(node.op, ast.Or)
        value: Any = None
        for index, operand in enumerate(node.values):
            value = self.value(operand, local)
            if index < len(node.values) - 1 and self.truth(value) is wanted:
                return value
        return value

    def compare(self, node: ast.Compare, local: _Locals) -> Any:
        left = self.value(node.left, local)
        result: Any = True
        for operation, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator, local)
            result = self.compared(operation, left, right)
            if not result:
                return result
            left = right
        return result

    def compared(self, operation: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(operation, ast.Is):
            return left is right
        if isinstance(operation, ast.IsNot):
            return left is not right
        if isinstance(operation, (ast.Eq, ast.NotEq)) and (left is None or right is None):
            return (left is right) is isinstance(operation, ast.Eq)
        symbol, apply = _COMPARE[type(operation)]
        safe_values.require_plain(left, symbol)
        safe_values.require_plain(right, symbol)
        if symbol in ("in", "not in"):
            right = safe_values.listed(right, self.budget)
        safe_values.weigh([left, right], self.budget, plain=True)
        return apply(left, right)

    def choice(self, node: ast.IfExp, local: _Locals) -> Any:
        return self.value(node.body if self.truth(self.value(node.test, local)) else node.orelse, local)

    def subscript(self, node: ast.Subscript, local: _Locals) -> Any:
        owner = self.value(node.value, local)
        safe_values.require_plain(owner, "[]")
        if isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            values = [None if bound is None else self.value(bound, local) for bound in bounds]
            for value in values:
                safe_values.require_plain(value, "[:]")
            return safe_values.checked(owner[slice(*values)], self.budget)
        key = self.value(node.slice, local)
        safe_values.require_plain(key, "[]")
        return owner[self.key(key)]

    def joined(self, node: ast.JoinedStr, local: _Locals) -> Any:
        return safe_values.checked("".join([self.value(part, local) for part in node.values]), self.budget)

    def formatted(self, node: ast.FormattedValue, local: _Locals) -> Any:
        value = self.value(node.value, local)
        conversions: dict[int, Callable[[Any], str]] = {115: str, 114: repr, 97: ascii}
        write = conversions.get(node.conversion)
        if write is not None:
            value = safe_values.text_of(value, self.budget, write)
        spec = "" if node.format_spec is None else self.value(node.format_spec, local)
        return safe_values.formatted(value, spec, self.budget)

    # --- comprehensions ---

    def rounds(self, generators: list[ast.comprehension], local: _Locals) -> Iterator[_Locals]:
        """Give the variables for each round of a comprehension."""
        first, *rest = generators
        if first.is_async:
            raise Forbidden("async for", "the interpreter does not know it")
        for item in safe_values.iterate(self.value(first.iter, local), self.budget):
            inner = dict(local)
            self.bind(first.target, item, inner)
            if all(self.truth(self.value(condition, inner)) for condition in first.ifs):
                if rest:
                    yield from self.rounds(rest, inner)
                else:
                    yield inner

    def bind(self, target: ast.expr, value: Any, local: _Locals) -> None:
        if isinstance(target, ast.Name):
            local[target.id] = value
            return
        if not isinstance(target, (ast.Tuple, ast.List)) or any(isinstance(e, ast.Starred) for e in target.elts):
            raise Forbidden("for", "it takes names, or tuples of names")
        values = list(safe_values.iterate(value, self.budget))
        if len(values) != len(target.elts):
            raise ValueError(f"cannot unpack {len(values)} values into {len(target.elts)}")
        for each, item in zip(target.elts, values, strict=True):
            self.bind(each, item, local)

    def list_of(self, node: ast.ListComp, local: _Locals) -> Any:
        return safe_values.checked([self.value(node.elt, i) for i in self.rounds(node.generators, local)], self.budget)

    def set_of(self, node: ast.SetComp, local: _Locals) -> Any:
        values = [self.value(node.elt, inner) for inner in self.rounds(node.generators, local)]
        return safe_values.FUNCTIONS["set"](self.budget, values)

    def dict_of(self, node: ast.DictComp, local: _Locals) -> Any:
        pairs = []
        for inner in self.rounds(node.generators, local):
            key = self.key(self.value(node.key, inner))
            hash(key)  # raises what Python raises before it computes the value
            pairs.append((key, self.value(node.value, inner)))
        return safe_values.FUNCTIONS["dict"](self.budget, pairs)

    def items_of(self, node: ast.GeneratorExp, local: _Locals) -> Any:
        """Give an iterator; unlike Python, all items are computed at once."""
        return iter([self.value(node.elt, inner) for inner in self.rounds(node.generators, local)])


_EVALUATE: Mapping[type[ast.AST], Callable[[_Evaluation, Any, _Locals], Any]] = {
    ast.Attribute: _Evaluation.attribute,
    ast.BinOp: _Evaluation.binary,
    ast.BoolOp: _Evaluation.logic,
    ast.Call: _Evaluation.call,
    ast.Compare: _Evaluation.compare,
    ast.Constant: _Evaluation.constant,
    ast.Dict: _Evaluation.dict_display,
    ast.DictComp: _Evaluation.dict_of,
    ast.FormattedValue: _Evaluation.formatted,
    ast.GeneratorExp: _Evaluation.items_of,
    ast.IfExp: _Evaluation.choice,
    ast.JoinedStr: _Evaluation.joined,
    ast.List: _Evaluation.list_display,
    ast.ListComp: _Evaluation.list_of,
    ast.Name: _Evaluation.name,
    ast.Set: _Evaluation.set_display,
    ast.SetComp: _Evaluation.set_of,
    ast.Subscript: _Evaluation.subscript,
    ast.Tuple: _Evaluation.tuple_display,
    ast.UnaryOp: _Evaluation.unary,
}
