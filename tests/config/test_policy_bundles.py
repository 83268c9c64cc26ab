"""What of real bundles can be had below full trust."""

from __future__ import annotations

from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.errors import PolicyError
from tests.conftest import ROOT

BUNDLES = ROOT / "bundles"
# bundle, configs, and the ids of which `safe` gives the value
SAFE = [
    ("brain_tissue_segmentation", "inference", ("network", "preprocessing", "inferer", "ckpt_path", "device")),
    (
        "brain_tissue_segmentation",
        "train",
        ("network", "preprocessing", "loss_function", "optimizer", "sliding_window"),
    ),
    ("brain_tissue_segmentation", "train,evaluate", ("network", "preprocessing", "inferer", "postprocessing")),
    ("hippocampus_segmentation", "inference", ("network", "preprocessing", "device", "initialize")),
    ("hippocampus_segmentation", "train", ("network", "loss_function", "optimizer", "ckpt_dir")),
    ("hippocampus_segmentation", "train,evaluate", ("network", "preprocessing", "postprocessing")),
]
# and the ids which need more, with what is named
OUTSIDE = [
    ("brain_tissue_segmentation", "inference", "postprocessing", {"SaveImaged", "scripts.picture.DrawOutlinesd"}),
    ("brain_tissue_segmentation", "inference", "handlers", {"CheckpointLoader"}),
    ("brain_tissue_segmentation", "inference", "run", {"SupervisedEvaluator", "Dataset", "scripts.files.require"}),
    ("hippocampus_segmentation", "inference", "inferer", {"scripts.inferer.MirrorInferer"}),
    ("hippocampus_segmentation", "inference", "run", {"SaveImaged", "scripts.data.image_list", ".run"}),
    ("hippocampus_segmentation", "train", "train", {"CacheDataset", "CheckpointSaver", "lambda"}),
]


def parser_of(bundle: str, workflow: str, policy: str) -> ConfigParser:
    parser = ConfigParser(policy=policy)
    parser.bundle_root = BUNDLES / bundle
    parser.read_config([BUNDLES / bundle / "configs" / f"{name}.yaml" for name in workflow.split(",")])
    return parser


def summary(value: Any) -> Any:
    """Describe a built object so that two of them can be compared."""
    if isinstance(value, list):
        return [summary(item) for item in value]
    if hasattr(value, "state_dict"):
        return type(value), str(value) if hasattr(value, "parameters") else ""
    if hasattr(value, "transforms"):
        return [summary(item) for item in value.transforms]
    return value if isinstance(value, (str, int, float)) else type(value)


@pytest.mark.parametrize(("bundle", "workflow", "ids"), SAFE, ids=[f"{b}-{w}" for b, w, _ in SAFE])
def test_its_harmless_parts_are_what_they_are_at_full_trust(bundle: str, workflow: str, ids: tuple[str, ...]) -> None:
    safe, full = parser_of(bundle, workflow, "safe"), parser_of(bundle, workflow, "full")
    for id in ids:
        assert summary(safe.get_parsed_content(id)) == summary(full.get_parsed_content(id)), id


@pytest.mark.parametrize(("bundle", "workflow", "id", "named"), OUTSIDE, ids=[f"{b}-{w}-{i}" for b, w, i, _ in OUTSIDE])
def test_what_needs_more_is_named(bundle: str, workflow: str, id: str, named: set[str]) -> None:
    with pytest.raises(PolicyError) as raised:
        parser_of(bundle, workflow, "safe").get_parsed_content(id)
    told = raised.value.render()
    for name in named:
        assert name in told


def test_plain_values_can_be_had_as_data() -> None:
    parser = parser_of("hippocampus_segmentation", "train", "data")
    assert parser.get_parsed_content("patch_size") == [32, 48, 32]
    with pytest.raises(PolicyError, match="plain data has no components"):
        parser.get_parsed_content("loss_function")
