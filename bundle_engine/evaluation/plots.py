"""The plots of an evaluation, as matplotlib figures that no window and no global state is needed for."""

from __future__ import annotations

import functools
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from bundle_engine.evaluation.classification import Bin, area_under_roc, average_precision, recall_curve, roc_curve
from bundle_engine.evaluation.classification import calibration_error as _error_of
from bundle_engine.workflow.replacement import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "box_plots",
    "confusion_plot",
    "recall_plot",
    "reliability_plot",
    "roc_plot",
    "save_figure",
    "styled",
    "svg_of",
]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A", "#B8A800")  # Okabe and Ito
_GREY = "#8a8f98"
_UNITS = {"HausdorffDistance_mm": "Hausdorff distance (mm)", "MeanDistance_mm": "mean surface distance (mm)"}
_UNITS |= {"HD95_mm": "95th percentile of distances (mm)", "Dice": "Dice"}
_STYLE: Any = {"font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"}
_STYLE |= {"axes.edgecolor": "#6b7280", "xtick.color": "#374151", "ytick.color": "#374151", "svg.fonttype": "path"}
_STYLE |= {"svg.hashsalt": "bundle_engine", "axes.titlesize": 10.0, "text.parse_math": False}

_P = ParamSpec("_P")
_R = TypeVar("_R")


def styled(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function draw in the style of this module, whatever that of the process is."""

    @functools.wraps(draw)
    def inside(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return inside


@styled
def box_plots(values: Mapping[str, Mapping[str, Sequence[float | None]]]) -> Figure:
    """Draw a box plot for each measure, with a point for each subject.

    Boxes run from the first to the third quartile, whiskers to the last value within 1.5 times that range. Values that
    are infinite or undefined have no place in a plot: how many there are is written beside the name.

    Args:
        values: for each measure the values by structure.
    """
    import numpy as np

    structures = list(next(iter(values.values()), {}))
    rows = math.ceil(len(values) / 2)
    figure, axes = _figure((8.4, rows * (0.8 + 0.36 * max(2, len(structures)))), rows, min(2, len(values)))
    for panel, (metric, of) in zip(axes, values.items(), strict=False):
        finite = {name: [v for v in numbers if v is not None and math.isfinite(v)] for name, numbers in of.items()}
        missing = {name: sum(v is not None and math.isinf(v) for v in numbers) for name, numbers in of.items()}
        places = list(range(len(structures), 0, -1))
        panel.boxplot(
            [finite[name] for name in structures],
            positions=places,
            orientation="horizontal",
            widths=0.55,
            showfliers=False,
            medianprops={"color": "#111827", "linewidth": 1.6},
            boxprops={"color": "#374151"},
            whiskerprops={"color": "#374151"},
            capprops={"color": "#374151"},
        )
        for number, (name, place) in enumerate(zip(structures, places, strict=True)):
            spread = np.linspace(-0.17, 0.17, 7)[np.arange(len(finite[name])) % 7]
            colour = COLOURS[number % len(COLOURS)]
            panel.plot(finite[name], place + spread, "o", color=colour, alpha=0.6, markersize=3.2, markeredgewidth=0)
        names = [f"{name}\n({missing[name]} infinite)" if missing[name] else name for name in structures]
        panel.set_yticks(places, names)
        panel.set_title(_UNITS.get(metric, metric), loc="left", fontsize=10)
        panel.grid(axis="x", color="#e5e7eb", linewidth=0.8)
        panel.set_axisbelow(True)
    for panel in axes[len(values) :]:
        panel.set_axis_off()
    return figure


@styled
def roc_plot(
    scores: Mapping[str, Any], positive: Mapping[str, Any], point: tuple[float, float] | None = None
) -> Figure:
    """Draw the ROC curve of each class against the others.

    Args:
        scores: probabilities of the subjects, by class.
        positive: whether the subjects are of that class, by class.
        point: false and true positive rate at the threshold that is used, to be marked.
    """
    figure, (axes,) = _figure((4.1, 3.9))
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.9, linestyle=":")
    for number, name in enumerate(scores):
        curve, area = roc_curve(scores[name], positive[name]), area_under_roc(scores[name], positive[name])
        if curve is not None:
            axes.plot(curve.x, curve.y, color=COLOURS[number % 8], label=f"{name}: AUC {area:.3f}")
    if point is not None:
        axes.plot(*point, "o", color="#111827", markersize=6, label="at the threshold")
    return _squared(figure, axes, "1 − specificity", "sensitivity", "ROC curve", "lower right")


@styled
def recall_plot(scores: Mapping[str, Any], positive: Mapping[str, Any]) -> Figure:
    """Draw the precision-recall curve of each class against the others; the arguments are those of `roc_plot`."""
    figure, (axes,) = _figure((4.1, 3.9))
    for number, name in enumerate(scores):
        curve, area = recall_curve(scores[name], positive[name]), average_precision(scores[name], positive[name])
        if curve is not None:
            label = f"{name}: average precision {area:.3f}"
            axes.step(curve.x, curve.y, where="pre", color=COLOURS[number % 8], label=label)
            share = sum(map(bool, positive[name])) / len(positive[name])
            axes.axhline(share, color=COLOURS[number % 8], linewidth=0.9, linestyle=":")
    return _squared(figure, axes, "recall (sensitivity)", "precision", "Precision and recall", "lower left")


@styled
def reliability_plot(bins: Sequence[Bin]) -> Figure:
    """Draw how often what was predicted came true, against the probability that it was given."""
    figure, (axes,) = _figure((4.1, 3.9))
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.9, linestyle=":")
    most = max((each.size for each in bins), default=0) or 1
    for each in bins:
        share = 0.25 * each.size / most
        axes.bar((each.lower + each.upper) / 2, share, width=0.09, color="#d1d5db", zorder=0)
    filled = [each for each in bins if each.size]
    error = _error_of(list(bins))
    label = f"ECE {error:.3f}" if error is not None else None
    points: Any = [(each.confidence, each.frequency) for each in filled]
    axes.plot(*zip(*points, strict=True), "o-", color=COLOURS[0], label=label)
    return _squared(figure, axes, "predicted probability", "part that came true", "Calibration", "upper left")


@styled
def confusion_plot(matrix: Any, classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix: true classes down, predicted ones across."""
    import numpy as np

    numbers = np.asarray(matrix)
    size = max(3.9, 1.4 + 0.55 * len(classes))
    figure, (axes,) = _figure((size + 0.2, size))
    shares = numbers / np.maximum(1, numbers.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*numbers.shape):
        colour = "white" if shares[row, column] > 0.55 else "#111827"
        text = f"{numbers[row, column]}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    turned = 45 if max(map(len, classes), default=0) * len(classes) > 40 else 0
    axes.set_xticks(range(len(classes)), classes, rotation=turned, ha="right" if turned else "center")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title("Confusion matrix", loc="left", fontsize=10)
    return figure


@styled
def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG; the file is complete, or as it was before."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})


@styled
def svg_of(figure: Figure) -> str:
    """Give a figure as an SVG element for a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _figure(size: tuple[float, float], rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def _squared(figure: Figure, axes: Axes, across: str, up: str, title: str, corner: Any) -> Figure:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_title(title, loc="left", fontsize=10)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=corner, frameon=False, fontsize=8)
    return figure
