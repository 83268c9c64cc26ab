"""How images are read: rows from top to bottom, columns from left to right, one channel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_picture(path: str | Path) -> NDArray[np.float32]:
    """Read an image.

    Args:
        path: a .png file, a .npy file with rows and columns, or a NIfTI file of one slice. Colours become grey.

    Returns:
        Its values, rows by columns. A NIfTI image is turned the way that ITK writes a picture: columns run to the left
        of the patient, rows to the back or to the feet.

    Raises:
        ValueError: if it is not an image of two axes.
    """
    values = _read(path)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"{path} is no image of rows and columns; its shape is {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{path} holds values that are no numbers.")
    return np.ascontiguousarray(values, dtype=np.float32)


def check_picture(path: str | Path) -> None:
    """Look at the beginning of an image, so that a file that is none is told before the work begins.

    Raises:
        ValueError: if it is not an image.
    """
    _read(path, begin_only=True)


class ReadPictured(MapTransform):
    """Read images, unless they are arrays already, and cut out the square in the middle, as PneumoniaMNIST did.

    Args:
        keys: where the paths or the arrays (rows by columns) are.
    """

    def __init__(self, keys: KeysCollection) -> None:
        super().__init__(keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Put an image of the shape (1, rows, columns) into the place of each path or array."""
        found = dict(data)
        for key in self.key_iterator(found):
            value = found[key]
            known = isinstance(value, np.ndarray)
            values = np.asarray(value, dtype=np.float32) if known else read_picture(value)
            side = min(values.shape)
            top, left = ((length - side) // 2 for length in values.shape)
            square = torch.from_numpy(np.ascontiguousarray(values[top : top + side, left : left + side]))[None]
            found[key] = square if known else MetaTensor(square, meta={"filename_or_obj": str(value)})
        return found


def _read(path: str | Path, begin_only: bool = False) -> NDArray[Any]:
    name = str(path).lower()
    read = _png if name.endswith(".png") else _npy if name.endswith(".npy") else _nifti
    try:
        return read(path, begin_only)
    except FileNotFoundError:
        raise
    except Exception as error:  # the readers have no error in common
        raise ValueError(f"{path} cannot be read: {error}") from error


def _png(path: str | Path, begin_only: bool) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as picture:
        if begin_only:
            return np.empty((0, 0))
        # those of more than 8 bits stay as they are; colours and palettes become grey
        plain = picture.mode in ("L", "I", "F") or picture.mode.startswith("I;16")
        return np.asarray(picture if plain else picture.convert("L"))


def _npy(path: str | Path, begin_only: bool) -> NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r" if begin_only else None, allow_pickle=False))


def _nifti(path: str | Path, begin_only: bool) -> NDArray[Any]:
    import nibabel as nib

    image = nib.load(path)
    if begin_only:
        return np.empty((0, 0))
    values = np.asarray(image.dataobj)
    while values.ndim > 2 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 2:
        return values
    codes = nib.aff2axcodes(image.affine)[:2]
    for axis, code in enumerate(codes):
        if code in ("R", "A", "S"):
            values = np.flip(values, axis)
    return values if codes[1] in ("L", "R") else values.T
