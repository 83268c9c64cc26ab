"""Lists of subjects as MONAI's datasets take them, for configs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundle_engine.config.closest import either, matches
from bundle_engine.data.reading import raise_first, read_table
from bundle_engine.data.splits import Split, read_split, split_dataset
from bundle_engine.data.table import Dataset, Subject, set_name
from bundle_engine.errors import InputError, InputNotFoundError, UsageError

__all__ = ["apply_split", "datalist", "items_of"]

_OPTIONS = ("seed", "group_by", "stratify_by", "of")
_NUMBERED = re.compile(r"(.+)_(\d+)")


def datalist(
    table: str | os.PathLike[str],
    section: str | None = None,
    *,
    split: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    channels: Mapping[str, str | Sequence[str]] | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    check_files: bool = True,
) -> list[dict[str, Any]]:
    """List the subjects of a table, each as a mapping of channels to paths, for `CacheDataset` and its kind.

    In a config::

        train_datalist:
          _target_: bundle_engine.data.datalist
          table: '@dataset_dir'
          section: train

    Args:
        table: ``dataset.csv``, the Decathlon's ``dataset.json``, a JSON list, or the folder that has one.
        section: the set, such as ``train`` (``training`` is the same), ``val``, ``test``; None for all.
        split: a file that ``data split`` wrote, or what it takes, such as ``{train: 0.8, val: 0.2, seed: 0}``: for each
            set a fraction, a number, ``rest`` or a list of names; with ``seed`` (null: in the order of names),
            ``group_by``, ``stratify_by`` and ``of``, as for `split_dataset`. Subjects that the split does not name stay
            in the set that the table gives them.
        channels: the channels to list; or names for the list, each with a channel or with several, which become one
            image of as many channels: ``{image: [t1, t2], label: label}``. By default all, where ``image_0``,
            ``image_1`` become ``image``.
        columns: further columns to list; by default those that all subjects have.
        limit: only the first so many subjects, for a quick try.
        check_files: raise an error for a file that is not there, before a training starts.

    Returns:
        a mapping for each subject, in the order of their names: its channels, ``subject`` and columns.

    Raises:
        InputError: when the table cannot be read or has a mistake in it, or when a file is missing.
        UsageError: when there is no such section or channel, or the split does not fit.
    """
    dataset, findings = read_table(table)
    raise_first(findings)
    if split is not None:
        dataset = apply_split(dataset, _split(dataset, split))
    subjects = dataset.subjects if section is None else dataset.in_set(section)
    if not subjects:
        there = f"it has {either(dataset.sets)}" if dataset.sets else "none of its subjects is in a set; give a split"
        raise UsageError(f"'{dataset.source}' has no subjects in the set '{set_name(str(section))}'", hint=there)
    ordered = sorted(subjects, key=lambda subject: subject.name)[: limit if limit is None else max(0, int(limit))]
    if check_files:
        _require_files(dataset, ordered)
    return items_of(ordered, channels=channels, columns=columns)


def apply_split(dataset: Dataset, split: Split) -> Dataset:
    """Give a table with the sets of a split.

    Raises:
        UsageError: when the split names a subject that is not in the table.
    """
    sets = {subject: name for name, subjects in split.sets.items() for subject in subjects}
    names = {subject.name for subject in dataset.subjects}
    if unknown := [name for name in sets if name not in names]:
        near = matches(unknown[0], names)
        hint = (
            f"did you mean {either(near)}?" if near else "was it made for another table? `data split` makes a new one"
        )
        raise UsageError(f"the split has the subject '{unknown[0]}', which is not in '{dataset.source}'", hint=hint)
    subjects = tuple(replace(subject, set=sets.get(subject.name, subject.set)) for subject in dataset.subjects)
    return replace(dataset, subjects=subjects)


def items_of(
    subjects: Sequence[Subject],
    *,
    channels: Mapping[str, str | Sequence[str]] | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Give subjects as mappings; the arguments are those of `datalist`."""
    wanted = _channels(subjects, channels)
    if columns is None:
        columns = [name for name in (subjects[0].columns if subjects else ()) if name not in wanted]
        columns = [name for name in columns if all(name in subject.columns for subject in subjects)]
    items = []
    for subject in subjects:
        item: dict[str, Any] = {}
        for key, names in wanted.items():
            paths = [_path(subject, name) for name in ([names] if isinstance(names, str) else names)]
            item[key] = paths[0] if isinstance(names, str) else paths
        item["subject"] = subject.name
        for name in columns:
            if name not in subject.columns:
                raise UsageError(f"subject '{subject.name}' has nothing in the column '{name}'")
            item[name] = subject.columns[name]
        items.append(item)
    return items


def _split(dataset: Dataset, split: str | os.PathLike[str] | Mapping[str, Any]) -> Split:
    if not isinstance(split, Mapping):
        file = Path(split).expanduser()
        beside = dataset.source.parent / file
        return read_split(beside if not file.is_file() and beside.is_file() else file)
    parts = {str(name): value for name, value in split.items() if name not in _OPTIONS}
    options = {name: split[name] for name in _OPTIONS if name in split}
    return split_dataset(dataset, parts, **options)


def _channels(
    subjects: Sequence[Subject], given: Mapping[str, str | Sequence[str]] | Sequence[str] | None
) -> dict[str, str | list[str]]:
    there = list(dict.fromkeys(file.channel for subject in subjects for file in subject.files))
    if given is None:
        return _joined([name for name in there if all(subject.file(name) is not None for subject in subjects)])
    if isinstance(given, str):
        given = [given]
    wanted = dict(given) if isinstance(given, Mapping) else {name: name for name in given}
    found: dict[str, str | list[str]] = {}
    for key, names in wanted.items():
        found[str(key)] = names if isinstance(names, str) else [str(name) for name in names]
        for name in [names] if isinstance(names, str) else names:
            if name not in there:
                near = matches(str(name), there)
                hint = f"did you mean {either(near)}?" if near else f"it has {either(there)}"
                raise UsageError(f"the table has no channel '{name}'", hint=hint)
    return found


def _joined(names: Sequence[str]) -> dict[str, str | list[str]]:
    """Make one entry of channels that are numbered from 0 on."""
    numbered: dict[str, list[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and int(match[2]) == len(numbered.get(match[1], ())) and match[1] not in names:
            numbered.setdefault(match[1], []).append(name)
    found: dict[str, str | list[str]] = {}
    for name in names:
        base = next((base for base, parts in numbered.items() if name in parts and len(parts) > 1), None)
        found[base or name] = numbered[base] if base else name
    return found


def _path(subject: Subject, channel: str) -> str:
    file = subject.file(channel)
    if file is None:
        have = either([each.channel for each in subject.files])
        raise InputError(f"subject '{subject.name}' has no '{channel}'", place=subject.place, hint=f"it has {have}")
    return str(file.path)


def _require_files(dataset: Dataset, subjects: Sequence[Subject]) -> None:
    files = [file for subject in subjects for file in subject.files]
    missing = [file for file in files if not file.path.exists()]
    if missing:
        more = f", and {len(missing) - 1} more files" if len(missing) > 1 else ""
        raise InputNotFoundError(
            f"'{missing[0].path}' is in the table and not there{more}",
            place=missing[0].place,
            hint=f"is the copy complete? `data check {dataset.source}` lists what is wrong",
        )
