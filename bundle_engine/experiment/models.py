"""A model: a bundle with the weights that make it one, wherever they are.

============================  ======================================================================================
``runs/spleen/...-train``      a run: its bundle, with the weights that `selection.select` chooses
``runs/.../cross_validation``  a run over others: an ensemble of its finished folds
``final_model``                a folder that ``package_model`` wrote, or any other bundle that brings its weights along
a bundle and weights           files, or addresses of files, which are downloaded once
============================  ======================================================================================

More than one file with weights is an ensemble.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle_engine.config.ids import MANDATORY, split_operator
from bundle_engine.errors import BundleEngineWarning, InputError, InputNotFoundError, UsageError
from bundle_engine.experiment.parent import EXPERIMENT, read_experiment
from bundle_engine.experiment.selection import BEST, Selected, epoch_or_word, select
from bundle_engine.runs.folder import CHECKPOINTS, RECORD, shown
from bundle_engine.runs.record import DONE, Record, read_record
from bundle_engine.workflow.resume.snapshots import Snapshots

__all__ = [
    "BEST",
    "Model",
    "Selected",
    "children_of",
    "fetch_weights",
    "is_run",
    "model_of_bundle",
    "model_of_run",
    "select",
    "unfinished_of",
]

CROSS_VALIDATION = "cross_validation"
_PLACES = frozenset(  # of one run and one machine: no part of what was trained
    {"bundle_root", "output_dir", "ckpt_dir", "ckpt_path", "checkpoint", "save_dir", "log_dir", "model_dir", "run_name"}
    | {"device", "tracking_uri", "experiment_name"}
)
_PATHS = ("dir", "path", "file", "root")  # how ids end whose values are paths


@dataclass(frozen=True)
class Model:
    """A bundle with weights.

    Attributes:
        name: what to call it.
        bundle: the bundle's folder.
        weights: files with weights; several are an ensemble, none are what the bundle's configs load by themselves.
        overrides: ids of the bundle's configs and their values, as the training had them.
        key: where the weights are in a file; None finds them.
        source: where it came from, such as the ids of runs; plain data for records.
        home: the folder of the run; None for a model that is none's.
    """

    name: str
    bundle: Path
    weights: tuple[Path, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    home: Path | None = None

    @property
    def is_ensemble(self) -> bool:
        """Whether several networks vote."""
        return len(self.weights) > 1


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run, or of one over others."""
    return (folder / RECORD).is_file() or (folder / EXPERIMENT).is_file()


def model_of_bundle(
    bundle: Path,
    weights: Sequence[str | os.PathLike[str]] = (),
    *,
    overrides: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Model:
    """Make a model of a bundle and weights.

    Args:
        bundle: the bundle's folder.
        weights: files; none for what the bundle brings along.
        overrides: ids of its configs and their values.
        key: where the weights are in a file.

    Raises:
        InputNotFoundError: when a file is not there.
        UsageError: when one is named twice, or is a checkpoint that a run goes on from.
    """
    from bundle_engine.workflow.files import near_files

    files = []
    for each in weights:
        path = Path(each).expanduser().absolute()
        if not path.is_file():
            raise InputNotFoundError(f"there are no weights '{each}'", hint=near_files(path))
        if _is_snapshot(path):
            raise UsageError(
                f"'{each}' is a checkpoint of a run, with all that a training needs to go on",
                hint=f"--model {shown(path.parent.parent)} takes the network out: --which best, last, or an epoch",
            )
        files.append(path)
    twice = {path for path in files if files.count(path) > 1}
    if twice:
        raise UsageError(f"the weights '{min(twice)}' are named twice", hint="a network has one vote in an ensemble")
    return Model(bundle.resolve().name, bundle.absolute(), tuple(files), dict(overrides or {}), key)


def model_of_run(run: Path, which: str | int | Sequence[str | int] = BEST) -> Model:
    """Make a model of a run, or an ensemble of the runs below it.

    Args:
        run: the folder of a run, or of a cross-validation.
        which: see `selection.select`; several make an ensemble of a run's epochs.

    Raises:
        InputError: when it has no weights, or no bundle; and when the runs below it are of different bundles.
        UsageError: when `which` is none of these.
    """
    wanted = [epoch_or_word(which)] if isinstance(which, str | int) else [epoch_or_word(each) for each in which]
    if (run / EXPERIMENT).is_file():
        return _of_children(run, wanted)
    record = read_record(run)
    root = _root_of(run, record)
    chosen = {select(run, each).path: select(run, each) for each in wanted}
    source = {"run": record.id, "bundle_digest": record.bundle_digest, **_told(chosen.values())}
    return Model(record.id, root, tuple(chosen), _overrides_of(record), None, source, run.absolute())


def children_of(run: Path) -> list[Path]:
    """Give the folders of the finished runs below a cross-validation.

    Raises:
        InputError: when its record cannot be read, or it is something else, whose runs are rivals.
    """
    experiment = read_experiment(run)
    if experiment.kind != CROSS_VALIDATION:
        raise InputError(
            f"'{shown(run)}' is a {experiment.kind}, whose runs are no ensemble", hint="name one of the runs below it"
        )
    folders = [run / child.name for child in experiment.children]
    return [each for each in folders if (each / RECORD).is_file() and read_record(each).status == DONE]


def unfinished_of(run: Path) -> list[str]:
    """Give the names of the runs below a cross-validation that are not finished, and so have no vote."""
    finished = {folder.name for folder in children_of(run)}
    return [child.name for child in read_experiment(run).children if child.name not in finished]


def fetch_weights(address: str, *, sha256: str | None = None, progress: bool = True) -> Path:
    """Download a file with weights, once: what was downloaded before is used again while its digest is the same.

    Args:
        address: of the file. It may end in ``#sha256=`` and the digest that the file must have.
        sha256: the digest, where the address does not have it.
        progress: whether to show how far it is.

    Returns:
        the file, in the user's cache, which ``BUNDLE_ENGINE_CACHE`` names.

    Raises:
        DownloadError: when it cannot be had, or has another digest.
    """
    from bundle_engine.hashing import file_digest
    from bundle_engine.network.answers import Web
    from bundle_engine.network.limits import Limits
    from bundle_engine.network.progress import progress_of
    from bundle_engine.network.transfer import fetch

    url, _, given = address.partition("#sha256=")
    wanted = (given or sha256 or "").lower()
    name = Path(url.partition("?")[0]).name or "weights"
    folder = _cache() / hashlib.sha256(url.encode()).hexdigest()[:16]
    target, noted = folder / name, folder / "sha256"
    known = noted.read_text(encoding="utf-8").strip() if noted.is_file() else ""
    if target.is_file() and known and wanted in ("", known) and file_digest(target) == known:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with progress_of(progress) as told:
        web = Web(Limits(), note=told.note)
        got = fetch(url, target, web=web, progress=told, digests={"sha256": wanted} if wanted else None)
    noted.write_text(got.digests["sha256"] + "\n", encoding="utf-8")
    return target


def forget_downloads() -> None:
    """Remove all weights that were downloaded."""
    shutil.rmtree(_cache(), ignore_errors=True)


def _cache() -> Path:
    from bundle_engine.data.store import default_folder

    return default_folder() / "weights"


# --- runs ---


def _is_snapshot(path: Path) -> bool:
    """Tell whether a file is a checkpoint that a run keeps to go on from, and not weights that its bundle saved."""
    if path.parent.name != CHECKPOINTS or not is_run(path.parent.parent):
        return False
    return any(each.file == path.name for each in Snapshots(path.parent).all())


def _of_children(run: Path, wanted: Sequence[str | int]) -> Model:
    models = [model_of_run(folder, wanted) for folder in children_of(run)]
    if not models:
        raise InputNotFoundError(f"'{run}' has no finished runs yet", hint="go on with it: --resume")
    roots = {model.bundle for model in models}
    if len(roots) > 1:
        raise InputError(f"the runs of '{run}' are of different bundles: {', '.join(map(str, sorted(roots)))}")
    first = models[0].overrides
    shared = {id: value for id, value in first.items() if all(model.overrides.get(id) == value for model in models)}
    weights = tuple(path for model in models for path in model.weights)
    name = f"{run.parent.name}/{run.name}"
    source = {"run": name, "members": [dict(model.source) for model in models]}
    return Model(name, roots.pop(), weights, shared, None, source, run.absolute())


def _root_of(run: Path, record: Record) -> Path:
    from bundle_engine.runs.circumstances import bundle_digest

    root = None if record.root is None else Path(record.root)
    if root is None or not (root / "configs").is_dir():
        where = f": there is no bundle at '{root}' any more" if root is not None else ""
        raise InputError(f"the run '{shown(run)}' is of no bundle{where}", hint="a model is a bundle with weights")
    if record.bundle_digest is not None and record.bundle_digest != bundle_digest(root):
        text = f"the bundle '{root}' has changed since the run '{record.id}': its present configs and code are used"
        warnings.warn(text, BundleEngineWarning, stacklevel=4)
    return root


def _told(chosen: Iterable[Selected]) -> dict[str, Any]:
    rows = [{"which": each.which, "epoch": each.epoch, "metric": each.metric} for each in chosen]
    return dict(rows[0]) if len(rows) == 1 else {"checkpoints": rows}


def _overrides_of(record: Record) -> dict[str, Any]:
    """Give those overrides of a training that are about what was trained, with paths that hold everywhere."""
    found = {}
    for key, value in record.overrides.items():
        id = split_operator(key)[1]
        if id in _PLACES or value == MANDATORY or _is_hidden(value):
            continue
        if isinstance(value, str) and id.endswith(_PATHS) and os.path.exists(os.path.join(record.cwd, value)):
            value = os.path.join(record.cwd, value)
        found[key] = value
    return found


def _is_hidden(value: Any) -> bool:
    from bundle_engine.workflow.masking import STARS

    return isinstance(value, str) and STARS in value
