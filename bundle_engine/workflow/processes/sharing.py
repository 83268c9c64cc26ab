"""How the processes share what a config describes for one: the network, the samples, the device, what is written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import RANKS, REFERENCE, SEP, TARGET
from bundle_engine.errors import UsageError
from bundle_engine.workflow.processes.launched import Launched

__all__ = ["own_device", "own_samples", "same_network", "share"]

logger = logging.getLogger(__name__)

SOURCE = "several processes"

_HERE = "bundle_engine.workflow.processes.sharing."
_LOADERS = {  # argument that takes a data loader: whether all processes must get as many batches
    "train::trainer::train_data_loader": True,
    "validate::evaluator::val_data_loader": False,
    "evaluator::val_data_loader": False,
}
_HANDLERS = ("train::trainer::train_handlers", "validate::evaluator::val_handlers", "evaluator::val_handlers")
_WRITERS = ("TensorBoardStatsHandler", "TensorBoardImageHandler", "MLFlowHandler", "ClearMLStatsHandler")


def share(parser: ConfigParser) -> None:
    """Change a config for one process so that several share the work.

    The trainer's network is kept the same in all; each process gets its own part of the samples of the training and the
    validation, and its own GPU; handlers that write curves do so in the first process. What shares the work already,
    such as a DistributedSampler, is left alone. For one process the changed config does what it did before.

    Args:
        parser: the config, with all macros written out.

    Raises:
        UsageError: for a training that is written in a way that cannot be shared like this.
    """
    for place, even in _LOADERS.items():
        _share_loader(parser, place, even=even)
    trainer = parser.get("train::trainer")
    if isinstance(trainer, dict) and TARGET in trainer:
        if "network" not in trainer:
            raise UsageError(
                "several processes cannot share this training: its trainer has no 'network' to keep the same in all",
                id="train::trainer",
                hint="write a config on top of it that sets up the process group, and wraps the networks, itself",
            )
        _wrap(parser, f"train::trainer{SEP}network", "same_network", "network")
    if parser.get("device") is not None:
        _wrap(parser, "device", "own_device", "device")
    for place in _writers(parser):
        _put(parser, {f"{place}{SEP}{RANKS}": [0]})


def same_network(network: Any) -> Any:
    """Wrap a network so that all processes keep the same weights; the first process's are those to begin with.

    Args:
        network: a `torch.nn.Module` on the device that it is trained on; one that is wrapped already is given back.
    """
    import torch

    if not Launched.now().together or isinstance(network, torch.nn.parallel.DistributedDataParallel):
        return network
    devices = {parameter.device for parameter in network.parameters() if parameter.requires_grad}
    if not devices:
        return network
    one_gpu = len(devices) == 1 and next(iter(devices)).type == "cuda"
    return torch.nn.parallel.DistributedDataParallel(network, device_ids=list(devices) if one_gpu else None)


def own_device(device: Any) -> Any:
    """Give this process's GPU in place of any other one; a device that is no GPU stays what it is."""
    import torch

    launched = Launched.now()
    if not launched.together or torch.device(device).type != "cuda":
        return device
    own = f"cuda:{launched.local_rank}"
    return own if isinstance(device, str) else torch.device(own)


def own_samples(dataset: Any, *, shuffle: bool = False, sampler: Any = None, even: bool = True) -> Any:
    """Give a sampler of this process's part of a dataset, or None where its data loader needs none.

    Args:
        dataset: the dataset.
        shuffle: whether to draw the samples in another order in each epoch.
        sampler: how the samples are drawn by one process; all processes draw the same, and each takes its part.
        even: whether all processes get the same number of samples, some of them twice if need be.
    """
    from monai.data import DistributedSampler
    from torch.utils.data import IterableDataset, RandomSampler
    from torch.utils.data.distributed import DistributedSampler as Plain

    launched = Launched.now()
    if isinstance(sampler, Plain):
        return sampler
    if isinstance(dataset, IterableDataset):
        if launched.together:
            logger.warning("each process reads all of the %s, for it cannot be shared out", type(dataset).__name__)
        return sampler
    if not launched.together:
        return sampler if sampler is not None else RandomSampler(dataset) if shuffle else None
    if sampler is not None:
        return _drawn_alike(sampler)
    if len(dataset) < launched.size:
        if not even:
            return None  # each takes all of it, which changes no mean
        raise UsageError(
            f"{launched.size} processes cannot share {len(dataset)} samples",
            hint="start no more than there are samples",
        )
    return DistributedSampler(dataset, even_divisible=even, shuffle=shuffle)


def _drawn_alike(sampler: Any) -> Any:
    """Let all processes draw from a sampler alike, and take every n-th sample each."""
    import torch
    from torch.utils.data.distributed import DistributedSampler

    class DrawnAlike(DistributedSampler):  # type: ignore[misc, type-arg, unused-ignore]
        def __iter__(self) -> Iterator[Any]:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed + self.epoch)
                drawn = list(sampler)
            drawn += drawn[: self.total_size - len(drawn)]
            return iter(drawn[self.rank : self.total_size : self.num_replicas])

    return DrawnAlike(sampler, shuffle=False)


# --- the config ---


def _share_loader(parser: ConfigParser, argument: str, *, even: bool) -> None:
    place = _followed(parser, argument)
    loader = parser.get(place)
    if loader is None:
        return
    if not isinstance(loader, dict) or "dataset" not in loader or loader.get("batch_sampler") is not None:
        if even:
            raise UsageError(
                "several processes cannot share these samples: a data loader with a 'dataset', and without a"
                " 'batch_sampler', is expected",
                id=place,
                hint="write a config on top of it that sets up the process group, and gives samplers, itself",
            )
        return
    before = loader.get("sampler")
    if isinstance(before, dict) and before.get(TARGET) == f"{_HERE}own_samples":
        return
    samples = {
        TARGET: f"{_HERE}own_samples",
        "dataset": f"{REFERENCE}{place}{SEP}dataset",
        "shuffle": loader.get("shuffle", False),
        "sampler": before,
        "even": even,
    }
    _put(parser, {f"{place}{SEP}sampler": samples, f"{place}{SEP}shuffle": False})


def _wrap(parser: ConfigParser, place: str, function: str, argument: str) -> None:
    written = parser.get(place)
    if isinstance(written, dict) and written.get(TARGET) == _HERE + function:
        return
    _put(parser, {place: {TARGET: _HERE + function, argument: written}})


def _writers(parser: ConfigParser) -> Iterator[str]:
    for argument in _HANDLERS:
        place = _followed(parser, argument)
        handlers = parser.get(place)
        for index, handler in enumerate(handlers if isinstance(handlers, list) else ()):
            if isinstance(handler, dict) and str(handler.get(TARGET)).endswith(_WRITERS) and RANKS not in handler:
                yield f"{place}{SEP}{index}"


def _followed(parser: ConfigParser, place: str) -> str:
    """Follow references from one place to where something else is written."""
    seen = {place}
    while isinstance(written := parser.get(place), str) and written.startswith(REFERENCE):
        target = written.removeprefix(REFERENCE)
        if target in seen or target not in parser:
            break
        seen.add(target)
        place = target
    return place


def _put(parser: ConfigParser, values: dict[str, Any]) -> None:
    for place, value in values.items():
        parser.override({place: value}, source=SOURCE)
