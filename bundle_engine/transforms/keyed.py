"""The transforms of `apart` for dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from monai.transforms import InvertibleTransform, MapTransform, Randomizable

from bundle_engine.transforms.apart import PerChannel, PerSlice
from bundle_engine.transforms.seeding import MAX_SEED

__all__ = ["PerChanneld", "PerSliced"]


class _Keyed(Randomizable, MapTransform, InvertibleTransform):  # type: ignore[misc]  # untyped in MONAI
    """What the transforms share: every key gets the same random numbers, part by part."""

    def __init__(self, keys: Any, inner: PerChannel | PerSlice, allow_missing_keys: bool) -> None:
        super().__init__(keys, allow_missing_keys)
        self.inner = inner

    def randomize(self, data: Any = None) -> int:
        """Draw the number that everything random in a call comes from."""
        return int(self.R.randint(MAX_SEED, dtype="uint32"))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Transform what stands at the keys."""
        found = dict(data)
        seed = self.randomize()
        for key in self.key_iterator(found):
            found[key] = self.inner.apply(found[key], seed)
        return found

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Undo the transform on what stands at the keys."""
        found = dict(data)
        for key in self.key_iterator(found):
            found[key] = self.inner.inverse(found[key])
        return found


class PerChanneld(_Keyed):
    """Apply a transform to each channel of the images at some keys; see `PerChannel`.

    The first channels of all keys get the same random numbers, and so on, so that an image and its label stay on one
    grid where they have a channel each, or where all channels are treated alike.

    Args:
        keys: where the images are.
        transform: a callable that takes a tensor of one channel, and gives one; not a transform for dictionaries.
        different: whether each channel gets random numbers of its own; else all get the same.
        allow_missing_keys: whether keys may be missing.
    """

    def __init__(
        self, keys: Any, transform: Callable[[Any], Any], *, different: bool = True, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, PerChannel(transform, different=different), allow_missing_keys)


class PerSliced(_Keyed):
    """Apply a transform to each slice of the images at some keys; see `PerSlice`.

    A slice of the image gets the same random numbers as that slice of the label.

    Args:
        keys: where the images are.
        transform: a callable that takes a tensor of channels and all axes but that of the slices; not a transform for
            dictionaries.
        axis: spatial axis across which the slices are, counted from 0, or from the last one with -1.
        different: whether each slice gets random numbers of its own; else all get the same.
        allow_missing_keys: whether keys may be missing.
    """

    def __init__(
        self,
        keys: Any,
        transform: Callable[[Any], Any],
        *,
        axis: int = -1,
        different: bool = True,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, PerSlice(transform, axis=axis, different=different), allow_missing_keys)
