"""Hold documents against JSON Schemas, and tell every problem with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from bundle_engine.config.closest import matches
from bundle_engine.config.ids import ROOT, Id
from bundle_engine.errors import InputError, UsageError
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding
from bundle_engine.metadata.document import Description
from bundle_engine.metadata.sentences import Problem, problems_of
from bundle_engine.resources import schemas_dir

__all__ = ["CONFIG", "LARGE_FILES", "METADATA", "bundled_schema", "validate"]

METADATA, CONFIG, LARGE_FILES = "metadata", "config", "large_files"
_MOST = 200  # problems of one document; what has more is something else than it should be

Schema = Mapping[str, Any]


@lru_cache(maxsize=8)
def bundled_schema(name: str) -> Schema:
    """Give one of the product's own schemas: ``metadata``, ``config`` or ``large_files``."""
    path = schemas_dir() / f"{name}.schema.json"
    if not path.is_file():
        raise UsageError(f"there is no schema '{name}'", hint=f"there are {METADATA}, {CONFIG}, {LARGE_FILES}")
    schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema


def validate(description: Description, schema: Schema | None = None, **options: Any) -> list[Finding]:
    """Find what a schema has against a document, and what is wrong with it whatever it describes.

    No other document is fetched, whatever the schema refers to.

    Args:
        description: the document.
        schema: by default the product's schema of metadata.
        options: arguments of `jsonschema.validate`: ``cls``, ``format_checker``, ``registry``, ...

    Returns:
        the findings, in no particular order.

    Raises:
        InputError: when the schema is none, or refers to another document.
        UsageError: for an option that jsonschema does not have.
    """
    own = bundled_schema(METADATA) if schema is None else schema
    problems = list(dict.fromkeys(_problems(description.data, own, options)))
    return [*description.findings(), *_findings(description, problems, own)]


def _problems(data: Any, schema: Schema, options: dict[str, Any]) -> Iterator[Problem]:
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError, UnknownType
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    from referencing.exceptions import Unresolvable

    options = {"registry": REGISTRY, **options}  # this one knows the standard's own schemas, and fetches nothing
    kind = options.pop("cls", None) or validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(dict(schema))
        validator = kind(schema, **options)
    except RecursionError:
        raise InputError("the schema is nested too deeply") from None
    except SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path)
        raise InputError(
            f"this is no JSON Schema: {error.message:.200}", hint=f"at {where}" if where else None
        ) from None
    except (TypeError, AttributeError) as error:
        raise UsageError(f"jsonschema does not take these options: {error}") from None
    number = 0
    try:
        for each in validator.iter_errors(data):
            yield from problems_of(each)
            number += 1
            if number >= _MOST:
                return
    except Unresolvable as error:
        hint = "put what it refers to into the schema, under $defs"
        raise InputError(f"the schema refers to '{error.ref}', and nothing is fetched for it", hint=hint) from None
    except (RecursionError, UnknownType) as error:
        raise InputError(f"the schema cannot be followed: {type(error).__name__}") from None


def _findings(description: Description, problems: list[Problem], schema: Schema) -> Iterator[Finding]:
    """Make findings of problems; a key that is missing is looked for among those that are misspelt."""
    misspelt = dict(_misspelt(description.data, schema))
    meant = {(at.parent, known): at for at, known in misspelt.items()}
    for problem in problems:
        if not problem.missing:
            place = description.place(problem.id, key=problem.on_key)
            yield found("BE062", problem.id, place, problem.message, problem.hint)
            continue
        key = problem.id[-1] if problem.id else ""
        written = meant.get((problem.id.parent, key)) if key else None
        if written is None:
            yield found("BE061", problem.id, _around(description, problem.id), problem.message, problem.hint)
            continue
        misspelt.pop(written, None)
        place = description.place(written, key=True)
        yield found("BE061", written, place, f"{problem.message}; there is '{written[-1]}'", f"write '{key}'")
    for written, known in misspelt.items():
        place = description.place(written, key=True)
        message = f"nothing is known of '{written[-1]}', which is spelt almost like '{known}'"
        yield found("BE063", written, place, message, f"did you mean '{known}'?")


def _around(description: Description, id: Id) -> Any:
    """Give the place of the mapping that lacks a key: its own key, or the file's first character."""
    return description.place(id.parent, key=bool(id.parent))


# --- misspelt keys ---


def _misspelt(data: Any, schema: Schema) -> Iterator[tuple[Id, str]]:
    """Find keys that a schema does not describe, spelt almost like one that it describes and that is not there."""
    waiting: list[tuple[Id, Any, Any]] = [(ROOT, data, schema)]
    visited = 0
    while waiting and visited < 100_000:
        at, value, rule = waiting.pop()
        visited += 1
        rule = _followed(rule, schema)
        if isinstance(value, list) and isinstance(rule.get("items"), Mapping):
            waiting += [(at.child(index), item, rule["items"]) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            continue
        known = {key: each for key, each in rule.get("properties", {}).items() if isinstance(each, Mapping)}
        absent = [key for key in known if key not in value]
        for key, item in value.items():
            if key in known:
                waiting.append((at.child(key), item, known[key]))
            elif inner := _other_rule(rule, key):
                waiting.append((at.child(key), item, inner))
            elif rule.get("additionalProperties") is not False and (near := matches(key, absent, most=1)):
                absent.remove(near[0])
                yield at.child(key), near[0]


def _other_rule(rule: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    import re

    patterns = rule.get("patternProperties", {})
    inner = next((each for pattern, each in patterns.items() if re.search(pattern, key)), None)
    if inner is None:
        inner = rule.get("additionalProperties")
    return inner if isinstance(inner, Mapping) else None


def _followed(rule: Any, schema: Schema) -> Mapping[str, Any]:
    """Follow references inside the schema itself; a rule with a choice is read as its last choice."""
    for _ in range(20):
        if not isinstance(rule, Mapping):
            return {}
        reference = rule.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            target: Any = schema
            for part in reference[2:].split("/"):
                target = target.get(part) if isinstance(target, Mapping) else None
            rule = target
        elif isinstance(rule.get("anyOf"), list) and "properties" not in rule:
            rule = rule["anyOf"][-1]
        else:
            return rule
    return {}
