"""The commands that use models: predict, package_model; and the options that name a model."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.arguments import overrides_of
from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.progress import images_one_by_one

if TYPE_CHECKING:
    from bundle_engine.experiment.models import Model

__all__ = ["MODELLING", "MODEL_OPTIONS", "named_model", "package_model", "predict"]

_FOLDERS = ("final_model", "final_ensemble_model")


def predict(
    model: str | None = None,
    image_file: Any = None,
    *,
    bundle: str | None = None,
    local_weights_path: Any = None,
    weights_url: Any = None,
    model_id: str | None = None,
    which: str | None = None,
    epochs_to_test: Any = None,
    output_dir: str = "predictions",
    workflow: str = "inference",
    overwrite: bool = False,
    picture: bool = True,
    key_in_ckpt: str | None = None,
    args_file: Any = None,
    **override: Any,
) -> int:
    """Segment images with a model; ``bundle-engine predict --help`` explains the options."""
    from bundle_engine.cli.bundles import find_bundle
    from bundle_engine.errors import UsageError
    from bundle_engine.evaluation.sets import read_parser
    from bundle_engine.experiment.images import find_images
    from bundle_engine.experiment.prediction import config_of
    from bundle_engine.experiment.prediction import predict as run
    from bundle_engine.workflow.create import read_args_file
    from bundle_engine.workflow.files import as_files

    if image_file is None or (model is None and bundle is None and model_id is None):
        overrides_of(override)  # an option that is misspelt says more
    if image_file is None:
        raise UsageError("no image is named", hint="--image_file FILE, or a folder with NIfTI files")
    found = named_model(
        model, bundle, local_weights_path, weights_url, model_id, which, epochs_to_test, key_in_ckpt, find_bundle
    )
    images = [image for source in as_files(image_file) for image in find_images(source)]
    given = {
        **read_args_file(args_file),
        **overrides_of(override, lambda: [read_parser([config_of(found.bundle, workflow)], found.bundle, {})]),
    }
    with images_one_by_one("segmenting") as tell:
        done = run(
            found,
            images,
            output_dir,
            workflow=workflow,
            overwrite=overwrite,
            pictures=picture,
            overrides={key.replace("-", "_"): value for key, value in given.items()},
            progress=tell,
        )
    for each in done:
        voxels = ", ".join(f"{name} {count}" for name, count in each.voxels.items())
        print(f"{each.segmentation}: {voxels or 'nothing'} voxels, {each.seconds:.1f} s")
    return 0


def package_model(
    model: str | None = None,
    *,
    bundle: str | None = None,
    local_weights_path: Any = None,
    weights_url: Any = None,
    model_id: str | None = None,
    which: str | None = None,
    epochs_to_test: Any = None,
    output_dir: str | None = None,
    overwrite: bool = False,
    key_in_ckpt: str | None = None,
) -> int:
    """Write a folder that a model runs from; ``bundle-engine package_model --help`` explains the options."""
    from dataclasses import replace

    from bundle_engine.cli.bundles import find_bundle
    from bundle_engine.errors import UsageError
    from bundle_engine.experiment.packaging import package_model as run
    from bundle_engine.experiment.prediction import own_weights
    from bundle_engine.runs.folder import shown

    found = named_model(
        model, bundle, local_weights_path, weights_url, model_id, which, epochs_to_test, key_in_ckpt, find_bundle
    )
    if not found.weights:
        own = own_weights(found.bundle)
        if not own:
            raise UsageError(
                f"the bundle '{found.bundle}' does not tell which weights to pack", hint="--local_weights_path FILE"
            )
        found = replace(found, weights=own)
    home = found.home or Path.cwd()
    target = home / _FOLDERS[found.is_ensemble] if output_dir is None else Path(output_dir).expanduser().absolute()
    folder = run(found, target, overwrite=overwrite)
    print(f"wrote {shown(folder)}, with {len(found.weights)} {'networks' if found.is_ensemble else 'network'}")
    print(f"  python {shlex.quote(shown(folder / 'score.py'))} IMAGE")
    return 0


def named_model(
    model: str | None,
    bundle: str | None,
    local_weights_path: Any,
    weights_url: Any,
    model_id: str | None,
    which: str | None,
    epochs_to_test: Any,
    key: str | None,
    find_bundle: Callable[[str], tuple[Path, bool]],
) -> Model:
    """Find the model that a command line names.

    Args:
        model: a run, a cross-validation, a folder with a model, a bundle, or ``name:version``.
        bundle: a bundle.
        local_weights_path: files with weights for it.
        weights_url: addresses of such files.
        model_id: ``name:version``, or ``name@alias``.
        which: which weights of a run.
        epochs_to_test: epochs of a run.
        key: where the weights are in a file.
        find_bundle: finds a bundle by its folder or name.

    Raises:
        UsageError: when nothing, or too much, is named.
        InputError: when something that is named is not there.
    """
    from dataclasses import replace

    from bundle_engine.errors import BundleEngineWarning, UsageError
    from bundle_engine.experiment import models
    from bundle_engine.experiment.parent import EXPERIMENT
    from bundle_engine.experiment.registry import bundle_of
    from bundle_engine.workflow.files import as_files

    named = [each for each in (model, bundle, model_id) if each is not None]
    if len(named) != 1:
        raise UsageError(
            "several models are named: --model, --bundle and --model_id exclude each other"
            if named
            else "no model is named",
            hint="--model with a run, a folder or name:version; or --bundle with --local_weights_path",
        )
    if which is not None and epochs_to_test is not None:
        raise UsageError("--which and --epochs_to_test exclude each other")
    epochs = None if epochs_to_test is None else as_files(str(epochs_to_test).strip("[]()"))
    run = _run_named(model) if model is not None else None
    if run is not None:
        found = models.model_of_run(run, epochs or which or models.BEST)
        if (run / EXPERIMENT).is_file() and (missing := models.unfinished_of(run)):
            text = f"not finished, and without a vote in the ensemble: {', '.join(missing)}"
            warnings.warn(text, BundleEngineWarning, stacklevel=2)
    else:
        if which is not None or epochs is not None:
            raise UsageError("--which and --epochs_to_test choose among the checkpoints of a run, and none is named")
        root = bundle_of(model_id) if model_id is not None else _folder_named(str(named[0]), find_bundle)
        found = models.model_of_bundle(root)
    files: list[Any] = as_files(local_weights_path)
    files += [models.fetch_weights(address) for address in as_files(weights_url)]
    if files:
        home, overrides = found.home, found.overrides
        found = replace(models.model_of_bundle(found.bundle, files, overrides=overrides), home=home)
    return replace(found, key=key) if key is not None else found


def _folder_named(name: str, find_bundle: Callable[[str], tuple[Path, bool]]) -> Path:
    from bundle_engine.config.closest import either, matches
    from bundle_engine.errors import InputNotFoundError
    from bundle_engine.experiment.models import is_run

    try:
        return find_bundle(name)[0]
    except InputNotFoundError as error:
        around = Path(name).expanduser().parent
        runs = [str(each) for each in around.iterdir() if is_run(each)] if around.is_dir() else []
        if near := matches(name, runs):
            raise InputNotFoundError(error.message, hint=f"did you mean the run {either(near)}?") from None
        raise


def _run_named(name: str) -> Path | None:
    """Give the folder of a run, or of one over others; None for what is something else."""
    from bundle_engine.errors import InputNotFoundError
    from bundle_engine.experiment.models import is_run
    from bundle_engine.experiment.parent import find_experiment
    from bundle_engine.experiment.registry import is_reference
    from bundle_engine.resources import packaged_bundle
    from bundle_engine.runs.folder import find_run

    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.absolute() if is_run(folder) and not (folder / "configs").is_dir() else None
    if is_reference(name) or packaged_bundle(name) is not None:
        return None
    try:
        return find_run(name)
    except InputNotFoundError:
        pass
    try:
        return find_experiment(name, "cross_validation")
    except InputNotFoundError:
        return None


def _load_predict() -> Callable[..., int]:
    return predict


def _load_package_model() -> Callable[..., int]:
    return package_model


_MODEL = Option(
    "model",
    "text",
    "MODEL",
    "a run (its folder, a part of its name, or 'last'), a cross-validation (its folds are an ensemble), a folder that"
    " package_model wrote, another bundle with weights, or name:version of the registry",
)
_BUNDLE = Option("bundle", "file", "DIR", "a bundle, whose weights the next options name")
MODEL_OPTIONS = (
    Option(
        "local_weights_path",
        "files",
        "FILES",
        "weights for the bundle: what torch.save wrote, or safetensors; several are an ensemble, whose posteriors are"
        " averaged",
    ),
    Option(
        "weights_url",
        "text",
        "URLS",
        "addresses of such files, with commas between them; each is downloaded once, and may end in #sha256=DIGEST",
    ),
    Option("model_id", "text", "ID", "a model of the registry: name:version, name:latest or name@alias"),
    Option(
        "which",
        "text",
        "WEIGHTS",
        "of a run: best, by the key metric of its validation, among the checkpoints that were kept; final, what the"
        " bundle saved in the end; last; or an epoch (default: best, or final where nothing was validated)",
    ),
    Option("epochs_to_test", "text", "EPOCHS", "of a run: epochs, with commas between them; several are an ensemble"),
)
_KEY = Option("key_in_ckpt", "text", "KEY", "where the weights are in a file (default: found)")
_EXITS = ((0, "done"), (2, "the input is wrong; nothing was written"))

MODELLING: tuple[Command, ...] = (
    Command(
        name="predict",
        summary="segment an image, or a folder of images, with a model",
        usage="--model MODEL --image_file FILE [--output_dir DIR] [OPTIONS] [--any::id=VALUE ...]",
        options=(
            _MODEL,
            Option(
                "image_file",
                "files",
                "FILE",
                "a NIfTI file, or a folder of them; NAME_seg.nii.gz lies on the grid of the image, to the last bit",
            ),
            _BUNDLE,
            *MODEL_OPTIONS,
            Option("output_dir", "file", "DIR", "folder for the results (default: predictions)"),
            Option("workflow", "text", "NAME", "the config that applies the network (default: inference)"),
            Option("overwrite", "switch", "", "replace results that are there"),
            Option("picture", "switch", "", "draw NAME_seg.png, a preview (default: yes; --nopicture)"),
            _KEY,
            Option("args_file", "files", "FILES", "JSON or YAML file with overrides; the command line wins over it"),
        ),
        positional=2,
        overrides="set this id of the config that applies the network",
        examples=(
            ("predict --model last --image_file ct.nii.gz", "with the newest run"),
            ("predict --model runs/spleen/20260101-120000-cross_validation --image_file images", "with all folds"),
            ("predict --model spleen@champion --image_file ct.nii.gz --output_dir out", "with a registered model"),
            (
                "predict --bundle spleen --local_weights_path a.pt,b.pt --image_file ct.nii.gz",
                "with an ensemble of two",
            ),
        ),
        load=_load_predict,
        exits=((0, "done"), (2, "the input is wrong; what stands before the image in question was written")),
    ),
    Command(
        name="package_model",
        summary="write a folder with a model that runs wherever its packages are installed",
        usage="--model MODEL [--output_dir DIR] [OPTIONS]",
        options=(
            _MODEL,
            _BUNDLE,
            *MODEL_OPTIONS,
            Option(
                "output_dir",
                "file",
                "DIR",
                "the new folder (default: final_model, or final_ensemble_model, in the run's or the working directory)",
            ),
            Option("overwrite", "switch", "", "replace a model that was packaged there"),
            _KEY,
        ),
        positional=1,
        overrides=None,
        examples=(
            ("package_model --model last", "the best checkpoint of the newest run"),
            ("package_model --model runs/spleen/20260101-120000-cross_validation", "the ensemble of its folds"),
        ),
        load=_load_package_model,
        exits=_EXITS,
    ),
)
