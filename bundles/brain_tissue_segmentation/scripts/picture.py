"""Draw a segmentation over the image it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

COLOURS = {1: "#ff9f1c", 2: "#2ec4ff"}
NAMES = {1: "grey matter", 2: "white matter"}
VIEWS = ("sagittal", "coronal", "axial")


def draw(image: str | Path, folder: str | Path, scores: Mapping[str, float] | None = None) -> Path:
    """Draw one slice of each view with the outlines of the tissues, and say where everything is.

    Args:
        image: the image file; its segmentation is `folder`/<name>_tissues.nii.gz.
        folder: where the segmentation is, and the picture is put.
        scores: Dice scores to print, and to write under the picture.

    Returns:
        the path of the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    folder = Path(folder)
    name = Path(image).name.removesuffix(".gz").removesuffix(".nii")
    segmentation = folder / f"{name}_tissues.nii.gz"
    brain = nib.as_closest_canonical(nib.load(image))
    tissues = np.asarray(nib.as_closest_canonical(nib.load(segmentation)).dataobj)
    voxels = np.asarray(brain.dataobj, dtype=np.float32)
    inside = np.argwhere(voxels > 0)
    low, high = (inside.min(0), inside.max(0) + 1) if len(inside) else (np.zeros(3, int), np.array(voxels.shape))
    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))  # leave the empty border out
    voxels, tissues = voxels[box], tissues[box]
    at = [size // 2 for size in voxels.shape]
    at[0] += voxels.shape[0] // 12  # a little beside the midline, where the sagittal view shows cortex

    widths = [voxels.shape[1], voxels.shape[0], voxels.shape[0]]
    figure, axes = plt.subplots(1, 3, figsize=(12, 5), facecolor="black", width_ratios=widths, layout="constrained")
    for axis, plane, title in zip(axes, range(3), VIEWS, strict=True):
        picture, labels = np.take(voxels, at[plane], axis=plane).T, np.take(tissues, at[plane], axis=plane).T
        axis.imshow(picture, cmap="gray", origin="lower", vmax=1.1 * voxels.max())
        for label, colour in COLOURS.items():
            if (labels == label).any():
                axis.contour(labels == label, levels=[0.5], colors=[colour], linewidths=0.9)
        axis.set_title(title, color="white", fontsize=11)
        axis.axis("off")
    handles = [Line2D([], [], color=COLOURS[label], label=text) for label, text in NAMES.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, labelcolor="white")
    found = {text: float(scores[text]) for text in NAMES.values() if scores and text in scores}
    if found:
        line = ", ".join(f"{text} {value:.3f}" for text, value in found.items())
        figure.suptitle(f"Dice on the validation hemisphere: {line}", color="white", fontsize=11)
    path = folder / f"{name}_tissues.png"
    part = path.with_name(f".{path.name}")
    figure.savefig(part, dpi=110, facecolor="black", format="png")
    plt.close(figure)
    part.replace(path)
    for text, value in found.items():
        print(f"Dice of {text}: {value:.3f}")
    print(f"segmentation: {segmentation}\npicture: {path}")
    return path
