"""What a target leads to: re-exports, aliases, conditions, modules and classes."""

from __future__ import annotations

import pytest

from bundle_engine.inspection.targets import Found, NotFound, TargetIndex, Unknown

A_CLASS = "class A:\n    def __init__(self, a): ...\n"

# name of the case: files, target, kind and path of what is found
FOUND = {
    "class": ({"m.py": A_CLASS}, "m.A", "class", "m.A"),
    "function": ({"m.py": "def f(): ..."}, "m.f", "function", "m.f"),
    "async-function": ({"m.py": "async def f(): ..."}, "m.f", "function", "m.f"),
    "lambda": ({"m.py": "f = lambda a: a"}, "m.f", "function", "m.f"),
    "constant": ({"m.py": "SIZE = 3"}, "m.SIZE", "attribute", "m.SIZE"),
    "result-of-a-call": ({"m.py": "f = make()"}, "m.f", "unknown", "m.f"),
    "module": ({"p/__init__.py": "", "p/m.py": ""}, "p.m", "module", "p.m"),
    "package": ({"p/__init__.py": ""}, "p", "module", "p"),
    "package-without-init": ({"p/m.py": A_CLASS}, "p.m.A", "class", "p.m.A"),
    "package-in-a-package-without-init": ({"p/q/m.py": A_CLASS}, "p.q.m.A", "class", "p.q.m.A"),
    "re-export": ({"p/__init__.py": "from .m import A", "p/m.py": A_CLASS}, "p.A", "class", "p.m.A"),
    "re-export-renamed": ({"p/__init__.py": "from .m import A as B", "p/m.py": A_CLASS}, "p.B", "class", "p.m.A"),
    "re-export-from-above": (
        {"p/__init__.py": "", "p/m.py": A_CLASS, "p/q/__init__.py": "from ..m import A"},
        "p.q.A",
        "class",
        "p.m.A",
    ),
    "re-export-over-two": (
        {"p/__init__.py": "from p.q import A", "p/q/__init__.py": "from p.q.m import A", "p/q/m.py": A_CLASS},
        "p.A",
        "class",
        "p.q.m.A",
    ),
    "submodule-of-itself": (
        {"p/__init__.py": "from p import m as m", "p/m.py": A_CLASS},
        "p.m.A",
        "class",
        "p.m.A",
    ),
    "submodule-not-imported": ({"p/__init__.py": "", "p/m.py": A_CLASS}, "p.m.A", "class", "p.m.A"),
    "imported-module": ({"m.py": "import n", "n.py": A_CLASS}, "m.n.A", "class", "n.A"),
    "imported-module-renamed": ({"m.py": "import p.n as o", "p/n.py": A_CLASS}, "m.o.A", "class", "p.n.A"),
    "imported-module-dotted": (
        {"m.py": "import p.n", "p/__init__.py": "", "p/n.py": A_CLASS},
        "m.p.n.A",
        "class",
        "p.n.A",
    ),
    "alias": ({"m.py": A_CLASS + "B = C = A"}, "m.C", "class", "m.A"),
    "alias-of-a-method": ({"m.py": "class A:\n    def f(self): ...\ng = A.f"}, "m.g", "function", "m.A.f"),
    "last-definition": ({"m.py": "A = 1\n" + A_CLASS}, "m.A", "class", "m.A"),
    "star": ({"m.py": "from n import *", "n.py": A_CLASS}, "m.A", "class", "n.A"),
    "star-with-all": ({"m.py": "from n import *", "n.py": "__all__ = ['_A']\nclass _A: ..."}, "m._A", "class", "n._A"),
    "star-with-longer-all": (
        {"m.py": "from n import *", "n.py": "__all__ = []\n__all__ += ['A']\n__all__.append('B')\nclass B: ..."},
        "m.B",
        "class",
        "n.B",
    ),
    "star-over-two": ({"m.py": "from n import *", "n.py": "from o import *", "o.py": A_CLASS}, "m.A", "class", "o.A"),
    "star-that-does-not-bring-it": (
        {"m.py": A_CLASS + "from n import *", "n.py": "__all__ = ['b']\nA = b = 1"},
        "m.A",
        "class",
        "m.A",
    ),
    "star-that-overrides": ({"m.py": "A = 1\nfrom n import *", "n.py": A_CLASS}, "m.A", "class", "n.A"),
    "definition-after-star": ({"m.py": "from n import *\n" + A_CLASS, "n.py": "A = 1"}, "m.A", "class", "m.A"),
    "static-method": (
        {"m.py": "class A:\n    @staticmethod\n    def f(a): ..."},
        "m.A.f",
        "function",
        "m.A.f",
    ),
    "inherited-method": ({"m.py": "class B:\n    def f(self): ...\nclass A(B): ..."}, "m.A.f", "function", "m.B.f"),
    "nested-class": ({"m.py": "class A:\n    class B: ..."}, "m.A.B", "class", "m.A.B"),
    "member-of-an-enum": (
        {"m.py": "import enum\nclass E(enum.Enum):\n    RED = 'red'"},
        "m.E.RED",
        "attribute",
        "m.E.RED",
    ),
    "property": ({"m.py": "class A:\n    @property\n    def f(self): ..."}, "m.A.f", "attribute", "m.A.f"),
    "unknown-decorator": ({"m.py": "@n.register\ndef f(): ..."}, "m.f", "unknown", "m.f"),
    "type-checking": (
        {"m.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    A = 1\nelse:\n    " + "class A: ..."},
        "m.A",
        "class",
        "m.A",
    ),
    "python-version": ({"m.py": "import sys\nif sys.version_info >= (3, 8):\n    class A: ..."}, "m.A", "class", "m.A"),
    "old-python-version": (
        {"m.py": "import sys\nclass A: ...\nif sys.version_info < (3, 8):\n    A = 1"},
        "m.A",
        "class",
        "m.A",
    ),
    "import-that-works": (
        {"m.py": "try:\n    from n import A\nexcept ImportError:\n    A = None", "n.py": A_CLASS},
        "m.A",
        "class",
        "n.A",
    ),
    "import-that-fails": (
        {"m.py": "try:\n    from missing_package import A\nexcept ImportError:\n    class A: ..."},
        "m.A",
        "class",
        "m.A",
    ),
    "import-of-a-name-that-fails": (
        {"m.py": "try:\n    from n import A\nexcept (AttributeError, ImportError):\n    class A: ...", "n.py": ""},
        "m.A",
        "class",
        "m.A",
    ),
    "suppressed-import-that-fails": (
        {"m.py": "import contextlib\nclass A: ...\nwith contextlib.suppress(ImportError):\n    from missing import A"},
        "m.A",
        "class",
        "m.A",
    ),
    "either-way-something": (
        {"m.py": "import os\nif os.environ.get('X'):\n    class A: ...\nelse:\n    A = None"},
        "m.A",
        "unknown",
        "m.A",
    ),
    "optional-import-there": (
        {"m.py": "from monai.utils import optional_import\nA, has = optional_import('n', name='A')", "n.py": A_CLASS},
        "m.A",
        "class",
        "n.A",
    ),
    "optional-import-missing": (
        {"m.py": "from monai.utils import optional_import\nA, has = optional_import('missing_package', name='A')"},
        "m.A",
        "unknown",
        "m.A",
    ),
    "only-without-an-optional-package": (
        {"m.py": "n, has = optional_import('missing_package')\nif not has:\n    class A: ...\nelse:\n    A = n.A"},
        "m.A",
        "class",
        "m.A",
    ),
    "same-name-as-its-module": (
        {"p/__init__.py": "from .A import A", "p/A.py": A_CLASS},
        "p.A",
        "class",
        "p.A.A",
    ),
    "same-name-as-another-module": (
        {"p/__init__.py": "from .m import A", "p/m.py": A_CLASS, "p/A.py": ""},
        "p.A",
        "unknown",
        "p.A",
    ),
    "a-cycle-of-imports": (
        {"p/__init__.py": "from .a import A", "p/a.py": "from .b import B\nclass A: ...", "p/b.py": "from p import a"},
        "p.A",
        "class",
        "p.a.A",
    ),
    "name-of-a-builtin": ({}, "dict", "class", "builtins.dict"),
    "builtin-function": ({}, "print", "function", "builtins.print"),
    "empty-parts": ({"m.py": A_CLASS}, "m..A", "class", "m.A"),
    "standard-library": ({}, "logging.handlers.QueueHandler", "class", "logging.handlers.QueueHandler"),
    "os.path": ({}, "os.path.join", "function", "posixpath.join"),
}


@pytest.mark.parametrize("case", FOUND, ids=list(FOUND))
def test_a_target_that_is_there(index: TargetIndex, write, case):
    files, target, kind, path = FOUND[case]
    for name, source in files.items():
        write(name, source)
    found = index.lookup(target)
    assert isinstance(found, Found), found
    if path.startswith("posixpath"):
        path = path.replace("posixpath", __import__("os").path.__name__)
    assert (found.definition.kind, found.definition.path) == (kind, path)


# name of the case: files, target, part of the reason, what is offered
NOT_FOUND = {
    "misspelt-class": ({"m.py": "class Network: ..."}, "m.Netwrok", "'m' has no 'Netwrok'", ("m.Network",)),
    "misspelt-module": ({"p/__init__.py": "", "p/networks.py": ""}, "p.netwroks.A", "'p' has no", ("p.networks.A",)),
    "misspelt-method": (
        {"m.py": "class A:\n    @classmethod\n    def create(cls): ..."},
        "m.A.craete",
        "'m.A' has no 'craete'",
        ("m.A.create",),
    ),
    "deleted": ({"m.py": "A = 1\ndel A"}, "m.A", "'m' has no 'A'", ()),
    "private-of-a-star": ({"m.py": "from n import *", "n.py": "_A = 1"}, "m._A", "'m' has no '_A'", ()),
    "not-in-all": ({"m.py": "from n import *", "n.py": "__all__ = ['B']\nA = B = 1"}, "m.A", "'m' has no 'A'", ()),
    "inside-a-module-that-is-no-package": ({"m.py": ""}, "m.n.A", "'m' has no 'n'", ()),
    "only-for-type-checkers": (
        {"m.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from n import A"},
        "m.A",
        "'m' has no 'A'",
        (),
    ),
    "package": ({}, "missing_package.A", "there is no package 'missing_package'", ()),
    "misspelt-package": ({"my_package/__init__.py": ""}, "my_pakage.A", "there is no package", ("my_package.A",)),
    "empty": ({}, "", "the target is empty", ()),
    "dots": ({}, "..", "the target is empty", ()),
    "blank-inside": ({"m.py": "A = 1"}, "m. A", "'m' has no ' A'", ("m.A",)),
}


@pytest.mark.parametrize("case", NOT_FOUND, ids=list(NOT_FOUND))
def test_a_target_that_is_not_there(index: TargetIndex, write, case):
    files, target, reason, near = NOT_FOUND[case]
    for name, source in files.items():
        write(name, source)
    found = index.lookup(target)
    assert isinstance(found, NotFound), found
    assert reason in found.reason
    assert found.near == near


# name of the case: files, target, part of the reason
UNKNOWN = {
    "module-getattr": ({"m.py": "def __getattr__(name): ..."}, "m.A", "makes names while it runs"),
    "lazy-loader": ({"m.py": "__getattr__, __dir__, __all__ = lazy.attach(__name__)"}, "m.A", "makes names"),
    "globals": ({"m.py": "for n in 'ab':\n    globals()[n] = n"}, "m.a", "makes names"),
    "exec": ({"m.py": "exec('A = 1')"}, "m.A", "makes names"),
    "another-object-in-its-place": (
        {"m.py": "import sys\nA = 1\nsys.modules[__name__] = Thing()"},
        "m.A",
        "known only",
    ),
    "star-of-unknown": ({"m.py": "from n import *", "n.py": "__all__ = o.__all__\nA = 1"}, "m.A", "cannot be read"),
    "star-of-missing": ({"m.py": "from missing_package import *"}, "m.A", "cannot be read"),
    "import-of-missing": ({"m.py": "from missing_package import A"}, "m.A", "which is not installed"),
    "import-of-a-missing-name": ({"m.py": "from n import A", "n.py": ""}, "m.A", "which does not have it"),
    "under-a-condition": ({"m.py": "import os\nif os.environ.get('X'):\n    class A: ..."}, "m.A", "conditions"),
    "in-a-loop": ({"m.py": "for x in y:\n    A = x"}, "m.A", "conditions"),
    "in-a-match": ({"m.py": "match x:\n    case 1:\n        A = 1"}, "m.A", "conditions"),
    "by-a-global-statement": ({"m.py": "def f():\n    global A\n    A = 1"}, "m.A", "conditions"),
    "attribute-of-a-value": ({"m.py": "a = make()"}, "m.a.b", "only when it runs"),
    "attribute-of-a-function": ({"m.py": "def f(): ..."}, "m.f.b", "only when it runs"),
    "attribute-of-a-class-with-an-unknown-base": ({"m.py": "class A(make()): ..."}, "m.A.b", "inherits"),
    "attribute-of-a-class-with-a-metaclass": (
        {"m.py": "class M(type): ...\nclass A(metaclass=M): ..."},
        "m.A.b",
        "metaclass",
    ),
    "attribute-set-from-outside": (
        {"m.py": "class A: ...\nfor n in x:\n    setattr(A, n, 1)"},
        "m.A.b",
        "from outside",
    ),
    "enum-made-global": (
        {"m.py": "import enum\n@enum.global_enum\nclass E(enum.Enum):\n    A = 1"},
        "m.A",
        "makes names",
    ),
    "extension-module": ({}, "math.sqroot", "only when it runs"),
    "alias-of-itself": ({"m.py": "from m import A"}, "m.A", "leads back"),
    "aliases-in-a-circle": ({"m.py": "from n import A", "n.py": "from m import A"}, "m.A", "leads back"),
}


@pytest.mark.parametrize("case", UNKNOWN, ids=list(UNKNOWN))
def test_a_target_that_cannot_be_told(index: TargetIndex, write, case):
    files, target, why = UNKNOWN[case]
    for name, source in files.items():
        write(name, source)
    found = index.lookup(target)
    assert isinstance(found, Unknown), found
    assert why in found.why


def test_a_definition_says_where_it_is(index: TargetIndex, write):
    file = write("p/m.py", '"""A module."""\n\n\nclass A:\n    """First line.\n\n    More.\n    """\n')
    found = index.lookup("p.m.A")
    assert isinstance(found, Found)
    definition = found.definition
    assert (definition.name, definition.module, definition.file, definition.line) == ("A", "p.m", str(file), 4)
    assert definition.doc == "First line."
    assert index.doc(definition) == "First line.\n\nMore."
    assert str(definition.place) == f"{file}:4:1"


@pytest.mark.parametrize(
    ("source", "name", "doc"),
    [
        pytest.param('def f():\n    """Do it."""', "f", "Do it.", id="function"),
        pytest.param("def f(): ...", "f", "", id="none"),
        pytest.param("x = 1", "x", "", id="value"),
        pytest.param('class A:\n    def f(self):\n        """In a class."""', "A.f", "In a class.", id="method"),
    ],
)
def test_the_whole_docstring(index: TargetIndex, define, source, name, doc):
    definition = define(source, name)
    assert index.doc(definition) == doc


def test_the_docstring_of_a_module(index: TargetIndex, write):
    write("m.py", '"""What it is for."""')
    found = index.lookup("m")
    assert isinstance(found, Found)
    assert index.doc(found.definition) == "What it is for."


def test_the_value_of_an_attribute(define):
    assert define("import enum\nclass E(enum.Enum):\n    RED = 'red'", "E.RED").value == "'red'"


@pytest.mark.parametrize(
    ("files", "path", "private", "names"),
    [
        pytest.param({"m.py": "A = 1\nimport os\n_b = 2\ndel A"}, "m", False, ("os",), id="module"),
        pytest.param({"m.py": "_b = 2"}, "m", True, ("_b",), id="private"),
        pytest.param(
            {"p/__init__.py": "A = 1", "p/m.py": "", "p/q/x.py": ""}, "p", False, ("A", "m", "q"), id="package"
        ),
        pytest.param({"m.py": "from n import *", "n.py": "__all__ = ['A']\nA = 1"}, "m", False, ("A",), id="star"),
        pytest.param({"m.py": "class B:\n    b = 1\nclass A(B):\n    a = 1"}, "m.A", False, ("a", "b"), id="class"),
        pytest.param({"m.py": "def f(): ..."}, "m.f", False, (), id="function"),
        pytest.param({}, "missing_package", False, (), id="missing"),
        pytest.param({}, "", False, (), id="empty"),
        pytest.param({"m.py": "from n import *", "n.py": "from m import *\nA = 1"}, "m", False, ("A",), id="circle"),
    ],
)
def test_members(index: TargetIndex, write, files, path, private, names):
    for name, source in files.items():
        write(name, source)
    assert index.members(path, private=private) == names


def test_a_folder_given_comes_before_what_is_installed(index: TargetIndex, write):
    file = write("yaml.py", "class Mine: ...")
    found = index.lookup("yaml.Mine")
    assert isinstance(found, Found)
    assert found.definition.file == str(file)


def test_missing_imports(index: TargetIndex, write):
    write("scripts/__init__.py")
    file = write(
        "scripts/net.py",
        """
        import os
        from scripts import blocks
        try:
            import missing_and_caught
        except ImportError:
            pass
        """,
    )
    blocks = write("scripts/blocks.py", "import missing_one\nimport torch\nfrom missing_two.deep import thing\n")
    problems = index.missing_imports("scripts.net.Net")
    assert [(p.module, str(p.place)) for p in problems] == [
        ("scripts.blocks", f"{blocks}:1:1"),
        ("scripts.blocks", f"{blocks}:3:1"),
    ]
    assert "'missing_two' is not installed" in problems[1].message
    assert index.missing_imports("missing_package") == ()
    file.unlink()
    assert index.missing_imports("scripts.net") == ()
