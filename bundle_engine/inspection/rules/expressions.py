"""Expressions: their syntax, and the names that they use."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from bundle_engine.config import closest, expressions
from bundle_engine.config.expressions import ExpressionProblem, Reference
from bundle_engine.config.faults import shown_at
from bundle_engine.config.ids import ESCAPE, EXPRESSION, Id
from bundle_engine.config.names import DEFAULT_GLOBALS, base_names, bound_names, is_import
from bundle_engine.errors import Place
from bundle_engine.inspection.findings import Finding
from bundle_engine.inspection.rules.packages import is_there, nodes_of, statements_of
from bundle_engine.inspection.rules.scene import Scene, did_you_mean
from bundle_engine.inspection.rules.spelling import probably_misspelt
from bundle_engine.inspection.targets import NotFound, Unknown

__all__ = ["names", "syntax", "used_names"]

_REFERENCE = re.compile(r"__+")  # what stands for a reference in the text that Python reads


def expressions_of(scene: Scene) -> Iterator[tuple[Id, str]]:
    """Give the expressions in document order, without import statements."""
    for at, text in scene.texts:
        if text[0] == EXPRESSION and not is_import(text):
            yield at, text


def syntax(scene: Scene) -> Iterator[Finding]:
    """Find expressions that Python cannot read."""
    for at, text in expressions_of(scene):
        problem = _problem(text)
        if problem is None:
            continue
        place = scene.subject.place(at)
        if problem.offset is not None and place is not None and (start := shown_at(text, place)) is not None:
            place = replace(place, column=start + problem.offset + 1, width=1)
        escaped = f"{ESCAPE}{EXPRESSION}"
        hint = f"after '{EXPRESSION}' stands one Python expression; text that begins with it is written '{escaped}'"
        if problem.statement:
            hint = "an expression gives a value; assignments and other statements cannot stand here"
        yield scene.finding("BE020", at, f"the expression cannot be read: {problem.message}", hint, place=place)


@lru_cache(maxsize=8_192)
def _problem(text: str) -> ExpressionProblem | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expressions.compile_expression(text[1:])
    except ExpressionProblem as problem:
        return problem
    except (RecursionError, MemoryError):
        return ExpressionProblem("it is nested too deeply", None)
    return None


# --- names ---


def used_names(scene: Scene) -> set[str]:
    """Give the names that expressions look up."""
    sources = (_plain(text) for _, text in expressions_of(scene))
    return {name for source in sources if source is not None for name in _free_names(source)}


def names(scene: Scene) -> Iterator[Finding]:
    """Find names that nothing binds, and attributes that their modules lack."""
    statements = statements_of(scene)
    modules = _modules(statements)
    given = set(scene.subject.parser.globals) | set(dir(builtins)) | set(base_names()) | set(DEFAULT_GLOBALS)
    bound = given | {name for _, text in statements for name in bound_names(text)}
    if "*" in bound:
        return
    for at, text in expressions_of(scene):
        source = _plain(text)
        if source is None:
            continue
        for name in _free_names(source):
            if name not in bound and not _REFERENCE.fullmatch(name):
                yield _unbound(scene, at, text, name, bound)
        for path in _paths(source):
            yield from _lacking(scene, at, text, path, modules)


def _unbound(scene: Scene, at: Id, text: str, name: str, bound: set[str]) -> Finding:
    if name in scene.root:
        hint: str | None = f"for the value of the config write '@{name}'"
    elif name in sys.stdlib_module_names or is_there(scene, name):
        hint = f"import it: put '$import {name}' into a list of imports in the config"
    else:
        hint = did_you_mean(name, [each for each in bound if not each.startswith("__")])
        ids = closest.matches(name, [str(key) for key in scene.root])
        hint = hint or (f"did you mean {closest.either('@' + each for each in ids)}?" if ids else None)
    return scene.finding(
        "BE021", at, f"the expression uses '{name}', which nothing binds", hint, place=_spot(scene, at, text, name)
    )


def _spot(scene: Scene, at: Id, text: str, word: str) -> Place | None:
    """Give the place of a word of an expression."""
    place = scene.subject.place(at)
    start = shown_at(text, place)
    match = re.search(rf"(?<![\w.@:]){re.escape(word)}(?!\w)", text)
    if place is None or start is None or match is None:
        return place
    return replace(place, column=start + match.start(), width=len(word))


@lru_cache(maxsize=8_192)
def _plain(text: str) -> str | None:
    """Put names in the place of references; None where the text is no expression."""
    if _problem(text) is not None:
        return None
    return _substituted(expressions.scan(text[1:])).strip()


def _substituted(pieces: Iterable[str | Reference]) -> str:
    out = []
    for piece in pieces:
        if isinstance(piece, str):
            out.append(piece)
            continue
        if out and (out[-1][-1:].isalnum() or out[-1][-1:] == "_"):
            out.append(" ")  # "not@x"
        name = "_" * max(2, piece.end - piece.start if piece.default is None else 2)
        out.append(name if piece.default is None else f"({name} or ({_substituted(piece.default)}))")
    return "".join(out)


@lru_cache(maxsize=8_192)
def _free_names(source: str) -> tuple[str, ...]:
    """Give the names that an expression looks up outside of itself, after Python's own rules."""
    try:
        top = symtable.symtable(source, "<expression>", "eval")
    except (SyntaxError, ValueError, RecursionError):
        return ()
    own = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}
    found: dict[str, None] = {}
    waiting = [top]
    while waiting:
        table = waiting.pop()
        for symbol in table.get_symbols():
            outside = symbol.is_global() if table is not top else not symbol.is_assigned()
            if symbol.is_referenced() and outside and symbol.get_name() not in own:
                found[symbol.get_name()] = None
        waiting += table.get_children()
    return tuple(found)


@lru_cache(maxsize=8_192)
def _paths(source: str) -> tuple[str, ...]:
    """Give the dotted names that begin with a name from outside: ``torch.nn.ReLU``."""
    free = set(_free_names(source))
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return ()
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        parts = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            parts.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name) and value.id in free:
            found[".".join([value.id, *reversed(parts)])] = None
    return tuple(found)


def _modules(statements: Iterable[tuple[Id, str]]) -> dict[str, str]:
    """Give the dotted paths of what names stand for."""
    modules = dict(DEFAULT_GLOBALS)
    for _, text in statements:
        for node in nodes_of(text):
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                elif alias.asname:
                    modules[alias.asname] = alias.name
                else:
                    root = alias.name.partition(".")[0]
                    modules[root] = root
    return modules


def _lacking(scene: Scene, at: Id, text: str, path: str, modules: dict[str, str]) -> Iterator[Finding]:
    root, _, rest = path.partition(".")
    if root not in modules:
        return
    whole = f"{modules[root]}.{rest}"
    looked = scene.index.lookup(whole)
    if isinstance(looked, Unknown):
        meant = probably_misspelt(scene.index, whole, looked)
        if meant:
            near = [name.replace(modules[root], root, 1) for name in meant]
            message, spot = f"'{path}' is probably not there", _spot(scene, at, text, path)
            meaning = f"did you mean {closest.either(near)}?"
            yield scene.finding("BE024", at, message, meaning, place=spot, severity="warning")
        return
    if not isinstance(looked, NotFound) or looked.root or not looked.reason.startswith("the module"):
        return
    near = [name.replace(modules[root], root, 1) for name in looked.near]
    hint = f"did you mean {closest.either(near)}?" if near else None
    yield scene.finding(
        "BE024", at, f"'{path}' is not there: {looked.reason}", hint, place=_spot(scene, at, text, path)
    )
