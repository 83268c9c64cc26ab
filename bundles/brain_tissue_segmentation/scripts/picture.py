"""Draw a segmentation: slices of the image with the outline of each tissue."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TISSUES = {1: ("grey matter", "#ff9500"), 2: ("white matter", "#0a84ff")}
"""Name and colour of the labels to draw."""

VIEWS = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The axis, in RAS order, that each view looks along."""


class DrawOutlinesd(MapTransform):
    """Draw the image file that an item was loaded from, with the segmentation that `SaveImaged` wrote for it.

    Reads both files back, so that the picture shows what is on disk. It is saved beside the segmentation, with the
    suffix `.png`, and the paths of both are printed.

    Args:
        keys: the segmentations in an item. They need the metadata `filename_or_obj` and `saved_to`; the latter is
            there if `SaveImaged` was told to put the `savepath_in_metadict`.
    """

    def __init__(self, keys: KeysCollection) -> None:
        super().__init__(keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            meta = item[key].meta
            segmentation = Path(meta["saved_to"])
            picture = segmentation.with_name(segmentation.name.partition(".nii")[0] + ".png")
            draw_outlines(meta["filename_or_obj"], segmentation, picture)
            print(f"segmentation: {segmentation}\npicture: {picture}")
        return item


def draw_outlines(image: str | Path, segmentation: str | Path, picture: str | Path) -> None:
    """Save a picture of three slices, through the middle of the tissue, with an outline around each tissue.

    Args:
        image: file of a 3D image.
        segmentation: file of its labels, on the same grid.
        picture: file to write; its suffix decides on the format.

    Raises:
        ModuleNotFoundError: if `matplotlib` is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The picture is drawn by the package 'matplotlib', which is not installed. "
            "To install it: pip install 'bundle-engine[demo]'",
            name=error.name,
        ) from error

    scan = nib.as_closest_canonical(nib.load(image))
    labels = np.asarray(nib.as_closest_canonical(nib.load(segmentation)).dataobj)
    voxels = scan.get_fdata(dtype=np.float32)
    spacing = scan.header.get_zooms()[:3]
    box, middle = _box_and_middle(labels)
    brightest = 1.15 * float(np.percentile(voxels[box], 99.5))

    sizes = [(part.stop - part.start) * size for part, size in zip(box, spacing, strict=True)]
    across, up = zip(*([size for n, size in enumerate(sizes) if n != axis] for axis in VIEWS.values()), strict=True)
    figure = Figure(figsize=(13.5, 13 * max(up) / sum(across) + 1), facecolor="black")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1, 3, width_ratios=across, left=0.01, right=0.99, bottom=0.09, top=0.93, wspace=0.03)
    for column, (view, axis) in enumerate(VIEWS.items()):
        axes = figure.add_subplot(grid[column])
        plane = tuple(middle[axis] if n == axis else part for n, part in enumerate(box))
        pixel = [size for n, size in enumerate(spacing) if n != axis]
        _draw_slice(axes, voxels[plane], labels[plane], brightest, aspect=pixel[1] / pixel[0])
        place = grid[column].get_position(figure)
        position = nib.affines.apply_affine(scan.affine, middle)[axis]
        text = f"{view}, {'xyz'[axis]} = {position:.0f} mm"
        figure.text((place.x0 + place.x1) / 2, 0.955, text, color="white", fontsize=12, ha="center")
    figure.legend(
        handles=[Line2D([], [], color=colour, linewidth=2.5, label=name) for name, colour in TISSUES.values()],
        loc="lower center",
        ncols=len(TISSUES),
        frameon=False,
        labelcolor="white",
        fontsize=12,
    )
    figure.savefig(picture, dpi=120)


def _box_and_middle(labels: NDArray[np.integer], margin: int = 6) -> tuple[tuple[slice, ...], list[int]]:
    """Find the box around all tissue, with a margin, and for each axis the slice that shows most of it."""
    tissue = labels > 0
    if not tissue.any():
        return tuple(slice(0, size) for size in labels.shape), [size // 2 for size in labels.shape]
    counts = [tissue.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    ends = [np.flatnonzero(count)[[0, -1]] for count in counts]
    box = tuple(slice(max(a - margin, 0), b + margin + 1) for a, b in ends)
    return box, [int(count.argmax()) for count in counts]


def _draw_slice(
    axes: Axes, image: NDArray[np.floating], labels: NDArray[np.integer], brightest: float, aspect: float
) -> None:
    """Draw one slice in grey, seen with the left of the image on the left, and the outlines over it."""
    axes.imshow(image.T, origin="lower", cmap="gray", vmin=0, vmax=brightest, aspect=aspect, interpolation="bilinear")
    for label, (_, colour) in TISSUES.items():
        here = (labels == label).T
        if here.any() and not here.all():
            axes.contour(here, levels=[0.5], colors=[colour], linewidths=1.0)
    axes.set_axis_off()
