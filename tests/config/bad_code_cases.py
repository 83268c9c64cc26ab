"""Bad input and what it gets: targets, arguments and expressions that do not work as Python code."""

from __future__ import annotations

from bundle_engine.errors import (
    ArgumentError,
    ExpressionError,
    ExpressionSyntaxError,
    ImportStatementError,
    InstantiationError,
    TargetNotFoundError,
)
from tests.config.bad_input_cases import Case, get, one

PYTHON = "after '$' stands one Python expression; text that begins with it is written '\\$'"

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
