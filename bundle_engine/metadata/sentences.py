"""What a JSON Schema has against a document, in sentences for people."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bundle_engine.config.closest import counted, either, matches
from bundle_engine.config.ids import Id

__all__ = ["Problem", "problems_of"]

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_LIMITS = {
    "minimum": "should be at least {limit}, is {value}",
    "maximum": "should be at most {limit}, is {value}",
    "exclusiveMinimum": "should be more than {limit}, is {value}",
    "exclusiveMaximum": "should be less than {limit}, is {value}",
    "multipleOf": "should be a multiple of {limit}, is {value}",
}
_SIZES = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"),
    "maxItems": ("at most", "item"),
    "minProperties": ("at least", "key"),
    "maxProperties": ("at most", "key"),
}


ValidationError = Any  # that of jsonschema, whose types say that every field may be unset


class Problem(NamedTuple):
    """One thing that a schema has against a document.

    Attributes:
        id: where it is.
        message: what is wrong.
        hint: what to write instead; empty where nothing can be said.
        missing: whether a key is missing; else something is there that should not be as it is.
        on_key: whether it is about the key rather than the value.
    """

    id: Id
    message: str
    hint: str = ""
    missing: bool = False
    on_key: bool = False


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Say what an error of a validator means; one that stands for several gives each."""
    at = Id.parse(str(part) for part in error.absolute_path)
    word = str(error.validator)
    if "propertyNames" in error.absolute_schema_path:
        meaning = _description(error.schema)
        hint = f"a key is {meaning}" if meaning else _example(error.schema)
        yield Problem(at.child(error.instance), f"{_name_of(at)} takes no '{error.instance}'", hint, on_key=True)
    elif word in _SENTENCES:
        yield from _SENTENCES[word](error, at)
    elif word in _LIMITS:
        text = _LIMITS[word].format(limit=_shown(error.validator_value), value=_shown(error.instance))
        yield Problem(at, f"{_name_of(at)} {text}", _example(error.schema))
    elif word in _SIZES:
        yield _wrong_size(error, at, *_SIZES[word])
    elif isinstance(error.schema, bool):
        yield Problem(at, f"{_name_of(at)} should not be there", "delete it", on_key=True)
    else:
        rule = json.dumps({word: error.validator_value}, default=str)
        text = (
            f"{_name_of(at)} is {_shown(error.instance)}, which the rule {_cut(rule, 80)} of the schema does not allow"
        )
        yield Problem(at, text, _example(error.schema))


def _name_of(at: Id) -> str:
    """Give what to call a value: its key; for items of a list the key of the list, and where they stand in it."""
    if not at:
        return "the file"
    last = max((index for index, part in enumerate(at) if not part.isdecimal()), default=0)
    return ".".join(at[last:])


def _kind_of(value: Any) -> str:
    """Say what kind of value it is."""
    for kind, types in (("boolean", bool), ("null", type(None)), ("string", str), ("object", dict), ("array", list)):
        if isinstance(value, types):
            return _KINDS[kind]
    return "a number" if isinstance(value, (int, float)) else type(value).__name__


def _shown(value: Any) -> str:
    """Write a value on one line, shortened."""
    if isinstance(value, str):
        return f"'{_cut(value, 60)}'"
    if isinstance(value, (dict, list)):
        if not value:
            return f"an empty {'mapping' if isinstance(value, dict) else 'list'}"
        if len(value) > 8 or any(isinstance(each, (dict, list)) for each in value):
            return _kind_of(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return f"the date {value}"
    try:
        return _cut(json.dumps(value, ensure_ascii=False, default=str), 60)
    except (ValueError, TypeError, RecursionError):
        return _kind_of(value)


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


# --- one kind of rule each ---


def _required(error: ValidationError, at: Id) -> Iterator[Problem]:
    """Give every key that is missing: a validator makes an error of each, and the message names it."""
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    for key in error.validator_value:
        if key not in error.instance and error.message.startswith(repr(key)):
            about = known.get(key, {})
            about = about if isinstance(about, Mapping) else {}
            meaning = str(about.get("description", ""))
            where = f" in {_name_of(at)}" if at else ""
            hint = (
                f"'{key}' is the {meaning}"
                if meaning and not meaning.startswith(("the ", "what", "who", "how"))
                else ""
            )
            hint = hint or (f"'{key}' says {meaning}" if meaning.startswith(("what", "who", "how", "where")) else "")
            yield Problem(at.child(key), f"missing '{key}'{where}", hint, missing=True)


def _type(error: ValidationError, at: Id) -> Iterator[Problem]:
    expected = error.validator_value
    yield _wrong_kind(at, [expected] if isinstance(expected, str) else expected, error.instance, error.schema)


def _wrong_kind(at: Id, expected: Sequence[str], value: Any, schema: Any) -> Problem:
    wanted = _or(list(dict.fromkeys(_KINDS.get(kind, kind) for kind in expected)))
    hint = _example(schema)
    numbers = {"integer", "number"} & set(expected)
    plain = isinstance(value, (int, float, datetime.date)) and not isinstance(value, bool)
    if "string" in expected and plain and not numbers:
        hint = f'put it in quotes: "{value}"'
    elif "boolean" in expected and isinstance(value, str):
        hint = "write true or false without quotes"
    elif numbers and isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        hint = f"write {value.strip()} without quotes"
    return Problem(at, f"{_name_of(at)} should be {wanted}, is {_shown(value)}", hint)


def _enum(error: ValidationError, at: Id) -> Iterator[Problem]:
    allowed = [value for value in error.validator_value if value not in ("", None)]
    texts = [value for value in allowed if isinstance(value, str)]
    near = matches(error.instance, texts, most=1) if isinstance(error.instance, str) else []
    hint = f"did you mean {either(near)}?" if near else ""
    yield Problem(
        at, f"{_name_of(at)} should be {_or([_shown(each) for each in allowed])}, is {_shown(error.instance)}", hint
    )


def _const(error: ValidationError, at: Id) -> Iterator[Problem]:
    yield Problem(at, f"{_name_of(at)} should be {_shown(error.validator_value)}, is {_shown(error.instance)}")


def _pattern(error: ValidationError, at: Id) -> Iterator[Problem]:
    example = _example(error.schema).removeprefix("such as ")
    wanted = f"look like {example}" if example else f"match the pattern {_cut(str(error.validator_value), 60)}"
    yield Problem(at, f"{_name_of(at)} should {wanted}, is {_shown(error.instance)}", _description(error.schema))


def _additional(error: ValidationError, at: Id) -> Iterator[Problem]:
    import re

    schema, value = error.schema, error.instance
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for key in value:
        if key not in known and not any(re.search(pattern, key) for pattern in patterns):
            near = matches(key, [name for name in known if name not in value], most=1)
            if near:
                hint = f"did you mean {either(near)}?"
            else:
                hint = f"there are {', '.join(known)}" if known else "delete it"
            yield Problem(at.child(key), f"{_name_of(at)} takes no '{key}'", hint, on_key=True)


def _items(error: ValidationError, at: Id) -> Iterator[Problem]:
    yield Problem(at, f"{_name_of(at)} has items that the schema does not allow")


def _unique(error: ValidationError, at: Id) -> Iterator[Problem]:
    yield Problem(at, f"{_name_of(at)} has an item twice", "delete one of them")


def _dependent(error: ValidationError, at: Id) -> Iterator[Problem]:
    there: Any = error.instance
    rule: Any = error.validator_value
    for key, needed in rule.items():
        if key in there:
            for each in needed:
                if each not in there:
                    yield Problem(at.child(each), f"missing '{each}', which '{key}' needs", missing=True)


def _choice(error: ValidationError, at: Id) -> Iterator[Problem]:
    """Say what is wrong where one of several rules has to fit: the kinds they take, or what the nearest one wants."""
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context or ():
        branches.setdefault(each.schema_path[0], []).append(each)
    if not branches:  # of oneOf, several fit
        yield Problem(at, f"{_name_of(at)} fits several rules of the schema, and may fit one only")
        return
    kinds = [_only_kind(branch) for branch in branches.values()]
    if all(kinds):
        expected = [kind for each in kinds for kind in each]
        yield _wrong_kind(at, expected, error.instance, error.schema)
        return
    fitting = [branch for branch, kind in zip(branches.values(), kinds, strict=True) if not kind]
    best = max(fitting, key=lambda branch: (max(len(each.absolute_path) for each in branch), -len(branch)))
    for each in best:
        yield from problems_of(each)


def _only_kind(branch: Sequence[ValidationError]) -> list[str]:
    """Give the kinds that a rule takes, if it is the value's kind that it has something against."""
    first = branch[0]
    if len(branch) == 1 and first.validator == "type" and not first.relative_path:
        kinds: Any = first.validator_value
        return [kinds] if isinstance(kinds, str) else list(kinds)
    return []


def _not(error: ValidationError, at: Id) -> Iterator[Problem]:
    meaning = _description(error.schema)
    message = meaning or f"{_name_of(at)} is {_shown(error.instance)}, which the schema forbids"
    yield Problem(at, message, missing=message.startswith("missing "))


_SENTENCES = {
    "required": _required,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "additionalProperties": _additional,
    "unevaluatedProperties": _items,
    "uniqueItems": _unique,
    "dependentRequired": _dependent,
    "anyOf": _choice,
    "oneOf": _choice,
    "not": _not,
}


def _wrong_size(error: ValidationError, at: Id, bound: str, noun: str) -> Problem:
    value: Any = error.instance
    limit: Any = error.validator_value
    size = len(value)
    if size == 0:
        return Problem(at, f"{_name_of(at)} is empty", _example(error.schema))
    return Problem(at, f"{_name_of(at)} should have {bound} {counted(limit, noun)}, has {size}", _example(error.schema))


def _description(schema: Any) -> str:
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""


def _example(schema: Any) -> str:
    examples = schema.get("examples") if isinstance(schema, Mapping) else None
    if not isinstance(examples, list) or not examples:
        return ""
    return f"such as {json.dumps(examples[0], ensure_ascii=False)}"


def _or(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
