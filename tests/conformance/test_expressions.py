"""Expressions are read as Python reads them: each is drawn twice, with references, and with names in their place."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from bundle_engine import ConfigParser

from .oracle import we_say


class Symbol:
    """A value on which every operation works, and which writes down what was done."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return f"<{self.text}:{spec}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Symbol:
        return Symbol(f"{self.text}{args}{kwargs}")

    def __getitem__(self, key: Any) -> Symbol:
        return Symbol(f"{self.text}[{key}]")

    def __getattr__(self, name: str) -> Symbol:
        if name.startswith("__"):
            raise AttributeError(name)
        return Symbol(f"{self.text}.{name}")

    def __contains__(self, item: Any) -> bool:
        return len(repr(item)) % 2 == 0

    def __bool__(self) -> bool:
        return len(self.text) % 2 == 0

    def __eq__(self, other: object) -> Any:
        return Symbol(f"({self} == {other})")

    def __ne__(self, other: object) -> Any:
        return Symbol(f"({self} != {other})")

    __hash__ = None  # type: ignore[assignment]


def _operation(name: str) -> Any:
    return lambda self, *other: Symbol(f"{name}({self}, {other})")


for _name in ["add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "and", "or", "xor", "lshift"]:
    setattr(Symbol, f"__{_name}__", _operation(_name))
    setattr(Symbol, f"__r{_name}__", _operation(f"r{_name}"))
for _name in ["neg", "pos", "invert", "lt", "le", "gt", "ge"]:
    setattr(Symbol, f"__{_name}__", _operation(_name))


class Text(NamedTuple):
    """An expression: as it stands in a config, and as Python alone would have it."""

    config: str
    python: str

    def put(self, pattern: str, *others: Text) -> Text:
        """Put texts into a pattern; ``{0}`` is this one."""
        each = (self, *others)
        return Text(pattern.format(*(t.config for t in each)), pattern.format(*(t.python for t in each)))


VALUES = {id: Symbol(id.replace("::", "_")) for id in ("a", "bb", "größe", "c::d", "c::e::0")}
CONFIG = {
    "a": VALUES["a"],
    "bb": VALUES["bb"],
    "größe": VALUES["größe"],
    "c": {"d": VALUES["c::d"], "e": [VALUES["c::e::0"]]},
}
NAMES = {"s": Symbol("s"), "R": VALUES}


def _reference(id: str, written: str) -> Text:
    return Text(written, f"R[{id!r}]")


REFERENCES = st.sampled_from(
    [
        _reference("a", "@a"),
        _reference("bb", "@bb"),
        _reference("größe", "@größe"),
        _reference("c::d", "@c::d"),
        _reference("c::e::0", "@c#e#0"),
        _reference("a", "@::a"),
        _reference("c::d", "@#c#d"),
    ]
)
LITERALS = st.sampled_from(
    [
        "s", "1", "2.5", "1e5", "0x1F", "1_000", "None", "True", "'@a'", '"@c::d"', "'#@a'", '"it\'s @a"', "r'\\@a'",
        "b'@a'", "'''@a\n'@bb'''", '"""@a"@bb"""', "'a' '@a'", "'\\'@a'", "''", '""', "Rb'@a'", "s.a", "f'{{@a}}'",
        "rf'\\{s}@a'",
    ]
).map(lambda text: Text(text, text))  # fmt: skip
BINARY = [
    "{0} + {1}", "{0}-{1}", "{0}*{1}", "{0} / {1}", "{0}//{1}", "{0} % {1}", "{0} @ {1}", "{0} @{1}", "{0}@ {1}",
    "{0}@{1}", "{0} & {1}", "{0}|{1}", "{0} ^ {1}", "{0} << {1}", "{0} == {1}", "{0}!={1}", "{0} <= {1}",
    "{0} and {1}", "{0} or {1}", "{0} in [{1}]", "{0} not in ({1},)", "{0} is s", "{0} is not s",
]  # fmt: skip
OTHERS = [
    "(-{0})", "(~{0})", "(not {0})", "({0})", "[{0}]", "({0}, {1})", "{{'k': {0}, 'l': {1}}}", "{{'@a': {0}}}['@a']",
    "s({0})", "s({0}, k={1})", "s(*[{0}], **{{'k': {1}}})", "s[{0}]", "s[{0}:{1}]", "s[{0} : {1} : 2]", "({0}).x",
    "({0})[{1}]", "({0})(s)", "({0} if {1} else {2})", "[x for x in [{0}, {1}] if {2} is not None]",
    "[x for x in [{0}]][0]", "(lambda x, y={0}: (x, y, {1}))({2})", "(y := {0}, y)",
    "[{0},  # it's @a, \"@bb\" {{\n {1}]", "(\n{0}\n)", "({0} \\\n + {1})", "[{0},{1}][0]", "s ({0})", "s [{0}]",
    "[s for i in [{0}]for j in[{1}]]", "({0} if s else {1})", "({0}) @ ({1})", "[{0}] + [{1}]", "[*[{0}], *({1},)]",
]  # fmt: skip
FIELDS = [
    "{{{0}}}", "{{{0}!r}}", "{{{0}:>8}}", "{{{0}!s:x}}", "{{ {0} }}", "{{({0})}}", "{{s[{0}]}}", "{{{0}.x}}",
    "{{s({0}, {0})}}", "{{{0}:{{{0}}}}}", "{{{0}!r:{{s}}@a}}", "{{{0} != s}}", "{{{0} @ s}}", "{{{{}}}}{{{0}}}",
    "{{(lambda: {0})()}}", "{{s:@a}}",
]  # fmt: skip


@st.composite
def format_strings(draw: Any) -> Text:
    """Draw an f-string; inside of its fields older Pythons allow no quotes of its own kind, nor backslashes."""
    quote = draw(st.sampled_from(["'", '"', "'''", '"""']))
    text = Text("", "")
    for _ in range(draw(st.integers(1, 3))):
        words = draw(st.sampled_from(["", "@a ", "#", "{{", "}}", "x@bb", "{{@a}}", "\\n"]))
        field = draw(REFERENCES).put(draw(st.sampled_from(FIELDS)))
        text = Text(f"{text.config}{words}{field.config}", f"{text.python}{words}{field.python}")
    # names instead of references that need quotes
    python = text.python
    for id in VALUES:
        python = python.replace(f"R[{id!r}]", f"R_{id.replace('::', '_')}")
    return Text(f"f{quote}{text.config}{quote}", f"f{quote}{python}{quote}")


def _larger(inner: st.SearchStrategy[Text]) -> st.SearchStrategy[Text]:
    def combine(pattern: str, texts: list[Text]) -> Text:
        return texts[0].put(pattern, *texts[1:])

    three = st.lists(inner, min_size=3, max_size=3)
    return st.one_of(
        st.builds(combine, st.sampled_from([f"({pattern})" for pattern in BINARY]), three),
        st.builds(combine, st.sampled_from(OTHERS), three),
        st.builds(_with_default, st.booleans(), REFERENCES, inner),
    )


def _with_default(there: bool, reference: Text, default: Text) -> Text:
    config = reference.config if there else "@missing::id"
    return Text(f"({config} ?? {default.config})", reference.python if there else default.python)


EXPRESSIONS = st.recursive(st.one_of(REFERENCES, REFERENCES, LITERALS, format_strings()), _larger, max_leaves=8)
_TABLE = {**NAMES, **{f"R_{id.replace('::', '_')}": value for id, value in VALUES.items()}}


@given(text=EXPRESSIONS)
@example(Text("not@a", "not R['a']"))
@example(Text("[1 if s else@a]", "[1 if s else R['a']]"))
@example(Text("@a@@bb", "R['a'] @ R['bb']"))
@example(Text("s@s", "s @ s"))
@example(Text("@a  # @bb", "R['a']"))
@example(Text("\n@a\n", "R['a']"))
@example(Text("@missing ?? @nothing ?? @a", "R['a']"))
@example(Text("s(@missing ?? 1, @nothing ?? [2, (3)])", "s(1, [2, (3)])"))
@example(Text("f'{@missing ?? 1}{@a ?? 2!r:>{@nothing ?? 5}}'", "f'{1}{R_a!r:>{5}}'"))
def test_references_stand_where_python_expects_a_value(text: Text) -> None:
    try:
        expected = eval(text.python.strip(), dict(_TABLE))
    except Exception:
        return
    parser = ConfigParser({**CONFIG, "e": f"${text.config}"}, globals=NAMES)
    value = we_say(lambda p: p.get_parsed_content("e"), parser)
    assert repr(value) == repr(expected)


@given(text=EXPRESSIONS)
def test_writing_ids_out_keeps_the_meaning(text: Text) -> None:
    first = ConfigParser({**CONFIG, "e": f"${text.config}"}, globals=NAMES)
    first.parse()
    again = ConfigParser({**CONFIG, "e": first.get("e")}, globals=NAMES)
    again.parse()
    assert again.get("e") == first.get("e")
    assert "@::" not in first.get("e").replace("'", "")
