"""How the network is applied to an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer


class MirrorInferer(Inferer):
    """Give the class probabilities, averaged over the image and its mirror image.

    Left and right hippocampi are mirror images of each other, so the network knows both views, and what it
    says about them together is a little better than what it says about one.

    Args:
        axis: spatial axis along which the image is mirrored, counted from 0.
    """

    def __init__(self, axis: int = 0) -> None:
        super().__init__()
        self.dim = axis + 2  # after batch and channel

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Run ``network`` on ``inputs`` (batch, channel, spatial axes) and return class probabilities."""
        plain = network(inputs, *args, **kwargs).softmax(dim=1)
        mirrored = network(inputs.flip(self.dim), *args, **kwargs).softmax(dim=1).flip(self.dim)
        return (plain + mirrored) / 2
