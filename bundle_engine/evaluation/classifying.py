"""The report of a classification: a handler that collects what was said of each subject."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import BundleEngineWarning, InputError, UsageError
from bundle_engine.evaluation import classification as figures
from bundle_engine.evaluation import plots, tables, thumbnails, verdicts
from bundle_engine.evaluation.handlers import POSTERIORS, Report
from bundle_engine.evaluation.staging import gather, rank
from bundle_engine.evaluation.subjects import array_of, probabilities_of
from bundle_engine.evaluation.verdicts import Verdict, table_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ClassificationReport", "classification_plots"]

_SHOWN = 8
YOUDEN = "youden"


class _Shown(NamedTuple):
    """An image that may be one of the best or worst, with the probability of its true class."""

    certainty: float
    subject: str
    image: NDArray[Any]


class ClassificationReport(Report):
    """Collect the probabilities of every subject, and write tables, curves, and the best and worst images.

    ===========================  =====================================================================================
    ``metrics.csv``              a row per subject: label, prediction, probability of each class
    ``metrics_aggregates.csv``   AUC, average precision, accuracy, sensitivity, specificity, ECE, Brier score
    ``plots/``                   ROC curve, precision and recall, calibration, confusion matrix
    ``thumbnails/``              ``worst_1.png`` and so on, by the probability of the true class; ``best_1.png``
    ``evaluation.json``          what was evaluated, and the threshold; written last
    ===========================  =====================================================================================

    Args:
        output_dir: folder for the results.
        classes: names of the classes, from 0 on, or by number; by default they are numbered.
        threshold: with two classes, the probability from which on class 1 is decided for; ``youden`` chooses it on
            these subjects, which is for validation sets; None is 0.5.
        pred_key: where the network's output is: a number per class, or one for two classes. Logits are put through
            softmax, or the logistic function.
        label_key: where the true class is: its number, or one place per class.
        image_key: where the image is.
        posteriors_key: where the output is from before it was made discrete; used when it is there.
        draw_plots: whether to draw the curves.
        draw_thumbnails: whether to draw the best and worst images.
        facts: further things for ``evaluation.json``, such as where the threshold comes from.

    Attributes:
        chosen: the threshold that was used; None with more than two classes.
    """

    task = "classification"

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        classes: Mapping[Any, str] | Sequence[str] | None = None,
        *,
        threshold: float | str | None = None,
        pred_key: str = "pred",
        label_key: str = "label",
        image_key: str = "image",
        posteriors_key: str = POSTERIORS,
        draw_plots: bool = True,
        draw_thumbnails: bool = True,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(output_dir, pred_key=pred_key, label_key=label_key, image_key=image_key, facts=facts)
        self.classes = classes
        self.threshold = _threshold(threshold)
        self.posteriors_key = posteriors_key
        self.draw_plots, self.draw_thumbnails = draw_plots, draw_thumbnails
        self.chosen: float | None = None
        self.verdicts: list[Verdict] = []
        self._found: list[tuple[str, str, int, tuple[float, ...]]] = []
        self._shown: tuple[list[_Shown], list[_Shown]] = ([], [])
        self._class_list: list[str] = []

    def _begin(self, engine: Any) -> None:
        super()._begin(engine)
        self._found, self._shown = [], ([], [])

    def add(self, item: Mapping[str, Any], name: str, path: str) -> None:
        """Note the probabilities and the class of a subject."""
        key = self.posteriors_key if self.posteriors_key in item else self.pred_key
        values = array_of(item, key)
        if values.size != max(values.shape, default=1):
            raise UsageError(
                f"the prediction has the shape {values.shape}: no classification, with a number per class",
                hint="for a segmentation use SegmentationReport, or evaluate --task segmentation",
            )
        numbers = probabilities_of(values.reshape(-1))
        if numbers.size == 1:
            numbers = probabilities_of(numbers)
            row: tuple[float, ...] = (1 - float(numbers[0]), float(numbers[0]))
        else:
            row = tuple(float(number) for number in numbers)
            total = sum(row)
            row = row if abs(total - 1) < 1e-3 else tuple(map(float, _softmax(values.reshape(-1))))
        truth = array_of(item, self.label_key).reshape(-1)
        label = int(truth[0]) if truth.size == 1 else int(truth.argmax())
        if not 0 <= label < len(row):
            raise InputError(f"the label {label} is none of the {len(row)} classes, which count from 0")
        self._found.append((name, path, label, row))
        if self.draw_thumbnails and self.image_key in item:
            self._keep(row[label], name, item)

    def finish(self) -> dict[str, Any]:
        """Decide for a class each, and write tables, curves and images."""
        found = sorted({entry[0]: entry for entry in gather(self._found)}.values())
        self.subjects = len(found)
        if not found:
            return {}
        self._class_list = names = self._class_names(len(found[0][3]))
        table, labels = figures.check_probabilities([row for *_, row in found], [label for _, _, label, _ in found])
        if self.subjects > 1 and bool(((table == 0) | (table == 1)).all()):
            warnings.warn(
                "every probability is 0 or 1: the prediction was made discrete, and curves and calibration say little;"
                f" keep a copy of it as '{self.posteriors_key}' before (CopyItemsd in front of AsDiscreted)",
                BundleEngineWarning,
                stacklevel=2,
            )
        source = str(self.facts.get("threshold_source", "given"))
        self.chosen = None
        if len(names) == 2:
            self.chosen, source = self._choose(table, labels, source)
        decided = figures.predictions_of(table, self.chosen)
        self.verdicts = [
            Verdict(name, names[label], names[int(said)], row, path)
            for (name, path, label, row), said in zip(found, decided, strict=True)
        ]
        shown = [gather(part) for part in self._shown]
        if rank() == 0:
            verdicts.write_verdicts(self._staging.path(tables.METRICS), self.verdicts, names)
            summary = verdicts.summarize(self.verdicts, names, self.chosen)
            verdicts.write_figures(self._staging.path(tables.AGGREGATES), summary)
            if self.draw_plots:
                for name, figure in classification_plots(self.verdicts, names).items():
                    plots.save_figure(figure, self._staging.path(f"plots/{name}.png"))
            self._draw(shown)
        record: dict[str, Any] = {"subjects": self.subjects, "classes": names}
        if self.chosen is not None:
            record["threshold"] = {"value": self.chosen, "source": source}
        self.facts.pop("threshold_source", None)
        return record

    def _choose(self, table: NDArray[np.float64], labels: NDArray[np.int64], source: str) -> tuple[float, str]:
        if self.threshold == YOUDEN:
            chosen = figures.choose_threshold(table[:, 1], labels == 1)
            if chosen is not None:
                return chosen, "chosen on this set"
            return 0.5, "0.5, for all subjects are of one class, so that none could be chosen"
        return (0.5, "0.5, for none was chosen") if self.threshold is None else (float(self.threshold), source)

    @property
    def names(self) -> list[str]:
        """Names of the classes of the last run."""
        return self._class_list

    def _class_names(self, number: int) -> list[str]:
        if self.classes is None:
            return [f"class {each}" for each in range(number)]
        if isinstance(self.classes, Mapping):
            by_number = {int(key): str(name) for key, name in self.classes.items()}
            names = [by_number.get(each, f"class {each}") for each in range(number)]
        else:
            names = [str(name) for name in self.classes]
        if len(names) == 1 and number == 2:  # of a network with one output
            names = [f"no {names[0]}", names[0]]
        if len(names) != number or len(set(names)) != number:
            raise UsageError(f"there are {number} classes, and they are called {', '.join(names)}")
        return names

    def _keep(self, certainty: float, name: str, item: Mapping[str, Any]) -> None:
        worst, best = self._shown
        for kept, sign in ((worst, 1), (best, -1)):
            if len(kept) < _SHOWN or sign * certainty < max(sign * each.certainty for each in kept):
                image = array_of(item, self.image_key)
                kept.append(_Shown(certainty, name, image[:3].copy()))
                kept.sort(key=lambda each: (sign * each.certainty, each.subject))
                del kept[_SHOWN:]

    def _draw(self, shown: Sequence[Sequence[_Shown]]) -> None:
        by_name = {each.subject: each for each in self.verdicts}
        for word, sign, kept in zip(("worst", "best"), (1, -1), shown, strict=True):
            order = sorted(kept, key=lambda each: (sign * each.certainty, each.subject))
            for number, each in enumerate(order[:_SHOWN], start=1):
                verdict = by_name[each.subject]
                wrong = "" if verdict.label == verdict.prediction else f", taken for {verdict.prediction}"
                picture = thumbnails.draw_image(
                    each.image,
                    title=f"{each.subject} · {verdict.label}",
                    remark=f"probability {each.certainty:.3f}{wrong}",
                )
                thumbnails.save_picture(picture, self._staging.path(f"thumbnails/{word}_{number}.png"))


def classification_plots(found: Sequence[Verdict], classes: Sequence[str]) -> dict[str, Any]:
    """Draw the plots of a classification, by the names of their files."""
    table, labels = table_of(found, classes)
    shown = list(enumerate(classes))[1:] if len(classes) == 2 else list(enumerate(classes))
    scores = {name: table[:, number] for number, name in shown}
    positive = {name: labels == number for number, name in shown}
    numbers = {name: number for number, name in enumerate(classes)}
    decided = [numbers[each.prediction] for each in found]
    if len(classes) == 2:
        rates = figures.rates_of([said == 1 for said in decided], labels == 1)
        known = rates.sensitivity is not None and rates.specificity is not None
        point = (1 - (rates.specificity or 0), rates.sensitivity or 0) if known else None
        bins = figures.reliability(table[:, 1], labels == 1)
    else:
        point = None
        bins = figures.reliability(table.max(axis=1), table.argmax(axis=1) == labels)
    return {
        "roc": plots.roc_plot(scores, positive, point),
        "precision_recall": plots.recall_plot(scores, positive),
        "reliability": plots.reliability_plot(bins),
        "confusion": plots.confusion_plot(figures.confusion_matrix(decided, labels, len(classes)), classes),
    }


def _softmax(values: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    raised = np.exp(values.astype(np.float64) - values.max())
    return np.asarray(raised / raised.sum())


def _threshold(given: float | str | None) -> float | str | None:
    if given is None or given == YOUDEN:
        return given
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"a threshold is a number between 0 and 1, or '{YOUDEN}'; not {given!r}")
    return value
