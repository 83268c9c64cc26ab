"""Bad input and what it gets: configs that do not fit together, in their ids, references, macros and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bundle_engine import BundleEngineError, ConfigParser
from bundle_engine.errors import (
    CycleError,
    IdNotFoundError,
    IndexNotFoundError,
    InputError,
    InputNotFoundError,
    MandatoryValueError,
    MergeError,
    ReferenceNotFoundError,
)

Ask = Callable[[ConfigParser], Any]


def resolve(parser: ConfigParser) -> Any:
    return parser.get_parsed_content()


@dataclass(frozen=True)
class Case:
    """Bad input and what it gets.

    In the files, « and » stand around what the error has to point at; they are taken out before the file is written.
    Files whose names have no suffix are JSON, which is YAML as well, so each is tried as both.

    Attributes:
        kind: the class of the error.
        message: what the error says first; every X stands for the suffix of the files.
        files: names and texts; those that are listed in `main` are read.
        main: the files to read; by default the first.
        id, hint, notes: what else the error says; notes may be given as far as they begin.
        cause: the class of the original exception.
        ask: what is done with the parser.
    """

    kind: type[BundleEngineError]
    message: str
    files: Mapping[str, str]
    main: tuple[str, ...] = ()
    id: str | None = None
    hint: str | None = None
    notes: tuple[str, ...] = ()
    cause: type[Exception] | None = None
    ask: Ask = field(default=resolve)


def get(id: str) -> Ask:
    return lambda parser: parser.get_parsed_content(id)


def one(kind: type[BundleEngineError], message: str, text: str, **more: Any) -> Case:
    return Case(kind, message, {"a": text}, **more)


def two(kind: type[BundleEngineError], message: str, first: str, second: str, **more: Any) -> Case:
    return Case(kind, message, {"a": first, "b": second}, main=("a", "b"), **more)


REFERENCES = {
    "a missing reference": one(
        ReferenceNotFoundError, "the reference '@max_epoch' leads to nothing",
        '{"max_epochs": 3,\n "train": {"epochs": «"@max_epoch"»}}',
        id="train::epochs", hint="did you mean 'max_epochs'?",
    ),
    "a missing reference in an expression": one(
        ReferenceNotFoundError, "the reference '@max_epoch' leads to nothing",
        '{"max_epochs": 3,\n "l": [«"$@max_epoch + 1"»]}', id="l::0", hint="did you mean 'max_epochs'?",
    ),
    "a misspelt key on the way": one(
        ReferenceNotFoundError, "the reference '@train::trianer::epochs' leads to nothing",
        '{"train": {"trainer": {"epochs": 3}}, "e": «"@train::trianer::epochs"»}',
        id="e", hint="did you mean 'train::trainer::epochs'?",
    ),
    "a key that stands elsewhere": one(
        ReferenceNotFoundError, "the reference '@lr' leads to nothing",
        '{"train": {"lr": 1}, "e": «"@lr"»}', id="e", hint="did you mean 'train::lr'?",
    ),
    "nothing similar": one(
        ReferenceNotFoundError, "the reference '@quux' leads to nothing",
        '{"train": 1, "e": «"@quux"»}', id="e", hint="the config has train, e",
    ),
    "a wrong index": one(
        ReferenceNotFoundError, "the reference '@l::2' leads to nothing",
        '{"l": [1, 2], "e": «"@l::2"»}', id="e", hint="'l' is a list of 2 items, counted from 0",
    ),
    "a word into a list": one(
        ReferenceNotFoundError, "the reference '@l::first' leads to nothing",
        '{"l": [1, 2], "e": «"@l::first"»}', id="e", hint="'l' is a list of 2 items, counted from 0",
    ),
    "into a scalar": one(
        ReferenceNotFoundError, "the reference '@n::x' leads to nothing",
        '{"n": 5, "e": «"@n::x"»}', id="e", hint="'n' is 5 and has no inside",
    ),
    "past a resolved value": one(
        ReferenceNotFoundError, "'data::trainin' leads to nothing: 'data' gives dict, which has no 'trainin'",
        '{"data": "$dict(training=[])",\n"e": [«"@data::trainin"»]}', id="e::0", hint="did you mean 'data::training'?",
    ),
    "past the end of a resolved value": one(
        ReferenceNotFoundError, "'data::1' leads to nothing: 'data' gives list, which has no '1'",
        '{"data": "$[0]", "e": «"@data::1"»}', id="e", hint="'data' is a list of 1 item, counted from 0",
    ),
    "a relative id above the root": one(
        IdNotFoundError, "the relative id '@::::::c' goes up past the root: 'a::b' is 2 deep",
        '{"a": {"b": «"@::::::c"»}, "c": 1}', id="a::b", hint="one separator for a sibling, one more for each level up",
    ),
    "a relative id above the root, in an expression": one(
        IdNotFoundError, "the relative id '@::::::c' goes up past the root: 'a::b' is 2 deep",
        '{"a": {"b": «"$@###c + 1"»}, "c": 1}', id="a::b",
        hint="one separator for a sibling, one more for each level up",
    ),
    "a value left open": one(
        MandatoryValueError, "'data::dir' has no value yet: it was left open as ???",
        '{"data": {"dir": «"???"»}, "e": "@data::dir"}', id="data::dir", ask=get("e"),
        hint="set it in a config file, or on the command line with --data::dir=VALUE",
    ),
}  # fmt: skip

CIRCLES = {
    "references": one(
        CycleError, "values need each other in a circle: a -> b -> c -> a",
        '{"a": «"@b"»,\n "b": "@c",\n "c": "$@a + 1"}', id="a", ask=get("a"),
        notes=("a: '@b'  (a.X:1:7)", "b: '@c'  (a.X:2:7)", "c: '$@a + 1'  (a.X:3:7)"),
        hint="give one of them a value of its own",
    ),
    "arguments of components": one(
        CycleError, "values need each other in a circle: net -> net::opt -> opt -> opt::params -> net",
        '{"net": {"_target_": «"dict"», "opt": "@opt"},\n "opt": {"_target_": "dict", "params": "$@net.parameters()"}}',
        id="net", ask=get("net"),
        notes=("net: _target_: dict  (a.X:1:22)", "net::opt: '@opt'  (a.X:1:37)", "opt: _target_: dict  (a.X:2:22)",
               "opt::params: '$@net.parameters()'  (a.X:2:40)"),
        hint="give one of them a value of its own",
    ),
    "what it stands in": one(
        CycleError, "values need each other in a circle: a -> a::b -> a",
        '{«"a"»: {"b": "@a"}}', id="a", ask=get("a"), notes=("a: a mapping  (a.X:1:2)", "a::b: '@a'  (a.X:1:13)"),
        hint="give one of them a value of its own",
    ),
    "macros": one(
        CycleError, "the macro '%b' copies itself: %b -> %c -> %b",
        '{"a": «"%b"»,\n "b": {"x": "%c"},\n "c": "%b"}', id="a",
        notes=("b::x: '%c'  (a.X:2:13)", "c: '%b'  (a.X:3:7)"),
        hint="let one of them hold the text itself, or refer to the value with '@'",
    ),
    "macros through files": Case(
        CycleError, "the macro '%b.X::y' copies itself: %b.X::y -> %a.X::x -> %b.X::y",
        {"a": '{"x": «"%b.X::y"»}', "b": '{\n"y": "%a.X::x"}'}, id="x",
        notes=("y: '%a.X::x'  (b.X:2:6)", "x: '%b.X::y'  (a.X:1:7)"),
        hint="let one of them hold the text itself, or refer to the value with '@'",
    ),
    "a macro of the root": one(
        CycleError, "the macro '%' copies itself: %a -> %",
        '{"a": «"%"»}', id="a", notes=("a: '%'  (a.X:1:7)",), hint="for text that begins with '%', write '\\%'",
    ),
    "extending": Case(
        CycleError, "_extends_ goes in a circle: a.X -> d/b.X -> d/c.X -> d/b.X".replace("a.X -> ", ""),
        {"a": '{"_extends_": "d/b.X"}', "d/b": '{"_extends_": ["c.X"]}', "d/c": '{"x": 1,\n "_extends_": «"b.X"»}'},
        id="_extends_", hint="take one of the files out of the circle",
        notes=("d/b.X extends d/c.X  (d/b.X:1:15)", "d/c.X extends d/b.X  (d/c.X:2:15)"),
    ),
    "extending itself": one(
        CycleError, "_extends_ goes in a circle: a.X -> a.X",
        '{"_extends_": «"a.X"»}', id="_extends_", hint="take one of the files out of the circle",
        notes=("a.X extends a.X  (a.X:1:15)",),
    ),
}  # fmt: skip

MERGES = {
    "a list into a mapping": two(
        MergeError, "'+a' cannot merge a list into a mapping", '{"a": {"x": 1}}', '{"b": 1,\n «"+a"»: [1]}',
        id="a", notes=("'a' is a mapping from a.X:1:2",), hint="write 'a' without '+' to replace the value",
    ),
    "a mapping into a list, inside": two(
        MergeError, "'+a::l' cannot merge a mapping into a list",
        '{"a":\n {"l": [1]}}', '{"+a": {"m": 1,\n  «"+l"»: {"x": 1}}}',
        id="a::l", notes=("'a::l' is a list from a.X:2:3",), hint="write 'a::l' without '+' to replace the value",
    ),
    "a list into a scalar": two(
        MergeError, "'+a::x' cannot merge a list into 1", '{"a": {"x": 1}}', '{«"a::+x"»: [1]}',
        id="a::x", notes=("'a::x' is 1 from a.X:1:8",), hint="write 'a::x' without '+' to replace the value",
    ),
    "deleting nothing": two(
        MergeError, "'~handlrs' deletes nothing: there is no 'handlrs'", '{"handlers": []}', '{«"~handlrs"»: null}',
        id="handlrs", hint="did you mean '~handlers'?",
    ),
    "deleting nothing on the way": two(
        MergeError, "'~trian::handlers' deletes nothing: there is no 'trian'",
        '{"train": {"handlers": []}}', '{«"~trian::handlers"»: null}', id="trian::handlers",
        hint="did you mean '~train::handlers'?",
    ),
    "deleting past the end": two(
        MergeError, "'~handlers::2' deletes nothing: there is no 'handlers::2'",
        '{"handlers": [1, 2]}', '{«"~handlers::2"»: null}', id="handlers::2",
        hint="'handlers' is a list of 2 items, counted from 0",
    ),
    "setting past the end": two(
        IndexNotFoundError, "'handlers::2' cannot be set: 'handlers' is a list of 2 items, counted from 0",
        '{"handlers": [1, 2]}', '{«"handlers::2"»: 3}', id="handlers::2",
        hint="append with '+handlers: [...]', or set 'handlers' as a whole",
    ),
    "setting in a scalar": two(
        IndexNotFoundError, "'lr::x' cannot be set: 'lr' is 0.1 and has no inside",
        '{"lr": 0.1}', '{«"lr#x"»: 3}', id="lr::x", hint="set 'lr' as a whole",
    ),
}  # fmt: skip

MACROS = {
    "a missing macro": one(
        IdNotFoundError, "the macro '%transform' leads to nothing: there is no 'transform'",
        '{"transforms": [], "l": [«"%transform"»]}', id="l::0", hint="did you mean '%transforms'?",
    ),
    "a missing key in another file": Case(
        IdNotFoundError, "the macro '%b.X::o::lr' leads to nothing: there is no 'o::lr' in b.X",
        {"a": '{"x": «"%b.X::o::lr"»}', "b": '{"o": {"lrs": 1}}'}, id="x", hint="did you mean '%b.X::o::lrs'?",
    ),
    "a missing file": Case(
        InputNotFoundError, "cannot find the file 'd/thre.X'",
        {"d/a": '{"x": «"%thre.X::o"»}', "d/three": "{}"},
        id="x", notes=("looked in d, ",), hint="did you mean 'd/three.X'?",
    ),
    "a broken file": Case(
        InputError, "not {}: this '[' is never closed",
        {"a": '{"x": "%b.X::o"}', "b": '{"o": 1\n}'.replace("1\n}", "«[»1")},
        notes=("read because of '%b.X::o' at a.X:1:7",), hint="close it with ']'",
    ),
    "a macro into a reference": one(
        IdNotFoundError, "the macro '%r::x' leads to nothing: there is no 'r::x'",
        '{"o": {"x": 1}, "r": "@o", "e": «"%r::x"»}', id="e",
        hint="'r' is '@o', which has no text inside; refer to its value with '@r::x'",
    ),
    "a macro into a scalar": one(
        IdNotFoundError, "the macro '%r::x' leads to nothing: there is no 'r::x'",
        '{"r": 3, "e": «"%r::x"»}', id="e", hint="'r' is 3 and has no inside",
    ),
    "a relative macro above the root": one(
        IdNotFoundError, "the macro '%##c' goes up past the root",
        '{"a": «"%##c"», "c": 1}', id="a", hint="one separator for a sibling, one more for each level up",
    ),
    "text that begins with the sign": one(
        IdNotFoundError, "the macro '%5 of all' leads to nothing: there is no '5 of all'",
        '{"a": «"%5 of all"»}', id="a", hint="for text that begins with '%', write '\\%5 of all'",
    ),
}  # fmt: skip

FILES = {
    "a missing base": Case(
        InputNotFoundError, "cannot find the file 'bsae.X'",
        {"a": '{"_extends_": ["base.X", «"bsae.X"»]}', "base": "{}"}, id="_extends_", hint="did you mean 'base.X'?",
    ),
    "a base that is no file": one(
        InputError, "_extends_ takes a file or a list of files, not 3", '{"_extends_": «3»}', id="_extends_",
        hint="write '_extends_: base.yaml'; paths are relative to this file",
    ),
    "a broken base": Case(
        InputError, "the root of a config is a mapping, and here it is a list",
        {"a": '{"x": 1,\n "_extends_": "b.X"}', "b": "\n«[»]"}, notes=("read because of '_extends_: b.X' at a.X:2:15",),
        hint="give the value a name: 'key: value'",
    ),
    "a list": one(
        InputError, "the root of a config is a mapping, and here it is a list", "\n «[»1, 2]",
        hint="give the value a name: 'key: value'",
    ),
    "a text": one(
        InputError, "the root of a config is a mapping, and here it is a text", '«"hello"»',
        hint="give the value a name: 'key: value'",
    ),
    "a number": one(
        InputError, "the root of a config is a mapping, and here it is a number", "«3»",
        hint="give the value a name: 'key: value'",
    ),
}  # fmt: skip
