"""Evaluate a model: a bundle with given weights, or an ensemble of several."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from bundle_engine.evaluation import sets
from bundle_engine.evaluation.evaluating import Done, evaluate
from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment.ensemble import voting
from bundle_engine.experiment.models import Model
from bundle_engine.hashing import file_digest

__all__ = ["evaluate_model"]


def evaluate_model(
    configs: Configs, model: Model, *, overrides: Mapping[str, Any] | None = None, **options: Any
) -> list[Done]:
    """Evaluate a model on its bundle's sets.

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
    options.setdefault("key_in_ckpt", model.key)
    return evaluate(configs, checkpoints=model.weights[:1], overrides=settings, facts=facts, **options)
