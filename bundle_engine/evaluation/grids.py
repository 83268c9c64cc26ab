"""The grid that an image lies on: spacing and orientation from the affine."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import BundleEngineWarning, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Axis", "axes_of", "spacing_of"]

_OBLIQUE = 1e-2  # largest cosine between two axes that counts as a right angle


class Axis(NamedTuple):
    """Where an axis of the voxels points to.

    Attributes:
        world: the axis of the patient that it follows most: 0 left to right, 1 back to front, 2 feet to head.
        forward: whether counting up goes to the right, the front or the head.
    """

    world: int
    forward: bool


def spacing_of(affine: Any, dimensions: int = 3) -> tuple[float, ...]:
    """Give the size of a voxel in mm: the lengths of the affine's columns, so that a rotation changes nothing.

    Args:
        affine: matrix from voxel indices to mm, of 4 x 4 (or n+1 x n+1) numbers.
        dimensions: how many axes the image has.

    Raises:
        InputError: when the matrix has another shape, is not finite, or gives an axis no length.

    Distances are measured along the axes of the voxels. Where these are not at right angles (a tilted gantry), they are
    off; that is a warning.
    """
    matrix = _matrix(affine, dimensions)
    import numpy as np

    lengths = np.sqrt((matrix**2).sum(axis=0))
    if not np.isfinite(lengths).all() or (lengths <= 0).any():
        raise InputError(
            f"the affine gives voxels of {_sizes(lengths)} mm: each size must be a positive number",
            hint="look at the header of the image file",
        )
    cosines = (matrix / lengths).T @ (matrix / lengths) - np.eye(dimensions)
    if np.abs(cosines).max() > _OBLIQUE:
        warnings.warn(
            "the axes of an image are not at right angles; distances in mm are measured as if they were",
            BundleEngineWarning,
            stacklevel=2,
        )
    return tuple(round(float(length), 6) for length in lengths)


def axes_of(affine: Any, dimensions: int = 3) -> tuple[Axis, ...]:
    """Give where each axis of the voxels points to, as near as can be; no two follow the same axis of the patient."""
    import numpy as np

    matrix = _matrix(affine, dimensions)
    strength = np.abs(matrix) / np.sqrt((matrix**2).sum(axis=0))
    found: dict[int, Axis] = {}
    for _ in range(dimensions):
        world, axis = np.unravel_index(int(strength.argmax()), strength.shape)
        found[int(axis)] = Axis(int(world), bool(matrix[world, axis] > 0))
        strength[world, :] = -1
        strength[:, axis] = -1
    return tuple(found[axis] for axis in range(dimensions))


def _matrix(affine: Any, dimensions: int) -> NDArray[np.float64]:
    import numpy as np

    whole = np.asarray(affine, dtype=np.float64)
    if whole.ndim != 2 or whole.shape[0] != whole.shape[1] or whole.shape[0] <= dimensions:
        raise InputError(f"an affine of {dimensions} axes has {dimensions + 1} rows and columns, not {whole.shape}")
    return whole[:dimensions, :dimensions]


def _sizes(lengths: Any) -> str:
    return " x ".join(f"{length:g}" for length in lengths)
