"""The product's JSON Schemas: what is published fits them, and what is wrong does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bundle_engine.config import source
from bundle_engine.config.ids import Id
from bundle_engine.errors import InputError, UsageError
from bundle_engine.metadata.document import read
from bundle_engine.metadata.schema import bundled_schema, validate
from bundle_engine.resources import bundles_dir
from tests.metadata.conftest import METADATA

NAMES = ("metadata", "config", "large_files")
CONFIGS = sorted(path for path in bundles_dir().glob("*/configs/*.yaml") if path.stem != "metadata")

IMAGE: dict[str, Any] = {
    "type": "image",
    "format": "magnitude",
    "modality": "MR",
    "num_channels": 1,
    "spatial_shape": [96, 96, 96],
    "dtype": "float32",
    "value_range": [0, 1],
    "is_patch_data": True,
    "channel_def": {"0": "image"},
}
WHOLE: dict[str, Any] = {
    **METADATA,
    "network_data_format": {"inputs": {"image": IMAGE}, "outputs": {"pred": {**IMAGE, "format": "segmentation"}}},
}


def errors(name: str, document: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(dict(bundled_schema(name)))
    return sorted("/".join(map(str, error.absolute_path)) for error in validator.iter_errors(document))


def output(**fields: Any) -> dict[str, Any]:
    """Give metadata whose network gives this."""
    whole = copy.deepcopy(WHOLE)
    whole["network_data_format"]["outputs"] = {"pred": fields}
    return whole


def described(node: Any, path: str = "") -> list[str]:
    """Give the properties of a schema that nobody describes."""
    found = []
    if isinstance(node, dict):
        for key, inner in node.get("properties", {}).items():
            if isinstance(inner, dict) and "description" not in inner and "$ref" not in inner and "const" not in inner:
                found.append(f"{path}/{key}")
        for key, inner in node.items():
            if key not in ("examples", "enum"):
                found += described(inner, f"{path}/{key}")
    elif isinstance(node, list):
        found = [each for index, inner in enumerate(node) for each in described(inner, f"{path}/{index}")]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_describes_every_key(name: str) -> None:
    schema = dict(bundled_schema(name))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [path for path in described(schema) if "/if/" not in path] == []


def test_there_is_no_other_schema() -> None:
    with pytest.raises(UsageError, match="there is no schema 'workflow'"):
        bundled_schema("workflow")


# --- metadata: forms that published bundles have ---

PUBLISHED: dict[str, dict[str, Any]] = {
    "as the ready-made ones": WHOLE,
    "sizes as formulas": output(**{**IMAGE, "spatial_shape": ["8*n", "2**p*n", "*"]}),
    "sizes as texts": output(**{**IMAGE, "spatial_shape": ["256", "256"]}),
    "no range": output(**{**IMAGE, "value_range": []}),
    "all values of a label map": output(**{**IMAGE, "value_range": [0, 1, 2, 3]}),
    "words as values, and no tensor": output(type="array", value_range=["head", "abdomen"]),
    "no axis of channels": output(
        type="tuples", format="latent", num_channels=0, spatial_shape=[64], dtype="float32", channel_def={}
    ),
    "one number each": output(
        type="timesteps", format="timesteps", num_channels=1, spatial_shape=[], dtype="long", value_range=[0, 1000]
    ),
    "boxes": output(type="object", format="dict", dtype="float16", num_channels=1, spatial_shape=["n", "n", "n"]),
    "values named apart": output(**{**IMAGE, "label_def": {"0": "background", "1": "liver"}}),
    "several networks": {
        **{key: value for key, value in WHOLE.items() if key != "network_data_format"},
        "autoencoder_data_format": WHOLE["network_data_format"],
        "generator_data_format": WHOLE["network_data_format"],
    },
    "groups of metrics": {**WHOLE, "eval_metrics": {"mean_dice": {"central gland": 0.88, "peripheral zone": 0.75}}},
    "keys of one's own": {**WHOLE, "coordinate_values": {"0": 10}, "einops": "0.7.0", "license": "See license.txt"},
    "another group of tensors": {
        **WHOLE,
        "network_data_format": {**WHOLE["network_data_format"], "post_processed_outputs": {"x": {"type": "image"}}},
    },
    "packages under both names": {
        **WHOLE,
        "required_packages_version": {"torch": "2.7.0+cu126", "numpy-stl": "3.2.0"},
        "optional_packages_version": {},
        "supported_apps": {"a-nim": ""},
    },
    "a release candidate": {**WHOLE, "monai_version": "1.2.0rc4"},
    "a list of authors, and a model on the hub": {
        **{key: value for key, value in WHOLE.items() if key != "network_data_format"},
        "authors": ["one", "another"],
        "huggingface_model_id": "someone/model",
    },
    "no changelog": {key: value for key, value in WHOLE.items() if key != "changelog"},
    "intended use in parts": {
        **WHOLE,
        "intended_use": {
            "purpose": "segmentation of the spleen in research",
            "contraindications": ["children"],
            "regulatory_status": "research use only",
        },
    },
    "a device": {
        **WHOLE,
        "device": {
            "manufacturer": "its authors",
            "model_name": "spleen",
            "software_versions": ["0.1.0", "MONAI 1.4.0"],
            "device_uid": "2.25.329800735698586629295641978511506172918",
            "algorithm_family": {"value": "123110", "scheme": "DCM", "meaning": "Artificial Intelligence"},
            "processing_algorithm": {"value": "113076", "scheme": "DCM", "meaning": "Segmentation"},
        },
    },
}


@pytest.mark.parametrize("metadata", PUBLISHED.values(), ids=PUBLISHED)
def test_published_forms_of_metadata_fit(metadata: dict[str, Any], tmp_path: Path) -> None:
    assert errors("metadata", metadata) == []
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    assert validate(read(tmp_path / "metadata.json")) == []


# --- large files ---

MD5 = "be4fa95e236df91766147c112ee6fafd"
ROW = {"path": "models/model.pt", "url": "https://example.org/model.pt", "hash_val": MD5, "hash_type": "md5"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ROW, []),
        ({"path": "a", "url": "http://x/y"}, []),
        ({**ROW, "hash_val": "", "hash_type": ""}, []),
        ({**ROW, "hash_val": None, "hash_type": None}, []),
        ({**ROW, "hash_val": "ab" * 32, "hash_type": "sha256"}, []),
        ({**ROW, "fuzzy": True}, []),
        ({"path": "a"}, ["large_files/0"]),
        ({**ROW, "url": "file:///etc/passwd"}, ["large_files/0/url"]),
        ({**ROW, "hash_type": "crc32"}, ["large_files/0/hash_type"]),
        ({**ROW, "hash_val": "xyz"}, ["large_files/0/hash_val"]),
        ({**ROW, "path": ""}, ["large_files/0/path"]),
        ("models/model.pt", ["large_files/0"]),
    ],
)
def test_lists_of_large_files(row: Any, expected: list[str]) -> None:
    assert errors("large_files", {"large_files": [row]}) == expected


# --- configs ---


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_the_configs_of_the_ready_made_bundles_fit(path: Path) -> None:
    assert errors("config", source.load(path).data) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"a": {"_target_": "dict", "_mode_": "@mode", "_disabled_": "$1 == 2", "_ranks_": [0]}}, []),
        ({"a": [{"_target_": "@cls", "_args_": "@args", "_requires_": "@b"}], "run": "$1", "imports": None}, []),
        ({"a": {"_mode_": "of my own"}}, []),
        ({"a": {"_target_": 3}}, ["a/_target_"]),
        ({"a": [{"b": {"_target_": "dict", "_mode_": "call"}}]}, ["a/0/b/_mode_"]),
        ({"a": {"_target_": "dict", "_disabled_": 1}}, ["a/_disabled_"]),
        ({"a": {"_target_": "dict", "_ranks_": [-1]}}, ["a/_ranks_"]),
        ({"run": 3}, ["run"]),
        ({"_extends_": {"a": "b"}}, ["_extends_"]),
    ],
)
def test_what_is_true_of_every_config(config: Any, expected: list[str]) -> None:
    assert errors("config", config) == expected


# --- how problems are told ---


def told(tmp_path: Path, text: str, schema: Any = None, name: str = "metadata.yaml", **options: Any) -> list[Any]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = validate(read(tmp_path / name), schema, **options)
    found.sort(key=lambda each: (each.place.line, each.place.column, each.id))
    return [(each.code, each.id, (each.place.line, each.place.column), each.message, each.suggestion) for each in found]


RULES: dict[str, tuple[Any, str, list[tuple[str, str]]]] = {
    "const": ({"const": 3}, "a: 4", [("a should be 3, is 4", "")]),
    "exclusive": ({"exclusiveMinimum": 0}, "a: 0", [("a should be more than 0, is 0", "")]),
    "maximum": ({"maximum": 3}, "a: 4.5", [("a should be at most 3, is 4.5", "")]),
    "long text": ({"maxLength": 2}, "a: abc", [("a should have at most 2 characters, has 3", "")]),
    "few items": ({"minItems": 2}, "a: [1]", [("a should have at least 2 items, has 1", "")]),
    "no items": ({"minItems": 1}, "a: []", [("a is empty", "")]),
    "the same item": ({"uniqueItems": True}, "a: [1, 1]", [("a has an item twice", "delete one of them")]),
    "pattern": ({"pattern": "^x"}, "a: y", [("a should match the pattern ^x, is 'y'", "")]),
    "closed": (
        {"properties": {"size": {}}, "additionalProperties": False},
        "a: {sise: 1, other: 2}",
        [("a takes no 'sise'", "did you mean 'size'?"), ("a takes no 'other'", "there are size")],
    ),
    "needed by another": (
        {"dependentRequired": {"x": ["y"]}},
        "a: {x: 1}",
        [("missing 'y', which 'x' needs", "")],
    ),
    "forbidden": ({"not": {"type": "string"}}, "a: x", [("a is 'x', which the schema forbids", "")]),
    "of several kinds": ({"type": ["string", "null"]}, "a: [1]", [("a should be text or null, is [1]", "")]),
    "of several rules": (
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "a: [x, 3]",
        [("a.1 should be text, is 3", 'put it in quotes: "3"')],
    ),
    "of one rule, and two fit": (
        {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
        "a: 1",
        [("a fits several rules of the schema, and may fit one only", "")],
    ),
    "a rule without a sentence": (
        {"contains": {"const": 1}},
        "a: [2]",
        [('a is [2], which the rule {"contains": {"const": 1}} of the schema does not allow', "")],
    ),
}


@pytest.mark.parametrize(("rule", "text", "expected"), RULES.values(), ids=RULES)
def test_any_rule_is_told_in_a_sentence(tmp_path: Path, rule: Any, text: str, expected: list[Any]) -> None:
    found = told(tmp_path, text, {"properties": {"a": rule}})
    assert [(each[3], each[4]) for each in found] == expected


def test_keys_that_are_numbers_in_yaml_are_texts(tmp_path: Path) -> None:
    schema = {"patternProperties": {r"^\d+$": {"type": "string"}}, "additionalProperties": False}
    assert told(tmp_path, "0: a\n1: 2\n", schema) == [
        ("BE062", "1", (2, 4), "1 should be text, is 2", 'put it in quotes: "2"')
    ]


def test_places_in_json(tmp_path: Path) -> None:
    text = json.dumps({**WHOLE, "task": 3, "authors": None}, indent=1)
    lines = text.split("\n")
    expected = [
        (number, line.index(":") + 3, message)
        for number, line in enumerate(lines, 1)
        for start, message in (
            ('"task"', "task should be text, is 3"),
            ('"authors"', "authors should be text or a list, is null"),
        )
        if line.strip().startswith(start)
    ]
    found = told(tmp_path, text, name="metadata.json")
    assert [(*each[2], each[3]) for each in found] == expected


def test_nothing_is_fetched_for_a_reference(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is fetched for it"):
        told(tmp_path, "a: 1", {"$ref": "http://127.0.0.1:9/other.json"})
    with pytest.raises(InputError, match="nothing is fetched for it"):
        told(tmp_path, "a: 1", {"$ref": "#/$defs/nothing"})
    with pytest.raises(InputError, match="nothing is fetched for it"):
        told(tmp_path, "a: 1", {"$ref": (tmp_path / "other.json").as_uri()})


@pytest.mark.parametrize("schema", [{"type": "txt"}, {"properties": 3}, {"$ref": "#"}], ids=str)
def test_a_schema_that_is_none(tmp_path: Path, schema: Any) -> None:
    with pytest.raises(InputError, match=r"no JSON Schema|cannot be followed"):
        told(tmp_path, "a: 1", schema)


def test_a_document_that_is_all_wrong_has_an_end(tmp_path: Path) -> None:
    text = "".join(f"k{number}: {number}\n" for number in range(1_000))
    assert len(told(tmp_path, text, {"additionalProperties": {"type": "string"}})) == 200


def test_options_of_jsonschema(tmp_path: Path) -> None:
    schema = {"properties": {"a": {"format": "ipv4"}}}
    assert told(tmp_path, "a: x", schema) == []
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    assert [each[1] for each in told(tmp_path, "a: x", schema, format_checker=checker)] == ["a"]
    with pytest.raises(UsageError, match="does not take these options"):
        told(tmp_path, "a: x", schema, colour="red")


def test_several_files_are_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("task: 3\nname: x\n")
    (tmp_path / "b.yaml").write_text("# later\nname: 4\n")
    description = read([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    assert description.data == {"task": 3, "name": 4}
    place = description.place(Id(("name",)))
    assert place is not None
    assert (Path(place.source).name, place.line, place.column) == ("b.yaml", 2, 7)
