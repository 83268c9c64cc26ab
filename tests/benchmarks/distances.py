"""Distances between segmentations: seconds beside SimpleITK's, for small crops and for an organ in a large volume."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import SimpleITK as sitk

from bundle_engine.evaluation import compare_masks
from tests.benchmarks.measure import goal

RUNS = 7


def by_simpleitk(found: Any, real: Any, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Give Hausdorff distance, 95th percentile and mean of the surface distances, with as few filters as that takes."""
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (found, real)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    contours = [sitk.LabelContour(image) for image in images]
    maps = [sitk.SignedMaurerDistanceMap(each, squaredDistance=False, useImageSpacing=True) for each in contours]
    surfaces = [sitk.GetArrayViewFromImage(each) > 0 for each in contours]
    forth, back = (np.abs(sitk.GetArrayViewFromImage(maps[1 - i])[surfaces[i]]) for i in (0, 1))
    hd95 = max(np.percentile(forth, 95), np.percentile(back, 95))
    return hausdorff.GetHausdorffDistance(), float(hd95), float(np.concatenate([forth, back]).mean())


def ellipsoid(shape: tuple[int, ...], centre: tuple[float, ...], radii: tuple[float, ...]) -> Any:
    """Give an ellipsoid as a mask."""
    grid = np.ogrid[tuple(slice(size) for size in shape)]
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radii, strict=True)) < 1


CASES = {
    "hippocampus": ((35, 51, 35), (17, 25, 17), (7, 16, 6)),
    "organ in a CT": ((160, 384, 384), (80, 180, 200), (35, 70, 60)),
}


def seconds(run: Callable[[], Any]) -> float:
    """Give the median time of a call."""
    found = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        run()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    spacing, reached = (2.0, 0.8, 0.8), []
    for name, (shape, centre, radii) in CASES.items():
        real = ellipsoid(shape, centre, radii)
        found = ellipsoid(shape, tuple(c + 2 for c in centre), tuple(r * 1.1 for r in radii))
        ours = compare_masks(found, real, spacing)
        theirs = by_simpleitk(found, real, spacing)
        assert np.allclose((ours.hausdorff_mm, ours.hd95_mm, ours.mean_mm), theirs, rtol=1e-4), (ours, theirs)
        mine = seconds(partial(compare_masks, found, real, spacing))
        other = seconds(partial(by_simpleitk, found, real, spacing))
        print(f"  {name}: {1000 * mine:.1f} ms, SimpleITK {1000 * other:.1f} ms")
        reached.append(goal(f"{name}, time of SimpleITK's", mine / other, most=1))
    return all(reached)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
