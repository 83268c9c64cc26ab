"""What a call of a target takes: the parameters of a function, or of the constructor that a class ends up with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bundle_engine.inspection.targets.ancestry import Ancestor, line_of, metaclasses, own
from bundle_engine.inspection.targets.decorating import (
    CLASS_METHOD,
    DATACLASS,
    OBJECT,
    STATIC_METHOD,
    effect_of,
)
from bundle_engine.inspection.targets.definitions import Parameter, ParameterKind
from bundle_engine.inspection.targets.facts import INSTANCE, SAME, WRAPS, DecoratorFacts, FieldFacts, ParameterFacts
from bundle_engine.inspection.targets.nodes import Builtin, Class, Function, Node, Opaque, path_of
from bundle_engine.inspection.targets.resolving import Resolver

__all__ = ["Call", "call_of", "effects_of"]

# in the order of the kinds of `inspect.Parameter`
_KINDS: tuple[ParameterKind, ...] = (
    "positional_only",
    "positional_or_keyword",
    "var_positional",
    "keyword_only",
    "var_keyword",
)
_NAMED_TUPLE = ("typing.NamedTuple", "typing_extensions.NamedTuple")
_PROTOCOL = ("typing.Protocol", "typing_extensions.Protocol")
# what a class may bind to be called otherwise than its constructor says
_OVERRULING = ("__signature__", "__wrapped__", "__text_signature__")
# by what a class may change the constructors of those that inherit from it
_CHANGING = "__init_subclass__"


class Call(NamedTuple):
    """What a call takes.

    Attributes:
        parameters: without `self`; None where they cannot be known.
        why: the reason why they are not known.
        wrapped: whether a decorator stands before the function.
        path: the dotted path of the function; that of the class where Python makes the constructor.
        module: the module that the function stands in.
        function: the function, for its decorators.
        built_in: whether they are not known because Python itself has the constructor.
    """

    parameters: tuple[Parameter, ...] | None
    why: str = ""
    wrapped: bool = False
    path: str = ""
    module: str = ""
    function: Function | None = None
    built_in: bool = False


def call_of(resolver: Resolver, node: Node) -> Call:
    """Tell what a call of a class or function takes."""
    if isinstance(node, (Class, Function)) and resolver.library.is_stub(node.module):
        return Call(None, "it is not written in Python")
    if isinstance(node, Function):
        return _call_of_function(resolver, node)
    if isinstance(node, Class):
        return _call_of_class(resolver, node)
    return Call(None, "it is built in" if isinstance(node, Builtin) else "it is made while its module runs")


def effects_of(resolver: Resolver, node: Class | Function) -> list[str]:
    """Tell what each decorator does, the outermost first; an empty string where that is not known."""
    owner = node.owner if isinstance(node, Function) else None
    return [effect_of(resolver, row, node.module, owner) for row in node.facts.decorators]


def _call_of_function(resolver: Resolver, node: Function) -> Call:
    effects = effects_of(resolver, node)
    for effect, row in zip(effects, node.facts.decorators, strict=True):
        if effect not in (SAME, WRAPS, OBJECT, STATIC_METHOD, CLASS_METHOD):
            return Call(None, f"the decorator '{DecoratorFacts(*row).name or '?'}' may change it")
    bound = CLASS_METHOD in effects and node.owner is not None
    wrapped = WRAPS in effects
    return Call(_parameters(node.facts.parameters, bound=bound), "", wrapped, node.path, node.module, node)


def _call_of_class(resolver: Resolver, node: Class) -> Call:
    effects = effects_of(resolver, node)
    if not all(effects):
        row = DecoratorFacts(*node.facts.decorators[effects.index("")])
        return Call(None, f"the decorator '{row.name or '?'}' may change it")
    line = line_of(resolver, node)
    for metaclass in metaclasses(resolver, node):
        if isinstance(metaclass, Opaque):
            return Call(None, f"it inherits from what cannot be read: {metaclass.why}")
        if not _leaves_calls_alone(resolver, metaclass):
            return Call(None, f"its metaclass '{path_of(metaclass) or '?'}' may change it")
    for entry in line:
        if isinstance(entry, Class) and any(name in entry.facts.names for name in _OVERRULING):
            return Call(None, f"'{entry.path}' has a signature of its own")
        if isinstance(entry, Class) and entry is not node and _CHANGING in entry.facts.names:
            return Call(None, f"'{entry.path}' may change it")
    if any(path_of(resolver.in_scope(b, node.module)) in _PROTOCOL for b in node.facts.bases if b):
        return Call(None, "it is a protocol")
    new, init = _found(resolver, line, "__new__"), _found(resolver, line, "__init__")
    if new is not None and new.built_in and init is not None:
        new = None  # what __init__ takes counts in any case
    elif init is not None and init.built_in and new is not None:
        init = None
    for call in (new, init):
        if call is not None and call.parameters is None:
            return call
    chosen = _stricter(new, init)
    if chosen is None:
        chosen = Call((), "", False, node.path, node.module)
    return chosen._replace(wrapped=chosen.wrapped or WRAPS in effects)


def _found(resolver: Resolver, line: Sequence[Ancestor], name: str) -> Call | None:
    """Look for ``__new__`` or ``__init__`` along the line of ancestors; None where only `object` has it."""
    for entry in line:
        if isinstance(entry, Opaque):
            return Call(None, f"it inherits from what cannot be read: {entry.why}")
        if isinstance(entry, Builtin):
            return Call(None, f"it inherits from '{entry.name}'", built_in=True)
        made = _made_by_python(resolver, entry, name)
        if made is not None:
            return made
        function = own(resolver, entry, name)
        if function is None:
            continue
        if not isinstance(function, Function):
            return Call(None, f"'{entry.path}.{name}' is no plain function")
        effects = effects_of(resolver, function)
        if any(effect not in (SAME, WRAPS, STATIC_METHOD) for effect in effects):
            return Call(None, f"'{entry.path}.{name}' is decorated")
        parameters = _parameters(function.facts.parameters, bound=True)
        return Call(parameters, "", WRAPS in effects, function.path, function.module, function)
    return None


def _stricter(new: Call | None, init: Call | None) -> Call | None:
    """Choose between two constructors that both get all arguments: the one that takes less.

    The parameters are unknown where neither takes just anything.
    """
    if new is None or init is None:
        return new or init
    if new.function is None or new.function.facts.shape != INSTANCE:
        return Call(None, "its __new__ may give something else, for which __init__ is not called")
    if _takes_anything(new):
        return init
    if _takes_anything(init) or [p.name for p in new.parameters or ()] == [p.name for p in init.parameters or ()]:
        return new
    return Call(None, "it has both __new__ and __init__")


def _takes_anything(call: Call) -> bool:
    kinds = [parameter.kind for parameter in call.parameters or ()]
    return kinds == ["var_positional", "var_keyword"]


def _leaves_calls_alone(resolver: Resolver, metaclass: Node) -> bool:
    """Tell whether a metaclass makes instances as `type` does."""
    if not isinstance(metaclass, Class):
        return False
    for entry in line_of(resolver, metaclass):
        if isinstance(entry, Opaque):
            return False
        if isinstance(entry, Builtin):
            return entry.name == "type"
        if own(resolver, entry, "__call__") is not None:
            return False
    return False


def _made_by_python(resolver: Resolver, entry: Class, name: str) -> Call | None:
    """Give the constructor that a dataclass or a named tuple gets."""
    if name == "__new__":
        bases = [path_of(resolver.in_scope(base, entry.module)) for base in entry.facts.bases if base]
        if not any(base in _NAMED_TUPLE for base in bases):
            return None
        fields = [FieldFacts(*row) for row in entry.facts.fields]
        parameters = tuple(Parameter(f.name, _KINDS[1], f.default, f.annotation) for f in fields)
        return Call(parameters, "", False, entry.path, entry.module)
    decorator = _dataclass_decorator(resolver, entry)
    if decorator is None or decorator.keywords.get("init") == "False" or "__init__" in entry.facts.names:
        return None
    return _dataclass_call(resolver, entry)


def _dataclass_decorator(resolver: Resolver, node: Class) -> DecoratorFacts | None:
    for row in node.facts.decorators:
        if effect_of(resolver, row, node.module) == DATACLASS:
            return DecoratorFacts(*row)
    return None


def _dataclass_call(resolver: Resolver, node: Class) -> Call:
    """Put together the ``__init__`` that `dataclasses.dataclass` writes."""
    found: dict[str, tuple[FieldFacts, bool]] = {}
    for entry in reversed(line_of(resolver, node)):
        if isinstance(entry, Opaque):
            return Call(None, f"it inherits from what cannot be read: {entry.why}")
        decorator = _dataclass_decorator(resolver, entry) if isinstance(entry, Class) else None
        if decorator is None or not isinstance(entry, Class):
            continue
        only = decorator.keywords.get("kw_only") == "True"
        for row in entry.facts.fields:
            field = FieldFacts(*row)
            if field.annotation.strip("'\"").partition("[")[0].rpartition(".")[2] != "ClassVar":
                keyword_only = only if field.keyword_only is None else field.keyword_only
                found[field.name] = (field, keyword_only)
    taken = [(field, keyword_only) for field, keyword_only in found.values() if field.init]
    taken.sort(key=lambda pair: pair[1])
    parameters = tuple(
        Parameter(field.name, _KINDS[3 if keyword_only else 1], field.default, field.annotation)
        for field, keyword_only in taken
    )
    return Call(parameters, "", False, node.path, node.module)


def _parameters(rows: Sequence[Any], *, bound: bool) -> tuple[Parameter, ...]:
    facts = [ParameterFacts(*row) for row in rows]
    if bound and facts and _KINDS[facts[0].kind] in ("positional_only", "positional_or_keyword"):
        facts = facts[1:]
    return tuple(Parameter(f.name, _KINDS[f.kind], f.default, f.annotation) for f in facts)
