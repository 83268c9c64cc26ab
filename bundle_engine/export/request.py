"""What is to be exported: the arguments of the exporting functions, put together."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle_engine.errors import UsageError
from bundle_engine.workflow.create import ArgsFile, merge_arguments, read_args_file

__all__ = ["Request", "read_request", "tolerances", "truth"]


@dataclass(frozen=True)
class Request:
    """What is to be exported, as it was asked for.

    Attributes:
        net_id: id of the network in the config.
        filepath: the file to write.
        ckpt_file: the file with the weights.
        meta_file: file or files with the metadata.
        config_file: file or files with the config.
        key_in_ckpt: where in the checkpoint the weights stand.
        input_shape: the one shape of the input; None for those of the metadata.
        bundle: the bundle's folder.
        initial_weights: whether the network is exported as it is built, without a checkpoint.
        rtol: how much outputs may differ, relative to the largest value of the original's.
        atol: how much outputs may differ besides that.
        converter_kwargs: further arguments of the function that converts.
        override: ids of the config and the values to set there.
        more: arguments that only one kind of export has.
    """

    net_id: str | None = None
    filepath: str | None = None
    ckpt_file: str | None = None
    meta_file: Any = None
    config_file: Any = None
    key_in_ckpt: str | None = None
    input_shape: tuple[int, ...] | None = None
    bundle: Path | None = None
    initial_weights: bool = False
    rtol: float | None = None
    atol: float | None = None
    converter_kwargs: Mapping[str, Any] = field(default_factory=dict)
    override: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


_OWN = tuple(Request.__dataclass_fields__)


def read_request(args_file: ArgsFile, options: Mapping[str, Any], override: Mapping[str, Any]) -> Request:
    """Put the arguments of an exporting function together; those that are given win over those of `args_file`.

    Raises:
        InputError: when an `args_file` cannot be read.
        UsageError: for a value that cannot be used.
    """
    given = {name: value for name, value in options.items() if value is not None}
    arguments = merge_arguments(read_args_file(args_file), {**given, **override})
    more = {name: arguments.pop(name, None) for name in options if name not in _OWN}
    own = {name: arguments.pop(name) for name in options if name in _OWN and arguments.get(name) is not None}
    arguments = {name: value for name, value in arguments.items() if name not in options}
    if "bundle" in own:
        own["bundle"] = Path(own["bundle"]).absolute()
    if "input_shape" in own:
        own["input_shape"] = _shape(own["input_shape"])
    if "converter_kwargs" in own:
        own["converter_kwargs"] = _mapping("converter_kwargs", own["converter_kwargs"])
    if "initial_weights" in own:
        own["initial_weights"] = bool(truth("initial_weights", own["initial_weights"]))
    for name in ("rtol", "atol"):
        if name in own:
            own[name] = _number(name, own[name])
    return Request(**own, override=arguments, more=more)


def tolerances(request: Request, rtol: float = 1e-4, atol: float = 1e-5) -> tuple[float, float, dict[str, Any]]:
    """Give how much outputs may differ, and the arguments of the converter without those of MONAI's for this.

    Args:
        request: what was asked for; ``converter_kwargs`` may have the tolerances too, as MONAI's converters do.
        rtol: the default, relative to the largest value.
        atol: the default besides that.
    """
    kwargs = dict(request.converter_kwargs)
    for name in ("verify", "device", "inputs"):  # the comparison is always made, and on the CPU
        kwargs.pop(name, None)
    relative, absolute = kwargs.pop("rtol", None), kwargs.pop("atol", None)
    relative = request.rtol if request.rtol is not None else relative
    absolute = request.atol if request.atol is not None else absolute
    return (
        rtol if relative is None else _number("rtol", relative),
        atol if absolute is None else _number("atol", absolute),
        kwargs,
    )


def truth(name: str, value: Any) -> bool | None:
    """Read a switch that may stand in a file as text; None where it is left open."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    if text in ("none", "null", ""):
        return None
    raise UsageError(f"{name} is True or False, not {value!r}")


def _shape(value: Any) -> tuple[int, ...]:
    sizes = _literal(value)
    if isinstance(sizes, (list, tuple)) and sizes and all(type(size) is int and size > 0 for size in sizes):
        return tuple(sizes)
    raise UsageError(f"input_shape is a list of sizes, not {value!r}", hint="--input_shape [1,1,96,96,96]")


def _mapping(name: str, value: Any) -> dict[str, Any]:
    found = _literal(value)
    if isinstance(found, Mapping):
        return {str(key): item for key, item in found.items()}
    raise UsageError(f"{name} is a mapping, not {value!r}", hint=f"--{name} \"{{'check_trace': False}}\"")


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise UsageError(f"{name} is a number from 0 on, not {value!r}", hint=f"--{name} 1e-3")
    return number


def _literal(value: Any) -> Any:
    if not isinstance(value, (str, os.PathLike)):
        return value
    try:
        return ast.literal_eval(str(value).strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value
