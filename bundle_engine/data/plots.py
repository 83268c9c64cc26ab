"""The plots of an overview, as matplotlib figures that no window and no global state is needed for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bundle_engine.data.summary import Row, sets_of
from bundle_engine.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "draw"]

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A", "#B8A800")  # Okabe and Ito
_STYLE: Any = {"font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"}
_STYLE |= {"axes.edgecolor": "#6b7280", "xtick.color": "#374151", "ytick.color": "#374151", "axes.titlesize": 10.0}
_MOST_CLASSES = 24
_ALONG = ("first axis", "second axis", "third axis")


def draw(rows: Sequence[Row], classes: Mapping[int, str]) -> dict[str, Figure]:
    """Draw what there is to draw.

    Args:
        rows: the subjects.
        classes: names of the values of labels.

    Returns:
        figures by name: sizes, spacings, intensities, volumes.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependencyError(
            "plots are drawn by matplotlib, which is not installed", hint="pip install 'bundle-engine[data]'"
        ) from error
    figures = {}
    with matplotlib.rc_context(_STYLE):
        for name, plot in PLOTS.items():
            if (figure := plot(rows, classes)) is not None:
                figures[name] = figure
    return figures


def _sizes(rows: Sequence[Row], _classes: Mapping[int, str]) -> Figure | None:
    return _along(rows, lambda row: row.facts.shape if row.facts else (), "voxels")


def _spacings(rows: Sequence[Row], _classes: Mapping[int, str]) -> Figure | None:
    return _along(rows, lambda row: row.facts.spacing if row.facts and row.facts.affine is not None else (), "mm")


def _along(rows: Sequence[Row], numbers: Callable[[Row], Sequence[float]], unit: str) -> Figure | None:
    """Draw histograms of something that there is for each axis."""
    axes = min((len(found) for row in rows if (found := numbers(row))), default=0)
    if not axes:
        return None
    figure, panels = _figure(axes)
    for axis, panel in enumerate(panels):
        values = {
            name: [float(found[axis]) for row in inside if (found := numbers(row))]
            for name, inside in sets_of(rows).items()
        }
        _histogram(panel, values, whole=unit == "voxels")
        panel.set_title(_ALONG[axis] if axis < 3 else f"axis {axis}", loc="left")
        panel.set_xlabel(unit)
    panels[0].set_ylabel("subjects")
    _legend(panels[-1], values)
    return figure


def _histogram(panel: Axes, values: Mapping[str, Sequence[float]], *, whole: bool) -> None:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    together = np.concatenate([np.asarray(each, dtype=float) for each in values.values()])
    low, high = float(together.min()), float(together.max())
    if high - low <= 1e-6 * max(abs(high), 1.0):
        room = max(0.5, abs(high) * 0.1) if not whole else 0.5
        edges: Any = np.linspace(low - room, high + room, 6)
    elif whole:
        step = max(1, math.ceil((high - low + 1) / 24))
        edges = np.arange(low - 0.5, high + step + 0.5, step)
    else:
        edges = np.linspace(low, high, 25)
    panel.hist(
        list(values.values()), bins=edges, stacked=True, color=[_colour(n) for n in range(len(values))], rwidth=0.92
    )
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))


def _intensities(rows: Sequence[Row], _classes: Mapping[int, str]) -> Figure | None:
    """Draw how often intensities are there: a line per subject, and one for all of a set."""
    import numpy as np

    channels = list(dict.fromkeys(name for row in rows for name in row.intensities))[:6]
    if not channels:
        return None
    figure, panels = _figure(len(channels))
    for channel, panel in zip(channels, panels, strict=True):
        samples = {
            name: [row.intensities[channel] for row in inside if len(row.intensities.get(channel, ()))]
            for name, inside in sets_of(rows).items()
        }
        low, high, beyond = _range([each for many in samples.values() for each in many])
        edges = np.linspace(low, high if high > low else low + 1, 49)
        middle = (edges[1:] + edges[:-1]) / 2
        for number, many in enumerate(samples.values()):
            if not many:
                continue
            faint = max(0.02, min(0.25, 6 / len(many)))
            for each in many[:300]:
                panel.plot(middle, _density(each, edges), color=_colour(number), alpha=faint, linewidth=0.6)
            panel.plot(middle, _density(np.concatenate(many), edges), color=_colour(number), linewidth=2)
        panel.set_title(channel, loc="left")
        panel.set_xlabel("intensity" + (f" ({beyond} subjects reach beyond)" if beyond else ""))
        tallest = max(float(_density(np.concatenate(many), edges).max()) for many in samples.values() if many)
        panel.set_ylim(0, tallest * 1.6)
        panel.set_yticks([])
    panels[0].set_ylabel("part of the voxels")
    _legend(panels[-1], samples)
    return figure


def _range(samples: Sequence[Any]) -> tuple[float, float, int]:
    """Give the range of intensities to show, and how many subjects have a twentieth of theirs outside of it.

    It is that of a usual subject with room for larger ones, so that a few with other units do not hide the rest.
    """
    import numpy as np

    ends = np.array([np.percentile(each, [0.5, 95, 99.5]) for each in samples])
    low, usual = float(np.median(ends[:, 0])), float(np.median(ends[:, 2]))
    low = min(low, max(float(ends[:, 0].min()), low - (usual - low)))
    high = min(float(ends[:, 2].max()), usual + 1.5 * (usual - low))
    return low, high, int(np.count_nonzero(ends[:, 1] > high))


def _density(values: Any, edges: Any) -> Any:
    import numpy as np

    counts, _ = np.histogram(values, bins=edges)
    return counts / max(1, len(values))


def _volumes(rows: Sequence[Row], classes: Mapping[int, str]) -> Figure | None:
    """Draw the volumes of the classes: a box and points for each, by set."""
    present = sorted({value for row in rows for value in row.volumes})[:_MOST_CLASSES]
    if not present:
        return None
    sets = sets_of(rows)
    rows_high = len(present) * len(sets)
    figure, (panel,) = _figure(1, width=8.4, height=0.9 + 0.30 * max(3, rows_high + 0.4 * len(present)))
    place, places, names = 0.0, [], []
    for value in present:
        top = place
        for number, inside in enumerate(sets.values()):
            volumes = [row.volumes[value] for row in inside if value in row.volumes]
            if volumes:
                _box(panel, volumes, place, _colour(number))
            place -= 1
        places.append((top + place + 1) / 2)
        missing = sum(value not in row.volumes and bool(row.volumes) for row in rows)
        names.append(classes.get(value, f"class {value}") + (f"\n(not in {missing})" if missing else ""))
        place -= 0.4
    panel.set_yticks(places, names)
    panel.set_ylim(place + 0.6, 0.8)
    panel.set_xlim(left=0)
    panel.set_xlabel("volume (ml)" if rows[0].unit == "ml" else "voxels")
    panel.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    panel.set_axisbelow(True)
    _legend(panel, sets)
    return figure


def _box(panel: Axes, values: Sequence[float], place: float, colour: str) -> None:
    import numpy as np

    dark: Any = {"color": "#374151"}
    panel.boxplot(
        [values], positions=[place], orientation="horizontal", widths=0.6, showfliers=False, whiskerprops=dark,
        boxprops=dark, capprops=dark, medianprops={"color": "#111827", "linewidth": 1.6}, manage_ticks=False,
    )  # fmt: skip
    spread = np.linspace(-0.2, 0.2, 7)[np.arange(len(values)) % 7]
    panel.plot(values, place + spread, "o", color=colour, alpha=0.5, markersize=3, markeredgewidth=0)


def _legend(panel: Axes, sets: Mapping[str, Any]) -> None:
    from matplotlib.patches import Patch

    if len(sets) > 1:
        patches = [Patch(color=_colour(number), label=name) for number, name in enumerate(sets)]
        panel.legend(handles=patches, frameon=False, fontsize=8)


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _figure(columns: int, *, width: float = 8.4, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    rows = math.ceil(columns / 3)
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    panels = figure.subplots(rows, min(3, columns), squeeze=False)
    flat = [panel for row in panels for panel in row]
    for panel in flat[columns:]:
        panel.set_axis_off()
    return figure, flat[:columns]


#: plots by name
PLOTS: dict[str, Callable[[Sequence[Row], Mapping[int, str]], Any]] = {
    "sizes": _sizes,
    "spacings": _spacings,
    "intensities": _intensities,
    "volumes": _volumes,
}
