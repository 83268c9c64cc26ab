"""The folder of preprocessing that is kept: how values are stored in it, its size, and what is damaged in it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import Dataset

from bundle_engine.data import CachedDataset
from bundle_engine.data.encoding import Operators, decode, encode
from bundle_engine.data.store import Store, read_size
from bundle_engine.errors import BundleEngineWarning, UsageError
from tests.data.preprocessing import pipeline, results, same

VALUES = {
    "plain": {"a": [1, 2.5, None, True, "x", (1, (2,)), {3, 4}, float("inf")], 5: {"$": 1}},
    "arrays": {"f": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)), "e": np.zeros((0, 3)), "z": np.array(3.0),
               "i": np.int64(4), "b": np.bool_(True), "s": np.array(["ab", "c"]), "t": np.str_("x"), "u": np.arange(3, dtype=np.uint16)},
    "views": {"n": np.arange(10)[::-2], "b": np.broadcast_to(np.arange(3), (2, 3))},
    "tensors": {"p": torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1), "h": torch.ones(2, dtype=torch.float16),
                "b": torch.tensor([True]), "z": torch.tensor(1)},
    "kinds": {"d": torch.float32, "n": np.dtype("<f4"), "t": np.float64, "v": torch.device("cpu"), "p": Path("a/b"), "s": slice(1, None), "z": torch.Size([1, 2])},
}  # fmt: skip


@pytest.mark.parametrize("what", VALUES)
def test_values_come_back_as_they_were(tmp_path: Path, what: str) -> None:
    store = Store(tmp_path, "1GB")
    assert store.put("00key", *encode(VALUES[what], Operators([])))
    again = decode(*store.get("00key"), Operators([]))
    if what == "views":  # gaps are closed
        assert all(np.array_equal(again[key], value) for key, value in VALUES[what].items())
    else:
        same(again, VALUES[what])


def test_the_same_object_stays_one() -> None:
    tensor = torch.ones(3)
    one = decode(*encode({"a": tensor, "b": [tensor]}, Operators([])), Operators([]))
    assert one["a"] is one["b"][0]


# --- the folder ---


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    size = 100_000
    store = Store(tmp_path, 10 * size + 20_000)
    for number in range(10):
        assert store.put(f"{number:02}", {}, {"t0": torch.zeros(size, dtype=torch.uint8)})
        os.utime(store._path(f"{number:02}"), (number, number))
    assert not Store(tmp_path, 50).put("xx", {}, {"t0": torch.zeros(60, dtype=torch.uint8)})
    later = Store(tmp_path, 10 * size + 20_000)
    assert later.get("00") is not None  # it is used, and stays
    assert later.put("10", {}, {"t0": torch.zeros(size * 2, dtype=torch.uint8)})
    assert [number for number in range(11) if later.has(f"{number:02}")] == [0, 3, 4, 5, 6, 7, 8, 9, 10]
    assert later.usage().size <= later.limit
    assert later.clear().entries == 9
    assert later.usage().entries == 0


def test_a_full_cache_does_not_turn_over(items: list[Any], kept: Path) -> None:
    first = CachedDataset(items, pipeline(), cache_dir=kept)
    size = sum(path.stat().st_size for path in results(kept)[:3])
    first._store.clear()
    with pytest.warns(BundleEngineWarning, match="is full: not all of this data is kept"):
        dataset = CachedDataset(items, pipeline(), cache_dir=kept, size_limit=size + 1000)
    assert len(results(kept)) == 3
    for number in range(6):
        same(dataset[number], Dataset(items, pipeline())[number])
    assert len(results(kept)) == 3


def test_damaged_and_abandoned_files(items: list[Any], kept: Path) -> None:
    dataset = CachedDataset(items, pipeline(), cache_dir=kept)
    wanted = pickle.loads(pickle.dumps(dataset[0]))
    path = dataset._store._path(dataset.key(0))
    for content in (b"", b"nonsense" * 100, path.read_bytes()[:-100]):
        path.write_bytes(content)
        same(dataset[0], wanted)
        assert path.stat().st_size > 1000
    left = path.with_name(".half.tmp")
    left.write_bytes(b"half")
    Store(kept)
    assert left.exists()
    os.utime(left, (1, 1))
    Store(kept)
    assert not left.exists()


def test_the_folder_and_its_size_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_ENGINE_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("BUNDLE_ENGINE_CACHE_LIMIT", "2.5 GB")
    assert (Store().folder, Store().limit) == (tmp_path / "here", 2_500_000_000)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BUNDLE_ENGINE_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot make the folder"):
        Store()
    with pytest.raises(UsageError, match="is no size"):
        read_size("much")


def test_cache_num_and_rate(items: list[Any], kept: Path) -> None:
    CachedDataset(items, pipeline(), cache_num=2, cache_dir=kept)
    assert len(results(kept)) == 2
    dataset = CachedDataset(items, pipeline(), cache_rate=0.5, cache_dir=kept)
    assert len(results(kept)) == 3
    same(dataset[5], Dataset(items, pipeline())[5])
    with pytest.raises(UsageError, match="from 0 to 1"):
        CachedDataset(items, pipeline(), cache_rate=2, cache_dir=kept)
