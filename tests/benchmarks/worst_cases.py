"""What takes MONAI's parser quadratic time, or more, stays linear: twice the size, at most about twice the time."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bundle_engine import ConfigParser
from bundle_engine.errors import ReferenceNotFoundError
from tests.benchmarks.measure import goal

MOST = 3.0  # twice the size; more than twice the time leaves room for the noise of the machine


def _flat_expressions(size: int) -> Callable[[], Any]:
    config = {f"e{i}": f"$@base + {i}" for i in range(size)}
    config["base"] = 1  # type: ignore[assignment]
    return lambda: ConfigParser(config).get_parsed_content()[f"e{size - 1}"] == size


def _nested(size: int) -> Callable[[], Any]:
    config: Any = {"leaf": "$1 + 1"}
    for _ in range(size):
        config = {"in": config}

    def resolve() -> bool:
        value = ConfigParser(config).get_parsed_content()
        for _ in range(size):
            value = value["in"]
        return bool(value["leaf"] == 2)

    return resolve


def _chain(size: int) -> Callable[[], Any]:
    config: dict[str, Any] = {f"r{i}": f"@r{i + 1}" for i in range(size)}
    config[f"r{size}"] = 7
    return lambda: ConfigParser(config).get_parsed_content("r0") == 7


def _macros(size: int) -> Callable[[], Any]:
    folder = tempfile.TemporaryDirectory()
    file = Path(folder.name) / "other.yaml"
    file.write_text("".join(f"key{i}: {{value: {i}}}\n" for i in range(2_000)))
    config = {f"m{i}": f"%{file}::key{i}" for i in range(size)}

    def resolve(_keep: Any = folder) -> bool:
        return bool(ConfigParser(config).get_parsed_content()[f"m{size - 1}"] == {"value": size - 1})

    return resolve


def _missing(size: int) -> Callable[[], Any]:
    config: dict[str, Any] = {f"id{i}": i for i in range(size)}
    config["a"] = "@id12345x"
    parser = ConfigParser(config)
    parser.get_parsed_content("id1")

    def resolve() -> bool:
        try:
            parser.get_parsed_content("a")
        except ReferenceNotFoundError as error:
            return "did you mean" in str(error)
        return False

    return resolve


def _gates(size: int) -> Callable[[], Any]:
    config: dict[str, Any] = {"on": True, "c0": {"_target_": "collections.OrderedDict"}}
    for i in range(1, size):
        config[f"c{i}"] = {"_target_": "collections.OrderedDict", "_disabled_": "$not @on", "a": f"@c{i - 1}"}
    return lambda: "a" in ConfigParser(config).get_parsed_content(f"c{size - 1}")


CASES: dict[str, tuple[Callable[[int], Callable[[], Any]], int]] = {
    "flat expressions": (_flat_expressions, 8_000),
    "levels of nesting": (_nested, 980),
    "references in a chain": (_chain, 100_000),
    "components in a chain, enabled by an expression": (_gates, 2_000),
    "macros into a YAML file of 2,000 keys": (_macros, 80),
    "ids around a missing reference": (_missing, 50_000),
}


def seconds(work: Callable[[], Any], runs: int = 5) -> float:
    """Give the median CPU time of some work, whose result must be true."""
    times = []
    for _ in range(runs):
        gc.collect()
        begin = time.process_time()
        result = work()
        times.append(time.process_time() - begin)
        assert result is True
    return sorted(times)[runs // 2]


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    reached = []
    for name, (make, size) in CASES.items():
        small, large = seconds(make(size)), seconds(make(2 * size))
        print(f"  {size:,} {name}: {1000 * small:.1f} ms; {2 * size:,}: {1000 * large:.1f} ms")
        reached.append(goal(f"{name}: growth with twice the size", large / small, most=MOST))
        if make is _missing:
            reached.append(goal("the closest ids of a missing one", 1000 * small, most=50, unit=" ms"))
    return all(reached)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
