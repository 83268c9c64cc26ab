"""Export a network by `torch.export`: one ``.pt2`` file with the computation and the weights, that lasts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.export.job import Attempt, Export, Job, Written, open_job, write_first
from bundle_engine.export.request import read_request
from bundle_engine.export.samples import Arguments, Samples
from bundle_engine.workflow.create import ArgsFile

if TYPE_CHECKING:
    import torch

__all__ = ["export"]


def export(
    net_id: str | None = None,
    filepath: str | os.PathLike[str] | None = None,
    ckpt_file: str | os.PathLike[str] | None = None,
    meta_file: Any = None,
    config_file: Any = None,
    key_in_ckpt: str | None = None,
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
    """Export a network by `torch.export`.

    Axes whose sizes the metadata leaves open vary in the file, too, as far as the network's code lets them; a note
    says where it does not. The file needs torch alone: ``torch.export.load("model.pt2").module()(image)``. It holds
    the metadata and the config files as JSON. It gets its name only after it computed what the network computes.

    Args:
        net_id: see `ckpt_export`, also for the other arguments.
        filepath: the file to write; by default ``model.pt2`` beside the checkpoint.
        ckpt_file: the file with the weights.
        meta_file: file or files with the metadata.
        config_file: file or files with the config.
        key_in_ckpt: where in the checkpoint the weights stand.
        input_shape: the one shape of the input; no axis varies then.
        args_file: file or files with arguments of this function.
        converter_kwargs: further arguments of `torch.export.export`; also ``rtol`` and ``atol``.
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
    with open_job(request, "model.pt2") as job:
        fixed = Attempt(
            "torch.export.export",
            lambda path: _write(job, path, varies=False),
            f"the network's code cannot be exported for sizes that vary: the file is for {_sizes(job.samples)} only",
        )
        if not any(job.samples.axes.values()):
            return write_first(job, [fixed])
        return write_first(job, [Attempt("torch.export.export", lambda path: _write(job, path, varies=True)), fixed])


def _write(job: Job, path: Path, *, varies: bool) -> Written:
    import torch

    made = job.samples.arguments(job.samples.example)
    options = {"strict": False, **job.options}
    if varies:
        options.setdefault("dynamic_shapes", _dynamic_shapes(job.samples))
    with torch.no_grad():
        program = torch.export.export(job.network, made.args, made.kwargs or None, **options)
    samples, notes = _as_exported(job.samples, program) if varies else (job.samples.fixed(), ())
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    torch.export.save(program, str(path), extra_files=job.extra_files())
    loaded = torch.export.load(str(path)).module()

    def run(made: Arguments) -> Any:
        with torch.no_grad():
            return loaded(*made.args, **made.kwargs)

    return Written(run, samples, notes)


def _dynamic_shapes(samples: Samples) -> Any:
    """Leave axes open; torch finds out which sizes they may have, and which the network's code fixes."""
    import torch

    dim = torch.export.Dim
    args, kwargs = samples.axes_by_argument()

    def open_axes(axes: Mapping[int, str]) -> dict[int, Any]:
        return {axis: dim.AUTO if hasattr(dim, "AUTO") else dim(name) for axis, name in axes.items()}

    if not kwargs:
        return tuple(open_axes(each) for each in args)
    by_name = {**dict(zip(samples.call.takes, args, strict=False)), **kwargs}
    return {name: open_axes(axes) for name, axes in by_name.items()}


def _as_exported(samples: Samples, program: torch.export.ExportedProgram) -> tuple[Samples, tuple[str, ...]]:
    """Give the inputs that the program takes: those whose axes the network's code fixes have their size of now."""
    user_inputs = set(program.graph_signature.user_inputs)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in user_inputs]
    axes: dict[str, dict[int, str]] = {}
    notes: list[str] = []
    for name, node in zip(samples.names(), nodes, strict=True):
        sizes = node.meta["val"].shape
        # a size that got fixed may still be a symbol by its type, and is a number when it is written
        axes[name] = {axis: called for axis, called in samples.axes[name].items() if not str(sizes[axis]).isdecimal()}
        notes += [
            f"the network's code fixes axis {axis} of '{name}' at {sizes[axis]}"
            for axis in samples.axes[name]
            if axis not in axes[name]
        ]
    if not notes:
        return samples, ()

    def fits(other: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(size if axis in axes[name] else samples.example[name][axis] for axis, size in enumerate(shape))
            for name, shape in other.items()
        }

    return replace(samples, axes=axes, others=tuple(map(fits, samples.others))), tuple(notes)


def _sizes(samples: Samples) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in samples.example.values())
