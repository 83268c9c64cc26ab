"""Evaluation that answers questions: measures per subject, tables, plots, thumbnails, reports.

The public names are loaded on first use: the measures alone need no ignite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

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


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.evaluation.classifying import ClassificationReport
    from bundle_engine.evaluation.grids import spacing_of
    from bundle_engine.evaluation.handlers import SegmentationReport, keep_posteriors
    from bundle_engine.evaluation.segmentation import Agreement, compare_masks, compare_structures
