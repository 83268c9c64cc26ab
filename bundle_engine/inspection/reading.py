"""Read the source of a module into facts."""

from __future__ import annotations

import ast
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence

from bundle_engine.inspection.bindings import Bind, Choice, Event, Need, Star, Try, compile_names, imports_in
from bundle_engine.inspection.facts import (
    ALIAS,
    CLASS,
    DELETED,
    FOUND,
    FROM,
    FUNCTION,
    LAMBDA,
    MODULE,
    OPTIONAL,
    UNKNOWN,
    VALUE,
    ClassFacts,
    DecoratorFacts,
    FieldFacts,
    FunctionFacts,
    ModuleFacts,
    ParameterFacts,
    Step,
)
from bundle_engine.inspection.shapes import dotted, shape_of

__all__ = ["module_facts", "parse"]

_MOST_TEXT = 300  # characters of a default, an annotation or a value
# what a module holds that may bind names of it while it runs; the words are looked for first, which is faster
_DYNAMIC_WORDS = ("globals(", "vars()", "locals()", "exec(", "modules[__name__")
_DYNAMIC = re.compile(r"\b(?:globals|vars|locals)\(\s*\)|\bexec\(|\bmodules\[__name__")
_REPLACED = re.compile(r"\bmodules\s*\[\s*__name__\s*\]\s*=[^=]")
_GLOBALS = re.compile(r"^[ \t]+global[ \t]+([\w, \t]+)", re.MULTILINE)
_IMPORT_FAILS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})

# the kinds of `inspect.Parameter`
_POSITIONAL_ONLY, _EITHER, _VAR_POSITIONAL, _KEYWORD_ONLY, _VAR_KEYWORD = range(5)


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
    exports, known = _exports(tree.body)
    found = ModuleFacts(
        names,
        otherwise,
        exports,
        known,
        "__getattr__" in names or reader.dynamic or _is_dynamic(source),
        "modules[__name__" in source and _REPLACED.search(source) is not None,
        {name: sorted(attributes) for name, attributes in reader.patched.items()},
    )
    return found, imports_in(events)


def _is_dynamic(source: str) -> bool:
    """Tell whether source holds what may bind names while it runs."""
    return any(word in source for word in _DYNAMIC_WORDS) and _DYNAMIC.search(source) is not None


class _Reader:
    """Turn statements into events; what patches classes from outside is noted on the way."""

    def __init__(self, source: str, module: str, *, package: bool) -> None:
        self.lines = source.split("\n")
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
            return (Bind(node.name, [FUNCTION, self.function(node, in_class)]),)
        if isinstance(node, ast.ClassDef):
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
            truth = _truth(node.test)
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
        if isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            return self.try_(node, in_class)
        return ()

    def try_(self, node: ast.stmt, in_class: bool) -> Iterable[Event]:
        assert isinstance(node, ast.Try) or hasattr(node, "handlers")
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

    def imports(self, node: ast.Import) -> Iterator[Event]:
        for alias in node.names:
            yield Need(alias.name, "")
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
                yield Need(base, "")
                yield Star(base)
            else:
                yield Need(base, alias.name)
                yield Bind(alias.asname or alias.name, [FROM, base, alias.name])

    def assign(self, target: ast.expr, value: ast.expr | None, line: int) -> list[Event]:
        if isinstance(target, ast.Name):
            return [Bind(target.id, self.value(value, line)), *(_walrus(value) if value is not None else ())]
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
        if isinstance(node, ast.Call) and dotted(node.func) in ("setattr", "delattr") and node.args:
            owner = dotted(node.args[0])
            if not owner or owner == "self":
                self.dynamic = True
                return
            name = node.args[1] if len(node.args) > 1 else None
            known = isinstance(name, ast.Constant) and isinstance(name.value, str)
            self.patched.setdefault(owner, set()).add(name.value if known else "*")  # type: ignore[union-attr]

    # --- definitions ---

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, in_class: bool) -> FunctionFacts:
        static = any(dotted(d) == "staticmethod" for d in node.decorator_list)
        return FunctionFacts(
            node.lineno,
            _doc(node),
            self.decorators(node.decorator_list),
            self.parameters(node.args),
            shape_of(node, method=in_class and not static),
        )

    def parameters(self, arguments: ast.arguments) -> list[ParameterFacts]:
        found = []
        positional = [*arguments.posonlyargs, *arguments.args]
        without = len(positional) - len(arguments.defaults)
        for number, argument in enumerate(positional):
            kind = _POSITIONAL_ONLY if number < len(arguments.posonlyargs) else _EITHER
            found.append(self.parameter(argument, kind, arguments.defaults[number - without] if number >= without else None))
        if arguments.vararg:
            found.append(self.parameter(arguments.vararg, _VAR_POSITIONAL, None))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            found.append(self.parameter(argument, _KEYWORD_ONLY, default))
        if arguments.kwarg:
            found.append(self.parameter(arguments.kwarg, _VAR_KEYWORD, None))
        return found

    def parameter(self, argument: ast.arg, kind: int, default: ast.expr | None) -> ParameterFacts:
        return ParameterFacts(
            argument.arg,
            kind,
            None if default is None else self.text(default),
            None if argument.annotation is None else self.text(argument.annotation),
        )

    def class_(self, node: ast.ClassDef) -> ClassFacts:
        bases = [dotted(base.value if isinstance(base, ast.Subscript) else base) for base in node.bases]
        metaclass: str | None = None
        for keyword in node.keywords:
            if keyword.arg == "metaclass":
                metaclass = dotted(keyword.value)
            elif keyword.arg is None:
                bases.append("")
        names, otherwise = compile_names(self.block(node.body, in_class=True))
        wanted = node.decorator_list or any(base.endswith("NamedTuple") for base in bases)
        return ClassFacts(
            node.lineno,
            _doc(node),
            self.decorators(node.decorator_list),
            bases,
            metaclass,
            names,
            list(self.fields(node.body)) if wanted else [],
            bool(otherwise) or _sets_locals(node),
        )

    def fields(self, body: Sequence[ast.stmt]) -> Iterator[FieldFacts]:
        keyword_only: bool | None = None
        for statement in body:
            if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
                continue
            annotation = self.text(statement.annotation)
            if annotation.rpartition(".")[2] == "KW_ONLY":
                keyword_only = True
                continue
            default = None if statement.value is None else self.text(statement.value)
            init, only = True, keyword_only
            value = statement.value
            if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] == "field":
                keywords = {k.arg: self.text(k.value) for k in value.keywords if k.arg}
                factory = keywords.get("default_factory")
                default = keywords.get("default", f"{factory}()" if factory else None)
                init = keywords.get("init") != "False"
                only = {"True": True, "False": False}.get(keywords.get("kw_only", ""), keyword_only)
            yield FieldFacts(statement.target.id, annotation, default, init, only)

    def decorators(self, nodes: Sequence[ast.expr]) -> list[DecoratorFacts]:
        found = []
        for node in nodes:
            if not isinstance(node, ast.Call):
                found.append(DecoratorFacts(dotted(node), False, [], {}))
                continue
            arguments = [self.constant(argument) for argument in node.args]
            keywords = {k.arg: self.constant(k.value) for k in node.keywords if k.arg}
            found.append(DecoratorFacts(dotted(node.func), True, arguments, keywords))
        return found

    # --- expressions ---

    def value(self, node: ast.expr | None, line: int) -> Step:
        if node is None:
            return [VALUE, "", line, UNKNOWN]
        if name := dotted(node):
            return [ALIAS, name, line]
        if isinstance(node, ast.Lambda):
            return [VALUE, self.text(node), line, LAMBDA]
        if isinstance(node, ast.Call):
            return [VALUE, self.text(node), line, dotted(node.func) or UNKNOWN]
        plain = isinstance(node, (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr))
        return [VALUE, self.text(node), line, "" if plain else UNKNOWN]

    def constant(self, node: ast.expr) -> str:
        """Give a text constant's value; the source of anything else."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self.text(node)

    def text(self, node: ast.expr) -> str:
        """Give the source of an expression in one line."""
        line = self.lines[node.lineno - 1]
        if node.end_lineno != node.lineno:
            text = ast.unparse(node)
        elif line.isascii():
            text = line[node.col_offset : node.end_col_offset]
        else:  # columns count bytes
            text = line.encode()[node.col_offset : node.end_col_offset].decode()
        return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _doc(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """Give the first line of a docstring."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value.value.strip().partition("\n")[0].strip()[:_MOST_TEXT]
    return ""


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


def _truth(node: ast.expr) -> bool | None:
    """Tell how a condition turns out that depends on the interpreter only."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(node.operand)
        return None if inner is None else not inner
    if isinstance(node, ast.BoolOp):
        truths = [_truth(value) for value in node.values]
        decisive = isinstance(node.op, ast.Or)
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive
    name = dotted(node)
    if name:
        return False if name.rpartition(".")[2] == "TYPE_CHECKING" else None
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(dotted(node.left), node.ops[0], node.comparators[0])
    return None


def _compared(name: str, operator: ast.cmpop, other: ast.expr) -> bool | None:
    """Compare what is known of the interpreter with a literal."""
    known = {"sys.version_info": tuple(sys.version_info[:3]), "sys.platform": sys.platform, "os.name": os.name}
    if name not in known:
        return None
    try:
        value = ast.literal_eval(other)
    except ValueError:
        return None
    mine = known[name]
    if type(value) is not type(mine):
        return None
    if isinstance(operator, ast.GtE):
        return bool(mine >= value)
    if isinstance(operator, ast.Lt):
        return bool(mine < value)
    if isinstance(operator, ast.Eq) and isinstance(value, str):
        return bool(mine == value)
    if isinstance(operator, ast.NotEq) and isinstance(value, str):
        return bool(mine != value)
    return None


def _global_statements(source: str) -> Iterator[Event]:
    """Give the names that functions may bind through ``global``."""
    for found in _GLOBALS.finditer(source) if "global " in source else ():
        for name in found[1].replace(",", " ").split():
            yield Choice((Bind(name, [VALUE, "", 0, UNKNOWN]),), ())


def _exports(body: Sequence[ast.stmt]) -> tuple[list[str] | None, bool]:
    """Read ``__all__``; also tell whether all of it could be read."""
    names: list[str] | None = None
    known = True
    for node in body:
        if isinstance(node, ast.Assign) and any(dotted(t) == "__all__" for t in node.targets):
            names, known = _strings(node.value)
        elif isinstance(node, ast.AnnAssign) and dotted(node.target) == "__all__" and node.value is not None:
            names, known = _strings(node.value)
        elif isinstance(node, ast.AugAssign) and dotted(node.target) == "__all__":
            more, complete = _strings(node.value)
            names, known = [*(names or ()), *more], known and complete
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = dotted(node.value.func)
            if called in ("__all__.extend", "__all__.append") and node.value.args:
                argument = node.value.args[0]
                listed = argument if called == "__all__.extend" else ast.List([argument], ast.Load())
                more, complete = _strings(listed)
                names, known = [*(names or ()), *more], known and complete
            elif called.startswith("__all__."):
                known = False
        elif isinstance(node, (ast.If, ast.Try, ast.For, ast.With)):
            known = known and not any(map(_changes_exports, ast.walk(node)))
    return names, known


def _changes_exports(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return dotted(node.value) == "__all__"
    return isinstance(node, ast.Name) and node.id == "__all__" and isinstance(node.ctx, ast.Store)


def _strings(node: ast.expr) -> tuple[list[str], bool]:
    """Give the text constants of a list display, and whether there is nothing else in it."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return [], False
    texts = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return texts, len(texts) == len(node.elts)
