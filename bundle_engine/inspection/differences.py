"""What differs between two configs, apart from the order of mappings and from how values are written."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from bundle_engine.config import ConfigParser, Id, expressions, tree
from bundle_engine.config.ids import EXPRESSION, META, ROOT, TARGET, IdLike
from bundle_engine.config.names import is_import
from bundle_engine.errors import IdNotFoundError, Place
from bundle_engine.inspection.layout import one_line, printable
from bundle_engine.inspection.provenance import line_of, place_as_data

__all__ = ["Difference", "compare", "render"]

Kind = Literal["added", "removed", "changed", "moved"]

_MOST_TO_ALIGN = 10_000_000  # pairs of items
_ROW = 16  # items of a list that is told as a whole
_SIGNS: dict[Kind, tuple[str, str]] = {
    "added": ("+", "\x1b[32m"),
    "removed": ("-", "\x1b[31m"),
    "changed": ("~", "\x1b[33m"),
    "moved": (">", "\x1b[36m"),
}


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes:
        kind: ``moved`` is an item of a list that stands at another place among the items around it.
        id: the id in the second config; of what was removed, in the first.
        old_id: the id in the first config; empty for what was added.
        old: the value in the first config; None for what was added.
        new: the value in the second config; None for what was removed.
        old_place: where the old value was written.
        new_place: where the new value was written.
    """

    kind: Kind
    id: str
    old_id: str = ""
    old: Any = None
    new: Any = None
    old_place: Place | None = None
    new_place: Place | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the difference as plain data."""
        row: dict[str, Any] = {"kind": self.kind, "id": self.id}
        if self.old_id and self.old_id != self.id:
            row["old_id"] = self.old_id
        if self.kind != "added":
            row["old"] = self.old
            row["old_place"] = place_as_data(self.old_place) if self.old_place else None
        if self.kind != "removed":
            row["new"] = self.new
            row["new_place"] = place_as_data(self.new_place) if self.new_place else None
        return row


class _Pair(NamedTuple):
    """Two values that are to be compared, and their ids."""

    old: Any
    new: Any
    old_id: Id
    new_id: Id


class _Step(NamedTuple):
    """A difference before its places are known."""

    kind: Kind
    pair: _Pair


def compare(first: ConfigParser, second: ConfigParser, id: IdLike = "") -> list[Difference]:
    """Compare two configs, macros written out.

    The order of mappings does not count, nor do the spelling of numbers and the blanks of expressions. Lists are
    aligned: an item that was put in is one difference, and not one for each item behind it. Metadata is left out,
    unless `id` names it.

    Args:
        first: one config.
        second: the other config.
        id: compare what stands there and inside it; it may be missing in one of the two.

    Returns:
        the differences, in the order of the second config, with what was removed beside what was around it.

    Raises:
        IdNotFoundError: when neither has the id.
    """
    at = Id.parse(id)
    for parser in (first, second):
        parser.parse(reset=False)
    old, new = _value(first, at), _value(second, at)
    if old is _NOTHING and new is _NOTHING:
        second[at]  # raises, with the closest ids
    if not at:
        old, new = _without_metadata(old), _without_metadata(new)
    steps = _pairs_at(_Pair(old, new, at, at))
    return [_difference(first, second, step) for step in steps]


class _Nothing:
    """Stands where one of two configs has nothing."""


_NOTHING: Any = _Nothing()


def _value(parser: ConfigParser, id: Id) -> Any:
    try:
        return tree.find(parser.config, id)
    except tree.NoSuchKey:
        return _NOTHING


def _without_metadata(config: Any) -> Any:
    return {key: value for key, value in config.items() if key != META} if isinstance(config, dict) else config


def _difference(first: ConfigParser, second: ConfigParser, step: _Step) -> Difference:
    kind, pair = step
    old_place = None if kind == "added" else _place(first, pair.old_id)
    new_place = None if kind == "removed" else _place(second, pair.new_id)
    id = pair.old_id if kind == "removed" else pair.new_id
    return Difference(
        kind,
        str(id),
        "" if kind == "added" else str(pair.old_id),
        None if kind == "added" else tree.copy(pair.old),
        None if kind == "removed" else tree.copy(pair.new),
        old_place,
        new_place,
    )


def _place(parser: ConfigParser, id: Id) -> Place | None:
    try:
        return parser.where(id).place
    except IdNotFoundError:
        return None


# --- comparing ---


def _pairs_at(root: _Pair) -> Iterator[_Step]:
    """Compare two values and all inside them, without recursion."""
    forms = _Forms()
    waiting: list[_Pair | _Step] = [root]
    while waiting:
        pair = waiting.pop()
        if isinstance(pair, _Step):
            yield pair
        elif pair.old is _NOTHING:
            yield _Step("added", pair)
        elif pair.new is _NOTHING:
            yield _Step("removed", pair)
        elif isinstance(pair.old, dict) and isinstance(pair.new, dict):
            waiting += reversed(list(_in_mappings(pair)))
        elif isinstance(pair.old, list) and isinstance(pair.new, list):
            waiting += reversed(_in_lists(pair, forms))
        elif forms.of(pair.old) != forms.of(pair.new):
            yield _Step("changed", pair)


def _in_mappings(pair: _Pair) -> Iterator[_Pair]:
    """Pair the items of two mappings by key; what is only in the first follows what stood before it there."""
    gone: dict[Any, list[Any]] = {}
    before: Any = _NOTHING
    for key in pair.old:
        if key in pair.new:
            before = key
        else:
            gone.setdefault(before, []).append(key)

    def removed(after: Any) -> Iterator[_Pair]:
        for key in gone.get(after, ()):
            yield _Pair(pair.old[key], _NOTHING, pair.old_id.child(key), pair.new_id.child(key))

    yield from removed(_NOTHING)
    for key, value in pair.new.items():
        yield _Pair(pair.old.get(key, _NOTHING), value, pair.old_id.child(key), pair.new_id.child(key))
        if key in pair.old:
            yield from removed(key)


def _in_lists(pair: _Pair, forms: _Forms) -> list[_Pair | _Step]:
    """Align two lists: what is the same, in the gaps what is of the same kind, and then what has moved."""
    old, new = pair.old, pair.new
    old_forms, new_forms = [forms.of(item) for item in old], [forms.of(item) for item in new]
    if old_forms == new_forms:
        return []
    if _is_row(old) and _is_row(new):
        return [_Step("changed", pair)]
    found: list[tuple[int, _Pair | _Step]] = []
    gone: dict[int, list[int]] = {}
    come: list[int] = []
    for i, j in _aligned(old_forms, new_forms, [_kind_of(item) for item in old], [_kind_of(item) for item in new]):
        if i is None and j is not None:
            come.append(j)
        elif j is None and i is not None:
            gone.setdefault(old_forms[i], []).append(i)
        elif i is not None and j is not None and old_forms[i] != new_forms[j]:
            found.append((2 * j, _Pair(old[i], new[j], pair.old_id.child(i), pair.new_id.child(j))))
    for j in come:
        if (same := gone.get(new_forms[j])) and _is_known_again(new[j]):
            i = same.pop(0)
            found.append((2 * j, _Step("moved", _Pair(old[i], new[j], pair.old_id.child(i), pair.new_id.child(j)))))
        else:
            found.append((2 * j, _Pair(_NOTHING, new[j], pair.old_id.child(j), pair.new_id.child(j))))
    for i in (i for left in gone.values() for i in left):
        found.append((2 * i - 1, _Pair(old[i], _NOTHING, pair.old_id.child(i), pair.new_id.child(i))))
    found.sort(key=lambda numbered: numbered[0])
    return [each for _, each in found]


_Positions = tuple["int | None", "int | None"]


def _aligned(
    old: Sequence[int], new: Sequence[int], old_kinds: Sequence[str], new_kinds: Sequence[str]
) -> Iterator[_Positions]:
    """Pair the positions of two lists; None where one has no counterpart."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    for tag, i, i_end, j, j_end in _operations(old[start : len(old) - end], new[start : len(new) - end]):
        i, i_end, j, j_end = i + start, i_end + start, j + start, j_end + start
        if tag == "equal":
            continue
        for inner, a, a_end, b, b_end in _operations(old_kinds[i:i_end], new_kinds[j:j_end]):
            if inner == "equal":
                yield from zip(range(i + a, i + a_end), range(j + b, j + b_end), strict=True)
                continue
            yield from ((number, None) for number in range(i + a, i + a_end))
            yield from ((None, number) for number in range(j + b, j + b_end))


def _operations(old: Sequence[Hashable], new: Sequence[Hashable]) -> Sequence[tuple[str, int, int, int, int]]:
    """Align two lists; very long ones, for which that takes too long, by their positions."""
    if len(old) * len(new) <= _MOST_TO_ALIGN:
        return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    both = min(len(old), len(new))
    steps = [("equal" if old[n] == new[n] else "replace", n, n + 1, n, n + 1) for n in range(both)]
    return [*steps, ("delete", both, len(old), both, both), ("insert", both, both, both, len(new))]


def _is_row(items: list[Any]) -> bool:
    """Tell whether a list holds a few plain values, such as a size, that are best looked at together."""
    return len(items) <= _ROW and not any(
        isinstance(item, (dict, list)) or (isinstance(item, str) and item[:1] == EXPRESSION) for item in items
    )


def _kind_of(item: Any) -> str:
    """Say what an item has to have in common with another one to be its counterpart."""
    if isinstance(item, dict):
        return f"_{item[TARGET]}" if TARGET in item else f"_mapping {sorted(map(str, item))}"
    return "_list" if isinstance(item, list) else "scalar"


def _is_known_again(item: Any) -> bool:
    """Tell whether an item says enough to be recognised at another position."""
    return isinstance(item, dict) or (isinstance(item, str) and item[:1] == EXPRESSION)


class _Forms:
    """Gives values numbers, in such a way that two values are the same when their numbers are."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[int, tuple[Any, int]] = {}  # by the identity of a container, which is kept alive

    def of(self, value: Any) -> int:
        """Give the number of a value; each container is looked at once, without recursion."""
        if not isinstance(value, (dict, list)):
            return self._number((value.__class__, repr(_normal(value))))
        waiting: list[Any] = [value]
        while waiting:
            item = waiting[-1]
            if id(item) in self._known:
                waiting.pop()
                continue
            inner = item.values() if isinstance(item, dict) else item
            new = [each for each in inner if isinstance(each, (dict, list)) and id(each) not in self._known]
            if new:
                waiting += new
                continue
            waiting.pop()
            if isinstance(item, dict):
                form: Any = frozenset((key.__class__, key, self._of_known(each)) for key, each in item.items())
            else:
                form = tuple(self._of_known(each) for each in item)
            self._known[id(item)] = (item, self._number((item.__class__, form)))
        return self._known[id(value)][1]

    def _of_known(self, value: Any) -> int:
        return self._known[id(value)][1] if isinstance(value, (dict, list)) else self.of(value)

    def _number(self, form: Any) -> int:
        return self._numbers.setdefault(form, len(self._numbers))


def _normal(value: Any) -> Any:
    """Write a text in such a way that only what it means counts."""
    return _normal_expression(value) if isinstance(value, str) and value[:1] == EXPRESSION else value


@lru_cache(maxsize=16_384)
def _normal_expression(text: str) -> str:
    """Write an expression as Python's own tree, in which blanks and brackets that say nothing are gone."""
    source = text[1:].strip()
    if not is_import(text):
        pieces = expressions.scan(source)
        if any(not isinstance(piece, str) and piece.default is not None for piece in pieces):
            return text
        source = "".join(p if isinstance(p, str) else f" {_name(p)} " for p in pieces).strip()
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text


def _name(reference: expressions.Reference) -> str:
    """Give a name that no other reference has."""
    id = reference.id.absolute(ROOT) or reference.id.words
    return "__ref_" + "".join(c if c.isalnum() else f"_{ord(c)}_" for c in id)


# --- text ---


def render(differences: Sequence[Difference], *, colour: bool = False) -> str:
    """Write differences for people, one or two lines each.

    Args:
        differences: what to write.
        colour: use the codes that terminals understand.
    """
    if not differences:
        return "no difference"
    out = []
    for each in differences:
        sign, start = _SIGNS[each.kind]
        begin, end = (start, "\x1b[0m") if colour else ("", "")
        told = "\n".join(map(printable, _told(each).split("\n")))
        out.append(f"{begin}{sign} {told}{end}")
        out.append(f"    {printable(_places(each))}")
    return "\n".join(out)


def _told(each: Difference) -> str:
    name = each.id or "the whole config"
    if each.kind == "added":
        return f"{name}: {one_line(each.new)}"
    if each.kind == "removed":
        return f"{name}: {one_line(each.old)}"
    before = f"{each.old_id} -> {name}" if each.old_id != each.id else name
    if each.kind == "moved":
        return f"{before}: {one_line(each.new)}"
    old, new = one_line(each.old), one_line(each.new)
    if len(old) + len(new) + len(before) > 100:
        return f"{before}:\n    {old}\n -> {new}"
    return f"{before}: {old} -> {new}"


def _places(each: Difference) -> str:
    places = [line_of(place) for place in (each.old_place, each.new_place) if place is not None]
    return " -> ".join(dict.fromkeys(places))
