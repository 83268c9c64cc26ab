"""Resolving: section 6 of the language."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bundle_engine import BundleEngineWarning, ConfigComponent, ConfigExpression, ConfigParser
from bundle_engine.errors import (
    IdNotFoundError,
)


def build(label: str, **more: Any) -> dict[str, Any]:
    return {"_target_": "probe.build", "label": label, **more}


# --- one object per id ---


def test_there_is_one_object_per_id(probe: Any) -> None:
    parser = ConfigParser({"a": {"l": [build("x"), {"y": "$object()"}], "r": "@a::l"}, "e": "$@a::l"})
    a = parser.get_parsed_content("a")
    assert a["l"] is parser.get_parsed_content("a::l") is a["r"] is parser.get_parsed_content("e")
    assert a["l"][1] is parser.get_parsed_content("a::l::1")
    assert a["l"][1]["y"] is parser.get_parsed_content("a#l#1#y")
    assert parser.get_parsed_content("")["a"] is a
    assert parser.get_parsed_content("a") is a


@pytest.mark.parametrize("ids", [["a::l", "a", ""], ["", "a", "a::l"], ["a", "", "a::l"]])
def test_in_whatever_order_they_are_asked_for(probe: Any, ids: list[str]) -> None:
    parser = ConfigParser({"a": {"l": [build("x")]}})
    found = {id: parser.get_parsed_content(id) for id in ids}
    assert found[""]["a"] is found["a"]
    assert found["a"]["l"] is found["a::l"]
    assert probe.calls == ["x"]


# --- questions that leave the cache as it was ---


@pytest.mark.parametrize(
    ("options", "kinds"),
    [({"instantiate": False}, (ConfigComponent, int)), ({"eval_expr": False}, (ConfigComponent, ConfigExpression))],
)
def test_questions_leave_the_cache_as_it_was(probe: Any, options: dict[str, bool], kinds: tuple[type, ...]) -> None:
    parser = ConfigParser({"a": build("a"), "e": "$1 + 1", "both": ["@a", "@e"]})
    asked = parser.get_parsed_content("both", **{"instantiate": False, **options})
    assert tuple(map(type, asked)) == kinds
    assert probe.calls == []
    made = parser.get_parsed_content("both")
    assert probe.calls == ["a"]
    parser.get_parsed_content("both", **{"instantiate": False, **options})
    assert parser.get_parsed_content("both") is made


def test_lazy_false_answers_anew(probe: Any) -> None:
    parser = ConfigParser({"a": build("a"), "b": "@a"})
    kept = parser.get_parsed_content("a")
    anew = parser.get_parsed_content("b", lazy=False)
    assert anew is not kept
    assert parser.get_parsed_content("a") is kept
    assert len(probe.calls) == 2


def test_a_step_may_be_evaluated_again(probe: Any) -> None:
    parser = ConfigParser(
        {"run": ["$@trainer.value.append(1)", build("step")], "trainer": {"_target_": "probe.Box", "value": []}}
    )
    for _ in range(2):
        parser.evaluate("run::0")
        parser.evaluate("run::1")
    assert parser.get_parsed_content("trainer").value == [1, 1]  # what a step refers to is kept
    assert probe.calls == ["step", "step"]
    with pytest.raises(IdNotFoundError):
        parser.evaluate("nothing")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'instanciate'"):
        ConfigParser({}).get_parsed_content("", instanciate=False)


# --- setting an id ---


def test_setting_an_id_drops_what_depends_on_it_and_only_that(probe: Any) -> None:
    config = {
        "lr": 0.1,
        "net": build("net"),
        "data": [build("data")],
        "opt": build("opt", value="@lr", _args_=["@net"]),
        "trainer": {"opt": "@opt", "net": "@net"},
        "doubled": "$@lr * 2",
        "quadrupled": "$@doubled * 2",
    }
    config["opt"] = {"_target_": "probe.build", "_args_": ["opt", "@net"], "value": "@lr"}
    parser = ConfigParser(config)
    before = parser.get_parsed_content()
    probe.calls.clear()
    parser["lr"] = 0.2
    after = parser.get_parsed_content()
    assert probe.calls == ["opt"]
    assert after["net"] is before["net"]
    assert after["data"] is before["data"]
    assert after["opt"].value == 0.2
    assert after["opt"].other == (before["net"],)
    assert after["trainer"]["opt"] is after["opt"]
    assert (after["doubled"], after["quadrupled"]) == (0.4, 0.8)
    assert before["opt"].value == 0.1


@pytest.mark.parametrize(
    ("set", "value", "found"),
    [
        pytest.param("o", {"x": 5}, {"a": 5, "b": 6, "l": [5]}, id="what the id stands in"),
        pytest.param("o::x", 6, {"a": 6, "b": 7, "l": [6]}, id="the id"),
        pytest.param("l::0", 7, {"a": 1, "b": 2, "l": [7]}, id="an item"),
        pytest.param("o::y", 7, {"a": 1, "b": 2, "l": [1]}, id="a sibling"),
        pytest.param("a", "@o::z ?? 9", {"a": 9, "b": 2, "l": [1]}, id="another reference"),
        pytest.param("b", {"_target_": "dict", "x": "@a"}, {"a": 1, "b": {"x": 1}, "l": [1]}, id="another kind"),
    ],
)
def test_values_follow_what_they_refer_to(set: str, value: Any, found: dict[str, Any]) -> None:
    parser = ConfigParser({"o": {"x": 1}, "a": "@o::x", "b": "$@o::x + 1", "l": ["@o::x"]})
    parser.get_parsed_content()
    parser[set] = value
    assert {id: parser.get_parsed_content(id) for id in "abl"} == found
    assert {id: parser.get_parsed_content()[id] for id in "abl"} == found


def test_setting_what_a_resolved_value_is_made_of() -> None:
    parser = ConfigParser({"n": 1, "data": "$dict(x=[@n])", "a": "@data::x::0"})
    assert parser.get_parsed_content("a") == 1
    parser["n"] = 2
    assert parser.get_parsed_content("a") == 2


def test_deleting_an_id(probe: Any) -> None:
    parser = ConfigParser({"l": [build("0"), build("1"), build("2")], "a": "@l::1", "o": {"x": 1}})
    parser.get_parsed_content()
    parser.delete("l::0")
    parser.delete("o::x")
    assert parser.get_parsed_content("a").value == "2"
    assert parser.get_parsed_content("o") == {}
    with pytest.raises(IdNotFoundError):
        parser.delete("o::x")


def test_disabling_and_enabling(probe: Any) -> None:
    parser = ConfigParser({"off": True, "l": [build("x", _disabled_="@off")], "a": "@l::0"})
    assert (parser.get_parsed_content("l"), parser.get_parsed_content("a")) == ([], None)
    parser["off"] = False
    assert parser.get_parsed_content("l") == [parser.get_parsed_content("a")] != [None]
    parser["off"] = True
    assert parser.get_parsed_content("l") == []


# --- threads ---


def test_each_value_is_built_once_whatever_threads_ask(probe: Any) -> None:
    def slow() -> object:
        probe.calls.append("slow")
        time.sleep(0.02)
        return object()

    probe.slow = slow
    parser = ConfigParser({"a": {"_target_": "probe.slow"}, "l": ["@a", {"_target_": "probe.slow"}], "e": "$@l[1]"})
    found: list[Any] = []
    barrier = threading.Barrier(8)

    def ask(id: str) -> None:
        barrier.wait()
        found.append((id, parser.get_parsed_content(id)))

    threads = [threading.Thread(target=ask, args=(id,)) for id in ("a", "l", "e", "") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(probe.calls) == 2
    for id in ("a", "l", "e"):
        assert len({builtins_id(value) for asked, value in found if asked == id}) == 1


def builtins_id(value: Any) -> int:
    return id(value)


# --- variables ---


def test_expressions_stay_text_when_a_variable_says_so(monkeypatch: pytest.MonkeyPatch) -> None:  # section 7
    monkeypatch.setenv("MONAI_EVAL_EXPR", "0")
    parser = ConfigParser({"a": "$1 + 1"})
    monkeypatch.delenv("MONAI_EVAL_EXPR")
    assert parser.get_parsed_content("a") == "1 + 1"
    assert ConfigParser({"a": "$1 + 1"}).get_parsed_content("a") == 2


def test_expressions_run_under_pdb_when_a_variable_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import pdb

    ran = []
    monkeypatch.setattr(pdb, "run", lambda code, table: ran.append(eval(code, table)))
    monkeypatch.setenv("MONAI_DEBUG_CONFIG", "1")
    with pytest.warns(BundleEngineWarning, match="under pdb"):
        ConfigParser({"a": "$@b + 1", "b": 1}).get_parsed_content("a")
    assert ran == [2]


def test_components_stop_in_pdb_when_a_variable_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stops = []
    monkeypatch.setattr("builtins.breakpoint", lambda: stops.append(1))
    monkeypatch.setenv("MONAI_DEBUG_CONFIG", "1")
    with pytest.warns(BundleEngineWarning, match="stopping before dict is called"):
        assert ConfigParser({"a": {"_target_": "dict", "x": 1}}).get_parsed_content("a") == {"x": 1}
    assert stops == [1]
