"""Make new bundles."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundle_engine.bundle.architectures import CLASSIFICATION, SEGMENTATION, choose_network, definition_of, task_of
from bundle_engine.bundle.blueprint import ONLY_INFERENCE, TEMPLATES, Blueprint, bundle_files, metadata_of
from bundle_engine.config import ConfigParser
from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import SIGILS
from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.workflow.files import near_files

__all__ = ["init", "init_bundle"]

PathLike = str | os.PathLike[str]
Text = str | Mapping[str, Any]

_DEFAULTS = {SEGMENTATION: ("UNet", 3), CLASSIFICATION: ("DenseNet121", 2), "blank": ("UNet", 3)}
_PICTURE_CHANNELS = (1, 3)
_SHAPES = ("round", "three lobes", "four lobes", "five lobes", "six lobes")  # what the images that are made up show
_MODEL = "models/model.pt"


def init(
    bundle_dir: PathLike,
    *,
    template: str | None = None,
    network: Any = None,
    spatial_dims: int | None = None,
    in_channels: int = 1,
    out_channels: int | None = None,
    classes: Sequence[str] | None = None,
    name: str | None = None,
    authors: str | None = None,
    ckpt_file: PathLike | None = None,
    dataset_license: bool = False,
    metadata: Text | None = None,
    inference: Text | None = None,
) -> Blueprint:
    """Make a bundle that is complete and runs as it is, on images that are made up.

    Args:
        bundle_dir: the folder to make; its parent must be there, and it must not be, or be empty.
        template: ``segmentation``, ``classification`` or ``blank``; by default what the network is for, or else a
            segmentation.
        network: a network of MONAI by its name, a dotted path, a mapping for ``network_def``; or a network, whose
            weights are taken, too.
        spatial_dims: 2 or 3; by default 2 for a classification, else 3.
        in_channels: number of channels of an image.
        out_channels: number of channels that the network gives; by default as many as there are classes.
        classes: names of the classes; in a segmentation the background, if it is not there, comes before them.
        name: name of the bundle for people; by default that of the folder.
        authors: who makes it.
        ckpt_file: file of weights to put in as ``models/model.pt``. It is copied, not read, unless it is in the
            safetensors format.
        dataset_license: whether to make a file ``docs/data_license.txt``, for the licence of the data.
        metadata: the content of ``configs/metadata.json``, instead of what would stand there.
        inference: the inference config, instead of all that the template has to run.

    Returns:
        what the bundle was made from.

    Raises:
        UsageError: when the arguments do not fit together; nothing is written then.
        InputError: when the folder cannot be made, or a file or text cannot be read; nothing is left behind.
    """
    target = _free_folder(bundle_dir)
    if ckpt_file is not None and not Path(ckpt_file).is_file():
        raise InputNotFoundError(f"there is no file '{ckpt_file}'", hint=near_files(ckpt_file))
    module = network if hasattr(network, "state_dict") else None
    if module is not None:
        network = definition_of(module)
    blueprint = _blueprint(
        target.name, template, network, spatial_dims, in_channels, out_channels, classes, name, authors
    )
    if inference is not None:
        blueprint = replace(blueprint, template=ONLY_INFERENCE)
    files = bundle_files(blueprint)
    files["configs/metadata.json"] = _json(metadata_of(blueprint) if metadata is None else metadata, "metadata")
    if inference is not None:
        files["configs/inference.json"] = _json(inference, "inference config")
    if dataset_license:
        files["docs/data_license.txt"] = "The licence of the data goes here: its name, its terms, where it stands.\n"
    _write(target, files, ckpt_file, module)
    return blueprint


def init_bundle(
    bundle_dir: PathLike,
    ckpt_file: PathLike | None = None,
    network: Any = None,
    dataset_license: bool = False,
    metadata_str: Text | None = None,
    inference_str: Text | None = None,
) -> None:
    """Make a bundle as MONAI's function of this name does; `init` says what the arguments are.

    Without `inference_str` it is a ``blank`` one: whatever the task is, it runs.
    """
    template = task_of(network) if isinstance(network, str | Mapping) else None
    init(
        bundle_dir,
        template=template or "blank",
        network=network,
        ckpt_file=ckpt_file,
        dataset_license=dataset_license,
        metadata=metadata_str,
        inference=inference_str,
    )


def _blueprint(
    folder: str,
    template: str | None,
    network: str | Mapping[str, Any] | None,
    spatial_dims: int | None,
    in_channels: int,
    out_channels: int | None,
    classes: Sequence[str] | None,
    name: str | None,
    authors: str | None,
) -> Blueprint:
    template = template or task_of(network) or SEGMENTATION
    if template not in TEMPLATES:
        near = matches(template, TEMPLATES)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(TEMPLATES)}"
        raise UsageError(f"there is no template '{template}'", hint=hint)
    usual, dims = _DEFAULTS[template]
    dims = spatial_dims if spatial_dims is not None else dims
    if dims not in (2, 3):
        raise UsageError(f"--spatial_dims is 2 or 3, not {dims}")
    if in_channels < 1 or (dims == 2 and template != "blank" and in_channels not in _PICTURE_CHANNELS):
        raise UsageError(
            f"--in_channels cannot be {in_channels}" + (": pictures have 1 channel or 3" if in_channels > 0 else ""),
            hint="begin with 1, and change network_def::in_channels and how the images are read",
        )
    names = _class_names(template, classes, out_channels, in_channels)
    choice = choose_network(
        network or usual, template=template, spatial_dims=dims, in_channels=in_channels, out_channels=len(names)
    )
    title = name or folder.replace("_", " ").strip().lstrip("".join(SIGILS)) or folder
    return Blueprint(
        folder=folder,
        title=_plain(title, "the name"),
        template=template,
        network=choice,
        spatial_dims=dims,
        in_channels=in_channels,
        classes=names,
        authors=_plain(authors, "--authors") if authors else f"authors of {title}",
    )


def _class_names(
    template: str, classes: Sequence[str] | None, out_channels: int | None, in_channels: int
) -> tuple[str, ...]:
    least = 1 if template == "blank" else 2
    if classes is None:
        number = out_channels if out_channels is not None else least
        if number < least:
            raise UsageError(f"--out_channels is at least {least} for a {template}, not {number}")
        if template == CLASSIFICATION:
            return tuple(_SHAPES[n] if n < len(_SHAPES) else f"shape {n}" for n in range(number))
        rest = [f"structure {n}" for n in range(1, number)] if number > 2 else ["structure"][: number - 1]
        return tuple(f"channel {n}" for n in range(number)) if template == "blank" else ("background", *rest)
    names = [_plain(str(name).strip(), "a class") for name in classes]
    if template == SEGMENTATION and (not names or names[0].lower() != "background"):
        names.insert(0, "background")
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if twice is not None:
        raise UsageError(f"--classes names '{twice}' twice")
    if len(names) < least:
        raise UsageError(f"a {template} needs {least} classes", hint="--classes a,b")
    if out_channels is not None and out_channels != len(names):
        listed = ", ".join(names)
        raise UsageError(
            f"--out_channels {out_channels} does not fit the {len(names)} classes {listed}",
            hint="leave one of them out",
        )
    return tuple(names)


def _plain(text: str, what: str) -> str:
    """Give a text back that configs, tables and names of folders can hold.

    Raises:
        UsageError: for one that cannot: it begins with what a config reads as more than text, or would lead astray.
    """
    if not text or not text.isprintable() or text[0] in SIGILS or (what == "a class" and set(text) & set("/\\|")):
        raise UsageError(f"{what} cannot be {text!r}", hint="write words, with a letter or a number first")
    if what == "a class" and text[0] == ".":
        raise UsageError(f"a class cannot be {text!r}", hint="write words, with a letter or a number first")
    return text


def _free_folder(bundle_dir: PathLike) -> Path:
    target = Path(bundle_dir).expanduser().absolute()
    target = target.parent.resolve() / target.name if target.name not in ("", "..") else target.resolve()
    if not target.name.isprintable():
        raise UsageError(f"a bundle's folder cannot have the name {target.name!r}")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InputError(f"'{bundle_dir}' is there already, and is no folder", hint="choose another name")
    if target.is_dir() and any(target.iterdir()):
        hint = "choose another name"
        if (target / "configs").is_dir():
            hint = f"it is a bundle: see `check --bundle {bundle_dir}`; or choose another name"
        raise InputError(f"the folder '{bundle_dir}' is there already, and is not empty", hint=hint)
    if not target.parent.is_dir():
        raise InputNotFoundError(
            f"there is no folder '{Path(bundle_dir).parent}' to make the bundle in", hint="make it first"
        )
    return target


def _json(content: Text, what: str) -> str:
    """Write what a caller gave, a mapping or text in JSON or YAML, as JSON.

    Raises:
        InputError: when it is no mapping.
    """
    if isinstance(content, str):
        text = content
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{what}.yaml"
            file.write_text(text, encoding="utf-8")
            content = ConfigParser.load_config_file(file)
    try:
        return json.dumps(content, indent=4, ensure_ascii=False) + "\n"
    except TypeError as error:
        raise InputError(f"the {what} cannot be written as JSON: {error}") from error


def _write(target: Path, files: Mapping[str, str], ckpt_file: PathLike | None, module: Any) -> None:
    """Write all files beside the folder, and put them in its place in one step."""
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}_", dir=target.parent))
    except OSError as error:
        raise InputError(f"the bundle cannot be written to '{target.parent}': {error.strerror}") from error
    try:
        part = aside / target.name
        for name, text in files.items():
            file = part / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        if ckpt_file is not None or module is not None:
            (part / _MODEL).parent.mkdir()
        if ckpt_file is not None:
            _copy_weights(Path(ckpt_file), part / _MODEL)
        elif module is not None:
            import torch

            torch.save(module.state_dict(), part / _MODEL)
        _put(part, target)
    except OSError as error:
        raise InputError(f"the bundle cannot be written to '{target}': {error.strerror}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _put(part: Path, target: Path) -> None:
    """Move a folder to its place, in one step; into an empty folder that is there, which somebody may be in."""
    if not target.is_dir():
        os.replace(part, target)
        return
    entries = list(part.iterdir())
    try:
        for entry in entries:
            os.replace(entry, target / entry.name)
    except OSError:
        for entry in entries:
            if not entry.exists():
                os.replace(target / entry.name, entry)
        raise


def _copy_weights(source: Path, target: Path) -> None:
    if source.suffix != ".safetensors":
        shutil.copyfile(source, target)
        return
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        torch.save(load_file(source), target)  # what CheckpointLoader reads
    except SafetensorError as error:
        raise InputError(f"'{source}' cannot be read as safetensors: {error}") from error
