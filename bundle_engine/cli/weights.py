"""The command `weights`: show and convert files with weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bundle_engine.cli.command import Command, Option
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.workflow.weight_listing import WeightListing

__all__ = ["WEIGHTS", "weights"]

ACTIONS = ("show", "convert")


def weights(
    action: str | None = None,
    file: str | None = None,
    output: str | None = None,
    *,
    key_in_ckpt: str | None = None,
    unsafe_load: bool = False,
    format: str = "text",
) -> int:
    """Show or convert a file with weights; ``bundle-engine weights --help`` explains the options."""
    if action not in ACTIONS:
        said = f"'{action}' is nothing that can be done with weights" if action else "nothing is said of what to do"
        raise UsageError(said, hint="weights show FILE, or weights convert FILE OUTPUT")
    if file is None:
        raise UsageError("no file is named", hint=f"weights {action} FILE{' OUTPUT' * (action == 'convert')}")
    if action == "show":
        if output is not None or unsafe_load:
            raise UsageError("weights show takes a file and nothing else", hint="weights convert FILE OUTPUT")
        return _show(file, key_in_ckpt, format)
    if output is None:
        raise UsageError("no file to write is named", hint=f"weights convert {file} {Path(file).stem}.safetensors")
    return _convert(file, output, key_in_ckpt, unsafe_load)


def _show(file: str, key: str | None, format: str) -> int:
    from bundle_engine.cli.showing import as_json, check_format, write
    from bundle_engine.workflow.weight_listing import list_weights

    check_format(format, ("text", "json"))
    listing = list_weights(file, key=key)
    write(as_json(listing.as_dict()) if format == "json" else _as_text(listing))
    return 0


def _convert(file: str, output: str, key: str | None, unsafe_load: bool) -> int:
    from bundle_engine.cli import report
    from bundle_engine.workflow.conversion import convert_weights

    if unsafe_load:
        report.note(
            f"warning: '{file}' is read by running the code that it holds, with all your rights: it can read, change"
            " and send what you can. That is for files of someone you trust."
        )
    done = convert_weights(file, output, key=key, unsafe_load=unsafe_load)
    size = Path(output).stat().st_size
    report.note(f"wrote {output}: {_tensors(done.written)}, {_size(size)}")
    if done.left_out:
        report.note(f"left out, as they are no weights: {', '.join(done.left_out)}")
    if done.shared:
        report.note(f"written by themselves, though they shared memory: {', '.join(done.shared)}")
    return 0


def _as_text(listing: WeightListing) -> str:
    rows = [
        (tensor.name, " x ".join(map(str, tensor.shape)) or "scalar", tensor.dtype, _size(tensor.size))
        for tensor in listing.tensors
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {dtype:<{widths[2]}}  {size:>{widths[3]}}"
        + (f"  (the memory of {tensor.shares})" if tensor.shares else "")
        for (name, shape, dtype, size), tensor in zip(rows, listing.tensors, strict=True)
    ]
    lines += [f"{name}: {value}" for name, value in listing.metadata.items()]
    if listing.rest:
        lines += ["", "besides these:" if rows else "there are no weights to choose without --key_in_ckpt:"]
        lines += [f"  {name}: {value}" for name, value in listing.rest.items()]
    where = f" at '{listing.key}'" if listing.key else ""
    numbers = sum(math.prod(tensor.shape) for tensor in listing.tensors if tensor.shares is None)
    lines += ["", f"{_tensors(len(rows))}{where}, {numbers:,} numbers, {_size(listing.size)} ({listing.kind})"]
    return "\n".join(line.rstrip() for line in lines)


def _tensors(count: int) -> str:
    return "1 tensor" if count == 1 else f"{count} tensors"


def _size(count: int) -> str:
    return (
        f"{count:,} B"
        if count < 10_000
        else f"{count / 1e3:,.0f} kB"
        if count < 10_000_000
        else f"{count / 1e6:,.0f} MB"
    )


def _load_weights() -> Callable[..., int]:
    return weights


WEIGHTS: tuple[Command, ...] = (
    Command(
        name="weights",
        summary="show what a file with weights holds, or convert it",
        usage="show FILE [OPTIONS] | convert FILE OUTPUT [OPTIONS]",
        options=(
            Option("action", "text", "ACTION", "show or convert"),
            Option("file", "file", "FILE", "the weights: safetensors, or what torch.save writes"),
            Option(
                "output",
                "file",
                "FILE",
                "for convert: the file to write; what it becomes is told by its end, .safetensors or .pt",
            ),
            Option("key_in_ckpt", "text", "KEY", "where in a checkpoint the weights stand (default: they are found)"),
            Option(
                "unsafe_load",
                "switch",
                "",
                "for convert: read a file that cannot be read without running code from it, in a process of its own,"
                " with all your rights; for files of someone you trust",
            ),
            Option("format", "text", "FORMAT", "for show: text or json (default: text)"),
        ),
        positional=3,
        overrides=None,
        examples=(
            ("weights show models/model.pt", "names, shapes, number types and sizes"),
            ("weights convert models/model.pt models/model.safetensors", "the weights alone, without anything to run"),
            ("weights convert model.safetensors model.pt", "for programs that read only this"),
            ("weights convert old.pt model.safetensors --unsafe_load", "a pickle that asks for more than tensors"),
        ),
        load=_load_weights,
        exits=((0, "done"), (2, "the input is wrong: the file, or the command line")),
    ),
)
