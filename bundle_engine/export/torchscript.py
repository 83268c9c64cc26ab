"""Export a network as TorchScript, with the metadata and the configs inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bundle_engine.export.job import Attempt, Export, Job, Written, open_job, write_first
from bundle_engine.export.request import read_request, truth
from bundle_engine.export.samples import Arguments
from bundle_engine.workflow.create import ArgsFile

__all__ = ["ckpt_export"]


def ckpt_export(
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
    """Export a network as TorchScript.

    The metadata and the config files are stored in the file as JSON, as ``monai.data.load_net_with_metadata`` reads
    them. The file gets its name only after it computed what the network computes, on random inputs.

    Args:
        net_id: id of the network; by default ``network_def``, ``network`` or ``net``, whichever is there.
        filepath: the file to write; by default ``model.ts`` beside the checkpoint.
        ckpt_file: the file with the weights; by default it is found, see `bundle_engine.export.subject`.
        meta_file: file or files with the metadata; by default ``metadata.json`` beside the config.
        config_file: file or files with the config; by default that of the bundle's inference, or else another one that
            has a network.
        key_in_ckpt: where in the checkpoint the weights stand; by default they are found.
        use_trace: use `torch.jit.trace`; False: `torch.jit.script`; by default the second and, where it cannot, the
            first.
        input_shape: the one shape of the input; by default the metadata says which there are.
        args_file: file or files with arguments of this function; those that are given win.
        converter_kwargs: further arguments of `torch.jit.script` or `torch.jit.trace`; also ``rtol`` and ``atol``.
        bundle: the bundle's folder.
        initial_weights: export the network as it is built, without a checkpoint.
        rtol: how much an output may differ, relative to its largest value; 1e-4 by default.
        atol: how much it may differ besides that; 1e-5 by default.
        override: ids of the config and the values to set there.

    Raises:
        InputError: when something cannot be found or read.
        ExportError: when the network cannot be exported, or the file computes something else.
    """
    options = {name: value for name, value in locals().items() if name not in ("override", "args_file")}
    request = read_request(args_file, options, override)
    traced = truth("use_trace", request.more.get("use_trace"))
    with open_job(request, "model.ts") as job:
        script = Attempt("torch.jit.script", lambda path: _write(job, path, trace=False))
        trace = Attempt(
            "torch.jit.trace",
            lambda path: _write(job, path, trace=True),
            "torch.jit.script cannot export the network, so it was traced: what depends on values is fixed",
        )
        return write_first(job, [script, trace] if traced is None else [trace] if traced else [script])


def _write(job: Job, path: Path, *, trace: bool) -> Written:
    import torch

    options = dict(job.options)
    if trace:
        made = job.samples.arguments(job.samples.example)
        options.setdefault("check_trace", False)  # what is compared below is the file
        # a trace takes either all arguments by position, or all by name
        inputs: dict[str, Any] = {"example_inputs": made.args}
        if made.kwargs:
            positional = dict(zip(job.samples.call.takes, made.args, strict=False))
            inputs = {"example_kwarg_inputs": {**positional, **made.kwargs}}
        with torch.no_grad():
            program = torch.jit.trace(job.network, **inputs, **options)
    else:
        options.pop("check_trace", None)
        program = torch.jit.script(job.network, **options)
    torch.jit.save(program, str(path), _extra_files=job.extra_files())
    loaded = torch.jit.load(str(path), map_location="cpu")

    def run(made: Arguments) -> Any:
        with torch.no_grad():
            return loaded(*made.args, **made.kwargs)

    return Written(run, job.samples)
