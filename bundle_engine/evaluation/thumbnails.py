"""Small pictures of subjects: a slice with prediction and truth outlined, or an image with what was said of it.

Everything is drawn with NumPy and Pillow, a few milliseconds each. Slices lie as doctors look at them: the front or the
head up, the patient's right side (or the front, from the side) on the left.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.evaluation.grids import axes_of
from bundle_engine.workflow.replacement import replacing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["FOUND", "REAL", "View", "best_slice", "draw_image", "draw_outlines", "save_picture", "view_of"]

REAL = (86, 180, 233)  # sky blue and orange: told apart by nearly everyone
FOUND = (255, 140, 0)
_SIZE = 240  # of the longer side, in pixels
_TEXT, _BACK, _QUIET = (235, 235, 235), (24, 24, 27), (160, 160, 168)
_LINE = 17
_ENDS = (("R", "L"), ("A", "P"), ("S", "I"))  # letters at the left and the right, or above and below


class View(NamedTuple):
    """How a slice is taken from an image and turned.

    Attributes:
        axis: the axis that is cut across; None for a flat image.
        rows: the axis that runs down the picture.
        columns: the axis that runs across it.
        flip_rows: whether the first voxel of `rows` is at the bottom.
        flip_columns: whether the first voxel of `columns` is at the right.
        letters: what lies at the left, right, top and bottom; empty where that is not known.
    """

    axis: int | None
    rows: int
    columns: int
    flip_rows: bool
    flip_columns: bool
    letters: tuple[str, ...]

    def slice_of(self, volume: NDArray[Any], index: int) -> NDArray[Any]:
        """Give a slice of an image, turned as it is looked at."""
        flat = volume if self.axis is None else volume.take(index, axis=self.axis)
        flat = flat if self.rows < self.columns else flat.T
        return flat[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def view_of(spacing: Sequence[float], affine: Any = None) -> View:
    """Choose how to look at an image: across its coarsest axis, and of equal ones from the feet.

    Args:
        spacing: size of a voxel in mm.
        affine: matrix from voxels to mm; without it, rows and columns are taken as they are.
    """
    if len(spacing) == 2:
        return View(None, 0, 1, False, False, ())
    axes = None if affine is None else axes_of(affine)
    worlds = [axis.world for axis in axes] if axes else [0, 1, 2]
    axis = max(range(3), key=lambda one: (round(spacing[one], 3), worlds[one]))
    columns, rows = sorted((one for one in range(3) if one != axis), key=lambda one: worlds[one])
    if axes is None:
        return View(axis, rows, columns, False, False, ())
    # up is the front or the head, where coordinates are larger; so is the left: the patient's right, or the front
    letters = (*_ENDS[worlds[columns]], *_ENDS[worlds[rows]])
    return View(axis, rows, columns, axes[rows].forward, axes[columns].forward, letters)


def best_slice(found: NDArray[Any], real: NDArray[Any], axis: int | None) -> int:
    """Give the slice with the most predicted voxels; with none, that with the most of the truth."""
    if axis is None:
        return 0
    others = tuple(one for one in range(found.ndim) if one != axis)
    counts = found.sum(axis=others)
    return int((counts if counts.any() else real.sum(axis=others)).argmax())


def draw_outlines(
    image: NDArray[Any] | None,
    found: NDArray[Any],
    real: NDArray[Any],
    *,
    spacing: Sequence[float],
    affine: Any = None,
    title: str = "",
    remark: str = "",
) -> Image:
    """Draw the slice with the most predicted voxels, with the outlines of prediction and truth, and a legend.

    Args:
        image: intensities on the grid of the masks; None where there is no such image.
        found: where the structure was predicted.
        real: where it is.
        spacing: size of a voxel in mm: the picture has the proportions of the body.
        affine: matrix from voxels to mm.
        title: first line of the text below.
        remark: further lines.
    """
    import numpy as np
    from PIL import Image

    view = view_of(spacing, affine)
    index = best_slice(found, real, view.axis)
    masks = [view.slice_of(mask, index) for mask in (found, real)]
    window = _window(masks[0] | masks[1], (spacing[view.rows], spacing[view.columns]))
    height = masks[0][window].shape[0] * spacing[view.rows]
    width = masks[0][window].shape[1] * spacing[view.columns]
    scale = _SIZE / max(height, width)
    size = max(24, round(width * scale)), max(24, round(height * scale))
    grey = np.full(masks[0][window].shape, 60, np.uint8)
    if image is not None:
        grey = _grey(view.slice_of(image, index)[window])
    pixels = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR).convert("RGB")).copy()
    # the truth is the thicker line, so that both are seen where they run along each other
    for mask, colour, thick in ((masks[1], REAL, 3), (masks[0], FOUND, 1)):
        large = Image.fromarray(mask[window].astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
        pixels[_outline(np.asarray(large) > 0, thick)] = colour
    where = f"slice {index + 1} of {found.shape[view.axis]}" if view.axis is not None else ""
    return _framed(Image.fromarray(pixels), title, [*remark.split("\n"), where], view.letters, legend=True)


def draw_image(image: NDArray[Any], *, title: str = "", remark: str = "", spacing: Sequence[float] = ()) -> Image:
    """Draw an image with two lines of text below; of a volume its middle slice.

    Args:
        image: one channel, or three that are colours, in front of two or three axes.
        title: first line of the text.
        remark: second line.
        spacing: size of a voxel in mm.
    """
    import numpy as np
    from PIL import Image

    spacing = tuple(spacing) or (1.0,) * (image.ndim - 1)
    view = view_of(spacing)
    index = 0 if view.axis is None else image.shape[view.axis + 1] // 2
    channels = image if image.shape[0] == 3 and view.axis is None else image[:1]
    planes = [_grey(view.slice_of(channel, index)) for channel in channels]
    picture = Image.fromarray(planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)).convert("RGB")
    height, width = picture.height * spacing[view.rows], picture.width * spacing[view.columns]
    scale = _SIZE / max(height, width)
    smooth = Image.Resampling.BICUBIC
    return _framed(picture.resize((round(width * scale), round(height * scale)), smooth), title, [remark])


def save_picture(picture: Image, path: str | os.PathLike[str]) -> None:
    """Write a picture as PNG; the file is complete, or as it was before."""
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", compress_level=3)


def _window(mask: NDArray[Any], spacing: tuple[float, float]) -> tuple[slice, slice]:
    """Give the part of a slice to show: what is outlined, with half of its size (and at least 20 mm) around."""
    import numpy as np

    slices: list[slice] = []
    for axis in (0, 1):
        where = np.flatnonzero(mask.any(axis=1 - axis))
        if not where.size:
            slices.append(slice(0, mask.shape[axis]))
            continue
        margin = max(math.ceil(20 / spacing[axis]), (int(where[-1]) - int(where[0])) // 2)
        slices.append(slice(max(0, int(where[0]) - margin), min(mask.shape[axis], int(where[-1]) + 1 + margin)))
    return slices[0], slices[1]


def _grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring intensities to 0 to 255, with the darkest and the brightest hundredth cut off."""
    import numpy as np

    numbers = np.nan_to_num(np.asarray(values, dtype=np.float32))
    low, high = np.percentile(numbers, (1, 99))
    if high <= low:
        low, high = numbers.min(), numbers.max()
    span = float(high - low) or 1.0
    return np.asarray(np.clip((numbers - low) / span, 0, 1) * 255, dtype=np.uint8)


def _outline(mask: NDArray[np.bool_], thick: int) -> NDArray[np.bool_]:
    """Give the pixels along the inside of the edge of a mask; the edge of the picture is none."""
    import numpy as np

    inside = mask.copy()
    for _ in range(thick):
        padded = np.pad(inside, 1, mode="edge")
        inside = inside & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return mask & ~inside


def _framed(
    picture: Image, title: str, remarks: Sequence[str], letters: Sequence[str] = (), *, legend: bool = False
) -> Image:
    """Put a picture on a dark ground, with directions at its sides, text below it, and a legend in the last line."""
    from PIL import Image, ImageDraw

    width, height = max(_SIZE, picture.width) + 8, picture.height + 10 + (1 + len(remarks)) * _LINE
    frame = Image.new("RGB", (width, height), _BACK)
    left = (width - picture.width) // 2
    frame.paste(picture, (left, 4))
    draw = ImageDraw.Draw(frame)
    font, small = _font(12), _font(11)
    if letters:
        down, across = 4 + picture.height // 2, left + picture.width // 2
        places = [(left + 3, down - 7), (left + picture.width - 11, down - 7)]
        places += [(across - 4, 5), (across - 4, picture.height - 11)]
        for letter, place in zip(letters, places, strict=True):
            draw.text(place, letter, fill=_TEXT, font=small, stroke_width=1, stroke_fill=_BACK)
    top = picture.height + 7
    draw.text((6, top), _cut(title, font, width - 12), fill=_TEXT, font=font)
    for remark in remarks[:-1] if legend else remarks:
        top += _LINE
        draw.text((6, top), _cut(remark, small, width - 12), fill=_QUIET, font=small)
    if legend:
        top, at = top + _LINE, 6
        for colour, word in ((REAL, "truth"), (FOUND, "prediction")):
            draw.rectangle((at, top + 6, at + 12, top + 8), fill=colour)
            draw.text((at + 17, top), word, fill=_TEXT, font=small)
            at += 25 + round(small.getlength(word))
        draw.text((width - 6 - round(small.getlength(remarks[-1])), top), remarks[-1], fill=_QUIET, font=small)
    return frame


def _cut(text: str, font: Any, width: int) -> str:
    """Shorten a text in its middle until it fits."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[: len(text) // 2] + text[len(text) // 2 + 1 :]
    return f"{text[: len(text) // 2]}…{text[len(text) // 2 :]}"


@functools.cache
def _font(size: int) -> FreeTypeFont | ImageFont:
    """Give a font that has most of the world's letters: the one that comes with matplotlib."""
    import matplotlib
    from PIL import ImageFont

    try:
        return ImageFont.truetype(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
    except OSError:
        return ImageFont.load_default(size)
