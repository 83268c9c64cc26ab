"""The commands that make a new bundle: init, and MONAI's init_bundle."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.bundle.blueprint import Blueprint

__all__ = ["STARTING", "init", "init_bundle"]

DONE = 0
_MODULES = {"nibabel": "nibabel", "pillow": "PIL"}


def init(
    bundle_dir: str | None = None,
    *,
    template: str | None = None,
    network: str | Mapping[str, Any] | None = None,
    spatial_dims: Any = None,
    in_channels: Any = None,
    out_channels: Any = None,
    classes: Any = None,
    name: str | None = None,
    authors: str | None = None,
    ckpt_file: str | None = None,
    dataset_license: bool | None = None,
    metadata_str: Any = None,
    inference_str: Any = None,
) -> int:
    """Make a new bundle; ``bundle-engine init --help`` explains the options."""
    from bundle_engine.bundle import init as making

    blueprint = making.init(
        _folder(bundle_dir, "init"),
        template=template,
        network=network,
        spatial_dims=_number("spatial_dims", spatial_dims),
        in_channels=_number("in_channels", in_channels) or 1,
        out_channels=_number("out_channels", out_channels),
        classes=_names(classes),
        name=name,
        authors=authors,
        ckpt_file=ckpt_file,
        dataset_license=bool(dataset_license),
        metadata=metadata_str,
        inference=inference_str,
    )
    _tell(str(bundle_dir), blueprint)
    return DONE


def init_bundle(
    bundle_dir: str | None = None,
    ckpt_file: str | None = None,
    network: str | Mapping[str, Any] | None = None,
    dataset_license: bool | None = None,
    metadata_str: Any = None,
    inference_str: Any = None,
) -> int:
    """Make a new bundle; ``bundle-engine init_bundle --help`` explains the options."""
    from bundle_engine.bundle.architectures import task_of

    return init(
        _folder(bundle_dir, "init_bundle"),
        template=task_of(network) or "blank",
        network=network,
        ckpt_file=ckpt_file,
        dataset_license=dataset_license,
        metadata_str=metadata_str,
        inference_str=inference_str,
    )


def _folder(bundle_dir: str | None, command: str) -> str:
    if not bundle_dir:
        raise UsageError("no folder is named", hint=f"{command} my_bundle")
    return bundle_dir


def _number(name: str, text: Any) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--{name} is a number, not '{text}'") from None


def _names(text: Any) -> list[str] | None:
    if text is None:
        return None
    parts = text.strip("[]()").split(",") if isinstance(text, str) else text
    return [str(part).strip().strip("'\"") for part in parts]


def _tell(folder: str, blueprint: Blueprint) -> None:
    from bundle_engine.bundle.blueprint import ONLY_INFERENCE

    kind = "its inference config as given" if blueprint.template == ONLY_INFERENCE else blueprint.template
    network = str(blueprint.network.definition["_target_"])
    print(f"made the bundle {folder}: {kind}, {network}, {blueprint.spatial_dims}D")
    if blueprint.network.guessed:
        print(f"the arguments of {network} were filled in by their names: see network_def in configs/train.yaml")
    for package in blueprint.packages:
        if find_spec(_MODULES[package]) is None:
            print(f"its images need {package}: pip install 'bundle-engine[bundles]'")
    print("\nnext:")
    bundle = shlex.quote(folder)
    workflow = " --workflow inference" if blueprint.template == ONLY_INFERENCE else ""
    for command in (f"verify {bundle}", f"run --bundle {bundle}{workflow} --dry_run"):
        print(f"  python -m bundle_engine {command}")
    last = f"run --bundle {bundle}{workflow}"
    print(f"  python -m bundle_engine {last}\n\n{Path(folder) / 'docs' / 'README.md'} says how to go on.")


def _load_init() -> Callable[..., int]:
    return init


def _load_init_bundle() -> Callable[..., int]:
    return init_bundle


_DIR = Option("bundle_dir", "file", "DIR", "the folder to make; it may be there if it is empty")
_NETWORK = Option(
    "network",
    "settings",
    "NETWORK",
    "the network: a name such as UNet, SegResNet, DynUNet, UNETR, DenseNet121, resnet18; a dotted path; or what is to"
    ' stand at network_def, such as "{_target_: UNet, channels: [8, 16], ...}"',
)
_CKPT_FILE = Option("ckpt_file", "file", "FILE", "put this file of weights in as models/model.pt; it is not read")
_DATASET_LICENSE = Option(
    "dataset_license", "switch", "", "also make docs/data_license.txt, for the licence of the data"
)
_METADATA = Option("metadata_str", "text", "TEXT", "metadata to write, as JSON, instead of what would stand there")
_INFERENCE = Option(
    "inference_str", "text", "TEXT", "inference config to write, as JSON, instead of the template's configs and scripts"
)
_EXITS = ((0, "the bundle was made"), (2, "the input is wrong; nothing was made"))

STARTING: tuple[Command, ...] = (
    Command(
        name="init",
        summary="make a new bundle that runs as it is",
        usage="DIR [OPTIONS]",
        options=(
            _DIR,
            Option(
                "template",
                "text",
                "NAME",
                "segmentation, classification or blank (default: what the network is for, or else segmentation)",
            ),
            _NETWORK,
            Option("spatial_dims", "text", "2|3", "dimensions of an image (default: 2 to classify, else 3)"),
            Option("in_channels", "text", "N", "channels of an image (default: 1)"),
            Option("out_channels", "text", "N", "channels that the network gives (default: one for each class)"),
            Option(
                "classes",
                "text",
                "A,B,C",
                "names of the classes; in a segmentation the background comes before them, if it is not there",
            ),
            Option("name", "text", "TEXT", "name of the bundle for people (default: that of the folder)"),
            Option("authors", "text", "TEXT", "who makes it, for the metadata"),
            _CKPT_FILE,
            _DATASET_LICENSE,
            _METADATA,
            _INFERENCE,
        ),
        positional=1,
        overrides=None,
        examples=(
            ("init my_bundle", "a segmentation in 3D with a U-Net"),
            ("init lesions --network SegResNet --classes lesion", "another network, and what it is to find"),
            ("init views --template classification --classes ap,lateral", "a classification of pictures"),
            ("init mine --network my_package.nets.MyNet", "a network of your own"),
        ),
        load=_load_init,
        exits=_EXITS,
    ),
    Command(
        name="init_bundle",
        summary="make a new bundle, with MONAI's options",
        usage="DIR [CKPT_FILE] [OPTIONS]",
        options=(_DIR, _CKPT_FILE, _NETWORK, _DATASET_LICENSE, _METADATA, _INFERENCE),
        positional=2,
        overrides=None,
        examples=(
            ("init_bundle my_bundle", "a frame to fill, which runs on noise"),
            ("init_bundle my_bundle model.pt", "the same with weights"),
        ),
        load=_load_init_bundle,
        exits=_EXITS,
    ),
)
