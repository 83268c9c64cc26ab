"""The commands of the command line and their options: one table, for reading arguments and for writing help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from bundle_engine.cli.command import PROGRAM, Command, Option
from bundle_engine.cli.keeping import RECORDING
from bundle_engine.cli.launching import NPROC
from bundle_engine.cli.trusting import TRUST

__all__ = ["COMMANDS", "PROGRAM", "Command", "Option"]


def _load_run() -> Callable[..., int]:
    from bundle_engine.cli.commands import run

    return run


def _load_run_workflow() -> Callable[..., int]:
    from bundle_engine.cli.commands import run_workflow

    return run_workflow


_RUN_ID = Option("run_id", "text", "ID", "id of the expressions to run (default: run)")
_INIT_ID = Option("init_id", "text", "ID", "id of the expressions to evaluate before (default: initialize)")
_FINAL_ID = Option(
    "final_id",
    "text",
    "ID",
    "id of the expressions to evaluate after, also when the run fails or is interrupted (default: finalize)",
)
_META_FILE = Option("meta_file", "files", "FILES", "metadata (default: metadata.json beside the config)")
_CONFIG_FILE = Option(
    "config_file",
    "files",
    "FILES",
    "config, JSON or YAML; of several, as a,b or \"['a','b']\" or by repeating the option, later ones win",
)
_LOGGING_FILE = Option(
    "logging_file",
    "log",
    "FILE",
    "set up the log by an INI file (Python's fileConfig) or a JSON or YAML file (dictConfig); False leaves it alone"
    " (default: logging.conf beside the config, or else a plain log on standard error)",
)
_TRACKING = Option(
    "tracking",
    "settings",
    "NAME",
    "track the experiment: mlflow, or a file with settings; none turns off what an args_file asks for",
)
_ARGS_FILE = Option(
    "args_file", "files", "FILES", "JSON or YAML file with options and overrides; the command line wins over it"
)
_BUNDLE = Option(
    "bundle",
    "file",
    "DIR",
    "run configs/WORKFLOW.yaml (.yml, .json) of a bundle, with its metadata; a folder, or the name of a ready-made"
    " bundle. Sets the id bundle_root, if the config has it",
)
_WORKFLOW = Option(
    "workflow",
    "text",
    "NAME",
    "with --bundle: which of its configs, such as train, evaluate, inference; or a,b (default: train)",
)
_DRY_RUN = Option(
    "dry_run",
    "switch",
    "",
    "check everything, evaluate the expressions before the run, build all that the run refers to, and stop: no"
    " expression of the run or after it is evaluated",
)
_STRICT = Option("strict", "switch", "", "an override that reaches nothing is an error, not a warning")
_LOG_FILE = Option("log_file", "file", "FILE", "write the log to this file as well")
_WORKFLOW_NAME = Option(
    "workflow_name",
    "text",
    "CLASS",
    "class of the workflow, by its dotted path (default: ConfigWorkflow, which reads a config)",
)
_WORKFLOW_TYPE = Option(
    "workflow_type", "text", "TYPE", "which properties the workflow has: train, infer or evaluate (default: train)"
)
_REGISTER = Option(
    "register",
    "text",
    "NAME",
    "when a training is done, register its model by this name, with the best of its weights; see the command register",
)
_PROPERTIES_PATH = Option("properties_path", "file", "FILE", "file with tables of properties to use instead")

_RUNNING = (
    Command(
        name="run",
        summary="run what a config describes",
        usage="[RUN_ID] --config_file FILES [OPTIONS] [--any::id=VALUE ...]",
        options=(
            _RUN_ID,
            _INIT_ID,
            _FINAL_ID,
            _META_FILE,
            _CONFIG_FILE,
            _LOGGING_FILE,
            _TRACKING,
            _ARGS_FILE,
            _BUNDLE,
            _WORKFLOW,
            _DRY_RUN,
            _STRICT,
            _LOG_FILE,
            _WORKFLOW_NAME,
            _WORKFLOW_TYPE,
            _PROPERTIES_PATH,
            TRUST,
            *RECORDING,
            _REGISTER,
            NPROC,
        ),
        positional=8,
        overrides="set this id of the config",
        examples=(
            ("run --config_file configs/train.yaml", "run a training"),
            ("run --config_file train.yaml --train::trainer::max_epochs 2", "the same, but for two epochs"),
            ("run --bundle my_bundle --workflow evaluate", "run configs/evaluate.yaml of a bundle"),
            ("run training --config_file train.json", "run the expressions at 'training'"),
            ("run --config_file \"['train.json','multi_gpu.json']\"", "the second file over the first"),
            ("run --config_file train.yaml --dry_run", "see whether everything can be built"),
            ("run --bundle my_bundle --resume", "go on with a training that was stopped"),
            ("run --bundle my_bundle --nproc 2", "train in two processes, on two GPUs where there are any"),
        ),
        load=_load_run,
    ),
    Command(
        name="run_workflow",
        summary="run a workflow of a class of your own",
        usage="[CLASS] [OPTIONS] [--argument=VALUE ...]",
        options=(
            _WORKFLOW_NAME,
            _ARGS_FILE,
            _CONFIG_FILE,
            _META_FILE,
            _LOGGING_FILE,
            _RUN_ID,
            _INIT_ID,
            _FINAL_ID,
            _TRACKING,
            _WORKFLOW_TYPE,
            _PROPERTIES_PATH,
            _BUNDLE,
            _WORKFLOW,
            _DRY_RUN,
            _STRICT,
            _LOG_FILE,
            TRUST,
            *RECORDING,
        ),
        positional=2,
        overrides="give this argument to the class; for one that reads a config, set this id of it",
        examples=(
            ("run_workflow scripts.workflow.MyWorkflow --output_dir out", "run a class, with its argument"),
            ("run_workflow --config_file configs/train.yaml", "the same as run --config_file ..."),
        ),
        load=_load_run_workflow,
    ),
)

# where the other commands are described: module, name of their tuple, and theirs; the order is that of the help
_ELSEWHERE = (
    ("runs", "RUNS", "rerun runs"),
    ("inspecting", "INSPECTING", "check"),
    ("evaluating", "EVALUATING", "evaluate report"),
    ("modelling", "MODELLING", "predict package_model"),
    ("registering", "REGISTERING", "register models"),
    ("cross_validating", "CROSS_VALIDATING", "cross_validate"),
    ("sweeping", "SWEEPING", "sweep"),
    ("comparing", "COMPARING", "compare"),
    ("views", "VIEWS", "show explain diff manifest completion"),
    ("verifying", "VERIFYING", "verify verify_metadata"),
    ("network", "NETWORKS", "verify_net_in_out"),
    ("graphs", "GRAPHS", "graph schema"),
    ("trusting", "TRUSTING", "trust"),
    ("weights", "WEIGHTS", "weights"),
    ("exporting", "EXPORTING", "ckpt_export onnx_export export trt_export"),
    ("starting", "STARTING", "init init_bundle"),
    ("packing", "PACKING", "pack unpack"),
    (
        "downloading",
        "DOWNLOADING",
        "download download_large_files get_all_bundles_list get_bundle_versions get_bundle_info push_to_hf_hub",
    ),
    ("datasets", "DATASETS", "data"),
)


class _Commands(Mapping[str, Command]):
    """The commands by name; the module that describes one is imported when somebody asks for it."""

    def __init__(self) -> None:
        self._known = {command.name: command for command in _RUNNING}
        self._homes = {name: (module, table) for module, table, names in _ELSEWHERE for name in names.split()}

    def __getitem__(self, name: str) -> Command:
        if name not in self._known:
            module, table = self._homes[name]
            commands = getattr(import_module(f"bundle_engine.cli.{module}"), table)
            self._known.update((command.name, command) for command in commands)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        yield from (command.name for command in _RUNNING)
        yield from self._homes

    def __len__(self) -> int:
        return len(_RUNNING) + len(self._homes)

    def __contains__(self, name: object) -> bool:
        return name in self._homes or name in self._known


COMMANDS: Mapping[str, Command] = _Commands()
