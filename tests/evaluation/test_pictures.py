"""Thumbnails show the right slice the right way up; plots draw what they are given."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bundle_engine.evaluation import plots
from bundle_engine.evaluation.classification import reliability
from bundle_engine.evaluation.thumbnails import (
    FOUND,
    REAL,
    best_slice,
    draw_image,
    draw_outlines,
    save_picture,
    view_of,
)


def pixels(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Give where a picture has a colour, without the legend below."""
    return np.argwhere((np.asarray(picture)[:-68] == colour).all(axis=-1))


def test_the_slice_with_the_most_predicted_voxels() -> None:
    found, real = np.zeros((5, 6, 7), bool), np.zeros((5, 6, 7), bool)
    found[1, 2, 3] = found[2:4, 2:4, 5] = True
    real[:, :, 6] = True
    assert best_slice(found, real, 2) == 5
    assert best_slice(np.zeros_like(found), real, 2) == 6


@pytest.mark.parametrize(
    ("spacing", "affine", "axis", "letters"),
    [
        pytest.param((1, 1, 1), np.eye(4), 2, "RLAP", id="axial"),
        pytest.param((1, 1, 5), np.diag([1, 1, 5, 1]), 2, "RLAP", id="thick-axial"),
        pytest.param((4, 1, 1), np.diag([4, 1, 1, 1]), 0, "APSI", id="thick-sagittal"),
        pytest.param((1, 4, 1), np.diag([1, 4, 1, 1]), 1, "RLSI", id="thick-coronal"),
    ],
)
def test_slices_are_cut_across_the_coarsest_axis(spacing, affine, axis, letters) -> None:
    view = view_of(spacing, affine)
    assert view.axis == axis
    assert "".join(view.letters) == letters


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_the_patients_right_is_on_the_left_and_the_front_is_up(signs) -> None:
    affine = np.diag([*signs, 1])
    volume = np.zeros((4, 5, 6))
    # brightest at the patient's right (largest x) and front (largest y)
    volume[-1 if signs[0] > 0 else 0, -1 if signs[1] > 0 else 0, :] = 1
    shown = view_of((1, 1, 1), affine).slice_of(volume, 2)
    assert shown.shape == (5, 4)
    assert np.argwhere(shown).tolist() == [[0, 0]]


def test_pictures_have_the_proportions_of_the_body() -> None:
    found = np.zeros((30, 30, 8), bool)
    found[10:20, 10:20, 4] = True
    picture = draw_outlines(None, found, found, spacing=(1, 2, 5), affine=np.diag([1, 2, 5, 1]))
    places = pixels(picture, FOUND)
    height, width = places.max(axis=0) - places.min(axis=0) + 1
    assert height / width == pytest.approx(2, rel=0.05)  # ten voxels each, twice as far apart down as across


def test_both_outlines_are_seen_where_they_run_together() -> None:
    found = np.zeros((30, 30, 8), bool)
    found[10:20, 10:20, 4] = True
    picture = draw_outlines(np.random.default_rng(0).random((30, 30, 8)), found, found, spacing=(1, 1, 1))
    assert len(pixels(picture, FOUND)) > 100
    assert len(pixels(picture, REAL)) > len(pixels(picture, FOUND))


def test_nothing_found_shows_the_truth_alone() -> None:
    real = np.zeros((30, 30, 8), bool)
    real[10:20, 10:20, 4] = True
    picture = draw_outlines(None, np.zeros_like(real), real, spacing=(1, 1, 1), title="a" * 200, remark="nothing found")
    assert len(pixels(picture, FOUND)) == 0
    assert len(pixels(picture, REAL)) > 100


def test_flat_images_and_colours(tmp_path: Path) -> None:
    mask = np.zeros((20, 40), bool)
    mask[5:10, 5:30] = True
    draw_outlines(np.ones((20, 40)), mask, mask, spacing=(1, 1))
    colours = np.zeros((3, 20, 40))
    colours[0, :, 20:] = 1
    picture = draw_image(colours, title="Müller", remark="ß")
    assert picture.getpixel((200, 40)) == (255, 0, 0)
    save_picture(picture, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as saved:
        assert saved.size == picture.size
    assert draw_image(np.random.default_rng(0).random((1, 9, 9, 9)), spacing=(1, 1, 3)).width > 200


def test_constant_and_damaged_images_can_be_drawn() -> None:
    draw_image(np.full((1, 8, 8), np.nan))
    draw_image(np.zeros((1, 8, 8)))


def test_box_plots_say_what_they_leave_out(tmp_path: Path) -> None:
    figure = plots.box_plots({"Dice": {"a": [0.5, 0.7], "b": []}, "HD95_mm": {"a": [1.0, math.inf, None], "b": [None]}})
    names = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert names == ["a\n(1 infinite)", "b"]
    points = sorted(x for line in figure.axes[0].lines if line.get_marker() == "o" for x in line.get_xdata())
    assert points == [0.5, 0.7]
    plots.save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_plots_of_sets_that_say_nothing() -> None:
    one_class = {"a": [0.2, 0.9]}, {"a": [True, True]}
    for figure in (
        plots.roc_plot(*one_class),
        plots.recall_plot(*one_class),
        plots.reliability_plot(reliability([], [])),
    ):
        assert plots.svg_of(figure).startswith("<svg")


def test_the_confusion_matrix_has_numbers_and_shares() -> None:
    figure = plots.confusion_plot([[9, 1], [0, 0]], ["a", "b"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["9\n90%", "1\n10%", "0\n0%", "0\n0%"]


def test_the_same_figure_is_the_same_text() -> None:
    def draw() -> str:
        return plots.svg_of(plots.roc_plot({"a": [0.1, 0.9]}, {"a": [False, True]}))

    assert draw() == draw()


def test_names_are_no_formulas() -> None:
    figure = plots.box_plots({"Dice": {"$x_{$": [0.5, 0.7], "a": [0.1]}})
    assert "<svg" in plots.svg_of(figure)
    assert plots.svg_of(plots.roc_plot({"$a$ < $b": [0.1, 0.9]}, {"$a$ < $b": [False, True]}))
