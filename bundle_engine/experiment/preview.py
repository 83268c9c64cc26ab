"""Draw what a model found: a slice across each axis of an image, with the outline of each structure."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["COLOURS", "colour_of", "draw_preview"]

COLOURS = (  # told apart by nearly everyone, and on grey: after Okabe and Ito
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
)  # fmt: skip
_SIDE = 320  # of the longest side of a slice, in pixels
_BACK, _TEXT = (24, 24, 27), (235, 235, 235)
_LINE, _GAP = 17, 6


def colour_of(number: int) -> tuple[int, int, int]:
    """Give the colour of a structure by its number, counted from 1."""
    if number <= len(COLOURS):
        return COLOURS[(number - 1) % len(COLOURS)]
    red, green, blue = colorsys.hsv_to_rgb((number * 0.618034) % 1, 0.75, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_preview(
    path: Path,
    image: NDArray[Any] | None,
    masks: Mapping[str, NDArray[np.bool_]],
    affine: Any,
    *,
    title: str = "",
) -> None:
    """Draw slices of an image with outlines, and write them as a PNG file.

    Each slice is the one with the most voxels of all structures; without any, the middle one.

    Args:
        path: the picture; it is complete, or as it was before.
        image: intensities; None where there are none to show.
        masks: where each structure is, by name, in the order of their colours.
        affine: matrix from voxels to mm.
        title: text below.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    from bundle_engine.evaluation.thumbnails import save_picture

    shape = next(iter(masks.values())).shape if masks else image.shape if image is not None else (1, 1)
    whole: NDArray[np.bool_] = np.zeros(shape, dtype=bool)
    for mask in masks.values():
        whole |= mask
    low, high = _limits(image)
    panels = []
    for view, spacing in _views(len(shape), affine):
        index = _index(whole, view.axis)
        grey = np.full(view.slice_of(whole, index).shape, 60, np.uint8)
        if image is not None:
            part = np.nan_to_num(view.slice_of(image, index).astype(np.float32))
            grey = np.asarray(np.clip((part - low) / (high - low), 0, 1) * 255, dtype=np.uint8)
        height, width = grey.shape[0] * spacing[0], grey.shape[1] * spacing[1]
        scale = _SIDE / max(height, width)
        size = max(16, round(width * scale)), max(16, round(height * scale))
        pixels = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR).convert("RGB")).copy()
        for number, mask in enumerate(masks.values(), start=1):
            flat = view.slice_of(mask, index).astype(np.uint8)
            large = np.asarray(Image.fromarray(flat).resize(size, Image.Resampling.NEAREST)) > 0
            pixels[_edge(large)] = colour_of(number)
        panels.append(Image.fromarray(pixels))
    names = list(masks)
    width = max(sum(panel.width + _GAP for panel in panels) + _GAP, 300)
    tallest = max(panel.height for panel in panels)
    frame = Image.new("RGB", (width, tallest + 3 * _GAP + (1 + len(names)) * _LINE), _BACK)
    left = _GAP
    for panel in panels:
        frame.paste(panel, (left, _GAP + (tallest - panel.height) // 2))
        left += panel.width + _GAP
    draw, top = ImageDraw.Draw(frame), tallest + 2 * _GAP
    font = _font()
    draw.text((_GAP, top), title, fill=_TEXT, font=font)
    for number, name in enumerate(names, start=1):
        at = top + number * _LINE
        draw.rectangle((_GAP, at + 6, _GAP + 12, at + 9), fill=colour_of(number))
        draw.text((_GAP + 18, at), f"{name}: {int(masks[name].sum())} voxels", fill=_TEXT, font=font)
    save_picture(frame, path)


def _views(axes: int, affine: Any) -> list[tuple[Any, tuple[float, float]]]:
    """Give how to look along each axis of an image, with the sizes of a pixel."""
    import numpy as np

    from bundle_engine.evaluation.thumbnails import view_of

    lengths = np.sqrt((np.asarray(affine, dtype=float)[:3, :3] ** 2).sum(axis=0))
    sizes = [float(length) if np.isfinite(length) and length > 0 else 1.0 for length in lengths]
    if axes == 2:
        return [(view_of(sizes[:2]), (sizes[0], sizes[1]))]
    usable = affine if np.linalg.matrix_rank(np.asarray(affine, dtype=float)[:3, :3]) == 3 else None
    views = []
    for axis in range(3):
        # the coarsest axis is the one that is looked along
        view = view_of([2.0 if each == axis else 1.0 for each in range(3)], usable)
        views.append((view, (sizes[view.rows], sizes[view.columns])))
    return views


def _index(whole: NDArray[np.bool_], axis: int | None) -> int:
    if axis is None:
        return 0
    counts = whole.sum(axis=tuple(each for each in range(whole.ndim) if each != axis))
    return int(counts.argmax()) if counts.any() else whole.shape[axis] // 2


def _limits(image: NDArray[Any] | None) -> tuple[float, float]:
    """Give the intensities that are drawn black and white: all but the darkest and the brightest hundredth."""
    import numpy as np

    if image is None or not image.size:
        return 0.0, 1.0
    numbers = np.nan_to_num(image.ravel()[:: max(1, image.size // 200_000)].astype(np.float32))
    low, high = (float(value) for value in np.percentile(numbers, (1, 99)))
    return (low, high) if high > low else (low, low + 1.0)


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the pixels along the inside of the edge of a mask, two deep; the edge of the picture is none."""
    import numpy as np

    inside = mask
    for _ in range(2):
        padded = np.pad(inside, 1, mode="edge")
        inside = inside & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return np.asarray(mask & ~inside)


def _font() -> Any:
    import os

    import matplotlib
    from PIL import ImageFont

    try:
        return ImageFont.truetype(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), 12)
    except OSError:
        return ImageFont.load_default(12)


def masks_of(labels: NDArray[Any], names: Mapping[int, str], channels: Sequence[int] = ()) -> dict[str, Any]:
    """Give where each structure is.

    Args:
        labels: a label map, or a channel per structure on the last axis.
        names: names of the structures by label, or by channel.
        channels: the channels, where `labels` has some.
    """
    if channels:
        return {names.get(channel, f"structure {channel}"): labels[..., channel] > 0 for channel in channels}
    import numpy as np

    values = sorted(set(names) | {int(value) for value in np.unique(labels)} - {0})
    return {names.get(value, f"structure {value}"): labels == value for value in values}
