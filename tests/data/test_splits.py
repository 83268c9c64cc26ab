"""Splits of real and made-up tables, and the lists that configs get from them."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.data import datalist, read_dataset, read_split, split_dataset, write_split
from bundle_engine.data.table import Dataset, File, Subject
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, UsageError
from bundle_engine.workflow.roots import importable
from tests.conftest import ROOT
from tests.data.conftest import image, label, name, write_json


def made(count: int, *, groups: int = 10, sites: str = "aab") -> Dataset:
    """Make a table up: each group of subjects is at one site."""
    subjects = []
    for number in range(count):
        group = number % groups
        columns = {"patient": f"p{group:02}", "site": sites[group % len(sites)]}
        files = (File("image", Path(f"{number}.nii"), f"{number}.nii"),)
        subjects.append(Subject(f"s{number:03}", files, "", columns))
    return Dataset(Path("dataset.csv"), tuple(subjects))


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        ({"train": 0.7, "val": 0.2, "test": 0.1}, (70, 20, 10)),
        ({"train": 0.6, "val": 0.2}, (60, 20)),
        ({"training": "rest", "validation": 40}, (60, 40)),
        ({"train": 1 / 3, "val": 1 / 3, "test": 1 / 3}, (34, 33, 33)),
        ({"train": 1.0}, (100,)),
        ({"train": "rest", "val": ["s001", "s003"], "test": 0.5}, (49, 2, 49)),
    ],
)
def test_sizes(parts: dict, sizes: tuple[int, ...]) -> None:
    split = split_dataset(made(100), parts)
    assert tuple(map(len, split.sets.values())) == sizes
    everybody = [subject for subjects in split.sets.values() for subject in subjects]
    assert len(everybody) == len(set(everybody))


def test_the_seed_alone_decides() -> None:
    dataset, parts = made(60), {"train": 0.5, "val": 0.5}
    rows = list(dataset.subjects)
    random.Random(1).shuffle(rows)
    first = split_dataset(dataset, parts, seed=3)
    assert split_dataset(Dataset(dataset.source, tuple(rows)), parts, seed=3).sets == first.sets
    assert split_dataset(dataset, parts, seed=4).sets != first.sets
    by_name = split_dataset(dataset, {"val": 5, "train": "rest"}, seed=None)
    assert by_name.sets["val"] == ("s000", "s001", "s002", "s003", "s004")


def test_groups_stay_together_and_strata_are_alike() -> None:
    dataset = made(300, groups=60)
    patients = {subject.name: subject.columns["patient"] for subject in dataset.subjects}
    sites = {subject.name: subject.columns["site"] for subject in dataset.subjects}
    split = split_dataset(dataset, {"train": 0.6, "val": 0.2, "test": 0.2}, group_by="patient", stratify_by="site")
    groups = [{patients[each] for each in names} for names in split.sets.values()]
    assert [len(each) for each in groups] == [36, 12, 12]
    assert len(set.union(*groups)) == 60
    for names in split.sets.values():
        counts = Counter(sites[each] for each in names)
        assert counts["a"] == 2 * counts["b"]


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        ({"train": 0.8, "val": 0.3}, {}, "the fractions sum up to 1.1"),
        ({"train": 99, "val": 2}, {}, "101 subjects are asked for, and there are 100"),
        ({"train": "rest", "val": "rest"}, {}, "only one set can be the rest"),
        ({"train": "most"}, {}, "'most'"),
        ({"train": -0.5}, {}, "-0.5"),
        ({"train": 1.5}, {}, "at most 1"),
        ({"train": 100, "val": "rest"}, {}, "nothing is left for 'val'"),
        ({"train": "rest", "val": ["s001", "s01"]}, {}, "'s01', which is not in the table"),
        ({"train": ["s001"], "val": ["s001"]}, {}, "listed for more than one set"),
        ({"train": ["s001"], "val": "rest"}, {"group_by": "patient"}, "tear 'p01'"),
        ({"train": 0.5}, {"group_by": "pateint"}, "no column 'pateint'"),
        ({"train": 0.5}, {"of": "test"}, "no subjects in the set 'test'"),
        ({"train": 0.5}, {"seed": None, "stratify_by": "site"}, "random order"),
        ({"train": 0.5, "val": 0.5}, {"stratify_by": "rare"}, "'yes' is there 1 times"),
    ],
)
def test_what_does_not_fit(parts: dict, options: dict, message: str) -> None:
    dataset = made(100)
    for number, subject in enumerate(dataset.subjects):
        subject.columns["rare"] = "yes" if number == 7 else "no"
    with pytest.raises(UsageError) as error:
        split_dataset(dataset, parts, **options)
    assert message in str(error.value)


def test_a_split_as_a_file(tmp_path: Path) -> None:
    split = split_dataset(made(20), {"train": 0.5, "val": ["s001"], "test": "rest"}, seed=5)
    write_split(split, tmp_path / "split.json")
    again = read_split(tmp_path / "split.json")
    assert again.sets == split.sets
    assert (again.seed, again.table) == (5, "dataset.csv")
    assert again.set_of("s001") == "val"
    assert [path.name for path in tmp_path.iterdir()] == ["split.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"sets": {"train": ["a"], "val": ["a"]}}', "'a' in two sets"),
        ('{"sets": {"train": 3}}', "is no split"),
        ('{"sets": ', "JSON"),
    ],
)
def test_a_split_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(InputError) as error:
        read_split(tmp_path / "split.json")
    assert message in str(error.value)
    with pytest.raises(InputNotFoundError, match="data split"):
        read_split(tmp_path / "no.json")


# --- lists for configs ---


@pytest.mark.parametrize("section", ["train", "held_out"])
def test_the_split_of_the_hippocampus_bundle(hippocampus: Path, section: str) -> None:
    with importable(ROOT / "bundles" / "hippocampus_segmentation"):
        from scripts.data import decathlon_split

    theirs = decathlon_split(hippocampus, section)
    ours = datalist(hippocampus, section, split={"held_out": 40, "train": "rest", "seed": None})
    assert [{key: item[key] for key in ("image", "label")} for item in ours] == theirs
    assert ours[0]["subject"] == Path(theirs[0]["image"]).name.removesuffix(".nii.gz")


def test_a_config_names_its_table_in_two_lines(few: Path) -> None:
    parser = ConfigParser(
        {
            "train_datalist": {"_target_": "bundle_engine.data.datalist", "table": str(few), "section": "train"},
            "first": "$@train_datalist[0]['image']",
        }
    )
    assert parser.get_parsed_content("first") == str(few / "imagesTr" / f"{name('001')}.nii.gz")
    assert len(parser.get_parsed_content("train_datalist")) == 6


def test_a_list_by_a_file_with_a_split(few: Path) -> None:
    write_split(split_dataset(read_dataset(few), {"train": 4, "val": 2}), few / "split.json")
    sets = [[item["subject"] for item in datalist(few, section, split="split.json")] for section in ("train", "val")]
    assert sorted(sets[0] + sets[1]) == [name(number) for number in ("001", "003", "004", "006", "007", "008")]
    assert len(sets[1]) == 2
    assert len(datalist(few, split="split.json", limit=3)) == 3


def test_channels_and_columns(tmp_path: Path) -> None:
    rows = [f"{who},{who}_{what}.nii,{what},{age}" for who, age in (("b", 2), ("a", 1)) for what in ("t1", "t2", "seg")]
    (tmp_path / "dataset.csv").write_text("subject,filePath,channel,age\n" + "\n".join(rows))
    first = datalist(tmp_path, check_files=False)[0]
    assert first == {
        "t1": str(tmp_path / "a_t1.nii"), "t2": str(tmp_path / "a_t2.nii"), "seg": str(tmp_path / "a_seg.nii"),
        "subject": "a", "age": "1",
    }  # fmt: skip
    first = datalist(tmp_path, channels={"image": ["t2", "t1"], "label": "seg"}, columns=[], check_files=False)[0]
    assert first == {
        "image": [str(tmp_path / "a_t2.nii"), str(tmp_path / "a_t1.nii")], "label": str(tmp_path / "a_seg.nii"),
        "subject": "a",
    }  # fmt: skip
    write_json(tmp_path, {"training": [{"image": ["x.nii", "y.nii"], "label": "l.nii"}]})
    (item,) = datalist(tmp_path / "dataset.json", "training", check_files=False)
    assert item["image"] == [str(tmp_path / "x.nii"), str(tmp_path / "y.nii")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"section": "test"}, "has no subjects in the set 'test'"),
        ({"channels": ["image", "lable"]}, "no channel 'lable'"),
        ({"columns": ["age"]}, "nothing in the column 'age'"),
        ({"split": {"val": 7}}, "7 subjects are asked for"),
        ({"split": {"val": ["nobody"]}}, "'nobody'"),
        ({"split": "no.json"}, "there is no file"),
    ],
)
def test_a_list_that_cannot_be_made(few: Path, arguments: dict, message: str) -> None:
    with pytest.raises(BundleEngineError) as error:
        datalist(few, **arguments)
    assert message in str(error.value)


def test_mistakes_stop_before_a_training_starts(few: Path) -> None:
    (few / label("004")).unlink()
    with pytest.raises(FileNotFoundError) as error:
        datalist(few)
    assert "data check" in str(error.value)
    assert error.value.place.line == 21
    content = json.loads((few / "dataset.json").read_text())
    content["test"] = [{"image": image("001")}]
    write_json(few, content)
    with pytest.raises(InputError, match="is in the set 'test'"):
        datalist(few)


def test_a_split_of_another_table(few: Path, tmp_path: Path) -> None:
    write_split(split_dataset(made(10), {"train": 0.5, "val": 0.5}), tmp_path / "split.json")
    with pytest.raises(UsageError, match="which is not in"):
        datalist(few, "train", split=tmp_path / "split.json")


def test_a_misspelt_argument_is_found_without_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bundle_engine.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(
        "a: {_target_: bundle_engine.data.datalist, table: x, sectoin: train}\n"
        "d: {_target_: bundle_engine.data.CachedDataset, data: '@a', cach_dir: x}\nrun:\n- $len(@d)\n"
    )
    assert main(["check", "c.yaml"]) == 1
    out = capsys.readouterr().out
    assert "takes no argument 'sectoin'" in out
    assert "takes no argument 'cach_dir'" in out
