"""Hold the grids of a subject's files against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bundle_engine.data.images import Facts
from bundle_engine.data.table import File, Subject
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TOLERANCE", "compare_grids", "distance_between"]

#: how far apart the same voxel may be in two files, in voxels
TOLERANCE = 0.1


def compare_grids(subject: Subject, files: Sequence[tuple[File, Facts]]) -> Iterator[Finding]:
    """Find files of a subject that are not on the grid of its first one."""
    if not files:
        return
    first, one = files[0]
    for file, facts in files[1:]:
        pair = f"'{file.channel}' and '{first.channel}' of subject '{subject.name}'"
        turned = _turned(one, facts)
        if turned:
            said = f"{pair} are on one grid, with their axes in another order: {turned}"
            hint = "put Orientationd behind LoadImaged, for both"
            yield found("BE108", subject.name, file.place, said, hint, severity="info")
        elif facts.shape != one.shape:
            said = f"{pair} differ in size: {_times(facts.shape)} and {_times(one.shape)} voxels"
            yield found("BE107", subject.name, file.place, said, "is it the label of another image?")
        elif (moved := distance_between(one, facts)) > TOLERANCE * min(one.spacing or (1.0,)):
            said = f"{pair} are at different places: voxels are up to {moved:.3g} mm apart"
            spacings = (facts.spacing, one.spacing)
            if any(abs(a - b) > 1e-3 * b for a, b in zip(*spacings, strict=False)):
                said += (
                    f"; their voxels have {' and '.join(_times(tuple(round(v, 3) for v in s)) for s in spacings)} mm"
                )
            yield found(
                "BE108", subject.name, file.place, said, "copy the header of the image to the label, or resample"
            )


def distance_between(one: Facts, other: Facts) -> float:
    """Give the largest distance, over the corners of a grid, between positions of the same voxel in two files."""
    import numpy as np

    if one.affine is None or other.affine is None:
        return 0.0
    return float(np.abs(_corners(one.affine, one.shape) - _corners(other.affine, one.shape)).max())


def _corners(affine: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    import numpy as np

    ends = np.array(np.meshgrid(*([0, size - 1] for size in shape), indexing="ij")).reshape(len(shape), -1)
    whole = np.zeros((4, ends.shape[1]))
    whole[: len(shape)], whole[3] = ends, 1
    return np.asarray(affine @ whole)


def _turned(one: Facts, other: Facts) -> str:
    """Say how axes differ where two grids are the same but for their order; empty where they are not, or do not."""
    if one.affine is None or other.affine is None or len(one.shape) != 3 or len(other.shape) != 3:
        return ""
    import numpy as np
    from nibabel.orientations import aff2axcodes, inv_ornt_aff, io_orientation, ornt_transform

    codes = ["".join(map(str, aff2axcodes(each.affine))) for each in (other, one)]
    if codes[0] == codes[1] or any("None" in code for code in codes):
        return ""
    change = ornt_transform(io_orientation(other.affine), io_orientation(one.affine))
    shape = [0, 0, 0]
    for axis, (target, _) in enumerate(change):
        shape[int(target)] = other.shape[axis]
    affine = other.affine @ inv_ornt_aff(change, other.shape)
    moved = Facts(shape=tuple(shape), affine=np.asarray(affine))
    if moved.shape != one.shape or distance_between(one, moved) > TOLERANCE * min(one.spacing):
        return ""
    return f"{codes[0]} and {codes[1]}"


def _times(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)
