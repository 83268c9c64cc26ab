"""Walk plain data: mappings and lists, nested to any depth, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bundle_engine.config.ids import SEP, SIGILS, Id


def is_container(value: Any) -> bool:
    """Tell whether a value is looked into: a mapping or a list, not other objects that code put there."""
    return isinstance(value, (dict, list))


def copy(value: Any) -> Any:
    """Copy mappings and lists to any depth; everything else is shared."""
    if not isinstance(value, (dict, list)):
        return value
    root = _shell(value)
    waiting = [(value, root)]
    while waiting:
        source, target = waiting.pop()
        if isinstance(source, dict):
            for key, item in source.items():
                if item.__class__ is str or not isinstance(item, (dict, list)):
                    target[key] = item
                else:
                    target[key] = shell = _shell(item)
                    waiting.append((item, shell))
        else:
            for item in source:
                if item.__class__ is str or not isinstance(item, (dict, list)):
                    target.append(item)
                else:
                    shell = _shell(item)
                    target.append(shell)
                    waiting.append((item, shell))
    return root


def size(value: Any) -> int:
    """Count a value and all values inside of it."""
    waiting = [value]
    found = 0
    while waiting:
        item = waiting.pop()
        found += 1
        if isinstance(item, (dict, list)):
            waiting.extend(item.values() if isinstance(item, dict) else item)
    return found


def _shell(container: dict[Any, Any] | list[Any]) -> Any:
    kind = type(container)
    return {} if kind is dict else [] if kind is list else kind()


def strings(root: Any, wanted: Callable[[str], bool]) -> Iterator[tuple[Any, Any, str, Any]]:
    """Give the strings that are wanted, in document order.

    Args:
        root: a mapping or a list.
        wanted: tells whether a string is wanted; asked only of strings that begin with a sigil.

    Yields:
        the container, the key or index in it, the string, and the path to it (see `id_of`).
    """
    if not isinstance(root, (dict, list)):
        return
    waiting: list[tuple[Any, Any]] = [(root, None)]
    while waiting:
        container, path = waiting.pop()
        if container.__class__ is _Single:
            yield container.container, container.key, container.value, path
            continue
        inner: list[tuple[Any, Any]] = []
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            if value.__class__ is str:
                if value and value[0] in SIGILS and wanted(value):
                    inner.append((_Single(container, key, value), (path, key)))
            elif isinstance(value, (dict, list)):
                inner.append((value, (path, key)))
        inner.reverse()
        waiting += inner


class _Single:
    """A string that waits for its turn in `strings`."""

    __slots__ = ("container", "key", "value")

    def __init__(self, container: Any, key: Any, value: str) -> None:
        self.container, self.key, self.value = container, key, value


def id_of(path: Any) -> Id:
    """Give the id that a path stands for: pairs of (path before, key), None for the root."""
    keys = []
    while path is not None:
        path, key = path
        keys.append(str(key))
    return Id(reversed(keys))


class NoSuchKey(LookupError):
    """A container has no such key or index; `depth` keys of the id could be followed."""

    def __init__(self, depth: int, container: Any) -> None:
        super().__init__(depth)
        self.depth = depth
        self.container = container


def child_key(container: Any, key: str) -> Any:
    """Give the key or index by which a container holds what an id calls `key`.

    Raises:
        LookupError: when there is nothing of that name.
    """
    if isinstance(container, dict):
        if key in container:
            return key
        if not key.isidentifier() or key in ("True", "False", "None"):
            number = int(key) if key.isdecimal() else None
            if number in container and number not in (None, 0, 1):  # which False and True equal
                return number
            for candidate in container:  # numbers and other scalars as keys of a mapping
                if candidate.__class__ is not str and str(candidate) == key:
                    return candidate
            stripped = key.strip()
            if stripped in container:
                return stripped
        raise LookupError(key)
    if isinstance(container, list):
        try:
            index = int(key)
        except ValueError:
            raise LookupError(key) from None
        if -len(container) <= index < len(container):
            return index % len(container)
        raise LookupError(key)
    raise LookupError(key)


def find(root: Any, id: Id) -> Any:
    """Give the value at an id.

    Raises:
        NoSuchKey: where a key cannot be followed.
    """
    value = root
    depth = 0
    while depth < len(id):
        try:
            value = value[child_key(value, id[depth])]
            depth += 1
        except LookupError:
            joined = joined_key(value, id, depth)
            if joined is None:
                raise NoSuchKey(depth, value) from None
            value, depth = value[joined[0]], joined[1]
    return value


def joined_key(container: Any, id: Id, depth: int) -> tuple[str, int] | None:
    """Find a key that itself holds the separator, such as ``"a::b"`` in a mapping given by code."""
    if isinstance(container, dict):
        for end in range(len(id), depth + 1, -1):
            key = SEP.join(id[depth:end])
            if key in container:
                return key, end
    return None
