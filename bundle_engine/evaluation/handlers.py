"""Handlers for ignite that watch an evaluator and leave a folder with what came of it.

In a config::

    handlers:
      - _target_: bundle_engine.evaluation.SegmentationReport
        output_dir: "$@output_dir + '/evaluation'"
        structures: {1: anterior, 2: posterior}

They work on what the evaluator gives after its postprocessing. With several processes each looks at its own subjects,
and the first one writes the tables of all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.errors import InputError, UsageError
from bundle_engine.evaluation import plots, subjects, tables, thumbnails, volumes
from bundle_engine.evaluation.aggregates import DISTANCES, aggregate, values_of
from bundle_engine.evaluation.grids import spacing_of
from bundle_engine.evaluation.segmentation import Agreement, compare_masks, mask_of, spatial_shape
from bundle_engine.evaluation.staging import Staging, gather, rank
from bundle_engine.evaluation.subjects import array_of, file_name
from bundle_engine.evaluation.tables import StructureRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Report", "SegmentationReport", "keep_posteriors"]

POSTERIORS = "posteriors"


class Report:
    """What the reports share: they begin and end with the evaluator's run, and look at every subject once.

    Args:
        output_dir: folder for the results; those of an earlier evaluation are replaced at the end.
        pred_key: where the prediction is in a subject's data.
        label_key: where the truth is.
        image_key: where the image is.
        facts: further things to write into ``evaluation.json``, such as the checkpoint.

    Attributes:
        subjects: number of subjects of the last run, of all processes.
    """

    task = ""

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        *,
        pred_key: str = "pred",
        label_key: str = "label",
        image_key: str = "image",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.pred_key, self.label_key, self.image_key = pred_key, label_key, image_key
        self.facts = dict(facts or {})
        self.subjects = 0
        self._staging = Staging(output_dir)
        self._names = subjects.Names()

    def attach(self, engine: Any) -> None:
        """Attach to an evaluator."""
        from ignite.engine import Events

        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._look)
        engine.add_event_handler(Events.COMPLETED, self._end)

    def discard(self) -> None:
        """Take away what an interrupted run has written."""
        self._staging.discard()

    def _begin(self, _engine: Any) -> None:
        self._names = subjects.Names()
        self._staging.begin()

    def _look(self, engine: Any) -> None:
        for item in subjects.items_of(engine):
            name, path = self._names.name(item, (self.image_key, self.pred_key, self.label_key))
            try:
                self.add(item, name, path)
            except (InputError, UsageError) as error:
                error.notes = (*error.notes, f"subject '{name}'" + (f", {path}" if path else ""))
                raise

    def _end(self, _engine: Any) -> None:
        record = {"task": self.task, **self.finish(), **self.facts}
        self._staging.wait()
        if not self.subjects:
            self._staging.discard()
            raise InputError("there were no subjects to evaluate")
        self._staging.finish(record)

    def add(self, item: Mapping[str, Any], name: str, path: str) -> None:
        """Look at a subject."""
        raise NotImplementedError

    def finish(self) -> dict[str, Any]:
        """Write what is about all subjects; give what belongs into the record."""
        raise NotImplementedError


class SegmentationReport(Report):
    """Measure every structure of every subject, and write tables, plots, thumbnails and, on request, images.

    ===============================  =================================================================================
    ``metrics.csv``                  a row per subject and structure; see `bundle_engine.evaluation.segmentation`
    ``metrics_aggregates.csv``       mean, standard deviation, median, minimum, maximum per structure and measure
    ``plots/box_plots.png``          Dice and distances, a point per subject
    ``thumbnails/<structure>/``      per subject the slice with the most predicted voxels, prediction and truth outlined
    ``segmentations/<subject>/``     on request, a NIfTI file per structure
    ``posteriors/<subject>/``        on request, a NIfTI file per structure with its probability
    ``uncertainty/``                 on request, a NIfTI file per subject: the entropy of the posteriors, from 0 to 1
    ``evaluation.json``              what was evaluated; written last
    ===============================  =================================================================================

    Args:
        output_dir: folder for the results.
        structures: names of the structures by label value or channel, such as ``{1: anterior, 2: posterior}``; or a
            list of names from 1 on; by default they are numbered. A background at 0 is left out.
        pred_key: where the segmentation is in a subject's data: a label map, or a channel per structure.
        label_key: where the truth is, in one of these forms.
        image_key: where the image is.
        posteriors_key: where the probabilities are, a channel per class; `keep_posteriors`, or CopyItemsd before
            AsDiscreted, puts them there.
        draw_plots: whether to draw box plots.
        draw_thumbnails: whether to draw thumbnails.
        save_segmentations: whether to write a NIfTI file per structure.
        save_posteriors: whether to write the posterior of each structure.
        save_uncertainty: whether to write the uncertainty.
        facts: further things for ``evaluation.json``.
    """

    task = "segmentation"

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        structures: Mapping[Any, str] | Sequence[str] | None = None,
        *,
        pred_key: str = "pred",
        label_key: str = "label",
        image_key: str = "image",
        posteriors_key: str = POSTERIORS,
        draw_plots: bool = True,
        draw_thumbnails: bool = True,
        save_segmentations: bool = False,
        save_posteriors: bool = False,
        save_uncertainty: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(output_dir, pred_key=pred_key, label_key=label_key, image_key=image_key, facts=facts)
        self.structures = structures
        self.posteriors_key = posteriors_key
        self.draw_plots, self.draw_thumbnails = draw_plots, draw_thumbnails
        self.save_segmentations = save_segmentations
        self.save_posteriors, self.save_uncertainty = save_posteriors, save_uncertainty
        self.rows: list[StructureRow] = []
        self._named: dict[int, str] = {}
        self._units = "mm"

    def _begin(self, engine: Any) -> None:
        super()._begin(engine)
        self.rows, self._named, self._units = [], {}, "mm"

    def add(self, item: Mapping[str, Any], name: str, path: str) -> None:
        """Measure a subject, and let its pictures and images be written."""
        found = subjects.require_discrete(array_of(item, self.pred_key), "prediction")
        real = subjects.require_discrete(array_of(item, self.label_key), "truth")
        if found.ndim < 3:
            raise UsageError(
                f"the prediction has the shape {found.shape}: no segmentation, with channels in front of its axes",
                hint="for a classification use ClassificationReport, or evaluate --task classification",
            )
        shape = found.shape[1:]
        if spatial_shape(real, len(shape)) != shape:
            raise InputError(
                f"the prediction has the shape {shape} and the truth {spatial_shape(real, len(shape))}:"
                " they must be on one grid",
                hint="bring the prediction back to the grid of the truth, for example with Invertd after the network",
            )
        self._named = self._named or subjects.structures_of(found, self.structures)
        affine = subjects.affine_of(item, (self.pred_key, self.label_key, self.image_key), shape)
        if affine is None:
            self._units = "voxels"
        spacing = (1.0,) * len(shape) if affine is None else spacing_of(affine, len(shape))
        masks = {
            structure: (mask_of(found, value, len(shape)), mask_of(real, value, len(shape)))
            for value, structure in self._named.items()
        }
        for structure, (one, other) in masks.items():
            agreement = compare_masks(one, other, spacing)
            self.rows.append(StructureRow(name, structure, agreement))
            if self.draw_thumbnails and not agreement.both_empty:
                image = subjects.image_on(item, self.image_key, shape, affine)
                self._draw(name, structure, (one, other), image, spacing, affine, agreement)
            if self.save_segmentations:
                target = f"segmentations/{file_name(name)}/{file_name(structure)}.nii.gz"
                self._staging.submit(target, _writing(volumes.write_mask, one, affine))
        if self.save_posteriors or self.save_uncertainty:
            self._save_posteriors(item, name, affine)

    def finish(self) -> dict[str, Any]:
        """Write tables and plots."""
        self.rows = _once(gather(self.rows))
        order = {name: number for number, name in enumerate(sorted({row.subject for row in self.rows}))}
        self.rows.sort(key=lambda row: order[row.subject])
        self.subjects = len(order)
        if rank() == 0 and self.rows:
            tables.write_metrics(self._staging.path(tables.METRICS), self.rows)
            tables.write_aggregates(self._staging.path(tables.AGGREGATES), aggregate(self.rows))
            if self.draw_plots:
                self._staging.submit("plots/box_plots.png", lambda path: plots.save_figure(box_plots(self.rows), path))
        return {"subjects": self.subjects, "structures": list(self._named.values()), "units": self._units}

    def _draw(
        self,
        name: str,
        structure: str,
        masks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        image: Any,
        spacing: tuple[float, ...],
        affine: Any,
        agreement: Agreement,
    ) -> None:
        distance = agreement.hausdorff_mm
        worst = "nothing found" if not agreement.voxels else "not in the truth" if not agreement.truth_voxels else ""
        remark = worst or f"Dice {agreement.dice:.3f} · Hausdorff {distance or 0:.1f} {self._units}"

        def write(path: Path) -> None:
            intensities = image() if callable(image) else image
            picture = thumbnails.draw_outlines(
                intensities, *masks, spacing=spacing, affine=affine, title=name, remark=f"{structure}\n{remark}"
            )
            thumbnails.save_picture(picture, path)

        self._staging.submit(thumbnail_name(name, structure), write)

    def _save_posteriors(self, item: Mapping[str, Any], name: str, affine: Any) -> None:
        if self.posteriors_key not in item:
            raise UsageError(
                f"a subject has no '{self.posteriors_key}', so there are no posteriors to save",
                hint="copy the probabilities before they are made discrete: CopyItemsd with keys [pred] and names"
                f" [{self.posteriors_key}] in front of AsDiscreted",
            )
        posteriors = subjects.probabilities_of(array_of(item, self.posteriors_key))
        if self.save_posteriors:
            single = len(posteriors) == 1
            for channel, structure in self._named.items():
                values = posteriors[0 if single else channel]
                target = f"posteriors/{file_name(name)}/{file_name(structure)}.nii.gz"
                self._staging.submit(target, _writing(volumes.write_fraction, values, affine))
        if self.save_uncertainty:
            self._staging.submit(
                f"uncertainty/{file_name(name)}.nii.gz",
                lambda path: volumes.write_fraction(path, subjects.entropy_of(posteriors), affine),
            )


def thumbnail_name(subject: str, structure: str) -> str:
    """Give the path of a thumbnail below the folder of an evaluation."""
    return f"thumbnails/{file_name(structure)}/{file_name(subject)}.png"


def box_plots(rows: Sequence[StructureRow]) -> Any:
    """Draw the box plots of Dice and the distances."""
    structures = list(dict.fromkeys(row.structure for row in rows))
    metrics = ("Dice", *DISTANCES)
    return plots.box_plots({metric: {name: values_of(rows, name, metric) for name in structures} for metric in metrics})


def keep_posteriors(transform: Any, *, pred_key: str = "pred", name: str = POSTERIORS) -> Any:
    """Give a transform for after the network that keeps the prediction as it is before it is made discrete.

    Args:
        transform: the transforms after the network: one, or a Compose of several.
        pred_key: where the prediction is.
        name: where to keep a copy.

    Returns:
        the same transforms, with a copy in front of the first AsDiscreted of the prediction; the very same object where
        there is none.
    """
    from monai.transforms import AsDiscreted, Compose, CopyItemsd

    steps = list(transform.transforms) if isinstance(transform, Compose) else [transform]
    for number, step in enumerate(steps):
        if isinstance(step, AsDiscreted) and pred_key in step.keys:
            return Compose([*steps[:number], CopyItemsd(keys=[pred_key], names=[name]), *steps[number:]])
    return transform


def _writing(write: Any, values: Any, affine: Any) -> Any:
    return lambda path: write(path, values, affine)


def _once(rows: Sequence[StructureRow]) -> list[StructureRow]:
    """Leave out what a sampler gave to two processes to make their shares equal."""
    return list({row[:2]: row for row in rows}.values())
