"""What bad input gets: a clear error with id, file, line, column and the way out, before anything is built.

In the files of the cases, « and » stand around what the error has to point at; they are taken out before the file is
written. Files whose names have no suffix are JSON, which is YAML as well, so each is tried as both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import BundleEngineError, ConfigParser
from bundle_engine.errors import (
    ArgumentError,
    AttributeNotFoundError,
    CycleError,
    ExpressionError,
    ExpressionSyntaxError,
    FrozenError,
    IdNotFoundError,
    ImportStatementError,
    IndexNotFoundError,
    InputError,
    InputNotFoundError,
    InstantiationError,
    MandatoryValueError,
    MergeError,
    ReferenceNotFoundError,
    TargetNotFoundError,
)

Ask = Callable[[ConfigParser], Any]


def resolve(parser: ConfigParser) -> Any:
    return parser.get_parsed_content()


@dataclass(frozen=True)
class Case:
    """Bad input and what it gets.

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


PYTHON = "after '$' stands one Python expression; text that begins with it is written '\\$'"


def two(kind: type[BundleEngineError], message: str, first: str, second: str, **more: Any) -> Case:
    return Case(kind, message, {"a": first, "b": second}, main=("a", "b"), **more)


TARGETS = {
    "a misspelt short name": one(
        TargetNotFoundError, "cannot locate the target 'BasicUNett': nothing in MONAI is called 'BasicUNett'",
        '{"net": {"_target_": «"BasicUNett"», "in_channels": 1}}',
        id="net", hint="did you mean 'BasicUNet'?",
    ),
    "a misspelt function": one(
        TargetNotFoundError, "cannot locate the target 'json.laods': the module 'json' has no 'laods'",
        '{"a": 1,\n "net": {\n  "_target_": «"json.laods"»\n}}',
        id="net", hint="did you mean 'json.loads' or 'json.load'?",
    ),
    "a misspelt attribute": one(
        TargetNotFoundError,
        "cannot locate the target 'datetime.date.form_timestamp': the object 'datetime.date' has no 'form_timestamp'",
        '{"l": [0, {"_target_": «"datetime.date.form_timestamp"»}]}',
        id="l::1", hint="did you mean 'datetime.date.fromtimestamp'?",
    ),
    "a misspelt module": one(
        TargetNotFoundError, "cannot locate the target 'json.decodr.Thing': the module 'json' has no 'decodr'",
        '{"net": {"_target_": «"json.decodr.Thing"»}}',
        id="net", hint="did you mean 'json.decoder' or 'json.encoder'?",
    ),
    "a misspelt package": one(
        TargetNotFoundError, "cannot locate the target 'colections.OrderedDict': there is no package 'colections'",
        '{"net": {"_target_": «"colections.OrderedDict"»}}',
        id="net", hint="did you mean 'collections'?",
    ),
    "a package that is not installed": one(
        TargetNotFoundError, "cannot locate the target 'scripts_of_mine.Net': there is no package 'scripts_of_mine'",
        '{"net": {"_target_": «"scripts_of_mine.Net"»}}',
        id="net", hint="install 'scripts_of_mine', or put it into the bundle's folder",
    ),
    "a module that lacks something": Case(
        TargetNotFoundError,
        "cannot locate the target 'lacking.Net': importing it failed: "
        "ModuleNotFoundError: No module named 'package_that_lacks'",
        {"a": '{"net": {"_target_": «"lacking.Net"»}}', "lacking.py": "import json\nimport package_that_lacks.x\n"},
        id="net", hint="install 'package_that_lacks'", notes=("raised at ",), cause=ModuleNotFoundError,
    ),
    "a module that fails": Case(
        TargetNotFoundError, "cannot locate the target 'failing.Net': importing it failed: ValueError: no luck",
        {"a": '{"net": {"_target_": «"failing.Net"»}}', "failing.py": "raise ValueError('no luck')\n"},
        id="net", notes=("raised at ",), cause=ValueError,
    ),
    "no target": one(
        TargetNotFoundError, "the _target_ of 'net' is null",
        '{"net": {"_target_": «null», "x": 1}}',
        id="net::_target_", hint="name a class or a function, or take the key out",
    ),
}  # fmt: skip

ARGUMENTS = {
    "an unknown argument": one(
        ArgumentError, "'fractions.Fraction' takes no argument 'numeratr'",
        '{"f": {"_target_": "fractions.Fraction",\n  «"numeratr"»: 1, "denominator": 2}}',
        id="f::numeratr", hint="did you mean 'numerator'?",
    ),
    "an argument that is nothing like any": one(
        ArgumentError, "'fractions.Fraction' takes no argument 'lr'",
        '{"f": {"_target_": "fractions.Fraction", «"lr"»: 1}}',
        id="f::lr", hint="it takes numerator, denominator",
    ),
    "a missing argument": one(
        ArgumentError, "'textwrap.wrap' needs the argument 'text'",
        '{"f": {"_target_": «"textwrap.wrap"», "width": 3}}', id="f", hint="add 'text'",
    ),
    "missing arguments": one(
        ArgumentError, "'shutil.copyfile' needs the arguments 'src', 'dst'",
        '{"f": {"_target_": «"shutil.copyfile"»}}', id="f", hint="add 'src', 'dst'",
    ),
    "an argument given twice": one(
        ArgumentError, "'textwrap.wrap' gets the argument 'text' twice: in _args_ and by name",
        '{"f": {"_target_": "textwrap.wrap", "_args_": ["x"], «"text"»: "y"}}', id="f::text", hint="give it once",
    ),
    "too many by position": one(
        ArgumentError, "'shutil.disk_usage' takes 1 positional argument, and gets 2",
        '{"f": {"_target_": "shutil.disk_usage", «"_args_"»: ["x", "y"]}}', id="f::_args_", hint="it takes path",
    ),
    "an argument by name that goes by position": one(
        ArgumentError, "'builtins.len' takes 'obj' by position only",
        '{"f": {"_target_": "builtins.len", «"obj"»: []}}', id="f::obj", hint="give it in _args_",
    ),
    "positional arguments that are no list": one(
        ArgumentError, "_args_ is a list of positional arguments, not 'x'",
        '{"f": {"_target_": "textwrap.wrap", "_args_": «"x"»}}', id="f::_args_",
        hint="write '_args_: [...]', also for one argument",
    ),
    "a mode that there is not": one(
        InstantiationError, "_mode_ is 'default', 'callable' or 'debug', not 'calable'",
        '{"f": {"_target_": "textwrap.wrap", "_mode_": «"calable"»}}', id="f::_mode_", hint="did you mean 'callable'?",
    ),
}  # fmt: skip

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

EXPRESSIONS = {
    "a syntax error": one(
        ExpressionSyntaxError, "the expression cannot be read: invalid syntax",
        '{"a": 1,\n "l": ["$(@a + «)» * 2"]}', id="l::0",
        hint=PYTHON,
    ),
    "a bracket that is never closed": one(
        ExpressionSyntaxError, "the expression cannot be read: '[' was never closed",
        '{"a": {"b": 1},\n "x": "$len(«[»@a::b, 2"}', id="x",
        hint=PYTHON,
    ),
    "an error behind a long id": one(
        ExpressionSyntaxError, "the expression cannot be read: unmatched ')'",
        '{"long": {"name": 1}, "x": "$@long::name + @long::name «)»"}', id="x",
        hint=PYTHON,
    ),
    "a statement": one(
        ExpressionSyntaxError, "the expression cannot be read: invalid syntax",
        '{"x": "$y «=» 3"}', id="x",
        hint="an expression gives a value; assignments and other statements cannot stand here",
    ),
    "an error on the second line": one(
        ExpressionSyntaxError, "the expression cannot be read: invalid syntax",
        '{"a": 1, "x": «"$[@a,\\n  @a +* 2,\\n]"»}', id="x", notes=("$[@a,", "  @a +* 2,", "      ^"),
        hint=PYTHON,
    ),
    "nothing behind the sign": one(
        ExpressionSyntaxError, "the expression cannot be read: there is nothing after '$'", '{"x": «"$"»}', id="x",
        hint=PYTHON,
    ),
    "an import statement that cannot be read": one(
        ExpressionSyntaxError, "the expression cannot be read: invalid decimal literal", '{"x": "$import «3»x"}',
        id="x",
        hint=PYTHON,
    ),
    "an exception": one(
        ExpressionError, "the expression failed: ZeroDivisionError: division by zero",
        '{"a": 0,\n "x": «"$1 / @a"»}', id="x", notes=("with @a=0",), cause=ZeroDivisionError,
    ),
    "an exception of a function": Case(
        ExpressionError, "the expression failed: KeyError: 'lr'",
        {"a": '{"i": "$import lookup", "x": «"$lookup.find({}, \'lr\')"»}',
         "lookup.py": "def find(table, key):\n    return table[key]\n"},
        id="x", notes=("raised at ",), cause=KeyError,
    ),
    "an exception over several lines": one(
        ExpressionError, "the expression failed: ZeroDivisionError: division by zero",
        '{"x": «"$[\\n  1 / 0,\\n]"»}', id="x", notes=("$[\n  1 / 0,\n]",), cause=ZeroDivisionError,
    ),
    "an exception further on": one(
        ExpressionError, "the expression failed: ZeroDivisionError: division by zero",
        '{"a": «"$1 / 0"», "b": "$@a + 1", "c": ["@b"]}', id="a", cause=ZeroDivisionError, ask=get("c"),
    ),
    "an unknown name": one(
        ExpressionError, "the expression failed: NameError: name 'glob' is not defined",
        '{"x": «"$glob.glob(\'*\')"»}', id="x", hint="import it in the config: '$import glob'", cause=NameError,
    ),
    "a name that is an id": one(
        ExpressionError, "the expression failed: NameError: name 'lr' is not defined",
        '{"lr": 1, "x": «"$lr * 2"»}', id="x", hint="write '@lr' to refer to the value of that id", cause=NameError,
    ),
    "a variable that is not set": one(
        ExpressionError,
        "the expression failed: KeyError: the environment variable NO_SUCH_VARIABLE is not set; "
        "export it, or write env('NO_SUCH_VARIABLE', DEFAULT)",
        '{"x": «"$env(\'NO_SUCH_VARIABLE\')"»}', id="x", cause=KeyError,
    ),
    "a variable that is no number": one(
        ExpressionError,
        "the expression failed: ValueError: the environment variable IS_A_WORD is 'word', and a whole number is wanted",
        '{"x": «"$env(\'IS_A_WORD\', 4)"»}', id="x", cause=ValueError,
    ),
    "an import that fails": one(
        ImportStatementError, "the import 'import nothere' failed: ModuleNotFoundError: No module named 'nothere'",
        '{"i": «"$import nothere"»,\n "x": "$nothere.find(1)"}',
        id="i", hint="install 'nothere'", cause=ModuleNotFoundError, notes=("needed by 'x'  (a.X:2:7)",),
    ),
    "an import that is misspelt": one(
        ImportStatementError,
        "the import 'import colections' failed: ModuleNotFoundError: No module named 'colections'",
        '{"i": «"$import colections"»,\n "x": "$colections.OrderedDict()"}', id="i", hint="did you mean 'collections'?",
        notes=("needed by 'x'  (a.X:2:7)",), cause=ModuleNotFoundError,
    ),
    "a name that cannot be imported": one(
        ImportStatementError,
        "the import 'from json import laods' failed: ImportError: cannot import name 'laods' from 'json'",
        '{"i": «"$from json import laods"»,\n "x": "$laods(1)"}',
        id="i", notes=("needed by 'x'  (a.X:2:7)",), cause=ImportError,
        hint="did you mean 'loads' or 'load'?",
    ),
}  # fmt: skip

CONSTRUCTORS = {
    "an exception": one(
        InstantiationError, "'fractions.Fraction' failed: ZeroDivisionError: Fraction(1, 0)",
        '{"zero": 0,\n "f": {"_target_": «"fractions.Fraction"», "numerator": 1, "denominator": "@zero"}}',
        id="f", notes=("called with (numerator=1, denominator=0)", "raised at "), cause=ZeroDivisionError,
    ),
    "an exception of a wrong type": one(
        InstantiationError,
        "'fractions.Fraction' failed: TypeError: argument should be a string or a Rational instance",
        '{"f": {"_target_": «"fractions.Fraction"», "numerator": [1]}}',
        id="f", notes=("called with (numerator=[1])", "raised at "), cause=TypeError,
        hint="it takes numerator, denominator",
    ),
    "an exception whose text is a repr": one(
        InstantiationError, "'operator.getitem' failed: KeyError: 'y'",
        '{"f": {"_target_": «"operator.getitem"», "_args_": [{"x": 1}, "y"]}}',
        id="f", notes=("called with ({'x': 1}, 'y')",), cause=KeyError,
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


def _cases() -> Iterator[tuple[str, str, Case]]:
    """Give names, suffixes and cases."""
    groups = {
        "target": TARGETS, "argument": ARGUMENTS, "reference": REFERENCES, "circle": CIRCLES, "merge": MERGES,
        "macro": MACROS, "expression": EXPRESSIONS, "constructor": CONSTRUCTORS, "file": FILES,
    }  # fmt: skip
    for group, cases in groups.items():
        for name, case in cases.items():
            for suffix in ("json", "yaml"):
                yield f"{group}: {name}, {suffix}", suffix, case


CASES = {name: (suffix, case) for name, suffix, case in _cases()}


def with_suffix(text: str, suffix: str) -> str:
    return text.replace(".X", f".{suffix}").replace("not {}:", f"not {suffix.upper()}:")


def files_of(suffix: str, case: Case) -> dict[str, str]:
    """Give the files of a case, with their suffixes."""
    return {
        (name if "." in name else f"{name}.{suffix}"): with_suffix(text, suffix) for name, text in case.files.items()
    }


def run(suffix: str, case: Case) -> None:
    """Read the files of a case, which are there, and ask for what goes wrong."""
    parser = ConfigParser()
    parser.read_config([f"{name}.{suffix}" for name in case.main or list(case.files)[:1]])
    case.ask(parser)


@pytest.mark.parametrize(("suffix", "case"), CASES.values(), ids=CASES.keys())
def test_bad_input_gets_a_clear_error(
    write_marked: Callable[..., Any],
    assert_clear: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    case: Case,
) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    monkeypatch.setenv("IS_A_WORD", "word")
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    place, underlined = write_marked(files_of(suffix, case))
    with pytest.raises(case.kind) as caught:
        run(suffix, case)
    sys.modules.pop("lookup", None)
    error = caught.value

    assert type(error) is case.kind
    message = with_suffix(case.message, suffix)
    if case.cause in (ImportError, TypeError):  # the rest of their texts is Python's, or the library's
        assert error.message.startswith(message)
    else:
        assert error.message == message
    assert error.id == case.id
    assert error.hint == (with_suffix(case.hint, suffix) if case.hint else None)
    assert len(error.notes) == len(case.notes)
    for note, begin in zip(error.notes, case.notes, strict=True):
        assert note.startswith(with_suffix(begin, suffix))
    assert type(error.__cause__) is (case.cause or type(None))
    assert_clear(error, place, underlined)
    written = {str(path) for path in Path().rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert written == set(files_of(suffix, case))  # nothing was written


# --- what is asked wrongly ---


@pytest.mark.parametrize(
    ("ask", "kind", "lines"),
    [
        pytest.param(
            lambda parser: parser.get_parsed_content("train::max_epoch"),
            IdNotFoundError,
            [
                "there is no 'max_epoch' in 'train'",
                "  at a.yaml:2:1  id 'train::max_epoch'",
                "   |",
                " 2 | train: {max_epochs: 3}",
                "   | ^^^^^",
                "  help: did you mean 'train::max_epochs'?",
            ],
            id="a missing id",
        ),
        pytest.param(
            lambda parser: parser["l::2"],
            IndexNotFoundError,
            [
                "there is no 'l::2': 'l' is a list of 2 items, counted from 0",
                "  at a.yaml:1:4  id 'l::2'",
                "   |",
                " 1 | l: [1, 2]",
                "   |    ^",
            ],
            id="a wrong index",
        ),
        pytest.param(
            lambda parser: parser.trian,
            AttributeNotFoundError,
            ["there is no 'trian'", "  at id 'trian'", "  help: did you mean 'train'?"],
            id="a missing attribute",
        ),
        pytest.param(
            lambda parser: parser.override({"train::+max_epochs": [1]}),
            MergeError,
            [
                "'+train::max_epochs' cannot merge a list into 3",
                "  at command line  id 'train::max_epochs'",
                "  'train::max_epochs' is 3 from a.yaml:2:9",
                "  help: write 'train::max_epochs' without '+' to replace the value",
            ],
            id="an override that does not fit",
        ),
        pytest.param(
            lambda parser: (parser.freeze(), parser.set(1, "l")),
            FrozenError,
            [
                "the config is frozen, 'l' cannot be set",
                "  at a.yaml:1:4  id 'l'",
                "   |",
                " 1 | l: [1, 2]",
                "   |    ^",
                "  help: set it before freeze(), or change a copy: copy.copy(parser)",
            ],
            id="a frozen config",
        ),
        pytest.param(
            lambda parser: ConfigParser({"a": "@b"}).get_parsed_content("a"),
            ReferenceNotFoundError,
            ["the reference '@b' leads to nothing", "  at code  id 'a'", "  help: the config has a"],
            id="a config from code",
        ),
    ],
)
def test_what_is_asked_wrongly_is_told(
    read: Callable[..., ConfigParser], ask: Ask, kind: type[BundleEngineError], lines: list[str]
) -> None:
    parser = read("l: [1, 2]\ntrain: {max_epochs: 3}\n")
    with pytest.raises(kind) as caught:
        ask(parser)
    assert str(caught.value).split("\n") == lines


def test_the_caret_stands_under_the_place_inside_the_expression(read: Callable[..., ConfigParser]) -> None:
    parser = read("lr: 1\nsteps:\n- $(@lr + ) * 2\n")
    with pytest.raises(ExpressionSyntaxError) as caught:
        parser.get_parsed_content("steps")
    assert str(caught.value).split("\n") == [
        "the expression cannot be read: invalid syntax",
        "  at a.yaml:3:11  id 'steps::0'",
        "   |",
        " 3 | - $(@lr + ) * 2",
        "   |           ^",
        f"  help: {PYTHON}",
    ]


def test_the_caret_stands_under_the_place_on_its_line_of_a_longer_expression(read: Callable[..., ConfigParser]) -> None:
    parser = read("lr: 1\nx: |-\n  $[\n    @lr,\n    3 +* 4,\n  ]\n")
    with pytest.raises(ExpressionSyntaxError) as caught:
        parser.get_parsed_content("x")
    assert str(caught.value).split("\n") == [
        "the expression cannot be read: invalid syntax",
        "  at a.yaml:2:4  id 'x'",
        "   |",
        " 2 | x: |-",
        "   |    ^",
        "  $[",
        "    @lr,",
        "    3 +* 4,",
        "       ^",
        f"  help: {PYTHON}",
    ]
