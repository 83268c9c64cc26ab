"""The commands that export a network: ckpt_export, onnx_export, export, trt_export."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.inspecting import OVERRIDES
from bundle_engine.errors import ExportError, UsageError

if TYPE_CHECKING:
    from bundle_engine.export.job import Export

__all__ = ["EXPORTING", "ckpt_export", "export", "onnx_export", "trt_export"]

DONE, FAILED = 0, 1


def ckpt_export(**options: Any) -> int:
    """Export a network as TorchScript; ``bundle-engine ckpt_export --help`` explains the options."""
    return _export("torchscript", "ckpt_export", options)


def onnx_export(**options: Any) -> int:
    """Export a network as ONNX; ``bundle-engine onnx_export --help`` explains the options."""
    return _export("onnx", "onnx_export", options)


def export(**options: Any) -> int:
    """Export a network by torch.export; ``bundle-engine export --help`` explains the options."""
    return _export("exported", "export", options)


def trt_export(**options: Any) -> int:
    """Export a network for TensorRT; ``bundle-engine trt_export --help`` explains the options."""
    return _export("tensorrt", "trt_export", options)


def _export(module: str, name: str, options: Mapping[str, Any]) -> int:
    from bundle_engine.cli import report
    from bundle_engine.cli.arguments import Override
    from bundle_engine.cli.bundles import find_bundle, find_configs
    from bundle_engine.workflow.create import merge_arguments, read_args_file

    given: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Override):
            if value.meant is not None:
                raise UsageError(f"there is no option --{key}", hint=f"did you mean --{value.meant}?")
            given[key.replace("-", "_")] = value.value
        elif value is not None:
            given[key] = value
    arguments = merge_arguments(read_args_file(given.pop("args_file", None)), given)
    workflow = arguments.pop("workflow", None)
    if arguments.get("bundle") is not None:
        folder, ready_made = find_bundle(str(arguments["bundle"]))
        arguments["bundle"] = folder
        if ready_made:
            report.note(f"using the ready-made bundle in {folder}")
        if workflow is not None:
            arguments["config_file"] = find_configs(folder, str(workflow))
    elif workflow is not None:
        raise UsageError("--workflow needs --bundle", hint="--bundle names the folder; or name a config itself")
    function: Callable[..., Export] = getattr(import_module(f"bundle_engine.export.{module}"), name)
    try:
        with _at_work(f"{name}: converting and comparing"):
            done = function(**arguments)
    except ExportError as error:
        report.show(error)
        return FAILED
    print(_as_text(done))
    return DONE


def _as_text(done: Export) -> str:
    size = done.path.stat().st_size / 1e6
    source = f"the weights of {os.path.relpath(done.checkpoint)}" if done.checkpoint else "initial weights"
    lines = [f"wrote {os.path.relpath(done.path)}: {size:,.1f} MB, '{done.net_id}' with {source}, by {done.made_by}"]
    for name, axes in done.axes.items():
        named = ", ".join(
            f"{called} (axis {axis})" if called == "batch" else f"axis {axis}" for axis, called in axes.items()
        )
        lines.append(f"  input '{name}': {f'{named} may vary' if named else 'of one shape'}")
    lines.append(f"  {done.comparison}")
    lines += [f"  note: {note}" for note in done.notes]
    return "\n".join(lines)


@contextmanager
def _at_work(text: str) -> Iterator[None]:
    """Show in a terminal that something is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _loader(name: str) -> Callable[[], Callable[..., int]]:
    def load() -> Callable[..., int]:
        command: Callable[..., int] = globals()[name]
        return command

    return load


_NET_ID = Option("net_id", "text", "ID", "id of the network (default: network_def, network or net)")
_CKPT_FILE = Option(
    "ckpt_file",
    "file",
    "FILE",
    "the weights (default: models/model.safetensors or model.pt of the bundle, or what a CheckpointLoader of the"
    " config loads, or model.pt in its ckpt_dir)",
)
_META_FILE = Option("meta_file", "files", "FILES", "metadata (default: metadata.json beside the config)")
_CONFIG_FILE = Option(
    "config_file",
    "files",
    "FILES",
    "config that has the network; of several, later ones win (default: with --bundle, its inference.yaml, or another"
    " one that has a network)",
)
_KEY = Option("key_in_ckpt", "text", "KEY", "where in the checkpoint the weights stand (default: they are found)")
_SHAPE = Option(
    "input_shape",
    "text",
    "SHAPE",
    "the one shape of the input, such as [1,1,96,96,96] (default: the shapes of the metadata)",
)
_ARGS_FILE = Option("args_file", "files", "FILES", "JSON or YAML file with options; the command line wins over it")
_AFTER = (
    Option("bundle", "file", "DIR", "a bundle's folder, or the name of a ready-made one"),
    Option("workflow", "text", "NAME", "with --bundle: which of its configs to take, such as train"),
    Option("initial_weights", "switch", "", "export the network as it is built, without a checkpoint; for tests"),
    Option(
        "rtol", "text", "NUMBER", "how much an output may differ from the network's, relative to its largest value"
        " (default: 1e-4)",
    ),
    Option("atol", "text", "NUMBER", "how much it may differ besides that (default: 1e-5)"),
)  # fmt: skip
_EXITS = (
    (0, "the file is written, and computes what the network does"),
    (1, "the network cannot be exported so; no file is written"),
    (2, "the input is wrong: the config, a file, or the command line"),
)


def _kwargs(function: str) -> Option:
    return Option("converter_kwargs", "settings", "MAPPING", f"further arguments of {function}; also rtol and atol")


def _filepath(name: str) -> Option:
    meaning = "beside the checkpoint; for a bundle from elsewhere, in the working directory"
    return Option("filepath", "file", "FILE", f"the file to write (default: {name} {meaning})")


_TRT = (
    Option("precision", "text", "NAME", "fp32 or fp16 (default: fp32)"),
    _SHAPE,
    Option("use_trace", "switch", "", "convert what torch.jit.trace gives, rather than torch.jit.script"),
    Option(
        "dynamic_batchsize", "text", "SIZES", "the smallest, the usual and the largest batch, such as [1,4,8] (default:"
        " one size)",
    ),
    Option("device", "text", "NUMBER", "number of the GPU (default: 0)"),
    Option("use_onnx", "switch", "", "not built in: onnx_export, and then TensorRT's own trtexec"),
    Option("onnx_input_names", "text", "NAMES", "only for use_onnx"),
    Option("onnx_output_names", "text", "NAMES", "only for use_onnx"),
    _ARGS_FILE,
)  # fmt: skip


def _command(
    name: str, summary: str, file: str, trace: str | None, function: str, examples: tuple[tuple[str, str], ...]
) -> Command:
    switch = (Option("use_trace", "switch", "", trace),) if trace is not None else ()
    first = (_NET_ID, _filepath(file), _CKPT_FILE, _META_FILE, _CONFIG_FILE, _KEY, *switch, _SHAPE, _ARGS_FILE)
    return Command(
        name=name,
        summary=summary,
        usage="--bundle DIR [OPTIONS] [--any::id=VALUE ...] | [NET_ID] --config_file FILES [OPTIONS]",
        options=(*first, _kwargs(function), *_AFTER),
        positional=len(first) + 1,
        overrides=OVERRIDES,
        examples=examples,
        load=_loader(name),
        exits=_EXITS,
    )


EXPORTING: tuple[Command, ...] = (
    _command(
        "ckpt_export",
        "export a network as TorchScript, with the configs inside",
        "model.ts",
        "use torch.jit.trace; False: torch.jit.script (default: that one and, where it cannot, the first)",
        "torch.jit.script or torch.jit.trace",
        (
            ("ckpt_export --bundle my_bundle", "everything is found; models/model.ts is written"),
            (
                "ckpt_export network_def model.ts --ckpt_file best.pt --config_file inference.json",
                "everything is said, as for MONAI",
            ),
        ),
    ),
    _command(
        "onnx_export",
        "export a network as ONNX, and run the file to compare",
        "model.onnx",
        "use torch's exporter that traces; False: the one on torch.export (default: that one and, where it cannot, the"
        " first)",
        "torch.onnx.export",
        (
            ("onnx_export --bundle my_bundle", "axes vary as the metadata says"),
            ("onnx_export --bundle my_bundle --input_shape [1,1,96,96,96]", "for one shape"),
        ),
    ),
    _command(
        "export",
        "export a network by torch.export, as one .pt2 file",
        "model.pt2",
        None,
        "torch.export.export",
        (
            ("export --bundle my_bundle", "a file that needs torch alone; axes vary as the metadata says"),
            ("export --bundle my_bundle --workflow train --initial_weights", "without a checkpoint, to try it"),
        ),
    ),
    Command(
        name="trt_export",
        summary="export a network for TensorRT, where torch_tensorrt is installed",
        usage="--bundle DIR [OPTIONS] [--any::id=VALUE ...] | [NET_ID] --config_file FILES [OPTIONS]",
        options=(
            _NET_ID,
            _filepath("model_trt.ts"),
            _CKPT_FILE,
            _META_FILE,
            _CONFIG_FILE,
            _KEY,
            *_TRT,
            _kwargs("torch_tensorrt.compile"),
            *_AFTER[:3],
            _AFTER[3]._replace(meaning=_AFTER[3].meaning.replace("1e-4", "1e-3, for fp16 2e-2")),
            _AFTER[4],
        ),
        positional=16,
        overrides=OVERRIDES,
        examples=(("trt_export --bundle my_bundle --precision fp16", "for the GPU of this machine"),),
        load=_loader("trt_export"),
        exits=_EXITS,
    ),
)
