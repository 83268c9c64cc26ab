"""Folds of the subjects that bundles train and validate on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.errors import BundleEngineError, BundleEngineWarning, InputError, UsageError
from bundle_engine.evaluation.sets import Configs, read_parser
from bundle_engine.experiment.children import overrides_of, write_arguments
from bundle_engine.experiment.folds import make_folds
from bundle_engine.experiment.subjects import TRAIN, VALIDATION, Subjects, find_subjects, literal
from bundle_engine.workflow.roots import importable
from tests.conftest import real_data
from tests.experiment.tiny_bundle import HELD_OUT, SUBJECTS, make_bundle

ROOT = Path(__file__).parents[2]


def ready_made(name: str) -> Configs:
    root = ROOT / "bundles" / name
    return Configs(root, (root / "configs" / "evaluate.yaml",), (root / "configs" / "train.yaml",))


@pytest.fixture
def real(hippocampus: Path) -> Subjects:
    return find_subjects(ready_made("hippocampus_segmentation"), {"dataset_dir": str(hippocampus)})


def test_the_subjects_are_those_of_training_and_validation(real: Subjects, hippocampus: Path) -> None:
    listed = json.loads((hippocampus / "dataset.json").read_text())["training"]
    assert len(real.items) == len(listed) == 200
    assert real.names == tuple(sorted(Path(each["image"]).name.removesuffix(".nii.gz") for each in listed))
    assert [Path(item["label"]).name for item in real.items] == [f"{name}.nii.gz" for name in real.names]
    assert real.test == 0  # the evaluate config works on the validation set


def test_lists_are_resolved_without_torch(hippocampus: Path) -> None:
    code = f"""
import sys
from tests.experiment.test_folds import ready_made, find_subjects
for name in ("torch", "monai"): sys.modules.pop(name, None)
find_subjects(ready_made("hippocampus_segmentation"), {{"dataset_dir": {str(hippocampus)!r}}})
print([name for name in ("torch", "monai") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_folds_are_disjoint_and_complete(real: Subjects) -> None:
    folds = make_folds(len(real.items), 5)
    assert [fold.number for fold in folds] == [0, 1, 2, 3, 4]
    assert sorted(number for fold in folds for number in fold.validation) == list(range(200))
    for fold in folds:
        assert (len(fold.train), len(fold.validation)) == (160, 40)
        assert not set(fold.train) & set(fold.validation)
        assert fold.validation == tuple(sorted(fold.validation))


def test_folds_depend_on_the_seed_alone() -> None:
    assert make_folds(200, 5, seed=1) == make_folds(200, 5, seed=1)
    assert make_folds(200, 5, seed=1) != make_folds(200, 5, seed=2)
    assert [fold.validation for fold in make_folds(10, 5, seed=0)] == [(2, 8), (4, 9), (1, 6), (3, 7), (0, 5)]


def test_the_order_of_the_lists_does_not_matter(tmp_path: Path, hippocampus: Path) -> None:
    one = make_bundle(tmp_path / "one")
    turned = json.loads((one.root / "configs" / "train.json").read_text())
    turned["subjects"] = turned["subjects"].replace("for n in @names]", "for n in @names[::-1]]")
    turned["first"] = 0
    turned["train"]["dataset"]["data"] = f"$@subjects[-{SUBJECTS - HELD_OUT}:]"
    turned["validate"]["dataset"]["data"] = f"$@subjects[-{SUBJECTS}:-{SUBJECTS - HELD_OUT}]"
    other = make_bundle(tmp_path / "other")
    (other.root / "configs" / "train.json").write_text(json.dumps(turned))
    ids = {"dataset_dir": str(hippocampus)}
    found = find_subjects(one._replace(evaluate=()), ids)
    assert found == find_subjects(other._replace(evaluate=()), ids)
    assert len(found.items) == SUBJECTS


def test_a_test_set_is_counted_and_left_alone(tmp_path: Path, hippocampus: Path) -> None:
    configs = make_bundle(tmp_path / "tiny", tested=True)
    found = find_subjects(configs, {"dataset_dir": str(hippocampus)})
    assert (len(found.items), found.test) == (SUBJECTS, 2)


def test_a_test_set_that_is_trained_on_is_none(tmp_path: Path, hippocampus: Path) -> None:
    configs = make_bundle(tmp_path / "tiny", tested=True)
    ids = {"dataset_dir": str(hippocampus), "train::dataset::data": f"$@subjects[{HELD_OUT}:{SUBJECTS + 1}]"}
    with pytest.warns(BundleEngineWarning, match="1 of 2 subjects of the evaluate config are among those of the folds"):
        assert find_subjects(configs, ids).test == 0


def test_a_subject_that_is_listed_twice_is_in_one_fold(tmp_path: Path, hippocampus: Path) -> None:
    configs = make_bundle(tmp_path / "tiny")
    ids = {"dataset_dir": str(hippocampus), "train::dataset::data": "$@subjects[:4] * 3"}
    assert len(find_subjects(configs, ids).items) == 4


@pytest.mark.parametrize(
    ("ids", "kind", "message"),
    [
        ({"train::dataset": {"_target_": "Dataset"}}, UsageError, "no list of subjects at 'train::dataset::data'"),
        ({"train::dataset::data": "$torch.zeros(3)"}, InputError, "no list of subjects, but of the kind Tensor"),
        ({"train::dataset::data": "$[dict(image=slice(2))]"}, InputError, r"\['image'\] is of the kind slice"),
        ({"train::dataset::data": {"a": 1}}, InputError, "of the kind dict"),
    ],
)
def test_lists_that_cannot_be_handed_on(
    tmp_path: Path, hippocampus: Path, ids: dict[str, Any], kind: type[Exception], message: str
) -> None:
    configs = make_bundle(tmp_path / "tiny")
    with pytest.raises(kind, match=message):
        find_subjects(configs, {"dataset_dir": str(hippocampus), **ids})


@pytest.mark.parametrize(
    ("subjects", "splits", "groups", "message"),
    [
        (4, 5, [], "5 folds cannot be made of 4 subjects"),
        (0, 5, [], "there are no subjects to make folds of"),
        (4, 1, [], "at least 2 folds"),
        (4, 3, ["a", "a", "b", "b"], "3 folds cannot be made of 2 groups"),
    ],
)
def test_folds_that_cannot_be_made(subjects: int, splits: int, groups: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_folds(subjects, splits, groups=groups)


def test_texts_are_handed_on_as_they_are() -> None:
    items = [{"image": "$HOME/a.nii", "n": 1.5}, {"image": "@b", "l": ["%c", "???", "\\d", "e"]}]
    assert ConfigParser({"data": literal(items)}).get_parsed_content("data") == items


# --- groups ---


def group_of(name: str) -> str:
    return f"site {int(name[-3:]) % 7}"


def test_groups_by_a_key_of_the_items(tmp_path: Path, hippocampus: Path) -> None:
    configs = make_bundle(tmp_path / "tiny")
    data = "$[dict(each, site=int(each['image'][-10:-7]) % 7) for each in @subjects[{}]]"
    ids = {
        "dataset_dir": str(hippocampus),
        "train::dataset::data": data.format("10:"),
        "validate::dataset::data": data.format(":10"),
    }
    found = find_subjects(configs, ids, group_column="site")
    assert len(found.items) == 200
    folds = make_folds(len(found.items), 5, groups=found.groups)
    where = Counter((found.groups[number], fold.number) for fold in folds for number in fold.validation)
    assert len(where) == len(set(found.groups)) == 7  # each group in one fold
    assert sum(where.values()) == 200
    assert folds != make_folds(len(found.items), 5, groups=found.groups, seed=1)


def test_groups_by_a_column_of_the_table(tmp_path: Path, hippocampus: Path) -> None:
    configs = make_bundle(tmp_path / "tiny")
    rows = ["subject,filePath,channel,site"]
    for image in sorted((hippocampus / "imagesTr").glob("hippo*.nii.gz"))[:SUBJECTS]:
        name = image.name.removesuffix(".nii.gz")
        rows += [
            f"{name},imagesTr/{image.name},image,{group_of(name)}",
            f"{name},labelsTr/{image.name},label,{group_of(name)}",
        ]
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("imagesTr", "labelsTr"):
        (folder / name).symlink_to(hippocampus / name)
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n")
    found = find_subjects(configs, {"dataset_dir": str(folder)}, group_column="site")
    assert found.groups == tuple(group_of(name) for name in found.names)
    with pytest.raises(UsageError, match="nothing called 'sites'") as error:
        find_subjects(configs, {"dataset_dir": str(folder)}, group_column="sites")
    assert error.value.hint == "did you mean 'site'?"
    rows[1:3] = []
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(UsageError, match="1 subjects have nothing in the column 'site': hippocampus_001"):
        find_subjects(configs, {"dataset_dir": str(folder)}, group_column="site")


def test_items_with_arrays_are_told_by_their_places(tmp_path: Path) -> None:
    configs = ready_made("chest_xray_classification")
    ids = {"dataset_dir": str(real_data("pneumoniamnist.npz")), "train_images": 12, "val_images": 6}
    subjects = find_subjects(configs, ids)
    assert len(subjects.items) == 18
    assert subjects.test == 624
    fold = make_folds(18, 3)[1]
    write_arguments(tmp_path / "fold_1", configs, fold, subjects, ids)
    told = overrides_of(tmp_path / "fold_1")
    assert told[TRAIN]["lists"] == ["@train_datalist", "@val_datalist"]
    parser = read_parser(configs.train, configs.root, told)
    with importable(configs.root):
        for id, numbers in ((TRAIN, fold.train), (VALIDATION, fold.validation)):
            taken = parser.get_parsed_content(id)
            assert [item["subject"] for item in taken] == [subjects.names[number] for number in numbers]
            for item, expected in zip(taken, subjects.of(numbers), strict=True):
                assert np.array_equal(item["image"], expected["image"])
        parser = read_parser(configs.train, configs.root, {**told, "train_images": 11})
        with pytest.raises(BundleEngineError, match="are not those that the folds were made of"):
            parser.get_parsed_content(TRAIN)


def test_arrays_tell_subjects_apart_and_paths_name_them(tmp_path: Path, hippocampus: Path) -> None:
    configs = make_bundle(tmp_path / "tiny")
    arrays = "$[dict(image=torch.full((2, 2), float(n % 3)), file=__import__('pathlib').Path(f'{n % 3}.nii')) for n in range(6)]"
    ids = {"dataset_dir": str(hippocampus), "train::dataset::data": arrays, "validate::dataset::data": arrays}
    subjects = find_subjects(configs, ids)
    assert subjects.names == ("0", "1", "2")
    assert subjects.places == (0, 1, 2)
    assert [float(item["image"].max()) for item in subjects.items] == [0, 1, 2]
