"""Export a network for TensorRT: TorchScript around an engine for one kind of GPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bundle_engine.errors import ExportError, UsageError
from bundle_engine.export.extras import require
from bundle_engine.export.job import Attempt, Export, Job, Written, open_job, write_first
from bundle_engine.export.request import read_request, truth
from bundle_engine.export.samples import Arguments, Samples
from bundle_engine.workflow.create import ArgsFile

__all__ = ["trt_export"]

_TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2}  # relative: TensorRT rounds as GPUs do, to 10 bits also in fp32


def trt_export(
    net_id: str | None = None,
    filepath: str | os.PathLike[str] | None = None,
    ckpt_file: str | os.PathLike[str] | None = None,
    meta_file: Any = None,
    config_file: Any = None,
    key_in_ckpt: str | None = None,
    precision: str | None = None,
    input_shape: Any = None,
    use_trace: bool | None = None,
    dynamic_batchsize: Any = None,
    device: int | None = None,
    use_onnx: bool | None = None,
    onnx_input_names: Any = None,
    onnx_output_names: Any = None,
    args_file: ArgsFile = None,
    converter_kwargs: Any = None,
    *,
    bundle: str | os.PathLike[str] | None = None,
    initial_weights: bool | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    **override: Any,
) -> Export:
    """Export a network for TensorRT, by Torch-TensorRT: a TorchScript file whose parts are engines for this GPU.

    The file is for one size of the input, and for a range of batches where that is asked for. As for the other exports
    it gets its name only after it computed, on the GPU, what the network computes.

    Args:
        net_id: see `ckpt_export`, also for what is not told here.
        filepath: the file to write; by default ``model_trt.ts`` beside the checkpoint.
        ckpt_file: the file with the weights.
        meta_file: file or files with the metadata.
        config_file: file or files with the config.
        key_in_ckpt: where in the checkpoint the weights stand.
        precision: ``fp32``, the default, or ``fp16``.
        input_shape: the shape of the input; by default one that the metadata allows.
        use_trace: convert what `torch.jit.trace` gives, rather than `torch.jit.script`.
        dynamic_batchsize: the smallest, the usual and the largest batch, such as ``[1, 4, 8]``.
        device: number of the GPU; 0 by default.
        use_onnx: not supported; export ONNX, and build an engine of it with TensorRT's own ``trtexec``.
        onnx_input_names: only for `use_onnx`.
        onnx_output_names: only for `use_onnx`.
        args_file: file or files with arguments of this function.
        converter_kwargs: further arguments of ``torch_tensorrt.compile``; also ``rtol`` and ``atol``.
        bundle: the bundle's folder.
        initial_weights: export the network as it is built, without a checkpoint.
        rtol: how much an output may differ, relative to its largest value; 1e-3, and 2e-2 for fp16, by default.
        atol: how much it may differ besides that; 1e-5 by default.
        override: ids of the config and the values to set there.

    Raises:
        InputError: when something cannot be found or read.
        ExportError: when the network cannot be exported, or the file computes something else.
        MissingDependencyError: without torch_tensorrt.
        UsageError: for a precision or batches that there are not, and for `use_onnx`.
    """
    options = {name: value for name, value in locals().items() if name not in ("override", "args_file")}
    request = read_request(args_file, options, override)
    more = request.more
    precision = more["precision"] or "fp32"
    if precision not in _TOLERANCES:
        raise UsageError(f"precision is fp32 or fp16, not '{precision}'")
    batches = _batches(more["dynamic_batchsize"])
    if truth("use_onnx", more["use_onnx"]) or more["onnx_input_names"] or more["onnx_output_names"]:
        raise UsageError(
            "the way over ONNX is not built in", hint="onnx_export, and then TensorRT's own trtexec makes an engine"
        )
    number = _gpu(more["device"])
    traced = bool(truth("use_trace", more["use_trace"]))
    _torch_tensorrt()
    import torch

    if not torch.cuda.is_available():
        raise ExportError("TensorRT engines are made on an NVIDIA GPU, and there is none")
    with open_job(request, "model_trt.ts", rtol=_TOLERANCES[precision]) as job:

        def write(path: Path) -> Written:
            return _write(job, path, precision=precision, batches=batches, device=number, trace=traced)

        return write_first(job, [Attempt("torch_tensorrt", write)])


def _write(job: Job, path: Path, *, precision: str, batches: Sequence[int] | None, device: int, trace: bool) -> Written:
    import torch

    torch_tensorrt = _torch_tensorrt()
    gpu = torch.device("cuda", device)
    samples = job.samples.fixed()
    made = samples.arguments(samples.example)
    if made.kwargs:
        raise ExportError(f"TensorRT takes inputs by position, and the network takes {', '.join(made.kwargs)} by name")
    dtype = torch.float16 if precision == "fp16" else torch.float32
    network = job.network.to(gpu)
    try:
        with torch.no_grad():
            arguments = tuple(tensor.to(gpu) for tensor in made.args)
            program = torch.jit.trace(network, arguments, check_trace=False) if trace else torch.jit.script(network)
            inputs = [_input(torch_tensorrt, tensor, batches) for tensor in made.args]
            options = {"enabled_precisions": {torch.float32, dtype}, "device": torch_tensorrt.Device(f"cuda:{device}")}
            compiled = torch_tensorrt.compile(program, ir="torchscript", inputs=inputs, **{**options, **job.options})
        torch.jit.save(compiled, str(path), _extra_files=job.extra_files())
        loaded = torch.jit.load(str(path), map_location=gpu)
    finally:
        job.network.cpu()

    def run(made: Arguments) -> Any:
        with torch.no_grad():
            return _on_cpu(loaded(*(tensor.to(gpu) for tensor in made.args)))

    return Written(run, _with_batches(samples, batches))


def _torch_tensorrt() -> Any:
    hint = "pip install torch-tensorrt, on a machine with an NVIDIA GPU"
    return require("torch_tensorrt", "which makes TensorRT engines", hint)


def _input(torch_tensorrt: Any, tensor: Any, batches: Sequence[int] | None) -> Any:
    shape = tuple(tensor.shape)
    if batches is None:
        return torch_tensorrt.Input(shape, dtype=tensor.dtype)
    least, usual, most = ((batch, *shape[1:]) for batch in batches)
    return torch_tensorrt.Input(min_shape=least, opt_shape=usual, max_shape=most, dtype=tensor.dtype)


def _with_batches(samples: Samples, batches: Sequence[int] | None) -> Samples:
    from dataclasses import replace

    if batches is None:
        return samples
    shapes = [
        {name: (batch, *shape[1:]) for name, shape in samples.example.items()} for batch in dict.fromkeys(batches)
    ]
    return replace(samples, example=shapes[0], others=tuple(shapes[1:]), axes={n: {0: "batch"} for n in samples.specs})


def _on_cpu(outputs: Any) -> Any:
    from torch.utils._pytree import tree_map

    return tree_map(lambda value: value.cpu() if hasattr(value, "cpu") else value, outputs)


def _batches(written: Any) -> tuple[int, int, int] | None:
    if written is None or written == []:
        return None
    import ast

    try:
        found = ast.literal_eval(written) if isinstance(written, str) else written
        least, usual, most = (int(each) for each in found)
    except (ValueError, SyntaxError, TypeError):
        least, usual, most = 0, 0, 0
    if not 1 <= least <= usual <= most:
        raise UsageError(
            f"dynamic_batchsize is the smallest, the usual and the largest batch, not {written!r}",
            hint="--dynamic_batchsize [1,4,8]",
        )
    return least, usual, most


def _gpu(written: Any) -> int:
    if written is None:
        return 0
    try:
        number = int(written)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise UsageError(f"device is the number of a GPU, not {written!r}", hint="--device 0")
    return number
