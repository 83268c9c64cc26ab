"""Tables as people write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundle_engine.data.reading import read_dataset, read_table
from bundle_engine.errors import InputError, InputNotFoundError

ROWS = "anna,images/a 1.nii.gz,t1\nanna,labels/a.nii.gz,label\nbob,images/b.nii.gz,t1\nbob,labels/b.nii.gz,label\n"
GOOD = "subject,filePath,channel\n" + ROWS


def table(folder: Path, text: str, name: str = "dataset.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GOOD, "utf-8"),
        (GOOD, "utf-8-sig"),
        (GOOD, "utf-16"),
        (GOOD.replace("\n", "\r\n"), "utf-8-sig"),
        (GOOD.replace("\n", "\r"), "utf-8"),
        (GOOD.replace(",", ";"), "utf-8"),
        (GOOD.replace(",", "\t"), "utf-8"),
        (GOOD.replace(",", " , "), "utf-8"),
        ("\n\n" + GOOD.replace("bob,images", "\n,,\nbob,images"), "utf-8"),
        (GOOD.replace("filePath", "file_path").replace("subject", "Subject ").replace("channel", "CHANNEL"), "utf-8"),
        (GOOD.replace("filePath", "Path").replace("subject", "patient id"), "utf-8"),
        (GOOD.replace("channel", "channel,patient,file,set").replace("t1", "t1,p,f,train"), "utf-8"),
        ("Subject;filePath;Channel;;\n" + ROWS.replace(",", ";").replace("\n", ";;\n"), "utf-8"),
        (GOOD.replace("images/a 1.nii.gz", '"images/a 1.nii.gz"'), "utf-8"),
        (GOOD.replace("/", "\\"), "utf-8"),
    ],
    ids=["plain", "bom", "utf-16", "windows", "old mac", "semicolons", "tabs", "spaces", "empty lines", "cases",
         "other names", "own columns", "empty columns", "quotes", "backslashes"],
)  # fmt: skip
def test_a_table_as_a_tired_person_writes_it(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "images").mkdir()
    dataset = read_dataset(table(tmp_path, text, encoding=encoding))
    assert [subject.name for subject in dataset.subjects] == ["anna", "bob"]
    assert dataset.channels == ("t1", "label")
    assert dataset.labels() == ("label",)
    assert dataset.subjects[0].files[0].path == tmp_path / "images" / "a 1.nii.gz"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("", 0, "the table is empty", "its first line is subject,filePath,channel"),
        (ROWS, 1, "the first line names no columns", "put a line in front of it: subject,filePath,channel"),
        (GOOD.replace("channel", "chanel"), 1, "has no column 'channel'", "is it 'chanel'"),
        (GOOD.replace("filePath", "fielPath"), 1, "has no column 'filePath'", "is it 'fielPath'"),
        ("who;what\na;b\n", 1, "has no columns 'subject', 'filePath', 'channel'; it has who, what", "has to name"),
        ("subject,subject,filePath,channel\n", 1, "the column 'subject' is there twice", "rename"),
        ("subject,filePath,channel\n", 1, "a header and no rows", "add a row"),
    ],
    ids=["empty", "no header", "chanel", "fielPath", "others", "twice", "no rows"],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        read_table(table(tmp_path, text))
    assert message in error.value.message
    assert hint in (error.value.hint or "")
    assert error.value.place is not None
    assert error.value.place.line == line


def test_a_table_that_is_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not UTF-8") as error:
        read_table(table(tmp_path, GOOD.replace("bob", "Jürgen"), encoding="cp1252"))
    assert error.value.place is not None
    assert error.value.place.line == 4
    assert "CSV UTF-8" in str(error.value.hint)


@pytest.mark.parametrize(
    ("more", "code", "line", "message"),
    [
        ("carl,,t1\n", "BE100", 6, "the row has no filePath"),
        (",c.nii,\n", "BE100", 6, "no subject and no channel"),
        ("carl,c.nii,t1,more\n", "BE100", 6, "4 fields, and the header 3"),
        (
            "anna,other.nii,t1\n",
            "BE103",
            6,
            "'anna' has the channel 't1' twice: 'other.nii', and 'images/a 1.nii.gz' in line 2",
        ),
    ],
    ids=["no path", "no subject", "too long", "twice"],
)
def test_a_row_that_is_wrong(tmp_path: Path, more: str, code: str, line: int, message: str) -> None:
    file = table(tmp_path, GOOD + more)
    dataset, (finding,) = read_table(file)
    assert (finding.code, finding.place.line, finding.severity) == (code, line, "error")
    assert message in finding.message
    assert len(dataset.subjects) == 2
    with pytest.raises(InputError, match=code[:0] + message.split(":")[0]):
        read_dataset(file)


def test_sets_and_further_columns(tmp_path: Path) -> None:
    text = "subject,filePath,channel,split,institutionId,age\na,1.nii,t1,Training,north,31\na,2.nii,label,,north,\n"
    text += "b,3.nii,t1,validation,south,\nb,4.nii,label,val,south,\n"
    dataset = read_dataset(table(tmp_path, text))
    assert [subject.set for subject in dataset.subjects] == ["train", "val"]
    assert [dict(subject.columns) for subject in dataset.subjects] == [
        {"institutionId": "north", "age": "31"},
        {"institutionId": "south"},
    ]
    assert dataset.sets == ("train", "val")


def test_a_subject_in_two_sets_and_a_misspelt_column(tmp_path: Path) -> None:
    text = "subject,filePath,channel,split,institutonId\na,1.nii,t1,train,x\na,2.nii,label,test,x\n"
    _, findings = read_table(table(tmp_path, text))
    assert [(each.code, each.place.line, each.severity) for each in findings] == [
        ("BE101", 1, "warning"),
        ("BE104", 3, "error"),
    ]
    assert findings[0].suggestion == "did you mean 'institutionId'?"


def test_the_decathlon(hippocampus: Path) -> None:
    dataset = read_dataset(hippocampus)
    assert (len(dataset.subjects), dataset.sets, dataset.channels) == (200, ("train",), ("image", "label"))
    assert dict(dataset.classes) == {0: "background", 1: "Anterior", 2: "Posterior"}
    assert dataset.modalities == ("MRI",)
    first = dataset.subjects[0]
    assert first.name == "hippocampus_001"
    assert first.files[1].path.samefile(hippocampus / "labelsTr" / "hippocampus_001.nii.gz")
    assert first.files[1].place.text.strip() == '"label": "./labelsTr/hippocampus_001.nii.gz"'


def test_all_sections_and_what_else_an_entry_says(tmp_path: Path) -> None:
    content = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": {"background": 0, "liver": 1},
        "training": [{"image": ["a_ct.nii", "a_pet.nii"], "label": "a.nii", "fold": 1}],
        "validation": [{"image": "b.nii.gz", "label": "lb.nii.gz"}],
        "test": ["c.nii.gz"],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    dataset = read_dataset(tmp_path)
    assert [(each.name, each.set) for each in dataset.subjects] == [("a_ct", "train"), ("b", "val"), ("c", "test")]
    assert dataset.channels == ("image_0", "image_1", "label", "image")
    assert dict(dataset.subjects[0].columns) == {"fold": 1}
    assert dict(dataset.classes) == {0: "background", 1: "liver"}
    assert dataset.modalities == ("CT", "PET")


def test_a_plain_list_with_names_sets_and_classes(tmp_path: Path) -> None:
    rows = [
        {"image": "x/1.png", "label": 0, "subject": "p1", "split": "train"},
        {"image": "y/1.png", "label": 1, "subject": "p2", "split": "test"},
        {"image": "z/1.png", "label": 1},
        {"image": "w/1.png", "label": 1},
    ]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    dataset = read_dataset(tmp_path / "list.json")
    names = [(each.name, each.set, each.columns["label"]) for each in dataset.subjects]
    assert names == [("p1", "train", 0), ("p2", "test", 1), ("1", "", 1), ("w_1", "", 1)]


def test_entries_that_are_wrong(tmp_path: Path) -> None:
    content = {"training": [{"image": "a.nii"}, {"note": "?"}, 3, {"image": "a.nii"}], "test": [{"image": "a.nii"}]}
    (tmp_path / "dataset.json").write_text(json.dumps(content, indent=0))
    dataset, findings = read_table(tmp_path)
    assert [(each.code, each.id) for each in findings] == [
        ("BE100", "training::1"), ("BE100", "training::2"), ("BE103", "a"), ("BE104", "a")
    ]  # fmt: skip
    assert all(each.place.line for each in findings)
    assert "the entry names no file: it has 'note'" in findings[0].message
    assert len(dataset.subjects) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"trainnig": []}', "is it 'trainnig'? the lists are called training"),
        ('{"training": []}', "there are no subjects in 'training'"),
        ('{"training": [', "JSON"),
        ('"text"', "a mapping or a list"),
    ],
)
def test_json_that_is_no_table(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError) as error:
        read_table(tmp_path)
    assert message in str(error.value)


def test_where_there_is_no_table(tmp_path: Path) -> None:
    table(tmp_path, GOOD, "datasets.csv")
    with pytest.raises(InputNotFoundError, match=r"dataset\.csv") as error:
        read_table(tmp_path)
    assert "datasets.csv" in str(error.value.hint)
    with pytest.raises(InputNotFoundError, match="there is no file") as error:
        read_table(tmp_path / "dataset.csv")
    assert "datasets.csv" in str(error.value.hint)
    (tmp_path / "table.xlsx").write_text("")
    with pytest.raises(InputError, match="no table of subjects by its name"):
        read_table(tmp_path / "table.xlsx")
