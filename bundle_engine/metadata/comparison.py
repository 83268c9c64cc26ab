"""What a network gave, held against what the metadata says it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bundle_engine.inspection.findings import Severity
from bundle_engine.metadata.data_format import DataFormat, TensorSpec, spatial_sizes

__all__ = ["Mismatch", "compare", "descriptions", "written"]


class Mismatch(NamedTuple):
    """Something that is not as the metadata says.

    Attributes:
        code: which kind of finding it is.
        id: where the metadata says so.
        message: one sentence.
        suggestion: what to write instead.
        severity: where it differs from what is usual for the code.
    """

    code: str
    id: str
    message: str
    suggestion: str = ""
    severity: Severity | None = None


def compare(
    format: DataFormat, outputs: Any, given: Mapping[str, int], *, values: bool = False, near: str = ""
) -> list[Mismatch]:
    """Find every difference between the outputs of a network and their descriptions.

    Args:
        format: the descriptions.
        outputs: what the network gave: a tensor, or tensors in a mapping, a tuple or a list.
        given: what `n`, `p` and `any` were.
        values: whether the tensors have values to hold against ``value_range``.
        near: words that say on what input the network gave this.
    """
    pairs, missing, extra = _paired(format.outputs, outputs)
    found: list[Mismatch] = []
    for name in missing:
        gives = f"it gives {', '.join(repr(each) for each in extra)}" if extra else "it gives no more than that"
        hint = "write the outputs in the order of the network, or by the names that it gives them"
        found.append(Mismatch("BE083", format.outputs[name].id, f"the network has no output '{name}'; {gives}", hint))
    for name in extra:
        message = f"the network gives {name}, which the metadata does not describe"
        found.append(Mismatch("BE084", f"{format.id}::outputs", message, "describe it among the outputs"))
    for spec, value in pairs:
        found += _compared(spec, value, given, values, near)
    return found


def descriptions(format: DataFormat) -> list[Mismatch]:
    """Find what does not fit within the descriptions themselves."""
    found: list[Mismatch] = []
    for spec in (*format.inputs.values(), *format.outputs.values()):
        count, channels = len(spec.channel_def), spec.num_channels
        if not count or channels is None:
            continue
        id, one = f"{spec.id}::channel_def", "" if count == 1 else "s"
        if count != channels:
            message = f"channel_def names {count} channel{one}, and num_channels of '{spec.name}' is {channels}"
            found.append(Mismatch("BE075", id, message, "name every channel, from 0 on"))
        elif (numbers := sorted(spec.channel_def)) != list(range(channels)):
            message = (
                f"channel_def of '{spec.name}' has the numbers {written(numbers, ', ')}, and not 0 to {channels - 1}"
            )
            found.append(Mismatch("BE075", id, message, "name every channel, from 0 on"))
    return found


def written(sizes: Iterable[int], between: str = "x") -> str:
    """Write sizes for people: ``96x96x96``."""
    return between.join(str(size) for size in sizes)


# --- which output is which ---


def _paired(specs: Mapping[str, TensorSpec], outputs: Any) -> tuple[list[tuple[TensorSpec, Any]], list[str], list[str]]:
    """Give descriptions with their outputs, the names of those without, and names for outputs without description."""
    named = _named(outputs)
    if not any(name in specs for name in named):  # then their order says which is which
        names, values = list(specs), list(named.values())
        pairs = [(specs[name], value) for name, value in zip(names, values, strict=False)]
        return pairs, names[len(values) :], [_what(name, named) for name in list(named)[len(names) :]]
    pairs = [(spec, named[name]) for name, spec in specs.items() if name in named]
    return pairs, [name for name in specs if name not in named], [f"'{name}'" for name in named if name not in specs]


def _what(name: str, named: Mapping[str, Any]) -> str:
    shape = f" of the shape {tuple(named[name].shape)}" if hasattr(named[name], "shape") else ""
    return f"output {name}{shape}" if name.isdecimal() else f"'{name}'"


def _named(outputs: Any) -> dict[str, Any]:
    """Give outputs by name; by number, from 1 on, where they have none. None is no output."""
    if isinstance(outputs, Mapping):
        return {str(getattr(key, "value", key)): value for key, value in outputs.items() if value is not None}
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return {name: value for name, value in zip(outputs._fields, outputs, strict=True) if value is not None}
    if isinstance(outputs, tuple | list):
        return {str(number): value for number, value in enumerate(outputs, 1) if value is not None}
    return {} if outputs is None else {"1": outputs}


# --- one output ---


def _compared(spec: TensorSpec, value: Any, given: Mapping[str, int], values: bool, near: str) -> Iterator[Mismatch]:
    import torch

    if isinstance(value, bool | int | float | complex):
        value = torch.as_tensor(value)
    if not isinstance(value, torch.Tensor):
        message = f"the output '{spec.name}' is a {type(value).__name__} and no tensor, so it cannot be compared"
        yield Mismatch("BE091", spec.id, message)
        return
    yield from _shape(spec, tuple(value.shape), spatial_sizes(spec, **given), near)
    dtype = str(value.dtype).rpartition(".")[2]
    if spec.dtype is not None and dtype != spec.dtype:
        message = f"the output '{spec.name}' is {dtype}, and the metadata says {spec.dtype}"
        yield Mismatch("BE087", f"{spec.id}::dtype", message, f"dtype: {dtype}")
    if values and spec.value_range is not None and value.numel() and not value.is_complex():
        yield from _range(spec, float(value.min()), float(value.max()))


def _shape(spec: TensorSpec, shape: tuple[int, ...], sizes: tuple[int, ...], near: str) -> Iterator[Mismatch]:
    channels, inside = spec.num_channels, shape[1:]  # the batch says nothing
    name, id = f"the output '{spec.name}'", f"{spec.id}::num_channels"
    if (spec.is_timesteps or (channels == 1 and not sizes)) and inside in ((), (1,)):
        return
    if channels is None:
        if inside and inside[1:] == sizes:
            message = f"{name} has {inside[0]} channels, and the metadata has no num_channels"
            yield Mismatch("BE085", spec.id, message, f"num_channels: {inside[0]}")
        elif inside != sizes:
            yield _sizes(spec, inside, sizes, near)
        return
    if sizes and sizes in (shape, inside) and inside[:1] == (channels,):
        what = "the batch and the channels" if sizes == shape else "the channels"
        message = f"spatial_shape of {name} counts {what}, too: its shape is {shape}"
        yield Mismatch("BE092", f"{spec.id}::spatial_shape", message, f"spatial_shape: {list(inside[1:])}")
        return
    if not inside or inside == sizes:
        yield Mismatch("BE085", id, f"{name} has the shape {shape}{near}, without an axis for the {channels} channels")
        return
    if inside[0] != channels:
        message = f"{name} has {inside[0]} channel{'s' * (inside[0] != 1)}, and the metadata says {channels}"
        yield Mismatch("BE085", id, message, f"num_channels: {inside[0]}")
    if inside[1:] != sizes:
        yield _sizes(spec, inside[1:], sizes, near)


def _sizes(spec: TensorSpec, got: tuple[int, ...], sizes: tuple[int, ...], near: str) -> Mismatch:
    gives = f"is {written(got)}" if got else "has no spatial axes"
    says = written(sizes) if sizes else "that it has none"
    message = f"the output '{spec.name}' {gives}{near}, and the metadata says {says}"
    return Mismatch("BE086", f"{spec.id}::spatial_shape", message)


def _range(spec: TensorSpec, low: float, high: float) -> Iterator[Mismatch]:
    assert spec.value_range is not None
    first, last = spec.value_range
    slack = 1e-6 * max(1.0, abs(first), abs(last))
    id = f"{spec.id}::value_range"
    if low != low or high != high:
        yield Mismatch("BE088", id, f"the output '{spec.name}' has values that are no numbers (nan)")
    elif low < first - slack or high > last + slack:
        has = f"the output '{spec.name}' has values from {low:.4g} to {high:.4g}"
        hint = "value_range: [], if it is a later step, such as a softmax, that brings the values into the range"
        yield Mismatch("BE088", id, f"{has}, and the metadata says {first:g} to {last:g}", hint)
