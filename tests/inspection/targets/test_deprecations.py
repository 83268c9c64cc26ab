"""What is on its way out, by the marks in the source."""

from __future__ import annotations

import pytest

from bundle_engine.inspection.targets import Deprecation, Found, TargetIndex

MARKS = "from monai.utils.deprecate_utils import deprecated, deprecated_arg, deprecated_arg_default\n"


@pytest.fixture
def monai(write):
    """A MONAI of version 1.6 with nothing in it but the marks."""

    def make(version: str | None = "1.6.1", package: str = "monai") -> None:
        write("monai/__init__.py")
        write("monai/utils/__init__.py")
        write("monai/utils/deprecate_utils.py", "def deprecated(): ...\ndeprecated_arg = deprecated_arg_default = 1\n")
        source = "".join(
            f"def {name}(*args): ...\n" for name in ("deprecated", "deprecated_arg", "deprecated_arg_default")
        )
        write("monai/utils/deprecate_utils.py", source)
        if version is not None:
            write(f"{package}-{version}.dist-info/METADATA")

    return make


@pytest.mark.parametrize(
    ("mark", "deprecation"),
    [
        pytest.param(
            '@deprecated(since="1.5", removed="1.8", msg_suffix="Use `Y` instead.")',
            Deprecation("target", "X", "Use `Y` instead.", "1.5", "1.8", "Y"),
            id="target",
        ),
        pytest.param(
            '@deprecated_arg("a", "1.5", "1.8", "", new_name="b")',
            Deprecation("argument", "a", "", "1.5", "1.8", "b"),
            id="argument",
        ),
        pytest.param(
            '@deprecated_arg(name="a", since="1.5", msg_suffix="please use `c` instead.")',
            Deprecation("argument", "a", "please use `c` instead.", "1.5", None, "c"),
            id="argument-with-advice",
        ),
        pytest.param(
            '@deprecated_arg(name="a", since="1.5", msg_suffix="It has no effect.")',
            Deprecation("argument", "a", "It has no effect.", "1.5"),
            id="argument-without-successor",
        ),
        pytest.param(
            '@deprecated_arg_default("b", old_default=1, new_default="two", since="1.5", replaced="1.7")',
            Deprecation("default", "b", "", "1.5", "1.7", old_default="1", new_default="two"),
            id="default",
        ),
        pytest.param(
            '@deprecated_arg("a", since="1.2", removed="1.4")',
            Deprecation("argument", "a", "", "1.2", "1.4", state="removed"),
            id="removed",
        ),
        pytest.param(
            '@deprecated_arg("a", since="1.2", removed="1.6.1")',
            Deprecation("argument", "a", "", "1.2", "1.6.1", state="removed"),
            id="removed-just-now",
        ),
        pytest.param(
            '@deprecated_arg("a", since="1.7")',
            Deprecation("argument", "a", "", "1.7", state="later"),
            id="later",
        ),
        pytest.param("@deprecated()", Deprecation("target", "X", state="removed"), id="without-versions"),
        pytest.param(
            '@deprecated(since=None, removed="2.0")',
            Deprecation("target", "X", "", None, "2.0"),
            id="since-nothing",
        ),
    ],
)
@pytest.mark.parametrize(
    "source",
    [
        pytest.param("{mark}\ndef X(a=1, b=2): ...", id="function"),
        pytest.param("class X:\n    {mark}\n    def __init__(self, a=1, b=2): ...", id="constructor"),
    ],
)
def test_marks(define, monai, source, mark, deprecation):
    monai()
    definition = define(MARKS + source.format(mark=mark))
    if "__init__" in source and deprecation.kind == "target":
        assert definition.deprecations == ()  # a constructor is not the target
    else:
        assert definition.deprecations == (deprecation,)
    assert definition.accepts("a")


def test_the_marks_of_an_inherited_constructor(define, monai):
    monai()
    source = "class B:\n    @deprecated_arg('a', since='1.5')\n    def __init__(self, a=1): ...\nclass X(B): ..."
    assert [mark.name for mark in define(MARKS + source).deprecations] == ["a"]


def test_the_mark_of_a_class(define, monai):
    monai()
    definition = define(MARKS + "@deprecated(since='1.5')\nclass X:\n    def __init__(self, a): ...")
    assert [(mark.kind, mark.name) for mark in definition.deprecations] == [("target", "X")]
    assert definition.wrapped


@pytest.mark.parametrize(
    ("version", "package", "state"),
    [
        ("1.6.1", "monai", "deprecated"),
        ("1.8.0", "monai", "removed"),
        ("1.8rc1", "monai", "deprecated"),
        ("1.4", "monai", "later"),
        ("1.5.dev2401", "monai_weekly", "later"),
        ("0+unknown", "monai", "deprecated"),
        (None, "monai", "deprecated"),
    ],
)
def test_how_a_mark_stands_in_a_version(define, monai, version, package, state):
    monai(version, package)
    definition = define(MARKS + "@deprecated_arg('a', since='1.5', removed='1.8')\ndef X(a): ...")
    assert [mark.state for mark in definition.deprecations] == [state]


@pytest.mark.parametrize("home", ["typing_extensions", "warnings"])
def test_the_mark_of_python(define, home):
    definition = define(f"from {home} import deprecated\n@deprecated('use Y instead')\ndef X(a): ...")
    if definition.deprecations:  # `warnings` has it since Python 3.13
        assert definition.deprecations == (Deprecation("target", "X", "use Y instead", successor="Y"),)


def test_other_decorators_of_that_name_are_no_marks(define):
    assert define("def deprecated(x): return lambda f: f\n@deprecated('x')\ndef X(a): ...").deprecations == ()


@pytest.mark.parametrize(
    ("target", "name", "kind", "successor"),
    [
        ("NormalizeLabelsInDatasetd", "NormalizeLabelsInDatasetd", "target", "RemapLabelsToSequentiald"),
        ("VNet", "dropout_prob", "argument", "dropout_prob_down"),
    ],
)
def test_marks_of_the_installed_monai(installed: TargetIndex, target, name, kind, successor):
    found = installed.lookup(target)
    if not isinstance(found, Found):
        pytest.skip("the installed MONAI no longer has it")
    assert (name, kind, successor) in [(mark.name, mark.kind, mark.successor) for mark in found.definition.deprecations]
