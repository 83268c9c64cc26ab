"""Attribute access: ``parser.train.trainer.max_epochs``."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bundle_engine.config import expressions
from bundle_engine.config.ids import EXPRESSION, Id
from bundle_engine.config.references import whole_reference
from bundle_engine.errors import IdNotFoundError

if TYPE_CHECKING:
    from bundle_engine.config.parser import ConfigParser


def view(parser: ConfigParser, id: Id, value: Any) -> Any:
    """Give a resolved value in such a way that attributes of mappings and lists go on into the config."""
    return ConfigView(parser, id, value) if isinstance(value, (dict, list)) else value


class ConfigView:
    """A resolved mapping or list whose items are also attributes.

    Reading goes on into the config, writing and deleting reach it. Keys of the config come before the methods of
    the container; `_raw` is the container itself.
    """

    __slots__ = ("_id", "_parser", "_value")

    def __init__(self, parser: ConfigParser, id: Id, value: Any) -> None:
        object.__setattr__(self, "_parser", parser)
        object.__setattr__(self, "_id", id)
        object.__setattr__(self, "_value", value)

    @property
    def _raw(self) -> Any:
        return self._value

    def _follow(self, key: Any) -> Any:
        inner = self._id.child(key)
        return view(self._parser, inner, self._parser.get_parsed_content(inner))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if self._has(name):
            return self._follow(name)
        return getattr(self._value, name)

    def __getitem__(self, key: Any) -> Any:
        return self._follow(key) if self._has(key) else self._value[key]

    def _has(self, key: Any) -> bool:
        if isinstance(self._value, list):
            return self._id.child(key) in self._parser if str(key).isdigit() else False
        if key in self._value or self._id.child(key) in self._parser:  # disabled components are in the config
            return True
        return str(key) in (str(known) for known in self._value)

    def _written_at(self) -> Id:
        """Give the id of the container that is written to, behind references."""
        id: Id = self._id
        seen: set[Id] = set()
        while id not in seen:
            seen.add(id)
            text = self._parser.get(id)
            if not isinstance(text, str):
                break
            pieces = expressions.scan(text[1:]) if text[:1] == EXPRESSION else ()
            if len(pieces) == 1 and isinstance(pieces[0], expressions.Reference):
                words = pieces[0].id.absolute(id)
            else:
                reference = whole_reference(text)
                words = reference[0].absolute(id) if reference else None
            if words is None:
                break
            id = Id.parse(words)
        return id

    def __setitem__(self, key: Any, value: Any) -> None:
        self._parser.set(value, self._written_at().child(key))

    def __delitem__(self, key: Any) -> None:
        self._parser.delete(self._written_at().child(key))

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_raw":
            raise AttributeError("_raw can only be read")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name == "_raw":
            raise AttributeError("_raw can only be read")
        try:
            del self[name]
        except IdNotFoundError:
            raise AttributeError(name) from None

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._value)

    def __contains__(self, item: object) -> bool:
        return item in self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return bool(self._value == (other._value if isinstance(other, ConfigView) else other))

    __hash__ = None  # type: ignore[assignment]  # like the containers themselves

    def __repr__(self) -> str:
        return repr(self._value)

    def __copy__(self) -> Any:
        return copy.copy(self._value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self._value, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        return copy.copy, (self._value,)
