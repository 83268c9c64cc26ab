"""The sets of subjects that a bundle has: train, val, test.

They are found by the names that bundles have anyway, and nothing is added to a config:

=======  ==============================================================================================================
train    ``train::dataset::data`` of the train config
val      ``validate::dataset::data`` of the train config
test     ``dataset::data`` of the evaluate config, where that is another list than the one for validation
=======  ==============================================================================================================

An evaluate config that is written over the train config (``validate::evaluator``) works on ``validate::dataset::data``.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import split_operator
from bundle_engine.errors import BundleEngineWarning, UsageError
from bundle_engine.workflow.approval import require_approval
from bundle_engine.workflow.roots import importable

__all__ = ["SETS", "Configs", "Places", "find_sets", "hand_over", "handed_over", "places_of", "read_parser"]

SETS = ("train", "val", "test")
_handed: dict[str, Any] = {}


class Configs(NamedTuple):
    """The configs of a bundle that an evaluation needs.

    Attributes:
        root: folder of the bundle.
        evaluate: files of the evaluate config, later ones over earlier ones.
        train: files of the train config; empty where there is none.
    """

    root: Path
    evaluate: tuple[Path, ...]
    train: tuple[Path, ...] = ()


class Places(NamedTuple):
    """Ids of the parts of an evaluate config.

    Attributes:
        evaluator: the engine.
        data: what its dataset is made from.
        handlers: its handlers.
    """

    evaluator: str
    data: str
    handlers: str


_PLACES = (
    Places("evaluator", "dataset::data", "handlers"),
    Places("validate::evaluator", "validate::dataset::data", "validate::handlers"),
)


def places_of(parser: ConfigParser) -> Places:
    """Find the parts of an evaluate config.

    Raises:
        UsageError: when it has no evaluator.
    """
    for places in _PLACES:
        if places.evaluator in parser:
            return places
    raise UsageError(
        "the evaluate config has no evaluator", hint=f"it belongs at {' or '.join(each.evaluator for each in _PLACES)}"
    )


def read_parser(files: Sequence[Path], root: Path, overrides: Mapping[str, Any]) -> ConfigParser:
    """Read a config, with those overrides whose ids it has; an override may be about another config of the bundle."""
    require_approval(root, [str(file) for file in files])
    parser = ConfigParser(on_read=require_approval)  # a macro may read from another bundle
    parser.bundle_root = root
    parser.read_config([str(file) for file in files])
    parser.parse(reset=False)  # macros may bring ids in
    known = known_to(parser, overrides)
    if "bundle_root" in parser:
        known.setdefault("bundle_root", str(root))
    parser.override(known)
    parser.parse()
    return parser


def known_to(parser: ConfigParser, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Give the overrides whose ids, or the places around them, a config has."""
    return {key: value for key, value in overrides.items() if _covers(parser, Id.parse(split_operator(key)[1]))}


def tell_unused(configs: Configs, overrides: Mapping[str, Any]) -> None:
    """Warn of overrides that neither config has a place for."""
    parsers = [read_parser(files, configs.root, {}) for files in (configs.evaluate, configs.train) if files]
    for key in overrides:
        if not any(key in known_to(parser, overrides) for parser in parsers):
            names = [str(name) for parser in parsers for name in parser.get()]
            near = matches(key, names)
            hint = f"; did you mean {either(near)}?" if near else ""
            warnings.warn(f"'{key}' is in neither config, and has no effect{hint}", BundleEngineWarning, stacklevel=3)


def _covers(parser: ConfigParser, id: Id) -> bool:
    return id in parser or (len(id) > 1 and id.parent in parser)


def find_sets(configs: Configs, overrides: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    """List the subjects of the sets that are wanted.

    Args:
        configs: the bundle's configs.
        overrides: ids and values to set there.
        wanted: names of sets; with none, it is the set that the evaluate config works on, whatever it is.

    Returns:
        what the dataset is made from, by the name of the set, in the order val, train, test.

    Raises:
        UsageError: when the bundle has no such set.
    """
    found: dict[str, Any] = {}
    with importable(configs.root):
        evaluate = read_parser(configs.evaluate, configs.root, overrides)
        places = places_of(evaluate)
        train = read_parser(configs.train, configs.root, overrides) if configs.train else None
        own = evaluate.get_parsed_content(places.data) if places.data in evaluate else None
        for name, id in (("train", "train::dataset::data"), ("val", "validate::dataset::data")):
            needed = name in wanted or not wanted or (name == "val" and "test" in wanted)
            if train is not None and id in train and needed:
                found[name] = train.get_parsed_content(id)
    if own is not None and places is not _PLACES[0] and "val" not in found:
        found["val"] = own
    same = next((name for name, data in found.items() if own is not None and _alike(data, own)), None)
    if own is not None and same is None:
        found["test"] = own
    if not wanted:
        wanted = [same or "test"] if own is not None else []
    for name in wanted:
        if name not in found:
            raise _missing(name, same, configs)
    if not wanted:
        raise UsageError(
            "the evaluate config does not say what its dataset is made from", hint=f"it belongs at {places.data}"
        )
    return {name: found[name] for name in ("val", "train", "test") if name in wanted}


def hand_over(data: Any) -> dict[str, str]:
    """Give a component for a config that stands for a list as it is, with no string in it read as an expression."""
    token = secrets.token_hex(8)
    _handed[token] = data
    return {"_target_": f"{__name__}.handed_over", "token": token}


def handed_over(token: str) -> Any:
    """Give what `hand_over` was given."""
    return _handed[token]


def forget() -> None:
    """Drop all lists that were handed over."""
    _handed.clear()


def _missing(name: str, same: str | None, configs: Configs) -> UsageError:
    if name == "test":
        why = f": its evaluate config works on the set '{same}'" if same else ""
        return UsageError(
            f"the bundle has no test set{why}",
            hint=f"--inference_on_{same}_set evaluates that" if same else "it belongs at dataset::data",
        )
    place = "train::dataset::data" if name == "train" else "validate::dataset::data"
    why = f"its train config has nothing at {place}" if configs.train else "it has no train config"
    return UsageError(
        f"the bundle has no {'training' if name == 'train' else 'validation'} set: {why}",
        hint=f"write the list of its subjects there, or override it with --{place}" if configs.train else None,
    )


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two lists of subjects are the same."""
    import numpy as np

    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and np.array_equal(one, other)
    try:
        return bool(one == other)
    except Exception:  # of a type that does not compare
        return False
