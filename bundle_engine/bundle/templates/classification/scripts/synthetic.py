"""Images that are made up: shapes in noise, each class with lobes of its own number. They show that everything runs."""

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
    class_names: Sequence[str],
    spatial_dims: int,
    in_channels: int,
    size: Sequence[int],
    count: int = 20,
    seed: int = 0,
) -> str:
    """Write a dataset with a folder of images for each class, unless it is there already.

    Args:
        folder: the folder to write.
        class_names: names of the classes, and of their folders.
        spatial_dims: 2 for PNG files, 3 for NIfTI files.
        in_channels: number of channels of an image.
        size: size of an image, in pixels or voxels.
        count: number of images of each class.
        seed: where the random numbers begin.

    Returns:
        The folder.

    Raises:
        FileExistsError: if something else is in the folder.
    """
    target = Path(folder).expanduser().absolute()
    made_of = json.dumps([list(class_names), spatial_dims, in_channels, list(size), count, seed])
    note = target / "synthetic.txt"
    if note.is_file() and note.read_text(encoding="utf-8") == made_of:
        return str(target)
    if target.exists() and not note.is_file():
        raise FileExistsError(f"{target} has something else in it than images that are made up.")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}_", dir=target.parent))
    part = aside / target.name
    try:
        for label, name in enumerate(class_names):
            (part / name).mkdir(parents=True)
            for number in range(count):
                random = np.random.default_rng([seed, label, number])
                _save(make_image(random, label, in_channels, size), part / name / f"{number:03d}", spatial_dims)
        (part / note.name).write_text(made_of, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(part, target)  # whole or not at all
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return str(target)


def make_image(random: np.random.Generator, label: int, in_channels: int, size: Sequence[int]) -> NDArray[np.uint8]:
    """Make an image of the shape ``(*size, in_channels)``: class 0 is round, and class n has n + 2 lobes."""
    lobes = label + 2 if label else 0
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij"), axis=-1)
    place = grid - random.uniform(-0.2, 0.2, len(size))
    angle = np.arctan2(place[..., 1], place[..., 0]) + random.uniform(0, 2 * np.pi)
    radius = random.uniform(0.4, 0.6) * (1 + 0.4 * np.cos(lobes * angle) * (lobes > 0))
    shape = np.linalg.norm(place, axis=-1) < radius
    image = 60 + 120 * shape[..., None] + random.normal(0, 20, (*size, in_channels))
    clipped: NDArray[np.uint8] = np.clip(image, 0, 255).astype(np.uint8)
    return clipped


def _save(voxels: NDArray[np.uint8], path: Path, spatial_dims: int) -> None:
    if voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if spatial_dims == 3:
        import nibabel as nib

        nib.save(nib.Nifti1Image(voxels, np.eye(4)), f"{path}.nii.gz")
    else:
        from PIL import Image

        Image.fromarray(voxels.swapaxes(0, 1)).save(f"{path}.png")  # a picture's first axis is the vertical one
