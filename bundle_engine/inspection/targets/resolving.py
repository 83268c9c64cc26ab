"""Follow dotted names through re-exports, aliases, star imports, conditions and classes, without running anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from bundle_engine.inspection.targets import ancestry
from bundle_engine.inspection.targets.facts import (
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
    Step,
)
from bundle_engine.inspection.targets.library import Library
from bundle_engine.inspection.targets.nodes import (
    Absent,
    Class,
    Function,
    Module,
    Node,
    Opaque,
    Value,
    builtin,
)

__all__ = ["Resolver"]

_HIDDEN = "hidden"  # a step that stands for a name that a star import may have brought
_UNBOUND: Step = [DELETED]
# modules into which a library that is not written in Python puts names
_FILLED_FROM_C = frozenset({"torch.cuda", "torch.sparse"})
# names that every module has
_OF_MODULES = frozenset({"__builtins__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"})


class Resolver:
    """Follow names over the facts of a library. What was followed is remembered until `forget`."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._members: dict[tuple[str, str], Node] = {}
        self.following: set[tuple[str, str]] = set()  # modules and qualified names, against endless rounds
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
            return ancestry.member(self, node, name)
        if isinstance(node, (Absent, Opaque)):
            return node
        return Opaque(f"what '{path}' has inside is known only when it runs")

    # --- modules ---

    def member(self, module: str, name: str) -> Node:
        """Give what a module has under a name, once it is imported."""
        key = (module, name)
        if key in self._members:
            return self._members[key]
        if key in self.following:  # as in "from package import module" within the package
            return self._submodule(module, name) or Opaque(f"'{module}.{name}' leads back to itself", circular=True)
        self.following.add(key)
        try:
            node = self._member(module, name)
        finally:
            self.following.discard(key)
        if isinstance(node, Opaque) and not node.path:
            node = node._replace(path=f"{module}.{name}")
        self._members[key] = node
        return node

    def _member(self, module: str, name: str) -> Node:
        facts = self.library.facts(module)
        if facts is None:
            return Absent(*_split(module))
        if facts.replaced:
            problem = self.library.problems.get(module)
            why = problem.message if problem is not None else f"'{module}' is known only when it runs"
            return self._submodule(module, name) or Opaque(why)
        step = facts.step(name)
        steps = facts.otherwise if step is None else [step]
        node = self.one_of(self.alternatives(steps, module, name), module, name, None)
        below = self._submodule(module, name)
        if below is not None and (isinstance(node, Absent) or below.name != f"{module}.{name}"):
            return below  # of another name are only os.path and collections.abc
        if isinstance(node, Absent):
            if name in _OF_MODULES or name == "__path__":
                return Opaque("it is made by Python", there=True)
            if facts.dynamic or "__path__" in facts.names or module in _FILLED_FROM_C:
                return Opaque(f"'{module}' makes names while it runs")
            if name.startswith("_") and not self.library.is_own(module):
                return Opaque("names with an underscore are also put there from outside")
            return Absent(module, name)
        if below is not None and node != below and not _comes_from(node, below.name):
            return Opaque(f"'{module}.{name}' is a module or something else, by the order of imports", there=True)
        return node

    def may_be(self, module: str, name: str) -> list[Node]:
        """Give all that a module may have under a name, where that depends on conditions."""
        facts = self.library.facts(module)
        step = facts.step(name) if facts is not None else None
        if step is None:
            return []
        return [self._step(s, module, name, None) for s in self.alternatives([step], module, name)]

    def _submodule(self, module: str, name: str) -> Module | None:
        location = self.library.finder.find(f"{module}.{name}")
        return Module(location.name) if location is not None else None

    def names(self, module: str) -> list[str]:
        """Give the names that a module has, submodules included, as far as its source shows them."""
        facts = self.library.facts(module)
        location = self.library.finder.find(module)
        if facts is None or location is None:
            return []
        found = {name for name in facts.names if facts.step(name) != _UNBOUND}
        for star in _stars(facts.otherwise):
            found.update(self._exported(star))
        return sorted(found | set(self.library.finder.submodules(location)))

    def _exported(self, module: str) -> Iterator[str]:
        """Give the names that a star import brings."""
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

    # --- names in a scope ---

    def in_scope(self, dotted: str, module: str, owner: Class | None = None) -> Node:
        """Follow a dotted name as the code of a module, or of a class body in it, would."""
        first, _, rest = dotted.partition(".")
        node: Node | None = None
        if owner is not None and first in owner.facts.names:
            node = ancestry.own(self, owner, first)
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
        step = facts.step(name) if facts is not None else None
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

    def one_of(self, steps: list[Step], module: str, name: str, owner: Class | None) -> Node:
        """Give what all of several steps lead to."""
        nodes: list[Node] = []
        why = f"what '{module}.{name}' is depends on conditions"
        for step in steps:
            node = self._step(step, module, name, owner)
            if step[0] == _HIDDEN and isinstance(node, Opaque):
                why = node.why
            if not any(_same(node, other) for other in nodes):
                nodes.append(node)
        if len(nodes) == 1:
            return nodes[0]
        there = all(not isinstance(n, Absent) and not (isinstance(n, Opaque) and not n.there) for n in nodes)
        return Opaque(why, there=there)

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
            return Opaque(
                f"'{module}' imports '{name}' from '{source}', which does not have it", there=kind == OPTIONAL
            )
        if isinstance(node, Opaque) and not node.circular:
            return node._replace(there=True)  # without it the module would not have been imported at all
        return node


def _stars(steps: Sequence[Step]) -> Iterator[str]:
    """Give the modules that are star-imported, on whatever condition."""
    for step in steps:
        if step[0] == STAR:
            yield step[1]
        elif step[0] in (TRY, BLOCK):
            yield from _stars(step[1])
        elif step[0] == CHOICE:
            yield from _stars([*step[1], *step[2]])


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
