"""`ckpt_export`: TorchScript files that compute the same, with the configs inside."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
import torch
from monai.data import load_net_with_metadata

from bundle_engine.bundle.origin import BundleOrigin, write_origin
from bundle_engine.bundle.trust import approve
from bundle_engine.errors import ExportError, InputError, UsageError
from bundle_engine.export.torchscript import ckpt_export
from bundle_engine.resources import packaged_bundle


def test_monai_reads_the_file_with_its_configs(bundle):
    made = bundle("unet")
    done = ckpt_export(bundle=made.root)
    assert (done.path, done.made_by) == (made.root / "models" / "model.ts", "torch.jit.script")
    assert done.checkpoint == made.root / "models" / "model.pt"
    assert (done.comparison.max_abs, done.comparison.draws) == (0, 4)
    assert done.comparison.shapes == ("2x1x16x24", "1x1x24x32", "1x1x16x24")
    program, metadata, extra = load_net_with_metadata(str(done.path), more_extra_files=("inference.json",))
    assert metadata == json.loads((made.root / "configs" / "metadata.json").read_text())
    assert json.loads(extra["inference.json"]) == json.loads((made.root / "configs" / "inference.json").read_text())
    x = torch.rand(3, 1, 40, 8)
    with torch.no_grad():
        assert torch.equal(program(x), made.network(x))


@pytest.mark.parametrize("use_trace", [False, True], ids=["script", "trace"])
@pytest.mark.parametrize("name", ["densenet", "two-inputs"])
def test_networks_compute_the_same(bundle, name, use_trace):
    made = bundle(name)
    done = ckpt_export(bundle=made.root, use_trace=use_trace, filepath="exported")
    assert done.path.name == "exported.ts"
    assert done.made_by == ("torch.jit.trace" if use_trace else "torch.jit.script")
    assert done.comparison.max_rel < 1e-6
    program = torch.jit.load("exported.ts")
    image, other = torch.rand(1, 1, 48, 56), torch.rand(1, 2, 48, 56)
    inputs = (image,) if name == "densenet" else (image, torch.tensor([4]), other)
    with torch.no_grad():
        torch.testing.assert_close(program(*inputs), made.network(*inputs))


def test_all_outputs_of_a_mapping_are_compared(bundle):
    made = bundle("dict-output")
    done = ckpt_export(bundle=made.root)
    assert done.comparison.outputs == ("features", "logits")
    assert torch.jit.load(done.path)(torch.rand(1, 1, 8, 8)).keys() == {"features", "logits"}


def test_what_cannot_be_scripted_is_traced_with_a_note(bundle):
    made = bundle("unet")
    code = made.root / "scripts" / "networks.py"
    code.write_text(
        code.read_text() + "\nclass Odd(DictOutput):\n    def forward(self, *x):\n        return self.conv(*x)\n"
    )
    config = made.root / "configs" / "inference.json"
    config.write_text(json.dumps({"network_def": {"_target_": "scripts.networks.Odd"}}))
    done = ckpt_export(bundle=made.root, initial_weights=True)
    assert done.made_by == "torch.jit.trace"
    assert done.notes == (
        "torch.jit.script cannot export the network, so it was traced: what depends on values is fixed",
    )
    with pytest.raises(
        ExportError, match=r"torch\.jit\.script cannot export the network: Compiled functions can't take"
    ):
        ckpt_export(bundle=made.root, initial_weights=True, use_trace=False)


def test_a_program_with_decisions_is_scripted(bundle):
    made = bundle("deciding")
    done = ckpt_export(bundle=made.root)
    assert done.made_by == "torch.jit.script"
    assert done.comparison.max_abs == 0


def test_a_trace_that_lost_a_decision_is_refused(cli, bundle):
    made = bundle("deciding")
    (made.root / "models" / "model.ts").write_bytes(b"the one before")
    code, out, err = cli("ckpt_export", "--bundle", made.root, "--use_trace")
    assert (code, out) == (1, "")
    assert err.startswith(
        "error: the exported file computes something else than the network: the output 'output' differs by "
    )
    assert made.models == ["model.pt", "model.ts"]
    assert (made.root / "models" / "model.ts").read_bytes() == b"the one before"


def test_a_network_that_draws_random_numbers_is_refused(cli, bundle):
    made = bundle("dropping")
    code, out, err = cli("ckpt_export", "--bundle", made.root)
    assert (code, out) == (1, "")
    assert "the network gives another output each time for the same input, also after eval()" in err
    assert made.models == ["model.pt"]


def test_a_network_for_one_size_is_told(bundle):
    made = bundle("one-size")
    done = ckpt_export(bundle=made.root)
    assert done.comparison.shapes == ("2x1x16x16", "1x1x16x16")


def test_the_hippocampus_bundle_with_its_checkpoint(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "bundle"
    shutil.copytree(packaged_bundle("hippocampus_segmentation"), root)
    smaller = ["--network_def::filters", "[4,8,8,8]"]
    code, out, err = cli("ckpt_export", "--bundle", root, *smaller)
    assert (code, out) == (2, "")
    assert "there is no checkpoint with weights for the network\n" in err
    assert "not there: outputs/hippocampus_segmentation/models/model.pt" in err
    assert "--initial_weights exports the network untrained" in err
    assert not (root / "models").exists()
    code, out, err = cli("ckpt_export", "--bundle", root, "--initial_weights", *smaller)
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert lines[0].startswith("wrote bundle/models/model.ts: ")
    assert lines[0].endswith("'network_def' with initial weights, by torch.jit.script")
    assert lines[1] == "  input 'image': batch (axis 0), axis 2, axis 3, axis 4 may vary"
    # the config says where its training leaves the checkpoint
    folder = tmp_path / "outputs" / "hippocampus_segmentation" / "models"
    folder.mkdir(parents=True)
    weights = torch.jit.load(root / "models" / "model.ts").state_dict()
    torch.save({"model": weights}, folder / "model.pt")
    code, out, err = cli("ckpt_export", "--bundle", root, *smaller)
    assert (code, err) == (0, "")
    assert out.startswith("wrote outputs/hippocampus_segmentation/models/model.ts: ")
    assert "with the weights of outputs/hippocampus_segmentation/models/model.pt" in out
    again = torch.jit.load(folder / "model.ts").state_dict()
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_monais_way_of_calling(bundle, cli):
    made = bundle("unet")
    (made.root / "configs" / "net.json").write_text(
        json.dumps({"the_net": {"_target_": "$monai.networks.nets.UNet", "_args_": [2, 1, 2, [4, 8, 16], [2, 2]]}})
    )
    torch.save({"weights": _state(made), "other": _state(made)}, "best.pt")
    code, out, err = cli(
        "ckpt_export", "the_net", "--filepath", "a.ts", "--ckpt_file", "best.pt", "--key_in_ckpt", "weights",
        "--meta_file", made.root / "configs" / "metadata.json", "--config_file", made.root / "configs" / "net.json",
        "--input_shape", "[1, 1, 16, 16]", "--use_trace", "True", "--converter_kwargs", "{'verify': True, 'rtol': 0.001}",
        "--the_net::num_res_units", "1",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.startswith("wrote a.ts: ")
    assert "'the_net' with the weights of best.pt, by torch.jit.trace\n  input 'image': of one shape" in out
    assert "(tolerance 1e-05 + 0.001 of the largest value)" in out
    _, _, extra = load_net_with_metadata("a.ts", more_extra_files=("net.json",))
    assert "the_net" in json.loads(extra["net.json"])


def test_arguments_may_stand_in_a_file(bundle, tmp_path):
    made = bundle("unet")
    arguments = {"bundle": str(made.root), "filepath": "file.ts", "use_trace": True, "network_def::act": "relu"}
    (tmp_path / "args.json").write_text(json.dumps(arguments))
    done = ckpt_export(args_file="args.json", filepath="given.ts", initial_weights=True)
    assert (str(done.path), done.made_by) == ("given.ts", "torch.jit.trace")


def _state(made):
    return made.network.state_dict()


def test_a_safetensors_file_comes_first_and_a_wrong_one_is_refused(bundle):
    from bundle_engine.workflow.checkpoints import write_weights

    made = bundle("unet")
    write_weights(made.root / "models" / "model.safetensors", _state(made))
    assert ckpt_export(bundle=made.root).checkpoint.name == "model.safetensors"
    weights = _state(made)
    weights["model.0.conv.unit0.conv.weight"] = torch.ones(4, 2, 3, 3)
    write_weights(made.root / "models" / "model.safetensors", weights)
    with pytest.raises(InputError, match="do not fit the network UNet") as caught:
        ckpt_export(bundle=made.root)
    assert caught.value.notes == (
        "model.0.conv.unit0.conv.weight has the shape (4, 2, 3, 3), and the network (4, 1, 3, 3)",
    )


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({}, UsageError, "nothing is named that has a network"),
        ({"bundle": "b", "net_id": "netwrk_def"}, InputError, "did you mean 'network_def'?"),
        ({"bundle": "b", "net_id": "device"}, InputError, "what stands at 'device' is no network, but a str"),
        ({"bundle": "b", "input_shape": [1, 0]}, UsageError, "input_shape is a list of sizes, not [1, 0]"),
        ({"bundle": "b", "input_shape": [1, 1, 5, 5]}, InputError, "does not take 'image' of the shape [1, 1, 5, 5]"),
        ({"bundle": "b", "filepath": "no/a.ts"}, UsageError, "there is no folder"),
        ({"bundle": "b", "ckpt_file": "no.pt"}, InputError, "Cannot find the checkpoint file: no.pt"),
        ({"bundle": "b", "key_in_ckpt": "net"}, InputError, "has no key 'net'"),
        ({"bundle": "b", "rtol": "much"}, UsageError, "rtol is a number from 0 on, not 'much'"),
        ({"bundle": "b", "use_trace": "perhaps"}, UsageError, "use_trace is True or False, not 'perhaps'"),
        ({"bundle": "b", "converter_kwargs": "x"}, UsageError, "converter_kwargs is a mapping, not 'x'"),
        ({"bundle": "no"}, InputError, "is no bundle: it has no folder 'configs'"),
        ({"bundle": "b", "ckpt_file": "b/models/model.pt", "initial_weights": True}, InputError, "exclude each other"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_wrong_input_is_told_and_nothing_is_written(bundle, options, error, said):
    made = bundle("unet")
    with pytest.raises(error) as caught:
        ckpt_export(**options)
    assert said in str(caught.value)
    assert made.models == ["model.pt"]


def test_a_bundle_from_elsewhere_is_exported_when_it_is_approved(cli, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    made = bundle("unet")
    write_origin(made.root, BundleOrigin("url", "https://example.org/b.zip"))
    code, _, err = cli("ckpt_export", "--bundle", made.root)
    assert code == 2
    assert "came from elsewhere" in err
    assert made.models == ["model.pt"]
    approve(made.root)
    for _ in range(2):  # the first export leaves the bundle as it was approved
        code, out, err = cli("ckpt_export", "--bundle", made.root)
        assert (code, err) == (0, "")
        assert out.startswith("wrote model.ts: ")
    assert made.models == ["model.pt"]


def test_a_ready_made_bundle_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ready = packaged_bundle("hippocampus_segmentation")
    done = ckpt_export(bundle=ready, initial_weights=True, use_trace=True, **{"network_def::filters": [4, 8, 8, 8]})
    assert done.path == tmp_path / "model.ts"
    assert not (ready / "models").exists()


def test_without_metadata_the_shape_is_asked_for(bundle):
    made = bundle("unet", metadata=False)
    with pytest.raises(InputError, match="nothing says which input the network 'network_def' takes") as caught:
        ckpt_export(bundle=made.root)
    assert "--input_shape" in caught.value.hint
    done = ckpt_export(bundle=made.root, input_shape=[1, 1, 16, 16])
    assert done.axes == {"input": {}}


def test_a_misspelt_option_and_an_override_that_reaches_nothing(cli, bundle):
    made = bundle("unet")
    code, _, err = cli("ckpt_export", "--bundle", made.root, "--filepaht", "x.ts")
    assert (code, err) == (2, "error: there is no option --filepaht\n  help: did you mean --filepath?\n")
    code, _, err = cli("ckpt_export", "--bundle", made.root, "--networkdef::act", "relu")
    assert code == 0
    assert "warning: " in err
    assert "networkdef::act" in err
    code, _, err = cli("ckpt_export", "--workflow", "train")
    assert (code, err.split("\n")[0]) == (2, "error: --workflow needs --bundle")
