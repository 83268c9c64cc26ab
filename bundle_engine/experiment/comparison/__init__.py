"""Comparisons of runs with statistics: paired tests, groups, outliers, plots, and a page that explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {
    "Comparison": "comparing",
    "compare": "comparing",
    "write_comparison": "written",
    "write_cross_validation_results": "results",
}

__all__ = ["Comparison", "compare", "write_comparison", "write_cross_validation_results"]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.experiment.comparison.comparing import Comparison, compare
    from bundle_engine.experiment.comparison.results import write_cross_validation_results
    from bundle_engine.experiment.comparison.written import write_comparison
