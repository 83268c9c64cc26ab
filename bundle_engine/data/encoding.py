"""Take what transforms gave apart into tensors and plain values, and put it together again, bit for bit.

What comes back has the types, the values and the memory layout of what went in, the metadata of MONAI's tensors and the
history of their transforms included. Nothing is pickled: only values of a closed list of kinds can be kept.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["NotStorableError", "Operators", "decode", "encode"]

_TAG = "$"
_ID = "id"  # the key under which MONAI notes the transform that was applied
_NO_ID = "none"


class NotStorableError(Exception):
    """A value of a kind that cannot be kept; the message names it."""


class Operators:
    """The transforms of a pipeline, those inside of others too, by names that are the same in every process.

    MONAI writes the `id` of each transform into the history of an image, and goes by it when it undoes one. Such a
    number means nothing in another process, so that the transform's name is kept in its place.

    Args:
        transforms: the pipeline.
    """

    def __init__(self, transforms: Any) -> None:
        from monai.transforms import Transform

        self._names: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        waiting = [(str(index), each) for index, each in enumerate(transforms)]
        while waiting:
            name, each = waiting.pop()
            if isinstance(each, Transform):
                if id(each) in self._names:
                    continue
                self._names[id(each)] = name
                self._ids[name] = id(each)
                waiting += [(f"{name}.{key}", value) for key, value in vars(each).items()]
            elif isinstance(each, (list, tuple)):
                waiting += [(f"{name}.{index}", value) for index, value in enumerate(each)]
            elif isinstance(each, dict):
                waiting += [(f"{name}.{key}", value) for key, value in each.items()]

    def name(self, number: int) -> str | None:
        return self._names.get(number)

    def number(self, name: str) -> Any:
        return self._ids.get(name, _NO_ID)


def encode(value: Any, operators: Operators) -> tuple[Any, dict[str, Any]]:
    """Take a value apart.

    Args:
        value: what transforms gave.
        operators: the transforms.

    Returns:
        what JSON can hold, and the tensors by name.

    Raises:
        NotStorableError: when there is something in it that cannot be kept.
    """
    encoder = _Encoder(operators)
    return encoder.encode(value), encoder.tensors


def decode(structure: Any, tensors: Mapping[str, Any], operators: Operators) -> Any:
    """Put together what `encode` took apart.

    Args:
        structure: what JSON held.
        tensors: those of its names; they become part of the result.
        operators: the transforms, of this process.
    """
    return _Decoder(tensors, operators).decode(structure)


class _Encoder:
    def __init__(self, operators: Operators) -> None:
        self.tensors: dict[str, Any] = {}
        self._operators = operators
        self._names: dict[int, str] = {}
        self._alive: list[Any] = []

    def encode(self, value: Any) -> Any:
        import numpy as np
        import torch

        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind is list:
            return [self.encode(item) for item in value]
        if kind is dict:
            return self._mapping(value)
        if kind in (tuple, set, frozenset, torch.Size):
            items = sorted(value, key=repr) if kind in (set, frozenset) else value
            return {_TAG: kind.__name__, "items": [self.encode(item) for item in items]}
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        return self._rare(value)

    def _rare(self, value: Any) -> Any:
        import enum

        import numpy as np
        import torch

        kind = type(value)
        if isinstance(value, enum.Enum) and kind.__module__ == "monai.utils.enums":
            return {_TAG: "enum", "of": kind.__qualname__, "name": value.name}
        if isinstance(value, Path):
            return {_TAG: "path", "text": str(value)}
        if isinstance(value, torch.dtype):
            return {_TAG: "torch.dtype", "text": str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {_TAG: "torch.device", "text": str(value)}
        if isinstance(value, np.dtype) and not value.hasobject:
            return {_TAG: "numpy.dtype", "text": value.str}
        if isinstance(value, type) and issubclass(value, np.generic) and value is not np.object_:
            return {_TAG: "numpy.type", "text": np.dtype(value).str}
        if isinstance(value, slice):
            return {_TAG: "slice", "items": [self.encode(part) for part in (value.start, value.stop, value.step)]}
        raise NotStorableError(f"a '{kind.__module__}.{kind.__qualname__}'")

    def _mapping(self, value: dict[Any, Any]) -> Any:
        noted = type(value.get(_ID)) is int and "class" in value
        operator = self._operators.name(value[_ID]) or _NO_ID if noted else None
        if all(isinstance(key, str) for key in value) and _TAG not in value and operator is None:
            return {str(getattr(key, "value", key)): self.encode(item) for key, item in value.items()}
        pairs = []
        for key, item in value.items():
            whole = {_TAG: "operator", "name": operator} if operator is not None and key == _ID else self.encode(item)
            pairs.append([str(getattr(key, "value", key)) if isinstance(key, str) else self.encode(key), whole])
        return {_TAG: "dict", "items": pairs}

    def _tensor(self, value: Any) -> Any:
        import torch

        if id(value) in self._names:
            return {_TAG: "tensor", "name": self._names[id(value)]}
        if value.layout is not torch.strided or value.is_quantized or value.requires_grad or value.is_complex():
            raise NotStorableError("a tensor that is sparse, quantized, complex or has a gradient")
        state, kind = vars(value), type(value)
        if kind is not torch.Tensor:
            from monai.data import MetaTensor

            if kind is not MetaTensor:
                raise NotStorableError(f"a '{kind.__module__}.{kind.__qualname__}'")
        elif state:
            raise NotStorableError("a tensor with attributes of its own")
        found: dict[str, Any] = {_TAG: "tensor", "name": self._keep(value, value.detach().as_subclass(torch.Tensor))}
        if value.device.type != "cpu":
            found["device"] = str(value.device)
        if kind is not torch.Tensor:
            found["meta"] = {name: self.encode(part) for name, part in state.items()}
        order = _order(value.stride(), value.shape)
        if order is not None:
            found["order"] = order
        return found

    def _array(self, value: Any) -> Any:
        import numpy as np
        import torch

        if id(value) in self._names:
            return {_TAG: "array", "name": self._names[id(value)]}
        if type(value) not in (np.ndarray, *_scalars()):
            raise NotStorableError(f"a '{type(value).__module__}.{type(value).__qualname__}'")
        if value.dtype.kind in "US":
            return {_TAG: "texts", "dtype": value.dtype.str, "items": value.tolist(), "scalar": not _is_array(value)}
        if value.dtype.kind not in "biuf" or not value.dtype.isnative:
            raise NotStorableError(f"an array of '{value.dtype}'")
        plain = np.asarray(value)
        order = _order(tuple(stride // max(1, plain.itemsize) for stride in plain.strides), plain.shape)
        if order is not None:
            plain = plain.transpose(order)
        whole = np.ascontiguousarray(plain).reshape(plain.shape)
        try:
            tensor = torch.from_numpy(whole.copy() if not whole.flags.writeable else whole)
        except TypeError as error:
            raise NotStorableError(f"an array of '{value.dtype}'") from error
        found: dict[str, Any] = {_TAG: "array", "name": self._keep(value, tensor)}
        if order is not None:
            found["order"] = order
        if not _is_array(value):
            found["scalar"] = True
        return found

    def _keep(self, value: Any, tensor: Any) -> str:
        name = f"t{len(self.tensors)}"
        order = _order(tensor.stride(), tensor.shape)
        tensor = tensor.permute(order) if order is not None else tensor
        plain = tensor.cpu().contiguous()
        shared = any(plain.data_ptr() == other.data_ptr() for other in self.tensors.values())
        self.tensors[name] = plain.clone() if shared else plain
        self._names[id(value)] = name
        self._alive.append(value)
        return name


class _Decoder:
    def __init__(self, tensors: Mapping[str, Any], operators: Operators) -> None:
        self._tensors = tensors
        self._operators = operators
        self._made: dict[str, Any] = {}

    def decode(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if _TAG not in value:
            return {key: self.decode(item) for key, item in value.items()}
        kind = value[_TAG]
        if kind in ("tensor", "array"):
            if value["name"] not in self._made:
                self._made[value["name"]] = self._tensor(value) if kind == "tensor" else self._array(value)
            return self._made[value["name"]]
        if kind == "operator":
            return self._operators.number(value["name"])
        if kind == "dict":
            pairs = [
                (key if isinstance(key, str) else self.decode(key), self.decode(item)) for key, item in value["items"]
            ]
            return dict(pairs)
        return self._rare(kind, value)

    def _rare(self, kind: str, value: dict[str, Any]) -> Any:
        import numpy as np
        import torch

        if kind in ("tuple", "set", "frozenset", "Size", "slice"):
            items = [self.decode(item) for item in value["items"]]
            makers: Any = {"tuple": tuple, "set": set, "frozenset": frozenset, "Size": torch.Size}
            return slice(*items) if kind == "slice" else makers[kind](items)
        if kind == "enum":
            import enum

            import monai.utils.enums

            made = getattr(monai.utils.enums, value["of"])
            if not (isinstance(made, type) and issubclass(made, enum.Enum)):
                raise NotStorableError(f"'{value['of']}' is no enumeration")
            return made[value["name"]]
        if kind == "texts":
            array = np.array(value["items"], dtype=value["dtype"])
            return array[()] if value["scalar"] else array
        if kind == "path":
            return Path(value["text"])
        if kind == "torch.dtype":
            dtype = getattr(torch, value["text"])
            if not isinstance(dtype, torch.dtype):
                raise NotStorableError(f"'{value['text']}' is no kind of number")
            return dtype
        if kind == "torch.device":
            return torch.device(value["text"])
        if kind == "numpy.dtype":
            return np.dtype(value["text"])
        if kind == "numpy.type":
            return np.dtype(value["text"]).type
        raise NotStorableError(f"'{kind}' is no kind of value")

    def _tensor(self, value: dict[str, Any]) -> Any:
        tensor = self._tensors[value["name"]]
        if "order" in value:
            tensor = tensor.permute(_inverse(value["order"]))
        if "device" in value:
            tensor = tensor.to(value["device"])
        if "meta" not in value:
            return tensor
        from monai.data import MetaTensor

        tensor = tensor.as_subclass(MetaTensor)
        self._made[value["name"]] = tensor
        vars(tensor).update({name: self.decode(part) for name, part in value["meta"].items()})
        return tensor

    def _array(self, value: dict[str, Any]) -> Any:
        array = self._tensors[value["name"]].numpy()
        if value.get("scalar"):
            return array[()]
        return array.transpose(_inverse(value["order"])) if "order" in value else array


def _order(strides: Any, shape: Any) -> list[int] | None:
    """Give the order of axes in which the numbers lie in memory; None where it is the usual one, or has gaps."""
    axes = sorted(range(len(shape)), key=lambda axis: (-strides[axis], axis))
    if axes == list(range(len(shape))):
        return None
    step = 1
    for axis in reversed(axes):
        if shape[axis] != 1 and strides[axis] != step:
            return None
        step *= shape[axis]
    return axes


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)


def _is_array(value: Any) -> bool:
    return isinstance(value, sys.modules["numpy"].ndarray)


def _scalars() -> tuple[type, ...]:
    import numpy as np

    return (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float16,
            np.float32, np.float64, np.str_, np.bytes_)  # fmt: skip
