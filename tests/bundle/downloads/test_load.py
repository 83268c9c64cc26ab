"""Load the network of a bundle with its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from bundle_engine.bundle.load import load
from bundle_engine.bundle.origin import BundleOrigin, read_origin, write_origin
from bundle_engine.errors import BundleEngineWarning, InputError, InputNotFoundError, PolicyError, UsageError
from tests.network.server import File, Server, zipped

NETWORK = {
    "_target_": "monai.networks.nets.BasicUNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": "@classes",
    "features": [2, 2, 2, 2, 2, 2],
}
CONFIG = {
    "imports": ["$import os"],
    "classes": 3,
    "network_def": NETWORK,
    "dataset": {"_target_": "no.such.thing"},
    "initialize": ["$open('initialized', 'w').close()"],
    "run": ["$print('run')"],
}


def network(classes: int = 3, seed: int = 7) -> torch.nn.Module:
    from monai.networks.nets import BasicUNet

    torch.manual_seed(seed)
    return BasicUNet(spatial_dims=2, in_channels=1, out_channels=classes, features=(2, 2, 2, 2, 2, 2))


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a bundle with weights; the working directory is another."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def write(
        config: Any = CONFIG,
        name: str = "train.json",
        weights: Any = None,
        file: str = "model.pt",
        bundle: str = "unet",
    ) -> Path:
        root = tmp_path / "bundles" / bundle
        (root / "configs").mkdir(parents=True)
        (root / "models").mkdir()
        (root / "configs/metadata.json").write_text(json.dumps({"version": "0.1.0"}))
        text = json.dumps(config) if name.endswith(".json") else yaml.safe_dump(config)
        (root / "configs" / name).write_text(text)
        torch.save(network().state_dict() if weights is None else weights, root / "models" / file)
        return root

    return write


@pytest.fixture
def get(tmp_path: Path) -> Any:
    def call(**options: Any) -> Any:
        return load("unet", **{"bundle_dir": tmp_path / "bundles", "device": "cpu", "progress": False, **options})

    return call


def same(loaded: torch.nn.Module, expected: torch.nn.Module) -> bool:
    ours, theirs = loaded.state_dict(), expected.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("train.json", "train"),
        ("train.yaml", "train"),
        ("train.yml", "training"),
        ("inference.json", "infer"),
        ("infer.yaml", "inference"),
        ("evaluate.yaml", "eval"),
    ],
)
def test_a_network_with_its_weights(get, make, tmp_path, name, kind):
    make(name=name)
    assert same(get(workflow_type=kind), network())
    assert list((tmp_path / "work").iterdir()) == []  # no step was taken


def test_it_is_the_one_that_monai_loads(get, make, tmp_path):
    from monai.bundle import load as of_monai

    make({**CONFIG, "initialize": [], "dataset": None})
    theirs = of_monai("unet", bundle_dir=tmp_path / "bundles", source="github", device="cpu")
    assert same(get(), theirs)


@pytest.mark.parametrize("weights", ["safetensors", "state_dict", "of-several"])
def test_weights_of_each_kind(get, make, weights):
    state = network().state_dict()
    if weights == "safetensors":
        from safetensors.torch import save_file

        root = make()
        (root / "models/model.pt").unlink()
        save_file(state, root / "models/model.safetensors")
        assert same(get(), network())
    elif weights == "state_dict":
        make(weights={"epoch": 3, "model": state})
        assert same(get(), network())
    else:
        make(weights={"best": state, "last": network(seed=8).state_dict()})
        with pytest.raises(InputError, match="has weights under several keys: best, last"):
            get()
        assert same(get(key_in_ckpt="best"), network())


def test_weights_from_another_file(get, make):
    make(file="last.pt")
    assert same(get(model_file="models/last.pt"), network())
    with pytest.raises(InputNotFoundError, match=r"has no file 'models/model.pt'\n  help: it has models/last.pt"):
        get()


def test_into_a_network_of_the_caller(get, make):
    (make() / "configs/train.json").unlink()
    mine = network(seed=9)
    assert get(model=mine) is mine
    assert same(mine, network())


def test_the_weights_alone(get, make):
    make()
    weights = get(return_state_dict=True)
    assert weights.keys() == network().state_dict().keys()


@pytest.mark.parametrize(
    ("config", "name", "message"),
    [
        (CONFIG, "other.json", "Cannot find the config file: .*train.json .or .yaml., return state dict instead"),
        ({"a": 1}, "train.json", "No available network definition in the bundle, return state dict instead"),
    ],
)
def test_without_a_network_the_weights_are_given(get, make, config, name, message):
    make(config, name)
    with pytest.warns(BundleEngineWarning, match=message):
        weights = get()
    assert weights.keys() == network().state_dict().keys()


def test_weights_that_do_not_fit(get, make):
    make(weights=network(classes=5).state_dict())
    with pytest.raises(InputError, match=r"do not fit the network BasicUNet") as caught:
        get()
    assert "final_conv.weight has the shape (5, 2, 1, 1), and the network (3, 2, 1, 1)" in caught.value.notes
    assert (caught.value.hint or "").endswith("copy_model_args={} takes over what fits")
    loaded = get(copy_model_args={})
    assert torch.equal(
        loaded.state_dict()["conv_0.conv_0.conv.bias"], network(5).state_dict()["conv_0.conv_0.conv.bias"]
    )


def test_changes_to_the_network(get, make):
    make(weights=network(classes=5).state_dict())
    assert same(get(net_override={"out_channels": 5}), network(classes=5))


def test_a_network_by_its_name(get, make):
    make({"a": 1})
    arguments = {key: value for key, value in NETWORK.items() if key != "_target_"} | {"out_channels": 3}
    assert same(get(net_name="BasicUNet", net_override=arguments), network())


def test_the_workflow_itself(get, make, tmp_path):
    make()
    workflow = get(return_workflow=True)
    assert same(workflow.network_def, network())
    assert (tmp_path / "work" / "initialized").exists()
    with pytest.raises(UsageError, match="return_workflow gives the workflow of the bundle itself"):
        get(return_workflow=True, return_state_dict=True)


def test_a_torchscript_program(get, make):
    root = make()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), root / "models/model.ts", _extra_files={"extra.json": "{}"})
    program, metadata, extra = get(load_ts_module=True, config_files=("extra.json",))
    assert program(torch.zeros(1, 2)).shape == (1, 1)
    assert (metadata, extra) == ({}, {"extra.json": b"{}"})
    (root / "models/model.ts").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(InputError, match="cannot be loaded as TorchScript"):
        get(load_ts_module=True)


def test_a_torchscript_program_as_monai_writes_it(get, make):
    from monai.data import load_net_with_metadata, save_net_with_metadata

    path = make() / "models/model.ts"
    save_net_with_metadata(torch.jit.script(torch.nn.Linear(2, 1)), str(path), meta_values={"version": "0.1.0"})
    _, metadata, extra = get(load_ts_module=True)
    assert (metadata, extra) == load_net_with_metadata(str(path))[1:]
    assert metadata["version"] == "0.1.0"


def test_a_pickle_is_not_run(get, make, tmp_path):
    import os

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    make(weights={"model": network().state_dict(), "more": Evil()})
    with pytest.raises(InputError, match="is not read, because reading it could run code"):
        get()
    assert not (tmp_path / "pwned").exists()


# bundles from elsewhere


EVIL = {**CONFIG, "classes": "$__import__('os').system('touch pwned') or 3"}


def test_a_bundle_from_elsewhere_is_loaded_safely(get, make, tmp_path):
    write_origin(make(), BundleOrigin("github", "https://example.org/unet.zip"))
    assert same(get(), network())


def test_code_of_a_bundle_from_elsewhere_is_not_run(get, make, tmp_path):
    write_origin(make(EVIL), BundleOrigin("github", "https://example.org/unet.zip"))
    with pytest.raises(PolicyError):
        get()
    with pytest.raises(PolicyError, match="nobody has approved it"):
        get(trust="full")
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    "options", [{"return_workflow": True}, {"workflow_name": "scripts.mine.Workflow"}, {"load_ts_module": True}]
)
def test_what_needs_full_trust(get, make, tmp_path, options):
    root = make()
    (root / "models/model.ts").write_bytes(b"")
    write_origin(root, BundleOrigin("github", "https://example.org/unet.zip"))
    with pytest.raises(PolicyError):
        get(**options)
    assert list((tmp_path / "work").iterdir()) == []


def test_an_approved_bundle_runs(get, make, monkeypatch, tmp_path):
    from bundle_engine.bundle import trust

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    root = make({**CONFIG, "classes": "$os.getpid() * 0 + 3"})
    write_origin(root, BundleOrigin("github", "https://example.org/unet.zip"))
    with pytest.raises(PolicyError):
        get()
    trust.approve(root)
    assert same(get(), network())


def test_levels_of_trust(get, make):
    root = make(EVIL)
    with pytest.raises(PolicyError):
        get(trust="safe")
    with pytest.raises(UsageError, match="no network can be built at the level of trust 'data'"):
        get(trust="data")
    with pytest.raises(UsageError):
        get(trust="much")
    (root / "models/model.ts").write_bytes(b"")
    with pytest.raises(PolicyError, match="a TorchScript program is code, which needs full trust, not 'safe'"):
        get(load_ts_module=True, trust="safe")


# what is not there is downloaded


def packed(root: Path, *, without: str = "", more: dict[str, str] | None = None) -> bytes:
    files = {path.relative_to(root.parent).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return zipped({name: each for name, each in files.items() if not without or without not in name} | (more or {}))  # type: ignore[arg-type]


def test_a_bundle_that_is_not_there_is_downloaded(get, make, server: Server, tmp_path, monkeypatch):
    monkeypatch.setenv("BUNDLE_ENGINE_GITHUB_URL", server.url)
    server.give("/me/zoo/releases/download/v1/unet_v0.1.0.zip", packed(make()))
    options = {"bundle_dir": tmp_path / "new", "source": "github", "repo": "me/zoo/v1", "version": "0.1.0"}
    assert same(get(**options), network())
    origin = read_origin(tmp_path / "new" / "unet")
    assert origin is not None
    assert origin.source == "github"
    assert same(get(**options), network())
    assert len(server.asked) == 1


def test_weights_that_are_large_files_are_downloaded(get, make, server: Server, monkeypatch, tmp_path):
    root = make()
    monkeypatch.setenv("BUNDLE_ENGINE_GITHUB_URL", server.url)
    rows = [{"path": f"models/{name}", "url": f"{server.url}/{name}"} for name in ("model.pt", "atlas.zip")]
    more = {"unet/large_files.yml": json.dumps({"large_files": rows})}
    server.give("/me/zoo/releases/download/v1/unet_v0.1.0.zip", packed(root, without="model.pt", more=more))
    server.give("/model.pt", File((root / "models/model.pt").read_bytes()))
    loaded = get(bundle_dir=tmp_path / "new", source="github", repo="me/zoo/v1", version="0.1.0")
    assert same(loaded, network())
    assert server.paths[1:] == ["/model.pt"]


@pytest.mark.parametrize("name", ["../unet", "", "/etc", "a/b"])
def test_names_that_lead_elsewhere(tmp_path, name):
    with pytest.raises(UsageError, match="is no name of a bundle"):
        load(name, bundle_dir=tmp_path)
