"""Make a JSON Schema of configs, with what the installed packages have, for editors to complete and check.

It is of draft 7, which the editors understand. An editor checks one file, without the others that go together with it
and without resolving anything: so it tells only what is surely wrong, and `check` tells more.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from bundle_engine.config.ids import ARGS, DEBUG, DESC, DISABLED, EXTENDS, LINT, META, MODE, RANKS, REQUIRES, TARGET, Id
from bundle_engine.inspection.kinds import definition_of
from bundle_engine.inspection.targets.definitions import Definition, Lookup, Parameter

__all__ = ["MODULES", "config_schema"]

#: modules whose classes are offered under their dotted paths; MONAI's are offered by their short names
MODULES = (
    "ignite.engine",
    "ignite.handlers",
    "ignite.metrics",
    "torch.nn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
    "torchvision.transforms",
)

Schema = dict[str, Any]
PropertyTable = Mapping[str, Mapping[str, Any]]

_VALUE = {"$ref": "#/definitions/value"}
_LIVE = {"$ref": "#/definitions/live"}  # a text that becomes another value
# keys that a component has besides arguments, and those by which a later file changes one
_NO_ARGUMENT = r"^(_\w+_|[+~].*|.*(::|#).*)$"
_LONGEST_DOC, _LONGEST_TYPE = 110, 70

_KEYS: Mapping[str, tuple[str, Schema]] = {
    DISABLED: (
        "true, a reference or an expression: the component, and everything only it uses, is not built",
        {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
    ),
    REQUIRES: ("references or expressions that are resolved before the component's arguments", {}),
    MODE: (
        "default: call the target; callable: give the target, with arguments bound if there are any; debug: call it"
        " under pdb",
        {"anyOf": [{"enum": ["default", "callable", "debug"]}, _LIVE]},
    ),
    ARGS: ("positional arguments, before those with names", {"type": ["array", "string"]}),
    RANKS: ("distributed ranks that build it; on the others it counts as disabled", {"type": ["array", "string"]}),
    DESC: ("a description, for people only", {}),
    DEBUG: ("true: evaluate the expression under pdb", {}),
    LINT: ("findings that are not told for this value: {ignore: [BE012]}", {}),
}

_TOP: Mapping[str, str] = {
    "imports": "import statements for the expressions, such as $import glob",
    "initialize": "expressions that are evaluated before the run",
    "run": "expressions that make up the run",
    "finalize": "expressions that are evaluated after the run, also when it fails",
    META: "metadata of the bundle, by default that of metadata.json",
}

_TYPES = {"int": "integer", "float": "number", "bool": "boolean"}
_LITERALS = {
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?[\d.]+(e-?\d+)?"),
    "boolean": re.compile("True|False"),
}


class Index(Protocol):
    """Knows what targets there are."""

    def lookup(self, target: str) -> Lookup: ...

    def short_names(self) -> Mapping[str, Sequence[str]]: ...

    def members(self, path: str) -> Sequence[str]: ...


def config_schema(
    index: Index, properties: Iterable[PropertyTable] = (), *, modules: Sequence[str] = MODULES
) -> Schema:
    """Make the schema.

    Args:
        index: knows what targets there are.
        properties: tables of the properties of workflows, each with an ``id`` and a ``description``.
        modules: modules whose classes are offered by their dotted paths.
    """
    short = dict(sorted(_short(index)))
    dotted = {module: dict(_classes(index, module)) for module in modules}
    offered = {name: definition.doc for name, (definition, _) in short.items()}
    offered.update({path: each.doc for classes in dotted.values() for path, each in classes.items()})
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Config of a MONAI bundle",
        "type": "object",
        "properties": _top(properties),
        "additionalProperties": _VALUE,
        "definitions": {
            "live": {"type": "string", "pattern": r"^([@$%]|\?\?\?$)"},
            **_plain_types(),
            "target": _target(offered),
            "value": {
                "items": _VALUE,
                "additionalProperties": _VALUE,
                "if": {"type": "object", "required": [TARGET]},
                "then": {"$ref": "#/definitions/component"},
            },
            "component": {
                "properties": {
                    TARGET: {"$ref": "#/definitions/target"},
                    **{key: {**kind, "description": text} for key, (text, kind) in _KEYS.items()},
                },
                "allOf": [*_by_letter(short), *_by_module(dotted)],
            },
        },
    }


# --- what is offered ---


def _short(index: Index) -> Iterator[tuple[str, tuple[Definition, bool]]]:
    """Give the short names of MONAI, what they mean, and whether they mean only that."""
    for name, paths in index.short_names().items():
        definition = definition_of(index, name)
        if definition is not None and definition.kind in ("class", "function", "unknown"):
            yield name, (definition, len(paths) == 1)


def _classes(index: Index, module: str) -> Iterator[tuple[str, Definition]]:
    for name in index.members(module):
        definition = definition_of(index, path := f"{module}.{name}")
        if (
            definition is not None
            and definition.kind == "class"
            and definition.path.split(".")[0] == module.split(".")[0]
        ):
            yield path, definition


def _target(offered: Mapping[str, str]) -> Schema:
    own = sorted(name for name in dir(builtins) if name[0].isalpha() and callable(getattr(builtins, name)))
    return {
        "description": "what is called with the other keys as arguments: a short name of MONAI, or a dotted path",
        "anyOf": [
            {
                "enum": list(offered),
                "enumDescriptions": [_shortened(doc, _LONGEST_DOC) for doc in offered.values()],
                "errorMessage": "Nothing in MONAI has this short name. Anything else takes its whole dotted path.",
            },
            {"type": "string", "pattern": r"^[^\W\d]\w*(\.[^\W\d]\w*)+$"},
            {"type": "string", "pattern": f"^({'|'.join(own)})$"},
            _LIVE,
        ],
    }


def _by_letter(short: Mapping[str, tuple[Definition, bool]]) -> Iterator[Schema]:
    """Give the rules for short names, those with one first letter together, so that few have to be looked at."""
    letters: dict[str, list[Schema]] = {}
    for name, (definition, only) in short.items():
        inner = _arguments(definition)
        if inner is not None:
            condition = {"pattern": _paths(definition)} if only and definition.name == name else {"const": name}
            letters.setdefault(name[0], []).append(_rule(condition, inner))
    for letter, rules in letters.items():
        yield _rule({"pattern": rf"^(monai\.(\w+\.)*)?{letter}\w*$"}, {"allOf": rules})


def _by_module(dotted: Mapping[str, Mapping[str, Definition]]) -> Iterator[Schema]:
    for module, classes in dotted.items():
        rules = [
            _rule({"const": path}, inner) for path, each in classes.items() if (inner := _arguments(each)) is not None
        ]
        if rules:
            yield _rule({"pattern": f"^{re.escape(module)}\\."}, {"allOf": rules})


def _rule(condition: Schema, then: Schema) -> Schema:
    return {"if": {"properties": {TARGET: {"type": "string", **condition}}}, "then": then}


def _paths(definition: Definition) -> str:
    """Write a pattern of the paths that lead to a definition of MONAI: the packages on the way to it have it, too."""
    *packages, name = definition.path.split(".")
    pattern = ""
    for package in reversed(packages):
        pattern = f"({package}\\.{pattern})?"
    return f"^{pattern}{name}$"


# --- arguments ---


def _arguments(definition: Definition) -> Schema | None:
    """Give the arguments that a target takes; None where nothing is known of them."""
    if definition.parameters is None:
        return None
    schema: Schema = {"properties": {p.name: _argument(p) for p in definition.parameters if p.by_name}}
    if not definition.open and not definition.wrapped:
        schema["patternProperties"] = {_NO_ARGUMENT: True}
        schema["additionalProperties"] = False
    return schema


def _argument(parameter: Parameter) -> Schema:
    words = [_shortened(parameter.annotation, _LONGEST_TYPE)] if parameter.annotation else []
    if parameter.required:
        words.append("required")
    elif parameter.default is not None:
        words.append(f"default {_shortened(parameter.default, 40)}")
    schema: Schema = {"description": ", ".join(words)} if words else {}
    if (plain := _plain_type(parameter)) is not None:
        schema["$ref"] = f"#/definitions/{plain}"
    return schema


def _plain_type(parameter: Parameter) -> str | None:
    """Give the kind of plain value that an argument takes; None where it takes others, too, or is unclear."""
    annotation = (parameter.annotation or "").replace(" ", "")
    optional = parameter.default == "None"
    for wrapped in (r"(\w+)\|None", r"None\|(\w+)", r"(?:typing\.)?Optional\[(\w+)\]"):
        if found := re.fullmatch(wrapped, annotation):
            annotation, optional = found[1], True
    plain = _TYPES.get(annotation)
    if plain is None:
        return None
    default = parameter.default
    if default not in (None, "None") and not _LITERALS[plain].fullmatch(default):
        return None
    return f"{plain}_or_null" if optional else plain


def _plain_types() -> Schema:
    kinds: Schema = {}
    for plain in _TYPES.values():
        kinds[plain] = {"anyOf": [{"type": plain}, _LIVE]}
        kinds[f"{plain}_or_null"] = {"anyOf": [{"type": [plain, "null"]}, _LIVE]}
    return kinds


# --- the top of a config ---


def _top(tables: Iterable[PropertyTable]) -> Schema:
    top: Schema = {key: {**_VALUE, "description": text} for key, text in _TOP.items()}
    top[META] = {"description": _TOP[META]}
    top[EXTENDS] = {
        "description": "file or files that this one is put on top of; paths are relative to this file",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    for table in tables:
        for entry in table.values():
            _describe(top, Id.parse(entry["id"]), str(entry["description"]))
    return top


def _describe(top: Schema, id: Id, text: str) -> None:
    """Put the description of an id where the schema speaks of it."""
    inside = top
    for number, key in enumerate(id):
        if key == META:
            return
        # what stands further inside is a value already, as an item of the one at the top
        schema = inside.setdefault(key, {} if number else {"allOf": [_VALUE]})
        if number == len(id) - 1:
            schema.setdefault("description", text)
        inside = schema.setdefault("properties", {}) if number < len(id) - 1 else inside


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
