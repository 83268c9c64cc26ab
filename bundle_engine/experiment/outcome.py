"""What a cross-validation came to: folds are evaluated, put together in an ensemble, and compared."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundle_engine.errors import BundleEngineError, BundleEngineWarning
from bundle_engine.evaluation.sets import Configs, read_parser
from bundle_engine.evaluation.staging import RECORD
from bundle_engine.experiment.course import Tell
from bundle_engine.experiment.fold_table import ENSEMBLE, FoldRow, figures_of
from bundle_engine.experiment.selection import select

__all__ = [
    "ENSEMBLE",
    "EVALUATION",
    "compare_folds",
    "evaluate_ensemble",
    "evaluate_fold",
    "rows_of",
    "trained_rows",
]

EVALUATION = "evaluation"


def evaluate_fold(
    configs: Configs,
    folder: Path,
    overrides: Mapping[str, Any],
    *,
    sets: Sequence[str],
    which: str | int = "final",
    progress: Tell | None = None,
) -> Path:
    """Evaluate the network that a fold has trained, unless that was done before with the same weights.

    Args:
        configs: the bundle's configs.
        folder: the fold's folder.
        overrides: ids and values that the fold was trained with.
        sets: ``val`` for the subjects that it was not trained on, ``test`` for the bundle's test set.
        which: which weights, see `selection.select`.
        progress: see `evaluate`.

    Returns:
        the folder with a folder for each set.
    """
    from bundle_engine.evaluation.evaluating import Outputs, evaluate
    from bundle_engine.hashing import file_digest

    weights = select(folder, which).path
    digest = file_digest(weights)
    wanted = [name for name in sets if _evaluated(folder / EVALUATION / name) != digest]
    if wanted:
        with _quiet():
            evaluate(
                configs,
                wanted=wanted,
                checkpoints=[weights],
                output_dir=folder / EVALUATION,
                overrides=overrides,
                outputs=Outputs(plots=False, thumbnails=False),
                progress=progress,
            )
    return folder / EVALUATION


def rows_of(folder: Path, fold: str, sets: Sequence[str]) -> list[FoldRow]:
    """Give the rows of a fold that was evaluated.

    Raises:
        InputError: when what it left is damaged.
    """
    from bundle_engine.evaluation.records import find_evaluations

    found = {each.name: each for each in find_evaluations(folder / EVALUATION)}
    return [FoldRow(name, fold, *figures_of(found[name])) for name in sets if name in found]


def trained_rows(folder: Path, fold: str, subjects: int) -> list[FoldRow]:
    """Give what the last validation of a training measured, for a bundle that has no evaluate config."""
    from bundle_engine.runs.record import read_record

    for id, facts in read_record(folder).results.items():
        if not id.endswith("trainer") and facts.get("metrics"):
            return [
                FoldRow("val", fold, subjects, {str(name): float(value) for name, value in facts["metrics"].items()})
            ]
    return [FoldRow("val", fold, subjects, {})]


def evaluate_ensemble(
    configs: Configs,
    folder: Path,
    overrides: Mapping[str, Any],
    *,
    which: str | int = "final",
    progress: Tell | None = None,
) -> list[FoldRow]:
    """Let the networks of all finished folds vote on the test set, unless that was done before.

    On the subjects of the folds there is nothing to evaluate: all networks but one were trained on each of them.

    Args:
        configs: the bundle's configs.
        folder: the folder of the cross-validation.
        overrides: ids and values that are the same in all folds.
        which: which weights of each fold, see `selection.select`.
        progress: see `evaluate`.
    """
    from bundle_engine.evaluation.evaluating import Outputs
    from bundle_engine.experiment.assessment import evaluate_model
    from bundle_engine.experiment.models import model_of_run
    from bundle_engine.hashing import file_digest

    model = model_of_run(folder, which)
    together = "".join(file_digest(path) for path in model.weights)
    if _evaluated(folder / ENSEMBLE / EVALUATION / "test") != hashlib.sha256(together.encode()).hexdigest():
        with _quiet():
            evaluate_model(
                configs,
                model,
                overrides=overrides,
                wanted=["test"],
                output_dir=folder / ENSEMBLE / EVALUATION,
                outputs=Outputs(plots=False, thumbnails=False),
                progress=progress,
            )
    return rows_of(folder / ENSEMBLE, ENSEMBLE, ["test"])


def compare_folds(folder: Path, folds: Sequence[str], configs: Configs, overrides: Mapping[str, Any]) -> Path | None:
    """Put folds, and the ensemble where it was evaluated, side by side in ``CrossValResults``.

    Args:
        folder: the folder of the cross-validation.
        folds: names of its finished folds.
        configs: the bundle's configs.
        overrides: ids and values that are the same in all folds.

    Returns:
        the page of the comparison; None where it could not be made, of which there is a warning then.
    """
    from bundle_engine.experiment.comparison import write_cross_validation_results

    together = folder / ENSEMBLE / EVALUATION
    try:
        return write_cross_validation_results(
            folder,
            {name: folder / name / EVALUATION for name in folds},
            together if (together / "test" / RECORD).is_file() else None,
            dataset=_table(configs, overrides),
        )
    except BundleEngineError as error:
        text = f"the folds are evaluated, and could not be compared: {error.message}"
        warnings.warn(text, BundleEngineWarning, stacklevel=2)
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out of the log what handlers say of each evaluation: the table says it of all."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        yield
    finally:
        logging.disable(before)


def _table(configs: Configs, overrides: Mapping[str, Any]) -> Path | None:
    """Give the table of subjects at ``dataset_dir``, whose columns go beside the measures."""
    parser = read_parser(configs.train, configs.root, overrides)
    if "dataset_dir" not in parser:
        return None
    path = Path(str(parser.get_parsed_content("dataset_dir"))).expanduser()
    path = path / "dataset.csv" if path.is_dir() else path
    return path.absolute() if path.suffix == ".csv" and path.is_file() else None


def _evaluated(folder: Path) -> str | None:
    """Give the digest of the weights that were evaluated into a folder; None where nothing complete is there."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        digest = record["checkpoint"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(digest)
