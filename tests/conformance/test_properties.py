"""What holds for all configs: of merging, of macros, of resolving, of changes, of copies, of threads."""

from __future__ import annotations

import contextlib
import copy
import pickle
import random
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bundle_engine import ConfigParser
from bundle_engine.config import merge, tree
from bundle_engine.config.origins import Origins
from bundle_engine.config.source import CODE
from bundle_engine.errors import BundleEngineError, FrozenError

from .oracle import assert_same, we_say
from .strategies import NAMES, SCALARS, configs, ids

# plain data without the characters that mean something
DATA = st.recursive(
    st.one_of(st.integers(-3, 3), st.none(), st.sampled_from(["x", "y"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from(NAMES), DATA, max_size=4)


class Built:
    """An object that counts how often its label was built."""

    def __init__(self, label: str, **needs: Any) -> None:
        with _counting:
            calls[label] += 1
        self.label = label
        self.needs = needs


calls: Counter[str] = Counter()
_counting = threading.Lock()


@pytest.fixture(autouse=True)
def _module(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("counting_targets")
    module.Built = Built  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "counting_targets", module)


# --- merging ---


def merged(*documents: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for document in documents:
        merge.apply(result, tree.copy(document), CODE, Origins())
    return result


def deep(old: Any, new: Any) -> Any:
    """Merge as the language says, in the plainest way."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: deep(old[key], new[key]) if key in old else new[key] for key in new}}
    return new


@given(old=MAPPINGS, new=MAPPINGS)
def test_merging_mappings_goes_deep_key_by_key(old: Any, new: Any) -> None:
    assert merged({"a": old}, {"+a": new}) == {"a": deep(old, new)}


def fit(*values: Any) -> bool:
    """Tell whether mappings meet mappings only, so that none takes the place of another kind on the way."""
    if not all(isinstance(value, dict) for value in values):
        return not any(isinstance(value, dict) for value in values)
    keys = {key for value in values for key in value}
    return all(fit(*(value[key] for value in values if key in value)) for key in keys)


@given(old=MAPPINGS, new=MAPPINGS, last=MAPPINGS)
def test_merging_mappings_is_associative(old: Any, new: Any, last: Any) -> None:
    assume(fit(old, new, last))
    assert merged({"a": old}, {"+a": new}, {"+a": last}) == merged({"a": old}, {"+a": deep(new, last)})


@given(old=st.lists(DATA), new=st.lists(DATA), last=st.lists(DATA))
def test_merging_lists_appends_and_is_associative(old: Any, new: Any, last: Any) -> None:
    assert merged({"a": old}, {"+a": new}, {"+a": last}) == {"a": [*old, *new, *last]}


@given(document=MAPPINGS, later=MAPPINGS)
def test_a_document_without_operators_counts_once(document: Any, later: Any) -> None:
    assert merged(document, later, later) == merged(document, later) == {**document, **later}


@given(document=MAPPINGS.filter(bool), value=DATA)
def test_deleting_takes_back_what_was_added(document: Any, value: Any) -> None:
    assert merged(document, {"new": value}, {"~new": None}) == document
    assert merged({"a": document}, {"a::new": value}, {"~a::new": None}) == {"a": document}


@given(old=MAPPINGS, new=MAPPINGS)
def test_merging_leaves_what_the_caller_gave_as_it_is(old: Any, new: Any) -> None:
    before = copy.deepcopy((old, new))
    parser = ConfigParser({"a": old})
    parser.override({"+a": new, "b": new})
    parser["b"]["changed"] = 1
    parser.get_parsed_content()
    assert (old, new) == before


# --- macros ---


def resolved(parser: ConfigParser) -> dict[str, Any]:
    """Give the value, or the kind of error, of every id, also of those that macros copy."""
    parser.parse(reset=False)
    values = {}
    for id in ["", *ids(parser.get())]:
        try:
            values[id] = we_say(lambda p: p.get_parsed_content(id), parser)  # noqa: B023  used at once
        except BundleEngineError as error:
            values[id] = type(error)
    return values


@given(config=configs(), times=st.integers(2, 3))
def test_parsing_again_changes_nothing(config: Any, times: int) -> None:
    once, more = ConfigParser(config), ConfigParser(config)
    once.parse()
    for _ in range(times):
        more.parse()
    assert_same(more.get(), once.get())
    assert_same(resolved(more), resolved(ConfigParser(config)))


@given(config=configs(), seed=st.integers(0, 1000))
def test_the_order_of_keys_does_not_matter(config: Any, seed: int) -> None:
    shuffled = list(config.items())
    random.Random(seed).shuffle(shuffled)
    values = resolved(ConfigParser(config))
    if any(isinstance(value, type) for value in values.values()):
        return  # which of several errors is found first depends on the order
    others = resolved(ConfigParser(dict(shuffled)))
    for id in values.keys() - {""}:
        assert_same(others[id], values[id], id)


# --- resolving ---


def pairs(config: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Give each id of a mapping or a list inside of plain containers, with the key of each of its items."""
    if "_target_" in config:
        return
    for key, item in config.items() if isinstance(config, dict) else enumerate(config):
        yield "::".join(map(str, path)), key
        if isinstance(item, (dict, list)):
            yield from pairs(item, (*path, key))


@given(config=configs(), seed=st.integers(0, 1000))
def test_each_id_has_one_object(config: Any, seed: int) -> None:
    parser = ConfigParser(config)
    every = ["", *ids(config)]
    random.Random(seed).shuffle(every)
    for id in every:
        try:
            first = we_say(lambda p: p.get_parsed_content(id), parser)  # noqa: B023
        except BundleEngineError:
            return
        assert parser.get_parsed_content(id) is first
    for id, key in pairs(parser.get()):
        container = parser.get_parsed_content(id)
        inner = parser.get_parsed_content(f"{id}::{key}" if id else str(key))
        if isinstance(container, dict) and key in container:
            assert container[key] is inner


@given(config=configs(), options=st.sampled_from([{"instantiate": False}, {"eval_expr": False}, {"lazy": False}]))
def test_other_questions_leave_the_values_as_they_are(config: Any, options: Any) -> None:
    parser = ConfigParser(config)
    before = resolved(parser)
    for id in before:
        try:
            we_say(lambda p: p.get_parsed_content(id, **options), parser)  # noqa: B023
        except (BundleEngineError, Warning):
            continue
    after = resolved(parser)
    assert all(after[id] is before[id] for id in before)


def components(draw: Any) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """Draw components over values and over each other; tell what each depends on."""
    count = draw(st.integers(1, 7))
    config: dict[str, Any] = {f"v{i}": i for i in range(count)}
    config["group"] = {"inner": 5, "list": [1, 2]}
    needs: dict[str, set[str]] = {}
    known = [*(f"v{i}" for i in range(count)), "group", "group::inner", "group::list", "group::list::1"]
    for i in range(count):
        name = f"c{i}"
        chosen = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
        config[name] = {"_target_": "counting_targets.Built", "label": name}
        for j, target in enumerate(chosen):
            form = draw(st.sampled_from(["@{0}", "$@{0}", "$[@{0}]", "$(lambda: @{0})()"]))
            config[name][f"x{j}"] = form.format(target)
        needs[name] = set(chosen).union(*(needs.get(target, set()) for target in chosen))
        known.append(name)
    return config, needs


@given(drawn=st.composite(components)(), data=st.data())
def test_a_change_rebuilds_what_depends_on_it_and_nothing_else(drawn: Any, data: Any) -> None:
    config, needs = drawn
    calls.clear()
    parser = ConfigParser(config)
    parser.get_parsed_content()
    assert calls == Counter(needs.keys())
    target = data.draw(st.sampled_from([*config, "group::inner", "group::list", "group::list::0"]), label="changed")
    before = {name: parser.get_parsed_content(name) for name in needs}
    calls.clear()
    parser[target] = {"group": {"inner": 6, "list": [3, 4]}, "group::list": [3, 4]}.get(target, config.get(target, 9))
    parser.get_parsed_content()

    def touched(need: str) -> bool:
        return need == target or need.startswith(f"{target}::") or target.startswith(f"{need}::")

    expected = {name for name in needs if name == target or any(touched(need) for need in needs[name])}
    assert calls == Counter(expected)
    assert {name for name in needs if parser.get_parsed_content(name) is not before[name]} == expected


TEXTS = [
    "@a", "@b::x1", "$[@a, @net]", "@c ?? 1", "@c::a ?? @a ?? 2", "$(@b ?? 3, @net::a ?? @x1 ?? 4)", "%a", "%b::c",
    "$dict(a=[5])", "$@b::a", "@a::a::0 ?? 6", "\\$", "???",
]  # fmt: skip
PARTS = st.one_of(
    SCALARS,
    st.sampled_from(TEXTS),
    st.sampled_from(
        [{"a": "@net ?? 7"}, ["%b", "@::0"], {"_target_": "dict", "x": "@a ?? 8", "_disabled_": "@b ?? False"}]
    ),
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "new", "delete", "override", "append", "take back", "ask", "ask"]),
        st.integers(0, 1000),
        st.sampled_from(NAMES),
        PARTS,
    ),
    min_size=1,
    max_size=8,
)


def change(parser: ConfigParser, kind: str, id: str, name: str, value: Any) -> None:
    if kind == "set":
        parser[id] = value
    elif kind == "new":
        parser.set(value, f"{name}::{name}")
    elif kind == "delete":
        parser.delete(id)
    elif kind == "override":
        parser.override({id: value, name: value})
    elif kind == "append":
        parser.override({f"+{id}": [value]})
    elif kind == "take back":
        parser.override({f"~{id}": None})
    else:
        parser.get_parsed_content(id)


@given(config=configs(odd_keys=False, imports=False), changes=CHANGES)  # names stay bound, here as in MONAI's parser
def test_values_after_changes_are_those_of_a_new_parser(config: Any, changes: list[Any]) -> None:
    parser = ConfigParser(config)
    for kind, index, name, value in changes:
        every = [*ids(parser.get())] or ["a"]
        with contextlib.suppress(BundleEngineError):
            we_say(lambda p: change(p, kind, every[index % len(every)], name, value), parser)  # noqa: B023
    try:
        values = resolved(parser)
    except BundleEngineError:
        return  # a macro leads nowhere
    assert_same(values, resolved(ConfigParser(parser.get())))


@given(drawn=st.composite(components)(), seed=st.integers(0, 1000))
def test_threads_build_each_value_once(drawn: Any, seed: int) -> None:
    config, needs = drawn
    calls.clear()
    parser = ConfigParser(config)
    start = threading.Barrier(4)
    found: list[dict[str, Any]] = []

    def work(number: int) -> None:
        every = ["", *needs]
        random.Random(seed + number).shuffle(every)
        start.wait()
        found.append({id: parser.get_parsed_content(id) for id in every})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == Counter(needs.keys())
    assert all(values[id] is found[0][id] for values in found for id in values)


# --- copies ---


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=["copy", "deepcopy", "pickle"]
)
@given(config=configs(), first=st.booleans())
def test_a_copy_is_the_same_config_and_independent(twin: Any, config: Any, first: bool) -> None:
    parser = ConfigParser(config)
    values = resolved(parser) if first else None
    other = twin(parser)
    assert_same(other.get(), parser.get())
    assert_same(resolved(other), values or resolved(parser))
    other["new"] = 1
    assert "new" not in parser


@given(config=configs(), key=st.sampled_from(NAMES), value=SCALARS)
def test_a_frozen_parser_reads_the_same_and_takes_no_writes(config: Any, key: str, value: Any) -> None:
    parser = ConfigParser(config)
    parser.freeze()
    assert_same(parser.get(), config)
    assert_same(resolved(parser), resolved(ConfigParser(config)))
    text = copy.deepcopy(parser.get())
    parser.get()[key] = value  # a copy
    writes: list[Callable[[], Any]] = [
        lambda: parser.set(value, key),
        lambda: parser.__setitem__(key, value),
        lambda: parser.update({key: value}),
        lambda: parser.override({key: value}),
        lambda: parser.delete(key),
        lambda: parser.read_config({key: value}),
        lambda: parser.read_meta({key: value}),
    ]
    for write in writes:
        with pytest.raises(FrozenError):
            write()
    assert_same(parser.get(), text)
