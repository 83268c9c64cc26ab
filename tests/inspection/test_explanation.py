"""All that is known of one id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import IdNotFoundError
from bundle_engine.inspection import TargetIndex, explain
from bundle_engine.inspection.explanation import Explanation, render

ROOT = Path(__file__).resolve().parents[2]
MINE = '''\
"""A module of a bundle."""


class Net:
    """Count to a size.

    More.
    """

    def __init__(self, size: int, *, deep: bool = False) -> None:
        self.size = size


def load(**options):
    """Load anything."""
'''
BASE = """\
size: 4
net:
  _target_: scripts.mine.Net
  size: '@size'
loaded:
  _target_: scripts.mine.load
  anything: $@net.size + @size
run:
  - $print(@net, @loaded)
"""


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ConfigParser]:
    """Write files and read them, with overrides, in a folder that has a module of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "mine.py").write_text(MINE)

    def read_files(*texts: str, **overrides: Any) -> ConfigParser:
        names = ["a.yaml", "b.yaml"][: len(texts)]
        for name, text in zip(names, texts, strict=True):
            Path(name).write_text(text, encoding="utf-8")
        parser = ConfigParser()
        parser.read_config(names)
        parser.override(overrides)
        parser.bundle_root = tmp_path
        return parser

    return read_files


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TargetIndex]:
    with TargetIndex(paths=[tmp_path], cache=False) as made:
        yield made


@pytest.fixture
def told(read: Callable[..., ConfigParser], index: TargetIndex) -> Callable[..., Explanation]:
    def explain_id(id: str, *texts: str, **overrides: Any) -> Explanation:
        return explain(read(*(texts or [BASE]), **overrides), id, index)

    return explain_id


def test_a_component(told: Callable[..., Explanation], tmp_path: Path) -> None:
    found = told("net")
    assert (found.kind, found.value) == ("component", {"_target_": "scripts.mine.Net", "size": "@size"})
    assert str(found.origin) == "a.yaml:3:3"
    assert found.target is not None
    assert found.target.path == "scripts.mine.Net"
    assert found.target.signature == "Net(size: int, *, deep: bool = False)"
    assert found.target.doc == "Count to a size."
    assert str(found.target.place) == f"{tmp_path / 'scripts' / 'mine.py'}:4:1"
    assert [(link.id, link.at) for link in found.needs] == [("size", "net::size")]
    assert [(link.id, link.at) for link in found.used_by] == [("net", "loaded::anything"), ("net", "run::0")]
    assert found.argument is None


def test_a_value_with_what_it_replaced(told: Callable[..., Explanation]) -> None:
    found = told("size", BASE, "size: 5\n", size=6)
    assert (found.kind, found.value, str(found.origin)) == ("value", 6, "command line")
    assert [str(place) for place in found.overrode] == ["b.yaml:1:7", "a.yaml:1:7"]
    text = render(found)
    assert "instead of  5  at b.yaml:1:7\n            4  at a.yaml:1:7" in text
    assert [(link.at, link.text) for link in found.used_by] == [
        ("net::size", "@size"),
        ("loaded::anything", "$@net.size + @size"),
    ]


@pytest.mark.parametrize(
    ("id", "kind", "resolved"),
    [
        pytest.param("net::size", "reference", (4,), id="reference"),
        pytest.param("loaded::anything", "expression", (), id="expression"),
        pytest.param("run", "list", (), id="list"),
        pytest.param("", "mapping", (), id="root"),
        pytest.param("size", "value", (), id="value"),
        pytest.param("left", "mandatory", (), id="mandatory"),
        pytest.param("imports", "import statement", (), id="import"),
        pytest.param("dashed", "value", (), id="no-reference"),
    ],
)
def test_kinds(told: Callable[..., Explanation], id: str, kind: str, resolved: tuple[Any, ...]) -> None:
    found = told(id, BASE + "left: ???\nimports: $import os\ndashed: '@my-key'\n")
    assert (found.kind, found.resolved) == (kind, resolved)


@pytest.mark.parametrize(
    ("id", "of", "text", "note"),
    [
        pytest.param("net::size", "scripts.mine.Net", "size: int", "", id="known"),
        pytest.param("net::deep", "scripts.mine.Net", "deep: bool = False", "", id="by-keyword"),
        pytest.param("net::sizes", "scripts.mine.Net", "", "it takes no argument 'sizes'", id="unknown"),
        pytest.param("loaded::anything", "scripts.mine.load", "", "", id="any-keyword"),
        pytest.param("gone::x", "scripts.mine.Gone", "", "", id="no-target"),
    ],
)
def test_an_argument(told: Callable[..., Explanation], id: str, of: str, text: str, note: str) -> None:
    more = {"net::deep": True, "net::sizes": 1, "gone": {"_target_": "scripts.mine.Gone", "x": 1}}
    argument = told(id, **more).argument
    assert argument is not None
    assert (argument.of, argument.text, argument.note) == (of, text, note)


@pytest.mark.parametrize("id", ["net::_target_", "size", "run::0"])
def test_what_is_no_argument(told: Callable[..., Explanation], id: str) -> None:
    assert told(id).argument is None


@pytest.mark.parametrize(
    ("target", "note"),
    [
        pytest.param("scripts.mine.Nett", "did you mean scripts.mine.Net?", id="missing"),
        pytest.param("no_such_package.Net", "there is no package 'no_such_package'", id="no-package"),
        pytest.param("$make()", "known when it runs", id="expression"),
        pytest.param("@other", "known when it runs", id="reference"),
    ],
)
def test_a_target_that_is_not_known(told: Callable[..., Explanation], target: str, note: str) -> None:
    found = told("net", **{"net::_target_": target})
    assert found.target is not None
    assert found.target.written == target
    assert note in "".join(found.target.notes)
    assert note in " ".join(render(found).split())


def test_a_short_name(told: Callable[..., Explanation]) -> None:
    target = told("net::_target_", **{"net::_target_": "torch.nn.Linear"}).target
    assert target is not None
    assert target.path == "torch.nn.modules.linear.Linear"
    assert target.signature.startswith("Linear(in_features: int, out_features: int, bias: bool = True")
    assert target.doc.startswith("Applies an affine linear transformation")


@pytest.mark.parametrize(
    ("overrides", "id", "note"),
    [
        pytest.param({"net::_disabled_": True}, "net", "is disabled: _disabled_ is true (command line)", id="itself"),
        pytest.param({"net::_disabled_": "true"}, "net", "it is disabled", id="text"),
        pytest.param({"net::_disabled_": "@off", "off": True}, "net", "it is disabled", id="reference"),
        pytest.param({"net::_disabled_": True}, "net::size", "'net', in which it stands, is disabled", id="around"),
        pytest.param({"net::_disabled_": "$f()"}, "net", "may be disabled, which is known when it runs", id="maybe"),
        pytest.param({"net::_ranks_": [0]}, "net", "is built on the ranks [0] only (command line)", id="ranks"),
        pytest.param({"net::_mode_": "callable"}, "net", "it is not called", id="mode"),
        pytest.param({"size": "???"}, "size", "before something needs it: --size=VALUE", id="mandatory"),
    ],
)
def test_notes(told: Callable[..., Explanation], overrides: dict[str, Any], id: str, note: str) -> None:
    assert note in "; ".join(told(id, **overrides).notes)


@pytest.mark.parametrize("flag", [False, "false", "@off"])
def test_what_is_not_disabled_has_no_note(told: Callable[..., Explanation], flag: Any) -> None:
    assert told("net", **{"net::_disabled_": flag, "off": False}).notes == ()


def test_links_into_a_section_and_around(told: Callable[..., Explanation]) -> None:
    text = (
        "s: {a: {b: 1}, c: '@s::a', d: '@e'}\ne: 1\nin: '@s::a::b'\nto: '@s::a'\naround: $len(@s)\nas: '@sa'\nsa: 1\n"
    )
    found = told("s::a", text)
    assert [(link.at, link.id) for link in found.used_by] == [
        ("s::c", "s::a"),
        ("to", "s::a"),
        ("in", "s::a::b"),
        ("around", "s"),
    ]
    section = told("s", text)
    assert [(link.at, link.id) for link in section.needs] == [("s::d", "e")]
    assert "s::c" not in [link.at for link in section.used_by]


@pytest.mark.parametrize(
    ("id", "line"),
    [
        pytest.param("lone::x", "used by     'lone', whose argument it is", id="argument"),
        pytest.param("run", "used by     the workflow, as one of its steps", id="step"),
        pytest.param("alone", "used by     nothing", id="alone"),
        pytest.param("alone", "needs       nothing", id="needs"),
        pytest.param("net::size", "value       4", id="value"),
        pytest.param("loaded", "            load(**options)", id="signature"),
    ],
)
def test_text(told: Callable[..., Explanation], id: str, line: str) -> None:
    assert line in render(told(id, BASE + "alone: 1\nlone: {_target_: scripts.mine.load, x: 1}\n")).split("\n")


def test_long_values_and_many_links_are_cut(told: Callable[..., Explanation]) -> None:
    users = "".join(f"u{n}: '@big'\n" for n in range(50))
    text = render(told("big", "big:\n" + "".join(f"  k{n}: {n}\n" for n in range(100)) + users))
    assert "… 76 more lines" in text
    assert "… 30 more" in text
    assert max(map(len, text.split("\n"))) <= 110


def test_colours_are_only_there_where_they_are_wanted(told: Callable[..., Explanation]) -> None:
    found = told("net")
    assert "\x1b" not in render(found)
    coloured = render(found, colour=True)
    assert "\x1b[1mnet\x1b[0m" in coloured


def test_plain_data(told: Callable[..., Explanation]) -> None:
    row = json.loads(json.dumps(told("net::size", BASE, **{"net::size": "@size"}).as_dict()))
    assert list(row) == [
        "id", "kind", "value", "origin", "overrode", "resolved", "needs", "used_by", "target", "argument", "notes"
    ]  # fmt: skip
    assert row["resolved"] == 4
    assert row["origin"] == {"source": "command line"}
    assert row["overrode"] == [{"source": "a.yaml", "line": 4, "column": 9, "text": "'@size'"}]
    assert row["argument"] == {"of": "scripts.mine.Net", "text": "size: int", "note": ""}
    assert row["needs"][0] == {"id": "size", "at": "net::size", "text": "@size", "place": {"source": "command line"}}


@pytest.mark.parametrize(
    ("id", "message"),
    [
        pytest.param("nett", "did you mean 'net'", id="misspelt"),
        pytest.param("deep", "did you mean 'net::deep'", id="end-of-another"),
        pytest.param("run::7", "'run' is a list of 1 item", id="index"),
    ],
)
def test_an_id_that_is_not_there(told: Callable[..., Explanation], id: str, message: str) -> None:
    with pytest.raises(IdNotFoundError, match=message):
        told(id, **{"net::deep": True})


def test_ids_may_be_written_in_other_ways(told: Callable[..., Explanation]) -> None:
    assert told("run#-1").id == "run::0"
