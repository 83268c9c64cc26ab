"""The plots of a comparison: boxes of each run and split, and each two against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bundle_engine.evaluation.plots import COLOURS, box_plots, styled
from bundle_engine.experiment.comparison.comparing import Comparison
from bundle_engine.experiment.comparison.contestants import Question
from bundle_engine.experiment.comparison.measurements import larger_is_better, short_name
from bundle_engine.experiment.comparison.paired import matched

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Drawing", "boxes_of", "scatters_of"]

_PANELS = 15  # in one figure: five folds and their ensemble
_ACROSS = 3
_SIDE = 2.9  # inches of a panel
_MARGIN = 0.06


class Drawing(NamedTuple):
    """A plot with its place.

    Attributes:
        name: for a file.
        structure: what it is of.
        metric: the measure; empty where it shows several.
        figure: the plot.
    """

    name: str
    structure: str
    metric: str
    figure: Figure


class _Panel(NamedTuple):
    first: str
    second: str
    points: Sequence[tuple[float, float]]
    wins: tuple[int, int, int]


def boxes_of(comparison: Comparison, part: str) -> list[Drawing]:
    """Draw box plots of a set: a figure for each structure, a box for each run and split."""
    found: list[Drawing] = []
    for structure in comparison.structures:
        values: dict[str, Mapping[str, Sequence[float | None]]] = {}
        for metric in comparison.metrics:
            question = Question(part, structure, metric)
            of = {
                name: list(each[question].values())
                for name, each in comparison.split_values.items()
                if question in each
            }
            if of:
                values[metric] = of
        if values:
            found.append(Drawing(f"box_plots_{part}_{structure}", structure, "", _boxes(values)))
    return found


def _boxes(values: Mapping[str, Mapping[str, Sequence[float | None]]]) -> Figure:
    names = list(dict.fromkeys(name for of in values.values() for name in of))
    return box_plots({metric: {name: of.get(name, []) for name in names} for metric, of in values.items()})


def scatters_of(comparison: Comparison, part: str) -> list[Drawing]:
    """Draw each two against each other on a set: a figure for each structure and measure, a panel for each two."""
    found: list[Drawing] = []
    for structure in comparison.structures:
        for metric in comparison.metrics:
            panels = _panels(comparison, Question(part, structure, metric))
            for start in range(0, len(panels), _PANELS):
                number = f"_{start // _PANELS + 1}" if len(panels) > _PANELS else ""
                figure = _scatter(panels[start : start + _PANELS], metric)
                found.append(Drawing(f"scatter_{part}_{structure}_{metric}{number}", structure, metric, figure))
    return found


def _panels(comparison: Comparison, question: Question) -> list[_Panel]:
    return [
        _Panel(
            test.first,
            test.second,
            list(matched(comparison.values[test.first][question], comparison.values[test.second][question]).values()),
            (test.first_wins, test.second_wins, test.ties),
        )
        for test in comparison.paired
        if test.question == question and test.pairs
    ]


@styled
def _scatter(panels: Sequence[_Panel], metric: str) -> Figure:
    from matplotlib.figure import Figure

    across = min(_ACROSS, len(panels))
    rows = math.ceil(len(panels) / _ACROSS)
    width, height = _SIDE * across, _SIDE * 1.1 * rows
    # all panels are alike; to let matplotlib find a layout for them would take most of the time
    places = {"left": 0.65 / width, "right": 1 - 0.1 / width, "bottom": 0.5 / height, "top": 1 - 0.45 / height}
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(rows, across, squeeze=False, gridspec_kw={**places, "wspace": 0.36, "hspace": 0.5})
    axes = list(grid.flat)
    for panel, place in zip(panels, axes, strict=False):
        _draw(place, panel, metric)
    for place in axes[len(panels) :]:
        place.set_axis_off()
    return figure


def _draw(axes: Axes, panel: _Panel, metric: str) -> None:
    """Draw the subjects of two; infinite values lie on the edge, as triangles."""
    finite = [value for pair in panel.points for value in pair if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    margin = _MARGIN * ((high - low) or abs(high) or 1.0)
    low, high = low - margin, high + margin
    edge = high + 1.5 * margin
    colours = {1: COLOURS[0], -1: COLOURS[5], 0: COLOURS[6]}
    sign = 1 if larger_is_better(metric) else -1
    groups: dict[tuple[int, bool], list[tuple[float, float]]] = {}
    for first, second in panel.points:
        side = 0 if first == second else sign * (1 if first > second else -1)
        infinite = math.isinf(first) or math.isinf(second)
        at = (edge if math.isinf(first) else first, edge if math.isinf(second) else second)
        groups.setdefault((side, infinite), []).append(at)
    for (side, infinite), points in groups.items():
        xs, ys = zip(*points, strict=True)
        marker = "^" if infinite else "o"
        axes.plot(xs, ys, marker, color=colours[side], alpha=0.65, markersize=4, markeredgewidth=0, linestyle="")
    end = edge + margin if any(infinite for _, infinite in groups) else high
    axes.plot([low, end], [low, end], color="#8a8f98", linewidth=0.9, linestyle=":", zorder=0)
    axes.set_xlim(low, end)
    axes.set_ylim(low, end)
    axes.set_aspect("equal")
    axes.locator_params(nbins=4)
    axes.set_xlabel(_shortened(panel.first), color=colours[1])
    axes.set_ylabel(_shortened(panel.second), color=colours[-1])
    one, other, equal = panel.wins
    axes.set_title(
        f"{short_name(metric)}\nbetter in {one} : {other}" + (f", {equal} equal" if equal else ""), loc="left"
    )


def _shortened(name: str) -> str:
    return name if len(name) <= 34 else f"…{name[-33:]}"
