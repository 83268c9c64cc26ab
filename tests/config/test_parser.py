"""The parser's public methods: section 7 of the language."""

from __future__ import annotations

import copy
import inspect
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle_engine import BundleEngineWarning, ConfigParser
from bundle_engine.config import ReferenceResolver
from bundle_engine.errors import FrozenError, IdNotFoundError, IndexNotFoundError, InputError, MergeError

Read = Callable[..., ConfigParser]
Write = Callable[..., Path]


def test_the_public_methods_are_monais_and_a_few_more() -> None:
    names = {name for name in dir(ConfigParser) if not name.startswith("_")}
    assert names == {
        # MONAI's
        "export_config_file", "get", "get_parsed_content", "load_config_file", "load_config_files", "meta_key",
        "parse", "read_config", "read_meta", "ref_resolver", "resolve_macro_and_relative_ids", "set", "split_path_id",
        "suffixes", "update", "globals",
        # ours
        "bundle_root", "check", "delete", "dependencies", "dependents", "evaluate", "freeze", "override", "to_dict",
        "unused_overrides", "where",
    }  # fmt: skip


def test_the_signatures_accept_what_monais_do() -> None:
    theirs = pytest.importorskip("monai.bundle").ConfigParser
    for name in ("__init__", "get", "set", "update", "parse", "get_parsed_content", "read_meta", "read_config",
                 "load_config_file", "load_config_files", "export_config_file", "split_path_id"):  # fmt: skip
        wanted = inspect.signature(getattr(theirs, name)).parameters
        given = inspect.signature(getattr(ConfigParser, name)).parameters
        assert [each for each in wanted if each not in given] in ([], ["pairs"]), name


# --- the config as written ---


CONFIG: dict[str, Any] = {"a": {"b": [1, {"c": "@a::d"}], "d": "$1 + 1"}, "n": None, 7: "seven", "x::y": 5}


@pytest.mark.parametrize(
    ("id", "value"),
    [
        ("a::b::0", 1), ("a#b#0", 1), ("a::b::1::c", "@a::d"), ("a::d", "$1 + 1"), ("n", None), ("7", "seven"),
        (7, "seven"), ("a::b::-1", {"c": "@a::d"}), ("", CONFIG), ("x::y", 5),
    ],
)  # fmt: skip
def test_values_are_given_as_they_are_written(id: str | int, value: Any) -> None:
    parser = ConfigParser(CONFIG)
    assert parser[id] == value
    assert parser.get(id) == value
    assert parser.get(id, "default") == value
    assert id in parser


@pytest.mark.parametrize("id", ["z", "a::z", "a::b::2", "a::b::z", "a::d::z", "n::z", "a::b::1::c::0"])
def test_ids_that_do_not_exist(id: str) -> None:
    parser = ConfigParser(CONFIG)
    with pytest.raises(IdNotFoundError):
        parser[id]
    with pytest.raises(KeyError):
        parser[id]
    assert parser.get(id) is None
    assert parser.get(id, 5) == 5
    assert id not in parser
    with pytest.raises(KeyError):
        parser.get_parsed_content(id)
    assert parser.get_parsed_content(id, default=5) == 5


@pytest.mark.parametrize("id", ["a::b::2", "a::b::z", "a::d::z"])
def test_lists_and_scalars_raise_what_callers_expect_of_them(id: str) -> None:
    for kind in (IndexNotFoundError, IndexError, ValueError, KeyError):
        with pytest.raises(kind):
            ConfigParser(CONFIG)[id]


def test_a_parser_begins_empty() -> None:
    assert ConfigParser().config == {"_meta_": {}}
    assert ConfigParser({}).config == {}
    assert ConfigParser([1, "$1 + 1"]).get_parsed_content() == [1, 2]
    assert ConfigParser([1, "$1 + 1"]).get_parsed_content(1) == 2


# --- the caller's objects are not mutated ---


def test_nothing_that_is_passed_in_is_changed(write: Write) -> None:  # sections 1 and 8, 7
    config = {"a": {"x": "@::y", "y": "%b"}, "b": [1], "_extends_": "x", "optional_packages_version": 1}
    before = copy.deepcopy(config)
    with pytest.warns(BundleEngineWarning):
        parser = ConfigParser(config)
    parser.parse()
    parser["a::x"] = given = {"p": "%b", "q": "@::p"}
    parser.override({"+b": (more := [[2], "%c"]), "c": 3})
    parser["b::0"] = 7
    parser.get_parsed_content("a")
    parser["a::x::p"] = 5
    assert config == before
    assert given == {"p": "%b", "q": "@::p"}
    assert more == [[2], "%c"]


def test_a_mapping_that_is_read_is_not_changed() -> None:
    content, meta = {"a": "%b", "b": [1]}, {"version": "1"}
    parser = ConfigParser()
    parser.read_meta(meta)
    parser.read_config(content)
    parser.parse()
    parser["_meta_::version"] = "2"
    assert (content, meta) == ({"a": "%b", "b": [1]}, {"version": "1"})


def test_what_is_given_out_can_be_changed_without_changing_the_config() -> None:
    parser = ConfigParser({"a": {"l": [1]}, "b": "@a"})
    parser.get_parsed_content("a")["l"].append(2)
    assert parser["a"] == {"l": [1]}
    parser.to_dict()["a"]["l"].append(2)
    assert parser["a"] == {"l": [1]}


# --- setting ---


def test_values_are_set() -> None:
    parser = ConfigParser({"a": {"l": [1, 2]}, 0: {"x": 1}})
    parser["a::l::1"] = 5
    parser["a#new"] = {"x": "$1 + 1"}
    parser["0::x"] = 2
    parser.set(7, "deep::in::it")
    parser.set(8, "deep::other", recursive=False)
    parser.update({"u": 1, "a::u": 2})
    assert parser.get_parsed_content() == {
        "a": {"l": [1, 5], "new": {"x": 2}, "u": 2}, 0: {"x": 2}, "deep": {"in": {"it": 7}, "other": 8}, "u": 1,
    }  # fmt: skip


def test_the_whole_config_is_set() -> None:
    parser = ConfigParser({"a": 1})
    parser.set({"b": "$2"})
    assert parser.get_parsed_content() == {"b": 2}
    parser.set(None)
    parser.set(3, "a::b")
    assert parser.get_parsed_content() == {"a": {"b": 3}}


@pytest.mark.parametrize("id", ["a::z::x", "z::x", "l::5", "l::word", "s::x", "l::0::x"])
def test_a_place_that_cannot_be_reached(id: str) -> None:
    parser = ConfigParser({"a": {}, "l": [1], "s": "text"})
    with pytest.raises(KeyError):
        parser[id] = 1
    if id not in ("a::z::x", "z::x"):
        with pytest.raises(IndexNotFoundError):
            parser.set(1, id)
    assert parser.config == {"a": {}, "l": [1], "s": "text"}


def test_names_that_were_given_up_are_renamed() -> None:
    with pytest.warns(
        BundleEngineWarning, match="'optional_packages_version' is called 'required_packages_version' now"
    ):
        parser = ConfigParser({"optional_packages_version": {"nibabel": "1"}})
    assert parser.config == {"required_packages_version": {"nibabel": "1"}}


# --- reading ---


def test_reading_starts_over_and_keeps_the_metadata(write: Write) -> None:
    write("one.yaml", "a: 1\n")
    write("two.json", '{"b": "$@_meta_#version * 2"}')
    write("metadata.json", '{"version": 3}')
    parser = ConfigParser({"old": 1})
    parser.read_meta("metadata.json")
    parser.read_config("one.yaml")
    assert parser.config == {"_meta_": {"version": 3}, "a": 1}
    parser.read_config(["one.yaml", Path("two.json")])
    assert parser.get_parsed_content() == {"_meta_": {"version": 3}, "a": 1, "b": 6}
    parser.read_config("one.yaml,two.json")
    assert set(parser.config) == {"_meta_", "a", "b"}
    parser.read_config({"c": 1})
    assert parser.config == {"_meta_": {"version": 3}, "c": 1}


def test_several_metadata_files(write: Write) -> None:
    parser = ConfigParser()
    parser.read_meta([write("a.json", '{"version": 1, "x": 1}'), write("b.json", '{"version": 2}')])
    assert parser["_meta_"] == {"version": 2, "x": 1}


def test_files_are_loaded_without_a_parser(write: Write) -> None:
    one, two = write("one.yaml", "a: {x: 1}\nl: [1]\n"), write("two.json", '{"a::x": 2.0, "+l": [2]}')
    assert ConfigParser.load_config_file(one) == {"a": {"x": 1}, "l": [1]}
    assert ConfigParser.load_config_file(str(two)) == {"a::x": 2.0, "+l": [2]}
    assert ConfigParser.load_config_file(two, parse_float=str) == {"a::x": "2.0", "+l": [2]}
    assert ConfigParser.load_config_file("") == {}
    assert ConfigParser.load_config_file(None) == {}
    assert ConfigParser.load_config_files([one, two]) == {"a": {"x": 2.0}, "l": [1, 2]}
    assert ConfigParser.load_config_files(f"{one},{two}") == {"a": {"x": 2.0}, "l": [1, 2]}
    assert ConfigParser.load_config_files({"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="unknown file input"):
        ConfigParser.load_config_file("config.txt")


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.yml"])
def test_configs_are_written(tmp_path: Path, name: str) -> None:
    config = {"größe": [1, None, True, 1.5], "a": {"_target_": "dict"}}
    path = tmp_path / name
    ConfigParser.export_config_file(config, path, fmt=name.partition(".")[2])
    assert ConfigParser.load_config_file(path) == config
    assert os.listdir(tmp_path) == [name]


def test_options_for_writing(tmp_path: Path) -> None:
    ConfigParser.export_config_file({"b": 1, "a": Path("x")}, tmp_path / "a.json", indent=1, default=str)
    assert (tmp_path / "a.json").read_text() == '{\n "b": 1,\n "a": "x"\n}'
    ConfigParser.export_config_file({"b": 1, "a": 2}, tmp_path / "a.yaml", fmt="YAML", sort_keys=False)
    assert (tmp_path / "a.yaml").read_text() == "b: 1\na: 2\n"
    with pytest.raises(ValueError, match="a config is written as json, yaml, yml, not as 'toml'"):
        ConfigParser.export_config_file({}, tmp_path / "a.toml", fmt="toml")


@pytest.mark.parametrize("fmt", ["json", "yaml"])
def test_a_config_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path, fmt: str) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises((TypeError, yaml.YAMLError)):
        ConfigParser.export_config_file({"a": object()}, path, fmt=fmt)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.yaml::b#c", ("a.yaml", "b::c")),
        ("b#c", ("", "b::c")),
        ("a.JSON", ("a.JSON", "")),
        ("/x/a.yml#b", ("/x/a.yml", "b")),
    ],
)
def test_a_path_and_an_id_are_split(text: str, parts: tuple[str, str]) -> None:
    assert ConfigParser.split_path_id(text) == parts


# --- parsing ---


def test_parsing_writes_out_macros_and_relative_ids() -> None:
    parser = ConfigParser({"a": "%b", "b": {"x": "@::y", "y": "$@#x + @##c"}, "c": "@a#x", "d": "@a#x ?? 5"})
    parser.parse()
    assert parser.config == {
        "a": {"x": "@a::y", "y": "$@a::x + @c"},
        "b": {"x": "@b::y", "y": "$@b::x + @c"},
        "c": "@a::x",
        "d": "@a::x ?? 5",
    }
    again = ConfigParser({"a": "%b", "b": "@::c", "c": 1})
    again.resolve_macro_and_relative_ids()
    assert again.config == {"a": "@c", "b": "@c", "c": 1}


@pytest.mark.parametrize("text", ["color #fff", "https://a.b/c#d::e", "# comment", "a::b", "#", "a @b#c", "@my-key#x"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:  # section 8, 1
    parser = ConfigParser({"a": text})
    parser.parse()
    assert parser.get_parsed_content("a") == text
    assert parser["a"] == text


def test_parsing_forgets_values_or_keeps_them() -> None:
    parser = ConfigParser({"a": "$object()"})
    first = parser.get_parsed_content("a")
    parser.parse(reset=False)
    assert parser.get_parsed_content("a") is first
    parser.parse()
    assert parser.get_parsed_content("a") is not first


def test_the_resolver_tells_what_is_known() -> None:
    parser = ConfigParser({"a": "$1 + 1", "b": ["@a"]})
    assert isinstance(parser.ref_resolver, ReferenceResolver)
    assert not parser.ref_resolver.is_resolved()
    parser.get_parsed_content("b")
    assert parser.ref_resolver.is_resolved()
    assert parser.ref_resolver.resolved_content["b"] == [2]


# --- asking ---


def test_dependencies_and_dependents() -> None:
    parser = ConfigParser(
        {
            "lr": 0.1,
            "net": {"_target_": "dict", "l": [1]},
            "opt": {"_target_": "dict", "lr": "@lr", "p": "$@net.parameters() + @##lr", "d": "@momentum ?? @lr"},
            "x": "@net::l::0",
            "y": "$'@lr'",
            "z": "%x",
        }
    )
    assert parser.dependencies("opt") == ["lr", "net", "momentum"]
    assert parser.dependencies("opt::p") == ["net", "lr"]
    assert parser.dependencies("lr") == []
    assert parser.dependencies("") == ["lr", "net", "momentum", "net::l::0"]
    assert parser.dependents("lr") == ["opt::lr", "opt::p"]
    assert parser.dependents("net") == ["opt::p", "x", "z"]
    assert parser.dependents("net::l") == ["opt::p", "x", "z"]
    assert parser.dependents("y") == []
    for ask in (parser.dependencies, parser.dependents):
        with pytest.raises(IdNotFoundError):
            ask("nothing")


def test_the_config_as_plain_data() -> None:
    parser = ConfigParser({"a": "%b", "b": ["$1 + 1"], "c": {"_target_": "dict", "x": "@b"}})
    assert parser.to_dict() == {"a": ["$1 + 1"], "b": ["$1 + 1"], "c": {"_target_": "dict", "x": "@b"}}
    assert parser.to_dict(resolved=True) == {"a": [2], "b": [2], "c": {"x": [2]}}
    assert json.loads(json.dumps(parser.to_dict())) == parser.config


@pytest.mark.parametrize(
    ("override", "unused"),
    [
        pytest.param({"lr": 1}, {}, id="an id of the config"),
        pytest.param({"train::epochs": 1}, {}, id="inside of a mapping"),
        pytest.param({"net::dropout": 1}, {}, id="a new argument of a component"),
        pytest.param({"net::more::deep": 1}, {}, id="inside of a new argument"),
        pytest.param({"wanted": 1}, {}, id="something refers to it"),
        pytest.param({"wanted_deep::x": 1}, {}, id="something refers to what is inside of it"),
        pytest.param({"copied::new": 1}, {}, id="a macro copies it"),
        pytest.param({"_meta_::version": 1}, {}, id="metadata"),
        pytest.param({"used": 1}, {}, id="used from outside"),
        pytest.param({"lrr": 1}, {"lrr": "; did you mean 'lr'?"}, id="misspelt"),
        pytest.param({"train::epoch": 1}, {"train::epoch": "; did you mean 'train::epochs'?"}, id="misspelt inside"),
        pytest.param({"epochs": 1}, {"epochs": "; did you mean 'train::epochs'?"}, id="at the wrong place"),
        pytest.param({"quux": 1}, {"quux": ""}, id="nothing similar"),
        pytest.param({"+quux": [1]}, {"quux": ""}, id="merged into nothing"),
        pytest.param({"quux::x": 1, "~quux": None}, {}, id="taken back"),
        pytest.param({"lr": 1, "a": 1, "b": 1}, {"a": "", "b": ""}, id="several"),
    ],
)
def test_overrides_that_reach_nothing(override: dict[str, Any], unused: dict[str, str]) -> None:  # section 5
    parser = ConfigParser(
        {"lr": 0.1, "train": {"epochs": 2}, "net": {"_target_": "dict"}, "e": "$@wanted ?? 1",
         "r": "@wanted_deep::x ?? 1", "m": "%copied", "copied": {"x": 1}}
    )  # fmt: skip
    parser.override(override)
    expected = {
        id: f"the override '{id}' has no effect: no config has that id, and nothing refers to it{end}"
        for id, end in unused.items()
    }
    assert parser.unused_overrides("used") == expected


# --- freezing ---


def test_a_frozen_parser_is_read_only(write: Write) -> None:
    write("a.yaml", "b: 1\n")
    parser = ConfigParser({"a": [1], "b": "$2"})
    parser.freeze()
    writes: list[Callable[[], Any]] = [
        lambda: parser.__setitem__("a", 2),
        lambda: parser.set(2, "a"),
        lambda: parser.set({}),
        lambda: parser.update({"a": 2}),
        lambda: parser.delete("a"),
        lambda: parser.override({"a": 2}),
        lambda: parser.override({"~a": None}),
        lambda: parser.read_config("a.yaml"),
        lambda: parser.read_meta("a.yaml"),
        lambda: setattr(parser, "a", 2),
    ]
    for write_it in writes[:-1]:
        with pytest.raises(FrozenError, match="the config is frozen") as caught:
            write_it()
        assert isinstance(caught.value, TypeError)
    parser["a"].append(2)
    assert parser["a"] == [1]
    assert parser.get_parsed_content() == {"a": [1], "b": 2}
    twin = copy.copy(parser)
    twin["a"] = 3
    assert (twin["a"], parser["a"]) == (3, [1])


# --- copies ---


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda parser: pickle.loads(pickle.dumps(parser))])
def test_a_copy_is_unresolved_and_independent(probe: Any, duplicate: Callable[[Any], Any]) -> None:
    parser = ConfigParser(
        {"a": {"_target_": "probe.build", "label": "a"}, "l": [1]}, excludes="monai.x", globals={"np": "math"}
    )
    made = parser.get_parsed_content("a")
    twin = duplicate(parser)
    assert type(twin) is ConfigParser
    assert twin.config == parser.config
    assert twin.get_parsed_content("a") is not made
    assert len(probe.calls) == 2
    twin["l::0"] = 5
    assert parser["l"] == [1]
    twin["pi"] = "$np.pi > 3"
    assert twin.get_parsed_content("pi") is True
    assert twin.locator.excludes == ("monai.x",)


def test_modules_among_the_globals_are_pickled_by_name() -> None:
    parser = ConfigParser({"a": "$js.loads('[1]')"}, globals={"js": json})
    assert pickle.loads(pickle.dumps(parser)).get_parsed_content("a") == [1]


class Subclass(ConfigParser):
    """A parser of one's own."""


def test_a_copy_is_of_the_same_class() -> None:
    assert type(copy.copy(Subclass({"a": 1}))) is Subclass


def test_a_parser_is_shown_by_its_config() -> None:
    assert repr(ConfigParser({"a": "$1"})) == "{'a': '$1'}"


# --- errors leave the parser usable ---


def test_an_override_that_does_not_fit_leaves_the_rest() -> None:
    parser = ConfigParser({"a": {"x": 1}, "b": "$1 + 1"})
    with pytest.raises(MergeError):
        parser.override({"+a": [1]})
    assert parser.get_parsed_content() == {"a": {"x": 1}, "b": 2}


def test_a_file_that_cannot_be_read_leaves_the_config(write: Write) -> None:
    parser = ConfigParser({"a": 1})
    write("good.yaml", "b: 1\n")
    write("bad.yaml", "b: [1\n")
    with pytest.raises(InputError):
        parser.read_config(["good.yaml", "bad.yaml"])
    assert parser.config == {"a": 1}


def test_a_macro_that_leads_nowhere_can_be_mended() -> None:
    parser = ConfigParser({"a": "%b::x", "c": "%d", "d": 1})
    for _ in range(2):
        with pytest.raises(IdNotFoundError):
            parser.get_parsed_content("c")
    parser["b"] = {"x": 5}
    assert parser.get_parsed_content() == {"a": 5, "c": 1, "d": 1, "b": {"x": 5}}
