"""Lists of the images that the configs work on.

A dataset is a folder with a folder for each class, of the class's name, and the images of that class in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SUFFIXES = (".nii.gz", ".nii", ".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")


def cases(
    dataset_dir: str | os.PathLike[str], class_names: Sequence[str], section: str, held_out: float = 0.2
) -> list[dict[str, Any]]:
    """List the images of a dataset with their classes, split by name into two parts.

    The images of each class are sorted by name, and of every so many one is held out: of every five for 0.2.

    Args:
        dataset_dir: the folder of the dataset.
        class_names: names of the classes, and of their folders.
        section: "train" or "held_out".
        held_out: the part of the images that is kept for evaluation, between 0 and 1.

    Returns:
        One dictionary per image: its path "image", and the number of its class "label".

    Raises:
        FileNotFoundError: if a class has no images.
    """
    if section not in ("train", "held_out"):
        raise ValueError(f"section must be 'train' or 'held_out', not {section!r}.")
    root = Path(dataset_dir).expanduser()
    part: list[dict[str, Any]] = []
    for label, name in enumerate(class_names):
        files = _files(root / name)
        if not files:
            raise FileNotFoundError(
                f"There are no images in {(root / name).absolute()}: each class has a folder of its name.\n"
                "Name the folder of your dataset: --dataset_dir DIR; and its classes: --class_names \"['a', 'b']\""
            )
        kept = {n for n in range(len(files)) if int((n + 1) * held_out) > int(n * held_out)}
        part += [
            {"image": str(file), "label": label}
            for n, file in enumerate(files)
            if (n in kept) == (section == "held_out")
        ]
    if not part:
        raise ValueError(f"The images in {root} are too few: none is left for the section {section!r}.")
    return part


def images(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[dict[str, str]]:
    """List the images to classify.

    Args:
        source: an image, a folder with images in it or further down, or a list of those.

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


def _files(folder: Path) -> list[Path]:
    found = (file for file in folder.rglob("*") if file.name.lower().endswith(SUFFIXES) and file.is_file())
    return sorted(file for file in found if not file.name.startswith("."))
