"""What differs between two runs: how they were run, with what, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.runs.folder import CONFIG
from bundle_engine.runs.record import Record, read_record

__all__ = ["Comparison", "compare_runs"]

_FACTS = ("bundle", "workflow", "status", "cwd", "python", "platform", "bundle_digest")


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs.

    Attributes:
        first: id of the first run.
        second: id of the second run.
        facts: facts of the records, each with its two values, by section and name.
        config: the differences of the configs; None where one of them has none.
    """

    first: str
    second: str
    facts: dict[str, dict[str, tuple[Any, Any]]]
    config: list[Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Give the comparison as plain data."""
        config = None if self.config is None else [each.as_dict() for each in self.config]
        return {"first": self.first, "second": self.second, **self.facts, "config": config}

    def as_text(self, *, colour: bool = False) -> str:
        """Write the comparison for people."""
        from bundle_engine.inspection.differences import render

        parts = [f"{self.first}\n{self.second}"]
        for section, facts in self.facts.items():
            rows = [f"  {name}: {_shown(old)} -> {_shown(new)}" for name, (old, new) in facts.items()]
            if rows:
                parts.append("\n".join([f"{section}:", *rows]))
        if self.config:
            told = render(self.config, colour=colour).rstrip().split("\n")
            parts.append("\n".join(["config:", *(f"  {line}" for line in told)]))
        if len(parts) == 1:
            parts.append("no differences")
        return "\n\n".join(parts)


def compare_runs(first: Path, second: Path) -> Comparison:
    """Compare two runs by their records.

    Args:
        first: the folder of one run.
        second: the folder of the other run.

    Raises:
        InputError: when a record cannot be read.
    """
    old, new = read_record(first), read_record(second)
    facts = {
        "run": _differing({name: getattr(old, name) for name in _FACTS}, {name: getattr(new, name) for name in _FACTS}),
        "overrides": _differing(old.overrides, new.overrides),
        "packages": _differing(old.packages, new.packages),
        "code": _differing(_code(old), _code(new)),
        "data": _differing(_data(old), _data(new)),
        "seeds": _differing(old.seeds, new.seeds),
        "results": _differing(_flat(old.results), _flat(new.results)),
    }
    config = None
    if (first / CONFIG).is_file() and (second / CONFIG).is_file():
        from bundle_engine.inspection.differences import compare

        found = compare(_read(first), _read(second))
        config = [replace(each, old_place=None, new_place=None) for each in found]  # lines of the two records
    return Comparison(old.id, new.id, facts, config)


def _read(folder: Path) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(folder / CONFIG)
    return parser


def _code(record: Record) -> dict[str, Any]:
    """Give commits, by the names of the repositories."""
    return {
        Path(
            str(state.get("root"))
        ).name: f"{str(state.get('commit'))[:12]}{' and changes' if state.get('changed') else ''}"
        for state in record.git
    }


def _data(record: Record) -> dict[str, Any]:
    return {
        name: f"{facts.get('items')} items, {facts.get('files')} files, {str(facts.get('digest'))[:12]}"
        for name, facts in record.data.items()
    }


def _flat(results: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for id, facts in results.items():
        for name, value in facts.items():
            if isinstance(value, Mapping):
                flat |= {f"{id} {metric}": number for metric, number in value.items()}
            else:
                flat[f"{id} {name}"] = value
    return flat


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [*old, *(name for name in new if name not in old)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
