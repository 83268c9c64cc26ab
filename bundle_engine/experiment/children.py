"""The runs of the folds: what each is told, where it writes, how it is launched."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bundle_engine.config.ids import SEP, Id, split_operator
from bundle_engine.errors import BundleEngineError, BundleEngineWarning, InputError, UsageError
from bundle_engine.evaluation.sets import Configs, read_parser
from bundle_engine.experiment.folds import Fold
from bundle_engine.experiment.launchers import Job, product_command
from bundle_engine.experiment.parent import Child, Experiment
from bundle_engine.experiment.subjects import TRAIN, VALIDATION, Subjects
from bundle_engine.runs.folder import is_running, shown
from bundle_engine.runs.record import read_record, write_text
from bundle_engine.workflow.masking import is_secret_name

__all__ = [
    "ARGUMENTS",
    "job_of",
    "overrides_of",
    "own_places",
    "require_overrides",
    "tell_unused",
    "threads_of",
    "wait_for",
    "why",
    "write_arguments",
]

ARGUMENTS = "args.json"
OPTIONS = frozenset(  # of `run`, which a fold may be given as well; all else are ids of the config
    {"tracking", "strict", "meta_file", "logging_file", "init_id", "run_id", "final_id", "checkpoint_interval"}
    | {"properties_path"}
)
_STEPS = {"init_id": "initialize", "run_id": "run", "final_id": "finalize"}
_SHARED = frozenset({"output_dir", "ckpt_dir"})  # each fold has its own
_NOT_HERE = frozenset({"record", "dry_run", "log_file", "config_file", "workflow_name", "workflow_type", "run_name"})
_PLACES = {"save_dir": "models", "log_dir": "logs", "output_dir": "outputs"}  # of handlers
_HANDLERS = (f"train{SEP}handlers", f"validate{SEP}handlers")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_WAITING = "OMP_WAIT_POLICY"
_PATIENCE = 90.0  # seconds that runs have to end whose experiment was killed
_TAIL = 12  # lines of what a run printed


def require_overrides(overrides: Mapping[str, Any]) -> None:
    """Raise a `UsageError` for what cannot be set in all folds."""
    for key in overrides:
        id = split_operator(key)[1]
        if id in _NOT_HERE:
            raise UsageError(f"--{id} is no option of the folds of a cross-validation")
        if id in _SHARED:
            raise UsageError(
                f"'{id}' would be one folder for all folds", hint="--output_dir is that of all folds together"
            )
        if is_secret_name(Id.parse(id)[-1] if Id.parse(id) else ""):
            raise UsageError(
                f"'{id}' is a secret, which would be written to the folders of the folds",
                hint=f"let the config look it up: --{id} \"$env('NAME')\"",
            )


def tell_unused(configs: Configs, overrides: Mapping[str, Any], *, tried: Mapping[str, Any] | None = None) -> None:
    """Tell of ids that no config has and nothing refers to: each run would only say so in its own output.

    Args:
        configs: the bundle's configs.
        overrides: ids and values that are set in all runs; there is a warning for them, or an error when they have
            ``strict``.
        tried: ids that a sweep tries, with a value for each.

    Raises:
        UsageError: when trying them changes nothing.
    """
    ids = {key: value for key, value in overrides.items() if key not in OPTIONS}
    used = [str(overrides.get(name, default)) for name, default in _STEPS.items()]
    found = [
        _unused(files, configs.root, {**ids, **(tried or {})}, used)
        for files in (configs.train, configs.evaluate)
        if files
    ]
    in_none = {id: message for id, message in found[0].items() if all(id in each for each in found)} if found else {}
    wrong = {str(Id.parse(split_operator(key)[1])) for key in tried or ()}
    messages = [message for id, message in in_none.items() if id in wrong or overrides.get("strict")]
    if messages:
        raise UsageError(messages[0], notes=messages[1:])
    for message in in_none.values():
        warnings.warn(message, BundleEngineWarning, stacklevel=3)


def _unused(files: Sequence[Path], root: Path, overrides: Mapping[str, Any], used: Sequence[str]) -> dict[str, str]:
    parser = read_parser(files, root, {})
    for key, value in overrides.items():
        with suppress(BundleEngineError):  # the run itself will say what is wrong
            parser.override({key: value})
    return parser.unused_overrides(*used, "bundle_root", "output_dir", "ckpt_dir")


def write_arguments(
    folder: Path, configs: Configs, fold: Fold, subjects: Subjects, overrides: Mapping[str, Any]
) -> None:
    """Write what a fold is told into its folder: the overrides of all folds, its subjects, its places."""
    kept = {key: value for key, value in overrides.items() if split_operator(key)[1] not in (TRAIN, VALIDATION)}
    ids = {key: value for key, value in kept.items() if key not in OPTIONS}
    content = {
        **kept,
        **own_places(folder, configs, ids),
        TRAIN: subjects.told(fold.train),
        VALIDATION: subjects.told(fold.validation),
    }
    folder.mkdir(parents=True, exist_ok=True)
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False)
    except TypeError as error:
        raise UsageError(f"an override cannot be written for the folds: {error}") from error
    write_text(folder / ARGUMENTS, text + "\n")


def overrides_of(folder: Path) -> dict[str, Any]:
    """Give the ids and values that a fold was trained with."""
    try:
        content = json.loads((folder / ARGUMENTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the arguments of the fold in '{shown(folder)}' cannot be read: {error}") from None
    return {**{key: value for key, value in content.items() if key not in OPTIONS}, "output_dir": str(folder)}


def own_places(folder: Path, configs: Configs, overrides: Mapping[str, Any]) -> dict[str, str]:
    """Find what a config writes to a folder that does not depend on the run's, and give it one of its own."""
    from bundle_engine.workflow.roots import importable

    found: dict[str, str] = {}
    with importable(configs.root):
        parser = read_parser(configs.train, configs.root, {**overrides, "output_dir": str(folder)})
        if "ckpt_dir" in parser and not _is_inside(parser, "ckpt_dir", folder):
            found["ckpt_dir"] = str(folder / "models")
            parser.override(found)
        for handlers in _HANDLERS:
            written = parser.get(handlers) if handlers in parser else None
            for number, handler in enumerate(written if isinstance(written, list) else []):
                for key, name in _PLACES.items():
                    id = f"{handlers}{SEP}{number}{SEP}{key}"
                    if isinstance(handler, Mapping) and handler.get(key) and not _is_inside(parser, id, folder):
                        found[id] = str(folder / name)
    return found


def _is_inside(parser: Any, id: str, folder: Path) -> bool:
    try:
        return Path(os.path.abspath(str(parser.get_parsed_content(id)))).is_relative_to(folder)
    except BundleEngineError:
        return True  # the run itself will say what is wrong


# --- launching ---


def threads_of(count: int, *, slots: int | None, threads: int | None) -> tuple[int, list[int]]:
    """Share out the cores of this machine among folds.

    The last ones get more where fewer are left than run at once, for then cores would be idle.

    Args:
        count: number of folds.
        slots: how many run at once; None for as many as cores or GPUs allow.
        threads: threads of each; None for its share.

    Returns:
        how many run at once, and the threads of each.
    """
    from bundle_engine.experiment.launchers.machine import cores, share_out

    shares = share_out(jobs=count, slots=slots, threads=threads)
    found = [shares.threads] * count
    rest = count % shares.slots
    if threads is None and rest and shares.gpus is None:
        found[count - rest :] = [max(shares.threads, cores() // rest)] * rest
    return shares.slots, found


def job_of(experiment: Experiment, child: Child, parent: Path) -> Job:
    """Give the job that a launcher runs for a fold."""
    folder = parent / child.name
    begin = ("run", "--bundle", experiment.root, "--workflow", experiment.workflow, "--output_dir", str(folder))
    more = ("--args_file", str(folder / ARGUMENTS), "--progress", "plain")
    return Job(
        name=child.name,
        command=product_command(*begin, *more),
        folder=folder,
        again=product_command("run", "--resume", str(folder), "--progress", "plain"),
        environment=_environment(child.threads),
        threads=child.threads,
        cwd=Path(experiment.cwd),
    )


def _environment(threads: int | None) -> dict[str, str]:
    """Give the variables for a number of threads.

    Threads that wait for each other sleep: where the machine has other work to do, such as another fold, turning round
    and round instead makes two threads several times slower than one.
    """
    if threads is None:
        return {}
    found = dict.fromkeys(_THREADS, str(threads))
    if threads > 1 and _WAITING not in os.environ:
        found[_WAITING] = "PASSIVE"
    return found


def wait_for(folders: Sequence[Path]) -> None:
    """Wait for runs that still save after their experiment was killed.

    Raises:
        UsageError: when one does not end.
    """
    until = time.monotonic() + _PATIENCE
    for folder in folders:
        while is_running(folder):
            if time.monotonic() > until:
                raise UsageError(
                    f"the run in '{shown(folder)}' is still running", hint="wait for its end, or stop it with SIGTERM"
                )
            time.sleep(0.2)


def why(folder: Path, code: int | None, message: str = "") -> str:
    """Say in a line why a run failed: as its record does, or what it printed, or how its process ended."""
    try:
        if error := read_record(folder).error:
            return error.strip().splitlines()[0]
    except InputError:
        pass
    try:
        lines = (folder / "output.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]
    except OSError:
        lines = []
    told = [line.partition("error: ")[2] for line in lines if line.startswith("error: ")]
    return message or (told[-1] if told else f"exit code {code}")
