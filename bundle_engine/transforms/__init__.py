"""Transforms for preprocessing and augmentation that MONAI does not have: one for each channel, one for each slice.

In a config::

    - _target_: bundle_engine.transforms.PerChanneld
      keys: image
      transform:
        _target_: RandAdjustContrast
        prob: 0.5

The public names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {"PerChannel": "apart", "PerChanneld": "keyed", "PerSlice": "apart", "PerSliced": "keyed"}

__all__ = ["PerChannel", "PerChanneld", "PerSlice", "PerSliced"]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.transforms.apart import PerChannel, PerSlice
    from bundle_engine.transforms.keyed import PerChanneld, PerSliced
