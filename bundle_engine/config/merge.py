"""Put documents together: later ones replace, ``+key`` merges, ``~key`` deletes, ``a::b`` sets one place inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from bundle_engine.config import closest, tree
from bundle_engine.config.ids import DELETE, EXTENDS, MERGE, Id, split_operator
from bundle_engine.config.origins import Entry, Origins
from bundle_engine.config.source import Document, Source
from bundle_engine.errors import CycleError, IndexNotFoundError, InputError, MergeError, Place


def assemble(
    documents: list[Document], load: Callable[[Path], Document], origins: Origins, base: dict[Any, Any] | None = None
) -> dict[Any, Any]:
    """Merge documents in their order, each one on top of what it extends.

    Args:
        documents: what was read; their data becomes part of the result.
        load: reads a file that ``_extends_`` names.
        origins: the history to write.
        base: what to merge into; a new mapping by default.
    """
    result: dict[Any, Any] = {} if base is None else base
    for document in documents:
        for each in _with_bases(document, load):
            apply(result, each.data, each, origins)
    return result


def _with_bases(document: Document, load: Callable[[Path], Document]) -> list[Document]:
    """Give a document and all it extends, bases first."""
    ordered: list[Document] = []
    # a step of the walk: the document, and the chain of documents that led to it
    waiting: list[tuple[Document, tuple[Document, ...], bool]] = [(document, (), False)]
    while waiting:
        current, chain, ready = waiting.pop()
        if ready or EXTENDS not in current.data:
            ordered.append(current)
            continue
        written = current.data.pop(EXTENDS)
        names = [written] if isinstance(written, str) else written
        spot = current.find(Id((EXTENDS,)))
        place = spot.value if spot else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"{EXTENDS} takes a file or a list of files, not {names!r}",
                id=EXTENDS,
                place=place,
                hint=f"write '{EXTENDS}: base.yaml'; paths are relative to this file",
            )
        chain = (*chain, current)
        waiting.append((current, chain, True))
        for index, name in reversed(list(enumerate(names))):
            spot = current.find(Id((EXTENDS, str(index)))) if written is names else spot
            place = spot.value if spot else None
            path = current.path.parent / name
            for step in chain:
                if step.path.resolve() == path.resolve():
                    raise _circle([*chain[chain.index(step) :], step], place)
            try:
                waiting.append((load(path), chain, False))
            except InputError as error:
                error.named_by(f"{EXTENDS}: {name}", EXTENDS, place)
                raise
    return ordered


def _circle(documents: list[Document], place: Place | None) -> CycleError:
    notes = []
    for document, base in pairwise(documents):
        spot = document.find(Id((EXTENDS,)))
        notes.append(f"{document.name} extends {base.name}" + (f"  ({spot.value})" if spot else ""))
    return CycleError(
        f"{EXTENDS} goes in a circle: {' -> '.join(document.name for document in documents)}",
        id=EXTENDS,
        place=place,
        notes=notes,
        hint="take one of the files out of the circle",
    )


def apply(base: dict[Any, Any], pairs: Mapping[Any, Any], source: Source, origins: Origins) -> None:
    """Apply the keys of one document, or of one set of overrides, to a config.

    Args:
        base: the config, which is changed.
        pairs: keys such as ``train``, ``a::b``, ``+handlers`` or ``~old``, with their values.
        source: where the keys were written.
        origins: the history to write.

    Raises:
        MergeError: for kinds that do not fit, or nothing to delete.
        IndexNotFoundError: for a key that leads into a place that has no inside.
    """
    for key, value in pairs.items():
        if key.__class__ is not str:
            base[key] = value
            origins.record(Entry(Id((str(key),)), source, Id((str(key),))))
            continue
        operator, words = split_operator(key)
        put(base, Id.parse(words), operator, value, source, Id((key,)), origins)


def put(base: dict[Any, Any], id: Id, operator: str, value: Any, source: Source, at: Id, origins: Origins) -> None:
    """Set, merge or delete one place of a config; mappings on the way there are made where they are missing."""
    if not id:
        raise MergeError("the root itself cannot be set by a key", place=_place(source, at))
    container = base
    for depth, part in enumerate(id[:-1]):
        try:
            key = tree.child_key(container, part)
        except LookupError:
            if not isinstance(container, dict):
                raise _no_inside(id, depth, container, _place(source, at)) from None
            if operator == DELETE:
                raise _nothing_to_delete(id, depth, container, _place(source, at)) from None
            container[part] = {}
            origins.record(Entry(Id(id[: depth + 1]), source, at))
            key = part
        container = container[key]
    last = id[-1]
    try:
        key = tree.child_key(container, last)
        there = True
    except LookupError:
        key, there = last, False
    if operator == DELETE:
        if not there:
            raise _nothing_to_delete(id, len(id) - 1, container, _place(source, at))
        if isinstance(container, list):
            origins.move_up(id.parent.child(key), len(container))
        del container[key]
        origins.record(Entry(id, source, at, deleted=True))
        return
    if not there and not isinstance(container, dict):
        raise _no_inside(id, len(id) - 1, container, _place(source, at))
    if operator == MERGE and there:
        _merge(container[key], value, id, source, at, origins)
        return
    container[key] = _plain(value) if operator == MERGE else value
    origins.record(Entry(id, source, at))


def _merge(old: Any, new: Any, id: Id, source: Source, at: Id, origins: Origins) -> None:
    """Merge `new` into `old`: mappings key by key, to any depth, lists by appending."""
    if not _may_merge(old, new, id, source, at, origins):
        return
    work = [(old, id, at, iter(new.items()))]
    while work:
        old, id, at, items = work[-1]
        for key, value in items:
            operator, words = split_operator(key) if key.__class__ is str and key[:1] in (MERGE, DELETE) else ("", key)
            inner, inner_at = id.child(words), at.child(key)
            if operator == DELETE:
                if words not in old:
                    raise _nothing_to_delete(inner, len(inner) - 1, old, _place(source, inner_at))
                del old[words]
                origins.record(Entry(inner, source, inner_at, deleted=True))
            elif words in old and (operator == MERGE or (isinstance(old[words], dict) and isinstance(value, dict))):
                if _may_merge(old[words], value, inner, source, inner_at, origins):
                    work.append((old[words], inner, inner_at, iter(value.items())))
                    break
            else:
                old[words] = _plain(value) if isinstance(value, dict) else value
                origins.record(Entry(inner, source, inner_at))
        else:
            work.pop()


def _may_merge(old: Any, new: Any, id: Id, source: Source, at: Id, origins: Origins) -> bool:
    """Append a list to a list at once; tell whether there are two mappings instead, whose keys are to be merged."""
    if isinstance(old, list) and isinstance(new, list):
        for index in range(len(new)):
            origins.record(Entry(id.child(len(old) + index), source, at.child(index)))
        old.extend(new)
        return False
    if isinstance(old, dict) and isinstance(new, dict):
        return True
    before = origins.where(id)
    raise MergeError(
        f"'+{id}' cannot merge {_kind(new)} into {_kind(old)}",
        id=str(id),
        place=_place(source, at),
        notes=[f"'{id}' is {_kind(old)} from {before.key}"] if before else [],
        hint=f"write '{id}' without '+' to replace the value",
    )


def _plain(value: Any) -> Any:
    """Take the ``+`` off keys of a mapping that is merged into nothing: what is not there becomes the value."""
    if not isinstance(value, dict) or not any(key.__class__ is str and key[:1] == MERGE for key in value):
        return value
    return {key[1:] if key.__class__ is str and key[:1] == MERGE else key: item for key, item in value.items()}


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"{value!r}" if isinstance(value, (str, int, float, bool, type(None))) else f"a {type(value).__name__}"


def _place(source: Source, at: Id) -> Place | None:
    spot = source.find(at)
    return spot.key if spot else None


def _no_inside(id: Id, depth: int, container: Any, place: Place | None) -> IndexNotFoundError:
    before = Id(id[:depth])
    append = f"append with '+{before}: [...]', or " if isinstance(container, list) else ""
    return IndexNotFoundError(
        f"'{id}' cannot be set: {closest.instead(before, container)}",
        id=str(id),
        place=place,
        hint=f"{append}set '{before}' as a whole",
    )


def _nothing_to_delete(id: Id, depth: int, container: Any, place: Place | None) -> MergeError:
    before = Id(id[:depth])
    keys = [str(key) for key in container] if isinstance(container, dict) else []
    near = [f"~{Id((*before, key, *id[depth + 1 :]))}" for key in closest.matches(id[depth], keys)]
    hint = f"did you mean {closest.either(near)}?" if near else closest.instead(before, container)
    message = f"'~{id}' deletes nothing: there is no '{Id(id[: depth + 1])}'"
    return MergeError(message, id=str(id), place=place, hint=hint)
