"""Reading and writing weights and checkpoints."""

from __future__ import annotations

import argparse
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.workflow import checkpoints
from bundle_engine.workflow.checkpoints import (
    load_weights,
    read_checkpoint,
    read_weights,
    state_dict_of,
    write_checkpoint,
    write_weights,
)
from bundle_engine.workflow.replacement import replacing

WEIGHTS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.tensor([1, 2])}


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def same(weights: dict[str, torch.Tensor]) -> bool:
    return weights.keys() == WEIGHTS.keys() and all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before-1.6"])
@pytest.mark.parametrize("name", ["a.pt", "a.anything"])
def test_what_torch_saves_is_read(tmp_path, name, old):
    torch.save({"model": WEIGHTS, "epoch": 3, "lr": [0.1]}, tmp_path / name, _use_new_zipfile_serialization=not old)
    checkpoint = read_checkpoint(tmp_path / name)
    assert (checkpoint["epoch"], checkpoint["lr"]) == (3, [0.1])
    assert same(read_weights(tmp_path / name))


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"], ids=["by-name", "by-content"])
def test_safetensors_are_written_and_read(tmp_path, name):
    write_weights(tmp_path / "a.safetensors", WEIGHTS)
    os.rename(tmp_path / "a.safetensors", tmp_path / name)
    assert same(read_checkpoint(tmp_path / name))
    assert os.listdir(tmp_path) == [name]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.pt", "other.ckpt"):
        write_checkpoint(tmp_path / name, {"epoch": 2, "model": WEIGHTS})
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "other.ckpt").read_bytes()


def test_a_checkpoint_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.pt"
    write_checkpoint(path, {"epoch": 1})
    write_checkpoint(path, {"epoch": 2, "model": WEIGHTS})
    assert read_checkpoint(path)["epoch"] == 2
    assert os.listdir(tmp_path) == ["a.pt"]
    assert path.stat().st_mode & 0o777 == (0o666 & ~_umask())


def test_a_link_to_a_checkpoint_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "a.pt"
    link.symlink_to(tmp_path / "disk" / "a.pt")
    write_checkpoint(link, {"epoch": 1})
    assert link.is_symlink()
    assert read_checkpoint(tmp_path / "disk" / "a.pt") == {"epoch": 1}


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.pt"
    write_checkpoint(path, {"epoch": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        write_checkpoint(path, {"epoch": 2, "model": WEIGHTS, "bad": lambda: None})
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_bytes(b"half" * (1 // len(str(temporary)[:0])))
    assert read_checkpoint(path) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["a.pt"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match=re.escape(f"there is no folder '{tmp_path / 'no'}'")):
        write_weights(tmp_path / "no" / "a.safetensors", WEIGHTS)
    with pytest.raises(UsageError, match="it is a folder"):
        write_checkpoint(tmp_path, {})


def test_tied_weights_and_views_are_written_under_every_name(tmp_path):
    big = torch.arange(12.0).reshape(3, 4)
    weights = {"a": big, "tied": big, "row": big[1], "turned": big.t(), "empty": torch.zeros(0, 3)}
    assert write_weights(tmp_path / "a.safetensors", weights) == ["tied", "row", "turned"]
    read = read_checkpoint(tmp_path / "a.safetensors")
    assert read.keys() == weights.keys()
    assert all(torch.equal(read[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.eye(2).to_sparse(), "'w' is of layout sparse_coo"),
        (3, "'w' is a int"),
    ],
    ids=["sparse", "number"],
)
def test_what_safetensors_cannot_hold_is_named(tmp_path, value, said):
    with pytest.raises(InputError, match=said):
        write_weights(tmp_path / "a.safetensors", {"w": value})
    assert os.listdir(tmp_path) == []


# --- files that are refused ---


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before-1.6"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, old):
    made = tmp_path / "made"
    torch.save({"model": WEIGHTS, "x": Malicious(made)}, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
    with pytest.raises(InputError) as caught:
        read_checkpoint(tmp_path / "a.pt")
    assert "could run code: its pickle asks for posix.mkdir" in caught.value.message.replace("nt.mkdir", "posix.mkdir")
    assert f"weights convert {tmp_path / 'a.pt'} {tmp_path / 'a.safetensors'} --unsafe_load" in caught.value.hint
    assert not made.exists()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_plain_pickle_is_refused_and_not_run(tmp_path, protocol):
    made = tmp_path / "made"
    (tmp_path / "a.pt").write_bytes(pickle.dumps({"x": Malicious(made)}, protocol))
    with pytest.raises(InputError, match=r"it is a pickle that torch.save did not write; its pickle asks for .*mkdir"):
        read_checkpoint(tmp_path / "a.pt")
    assert not made.exists()


def test_all_classes_that_a_file_asks_for_are_named(tmp_path):
    torch.save({"model": WEIGHTS, "args": argparse.Namespace(lr=1), "path": Path("x")}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"asks for argparse.Namespace, pathlib.(Posix|Windows)Path") as caught:
        read_checkpoint(tmp_path / "a.pt")
    assert "OrderedDict" not in str(caught.value)


def test_programs_are_no_checkpoints(tmp_path):
    module = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    torch.jit.save(module, tmp_path / "a.ts")
    with pytest.raises(InputError, match="it is a TorchScript program") as caught:
        read_checkpoint(tmp_path / "a.ts")
    assert "--unsafe_load" in caught.value.hint
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),)), tmp_path / "a.pt2")
    with pytest.raises(InputError, match=r"a program that torch\.export wrote"):
        read_checkpoint(tmp_path / "a.pt2")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "holds a web page"),
        (b"\n <html>", "holds a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS"),
        (b'{"error": "not found"}', """begins with '{"error": "not found"}'"""),
        (b"\x89HDF\r\n\x1a\n....", "an HDF5 file"),
        (b"\x00\x01\x02\x03", "begins with the bytes 00 01 02 03"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "is damaged or cut off"),
        (b"PK\x03\x04 and no more", "the table at the end of the archive is missing"),
    ],
    ids=["empty", "html", "html-later", "lfs", "json", "hdf5", "bytes", "old-cut", "zip-cut"],
)
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_what_is_no_checkpoint_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_checkpoint(tmp_path / name)
    assert str(tmp_path / name) in caught.value.message
    assert said in caught.value.message or (name == "a.safetensors" and "safetensors file" in caught.value.message)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before-1.6"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_named(tmp_path, part, old):
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(1000)}, path, _use_new_zipfile_serialization=not old)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match="is damaged or cut off"):
        read_checkpoint(path)


@pytest.mark.parametrize("left", [4, 20, 100, 4000])
def test_safetensors_that_are_cut_off_are_named(tmp_path, left):
    path = tmp_path / "a.safetensors"
    write_weights(path, {"w": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match=r"cut off: it has .* bytes, and should have|damaged"):
        read_checkpoint(path)


def test_other_archives_and_folders_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("bundle/models/model.pt", "x")
    with pytest.raises(InputError, match=r"not of weights; it holds bundle/models/model\.pt"):
        read_checkpoint(tmp_path / "a.pt")
    with pytest.raises(InputError, match="is a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputNotFoundError, match=r"did you mean '.*a.pt'"):
        read_checkpoint(tmp_path / "b.pt")
    torch.save(torch.ones(2), tmp_path / "c.pt")
    with pytest.raises(InputError, match="expected is a mapping with weights, and it is a Tensor"):
        read_checkpoint(tmp_path / "c.pt")


# --- the weights in a checkpoint ---


@pytest.mark.parametrize(
    ("checkpoint", "key"),
    [
        (WEIGHTS, None),
        (OrderedDict(WEIGHTS), ""),
        ({"model": WEIGHTS}, None),
        ({"state_dict": WEIGHTS, "epoch": 1}, None),
        ({"network": WEIGHTS, "optimizer": {"state": {0: WEIGHTS}, "param_groups": []}}, None),
        ({"anything": WEIGHTS, "epoch": 1}, None),
        ({"model": WEIGHTS, "anything": {"x": torch.ones(1)}}, None),
        ({"model": {"x": torch.ones(1)}, "network": WEIGHTS}, "network"),
        ({f"module.{name}": value for name, value in WEIGHTS.items()}, None),
        ({"model": {f"_orig_mod.module.{name}": value for name, value in WEIGHTS.items()}}, None),
    ],
    ids="plain plain-empty-key model state_dict network-and-optimizer only-one customary key ddp compiled".split(),
)
def test_weights_are_found(checkpoint, key):
    assert same(state_dict_of(checkpoint, key))


@pytest.mark.parametrize(
    ("checkpoint", "key", "said"),
    [
        ({"epoch": 1}, None, "there are no weights in the checkpoint: it holds epoch"),
        ({}, None, "it holds nothing"),
        ({"model": WEIGHTS, "network": WEIGHTS}, None, "several keys: model, network"),
        ({"a": WEIGHTS, "b": WEIGHTS}, None, "several keys: a, b"),
        ({"model": WEIGHTS}, "modle", "has no key 'modle'\n  help: did you mean 'model'?"),
        ({"model": WEIGHTS, "epoch": 1}, "epoch", "no weights, but a int\n  help: there are weights at model"),
    ],
)
def test_weights_that_are_not_found_are_an_error(checkpoint, key, said):
    with pytest.raises(InputError) as caught:
        state_dict_of(checkpoint, key)
    assert said in str(caught.value)


def test_weights_are_put_into_a_network(tmp_path):
    network, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    torch.save({"model": {f"module.{n}": v for n, v in network.state_dict().items()}}, tmp_path / "a.pt")
    load_weights(other, read_weights(tmp_path / "a.pt"))
    assert torch.equal(network.weight, other.weight)


def test_weights_that_do_not_fit_are_all_named():
    with pytest.raises(InputError) as caught:
        load_weights(torch.nn.Linear(3, 2), {"weight": torch.ones(2, 4), "biass": torch.ones(2)}, source="'a.pt'")
    assert caught.value.message == "the weights of 'a.pt' do not fit the network Linear"
    assert caught.value.notes == (
        "missing: bias (2,)",
        "weight has the shape (2, 4), and the network (2, 3)",
        "unexpected: biass (2,), near bias",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_public_names():
    assert all(hasattr(checkpoints, name) for name in checkpoints.__all__)
