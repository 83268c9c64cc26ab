"""What classes have, by the order in which Python looks through their ancestors."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

from bundle_engine.inspection.targets.decorating import effect_of
from bundle_engine.inspection.targets.nodes import Absent, Builtin, Class, Function, Node, Opaque, Value, path_of

if TYPE_CHECKING:
    from bundle_engine.inspection.targets.resolving import Resolver

__all__ = ["Ancestor", "line_of", "member", "metaclasses", "own"]

Ancestor = Class | Builtin | Opaque

# bases that have no part in how instances are made
_PARTLESS = frozenset(
    {
        "_typing.Generic",
        "abc.ABC",
        "typing.Generic",
        "typing.NamedTuple",
        "typing.Protocol",
        "typing_extensions.NamedTuple",
        "typing_extensions.Protocol",
    }
)
# how `typing` writes its generic forms of other classes: Iterable = _alias(collections.abc.Iterable, 1)
_GENERIC_FORM = re.compile(r"_(?:alias|Special\w+|TupleType|CallableType)\(\s*([\w.]+)")


def member(resolver: Resolver, owner: Class, name: str) -> Node:
    """Give what a class has under a name, inherited or its own."""
    for entry in line_of(resolver, owner):
        if isinstance(entry, Opaque):
            return Opaque(f"'{owner.path}' inherits from what cannot be read: {entry.why}")
        if isinstance(entry, Builtin):
            if hasattr(getattr(builtins, entry.name), name):
                return Opaque("it is built in", there=True)
            continue
        found = own(resolver, entry, name)
        if found is not None:
            return found._replace(owner=owner) if isinstance(found, Function) else found
    if hasattr(type, name):
        return Opaque("every class has it", there=True)
    if metaclasses(resolver, owner):
        return Opaque(f"the metaclass of '{owner.path}' may have it")
    return Absent(owner.path, name)


def own(resolver: Resolver, owner: Class, name: str) -> Node | None:
    """Give what a class itself binds under a name; None where it does not."""
    facts = resolver.library.facts(owner.module)
    patched = [*facts.patched.get(owner.name, ()), *facts.patched.get("*", ())] if facts is not None else []
    if name in patched or "*" in patched:
        return Opaque(f"'{owner.path}.{name}' is set from outside the class", there=name in patched)
    if name not in owner.facts.names:
        return Opaque(f"the body of '{owner.path}' makes names while it runs") if owner.facts.dynamic else None
    key = (owner.module, f"{owner.name}.{name}")
    if key in resolver.following:
        return Opaque(f"'{owner.path}.{name}' leads back to itself")
    resolver.following.add(key)
    try:
        steps = resolver.alternatives([owner.facts.names[name]], owner.module, name)
        node = resolver.one_of(steps, owner.module, f"{owner.name}.{name}", owner)
    finally:
        resolver.following.discard(key)
    return None if isinstance(node, Absent) else node


def line_of(resolver: Resolver, owner: Class, _below: tuple[str, ...] = ()) -> list[Ancestor]:
    """Give the classes in which Python looks for an attribute, in order, the class itself first.

    The line ends with an `Opaque` where the rest cannot be known; `object` is left out.
    """
    if owner.path in _below:
        return [owner, Opaque(f"'{owner.path}' inherits from itself")]
    lines: list[list[Ancestor]] = []
    direct: list[Ancestor] = []
    for name in owner.facts.bases:
        base = _base(resolver, owner, name)
        if base is not None:
            direct.append(base)
            lines.append(line_of(resolver, base, (*_below, owner.path)) if isinstance(base, Class) else [base])
    if len(lines) == 1:
        return [owner, *lines[0]]
    unknown = next((entry for line in lines for entry in line if isinstance(entry, Opaque)), None)
    if unknown is not None:  # the first base comes right after the class; after that nothing is certain
        return [owner, direct[0], unknown] if isinstance(direct[0], Class) else [owner, unknown]
    merged = _merged([*lines, direct])
    return [owner, *merged] if merged is not None else [owner, Opaque("its bases cannot be put in order")]


def metaclasses(resolver: Resolver, owner: Class) -> list[Node]:
    """Give the metaclasses that a class gets from itself and its ancestors, but for `type` and `ABCMeta`."""
    found: list[Node] = []
    for entry in line_of(resolver, owner):
        if isinstance(entry, Opaque):
            found.append(entry)
        elif isinstance(entry, Class) and entry.facts.metaclass is not None:
            name = entry.facts.metaclass
            node = resolver.in_scope(name, entry.module) if name else Opaque("a metaclass is an expression")
            if path_of(node) not in ("builtins.type", "abc.ABCMeta"):
                found.append(node)
    return found


def _base(resolver: Resolver, owner: Class, name: str) -> Ancestor | None:
    """Follow the name of a base class; None for one that has no part in how instances are made."""
    if not name:
        return Opaque("a base is an expression")
    node = resolver.in_scope(name, owner.module)
    if path_of(node) in _PARTLESS:
        return None
    if isinstance(node, Value) and node.module == "typing" and (form := _GENERIC_FORM.match(node.text)):
        node = resolver.in_scope(form[1], node.module)
    if isinstance(node, Class):
        plain = all(effect_of(resolver, row, node.module) for row in node.facts.decorators)
        return node if plain else Opaque(f"the class '{node.path}' is decorated")
    if isinstance(node, Builtin):
        return None if node.name == "object" else node
    return node if isinstance(node, Opaque) else Opaque(f"'{name}' has no source")


def _merged(lines: list[list[Ancestor]]) -> list[Ancestor] | None:
    """Merge lines of ancestors as Python does (C3); None where they contradict each other."""
    rests = [[(path_of(entry), entry) for entry in line] for line in lines]
    merged: list[Ancestor] = []
    while rests := [line for line in rests if line]:
        tails = {path for line in rests for path, _ in line[1:]}
        head = next((line[0] for line in rests if line[0][0] not in tails), None)
        if head is None:
            return None
        merged.append(head[1])
        rests = [line[1:] if line[0][0] == head[0] else line for line in rests]
    return merged
