"""What is made of several runs: cross-validation, sweeps, ensembles, a registry of models, comparisons.

The public names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {
    "EnsembleInferer": "ensemble",
    "How": "course",
    "Model": "models",
    "cross_validate": "cross_validation",
    "model_of_bundle": "models",
    "model_of_run": "models",
    "predict": "prediction",
}

__all__ = ["EnsembleInferer", "How", "Model", "cross_validate", "model_of_bundle", "model_of_run", "predict"]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.experiment.course import How
    from bundle_engine.experiment.cross_validation import cross_validate
    from bundle_engine.experiment.ensemble import EnsembleInferer
    from bundle_engine.experiment.models import Model, model_of_bundle, model_of_run
    from bundle_engine.experiment.prediction import predict
