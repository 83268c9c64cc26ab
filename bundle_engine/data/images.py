"""What a file of an image or a label is like: its grid, and what its voxels are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.errors import MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Facts", "Voxels", "look_at"]

_NIFTI = (".nii", ".nii.gz", ".img", ".hdr", ".mgz", ".mgh")
_NUMPY = (".npy", ".npz")
_FLAT = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_SAMPLES = 512  # voxels of an image that are kept for plots
_MOST_VALUES = 1000  # of a label that are counted


@dataclass(frozen=True)
class Voxels:
    """What the voxels of a file are.

    Attributes:
        minimum, maximum, mean: of those that are numbers.
        odd: number of those that are NaN or infinite.
        counts: of a label, how many voxels have each value; empty for an image.
        whole: whether all values are whole numbers.
        sample: some values, at even distances.
        digest: of all of them.
    """

    minimum: float
    maximum: float
    mean: float
    odd: int
    counts: Mapping[float, int]
    whole: bool
    sample: NDArray[Any]
    digest: str


@dataclass(frozen=True)
class Facts:
    """What a file is like.

    Attributes:
        shape: voxels along the axes of space.
        channels: 1, or the size of a further axis.
        spacing: size of a voxel along these axes, in mm where the file says so.
        affine: from indices of voxels to positions; None where the file has none.
        dtype: kind of numbers in the file.
        voxels: None where they were not looked at.
        error: why the file cannot be read; empty where it can.
        known: whether this kind of file can be looked at.
    """

    shape: tuple[int, ...] = ()
    channels: int = 1
    spacing: tuple[float, ...] = ()
    affine: NDArray[Any] | None = field(default=None, compare=False)
    dtype: str = ""
    voxels: Voxels | None = field(default=None, compare=False)
    error: str = ""
    known: bool = True

    @property
    def volume(self) -> float:
        """The volume of a voxel, in mm³ where the file is in mm."""
        product = 1.0
        for length in self.spacing:
            product *= length
        return product


def look_at(path: Path, *, label: bool = False, full: bool = True) -> Facts:
    """Read what a file is like.

    Args:
        path: a NIfTI file, an array of NumPy, or a picture; other kinds are not looked at.
        label: count its values.
        full: read the voxels, and not the header only.

    Raises:
        MissingDependencyError: when what reads such files is not installed.
    """
    name = path.name.lower()
    readers: tuple[tuple[tuple[str, ...], Any], ...] = ((_NIFTI, _nifti), (_NUMPY, _numpy), (_FLAT, _flat))
    reader = next((each for endings, each in readers if name.endswith(endings)), None)
    if reader is None:
        return Facts(known=False)
    try:
        facts, values = reader(path, full)
        return facts if values is None else _with_voxels(facts, values, label)
    except MissingDependencyError:
        raise
    except Exception as error:  # readers raise whatever they like on damaged files
        return Facts(error=_first_line(error))


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    if isinstance(error, EOFError) or "end-of-stream" in text or ("Expected" in text and "bytes" in text):
        return "it ends too early"
    return text[:200] or type(error).__name__


def _nifti(path: Path, full: bool) -> tuple[Facts, Any]:
    try:
        import nibabel
    except ImportError as error:
        raise MissingDependencyError(
            "NIfTI files are read with nibabel, which is not installed", hint="pip install 'bundle-engine[bundles]'"
        ) from error
    import numpy as np

    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    image: Any = nibabel.load(path)
    whole = tuple(map(int, image.shape))
    while len(whole) > 3 and whole[-1] == 1:
        whole = whole[:-1]
    facts = Facts(
        shape=whole[:3],
        channels=int(np.prod(whole[3:])) if len(whole) > 3 else 1,
        spacing=tuple(float(each) for each in image.header.get_zooms()[:3]),
        affine=np.asarray(image.affine),
        dtype=str(image.get_data_dtype()),
    )
    if not full:
        _check_length(path, image)
        return facts, None
    return facts, np.asanyarray(image.dataobj)


def _check_length(path: Path, image: Any) -> None:
    """Raise an error for a file without compression that is shorter than its header says."""
    if path.suffix.lower() != ".nii":
        return
    import numpy as np

    needed = int(image.dataobj.offset) + int(np.prod(image.shape)) * image.get_data_dtype().itemsize
    if os.path.getsize(path) < needed:
        raise EOFError


def _numpy(path: Path, full: bool) -> tuple[Facts, Any]:
    import numpy as np

    loaded: Any = np.load(path, mmap_mode=None if full or path.suffix.lower() == ".npz" else "r", allow_pickle=False)
    if path.suffix.lower() == ".npz":
        with loaded:
            if len(loaded.files) != 1:
                raise ValueError(f"it holds {len(loaded.files)} arrays, and not one")
            loaded = loaded[loaded.files[0]]
    shape = tuple(map(int, loaded.shape))
    return Facts(shape=shape, spacing=(1.0,) * len(shape), dtype=str(loaded.dtype)), loaded if full else None


def _flat(path: Path, full: bool) -> tuple[Facts, Any]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            "pictures are read with Pillow, which is not installed", hint="pip install 'bundle-engine[bundles]'"
        ) from error
    import numpy as np

    with Image.open(path) as image:
        facts = Facts(
            shape=(image.width, image.height), channels=len(image.getbands()), spacing=(1.0, 1.0), dtype=image.mode
        )
        if not full:
            image.verify()
            return facts, None
        return facts, np.asarray(image)


def _with_voxels(facts: Facts, values: Any, label: bool) -> Facts:
    import numpy as np

    values = np.asarray(values)
    if values.size == 0:
        raise ValueError("it has no voxels")
    odd = 0
    numbers = values
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        odd = int(values.size - np.count_nonzero(finite))
        numbers = values[finite] if odd else values
    elif values.dtype.kind not in "biu":
        raise ValueError(f"its voxels are of the kind '{values.dtype}'")
    counts, whole = _counts(numbers) if label else ({}, True)
    flat = numbers.reshape(-1, order="A")
    step = max(1, flat.size // _SAMPLES)
    voxels = Voxels(
        minimum=float(numbers.min()) if numbers.size else float("nan"),
        maximum=float(numbers.max()) if numbers.size else float("nan"),
        mean=float(numbers.mean(dtype=np.float64)) if numbers.size else float("nan"),
        odd=odd,
        counts=counts,
        whole=whole,
        sample=flat[::step][:_SAMPLES].astype(np.float32),
        digest=hashlib.blake2b(np.ascontiguousarray(values.T).data, digest_size=16).hexdigest(),
    )
    return Facts(facts.shape, facts.channels, facts.spacing, facts.affine, facts.dtype, voxels)


def _counts(numbers: Any) -> tuple[dict[float, int], bool]:
    """Count the values of a label; tell whether all are whole numbers."""
    import numpy as np

    if numbers.dtype.kind == "u" and numbers.dtype.itemsize == 1:
        counted = np.bincount(numbers.reshape(-1), minlength=1)
        return {float(value): int(counted[value]) for value in np.flatnonzero(counted)}, True
    found, counts = np.unique(numbers, return_counts=True)
    whole = bool(np.array_equal(found, np.round(found)))
    pairs = zip(found[:_MOST_VALUES].tolist(), counts[:_MOST_VALUES].tolist(), strict=True)
    return {float(value): int(count) for value, count in pairs}, whole
