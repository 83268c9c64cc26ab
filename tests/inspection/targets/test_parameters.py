"""What a call of a target takes, held against what Python says of the same source when it is run."""

from __future__ import annotations

import inspect
import sys
import textwrap
import types
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundle_engine.inspection.targets import Definition, Found, Parameter, TargetIndex

# what is known, by name of the case: the source, and the signature as it is shown
KNOWN = {
    "function": ("def X(a, b=1, *args, c, d=None, **kwargs): ...", "X(a, b=1, *args, c, d=None, **kwargs)"),
    "keyword-only": ("def X(a, *, b): ...", "X(a, *, b)"),
    "positional-only": ("def X(a, /, b): ...", "X(a, /, b)"),
    "only-positional-only": ("def X(a, b=2, /): ...", "X(a, b=2, /)"),
    "annotations": ("def X(a: int = 1, *b: str, c: 'list[int] | None' = None): ...", None),
    "default-over-two-lines": ("def X(a=(1,\n      2)): ...", "X(a=(1, 2))"),
    "default-with-umlauts": ("def X(a='ü', b: 'ä' = 'é'): ...", "X(a='ü', b: 'ä' = 'é')"),
    "nothing": ("def X(): ...", "X()"),
    "lambda": ("X = lambda a, *, b=2: a", "X(a, *, b=2)"),
    "class": ("class X:\n    def __init__(self, a, b=1): ...", "X(a, b=1)"),
    "class-without-constructor": ("class X: ...", "X()"),
    "class-with-other-self": ("class X:\n    def __init__(this, a): ...", "X(a)"),
    "class-without-self": ("class X:\n    def __init__(*args, **kwargs): ...", "X(*args, **kwargs)"),
    "class-by-new": ("class X:\n    def __new__(cls, a): return super().__new__(cls)", "X(a)"),
    "class-by-open-new-and-init": (
        """
        class X:
            def __new__(cls, *args, **kwargs):
                made = object.__new__(cls)
                return made
            def __init__(self, a): ...
        """,
        "X(a)",
    ),
    "inherited": ("class B:\n    def __init__(self, a): ...\nclass X(B): ...", "X(a)"),
    "inherited-over-two": ("class C:\n    def __init__(self, a): ...\nclass B(C): ...\nclass X(B): ...", "X(a)"),
    "open-to-super": (
        """
        class B:
            def __init__(self, a): ...
        class X(B):
            def __init__(self, b, **kwargs):
                super().__init__(**kwargs)
        """,
        "X(b, **kwargs)",
    ),
    "first-base": (
        "class A:\n    def __init__(self, a): ...\nclass B:\n    def __init__(self, b): ...\nclass X(A, B): ...",
        "X(a)",
    ),
    "diamond": (
        """
        class Top:
            def __init__(self, top): ...
        class Left(Top): ...
        class Right(Top):
            def __init__(self, right): ...
        class X(Left, Right): ...
        """,
        "X(right)",
    ),
    "generic": (
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class B(Generic[T]):
            def __init__(self, a: T): ...
        class X(B[int]): ...
        """,
        "X(a: T)",
    ),
    "abstract": (
        "from abc import ABC, abstractmethod\nclass X(ABC):\n    @abstractmethod\n    def __init__(self, a): ...",
        "X(a)",
    ),
    "abstract-by-metaclass": ("import abc\nclass X(metaclass=abc.ABCMeta):\n    def __init__(self, a): ...", "X(a)"),
    "plain-metaclass": ("class M(type):\n    x = 1\nclass X(metaclass=M):\n    def __init__(self, a): ...", "X(a)"),
    "of-a-builtin-with-constructor": ("class X(dict):\n    def __init__(self, a): ...", "X(a)"),
    "of-typing-iterable": (
        "from typing import Iterable\nclass X(Iterable[int]):\n    def __init__(self, a): ...",
        "X(a)",
    ),
    "constructor-by-alias": ("class X:\n    def start(self, a): ...\n    __init__ = start", "X(a)"),
    "constructor-of-another": ("class B:\n    def __init__(self, a): ...\nclass X:\n    __init__ = B.__init__", "X(a)"),
    "dataclass": ("from dataclasses import dataclass\n@dataclass\nclass X:\n    a: int\n    b: str = 'x'", None),
    "dataclass-fields": (
        """
        import dataclasses as dc
        from typing import ClassVar
        @dc.dataclass(frozen=True)
        class X:
            a: int
            b: list = dc.field(default_factory=list)
            c: int = dc.field(default=3, repr=False)
            d: int = dc.field(init=False, default=4)
            e: ClassVar[int] = 5
            f = 6
            def g(self): ...
        """,
        "X(a: int, b: list = list(), c: int = 3)",
    ),
    "dataclass-inherited": (
        """
        from dataclasses import dataclass
        @dataclass
        class B:
            a: int
            b: int = 1
        class C:
            x: int
        @dataclass
        class X(B, C):
            c: int = 2
            a: str
        """,
        "X(a: str, b: int = 1, c: int = 2)",
    ),
    "dataclass-keyword-only": (
        """
        from dataclasses import KW_ONLY, dataclass, field
        @dataclass
        class X:
            a: int = field(kw_only=True)
            b: int
            _: KW_ONLY
            c: int
        """,
        "X(b: int, *, a: int, c: int)",
    ),
    "dataclass-all-keyword-only": (
        "from dataclasses import dataclass\n@dataclass(kw_only=True)\nclass X:\n    a: int",
        "X(*, a: int)",
    ),
    "dataclass-with-its-own-init": (
        "from dataclasses import dataclass\n@dataclass\nclass X:\n    a: int\n    def __init__(self, b): ...",
        "X(b)",
    ),
    "dataclass-without-init": (
        "from dataclasses import dataclass\n@dataclass(init=False)\nclass X:\n    a: int",
        "X()",
    ),
    "named-tuple": ("from typing import NamedTuple\nclass X(NamedTuple):\n    a: int\n    b: int = 1", None),
    "wraps": (
        """
        import functools
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                print(function)
                return function(*args, **kwargs)
            return wrapper
        @logged
        def X(a, b=1): ...
        """,
        "X(a, b=1)",
    ),
    "wraps-with-arguments": (
        """
        from functools import wraps
        def logged(level):
            def decorate(function):
                @wraps(function)
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs)
                return wrapper
            return decorate
        class X:
            @logged("info")
            def __init__(self, a): ...
        """,
        "X(a)",
    ),
    "gives-it-back": (
        "def register(thing):\n    ALL.append(thing)\n    return thing\nALL = []\n@register\nclass X: ...",
        "X()",
    ),
    "gives-it-back-with-arguments": (
        """
        def register(name):
            def decorate(thing):
                return thing
            return decorate
        @register("x")
        class X:
            def __init__(self, a): ...
        """,
        "X(a)",
    ),
    "method-of-an-object": (
        """
        class Store:
            def add(self, name):
                def decorate(thing):
                    self.things = thing
                    return thing
                return decorate
        store = Store()
        @store.add("x")
        def X(a): ...
        """,
        "X(a)",
    ),
    "cached": ("import functools\n@functools.lru_cache(maxsize=None)\ndef X(a): ...", "X(a)"),
    "context-manager": ("import contextlib\n@contextlib.contextmanager\ndef X(a):\n    yield a", "X(a)"),
    "overloads": (
        "from typing import overload\n@overload\ndef X(a: int): ...\n@overload\ndef X(a: str): ...\ndef X(a, b=1): ...",
        "X(a, b=1)",
    ),
}


def run(source: str) -> types.ModuleType:
    """Run source as a module."""
    module = types.ModuleType("m")
    with mock.patch.dict(sys.modules, {"m": module}):
        exec(compile(textwrap.dedent(source), "m.py", "exec"), module.__dict__)
    return module


def in_python(thing: Any) -> list[tuple[str, str, bool]]:
    """Give name, kind and whether there is a default for each parameter."""
    signature = inspect.signature(thing)
    if [p.kind for p in signature.parameters.values()] == [2, 4] and isinstance(thing.__init__, types.FunctionType):
        parameters = list(inspect.signature(thing.__init__).parameters.values())
        named = parameters and parameters[0].kind in (0, 1)
        signature = signature.replace(parameters=parameters[1:] if named else parameters)
    return [(p.name, p.kind.name.lower(), p.default is not p.empty) for p in signature.parameters.values()]


def claimed(definition: Definition) -> list[tuple[str, str, bool]]:
    assert definition.parameters is not None, definition.why
    return [(p.name, p.kind, p.default is not None) for p in definition.parameters]


@pytest.mark.parametrize("case", KNOWN, ids=list(KNOWN))
def test_parameters_that_are_known(define, case):
    source, shown = KNOWN[case]
    definition = define(source)
    assert claimed(definition) == in_python(run(source).X)
    assert shown is None or definition.signature == shown


# what is not known, by name of the case: the source, and part of the reason
UNKNOWN = {
    "metaclass": ("class M(type):\n    def __call__(cls, x): ...\nclass X(metaclass=M): ...", "metaclass 'm.M'"),
    "metaclass-of-a-base": (
        "class M(type):\n    def __call__(cls, x): ...\nclass B(metaclass=M): ...\nclass X(B): ...",
        "metaclass 'm.M'",
    ),
    "enum": ("import enum\nclass X(enum.Enum):\n    A = 1", "metaclass 'enum.Enum"),
    "exception": ("class X(ValueError): ...", "inherits from 'ValueError'"),
    "of-a-builtin": ("class X(dict): ...", "inherits from 'dict'"),
    "base-that-is-made": ("class X(make()): ...", "a base is an expression"),
    "base-that-is-missing": ("from missing_package import B\nclass X(B): ...", "not installed"),
    "base-of-a-base": ("class B(make()):\n    pass\nclass X(B): ...", "a base is an expression"),
    "base-of-a-base-with-constructor": ("class X(make()):\n    def __init__(self, a): ...", "a base is an expression"),
    "decorated-class": ("@missing.decorate\nclass X: ...", "decorator 'missing.decorate'"),
    "decorated-base": ("@missing.decorate\nclass B: ...\nclass X(B): ...", "'m.B' is decorated"),
    "decorated-function": ("@missing.decorate(1)\ndef X(a): ...", "decorator 'missing.decorate'"),
    "decorated-constructor": ("class X:\n    @missing.decorate\n    def __init__(self, a): ...", "is decorated"),
    "wrapper-that-takes-out-an-argument": (
        """
        from functools import wraps
        def decorate(function):
            @wraps(function)
            def wrapper(*args, **kwargs):
                kwargs.pop("verbose", None)
                return function(*args, **kwargs)
            return wrapper
        @decorate
        def X(a): ...
        """,
        "decorator 'decorate'",
    ),
    "wrapper-with-arguments-of-its-own": (
        """
        from functools import wraps
        def decorate(function):
            @wraps(function)
            def wrapper(*args, verbose=False, **kwargs):
                return function(*args, **kwargs)
            return wrapper
        @decorate
        def X(a): ...
        """,
        "decorator 'decorate'",
    ),
    "wrapper-without-wraps": (
        "def decorate(f):\n    def wrapper(b): return f(b)\n    return wrapper\n@decorate\ndef X(a): ...",
        "decorator 'decorate'",
    ),
    "decorator-that-sets-the-constructor": (
        "def decorate(c):\n    c.__init__ = lambda self, b: None\n    return c\n@decorate\nclass X: ...",
        "decorator 'decorate'",
    ),
    "decorator-that-gives-something-else": (
        "def decorate(f):\n    f = make(f)\n    return f\n@decorate\ndef X(a): ...",
        "decorator 'decorate'",
    ),
    "class-as-a-decorator": ("class D:\n    def __init__(self, f): ...\n@D\ndef X(a): ...", "decorator 'D'"),
    "constructor-from-outside": ("class X: ...\nX.__init__ = make()", "no plain function"),
    "constructors-of-many-from-outside": (
        "class X: ...\nfor c in [X]:\n    c.__init__ = make()",
        "no plain function",
    ),
    "constructor-under-a-condition": (
        "class X:\n    if make():\n        def __init__(self, a): ...\n    else:\n        def __init__(self, b): ...",
        "no plain function",
    ),
    "constructor-of-a-call": ("class X:\n    __init__ = make()", "no plain function"),
    "changed-for-those-that-inherit": (
        "class B:\n    def __init_subclass__(cls):\n        cls.__init__ = make()\nclass X(B): ...",
        "'m.B' may change it",
    ),
    "signature-of-its-own": ("class X:\n    __signature__ = make()\n    def __init__(self, a): ...", "of its own"),
    "new-that-gives-something-else": (
        "class X:\n    def __new__(cls, *args, **kwargs): return 3\n    def __init__(self, a): ...",
        "__new__ may give something else",
    ),
    "new-and-init-that-differ": (
        """
        class X:
            def __new__(cls, a, **kwargs): return super().__new__(cls)
            def __init__(self, b, **kwargs): ...
        """,
        "both __new__ and __init__",
    ),
    "protocol": ("from typing import Protocol\nclass X(Protocol):\n    def __init__(self, a): ...", "protocol"),
    "typed-dict": ("from typing import TypedDict\nclass X(TypedDict):\n    a: int", "has no source"),
    "bases-without-an-order": ("class A: ...\nclass B(A): ...\nclass X(A, B): ...", "cannot be put in order"),
    "inherits-from-itself": ("class X(X): ...", "inherits from itself"),
    "partial": ("import functools\nX = functools.partial(print, 1)", "made while its module runs"),
    "result-of-a-call": ("X = make()", "made while its module runs"),
    "plain-value": ("X = [1, 2]", "plain value"),
    "decorated-by-a-name-of-a-class-body": (
        "class C:\n    @missing.setter\n    def f(self): ...\nX = C.f",
        "decorator",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN, ids=list(UNKNOWN))
def test_parameters_that_are_not_known(define, case):
    source, why = UNKNOWN[case]
    definition = define(source)
    assert definition.parameters is None
    assert why in definition.why
    assert definition.accepts("anything") is None
    assert definition.open is None
    assert definition.positional is None
    assert definition.required == ()
    assert definition.signature in ("X(…)", "X", "f(…)")


@pytest.mark.parametrize(
    ("source", "name", "signature"),
    [
        pytest.param("class A:\n    def f(self, a): ...", "A.f", "f(self, a)", id="method"),
        pytest.param("class A:\n    @classmethod\n    def f(cls, a): ...", "A.f", "f(a)", id="class-method"),
        pytest.param("class A:\n    @staticmethod\n    def f(a): ...", "A.f", "f(a)", id="static-method"),
        pytest.param(
            "class B:\n    @classmethod\n    def f(cls, a): ...\nclass A(B): ...", "A.f", "f(a)", id="inherited"
        ),
        pytest.param("class A:\n    class B:\n        def __init__(self, a): ...", "A.B", "B(a)", id="nested-class"),
    ],
)
def test_parameters_inside_a_class(define, source, name, signature):
    assert define(source, name).signature == signature


def test_where_inherited_parameters_stand(index: TargetIndex, write):
    write("base.py", "Size = int\nclass B:\n    def __init__(self, size: Size): ...\n")
    write("m.py", "import base\nclass X(base.B): ...\n")
    found = index.lookup("m.X")
    assert isinstance(found, Found)
    definition = found.definition
    assert (definition.module, definition.signature_module) == ("m", "base")
    assert definition.signature_path == "base.B.__init__"
    assert definition.bases == ("base.B",)
    annotation = index.lookup(f"{definition.signature_module}.Size")
    assert isinstance(annotation, Found)
    assert annotation.definition.path == "builtins.int"


def test_a_wrapper_may_give_arguments_itself(define):
    assert define(KNOWN["wraps"][0]).wrapped
    assert define(KNOWN["wraps-with-arguments"][0]).wrapped
    assert not define(KNOWN["gives-it-back"][0]).wrapped


@pytest.mark.parametrize(
    ("source", "takes", "takes_not", "required", "positional", "opened"),
    [
        pytest.param("def X(a, /, b, *, c=1): ...", ["b", "c"], ["a", "d"], ("a", "b"), 2, False, id="closed"),
        pytest.param("def X(a, **kwargs): ...", ["a", "b", "kwargs"], [], ("a",), 1, True, id="open"),
        pytest.param("def X(*args, b): ...", ["b"], ["args"], ("b",), None, False, id="any-number"),
    ],
)
def test_what_a_call_takes(define, source, takes, takes_not, required, positional, opened):
    definition = define(source)
    assert [definition.accepts(name) for name in takes] == [True] * len(takes)
    assert [definition.accepts(name) for name in takes_not] == [False] * len(takes_not)
    assert (definition.required, definition.positional, definition.open) == (required, positional, opened)


def test_a_parameter_by_name(define):
    definition = define("def X(a: int = 1, *b): ...")
    assert definition.parameter("a") == Parameter("a", "positional_or_keyword", "1", "int")
    assert definition.parameter("b") is None
    assert [str(p) for p in definition.parameters] == ["a: int = 1", "*b"]


@st.composite
def hierarchies(draw: st.DrawFn) -> str:
    """Draw classes that inherit from one another, each with a constructor of its own or without one."""
    lines = ["from abc import ABC", "from typing import Generic, TypeVar", 'T = TypeVar("T")']
    names: list[str] = []
    for number in range(draw(st.integers(1, 7))):
        bases = draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
        extra = draw(st.sampled_from(["", "ABC", "object", "Generic[T]"]))
        name = f"C{number}"
        lines.append(f"class {name}({', '.join([*bases, *([extra] if extra else [])])}):")
        body = draw(st.sampled_from(["...", "def __init__(self, {0}): ...", "def __init__(self, {0}, **kwargs): ..."]))
        lines.append("    " + body.format(f"a{number}"))
        names.append(name)
    return "\n".join(lines)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=hierarchies())
def test_constructors_of_any_hierarchy(index: TargetIndex, write, source: str):
    try:
        module = run(source)
    except TypeError:  # bases that contradict each other
        return
    write("drawn.py", source)
    for name, value in vars(module).items():
        if name.startswith("C"):
            found = index.lookup(f"drawn.{name}")
            assert isinstance(found, Found)
            assert claimed(found.definition) == in_python(value)
