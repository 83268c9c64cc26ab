"""How well a segmentation agrees with the truth: Dice, distances in mm and volumes of each structure.

The measures, for the voxels P of the prediction and T of the truth:

========================  ===========================================================================================
Dice                      2 |P and T| / (|P| + |T|)
HausdorffDistance_mm      Hausdorff distance of the two sets of voxel centres: how far the worst voxel of one lies from
                          the other. The same as SimpleITK's ``HausdorffDistanceImageFilter``
HD95_mm                   the 95th percentile (linear between ranks) of the distances from the surface of one to the
                          surface of the other, and the larger of both directions
MeanDistance_mm           mean symmetric surface distance: the mean of the distances of all surface voxels of both to
                          the surface of the other (Heimann et al., Comparison and evaluation of methods for liver
                          segmentation from CT datasets, IEEE Transactions on Medical Imaging 28(8), 2009, section
                          III.C, "average symmetric surface distance")
Volume_ml, TruthVolume_ml number of voxels times the volume of one
========================  ===========================================================================================

The surface are the voxels that have a face in common with one outside; what lies beyond the edge of the image is
outside. Distances run between the centres of voxels. Where one of the two is empty:

==========================  ======  ==================  ====================================================
case                        Dice    the three distances  in the aggregates
==========================  ======  ==================  ====================================================
truth and prediction empty  1       undefined (None)    Dice counts, distances do not; both are counted apart
only the prediction empty   0       infinite            Dice counts, distances do not; they are counted apart
only the truth empty        0       infinite            the same
==========================  ======  ==================  ====================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundle_engine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

__all__ = ["Agreement", "compare_masks", "compare_structures", "mask_of", "spatial_shape"]


@dataclass(frozen=True)
class Agreement:
    """How well one structure was found in one subject.

    Attributes:
        dice: overlap from 0 to 1.
        hausdorff_mm: Hausdorff distance; infinite where one is empty, None where both are.
        hd95_mm: 95th percentile of the surface distances; likewise.
        mean_mm: mean symmetric surface distance; likewise.
        volume_ml: volume of the prediction; None for a flat image.
        truth_ml: volume of the truth; likewise.
        voxels: number of voxels of the prediction.
        truth_voxels: number of voxels of the truth.
    """

    dice: float
    hausdorff_mm: float | None
    hd95_mm: float | None
    mean_mm: float | None
    volume_ml: float | None
    truth_ml: float | None
    voxels: int
    truth_voxels: int

    @property
    def both_empty(self) -> bool:
        """Whether there was nothing to find, and nothing was found."""
        return not self.voxels and not self.truth_voxels

    @property
    def one_empty(self) -> bool:
        """Whether only one of prediction and truth has the structure."""
        return bool(self.voxels) != bool(self.truth_voxels)


def compare_structures(
    prediction: Any, truth: Any, structures: Mapping[int, str], spacing: Sequence[float]
) -> dict[str, Agreement]:
    """Compare the structures of a prediction with those of the truth.

    Args:
        prediction: label map with the axes of `spacing`, or one channel per structure in front of them (a channel
            counts where it is above 0.5). A single channel is a label map.
        truth: in one of the same forms.
        structures: names of the structures by their values in a label map, or by the numbers of their channels.
        spacing: size of a voxel in mm, an axis each; `spacing_of` takes it from an affine.

    Returns:
        a comparison for each structure, in the order of `structures`.

    Raises:
        InputError: when prediction and truth are not on the same grid, or a channel is missing.
    """
    shapes = spatial_shape(prediction, len(spacing)), spatial_shape(truth, len(spacing))
    if shapes[0] != shapes[1]:
        raise InputError(
            f"the prediction has {_by(shapes[0])} voxels and the truth has {_by(shapes[1])}: they must be on one grid",
            hint="bring the prediction back to the grid of the truth, for example with Invertd after the network",
        )
    return {
        name: compare_masks(mask_of(prediction, value, len(spacing)), mask_of(truth, value, len(spacing)), spacing)
        for value, name in structures.items()
    }


def compare_masks(prediction: Any, truth: Any, spacing: Sequence[float]) -> Agreement:
    """Compare one structure, given as two arrays that are true inside of it.

    Args:
        prediction: where it was found.
        truth: where it is.
        spacing: size of a voxel in mm, an axis each.
    """
    import numpy as np

    found, real = np.asarray(prediction, dtype=bool), np.asarray(truth, dtype=bool)
    box = _box(found | real)
    if box is not None:
        found, real = found[box], real[box]
    sizes = int(np.count_nonzero(found)), int(np.count_nonzero(real))
    flat = len(spacing) < 3
    volume, truth_volume = [None if flat else size * math.prod(spacing) / 1000 for size in sizes]
    dice: float = 1
    distances: tuple[float | None, float | None, float | None] = (None, None, None)
    if box is not None:
        dice = 2 * int(np.count_nonzero(found & real)) / sum(sizes)
        distances = _distances(found, real, tuple(map(float, spacing))) if all(sizes) else (math.inf,) * 3
    return Agreement(dice, *distances, volume, truth_volume, *sizes)


def mask_of(segmentation: Any, value: int, dimensions: int) -> Mask:
    """Give where a structure is: its value in a label map, or its channel.

    Raises:
        InputError: when there is no such channel.
    """
    import numpy as np

    array = np.asarray(segmentation)
    if array.ndim == dimensions:
        return np.asarray(array == value)
    if array.shape[0] == 1:
        return np.asarray(array[0] == value)
    if value >= array.shape[0]:
        raise InputError(
            f"there is no channel {value}: the segmentation has {array.shape[0]}",
            hint="the structures are named by the numbers of their channels, from 0",
        )
    channel = array[value]
    return channel if channel.dtype == bool else np.asarray(channel > 0.5)


def spatial_shape(segmentation: Any, dimensions: int) -> tuple[int, ...]:
    """Give the shape of a label map, or of what has channels in front, without the channels.

    Raises:
        InputError: when it has too few or too many axes.
    """
    shape = tuple(int(size) for size in segmentation.shape)
    if len(shape) == dimensions + 1:
        return shape[1:]
    if len(shape) == dimensions:
        return shape
    raise InputError(
        f"a segmentation of {dimensions} axes, with or without one of channels in front, cannot have the shape {shape}"
    )


def _box(mask: Mask) -> tuple[slice, ...] | None:
    """Give the smallest box with all that is true; None where nothing is."""
    import numpy as np

    slices: list[slice] = []
    for axis in range(mask.ndim):
        line = mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis))
        where = np.flatnonzero(line)
        if not where.size:
            return None
        slices.append(slice(int(where[0]), int(where[-1]) + 1))
    return tuple(slices)


def _distances(found: Mask, real: Mask, spacing: tuple[float, ...]) -> tuple[float, float, float]:
    """Give the Hausdorff distance, the 95th percentile and the mean of surface distances of two masks with voxels."""
    import numpy as np

    surfaces = _surface(found), _surface(real)
    # what each needs to know of the other: distances of its surface voxels, and of its voxels outside of the other.
    # From outside, the nearest voxel is always one of the surface, so that one transform serves both.
    there = _to_surface(surfaces[1], surfaces[0] | (found & ~real), spacing)
    back = _to_surface(surfaces[0], surfaces[1] | (real & ~found), spacing)
    worst = max(float(there[found & ~real].max(initial=0)), float(back[real & ~found].max(initial=0)))
    forth, home = there[surfaces[0]], back[surfaces[1]]
    hd95 = max(float(np.percentile(forth, 95)), float(np.percentile(home, 95)))
    return worst, hd95, float((forth.sum() + home.sum()) / (forth.size + home.size))


def _surface(mask: Mask) -> Mask:
    """Give the voxels that have a face in common with one outside."""
    import numpy as np

    inside = mask.copy()
    for axis in range(mask.ndim):
        along, within = np.moveaxis(mask, axis, 0), np.moveaxis(inside, axis, 0)
        within[1:] &= along[:-1]
        within[:-1] &= along[1:]
        within[0] = False
        within[-1] = False
    return mask & ~inside


def _to_surface(surface: Mask, wanted: Mask, spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Give the distances in mm from the `wanted` voxels to the nearest one of a surface, in an array of their grid."""
    import numpy as np
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(~surface, sampling=spacing, return_distances=False, return_indices=True)
    squares = np.zeros(surface.shape)
    places = np.nonzero(wanted)
    total = np.zeros(len(places[0]))
    for axis, size in enumerate(spacing):
        total += ((nearest[axis][places] - places[axis]) * size) ** 2
    squares[places] = np.sqrt(total)
    return squares


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
