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

from typing import TYPE_CHECKING, Any

_HOMES = {"PerChannel": "apart", "PerChanneld": "keyed", "PerSlice": "apart", "PerSliced": "keyed"}

__all__ = ["PerChannel", "PerChanneld", "PerSlice", "PerSliced"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if TYPE_CHECKING:
    from bundle_engine.transforms.apart import PerChannel, PerSlice
    from bundle_engine.transforms.keyed import PerChanneld, PerSliced
