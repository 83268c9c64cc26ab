"""Lists of the images and labels that the configs work on."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

BUNDLE = Path(__file__).absolute().parents[1]
NIFTI = (".nii.gz", ".nii")


def decathlon_split(
    dataset_dir: str | os.PathLike[str], section: str, held_out: int = 40, test: int = 0, limit: int | None = None
) -> list[dict[str, str]]:
    """List the training images and labels of a Decathlon dataset, split by name into three parts.

    The subjects are sorted by the file name of their image. The first ``held_out`` of them are kept for
    validation, the last ``test`` for a test, and the others are for training, whatever the order in dataset.json.

    Args:
        dataset_dir: folder with dataset.json.
        section: "train", "held_out" or "test".
        held_out: number of subjects kept for validation.
        test: number of subjects kept for a test.
        limit: use only the first so many subjects of the section, for a quick try.

    Returns:
        One dictionary per subject with the paths "image" and "label".

    Raises:
        FileNotFoundError: if the dataset, or a file that it lists, is not there.
    """
    if section not in ("train", "held_out", "test"):
        raise ValueError(f"section must be 'train', 'held_out' or 'test', not {section!r}.")
    root = Path(dataset_dir).expanduser()
    if not (root / "dataset.json").is_file():
        raise FileNotFoundError(
            f"The hippocampus dataset was not found: there is no dataset.json in {root.absolute()}.\n"
            "To download it (less than 30 MB) to that folder:\n"
            f"    cd {shlex.quote(str(BUNDLE))}\n"
            f"    python -m scripts.download --dataset_dir {shlex.quote(str(root.absolute()))}\n"
            "If you have it somewhere else, name that folder: --dataset_dir DIR"
        )
    listed = json.loads((root / "dataset.json").read_text(encoding="utf-8"))["training"]
    items = [{key: str(root / entry[key]) for key in ("image", "label")} for entry in listed]
    items.sort(key=lambda item: Path(item["image"]).name)
    end = max(len(items) - test, 0)
    parts = {"train": items[held_out:end], "held_out": items[: min(held_out, end)], "test": items[end:]}
    items = parts[section][:limit]
    if not items:
        raise ValueError(f"{root / 'dataset.json'} lists no subjects for the section {section!r}.")
    for path in (path for item in items for path in item.values()):
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} is listed in dataset.json but does not exist. Is the copy complete?")
    return items


def image_list(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[dict[str, str]]:
    """List the images to segment.

    Args:
        source: a NIfTI file, a folder (all NIfTI files in it, hidden ones excepted), or a list of those.

    Returns:
        One dictionary per image with the path "image".

    Raises:
        FileNotFoundError: if ``source`` does not exist or holds no NIfTI file.
    """
    if not isinstance(source, (str, os.PathLike)):
        return [item for one in source for item in image_list(one)]
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith(NIFTI) and not file.name.startswith("."))
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise FileNotFoundError(
            f"No NIfTI image (.nii.gz or .nii) was found at {path.absolute()}.\n"
            "Name an image, or a folder of images: --input PATH"
        )
    return [{"image": str(file)} for file in files]
