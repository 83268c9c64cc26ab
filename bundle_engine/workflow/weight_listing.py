"""List what a file with weights holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bundle_engine.workflow.weight_files import read_header, recognise

__all__ = ["TensorEntry", "WeightListing", "list_weights"]

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "C64": "complex64", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "U16": "uint16", "U32": "uint32", "U64": "uint64",
}  # fmt: skip


class TensorEntry(NamedTuple):
    """A tensor in a file.

    Attributes:
        name: its name.
        shape: its shape.
        dtype: the name of its number type.
        size: how many bytes its values take.
        shares: the name of the tensor before it whose memory it uses, such as for tied weights.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    shares: str | None = None


@dataclass(frozen=True)
class WeightListing:
    """What a file with weights holds.

    Attributes:
        path: the file.
        kind: ``safetensors`` or ``torch``.
        key: where in the checkpoint the tensors stand; empty when they are all of it.
        tensors: the weights.
        rest: what else a checkpoint has, by key, in words.
        metadata: texts about the file, in safetensors.
    """

    path: str
    kind: str
    key: str
    tensors: tuple[TensorEntry, ...]
    rest: Mapping[str, str]
    metadata: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes of all values; those that are shared count once."""
        return sum(tensor.size for tensor in self.tensors if tensor.shares is None)

    def as_dict(self) -> dict[str, Any]:
        """Give the listing as plain data."""
        return {
            "path": self.path,
            "kind": self.kind,
            "key": self.key,
            "tensors": [{**tensor._asdict(), "shape": list(tensor.shape)} for tensor in self.tensors],
            "rest": dict(self.rest),
            "metadata": dict(self.metadata),
            "size": self.size,
        }


def list_weights(path: str | os.PathLike[str], *, key: str | None = None) -> WeightListing:
    """List the tensors in a file with weights, and what else a checkpoint has.

    A safetensors file is read without torch, and only its header.

    Args:
        path: the file.
        key: where in the checkpoint the weights stand; by default they are found.

    Raises:
        InputError: when the file cannot be read, or has nothing of that key.
    """
    file = recognise(path)
    if file.kind == "safetensors" and not key:
        header = read_header(path)
        metadata = header.pop("__metadata__", {})
        entries = tuple(
            TensorEntry(
                name,
                tuple(entry["shape"]),
                _DTYPES.get(entry["dtype"], str(entry["dtype"]).lower()),
                entry["data_offsets"][1] - entry["data_offsets"][0],
            )
            for name, entry in header.items()
        )
        return WeightListing(str(path), "safetensors", "", entries, {}, metadata)
    from bundle_engine.workflow.checkpoints import is_state_dict, read_checkpoint, state_dict_of

    checkpoint = read_checkpoint(path, mmap=True)
    if key:
        state_dict_of(checkpoint, key, source=f"'{path}'")
    elif not is_state_dict(checkpoint):
        found = [str(name) for name, value in checkpoint.items() if is_state_dict(value)]
        key = found[0] if len(found) == 1 else None
    weights = checkpoint[key] if key else checkpoint if is_state_dict(checkpoint) else {}
    rest = {} if weights is checkpoint else {str(n): _words(v) for n, v in checkpoint.items() if n != key}
    return WeightListing(str(path), "torch", key or "", tuple(_entries(weights)), rest, {})


def _entries(weights: Mapping[str, Any]) -> Iterator[TensorEntry]:
    import torch

    seen: dict[int, str] = {}
    for name, value in weights.items():
        if not isinstance(value, torch.Tensor):
            continue
        strided = value.layout == torch.strided
        first = seen.setdefault(value.untyped_storage().data_ptr(), name) if strided and value.numel() else name
        dtype = str(value.dtype).removeprefix("torch.")
        size = value.numel() * value.element_size()
        yield TensorEntry(name, tuple(value.shape), dtype, size, None if first == name else first)


def _words(value: Any) -> str:
    import torch

    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, Mapping | list | tuple):
        number = sum(1 for _ in _tensors_in(value))
        kind = "mapping" if isinstance(value, Mapping) else "list"
        return f"a {kind} of {len(value)}" + (f", with {number} tensors" if number else "")
    return repr(value)[:60]


def _tensors_in(value: Any) -> Iterator[Any]:
    import torch

    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, Mapping):
            pending += item.values()
        elif isinstance(item, list | tuple):
            pending += item
