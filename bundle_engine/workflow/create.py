"""Make workflows and run them, as Python functions."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bundle_engine.config import ConfigParser, source
from bundle_engine.config.closest import either, matches
from bundle_engine.config.expansion import MacroFiles
from bundle_engine.config.ids import EXTENDS, MERGE
from bundle_engine.config.origins import Origins
from bundle_engine.config.policy import FULL, Policy, policy_of
from bundle_engine.errors import MergeError, PolicyError, UsageError
from bundle_engine.workflow.approval import require_approval
from bundle_engine.workflow.base import BundleWorkflow
from bundle_engine.workflow.config_workflow import ConfigWorkflow
from bundle_engine.workflow.files import FileOrFiles, as_files
from bundle_engine.workflow.pythonic import PythonicWorkflow
from bundle_engine.workflow.roots import bundle_root_of, importable, isolated

__all__ = [
    "build_workflow",
    "complete",
    "create_workflow",
    "load_config_file",
    "load_config_files",
    "merge_arguments",
    "read_args_file",
    "run",
    "run_workflow",
    "update_kwargs",
]

logger = logging.getLogger(__name__)

WorkflowName = str | type[BundleWorkflow] | None
ArgsFile = FileOrFiles | Mapping[str, Any] | None

# arguments of the workflows: None stands for their default, while an override of None sets None
_OPTIONS = frozenset(
    {"workflow_name", "config_file", "meta_file", "logging_file", "init_id", "run_id", "final_id", "tracking"}
    | {"workflow_type", "properties_path", "strict"}
)


def load_config_file(filepath: str | os.PathLike[str], **kwargs: Any) -> dict[str, Any]:
    """Read one JSON or YAML file as it is written.

    Args:
        filepath: the file.
        kwargs: options for `json.loads`.
    """
    return ConfigParser.load_config_file(filepath, **kwargs)


def load_config_files(files: FileOrFiles | Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Read JSON and YAML files, and put later ones over earlier ones.

    Args:
        files: one path, several, or one string with commas between them; a mapping is given back as it is.
        kwargs: options for `json.loads`.
    """
    return ConfigParser.load_config_files(files, **kwargs)


def run(
    run_id: str | None = None,
    init_id: str | None = None,
    final_id: str | None = None,
    meta_file: FileOrFiles | None = None,
    config_file: FileOrFiles | None = None,
    logging_file: str | bool | None = None,
    tracking: str | Mapping[str, Any] | None = None,
    args_file: ArgsFile = None,
    **override: Any,
) -> None:
    """Run what a config describes: `initialize`, `run` and, whatever happens in the run, `finalize`.

    Args:
        run_id: id of the steps of the run, ``run`` by default.
        init_id: id of the steps before it, ``initialize`` by default.
        final_id: id of the steps after it, ``finalize`` by default.
        meta_file: file or files with the metadata; by default ``metadata.json`` beside the config.
        config_file: file or files with the config.
        logging_file: file that sets up the log; by default ``logging.conf`` beside the config. False: none.
        tracking: ``mlflow``, or a file or mapping with settings for tracking.
        args_file: file or files with arguments of this function and overrides; those that are given win.
        override: ids and the values to set there.
    """
    workflow = build_workflow(
        config_file=config_file,
        args_file=args_file,
        run_id=run_id,
        init_id=init_id,
        final_id=final_id,
        meta_file=meta_file,
        logging_file=logging_file,
        tracking=tracking,
        **override,
    )
    if isinstance(workflow, ConfigWorkflow):
        workflow.require_run()
    workflow.initialize()
    complete(workflow)


def run_workflow(workflow_name: WorkflowName = None, args_file: ArgsFile = None, **kwargs: Any) -> None:
    """Make a workflow, initialize it, run it and, whatever happens in the run, finalize it.

    Args:
        workflow_name: class of the workflow, its dotted path, ``ConfigWorkflow`` (the default) or
            ``PythonicWorkflow``.
        args_file: file or files with arguments; those that are given win.
        kwargs: arguments of the class.
    """
    complete(create_workflow(workflow_name, args_file=args_file, **kwargs))


def create_workflow(
    workflow_name: WorkflowName = None,
    config_file: FileOrFiles | Mapping[str, Any] | None = None,
    args_file: ArgsFile = None,
    *,
    trust: Policy | str | None = None,
    **kwargs: Any,
) -> Any:
    """Make a workflow and initialize it.

    Args:
        workflow_name: class of the workflow, its dotted path, ``ConfigWorkflow`` (the default) or
            ``PythonicWorkflow``.
        config_file: file or files with the config.
        args_file: file or files with arguments; those that are given win.
        trust: how far the config is trusted: ``data``, ``safe`` or ``full`` (the default); no file can say it.
        kwargs: further arguments of the class.

    Returns:
        the workflow.
    """
    workflow = build_workflow(workflow_name, config_file, args_file, trust=trust, **kwargs)
    workflow.initialize()
    return workflow


def build_workflow(
    workflow_name: WorkflowName = None,
    config_file: FileOrFiles | Mapping[str, Any] | None = None,
    args_file: ArgsFile = None,
    *,
    trust: Policy | str | None = None,
    **kwargs: Any,
) -> Any:
    """Make a workflow as `create_workflow` does, without initializing it.

    Raises:
        PolicyError: for a class of the caller's choosing below full trust; for a bundle from elsewhere at full
            trust that was not approved.
        UsageError: when the class cannot be found, is no workflow, or does not take the arguments.
    """
    given = {"workflow_name": workflow_name, "config_file": config_file, **kwargs}
    policy = policy_of(trust)
    arguments = merge_arguments(
        read_args_file(args_file, policy=policy), {k: v for k, v in given.items() if v is not None or k not in _OPTIONS}
    )
    name = arguments.pop("workflow_name", None)
    files = arguments.get("config_file")
    root = None if files is None or isinstance(files, Mapping) else next(iter(as_files(files)), None)
    if not policy.is_full:
        if name not in (None, ConfigWorkflow, ConfigWorkflow.__name__):
            message = f"the workflow {name!r} is Python code, which needs full trust"
            raise PolicyError(message, hint="--trust full allows it; below that, a workflow is a config")
        with isolated(bundle_root_of(root) if root else None):
            return ConfigWorkflow(**{"config_file": None, **arguments}, trust=policy)
    require_approval(files, None if isinstance(args_file, Mapping) else args_file, os.getcwd())
    with importable(bundle_root_of(root) if root else None):
        kind = _workflow_class(name)
        if kind is ConfigWorkflow:
            arguments.setdefault("config_file", None)
        elif not issubclass(kind, ConfigWorkflow):
            _check_arguments(kind, arguments)
        return kind(**arguments)


def complete(workflow: Any) -> None:
    """Run a workflow that is initialized, and finalize it whatever happens in the run.

    What the run raises is what the caller gets; a `finalize` that fails after it is written to the log only.
    """
    try:
        workflow.run()
    except BaseException:
        try:
            workflow.finalize()
        except Exception:
            logger.exception("finalize failed too, after the run had failed")
        raise
    workflow.finalize()


def read_args_file(args_file: ArgsFile, *, policy: Policy = FULL) -> dict[str, Any]:
    """Read arguments from a file, or from several with later ones over earlier ones.

    Args:
        args_file: the file or files; or the arguments themselves.
        policy: below full trust, a file extends files of its own folder only.

    Raises:
        UsageError: when they say how far to trust: only the command line and the caller's code do that.
        InputError: when a file is not there or cannot be read.
    """
    if args_file is None:
        return {}
    arguments: dict[str, Any] = {}
    if isinstance(args_file, Mapping):
        arguments = dict(args_file)
    else:
        for file in as_files(args_file):
            files = MacroFiles(confined=not policy.is_full)
            files.admit(file)
            read = source.load(file).data
            if EXTENDS in read:
                read = files.assemble(file, {}, Origins())
            arguments = merge_arguments(arguments, read)  # an id such as a::b stays one: it is an override
    if any(key in ("trust", "+trust", "~trust") for key in arguments):
        message = "an args_file does not say how far to trust a bundle"
        raise UsageError(message, id="trust", hint="say it on the command line: --trust data, safe or full")
    return arguments


def merge_arguments(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put arguments over their defaults; where both are mappings, key by key. Two ``+key`` of lists add up."""
    merged = dict(defaults)
    for key, value in given.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_arguments(before, value)
        elif key.startswith(MERGE) and isinstance(before, list) and isinstance(value, list):
            merged[key] = before + value
        else:
            merged[key] = value
    return merged


def update_kwargs(args: ArgsFile = None, ignore_none: bool = True, **kwargs: Any) -> dict[str, Any]:
    """Put arguments over those of a mapping or a file, as MONAI's function of this name does.

    Args:
        args: a mapping, which is not changed, or a file or files to read.
        ignore_none: whether arguments that are None count as not given.
        kwargs: arguments; where both are mappings, they are merged key by key, and ``+key`` adds to a list.

    Raises:
        MergeError: when ``+key`` does not fit what is there.
    """
    merged = read_args_file(args)
    for key, value in kwargs.items():
        if value is None and ignore_none:
            continue
        added = key.removeprefix(MERGE)
        before = merged.get(added)
        if key == added or before is None or (isinstance(before, Mapping) and isinstance(value, Mapping)):
            merged = merge_arguments(merged, {added: value})
        elif isinstance(before, list) and isinstance(value, list):
            merged[added] = before + value
        else:
            raise MergeError(f"'{key}' cannot add {value!r} to {before!r}", id=added)
    return merged


def _workflow_class(name: Any) -> type[BundleWorkflow]:
    if name is None:
        return ConfigWorkflow
    if isinstance(name, type) and issubclass(name, BundleWorkflow):
        return name
    if isinstance(name, str):
        return _find_class(name)
    raise UsageError(f"workflow_name must be a class derived from BundleWorkflow, or its name, and is {name!r}")


def _find_class(name: str) -> type[BundleWorkflow]:
    from bundle_engine.config.targets import ComponentLocator, Missing, locate

    built_in: dict[str, type[BundleWorkflow]] = {k.__name__: k for k in (ConfigWorkflow, PythonicWorkflow)}
    hint: str | None = "give the dotted path of a class that can be imported, such as 'scripts.workflow.MyWorkflow'"
    if name in built_in:
        return built_in[name]
    if "." not in name:
        near = matches(name, built_in, most=1)
        hint = f"did you mean {either(near)}?" if near else hint
        raise UsageError(f"cannot locate specified workflow class: {name}.", hint=hint)
    found = locate(name, ComponentLocator())
    if isinstance(found, Missing):
        raise UsageError(f"cannot locate specified workflow class: {name}. {found.reason}", hint=found.hint or hint)
    kind = found.callable
    steps = ("initialize", "run", "finalize")
    if isinstance(kind, type) and all(callable(getattr(kind, step, None)) for step in steps):
        return kind  # any class with these steps, such as a workflow of MONAI's
    raise UsageError(f"workflow_name '{name}' is no class with {', '.join(steps)}", hint=hint)


def _check_arguments(kind: type[BundleWorkflow], arguments: Mapping[str, Any]) -> None:
    import inspect

    signature = inspect.signature(kind)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        takes: Sequence[str] = list(signature.parameters)
        raise UsageError(
            f"the workflow {kind.__name__} cannot be made: {error}", hint=f"it takes {', '.join(takes) or 'nothing'}"
        ) from None
