"""Locate what a ``_target_`` names, and hold arguments against its signature."""

from __future__ import annotations

import builtins
import importlib
import sys
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from bundle_engine.config import closest
from bundle_engine.config.ids import ARGS
from bundle_engine.errors import BundleEngineWarning

HOME = "monai"  # the package whose classes and functions have short names
# builtins that are the short name of something in MONAI; a test holds this against the installed version
SHADOWED_BUILTINS = frozenset({"max", "min", "sum"})


_FEW = 1_000  # values in a container that is written out in a message


class Missing(NamedTuple):
    """Why a target could not be located.

    Attributes:
        reason: one sentence.
        hint: what was probably meant.
        root: the top-level package that is not importable; empty where the package is there.
    """

    reason: str
    hint: str | None
    root: str = ""


class Target(NamedTuple):
    """A target that was located: what to call, and the dotted path where it was found."""

    callable: Any
    path: str


class ComponentLocator:
    """Find the modules of MONAI in which a class or function of some name is defined.

    Args:
        excludes: modules whose full names hold one of these strings are left out.
    """

    def __init__(self, excludes: Sequence[str] | str | None = None) -> None:
        self.excludes = (excludes,) if isinstance(excludes, str) else tuple(excludes or ())
        self._found: dict[str, list[str]] = {}

    def modules_of(self, name: str) -> list[str]:
        """Give the modules that define `name`, in the order in which MONAI imports them."""
        if name not in self._found:
            try:
                importlib.import_module(HOME)
            except ImportError:
                return []
            found = []
            for module_name, module in list(sys.modules.items()):
                if not module_name.startswith(HOME) or any(part in module_name for part in self.excludes):
                    continue
                value = getattr(module, "__dict__", {}).get(name)
                if isinstance(value, (type, types.FunctionType)) and value.__module__ == module_name:
                    found.append(module_name)
            self._found[name] = found
        return self._found[name]

    def get_component_module_name(self, name: str) -> list[str] | str | None:
        """Give the module that defines `name`, a list where there are several, None where there is none."""
        if not isinstance(name, str):
            raise ValueError(f"a component's name is a string, not {name!r}")
        modules = self.modules_of(name)
        return modules[0] if len(modules) == 1 else (modules or None)

    def full_name(self, target: str) -> str:
        """Give the dotted path of a target that may be a short name, as MONAI chooses it.

        Warns:
            BundleEngineWarning: where several modules of MONAI define the name.
        """
        if "." in target or (hasattr(builtins, target) and target not in SHADOWED_BUILTINS):
            return target
        modules = self.modules_of(target)
        if not modules:
            return target
        if len(modules) > 1:
            others = ", ".join(f"{module}.{target}" for module in modules[1:])
            warnings.warn(
                f"the short name '{target}' is ambiguous: taking {modules[0]}.{target}; write the full path to"
                f" choose ({others})",
                BundleEngineWarning,
                stacklevel=2,
            )
        return f"{modules[0]}.{target}"

    def short_names(self) -> list[str]:
        """Give all short names there are."""
        names = set()
        for module_name, module in list(sys.modules.items()):
            if module_name.startswith(HOME):
                for name, value in list(getattr(module, "__dict__", {}).items()):
                    if isinstance(value, (type, types.FunctionType)) and value.__module__ == module_name:
                        names.add(name)
        return sorted(names)


def locate(target: str, locator: ComponentLocator) -> Target | Missing:
    """Import what a ``_target_`` names.

    Raises:
        Exception: what importing the target's module raises, unless it is that the module is not there.
    """
    path = locator.full_name(target)
    parts = [part for part in path.split(".") if part]
    if not parts:
        return Missing("the target is empty", "name a class or a function")
    module, depth = _import_deepest(parts)
    value: Any = builtins if module is None else module
    reached = "" if module is None else ".".join(parts[:depth])
    for part in parts[depth:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            return _missing(target, parts, part, value, reached, locator)
        reached = f"{reached}.{part}" if reached else part
    return Target(value, path)


def _import_deepest(parts: list[str]) -> tuple[Any, int]:
    """Import the longest module path at the beginning of a dotted path."""
    module: Any = None
    for depth, part in enumerate(parts):
        if module is not None:
            value = getattr(module, part, None)
            if value is not None:
                if not isinstance(value, types.ModuleType):
                    return module, depth
                module = value
                continue
            if not hasattr(module, "__path__"):
                return module, depth  # a module that is no package has no modules inside
        name = ".".join(parts[: depth + 1])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                return module, depth
            raise  # the module is there, and lacks something it needs
    return module, len(parts)


def _missing(target: str, parts: list[str], part: str, value: Any, reached: str, locator: ComponentLocator) -> Missing:
    if reached:
        kind = "module" if isinstance(value, types.ModuleType) else "object"
        near = closest.matches(part, (name for name in dir(value) if not name.startswith("_")))
        hint = f"did you mean {closest.either(f'{reached}.{name}' for name in near)}?" if near else None
        return Missing(f"the {kind} '{reached}' has no '{part}'", hint)
    if len(parts) > 1:
        roots = closest.matches(part, known_packages())
        otherwise = f"install '{part}', or put it into the bundle's folder"
        hint = f"did you mean {closest.either(roots)}?" if roots else otherwise
        return Missing(f"there is no package '{part}'", hint, root=part)
    near = closest.matches(part, [*locator.short_names(), *dir(builtins)])
    otherwise = "short names are MONAI's; write others with their package"
    hint = f"did you mean {closest.either(near)}?" if near else otherwise
    return Missing(f"nothing in MONAI is called '{target}'", hint)


def known_packages() -> set[str]:
    """Give the names of top-level packages that can be imported for certain."""
    known = {name for name in sys.modules if "." not in name} | set(sys.stdlib_module_names)
    return {name for name in known if not name.startswith("_")}


# --- arguments ---


class Parameters(NamedTuple):
    """What a callable takes, as far as its signature tells.

    Attributes:
        names: what may be given by keyword.
        required: those of them that have no default.
        positional: how many may be given by position; None for any number.
        order: the names of positional parameters, in order.
        open: whether any keyword is taken.
        wrapped: whether the signature is that of a wrapped function, so the wrapper may give arguments itself.
    """

    names: frozenset[str]
    required: tuple[str, ...]
    positional: int | None
    order: tuple[str, ...]
    open: bool
    wrapped: bool


@lru_cache(maxsize=4_096)
def _parameters_cached(callable: Callable[..., Any]) -> Parameters | None:
    import inspect

    try:
        signature = inspect.signature(callable)
    except (ValueError, TypeError):
        return None
    kinds = inspect.Parameter
    names, required, order = [], [], []
    positional: int | None = 0
    opened = False
    for parameter in signature.parameters.values():
        if parameter.kind is kinds.VAR_KEYWORD:
            opened = True
        elif parameter.kind is kinds.VAR_POSITIONAL:
            positional = None
        else:
            if parameter.kind is not kinds.KEYWORD_ONLY:
                order.append(parameter.name)
                positional = positional + 1 if positional is not None else None
            if parameter.kind is not kinds.POSITIONAL_ONLY:
                names.append(parameter.name)
            if parameter.default is kinds.empty:
                required.append(parameter.name)
    init = getattr(callable, "__init__", None) if isinstance(callable, type) else callable
    wrapped = hasattr(init, "__wrapped__") or hasattr(callable, "__wrapped__")
    if wrapped:  # a wrapper may take arguments of its own
        names += _own_names(callable, inspect) + _own_names(init, inspect)
    return Parameters(frozenset(names), tuple(required), positional, tuple(order), opened, wrapped)


def _own_names(callable: Any, inspect: Any) -> list[str]:
    try:
        return list(inspect.signature(callable, follow_wrapped=False).parameters)
    except (ValueError, TypeError):
        return []


def parameters(callable: Any) -> Parameters | None:
    """Read what a callable takes; None where that cannot be known."""
    if not builtins.callable(callable):
        return None
    try:
        return _parameters_cached(callable)
    except TypeError:  # not hashable
        return None


class Misfit(NamedTuple):
    """An argument that a target does not take, or lacks.

    Attributes:
        argument: its name; ``_args_`` where positional ones are concerned.
        reason: one sentence.
        hint: what was probably meant.
    """

    argument: Any
    reason: str
    hint: str | None

    def shows_in(self, error: TypeError) -> bool:
        """Tell whether Python refused a call for this reason."""
        text = str(error)
        return f"'{self.argument}'" in text or (self.argument == ARGS and "positional argument" in text)


def misfits(callable: Any, keywords: Collection[Any], positional: int | None, *, sure: bool = True) -> list[Misfit]:
    """Hold the names of arguments against a signature.

    Args:
        callable: what will be called.
        keywords: names of the keyword arguments.
        positional: number of positional arguments; None where it is not known yet.
        sure: report only what cannot be otherwise; a wrapper may give arguments that the wrapped function needs.
    """
    found = [
        Misfit(name, f"takes no argument {name!r}: the name of an argument is a string", None)
        for name in keywords
        if not isinstance(name, str)
    ]
    known = parameters(callable)
    if known is None or found:
        return found
    given_by_position = known.order[:positional] if positional else ()
    if known.positional is not None and positional is not None and positional > known.positional:
        number = f"{known.positional or 'no'} positional argument{'' if known.positional == 1 else 's'}"
        takes = f"it takes {', '.join(known.order)}" if known.order else None
        found.append(Misfit(ARGS, f"takes {number}, and gets {positional}", takes))
    if not known.open:
        spare = [name for name in known.names if name not in keywords]
        for name in keywords:
            if name in known.names:
                continue
            if name in known.order:
                found.append(Misfit(name, f"takes '{name}' by position only", f"give it in {ARGS}"))
            else:
                found.append(Misfit(name, f"takes no argument '{name}'", _argument_hint(name, spare, known)))
    found += [
        Misfit(name, f"gets the argument '{name}' twice: in _args_ and by name", "give it once")
        for name in keywords
        if name in given_by_position and name in known.names
    ]
    if positional is not None and not (sure and known.wrapped):
        missing = [n for n in known.required if n not in keywords and n not in given_by_position]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            names = ", ".join(f"'{name}'" for name in missing)
            near = closest.matches(missing[0], (name for name in keywords if name not in known.names))
            hint = f"did you mean '{missing[0]}' where it says '{near[0]}'?" if near else f"add {names}"
            found.append(Misfit(missing[0], f"needs the argument{plural} {names}", hint))
    return found


def _argument_hint(name: str, spare: Iterable[str], known: Parameters) -> str:
    near = closest.matches(name, spare)
    if near:
        return f"did you mean {closest.either(near)}?"
    names = (*known.order, *sorted(known.names - set(known.order)))
    takes = ", ".join(name for name in names if not name.startswith("_"))
    return f"it takes {takes}" if takes else "it takes no arguments"


def describe_arguments(arguments: Mapping[str, Any], positional: Sequence[Any] = ()) -> str:
    """Write arguments in short, for a message."""
    shown = [_short(value) for value in positional] + [f"{k}={_short(v)}" for k, v in arguments.items()]
    text = ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
    return text if len(text) <= 400 else text[:400] + "…"


def _is_small(value: Any) -> bool:
    """Tell whether a container can be written at once: one that holds another many times over can be endless."""
    if len(value) > 6:
        return False
    waiting = [value]
    seen = 0
    while waiting and seen <= _FEW:
        item = waiting.pop()
        seen += 1
        if isinstance(item, (list, tuple, dict)):
            seen += len(item)
            if seen <= _FEW:
                waiting.extend(item.values() if isinstance(item, dict) else item)
    return seen <= _FEW


def _short(value: Any) -> str:
    if isinstance(value, (str, int, float, bool, type(None))):
        text = repr(value)
    elif isinstance(value, (list, tuple, dict)) and _is_small(value):
        try:
            text = repr(value)
        except Exception:  # a broken __repr__ must not hide the error that is being reported
            text = type(value).__name__
    else:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else text[:59] + "…"
