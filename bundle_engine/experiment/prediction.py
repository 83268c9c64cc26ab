"""Apply a model to images: NIfTI files in, segmentations on the very same grid out."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import ConfigParser
from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import SEP, TARGET
from bundle_engine.errors import BundleEngineError, BundleEngineWarning, InputError, InputNotFoundError, UsageError
from bundle_engine.evaluation import sets
from bundle_engine.evaluation.evaluating import labels_of, task_of
from bundle_engine.evaluation.sets import Places
from bundle_engine.experiment import images as files
from bundle_engine.experiment.ensemble import (
    handlers_of,
    is_ensemble,
    is_loader,
    loaders_apart,
    loading_elsewhere,
    steps_of,
    voting,
)
from bundle_engine.experiment.images import Order
from bundle_engine.experiment.models import Model
from bundle_engine.experiment.preview import draw_preview, masks_of
from bundle_engine.workflow.config_workflow import ConfigWorkflow
from bundle_engine.workflow.roots import importable

__all__ = ["Predicted", "build", "config_of", "metadata_of", "own_weights", "predict", "without_saving"]

PRED = "pred"
_WRITERS = ("Saver", "Report", "MLFlowHandler", "TensorBoardStatsHandler", "TensorBoardImageHandler")
_INPUTS = ("image", "input", "images")  # ids by which inference configs name what they work on, by custom
Progress = Callable[[int, int, str], None]


class Predicted(NamedTuple):
    """An image that a model was applied to.

    Attributes:
        image: the file.
        segmentation: what was written.
        picture: the preview; None where none was drawn.
        voxels: of each structure, by name.
        seconds: how long it took.
    """

    image: Path
    segmentation: Path
    picture: Path | None
    voxels: Mapping[str, int]
    seconds: float


def predict(
    model: Model,
    images: Sequence[Path],
    output_dir: str | Path,
    *,
    workflow: str = "inference",
    overwrite: bool = False,
    pictures: bool = True,
    overrides: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[Predicted]:
    """Segment images with a model.

    What is done to an image stands in the bundle's inference config: its ``preprocessing``, ``inferer`` and
    ``postprocessing``, up to where that writes files. Each segmentation is written as soon as it is there.

    Args:
        model: the model; several weights vote.
        images: NIfTI files.
        output_dir: folder for ``NAME_seg.nii.gz``, and ``NAME_seg.png``.
        workflow: name of the config.
        overwrite: replace what is there.
        pictures: draw a preview of each.
        overrides: ids and values to set in the config, besides those of the model.
        progress: is told how many images are done, of how many, and the name of the next.

    Returns:
        what was written, in the order of `images`.

    Raises:
        InputError: when images or weights cannot be used; nothing is computed then.
        UsageError: when something is there already, or the bundle makes no segmentation.
    """
    folder = Path(output_dir).expanduser().absolute()
    metadata = metadata_of(model.bundle)
    if task_of(metadata) != "segmentation":
        raise UsageError(
            f"the bundle '{model.bundle.name}' classifies images, and predict segments them",
            hint=f"its own config does that: run --bundle {model.bundle} --workflow {workflow}",
        )
    config = config_of(model.bundle, workflow)
    settings = {**model.overrides, **(overrides or {})}
    parser = sets.read_parser([config], model.bundle, settings)
    places = sets.places_of(parser)
    if places.data not in parser:
        raise UsageError(f"the config '{config}' has no dataset", hint=f"what it is made from belongs at {places.data}")
    orders = files.orders_of(images, folder, overwrite=overwrite)
    network = parser.get("network_def")
    files.look_at_images(images, files.channels_expected(metadata, network), files.axes_expected(metadata, network))
    weights = model.weights or _loaded_by(parser, places, model.bundle)
    changes = _changes(parser, places, weights, model, images)
    _tell_unused(parser, config, overrides or {})
    work = _Work(orders, folder, labels_of(metadata), pictures=pictures, progress=progress)
    try:
        _run(config, model, sets.known_to(parser, settings), changes, places, weights, work)
    finally:
        sets.forget()
    if len(work.done) < len(orders):
        missing = [str(order.image) for order in orders if order.image not in {each.image for each in work.done}]
        raise InputError(f"the config '{config}' gave no prediction for {', '.join(missing)}")
    return work.done


def config_of(bundle: Path, name: str) -> Path:
    """Find a config of a bundle.

    Raises:
        InputNotFoundError: when there is none of that name.
    """
    from bundle_engine.workflow.files import near_files

    for suffix in (".yaml", ".yml", ".json"):
        if (found := bundle / "configs" / f"{name}{suffix}").is_file():
            return found
    raise InputNotFoundError(
        f"the bundle '{bundle}' has no config '{name}'", hint=near_files(bundle / "configs" / f"{name}.yaml")
    )


def metadata_of(bundle: Path) -> dict[str, Any]:
    """Read the metadata of a bundle; empty where there is none."""
    for name in ("metadata.json", "metadata.yaml", "metadata.yml"):
        if (file := bundle / "configs" / name).is_file():
            return dict(ConfigParser.load_config_file(file))
    return {}


def build(bundle: Path, workflow: str = "inference") -> Any:
    """Build the evaluator that a bundle's config describes, for no images yet, with what writing images needs.

    Args:
        bundle: the bundle's folder.
        workflow: name of the config.
    """
    from importlib import import_module

    for name in ("nibabel", "PIL", "matplotlib"):
        import_module(name)
    config = config_of(bundle, workflow)
    parser = sets.read_parser([config], bundle, {})
    places = sets.places_of(parser)
    made = ConfigWorkflow(str(config), logging_file=False, workflow_type="infer")
    made.parser.bundle_root = bundle
    made.parser.parse(reset=False)
    made.parser.override(_changes(parser, places, (), Model(bundle.name, bundle), ()))
    try:
        made.initialize()
        with importable(bundle):
            return made.parser.get_parsed_content(places.evaluator)
    finally:
        sets.forget()


def without_saving(transform: Any) -> Any:
    """Leave out of the transforms after a network what writes files, and what follows that."""
    from monai.transforms import Compose, SaveImage, SaveImaged

    kept = []
    for step in steps_of(transform):
        if isinstance(step, SaveImage | SaveImaged):
            break
        kept.append(step)
    return Compose(kept)


# --- the config ---


def own_weights(bundle: Path, workflow: str = "inference") -> tuple[Path, ...]:
    """Give the weights that a bundle's config loads by itself, those of an ensemble one after the other.

    Args:
        bundle: the bundle's folder.
        workflow: name of the config.

    Returns:
        the files; none where an inferer of the bundle's own, or something unknown, loads them.

    Raises:
        InputNotFoundError: when they are not there.
    """
    parser = sets.read_parser([config_of(bundle, workflow)], bundle, {})
    return _loaded_by(parser, sets.places_of(parser), bundle)


def _loaded_by(parser: ConfigParser, places: Places, bundle: Path) -> tuple[Path, ...]:
    with importable(bundle):
        if is_ensemble(parser, places):
            named = parser.get_parsed_content(f"{places.evaluator}{SEP}inferer{SEP}weights")
            return tuple(_weights_at(each, bundle) for each in named)
        for at, handler in (*handlers_of(parser, places), *loaders_apart(parser)):
            if not is_loader(handler) or "load_path" not in handler:
                continue
            if handler.get("_disabled_") in (True, "true", "True"):
                continue
            return (_weights_at(parser.get_parsed_content(f"{at}{SEP}load_path"), bundle),)
    return ()


def _weights_at(written: Any, bundle: Path) -> Path:
    path = Path(str(written)).expanduser()
    path = path if path.is_absolute() or path.is_file() else bundle / path
    if path.is_file():
        return path.absolute()
    raise InputNotFoundError(
        f"there are no trained weights at '{path}'",
        hint="train first, or name them: --local_weights_path FILE, or --model with a run",
    )


def _changes(
    parser: ConfigParser, places: Places, weights: Sequence[Path], model: Model, images: Sequence[Path]
) -> dict[str, Any]:
    """Give what to change in the inference config so that it works on the images, and writes nothing by itself."""
    changes: dict[str, Any] = {}
    after = f"{places.evaluator}{SEP}postprocessing"
    for at, handler in handlers_of(parser, places):
        if str(handler.get(TARGET)).endswith(_WRITERS):
            changes[f"{at}{SEP}_disabled_"] = True
    used = parser.dependencies(places.data) if images else ()
    changes |= {name: str(images[0]) for name in _INPUTS if name in used}  # something else may look whether it is there
    if len(weights) > 1:
        changes |= voting(parser, places, [str(path) for path in weights], model.key)
    elif weights:
        changes |= loading_elsewhere(parser, places, str(weights[0]))
    changes[places.data] = sets.hand_over([{"image": str(path)} for path in images])
    if parser.get(after) is not None:
        changes[after] = {TARGET: f"{__name__}.without_saving", "transform": parser.get(after)}
    loader = f"{places.data.rpartition(f'dataset{SEP}data')[0]}dataloader"
    if loader in parser:
        changes |= {f"{loader}{SEP}batch_size": 1, f"{loader}{SEP}shuffle": False}
    if "bundle_root" in parser:
        changes["bundle_root"] = str(model.bundle)
    return changes


def _tell_unused(parser: ConfigParser, config: Path, overrides: Mapping[str, Any]) -> None:
    """Warn of overrides that the config has no place for."""
    known = sets.known_to(parser, overrides)
    for key in overrides:
        if key not in known:
            near = matches(key, [str(name) for name in parser.get()])
            hint = f"; did you mean {either(near)}?" if near else ""
            text = f"'{key}' is not in the config '{config.name}', and has no effect{hint}"
            warnings.warn(text, BundleEngineWarning, stacklevel=3)


def _run(
    config: Path,
    model: Model,
    settings: Mapping[str, Any],
    changes: Mapping[str, Any],
    places: Places,
    weights: Sequence[Path],
    work: _Work,
) -> None:
    from ignite.engine import Events
    from monai.engines.utils import IterationEvents

    from bundle_engine.workflow.checkpoints import load_weights, read_weights

    workflow = ConfigWorkflow(str(config), logging_file=False, workflow_type="infer")
    workflow.parser.bundle_root = model.bundle
    workflow.parser.parse(reset=False)  # an override may reach into what a macro brings
    workflow.parser.override(settings)
    workflow.parser.override(changes, source="predict")
    workflow.initialize()
    with importable(model.bundle):
        evaluator = workflow.parser.get_parsed_content(places.evaluator)
        if len(weights) == 1:
            device = getattr(evaluator.state, "device", None) or "cpu"
            loaded = read_weights(weights[0], key=model.key, map_location=device)
            load_weights(evaluator.network, loaded, source=f"'{weights[0]}'")
        with suppress(ValueError):  # not every engine has this event
            evaluator.add_event_handler(IterationEvents.FORWARD_COMPLETED, work.look)
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, work.take)
        evaluator.logger.addFilter(_is_news)
        work.begin()
        try:
            evaluator.run()
        except Exception as error:
            before = f"{len(work.done)} {'image' if len(work.done) == 1 else 'images'} before it: done, and written"
            written = before if work.done else None
            if (ours := _ours(error)) is not None:
                ours.notes = (*ours.notes, *([written] if written else []))
                raise ours from None  # what others wrapped around it on its way says nothing more
            last = (str(error).strip().splitlines() or [""])[-1]
            raise InputError(
                f"the model cannot be applied to '{work.now}': {type(error).__name__}: {last}", hint=written
            ) from error
        finally:
            evaluator.logger.removeFilter(_is_news)
    workflow.finalize()


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a record says what nothing else does: the error itself is going to be told."""
    return "terminating due to exception" not in record.getMessage()


def _ours(error: BaseException) -> BundleEngineError | None:
    """Give the error of ours that others wrap on its way."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BundleEngineError):
            return cause
        cause = cause.__cause__
    return None


# --- what comes of it ---


class _Work:
    """Takes predictions as they come, and writes them."""

    def __init__(
        self,
        orders: Sequence[Order],
        folder: Path,
        names: Mapping[int, str] | None,
        *,
        pictures: bool,
        progress: Progress | None,
    ) -> None:
        self.folder = folder
        self.orders = {str(order.image): order for order in orders}
        self.names = dict(names or {})
        self.pictures = pictures
        self.done: list[Predicted] = []
        self._waiting = list(orders)
        self._progress = progress
        self._begin = 0.0

    @property
    def now(self) -> str:
        """The image that is worked on."""
        return str(self._waiting[0].image) if self._waiting else ""

    def begin(self) -> None:
        """Make the folder, now that all is there, and say that the first image comes."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = "it is a file" if self.folder.is_file() else error.strerror or error
            raise UsageError(f"cannot make the folder '{self.folder}': {reason}") from None
        self._begin = time.monotonic()
        self._tell()

    def look(self, engine: Any) -> None:
        """Refuse what a network gives when it is no number: all would become background, without a word."""
        output = engine.state.output
        given: Any = output.get(PRED) if isinstance(output, Mapping) else None
        if not hasattr(given, "is_floating_point") or not given.is_floating_point() or not given.numel():
            return
        if not given.min().isnan():
            return
        if strange := files.no_numbers_in(Path(self.now)):
            raise InputError(
                f"the network gives no numbers for '{self.now}', which has values that are NaN or infinite: {strange}",
                hint="put numbers in their place, such as that of the background",
            )
        raise InputError(
            f"the network gives no numbers for '{self.now}'", hint="its weights may be damaged, or amp is too coarse"
        )

    def take(self, engine: Any) -> None:
        """Write what an evaluator's iteration gave."""
        from bundle_engine.evaluation.subjects import items_of

        for item in items_of(engine):
            order = self._waiting.pop(0)
            self.done.append(self._written(item, order))
            self._begin = time.monotonic()
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(len(self.done), len(self.orders), Path(self.now).name)

    def _written(self, item: Mapping[str, Any], order: Order) -> Predicted:
        labels, affine, channels = _on_grid(item, order.image)
        files.write_segmentation(order.segmentation, labels, order.image)
        names = {value: name for value, name in self.names.items() if channels or value}
        masks = masks_of(labels, names, range(labels.shape[-1]) if channels else ())
        picture = order.picture if self.pictures else None
        if picture is not None:
            axes = labels.ndim - channels
            draw_preview(picture, files.intensities_of(order.image, axes), masks, affine, title=order.image.name)
        voxels = {name: int(mask.sum()) for name, mask in masks.items()}
        return Predicted(order.image, order.segmentation, picture, voxels, time.monotonic() - self._begin)


def _on_grid(item: Mapping[str, Any], image: Path) -> tuple[Any, Any, bool]:
    """Give a prediction as a label map on the grid of its image, the affine, and whether it has channels behind.

    Raises:
        InputError: when it is not on that grid, or not discrete.
    """
    import numpy as np

    from bundle_engine.evaluation.subjects import array_of, require_discrete

    values = require_discrete(array_of(item, PRED), "prediction")
    shape, affine = files.grid_of(image, values.ndim - 1)
    own = getattr(item[PRED], "affine", None)
    moved = False
    if own is not None and own.shape == affine.shape:
        read = [np.allclose(np.asarray(own), each, atol=1e-3) for each in files.affines_of(image)]
        moved = not any(read)
        if read == [False, True]:
            text = f"the header of '{image}' contradicts itself: the network saw it with the geometry that MONAI chose"
            warnings.warn(text, BundleEngineWarning, stacklevel=2)
    if values.shape[1:] != shape or moved:
        where = "turned or shifted against it" if values.shape[1:] == shape else f"of the shape {values.shape[1:]}"
        raise InputError(
            f"the prediction for '{image}' is not on the grid of the image, which has the shape {shape}: it is {where}",
            hint="let the bundle's post-processing bring it back, with Invertd before AsDiscreted",
        )
    if len(values) == 1:
        return values[0], affine, False
    if (values.sum(axis=0) == 1).all() and values.min() >= 0:
        return values.argmax(axis=0), affine, False  # one channel says what each voxel is
    return np.moveaxis(values, 0, -1), affine, True
