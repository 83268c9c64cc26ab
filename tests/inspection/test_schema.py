"""The JSON Schema of configs: no false alarms, and what it catches."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from bundle_engine.config import source
from bundle_engine.config.ids import COMPONENT_KEYS
from bundle_engine.inspection.config_schema import config_schema
from bundle_engine.inspection.targets import TargetIndex
from bundle_engine.workflow.properties import EvalProperties, InferProperties, TrainProperties

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
CONFIGS = sorted([*BUNDLES.glob("*/configs/*.yaml"), *BUNDLES.glob("*/configs/*.json")])
CONFIGS = [path for path in CONFIGS if path.stem != "metadata"]


@pytest.fixture(scope="module")
def schema():
    with TargetIndex() as index:
        return config_schema(index, (TrainProperties, EvalProperties, InferProperties))


@pytest.fixture(scope="module")
def errors(schema):
    validator = jsonschema.Draft7Validator(schema)
    return lambda config: ["::".join(map(str, error.absolute_path)) for error in validator.iter_errors(config)]


def test_it_is_a_schema_of_a_reasonable_size(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    assert len(json.dumps(schema, separators=(",", ":"))) < 3_000_000


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_no_false_alarms(errors, path):
    assert errors(source.load(path).data) == []


@pytest.mark.parametrize(
    "component",
    [
        {"_target_": "UNet", "spatial_dims": "@dims", "in_channels": "$1", "out_channels": "%other.yaml::x"},
        {"_target_": "UNet", "channels": [1, "@two"], "_disabled_": "@off", "_requires_": ["@a"], "_mode_": "callable"},
        {"_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "_desc_": {"any": "thing"}},
        {"_target_": "scripts.mine.Thing", "whatever": 1},
        {"_target_": "@what", "whatever": 1},
        {"_target_": "$dict", "whatever": 1},
        {"_target_": "dict", "whatever": 1},
        {"_target_": "torch.optim.AdamW", "params": "@params", "lr": 1},
        {"_target_": "UNet", "+strides": [2], "~norm": None, "act::name": 1, "_args_": [3]},
        {"_target_": "DataLoader", "dataset": "@d", "anything": "goes to torch"},
        {"_target_": "UNet", "spatial_dims": "???"},
        {"_target_": "torch.nn.Sequential", "_args_": ["@a", "@b"]},
    ],
    ids=lambda component: component["_target_"],
)
def test_what_is_right_is_accepted(errors, component):
    config = {"x": component, "y": [{"z": component}], "train::x": component, "+more": component}
    assert errors(config) == []


@pytest.mark.parametrize(
    ("component", "inside"),
    [
        ({"_target_": "UNet", "spatial_dim": 3}, ""),
        ({"_target_": "monai.networks.nets.UNet", "spatial_dim": 3}, ""),
        ({"_target_": "monai.networks.nets.unet.UNet", "spatial_dim": 3}, ""),
        ({"_target_": "torch.optim.AdamW", "learning_rate": 3}, ""),
        ({"_target_": "ignite.handlers.EMAHandler", "momentom": 3}, ""),
        ({"_target_": "UNett"}, "_target_"),
        ({"_target_": "UNet", "spatial_dims": "three"}, "spatial_dims"),
        ({"_target_": "DiceLoss", "sigmoid": "yes"}, "sigmoid"),
        ({"_target_": "UNet", "_mode_": "defualt"}, "_mode_"),
    ],
    ids=lambda value: str(value.get("_target_")) if isinstance(value, dict) else value,
)
@pytest.mark.parametrize("where", ["top", "train", "list"])
def test_mistakes_are_caught_once_and_where_they_are(errors, component, inside, where):
    config, at = {
        "top": ({"x": component}, "x"),
        "train": ({"train": {"dataset": component}}, "train::dataset"),
        "list": ({"x": {"y": [1, component]}}, "x::y::1"),
    }[where]
    assert errors(config) == [f"{at}::{inside}".removesuffix("::")]


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem == "train"], ids=lambda path: path.parts[-3])
def test_every_misspelt_argument_of_a_closed_target_is_caught(errors, path):
    config = source.load(path).data
    caught, known = 0, 0
    for name in ("network_def", "optimizer", "lr_scheduler"):
        for key in [key for key in config.get(name, {}) if not key.startswith("_")]:
            mistaken = copy.deepcopy(config)
            mistaken[name][f"{key}x"] = mistaken[name].pop(key)
            known += 1
            caught += errors(mistaken) == [name]
    assert known > 5
    assert caught == known


def test_what_editors_show(schema):
    component = schema["definitions"]["component"]["properties"]
    assert set(component) == {"_target_", *COMPONENT_KEYS}
    assert all(component[key]["description"] for key in COMPONENT_KEYS - {"_target_"})
    offered = schema["definitions"]["target"]["anyOf"][0]
    docs = dict(zip(offered["enum"], offered["enumDescriptions"], strict=True))
    assert {"UNet", "LoadImaged", "torch.optim.AdamW", "ignite.metrics.Accuracy"} <= docs.keys()
    assert docs["DiceCELoss"].startswith("Compute both Dice loss and Cross Entropy Loss")
    train = schema["properties"]["train"]["properties"]
    assert train["trainer"]["description"] == "engine of the training"
    assert train["dataset"]["properties"]["data"]["description"] == "what the training dataset is made from"
    assert schema["properties"]["run"]["description"] == "expressions that make up the run"


def test_it_is_the_same_each_time(schema):
    with TargetIndex() as index:
        again = config_schema(index, (TrainProperties, EvalProperties, InferProperties))
    assert json.dumps(again) == json.dumps(schema)
