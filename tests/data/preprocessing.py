"""A pipeline of preprocessing, its random part, and what it gives: held against each other, and kept in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    Compose,
    CropForegroundd,
    EnsureTyped,
    LoadImaged,
    NormalizeIntensityd,
    Orientationd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    Spacingd,
    SpatialPadd,
)

KEYS = ["image", "label"]


def pipeline(*more: Any, pixdim: float = 1.3, track_meta: bool = True) -> Compose:
    made = Compose(
        [
            LoadImaged(keys=KEYS, ensure_channel_first=True),
            Orientationd(keys=KEYS, axcodes="LPS", labels=None),
            Spacingd(keys=KEYS, pixdim=[pixdim, 1.0, 1.0], mode=["bilinear", "nearest"]),
            NormalizeIntensityd(keys="image"),
            CropForegroundd(keys=KEYS, source_key="image"),
            Compose([SpatialPadd(keys=KEYS, spatial_size=[48, 64, 48]), EnsureTyped(keys=KEYS, track_meta=track_meta)]),
            *more,
        ]
    )
    return made.set_random_state(3)


def randoms() -> list[Any]:
    return [
        RandFlipd(keys=KEYS, prob=0.5, spatial_axis=0),
        RandAffined(keys=KEYS, prob=0.8, rotate_range=[0.2] * 3, mode=["bilinear", "nearest"], padding_mode="zeros"),
        RandGaussianNoised(keys="image", prob=0.9),
    ]


def same(one: Any, other: Any, where: str = "") -> None:
    """Assert that two results are the same in types, values, memory layout, metadata and history."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            if key == "id" and "class" in one:  # of an object in the memory
                assert isinstance(one[key], int) == isinstance(other[key], int), where
            else:
                same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            same(left, right, f"{where}.{number}")
    elif isinstance(one, torch.Tensor):
        assert (one.dtype, one.shape, one.device) == (other.dtype, other.shape, other.device), where
        assert one.numel() < 2 or one.stride() == other.stride(), where
        plain = [np.ascontiguousarray(each.detach().as_subclass(torch.Tensor).numpy()) for each in (one, other)]
        assert plain[0].tobytes() == plain[1].tobytes(), where
        left, right = dict(vars(one)), dict(vars(other))
        same(left, right, f"{where}@")
    elif isinstance(one, (np.ndarray, np.generic)):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert one.tobytes() == other.tobytes(), where
    else:
        assert one == other or one is other or (one != one and other != other), where


def results(folder: Path) -> list[Path]:
    return sorted(folder.glob("preprocessed/*/*.safetensors"))
