"""Build the network that is exported, and give it its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bundle_engine.errors import InputError
from bundle_engine.export.request import Request
from bundle_engine.export.subject import Subject, find_checkpoint
from bundle_engine.workflow.checkpoints import load_weights, read_checkpoint, state_dict_of

if TYPE_CHECKING:
    import torch

__all__ = ["build_network"]


def build_network(subject: Subject, request: Request) -> tuple[torch.nn.Module, Path | None]:
    """Build the network on the CPU, load its weights, and set it to inference.

    Returns:
        the network, and the file that its weights came from; None for those it was built with.

    Raises:
        InputError: when there is no checkpoint, it cannot be read, it does not fit, or what stands at the id is no
            network.
    """
    import torch

    checkpoint, key = (None, None) if request.initial_weights else find_checkpoint(subject, request)
    weights = None
    if checkpoint is not None:
        source = f"'{checkpoint}'"
        content = read_checkpoint(checkpoint)
        key = key if request.key_in_ckpt or (key is not None and key in content) else None
        weights = state_dict_of(content, key, source=source)
    elif request.ckpt_file is not None:
        raise InputError("--initial_weights and a checkpoint exclude each other", hint="leave one of them out")
    network = subject.parser.get_parsed_content(subject.net_id)
    if not isinstance(network, torch.nn.Module):
        raise InputError(
            f"what stands at '{subject.net_id}' is no network, but a {type(network).__name__}",
            id=subject.net_id,
            place=subject.parser.where(subject.net_id).place,
            hint="--net_id names the network; its value is a torch.nn.Module",
        )
    if isinstance(network, (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)):
        network = network.module
    if weights is not None:
        load_weights(network, weights, source=f"'{checkpoint}'")
    return network.cpu().eval().requires_grad_(False), checkpoint
