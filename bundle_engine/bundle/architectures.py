"""The network that a new bundle begins with: its arguments, and which image sizes it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import TARGET
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.inspection.targets import Definition, TargetIndex

__all__ = ["CLASSIFICATION", "SEGMENTATION", "NetworkChoice", "choose_network", "definition_of", "task_of"]

SEGMENTATION, CLASSIFICATION = "segmentation", "classification"
_HOME = "monai.networks."

# what an argument of a network is called that `init` knows nothing else of
_NAMES = {
    "spatial_dims": ("spatial_dims", "dimensions", "ndim"),
    "in_channels": ("in_channels", "n_input_channels", "in_chans", "input_channels"),
    "out_channels": ("out_channels", "num_classes", "n_classes", "output_channels"),
    "size": ("img_size", "image_size", "input_size"),
}
_OTHERS: Mapping[str, Any] = {"channels": [16, 32, 64], "strides": [2, 2], "pretrained": False}


@dataclass(frozen=True)
class _Recipe:
    """How a network is made.

    Attributes:
        task: the template that it fits.
        more: arguments besides the number of dimensions and of channels.
        step: image sizes are multiples of this; 0 where there is only one size, the patch's.
        patch: the size that it is trained with, where that is not the usual one.
        names: its names for the arguments `spatial_dims`, `in_channels`, `out_channels`, and `size` where it has one.
        packages: what it needs that MONAI does not bring.
    """

    task: str
    more: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    patch: int | None = None
    names: tuple[str, ...] = ("spatial_dims", "in_channels", "out_channels")
    packages: tuple[str, ...] = ()


_RECIPES: Mapping[str, _Recipe] = {
    # the step leaves two voxels at the lowest level: a normalization over one fails
    "UNet": _Recipe(SEGMENTATION, {"channels": [16, 32, 64], "strides": [2, 2], "num_res_units": 2}, 8),
    "AttentionUnet": _Recipe(SEGMENTATION, {"channels": [16, 32, 64], "strides": [2, 2]}, 8),
    "BasicUNet": _Recipe(SEGMENTATION, {"features": [16, 16, 32, 64, 128, 16]}, 32),
    "DynUNet": _Recipe(
        SEGMENTATION,
        {
            "kernel_size": [3, 3, 3, 3],
            "strides": [1, 2, 2, 2],
            "upsample_kernel_size": [2, 2, 2],
            "filters": [16, 32, 64, 128],
        },
        16,
    ),
    "SegResNet": _Recipe(SEGMENTATION, {"init_filters": 8}, 16),
    "FlexibleUNet": _Recipe(SEGMENTATION, {"backbone": "efficientnet-b0", "pretrained": False}, 64, 64),
    "UNETR": _Recipe(
        SEGMENTATION,
        {"feature_size": 16, "hidden_size": 192, "mlp_dim": 768, "num_heads": 6},
        names=("spatial_dims", "in_channels", "out_channels", "img_size"),
        packages=("einops",),
    ),
    "SwinUNETR": _Recipe(SEGMENTATION, {"feature_size": 12}, 64, 64, packages=("einops",)),
    **{f"DenseNet{depth}": _Recipe(CLASSIFICATION) for depth in (121, 169, 201, 264)},
    **{
        f"resnet{depth}": _Recipe(CLASSIFICATION, names=("spatial_dims", "n_input_channels", "num_classes"))
        for depth in (10, 18, 34, 50, 101, 152, 200)
    },
    **{
        f"SEResNet{depth}": _Recipe(CLASSIFICATION, names=("spatial_dims", "in_channels", "num_classes"))
        for depth in (50, 101, 152)
    },
    "EfficientNetBN": _Recipe(
        CLASSIFICATION,
        {"model_name": "efficientnet-b0", "pretrained": False},
        names=("spatial_dims", "in_channels", "num_classes"),
    ),
}
_BY_LOWER = {name.lower(): name for name in _RECIPES}


@dataclass(frozen=True)
class NetworkChoice:
    """A network for a new bundle.

    Attributes:
        definition: what stands at ``network_def``.
        patch: size of the images that it is trained with.
        step: image sizes are multiples of this; 0 where there is only one size, the patch's.
        guessed: whether its arguments were filled in by their names.
        packages: what it needs that MONAI does not bring.
    """

    definition: Mapping[str, Any] = field(hash=False)
    patch: tuple[int, ...] = ()
    step: int = 0
    guessed: bool = False
    packages: tuple[str, ...] = ()


def task_of(network: str | Mapping[str, Any] | None) -> str | None:
    """Tell what a network is for, ``segmentation`` or ``classification``; None where that is not known."""
    target = network.get(TARGET) if isinstance(network, Mapping) else network
    known = _BY_LOWER.get(str(target).rpartition(".")[2].lower())
    return _RECIPES[known].task if known is not None else None


def choose_network(
    network: str | Mapping[str, Any], *, template: str, spatial_dims: int, in_channels: int, out_channels: int
) -> NetworkChoice:
    """Choose the arguments of a network.

    Args:
        network: a network of MONAI by its name, a dotted path, or what is to stand at ``network_def``: a mapping
            with ``_target_``, whose arguments are kept.
        template: what it is for.
        spatial_dims: number of dimensions of an image.
        in_channels: number of channels of an image.
        out_channels: number of channels that the network gives, or of classes.

    Raises:
        UsageError: when there is no such network, it is made for something else, or it has arguments that must be
            given and that no name tells the meaning of.
    """
    given = dict(network) if isinstance(network, Mapping) else {TARGET: network}
    target = str(given.pop(TARGET, "") or "")
    if not target:
        raise UsageError("--network names no network", hint="--network UNet, or --network '{_target_: UNet, ...}'")
    usual = (64 if spatial_dims == 2 else 32,) * spatial_dims
    known = _BY_LOWER.get(target.removeprefix(f"{_HOME}nets.").lower())
    if known is None:
        return _by_signature(target, given, usual, spatial_dims, in_channels, out_channels)
    recipe = _RECIPES[known]
    if template != recipe.task and not (template == "blank" and recipe.task == SEGMENTATION):
        raise UsageError(f"{known} is a network for a {recipe.task}", hint=f"--template {recipe.task}")
    patch = (recipe.patch or usual[0],) * spatial_dims
    values = dict(zip(recipe.names, (spatial_dims, in_channels, out_channels, list(patch)), strict=False))
    written = known if "." not in target else target
    definition = {TARGET: written, **values, **recipe.more, **given}
    return NetworkChoice(definition, patch, recipe.step, packages=recipe.packages)


def _by_signature(
    target: str, given: dict[str, Any], patch: tuple[int, ...], spatial_dims: int, in_channels: int, out_channels: int
) -> NetworkChoice:
    """Fill in the arguments of a network by their names."""
    from bundle_engine.inspection.targets import TargetIndex

    with TargetIndex() as index:
        definition = _find(index, target)
    found: dict[str, Any] = {}
    values = {"spatial_dims": spatial_dims, "in_channels": in_channels, "out_channels": out_channels}
    if definition is not None:
        for meaning, value in (*values.items(), ("size", list(patch))):
            name = next((name for name in _NAMES[meaning] if definition.parameter(name) is not None), None)
            if name is not None:
                found[name] = value
        for name, value in _OTHERS.items():
            parameter = definition.parameter(name)
            if parameter is not None and (parameter.required or parameter.default == "True"):
                found[name] = value
        missing = [name for name in definition.required if name not in {**found, **given}]
        if missing:
            needs, named = ", ".join(f"{name}: ..." for name in missing), ", ".join(f"'{name}'" for name in missing)
            raise UsageError(
                f"'{definition.path}' needs {named}, and nothing says what to give it",
                hint=f"--network '{{_target_: {target}, {needs}}}'",
            )
    return NetworkChoice({TARGET: target, **found, **given}, patch, guessed=True)


def _find(index: TargetIndex, target: str) -> Definition | None:
    """Find a network; None for one that is there for all that can be known without importing it."""
    from bundle_engine.inspection.targets import NotFound, Unknown

    answer = index.lookup(target)
    if isinstance(answer, Unknown):
        return None
    if isinstance(answer, NotFound):
        near = matches(target, _RECIPES) or matches(target, _networks(index)) or list(answer.near)
        hint = f"did you mean {either(near)}?" if near else f"such as {', '.join(list(_RECIPES)[:8])}; or a dotted path"
        raise UsageError(f"there is no network '{target}'", hint=hint)
    definition = answer.definition
    no_network = definition.path.startswith("monai.") and not definition.path.startswith(_HOME)
    if definition.kind not in ("class", "function") or no_network:
        raise UsageError(
            f"'{target}' is no network: it is {'the ' if no_network else 'a '}{definition.kind} '{definition.path}'",
            hint=f"such as {', '.join(list(_RECIPES)[:8])}; or a dotted path",
        )
    return definition


def _networks(index: TargetIndex) -> Iterable[str]:
    return (name for name, paths in index.short_names().items() if paths[0].startswith(f"{_HOME}nets"))


def definition_of(network: Any) -> dict[str, Any]:
    """Describe a network that is there already, so that another one with the same weights can be built.

    The arguments are those attributes of it that have their names; then one is built, and its weights are compared.

    Args:
        network: a ``torch.nn.Module``.

    Raises:
        UsageError: when that does not lead to the same network.
    """
    import inspect

    kind = type(network)
    target = f"{kind.__module__}.{kind.__qualname__}"
    found: dict[str, Any] = {TARGET: target}
    for name, parameter in inspect.signature(kind).parameters.items():
        value = vars(network).get(name, parameter.empty)
        if value is parameter.empty and name in _NAMES["spatial_dims"]:
            value = next((weights.ndim - 2 for weights in network.parameters() if weights.ndim > 2), value)
        if _is_plain(value) and value != parameter.default:
            found[name] = list(value) if isinstance(value, tuple) else value
    arguments = {name: value for name, value in found.items() if name != TARGET}
    try:
        same = _shapes(kind(**arguments)) == _shapes(network)
        why = "another one, made with the arguments that it remembers, has weights of other shapes"
    except Exception as error:  # whatever a stranger's class may raise
        same, why = False, str(error)
    if not same or "<" in target or kind.__module__ == "__main__":
        raise UsageError(
            f"it cannot be told how this {kind.__name__} was made: {why if not same else 'no module has its class'}",
            hint="name the network by a mapping such as {'_target_': ..., ...}, and its weights by ckpt_file",
        )
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _shapes(network: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weights.shape) for name, weights in network.state_dict().items()}
