"""The interpreter of expressions gives what Python gives, over plain data, or says what it does not do."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle_engine import ConfigParser
from bundle_engine.config import safe_expressions
from bundle_engine.config.policy import Forbidden
from bundle_engine.config.safe_values import Budget
from bundle_engine.config.targets import ComponentLocator
from bundle_engine.errors import ExpressionError, PolicyError

VALUES: dict[str, Any] = {
    "a": 3,
    "b": -2.5,
    "s": "some text",
    "l": [3, 1, 2],
    "t": (1, "x"),
    "d": {"k": 1, "m": [1, 2]},
    "e": {1, 2},
    "n": None,
}


def interpreted(text: str, values: dict[str, Any] | None = None) -> Any:
    """Evaluate a text with the interpreter."""
    scope = safe_expressions.Scope(VALUES if values is None else values, {"math": "math"}, ComponentLocator())
    return safe_expressions.evaluate(safe_expressions.parse(text), scope, Budget())


def outcome(evaluate: Any, text: str) -> Any:
    """Give the value of a text, or the kind of the exception."""
    try:
        value = evaluate(text)
    except Forbidden:
        raise
    except Exception as error:
        return type(error)
    return value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and repr(one) == repr(other)


SAME_AS_PYTHON = [
    "1 + 2 * 3 - 4 / 5 // 6 % 7",
    "2 ** 10, 2 ** -1, (-2) ** 3, 0 ** 0, 2.5 ** 2, 4 ** 0.5",
    "1 << 10, 1024 >> 3, 6 & 3, 6 | 3, 6 ^ 3, ~5, -a, +b, not a",
    "a < 4 < 5, a == 3 != 4, 1 in l, 5 not in l, n is None, a is not None",
    "'k' in d, 'so' in s, 'x' in t, 1 in e",
    "a and b or n, n or 0 or '', 1 and []",
    "a if a > 2 else b",
    "l[0], l[-1], l[1:], l[::-1], s[2:4], d['m'][1], t[1]",
    "[x * 2 for x in l if x > 1]",
    "[(x, y) for x in range(3) for y in range(x) if (x + y) % 2]",
    "{x: i for i, x in enumerate(s)}",
    "sorted({x % 2 for x in l})",
    "sum(x for x in l), max(l), min(l), len(l), sorted(l, reverse=True)",
    "[*l, *t], (*l,), {**d, 'z': 1}",
    "list(range(3)), tuple('ab'), dict(a=1), dict([('a', 1)]), list(zip(l, s)), list(enumerate(l, 1))",
    "list(reversed(l)), list(d.items()), list(d), sorted(d.values(), key=None) if False else 0",
    "f'{a} {b:.3f} {s!r:>12} {l} {a:{a}d}'",
    "f'{{{a}}} {a=}'",
    "'%s is %d and %5.2f%%' % (s, a, b), '%(k)s' % d",
    "s.upper(), s.split(), '-'.join(['a', 'b']), s.replace('t', 'T'), s.startswith('so'), 'x'.zfill(4)",
    "d.get('k'), d.get('q', 5), l.index(1), l.count(3), s.find('x'), (5).bit_length(), (2.0).is_integer()",
    "int('12'), int('ff', 16), int(2.9), float('1e3'), str(1.5), repr('x'), bool([]), abs(-3), round(2.567, 2)",
    "divmod(7, 2), pow(2, 5), hex(255), oct(8), bin(5), chr(65), ord('a'), complex(1, 2) * 2",
    "any(x > 2 for x in l), all(x > 0 for x in l), any([]), all([])",
    "math.sqrt(2), math.floor(b), math.pi, math.gcd(12, 18), math.inf",
    "e | {5}, e & {1}, e - {1}, e ^ {1, 9}, e < {1, 2, 3}, frozenset(e) == e",
    "d | {'k': 2}, [1] + [2], (1,) + (2,), 'a' 'b' + 'c', [0] * 3, 3 * 'ab', (1,) * 2",
    "b'ab' + b'c', b'ab'[0], 1j * 1j, True + True, ...",
    "l == [3, 1, 2], [1, [2, 3]] < [1, [2, 4]], (1, 2) == [1, 2], None == None, n == 1, n != 1",
    "[[y for y in range(x)] for x in range(4)]",
    "[a for a in l], a",
    "(lambda_ for lambda_ in l).__class__ if False else 1",
    "1 / 0",
    "l[10]",
    "d['nothing']",
    "unknown_name",
    "int('x')",
    "'a' + 1",
    "[1] < ['a']",
    "len(5)",
    "max([])",
    "[i for i in 5]",
    "a(1)",
    "{[1]: 2}",
    "'%d' % 'x'",
    "dict(**{'a': 1}, **{'a': 2})",
]


@pytest.mark.parametrize("text", SAME_AS_PYTHON)
def test_it_gives_what_python_gives(text: str) -> None:
    expected = outcome(lambda text: eval(text, {"math": math, **VALUES}), text)
    try:
        found = outcome(interpreted, text)
    except Forbidden:
        assert expected is TypeError, "what Python refuses for its type may be refused as no plain data"
        return
    assert same(found, expected)


numbers = st.one_of(st.integers(-50, 50), st.floats(-50, 50, allow_nan=False), st.booleans())
atoms = st.one_of(
    numbers.map(repr),
    st.sampled_from(["a", "b", "s", "l", "t", "d", "e", "n", "'k'", "'text'", "''", "None", "[]", "{}", "()"]),
)
binary_operators = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
)  # fmt: skip
functions = st.sampled_from(
    ["len", "abs", "sum", "max", "min", "sorted", "list", "tuple", "set", "str", "repr", "int", "float", "bool", "round",
     "any", "all", "dict", "s.count", "l.index", "d.get", "'-'.join", "frozenset", "hex"]
)  # fmt: skip


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, binary_operators, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(st.sampled_from(["-", "+", "~", "not "]), inner).map(lambda p: f"({p[0]}{p[1]})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(lambda items: f"({''.join(f'{item}, ' for item in items)})"),
        st.tuples(inner, inner).map(lambda p: f"{{{p[0]}: {p[1]}}}"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}[{p[1]}]"),
        st.tuples(inner, inner, inner).map(lambda p: f"{p[0]}[{p[1]}:{p[2]}]"),
        st.tuples(functions, inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"[{p[0]} for x in {p[1]}]"),
        st.tuples(inner, inner).map(lambda p: f"[x for x in {p[0]} if {p[1]}]"),
        st.tuples(inner, st.sampled_from(["", ":5", ":>8", ":.2f", ":03d", "!r", "!s:^9", ":x"])).map(
            lambda p: "f'{" + p[0].replace("'", '"') + p[1] + "}'"
        ),
    )


@settings(max_examples=600, deadline=None)
@given(st.recursive(atoms, grown, max_leaves=8))
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_generated_expressions_give_what_python_gives(text: str) -> None:
    if "**" in text or "<<" in text:
        limit = 10**6  # Python would compute numbers of any size
        numbers = [int(part) for part in text.replace("(", " ").replace(")", " ").split() if part.lstrip("-").isdigit()]
        if text.count("**") + text.count("<<") > 1 or any(abs(number) > limit for number in numbers):
            return
    try:
        compile(text, "x", "eval")
    except SyntaxError:
        return
    try:
        found = outcome(interpreted, text)
    except Forbidden as problem:
        expected = outcome(lambda text: eval(text, {"math": math, **VALUES}), text)
        known = ("numbers have", "plain data", "a format is", "only numbers and texts have", "no listed method",
                 "on the list", "items", "can be walked", "as text")  # fmt: skip
        assert expected is TypeError or any(word in problem.reason for word in known), problem
        return
    assert same(found, outcome(lambda text: eval(text, {"math": math, **VALUES}), text))


def test_an_expression_that_fails_is_told_as_at_full_trust() -> None:
    for level in ("safe", "full"):
        parser = ConfigParser({"a": 0, "x": "$1 / @a", "y": "$nothing + 1"}, policy=level)
        with pytest.raises(ExpressionError, match="ZeroDivisionError: division by zero") as raised:
            parser.get_parsed_content("x")
        assert raised.value.id == "x"
        with pytest.raises(ExpressionError, match="name 'nothing' is not defined"):
            parser.get_parsed_content("y")


LEGITIMATE: dict[str, tuple[dict[str, Any], Any]] = {
    "os-path": ({"i": "$import os", "d": "out", "x": "$os.path.join(@d, 'models', 'model.pt')"}, "out/models/model.pt"),
    "from-os-import-path": ({"i": "$from os import path as p", "x": "$p.basename('a/b.c')"}, "b.c"),
    "references": ({"a": [1, 2], "b": {"c": "@a"}, "x": "$@b::c[0] + len(@a)"}, 3),
    "past-a-value": ({"a": "$[{'k': (1, 2)}]", "x": "@a::0::k::1"}, 2),
    "default": ({"x": "$@nothing ?? 3"}, 3),
    "math": ({"i": "$import math", "x": "$math.ceil(1.2)"}, 2),
    "device": ({"x": "$str(1) + ('cuda' if torch.cuda.is_available() and False else 'cpu')"}, "1cpu"),
    "distributed": (
        {"i": "$import torch.distributed as dist", "x": "$dist.get_rank() if dist.is_initialized() else 0"},
        0,
    ),
    "order-of-keys": ({"x": {"_target_": "collections.OrderedDict", "a": 1}}, OrderedDict(a=1)),
    "disabled": ({"x": [{"_target_": "collections.OrderedDict", "_disabled_": "$True"}, 1]}, [1]),
    "numpy-constant": ({"x": "$np.inf"}, math.inf),
    "names-of-files": ({"n": 3, "x": "$[f'case_{i:03d}.nii.gz' for i in range(@n)][-1]"}, "case_002.nii.gz"),
    "statement-for-something-else": ({"i": "$import subprocess", "x": "$1 + 1"}, 2),
    "escaped": ({"x": "\\$open('x')"}, "$open('x')"),
    "text": ({"x": "not $open('x')"}, "not $open('x')"),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_what_is_harmless_works_and_gives_the_same(name: str) -> None:
    config, expected = LEGITIMATE[name]
    assert ConfigParser(config, policy="safe").get_parsed_content("x") == expected
    assert ConfigParser(config).get_parsed_content("x") == expected


def test_plain_data_needs_nothing() -> None:
    config = {"a": 1, "b": ["@a", "%a", {"c": "@::::1"}], "d": "@b::2", "e": "@nothing ?? [1, 2]"}
    expected = {"a": 1, "b": [1, 1, {"c": 1}], "d": {"c": 1}, "e": [1, 2]}
    assert ConfigParser(config, policy="data").get_parsed_content("") == expected
    assert ConfigParser(config, policy="data").get_parsed_content("e") == [1, 2]
    mixed = ConfigParser({**config, "f": {"_target_": "os.system"}, "g": "$1", "h": "$import os"}, policy="data")
    assert mixed.get_parsed_content("d") == {"c": 1}
    for id, kind in (("f", "components"), ("g", "expressions"), ("h", "import statements")):
        with pytest.raises(PolicyError, match=f"plain data has no {kind}"):
            mixed.get_parsed_content(id)


def test_everything_outside_is_named_before_anything_is_built(tmp_path: Any) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "net: {_target_: UNet, spatial_dims: 2, in_channels: 1, out_channels: 2, channels: [4, 8], strides: [2]}\n"
        "a: $open('x')\n"
        "b: {_target_: os.system, command: x}\n"
        "c: ['@net', $().__class__, $@a.fileno()]\n"
        "x: ['@net', '@a', '@b', '@c']\n"
    )
    parser = ConfigParser(policy="safe")
    parser.read_config(file)
    with pytest.raises(PolicyError) as raised:
        parser.get_parsed_content("x")
    told = raised.value.render()
    for part in ("a (", "open", "os.system", ".__class__", ".fileno", f"{file}:2", f"{file}:3", "needs --trust full"):
        assert part in told, part
    assert parser.ref_resolver.resolved_content == {}


def test_the_path_functions_are_those_of_this_system() -> None:
    parser = ConfigParser({"i": "$import os", "x": "$'a' + os.sep + 'b'"}, policy="safe")
    assert parser.get_parsed_content("x") == f"a{os.sep}b"
