"""Export a network as ONNX, and run the file to see that it is right."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_engine.errors import ExportError, UsageError
from bundle_engine.export.comparison import flatten
from bundle_engine.export.extras import require
from bundle_engine.export.job import Attempt, Export, Job, Written, open_job, write_first
from bundle_engine.export.request import read_request, truth
from bundle_engine.export.samples import Arguments
from bundle_engine.workflow.create import ArgsFile

__all__ = ["onnx_export"]

_LARGEST = 2_000_000_000  # bytes: a file of more cannot be one ONNX file
_NOT_TORCHS = ("use_ort", "ort_provider", "filename", "constant_size_threshold", "use_trace", "input_names")


def onnx_export(
    net_id: str | None = None,
    filepath: str | os.PathLike[str] | None = None,
    ckpt_file: str | os.PathLike[str] | None = None,
    meta_file: Any = None,
    config_file: Any = None,
    key_in_ckpt: str | None = None,
    use_trace: bool | None = None,
    input_shape: Any = None,
    args_file: ArgsFile = None,
    converter_kwargs: Any = None,
    *,
    bundle: str | os.PathLike[str] | None = None,
    initial_weights: bool | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    **override: Any,
) -> Export:
    """Export a network as one ONNX file.

    Axes whose sizes the metadata leaves open vary in the file, too; its inputs and outputs have the names of the
    metadata. onnxruntime runs it on random inputs of several sizes, and the file gets its name only when it computed
    what the network computes.

    Args:
        net_id: see `ckpt_export`, also for the other arguments.
        filepath: the file to write; by default ``model.onnx`` beside the checkpoint.
        ckpt_file: the file with the weights.
        meta_file: file or files with the metadata.
        config_file: file or files with the config.
        key_in_ckpt: where in the checkpoint the weights stand.
        use_trace: use torch's exporter that traces; False: the one on `torch.export`; by default the second and, where
            it cannot, the first.
        input_shape: the one shape of the input; no axis varies then.
        args_file: file or files with arguments of this function.
        converter_kwargs: further arguments of `torch.onnx.export`, such as ``opset_version``; ``dynamic_axes`` for the
            exporter that traces; also ``rtol`` and ``atol``.
        bundle: the bundle's folder.
        initial_weights: export the network as it is built, without a checkpoint.
        rtol: how much an output may differ, relative to its largest value; 1e-4 by default.
        atol: how much it may differ besides that; 1e-5 by default.
        override: ids of the config and the values to set there.

    Raises:
        InputError: when something cannot be found or read.
        ExportError: when the network cannot be exported, or the file computes something else.
        MissingDependencyError: without onnx, onnxruntime and onnxscript.
    """
    options = {name: value for name, value in locals().items() if name not in ("override", "args_file")}
    require("onnx", "which writes ONNX files")
    require("onnxruntime", "which runs ONNX files")
    request = read_request(args_file, options, override)
    traced = truth("use_trace", request.more.get("use_trace"))
    with open_job(request, "model.onnx") as job:
        size = sum(tensor.numel() * tensor.element_size() for tensor in job.network.state_dict().values())
        if size > _LARGEST:
            raise ExportError(
                f"the weights take {size / 1e9:.1f} GB, and one ONNX file holds 2 GB", hint="`export` writes .pt2"
            )
        dynamo = truth("dynamo", job.options.get("dynamo"))
        if traced is None:
            traced = not dynamo if dynamo is not None else True if "dynamic_axes" in job.options else None
        new = Attempt("torch.onnx.export(dynamo=True)", lambda path: _write(job, path, trace=False))
        old = Attempt(
            "torch.onnx.export(dynamo=False)",
            lambda path: _write(job, path, trace=True),
            "torch.export cannot export the network, so it was traced: what depends on values is fixed",
        )
        return write_first(job, [new, old] if traced is None else [old] if traced else [new])


def _write(job: Job, path: Path, *, trace: bool) -> Written:
    import torch

    samples = job.samples
    made = samples.arguments(samples.example)
    options = {name: value for name, value in job.options.items() if name not in _NOT_TORCHS}
    options.pop("dynamo", None)
    inputs = samples.names()
    options.setdefault("output_names", _output_names(job, made))
    options["input_names"] = inputs
    options["kwargs"] = made.kwargs or None
    if trace:
        axes = {name: dict(called) for name, called in samples.axes.items() if called}
        axes.update(_output_axes(job, made, options["output_names"]))
        options.setdefault("dynamic_axes", axes or None)
    else:
        require("onnxscript", "which torch.onnx.export is built on")
        options.setdefault("dynamic_shapes", _dynamic_shapes(job))
        options.update(external_data=False, verbose=False)
        options.pop("dynamic_axes", None)
    with torch.no_grad():
        torch.onnx.export(job.network, made.args, str(path), dynamo=not trace, **options)
    return Written(_runner(path, inputs), samples)


def _runner(path: Path, names: Sequence[str]) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # its warnings are about speed
    session = onnxruntime.InferenceSession(path.read_bytes(), settings, providers=["CPUExecutionProvider"])
    taken = {each.name for each in session.get_inputs()}

    def run(made: Arguments) -> Any:
        import torch

        values = dict(zip(names, made.all, strict=True))
        given = {name: tensor.numpy() for name, tensor in values.items() if name in taken}
        return [torch.from_numpy(output) for output in session.run(None, given)]

    return run


def _output_names(job: Job, made: Arguments) -> list[str]:
    """Name the outputs: as the metadata does where it has as many, or else as the network does."""
    own = list(_outputs(job, made))
    format = job.subject.data_format()
    named = list(format.outputs) if format is not None else []
    if set(named) == set(own):
        return own
    names = named if len(named) == len(own) else [f"output_{name}" if name.isdecimal() else name for name in own]
    taken = set(job.samples.names())
    return [f"{name}_out" if name in taken else name for name in names]


def _outputs(job: Job, made: Arguments) -> dict[str, Any]:
    import torch

    with torch.no_grad():
        found = flatten(job.network(*made.args, **made.kwargs))
    others = [name for name, value in found.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ExportError(f"ONNX has tensors only, and the network also gives {', '.join(others)}")
    return found


def _output_axes(job: Job, made: Arguments, names: Sequence[str]) -> dict[str, dict[int, str]]:
    """Find which axes of the outputs vary, by calling the network on all sizes."""
    import torch

    shapes = [[tuple(value.shape) for value in _outputs(job, made).values()]]
    for other in job.samples.others:
        again = job.samples.arguments(other)
        with torch.no_grad():
            values = flatten(job.network(*again.args, **again.kwargs)).values()
        shapes.append([tuple(value.shape) for value in values])
    axes: dict[str, dict[int, str]] = {}
    for name, *seen in zip(names, *shapes, strict=True):
        first = seen[0]
        varying = [axis for axis in range(len(first)) if any(shape[axis] != first[axis] for shape in seen[1:])]
        if varying:
            axes[name] = {axis: "batch" if axis == 0 else f"{name}_size_{axis}" for axis in varying}
    return axes


def _dynamic_shapes(job: Job) -> Any:
    args, kwargs = job.samples.axes_by_argument()
    if not any(args) and not any(kwargs.values()):
        return None
    if not kwargs:
        return tuple(dict(each) for each in args)
    takes = job.samples.call.takes
    if len(takes) < len(args):
        raise UsageError("the network takes any number of arguments, and some by name", hint="--use_trace")
    by_name: dict[str, Mapping[int, str]] = {**dict(zip(takes, args, strict=False)), **kwargs}
    return {name: dict(axes) for name, axes in by_name.items()}
