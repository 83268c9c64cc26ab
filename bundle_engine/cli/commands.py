"""What the commands do: take what the command line says, call the library, say what came of it.

The parameters of these functions are the options of the command line, so they work as fire commands and from Python,
too. They return exit codes; the errors that they raise are wrong input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli import report
from bundle_engine.cli.arguments import Override
from bundle_engine.cli.bundles import find_bundle, find_configs, kind_of_workflow
from bundle_engine.cli.recording import ARGUMENTS, Settings, Wanted, absolute
from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.ids import split_operator
from bundle_engine.config.policy import Policy, policy_of
from bundle_engine.errors import BundleEngineError, UsageError, WorkflowError
from bundle_engine.runs.shown import ShownProgress
from bundle_engine.workflow.approval import require_approval
from bundle_engine.workflow.config_workflow import ConfigWorkflow, override_source
from bundle_engine.workflow.create import build_workflow, complete, merge_arguments, read_args_file
from bundle_engine.workflow.files import as_files
from bundle_engine.workflow.logs import log_to_file
from bundle_engine.workflow.roots import isolated

if TYPE_CHECKING:
    from bundle_engine.runs.recorded import Order, Recording

__all__ = ["DONE", "FAILED", "WRONG_INPUT", "make_and_run", "run", "run_workflow", "settled"]

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
    resume: str | bool | None = None,
    output_dir: str | None = None,
    run_name: str | None = None,
    record: bool | None = None,
    checkpoint_interval: str | int | None = None,
    progress: str | None = None,
    register: str | None = None,
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
    resume: str | bool | None = None,
    output_dir: str | None = None,
    run_name: str | None = None,
    record: bool | None = None,
    checkpoint_interval: str | int | None = None,
    progress: str | None = None,
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
    settings = Settings.take(arguments)
    name = arguments.get("workflow")
    root = _take_bundle(arguments)
    if policy.is_full:
        require_approval(root, None if isinstance(args_file, Mapping) else args_file)
    dry_run, log_file = arguments.pop("dry_run", False), arguments.pop("log_file", None)
    if not settings.record or dry_run:
        merged = merge_arguments(arguments, settled(override, arguments))
        return make_and_run(merged, {}, policy, root=root, settings=settings, dry_run=dry_run, log_file=log_file)
    if settings.resume is not None:  # the run may have been begun in another working directory
        arguments = absolute(arguments)
        log_file = None if log_file is None else str(Path(log_file).absolute())
    overrides = {id: arguments.pop(id) for id in list(arguments) if id not in ARGUMENTS}
    wanted = Wanted.find(settings, arguments, root, name, is_changed=bool(override or overrides))
    recorded: dict[str, Any] = {}
    if wanted.before is not None:
        arguments = {**wanted.before.record.arguments, **arguments}
        root = root or wanted.before.bundle
        recorded = wanted.before.record.overrides
        policy = policy_of(arguments.pop("trust", None)) if policy.is_full else policy
        arguments.pop("bundle", None)
    try:
        overrides = {**recorded, **merge_arguments(overrides, settled(override, arguments))}
        code = wanted.before.code if wanted.before is not None else None
        return make_and_run(
            arguments, overrides, policy, root=root, code=code, settings=settings, wanted=wanted, log_file=log_file
        )
    finally:
        if wanted.before is not None:
            wanted.before.lock.release()


def make_and_run(
    arguments: Mapping[str, Any],
    overrides: Mapping[str, Any],
    policy: Policy,
    *,
    settings: Settings,
    root: Path | None = None,
    code: Path | None = None,
    wanted: Wanted | None = None,
    dry_run: bool = False,
    log_file: str | None = None,
) -> int:
    """Make a workflow and run it.

    Args:
        arguments: how it is made.
        overrides: ids and the values to set there.
        policy: how far it is trusted.
        settings: what the command line says about the record.
        root: the folder that --bundle named; the id ``bundle_root`` is set to it.
        code: the folder that modules are imported from, where the config does not lie in it.
        wanted: the run that is to be recorded; None for no record.
        dry_run: whether all is built, and nothing is run.
        log_file: a file to write the log to.

    Returns:
        the exit code.
    """
    token = override_source.set("command line")
    try:
        with nullcontext() if policy.is_full else isolated(None):
            workflow = build_workflow(**merge_arguments(arguments, overrides), trust=policy)
            if isinstance(workflow, ConfigWorkflow):
                if root is not None and "bundle_root" not in {**arguments, **overrides}:
                    workflow.parser.override({"bundle_root": str(root)}, source="--bundle")
                if code is not None:
                    workflow.belongs_to(code)
            overrides = {**overrides, **settings.set_ids(workflow)}
            with_config = arguments.get("config_file") is not None
            _set_up(workflow, with_config=with_config, dry_run=dry_run, log_file=log_file)
            if isinstance(workflow, ConfigWorkflow) and not dry_run:
                workflow.attendants.append(ShownProgress(workflow, settings.progress))
                if wanted is not None and wanted.before is not None:
                    workflow.tracking_run_id = wanted.before.record.tracking.get("mlflow")
            if dry_run:
                return _dry_run(workflow)
            if wanted is None:
                workflow.initialize()
                return _outcome(workflow, lambda: complete(workflow))
            if not policy.is_full:
                arguments = {**arguments, "trust": policy.level}
            return _run_recorded(workflow, wanted, wanted.order(arguments, overrides, root, code))
    except BundleEngineError:
        raise
    except Exception as error:  # from a workflow that is Python code
        report.show(error)
        return FAILED
    finally:
        override_source.reset(token)


def _set_up(workflow: Any, *, with_config: bool, dry_run: bool, log_file: str | None) -> None:
    if isinstance(workflow, ConfigWorkflow):
        _require_run(workflow, with_config)
        workflow.log_file = log_file
        workflow.saves_config = not dry_run
    elif dry_run:
        raise UsageError("--dry_run needs a workflow that a config describes", hint="leave out --workflow_name")
    elif log_file is not None:
        log_to_file(log_file)


def _dry_run(workflow: ConfigWorkflow) -> int:
    workflow.initialize()
    built = workflow.prepare()
    print(f"dry run: everything that '{workflow.run_id}' refers to can be built ({', '.join(built) or 'nothing'})")
    return DONE


def _run_recorded(workflow: Any, wanted: Wanted, order: Order) -> int:
    from bundle_engine.runs.recorded import Recording

    recording = Recording(workflow, order, lock=None if wanted.before is None else wanted.before.lock)
    try:
        with recording:
            workflow.initialize()
            recording.exit_code = _outcome(workflow, recording.complete, recording)
    except Exception:
        raise
    except BaseException:
        if way_on := recording.way_on():
            report.note(f"it is saved; to go on: {way_on}")
        raise
    if recording.exit_code and (way_on := recording.way_on()):
        report.note(f"to go on from the last checkpoint: {way_on}")
    if not recording.exit_code and recording.folder is not None and wanted.settings.register:
        _register(recording.folder, wanted.settings.register)
    return recording.exit_code or DONE


def _register(folder: Path, name: str) -> None:
    """Register the model that a run has trained."""
    from bundle_engine.experiment.models import model_of_run
    from bundle_engine.experiment.registry import open_registry, register_model

    registry = open_registry(make=True)
    made = register_model(model_of_run(folder), name, registry)
    report.note(f"registered {made.name}:{made.version} in {registry.shown}")


def _outcome(workflow: Any, run: Callable[[], None], recording: Recording | None = None) -> int:
    """Run a workflow that is initialized; show an error of the run itself, which is no wrong input."""
    try:
        run()
    except BundleEngineError as error:
        keeper_failed = recording is not None and isinstance(recording.failed_to_keep, WorkflowError)
        if not keeper_failed and not _failed_in_step(workflow, error):
            raise
        report.show(error)
        if recording is not None:
            recording.error = error
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


def settled(overrides: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
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
