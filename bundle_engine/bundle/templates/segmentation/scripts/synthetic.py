"""Images that are made up, with labels: one ellipsoid of each class, in noise. They show that everything runs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def make_dataset(
    folder: str | os.PathLike[str],
    spatial_dims: int,
    in_channels: int,
    num_classes: int,
    size: Sequence[int],
    count: int = 10,
    seed: int = 0,
) -> str:
    """Write a dataset with `images` and `labels`, unless it is there already.

    Args:
        folder: the folder to write.
        spatial_dims: 2 for PNG files, 3 for NIfTI files.
        in_channels: number of channels of an image.
        num_classes: number of classes, the background included.
        size: size of an image, in pixels or voxels.
        count: number of images.
        seed: where the random numbers begin.

    Returns:
        The folder.

    Raises:
        FileExistsError: if something else is in the folder.
    """
    target = Path(folder).expanduser().absolute()
    made_of = json.dumps([spatial_dims, in_channels, num_classes, list(size), count, seed])
    note = target / "synthetic.txt"
    if note.is_file() and note.read_text(encoding="utf-8") == made_of:
        return str(target)
    if target.exists() and not note.is_file():
        raise FileExistsError(f"{target} has something else in it than images that are made up.")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}_", dir=target.parent))
    part = aside / target.name
    try:
        for number in range(count):
            image, label = make_case(np.random.default_rng([seed, number]), in_channels, num_classes, size)
            _save(image, part / "images" / f"case_{number:03d}", spatial_dims)
            _save(label, part / "labels" / f"case_{number:03d}", spatial_dims)
        (part / note.name).write_text(made_of, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(part, target)  # whole or not at all
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return str(target)


def make_case(
    random: np.random.Generator, in_channels: int, num_classes: int, size: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make an image of the shape ``(*size, in_channels)``, and its label of the shape ``(*size, 1)``."""
    label = np.zeros(tuple(size), np.uint8)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1)
    for value in range(1, num_classes):
        radii = random.uniform(0.15, 0.25, len(size)) * size
        centre = random.uniform(radii, np.asarray(size) - radii)
        label[(((grid - centre) / radii) ** 2).sum(axis=-1) < 1] = value
    brightness = 60 + 140 * label / max(num_classes - 1, 1)
    image = brightness[..., None] + random.normal(0, 20, (*size, in_channels))
    return np.clip(image, 0, 255).astype(np.uint8), label[..., None]


def _save(voxels: NDArray[np.uint8], path: Path, spatial_dims: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if spatial_dims == 3:
        import nibabel as nib

        nib.save(nib.Nifti1Image(voxels, np.eye(4)), f"{path}.nii.gz")
    else:
        from PIL import Image

        Image.fromarray(voxels.swapaxes(0, 1)).save(f"{path}.png")  # a picture's first axis is the vertical one
