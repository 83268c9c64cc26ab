"""The trials of a sweep as a table and as a plot."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bundle_engine.experiment.parent import Child
from bundle_engine.experiment.sweeps.metric import Metric

__all__ = ["PLOT", "TABLE", "best_of", "in_words", "render", "result_of", "values_of", "write_plot", "write_table"]

TABLE, PLOT = "results.csv", "results.png"
_LOG_FROM = 50.0  # times that the highest of numbers is the lowest, for a logarithmic axis
_PANELS_IN_A_ROW = 3


def values_of(child: Child) -> dict[str, Any]:
    """Give the ids of a trial and what was set there."""
    return dict(child.facts.get("values", {}))


def result_of(child: Child) -> float | None:
    """Give what a trial came to; None where that is not known."""
    value = child.facts.get("result")
    return None if value is None else float(value) + 0.0  # and not -0.0


def best_of(children: Sequence[Child], metric: Metric) -> Child | None:
    """Give the best of the trials that are done."""
    best: Child | None = None
    value = 0.0
    for child in children:
        own = result_of(child) if child.status == "done" else None
        if own is not None and (best is None or metric.better(own, value)):
            best, value = child, own
    return best


def _sorted(children: Sequence[Child], metric: Metric) -> list[Child]:
    """Give the trials, best first; those without a result last."""

    def key(child: Child) -> tuple[bool, bool, float]:
        result = result_of(child)
        if result is None:
            return (True, True, 0.0)
        return (child.status != "done", False, -result if metric.better(1, 0) else result)

    return sorted(children, key=key)


def write_table(path: Path, children: Sequence[Child], metric: Metric) -> None:
    """Write the trials as CSV, in their order; it gets its name when it is complete.

    Raises:
        OSError: when it cannot be written.
    """
    ids = list(dict.fromkeys(id for child in children for id in values_of(child)))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["trial", "status", *ids, metric.name or "result", "seconds", "error"])
            for child in children:
                values = values_of(child)
                cells = [_exact(values[id]) if id in values else "" for id in ids]
                seconds = "" if child.seconds is None else f"{child.seconds:.1f}"
                result = result_of(child)
                shown = "" if result is None else repr(result)
                writer.writerow([child.name, child.status, *cells, shown, seconds, child.error or ""])
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def render(children: Sequence[Child], metric: Metric, *, most: int = 20) -> str:
    """Lay the trials out for a terminal, the best first.

    Args:
        children: the trials.
        metric: their metric.
        most: how many lines there may be.
    """
    ids = list(dict.fromkeys(id for child in children for id in values_of(child)))
    rows = [["trial", *ids, metric.name or "result", "seconds", "state"]]
    for child in _sorted(children, metric)[:most]:
        values, result = values_of(child), result_of(child)
        rows.append(
            [
                child.name,
                *(_text(values[id]) if id in values else "" for id in ids),
                ""
                if result is None
                else f"{result:.4f}"
                if 1e-3 <= abs(result) < 1e6 or not result
                else f"{result:.3e}",
                "" if child.seconds is None else f"{child.seconds:.1f}",
                child.status,
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(children) > most:
        lines.append(f"and {len(children) - most} more, which are in {TABLE}")
    return "\n".join(lines)


def in_words(child: Child) -> str:
    """Write what a trial tries in a line."""
    return ", ".join(f"{id} {_text(value)}" for id, value in values_of(child).items())


def _exact(value: Any) -> str:
    """Write a value so that a number is the same when it is read."""
    text = _text(value)
    return repr(value) if isinstance(value, float) and float(text) != value else text


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def write_plot(path: Path, children: Sequence[Child], metric: Metric) -> bool:
    """Plot results over trials, and over each id; tell whether there was anything to plot.

    Raises:
        ImportError: when matplotlib is not installed.
        OSError: when it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = [(number, child) for number, child in enumerate(children) if result_of(child) is not None]
    if not known:
        return False
    ids = list(dict.fromkeys(id for _, child in known for id in values_of(child)))
    count = 1 + len(ids)
    columns = min(_PANELS_IN_A_ROW, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(4 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in axes[count:]:
        unused.set_visible(False)
    _over_trials(axes[0], known, metric)
    for axis, id in zip(axes[1:count], ids, strict=True):
        points = [(values_of(child)[id], result_of(child), child) for _, child in known if id in values_of(child)]
        _over_values(axis, id, points, metric)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(temporary, format="png", dpi=110)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


_DONE, _PRUNED, _BEST = "#3b6fb6", "#b8c4d6", "#c8402f"


def _over_trials(axis: Any, known: Sequence[tuple[int, Child]], metric: Metric) -> None:
    axis.scatter(
        [number for number, _ in known],
        [result_of(child) for _, child in known],
        c=[_DONE if child.status == "done" else _PRUNED for _, child in known],
        s=18,
    )
    best: list[float] = []
    done = [(number, result_of(child) or 0.0) for number, child in known if child.status == "done"]
    for _, value in done:
        best.append(value if not best or metric.better(value, best[-1]) else best[-1])
    axis.step([number for number, _ in done], best, where="post", color=_BEST, linewidth=1, label="best so far")
    axis.set_xlabel("trial")
    axis.set_ylabel(metric.name or "result")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(frameon=False, fontsize="small")


def _over_values(axis: Any, id: str, points: Sequence[tuple[Any, Any, Child]], metric: Metric) -> None:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value, _, _ in points)
    places: list[Any] = [value for value, _, _ in points]
    if not numbers:
        texts = list(dict.fromkeys(map(_text, places)))
        places = [texts.index(_text(value)) for value in places]
        axis.set_xticks(range(len(texts)), [text[:24] for text in texts], rotation=30 if len(texts) > 3 else 0)
    elif min(places) > 0 and max(places) / min(places) >= _LOG_FROM:
        axis.set_xscale("log")
    colours = [_DONE if child.status == "done" else _PRUNED for _, _, child in points]
    axis.scatter(places, [value for _, value, _ in points], c=colours, s=18)
    axis.set_xlabel(id)
    axis.set_ylabel(metric.name or "result")
