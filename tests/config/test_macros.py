"""Macros: sections 3 and 5 of the language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.config import source
from bundle_engine.errors import CycleError, IdNotFoundError, InputNotFoundError


@pytest.mark.parametrize(
    ("config", "value"),
    [
        pytest.param({"a": "%b", "b": 3}, 3, id="a scalar"),
        pytest.param({"a": "%o::x", "o": {"x": 3}}, 3, id="keys"),
        pytest.param({"a": "%o#x", "o": {"x": 3}}, 3, id="the old separator"),
        pytest.param({"a": "%l::1", "l": [1, 2]}, 2, id="an item"),
        pytest.param({"a": "%l::-1", "l": [1, 2]}, 2, id="an item from the end"),
        pytest.param({"a": "%o", "o": {"x": [1]}}, {"x": [1]}, id="a mapping"),
        pytest.param({"a": "%my key", "my key": 3}, 3, id="a key with a blank"),
        pytest.param({"a": {"b": "%::c", "c": 3}}, {"b": 3, "c": 3}, id="relative"),
        pytest.param({"a": ["%##c"], "c": 3}, [3], id="relative, old separator"),
        pytest.param({"a": "%b", "b": "%c", "c": 3}, 3, id="a macro of a macro"),
        pytest.param(
            {"a": "%b", "b": ["%c", {"x": "%c"}], "c": 3}, [3, {"x": 3}], id="macros inside of what is copied"
        ),
        pytest.param({"a": "%b::x", "b": "%c", "c": {"x": 3}}, 3, id="through a macro on the way"),
        pytest.param({"a": "%b::x::y", "b": "%c", "c": {"x": "%d"}, "d": {"y": 3}}, 3, id="through two on the way"),
        pytest.param({"a": "%b", "b": "@c", "c": 3}, 3, id="the text of a reference"),
        pytest.param({"a": "%b", "b": "$@c + 1", "c": 3}, 4, id="the text of an expression"),
        pytest.param(
            {"a": "%o::t", "o": {"t": "@::x", "x": 1}, "x": 2}, 2, id="relative ids are read where they are copied to"
        ),
        pytest.param({"a": "%o::t", "o": {"t": "$@::x + 1", "x": 1}, "x": 2}, 3, id="relative ids in expressions, too"),
        pytest.param(
            {"a": {"p": "%o", "x": 5}, "o": {"t": "@##x"}, "x": 2}, {"p": {"t": 5}, "x": 5}, id="relative ids, deeper"
        ),
        pytest.param(
            {"a": "%o::m", "o": {"m": "%::x", "x": 1}, "x": 2},
            2,
            id="relative macros are read where they are copied to",
        ),
    ],
)
def test_a_macro_is_the_text_that_stands_there(config: dict[str, Any], value: Any) -> None:
    assert ConfigParser(config).get_parsed_content("a") == value
    written = {key: config[key] for key in reversed(config)}  # the order of keys makes no difference
    assert ConfigParser(written).get_parsed_content("a") == value
    parser = ConfigParser(config)
    for _ in range(3):  # nor how often it is parsed: section 8, 6
        parser.parse()
    assert parser.get_parsed_content("a") == value


def test_a_copy_is_a_copy(probe: Any) -> None:
    parser = ConfigParser({"a": "%net", "net": {"_target_": "probe.build", "label": [1]}})
    assert parser.get_parsed_content("a") is not parser.get_parsed_content("net")
    assert len(probe.calls) == 2
    parser["a::label"] = 2
    assert parser["net"]["label"] == [1]


def test_a_copied_component_may_be_changed_by_a_later_key(read: Callable[..., ConfigParser]) -> None:
    parser = read("a: '%b'\nb: {x: 1, y: 1}\n", "'b::x': 2\n")
    assert parser.get_parsed_content("a") == {"x": 2, "y": 1}


def test_a_macro_as_an_override() -> None:
    parser = ConfigParser({"a": 1, "b": {"x": 3}})
    parser.get_parsed_content()
    parser.override({"a": "%b::x"})
    assert parser.get_parsed_content("a") == 3
    parser["b::y"] = "%a"
    assert parser.get_parsed_content("b") == {"x": 3, "y": 3}


def test_eighty_macros_into_one_large_file_read_it_once(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = source.load

    def spy(path: Any, **kwargs: Any) -> Any:
        loaded.append(str(path))
        return load(path, **kwargs)

    monkeypatch.setattr(source, "load", spy)
    write("other.yaml", "".join(f"k{i}: {{x: {i}}}\n" for i in range(2_000)))
    write("top.yaml", "".join(f"m{i}: '%other.yaml::k{i}::x'\n" for i in range(80)))
    parser = ConfigParser()
    parser.read_config("top.yaml")
    parser.parse()
    parser.parse()
    assert parser.get_parsed_content("") == {"_meta_": {}, **{f"m{i}": i for i in range(80)}}
    assert loaded == ["top.yaml", "other.yaml"]


# --- in another file ---


@pytest.mark.parametrize("separator", ["::", "#"])
def test_a_macro_into_another_file(write: Callable[..., Path], separator: str) -> None:
    write("other.json", '{"o": {"x": [1, "@lr"]}, "lr": 7}')
    write("top.yaml", f"a: '%other.json{separator}o{separator}x'\nlr: 8\n")
    parser = ConfigParser()
    parser.read_config("top.yaml")
    assert parser.get_parsed_content("a") == [1, 8]  # as if the text stood there


def test_a_whole_file(write: Callable[..., Path]) -> None:
    write("other.yaml", "x: 1\n")
    write("text.json", '"Dataset"')
    write("top.yaml", "a: '%other.yaml'\nb: '%text.json'\n")
    parser = ConfigParser()
    parser.read_config("top.yaml")
    assert parser.get_parsed_content() == {"_meta_": {}, "a": {"x": 1}, "b": "Dataset"}


def test_macros_in_the_other_file(write: Callable[..., Path]) -> None:
    write("sub/other.yaml", "x: '%third.yaml::y'\no: {z: '%::w', w: 1}\n")
    write("sub/third.yaml", "y: {p: '%other.yaml::q'}\n")
    write("sub/third_place.yaml", "")
    (Path("sub/other.yaml")).write_text(Path("sub/other.yaml").read_text() + "q: 5\n")
    write("top.yaml", "a: '%sub/other.yaml::x::p'\nb: '%sub/other.yaml::o'\n")
    parser = ConfigParser()
    parser.read_config("top.yaml")
    assert parser.get_parsed_content("a") == 5
    assert parser.get_parsed_content("b") == {"z": 1, "w": 1}


def test_files_are_looked_up_beside_the_config_then_in_the_bundle_then_here(write: Callable[..., Path]) -> None:
    write("bundle/configs/top.yaml", "a: '%one.yaml::x'\nb: '%two.yaml::x'\nc: '%three.yaml::x'\n")
    for folder, names in (("bundle/configs", ["one"]), ("bundle", ["one", "two"]), (".", ["one", "two", "three"])):
        for name in names:
            write(f"{folder}/{name}.yaml", f"x: {folder}\n")
    parser = ConfigParser()
    parser.bundle_root = "bundle"  # type: ignore[assignment]
    parser.read_config("bundle/configs/top.yaml")
    assert parser.get_parsed_content() == {"_meta_": {}, "a": "bundle/configs", "b": "bundle", "c": "."}
    assert parser.bundle_root == Path("bundle")


def test_an_absolute_path(write: Callable[..., Path], tmp_path: Path) -> None:
    write("other.yaml", "x: 1\n")
    assert ConfigParser({"a": f"%{tmp_path}/other.yaml::x"}).get_parsed_content("a") == 1


# --- what leads nowhere ---


@pytest.mark.parametrize(
    ("config", "id", "message", "hint"),
    [
        ({"a": "%bb", "bbb": 1}, "a", "there is no 'bb'", "did you mean '%bbb'?"),
        ({"a": "%o::y", "o": {"x": 1}}, "a", "there is no 'o::y'", "'o' has x"),
        ({"a": "%l::2", "l": [1]}, "a", "there is no 'l::2'", "'l' is a list of 1 item, counted from 0"),
        ({"a": "%s::x", "s": 3}, "a", "there is no 's::x'", "'s' is 3 and has no inside"),
        ({"a": "%r::x", "r": "@o", "o": {"x": 1}}, "a", "there is no 'r::x'", "refer to its value with '@r::x'"),
        ({"a": "%r::x", "r": "$dict(x=1)"}, "a", "there is no 'r::x'", "refer to its value with '@r::x'"),
        ({"o": {"l": ["%nowhere"]}}, "o::l::0", "there is no 'nowhere'", "the config has o"),
        ({"a": "%5 is the level"}, "a", "there is no '5 is the level'", "write '\\%5 is the level'"),
    ],
)
def test_a_macro_that_leads_nowhere(config: dict[str, Any], id: str, message: str, hint: str) -> None:
    with pytest.raises(IdNotFoundError) as caught:
        ConfigParser(config).get_parsed_content()
    assert (caught.value.id, message in caught.value.message) == (id, True)
    assert hint in (caught.value.hint or "")


def test_a_file_that_is_not_there(write: Callable[..., Path], tmp_path: Path) -> None:
    write("configs/other.yaml", "x: 1\n")
    write("configs/top.yaml", "a: '%othr.yaml::x'\n")
    parser = ConfigParser()
    parser.read_config("configs/top.yaml")
    with pytest.raises(InputNotFoundError) as caught:
        parser.get_parsed_content()
    assert caught.value.notes == (f"looked in configs, {tmp_path}",)
    assert caught.value.hint == "did you mean 'configs/other.yaml'?"
    assert (caught.value.id, str(caught.value.place)) == ("a", "configs/top.yaml:1:4")


# --- circles ---


@pytest.mark.parametrize(
    ("config", "path", "notes"),
    [
        pytest.param({"a": "%a"}, "%a -> %a", ["a: '%a'"], id="itself"),
        pytest.param({"a": {"b": "%a"}}, "%a::b -> %a", ["a::b: '%a'"], id="what it stands in"),
        pytest.param({"a": "%b", "b": "%a"}, "%b -> %a -> %b", ["b: '%a'", "a: '%b'"], id="two"),
        pytest.param(
            {"a": "%b::x", "b": {"x": "%c"}, "c": {"d": "%a"}},
            "%b::x -> %c -> %a -> %b::x",
            ["b::x: '%c'", "c::d: '%a'", "a: '%b::x'"],
            id="three, through a mapping",
        ),
        pytest.param({"a": "%b", "b": ["%b"]}, "%b -> %b", ["b::0: '%b'"], id="beside the first"),
        pytest.param({"a": "%"}, "%a -> %", ["a: '%'"], id="the root"),
    ],
)
def test_a_circle_is_shown(config: dict[str, Any], path: str, notes: list[str]) -> None:
    with pytest.raises(CycleError) as caught:
        ConfigParser(config).get_parsed_content()
    assert caught.value.message.endswith(f"copies itself: {path}")
    assert [note.partition("  (")[0] for note in caught.value.notes] == notes


def test_a_circle_through_files_is_shown_with_a_line_for_each_step(write: Callable[..., Path]) -> None:
    write("one.yaml", "lr: 1\na: '%two.yaml::b'\n")
    write("two.yaml", "\n\nb: [0, '%one.yaml::a']\n")
    parser = ConfigParser()
    parser.read_config("one.yaml")
    with pytest.raises(CycleError) as caught:
        parser.get_parsed_content()
    assert caught.value.message.endswith("%two.yaml::b -> %one.yaml::a -> %two.yaml::b")
    assert caught.value.notes == ("b::1: '%one.yaml::a'  (two.yaml:3:8)", "a: '%two.yaml::b'  (one.yaml:2:4)")
    assert str(caught.value.place) == "one.yaml:2:4"


def test_copying_twice_is_no_circle() -> None:
    config = {"a": ["%b", "%b"], "b": {"x": "%c", "y": "%c"}, "c": 1}
    assert ConfigParser(config).get_parsed_content("a") == [{"x": 1, "y": 1}] * 2


# --- where copied values come from ---


def test_copied_values_come_from_where_they_were_written(write: Callable[..., Path]) -> None:
    write("other.yaml", "o:\n  x: 1\n")
    write("top.yaml", "a: '%other.yaml::o'\nb: '%a::x'\n")
    parser = ConfigParser()
    parser.read_config("top.yaml")
    parser.parse()
    assert str(parser.where("a::x").place) == "other.yaml:2:6"
    assert [str(place) for place in parser.where("a").overrode] == ["top.yaml:1:4"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"copy::width": 5}, {"width": 5, "more": {"x": 1}}),
        ({"copy::more::x": 2}, {"width": 3, "more": {"x": 2}}),
        ({"copy::width": 5, "copy::more::x": 2}, {"width": 5, "more": {"x": 2}}),
        ({"+copy": {"more": {"y": 7}}}, {"width": 3, "more": {"x": 1, "y": 7}}),
        ({"~copy::more": None}, {"width": 3}),
        ({"copy": 4}, 4),
        ({"copy::inner": "%block::more", "copy::inner::x": 9}, {"width": 3, "more": {"x": 1}, "inner": {"x": 9}}),
        ({"through::more::x": 2}, {"width": 3, "more": {"x": 1}}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) and "width" not in value else "",
)
def test_an_override_goes_into_what_a_macro_copies(overrides: dict[str, Any], expected: Any) -> None:
    block = {"width": 3, "more": {"x": 1}}
    parser = ConfigParser({"block": block, "copy": "%block", "through": "%copy"})
    parser.override(overrides)
    assert parser.get_parsed_content("copy") == expected
    assert parser.get_parsed_content("block") == {"width": 3, "more": {"x": 1}}, "the copy is another one"


def test_an_override_goes_into_what_a_macro_copies_from_a_file(write: Callable[..., Path]) -> None:
    write("other.yaml", "net: {width: 3, depth: 2}\n")
    parser = ConfigParser()
    parser.read_config(write("main.yaml", "net: '%other.yaml::net'\nlater: '%none.yaml::x'\n"))
    parser.override({"net::width": 5})
    assert parser.where("net::width").place.source == "command line"
    parser.override({"later": 1})  # a macro that nobody asked for yet may still be replaced
    assert parser.get_parsed_content() == {"net": {"width": 5, "depth": 2}, "later": 1, "_meta_": {}}


def test_an_override_into_a_macro_that_leads_nowhere_tells_of_the_macro(write: Callable[..., Path]) -> None:
    parser = ConfigParser()
    parser.read_config(write("main.yaml", "net: '%none.yaml::net'\n"))
    with pytest.raises(InputNotFoundError, match=r"cannot find the file 'none\.yaml'"):
        parser.override({"net::width": 5})
