"""Look for inputs that a network takes: first those of the metadata, then those that it should have described.

A network that refuses its inputs would hide everything else that is wrong. So other numbers of channels, number types
and sizes are tried, on fake tensors; with those that it takes its outputs can be looked at all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bundle_engine.metadata import shapes
from bundle_engine.metadata.calling import plan_call
from bundle_engine.metadata.comparison import Mismatch, written
from bundle_engine.metadata.data_format import DataFormat, TensorSpec, input_shapes, spatial_sizes
from bundle_engine.metadata.trial import FakeNetwork, RealNetwork, Trial

__all__ = ["Probe", "Search", "probes"]

_LADDER: Mapping[str, Sequence[int]] = {
    "n": (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    "p": range(1, 10),
    "any": (1, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 512),
}
_MOST_CALLS = 60
_FIRST = 4  # sizes to try before anything else is changed
_MOST_ELEMENTS = 2**40
_SMALL = 2**22  # elements of all inputs, for a run whose cost nobody knows
_FEW_WEIGHTS = 10**8
_SIZE = 32  # of an axis that the metadata does not have


@dataclass(frozen=True)
class Probe:
    """Values of `n`, `p` and `any` to try.

    Attributes:
        n: what `n` is.
        p: what `p` is.
        any: what ``*`` is.
    """

    n: int = 1
    p: int = 1
    any: int = 1

    @property
    def given(self) -> dict[str, int]:
        """The values by name."""
        return {"n": self.n, "p": self.p, "any": self.any}


@dataclass(frozen=True)
class _Variant:
    """Inputs as they may have been meant, and what is wrong with the metadata then."""

    specs: Mapping[str, TensorSpec]
    mismatches: tuple[Mismatch, ...] = ()


def probes(format: DataFormat, given: Mapping[str, int]) -> list[Probe]:
    """Give the values of `n`, `p` and `any` to try, one after the other: the given ones, or growing ones."""
    names = _names(format)
    if given or not names:
        return [Probe(**given)]
    steps = max(len(_LADDER[name]) for name in names)
    return [Probe(**{name: _LADDER[name][min(i, len(_LADDER[name]) - 1)] for name in names}) for i in range(steps)]


class Search:
    """Tries inputs on a network without memory.

    Args:
        network: the network.
        format: its description.
        extra: further arguments of its ``forward``.

    Attributes:
        specs: the inputs that are tried; those that were taken, after `smallest`.
        mismatches: what is wrong with the description of the inputs.
        trial: what came of the inputs that were taken.
        first: the first inputs that were tried, and what came of them.
    """

    def __init__(self, network: FakeNetwork, format: DataFormat, extra: Mapping[str, Any]) -> None:
        self.network, self.format = network, format
        self.names = _names(format)
        call = plan_call(network.module.forward, list(format.inputs), extra)
        self.specs: Mapping[str, TensorSpec] = {n: s for n, s in format.inputs.items() if n not in call.homeless}
        self.plan = call
        self.trial = Trial()
        self.first = (Probe(), Trial(refusal="it was not called"))
        takes = f"it takes {', '.join(call.takes) or 'nothing'}"
        self.mismatches = [
            Mismatch("BE082", format.inputs[name].id, f"the network has no argument for the input '{name}'; {takes}")
            for name in call.homeless
        ]
        self._calls = 0

    @property
    def varies(self) -> bool:
        """Whether a size of the inputs depends on `n`, `p` or `any`."""
        return bool(self.names)

    def unfit(self) -> list[Mismatch]:
        """Give what is wrong where the network cannot be called at all, for it needs more than the inputs."""
        if not self.plan.lacking:
            return []
        names = " and ".join(f"'{name}'" for name in self.plan.lacking)
        message = f"the network needs {names}, and the metadata has no input for that"
        hint = "describe it among the inputs, or give a value: --extra_forward_args \"{'name': value}\""
        return [*self.mismatches, Mismatch("BE082", f"{self.format.id}::inputs", message, hint)]

    def smallest(self, probes: Sequence[Probe]) -> Probe | None:
        """Find the first inputs that the network takes, and keep what came of them; None where it takes none."""
        usable = [probe for probe in probes if self._fits(probe)]
        if not usable:
            message = f"no size can be computed for {self._values(probes[0])}"
            self.first = (probes[0], Trial(refusal=message))
            return None
        as_written = _Variant(self.specs)
        variants = list(self._variants())
        tries = [(probe, as_written) for probe in usable[:_FIRST]]
        tries += [(usable[0], variant) for variant in variants]
        tries += [(probe, as_written) for probe in usable[_FIRST:]]
        tries += [(probe, variant) for probe in usable[1:] for variant in variants]
        for probe, variant in tries:
            if self._calls >= _MOST_CALLS:
                return None
            trial = self._try(variant.specs, probe)
            if self._calls == 1:
                self.first = (probe, trial)
            if trial.unable:
                return None
            if not trial.refusal:
                self.mismatches += variant.mismatches
                if probe != usable[0]:
                    self.mismatches.append(self._too_small(usable[0], probe))
                self.specs, self.trial = variant.specs, trial
                return probe
        return None

    def call(self, network: RealNetwork, probe: Probe) -> Trial:
        """Call the network for real on the inputs that were taken."""
        return network.call(self.specs, self._shapes(self.specs, probe), self.plan)

    def again(self, probe: Probe) -> Trial:
        """Call the network without memory on other sizes."""
        return self._try(self.specs, probe)

    def next(self, probe: Probe) -> Probe | None:
        """Give the next larger sizes; None where all sizes are fixed."""
        larger = {"n": probe.n + 1, "p": probe.p + 1, "any": max(probe.any, _LADDER["any"][1]) + 1}
        after = replace(probe, **{name: larger[name] for name in self.names})
        return after if self.varies and self._fits(after) else None

    def is_small(self, probe: Probe) -> bool:
        """Tell whether the inputs are so small that running any network on them is cheap."""
        if not self._fits(probe) or sum(map(math.prod, self._shapes(self.specs, probe).values())) > _SMALL:
            return False
        weights: int = sum(each.numel() for each in self.network.module.parameters())
        return weights <= _FEW_WEIGHTS

    def where_it_varies(self) -> str:
        """Give the id of the first sizes that vary."""
        varying = [spec for spec in self.format.inputs.values() if any(map(shapes.names_in, spec.spatial_shape))]
        return f"{varying[0].id}::spatial_shape"

    def shown(self, probe: Probe) -> str:
        """Write the inputs for people: ``'image' of 96x96x96 (n=3)``."""
        sizes = {name: spatial_sizes(spec, **probe.given) for name, spec in self.specs.items()}
        parts = [f"'{name}' of {written(each)}" if each else f"'{name}'" for name, each in sizes.items()]
        return f"{' and '.join(parts)}{f' ({self._values(probe)})' if self.names else ''}"

    def refused(self, probe: Probe, trial: Trial) -> Mismatch:
        """Tell that the network takes no inputs like these."""
        first, *more = self.specs.values()
        if not self._fits(probe):
            return Mismatch("BE077", f"{first.id}::spatial_shape", trial.refusal, "--n, --p and --any give values")
        all_shapes = self._shapes(self.specs, probe)
        parts = [f"'{name}' of the shape {shape}" for name, shape in all_shapes.items()]
        at = f" ({self._values(probe)})" if self.names else ""
        message = f"the network refuses {' and '.join(parts)}{at}: {trial.refusal}"
        return Mismatch("BE081", f"{self.format.id}::inputs" if more else first.id, message)

    # --- trying ---

    def _try(self, specs: Mapping[str, TensorSpec], probe: Probe) -> Trial:
        self._calls += 1
        return self.network.call(specs, self._shapes(specs, probe), self.plan)

    def _shapes(self, specs: Mapping[str, TensorSpec], probe: Probe) -> dict[str, tuple[int, ...]]:
        return input_shapes(replace(self.format, inputs=specs), **probe.given)

    def _fits(self, probe: Probe) -> bool:
        """Tell whether all sizes can be computed, and are none that no computer has."""
        try:
            for spec in (*self.format.inputs.values(), *self.format.outputs.values()):
                if math.prod(spatial_sizes(spec, **probe.given)) * (spec.num_channels or 1) > _MOST_ELEMENTS:
                    return False
        except shapes.ShapeError:
            return False
        return True

    def _too_small(self, first: Probe, taken: Probe) -> Mismatch:
        message = (
            f"the smallest sizes are refused: the network does not take {self.shown(first)}, but {self.shown(taken)}"
        )
        hint = f"the rest was looked at with {self._values(taken)}"
        return Mismatch("BE089", self.where_it_varies(), message, hint, "info")

    def _values(self, probe: Probe) -> str:
        return ", ".join(f"{name}={probe.given[name]}" for name in self.names or probe.given)

    # --- what may have been meant ---

    def _variants(self) -> Iterator[_Variant]:
        """Give the inputs with one thing changed, and with all of them, as the network's layers suggest."""
        changes = [change for spec in self.specs.values() for change in self._changes(spec)]
        for name, changed, mismatch in changes:
            yield _Variant({**self.specs, name: changed}, (mismatch,))
        combined: dict[str, TensorSpec] = {}
        used: list[Mismatch] = []
        for name, changed, mismatch in changes:
            if mismatch.code in [each.code for each in used if each.id.startswith(self.specs[name].id)]:
                continue
            before, original = combined.get(name, self.specs[name]), self.specs[name]
            different = {f: getattr(changed, f) for f in _CHANGED if getattr(changed, f) != getattr(original, f)}
            combined[name] = replace(before, **different)
            used.append(mismatch)
        if len(used) > 1:
            yield _Variant({**self.specs, **combined}, tuple(used))

    def _changes(self, spec: TensorSpec) -> Iterator[tuple[str, TensorSpec, Mismatch]]:
        layers = _layers(self.network.module)
        name = spec.name
        for channels in layers.channels:
            if channels != spec.num_channels and not spec.is_timesteps:
                says = f"says {spec.num_channels}" if spec.num_channels else "has no num_channels"
                message = (
                    f"the network takes '{name}' with {channels} channel{'s' * (channels != 1)}, the metadata {says}"
                )
                id = f"{spec.id}::num_channels" if spec.num_channels else spec.id
                mismatch = Mismatch("BE085", id, message, f"num_channels: {channels}")
                yield name, replace(spec, num_channels=channels), mismatch
        if layers.axes and layers.axes != len(spec.spatial_shape) and not spec.is_timesteps:
            last = spec.spatial_shape[-1] if spec.spatial_shape else _SIZE
            sizes = (*spec.spatial_shape, *[last] * layers.axes)[: layers.axes]
            axes = len(spec.spatial_shape)
            message = f"the network takes '{name}' with {layers.axes} spatial axes, and the metadata has {axes}"
            mismatch = Mismatch("BE086", f"{spec.id}::spatial_shape", message)
            yield name, replace(spec, spatial_shape=sizes), mismatch
        for dtype in (self.network.dtype, "int64"):
            if spec.dtype is not None and dtype != spec.dtype:
                message = f"the network takes '{name}' as {dtype}, and the metadata says {spec.dtype}"
                mismatch = Mismatch("BE087", f"{spec.id}::dtype", message, f"dtype: {dtype}")
                yield name, replace(spec, dtype=dtype), mismatch


_CHANGED = ("num_channels", "spatial_shape", "dtype")


@dataclass(frozen=True)
class _Layers:
    """What the first layers of a network take: numbers of channels, likely ones first, and how many spatial axes."""

    channels: tuple[int, ...]
    axes: int


def _layers(module: Any) -> _Layers:
    layers = list(module.modules())
    convolutions = [each for each in layers if isinstance(getattr(each, "kernel_size", None), tuple)]
    found = [getattr(each, "in_channels", None) for each in convolutions]
    found += [] if any(found) else [getattr(each, "in_features", None) for each in layers]
    channels = dict.fromkeys(number for number in found if isinstance(number, int))
    return _Layers(tuple(channels)[:2], len(convolutions[0].kernel_size) if convolutions else 0)


def _names(format: DataFormat) -> tuple[str, ...]:
    """Give those of `n`, `p` and `any` that sizes of the inputs depend on."""
    used = _used(size for spec in format.inputs.values() for size in spec.spatial_shape)
    return tuple(name for name in shapes.NAMES if name in used)


def _used(sizes: Iterable[int | str]) -> frozenset[str]:
    return frozenset[str]().union(*map(shapes.names_in, sizes))
