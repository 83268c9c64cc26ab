"""Compare what an exported file computes with what the network computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundle_engine.errors import ExportError
from bundle_engine.export.samples import Arguments, Samples

if TYPE_CHECKING:
    import torch

__all__ = ["Comparison", "check_repeatable", "compare", "flatten"]


@dataclass(frozen=True)
class Comparison:
    """How far an exported network is from the original.

    Attributes:
        max_abs: the largest difference of two values.
        max_rel: the same, relative to the largest value of that output.
        rtol: how large `max_rel` may be.
        atol: how large a difference may be besides that.
        outputs: names of the outputs that were compared.
        shapes: shapes of the inputs they were compared on.
        draws: how many random inputs these were.
    """

    max_abs: float
    max_rel: float
    rtol: float
    atol: float
    outputs: tuple[str, ...]
    shapes: tuple[str, ...]
    draws: int

    def __str__(self) -> str:
        outputs = f"{len(self.outputs)} outputs" if len(self.outputs) > 1 else "1 output"
        return (
            f"same as the network on {self.draws} random inputs ({'; '.join(self.shapes)}), {outputs}:"
            f" largest difference {self.max_abs:.2g}, relative {self.max_rel:.2g}"
            f" (tolerance {self.atol:g} + {self.rtol:g} of the largest value)"
        )


def flatten(outputs: Any, name: str = "") -> dict[str, Any]:
    """List all values in what a network gives: by key in mappings, by number in sequences."""
    if isinstance(outputs, Mapping):
        items = [(str(key), value) for key, value in outputs.items()]
    elif isinstance(outputs, (list, tuple)):
        items = [(str(number), value) for number, value in enumerate(outputs)]
    else:
        return {name or "output": outputs}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat.update(flatten(value, f"{name}.{key}" if name else key))
    return flat


def check_repeatable(network: torch.nn.Module, samples: Samples) -> None:
    """Make sure that the network gives the same for the same input, or nothing can be compared.

    Raises:
        ExportError: when it does not.
    """
    made = samples.arguments(samples.example, 1)
    first, second = (flatten(_run(network, made)) for _ in range(2))
    if first.keys() != second.keys() or any(_distance(first[name], second[name])[0] for name in first):
        raise ExportError(
            "the network gives another output each time for the same input, also after eval()",
            hint="it draws random numbers in its forward: dropout that is on in inference, or sampling."
            " Export the part before that (--net_id)",
        )


def compare(
    network: torch.nn.Module,
    run: Callable[[Arguments], Any],
    samples: Samples,
    *,
    rtol: float,
    atol: float,
    what: str,
) -> Comparison:
    """Compare a network with what was exported, on random inputs of several sizes.

    Args:
        network: the original.
        run: calls what was exported, which was read from its file.
        samples: the inputs.
        rtol: how much an output may differ, relative to its largest value.
        atol: how much it may differ besides that.
        what: what to call the exported network in messages.

    Raises:
        ExportError: when the outputs differ by more, are not the same ones, or the exported network fails.
    """
    max_abs = max_rel = 0.0
    names: Sequence[str] = ()
    for at, seed in samples.cases:
        made = samples.arguments(at, seed)
        shape = _shown(at)
        expected = flatten(_run(network, made))
        try:
            given = flatten(run(samples.arguments(at, seed)))
        except Exception as error:
            said = " ".join(str(error).split())[-400:]
            raise ExportError(
                f"{what} fails on an input of {shape}, which the network takes: {said}", hint=_hint(samples, at)
            ) from error
        names = list(expected)
        if len(given) != len(expected):
            raise ExportError(f"{what} gives {len(given)} outputs, and the network {len(expected)}: {', '.join(names)}")
        for (name, original), exported in zip(expected.items(), given.values(), strict=True):
            absolute, relative, problem = _difference(original, exported, rtol, atol)
            if problem:
                raise ExportError(
                    f"{what} computes something else than the network: the output '{name}' {problem}, on an input of"
                    f" {shape}",
                    hint=_hint(samples, at),
                )
            max_abs, max_rel = max(max_abs, absolute), max(max_rel, relative)
    shapes = dict.fromkeys(_shown(at) for at, _ in samples.cases)
    return Comparison(max_abs, max_rel, rtol, atol, tuple(names), tuple(shapes), len(samples.cases))


def _run(network: torch.nn.Module, made: Arguments) -> Any:
    import torch

    with torch.no_grad():
        return network(*made.args, **made.kwargs)


def _difference(original: Any, exported: Any, rtol: float, atol: float) -> tuple[float, float, str]:
    """Give the absolute and the relative difference of two values, and in words what is wrong."""
    import torch

    if not isinstance(original, torch.Tensor):
        equal = type(original) is type(exported) and original == exported
        return 0.0, 0.0, "" if equal else f"is {exported!r:.40} instead of {original!r:.40}"
    exported = torch.as_tensor(exported)
    if original.shape != exported.shape:
        return 0.0, 0.0, f"has the shape {list(exported.shape)} instead of {list(original.shape)}"
    if original.dtype != exported.dtype:
        return 0.0, 0.0, f"is {_dtype(exported)} instead of {_dtype(original)}"
    absolute, largest = _distance(original, exported)
    if absolute == float("inf"):
        return absolute, absolute, "has infinite or undefined values at other places"
    relative = absolute / largest if largest else 0.0
    if absolute > atol + rtol * largest:
        return (
            absolute,
            relative,
            f"differs by {absolute:.3g}, where its largest value is {largest:.3g}"
            f" (tolerance {atol:g} + {rtol:g} of the largest value; --atol and --rtol set it)",
        )
    return absolute, relative, ""


def _distance(first: Any, second: Any) -> tuple[float, float]:
    """Give the largest difference of two values, and the largest value of the first."""
    import torch

    if not isinstance(first, torch.Tensor):
        return (0.0 if first == second else float("inf")), 0.0
    if first.numel() == 0:
        return 0.0, 0.0
    wide = torch.complex128 if first.is_complex() else torch.float64
    first, second = first.detach().to("cpu", wide), second.detach().to("cpu", wide)
    if first.shape != second.shape:
        return float("inf"), 0.0
    finite = torch.isfinite(first)
    if not torch.equal(finite, torch.isfinite(second)):
        return float("inf"), 0.0
    if not torch.equal(torch.nan_to_num(first[~finite].real), torch.nan_to_num(second[~finite].real)):
        return float("inf"), 0.0
    if not finite.any():
        return 0.0, 0.0
    return float((first[finite] - second[finite]).abs().max()), float(first[finite].abs().max())


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _shown(at: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in at.values())


def _hint(samples: Samples, at: Mapping[str, tuple[int, ...]]) -> str | None:
    if at is samples.example or at == samples.example:
        return None
    return (
        "the export holds for the size it was made with only, and the metadata has sizes that vary; --input_shape"
        f" {list(next(iter(samples.example.values())))} exports for this one size".replace(", ", ",")
    )
