"""Components: check a mapping with ``_target_`` before anything is built, then call its target."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable
from typing import Any

from bundle_engine.config import closest
from bundle_engine.config.ids import ARGS, COMPONENT_KEYS, DEBUG, EXPRESSION, MODE, REFERENCE, TARGET, Id
from bundle_engine.config.targets import (
    ComponentLocator,
    Missing,
    Target,
    describe_arguments,
    locate,
    misfits,
    parameters,
)
from bundle_engine.errors import (
    ArgumentError,
    BundleEngineError,
    BundleEngineWarning,
    InstantiationError,
    Place,
    TargetNotFoundError,
)

DEFAULT, CALLABLE, DEBUGGING = MODES = ("default", "callable", "debug")


class Components:
    """Locates, checks and calls the targets of one config.

    Args:
        locator: finds short names.
        place: gives the place where an id was written.
        keys: gives the keys of the config at an id, to tell a misspelt argument's place.
    """

    def __init__(self, locator: ComponentLocator, place: Callable[[Id], Place | None]) -> None:
        self.locator = locator
        self.place = place
        self.debug = os.environ.get("MONAI_DEBUG_CONFIG", "0") != "0"
        self._targets: dict[str, Target] = {}

    def locate(self, target: str, id: Callable[[], Id]) -> Target:
        """Import what a target names.

        Raises:
            TargetNotFoundError: where that is nothing, or where importing it fails.
        """
        known = self._targets.get(target)
        if known is not None:
            return known
        try:
            found = locate(target, self.locator)
        except BundleEngineError:
            raise
        except Exception as error:
            raise self._not_found(target, id(), f"importing it failed: {told(error)}", None) from error
        if isinstance(found, Missing):
            raise self._not_found(target, id(), found.reason, found.hint, found.root)
        self._targets[target] = found
        return found

    def check(self, raw: dict[Any, Any], id: Callable[[], Id]) -> None:
        """Locate a component's target and hold the names of its arguments against its signature.

        Only a target that is written out can be checked; one that an expression gives is known when it is built.

        Raises:
            TargetNotFoundError, ArgumentError: where the component cannot be built.
        """
        target = raw[TARGET]
        if target.__class__ is not str or target[:1] in (REFERENCE, EXPRESSION):
            return
        found = self.locate(target, id)
        if raw.get(MODE, DEFAULT) == DEFAULT:
            names = [key for key in raw if key not in COMPONENT_KEYS]
            positional = raw.get(ARGS, ())
            count = len(positional) if isinstance(positional, (list, tuple)) else 0
            self._check_arguments(found, names, count, id, sure=True)

    def _check_arguments(
        self, target: Target, names: list[Any], positional: int, id: Callable[[], Id], *, sure: bool, cause: Any = None
    ) -> None:
        for misfit in misfits(target.callable, names, positional, sure=sure):
            at = id()
            inner = at.child(misfit.argument) if misfit.argument in names else at.child(TARGET)
            raise ArgumentError(
                f"'{target.path}' {misfit.reason}",
                id=str(inner if misfit.argument in names else at),
                place=self.place(inner),
                hint=misfit.hint,
            ) from cause

    def build(
        self, target: Any, mode: Any, arguments: dict[str, Any], raw: dict[Any, Any], id: Callable[[], Id]
    ) -> Any:
        """Call a target.

        Args:
            target: a dotted path, a short name, or what to call.
            mode: ``default`` calls, ``callable`` binds the arguments, ``debug`` calls under pdb.
            arguments: the resolved keyword arguments, and under ``_args_`` the positional ones.
            raw: the component as written.
            id: gives its id.

        Raises:
            TargetNotFoundError, ArgumentError: where the component cannot be built.
            InstantiationError: where the target raises; its exception is the ``__cause__``.
        """
        if target.__class__ is str:
            found = self._targets.get(target) or self.locate(target, id)
        else:
            found = Target(target, getattr(target, "__qualname__", None) or repr(target))
        function = found.callable
        positional = arguments.pop(ARGS, ())
        try:
            if mode == DEFAULT and not self.debug and DEBUG not in raw:
                if callable(function):
                    return function(*positional, **arguments) if positional else function(**arguments)
                return self._not_callable(found, id)
            return self._call_otherwise(found, mode, positional, arguments, raw, id)
        except Exception as error:
            if isinstance(error, TypeError):
                self._check_arguments(found, list(arguments), len(positional), id, sure=False, cause=error)
            at = id()
            raise InstantiationError(
                f"'{found.path}' failed: {told(error)}",
                id=str(at),
                place=self.place(at.child(TARGET)),
                notes=[f"called with ({describe_arguments(arguments, positional)})"],
                hint=_hint(error, found),
            ) from error

    def _call_otherwise(
        self, found: Target, mode: Any, positional: Any, arguments: dict[str, Any], raw: Any, id: Callable[[], Id]
    ) -> Any:
        mode = getattr(mode, "value", mode)
        if mode not in MODES:
            near = closest.matches(str(mode), MODES)
            raise ValueError(f"{MODE} is one of {', '.join(MODES)}, not {mode!r}" + (f"; {near[0]}?" if near else ""))
        if raw.get(DEBUG, False) or self.debug:
            warnings.warn(f"stopping before {found.path} is called, in pdb", BundleEngineWarning, stacklevel=2)
            breakpoint()
        if not callable(found.callable):
            return self._not_callable(found, id)
        if mode == CALLABLE:
            if positional or arguments:
                return functools.partial(found.callable, *positional, **arguments)
            return found.callable
        if mode == DEBUGGING:
            import pdb

            warnings.warn(f"calling {found.path} under pdb", BundleEngineWarning, stacklevel=2)
            return pdb.runcall(found.callable, *positional, **arguments)
        return found.callable(*positional, **arguments)

    def _not_callable(self, found: Target, id: Callable[[], Id]) -> Any:
        message = f"'{found.path}' (id '{id()}') cannot be called; taking it as it is"
        warnings.warn(message, BundleEngineWarning, stacklevel=2)
        return found.callable

    def _not_found(self, target: str, at: Id, reason: str, hint: str | None, root: str = "") -> TargetNotFoundError:
        error = TargetNotFoundError(
            f"cannot locate the target '{target}': {reason}",
            id=str(at),
            place=self.place(at.child(TARGET)),
            hint=hint,
        )
        error.name = root or None
        return error


def told(error: BaseException) -> str:
    """Write an exception in one line; of our own only the message, since its place follows."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    text = error.message if isinstance(error, BundleEngineError) else str(error)
    return f"{name}: {text}" if text else name


def _hint(error: Exception, found: Target) -> str | None:
    if not isinstance(error, (TypeError, ValueError)):
        return None
    known = parameters(found.callable)
    return f"it takes {', '.join(known.order)}" if known is not None and known.order else None
