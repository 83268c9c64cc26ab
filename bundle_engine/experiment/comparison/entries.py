"""Find what is to be compared: runs, folds, evaluations, tables from elsewhere; each with its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundle_engine.data.table import SETS, set_name
from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.evaluation.records import Evaluation, find_evaluations
from bundle_engine.evaluation.staging import RECORD
from bundle_engine.evaluation.tables import MEASURES, measure_of
from bundle_engine.evaluation.tables import METRICS as TABLE
from bundle_engine.experiment.comparison.measurements import ACROSS, TRUE_CLASS, Measurement, read_measurements
from bundle_engine.runs.folder import RECORD as RUN
from bundle_engine.runs.folder import find_run, shown
from bundle_engine.workflow.files import near_files

__all__ = ["ENSEMBLE", "RESULTS", "Entry", "measurements_of", "read_entries"]

RESULTS = "CrossValResults"
ENSEMBLE = "ENSEMBLE"
_DEPTH = 3
_TABLES = (".csv", ".txt", "")  # how files with tables end
_KIND = "cross_validation"
_PLAIN = ("evaluation", RESULTS)  # folders whose names say nothing of the run


class Entry(NamedTuple):
    """One table that takes part.

    Attributes:
        run: name of the run.
        split: its fold, or ``ENSEMBLE``; empty where there is none.
        set: what was evaluated; empty where that is not known.
        source: the file.
        rows: what was measured.
    """

    run: str
    split: str
    set: str
    source: Path
    rows: list[Measurement]


def read_entries(inputs: Sequence[str | os.PathLike[str]]) -> list[Entry]:
    """Read what is to be compared.

    Args:
        inputs: folders of runs, of cross-validations or of evaluations, parts of the names of runs, ``name:version`` of
            a registered model, or files; each may have a name in front, ``NAME=path``.

    Raises:
        InputNotFoundError: when there is no such thing, or no evaluation of it.
        InputError: when a table is damaged.
        UsageError: when two have the same name, or nothing is named.
    """
    if not inputs:
        raise UsageError("nothing is named to compare", hint="compare RUN_A RUN_B: folders of runs or of evaluations")
    given = [_given(os.fspath(each)) for each in inputs]
    names = _names(given)
    return [entry for (_, path), name in zip(given, names, strict=True) for entry in _entries(path, name)]


def measurements_of(evaluation: Evaluation, run: str, split: str) -> list[Measurement]:
    """Give what an evaluation measured; of a classification, the probability of the true class."""
    part = _set_of(evaluation)
    if evaluation.rows:
        return [
            Measurement(
                run, split, part, row.subject, row.structure,
                {metric: measure_of(row.agreement, metric) for metric in MEASURES},
            )
            for row in evaluation.rows
        ]  # fmt: skip
    classes = list(evaluation.classes)
    return [
        Measurement(run, split, part, each.subject, each.label, {TRUE_CLASS: each.probabilities[index]})
        for each in evaluation.verdicts
        for index in [classes.index(each.label)]
    ]


def _given(text: str) -> tuple[str, Path]:
    """Tell the name and the path of an input apart; no name where none is given."""
    path = Path(text).expanduser()
    if path.exists():
        return "", path.absolute()
    name, equals, rest = text.partition("=")
    if equals and name.strip() and rest:
        below = Path(rest).expanduser()
        return name.strip(), below.absolute() if below.exists() else _found(rest)
    return text if _is_registered(text) else "", _found(text)


def _found(text: str) -> Path:
    """Find a version in the registry, a run or a cross-validation."""
    return _version(text) if _is_registered(text) else _run(text)


def _is_registered(text: str) -> bool:
    from bundle_engine.experiment.registry import is_reference

    return is_reference(text)


def _version(reference: str) -> Path:
    """Give the folder of the run that a version in the registry is from; of an ensemble that of its evaluation."""
    from bundle_engine.experiment.registry import open_registry

    version = open_registry().find(reference)
    way_out = f"evaluate --model_id {reference} --output_dir DIR, and compare {reference}=DIR"
    try:
        folder = _run(version.tags.get("run", ""))
    except InputNotFoundError:
        message = f"the run that '{reference}' is from is not here, and so its measures are not known"
        raise InputNotFoundError(message, hint=way_out) from None
    if version.tags.get("weights", "1") == "1":
        return folder
    together = folder / ENSEMBLE
    if not together.is_dir():
        raise InputNotFoundError(f"the ensemble '{reference}' was not evaluated", hint=way_out)
    return together


def _run(text: str) -> Path:
    from bundle_engine.experiment.parent import find_experiment

    try:
        return find_run(text)
    except InputNotFoundError as error:
        near = error.hint
    try:
        return find_experiment(text, _KIND)
    except InputNotFoundError:
        message = f"there is no file or folder '{text}', and no run of that name"
        beside = near_files(Path(text).expanduser()) or ""
        near = beside if beside.startswith("did you mean") else near
        raise InputNotFoundError(message, hint=near) from None


def _names(given: Sequence[tuple[str, Path]]) -> list[str]:
    """Name the inputs: as they are given, or else by their folders, as far up as tells them apart."""
    own = [name for name, _ in given if name]
    if twice := next((name for name in own if own.count(name) > 1), None):
        raise UsageError(f"two are called '{twice}'", hint="give each another name: NAME=path")
    paths = [path for _, path in given]
    if again := next((path for path in paths if paths.count(path) > 1), None):
        raise UsageError(f"'{shown(again)}' is named twice")
    telling = [_telling(path) for path in paths]
    names: list[str] = []
    for index, (name, _) in enumerate(given):
        if name:
            names.append(name)
            continue
        depth = 1
        while depth < len(telling[index]) and _taken(index, depth, telling, own):
            depth += 1
        names.append("/".join(telling[index][-depth:]))
    doubled = {name for name in names if names.count(name) > 1}
    return [shown(paths[i]) if name in doubled and not given[i][0] else name for i, name in enumerate(names)]


def _taken(index: int, depth: int, telling: Sequence[Sequence[str]], own: Sequence[str]) -> bool:
    end = telling[index][-depth:]
    return "/".join(end) in own or any(other[-depth:] == end for i, other in enumerate(telling) if i != index)


def _telling(path: Path) -> list[str]:
    parts = [*path.parts[1:-1], path.name if path.is_dir() else path.stem]
    if parts[-1:] == [Path(TABLE).stem] or parts[-1:] == [Path(ACROSS).stem]:
        parts.pop()
    rest = [part for part in parts if part not in _PLAIN and part.lower() not in SETS]
    return rest or parts


def _entries(path: Path, run: str) -> list[Entry]:
    if path.is_file():
        if path.name == TABLE and (path.parent / RECORD).is_file():
            return _of_folder(path.parent, run)
        if path.suffix.lower() not in _TABLES:
            hint = "name the folder of a run or of an evaluation, or a metrics.csv"
            raise InputError(f"'{shown(path)}' is no table of measures", hint=hint)
        return _from_table(path, run)
    return _of_folder(path / RESULTS if (path / RESULTS).is_dir() else path, run)


def _of_folder(folder: Path, run: str) -> list[Entry]:
    try:
        found = find_evaluations(folder)
    except InputNotFoundError:
        return _from_tables(folder, run)
    entries = []
    for each in found:
        split = _split(each.folder.relative_to(folder).parts)
        rows = measurements_of(each, run, split)
        entries.append(Entry(run, split, _set_of(each), each.folder / TABLE, rows))
    return entries


def _from_tables(folder: Path, run: str) -> list[Entry]:
    """Read tables without a record beside them, as other programs leave them."""
    found = sorted(path for depth in range(_DEPTH + 1) for path in folder.glob("*/" * depth + TABLE))
    if not found and (folder / ACROSS).is_file():
        found = [folder / ACROSS]
    if not found:
        hint = "name a folder that evaluate wrote, or a metrics.csv"
        if (folder / RUN).is_file():
            hint = f"evaluate it first: evaluate --model {shown(folder)}"
        raise InputNotFoundError(f"there is no evaluation in '{shown(folder)}'", hint=hint)
    return [entry for path in found for entry in _from_table(path, run, path.parent.relative_to(folder).parts)]


def _from_table(path: Path, run: str, parts: Sequence[str] = ()) -> list[Entry]:
    part = set_name(path.parent.name) if path.parent.name.lower() in SETS else ""
    rows = read_measurements(path, run=run, split=_split(parts), set=part)
    entries: dict[tuple[str, str, str], list[Measurement]] = {}
    for row in rows:
        split = _split((row.split,)) if row.split else ""
        entries.setdefault((row.run, split, row.set), []).append(row._replace(split=split))
    return [Entry(*key, path, of) for key, of in entries.items()]


def _split(parts: Sequence[str]) -> str:
    """Give the split that folders stand for."""
    rest = [part for part in parts if part not in _PLAIN and part.lower() not in SETS]
    return "/".join(ENSEMBLE if part.lower() == "ensemble" else part for part in rest)


def _set_of(evaluation: Evaluation) -> str:
    return set_name(str(evaluation.record.get("set") or ""))
