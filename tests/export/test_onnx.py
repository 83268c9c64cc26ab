"""`onnx_export`: ONNX files, run by onnxruntime."""

from __future__ import annotations

import sys

import onnx
import onnxruntime
import pytest
import torch

from bundle_engine.errors import ExportError, MissingDependencyError
from bundle_engine.export.onnx import onnx_export

NEW, OLD = "torch.onnx.export(dynamo=True)", "torch.onnx.export(dynamo=False)"


def run(path, **inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return dict(zip([each.name for each in session.get_outputs()], outputs, strict=True)), session


@pytest.mark.parametrize("use_trace", [None, True], ids=["by-torch-export", "traced"])
def test_the_file_runs_at_all_sizes_of_the_metadata(bundle, cli, use_trace):
    made = bundle("unet")
    code, out, err = cli("onnx_export", "--bundle", made.root, *(["--use_trace"] if use_trace else []))
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert lines[0].startswith("wrote b/models/model.onnx: ")
    assert "'network_def' with the weights of b/models/model.pt, by " in lines[0]
    assert lines[0].endswith(f"by {OLD if use_trace else NEW}")
    assert lines[1] == "  input 'image': batch (axis 0), axis 2, axis 3 may vary"
    assert lines[2].startswith("  same as the network on 4 random inputs (2x1x16x24; 1x1x24x32; 1x1x16x24), 1 output: ")
    path = made.root / "models" / "model.onnx"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for shape in [(1, 1, 8, 40), (3, 1, 64, 16)]:
        x = torch.rand(shape)
        outputs, session = run(path, image=x)
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(outputs["pred"]), made.network(x), rtol=1e-4, atol=1e-5)
    taken = session.get_inputs()[0].shape
    assert taken[1] == 1
    assert taken[::2] == ["batch", "size_2"]
    assert made.models == ["model.onnx", "model.pt"]  # no file with weights beside it


def test_several_inputs_in_the_order_of_the_network(bundle):
    made = bundle("two-inputs")
    done = onnx_export(bundle=made.root)
    assert done.made_by == NEW
    assert list(done.axes) == ["other", "image", "timesteps"]
    image, steps, other = torch.rand(1, 1, 40, 8), torch.tensor([4]), torch.rand(1, 2, 40, 8)
    outputs, session = run(done.path, image=image, timesteps=steps, other=other)
    assert [each.name for each in session.get_inputs()] == ["image", "timesteps", "other"]
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(outputs["pred"]), made.network(image, steps, other))


def test_outputs_of_a_mapping_keep_their_names(bundle):
    made = bundle("dict-output")
    done = onnx_export(bundle=made.root, use_trace=True, filepath="a", converter_kwargs={"opset_version": 17})
    assert str(done.path) == "a.onnx"
    x = torch.rand(3, 1, 9, 12)
    outputs, _ = run("a.onnx", image=x)
    with torch.no_grad():
        expected = made.network(x)
    assert outputs.keys() == {"features", "logits"}
    for name, value in outputs.items():
        torch.testing.assert_close(torch.from_numpy(value), expected[name])
    assert onnx.load("a.onnx").opset_import[0].version == 17


def test_one_shape_can_be_asked_for(bundle):
    made = bundle("unet")
    done = onnx_export(bundle=made.root, input_shape=[1, 1, 16, 16], use_trace=True)
    assert done.axes == {"image": {}}
    _, session = run(done.path, image=torch.rand(1, 1, 16, 16))
    assert session.get_inputs()[0].shape == [1, 1, 16, 16]


def test_decisions_that_get_lost_are_refused(cli, bundle):
    made = bundle("deciding")
    code, out, err = cli("onnx_export", "--bundle", made.root)
    assert (code, out) == (1, "")
    assert err.startswith("error: the network 'network_def' cannot be exported so that it computes the same\n")
    assert f"\n  {NEW}: {NEW} cannot export the network: " in err
    assert f"\n  {OLD}: the exported file computes something else than the network: the output 'output' differs" in err
    assert made.models == ["model.pt"]
    with pytest.raises(ExportError, match="computes something else"):
        onnx_export(bundle=made.root, use_trace=True)


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_names_the_extra(bundle, monkeypatch, cli, missing):
    made = bundle("unet")
    monkeypatch.setitem(sys.modules, missing, None)
    code, out, err = cli("onnx_export", "--bundle", made.root, "--use_trace", "False")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: this needs the package {missing}, which ")
    assert "pip install 'bundle-engine[export]'" in err
    assert made.models == ["model.pt"]
    with pytest.raises(MissingDependencyError):
        onnx_export(bundle=made.root, use_trace=False)
