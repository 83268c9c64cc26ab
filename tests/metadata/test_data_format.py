"""The description of a network's inputs and outputs is read as it is written, and all problems are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import InputError
from bundle_engine.metadata.data_format import (
    Problem,
    TensorSpec,
    concrete_shape,
    dynamic_axes,
    input_shapes,
    load_data_format,
    read_data_format,
)
from bundle_engine.resources import bundles_dir

IMAGE: dict[str, Any] = {
    "type": "image",
    "format": "hounsfield",
    "modality": "CT",
    "num_channels": "2",
    "spatial_shape": ["8*n", "*", "64"],
    "dtype": "torch.float",
    "value_range": [0, 1],
    "is_patch_data": True,
    "channel_def": {"0": "early", "1": "late"},
}


def format_of(**image: Any) -> dict[str, Any]:
    fields = {key: value for key, value in {**IMAGE, **image}.items() if value is not ...}
    return {"network_data_format": {"inputs": {"image": fields}, "outputs": {"pred": {"num_channels": 1}}}}


def test_a_description_is_read() -> None:
    found = read_data_format(format_of())
    assert found.inputs["image"] == TensorSpec(
        "image",
        "network_data_format::inputs::image",
        type="image",
        format="hounsfield",
        modality="CT",
        num_channels=2,
        spatial_shape=("8*n", "*", 64),
        dtype="float32",
        value_range=(0.0, 1.0),
        is_patch_data=True,
        channel_def={0: "early", 1: "late"},
    )
    assert found.outputs["pred"].spatial_shape == ()
    assert found.outputs["pred"].dtype is None
    assert input_shapes(found, n=2, any=5) == {"image": (1, 2, 16, 5, 64)}
    assert dynamic_axes(found.inputs["image"]) == {0: "batch", 2: "8*n", 3: "*"}
    assert dynamic_axes(found.outputs["pred"]) == {0: "batch"}


SHAPES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "classes": ({"num_channels": 4, "spatial_shape": []}, (1, 4)),
    "one axis": ({"num_channels": 1, "spatial_shape": ["*"]}, (1, 1, 3)),
    "no channels": ({"num_channels": ..., "spatial_shape": [10]}, (1, 10)),
    "timesteps": ({"type": "timesteps", "num_channels": 1, "spatial_shape": []}, (1,)),
    "powers": ({"spatial_shape": ["2**p", "16*n+1"]}, (1, 2, 16, 33)),
}


@pytest.mark.parametrize(("fields", "shape"), SHAPES.values(), ids=SHAPES)
def test_a_shape_has_batch_and_channels(fields: dict[str, Any], shape: tuple[int, ...]) -> None:
    spec = read_data_format(format_of(**fields)).inputs["image"]
    assert concrete_shape(spec, n=2, p=4, any=3) == shape
    assert concrete_shape(spec, n=2, p=4, any=3, batch=5) == (5, *shape[1:])


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no channels at all": ({"num_channels": 0}, "num_channels", "num_channels is a number from 1 on, not 0"),
    "channels that vary": ({"num_channels": "n"}, "num_channels", "num_channels is a number from 1 on, not 'n'"),
    "true channels": ({"num_channels": True}, "num_channels", "num_channels is a number from 1 on, not True"),
    "a size": ({"spatial_shape": ["8*m"]}, "spatial_shape::0", "the size '8*m' has the name 'm'"),
    "no list of sizes": ({"spatial_shape": "8*n"}, "spatial_shape", "spatial_shape is a list, not '8*n'"),
    "a number type": ({"dtype": "float23"}, "dtype", "there is no number type 'float23'"),
    "half a range": ({"value_range": [0]}, "value_range", "value_range is the smallest and the largest value"),
    "a range upside down": (
        {"value_range": [1, 0]},
        "value_range",
        "value_range is the smallest and the largest value",
    ),
    "a range of texts": ({"value_range": ["a", "b"]}, "value_range", "value_range is the smallest and the largest"),
    "channels by name": ({"channel_def": {"CT": "0"}}, "channel_def", "channel_def maps the numbers of channels"),
    "a list of channels": ({"channel_def": ["CT"]}, "channel_def", "channel_def maps the numbers of channels"),
    "a patch": ({"is_patch_data": "yes"}, "is_patch_data", "is_patch_data is true or false, not 'yes'"),
}


@pytest.mark.parametrize(("fields", "key", "message"), WRONG.values(), ids=WRONG)
def test_a_problem_is_told_with_its_id(fields: dict[str, Any], key: str, message: str) -> None:
    problems: list[Problem] = []
    found = read_data_format(format_of(**fields), problems=problems)
    assert [problem.id for problem in problems] == [f"network_data_format::inputs::image::{key}"]
    assert problems[0].message.startswith(message)
    assert found.outputs["pred"].num_channels == 1, "the rest is read"
    with pytest.raises(InputError) as caught:
        read_data_format(format_of(**fields))
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("metadata", "ids"),
    [
        ({}, ["network_data_format"]),
        ({"network_data_format": []}, ["network_data_format"]),
        ({"network_data_format": {}}, ["network_data_format::inputs", "network_data_format::outputs"]),
        (
            {"network_data_format": {"inputs": {"image": 3}, "outputs": {"pred": {}}}},
            ["network_data_format::inputs::image"],
        ),
    ],
)
def test_a_description_that_is_not_there_is_told(metadata: dict[str, Any], ids: list[str]) -> None:
    problems: list[Problem] = []
    read_data_format(metadata, problems=problems)
    assert [problem.id for problem in problems] == ids


def test_a_file_names_the_place_of_the_first_problem_and_all_others(tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(format_of(num_channels=0, dtype="x"), indent=1))
    with pytest.raises(InputError) as caught:
        load_data_format(path)
    assert caught.value.place is not None
    assert caught.value.place.line == 8
    assert caught.value.notes == ("and at 'network_data_format::inputs::image::dtype': there is no number type 'x'",)


@pytest.mark.parametrize("name", ["brain_tissue_segmentation", "hippocampus_segmentation"])
def test_the_ready_made_bundles_are_read_without_torch(name: str) -> None:
    path = bundles_dir() / name / "configs" / "metadata.json"
    code = f"""
import sys
from bundle_engine.metadata.data_format import dynamic_axes, input_shapes, load_data_format
found = load_data_format({str(path)!r})
print(input_shapes(found, n=3), sorted(dynamic_axes(found.outputs["pred"])), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=bundles_dir().parent, capture_output=True, text=True)
    size = {"brain_tissue_segmentation": 6, "hippocampus_segmentation": 24}[name]
    assert done.stdout.strip() == f"{{'image': (1, 1, {size}, {size}, {size})}} [0, 2, 3, 4] False"
