"""`check` finds what the catalogue says, where it says it, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.inspection.catalogue import CATALOGUE
from bundle_engine.inspection.check import check
from bundle_engine.inspection.findings import Code, Finding
from bundle_engine.inspection.subject import Subject
from bundle_engine.inspection.targets import TargetIndex
from bundle_engine.workflow.properties import TrainProperties

SCRIPTS = {
    "__init__.py": "",
    "old.py": 'from typing_extensions import deprecated\n\n@deprecated("use scripts.new.Net")\nclass Net:\n    pass\n',
    "new.py": "class Net:\n    pass\n",
    "net.py": (
        "from monai.utils import deprecated_arg\n\nclass Net:\n"
        '    @deprecated_arg("dimensions", since="1.0", new_name="spatial_dims")\n'
        "    def __init__(self, spatial_dims=3, dimensions=None):\n        pass\n"
    ),
    "broken.py": "class Net(:\n",
}
OF_CONFIGS = [code for code in CATALOGUE.values() if code.code < "BE060"]  # the others are found by `verify`
WITHOUT_STEPS = ("BE050", "BE053")  # of examples that are no whole workflows
Checker = Callable[..., list[Finding]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def checked(tmp_path: Path, cache: Path) -> Checker:
    """Check the text of a config, or several files by their names."""

    def run(text: str | dict[str, str], overrides: dict[str, Any] | None = None, **options: Any) -> list[Finding]:
        files = {"config.yaml": text} if isinstance(text, str) else text
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content, encoding="utf-8")
        configs = [tmp_path / name for name in files if not name.endswith(".py")]
        subject = Subject.load(configs, overrides or {}, options.pop("bundle_root", None))
        with TargetIndex(paths=[tmp_path], cache=cache) as index:
            return check(subject, index=index, **options)

    return run


def without_steps(findings: list[Finding], code: str = "") -> list[Finding]:
    return [finding for finding in findings if finding.code == code or finding.code not in WITHOUT_STEPS]


def lines(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.code, finding.place.line if finding.place else 0) for finding in findings]


# --- the catalogue ---


@pytest.mark.parametrize("code", OF_CONFIGS, ids=lambda code: code.code)
def test_the_wrong_example_is_found_at_its_line(code: Code, checked: Checker) -> None:
    marked = [number for number, line in enumerate(code.wrong.split("\n"), 1) if line.endswith("# here")]
    overrides = {"learning_rate": 0.01} if code.code == "BE054" else {}
    properties = TrainProperties if code.code == "BE051" else None
    scripts = {f"scripts/{name}": text for name, text in SCRIPTS.items()}
    found = without_steps(checked({"train.yaml": code.wrong, **scripts}, overrides, properties=properties), code.code)
    assert lines(found) == [(code.code, marked[0] if marked else 0)]
    assert found[0].severity == code.severity
    assert found[0].message


@pytest.mark.parametrize("code", OF_CONFIGS, ids=lambda code: code.code)
def test_the_right_example_has_nothing(code: Code, checked: Checker) -> None:
    properties = TrainProperties if code.code == "BE051" else None
    scripts = {f"scripts/{name}": text for name, text in SCRIPTS.items()}
    found = without_steps(checked({"train.yaml": code.right, **scripts}, properties=properties), code.code)
    assert found == []


def test_codes_are_for_ever() -> None:
    assert all(code == entry.code and len(code) == 5 and code.startswith("BE") for code, entry in CATALOGUE.items())
    assert [entry.title for entry in CATALOGUE.values()] == list(dict.fromkeys(e.title for e in CATALOGUE.values()))


# --- single rules ---

CASES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "a reference in a list": ("a: 1\nb: ['@a', '@c']", [("BE010", "error", "b::1")]),
    "a reference with a default": ("b: '@c ?? 3'", []),
    "a reference inside of a default": ("b: '$@c ?? @d ?? 1'", []),
    "a reference past a component": ("a: {_target_: dict, x: 1}\nb: '@a::y'", []),
    "a reference past a literal": ("a: {x: 1}\nb: '@a::y'", [("BE010", "error", "b")]),
    "a reference past an expression": ("a: $dict(x=1)\nb: '@a::x'", []),
    "a reference through a reference": ("a: {x: 1}\nc: '@a'\nb: '@c::y'", [("BE010", "error", "b")]),
    "a reference in a string literal": ("b: $print('@nothing')", []),
    "a matrix product": ("a: 1\nb: $@a @ @a", []),
    "one missing id, told once in an expression": ("b: $@c + @c", [("BE010", "error", "b")]),
    "what is disabled is not looked at": ("a: {_target_: nowhere.At, _disabled_: true, x: '@c'}", []),
    "what may be disabled is a warning": (
        "a: {_target_: json.laods, _disabled_: $1 == 2}",
        [("BE030", "warning", "a")],
    ),
    "what no step needs is a warning": (
        "a: {_target_: json.laods}\nb: {_target_: json.laods}\nrun: [$@b]",
        [("BE030", "warning", "a"), ("BE030", "error", "b")],
    ),
    "a reference to bundle_root, which the command line gives": ("a: $@bundle_root", [("BE010", "warning", "a")]),
    "a circle of itself": ("a: '@a'", [("BE014", "error", "a")]),
    "a circle through what stands around": ("a: {b: '@a'}", [("BE014", "error", "a::b")]),
    "two circles": ("a: '@b'\nb: '@a'\nc: $@d\nd: $@c", [("BE014", "error", "a"), ("BE014", "error", "c")]),
    "an argument of the engine is no circle": (
        "t: {_target_: dict, epochs: 3, h: '@h'}\nh: {_target_: dict, n: '@t::epochs'}",
        [],
    ),
    "a lambda binds its names": ("f: '$lambda x, *y, z=1: [x, y, z]'", []),
    "a comprehension binds its names": ("f: '$[a + b for a in range(3) for b in [1] if a]'", []),
    "a name of an inner comprehension is not bound outside": (
        "f: '$[a for a in range(3)] + [a]'",
        [("BE021", "error", "f")],
    ),
    "an assignment expression binds its name": ("f: '$[y := 1, y + 1]'", []),
    "an import binds its first name": ("i: $import os.path\nf: $os.getcwd()", []),
    "an import under another name": ("i: $import os.path as p\nf: $p.join('a', 'b')\ng: $os.sep", [("BE021", "error", "g")]),
    "an import of everything": ("i: $from math import *\nf: $sqrt(4)", []),
    "an import below": ("f: $math.pi\ni: $import math", []),
    "env is bound": ("f: $env('HOME', 'x')", []),
    "names that are always there": ("f: $[torch.zeros(1), np.ones(1), numpy.ones(1), monai.__version__]", []),
    "a C function of torch": ("f: $torch.bmm(torch.zeros(1), torch.zeros(1))", []),
    "a misspelt function of torch": ("f: $torch.cuda.is_availble()", [("BE024", "warning", "f")]),
    "a misspelt function of MONAI": ("f: $monai.handlers.from_engin('x')", [("BE024", "error", "f")]),
    "an attribute of an own name": ("f: '$lambda torch: torch.nothing'", []),
    "an unused import that fails": ("i: $import no_such_package", [("BE022", "warning", "i")]),
    "one finding for a package": (
        "a: {_target_: no_such.A}\nb: {_target_: no_such.B}\nc: {_target_: other_such.C}",
        [("BE031", "error", "a"), ("BE031", "error", "c")],
    ),
    "an import and targets of a package": (
        "i: $import no_such\na: {_target_: no_such.A}\nb: {_target_: no_such.B}",
        [("BE022", "error", "i")],
    ),
    "a target that is a reference": ("c: $dict\na: {_target_: '@c', b: 1}", []),
    "a target that is null": ("a: {_target_: null}", [("BE030", "error", "a")]),
    "an open signature": ("a: {_target_: dict, anything: 1}", []),
    "keywords that are handed on": (
        "a: {_target_: DataLoader, dataset: [], batch_sise: 1}",
        [("BE040", "error", "a::batch_sise")],
    ),
    "arguments bound for later": ("a: {_target_: textwrap.shorten, _mode_: callable, width: 3}", []),
    "an unknown argument bound for later": (
        "a: {_target_: textwrap.shorten, _mode_: callable, widht: 3}",
        [("BE040", "warning", "a::widht")],
    ),
    "positional arguments": ("a: {_target_: textwrap.shorten, _args_: [text, 3]}", []),
    "positional arguments from elsewhere": ("b: [text, 3]\na: {_target_: textwrap.shorten, _args_: '@b'}", []),
    "positional arguments that are no list": (
        "a: {_target_: textwrap.shorten, _args_: text, text: a, width: 3}",
        [("BE043", "error", "a::_args_")],
    ),
    "a whole number for a float": ("a: {_target_: RandFlipd, keys: image, prob: 1}", []),
    "one number for many": ("a: {_target_: SlidingWindowInferer, roi_size: 96}", []),
    "a list for a tuple": ("a: {_target_: SlidingWindowInferer, roi_size: [96, 96]}", []),
    "text for numbers": (
        "a: {_target_: SlidingWindowInferer, roi_size: 96 x 96}",
        [("BE044", "error", "a::roi_size")],
    ),
    "text for a number, through a reference": (
        "n: four\na: {_target_: SlidingWindowInferer, roi_size: 96, sw_batch_size: '@n'}",
        [("BE044", "error", "n")],
    ),
    "a name for an enumeration": ("a: {_target_: Spacingd, keys: image, pixdim: 1.0, mode: bilinear}", []),
    "null where the default is a value": ("a: {_target_: SlidingWindowInferer, roi_size: 96, sw_batch_size: null}", []),
    "the word yes": ("a: yes", [("BE006", "warning", "a")]),
    "the word yes in quotes": ("a: 'yes'", []),
    "true": ("a: [true, True, FALSE]", []),
    "the word off in a list": ("a: [x, off]", [("BE006", "warning", "a::1")]),
    "the word on as a key": ("a: {on: 1}", [("BE006", "warning", "a::True")]),
    "minutes": ("a: 1:30", [("BE006", "warning", "a")]),
    "an octal number": ("a: 010", [("BE006", "warning", "a")]),
    "a date": ("a: 2024-01-31", [("BE006", "warning", "a")]),
    "a number in quotes as text": ("a: {_target_: LoadImaged, keys: '1e4'}", [("BE007", "warning", "a::keys")]),
    "an expression without its dollar": ("a: torch.zeros(3)", [("BE013", "warning", "a")]),
    "an expression on a reference without its dollar": ("a: 1\nb: '@a + 1'", [("BE013", "warning", "b")]),
    "a reference with blanks before": ("a: 1\nb: ' @a'", [("BE012", "warning", "b")]),
    "text with a bracket": ("a: f(x)\nb: (see there)\nc: max(x)", []),
    "an address": ("a: someone@example.com", []),
    "text that is escaped": ("a: \\@my-key\nb: \\$5", []),
    "a macro's text is checked once": (
        "a: {x: '@nothing'}\nb: '%a'\nc: '%a'",
        [("BE010", "error", "a::x")],
    ),
    "a macro's missing id is told once": ("a: {x: '%none'}\nb: '%a'", [("BE016", "error", "a::x")]),
    "what a macro would have brought is not missing": ("a: '%none'\nb: '@a::x'", [("BE016", "error", "a")]),
    "metadata is not looked at": ("_meta_: {x: '@nothing', y: '???'}", []),
    "descriptions are not looked at": ("a: {_target_: dict, _desc_: '@nothing'}", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_rules(text: str, expected: list[tuple[str, str, str]], checked: Checker) -> None:
    found = without_steps(checked(text))
    assert [(each.code, each.severity, each.id) for each in found] == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("learning_rate: 1\na: '@learning_rat'", "learning_rate"),
        ("a: {_target_: LoadImagd, keys: image}", "LoadImage"),
        ("a: {_target_: LoadImaged, keyz: image}", "keys"),
        ("my_key: 1\na: '@my-key'", "@my_key"),
        ("a: $glob.glob('x')", "$import glob"),
        ("lr: 1\na: $lr * 2", "@lr"),
        ("a: {_target_: AddChanneld, keys: image}", "EnsureChannelFirstd"),
        ("a: {_target_: CheckpointLoader, load_path: a, load_dict: {}, strict: ''}", ""),
        ("a: {_target_: SlidingWindowInferer, roi_size: '96'}", "96"),
        ("i: $import nunpy\na: $nunpy.ones(1)", "numpy"),
    ],
)
def test_suggestions(text: str, hint: str, checked: Checker) -> None:
    found = [each for each in without_steps(checked(text)) if each.code != "BE055"]
    assert len(found) == 1
    assert hint in found[0].suggestion


def test_the_column_is_that_of_the_word(checked: Checker) -> None:
    (finding,) = without_steps(checked("a: $len(undefined_name)\n"))
    assert finding.place is not None
    assert (finding.place.line, finding.place.column, finding.place.width) == (1, 9, len("undefined_name"))


# --- several files ---


def test_a_broken_file_leaves_the_findings_of_the_others(checked: Checker) -> None:
    found = checked({"a.yaml": "x: '@nothing'\ny: ???\n", "b.yaml": "z: [1,\n", "c.json": '{"w": "$1 +"}'})
    assert {(each.code, each.severity) for each in found} == {
        ("BE010", "warning"),  # it may stand in the broken file
        ("BE015", "error"),
        ("BE003", "error"),
        ("BE020", "error"),
    }


def test_findings_point_into_the_file_that_holds_them(checked: Checker, tmp_path: Path) -> None:
    found = without_steps(checked({"base.yaml": "x: 1\ny: '@z'\n", "over.yaml": "+w: ['@v']\n"}))
    places = {Path(each.place.source).name: each.place.line for each in found if each.place}
    assert places == {"base.yaml": 2, "over.yaml": 1}


def test_what_a_file_extends_is_read(checked: Checker, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("x: '@nothing'\n")
    found = without_steps(checked("_extends_: base.yaml\ny: 1\n"))
    assert [(each.code, each.place and Path(each.place.source).name) for each in found] == [("BE010", "base.yaml")]


def test_files_that_extend_each_other(checked: Checker, tmp_path: Path) -> None:
    found = checked({"a.yaml": "_extends_: b.yaml\nx: 1\n", "b.yaml": "_extends_: a.yaml\ny: 2\n"})
    assert {each.code for each in without_steps(found)} == {"BE014"}


def test_overrides_are_checked(checked: Checker) -> None:
    text = "net: {_target_: textwrap.indent, text: a, prefix: b}\nlr: 1\nrun: ['$print(@net, @lr)']\n"
    assert checked(text, {"net::prefix": "c", "lr": 2}) == []
    assert [each.code for each in checked(text, {"net::prefixx": "c"})] == ["BE040"]
    assert [each.code for each in checked(text, {"lrr": 4})] == ["BE054"]
    assert [(each.code, str(each.place)) for each in checked(text, {"~nothing": None})] == [("BE005", "command line")]


def test_metadata_beside_the_config_is_there(checked: Checker, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps({"version": "1"}))
    assert checked("run: [$print(@_meta_::version)]") == []
    assert [each.code for each in checked("run: [$print(@_meta_::versoin)]")] == ["BE010"]


def test_a_file_that_is_gone_when_it_is_read(tmp_path: Path) -> None:
    (finding,) = Subject.load(tmp_path / "nothing.yaml").findings
    assert (finding.code, finding.place and finding.place.source) == ("BE001", str(tmp_path / "nothing.yaml"))


def test_a_file_that_changes_after_it_was_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("x: 1\ny: '@nothing'\n")
    subject = Subject.load(file)
    file.write_text("[")
    found = without_steps(check(subject, index=TargetIndex(cache=False)))
    assert lines(found) == [("BE010", 2)]
    assert found[0].place is not None
    assert found[0].place.text == "y: '@nothing'"
    file.unlink()
    assert lines(without_steps(check(subject, index=TargetIndex(cache=False)))) == [("BE010", 2)]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "BE002"), (b"[1]", "BE002"), (b"\xff\xfe", "BE002"), (b"a: 'x", "BE003"), (b"a: *x", "BE003")],
    ids=["empty", "list", "bytes", "quote", "alias"],
)
def test_files_that_are_no_configs(content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    subject = Subject.load(tmp_path / "a.yaml")
    assert [each.code for each in check(subject, index=TargetIndex(cache=False))] == [code]


def test_duplicates_are_errors_where_they_are_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONAI_FAIL_ON_DUPLICATE_CONFIG", "1")
    (tmp_path / "a.yaml").write_text("x: 1\nx: 2\n")
    assert [(each.code, each.severity) for each in Subject.load(tmp_path / "a.yaml").findings] == [("BE004", "error")]


# --- leaving findings out ---


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("a: {_lint_: {ignore: [BE010]}, b: '@x', c: {d: '@y'}}\ne: '@z'", ["BE010"]),
        ("_lint_: {ignore: [BE010]}\na: '@x'", []),
        ("_lint_: {ignore: 'BE010, BE015'}\na: '@x'\nb: ???", []),
        ("a: [{_lint_: {ignore: [BE010]}, b: '@x'}, '@y']", ["BE010"]),
        ("a: {_lint_: {ignore: [BE015]}, b: '@x'}", ["BE010"]),
        ("a: {_lint_: {ignore: [BE030]}, _target_: no.such.Thing}", ["BE031"]),
        ("a: {_lint_: {ignore: [BE031]}, _target_: no.such.Thing}", []),
        ("a: {_lint_: BE031, b: 1}", ["BE008"]),
    ],
)
def test_findings_can_be_left_out(text: str, codes: list[str], checked: Checker) -> None:
    assert [each.code for each in without_steps(checked(text))] == codes
    assert without_steps(checked(text, ignore={"BE008", "BE010", "BE031"})) == []


def test_lint_is_no_argument() -> None:
    from bundle_engine import ConfigParser

    parser = ConfigParser({"a": {"_target_": "dict", "_lint_": {"ignore": ["BE010"]}, "b": 1}})
    assert parser.get_parsed_content("a") == {"b": 1}


# --- what is installed ---


def test_a_module_of_the_bundle(checked: Checker) -> None:
    scripts = {"scripts/__init__.py": "", "scripts/net.py": "class Net:\n    def __init__(self, size): ...\n"}
    text = "a: {_target_: scripts.net.Net, size: 1}\nb: {_target_: scripts.net.Net, sise: 1}\nc: {_target_: scripts.nte.Net}"
    found = without_steps(checked({"config.yaml": text, **scripts}))
    assert [(each.code, each.id) for each in found] == [("BE040", "b::sise"), ("BE030", "c")]


def test_the_scripts_of_another_place_are_missing(checked: Checker) -> None:
    (finding,) = without_steps(checked("a: {_target_: scripts_of_nobody.net.Net}\nb: {_target_: scripts_of_nobody.x}"))
    assert finding.code == "BE031"
    assert "2 targets need it" in finding.message
