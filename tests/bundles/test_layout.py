"""Every ready-made bundle is complete, and its metadata is what the schema asks for."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bundle_engine import ConfigParser
from bundle_engine.resources import bundles_dir, schemas_dir

BUNDLES = sorted(folder for folder in bundles_dir().iterdir() if (folder / "configs").is_dir())
FILES = (
    "configs/train.yaml",
    "configs/evaluate.yaml",
    "configs/inference.yaml",
    "configs/multi_gpu_train.yaml",
    "configs/metadata.json",
    "docs/README.md",
    "LICENSE",
)


def test_the_bundles_are_there() -> None:
    assert [bundle.name for bundle in BUNDLES] == [
        "brain_tissue_segmentation",
        "chest_xray_classification",
        "hippocampus_segmentation",
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_nothing_is_missing(bundle: Path, name: str) -> None:
    assert (bundle / name).is_file()


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_the_metadata_fits_the_schema(bundle: Path) -> None:
    schema = json.loads((schemas_dir() / "metadata.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(metadata)] == []
    assert metadata["version"] in metadata["changelog"]


def test_the_schema_refuses_what_is_wrong() -> None:
    schema = json.loads((schemas_dir() / "metadata.schema.json").read_text(encoding="utf-8"))
    metadata = json.loads((BUNDLES[0] / "configs" / "metadata.json").read_text(encoding="utf-8"))
    metadata["version"] = "first"
    metadata["network_data_format"]["inputs"]["image"]["num_channels"] = "one"
    del metadata["task"]
    found = {
        "/".join(map(str, error.absolute_path))
        for error in jsonschema.Draft202012Validator(schema).iter_errors(metadata)
    }
    assert found == {"", "version", "network_data_format/inputs/image/num_channels"}


@pytest.mark.parametrize("workflow", ["train", "evaluate", "inference"])
@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_every_reference_leads_somewhere(bundle: Path, workflow: str) -> None:
    parser = ConfigParser()
    parser.bundle_root = bundle
    parser.read_config(bundle / "configs" / f"{workflow}.yaml")
    assert [id for id in parser.dependencies() if id not in parser] == []
    assert "run" in parser
