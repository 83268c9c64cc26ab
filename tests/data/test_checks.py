"""What is found in files that are spoilt in one place."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bundle_engine.data.checks import Expected, check_dataset
from bundle_engine.data.reading import read_dataset
from bundle_engine.errors import InputError
from bundle_engine.inspection.catalogue import CATALOGUE
from tests.data.conftest import image, label, name, write_json

Check = Callable[..., list[tuple[str, str, str]]]


def change(path: Path, values: Callable[[np.ndarray], np.ndarray], affine: np.ndarray | None = None) -> None:
    """Write a NIfTI file again with other voxels or another affine."""
    loaded = nib.load(path)
    changed = values(np.asarray(loaded.dataobj).copy())
    nib.save(nib.Nifti1Image(changed, loaded.affine if affine is None else affine), path)


def put(values: np.ndarray, value: float) -> np.ndarray:
    values[3, 3, 3] = value
    return values


def moved(path: Path, distance: float) -> None:
    affine = nib.load(path).affine.copy()
    affine[0, 3] += distance
    change(path, lambda values: values, affine)


def turned(path: Path) -> None:
    """Write the same picture with its axes in another order."""
    loaded = nib.load(path)
    other = loaded.as_reoriented(np.array([[1, -1], [0, 1], [2, 1]]))
    nib.save(nib.Nifti1Image(np.asarray(other.dataobj), other.affine), path)


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


SPOILT: dict[str, tuple[Callable[[Path, Path], object], list[tuple[str, str, str]], bool]] = {
    "nothing": (lambda image, label: None, [], True),
    "a value too many": (lambda image, label: change(label, lambda v: put(v, 7)), [("BE109", "error", "001")], False),
    "a fraction": (
        lambda image, label: change(label, lambda v: put(v.astype(np.float32), 0.5)), [("BE109", "error", "001")], False,
    ),
    "an empty label": (lambda image, label: change(label, lambda v: v * 0), [("BE110", "warning", "001")], False),
    "a smaller label": (lambda image, label: change(label, lambda v: v[:, :, 2:]), [("BE107", "error", "001")], True),
    "a label elsewhere": (lambda image, label: moved(label, 2), [("BE108", "error", "001")], True),
    "a label a little elsewhere": (lambda image, label: moved(label, 0.05), [], True),
    "a label with turned axes": (lambda image, label: turned(label), [("BE108", "info", "001")], True),
    "a label cut off": (lambda image, label: halved(label), [("BE106", "error", "001")], False),
    "an empty file": (lambda image, label: image.write_bytes(b""), [("BE106", "error", "001")], True),
    "no NIfTI": (lambda image, label: image.write_bytes(gzip.compress(b"hello")), [("BE106", "error", "001")], True),
    "not a number": (
        lambda image, label: change(image, lambda v: put(v.astype(np.float32), np.nan)), [("BE111", "error", "001")], False,
    ),
    "an image of one value": (lambda image, label: change(image, lambda v: v * 0 + 5), [("BE112", "warning", "001")], False),
    "metres": (
        lambda image, label: [change(each, lambda v: v, np.diag([0.001, 0.001, 0.001, 1])) for each in (image, label)],
        [("BE116", "info", "001")], True,
    ),
    "a missing file": (lambda image, label: label.unlink(), [("BE102", "error", "001")], True),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
@pytest.mark.parametrize("full", [True, False], ids=["full", "quick"])
def test_what_is_found(few: Path, codes: Check, what: str, full: bool) -> None:
    spoil, wanted, in_headers = SPOILT[what]
    spoil(few / image("001"), few / label("001"))
    expected = [(code, severity, name(number)) for code, severity, number in wanted]
    assert codes(few, full=full) == (expected if full or in_headers else [])


def test_nothing_is_wrong_with_the_real_data(hippocampus: Path, codes: Check) -> None:
    start = time.perf_counter()
    assert codes(hippocampus) == []
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("imagesTr/hippocampus_01.nii.gz", "did you mean 'hippocampus_001.nii.gz'"),
        ("imagesTr/hippocampus_001.nii", "did you mean 'hippocampus_001.nii.gz'?"),
        ("imageTr/hippocampus_001.nii.gz", "there is no folder 'imageTr' in '{root}'; did you mean 'imagesTr'?"),
        ("imagesTr", "it is a folder"),
        ("elsewhere.nii.gz", "paths are relative to '{root}'"),
    ],
)
def test_a_missing_file_with_what_there_is_instead(few: Path, written: str, hint: str) -> None:
    entries = [{"image": written, "label": label("001")}, {"image": image("003"), "label": label("003")}]
    write_json(few, {"training": entries})
    report = check_dataset(read_dataset(few), full=False)
    (finding,) = report.findings
    assert (finding.code, finding.place.line) == ("BE102", 4)
    assert finding.suggestion.startswith(hint.format(root=few))


def test_a_table_in_the_wrong_folder_is_told_once(few: Path, tmp_path: Path, codes: Check) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(few / "dataset.json", other)
    (finding,) = check_dataset(read_dataset(other)).findings
    assert finding.message == "none of the 12 files that the table names is there"
    assert str(other) in finding.suggestion


def test_many_missing_files_are_counted(few: Path) -> None:
    entries = [{"image": f"imagesTr/{n}.nii.gz"} for n in range(50)] + [{"image": image("001")}]
    write_json(few, {"training": entries})
    findings = check_dataset(read_dataset(few)).findings
    assert len(findings) == 21
    assert "neither are 29 more files" in findings[-1].message


def test_a_channel_that_one_subject_lacks(few: Path, codes: Check) -> None:
    content = json.loads((few / "dataset.json").read_text())
    content["training"][2] = {"image": image("004"), "labl": label("004")}
    write_json(few, content)
    assert codes(few, full=False) == [("BE105", "error", name("004"))]


def test_an_image_in_two_sets_under_two_names(few: Path, codes: Check) -> None:
    content = json.loads((few / "dataset.json").read_text())
    content["validation"] = [content["training"].pop()]
    for folder in ("imagesTr", "labelsTr"):
        shutil.copy(few / folder / f"{name('001')}.nii.gz", few / folder / f"{name('008')}.nii.gz")
    write_json(few, content)
    assert codes(few) == [("BE115", "error", name("008"))]
    assert codes(few, full=False) == []
    content["training"].append(content.pop("validation")[0])
    write_json(few, content)
    assert codes(few) == [("BE115", "warning", name("008"))]


def test_classes_channels_and_groups(few: Path, codes: Check) -> None:
    content = json.loads((few / "dataset.json").read_text())
    content["validation"] = [content["training"].pop()]
    for number, entry in enumerate(content["training"]):
        entry["patient_group"] = number // 2
    content["validation"][0]["patient_group"] = 2
    write_json(few, content)
    expected = Expected(classes={0: "background", 1: "one", 2: "two", 3: "three"}, channels=2, group_by="patient_group")
    found = codes(few, expected=expected)
    assert [each for each in found if each[0] != "BE114"] == [
        ("BE113", "warning", "labels"),
        ("BE104", "error", name("008")),
    ]
    assert sum(each[0] == "BE114" for each in found) == 6


def test_masks_with_names_of_their_own(few: Path, codes: Check) -> None:
    change(few / label("001"), lambda v: (v > 0).astype(np.uint8) * 2)
    (few / "dataset.csv").write_text(
        f"subject,filePath,channel\na,{image('001')},ct\na,{label('001')},liver\n", encoding="utf-8"
    )
    assert codes(few) == []
    expected = Expected(classes={0: "no", 1: "yes"}, labels=("liver",))
    assert codes(few, expected=expected) == [("BE113", "warning", "labels"), ("BE109", "error", "a")]


def test_arrays_and_pictures(tmp_path: Path, codes: Check) -> None:
    from PIL import Image

    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.ones((4, 5, 6), np.float32) * np.arange(6))
    np.savez(tmp_path / "c.npz", np.zeros((4, 5, 6), np.int16))
    np.savez(tmp_path / "d.npz", np.zeros(3), np.ones(3))
    np.save(tmp_path / "e.npy", np.array([object()]), allow_pickle=True)
    (tmp_path / "f.dcm").write_bytes(b"?")
    entries = [{"image": "a.png"}, {"image": "b.npy", "label": "c.npz"}, {"image": "d.npz"}, {"image": "e.npy"}]
    write_json(tmp_path, [*entries, {"image": "f.dcm"}])
    assert codes(tmp_path) == [("BE110", "warning", "b"), ("BE106", "error", "d"), ("BE106", "error", "e")]


def test_progress_is_told(few: Path) -> None:
    seen: list[tuple[int, int]] = []
    check_dataset(read_dataset(few), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 12) for number in range(1, 13)]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may read everything")
def test_a_file_without_permission(few: Path, codes: Check) -> None:
    (few / image("001")).chmod(0)
    assert codes(few) == [("BE106", "error", name("001"))]


EXAMPLES = [code for code in CATALOGUE.values() if "BE100" <= code.code < "BE120"]


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.code)
def test_the_examples_of_the_reference_are_tables(tmp_path: Path, code: object) -> None:
    (tmp_path / "t.yaml").write_text(code.right)
    if code.code == "BE101":
        with pytest.raises(InputError):
            read_dataset(tmp_path / "t.yaml")
        return
    assert read_dataset(tmp_path / "t.yaml").subjects
    (tmp_path / "t.yaml").write_text(code.wrong)
    if code.code in ("BE100", "BE103", "BE104"):
        with pytest.raises(InputError) as error:
            read_dataset(tmp_path / "t.yaml")
        assert code.wrong.splitlines()[error.value.place.line - 1].endswith("# here")
    else:
        read_dataset(tmp_path / "t.yaml")
