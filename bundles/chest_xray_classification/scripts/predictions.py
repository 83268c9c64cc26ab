"""What is written and printed of the predictions."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bundle_engine.evaluation import ClassificationReport


class PredictionsSaver:
    """Write a table with a row per image: its name, the class, the probability of each class.

    Args:
        path: the .csv file; an earlier one is replaced at the end.
        class_names: names of the two classes.
        threshold: probability from which on the second class is decided for.
    """

    def __init__(self, path: str | os.PathLike[str], class_names: Sequence[str], threshold: float = 0.5) -> None:
        self.path = Path(path)
        self.class_names = list(class_names)
        self.threshold = float(threshold)
        self.rows: list[list[Any]] = []

    def attach(self, engine: Any) -> None:
        """Attach to an evaluator."""
        from ignite.engine import Events

        engine.add_event_handler(Events.STARTED, lambda: self.rows.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.collect)
        engine.add_event_handler(Events.COMPLETED, self.write)

    def collect(self, engine: Any) -> None:
        """Take the predictions of an iteration."""
        for before, after in zip(engine.state.batch, engine.state.output, strict=True):
            probabilities = [float(value) for value in after["pred"]]
            said = self.class_names[int(probabilities[1] >= self.threshold)]
            self.rows.append([before["subject"], said, *(f"{value:.6f}" for value in probabilities)])

    def write(self) -> None:
        """Write the table."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(["Image", "Prediction", *(f"Probability_{name}" for name in self.class_names)])
                writer.writerows(self.rows)
            os.chmod(name, 0o644)  # the temporary file is private; a table need not be
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        print(f"{len(self.rows)} images are classified in {self.path}")


def choose_threshold(evaluator: Any, report: ClassificationReport) -> float | None:
    """Run an evaluator on the validation images, and give the threshold that its report chose."""
    evaluator.run()
    return report.chosen


def show(report: ClassificationReport | None) -> None:
    """Print the figures of a report; nothing where there is none."""
    if report is None or not report.verdicts:
        return
    from bundle_engine.evaluation.verdicts import summarize

    for figure in summarize(report.verdicts, report.names, report.chosen):
        if figure.value is not None:
            print(f"{figure.metric}: {figure.value:.3f}")
