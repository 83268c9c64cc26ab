"""The network's inputs and outputs as metadata describes them: ``network_data_format``.

A tensor has the shape ``(batch, num_channels, *spatial_shape)``. Without ``num_channels`` it has no axis of channels;
an input of type ``timesteps`` has one number for each item of the batch. Nothing here imports torch: a dtype is the
name that both torch and NumPy have for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import Id
from bundle_engine.config.source import PathLike
from bundle_engine.errors import InputError
from bundle_engine.metadata import shapes

__all__ = [
    "NETWORK",
    "DataFormat",
    "Problem",
    "TensorSpec",
    "concrete_shape",
    "dynamic_axes",
    "input_shapes",
    "load_data_format",
    "read_data_format",
    "spatial_sizes",
]

NETWORK = "network_data_format"
BATCH = "batch"
_TIMESTEPS = "timesteps"
_DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64")
_OTHER_NAMES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32", "long": "int64"} | {
    "short": "int16",
    "byte": "uint8",
}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network.

    Attributes:
        name: its name in the metadata, such as ``image`` or ``pred``.
        id: where it stands in the metadata.
        type: such as ``image``, ``probabilities``, ``timesteps``.
        format: such as ``magnitude``, ``segmentation``.
        modality: such as ``MR``, ``CT``.
        num_channels: how many channels; None where the tensor has no axis of channels.
        spatial_shape: sizes of the axes behind the channels: numbers, or texts such as ``8*n`` and ``*``.
        dtype: name of the number type as torch and NumPy have it; None where the metadata gives none.
        value_range: smallest and largest value; None where they are not given.
        is_patch_data: whether it is a patch of an image rather than a whole one; None where that is not said.
        channel_def: what each channel means; empty where that is not said.
    """

    name: str
    id: str
    type: str = ""
    format: str = ""
    modality: str = ""
    num_channels: int | None = None
    spatial_shape: tuple[int | str, ...] = ()
    dtype: str | None = None
    value_range: tuple[float, float] | None = None
    is_patch_data: bool | None = None
    channel_def: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def is_timesteps(self) -> bool:
        """Whether it is one number for each item of the batch, without an axis of channels."""
        return _TIMESTEPS in (self.type.lower(), self.format.lower())


@dataclass(frozen=True)
class DataFormat:
    """All inputs and outputs of a network, by name and in the order of the metadata.

    Attributes:
        id: where the description stands in the metadata.
        inputs: what the network takes.
        outputs: what it gives.
    """

    id: str
    inputs: Mapping[str, TensorSpec] = field(hash=False)
    outputs: Mapping[str, TensorSpec] = field(hash=False)


class Problem(NamedTuple):
    """Something in a description that cannot be used.

    Attributes:
        id: where it stands in the metadata, as far as it is there.
        message: what is wrong, in one sentence.
        hint: what to write instead.
    """

    id: str
    message: str
    hint: str


def load_data_format(path: PathLike, *, key: str = NETWORK) -> DataFormat:
    """Read the description of the inputs and outputs from a metadata file.

    Args:
        path: the file, JSON or YAML.
        key: which description: a bundle of several networks has further ones, such as ``autoencoder_data_format``.

    Raises:
        InputError: when the file cannot be read, or the description cannot be used; it names every problem.
    """
    parser = ConfigParser()
    parser.read_config(path)
    problems: list[Problem] = []
    found = read_data_format(parser.config, key=key, problems=problems)
    if not problems:
        return found
    first, *more = problems
    id = Id.parse(first.id)
    while id and id not in parser:
        id = id.parent
    notes = [f"and at '{other.id}': {other.message}" for other in more]
    raise InputError(first.message, id=first.id, place=parser.where(id).place, hint=first.hint, notes=notes)


def read_data_format(
    metadata: Mapping[str, Any], *, key: str = NETWORK, problems: list[Problem] | None = None
) -> DataFormat:
    """Read the description of the inputs and outputs from metadata.

    Args:
        metadata: the content of a metadata file.
        key: which description.
        problems: a list that takes what is wrong; what can be used is given all the same.

    Raises:
        InputError: for the first thing that is wrong, without `problems`.
    """
    found = _Reading(problems is None, problems if problems is not None else [])
    written = metadata.get(key)
    if not isinstance(written, Mapping):
        message = f"the metadata has no {key}" if written is None else f"{key} is no mapping"
        found.add(Id((key,)), message, f"{key} has 'inputs' and 'outputs'; each names tensors")
        return DataFormat(key, {}, {})
    sides = {side: dict(_specs(written, Id((key, side)), found)) for side in ("inputs", "outputs")}
    return DataFormat(key, MappingProxyType(sides["inputs"]), MappingProxyType(sides["outputs"]))


def spatial_sizes(spec: TensorSpec, *, n: int = 1, p: int = 1, any: int = 1) -> tuple[int, ...]:
    """Give the sizes of the axes behind the channels for certain values of `n`, `p` and `any`.

    Raises:
        ShapeError: for a size that cannot be computed; a `DataFormat` that was read without problems has none of
            these, as long as the values are not enormous.
    """
    return tuple(shapes.evaluate(size, n=n, p=p, any=any) for size in spec.spatial_shape)


def concrete_shape(spec: TensorSpec, n: int = 1, p: int = 1, any: int = 1, *, batch: int = 1) -> tuple[int, ...]:
    """Give the shape of a tensor for certain values of `n`, `p` and `any`: ``(batch, channels, *spatial)``.

    Raises:
        ShapeError: as for `spatial_sizes`.
    """
    sizes = spatial_sizes(spec, n=n, p=p, any=any)
    channels = () if spec.num_channels is None or (spec.is_timesteps and not sizes) else (spec.num_channels,)
    return (batch, *channels, *sizes)


def input_shapes(
    format: DataFormat, n: int = 1, p: int = 1, any: int = 1, *, batch: int = 1
) -> dict[str, tuple[int, ...]]:
    """Give the shapes of all inputs, by name, in the order of the metadata; see `concrete_shape`."""
    return {name: concrete_shape(spec, n, p, any, batch=batch) for name, spec in format.inputs.items()}


def dynamic_axes(spec: TensorSpec) -> dict[int, str]:
    """Tell which axes of a tensor vary: the number of the axis, and its size as it is written.

    The axis of the batch always varies, and is called ``batch``.
    """
    first = len(concrete_shape(spec)) - len(spec.spatial_shape)
    varying = {first + i: str(size) for i, size in enumerate(spec.spatial_shape) if shapes.names_in(size)}
    return {0: BATCH} | varying


# --- reading ---


class _Reading:
    def __init__(self, raises: bool, problems: list[Problem]) -> None:
        self.raises = raises
        self.problems = problems

    def add(self, id: Id, message: str, hint: str) -> None:
        if self.raises:
            raise InputError(message, id=str(id), hint=hint)
        self.problems.append(Problem(str(id), message, hint))


def _specs(format: Mapping[str, Any], id: Id, found: _Reading) -> Iterator[tuple[str, TensorSpec]]:
    side = id[-1]
    written = format.get(side)
    if not isinstance(written, Mapping) or not written:
        found.add(id, f"{'.'.join(id)} names no tensors", f"{side}: {{name: {{type: image, num_channels: 1, ...}}}}")
        return
    for name, fields in written.items():
        if isinstance(fields, Mapping):
            yield str(name), _spec(str(name), fields, id.child(name), found)
        else:
            found.add(id.child(name), f"'{name}' is described by a mapping, not by {fields!r:.40}", "type: image, ...")


def _spec(name: str, fields: Mapping[str, Any], id: Id, found: _Reading) -> TensorSpec:
    patch = fields.get("is_patch_data")
    if patch is not None and not isinstance(patch, bool):
        found.add(
            id.child("is_patch_data"), f"is_patch_data is true or false, not {patch!r:.40}", "write true or false"
        )
        patch = None
    return TensorSpec(
        name,
        str(id),
        type=str(fields.get("type") or ""),
        format=str(fields.get("format") or ""),
        modality=str(fields.get("modality") or ""),
        num_channels=_num_channels(fields.get("num_channels"), id.child("num_channels"), found),
        spatial_shape=_spatial_shape(fields.get("spatial_shape"), id.child("spatial_shape"), found),
        dtype=_dtype(fields.get("dtype"), id.child("dtype"), found),
        value_range=_value_range(fields.get("value_range"), id.child("value_range"), found),
        is_patch_data=patch,
        channel_def=_channel_def(fields.get("channel_def"), id.child("channel_def"), found),
    )


def _num_channels(written: Any, id: Id, found: _Reading) -> int | None:
    if written is None:
        return None
    number = _whole(written)
    if number is None or not 1 <= number <= shapes.LARGEST:
        found.add(id, f"num_channels is a number from 1 on, not {written!r:.40}", "num_channels: 1")
        return None
    return number


def _spatial_shape(written: Any, id: Id, found: _Reading) -> tuple[int | str, ...]:
    if written is None:
        return ()
    if not isinstance(written, list | tuple):
        found.add(id, f"spatial_shape is a list, not {written!r:.40}", 'spatial_shape: ["8*n", "8*n"]')
        return ()
    sizes: list[int | str] = []
    for index, size in enumerate(written):
        try:
            names = shapes.names_in(size)
            value = shapes.evaluate(size)
        except shapes.ShapeError as problem:
            hint = 'write a number, "*" for any size, or a pattern such as "8*n", "2**p", "16*n+1"'
            found.add(id.child(index), f"the size {size!r:.60} {problem}", hint)
        else:
            sizes.append(size if names else value)
    return tuple(sizes) if len(sizes) == len(written) else ()


def _dtype(written: Any, id: Id, found: _Reading) -> str | None:
    if written is None:
        return None
    name = str(written).rpartition(".")[2].lower()
    name = _OTHER_NAMES.get(name, name)
    if name not in _DTYPES:
        found.add(id, f"there is no number type {written!r:.40}", f"one of {', '.join(_DTYPES)}")
        return None
    return name


def _value_range(written: Any, id: Id, found: _Reading) -> tuple[float, float] | None:
    if written is None or written in ([], ()):
        return None
    numbers = isinstance(written, list | tuple) and all(isinstance(v, int | float) for v in written)
    if numbers and len(written) > 2 and list(written) == sorted(written):
        return None  # all values that labels have, which says nothing of what a network gives before it is rounded
    if not numbers or len(written) != 2 or any(math.isnan(v) for v in written) or written[0] > written[1]:
        hint = "value_range: [0, 1]; or [] where it is not known"
        found.add(id, f"value_range is the smallest and the largest value, not {written!r:.40}", hint)
        return None
    return float(written[0]), float(written[1])


def _channel_def(written: Any, id: Id, found: _Reading) -> Mapping[int, str]:
    if written is None:
        return MappingProxyType({})
    numbers = (
        {_whole(key): str(value) for key, value in written.items()} if isinstance(written, Mapping) else {None: ""}
    )
    if None in numbers or any(number is not None and number < 0 for number in numbers):
        hint = 'channel_def: {"0": "background", "1": "spleen"}'
        found.add(id, f"channel_def maps the numbers of channels to what they are, not {written!r:.40}", hint)
        return MappingProxyType({})
    return MappingProxyType({number: text for number, text in numbers.items() if number is not None})


def _whole(written: Any) -> int | None:
    if isinstance(written, str) and written.strip().isdecimal() and len(written) < 20:
        return int(written)
    return written if isinstance(written, int) and not isinstance(written, bool) else None
