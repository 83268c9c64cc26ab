"""Write definitions and expressions of a module's source as rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from bundle_engine.inspection.targets.facts import (
    ALIAS,
    FUNCTION,
    INSTANCE,
    UNKNOWN,
    VALUE,
    ClassFacts,
    DecoratorFacts,
    FieldFacts,
    FunctionFacts,
    ParameterFacts,
    Step,
)
from bundle_engine.inspection.targets.shapes import dotted, gives_instance, shape_of

__all__ = ["Rows"]

_MOST_TEXT = 300  # characters of a default, an annotation or a value
# the kinds of `inspect.Parameter`
_POSITIONAL_ONLY, _EITHER, _VAR_POSITIONAL, _KEYWORD_ONLY, _VAR_KEYWORD = range(5)


class Rows:
    """Rows of what is in one source.

    Args:
        source: the text that the nodes were parsed from.
    """

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> FunctionFacts:
        """Give the row of a ``def``."""
        if method and node.name == "__new__":
            shape = INSTANCE if gives_instance(node) else ""
        else:
            static = any(dotted(d) == "staticmethod" for d in node.decorator_list)
            shape = shape_of(node, method=method and not static)
        decorators, parameters = self.decorators(node.decorator_list), self.parameters(node.args)
        return FunctionFacts(node.lineno, _doc(node), decorators, parameters, shape)

    def parameters(self, arguments: ast.arguments) -> list[ParameterFacts]:
        """Give the rows of parameters, in the order of `inspect.Signature`."""
        found = []
        positional = [*arguments.posonlyargs, *arguments.args]
        without = len(positional) - len(arguments.defaults)
        for number, argument in enumerate(positional):
            kind = _POSITIONAL_ONLY if number < len(arguments.posonlyargs) else _EITHER
            default = arguments.defaults[number - without] if number >= without else None
            found.append(self.parameter(argument, kind, default))
        if arguments.vararg:
            found.append(self.parameter(arguments.vararg, _VAR_POSITIONAL, None))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            found.append(self.parameter(argument, _KEYWORD_ONLY, default))
        if arguments.kwarg:
            found.append(self.parameter(arguments.kwarg, _VAR_KEYWORD, None))
        return found

    def parameter(self, argument: ast.arg, kind: int, default: ast.expr | None) -> ParameterFacts:
        """Give the row of one parameter."""
        return ParameterFacts(
            argument.arg,
            kind,
            None if default is None else self.text(default),
            None if argument.annotation is None else self.text(argument.annotation),
        )

    def class_(self, node: ast.ClassDef, names: dict[str, Step], *, dynamic: bool) -> ClassFacts:
        """Give the row of a ``class``, with the steps for the names of its body."""
        bases = [dotted(base.value if isinstance(base, ast.Subscript) else base) for base in node.bases]
        metaclass: str | None = None
        for keyword in node.keywords:
            if keyword.arg == "metaclass":
                metaclass = dotted(keyword.value)
            elif keyword.arg is None:
                bases.append("")
        decorators = self.decorators(node.decorator_list)
        wanted = decorators or any(base.endswith("NamedTuple") for base in bases)
        fields = list(self.fields(node.body)) if wanted else []
        return ClassFacts(node.lineno, _doc(node), decorators, bases, metaclass, names, fields, dynamic)

    def fields(self, body: Sequence[ast.stmt]) -> Iterator[FieldFacts]:
        """Give the rows of the annotated names in a class body."""
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
        """Give the rows of decorators, the outermost first."""
        found = []
        for node in nodes:
            if not isinstance(node, ast.Call):
                found.append(DecoratorFacts(dotted(node), False, [], {}))
                continue
            arguments = [self.constant(argument) for argument in node.args]
            keywords = {k.arg: self.constant(k.value) for k in node.keywords if k.arg}
            found.append(DecoratorFacts(dotted(node.func), True, arguments, keywords))
        return found

    def value(self, node: ast.expr | None, line: int) -> Step:
        """Give the step of an assignment; None stands for a value that is written nowhere."""
        if node is None:
            return [VALUE, "", line, UNKNOWN]
        if name := dotted(node):
            return [ALIAS, name, line]
        if isinstance(node, ast.Lambda):
            return [FUNCTION, FunctionFacts(line, "", [], self.parameters(node.args), "")]
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
        line = self._lines[node.lineno - 1]
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
