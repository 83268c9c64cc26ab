"""The effective config: what files, macros and overrides come to, as text."""

from __future__ import annotations

from typing import Any

from bundle_engine.config import ConfigParser, Id, tree
from bundle_engine.config.ids import META, IdLike
from bundle_engine.errors import InputError, UsageError
from bundle_engine.inspection.layout import lines, with_comments
from bundle_engine.inspection.provenance import in_words, place_as_data, short_names
from bundle_engine.inspection.substitution import substituted

__all__ = ["FORMATS", "effective_config", "show_config"]

FORMATS = ("yaml", "json")


def effective_config(parser: ConfigParser, id: IdLike = "", *, resolved: bool = False) -> Any:
    """Give the effective config, or the value at one id of it, as plain data.

    Metadata that was read from a file of its own is left out, unless it is asked for by its id.

    Args:
        parser: the config.
        id: what to give; the whole config by default.
        resolved: put plain values in the place of references to them. What takes an expression or a component stays
            the text it is.

    Raises:
        IdNotFoundError: when nothing stands at the id.
        BundleEngineError: for a macro or a relative id that leads nowhere.
    """
    return _effective(parser, Id.parse(id), resolved)[0]


def _effective(parser: ConfigParser, id: Id, resolved: bool) -> tuple[Any, dict[Id, str]]:
    parser.parse(reset=False)
    parser[id]  # raises when there is nothing
    left: dict[Id, str] = {}
    if resolved:
        value, left = substituted(parser.config, id)
    else:
        value = tree.copy(tree.find(parser.config, id))
    if not id and isinstance(value, dict) and META in value and not _is_of_config(parser, value):
        del value[META]
    return value, left


def _is_of_config(parser: ConfigParser, config: dict[Any, Any]) -> bool:
    """Tell whether the metadata stands in the config itself."""
    source = parser.where(META).place.source
    return bool(config[META]) and any(
        parser.where(Id((str(key),))).place.source == source for key in config if key != META
    )


def show_config(
    parser: ConfigParser, id: IdLike = "", *, format: str = "yaml", origins: bool = False, resolved: bool = False
) -> str:
    """Write the effective config, or the value at one id, for people (YAML) or for programs (JSON).

    YAML reads back as the same config.

    Args:
        parser: the config.
        id: what to write; the whole config by default.
        format: ``yaml`` or ``json``.
        origins: say of each value where it was written and what it replaced: as comments in YAML; in JSON the
            result is ``{"config": …, "origins": {id: …}}``.
        resolved: put plain values in the place of references to them; YAML has a comment on what stays text.

    Raises:
        UsageError: for another format.
        IdNotFoundError: when nothing stands at the id.
    """
    if format not in FORMATS:
        raise UsageError(f"a config is written as {' or '.join(FORMATS)}, not as '{format}'")
    at = Id.parse(id)
    value, left = _effective(parser, at, resolved)
    if format == "json":
        return _as_json({"config": value, "origins": _origins(parser, at, value)} if origins else value)
    text = list(lines(value))
    comments = {id: f"not resolved: {why}" for id, why in left.items()}
    if origins:
        for id, origin in _origins_in_words(parser, at, [line.id for line in text if line.id is not None]).items():
            comments[id] = f"{origin}; {comments[id]}" if id in comments else origin
    return with_comments(text, comments)


def _origins_in_words(parser: ConfigParser, at: Id, ids: list[Id]) -> dict[Id, str]:
    written = {id: whole for id in ids if (whole := _existing(parser, Id((*at, *id)))) is not None}
    origins = {id: parser.where(whole) for id, whole in written.items()}
    name = short_names(place for origin in origins.values() for place in (origin.place, *origin.overrode))
    return {id: in_words(origin, name) for id, origin in origins.items()}


def _existing(parser: ConfigParser, id: Id) -> Id | None:
    """Give the id itself, or the nearest around it that is written: what a reference was replaced by has no own."""
    while id and id not in parser:
        id = id.parent
    return id if id else None


def _origins(parser: ConfigParser, at: Id, value: Any) -> dict[str, Any]:
    found = {}
    waiting: list[tuple[Id, Any]] = [(at, value)]
    while waiting:
        id, item = waiting.pop()
        if id and id in parser:
            origin = parser.where(id)
            found[str(id)] = {**place_as_data(origin.place), "overrode": [place_as_data(p) for p in origin.overrode]}
        pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        waiting += [(id.child(key), each) for key, each in reversed(list(pairs))]
    return found


def _as_json(value: Any) -> str:
    import json

    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    except RecursionError:
        raise InputError("the config is nested too deep to be written as JSON", hint="write it as YAML") from None
    except TypeError as error:  # keys that are no JSON
        raise InputError(f"the config cannot be written as JSON: {error}", hint="write it as YAML") from None


def _plain(value: Any) -> Any:
    """Write what YAML has and JSON has not: sets as lists, dates and anything else as text."""
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)
