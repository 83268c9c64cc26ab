"""Inputs for a network that is exported: which it has, which sizes it takes, random values for them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import InputError, WorkflowError
from bundle_engine.metadata import shapes
from bundle_engine.metadata.calling import Call, plan_call
from bundle_engine.metadata.data_format import DataFormat, TensorSpec, concrete_shape, dynamic_axes

if TYPE_CHECKING:
    import torch

__all__ = ["Arguments", "Samples", "find_samples"]

Shapes = Mapping[str, tuple[int, ...]]

_STEPS = range(2, 10)  # of n and p; from 2 on, for axes of length 1 are special to what is exported
_ANY_UNIT = 16  # sizes that may be anything are multiples of this
_MOST_VALUES = 2**26  # of all inputs together: sizes beyond that are not tried
_LARGEST_VALUE = 1e3  # where a range is open


class Arguments(NamedTuple):
    """The arguments of a call of the network.

    Attributes:
        args: by position.
        kwargs: by name; those that come after an argument that is left out.
    """

    args: tuple[torch.Tensor, ...]
    kwargs: dict[str, torch.Tensor]

    @property
    def all(self) -> tuple[torch.Tensor, ...]:
        """All tensors, those by position first."""
        return (*self.args, *self.kwargs.values())


@dataclass(frozen=True)
class Samples:
    """Inputs that a network takes.

    Attributes:
        specs: what the network takes, by the names of the metadata and in the order of the network's arguments.
        call: which of them goes to which argument.
        example: shapes to export with.
        others: further shapes that the network takes.
        axes: by input, which axes vary: the axis, and its name.
        notes: what is worth telling.
    """

    specs: Mapping[str, TensorSpec]
    call: Call
    example: Shapes
    others: tuple[Shapes, ...]
    axes: Mapping[str, Mapping[int, str]]
    notes: tuple[str, ...] = ()

    @property
    def cases(self) -> list[tuple[Shapes, int]]:
        """Shapes and seeds to compare on: two draws of the first shapes, one of each other."""
        return [(self.example, 1), (self.example, 2), *((other, 3 + i) for i, other in enumerate(self.others))]

    def arguments(self, at: Shapes, seed: int = 0) -> Arguments:
        """Make random inputs of certain shapes; the same ones for the same seed."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        values = {name: _random(spec, at[name], generator) for name, spec in self.specs.items()}
        args = [values[name] for name in self.call.positions]
        kwargs = {argument: values[name] for name, argument in self.call.names.items()}
        for argument in self.call.takes[len(args) :]:
            if argument not in kwargs:
                break
            args.append(kwargs.pop(argument))
        return Arguments(tuple(args), kwargs)

    def axes_by_argument(self) -> tuple[tuple[Mapping[int, str], ...], dict[str, Mapping[int, str]]]:
        """Give which axes vary in the form of `arguments`: of those by position, and of those by name."""
        made = self.arguments(self.example)
        names = self.names()
        args = tuple(self.axes[name] for name in names[: len(made.args)])
        return args, {argument: self.axes[names[len(args) + i]] for i, argument in enumerate(made.kwargs)}

    def names(self) -> list[str]:
        """Give the names of the inputs in the order of `Arguments.all`."""
        by_argument = {argument: name for name, argument in self.call.names.items()}
        ordered = [by_argument[argument] for argument in self.call.takes if argument in by_argument]
        return [*self.call.positions, *ordered, *(n for a, n in by_argument.items() if a not in self.call.takes)]

    def fixed(self) -> Samples:
        """Give the same with no axis that varies."""
        return Samples(self.specs, self.call, self.example, (), {name: {} for name in self.specs}, self.notes)


def find_samples(
    network: torch.nn.Module, format: DataFormat | None, input_shape: tuple[int, ...] | None, id: str
) -> Samples:
    """Find inputs that a network takes.

    Where sizes vary, two are found: axes that vary are of different length where the network takes that, and the batch
    is 2 and 1.

    Args:
        network: the network.
        format: the inputs as the metadata describes them.
        input_shape: the one shape of the only input; nothing varies then.
        id: id of the network, for messages.

    Raises:
        InputError: when there is no description, or the network takes none of the inputs tried.
    """
    specs = _specs(network, format, input_shape, id)
    call = plan_call(network.forward, list(specs))
    takes = ", ".join(call.takes) or "nothing"
    if call.homeless or call.lacking:
        message = f"the metadata has the inputs {', '.join(specs)}, and the network '{id}' takes {takes}"
        raise InputError(message, hint="describe its inputs in network_data_format, by the names of its arguments")
    if input_shape is not None:
        found = Samples(specs, call, dict.fromkeys(specs, input_shape), (), {name: {} for name in specs})
        _try(network, found, found.example, id, raises=True)
        return found
    notes: list[str] = []
    axes = {name: _names_of_axes(name, spec, len(specs) > 1) for name, spec in specs.items()}
    plain = Samples(specs, call, {}, (), axes)
    taken: list[Shapes] = []
    refusal: InputError | None = None
    kind: int | None = None  # whether the first that was taken is uneven: the second is of its kind
    for uneven, candidate in _candidates(specs):
        if kind not in (None, uneven):
            continue
        refused = _try(network, plain, candidate, id)
        refusal = refusal or refused
        if refused is None:
            taken.append(candidate)
            kind = uneven
            if len(taken) == 2:
                break
    if not taken:
        assert refusal is not None
        raise refusal
    example = _with_batch(taken[0], 2)
    if _try(network, plain, example, id) is not None:
        notes.append("the network takes one item at a time: the batch does not vary")
        example = taken[0]
        axes = {name: {axis: called for axis, called in each.items() if axis} for name, each in axes.items()}
        taken.pop(0)
    if len(taken) == 1 and any(len(each) > 1 for each in axes.values()) and example is taken[0]:
        notes.append(f"the network takes one of the sizes tried only: {_shown(taken[0])}")
    return Samples(specs, call, example, tuple(taken[::-1][:2]), axes, tuple(notes))


def _specs(
    network: torch.nn.Module, format: DataFormat | None, input_shape: tuple[int, ...] | None, id: str
) -> dict[str, TensorSpec]:
    weight = next((p for p in network.parameters() if p.is_floating_point()), None)
    own = "float32" if weight is None else str(weight.dtype).removeprefix("torch.")
    if format is None or (input_shape is not None and not format.inputs):
        if input_shape is None:
            raise InputError(
                f"nothing says which input the network '{id}' takes: there is no metadata with network_data_format",
                hint="--input_shape [1,1,96,96] gives the shape; or describe it in the metadata",
            )
        return {"input": TensorSpec("input", "", dtype=own)}
    if input_shape is not None and len(format.inputs) > 1:
        names = ", ".join(format.inputs)
        raise InputError(f"input_shape is for one input, and the metadata has {names}", hint="leave input_shape out")
    floats = ("float16", "bfloat16", "float32", "float64")
    # half precision in the metadata speaks of mixed precision on a GPU; the export has the numbers of the weights
    return {
        name: TensorSpec(**{**_fields(spec), "dtype": own}) if (spec.dtype or own) in floats else spec
        for name, spec in format.inputs.items()
    }


def _fields(spec: TensorSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in TensorSpec.__dataclass_fields__}


def _names_of_axes(name: str, spec: TensorSpec, several: bool) -> dict[int, str]:
    """Name the axes that vary: ``batch``, and ``size_2`` for the axis 2, or ``image_size_2`` with several inputs."""
    start = f"{name}_" if several else ""
    return {axis: "batch" if axis == 0 else f"{start}size_{axis}" for axis in dynamic_axes(spec)}


def _sizes(specs: Mapping[str, TensorSpec]) -> set[str]:
    """Give the names that sizes depend on."""
    return {name for spec in specs.values() for size in spec.spatial_shape for name in shapes.names_in(size)}


def _candidates(specs: Mapping[str, TensorSpec]) -> Iterator[tuple[int, Shapes]]:
    """Give shapes to try, small ones first; for each step uneven ones (1) before cubes (0)."""
    first = True
    for step in _STEPS:
        for uneven in (1, 0):
            try:
                candidate = {name: _shape(spec, step, uneven) for name, spec in specs.items()}
            except shapes.ShapeError:
                continue
            if first or sum(map(math.prod, candidate.values())) <= _MOST_VALUES:
                yield uneven, candidate
            first = False
            if not _sizes(specs):
                return


def _shape(spec: TensorSpec, step: int, uneven: int) -> tuple[int, ...]:
    shape = concrete_shape(spec)
    start = len(shape) - len(spec.spatial_shape)
    sizes = []
    for index, size in enumerate(spec.spatial_shape):
        value = step + uneven * index
        sizes.append(shapes.evaluate(size, n=value, p=value, any=_ANY_UNIT * value))
    return (*shape[:start], *sizes)


def _with_batch(at: Shapes, batch: int) -> Shapes:
    return {name: (batch, *shape[1:]) for name, shape in at.items()}


def _try(network: torch.nn.Module, samples: Samples, at: Shapes, id: str, *, raises: bool = False) -> InputError | None:
    """Call the network; give the error where it does not take the inputs."""
    import torch

    try:
        made = samples.arguments(at)
        with torch.no_grad():
            network(*made.args, **made.kwargs)
    except Exception as error:  # whatever the network raises
        said = " ".join(str(error).split())[:300] or type(error).__name__
        refusal = InputError(
            f"the network '{id}' does not take {_shown(at)}: {said}",
            hint="--input_shape gives a shape that it takes; `verify` says what is wrong with the metadata",
        )
        refusal.__cause__ = error
        if raises:
            raise refusal from error
        return refusal
    return None


def _shown(at: Shapes) -> str:
    return " and ".join(f"'{name}' of the shape {list(shape)}" for name, shape in at.items())


def _random(spec: TensorSpec, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Draw values within the range of the metadata; normally distributed ones where it gives none."""
    import torch

    dtype = getattr(torch, spec.dtype or "float32")
    if not isinstance(dtype, torch.dtype):
        raise WorkflowError(f"torch has no number type '{spec.dtype}'")
    if spec.value_range is None:
        low, high = (0.0, 1.0)
    else:
        low, high = (max(-_LARGEST_VALUE, min(_LARGEST_VALUE, value)) for value in spec.value_range)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if not (dtype.is_floating_point or dtype.is_complex):
        limits = torch.iinfo(dtype)
        lowest, highest = max(math.ceil(low), limits.min), min(math.floor(high), limits.max)
        return torch.randint(lowest, max(lowest, highest) + 1, shape, generator=generator).to(dtype)
    if spec.value_range is None:
        return torch.randn(shape, generator=generator).to(dtype)
    return (torch.rand(shape, generator=generator) * (high - low) + low).to(dtype)
