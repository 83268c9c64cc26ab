"""Find what is wrong with a table of subjects and its files before a training starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bundle_engine.config.closest import either, matches
from bundle_engine.data.geometry import compare_grids
from bundle_engine.data.images import Facts, look_at
from bundle_engine.data.table import Dataset, File, Subject
from bundle_engine.data.values import check_classes, check_voxels, odd_spacings, same_images
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding, sort_key

__all__ = ["Expected", "Report", "check_dataset"]

_MANY = 20  # findings of one kind about missing files, after which the rest is counted


@dataclass(frozen=True)
class Expected:
    """What a table is held against, beside itself.

    Attributes:
        classes: names of the values of labels; empty where nobody says.
        channels: number of channels that a network takes; 0 where nobody says.
        labels: channels that hold labels; empty to go by their names.
        group_by: a column; what has the same value there belongs into one set.
    """

    classes: Mapping[int, str] = field(default_factory=dict)
    channels: int = 0
    labels: tuple[str, ...] = ()
    group_by: str = ""


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        dataset: the table.
        facts: what each file is like, by its path.
        findings: what is wrong, in the order of the table.
        full: whether the voxels were looked at.
    """

    dataset: Dataset
    facts: Mapping[Path, Facts]
    findings: tuple[Finding, ...]
    full: bool


def check_dataset(
    dataset: Dataset,
    findings: Sequence[Finding] = (),
    *,
    expected: Expected | None = None,
    full: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Look at all files of a table.

    Args:
        dataset: the table.
        findings: what is wrong with how it is written, as `read_table` gives it.
        expected: what it is held against.
        full: read all voxels; otherwise only headers are read, and what needs voxels is not found.
        workers: threads that read; by default one per CPU core, at most 8.
        progress: told how many of how many files were read.

    Raises:
        MissingDependencyError: when what reads such files is not installed.
    """
    wanted = expected or Expected()
    if not wanted.classes:
        wanted = Expected(dataset.classes, wanted.channels, wanted.labels, wanted.group_by)
    labels = dataset.labels(wanted.labels)
    all_findings = [*findings, *_missing(dataset), *_channels(dataset), *_groups(dataset, wanted.group_by)]
    files = {file.path: file.channel in labels for subject in dataset.subjects for file in subject.files}
    there = {path: label for path, label in files.items() if path.is_file()}
    facts = _look(there, full, workers, progress)
    for subject in dataset.subjects:
        for file in subject.files:
            if (seen := facts.get(file.path)) is not None and seen.error:
                said = f"'{file.written}' cannot be read: {seen.error}"
                all_findings.append(found("BE106", subject.name, file.place, said, "copy it again, or leave it out"))
        good = [(file, facts[file.path]) for file in subject.files if _is_good(facts.get(file.path))]
        all_findings += compare_grids(subject, good)
        all_findings += check_voxels(subject, good, labels, wanted.classes)
        all_findings += _channel_numbers(subject, good, labels, wanted.channels)
    all_findings += odd_spacings(dataset, facts)
    if full:
        all_findings += same_images(dataset, facts, labels)
        all_findings += check_classes(dataset, facts, labels, wanted.classes)
    return Report(dataset, facts, tuple(sorted(all_findings, key=sort_key)), full)


def _is_good(facts: Facts | None) -> bool:
    return facts is not None and not facts.error and facts.known


def _look(
    files: Mapping[Path, bool], full: bool, workers: int | None, progress: Callable[[int, int], None] | None
) -> dict[Path, Facts]:
    """Read the files in several threads: decompression and arithmetic run beside each other."""
    count = workers if workers else min(8, os.cpu_count() or 1)
    read = partial(_look_at_one, full=full)
    facts = {}
    with ThreadPoolExecutor(max(1, count)) as pool:
        try:
            for number, (path, seen) in enumerate(zip(files, pool.map(read, files.items()), strict=True), start=1):
                facts[path] = seen
                if progress is not None:
                    progress(number, len(files))
        except BaseException:  # such as Ctrl-C
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return facts


def _look_at_one(item: tuple[Path, bool], *, full: bool) -> Facts:
    path, label = item
    return look_at(path, label=label, full=full)


# --- the table by itself ---


def _missing(dataset: Dataset) -> Iterator[Finding]:
    files = [(subject, file) for subject in dataset.subjects for file in subject.files]
    missing = [(subject, file) for subject, file in files if not file.path.is_file()]
    folder = dataset.source.parent
    if missing and len(missing) == len(files) > 3:
        subject, file = missing[0]
        said = f"none of the {len(files)} files that the table names is there"
        hint = f"paths are relative to the folder of the table, '{folder}': put the table beside the files"
        yield found("BE102", subject.name, file.place, said, hint)
        return
    used = {file.path for _, file in files}
    listed: dict[Path, list[str]] = {}
    for number, (subject, file) in enumerate(missing):
        if number == _MANY and len(missing) > _MANY + 1:
            said = f"'{file.written}' is not there, and neither are {len(missing) - _MANY - 1} more files"
            yield found("BE102", subject.name, file.place, said)
            return
        yield found(
            "BE102", subject.name, file.place, f"'{file.written}' is not there", _near(file, folder, used, listed)
        )


def _near(file: File, folder: Path, used: set[Path], listed: dict[Path, list[str]]) -> str:
    """Say what there is instead of a file: with a name much like it, that nothing else in the table has."""
    path = file.path
    if path.is_dir():
        return "it is a folder"
    parent = path.parent
    if not parent.is_dir():
        existing = next((each for each in parent.parents if each.is_dir()), folder)
        missing = parent.relative_to(existing).parts[0]
        near = matches(missing, [each.name for each in existing.iterdir()])
        return f"there is no folder '{missing}' in '{existing}'" + (f"; did you mean {either(near)}?" if near else "")
    if parent not in listed:
        listed[parent] = [entry.name for entry in os.scandir(parent) if parent / entry.name not in used]
    name = path.name
    other = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    near = [other] if other in listed[parent] else matches(name, listed[parent])
    return f"did you mean {either(near)}?" if near else f"paths are relative to '{folder}'"


def _channels(dataset: Dataset) -> Iterator[Finding]:
    for name in (*dataset.sets, ""):
        subjects = [subject for subject in dataset.subjects if subject.set == name]
        counts: dict[str, int] = {}
        for subject in subjects:
            for file in subject.files:
                counts[file.channel] = counts.get(file.channel, 0) + 1
        usual = [channel for channel, count in counts.items() if 2 * count >= len(subjects)]
        for subject in subjects:
            for channel in usual:
                if subject.file(channel) is None:
                    others = [file.channel for file in subject.files]
                    said = f"subject '{subject.name}' has no '{channel}', which {counts[channel]} others have"
                    near = matches(channel, others)
                    hint = f"it has {either(others)}" + (f"; is {near[0]!r} misspelt?" if near else "")
                    yield found("BE105", subject.name, subject.place, said, hint)


def _groups(dataset: Dataset, column: str) -> Iterator[Finding]:
    first: dict[str, Subject] = {}
    for subject in dataset.subjects:
        if not column or column not in subject.columns or not subject.set:
            continue
        group = str(subject.columns[column])
        before = first.setdefault(group, subject)
        if before.set != subject.set:
            said = f"'{group}' of the column '{column}' is in the set '{subject.set}', and with subject '{before.name}'"
            hint = "split the table again, with this column for --group_by"
            yield found("BE104", subject.name, subject.place, f"{said} in '{before.set}'", hint)


def _channel_numbers(
    subject: Subject, files: Sequence[tuple[File, Facts]], labels: Sequence[str], expected: int
) -> Iterator[Finding]:
    images = [(file, facts) for file, facts in files if file.channel not in labels]
    have = sum(facts.channels for _, facts in images)
    if expected and images and have != expected:
        said = f"the images of subject '{subject.name}' have {have} channel{'s' * (have != 1)}"
        hint = "name those that it gets, by channels= of the datalist, or change the metadata"
        yield found("BE114", subject.name, images[0][0].place, f"{said}, and the network takes {expected}", hint)
