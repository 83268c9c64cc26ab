"""Lists of the images that the configs work on."""

from __future__ import annotations

import os
import shlex
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

BUNDLE = Path(__file__).absolute().parents[1]
FILE = "pneumoniamnist.npz"
SECTIONS = ("train", "val", "test")
PICTURES = (".nii.gz", ".nii", ".png", ".npy", ".npz")


def pneumoniamnist(dataset_dir: str | os.PathLike[str], section: str, limit: int | None = None) -> list[dict[str, Any]]:
    """List the images of a section of PneumoniaMNIST, as its publisher divided it.

    Args:
        dataset_dir: folder with pneumoniamnist.npz, or that file by whatever name.
        section: "train", "val" or "test".
        limit: use only so many images, spread over the section, for a quick try; in a file they may stand sorted.

    Returns:
        One dictionary per image: "image" of 28 x 28 bytes, "label" 0 (normal) or 1 (pneumonia), and a name "subject".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds something else.
    """
    if section not in SECTIONS:
        raise ValueError(f"section must be 'train', 'val' or 'test', not {section!r}.")
    path = Path(dataset_dir).expanduser()
    if path.suffix != ".npz":
        path /= FILE
    if not path.is_file():
        folder = path.absolute().parent
        raise FileNotFoundError(
            f"PneumoniaMNIST was not found: there is no file {path.absolute()}.\n"
            "To download it (4 MB) to that folder:\n"
            f"    cd {shlex.quote(str(BUNDLE))}\n"
            f"    python -m scripts.download --dataset_dir {shlex.quote(str(folder))}\n"
            "If you have it somewhere else, name its folder or the file: --dataset_dir DIR_OR_FILE"
        )
    arrays = _read(path, (f"{section}_images", f"{section}_labels"))
    images, labels = arrays[f"{section}_images"], arrays[f"{section}_labels"]
    if images.ndim != 3 or labels.size != len(images) or not set(np.unique(labels)) <= {0, 1}:
        raise ValueError(
            f"{path} is not PneumoniaMNIST: images of the shape {images.shape}, labels of the shape {labels.shape}."
        )
    number = len(images) if limit is None else min(limit, len(images))
    if number < 1:
        raise ValueError(f"{path} has no images in the section {section!r}.")
    return [
        {"image": images[place], "label": int(labels.reshape(-1)[place]), "subject": f"{section}_{place:04}"}
        for place in (index * len(images) // number for index in range(number))
    ]


def image_list(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """List the images to classify.

    Args:
        source: an image (.png, .npy, .nii.gz, .nii), a .npz file with images in it, a folder (all of those in it,
            hidden ones excepted), or a list of those.

    Returns:
        One dictionary per image: "image", a path or the image itself, and its name "subject", which is the path, or for
        an image of an .npz file the path, its key and its number.

    Raises:
        FileNotFoundError: if ``source`` does not exist or holds no image.
        ValueError: if a file is none.
    """
    if not isinstance(source, str | os.PathLike):
        return [item for one in source for item in image_list(one)]
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _is_picture(file) and not file.name.startswith("."))
    else:
        files = [path] if path.is_file() else []
    found = [item for file in files for item in _images_of(file)]
    if not found:
        raise FileNotFoundError(
            f"No image ({', '.join(PICTURES)}) was found at {path.absolute()}.\n"
            "Name an image, or a folder of images: --input PATH"
        )
    return found


def class_weights(items: Sequence[dict[str, Any]], classes: int = 2) -> torch.Tensor:
    """Weigh the classes so that each counts as much as any other, however many images it has; their mean is 1."""
    import torch

    counts = torch.bincount(torch.tensor([item["label"] for item in items]), minlength=classes)
    weights = len(items) / (classes * counts.clamp(min=1).float())
    return weights * len(items) / weights[[item["label"] for item in items]].sum()


def _images_of(file: Path) -> list[dict[str, Any]]:
    if not _is_picture(file):
        raise ValueError(f"{file} is none of the images that can be read: {', '.join(PICTURES)}.")
    if file.suffix != ".npz":
        from scripts.pictures import check_picture

        check_picture(file)
        return [{"image": str(file), "subject": str(file)}]
    found: list[dict[str, Any]] = []
    for key, array in _read(file).items():
        if array.ndim == 2:
            found.append({"image": array, "subject": f"{file}:{key}"})
        elif array.ndim == 3:  # as in PneumoniaMNIST, one behind the other; labels are no images
            found += [{"image": image, "subject": f"{file}:{key}[{n}]"} for n, image in enumerate(array)]
    return [item for item in found if min(item["image"].shape) > 1]


def _is_picture(file: Path) -> bool:
    return file.name.lower().endswith(PICTURES) and file.is_file()


def _read(path: Path, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """Read arrays of an .npz file, and nothing but arrays: an object in it would be code to run."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in keys or file.files}
    except (KeyError, ValueError, EOFError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as an .npz file with {', '.join(keys or ['images'])}: {error}"
        ) from error
