"""Split the subjects of a table into sets: by fractions, by numbers, or by lists of names."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle_engine.config.closest import either, matches
from bundle_engine.data.table import Dataset, Subject, set_name
from bundle_engine.errors import InputError, InputNotFoundError, MissingDependencyError, UsageError

__all__ = ["Part", "Split", "read_split", "split_dataset", "write_split"]

Part = float | int | str | Sequence[str]
_REST = "rest"


@dataclass(frozen=True)
class Split:
    """Which subjects are in which set, and how that came about.

    Attributes:
        sets: names of subjects, in the order of their names, by set.
        parts: what was asked for.
        seed: that of the random order; None for the order of names.
        group_by: the column by which subjects were kept together.
        stratify_by: the column whose values all sets have in like parts.
        table: the file of the table.
    """

    sets: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = 0
    group_by: str = ""
    stratify_by: str = ""
    table: str = ""

    def set_of(self, subject: str) -> str:
        """Give the set of a subject; empty where it is in none."""
        return next((name for name, subjects in self.sets.items() if subject in subjects), "")


def split_dataset(
    dataset: Dataset,
    parts: Mapping[str, Part],
    *,
    seed: int | None = 0,
    group_by: str = "",
    stratify_by: str = "",
    of: str | None = None,
) -> Split:
    """Split the subjects of a table.

    The order of the rows in the table does not matter: subjects are sorted by name first. Numbers and fractions count
    groups where there are groups, so that sets of subjects come out a little larger or smaller.

    Args:
        dataset: the table.
        parts: for each set a fraction (0.2), a number of subjects (40), a list of names, or ``rest``.
        seed: of the random order; None to take subjects in the order of their names.
        group_by: a column; subjects with the same value there stay together.
        stratify_by: a column whose values all sets get in like parts.
        of: the set whose subjects are split; by default those that are for training, or all where the table has no
            sets.

    Raises:
        UsageError: for parts that do not fit the subjects, and for columns that there are not.
        MissingDependencyError: when scikit-learn is needed and not installed.
    """
    subjects = sorted(_subjects_of(dataset, of), key=lambda subject: subject.name)
    for column in filter(None, (group_by, stratify_by)):
        _require_column(dataset, subjects, column)
    sets: dict[str, list[str]] = {}
    named = {set_name(name): _names(value) for name, value in parts.items() if not isinstance(value, float | int | str)}
    known = {subject.name for subject in subjects}
    for name, names in named.items():
        if unknown := [each for each in names if each not in known]:
            near = matches(unknown[0], known)
            hint = f"did you mean {either(near)}?" if near else f"there are {len(known)} to split"
            raise UsageError(f"'{name}' lists the subject '{unknown[0]}', which is not in the table", hint=hint)
        sets[name] = names
    twice = [name for name, count in Counter(each for names in named.values() for each in names).items() if count > 1]
    if twice:
        raise UsageError(f"the subject '{twice[0]}' is listed for more than one set")
    left = [subject for subject in subjects if not any(subject.name in names for names in named.values())]
    units = _units(left, group_by)
    if named and group_by:
        _require_whole_groups(subjects, named, group_by)
    numbers = {set_name(name): value for name, value in parts.items() if isinstance(value, float | int | str)}
    sizes = _sizes(numbers, len(units), "groups" if group_by else "subjects")
    for name, chosen in _deal(units, sizes, seed, stratify_by).items():
        sets[name] = [subject.name for unit in chosen for subject in unit]
    ordered = {set_name(name): tuple(sorted(sets[set_name(name)])) for name in parts}
    return Split(ordered, dict(parts), seed, group_by, stratify_by, dataset.source.name)


def _subjects_of(dataset: Dataset, of: str | None) -> tuple[Subject, ...]:
    if of is None:
        found = dataset.in_set("train") if "train" in dataset.sets else dataset.subjects
    else:
        found = dataset.in_set(of)
    if not found:
        there = either(dataset.sets) if dataset.sets else "no sets"
        raise UsageError(f"the table has no subjects in the set '{of}'", hint=f"it has {there}")
    return found


def _require_column(dataset: Dataset, subjects: Sequence[Subject], column: str) -> None:
    without = [subject.name for subject in subjects if column not in subject.columns]
    if not without:
        return
    near = matches(column, dataset.columns)
    hint = f"did you mean {either(near)}?" if near else f"it has {', '.join(dataset.columns) or 'no further columns'}"
    if column in dataset.columns:
        raise UsageError(f"subject '{without[0]}' has nothing in the column '{column}'", hint="fill it in")
    raise UsageError(f"the table has no column '{column}'", hint=hint)


def _names(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"a set is a fraction, a number, 'rest', or a list of names; not {value!r}")
    return [str(each) for each in value]


def _units(subjects: Sequence[Subject], group_by: str) -> list[list[Subject]]:
    """Give what is dealt out as a whole: subjects, or groups of them."""
    if not group_by:
        return [[subject] for subject in subjects]
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(str(subject.columns[group_by]), []).append(subject)
    return [groups[name] for name in sorted(groups)]


def _require_whole_groups(subjects: Sequence[Subject], named: Mapping[str, list[str]], group_by: str) -> None:
    sets: dict[str, set[str]] = {}
    for subject in subjects:
        own = next((name for name, names in named.items() if subject.name in names), "")
        sets.setdefault(str(subject.columns[group_by]), set()).add(own)
    broken = next((group for group, found in sets.items() if len(found) > 1), None)
    if broken is not None:
        raise UsageError(f"the lists tear '{broken}' of the column '{group_by}' apart", hint="list all its subjects")


def _sizes(parts: Mapping[str, Any], total: int, what: str) -> dict[str, int]:
    """Turn fractions into numbers that sum up, by the method of the largest remainder."""
    for name, value in parts.items():
        if (
            isinstance(value, bool)
            or (isinstance(value, str) and value != _REST)
            or (not isinstance(value, str) and value < 0)
        ):
            raise UsageError(f"the part for '{name}' is a fraction, a number, or 'rest'; not {value!r}")
        if isinstance(value, float) and value > 1:
            raise UsageError(
                f"the part for '{name}' is {value}, and a fraction is at most 1", hint="write a whole number"
            )
    fixed = {name: value for name, value in parts.items() if isinstance(value, int)}
    fractions = {name: value for name, value in parts.items() if isinstance(value, float)}
    rest = [name for name, value in parts.items() if value == _REST]
    if len(rest) > 1:
        raise UsageError("only one set can be the rest")
    given = sum(fractions.values())
    if given > 1 + 1e-6:
        raise UsageError(f"the fractions sum up to {given:g}, and not to 1")
    wanted = {name: value * total for name, value in fractions.items()}
    sizes = {name: int(value + 1e-9) for name, value in wanted.items()}
    spare = round(sum(wanted.values())) - sum(sizes.values())
    for name in sorted(wanted, key=lambda name: sizes[name] - wanted[name])[: max(0, spare)]:
        sizes[name] += 1
    sizes = {**sizes, **fixed}
    left = total - sum(sizes.values())
    if left < 0:
        raise UsageError(f"{sum(sizes.values())} {what} are asked for, and there are {total}")
    if rest:
        sizes[rest[0]] = left
    for name, value in parts.items():
        if not sizes[name] and value != 0:
            raise UsageError(f"nothing is left for '{name}': there are {total} {what}")
    return {name: sizes[name] for name in parts}


def _deal(
    units: list[list[Subject]], sizes: Mapping[str, int], seed: int | None, stratify_by: str
) -> dict[str, list[list[Subject]]]:
    dealt: dict[str, list[list[Subject]]] = {}
    left = list(units)
    for name, size in sizes.items():
        if seed is None or size in (0, len(left)):
            if seed is None and stratify_by:
                raise UsageError("to stratify takes a random order", hint="give a seed")
            dealt[name], left = left[:size], left[size:]
            continue
        dealt[name], left = _draw(left, size, seed, stratify_by)
    return dealt


def _draw(
    units: list[list[Subject]], size: int, seed: int, stratify_by: str
) -> tuple[list[list[Subject]], list[list[Subject]]]:
    """Draw some at random; what belongs together is one unit, as in scikit-learn's GroupShuffleSplit."""
    try:
        import sklearn.model_selection as selection
    except ImportError as error:
        raise MissingDependencyError(
            "splits at random are made by scikit-learn, which is not installed",
            hint="pip install 'bundle-engine[data]'",
        ) from error
    kind = selection.StratifiedShuffleSplit if stratify_by else selection.ShuffleSplit
    strata = [_stratum(unit, stratify_by) for unit in units]
    drawing = kind(1, test_size=size, train_size=len(units) - size, random_state=seed)
    try:
        ((others, chosen),) = drawing.split([[0]] * len(units), strata)
    except ValueError as error:
        rare = min(Counter(strata).items(), key=lambda item: item[1])
        raise UsageError(
            f"the column '{stratify_by}' cannot be divided like this: '{rare[0]}' is there {rare[1]} times",
            hint="make the sets larger, or join rare values",
        ) from error
    return [units[index] for index in sorted(chosen)], [units[index] for index in sorted(others)]


def _stratum(unit: Sequence[Subject], column: str) -> str:
    """Give what is usual in a group."""
    return Counter(str(subject.columns.get(column, "")) for subject in unit).most_common(1)[0][0]


# --- as a file ---


def write_split(split: Split, path: str | os.PathLike[str]) -> None:
    """Write a split as JSON.

    Raises:
        UsageError: when it cannot be written.
    """
    content = {
        "table": split.table,
        "parts": {
            name: value if isinstance(value, int | float | str) else "listed" for name, value in split.parts.items()
        },
        "seed": split.seed,
        "group_by": split.group_by or None,
        "stratify_by": split.stratify_by or None,
        "sets": {name: list(subjects) for name, subjects in split.sets.items()},
    }
    from bundle_engine.workflow.replacement import replacing

    with replacing(path) as aside:
        aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_split(path: str | os.PathLike[str]) -> Split:
    """Read a split from the file that `write_split` wrote, or one that maps names of sets to lists of subjects.

    Raises:
        InputError: when it cannot be read, or a subject is in two sets.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise InputNotFoundError(
            f"there is no file '{file}' with a split", hint="`data split --output FILE` writes one"
        )
    from bundle_engine.config.source import load

    found = load(file, tell=False).data
    sets = found.get("sets", found)
    if not isinstance(sets, Mapping) or not all(isinstance(each, list) for each in sets.values()):
        raise InputError(f"'{file}' is no split", hint='it looks like {"sets": {"train": ["name", ...], "val": [...]}}')
    named = {set_name(str(name)): tuple(str(each) for each in names) for name, names in sets.items()}
    counts = Counter(each for names in named.values() for each in names)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise InputError(f"the split '{file}' has the subject '{twice[0]}' in two sets, or twice")
    return Split(
        named, found.get("parts") or {}, found.get("seed"), str(found.get("group_by") or ""),
        str(found.get("stratify_by") or ""), str(found.get("table") or ""),
    )  # fmt: skip
