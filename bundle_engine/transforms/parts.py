"""Take an image apart along an axis, and put it together again, with what is known of its geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["join", "split"]


def split(image: torch.Tensor, axis: int) -> list[torch.Tensor]:
    """Take an image apart.

    Args:
        image: channels first. A MetaTensor gives MetaTensors, with the geometry of the part and no trace of what was
            done to the whole.
        axis: 0 gives the channels, each an image of one channel; from 1 on, the slices across that axis, which they no
            longer have.
    """
    from monai.data import MetaTensor

    plain = image.as_tensor() if isinstance(image, MetaTensor) else image
    parts = list(plain.split(1)) if axis == 0 else list(plain.unbind(axis))
    if not isinstance(image, MetaTensor):
        return parts
    affine = _affine_of_part(image, axis)
    meta = {key: value for key, value in image.meta.items() if key not in ("affine", "original_affine", "space")}
    return [MetaTensor(part, affine=affine, meta=dict(meta)) for part in parts]


def join(parts: Sequence[Any], image: torch.Tensor, axis: int) -> torch.Tensor:
    """Put parts together again.

    Args:
        parts: what became of the parts of `image`.
        image: the whole as it was before. A MetaTensor gives a MetaTensor with its metadata; its affine follows where
            all parts were brought to one new grid, and stays where each has its own.
        axis: as in `split`.

    Raises:
        UsageError: when the parts do not fit together.
    """
    import torch
    from monai.data import MetaTensor

    plain: list[torch.Tensor] = []
    for number, part in enumerate(parts):
        tensor = part.as_tensor() if isinstance(part, MetaTensor) else torch.as_tensor(part)
        if plain and tensor.shape != plain[0].shape:
            raise UsageError(
                f"the transform gave the shape {tuple(plain[0].shape)} for the first part and {tuple(tensor.shape)}"
                f" for part {number + 1}: they cannot be put together",
                hint="let the transform give one size, or use the same random numbers for all with different: false",
            )
        plain.append(tensor)
    whole = torch.cat(plain) if axis == 0 else torch.stack(plain, axis)
    if not isinstance(image, MetaTensor):
        return whole
    found = MetaTensor(whole).copy_meta_from(image)
    affines = [part.affine for part in parts if isinstance(part, MetaTensor)]
    before = _affine_of_part(image, axis)
    if len(affines) == len(parts) and all(torch.equal(affines[0], affine) for affine in affines):
        change = torch.linalg.inv(before) @ affines[0].to(before)
        found.affine = image.affine @ _around(change, axis, len(image.affine)).to(image.affine)
    return found


def _affine_of_part(image: Any, axis: int) -> torch.Tensor:
    """Give the affine of a channel, which is that of the image; of a slice the sizes of its pixels."""
    import torch

    affine = image.affine.to(torch.float64)
    if axis == 0:
        return affine
    sizes = affine[:-1, :-1].norm(dim=0)
    kept = [number for number in range(image.ndim - 1) if number != axis - 1]
    return torch.diag(torch.cat([sizes[kept], sizes.new_ones(1)]))


def _around(change: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """Give the change of the whole grid that goes with a change of a slice's."""
    import torch

    if axis == 0:
        return change
    axes = [number for number in range(size - 1) if number != axis - 1]
    places = [*axes[: len(change) - 1], size - 1]
    whole = torch.eye(size, dtype=change.dtype)
    whole[torch.tensor(places)[:, None], torch.tensor(places)] = change
    return whole
