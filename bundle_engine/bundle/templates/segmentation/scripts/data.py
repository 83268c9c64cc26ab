"""Lists of the images and labels that the configs work on.

A dataset is a folder with `images` and `labels`; an image and its label have the same file name. A folder with a
`dataset.json` as in the Medical Segmentation Decathlon is taken, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

SUFFIXES = (".nii.gz", ".nii", ".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")


def cases(dataset_dir: str | os.PathLike[str], section: str, held_out: float = 0.2) -> list[dict[str, str]]:
    """List the images of a dataset with their labels, split by name into two parts.

    The cases are sorted by name, and of every so many one is held out: of every five for a `held_out` of 0.2.

    Args:
        dataset_dir: the folder of the dataset.
        section: "train" or "held_out".
        held_out: the part of the cases that is kept for evaluation, between 0 and 1.

    Returns:
        One dictionary per case with the paths "image" and "label".

    Raises:
        FileNotFoundError: if there is no dataset, or an image has no label.
    """
    if section not in ("train", "held_out"):
        raise ValueError(f"section must be 'train' or 'held_out', not {section!r}.")
    found = _pairs(Path(dataset_dir).expanduser())
    kept = {n for n in range(len(found)) if int((n + 1) * held_out) > int(n * held_out)}
    part = [case for n, case in enumerate(found) if (n in kept) == (section == "held_out")]
    if not part:
        raise ValueError(f"{len(found)} cases are too few: none is left for the section {section!r}.")
    return part


def images(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[dict[str, str]]:
    """List the images to segment.

    Args:
        source: an image, a folder of images, or a list of those.

    Returns:
        One dictionary per image with the path "image".

    Raises:
        FileNotFoundError: if there is no image.
    """
    if not isinstance(source, str | os.PathLike):
        return [item for one in source for item in images(one)]
    path = Path(source).expanduser()
    files = _files(path) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        raise FileNotFoundError(f"No image was found at {path.absolute()}.\nName an image, or a folder: --input PATH")
    return [{"image": str(file)} for file in files]


def _pairs(folder: Path) -> list[dict[str, str]]:
    if (folder / "dataset.json").is_file():
        listed = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["training"]
        found = [{key: str(folder / entry[key]) for key in ("image", "label")} for entry in listed]
    else:
        found = [{"image": str(file), "label": str(_label_of(file, folder))} for file in _files(folder / "images")]
    if not found:
        raise FileNotFoundError(
            f"There is no dataset in {folder.absolute()}: neither a folder 'images' with images, nor a dataset.json.\n"
            "Name the folder of your dataset: --dataset_dir DIR"
        )
    for path in (path for case in found for path in case.values()):
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} is missing: each image has a label of the same name in 'labels'.")
    return sorted(found, key=lambda case: Path(case["image"]).name)


def _label_of(image: Path, folder: Path) -> Path:
    """Find the label of an image; its suffix may be another one, as for a photograph and a mask."""
    stem = _stem(image)
    return next((file for file in _files(folder / "labels") if _stem(file) == stem), folder / "labels" / image.name)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (file for file in folder.iterdir() if file.name.lower().endswith(SUFFIXES))
    return sorted(file for file in found if not file.name.startswith("."))


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").rpartition(".")[0]
