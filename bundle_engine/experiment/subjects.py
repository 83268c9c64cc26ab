"""The subjects that a bundle trains and validates on, in a form that can be handed to another process.

Paths, texts and numbers are handed over as they are. Items that hold arrays are not: each process reads the bundle's
lists itself, takes what stands in given places, and makes sure that these are the subjects that were meant.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import EXPRESSION, MACRO, MANDATORY, REFERENCE, TARGET
from bundle_engine.errors import BundleEngineWarning, InputError, UsageError
from bundle_engine.evaluation.sets import Configs, find_sets, read_parser

__all__ = ["TRAIN", "VALIDATION", "Subjects", "chosen", "find_subjects", "literal"]

TRAIN, VALIDATION = "train::dataset::data", "validate::dataset::data"
_LISTS = (("train", TRAIN), ("val", VALIDATION))
_ESCAPED = (EXPRESSION, REFERENCE, MACRO, "\\")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Subjects:
    """Subjects, in the order of their names.

    Attributes:
        items: what a dataset takes for each of them: mappings, lists, texts and numbers; maybe arrays.
        names: a name for each, all different.
        test: number of subjects that the bundle is tested on, which are not among them.
        groups: what each belongs to; empty where nothing was asked for.
        sources: how the config writes the lists that they are from, where they hold arrays; else empty.
        places: where each stands in these lists, one after the other; else empty.
    """

    items: tuple[Any, ...]
    names: tuple[str, ...]
    test: int = 0
    groups: tuple[str, ...] = field(default=())
    sources: tuple[Any, ...] = field(default=())
    places: tuple[int, ...] = field(default=())

    def of(self, numbers: Sequence[int]) -> list[Any]:
        """Give the items of some subjects."""
        return [self.items[number] for number in numbers]

    def told(self, numbers: Sequence[int]) -> Any:
        """Give what a config takes for some subjects: plain data, which JSON can write."""
        if not self.sources:
            return literal(self.of(numbers))
        return {
            TARGET: f"{__name__}.{chosen.__name__}",
            "lists": list(self.sources),
            "places": [self.places[number] for number in numbers],
            "digest": _digest(self.of(numbers)),
        }


def chosen(lists: Sequence[Sequence[Any]], places: Sequence[int], digest: str) -> list[Any]:
    """Give the subjects that stand in some places of lists, one after the other.

    Args:
        lists: the lists.
        places: numbers of subjects, counted from 0.
        digest: of these subjects, as they were when they were chosen.

    Raises:
        InputError: when they are others now.
    """
    every = [item for each in lists for item in each]
    found = [every[place] for place in places if place < len(every)]
    if len(found) < len(places) or _digest(found) != digest:
        raise InputError(
            "the bundle's lists of subjects are not those that the folds were made of",
            hint="undo what was changed of the data or the config, or begin a new cross-validation",
        )
    return found


def find_subjects(configs: Configs, overrides: Mapping[str, Any], *, group_column: str | None = None) -> Subjects:
    """Resolve the lists that a bundle trains and validates on, and put them together; no dataset is built.

    Args:
        configs: the bundle's configs. An evaluate config says which subjects it is tested on, where these are others.
        overrides: ids and values to set there.
        group_column: a key of the items, or a column of the table at ``dataset_dir``.

    Raises:
        UsageError: when the bundle has no such lists, or the column is not there.
        InputError: when the lists hold what cannot be handed to another process.
    """
    found = _lists(configs, overrides)
    listed: dict[str, tuple[str, Any, int]] = {}
    items = [item for name, id in _LISTS for item in _list(found[name], id)]
    for place, item in enumerate(items):
        listed.setdefault(_key(item), (_name_of(item), item, place))
    ordered = sorted(listed.items(), key=lambda each: (each[1][0], each[0]))
    different = tuple(item for _, (_, item, _) in ordered)
    names = _distinct([name for _, (name, _, _) in ordered])
    groups = _groups(different, names, group_column, configs, overrides) if group_column else ()
    test = _tested(found.get("test"), listed)
    if all(map(_is_plain, items)):
        return Subjects(tuple(map(_plain, different)), names, test, groups)
    parser = read_parser(configs.train, configs.root, overrides)
    places = tuple(place for _, (_, _, place) in ordered)
    return Subjects(different, names, test, groups, tuple(parser.get(id) for _, id in _LISTS), places)


def literal(value: Any) -> Any:
    """Give a value so that a config takes its texts as they are: what looks like an expression gets a backslash."""
    if isinstance(value, str):
        if value == MANDATORY:  # the one text that a backslash does not help
            return f"{EXPRESSION}{value!r}"
        return f"\\{value}" if value.startswith(_ESCAPED) else value
    if isinstance(value, Mapping):
        return {key: literal(each) for key, each in value.items()}
    return [literal(each) for each in value] if isinstance(value, list) else value


def _lists(configs: Configs, overrides: Mapping[str, Any]) -> dict[str, Any]:
    train_only = Configs(configs.root, configs.train, configs.train)
    if not configs.evaluate:
        return _train_lists(train_only, overrides)
    found = _train_lists(train_only, overrides)
    try:
        return {**find_sets(configs, overrides, ["test"]), **found}
    except UsageError:  # it is evaluated on what it is validated on
        return found


def _train_lists(configs: Configs, overrides: Mapping[str, Any]) -> dict[str, Any]:
    from bundle_engine.workflow.roots import importable

    if not configs.train:
        raise UsageError("the bundle has no train config, so there is nothing to make folds of")
    found: dict[str, Any] = {}
    with importable(configs.root):
        parser = read_parser(configs.train, configs.root, overrides)
        for name, id in _LISTS:
            if id not in parser:
                raise UsageError(
                    f"the train config has no list of subjects at '{id}'",
                    id=id,
                    hint="folds are made of what stands there: write the dataset as `data:` and `transform:`",
                )
            found[name] = parser.get_parsed_content(id)
    return found


def _list(value: Any, id: str) -> list[Any]:
    """Give a list of subjects.

    Raises:
        InputError: when it is none, or holds what cannot be told apart.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise InputError(
            f"what a dataset is made from is no list of subjects, but of the kind {type(value).__name__}",
            id=id,
            hint="folds are made of a list with an item for each subject, such as {image: PATH, label: PATH}",
        )
    for number, item in enumerate(value):
        _require_known(item, f"{id}[{number}]", id)
    return list(value)


def _require_known(value: Any, where: str, id: str) -> None:
    if isinstance(value, Mapping):
        if TARGET in value:
            raise InputError(f"{where} has the key '{TARGET}', which would make it a component", id=id)
        for key, each in value.items():
            _require_known(each, f"{where}['{key}']", id)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            _require_known(each, f"{where}[{number}]", id)
    elif not (_is_simple(value) or _is_array(value)):
        raise InputError(
            f"{where} is of the kind {type(value).__name__}, which cannot be handed to the processes of the folds",
            id=id,
            hint="list paths, texts, numbers and arrays; let a transform such as LoadImaged read the images",
        )


def _is_simple(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | PurePath) or _is_number(value)


def _is_number(value: Any) -> bool:
    """Tell whether a value is a number of numpy's."""
    return getattr(value, "shape", None) == () and callable(getattr(value, "item", None))


def _is_array(value: Any) -> bool:
    return callable(getattr(value, "__array__", None))


def _is_plain(value: Any) -> bool:
    """Tell whether JSON can write it."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, list | tuple) else _is_simple(value)


def _plain(value: Any) -> Any:
    """Give a value as JSON has it; an array as its digest."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, PurePath):
        return str(value)
    if _is_number(value):
        return value.item()
    if _is_array(value):
        import numpy as np

        array = np.ascontiguousarray(value)
        return [str(array.dtype), list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]
    return value


def _key(item: Any) -> str:
    """Give a text that is the same for the same subject only."""
    return json.dumps(_plain(item), sort_keys=True)


def _digest(items: Sequence[Any]) -> str:
    return hashlib.sha256("\n".join(map(_key, items)).encode()).hexdigest()


def _name_of(item: Any) -> str:
    """Name a subject: as its item does, or by its first file."""
    if isinstance(item, Mapping):
        for key in ("subject", "subject_id", "name", "id"):
            if isinstance(item.get(key), str | int):
                return str(item[key])
        values = [item["image"]] if "image" in item else []
        item = next((each for each in [*values, *item.values()] if isinstance(each, str | list | PurePath)), "")
    while isinstance(item, list):
        item = item[0] if item else ""
    name = PurePath(str(item)).name
    return name.removesuffix(".gz").removesuffix(".nii") or str(item)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    counts = Counter(names)
    if any(count > 1 for count in counts.values()):
        numbers: Counter[str] = Counter()
        found = []
        for name in names:
            numbers[name] += 1
            found.append(f"{name} ({numbers[name]})" if counts[name] > 1 else name)
        return tuple(found)
    return tuple(names)


def _tested(test: Any, union: Mapping[str, Any]) -> int:
    """Count the subjects of the test set; none where some of them are in the folds."""
    if test is None:
        return 0
    try:
        keys = list(map(_key, _list(test, "dataset::data")))
    except InputError:
        return len(test) if hasattr(test, "__len__") else 0
    shared = [key for key in keys if key in union]
    if shared:
        warnings.warn(
            f"{len(shared)} of {len(keys)} subjects of the evaluate config are among those of the folds: it is no test"
            " set, and nothing is tested on it",
            BundleEngineWarning,
            stacklevel=4,
        )
        return 0
    return len(keys)


# --- groups ---


def _groups(
    items: Sequence[Any], names: Sequence[str], column: str, configs: Configs, overrides: Mapping[str, Any]
) -> tuple[str, ...]:
    found: list[Any]
    if all(isinstance(item, Mapping) and column in item for item in items):
        found = [item[column] for item in items]
    else:
        columns = _columns_of_table(configs, overrides)
        if column not in columns:
            keys = sorted({str(key) for item in items if isinstance(item, Mapping) for key in item})
            near = matches(column, [*keys, *columns])
            hint = f"did you mean {either(near)}?" if near else f"their items have {', '.join(keys) or 'no keys'}"
            message = f"the subjects have nothing called '{column}', and dataset_dir has no such column"
            raise UsageError(message, hint=hint)
        found = [_look_up(columns[column], item, name) for item, name in zip(items, names, strict=True)]
    without = [name for name, group in zip(names, found, strict=True) if group is None or str(group) == ""]
    if without:
        more = ", …" if len(without) > _MOST_NAMED else ""
        raise UsageError(
            f"{len(without)} subjects have nothing in the column '{column}': {', '.join(without[:_MOST_NAMED])}{more}",
            hint="fill it in, for subjects of one group must not be in two folds",
        )
    return tuple(str(group) for group in found)


def _columns_of_table(configs: Configs, overrides: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Give the columns of the table at ``dataset_dir``, each by the names of subjects and the paths of their files."""
    from bundle_engine.data.reading import read_table

    parser = read_parser(configs.train, configs.root, overrides)
    if "dataset_dir" not in parser:
        return {}
    try:
        dataset, _ = read_table(str(parser.get_parsed_content("dataset_dir")))
    except InputError:
        return {}
    found: dict[str, dict[str, str]] = {column: {} for column in dataset.columns}
    for subject in dataset.subjects:
        for column, value in subject.columns.items():
            if column in found and value is not None and str(value) != "":
                found[column][subject.name] = str(value)
                found[column] |= {os.path.abspath(file.path): str(value) for file in subject.files}
    return found


def _look_up(values: Mapping[str, str], item: Any, name: str) -> str | None:
    texts = [item] if isinstance(item, str) else []
    if isinstance(item, Mapping):
        texts = [each for value in item.values() for each in (value if isinstance(value, list) else [value])]
    for text in texts:
        if isinstance(text, str) and (found := values.get(str(Path(os.path.abspath(text))))) is not None:
            return found
    return values.get(name)
