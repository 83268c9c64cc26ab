"""Dice, distances and volumes against SimpleITK and MONAI, on real labels, and where something is empty."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import SimpleITK as sitk

from bundle_engine.errors import BundleEngineWarning, InputError
from bundle_engine.evaluation.grids import Axis, axes_of, spacing_of
from bundle_engine.evaluation.segmentation import Agreement, compare_masks, compare_structures, mask_of, spatial_shape
from tests.evaluation.conftest import STRUCTURES

SPACINGS = [(1.0, 1.0, 1.0), (0.7, 1.3, 3.1), (5.0, 0.43, 0.43)]


def by_simpleitk(found, real, spacing):
    """Give Dice, Hausdorff distance, HD95 and mean surface distance by filters of SimpleITK."""
    # a margin, for ITK does not take the edge of an image for a surface
    images = [sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8)) for mask in (found, real)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    hausdorff, overlap = sitk.HausdorffDistanceImageFilter(), sitk.LabelOverlapMeasuresImageFilter()
    hausdorff.Execute(*images)
    overlap.Execute(*images)
    contours = [sitk.LabelContour(image, fullyConnected=False) for image in images]
    maps = [
        sitk.Abs(sitk.SignedMaurerDistanceMap(each, squaredDistance=False, useImageSpacing=True)) for each in contours
    ]
    forth = sitk.GetArrayFromImage(maps[1])[sitk.GetArrayFromImage(contours[0]) > 0]
    back = sitk.GetArrayFromImage(maps[0])[sitk.GetArrayFromImage(contours[1]) > 0]
    hd95 = max(np.percentile(forth, 95), np.percentile(back, 95))
    return (
        overlap.GetDiceCoefficient(),
        hausdorff.GetHausdorffDistance(),
        float(hd95),
        float(np.concatenate([forth, back]).mean()),
    )


@pytest.mark.parametrize("spacing", SPACINGS, ids=str)
def test_the_measures_are_those_of_simpleitk(labels, perturbed, spacing):
    for seed, truth in enumerate(labels.values()):
        prediction = perturbed(truth, seed)
        scores = compare_structures(prediction, truth, STRUCTURES, spacing)
        assert list(scores) == ["anterior", "posterior"]
        for value, name in STRUCTURES.items():
            got, (dice, hausdorff, hd95, mean) = (
                scores[name],
                by_simpleitk(prediction == value, truth == value, spacing),
            )
            assert got.dice == pytest.approx(dice, abs=1e-12)
            assert got.hausdorff_mm == pytest.approx(hausdorff, rel=1e-6)
            assert got.hd95_mm == pytest.approx(hd95, rel=1e-5)
            assert got.mean_mm == pytest.approx(mean, rel=1e-5)
            assert got.truth_ml == pytest.approx(np.count_nonzero(truth == value) * math.prod(spacing) / 1000)
            assert got.voxels == np.count_nonzero(prediction == value)


def test_the_percentile_is_that_of_monai(labels, perturbed):
    import torch
    from monai.metrics import compute_hausdorff_distance

    truth = next(iter(labels.values()))
    prediction = perturbed(truth, 5)
    tensors = [
        torch.from_numpy(np.stack([each == 1, each == 2])[None].astype(np.float32)) for each in (prediction, truth)
    ]
    expected = compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=[0.7, 1.3, 3.1])
    scores = compare_structures(prediction, truth, STRUCTURES, (0.7, 1.3, 3.1))
    assert [score.hd95_mm for score in scores.values()] == pytest.approx(expected[0].tolist(), rel=1e-5)


def test_structures_that_touch_the_edge_of_the_image():
    found, real = np.zeros((6, 7, 8), bool), np.zeros((6, 7, 8), bool)
    found[:3, :, 4:] = True
    real[1:4, 2:, :] = True
    spacing = (1.5, 1.0, 2.0)
    got = compare_masks(found, real, spacing)
    assert (got.dice, got.hausdorff_mm, got.hd95_mm, got.mean_mm) == pytest.approx(by_simpleitk(found, real, spacing))


def test_a_hollow_structure_has_its_hausdorff_distance_between_sets():
    real = np.zeros((21, 21, 21), bool)
    real[2:19, 2:19, 2:19] = True
    found = real.copy()
    found[6:15, 6:15, 6:15] = False
    got = compare_masks(found, real, (1, 1, 1))
    expected = by_simpleitk(found, real, (1.0, 1.0, 1.0))
    assert got.hausdorff_mm == expected[1] == 5
    assert (got.hd95_mm, got.mean_mm) == pytest.approx(expected[2:])


ONE = np.pad(np.ones((2, 2, 2), bool), 1)
NONE = np.zeros_like(ONE)


@pytest.mark.parametrize(
    ("found", "real", "expected"),
    [
        pytest.param(NONE, NONE, Agreement(1.0, None, None, None, 0.0, 0.0, 0, 0), id="both-empty"),
        pytest.param(NONE, ONE, Agreement(0.0, math.inf, math.inf, math.inf, 0.0, 0.008, 0, 8), id="missed"),
        pytest.param(ONE, NONE, Agreement(0.0, math.inf, math.inf, math.inf, 0.008, 0.0, 8, 0), id="made-up"),
        pytest.param(ONE, ONE, Agreement(1.0, 0.0, 0.0, 0.0, 0.008, 0.008, 8, 8), id="equal"),
    ],
)
def test_what_is_empty(found, real, expected):
    got = compare_masks(found, real, (1, 1, 1))
    assert got == expected
    assert got.both_empty == (not found.any() and not real.any())
    assert got.one_empty == (found.any() != real.any())


def test_voxels_far_from_each_other():
    found, real = np.zeros((10, 10, 10), bool), np.zeros((10, 10, 10), bool)
    found[0, 0, 0] = real[9, 0, 5] = True
    got = compare_masks(found, real, (2, 1, 3))
    assert got.hausdorff_mm == got.hd95_mm == got.mean_mm == pytest.approx(math.hypot(18, 15))


def test_flat_images_have_no_volume():
    found = np.pad(np.ones((3, 4), bool), 2)
    got = compare_masks(np.roll(found, 1, axis=0), found, (0.5, 2))
    assert (got.volume_ml, got.truth_ml, got.truth_voxels) == (None, None, 12)
    assert got.hausdorff_mm == 0.5


def test_label_maps_and_channels_are_the_same(labels, perturbed):
    truth = next(iter(labels.values()))
    prediction = perturbed(truth, 1)
    expected = compare_structures(prediction, truth, STRUCTURES, (1, 1, 1))
    one_hot = [np.stack([each == value for value in range(3)]).astype(np.float32) for each in (prediction, truth)]
    assert compare_structures(*one_hot, STRUCTURES, (1, 1, 1)) == expected
    assert compare_structures(prediction[None], one_hot[1], STRUCTURES, (1, 1, 1)) == expected


def test_channels_may_overlap():
    channels = np.ones((2, 4, 4, 4))
    scores = compare_structures(channels, channels, {0: "whole", 1: "core"}, (1, 1, 1))
    assert [score.voxels for score in scores.values()] == [64, 64]


def test_different_grids_are_an_error_that_says_what_to_do():
    with pytest.raises(InputError, match="has 2 x 2 x 2 voxels and the truth has 2 x 2 x 3") as caught:
        compare_structures(np.ones((2, 2, 2)), np.ones((2, 2, 3)), STRUCTURES, (1, 1, 1))
    assert "Invertd" in str(caught.value)


def test_wrong_shapes_are_errors():
    with pytest.raises(InputError, match=r"cannot have the shape \(5, 5\)"):
        spatial_shape(np.ones((5, 5)), 3)
    with pytest.raises(InputError, match="no channel 2: the segmentation has 2"):
        mask_of(np.ones((2, 5, 5, 5)), 2, 3)


# ---- grids ----


def turned(degrees: float, spacing: tuple[float, float, float]) -> np.ndarray:
    angle = math.radians(degrees)
    rotation = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(spacing)
    affine[:3, 3] = (10, -20, 30)
    return affine


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 180, 260])
def test_the_spacing_of_a_turned_image_is_that_of_its_columns(degrees):
    assert spacing_of(turned(degrees, (0.5, 1.25, 3))) == pytest.approx((0.5, 1.25, 3))


def test_axes_that_point_somewhere():
    assert axes_of(np.eye(4)) == (Axis(0, True), Axis(1, True), Axis(2, True))
    assert axes_of(np.diag([-1, -1, 3, 1])) == (Axis(0, False), Axis(1, False), Axis(2, True))
    assert axes_of(turned(90, (1, 2, 3))) == (Axis(1, True), Axis(0, False), Axis(2, True))
    coronal = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert axes_of(coronal) == (Axis(0, True), Axis(2, True), Axis(1, False))
    assert len({axis.world for axis in axes_of(turned(45, (1, 1, 1)))}) == 3


def test_a_sheared_affine_warns():
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    with pytest.warns(BundleEngineWarning, match="not at right angles"):
        spacing_of(sheared)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spacing_of(turned(33, (1, 2, 3)))


@pytest.mark.parametrize(
    ("affine", "message"),
    [
        pytest.param(np.diag([1, 0, 1, 1]), "voxels of 1 x 0 x 1 mm", id="flat"),
        pytest.param(np.full((4, 4), np.nan), "voxels of nan", id="nan"),
        pytest.param(np.eye(3), "4 rows and columns", id="small"),
    ],
)
def test_an_affine_that_is_none(affine, message):
    with pytest.raises(InputError, match=message):
        spacing_of(affine)
