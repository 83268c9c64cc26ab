"""Load the network of a bundle, with its weights."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.bundle.download import default_bundle_dir, download, folder_name
from bundle_engine.bundle.large_files import download_large_files, missing_large_files
from bundle_engine.bundle.sources import default_source
from bundle_engine.bundle.sources.ngc import PREFIX, prefixed
from bundle_engine.config.policy import Policy, policy_of
from bundle_engine.errors import (
    BundleEngineWarning,
    InputError,
    InputNotFoundError,
    PolicyError,
    PropertyError,
    UsageError,
)
from bundle_engine.workflow.approval import require_approval

if TYPE_CHECKING:
    import torch

__all__ = ["load"]

NETWORK = "network_def"
_CONFIG_SUFFIXES = (".json", ".yaml", ".yml")
_WEIGHTS = ("model.pt", "model.safetensors")
_PROGRAM = "model.ts"
_METADATA = "metadata.json"  # in a TorchScript program, as MONAI writes it
_KINDS = (("train", "training"), ("infer", "inference"), ("eval", "evaluate", "evaluation"))


def load(
    name: str,
    model: torch.nn.Module | None = None,
    version: str | None = None,
    workflow_type: str = "train",
    model_file: str | None = None,
    load_ts_module: bool = False,
    bundle_dir: str | os.PathLike[str] | None = None,
    source: str | None = None,
    repo: str | None = None,
    remove_prefix: str | bool | None = PREFIX,
    progress: bool = True,
    device: str | None = None,
    key_in_ckpt: str | None = None,
    config_files: Sequence[str] = (),
    workflow_name: Any = None,
    args_file: Any = None,
    copy_model_args: Mapping[str, Any] | None = None,
    net_override: Mapping[str, Any] | None = None,
    *,
    net_name: str | None = None,
    return_state_dict: bool = False,
    return_workflow: bool = False,
    trust: str | None = None,
) -> Any:
    """Give the network of a bundle with its weights; a bundle or weights that are not there are downloaded.

    The network is `model`, or `net_name`, or what the config of the workflow has at ``network_def``. For the last one
    the config decides what is built, as in a run; no other part of it is, and no step of the workflow is taken. The
    config of a bundle that came from elsewhere and that its owner has not approved (see `bundle_engine.bundle.trust`)
    is held to the level of trust ``safe``. Weights are read without running code from them.

    Args:
        name: the bundle's name.
        model: a network to put the weights into; then no config is read.
        version: see `bundle_engine.bundle.download.download`.
        workflow_type: which config has the network: ``train``, ``infer`` (or ``inference``), ``eval`` (or
            ``evaluate``); JSON or YAML.
        model_file: path of the weights in the bundle; by default ``models/model.pt`` or
            ``models/model.safetensors``, or ``models/model.ts`` with `load_ts_module`.
        load_ts_module: whether to load a TorchScript program instead.
        bundle_dir: the folder in which the bundle's folder is, or is made.
        source: see `download`.
        repo: see `download`.
        remove_prefix: see `download`.
        progress: whether the progress of a download is shown.
        device: where the tensors go; by default ``cuda:0`` where there is one, or else the CPU.
        key_in_ckpt: where the weights stand in a checkpoint that holds more; by default they are found.
        config_files: further files to read from a TorchScript program.
        workflow_name: class of the workflow; see `bundle_engine.create_workflow`.
        args_file: file or files with arguments of the download and of the workflow.
        copy_model_args: arguments of `monai.networks.copy_model_state`, which takes over what fits and leaves the
            rest of the network as it is. Without it, all weights have to fit.
        net_override: ids below ``network_def``, or arguments of `net_name`, and the values to set there.
        net_name: class of a network to build instead, by its dotted path or its name in MONAI.
        return_state_dict: whether to give the weights themselves.
        return_workflow: whether to give the workflow, initialized, with the weights in its network.
        trust: ``safe`` or ``full``; by default ``full`` for a bundle of one's own and one that was approved, and
            ``safe`` for any other. A class of workflows and a TorchScript program need ``full``.

    Returns:
        the network, on the device. The weights themselves where the bundle has no such config or no network in it,
        with a warning. The workflow, or with `load_ts_module` the program, its metadata and its further files.

    Raises:
        InputNotFoundError: when the bundle has no such file with weights.
        InputError: when the weights cannot be read, or do not fit.
        PolicyError: when the config, or what is asked for, needs more trust.
        UsageError: when the arguments do not fit together; and see `download`.
    """
    if not (policy_of(trust).level != "data" or model is not None or return_state_dict):
        raise UsageError("no network can be built at the level of trust 'data'", hint="trust='safe'")
    if return_workflow and (model is not None or return_state_dict or load_ts_module or net_name):
        raise UsageError(
            "return_workflow gives the workflow of the bundle itself", hint="leave out the other arguments"
        )
    if source is None:
        source = default_source()
    folder = name
    if source in ("ngc", "ngc_private") and remove_prefix:
        folder = prefixed(name).removeprefix(PREFIX if remove_prefix is True else str(remove_prefix))
    place = Path(bundle_dir).expanduser() if bundle_dir is not None else default_bundle_dir()
    root = place / folder_name(folder)
    file = _find_file(root, model_file, program=load_ts_module)
    if file is None:
        if not root.is_dir():
            root = download(
                name=name,
                version=version,
                bundle_dir=place,
                source=source,
                repo=repo,
                remove_prefix=remove_prefix,
                progress=progress,
                args_file=_arguments(args_file, of_download=True),
            )
        file = _bring_file(root, model_file, program=load_ts_module, progress=progress)
    device = device or _best_device()
    if load_ts_module:
        _require_full(trust, root, "a TorchScript program is code")
        return _load_program(file, device, config_files)
    from bundle_engine.workflow.checkpoints import read_checkpoint, state_dict_of

    checkpoint = read_checkpoint(file, map_location=device)
    weights = state_dict_of(checkpoint, key_in_ckpt, source=f"'{file}'")
    if return_state_dict:
        return weights
    workflow = None
    if model is None and net_name is not None:
        model = _named_network(net_name, net_override or {})
    elif model is None:
        config = _find_config(root, workflow_type)
        if config is None:
            if return_workflow:
                raise InputNotFoundError(f"'{root / 'configs'}' has no config of the workflow '{workflow_type}'")
            missing = root / "configs" / f"{workflow_type}.json"
            message = f"Cannot find the config file: {missing} (or .yaml), return state dict instead."
            warnings.warn(message, BundleEngineWarning, stacklevel=2)
            return weights
        arguments = {**_arguments(args_file, of_download=False), **_below_network(net_override or {})}
        if workflow_name is not None:
            _require_full(trust, root, "a class of workflows is code")
        level = _level_of(root) if trust is None else trust
        if return_workflow or workflow_name is not None:
            workflow = _make_workflow(config, workflow_type, workflow_name, arguments, level)
            workflow.initialize()
            model = getattr(workflow, NETWORK, None)
        else:
            model = _network_of(config, arguments, policy_of(level))
        if model is None:
            if return_workflow:
                raise PropertyError(f"the config '{config}' has no network at '{NETWORK}'")
            message = "No available network definition in the bundle, return state dict instead."
            warnings.warn(message, BundleEngineWarning, stacklevel=2)
            return weights
    assert model is not None
    model.to(device)
    _fill(model, weights, file, copy_model_args)
    return workflow if return_workflow else model


def _find_file(root: Path, model_file: str | None, *, program: bool) -> Path | None:
    """Find the file with weights; None where it is not there."""
    return next((path for path in _places(root, model_file, program=program) if path.is_file()), None)


def _places(root: Path, model_file: str | None, *, program: bool) -> list[Path]:
    if model_file is not None:
        return [root / model_file]
    return [root / "models" / name for name in ((_PROGRAM,) if program else _WEIGHTS)]


def _bring_file(root: Path, model_file: str | None, *, program: bool, progress: bool) -> Path:
    """Find the file with weights, or download it when it is one of the large files of the bundle."""
    if (found := _find_file(root, model_file, program=program)) is not None:
        return found
    wanted = [path.relative_to(root).as_posix() for path in _places(root, model_file, program=program)]
    listed = [path for path in wanted if path in missing_large_files(root)]
    if listed:
        download_large_files(root, only=listed[:1], progress=progress)
        return root / listed[0]
    models = sorted(path.relative_to(root).as_posix() for path in (root / "models").glob("*") if path.is_file())
    there = f"it has {', '.join(models[:6])} (model_file)" if models else "it has no weights at all"
    hint = f"{there}; download it anew with overwrite=True to replace it"
    raise InputNotFoundError(f"the bundle '{root}' has no file '{wanted[0]}'", hint=hint)


def _best_device() -> str:
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"


def _load_program(file: Path, device: str, config_files: Sequence[str]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Load a TorchScript program, with its metadata, if it has some, and further files that lie in it."""
    import torch

    extra: dict[str, Any] = dict.fromkeys((_METADATA, *config_files), "")
    try:
        program = torch.jit.load(str(file), map_location=torch.device(device), _extra_files=extra)
        metadata = json.loads(extra.pop(_METADATA) or "{}")
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"'{file}' cannot be loaded as TorchScript: {reason}") from error
    return program, metadata, extra


def _level_of(root: Path) -> str:
    """Give the level of trust that a bundle has by its origin, and by what its owner said of it."""
    from bundle_engine.bundle.trust import state_of

    return "full" if state_of(root).may_run else "safe"


def _require_full(trust: str | None, root: Path, why: str) -> None:
    """Refuse what needs full trust: where the caller gives less, and for a bundle that was not approved."""
    if trust is not None and not policy_of(trust).is_full:
        raise PolicyError(f"{why}, which needs full trust, not '{trust}'", hint="leave out trust")
    require_approval(str(root))


def _find_config(root: Path, workflow_type: str) -> Path | None:
    """Find the config of a workflow, by its own name first and then by those that mean the same."""
    same = next((kinds for kinds in _KINDS if workflow_type in kinds), ())
    for name in dict.fromkeys((workflow_type, *same)):
        for suffix in _CONFIG_SUFFIXES:
            if (path := root / "configs" / f"{name}{suffix}").is_file():
                return path
    return None


def _make_workflow(config: Path, workflow_type: str, name: Any, arguments: Mapping[str, Any], trust: str) -> Any:
    from bundle_engine.workflow.create import build_workflow

    # a class of one's own knows no levels; that it may run was found out before
    more = {"trust": trust} if name is None else {}
    return build_workflow(name, config_file=str(config), **{"workflow_type": workflow_type, **arguments, **more})


def _below_network(override: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{NETWORK}::{id}": value for id, value in override.items()}


def _arguments(args_file: Any, *, of_download: bool) -> dict[str, Any]:
    """Read the arguments of the download, or those of the workflow."""
    import inspect

    from bundle_engine.workflow.create import read_args_file

    taken = set(inspect.signature(download).parameters)
    return {key: value for key, value in read_args_file(args_file).items() if (key in taken) == of_download}


def _network_of(config: Path, arguments: Mapping[str, Any], policy: Policy) -> torch.nn.Module | None:
    """Build the network of a config, and nothing else of it; None where it has none."""
    from bundle_engine.config import ConfigParser
    from bundle_engine.workflow.config_workflow import METADATA_NAMES
    from bundle_engine.workflow.roots import bundle_root_of, importable, isolated

    if policy.is_full:
        require_approval(str(config))
    parser = ConfigParser(policy=policy, on_read=require_approval if policy.is_full else None)
    parser.bundle_root = root = bundle_root_of(config)
    parser.read_config(str(config))
    beside = (config.parent / name for name in METADATA_NAMES)
    metadata = arguments.get("meta_file") or next((str(path) for path in beside if path.is_file()), None)
    if metadata is not None:
        parser.read_meta(metadata)
    known = {"workflow_name", "config_file", "meta_file", "logging_file", "tracking", "workflow_type"}
    if overrides := {id: value for id, value in arguments.items() if id not in known}:
        parser.override(overrides, source="code")
    with importable(root) if policy.is_full else isolated(root):
        parser.parse()
        network: torch.nn.Module | None = parser.get_parsed_content(NETWORK) if NETWORK in parser else None
    return network


def _named_network(name: str, arguments: Mapping[str, Any]) -> torch.nn.Module:
    from bundle_engine.config import ConfigParser

    parser = ConfigParser({NETWORK: {"_target_": name, **arguments}})
    network: torch.nn.Module = parser.get_parsed_content(NETWORK)
    return network


def _fill(model: torch.nn.Module, weights: Mapping[str, Any], file: Path, copy_args: Mapping[str, Any] | None) -> None:
    from bundle_engine.workflow.checkpoints import load_weights

    if copy_args is not None:
        from monai.networks import copy_model_state

        copy_model_state(dst=model, src=dict(weights), **copy_args)
        return
    with _hinting():
        load_weights(model, weights, source=f"'{file}'")


@contextmanager
def _hinting() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        error.hint = f"{error.hint or 'it is another network'}; copy_model_args={{}} takes over what fits"
        raise
