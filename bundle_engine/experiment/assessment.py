"""Evaluate a model: a bundle with given weights, or an ensemble of several."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.evaluation import sets
from bundle_engine.evaluation.evaluating import Done, evaluate
from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment.ensemble import voting
from bundle_engine.experiment.models import Model, children_of
from bundle_engine.experiment.outcome import EVALUATION
from bundle_engine.experiment.parent import EXPERIMENT
from bundle_engine.hashing import file_digest

__all__ = ["evaluate_model", "threshold_of"]

_HALF = 0.5  # stands for the threshold where there are more than two classes, and none is needed


def evaluate_model(
    configs: Configs, model: Model, *, overrides: Mapping[str, Any] | None = None, **options: Any
) -> list[Done]:
    """Evaluate a model on its bundle's sets.

    The threshold of a classification by the networks of all folds is the mean of those that the folds chose, each on
    subjects that it had not seen: together they have seen all.

    Args:
        configs: the bundle's configs.
        model: the model; several weights are evaluated together, as an ensemble, and their digest in the record is that
            of the list of all digests.
        overrides: ids and values to set in the configs, besides those of the model.
        options: further arguments of `bundle_engine.evaluation.evaluating.evaluate`, such as `wanted` and `output_dir`.

    Raises:
        UsageError: when the bundle has no such set.
        InputError: when something that is read is missing or damaged.
    """
    settings = {**model.overrides, **(overrides or {})}
    facts: dict[str, Any] = {**options.pop("facts", None)} if options.get("facts") else {}
    if model.source:
        facts["model"] = {"name": model.name, **model.source}
    if model.is_ensemble:
        parser = sets.read_parser(configs.evaluate, configs.root, settings)
        settings |= voting(parser, sets.places_of(parser), [str(path) for path in model.weights], model.key)
        members = [{"path": str(path), "sha256": file_digest(path)} for path in model.weights]
        digest = hashlib.sha256("".join(member["sha256"] for member in members).encode()).hexdigest()
        facts["checkpoint"] = {"path": f"ensemble of {len(members)}", "sha256": digest}
        facts["ensemble"] = members
        chosen = None if model.home is None else threshold_of(model.home)
        if options.get("threshold") is None and chosen is not None:
            options["threshold"] = chosen
            facts["threshold_source"] = "the mean of those that the folds chose"
    options.setdefault("key_in_ckpt", model.key)
    return evaluate(configs, checkpoints=model.weights[:1], overrides=settings, facts=facts, **options)


def threshold_of(run: Path) -> float | None:
    """Give the mean of the thresholds of the folds of a cross-validation; None for a segmentation, or another run."""
    from bundle_engine.evaluation.records import find_evaluations

    folds = children_of(run) if (run / EXPERIMENT).is_file() else ()
    folders = [fold / EVALUATION for fold in folds if (fold / EVALUATION / "val").is_dir()]
    found = [each for folder in folders for each in find_evaluations(folder) if each.name == "val"]
    if not any(each.classes for each in found):
        return None
    return statistics.fmean([each.threshold for each in found if each.threshold is not None] or [_HALF])
