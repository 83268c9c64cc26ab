"""Tell from its source what a decorator does to the thing that it decorates.

Only what is plain is told: a decorator that gives the thing back, one that gives a `functools.wraps` wrapper which
hands all arguments on, and functions that make such decorators.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from bundle_engine.inspection.targets.facts import MAKES, SAME, WRAPS

__all__ = ["dotted", "gives_instance", "shape_of"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# attributes that decide how a class or function is called
_CALLING = frozenset({"__init__", "__new__", "__call__", "__signature__", "__wrapped__", "__code__", "__defaults__"})


def dotted(node: ast.expr | None) -> str:
    """Write ``a.b.c`` as text; an empty string for any other expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def shape_of(function: _Function, *, method: bool = False) -> str:
    """Tell what a function does to a thing that it decorates; an empty string where that is not plain.

    Args:
        function: the function.
        method: whether its first parameter is `self` or `cls`.
    """
    last = function.body[-1]
    if not isinstance(last, ast.Return) or not isinstance(last.value, (ast.Name, ast.Lambda, ast.Call)):
        return ""  # most functions; the rest takes longer
    if isinstance(last.value, ast.Call) and not isinstance(last.value.func, ast.Name):
        return ""
    if isinstance(function, ast.AsyncFunctionDef) or _is_generator(function):
        return ""
    parameters = [*function.args.posonlyargs, *function.args.args][int(method) :]
    thing = parameters[0].arg if parameters else ""
    inner = {node.name: node for node in _statements(function.body) if isinstance(node, ast.FunctionDef)}
    if isinstance(last.value, ast.Name) and last.value.id not in (thing, *inner):
        return ""
    returns = [node.value for node in _statements(function.body) if isinstance(node, ast.Return)]
    if not returns or (thing and _rebound(function, thing)):
        return ""
    shapes = {_returned(value, thing, inner) for value in returns}
    if thing and (patched := _patched(function, thing)):
        if not all(_is_wrapper(inner.get(name), f"{thing}.{attribute}", inner) for attribute, name in patched):
            return ""
        shapes = {WRAPS if shape == SAME else shape for shape in shapes}
    return _merged(shapes)


def gives_instance(function: _Function) -> bool:
    """Tell whether a ``__new__`` gives what the ``__new__`` of another class gives, on all ways out."""
    made = {
        dotted(target)
        for statement in _statements(function.body)
        if isinstance(statement, ast.Assign) and _calls_new(statement.value)
        for target in statement.targets
    }
    returns = [node.value for node in _statements(function.body) if isinstance(node, ast.Return)]
    return bool(returns) and all(
        value is not None and (_calls_new(value) or dotted(value) in made) for value in returns
    )


def _calls_new(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "__new__"


def _merged(shapes: set[str]) -> str:
    """Give the one shape that covers all ways out of a function."""
    if "" in shapes:
        return ""
    if len(shapes) == 1:
        return shapes.pop()
    for prefix in ("", MAKES):
        if shapes == {prefix + SAME, prefix + WRAPS}:
            return prefix + WRAPS
    return ""


def _returned(value: ast.expr | None, thing: str, inner: dict[str, ast.FunctionDef]) -> str:
    """Tell the shape that follows from one ``return``."""
    if isinstance(value, ast.Name):
        if value.id == thing:
            return SAME
        function = inner.get(value.id)
        if function is None:
            return ""
        if thing and _is_wrapper(function, thing, inner):
            return WRAPS
        made = shape_of(function)
        return MAKES + made if made in (SAME, WRAPS) else ""
    if isinstance(value, ast.Lambda):
        first = value.args.args[0].arg if value.args.args else ""
        return MAKES + SAME if first and isinstance(value.body, ast.Name) and value.body.id == first else ""
    if isinstance(value, ast.Call):
        called = dotted(value.func).rpartition(".")[2]
        if called == "cast" and len(value.args) == 2:
            return _returned(value.args[1], thing, inner)
        if called in inner and len(value.args) == 1 and dotted(value.args[0]) == thing and not value.keywords:
            return shape_of(inner[called])
    return ""


def _is_wrapper(function: ast.FunctionDef | None, thing: str, inner: dict[str, ast.FunctionDef]) -> bool:
    """Tell whether a function is marked as a wrapper of `thing` and hands all its arguments on."""
    if function is None or not any(_wraps(node, thing) for node in function.decorator_list):
        return False
    if len(function.decorator_list) > 1:
        return False
    arguments = function.args
    if arguments.kwonlyargs or arguments.defaults or not arguments.vararg or not arguments.kwarg:
        return False
    positional = [*arguments.posonlyargs, *arguments.args]
    if len(positional) > 1 or (positional and positional[0].arg not in ("self", "cls")):
        return False
    return _only_handed_on(function, arguments.vararg.arg, arguments.kwarg.arg)


def _wraps(node: ast.expr, thing: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and dotted(node.func) in ("wraps", "functools.wraps")
        and len(node.args) == 1
        and dotted(node.args[0]) in (thing, f"{thing}.__init__")
    )


def _only_handed_on(function: ast.FunctionDef, positional: str, keyword: str) -> bool:
    """Tell whether ``*args`` and ``**kwargs`` are used for nothing but being handed on together."""
    handed: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            stars = [a.value for a in node.args if isinstance(a, ast.Starred)]
            doubles = [k.value for k in node.keywords if k.arg is None]
            if [dotted(a) for a in stars] == [positional] and [dotted(k) for k in doubles] == [keyword]:
                handed.update((id(stars[0]), id(doubles[0])))
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id in (positional, keyword)]
    return bool(handed) and all(id(node) in handed for node in uses)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Give all statements of a function, without those of functions and classes inside it."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _statements(handler.body)
        for case in getattr(statement, "cases", ()):
            yield from _statements(case.body)


def _is_generator(function: _Function) -> bool:
    return any(
        isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Yield, ast.YieldFrom))
        for statement in _statements(function.body)
    )


def _rebound(function: _Function, name: str) -> bool:
    """Tell whether a function gives one of its parameters another value."""
    for statement in _statements(function.body):
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For)):
            targets = [statement.target]
        if any(isinstance(node, ast.Name) and node.id == name for target in targets for node in ast.walk(target)):
            return True
    return False


def _patched(function: _Function, thing: str) -> list[tuple[str, str]]:
    """Give what a decorator sets on the thing, as far as that changes how it is called: attribute, value."""
    found = []
    for statement in _statements(function.body):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Attribute) and dotted(target.value) == thing and target.attr in _CALLING:
                    found.append((target.attr, dotted(statement.value)))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value
            if dotted(call.func) == "setattr" and call.args and dotted(call.args[0]) == thing:
                name = call.args[1] if len(call.args) > 1 else None
                if not (isinstance(name, ast.Constant) and name.value not in _CALLING):
                    found.append(("*", ""))
    return found
