"""Run a bundle's evaluate config on its sets, and leave a folder with what came of it for each."""

from __future__ import annotations

import datetime
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import REFERENCE, SEP, TARGET
from bundle_engine.errors import (
    BundleEngineError,
    BundleEngineWarning,
    InputError,
    InputNotFoundError,
    MissingDependencyError,
    UsageError,
)
from bundle_engine.evaluation import sets
from bundle_engine.evaluation.classifying import YOUDEN, ClassificationReport
from bundle_engine.evaluation.handlers import Report, SegmentationReport
from bundle_engine.evaluation.sets import Configs, Places
from bundle_engine.evaluation.subjects import file_name
from bundle_engine.hashing import file_digest
from bundle_engine.workflow.checkpoints import load_weights, read_weights
from bundle_engine.workflow.config_workflow import ConfigWorkflow
from bundle_engine.workflow.create import complete
from bundle_engine.workflow.roots import importable

__all__ = ["Done", "Outputs", "evaluate", "labels_of", "task_of"]

TASKS = ("segmentation", "classification")
_SAVERS = ("MetricsSaver", "SegmentationReport", "ClassificationReport")  # of a config, which the report replaces
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outputs:
    """What to leave besides the tables.

    Attributes:
        plots: plots of the measures, or the curves.
        thumbnails: small pictures.
        segmentations: a NIfTI file per structure.
        posteriors: the posterior of each structure.
        uncertainty: the uncertainty of each voxel.
    """

    plots: bool = True
    thumbnails: bool = True
    segmentations: bool = False
    posteriors: bool = False
    uncertainty: bool = False


class Done(NamedTuple):
    """An evaluation that was made.

    Attributes:
        name: of the set.
        folder: its results.
        report: the handler that wrote them.
        seconds: how long it took.
    """

    name: str
    folder: Path
    report: Report
    seconds: float


@dataclass(frozen=True)
class _Request:
    configs: Configs
    places: Places
    overrides: Mapping[str, Any]
    task: str
    outputs: Outputs
    key: str | None
    facts: Mapping[str, Any]
    names: Any
    progress: Progress | None
    logging_file: str | bool | None
    given: Mapping[str, Any]


def evaluate(
    configs: Configs,
    *,
    wanted: Sequence[str] = (),
    checkpoints: Sequence[str | Path] = (),
    output_dir: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    task: str | None = None,
    threshold: float | str | None = None,
    outputs: Outputs | None = None,
    key_in_ckpt: str | None = None,
    logging_file: str | bool | None = False,
    progress: Progress | None = None,
    facts: Mapping[str, Any] | None = None,
) -> list[Done]:
    """Evaluate a bundle on its sets.

    The run is that of the evaluate config, with these changes: its dataset is made from the set, its MetricsSaver
    and reports are left out (the report takes their place), and with `checkpoints` its CheckpointLoader, too.

    Args:
        configs: the bundle's configs.
        wanted: ``train``, ``val``, ``test``; by default the set that the evaluate config works on. A classification's
            test set brings the validation set along, for the threshold is chosen there.
        checkpoints: files with weights, one evaluation each; by default what the config loads.
        output_dir: folder for the results: one of the name of each set, and around them one for each checkpoint if
            there are several. By default ``evaluation`` in the config's output_dir.
        overrides: ids and values to set in the configs.
        task: ``segmentation`` or ``classification``; by default what the metadata says.
        threshold: for two classes, instead of the one that is chosen on the validation set.
        outputs: what to leave besides the tables.
        key_in_ckpt: where the weights are in a checkpoint.
        logging_file: see `ConfigWorkflow`.
        progress: is told the set, the number of subjects that are done, and of all (0 where that is not known).
        facts: further things for the records of the evaluations, or other ones in the place of those that are there.

    Raises:
        UsageError: when the bundle has no such set, or the arguments cannot be used.
        InputError: when something that is read is missing or damaged. Nothing was written then for that set.
    """
    overrides = dict(overrides or {})
    if task is not None and task not in TASKS:
        raise UsageError(f"'{task}' is no task", hint=f"there are {', '.join(TASKS)}")
    parser = sets.read_parser(configs.evaluate, configs.root, overrides)
    sets.tell_unused(configs, overrides)
    metadata = _metadata(configs)
    task = task or task_of(metadata)
    wanted = list(wanted)
    if task == "classification" and threshold is None and "test" in wanted and "val" not in wanted:
        wanted += _validation(configs, overrides)
    data = sets.find_sets(configs, overrides, wanted)
    if not wanted and task == "classification" and threshold is None and "test" in data:
        data = sets.find_sets(configs, overrides, [*_validation(configs, overrides), "test"])
    places = sets.places_of(parser)
    with importable(configs.root):
        folder = _folder(parser, output_dir)
        files = _existing(checkpoints) or [_config_checkpoint(parser, places)]
    request = _Request(
        configs, places, sets.known_to(parser, overrides), task, outputs or Outputs(), key_in_ckpt,
        {"bundle": configs.root.name, "bundle_version": metadata.get("version")},
        labels_of(metadata), progress, logging_file, facts or {},
    )  # fmt: skip
    done: list[Done] = []
    try:
        for file, name in zip(files, _names_of(files), strict=True):
            below = folder / name if len(files) > 1 else folder
            chosen: float | str | None = threshold
            for part, subjects in data.items():
                use = YOUDEN if part == "val" and threshold is None and task == "classification" else chosen
                source = "given" if threshold is not None else "chosen on the validation set"
                one = _evaluate(request, part, subjects, file if checkpoints else None, file, below / part, use, source)
                if part == "val" and isinstance(one.report, ClassificationReport) and threshold is None:
                    chosen = one.report.chosen
                done.append(one)
    finally:
        sets.forget()
    return done


def task_of(metadata: Mapping[str, Any]) -> str:
    """Tell from the metadata what a network does; a segmentation where that is not said."""
    output = _output(metadata)
    words = f"{output.get('type', '')} {output.get('format', '')}".lower()
    flat = "spatial_shape" in output and not output["spatial_shape"]
    return "classification" if "classif" in words or flat or "probabilities" in words.split() else "segmentation"


def labels_of(metadata: Mapping[str, Any]) -> dict[int, str] | None:
    """Give what the channels of the output mean; None where the metadata does not say."""
    named = _output(metadata).get("channel_def")
    if not isinstance(named, Mapping) or not all(str(number).isdigit() for number in named):
        return None
    return {int(number): str(name) for number, name in sorted(named.items(), key=lambda pair: int(pair[0]))} or None


def _evaluate(
    request: _Request,
    name: str,
    data: Any,
    checkpoint: Path | None,
    source: Path | None,
    folder: Path,
    threshold: float | str | None,
    threshold_source: str,
) -> Done:
    begin = time.monotonic()
    workflow = ConfigWorkflow(
        [str(file) for file in request.configs.evaluate], logging_file=request.logging_file, workflow_type="evaluate"
    )
    workflow.parser.bundle_root = request.configs.root
    workflow.parser.parse(reset=False)  # an override may reach into what a macro brings
    workflow.parser.override(request.overrides)
    _prepare(workflow.parser, request, data, checkpoint)
    facts = {
        **request.facts,
        "set": name,
        "checkpoint": None if source is None else {"path": str(source), "sha256": file_digest(source)},
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        **request.given,
    }
    outputs, total = request.outputs, len(data) if hasattr(data, "__len__") else 0
    report: Report
    if request.task == "classification":
        report = ClassificationReport(
            folder,
            request.names,
            threshold=threshold,
            draw_plots=outputs.plots,
            draw_thumbnails=outputs.thumbnails,
            facts={"threshold_source": threshold_source, **facts},
        )
    else:
        report = SegmentationReport(
            folder,
            request.names,
            draw_plots=outputs.plots,
            draw_thumbnails=outputs.thumbnails,
            save_segmentations=outputs.segmentations,
            save_posteriors=outputs.posteriors,
            save_uncertainty=outputs.uncertainty,
            facts=facts,
        )
    try:
        _run(workflow, request, report, checkpoint, name, total)
    except BaseException as error:
        report.discard()
        if isinstance(error, BundleEngineError) and (ours := _ours(error)) is not None:
            raise ours from None
        raise
    return Done(name, folder, report, time.monotonic() - begin)


def _run(
    workflow: ConfigWorkflow, request: _Request, report: Report, checkpoint: Path | None, name: str, total: int
) -> None:
    from ignite.engine import Events

    workflow.initialize()
    with importable(request.configs.root):
        evaluator = workflow.parser.get_parsed_content(request.places.evaluator)
    if checkpoint is not None:
        device = getattr(evaluator.state, "device", None) or "cpu"
        weights = read_weights(checkpoint, key=request.key, map_location=device)
        load_weights(evaluator.network, weights, source=f"'{checkpoint}'")
    report.attach(evaluator)
    tell = request.progress
    if tell is not None:
        tell(name, 0, total)
        seen = [0]

        def count(engine: Any) -> None:
            seen[0] += len(engine.state.output) if isinstance(engine.state.output, list) else 1
            tell(name, seen[0], total)

        evaluator.add_event_handler(Events.ITERATION_COMPLETED, count)
    complete(workflow)
    if not report.subjects:
        raise InputError(f"the evaluate config did not run its evaluator on the set '{name}'")


def _prepare(parser: ConfigParser, request: _Request, data: Any, checkpoint: Path | None) -> None:
    """Change a config so that it works on a set, and what the report does is not done twice."""
    places = request.places
    changes: dict[str, Any] = {}
    if places.data in parser:
        changes[places.data] = sets.hand_over(data)
    for at, handler in _handlers(parser, places):
        target = str(handler.get(TARGET)).rpartition(".")[2]
        if target in _SAVERS or (target == "CheckpointLoader" and checkpoint is not None):
            changes[f"{at}{SEP}_disabled_"] = True
        if target == "CheckpointLoader" and checkpoint is not None:
            written = handler.get("load_path")
            if isinstance(written, str) and written.startswith(REFERENCE) and written[1:] in parser:
                changes[written[1:]] = str(checkpoint)  # something else may ask whether the file is there
    after = f"{places.evaluator}{SEP}postprocessing"
    outputs = request.outputs
    if after in parser and (request.task == "classification" or outputs.posteriors or outputs.uncertainty):
        changes[after] = {TARGET: "bundle_engine.evaluation.keep_posteriors", "transform": parser.get(after)}
    if "bundle_root" in parser and "bundle_root" not in request.overrides:
        changes["bundle_root"] = str(request.configs.root)
    parser.override(changes, source="evaluate")


def _handlers(parser: ConfigParser, places: Places) -> list[tuple[str, Mapping[str, Any]]]:
    written = parser.get(places.handlers)
    if not isinstance(written, list):
        return []
    return [
        (f"{places.handlers}{SEP}{number}", handler)
        for number, handler in enumerate(written)
        if isinstance(handler, Mapping)
    ]


def _config_checkpoint(parser: ConfigParser, places: Places) -> Path | None:
    """Give the file that the config loads its weights from.

    Raises:
        InputNotFoundError: when it is not there.
    """
    for at, handler in _handlers(parser, places):
        if str(handler.get(TARGET)).rpartition(".")[2] == "CheckpointLoader" and "load_path" in handler:
            path = Path(str(parser.get_parsed_content(f"{at}{SEP}load_path"))).expanduser()
            if not path.is_file():
                raise InputNotFoundError(
                    f"there are no trained weights at '{path}'",
                    hint="train first, or name a file of weights with --checkpoint FILE",
                )
            return path
    inferer = parser.get(f"{places.evaluator}{SEP}inferer")
    if isinstance(inferer, Mapping) and "weights" in inferer:
        return None  # an ensemble brings its own
    warnings.warn(
        "the evaluate config has no CheckpointLoader, so it is not known which weights are evaluated",
        BundleEngineWarning,
        stacklevel=3,
    )
    return None


def _existing(checkpoints: Sequence[str | Path]) -> list[Path | None]:
    from bundle_engine.workflow.files import near_files

    found: list[Path | None] = []
    for each in checkpoints:
        path = Path(each).expanduser().absolute()
        if not path.is_file():
            raise InputNotFoundError(f"there is no checkpoint '{each}'", hint=near_files(path))
        found.append(path)
    return found


def _names_of(files: Sequence[Path | None]) -> list[str]:
    """Give a folder's name for each checkpoint: of the file, with the folders around it as far as they tell apart."""
    paths = [file or Path("config") for file in files]
    for depth in range(1, 8):
        names = [file_name("_".join([*path.parts[-depth:-1], path.stem])) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{number}_{path.stem}" for number, path in enumerate(paths, start=1)]


def _folder(parser: ConfigParser, output_dir: str | Path | None) -> Path:
    if output_dir is not None:
        return Path(output_dir).expanduser().absolute()
    own = parser.get_parsed_content("output_dir") if "output_dir" in parser else "."
    return Path(str(own)).expanduser().absolute() / "evaluation"


def _validation(configs: Configs, overrides: Mapping[str, Any]) -> list[str]:
    try:
        sets.find_sets(configs, overrides, ["val"])
    except UsageError:
        return []
    return ["val"]


def _metadata(configs: Configs) -> dict[str, Any]:
    for name in ("metadata.json", "metadata.yaml", "metadata.yml"):
        if (file := configs.evaluate[0].parent / name).is_file():
            return dict(ConfigParser.load_config_file(file))
    return {}


def _output(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    formats = metadata.get("network_data_format")
    outputs = formats.get("outputs") if isinstance(formats, Mapping) else None
    if not isinstance(outputs, Mapping):
        return {}
    found: Any = outputs.get("pred") or next(iter(outputs.values()), {})
    return found if isinstance(found, Mapping) else {}


def _ours(error: BaseException) -> BundleEngineError | None:
    """Give the error that the report raised, of those that wrap it on its way through the config's expressions."""
    cause: BaseException | None = error.__cause__
    while cause is not None:
        if isinstance(cause, InputError | UsageError | MissingDependencyError):
            return cause
        cause = cause.__cause__
    return None
