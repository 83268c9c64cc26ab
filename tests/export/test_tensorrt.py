"""`trt_export`, as far as it goes without a GPU."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


@pytest.mark.skipif(find_spec("torch_tensorrt") is not None, reason="torch_tensorrt is installed")
def test_without_torch_tensorrt_it_says_so(cli, bundle):
    made = bundle("unet")
    code, out, err = cli("trt_export", "--bundle", made.root, "--precision", "fp16", "--dynamic_batchsize", "[1,2,4]")
    assert (code, out) == (2, "")
    assert err == (
        "error: this needs the package torch_tensorrt, which makes TensorRT engines\n"
        "  help: pip install torch-tensorrt, on a machine with an NVIDIA GPU\n"
    )
    assert made.models == ["model.pt"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--precision", "int8"], "precision is fp32 or fp16, not 'int8'"),
        (["--dynamic_batchsize", "[4,2,1]"], "dynamic_batchsize is the smallest, the usual and the largest batch"),
        (["--dynamic_batchsize", "4"], "dynamic_batchsize is the smallest, the usual and the largest batch"),
        (["--device", "first"], "device is the number of a GPU, not 'first'"),
        (["--use_onnx"], "the way over ONNX is not built in"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_told(cli, bundle, options, said):
    code, out, err = cli("trt_export", "--bundle", bundle("unet").root, *options)
    assert (code, out) == (2, "")
    assert said in err
