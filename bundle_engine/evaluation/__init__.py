"""Evaluation that answers questions: measures per subject, tables, plots, thumbnails, reports.

The public names are loaded on first use: the measures alone need no ignite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

_HOMES = {
    "Agreement": "segmentation",
    "ClassificationReport": "classifying",
    "SegmentationReport": "handlers",
    "compare_masks": "segmentation",
    "compare_structures": "segmentation",
    "keep_posteriors": "handlers",
    "spacing_of": "grids",
}

__all__ = [
    "Agreement",
    "ClassificationReport",
    "SegmentationReport",
    "compare_masks",
    "compare_structures",
    "keep_posteriors",
    "spacing_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if TYPE_CHECKING:
    from bundle_engine.evaluation.classifying import ClassificationReport
    from bundle_engine.evaluation.grids import spacing_of
    from bundle_engine.evaluation.handlers import SegmentationReport, keep_posteriors
    from bundle_engine.evaluation.segmentation import Agreement, compare_masks, compare_structures
