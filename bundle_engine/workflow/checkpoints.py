"""Read weights and checkpoints without running code from them, and write them so that no half of one is left.

What is read: safetensors, and what torch.save writes of tensors and plain data (``weights_only=True``), old files from
before PyTorch 1.6 included. Anything else would have to run code from the file, and is refused.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import InputError
from bundle_engine.workflow.replacement import replacing
from bundle_engine.workflow.weight_files import SAFETENSORS, WeightFile, globals_of, recognise

if TYPE_CHECKING:
    import torch

__all__ = [
    "is_state_dict",
    "load_weights",
    "read_checkpoint",
    "read_weights",
    "state_dict_of",
    "write_checkpoint",
    "write_weights",
]

_NAMES = (  # under which checkpoints hold the weights, by custom
    "state_dict", "model", "network", "net", "model_state_dict", "network_state_dict", "net_state_dict", "model_state",
    "weights", "network_def", "ema_model",
)  # fmt: skip
_WRAPPERS = ("module.", "_orig_mod.")  # of DistributedDataParallel and of torch.compile


def read_checkpoint(path: str | os.PathLike[str], *, map_location: Any = "cpu", mmap: bool = False) -> dict[str, Any]:
    """Read a checkpoint, or a file with weights only.

    Args:
        path: the file; what it is, is told by its content.
        map_location: the device that the tensors come to, as torch.load takes it.
        mmap: leave the tensors in the file until they are used, where its kind allows that; it must not be replaced
            meanwhile.

    Returns:
        what the file holds: the weights by name, or a mapping with them and other things.

    Raises:
        InputNotFoundError: when there is no such file.
        InputError: when it is empty, damaged, cut off or no checkpoint, and when reading it would run code.
    """
    file = recognise(path)
    if file.kind == "safetensors":
        return _read_safetensors(file, map_location)
    if file.kind not in ("zip", "old"):
        raise _refusal(file)
    content = _read_saved(file, map_location, mmap and file.kind == "zip")
    if not isinstance(content, Mapping):
        raise InputError(
            f"'{path}' holds no checkpoint: expected is a mapping with weights, and it is a {type(content).__name__}",
            hint="save the state_dict() of the network",
        )
    return dict(content)


def read_weights(
    path: str | os.PathLike[str], *, key: str | None = None, map_location: Any = "cpu"
) -> dict[str, torch.Tensor]:
    """Read the weights of a network from a checkpoint: `read_checkpoint`, then `state_dict_of`."""
    return state_dict_of(read_checkpoint(path, map_location=map_location), key, source=str(path))


def state_dict_of(
    checkpoint: Mapping[str, Any], key: str | None = None, *, source: str = "the checkpoint"
) -> dict[str, torch.Tensor]:
    """Find the weights in a checkpoint.

    They are the checkpoint itself, or what stands under `key`, or under a customary name such as ``model``, or under
    the only key that has weights. What DistributedDataParallel and torch.compile put before all names is taken away.

    Args:
        checkpoint: what `read_checkpoint` gives.
        key: where the weights stand in it; None or ``""`` finds them.
        source: what to call the checkpoint in messages.

    Raises:
        InputError: when there are no weights, or when several things could be them.
    """
    if key:
        if key not in checkpoint:
            near = matches(key, [str(name) for name in checkpoint])
            hint = f"did you mean {either(near)}?" if near else f"it has {_names(checkpoint)}"
            raise InputError(f"{source} has no key '{key}'", hint=hint)
        found = checkpoint[key]
        if not is_state_dict(found):
            raise InputError(
                f"what {source} has at '{key}' is no weights, but {_describe(found)}", hint=_hint_of(checkpoint)
            )
    elif is_state_dict(checkpoint):
        found = checkpoint
    else:
        candidates = [str(name) for name, value in checkpoint.items() if is_state_dict(value)]
        customary = [name for name in candidates if name in _NAMES]
        if not candidates:
            raise InputError(
                f"there are no weights in {source}: it holds {_names(checkpoint)}",
                hint="expected are tensors by name, or a mapping that has them under a key such as 'model'",
            )
        chosen = customary if customary else candidates
        if len(chosen) > 1:
            raise InputError(
                f"{source} has weights under several keys: {', '.join(chosen)}", hint="say which (--key_in_ckpt)"
            )
        found = checkpoint[chosen[0]]
    return _unwrapped(found)


def is_state_dict(value: Any) -> bool:
    """Tell whether something is weights by name, as a network's state_dict() gives them."""
    import torch

    if not isinstance(value, Mapping) or not value:
        return False
    if not all(isinstance(name, str) for name in value):
        return False
    others = [name for name, item in value.items() if not isinstance(item, torch.Tensor)]
    return len(others) < len(value) and all(name.endswith("_extra_state") for name in others)


def load_weights(
    network: torch.nn.Module, weights: Mapping[str, torch.Tensor], *, source: str = "the checkpoint"
) -> None:
    """Put weights into a network; all of them must fit.

    Args:
        network: the network; it may be wrapped by DistributedDataParallel.
        weights: what `state_dict_of` gives.
        source: what to call the checkpoint in messages.

    Raises:
        InputError: when weights are missing, too many, or of another shape; all of them are named.
    """
    own = network.state_dict()
    prefix = next((p for p in _WRAPPERS if own and all(name.startswith(p) for name in own)), "")
    given = dict(weights)
    if prefix and not any(name.startswith(prefix) for name in given):
        given = {prefix + name: value for name, value in given.items()}
    problems = _misfits(own, given)
    if problems:
        shown = [*problems[:12], *([f"and {len(problems) - 12} more"] if len(problems) > 12 else [])]
        raise InputError(
            f"the weights of {source} do not fit the network {type(network).__name__}",
            notes=shown,
            hint="the config describes another network than the one that was trained, or the weights stand under"
            " another key (--key_in_ckpt)",
        )
    network.load_state_dict(given)


def write_weights(path: str | os.PathLike[str], state_dict: Mapping[str, torch.Tensor]) -> list[str]:
    """Write weights as safetensors; the file is complete, or as it was before.

    Tensors that share memory, such as tied weights, are written each by itself: whoever reads the file finds every
    name.

    Args:
        path: the file.
        state_dict: the weights by name.

    Returns:
        the names that share the memory of one before them.

    Raises:
        InputError: when the format cannot hold something, such as a sparse or quantized tensor.
        UsageError: when the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors, shared = _separate(state_dict)
    with replacing(path) as temporary:
        try:
            save_file(tensors, str(temporary), metadata={"format": "pt"})
        except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(f"the weights cannot be written as safetensors: {error}") from error
    return shared


def write_checkpoint(path: str | os.PathLike[str], checkpoint: Mapping[str, Any]) -> None:
    """Write a checkpoint as torch.save does; the file is complete, or as it was before.

    The same content gives the same bytes.

    Args:
        path: the file.
        checkpoint: tensors and plain data, so that `read_checkpoint` can read it.

    Raises:
        UsageError: when the file cannot be written.
    """
    import torch

    with replacing(path) as temporary, open(temporary, "wb") as stream:
        torch.save(dict(checkpoint), stream)  # given a path, it would write the file's temporary name into it


def _read_safetensors(file: WeightFile, map_location: Any) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file.path, device="cpu" if map_location is None else str(map_location)))
    except SafetensorError as error:
        raise InputError(f"'{file.path}' is a damaged safetensors file: {error}", hint="get it again") from error


def _read_saved(file: WeightFile, map_location: Any, mmap: bool) -> Any:
    import pickle

    import torch

    try:
        with warnings.catch_warnings():
            # what torch says of old ways of writing does not matter to who reads
            warnings.filterwarnings("ignore", category=UserWarning, module="torch")
            warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
            return torch.load(str(file.path), map_location=map_location, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        if wanted := _wanted(file):
            raise _refusal(file, wanted) from None
        raise InputError(
            f"'{file.path}' is damaged, or written in a way that cannot be read: {_first(error)}"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes almost anything go wrong
        if isinstance(error, RuntimeError) and "deserialize object on" in str(error):
            raise InputError(f"cannot put '{file.path}' on '{map_location}': {_first(error)}") from None
        raise InputError(
            f"'{file.path}' is damaged or cut off: {_first(error)}",
            hint="get it again; a download, a copy or a run that wrote it was probably interrupted",
        ) from None


def _wanted(file: WeightFile) -> list[str]:
    """Name what a file asks for and torch.load does not give with ``weights_only=True``."""
    from torch import _weights_only_unpickler as unpickler

    try:
        known = {*unpickler._get_allowed_globals(), *unpickler._get_user_allowed_globals()}
    except AttributeError:  # the names inside torch may change
        known = set()
    return [name for name in globals_of(file) if name not in known]


_KINDS = {
    "pickle": "it is a pickle that torch.save did not write",
    "torchscript": "it is a TorchScript program, with code inside",
    "exported": "it is a program that torch.export wrote",
}


def _refusal(file: WeightFile, wanted: list[str] | None = None) -> InputError:
    wanted = wanted if wanted is not None else globals_of(file) if file.kind == "pickle" else []
    why = f"its pickle asks for {', '.join(wanted[:8])}{', …' if len(wanted) > 8 else ''}" if wanted else ""
    kind = _KINDS.get(file.kind, "")
    target = file.path.with_suffix(SAFETENSORS)
    convert = f"weights convert {file.path} {target} --unsafe_load"
    if file.kind == "exported":
        hint = "export the network's state_dict() instead, or run the file with torch.export.load"
    else:
        hint = f"if you trust who made the file, convert it once: {convert}; or get the weights as safetensors"
    return InputError(
        f"'{file.path}' is not read, because reading it could run code: {'; '.join(p for p in (kind, why) if p)}",
        hint=hint,
    )


def _separate(state_dict: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Give tensors that can be written: each dense and with memory of its own; and the names that had none."""
    import torch

    tensors: dict[str, torch.Tensor] = {}
    shared: list[str] = []
    seen: set[tuple[Any, int]] = set()
    for name, value in state_dict.items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"safetensors holds tensors only, and '{name}' is {_describe(value)}", hint="write it as .pt instead"
            )
        if value.layout != torch.strided or value.is_quantized:
            kind = "quantized" if value.is_quantized else f"of layout {str(value.layout).removeprefix('torch.')}"
            raise InputError(
                f"safetensors holds dense tensors only, and '{name}' is {kind}", hint="write it as .pt instead"
            )
        value = value.detach()
        memory = (value.device, value.untyped_storage().data_ptr())
        if memory in seen and value.numel():
            shared.append(name)
            value = value.clone(memory_format=torch.contiguous_format)
        seen.add(memory)
        tensors[name] = value.contiguous()
    return tensors, shared


def _unwrapped(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    unwrapped = dict(weights)
    while prefix := next((p for p in _WRAPPERS if all(name.startswith(p) for name in unwrapped)), None):
        unwrapped = {name[len(prefix) :]: value for name, value in unwrapped.items()}
    return unwrapped


def _misfits(own: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    problems = [f"missing: {name} {_shape(own[name])}" for name in own if name not in given]
    for name, value in given.items():
        if name not in own:
            near = matches(name, [other for other in own if other not in given], most=1)
            problems.append(f"unexpected: {name} {_shape(value)}" + (f", near {near[0]}" if near else ""))
        elif _shape(own[name]) != _shape(value):
            problems.append(f"{name} has the shape {_shape(value)}, and the network {_shape(own[name])}")
    return problems


def _shape(value: Any) -> str:
    return str(tuple(getattr(value, "shape", ())))


def _describe(value: Any) -> str:
    return f"a mapping with {_names(value)}" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _names(mapping: Mapping[Any, Any]) -> str:
    names = [str(name) for name in mapping]
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") or "nothing"


def _hint_of(checkpoint: Mapping[str, Any]) -> str | None:
    there = [str(name) for name, value in checkpoint.items() if is_state_dict(value)]
    return f"there are weights at {', '.join(there)}" if there else None


def _first(error: BaseException) -> str:
    """Give the first sentence of an error of torch, which may be a page long."""
    text = str(error).strip() or type(error).__name__
    for line in text.split("\n"):
        if "WeightsUnpickler error" in line:
            return text.split("WeightsUnpickler error:", 1)[1].strip().split("\n")[0]
    return text.split("\n")[0].split(". ")[0][:200]
