"""Segmentations, posteriors and uncertainties as NIfTI files on the grid of the input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["write_fraction", "write_mask"]

_STEPS = 32767  # a number between 0 and 1 as one of 16 bits: exact to 0.00002, in half the space


def write_mask(path: Path, mask: NDArray[Any], affine: Any) -> None:
    """Write where a structure is, as 0 and 1."""
    import numpy as np

    _write(path, mask.astype(np.uint8), affine, None)


def write_fraction(path: Path, values: NDArray[np.float32], affine: Any) -> None:
    """Write numbers between 0 and 1; readers of NIfTI scale them back by themselves."""
    import numpy as np

    _write(path, np.rint(values * _STEPS).astype(np.int16), affine, 1 / _STEPS)


def _write(path: Path, values: NDArray[Any], affine: Any, slope: float | None) -> None:
    import gzip

    import nibabel
    import numpy as np

    image = nibabel.Nifti1Image(values, np.eye(4) if affine is None else _four(affine))
    image.header.set_xyzt_units("mm")
    data = bytearray(image.to_bytes())
    if slope is not None:  # scl_slope stands at byte 112 of the header
        data[112:116] = np.float32(slope).tobytes()
    path.write_bytes(gzip.compress(bytes(data), compresslevel=1, mtime=0))


def _four(affine: Any) -> NDArray[np.float64]:
    """Give a matrix of 4 x 4 for a flat image, too."""
    import numpy as np

    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape == (4, 4):
        return matrix
    whole = np.eye(4)
    flat = matrix.shape[0] - 1
    whole[:flat, :flat], whole[:flat, 3] = matrix[:flat, :flat], matrix[:flat, flat]
    return whole
