"""What a trial came to: the value of a metric, in the end and while it runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config.ids import REFERENCE, SEP
from bundle_engine.errors import InputError
from bundle_engine.evaluation.sets import Configs, read_parser
from bundle_engine.experiment.progress import read_progress
from bundle_engine.runs.record import read_record

__all__ = ["MAXIMIZE", "METRICS", "MINIMIZE", "Metric", "direction_of", "key_metric_of"]

METRICS = "metrics.json"
"""A file in a run's folder in which any program may write numbers by their names, or lists of them, one per step."""

_KEY_METRICS = tuple(f"validate{SEP}{name}" for name in (f"evaluator{SEP}key_val_metric", "key_metric"))
MAXIMIZE, MINIMIZE = "maximize", "minimize"
_BETTER_WHEN_SMALL = ("loss", "error", "distance", "mse", "mae", "rmse")


def direction_of(name: str) -> str:
    """Guess from a metric's name whether more is better."""
    return MINIMIZE if any(part in name.lower() for part in _BETTER_WHEN_SMALL) else MAXIMIZE


def key_metric_of(configs: Configs) -> str:
    """Give the name of the key metric of the validation, where the config tells; else an empty text."""
    parser = read_parser(configs.train, configs.root, {})
    for id in _KEY_METRICS:
        written = parser.get(id)
        if isinstance(written, str) and written.startswith(REFERENCE):
            written = parser.get(written[len(REFERENCE) :])
        if isinstance(written, Mapping) and written:
            return str(next(iter(written)))
    return ""


class Metric(NamedTuple):
    """The metric of a sweep.

    Attributes:
        name: its name; empty for the key metric of the runs.
        direction: ``maximize`` or ``minimize``; empty to go by the name of the key metric.
    """

    name: str
    direction: str = ""

    def better(self, one: float, other: float) -> bool:
        """Tell whether a value is better than another."""
        return one < other if (self.direction or direction_of(self.name)) == MINIMIZE else one > other

    def of(self, folder: Path) -> tuple[str, float] | None:
        """Give the metric's name and value for a run that is done; None where it has none.

        For the key metric of a validation, whose best value a training keeps, that is the best; else the last.
        """
        for name, values in _written(folder).items():
            if name == self.name or not self.name:
                return name, values[-1]
        try:
            results = read_record(folder).results
        except InputError:
            return None
        found = [(id, facts) for id, facts in results.items() if isinstance(facts, Mapping)]
        found.sort(key=lambda each: each[0].endswith("trainer"))  # what is validated counts more
        engines = [facts for _, facts in found]
        for facts in engines:
            key = facts.get("key_metric")
            is_more = (self.direction or direction_of(str(key))) == MAXIMIZE  # what a training takes for better
            if key and self.name in ("", key) and "best_metric" in facts and is_more:
                return str(key), float(facts["best_metric"])
        for facts in engines:
            name = self.name or str(facts.get("key_metric") or "")
            if name in facts.get("metrics", {}):
                return name, float(facts["metrics"][name])
            if name and not self.name:
                return None  # there was no validation, and the loss of the training does not stand for it
        return None

    def now(self, folder: Path) -> list[tuple[int, float]]:
        """Give the steps and values that are known of a run while it runs."""
        for name, values in _written(folder).items():
            if name == self.name or not self.name:
                return list(enumerate(values, 1))
        at = read_progress(folder)
        if at.metric is None or not at.epoch or self.name not in ("", at.metric[0]):
            return []
        return [(at.epoch, at.metric[1])]

    def unfit(self, folder: Path) -> str | None:
        """Give what a run has written under the metric's name where that is no number to compare, such as NaN."""
        content = _content(folder)
        written = content.get(self.name) if self.name else next(iter(content.values()), None)
        if isinstance(written, list):
            written = next((each for each in written if not _is_number(each)), "an empty list")
        return None if written is None or _is_number(written) else str(written)

    def names(self, folder: Path) -> list[str]:
        """Give the names of all metrics of a run."""
        found = list(_written(folder))
        try:
            results = read_record(folder).results
        except InputError:
            return found
        for facts in results.values():
            found += list(facts.get("metrics", {})) if isinstance(facts, Mapping) else []
        return list(dict.fromkeys(found))


def _written(folder: Path) -> dict[str, list[float]]:
    """Read the numbers in a run's folder."""
    found = {}
    for name, value in _content(folder).items():
        values = value if isinstance(value, list) else [value]
        if values and all(_is_number(each) for each in values):
            found[str(name)] = [float(each) for each in values]
    return found


def _content(folder: Path) -> Mapping[str, Any]:
    try:
        content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none, or it is just being written
        return {}
    return content if isinstance(content, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
