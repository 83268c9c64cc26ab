"""A study of Optuna, kept in a file: it says what to try next, and which trials are not worth going on with."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import InputError, MissingDependencyError, UsageError
from bundle_engine.experiment.sweeps.space import CHOICE, INT, LOG, LOG_INT, Range, Space

__all__ = ["STORAGE", "Study", "require_names"]

STORAGE = "optuna.db"
_NAME = "sweep"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        message = "this needs the package optuna, which is not installed"
        raise MissingDependencyError(message, hint="pip install 'bundle-engine[experiment]'") from None
    optuna.logging.set_verbosity(logging.WARNING)
    return optuna


def require_names(sampler: Any, pruner: Any, seed: int) -> None:
    """Raise a `UsageError` when Optuna has no such sampler or pruner, or it does not take these settings."""
    _made("sampler", sampler, seed=seed)
    _made("pruner", pruner)


class Study:
    """A study that is kept in a file, and found there again.

    Args:
        folder: the folder of the file.
        space: what it may try.
        direction: ``maximize`` or ``minimize``.
        sampler: how it chooses: a name, such as ``tpe``, ``gp``, ``cmaes``, ``random``, ``qmc``, or a mapping of
            ``name`` and settings, as Optuna has them.
        pruner: how it finds trials that are not worth going on with, likewise: ``none``, ``median``, ``hyperband``.
        seed: of the sampler.

    Raises:
        MissingDependencyError: when Optuna is not installed.
        InputError: when the file is no study.
    """

    def __init__(
        self, folder: Path, space: Space, *, direction: str, sampler: Any = "tpe", pruner: Any = "none", seed: int = 0
    ) -> None:
        self._optuna = optuna = _optuna()
        self._space = space
        path = folder / STORAGE
        try:
            with _quiet():
                storage = optuna.storages.RDBStorage(_address(path))
                known = len(storage.get_all_trials(_only(storage))) if storage.get_all_studies() else 0
                self._study = optuna.create_study(
                    storage=storage,
                    study_name=_NAME,
                    direction=direction,
                    sampler=_made("sampler", sampler, seed=seed + known),  # to go on does not repeat the beginning
                    pruner=_made("pruner", pruner),
                    load_if_exists=True,
                )
        except UsageError:
            raise
        except Exception as error:  # of the database
            reason = str(error).partition("\n")[0]
            raise InputError(f"the study in '{path}' cannot be read: {reason}") from None
        self._trials: dict[int, Any] = {}
        self.is_exhausted = False  # some samplers know when there is nothing left to try

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Give the number of a new trial, and the values that it is to try."""
        with _quiet():
            trial = self._study.ask()
            values: dict[str, Any] = {}
            for name, steps in self._space.axes():
                values |= steps[trial.suggest_categorical(name, list(range(len(steps))))]
            values |= {id: _suggested(trial, id, each) for id, each in self._space.ranges.items()}
        self._trials[trial.number] = trial
        return trial.number, values

    def tell(self, number: int, value: float | None) -> None:
        """Say what a trial came to; None when it failed."""
        state = self._optuna.trial.TrialState
        if value is None:
            self._told(number, state=state.FAIL)
        else:
            self._told(number, values=value)

    def tell_pruned(self, number: int) -> None:
        """Say that a trial was stopped because it was not worth going on with."""
        self._told(number, state=self._optuna.trial.TrialState.PRUNED)

    def _told(self, number: int, **outcome: Any) -> None:
        with contextlib.suppress(ValueError), _quiet():  # it was told before
            try:
                self._study.tell(number, **outcome)
            except RuntimeError:  # a sampler wants to stop the loop that Optuna has, and we have not
                self.is_exhausted = True

    def should_stop(self, number: int, steps: list[tuple[int, float]]) -> bool:
        """Tell whether a trial is not worth going on with.

        Args:
            number: of the trial.
            steps: what it has come to, step by step.
        """
        trial = self._trials.get(number)
        if trial is None:
            found = next(each for each in self._study.get_trials(deepcopy=False) if each.number == number)
            trial = self._trials[number] = self._optuna.trial.Trial(self._study, found._trial_id)
        known = self._study._storage.get_trial(trial._trial_id).intermediate_values
        new = [(step, value) for step, value in steps if step not in known]
        with _quiet():
            for step, value in new:
                trial.report(value, step)
            return bool(new) and bool(trial.should_prune())


def _address(path: Path) -> str:
    """Give the address of a database, in which some characters mean something else."""
    return f"sqlite:///{quote(str(path)) if set(str(path)) & set('?%') else path}"


def _only(storage: Any) -> int:
    """Give the id of the one study in a storage."""
    return int(storage.get_study_id_from_name(_NAME))


def _suggested(trial: Any, id: str, range: Range) -> Any:
    if range.kind == CHOICE:
        return range.values[trial.suggest_categorical(id, _numbers(range.values))]
    low, high = range.values
    if range.kind in (INT, LOG_INT):
        return trial.suggest_int(id, low, high, log=range.kind == LOG_INT)
    return trial.suggest_float(id, low, high, log=range.kind == LOG)


def _numbers(values: tuple[Any, ...]) -> list[int]:
    return list(range(len(values)))


def _made(kind: str, named: Any, **more: Any) -> Any:
    """Make a sampler or a pruner of Optuna by its name."""
    optuna = _optuna()
    module = getattr(optuna, f"{kind}s")
    ending = kind.capitalize()
    known = {name.removesuffix(ending).lower(): getattr(module, name) for name in dir(module) if name.endswith(ending)}
    known.pop("base", None)
    known["none"] = known.pop("nop", None)
    settings = dict(named) if isinstance(named, Mapping) else {"name": named}
    name = str(settings.pop("name", "")).replace("_", "").lower().removesuffix(kind)
    if known.get(name) is None:
        names = [each for each, found in known.items() if found is not None]
        near = matches(name, names)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(names)}"
        raise UsageError(f"Optuna has no {kind} '{name}'", hint=hint)
    import inspect

    takes = inspect.signature(known[name]).parameters
    settings = {**{key: value for key, value in more.items() if key in takes}, **settings}
    try:
        with _quiet():
            return known[name](**settings)
    except (TypeError, ValueError, ImportError) as error:
        raise UsageError(f"the {kind} '{name}' cannot be made with {json.dumps(settings)}: {error}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what Optuna says about what is new in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
