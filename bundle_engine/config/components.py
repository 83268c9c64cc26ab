"""Components: check a mapping with ``_target_`` before anything is built, then call its target."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bundle_engine.config import closest
from bundle_engine.config.causes import raised_at, told
from bundle_engine.config.ids import (
    ARGS,
    COMPONENT_KEYS,
    DEBUG,
    DISABLED,
    EXPRESSION,
    MODE,
    RANKS,
    REFERENCE,
    TARGET,
    Id,
)
from bundle_engine.config.names import failed_import
from bundle_engine.config.origins import Where
from bundle_engine.config.targets import (
    ComponentLocator,
    Misfit,
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
    TargetNotFoundError,
)

DEFAULT, CALLABLE, DEBUGGING = MODES = ("default", "callable", "debug")
_NONE = ()


class Components:
    """Locates, checks and calls the targets of one config.

    Args:
        locator: finds short names.
        place: gives the place where an id was written.
    """

    def __init__(self, locator: ComponentLocator, place: Where) -> None:
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
            reason = f"importing it failed: {told(error)}"
            lacking = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
            hint = f"install '{lacking}'" if lacking else None
            raise self._not_found(target, id(), reason, hint, notes=raised_at(error)) from error
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
        if target.__class__ is not str:
            if target is None:
                raise self._no_target(id())
            return
        if target[:1] in (REFERENCE, EXPRESSION):
            return
        found = self.locate(target, id)
        mode = raw.get(MODE, DEFAULT)
        if mode == DEFAULT:
            names = [key for key in raw if key not in COMPONENT_KEYS]
            count = _known_count(raw[ARGS]) if ARGS in raw else 0
            for misfit in misfits(found.callable, names, count):
                raise self._misfit(found, misfit, names, id())
        elif mode.__class__ is str and mode.strip() not in MODES and mode[:1] not in (REFERENCE, EXPRESSION):
            raise self._no_mode(mode, id())

    def _misfit(self, target: Target, misfit: Misfit, names: list[Any], at: Id) -> ArgumentError:
        if misfit.argument in names or misfit.argument == ARGS:
            at = at.child(misfit.argument)
            place = self.place(at, key=True)
        else:
            place = self.place(at.child(TARGET))
        return ArgumentError(f"'{target.path}' {misfit.reason}", id=str(at), place=place, hint=misfit.hint)

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
        elif target is None:
            raise self._no_target(id())
        else:
            found = Target(target, getattr(target, "__qualname__", None) or repr(target))
        function = found.callable
        positional = arguments.pop(ARGS, _NONE)
        if positional.__class__ is not list and positional is not _NONE:
            positional = self._positional(positional, id)
        try:
            if mode == DEFAULT and not self.debug and DEBUG not in raw:
                if callable(function):
                    return function(*positional, **arguments) if positional else function(**arguments)
                return self._not_callable(found, id)
            return self._call_otherwise(found, mode, positional, arguments, raw, id)
        except Exception as error:
            at = id()
            if isinstance(error, TypeError):
                names = list(arguments)
                for misfit in misfits(found.callable, names, len(positional), sure=False):
                    if misfit.shows_in(error):  # this is what the call itself was refused for
                        raise self._misfit(found, misfit, names, at) from error
            notes = [f"called with ({describe_arguments(arguments, positional)})", *raised_at(error)]
            problems = list(filter(None, map(failed_import, (*positional, *arguments.values()))))
            raise InstantiationError(
                f"'{found.path}' failed: {told(error)}",
                id=str(at),
                place=self.place(at.child(TARGET)),
                notes=[*notes, *(problem.message for problem in problems)],
                hint=None if problems else _hint(error, found),
            ) from error

    def _call_otherwise(
        self, found: Target, mode: Any, positional: Any, arguments: dict[str, Any], raw: Any, id: Callable[[], Id]
    ) -> Any:
        mode = getattr(mode, "value", mode)
        mode = mode.strip() if isinstance(mode, str) else mode
        if mode not in MODES:
            raise self._no_mode(mode, id())
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

    def _positional(self, value: Any, id: Callable[[], Id]) -> list[Any]:
        if value is None:
            return []
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            at = id().child(ARGS)
            raise ArgumentError(
                f"{ARGS} is a list of positional arguments, not {describe_arguments({}, [value])}",
                id=str(at),
                place=self.place(at),
                hint=f"write '{ARGS}: [...]', also for one argument",
            )
        return list(value)

    def _no_mode(self, mode: Any, at: Id) -> InstantiationError:
        near = closest.matches(str(mode), MODES)
        inner = at.child(MODE)
        return InstantiationError(
            f"{MODE} is {closest.either(MODES)}, not {mode!r}",
            id=str(inner),
            place=self.place(inner),
            hint=f"did you mean {closest.either(near)}?" if near else None,
        )

    def _no_target(self, at: Id) -> TargetNotFoundError:
        inner = at.child(TARGET)
        hint = "name a class or a function, or take the key out"
        message = f"the {TARGET} of '{at}' is null"
        return TargetNotFoundError(message, id=str(inner), place=self.place(inner), hint=hint)

    def _not_found(
        self, target: str, at: Id, reason: str, hint: str | None, root: str = "", notes: Sequence[str] = ()
    ) -> TargetNotFoundError:
        error = TargetNotFoundError(
            f"cannot locate the target '{target}': {reason}",
            id=str(at),
            place=self.place(at.child(TARGET)),
            hint=hint,
            notes=notes,
        )
        error.name = root or None
        return error


def _known_count(positional: Any) -> int | None:
    """Count the positional arguments as written; None where only resolving tells how many there are."""
    if not isinstance(positional, (list, tuple)):
        return 0 if positional is None else None
    gated = any(isinstance(item, dict) and (DISABLED in item or RANKS in item) for item in positional)
    return None if gated else len(positional)


def _hint(error: Exception, found: Target) -> str | None:
    if not isinstance(error, TypeError):
        return None
    known = parameters(found.callable)
    names = [name for name in known.order if not name.startswith("_")] if known is not None else []
    return f"it takes {', '.join(names)}" if names else None
