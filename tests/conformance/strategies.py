"""Configs that MONAI's parser can resolve, drawn by hypothesis.

A config is drawn in two steps: first its structure, with places for values; then the values, in a random order
of the places. A value refers only to places that are filled already, so nothing needs itself, while in the
document references lead forwards and backwards.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Path = tuple[Any, ...]  # keys and indices from the root
Draw = Callable[[st.SearchStrategy[Any]], Any]

NAMES = ["a", "b", "c", "net", "x1", "größe", "ключ", "_private", "0", "7"]
ODD_KEYS = ["my key", "a-b", "with.dot", 0, 7, -3, 1.5, True, None, datetime.date(2020, 1, 2)]
ARGUMENTS = ["a", "b", "self", "mode", "id", "größe", "_x"]
TEXTS = [
    "", "text", "größe", "a@b.org", "@my-key", "@a b", "50 %", " $a", "a::b", "two\nlines", "yes", "null", "~", "+a",
    "?", "a ?? b", "\\d+", "a%b", "{a}", "2020-01-02", "12:30", "0x1F", "True",
]  # fmt: skip
SCALARS = st.one_of(
    st.integers(-3, 300),
    st.sampled_from([0.5, 1e-4, -2.0, 1e300]),
    st.booleans(),
    st.none(),
    st.sampled_from(TEXTS),
)
TARGETS = ["builtins.dict", "collections.OrderedDict", "types.SimpleNamespace", "dict", "$dict"]
FIXED = [
    {"_target_": "fractions.Fraction", "numerator": 3, "denominator": 9},
    {"_target_": "datetime.timedelta", "days": 2},
    {"_target_": "builtins.complex", "real": 1, "imag": -1},
    {"_target_": "os.path.join", "_mode_": "callable"},
]
IMPORTS = {
    "$import math": "math.floor(2.5)",
    "$from collections import OrderedDict as OD": "OD(x={0})",
    "$import os.path as osp": "osp.basename('a/b')",
    "$from fractions import Fraction": "Fraction(1, 3)",
}
# Python over references, for values of any kind
EXPRESSIONS = [
    "{0}", "[{0}, 1]", "({0}, {1})", "str({0})", "not {0}", "{0} == {1}", "{0} if {1} else {2}",
    "[x for x in [{0}, {1}]]", "(lambda v: (v, {0}))({1})", "{{'k': {0}, 'l': [{1}]}}", 'f"{{{0}!r:>8}}"',
    "isinstance({0}, dict)", "type({0}).__name__", "dict(a={0})", "{0}\n", "[\n{0},\n  {1}\n]", "({0}) or {1}",
    "-1 if not {0} else 2", "[{0},*[{1}]]", "len([{0}])", "({0},)[0]", "[{0}][-1:]", "{0} is None", "(y := {0}, y)",
    "1 + 1", "'text'", "None", "np.add(1, 2) == 3", "[{0},{0}]", "dict(x=1,**{{'y':{0}}})",
    "{{{0}: 1}} if isinstance({0}, str) else 2", "[{0}, {1}][0:1]", "(lambda: {0})()", "[{0}]*2", "1 if[{0}]else 2",
    "[i for i in range(2) if {0} is {0}]", "'a' 'b'", "r'\\d' + \"x\"", "'''long''' + '%s' % 1",
]  # fmt: skip


class Index(int):
    """An index of a list, to tell it from a number that is the key of a mapping."""


class Place:
    """Where a value will stand.

    Attributes:
        path: the place.
        value: what was put there.
        filled: whether something was.
        copyable: whether a macro that copies the text gives the same in both parsers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value: Any = None
        self.filled = False
        self.copyable = True


@dataclass
class Draft:
    """A config that is being drawn.

    Attributes:
        relative: whether ids may be relative.
        root: mappings and lists with places in them.
        places: all places, in document order.
        nodes: for each path the places inside.
    """

    relative: bool
    root: Any = None
    places: list[Place] = field(default_factory=list)
    nodes: dict[Path, list[Place]] = field(default_factory=dict)
    bound: list[str] = field(default_factory=list)  # expressions that what was imported allows

    def ready(self, wanted: Callable[[Path], bool]) -> list[Path]:
        return [path for path, inside in self.nodes.items() if wanted(path) and all(p.filled for p in inside)]


def plain(value: Any) -> Any:
    """Put values for places."""
    if isinstance(value, Place):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def ids(value: Any, path: Path = ()) -> Iterator[str]:
    """Give all ids of a config, in document order."""
    if path:
        yield "::".join(map(str, path))
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from ids(item, (*path, key))


def referable(path: Path) -> bool:
    """Tell whether a reference can be written to a place."""
    return bool(path) and all(re.fullmatch(r"\w+", str(key)) for key in path)


def subscriptable(path: Path) -> bool:
    """Tell whether MONAI's parser finds the text of a place: by strings, and by indices of lists."""
    return bool(path) and all(isinstance(key, (str, Index)) for key in path)


@st.composite
def configs(
    draw: Draw,
    *,
    odd_keys: bool = True,
    string_root: bool = True,
    macros: bool = True,
    relative: bool = True,
    imports: bool = True,
) -> dict[Any, Any]:
    """Draw a config.

    Args:
        odd_keys: let mappings have keys that are no words.
        string_root: give the root keys that are words only, as files have.
        macros: let values be macros.
        relative: let ids be relative.
        imports: let values be import statements.
    """
    draft = Draft(relative)
    root = {}
    for key in draw(_keys(NAMES if string_root or not odd_keys else NAMES + ODD_KEYS, 1, 6)):
        root[key] = _structure(draw, draft, (key,), 3, odd_keys)
    draft.root = root
    for place in draw(st.permutations(draft.places)):
        place.value = _value(draw, draft, place, macros, imports)
        place.filled = True
    result: dict[Any, Any] = plain(root)
    return result


def _keys(pool: list[Any], least: int, most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(pool), min_size=least, max_size=most, unique_by=str)


def _structure(draw: Draw, draft: Draft, path: Path, depth: int, odd_keys: bool) -> Any:
    kind = draw(st.sampled_from(["value"] * 5 + ["mapping", "list", "component", "fixed"])) if depth else "value"
    before = len(draft.places)
    result: Any
    if kind == "value":
        result = Place(path)
        draft.places.append(result)
    elif kind == "mapping":
        keys = draw(_keys(NAMES + ODD_KEYS if odd_keys else NAMES, 0, 4))
        result = {key: _structure(draw, draft, (*path, key), depth - 1, odd_keys) for key in keys}
    elif kind == "list":
        count = draw(st.integers(0, 3))
        result = [_structure(draw, draft, (*path, Index(i)), depth - 1, odd_keys) for i in range(count)]
    elif kind == "component":
        result = _component(draw, draft, path, depth, odd_keys)
    else:
        result = dict(draw(st.sampled_from(FIXED)))
    draft.nodes[path] = draft.places[before:]
    return result


def _component(draw: Draw, draft: Draft, path: Path, depth: int, odd_keys: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"_target_": draw(st.sampled_from(TARGETS))}
    for key in draw(_keys(ARGUMENTS, 0, 3)):
        result[key] = _structure(draw, draft, (*path, key), depth - 1, odd_keys)
    extra = draw(st.sampled_from(["", "", "", "_disabled_", "_requires_", "_mode_", "_desc_"]))
    if extra == "_disabled_":
        result[extra] = draw(st.sampled_from([True, False, "true", " TRUE ", "false", 1, 0, None, "$1 == 1", "$False"]))
        if draw(st.booleans()):
            result[extra] = _structure(draw, draft, (*path, extra), 0, odd_keys)
    elif extra == "_requires_":
        result[extra] = _structure(draw, draft, (*path, extra), 1, odd_keys)
    elif extra == "_mode_":
        result[extra] = draw(st.sampled_from(["callable", "default", "$'call' + 'able'"]))
    elif extra == "_desc_":
        result[extra] = "what it is for"
    if draw(st.booleans()):  # the special keys may stand anywhere
        result = dict(reversed(result.items()))
    return result


def _value(draw: Draw, draft: Draft, place: Place, macros: bool, imports: bool) -> Any:
    kind = draw(st.sampled_from(["scalar", "scalar", "reference", "expression", "expression", "macro", "import"]))
    if kind == "reference":
        targets = draft.ready(referable)
        if targets:
            return "@" + _written(draw, draft, place, draw(st.sampled_from(targets)))
    elif kind == "expression":
        text = draw(st.sampled_from(EXPRESSIONS + draft.bound))
        targets = draft.ready(referable)
        if targets or "{0}" not in text:
            chosen = [draw(st.sampled_from(targets)) for i in range(3) if f"{{{i}}}" in text or f"{{{i}!" in text]
            return "$" + text.format(*("@" + _written(draw, draft, place, path) for path in chosen))
    elif kind == "macro" and macros:
        targets = draft.ready(subscriptable)
        targets = [path for path in targets if all(p.copyable for p in draft.nodes[path])]
        if targets:
            target = draw(st.sampled_from(targets))
            place.copyable = False
            for path in [path for path in draft.nodes if path[: len(target)] == target and path != target]:
                draft.nodes[(*place.path, *path[len(target) :])] = [place]
            return "%" + _written(draw, draft, place, target)
    elif kind == "import" and imports:
        text = draw(st.sampled_from(sorted(IMPORTS)))
        draft.bound.append(IMPORTS[text])
        return text
    return draw(SCALARS)


def _written(draw: Draw, draft: Draft, place: Place, target: Path) -> str:
    """Write the id of a place as seen from another place: absolute, or relative where that leads there."""
    separator: str = draw(st.sampled_from(["::", "::", "#"]))
    ups = [0]
    for levels in range(1, len(place.path) + 1 if draft.relative else 1):
        base = place.path[: len(place.path) - levels]
        if target[: len(base)] == base and len(target) > len(base):
            ups.append(levels)
    up: int = draw(st.sampled_from(ups))
    if up:
        place.copyable = False
        target = target[len(place.path) - up :]
    return separator * up + separator.join(map(str, target))
