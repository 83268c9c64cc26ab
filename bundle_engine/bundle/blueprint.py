"""A bundle before it is written: the files of a template with their gaps filled, and the metadata.

In the files of a template ``<<name>>`` is a gap, and a line that ends in ``#? 3d`` is there for images of three
dimensions only. Scripts have no gaps: what they need to know, the configs tell them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bundle_engine.bundle.architectures import CLASSIFICATION, SEGMENTATION, NetworkChoice

__all__ = ["ONLY_INFERENCE", "TEMPLATES", "Blueprint", "bundle_files", "metadata_of"]

TEMPLATES = (SEGMENTATION, CLASSIFICATION, "blank")
ONLY_INFERENCE = "only_inference"  # the page for a bundle whose inference config came from the caller
_FOLDER = Path(__file__).resolve().parent / "templates"
_GAP = re.compile(r"<<(\w+)>>")
_CONDITION = re.compile(r" ?#\? (\w+)$")
_FIRST_VERSION = "0.1.0"


@dataclass(frozen=True)
class Blueprint:
    """What is to be known of a bundle to write it.

    Attributes:
        folder: name of the bundle's folder.
        title: its name for people.
        template: one of `TEMPLATES`, or `ONLY_INFERENCE`.
        network: its network.
        spatial_dims: number of dimensions of an image.
        in_channels: number of channels of an image.
        classes: what each channel of the network's output means.
        authors: who makes it.
    """

    folder: str
    title: str
    template: str
    network: NetworkChoice
    spatial_dims: int
    in_channels: int
    classes: tuple[str, ...]
    authors: str

    @property
    def suffix(self) -> str:
        """Suffix of image files."""
        return ".nii.gz" if self.spatial_dims == 3 else ".png"

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages that read and write the image files and that the network needs, as the package index names them."""
        images = "nibabel" if self.spatial_dims == 3 or self.template == "blank" else "pillow"
        return (images, *self.network.packages)


def bundle_files(blueprint: Blueprint) -> dict[str, str]:
    """Give the files of a new bundle but its metadata: their text, by the path inside the bundle."""
    source = _FOLDER / blueprint.template
    gaps = _gaps(blueprint)
    files = {"LICENSE": (_FOLDER / "LICENSE").read_text(encoding="utf-8")}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_file() and name != "__init__.py" and "__pycache__" not in path.parts:
            text = path.read_text(encoding="utf-8")
            files[name] = text if path.suffix == ".py" else _fill(text, gaps, f"{blueprint.spatial_dims}d")
    return files


def metadata_of(blueprint: Blueprint) -> dict[str, Any]:
    """Describe a new bundle, as far as that is known."""
    classes = _class_list(blueprint)
    numbered = {str(number): name for number, name in enumerate(blueprint.classes)}
    task, takes, gives = _TASKS[blueprint.template]
    network, dims = str(blueprint.network.definition["_target_"]), blueprint.spatial_dims
    output: dict[str, Any] = {"type": "image", "format": gives}
    if blueprint.template == CLASSIFICATION:
        output = {"type": "probabilities", "format": gives}
    return {
        "version": _FIRST_VERSION,
        "changelog": {_FIRST_VERSION: "first version"},
        "name": blueprint.title,
        "monai_version": _version("monai"),
        "pytorch_version": _version("torch"),
        "numpy_version": _version("numpy"),
        "required_packages_version": {name: _version(name) for name in (*blueprint.packages, "pytorch-ignite")},
        "task": f"{task} of {dims}D images",
        "description": f"{task} of {dims}D images by a {network.rpartition('.')[2]}. {takes}",
        "authors": blueprint.authors,
        "copyright": f"Copyright (c) {blueprint.authors}",
        "data_source": "images that are made up; no data of patients",
        "data_type": "png" if "pillow" in blueprint.packages else "nibabel",
        "image_classes": f"{_counted(blueprint.in_channels)}, intensities scaled to 0 to 1",
        "label_classes": _class_list(blueprint)
        if blueprint.template != "blank"
        else "half of the image's first channel",
        "pred_classes": f"{_counted(len(blueprint.classes))}: {classes}",
        "eval_metrics": {},
        "intended_use": "Starting point for own work. Not a medical device: not for diagnosis or treatment.",
        "references": [],
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "num_channels": blueprint.in_channels,
                    "spatial_shape": _shape(blueprint),
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": blueprint.template == SEGMENTATION,
                    "channel_def": _channels(blueprint.in_channels),
                }
            },
            "outputs": {
                "pred": {
                    **output,
                    "num_channels": len(blueprint.classes),
                    "spatial_shape": [] if blueprint.template == CLASSIFICATION else _shape(blueprint),
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": blueprint.template == SEGMENTATION,
                    "channel_def": numbered,
                }
            },
        },
    }


_TASKS = {
    SEGMENTATION: ("Segmentation", "So far it is trained on ellipsoids in noise.", "segmentation"),
    CLASSIFICATION: ("Classification", "So far it is trained on shapes in noise.", "classes"),
    "blank": ("A task to be described", "So far it is trained on noise.", "magnitude"),
    ONLY_INFERENCE: ("A task to be described", "", "magnitude"),
}


def _gaps(blueprint: Blueprint) -> dict[str, str]:
    size = blueprint.network.patch
    dims = blueprint.spatial_dims
    # no axis as long as another: what mixes them up shows at once
    uneven = [n + more for n, more in zip(size, (4, 8, 0), strict=False)]
    return {
        "bundle": shlex.quote(blueprint.folder),
        "title": blueprint.title,
        "spatial_dims": str(dims),
        "in_channels": str(blueprint.in_channels),
        "out_channels": str(len(blueprint.classes)),
        "class_names": json.dumps(blueprint.classes, ensure_ascii=False),
        "class_list": _class_list(blueprint),
        "objects": ", ".join(blueprint.classes[blueprint.template == SEGMENTATION :]),
        "output_dir": _scalar(f"outputs/{blueprint.folder}"),
        "patch_size": json.dumps(size),
        "synthetic_size": json.dumps(uneven),
        "blank_shape": json.dumps([blueprint.in_channels, *size]),
        "resize_mode": "trilinear" if dims == 3 else "bilinear",
        "suffix": blueprint.suffix,
        "network_def": _block(blueprint.network.definition),
    }


def _fill(text: str, gaps: Mapping[str, str], dims: str) -> str:
    lines = []
    for line in text.split("\n"):
        condition = _CONDITION.search(line)
        if condition is None or condition[1] == dims:
            lines.append(_GAP.sub(lambda gap: gaps[gap[1]], _CONDITION.sub("", line)).rstrip())
    return "\n".join(lines).replace(" \n", "\n")  # a gap after a key may begin a line of its own


def _block(definition: Mapping[str, Any]) -> str:
    """Write a mapping as YAML, to stand behind its key at the root of a file."""
    import yaml

    lines = []
    for key, value in definition.items():
        written = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
        lines.append(f"\n  {key}: {written.removesuffix('...' + chr(10)).strip()}")
    return "".join(lines)


def _scalar(text: str) -> str:
    """Write a text as YAML, with quotes where it needs them."""
    import yaml

    return str(yaml.safe_dump(text, width=10_000, allow_unicode=True)).removesuffix("...\n").strip()


def _shape(blueprint: Blueprint) -> list[int | str]:
    step = blueprint.network.step
    if step and blueprint.template != CLASSIFICATION:
        return [f"{step}*n"] * blueprint.spatial_dims
    return list(blueprint.network.patch)


def _class_list(blueprint: Blueprint) -> str:
    return ", ".join(f"{number} {name}" for number, name in enumerate(blueprint.classes))


def _channels(number: int) -> dict[str, str]:
    names: Sequence[str] = ("image",) if number == 1 else [f"channel {n}" for n in range(number)]
    return {str(n): name for n, name in enumerate(names)}


def _counted(channels: int) -> str:
    return "single channel" if channels == 1 else f"{channels} channels"


def _version(package: str) -> str:
    """Give the version of an installed package, without what it says of its build; the oldest one where it is not."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return {"einops": "0.7", "nibabel": "5.2", "pillow": "10.0"}.get(package, "0.0")
