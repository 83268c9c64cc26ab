"""Preprocessing that is kept gives the same as preprocessing that is not, bit for bit, and nothing old is used."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import (
    Compose,
    CropForegroundd,
    DivisiblePadd,
    Invertd,
    Lambda,
    Lambdad,
    LoadImaged,
    MapTransform,
    Orientationd,
    SaveImaged,
    Spacingd,
    SpatialPadd,
    ToNumpyd,
)

from bundle_engine.config import ConfigParser
from bundle_engine.data import CachedDataset, datalist
from bundle_engine.data.digests import FileDigests
from bundle_engine.errors import BundleEngineWarning
from tests.conftest import ROOT
from tests.data.conftest import image, name
from tests.data.preprocessing import KEYS, pipeline, randoms, results, same


@pytest.mark.parametrize("track_meta", [True, False])
@pytest.mark.parametrize("runtime", [True, False])
def test_the_same_bit_for_bit(items: list[Any], kept: Path, runtime: bool, track_meta: bool) -> None:
    plain = Dataset(items, pipeline(*randoms(), track_meta=track_meta))
    wanted = [plain[number] for number in (0, 1, 2, 0)]
    for round in range(3):
        dataset = CachedDataset(
            items, pipeline(*randoms(), track_meta=track_meta), cache_dir=kept, runtime_cache=runtime, num_workers=2
        )
        for expected, number in zip(wanted, (0, 1, 2, 0), strict=True):
            same(dataset[number], pickle.loads(pickle.dumps(expected)), f"{round}: {number}")
    assert len(results(kept)) == (3 if runtime else 6)


def test_transforms_are_undone(items: list[Any], kept: Path) -> None:
    def undone(dataset: Any, transform: Compose) -> Any:
        item = dict(dataset[0])
        item["pred"] = item["image"].clone()
        return Invertd(keys="pred", transform=transform, orig_keys="image", nearest_interp=False)(item)["pred"]

    def short() -> Compose:
        keys = ["image", "label"]
        return Compose(
            [
                LoadImaged(keys=keys, ensure_channel_first=True),
                Orientationd(keys=keys, axcodes="LPS", labels=None),
                Spacingd(keys=keys, pixdim=[1.3, 1, 1]),
                DivisiblePadd(keys="image", k=8),
            ]
        )

    pipelines = [short() for _ in range(3)]
    datasets = [Dataset(items, pipelines[0]), *(CachedDataset(items, each, cache_dir=kept) for each in pipelines[1:])]
    wanted, *others = [undone(dataset, transform) for dataset, transform in zip(datasets, pipelines, strict=True)]
    assert wanted.shape[1:] == nib.load(items[0]["image"]).shape
    for other in others:
        assert torch.equal(wanted.as_tensor(), other.as_tensor())
        assert torch.equal(wanted.affine, other.affine)


def test_what_is_changed_in_place_stays_as_it_was_kept(items: list[Any], kept: Path) -> None:
    dataset = CachedDataset(items, pipeline(), cache_dir=kept)
    before = dataset[0]["image"].clone()
    dataset[0]["image"].fill_(5)
    dataset[0]["image"].meta["note"] = "changed"
    assert torch.equal(dataset[0]["image"].as_tensor(), before.as_tensor())
    assert "note" not in dataset[0]["image"].meta


def test_workers_and_pickles(items: list[Any], kept: Path) -> None:
    dataset = CachedDataset(items, pipeline(), cache_dir=kept, runtime_cache=True)
    wanted = [dataset[number]["image"].as_tensor().clone() for number in range(len(items))]
    again = pickle.loads(pickle.dumps(dataset))
    assert all(torch.equal(again[number]["image"].as_tensor(), each) for number, each in enumerate(wanted))
    loader = DataLoader(dataset, batch_size=2, num_workers=2)
    seen = torch.cat([batch["image"].as_tensor() for batch in loader])
    assert torch.equal(seen, torch.stack(wanted))


class Shift(MapTransform):
    """A transform of a test."""

    def __init__(self, keys: Any, by: Any) -> None:
        super().__init__(keys)
        self.by = by

    def __call__(self, data: Any) -> Any:
        by = self.by(1) if callable(self.by) else self.by
        return {**data, **{key: data[key] + by for key in self.key_iterator(data)}}


def keys_of(items: list[Any], kept: Path, *more: Any, **options: Any) -> str | None:
    return CachedDataset(items, pipeline(*more, **options), cache_dir=kept, runtime_cache=True).key(0)


def with_factor(factor: float) -> Callable[[Any], Any]:
    return lambda x: x * factor


def test_arguments_and_code_decide(items: list[Any], kept: Path) -> None:
    first = keys_of(items, kept)
    assert keys_of(items, kept) == first
    variants = {
        "argument": keys_of(items, kept, pixdim=1.4),
        "more": keys_of(items, kept, Shift("image", 1)),
        "other": keys_of(items, kept, Shift("image", 2)),
        "array": keys_of(items, kept, Shift("image", np.float32(2))),
        "tensor": keys_of(items, kept, Shift("image", torch.tensor(2))),
        "lambda": keys_of(items, kept, Lambdad("image", func=lambda x: x * 2)),
        "other lambda": keys_of(items, kept, Lambdad("image", func=lambda x: x * 3)),
        "closure": keys_of(items, kept, Lambdad("image", func=with_factor(4))),
        "other closure": keys_of(items, kept, Lambdad("image", func=with_factor(5))),
        "function": keys_of(items, kept, Lambdad("image", func=np.abs)),
        "other function": keys_of(items, kept, Lambdad("image", func=torch.abs)),
        "order": keys_of(items, kept, Shift("image", 1), Shift("image", 2)),
    }
    assert None not in variants.values()
    assert len({first, *variants.values()}) == len(variants) + 1
    assert keys_of(items, kept, Lambdad("image", func=with_factor(4))) == variants["closure"]
    assert keys_of(items, kept, *randoms()) == first  # what is random has no part in it


def test_a_file_that_changes_is_read_again(items: list[Any], few: Path, kept: Path) -> None:
    dataset = CachedDataset(items, pipeline(), cache_dir=kept)
    before = dataset[0]["image"].as_tensor().clone()
    path = few / image("001")
    stat = path.stat()
    loaded = nib.load(path)
    values = np.asarray(loaded.dataobj).copy()
    values[10:20] = values[10:20][::-1]
    nib.save(nib.Nifti1Image(values, loaded.affine), path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as some programs for copying do
    again = CachedDataset(items, pipeline(), cache_dir=kept)
    assert again.key(0) != dataset.key(0)
    assert again.key(1) == dataset.key(1)
    assert not torch.equal(again[0]["image"].as_tensor(), before)
    same(again[0], Dataset(items, pipeline())[0])


class Meanwhile(MapTransform):
    """Changes the file that it was made from, once."""

    def __call__(self, data: Any) -> Any:
        path = Path(data["image"].meta["filename_or_obj"])
        if name("003") in path.name:
            path.write_bytes(path.with_name(path.name.replace("003", "004")).read_bytes())
        return data


def test_a_file_that_changes_meanwhile_leaves_nothing_wrong(items: list[Any], kept: Path) -> None:
    compose = [LoadImaged(KEYS, ensure_channel_first=True), Meanwhile("image")]
    first = CachedDataset(items, compose, cache_dir=kept)
    assert len(results(kept)) == 5
    again = CachedDataset(items, compose, cache_dir=kept)
    assert len(results(kept)) == 6
    assert torch.equal(again[1]["image"].as_tensor(), first[2]["image"].as_tensor())


def test_digests_of_files_are_kept_once_a_file_has_settled(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    notes = tmp_path / "notes"
    digests = FileDigests(notes)
    fresh = digests.of_file(str(file))
    assert not list(notes.glob("*/*.json"))  # it was written just now
    old = time.time() - 60
    os.utime(file, (old, old))
    time.sleep(2.1)  # the time of the change of its times
    assert digests.of_file(str(file)) == fresh
    (note,) = notes.glob("*/*.json")
    content = json.loads(note.read_text())
    note.write_text(json.dumps({**content, "digest": "kept"}))
    assert digests.of_file(str(file)) == "kept"
    file.write_bytes(b"two")
    assert digests.of_file(str(file)) not in ("kept", fresh)
    note.write_text("{")
    assert len(digests.of_file(str(file))) == 40
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "a").write_text("a")
    whole = digests.content(str(tmp_path / "folder"))
    (tmp_path / "folder" / "inner" / "a").write_text("b")
    assert digests.content(str(tmp_path / "folder")) not in (None, whole)
    assert digests.content("nowhere") is None


def test_what_cannot_be_told_ends_the_part_that_is_kept(items: list[Any], kept: Path) -> None:
    with pytest.warns(BundleEngineWarning, match="'Shift' does cannot be told from its arguments.*only the first 6"):
        dataset = CachedDataset(
            items,
            pipeline(Shift("label", _Hidden())),
            cache_dir=kept,
        )
    same(dataset[0]["label"], dataset[0]["label"])
    assert len(results(kept)) == 6


class _Hidden:
    def __call__(self, number: int) -> int:
        return number

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("not to be seen")


@pytest.mark.parametrize(
    ("transforms", "length"),
    [
        ([SaveImaged("image", output_dir="out"), Shift("image", 1)], 1),
        ([lambda data: data, Shift("image", 1)], 1),
        ([Compose(randoms()), Shift("image", 1)], 1),
        ([Shift("image", 1), *randoms()], 2),
        ([], 1),
    ],
    ids=["effects", "no transform", "nested randoms", "randoms", "all"],
)
def test_where_the_part_that_is_kept_ends(items: list[Any], kept: Path, transforms: list[Any], length: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BundleEngineWarning)
        compose = Compose([LoadImaged(KEYS, ensure_channel_first=True), *transforms])
        dataset = CachedDataset(items, compose, cache_dir=kept, runtime_cache=True)
    assert dataset._head.length == length


def test_lazy_resampling_is_left_alone(items: list[Any], kept: Path) -> None:
    compose = [LoadImaged(KEYS, ensure_channel_first=True), Spacingd(KEYS, [1.2] * 3), SpatialPadd(KEYS, [64] * 3)]
    with pytest.warns(BundleEngineWarning, match="'Spacingd' is lazy; only the first 1"):
        dataset = CachedDataset(items, Compose(compose, lazy=True), cache_dir=kept)
    same(dataset[0], Dataset(items, Compose(compose, lazy=True))[0])


def test_results_that_cannot_be_kept(items: list[Any], kept: Path) -> None:
    with pytest.warns(BundleEngineWarning, match=r"holds a 'builtins\.function', which is not kept"):
        dataset = CachedDataset(items[:2], [Lambda(lambda item: {**item, "g": same})], cache_dir=kept)
    assert dataset[0]["g"] is same
    assert results(kept) == []


@pytest.mark.parametrize("transform", [None, LoadImaged(KEYS), [LoadImaged(KEYS), ToNumpyd(KEYS)]])
def test_other_kinds_of_transforms(items: list[Any], kept: Path, transform: Any) -> None:
    for _ in range(2):
        dataset = CachedDataset(items, transform, cache_dir=kept)
        same(dataset[-1], Dataset(items, transform)[-1])
    assert len(dataset) == 6
    assert len(dataset[1:3]) == 2


# --- other processes ---


def prepared(few: str, kept: str, code: str) -> list[Any]:
    """Prepare in a process of its own; give what was made, the keys, and a sum."""
    torch.set_num_threads(1)  # a forked process has none of the threads that OpenMP believes to have
    sys.path.insert(0, code)
    from scripts_of_a_test.steps import Step

    crop = CropForegroundd("image", "image", select_fn=lambda x: x > 3)
    compose = Compose([LoadImaged(KEYS, ensure_channel_first=True), crop, Step(["image"])])
    dataset = CachedDataset(datalist(few), compose, cache_dir=kept, runtime_cache=True)
    made = dataset.prepare(num_workers=2)
    return [made, [dataset.key(number) for number in range(6)], float(dataset[0]["image"].sum())]


def test_processes_share_and_code_that_changes_is_noticed(few: Path, kept: Path, tmp_path: Path) -> None:
    package = tmp_path / "code" / "scripts_of_a_test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "amount.py").write_text("AMOUNT = 1\n")
    (package / "steps.py").write_text(
        "from monai.transforms import MapTransform\nfrom scripts_of_a_test.amount import AMOUNT\n\n"
        "class Step(MapTransform):\n    def __call__(self, data):\n"
        "        return {**data, **{key: data[key] + AMOUNT for key in self.key_iterator(data)}}\n"
    )
    arguments = (str(few), str(kept), str(package.parent))

    def prepare(processes: int) -> list[Any]:
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
            return [each.result(120) for each in [pool.submit(prepared, *arguments) for _ in range(processes)]]

    both = prepare(2)
    assert both[0][1:] == both[1][1:]
    assert len(results(kept)) == 6
    code = f"import json\nfrom tests.data.test_cached import prepared\nprint(json.dumps(prepared(*{arguments!r})))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, *both[0][1:]], done.stderr
    (package / "amount.py").write_text("AMOUNT = 20\n")
    (changed,) = prepare(1)
    assert changed[0] == 6
    assert not set(changed[1]) & set(both[0][1])
    assert changed[2] > both[0][2]


def test_a_config_switches_from_the_dataset_of_monai(few: Path, kept: Path) -> None:
    config = {
        "data": {"_target_": "bundle_engine.data.datalist", "table": str(few)},
        "transform": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": KEYS, "ensure_channel_first": True},
                {"_target_": "CropForegroundd", "keys": KEYS, "source_key": "image", "select_fn": "$lambda x: x > 3"},
                {"_target_": "RandFlipd", "keys": KEYS, "prob": 0.5},
            ],
        },
        "dataset": {
            "_target_": "CacheDataset",
            "data": "@data",
            "transform": "@transform",
            "num_workers": 2,
            "progress": False,
        },
    }
    theirs = ConfigParser(config).get_parsed_content("dataset")
    config["dataset"] |= {"_target_": "bundle_engine.data.CachedDataset", "cache_dir": str(kept)}
    datasets = [ConfigParser(config).get_parsed_content("dataset") for _ in range(2)]
    assert datasets[0].key(0) == datasets[1].key(0)
    for dataset in (theirs, *datasets):
        dataset.transform.set_random_state(1)
    for number in range(6):
        wanted = theirs[number]
        for dataset in datasets:
            found = dataset[number]
            assert torch.equal(wanted["image"].as_tensor(), found["image"].as_tensor())
            assert (
                wanted["subject"]
                == found["subject"]
                == sorted(map(name, ("001", "003", "004", "006", "007", "008")))[number]
            )


def test_the_second_start_is_faster(tmp_path: Path) -> None:
    """A small form of tests/benchmarks/preprocessing_cache.py."""
    from tests.benchmarks.preprocessing_cache import first_iteration, write_volumes

    table = write_volumes(tmp_path / "volumes", count=4, shape=(128, 128, 48))
    first, second = (first_iteration(str(table), str(tmp_path / "kept"), 1) for _ in range(2))
    assert first / second > 3, f"{first:.2f} s, then {second:.2f} s"
