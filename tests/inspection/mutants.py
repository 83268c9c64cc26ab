"""Mistakes that people make in configs: each kind changes one place of a good config at random."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Path_ = tuple[Any, ...]


class Mutant(NamedTuple):
    """A config with one mistake.

    Attributes:
        kind: which mistake.
        text: the config.
        ids: where it has to be told; one of them is enough.
        what: the change, for people.
    """

    kind: str
    text: str
    ids: frozenset[str]
    what: str


class NotHere(Exception):
    """A config has no place for a mistake."""


def written(path: Path_) -> str:
    return "::".join(map(str, path))


def walk(root: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    yield path, root
    pairs = root.items() if isinstance(root, dict) else enumerate(root) if isinstance(root, list) else ()
    for key, value in pairs:
        yield from walk(value, (*path, key))


def get(root: Any, path: Path_) -> Any:
    for key in path:
        root = root[key]
    return root


def put(root: Any, path: Path_, value: Any) -> None:
    get(root, path[:-1])[path[-1]] = value


def slip(word: str, rng: random.Random) -> str:
    """Mistype a word: leave a letter out, double one, swap two, or hit another key."""
    letters = [i for i, c in enumerate(word) if c.isalpha()]
    if not letters:
        raise NotHere
    for _ in range(100):
        i = rng.choice(letters)
        kind = rng.randrange(4)
        if kind == 0 and len(word) > 2:
            changed = word[:i] + word[i + 1 :]
        elif kind == 1:
            changed = word[: i + 1] + word[i:]
        elif kind == 2 and i + 1 < len(word):
            changed = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        else:
            changed = word[:i] + rng.choice("abcdefghijklmnopqrstuvwxyz") + word[i + 1 :]
        if changed != word and changed.isidentifier():
            return changed
    raise NotHere


def choose(rng: random.Random, places: list[Any]) -> Any:
    if not places:
        raise NotHere
    return rng.choice(places)


def strings(config: Any, pattern: str) -> list[tuple[Path_, str]]:
    return [(p, v) for p, v in walk(config) if isinstance(v, str) and re.search(pattern, v) and "_meta_" not in p]


def components(config: Any) -> list[tuple[Path_, dict[str, Any]]]:
    return [(p, v) for p, v in walk(config) if isinstance(v, dict) and isinstance(v.get("_target_"), str)]


def built(config: Any) -> list[tuple[Path_, dict[str, Any]]]:
    return [(p, v) for p, v in components(config) if v["_target_"][0] not in "$@%"]


def arguments(component: dict[str, Any]) -> list[str]:
    return [key for key in component if not key.startswith("_")]


Change = Callable[[Any, random.Random], tuple[set[str], str]]
KINDS: dict[str, Change] = {}


def kind(function: Change) -> Change:
    KINDS[function.__name__] = function
    return function


@kind
def misspelt_target(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, component = choose(rng, built(config))
    before, dot, last = component["_target_"].rpartition(".")
    component["_target_"] = f"{before}{dot}{slip(last, rng)}"
    return {written(path), written((*path, "_target_"))}, component["_target_"]


@kind
def misspelt_package(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, component = choose(rng, [(p, c) for p, c in built(config) if "." in c["_target_"]])
    first, dot, rest = component["_target_"].partition(".")
    component["_target_"] = f"{slip(first, rng)}{dot}{rest}"
    return {written(path), written((*path, "_target_"))}, component["_target_"]


@kind
def misspelt_argument(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, component = choose(rng, [(p, c) for p, c in built(config) if arguments(c)])
    name = rng.choice(arguments(component))
    changed = slip(name, rng)
    if changed in component:
        raise NotHere
    items = [(changed if key == name else key, value) for key, value in component.items()]
    component.clear()
    component.update(items)
    return {written((*path, changed)), written(path)}, f"{name} -> {changed}"


@kind
def extra_argument(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, component = choose(rng, [(p, c) for p, c in built(config) if _is_closed(c["_target_"])])
    name = rng.choice(["keyz", "verbosity", "learning_rate", "batchsize", "use_gpu"])
    component[name] = 1
    return {written((*path, name)), written(path)}, name


@kind
def missing_argument(config: Any, rng: random.Random) -> tuple[set[str], str]:
    places = [(p, c, n) for p, c in built(config) if "_args_" not in c for n in required(c["_target_"]) if n in c]
    path, component, name = choose(rng, places)
    del component[name]
    return {written(path), written((*path, name))}, name


@kind
def misspelt_reference(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^[@$].*@\w|^@\w"))
    found = rng.choice(list(re.finditer(r"@(?:::|#)*(\w+(?:(?:::|#)\w+)*)", text)))
    words = re.split(r"(::|#)", found[1])
    roots = (
        [0] if not isinstance(get(config, (words[0],)) if words[0] in config else None, dict) else [0, len(words) - 1]
    )
    number = rng.choice(roots)
    changed = slip(words[number], rng)
    words[number] = changed
    whole = text[: found.start(1)] + "".join(words) + text[found.end(1) :]
    if changed in config:
        raise NotHere
    put(config, path, whole)
    return {written(path)}, whole


@kind
def open_value(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, _ = choose(rng, _scalars(config))
    put(config, path, "???")
    return {written(path)}, "???"


@kind
def broken_expression(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^\$.*[)\]]"))
    if text.startswith("$import") or text.startswith("$from"):
        raise NotHere
    i = rng.choice([i for i, c in enumerate(text) if c in ")]"])
    changed = text[:i] + text[i + 1 :]
    try:
        compile(re.sub(r"@[\w:#]+", "x", changed[1:]).strip(), "", "eval")
    except SyntaxError:
        put(config, path, changed)
        return {written(path)}, changed
    raise NotHere


@kind
def unbound_name(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(
        rng, strings(config, r"^\$(?!import|from).*\b(torch|monai|os|len|list|print|sorted|str|tuple)\b[.(]")
    )
    found = rng.choice(
        list(re.finditer(r"(?<![\w.@:'\"/])(torch|monai|os|len|list|print|sorted|str|tuple)(?=[.(])", text)) or [None]
    )
    if found is None:
        raise NotHere
    changed = slip(found[1], rng)
    if changed in dir(__builtins__) or hasattr(__builtins__, changed):
        raise NotHere
    whole = text[: found.start()] + changed + text[found.end() :]
    put(config, path, whole)
    return {written(path)}, whole


@kind
def misspelt_attribute(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^\$.*(torch|monai)\.[\w.]+\("))
    found = rng.choice(list(re.finditer(r"(?<![\w.@:])((?:torch|monai)(?:\.\w+)*)\.(\w+)\(", text)) or [None])
    if found is None:
        raise NotHere
    changed = slip(found[2], rng)
    whole = text[: found.start(2)] + changed + text[found.end(2) :]
    put(config, path, whole)
    return {written(path)}, whole


@kind
def missing_package(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^\$(import|from) \w+"))
    found = re.match(r"\$(?:import|from) (\w+)", text)
    assert found is not None
    whole = text[: found.start(1)] + slip(found[1], rng) + "x" + text[found.end(1) :]
    put(config, path, whole)
    return {written(path)}, whole


@kind
def words_for_a_number(config: Any, rng: random.Random) -> tuple[set[str], str]:
    places = [
        (p, c, n) for p, c in built(config) for n in c if type(c[n]) in (int, float) and n in numeric(c["_target_"])
    ]
    path, component, name = choose(rng, places)
    component[name] = rng.choice(["three", "large", "1,5", "0.1 "])
    return {written((*path, name))}, f"{name}: {component[name]}"


@kind
def number_as_text(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, value = choose(rng, [(p, v) for p, v in walk(config) if type(v) is float and 0 < abs(v) < 0.1])
    put(config, path, f"{value:e}")
    return {written(path)}, f"{value:e}"


@kind
def circle(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^@\w+(::\w+)*$"))
    target = tuple(text[1:].split("::"))
    try:
        value = get(config, target)
    except (LookupError, TypeError):
        raise NotHere from None
    if isinstance(value, (dict, list)):
        raise NotHere
    put(config, target, f"@{written(path)}")
    return {written(path), written(target)}, f"{written(target)}: @{written(path)}"


@kind
def blank_behind_reference(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^@\w+(::\w+)*$"))
    put(config, path, f"{text} ")
    return {written(path)}, f"{text!r} with a blank"


@kind
def hyphen_in_reference(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^@\w*[a-z]_\w+(::\w+)*$"))
    put(config, path, text.replace("_", "-", 1))
    return {written(path)}, text.replace("_", "-", 1)


@kind
def no_dollar(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, text = choose(rng, strings(config, r"^\$(torch|os|monai|@\w+)[\w.:@]*\("))
    put(config, path, text[1:])
    return {written(path)}, text[1:]


@kind
def misspelt_special_key(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, component = choose(rng, components(config))
    changed = rng.choice(["_taget_", "_target", "target_", "_tagret_", "_targets_"])
    items = [(changed if key == "_target_" else key, value) for key, value in component.items()]
    component.clear()
    component.update(items)
    return {written((*path, changed)), written(path)}, changed


@kind
def unknown_mode(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, component = choose(rng, built(config))
    component["_mode_"] = "calable"
    return {written((*path, "_mode_")), written(path)}, "_mode_: calable"


@kind
def missing_metric(config: Any, rng: random.Random) -> tuple[set[str], str]:
    places = [
        (p, c) for p, c in built(config) if isinstance(c.get("key_metric_name"), str) and c.get("save_key_metric")
    ]
    path, component = choose(rng, [(p, c) for p, c in places if c["key_metric_name"][0] not in "@$"])
    component["key_metric_name"] = slip(component["key_metric_name"], rng)
    return {written((*path, "key_metric_name"))}, component["key_metric_name"]


@kind
def misspelt_run(config: Any, rng: random.Random) -> tuple[set[str], str]:
    if "run" not in config:
        raise NotHere
    config[rng.choice(["runs", "rnu", "Run"])] = config.pop("run")
    return {"run"}, "run misspelt"


@kind
def broken_macro(config: Any, rng: random.Random) -> tuple[set[str], str]:
    path, _ = choose(rng, _scalars(config))
    put(config, path, rng.choice(["%no_such_id", "%no_such_file.yaml::key", "%imports::99"]))
    return {written(path)}, "macro"


TEXT_KINDS: dict[str, Callable[[str, Any, random.Random], tuple[str, set[str], str]]] = {}


def text_kind(function: Any) -> Any:
    TEXT_KINDS[function.__name__] = function
    return function


@text_kind
def duplicate_key(text: str, config: Any, rng: random.Random) -> tuple[str, set[str], str]:
    name = choose(rng, [key for key, value in config.items() if not isinstance(value, (dict, list))])
    return text + f"\n{name}: 1\n", {name}, name


@text_kind
def surprising_word(text: str, config: Any, rng: random.Random) -> tuple[str, set[str], str]:
    path, value = choose(rng, [(p, v) for p, v in walk(config) if isinstance(v, bool)])
    changed = copy.deepcopy(config)
    put(changed, path, "@@@")
    word = rng.choice(["on", "yes"] if value else ["off", "no"])
    return dump(changed).replace("'@@@'", word), {written(path)}, word


@text_kind
def syntax_error(text: str, config: Any, rng: random.Random) -> tuple[str, set[str], str]:
    lines = text.split("\n")
    number = rng.choice([i for i, line in enumerate(lines) if re.match(r"[\w]+: \S", line)] or [0])
    lines[number] = lines[number].replace(": ", ": [", 1)
    return "\n".join(lines), {""}, lines[number]


def dump(config: Any) -> str:
    return yaml.safe_dump(config, sort_keys=False, width=1_000)


def mutants(config: dict[str, Any], rng: random.Random, count: int) -> Iterator[Mutant]:
    """Give mutants of a config, of all kinds in turn that it has places for."""
    names = [*KINDS, *TEXT_KINDS]
    seen: set[str] = set()
    made = 0
    for number in range(20 * count):
        name = names[number % len(names)]
        changed = copy.deepcopy(config)
        try:
            if name in KINDS:
                ids, what = KINDS[name](changed, rng)
                text = dump(changed)
            else:
                text, ids, what = TEXT_KINDS[name](dump(config), changed, rng)
        except NotHere:
            continue
        if text in seen or (name in KINDS and changed == config):
            continue
        seen.add(text)
        made += 1
        yield Mutant(name, text, frozenset(ids), what)
        if made == count:
            return


def _scalars(config: Any) -> list[tuple[Path_, Any]]:
    return [
        (p, v)
        for p, v in walk(config)
        if p and isinstance(v, (int, float, str)) and p[0] not in ("_meta_", "imports")
        and (not isinstance(p[-1], str) or not p[-1].startswith("_"))
    ]  # fmt: skip


# --- what the targets really take: by importing them, which `check` never does ---


def _signature(target: str) -> Any:
    import inspect
    import warnings

    from bundle_engine.config.targets import ComponentLocator, Target, locate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = locate(target, ComponentLocator())
        if not isinstance(found, Target):
            return None
        try:
            return inspect.signature(found.callable)
        except (ValueError, TypeError):
            return None


def _is_closed(target: str) -> bool:
    signature = _signature(target)
    return signature is not None and all(p.kind is not p.VAR_KEYWORD for p in signature.parameters.values())


def required(target: str) -> list[str]:
    signature = _signature(target)
    if signature is None:
        return []
    kinds = (3, 1)
    return [p.name for p in signature.parameters.values() if p.default is p.empty and p.kind in kinds]


def numeric(target: str) -> list[str]:
    signature = _signature(target)
    if signature is None:
        return []
    return [p.name for p in signature.parameters.values() if p.annotation in (int, float, "int", "float")]


def good_configs(repository: Path) -> Iterator[tuple[Path, Path]]:
    """Give good configs, and the folder that each needs around it."""
    for path in sorted((repository / "tests" / "inspection" / "good").iterdir()):
        yield path, path.parent
    for path in sorted((repository / "bundles").glob("*/configs/*.yaml")):
        yield path, path.parents[1]
