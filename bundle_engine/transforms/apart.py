"""Transforms that work on each channel, or each slice, of an image by itself.

The transform inside is any callable that takes a tensor and gives one: a transform of MONAI, one of torchvision, a
function. It sees images as they are elsewhere, channels first: of one channel in `PerChannel`, without the axis of the
slices in `PerSlice`, so that transforms for two axes can be used on volumes.

Random numbers come from `set_random_state`, as everywhere in MONAI, for callables of all kinds: in each call the inner
transform is seeded anew, and the global streams that torchvision draws from are left as they were. CacheDataset takes
these transforms for random, whatever is inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from monai.data import MetaTensor
from monai.transforms import Compose, InvertibleTransform, MapTransform, Randomizable

from bundle_engine.errors import UsageError
from bundle_engine.transforms.parts import join, split
from bundle_engine.transforms.seeding import MAX_SEED, is_monai, restored, seeded

if TYPE_CHECKING:
    import torch

__all__ = ["PerChannel", "PerSlice"]

_PARTS = "parts"


class _Apart(Randomizable, InvertibleTransform):  # type: ignore[misc]  # untyped in MONAI
    """What the transforms share: an image is taken apart along an axis, and put together again."""

    def __init__(self, transform: Callable[[Any], Any], *, different: bool = True) -> None:
        if not callable(transform):
            raise UsageError(f"a transform is something to call, not {transform!r}")
        for step in transform.flatten().transforms if isinstance(transform, Compose) else [transform]:
            if isinstance(step, MapTransform):
                name = type(step).__name__
                raise UsageError(
                    f"{name} works on dictionaries, and a part of an image is none",
                    hint=f"use the transform without the d, {name.removesuffix('d')}, with PerChanneld or PerSliced"
                    " around it",
                )
        self.transform = transform
        self.different = different

    def axis_of(self, image: torch.Tensor) -> int:
        """Give the axis along which an image is taken apart."""
        raise NotImplementedError

    def randomize(self, data: Any = None) -> int:
        """Draw the number that everything random in a call comes from."""
        return int(self.R.randint(MAX_SEED, dtype="uint32"))

    def __call__(self, img: Any) -> torch.Tensor:
        """Transform an image.

        Args:
            img: channels first. Metadata of a MetaTensor are kept.

        Raises:
            UsageError: when the parts become of different sizes.
        """
        return self.apply(img, self.randomize())

    def apply(self, img: Any, seed: int) -> torch.Tensor:
        """Transform an image, with everything random in it as the seed says."""
        import numpy as np
        import torch

        image = img if isinstance(img, torch.Tensor) else torch.as_tensor(np.ascontiguousarray(img))
        axis = self.axis_of(image)
        parts = split(image, axis)
        stream = np.random.RandomState(seed)
        number = len(parts) if self.different else 1
        seeds = [int(each) for each in stream.randint(MAX_SEED, size=number, dtype="uint32")]
        # what is not MONAI's has no use for metadata, and may stumble over them
        metadata = is_monai(self.transform)
        done: list[Any] = []
        with restored():
            for part, own in zip(parts, seeds if self.different else seeds * len(parts), strict=True):
                given = part.as_tensor() if isinstance(part, MetaTensor) and not metadata else part
                done.append(seeded(self.transform, own)(given))
        if isinstance(image, MetaTensor):
            done = [_like(part, whole) for part, whole in zip(done, parts, strict=True)]
        whole = join(done, image, axis)
        if isinstance(whole, MetaTensor) and isinstance(self.transform, InvertibleTransform):
            operations = [part.applied_operations for part in done]
            self.push_transform(whole, orig_size=tuple(image.shape[1:]), extra_info={_PARTS: operations})
        return whole

    def inverse(self, data: Any) -> Any:
        """Undo the transform on each part; where the inner transform cannot be undone, the image stays as it is.

        An image of another number of channels, such as a prediction, can be used where the parts were treated alike.

        Raises:
            UsageError: when it has another number of parts, and each was treated differently.
        """
        if not isinstance(self.transform, InvertibleTransform):
            return data
        operations = self.pop_transform(data)["extra_info"][_PARTS]
        axis = self.axis_of(data)
        parts = split(data, axis)
        if len(operations) != len(parts):
            if self.different:
                raise UsageError(
                    f"{len(operations)} parts were transformed differently, and there are {len(parts)} to undo that on",
                    hint="use different: false, or leave this transform out of what is inverted",
                )
            operations = [operations[0]] * len(parts)
        for part, applied in zip(parts, operations, strict=True):
            part.applied_operations = list(applied)
        return join([self.transform.inverse(part) for part in parts], data, axis)


class PerChannel(_Apart):
    """Apply a transform to each channel by itself, by default with random numbers of its own.

    This is how channels that are modalities get an augmentation of contrast each, where one for all would keep their
    relation.

    Args:
        transform: a callable that takes a tensor of one channel, of the shape (1, ...), and gives one.
        different: whether each channel gets random numbers of its own; else all get the same.
    """

    def axis_of(self, image: torch.Tensor) -> int:
        """Give the axis of the channels."""
        return 0


class PerSlice(_Apart):
    """Apply a transform for images of two axes to each slice of a volume, by default with random numbers of its own.

    Args:
        transform: a callable that takes a tensor of the shape (channels, ...), without the axis of the slices.
        axis: spatial axis across which the slices are, counted from 0, or from the last one with -1.
        different: whether each slice gets random numbers of its own; else all get the same.
    """

    def __init__(self, transform: Callable[[Any], Any], *, axis: int = -1, different: bool = True) -> None:
        super().__init__(transform, different=different)
        self.axis = int(axis)

    def axis_of(self, image: torch.Tensor) -> int:
        """Give the axis of the slices, counted with the one of the channels."""
        axes = image.ndim - 1
        if not -axes <= self.axis < axes or axes < 2:
            raise UsageError(
                f"an image of the shape {tuple(image.shape)}, channels first, has no slices across axis {self.axis}"
            )
        return int(self.axis % axes + 1)


def _like(part: Any, before: Any) -> Any:
    """Give a part as a MetaTensor, which a transform may have made plain."""
    if isinstance(part, MetaTensor):
        return part
    return MetaTensor(part, affine=before.affine, meta=dict(before.meta))
