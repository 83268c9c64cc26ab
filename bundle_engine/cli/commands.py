"""What the commands do: take what the command line says, call the library, say what came of it.

The parameters of these functions are the options of the command line, so they work as fire commands and from Python,
too. They return exit codes; the errors that they raise are wrong input.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.cli import report
from bundle_engine.cli.arguments import Override
from bundle_engine.cli.bundles import find_bundle, find_configs, kind_of_workflow
from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.ids import split_operator
from bundle_engine.config.policy import Policy, policy_of
from bundle_engine.errors import BundleEngineError, UsageError
from bundle_engine.workflow.approval import require_approval
from bundle_engine.workflow.config_workflow import ConfigWorkflow, override_source
from bundle_engine.workflow.create import build_workflow, complete, merge_arguments, read_args_file
from bundle_engine.workflow.files import as_files
from bundle_engine.workflow.logs import log_to_file
from bundle_engine.workflow.roots import isolated

__all__ = ["DONE", "FAILED", "WRONG_INPUT", "run", "run_workflow"]

DONE, FAILED, WRONG_INPUT = 0, 1, 2


def run(
    run_id: str | None = None,
    init_id: str | None = None,
    final_id: str | None = None,
    meta_file: Any = None,
    config_file: Any = None,
    logging_file: str | bool | None = None,
    tracking: str | Mapping[str, Any] | None = None,
    args_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    dry_run: bool | None = None,
    strict: bool | None = None,
    log_file: str | None = None,
    workflow_name: str | None = None,
    workflow_type: str | None = None,
    properties_path: str | None = None,
    trust: str | None = None,
    **override: Any,
) -> int:
    """Run what a config describes; ``bundle-engine run --help`` explains the options."""
    options = {name: value for name, value in locals().items() if name not in ("override", "args_file")}
    return _run(options, args_file, override)


def run_workflow(
    workflow_name: str | None = None,
    args_file: Any = None,
    *,
    config_file: Any = None,
    meta_file: Any = None,
    logging_file: str | bool | None = None,
    run_id: str | None = None,
    init_id: str | None = None,
    final_id: str | None = None,
    tracking: str | Mapping[str, Any] | None = None,
    workflow_type: str | None = None,
    properties_path: str | None = None,
    bundle: str | None = None,
    workflow: str | None = None,
    dry_run: bool | None = None,
    strict: bool | None = None,
    log_file: str | None = None,
    trust: str | None = None,
    **override: Any,
) -> int:
    """Run a workflow of any class; ``bundle-engine run_workflow --help`` explains the options."""
    options = {name: value for name, value in locals().items() if name not in ("override", "args_file")}
    return _run(options, args_file, override)


def _run(options: Mapping[str, Any], args_file: Any, override: Mapping[str, Any]) -> int:
    policy = policy_of(options.get("trust"))
    given = {name: value for name, value in options.items() if value is not None and name != "trust"}
    if policy.is_full:
        return _run_trusted(given, args_file, override, policy)
    with isolated(None):  # no module of the working directory, which may be the bundle's
        return _run_trusted(given, args_file, override, policy)


def _run_trusted(given: Mapping[str, Any], args_file: Any, override: Mapping[str, Any], policy: Policy) -> int:
    arguments = merge_arguments(read_args_file(args_file, policy=policy), given)
    root = _take_bundle(arguments)
    if policy.is_full:
        require_approval(root, None if isinstance(args_file, Mapping) else args_file)
    dry_run, log_file = arguments.pop("dry_run", False), arguments.pop("log_file", None)
    arguments = merge_arguments(arguments, _settled(override, arguments))

    token = override_source.set("command line")
    try:
        workflow = build_workflow(**arguments, trust=policy)
        if root is not None and "bundle_root" not in arguments and isinstance(workflow, ConfigWorkflow):
            workflow.parser.override({"bundle_root": str(root)}, source="--bundle")
        with_config = arguments.get("config_file") is not None
        return _take_steps(workflow, with_config=with_config, dry_run=dry_run, log_file=log_file)
    except BundleEngineError:
        raise
    except Exception as error:  # from a workflow that is Python code
        report.show(error)
        return FAILED
    finally:
        override_source.reset(token)


def _take_steps(workflow: Any, *, with_config: bool, dry_run: bool, log_file: str | None) -> int:
    if isinstance(workflow, ConfigWorkflow):
        _require_run(workflow, with_config)
        workflow.log_file = log_file
        workflow.saves_config = not dry_run
    elif dry_run:
        raise UsageError("--dry_run needs a workflow that a config describes", hint="leave out --workflow_name")
    elif log_file is not None:
        log_to_file(log_file)
    workflow.initialize()
    if dry_run:
        built = workflow.prepare()
        print(f"dry run: everything that '{workflow.run_id}' refers to can be built ({', '.join(built) or 'nothing'})")
        return DONE
    try:
        complete(workflow)
    except BundleEngineError as error:
        if not _failed_in_step(workflow, error):
            raise
        report.show(error)
        return FAILED
    return DONE


def _require_run(workflow: ConfigWorkflow, with_config: bool) -> None:
    try:
        workflow.require_run()
    except UsageError:
        if with_config:
            raise
        hint = "--config_file FILE, or --bundle DIR for a whole bundle"
        raise UsageError("there is nothing to run: no config is given", hint=hint) from None


def _failed_in_step(workflow: Any, error: BundleEngineError) -> bool:
    """Tell whether an expression of the run itself failed, rather than something that it refers to."""
    if not isinstance(workflow, ConfigWorkflow) or error.id is None:
        return not isinstance(workflow, ConfigWorkflow)
    return any(Id.parse(step).covers(Id.parse(error.id)) for step in (workflow.run_id, workflow.final_id))


def _take_bundle(arguments: dict[str, Any]) -> Path | None:
    """Turn ``bundle`` and ``workflow`` into config files; give the bundle's folder."""
    bundle, workflow = arguments.pop("bundle", None), arguments.pop("workflow", None)
    if bundle is None:
        if workflow is not None:
            raise UsageError(
                f"--workflow {workflow} says which config of a bundle to run, and there is no --bundle",
                hint="--bundle names the folder; --config_file names a config itself",
            )
        return None
    folder, ready_made = find_bundle(str(bundle))
    if ready_made:
        report.note(f"using the ready-made bundle in {folder}")
    name = str(workflow or "train")
    more = arguments.get("config_file")
    if isinstance(more, Mapping):
        raise UsageError("config_file cannot be a mapping together with --bundle")
    arguments["config_file"] = [*map(str, find_configs(folder, name)), *as_files(more)]
    arguments.setdefault("workflow_type", kind_of_workflow(name))
    return folder.absolute()


def _settled(overrides: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Find out which ids overrides mean, where the command line leaves that open.

    An id with ``-`` may be spelled with ``_`` in the config, as fire reads it. A lone ``--nothing`` may be an id, or
    say that ``thing`` is False. And what is neither an id nor an option, but almost one, is a mistake.

    Raises:
        UsageError: for such a mistake.
    """
    settled: dict[str, Any] = {}
    config: ConfigParser | None = None
    for key, override in overrides.items():
        if not isinstance(override, Override):  # called from Python
            settled[key] = override
            continue
        maybe_negated = override.bare and key.startswith("no")
        if "-" not in key and not maybe_negated and override.meant is None:
            settled[key] = override.value
            continue
        if config is None:
            config = _written_config(arguments)
        spellings = list(dict.fromkeys([(key, override.value), (key.replace("-", "_"), override.value)]))
        if maybe_negated:
            spellings += [(name.removeprefix("no"), False) for name, _ in spellings]
        known = [(name, value) for name, value in spellings if split_operator(name)[1] in config]
        name, value = known[0] if known else (key.replace("-", "_"), override.value)
        if not known and override.meant is not None and _reaches_nothing(config, name, arguments):
            raise UsageError(
                f"there is no option --{key}, and no id '{name}' in the config",
                hint=f"did you mean --{override.meant}?",
            )
        settled[name] = value
    return settled


def _written_config(arguments: Mapping[str, Any]) -> ConfigParser:
    parser = ConfigParser()
    files = arguments.get("config_file")
    if files is not None:
        parser.read_config(files if isinstance(files, Mapping) else as_files(files))
    return parser


def _reaches_nothing(config: ConfigParser, key: str, arguments: Mapping[str, Any]) -> bool:
    if arguments.get("workflow_name") is not None:
        return False  # it may be an argument of the class
    trial = ConfigParser(config.get())
    trial.override({key: None})
    used = [str(arguments.get(name, default)) for name, default in _STEP_IDS.items()]
    return bool(trial.unused_overrides(*used))


_STEP_IDS = {"run_id": "run", "init_id": "initialize", "final_id": "finalize"}
