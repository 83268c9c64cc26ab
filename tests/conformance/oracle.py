"""Ask both parsers the same, and hold the answers against each other."""

from __future__ import annotations

import functools
import math
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bundle_engine import ConfigParser
from bundle_engine.config import names


class Refused(Exception):
    """MONAI's parser raised, so that there is nothing to compare with."""


@contextmanager
def silence() -> Iterator[None]:
    """Hide warnings, which MONAI's parser and its imports give freely."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@functools.cache
def _short_names() -> tuple[Any, Any]:
    """Import MONAI's parser, and collect its table of short names, which takes it a second for each parser."""
    with silence():
        from monai.bundle import ConfigParser as Theirs

        locator = Theirs({}).locator
        locator.get_component_module_name("nothing")
        return Theirs, locator._components_table


def monai_parser(*args: Any, **kwargs: Any) -> Any:
    """Make one of MONAI's parsers."""
    kind, table = _short_names()
    with silence():
        parser = kind(*args, **kwargs)
    parser.locator._components_table = table
    return parser


def monai_says(question: Callable[[Any], Any], parser: Any) -> Any:
    """Ask MONAI's parser.

    Raises:
        Refused: when it raises.
    """
    with silence():
        try:
            return question(parser)
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {error}") from error


def we_say(question: Callable[[ConfigParser], Any], parser: ConfigParser) -> Any:
    """Ask our parser; a warning is an error, but for those that MONAI's, or Python's, gives as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.filterwarnings("ignore", message=r"(?s).* cannot be called; taking it as it is")
        return question(parser)


def assert_same(ours: Any, theirs: Any, at: str = "") -> None:
    """Hold two resolved values against each other, down to types and the order of keys."""
    __tracebackhide__ = True
    kind, theirs_kind = type(ours), type(theirs)
    if kind is not theirs_kind:
        assert _stands_for(ours, theirs), f"{at}: {ours!r} ({kind}) is not {theirs!r} ({theirs_kind})"
        return
    if isinstance(ours, dict):
        keys, their_keys = [(type(k), k) for k in ours], [(type(k), k) for k in theirs]
        assert keys == their_keys, f"{at}: keys {list(ours)} are not {list(theirs)}"
        for key in ours:
            assert_same(ours[key], theirs[key], f"{at}::{key}")
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs), f"{at}: {ours!r} is not {theirs!r}"
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{at}::{index}")
    elif isinstance(ours, functools.partial):
        assert_same(
            (ours.func, ours.args, ours.keywords), (theirs.func, theirs.args, theirs.keywords), f"{at} (partial)"
        )
    elif isinstance(ours, types.SimpleNamespace):
        assert_same(vars(ours), vars(theirs), f"{at} (namespace)")
    elif kind.__name__ == "ndarray":
        assert ours.tolist() == theirs.tolist(), f"{at}: {ours!r} is not {theirs!r}"
    elif isinstance(ours, float) and math.isnan(ours):
        assert math.isnan(theirs), f"{at}: {ours!r} is not {theirs!r}"
    else:
        assert ours == theirs, f"{at}: {ours!r} is not {theirs!r}"


def _stands_for(ours: Any, theirs: Any) -> bool:
    """Tell whether values of different classes mean the same: both parsers have their own for some things."""
    name, their_name = type(ours).__name__, type(theirs).__name__
    if isinstance(ours, names.FailedImport):
        return their_name == "_LazyRaise"
    return name == their_name and name in ("ConfigItem", "ConfigComponent", "ConfigExpression")
