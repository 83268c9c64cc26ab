"""Follow dotted names through re-exports, aliases, star imports, conditions and classes, without running anything."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Sequence

from bundle_engine.inspection.decorating import effect_of
from bundle_engine.inspection.facts import (
    ALIAS,
    BLOCK,
    CHOICE,
    CLASS,
    DELETED,
    FOUND,
    FROM,
    FUNCTION,
    MODULE,
    NEED,
    OPTIONAL,
    STAR,
    TRY,
    UNKNOWN,
    VALUE,
    ClassFacts,
    FunctionFacts,
    ModuleFacts,
    Step,
)
from bundle_engine.inspection.library import Library
from bundle_engine.inspection.nodes import (
    Absent,
    Builtin,
    Class,
    Function,
    Module,
    Node,
    Opaque,
    Value,
    builtin,
    path_of,
)

__all__ = ["Resolver"]

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

_HIDDEN = "hidden"  # a step that stands for a name that a star import may have brought
_UNBOUND: Step = [DELETED]
# names that every module has
_OF_MODULES = frozenset({"__builtins__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"})


class Resolver:
    """Follow names over the facts of a library. What was followed is remembered until `forget`."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._members: dict[tuple[str, str], Node] = {}
        self._following: set[tuple[str, str]] = set()
        self._in_stars: set[str] = set()

    def forget(self) -> None:
        """Follow every name again from now on."""
        self._members.clear()

    # --- dotted paths ---

    def locate(self, parts: Sequence[str]) -> Node:
        """Follow a dotted path as the import of a target would."""
        node: Node = Module(parts[0])
        if self.library.finder.find(parts[0]) is None:
            node = builtin(parts[0]) or Absent("", parts[0])
        for number, part in enumerate(parts[1:], 1):
            if isinstance(node, Absent):
                return node
            if isinstance(node, Opaque):
                return Opaque(node.why)  # that something is there says nothing of what should be inside it
            node = self.inside(node, part, ".".join(parts[:number]))
        return node

    def inside(self, node: Node, name: str, path: str) -> Node:
        """Follow one name further."""
        if isinstance(node, Module):
            return self.member(node.name, name)
        if isinstance(node, Class):
            return self.of_class(node, name)
        if isinstance(node, (Absent, Opaque)):
            return node
        return Opaque(f"what '{path}' has inside is known only when it runs")

    # --- modules ---

    def member(self, module: str, name: str) -> Node:
        """Give what a module has under a name, once it is imported."""
        key = (module, name)
        if key in self._members:
            return self._members[key]
        if key in self._following:  # as in "from package import module" within the package
            return self._submodule(module, name) or Opaque(f"'{module}.{name}' leads back to itself")
        self._following.add(key)
        try:
            node = self._member(module, name)
        finally:
            self._following.discard(key)
        if isinstance(node, Opaque) and not node.path:
            node = node._replace(path=f"{module}.{name}")
        self._members[key] = node
        return node

    def _member(self, module: str, name: str) -> Node:
        facts = self.library.facts(module)
        if facts is None:
            return Absent(*_split(module))
        if facts.replaced:
            return self._submodule(module, name) or Opaque(f"'{module}' is known only when it runs")
        steps = [facts.names[name]] if name in facts.names else facts.otherwise
        node = self._one(self.alternatives(steps, module, name), module, name, None)
        below = self._submodule(module, name)
        if isinstance(node, Absent):
            if below is not None:
                return below
            if name in _OF_MODULES or name == "__path__":
                return Opaque("it is made by Python", there=True)
            if facts.dynamic or "__path__" in facts.names:
                return Opaque(f"'{module}' makes names while it runs")
            return Absent(module, name)
        if below is not None and node != below and not _comes_from(node, below.name):
            return Opaque(f"'{module}.{name}' is a module or something else, by the order of imports", there=True)
        return node

    def may_be(self, module: str, name: str) -> list[Node]:
        """Give all that a module may have under a name, where that depends on conditions."""
        facts = self.library.facts(module)
        if facts is None or name not in facts.names:
            return []
        return [self._step(s, module, name, None) for s in self.alternatives([facts.names[name]], module, name)]

    def _submodule(self, module: str, name: str) -> Module | None:
        full = f"{module}.{name}"
        return Module(full) if self.library.finder.find(full) is not None else None

    def names(self, module: str) -> list[str]:
        """Give the names that a module has, submodules included, as far as its source shows them."""
        facts = self.library.facts(module)
        location = self.library.finder.find(module)
        if facts is None or location is None:
            return []
        found = {name for name, step in facts.names.items() if step != _UNBOUND}
        for star in _stars(facts.otherwise):
            found.update(self._exported(star))
        return sorted(found | set(self.library.finder.submodules(location)))

    def _exported(self, module: str) -> Iterator[str]:
        """Give the names that a star import certainly brings."""
        if module in self._in_stars:
            return
        self._in_stars.add(module)
        try:
            facts = self.library.facts(module)
            if facts is None:
                return
            if facts.exports is not None:
                yield from facts.exports
                return
            yield from (name for name in facts.names if not name.startswith("_"))
            for star in _stars(facts.otherwise):
                yield from self._exported(star)
        finally:
            self._in_stars.discard(module)

    def _brings(self, module: str, name: str) -> bool | None:
        """Tell whether ``from module import *`` brings a name; None where that cannot be told."""
        facts = self.library.facts(module)
        if facts is None or facts.replaced:
            return None
        if facts.exports is not None and facts.exports_known:
            return name in facts.exports
        if facts.exports is None and facts.exports_known:
            if name.startswith("_"):
                return False
            node = self.member(module, name)
            if isinstance(node, Absent):
                return False
            if isinstance(node, Opaque) and not node.there:
                return None
            submodule = isinstance(node, Module) and node.name == f"{module}.{name}"
            return None if submodule and name not in facts.names else True
        return None

    # --- classes ---

    def of_class(self, owner: Class, name: str) -> Node:
        """Give what a class has under a name, inherited or its own."""
        for entry in self.mro(owner):
            if isinstance(entry, Opaque):
                return Opaque(f"'{owner.path}' inherits from what cannot be read: {entry.why}")
            if isinstance(entry, Builtin):
                if hasattr(getattr(builtins, entry.name), name):
                    return Opaque("it is built in", there=True)
                continue
            found = self.own(entry, name)
            if found is not None:
                return found._replace(owner=owner) if isinstance(found, Function) else found
        if hasattr(type, name):
            return Opaque("every class has it", there=True)
        if self.metaclasses(owner):
            return Opaque(f"the metaclass of '{owner.path}' may have it")
        return Absent(owner.path, name)

    def own(self, owner: Class, name: str) -> Node | None:
        """Give what a class itself binds under a name; None where it does not."""
        facts = self.library.facts(owner.module)
        patched = facts.patched.get(owner.name, ()) if facts is not None else ()
        if name in patched or "*" in patched:
            return Opaque(f"'{owner.path}.{name}' is set from outside the class", there=name in patched)
        if name not in owner.facts.names:
            return Opaque(f"the body of '{owner.path}' makes names while it runs") if owner.facts.dynamic else None
        key = (owner.module, f"{owner.name}.{name}")
        if key in self._following:
            return Opaque(f"'{owner.path}.{name}' leads back to itself")
        self._following.add(key)
        try:
            steps = self.alternatives([owner.facts.names[name]], owner.module, name)
            node = self._one(steps, owner.module, f"{owner.name}.{name}", owner)
        finally:
            self._following.discard(key)
        return None if isinstance(node, Absent) else node

    def mro(self, owner: Class, _around: tuple[str, ...] = ()) -> list[Class | Builtin | Opaque]:
        """Give the classes in which Python looks for an attribute, in order.

        The list ends with an `Opaque` where the rest cannot be known; `object` is left out.
        """
        if owner.path in _around:
            return [owner, Opaque(f"'{owner.path}' inherits from itself")]
        lines: list[list[Class | Builtin | Opaque]] = []
        direct: list[Class | Builtin | Opaque] = []
        for name in owner.facts.bases:
            base = self.base(owner, name)
            if base is not None:
                direct.append(base)
                lines.append(self.mro(base, (*_around, owner.path)) if isinstance(base, Class) else [base])
        if len(lines) == 1:
            return [owner, *lines[0]]
        unknown = next((entry for line in lines for entry in line if isinstance(entry, Opaque)), None)
        if unknown is not None:  # the first base comes right after the class; after that nothing is certain
            return [owner, direct[0], unknown] if isinstance(direct[0], Class) else [owner, unknown]
        merged = _merged([*lines, direct])
        return [owner, *merged] if merged is not None else [owner, Opaque("its bases cannot be put in order")]

    def base(self, owner: Class, name: str) -> Class | Builtin | Opaque | None:
        """Follow the name of a base class; None for one that has no part in how instances are made."""
        if not name:
            return Opaque("a base is an expression")
        node = self.in_scope(name, owner.module, None)
        path = path_of(node)
        if path in _PARTLESS:
            return None
        if isinstance(node, Class):
            if any(not effect_of(self, row, node.module) for row in node.facts.decorators):
                return Opaque(f"the class '{node.path}' is decorated")
            return node
        if isinstance(node, Builtin):
            return None if node.name == "object" else node
        return node if isinstance(node, Opaque) else Opaque(f"'{name}' has no source")

    def metaclasses(self, owner: Class) -> list[Node]:
        """Give the metaclasses that a class gets from itself and its bases, but for `type` and `ABCMeta`."""
        found: list[Node] = []
        for entry in self.mro(owner):
            if isinstance(entry, Opaque):
                found.append(entry)
            elif isinstance(entry, Class) and entry.facts.metaclass is not None:
                name = entry.facts.metaclass
                node = self.in_scope(name, entry.module, None) if name else Opaque("a metaclass is an expression")
                if path_of(node) not in ("builtins.type", "abc.ABCMeta"):
                    found.append(node)
        return found

    # --- names in a scope ---

    def in_scope(self, dotted: str, module: str, owner: Class | None) -> Node:
        """Follow a dotted name as the code of a module, or of a class body in it, would."""
        first, _, rest = dotted.partition(".")
        node: Node | None = None
        if owner is not None and first in owner.facts.names:
            node = self.own(owner, first)
        if node is None:
            node = self.member(module, first)
            if isinstance(node, Absent) and node.owner == module:
                node = builtin(first) or node
        path = first
        for part in rest.split(".") if rest else ():
            node = self.inside(node, part, path)
            path = f"{path}.{part}"
        return node

    # --- steps ---

    def alternatives(self, steps: Sequence[Step], module: str, name: str) -> list[Step]:
        """Give the steps of which one has bound a name in the end."""
        return self._run(steps, module, name, [_UNBOUND])[0]

    def _run(self, steps: Sequence[Step], module: str, name: str, before: list[Step]) -> tuple[list[Step], bool]:
        """Also tell whether an import failed, at which the rest was not run."""
        current = before
        for step in steps:
            kind = step[0]
            if kind == NEED:
                if not self._importable(step[1], step[2]):
                    return current, True
            elif kind == STAR:
                brings = self._brings(step[1], name)
                if brings:
                    current = [[FROM, step[1], name]]
                elif brings is None:
                    current = [*current, [_HIDDEN, step[1]]]
            elif kind == CHOICE:
                truth = self._truth(step[3], module) if step[3] else None
                one = current if truth is False else self._run(step[1], module, name, current)[0]
                other = current if truth is True else self._run(step[2], module, name, current)[0]
                current = one if truth is True else other if truth is False else _joined(one, other)
            elif kind == TRY:
                current, failed = self._run_try(step, module, name, current)
                if failed:
                    return current, True
            elif kind == BLOCK:
                current, failed = self._run(step[1], module, name, current)
                if failed:
                    return current, True
            else:
                current = [step]
        return current, False

    def _truth(self, name: str, module: str) -> bool | None:
        """Tell whether a name of a module is true, where it says whether an optional package is there."""
        facts = self.library.facts(module)
        step = facts.names.get(name) if facts is not None else None
        if step is None or step[0] != FOUND:
            return None
        if not self._importable(step[1], step[2]):
            return False
        return None if step[3] else True

    def _run_try(self, step: Step, module: str, name: str, before: list[Step]) -> tuple[list[Step], bool]:
        _, body, failed, others, pure = step
        current, stopped = self._run(body, module, name, before)
        if stopped:
            return (current, True) if failed is None else self._run(failed, module, name, current)
        if not pure:
            for block in others:
                current = _joined(current, self._run(block, module, name, before)[0])
        return current, False

    def _importable(self, module: str, name: str) -> bool:
        """Tell whether an import would work, as far as that can be seen: the benefit of the doubt is given."""
        top = module.partition(".")[0]
        if not top or top in sys.builtin_module_names:
            return True
        if self.library.finder.find(top) is None:
            return False
        facts = self.library.facts(module)
        if facts is None:
            return module in sys.stdlib_module_names or not self._whole_package(module)
        return not name or not isinstance(self.member(module, name), Absent)

    def _whole_package(self, module: str) -> bool:
        """Tell whether all the modules of the package around a module can be seen."""
        parent = module.rpartition(".")[0]
        facts = self.library.facts(parent) if parent else None
        return facts is not None and not facts.dynamic and not facts.replaced

    def _one(self, steps: list[Step], module: str, name: str, owner: Class | None) -> Node:
        """Give what all of several steps lead to."""
        nodes: list[Node] = []
        for step in steps:
            node = self._step(step, module, name, owner)
            if not any(_same(node, other) for other in nodes):
                nodes.append(node)
        if len(nodes) == 1:
            return nodes[0]
        there = all(not isinstance(n, Absent) and not (isinstance(n, Opaque) and not n.there) for n in nodes)
        return Opaque(f"what '{module}.{name}' is depends on conditions", there=there)

    def _step(self, step: Step, module: str, name: str, owner: Class | None) -> Node:
        kind = step[0]
        if kind == CLASS:
            return Class(module, name, ClassFacts(*step[1]))
        if kind == FUNCTION:
            return Function(module, name, FunctionFacts(*step[1]), owner)
        if kind == MODULE:
            if self.library.finder.find(step[1]) is None:
                return Opaque(f"'{module}' imports '{step[1]}', which is not installed")
            return Module(step[1])
        if kind in (FROM, OPTIONAL):
            return self._imported(step, module)
        if kind == ALIAS:
            node = self.in_scope(step[1], module, owner)
            if isinstance(node, (Absent, Opaque)):
                return Value(module, name, step[1], step[2], UNKNOWN)
            return node
        if kind == VALUE:
            return Value(module, name, *step[1:])
        if kind == FOUND:
            return Value(module, name, "", 0, UNKNOWN)
        if kind == _HIDDEN:
            return Opaque(f"'{module}' imports all of '{step[1]}', which cannot be read")
        return Absent(module, name)

    def _imported(self, step: Step, module: str) -> Node:
        kind, source, name = step
        if self.library.finder.find(source.partition(".")[0]) is None:
            return Opaque(f"'{module}' imports '{source}', which is not installed", there=kind == OPTIONAL)
        node: Node = self.member(source, name) if name else self.locate(source.split("."))
        if isinstance(node, Absent):
            return Opaque(f"'{module}' imports '{name}' from '{source}', which does not have it", there=kind == OPTIONAL)
        # without it the module would not have been imported at all
        return node._replace(there=True) if isinstance(node, Opaque) else node


def _stars(steps: Sequence[Step]) -> Iterator[str]:
    """Give the modules that are certainly star-imported."""
    for step in steps:
        if step[0] == STAR:
            yield step[1]
        elif step[0] in (TRY, BLOCK):
            yield from _stars(step[1])


def _joined(one: list[Step], other: list[Step]) -> list[Step]:
    return [*one, *(step for step in other if step not in one)]


def _same(one: Node, other: Node) -> bool:
    if isinstance(one, (Class, Function)) and isinstance(other, (Class, Function)):
        return (one.path, one.facts.line) == (other.path, other.facts.line)
    return one == other


def _comes_from(node: Node, module: str) -> bool:
    """Tell whether something can only be there after a module was imported."""
    home = node.name if isinstance(node, Module) else getattr(node, "module", "")
    return home == module or home.startswith(f"{module}.")


def _split(module: str) -> tuple[str, str]:
    parent, _, name = module.rpartition(".")
    return parent, name


def _merged(lines: list[list[Class | Builtin | Opaque]]) -> list[Class | Builtin | Opaque] | None:
    """Merge lines of ancestors as Python does (C3); None where they contradict each other."""
    rests = [[(path_of(entry), entry) for entry in line] for line in lines]
    merged: list[Class | Builtin | Opaque] = []
    while rests := [line for line in rests if line]:
        tails = {path for line in rests for path, _ in line[1:]}
        head = next((line[0] for line in rests if line[0][0] not in tails), None)
        if head is None:
            return None
        merged.append(head[1])
        rests = [line[1:] if line[0][0] == head[0] else line for line in rests]
    return merged
