"""Try a network on tensors that are made up from a description: fake ones that have no memory, or real ones.

A fake tensor (torch's ``FakeTensorMode``) has a shape and a number type and no values, so any network on any image
takes milliseconds and no memory, its weights included. What needs values, such as ``.item()``, cannot be followed.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundle_engine.metadata.calling import Call
from bundle_engine.metadata.data_format import TensorSpec

if TYPE_CHECKING:
    import torch

__all__ = ["Cost", "FakeNetwork", "NotANetworkError", "RealNetwork", "Trial", "in_short"]

SEED = 0
DEFAULT_DTYPE = "float32"
_FAKE_LIMITS = (
    "DataDependentOutputException",
    "DynamicOutputShapeException",
    "UnsupportedFakeTensorException",
    "UnsupportedOperatorException",
    "GuardOnDataDependentSymNode",
)
_LARGEST_VALUE = 1e4  # of inputs whose range is open


class NotANetworkError(Exception):
    """What stands at the id of the network is no network."""


@dataclass(frozen=True)
class Cost:
    """What a call takes.

    Attributes:
        operations: floating-point operations of convolutions and matrix products.
        memory: bytes of all tensors that were computed on the way; more than what is there at one time.
    """

    operations: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Trial:
    """What came of a call.

    Attributes:
        outputs: what the network gave.
        refusal: why it raised; empty where it did not.
        unable: whether that was for want of values or memory, and says nothing about the network.
        cost: what it took; measured on fake tensors only.
    """

    outputs: Any = None
    refusal: str = ""
    unable: bool = False
    cost: Cost = Cost()


class _Network:
    """A network that was built, and how it is called."""

    module: torch.nn.Module

    def _settle(self, made: Any) -> None:
        import torch

        if not isinstance(made, torch.nn.Module):
            raise NotANetworkError(f"is {_kind(made)}, and no torch.nn.Module")
        self.module = made.eval()

    @property
    def device(self) -> torch.device:
        """The device of the network's first weight."""
        import torch

        first = next(self.module.parameters(), None)
        return first.device if first is not None else torch.device("cpu")

    @property
    def dtype(self) -> str:
        """The name of the number type of the network's first weight."""
        first = next((p for p in self.module.parameters() if p.is_floating_point()), None)
        return DEFAULT_DTYPE if first is None else str(first.dtype).rpartition(".")[2]

    @contextmanager
    def _ready(self, specs: Mapping[str, TensorSpec]) -> Iterator[None]:
        """Set up a call: no gradients, no warnings, and mixed precision where inputs are half as wide as weights."""
        import torch

        half = [s.dtype for s in specs.values() if s.dtype in ("float16", "bfloat16") and s.dtype != self.dtype]
        log = logging.getLogger("torch._subclasses.fake_tensor")  # it tells each refusal, with a traceback
        before, log.disabled = log.disabled, True
        with warnings.catch_warnings(), torch.no_grad(), ExitStack() as stack:
            stack.callback(setattr, log, "disabled", before)
            warnings.simplefilter("ignore")
            if half:
                stack.enter_context(torch.autocast(self.device.type, dtype=getattr(torch, str(half[0]))))
            yield


class FakeNetwork(_Network):
    """A network without memory.

    Args:
        make: builds the network.

    Attributes:
        built_real: why the network itself had to be built with memory; empty where it did not.

    Raises:
        NotANetworkError: when `make` gives something else; and what `make` raises.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        from torch._subclasses.fake_tensor import FakeTensorMode

        self._mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._weights: dict[str, Any] | None = None
        self.built_real = ""
        try:
            with self._mode, _quiet():
                made = make()
        except Exception as error:  # a network may look at values while it is built: then the weights are made first
            with _quiet():
                made = make()
            self.built_real = in_short(error)
        self._settle(made)
        if self.built_real:
            tensors = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
            self._weights = {name: self._mode.from_tensor(tensor) for name, tensor in tensors.items()}

    def call(self, specs: Mapping[str, TensorSpec], shapes: Mapping[str, tuple[int, ...]], call: Call) -> Trial:
        """Call the network on fake tensors of certain shapes."""
        import torch

        meter = _meter()
        try:
            with self._ready(specs), self._mode, meter:
                inputs = {
                    name: torch.empty(shape, dtype=_dtype(specs[name]), device=self.device)
                    for name, shape in shapes.items()
                }
                args, kwargs = call.arguments(inputs)
                if self._weights is None:
                    outputs = self.module(*args, **kwargs)
                else:
                    outputs = torch.func.functional_call(self.module, self._weights, args, kwargs)
        except Exception as error:
            unable = type(error).__name__ in _FAKE_LIMITS or isinstance(error, NotImplementedError)
            return Trial(refusal=in_short(error), unable=unable)
        return Trial(outputs, cost=Cost(meter.operations, meter.memory))


class RealNetwork(_Network):
    """A network with memory, on random values; the same ones each time.

    Args:
        make: builds the network.
        device: where it runs; None leaves it where it is.

    Raises:
        NotANetworkError: when `make` gives something else; and what `make` raises.
    """

    def __init__(self, make: Callable[[], Any], device: str | None = None) -> None:
        with _quiet():
            self._settle(make())
        if device is not None:
            self.module = self.module.to(device)

    def call(self, specs: Mapping[str, TensorSpec], shapes: Mapping[str, tuple[int, ...]], call: Call) -> Trial:
        """Call the network on random tensors of certain shapes."""
        import torch

        generator = torch.Generator().manual_seed(SEED)
        try:
            with self._ready(specs):
                inputs = {name: _random(specs[name], shape, generator) for name, shape in shapes.items()}
                args, kwargs = call.arguments({name: each.to(self.device) for name, each in inputs.items()})
                return Trial(self.module(*args, **kwargs))
        except MemoryError as error:
            return Trial(refusal=in_short(error) or "out of memory", unable=True)
        except Exception as error:
            lacks_memory = type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)
            return Trial(refusal=in_short(error), unable=lacks_memory)


def in_short(error: BaseException, longest: int = 300) -> str:
    """Write what an exception says, in one line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    text = text if name in ("RuntimeError", "ValueError") and text else f"{name}: {text}" if text else name
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the process's random numbers as they are, make those inside always the same, and drop warnings."""
    import torch

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(SEED)
        yield


def _dtype(spec: TensorSpec) -> torch.dtype:
    import torch

    found = getattr(torch, spec.dtype or DEFAULT_DTYPE)
    assert isinstance(found, torch.dtype)
    return found


def _random(spec: TensorSpec, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Make a tensor of random values within the range of a description; 0 to 1 where it has none."""
    import torch

    dtype = _dtype(spec)
    low, high = (max(-_LARGEST_VALUE, min(_LARGEST_VALUE, each)) for each in spec.value_range or (0.0, 1.0))
    if dtype.is_floating_point or dtype.is_complex:
        return (torch.rand(shape, generator=generator) * (high - low) + low).to(dtype)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    limits = torch.iinfo(dtype)
    first, last = max(math.ceil(low), limits.min), min(math.floor(high), limits.max)
    return torch.randint(min(first, last), max(first, last) + 1, shape, generator=generator).to(dtype)


def _kind(value: Any) -> str:
    return "a class" if isinstance(value, type) else "nothing" if value is None else f"a {type(value).__name__}"


def _meter() -> Any:
    """Make a context that counts what is computed in it."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
    from torch.utils.flop_counter import flop_registry

    class Meter(TorchDispatchMode):  # type: ignore[misc]  # untyped in torch
        operations = 0
        memory = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if (count := flop_registry.get(func._overloadpacket)) is not None:
                self.operations += int(count(*args, **(kwargs or {}), out_val=out))
            if not func.is_view:
                self.memory += sum(
                    each.numel() * each.element_size() for each in tree_leaves(out) if hasattr(each, "element_size")
                )
            return out

    return Meter()
