"""Read the source of a module into facts."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from bundle_engine.inspection.targets.bindings import Bind, Choice, Event, Need, Star, Try, compile_names, imports_in
from bundle_engine.inspection.targets.conditions import truth_of
from bundle_engine.inspection.targets.exports import exports_of
from bundle_engine.inspection.targets.facts import (
    CLASS,
    DELETED,
    FOUND,
    FROM,
    FUNCTION,
    MODULE,
    OPTIONAL,
    UNKNOWN,
    VALUE,
    ClassFacts,
    ModuleFacts,
    Step,
)
from bundle_engine.inspection.targets.rows import Rows
from bundle_engine.inspection.targets.shapes import dotted

__all__ = ["module_facts", "parse"]

# what a module holds that may bind names of it while it runs; the words are looked for first, which is faster
_DYNAMIC_WORDS = ("globals(", "vars()", "locals()", "exec(", "modules[__name__")
_DYNAMIC = re.compile(r"\b(?:globals|vars|locals)\(\s*\)|\bexec\(|\bmodules\[__name__")
_REPLACED = re.compile(r"\bmodules\s*\[\s*__name__\s*\]\s*=[^=]")
_GLOBALS = re.compile(r"^[ \t]+global[ \t]+([\w, \t]+)", re.MULTILINE)
_IMPORT_FAILS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def parse(source: str) -> ast.Module:
    """Parse source, without the warnings that its author would see.

    Raises:
        SyntaxError: when it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "it is nested too deep") from None


def module_facts(tree: ast.Module, source: str, module: str, *, package: bool) -> tuple[ModuleFacts, list[Step]]:
    """Give the facts of a parsed module, and the imports that it makes.

    Args:
        tree: what `parse` gave.
        source: the text that it was parsed from.
        module: its dotted name.
        package: whether it is the ``__init__`` of a package, for relative imports.
    """
    reader = _Reader(source, module, package=package)
    events = [*reader.block(tree.body), *_global_statements(source)]
    names, otherwise = compile_names(events)
    exports, known = exports_of(tree.body)
    found = ModuleFacts(
        dict(names),
        otherwise,
        exports,
        known,
        "__getattr__" in names or reader.dynamic or _is_dynamic(source),
        "modules[__name__" in source and _REPLACED.search(source) is not None,
        _patches(reader.patched, names),
    )
    return found, imports_in(events)


def _patches(patched: dict[str, set[str]], names: dict[str, Step]) -> dict[str, list[str]]:
    """Give what is set on classes from outside; what sets the constructor of one not named counts for all."""
    found = {name: sorted(attributes) for name, attributes in patched.items() if name.partition(".")[0] in names}
    unnamed = {a for name, attributes in patched.items() for a in attributes if names.get(name, [""])[0] != CLASS}
    if constructors := sorted(unnamed & {"__init__", "__new__", "__call__"}):
        found["*"] = constructors
    return found


def _is_dynamic(source: str) -> bool:
    """Tell whether source holds what may bind names while it runs."""
    return any(word in source for word in _DYNAMIC_WORDS) and _DYNAMIC.search(source) is not None


class _Reader:
    """Turn statements into events; what patches classes from outside is noted on the way."""

    def __init__(self, source: str, module: str, *, package: bool) -> None:
        self.rows = Rows(source)
        self.parents = module.split(".") if package else module.split(".")[:-1]
        self.patched: dict[str, set[str]] = {}
        self.dynamic = False

    # --- statements ---

    def block(self, statements: Iterable[ast.stmt], *, in_class: bool = False) -> list[Event]:
        events: list[Event] = []
        for statement in statements:
            events.extend(self.statement(statement, in_class))
        return events

    def statement(self, node: ast.stmt, in_class: bool) -> Iterable[Event]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if any(dotted(d).rpartition(".")[2] == "overload" for d in node.decorator_list):
                return ()
            return (Bind(node.name, [FUNCTION, self.rows.function(node, method=in_class)]),)
        if isinstance(node, ast.ClassDef):
            if any(dotted(d).rpartition(".")[2] == "global_enum" for d in node.decorator_list):
                self.dynamic = True  # it puts the members of the class beside the class
            return (Bind(node.name, [CLASS, self.class_(node)]),)
        if isinstance(node, ast.Import):
            return self.imports(node)
        if isinstance(node, ast.ImportFrom):
            return self.imports_from(node)
        if isinstance(node, ast.Assign):
            return [event for target in node.targets for event in self.assign(target, node.value, node.lineno)]
        if isinstance(node, ast.AnnAssign):
            return self.assign(node.target, node.value, node.lineno) if node.value is not None else ()
        if isinstance(node, ast.AugAssign):
            return self.assign(node.target, None, node.lineno)
        if isinstance(node, ast.Delete):
            return [Bind(name, [DELETED]) for target in node.targets for name in _names_in(target)]
        if isinstance(node, ast.Expr):
            self.note_call(node.value)
            return _walrus(node.value)
        return self.compound(node, in_class)

    def compound(self, node: ast.stmt, in_class: bool) -> Iterable[Event]:
        if isinstance(node, ast.If):
            truth = truth_of(node.test)
            if truth is not None:
                return self.block(node.body if truth else node.orelse, in_class=in_class)
            one, other = self.block(node.body, in_class=in_class), self.block(node.orelse, in_class=in_class)
            if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
                return (Choice(other, one, dotted(node.test.operand)),)
            return (*_walrus(node.test), Choice(one, other, dotted(node.test)))
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            targets = self.assign(node.target, None, node.lineno) if not isinstance(node, ast.While) else []
            body = [*targets, *self.block([*node.body, *node.orelse], in_class=in_class)]
            return (Choice(body, ()),)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            body = [
                event
                for item in node.items
                if item.optional_vars is not None
                for event in self.assign(item.optional_vars, None, node.lineno)
            ]
            body += self.block(node.body, in_class=in_class)
            managers = [dotted(i.context_expr.func) for i in node.items if isinstance(i.context_expr, ast.Call)]
            if any(name.rpartition(".")[2] == "suppress" for name in managers):
                return (Try(body, (), ((),), all(map(_is_pure, node.body))),)
            return body
        if isinstance(node, ast.Match):
            return [Choice(self.block(case.body, in_class=in_class), ()) for case in node.cases]
        if type(node).__name__ in ("Try", "TryStar"):  # Python 3.10 has only the first
            return self.try_(cast("ast.Try", node), in_class)
        return ()

    def try_(self, node: ast.Try, in_class: bool) -> Iterable[Event]:
        body = self.block([*node.body, *node.orelse], in_class=in_class)
        failed: Sequence[Event] | None = None
        others: list[Sequence[Event]] = []
        met = False
        for handler in node.handlers:
            raises = bool(handler.body) and isinstance(handler.body[-1], (ast.Raise, ast.Return))
            events = None if raises else self.block(handler.body, in_class=in_class)
            if not met and _catches_imports(handler.type):
                failed, met = events, True
            if events is not None:
                others.append(events)
        pure = all(map(_is_pure, node.body))
        return (Try(body, failed, others, pure), *self.block(node.finalbody, in_class=in_class))

    def class_(self, node: ast.ClassDef) -> ClassFacts:
        names, otherwise = compile_names(self.block(node.body, in_class=True))
        return self.rows.class_(node, names, dynamic=bool(otherwise) or _sets_locals(node))

    def imports(self, node: ast.Import) -> Iterator[Event]:
        for alias in node.names:
            yield Need(alias.name, "", node.lineno)
            if alias.asname:
                yield Bind(alias.asname, [MODULE, alias.name])
            else:
                top = alias.name.partition(".")[0]
                yield Bind(top, [MODULE, top])

    def imports_from(self, node: ast.ImportFrom) -> Iterator[Event]:
        base = node.module or ""
        if node.level:
            parents = self.parents[: len(self.parents) - node.level + 1]
            base = ".".join((*parents, base) if base else parents)
        for alias in node.names:
            if base == "__future__":
                yield Bind(alias.asname or alias.name, [VALUE, "", node.lineno, UNKNOWN])
            elif alias.name == "*":
                yield Need(base, "", node.lineno)
                yield Star(base)
            else:
                yield Need(base, alias.name, node.lineno)
                yield Bind(alias.asname or alias.name, [FROM, base, alias.name])

    def assign(self, target: ast.expr, value: ast.expr | None, line: int) -> list[Event]:
        if isinstance(target, ast.Name):
            return [Bind(target.id, self.rows.value(value, line)), *(_walrus(value) if value is not None else ())]
        if isinstance(target, (ast.Tuple, ast.List)):
            steps = _optional_import(value)
            if steps and len(target.elts) == 2:
                pairs = zip(target.elts, steps, strict=True)
                return [Bind(e.id, step) for e, step in pairs if isinstance(e, ast.Name)]
            values: Sequence[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                values = value.elts
            both = zip(target.elts, values, strict=True)
            return [event for element, one in both for event in self.assign(element, one, line)]
        if isinstance(target, ast.Starred):
            return self.assign(target.value, None, line)
        if isinstance(target, ast.Attribute) and (owner := dotted(target.value)):
            self.patched.setdefault(owner, set()).add(target.attr)
        return []

    def note_call(self, node: ast.expr) -> None:
        """Note what a bare call at module level does to names that are already there."""
        if isinstance(node, ast.Call) and dotted(node.func).endswith("._convert_"):
            self.dynamic = True  # an enumeration that is made of names and put beside them
        elif isinstance(node, ast.Call) and dotted(node.func) in ("setattr", "delattr") and node.args:
            owner = dotted(node.args[0])
            if not owner or owner == "self":
                self.dynamic = True
                return
            name = node.args[1] if len(node.args) > 1 else None
            known = isinstance(name, ast.Constant) and isinstance(name.value, str)
            self.patched.setdefault(owner, set()).add(name.value if known else "*")  # type: ignore[union-attr]


def _names_in(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id


def _walrus(node: ast.expr) -> list[Event]:
    """Give the names that an expression binds by ``:=``."""
    if not isinstance(node, (ast.Compare, ast.BoolOp, ast.NamedExpr, ast.UnaryOp)):
        return []
    found = [part for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
    return [Bind(part.target.id, [VALUE, "", part.lineno, UNKNOWN]) for part in found]


def _optional_import(node: ast.expr | None) -> tuple[Step, Step] | None:
    """Read MONAI's ``optional_import("module", name="name")``: the import that it makes, and its success."""
    if not isinstance(node, ast.Call) or dotted(node.func).rpartition(".")[2] != "optional_import":
        return None
    given: dict[str, ast.expr] = dict(zip(("module", "version", "version_checker", "name"), node.args, strict=False))
    given.update({keyword.arg: keyword.value for keyword in node.keywords if keyword.arg})
    module, name = given.get("module"), given.get("name", ast.Constant(""))
    if not isinstance(module, ast.Constant) or not isinstance(module.value, str):
        return None
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return None
    return [OPTIONAL, module.value, name.value], [FOUND, module.value, name.value, "version" in given]


def _is_pure(node: ast.stmt) -> bool:
    """Tell whether nothing but an import can fail in a statement."""
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.Constant) and all(isinstance(t, ast.Name) for t in node.targets)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return not node.decorator_list
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass))


def _catches_imports(node: ast.expr | None) -> bool:
    if node is None:
        return True
    nodes = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(dotted(one) in _IMPORT_FAILS for one in nodes)


def _sets_locals(node: ast.ClassDef) -> bool:
    """Tell whether a class body calls ``vars()`` or ``locals()`` itself."""
    for statement in node.body:
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for part in ast.walk(statement):
                if isinstance(part, ast.Call) and dotted(part.func) in ("vars", "locals", "exec"):
                    return True
    return False


def _global_statements(source: str) -> Iterator[Event]:
    """Give the names that functions may bind through ``global``."""
    for found in _GLOBALS.finditer(source) if "global " in source else ():
        for name in found[1].replace(",", " ").split():
            yield Choice((Bind(name, [VALUE, "", 0, UNKNOWN]),), ())
