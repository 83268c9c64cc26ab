"""What decorators do to what they decorate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundle_engine.inspection.targets.facts import MAKES, SAME, WRAPS, DecoratorFacts
from bundle_engine.inspection.targets.nodes import Class, Function, Node, Value, path_of

if TYPE_CHECKING:
    from bundle_engine.inspection.targets.resolving import Resolver

__all__ = ["CLASS_METHOD", "DATACLASS", "DESCRIPTOR", "OBJECT", "STATIC_METHOD", "effect_of"]

# effects, beside SAME and WRAPS
OBJECT = "object"  # something that is no function and is called in the same way
STATIC_METHOD = "static method"
CLASS_METHOD = "class method"
DESCRIPTOR = "descriptor"  # what an instance has is something else
DATACLASS = "dataclass"

# what is known of decorators whose source does not show it plainly, or that are written in C
_KNOWN = {
    "builtins.classmethod": CLASS_METHOD,
    "builtins.property": DESCRIPTOR,
    "builtins.staticmethod": STATIC_METHOD,
    "abc.abstractmethod": SAME,
    "contextlib.asynccontextmanager": WRAPS,
    "contextlib.contextmanager": WRAPS,
    "dataclasses.dataclass": DATACLASS,
    "enum.unique": SAME,
    "functools.cache": OBJECT,
    "functools.cached_property": DESCRIPTOR,
    "functools.lru_cache": OBJECT,
    "functools.singledispatch": WRAPS,
    "functools.total_ordering": SAME,
    "monai.utils.deprecate_utils.deprecated": WRAPS,
    "monai.utils.deprecate_utils.deprecated_arg": WRAPS,
    "monai.utils.deprecate_utils.deprecated_arg_default": WRAPS,
    "monai.utils.module.require_pkg": WRAPS,
    "torch.autograd.grad_mode.enable_grad": WRAPS,
    "torch.autograd.grad_mode.inference_mode": WRAPS,
    "torch.autograd.grad_mode.no_grad": WRAPS,
    "typing.final": SAME,
    "typing.no_type_check": SAME,
    "typing.override": SAME,
    "typing.runtime_checkable": SAME,
    "typing_extensions.deprecated": WRAPS,
    "typing_extensions.final": SAME,
    "typing_extensions.override": SAME,
    "typing_extensions.runtime_checkable": SAME,
    "warnings.deprecated": WRAPS,
}


def effect_of(resolver: Resolver, row: Any, module: str, owner: Class | None = None) -> str:
    """Tell what a decorator does; an empty string where that is not known.

    Args:
        resolver: follows the decorator's name.
        row: the `DecoratorFacts`.
        module: the module in which it stands.
        owner: the class in whose body it stands.
    """
    decorator = DecoratorFacts(*row)
    if not decorator.name:
        return ""
    node = decorator_node(resolver, decorator, module, owner)
    known = _KNOWN.get(path_of(node))
    if known is not None:
        return known
    shape = node.facts.shape if isinstance(node, Function) else ""
    if decorator.called:
        return shape.removeprefix(MAKES) if shape.startswith(MAKES) else ""
    return "" if shape.startswith(MAKES) else shape


def decorator_node(resolver: Resolver, decorator: DecoratorFacts, module: str, owner: Class | None) -> Node:
    """Follow the name of a decorator, also that of a method of an object made in the module."""
    before, _, last = decorator.name.rpartition(".")
    if before:
        holder = resolver.in_scope(before, module, owner)
        if isinstance(holder, Value) and holder.made:
            made_by = resolver.in_scope(holder.made, holder.module)
            if isinstance(made_by, Class):
                return resolver.inside(made_by, last, before)
    return resolver.in_scope(decorator.name, module, owner)
