"""The command that cross-validates a bundle: its table, and what it does."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.evaluation.sets import Configs
    from bundle_engine.experiment.cross_validation import CrossValidation, How

__all__ = ["CROSS_VALIDATING", "cross_validate"]

DONE, FAILED = 0, 1


def cross_validate(
    bundle: str | None = None,
    number_of_cross_validation_splits: Any = None,
    *,
    resume: str | bool | None = None,
    folds: Any = None,
    launcher: str | None = None,
    launcher_settings: Any = None,
    parallel: Any = None,
    threads: Any = None,
    group_column: str | None = None,
    seed: Any = None,
    which: Any = None,
    epochs_to_test: Any = None,
    output_dir: str | None = None,
    workflow: str | None = None,
    evaluate_workflow: str | None = None,
    register: str | None = None,
    args_file: Any = None,
    progress: str | None = None,
    **override: Any,
) -> int:
    """Cross-validate a bundle; ``bundle-engine cross_validate --help`` explains the options."""
    from bundle_engine.cli import report

    numbers = None if folds is None else _numbers("folds", folds)
    at_once = _count("parallel", parallel)
    if resume:
        fixed = {
            "bundle": bundle,
            "number_of_cross_validation_splits": number_of_cross_validation_splits,
            "threads": threads,
            "group_column": group_column,
            "seed": seed,
            "which": which,
            "epochs_to_test": epochs_to_test,
            "output_dir": output_dir,
            "workflow": workflow,
            "evaluate_workflow": evaluate_workflow,
            "args_file": args_file,
            **override,
        }
        changed = [name for name, value in fixed.items() if value is not None]
        if changed:
            raise UsageError(
                f"--resume goes on with what was begun, and --{changed[0]} would be something else",
                hint="leave it out, or begin anew without --resume; --parallel, --launcher and --folds may change",
            )
        name = "last" if resume is True else str(resume)
        done = _go_on(name, numbers, launcher, launcher_settings, at_once, progress)
    else:
        if bundle is None:
            raise UsageError("no bundle is named", hint="--bundle DIR, or the name of a ready-made bundle")
        done = _begin(
            bundle,
            _count("number_of_cross_validation_splits", number_of_cross_validation_splits) or 5,
            folds=numbers,
            launcher=launcher or "local",
            settings=_settings(launcher_settings),
            parallel=at_once,
            threads=_count("threads", threads),
            group_column=group_column,
            seed=seed,
            which=_which(which, epochs_to_test),
            output_dir=output_dir,
            workflow=workflow or "train",
            evaluate_workflow=evaluate_workflow,
            args_file=args_file,
            progress=progress,
            override=override,
        )
    if register is not None and not done.unfinished:
        print(f"registered as {_register(done, register)}")
    return _tell(done, report.note)


def _register(done: CrossValidation, name: str) -> str:
    """Register the ensemble of all folds, with the means of what they came to."""
    from bundle_engine.experiment.fold_table import means_of
    from bundle_engine.experiment.models import model_of_run
    from bundle_engine.experiment.registry import open_registry, register_model

    model = model_of_run(done.folder, done.experiment.settings["which"])
    found = register_model(model, name, open_registry(make=True), metrics=means_of(done.rows))
    return f"{found.name}:{found.version}"


def _begin(
    bundle: str,
    splits: int,
    *,
    folds: list[int] | None,
    launcher: str,
    settings: Mapping[str, Any],
    parallel: int | None,
    threads: int | None,
    group_column: str | None,
    seed: Any,
    which: str | int,
    output_dir: str | None,
    workflow: str,
    evaluate_workflow: str | None,
    args_file: Any,
    progress: str | None,
    override: Mapping[str, Any],
) -> CrossValidation:
    from bundle_engine.cli.commands import settled
    from bundle_engine.experiment import cross_validation
    from bundle_engine.workflow.create import merge_arguments, read_args_file

    configs = _configs_of(bundle, workflow, evaluate_workflow)
    files = [str(file) for file in configs.train]
    overrides = merge_arguments(read_args_file(args_file), settled(override, {"config_file": files}))
    seed = overrides.pop("seed", None) if seed is None else seed
    if seed is not None:
        seed = _number("seed", seed)
        if _has_id(configs, "seed"):
            overrides["seed"] = seed
    how = cross_validation.How(launcher, settings, parallel, progress=progress or "auto")
    folder = cross_validation.begin(
        configs,
        splits=splits,
        workflow=workflow,
        overrides=overrides,
        group_column=group_column,
        seed=seed or 0,
        which=which,
        threads=threads,
        output_dir=None if output_dir is None else Path(output_dir),
        how=how,
        folds=folds,
    )
    return _carried_on(folder, folds, how)


def _go_on(
    name: str,
    folds: list[int] | None,
    launcher: str | None,
    settings: Any,
    parallel: int | None,
    progress: str | None,
) -> CrossValidation:
    import os

    from bundle_engine.cli import report
    from bundle_engine.experiment import cross_validation
    from bundle_engine.experiment.parent import find_experiment, read_experiment
    from bundle_engine.runs.folder import RUNS, runs_dir

    folder = find_experiment(name, cross_validation.KIND)
    experiment = read_experiment(folder)
    if os.path.realpath(experiment.cwd) != os.path.realpath(os.getcwd()) and os.path.isdir(experiment.cwd):
        os.environ.setdefault(RUNS, str(runs_dir()))
        os.chdir(experiment.cwd)  # relative paths in its config count from there
        report.note(f"working in '{experiment.cwd}', where it was begun")
    kept = experiment.settings.get("launcher_settings") or {} if launcher is None else {}
    how = cross_validation.How(
        launcher or str(experiment.settings.get("launcher", "local")),
        kept if settings is None else _settings(settings),
        parallel,
        progress or "auto",
    )
    return _carried_on(folder, folds, how)


def _carried_on(folder: Path, folds: list[int] | None, how: How) -> CrossValidation:
    """Run the folds; whatever ends that, say how to go on."""
    from bundle_engine.cli import report
    from bundle_engine.experiment import cross_validation

    try:
        with _evaluating() as tell:
            return cross_validation.carry_on(folder, folds=folds, how=replace(how, tell=tell))
    except UsageError:
        raise
    except BaseException:
        report.note(f"what is done is kept; to go on: {way_on(folder)}")
        raise


def _tell(done: CrossValidation, note: Callable[[str], None]) -> int:
    """Print what came of it, and how to go on."""
    from bundle_engine.experiment.fold_table import render
    from bundle_engine.experiment.parent import WAITING
    from bundle_engine.runs.folder import shown

    if done.rows:
        print(render(done.rows))
    print(f"in {shown(done.folder)}")
    if done.page is not None:
        print(f"folds side by side, with statistics: {shown(done.page)}")
    failed = [child for child in done.unfinished if child.status != WAITING]
    waiting = [child.name for child in done.unfinished if child.status == WAITING]
    for child in failed:
        note(f"{child.name} {child.status}: {child.error or 'nobody knows why'}")
        note(f"  what it said: {shown(done.folder / child.name / 'output.txt')}")
    if waiting:
        note(f"not begun: {', '.join(waiting)}")
    if done.unfinished:
        note(f"to go on with what is not finished: {way_on(done.folder)}")
    return FAILED if failed else DONE


def way_on(folder: Path) -> str:
    """Give the command that goes on with a cross-validation."""
    import sys

    from bundle_engine.runs.folder import shown

    program = "python -m bundle_engine" if Path(sys.argv[0]).name == "__main__.py" else "bundle-engine"
    return f"{program} cross_validate --resume {shlex.quote(shown(folder))}"


@contextmanager
def _evaluating() -> Iterator[Callable[[str, int, int], None]]:
    """Give what tells how far the evaluations are: a bar for each in a terminal, a line for each elsewhere."""
    if not sys.stderr.isatty():

        def tell(name: str, done: int, total: int) -> None:
            if done == 0:
                print(f"evaluating {name}, {total} subjects", file=sys.stderr, flush=True)

        yield tell
        return
    bars: list[Any] = []
    tasks: dict[str, Any] = {}

    def draw(name: str, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if not bars:  # not before the board of the folds has gone
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            bars.append(Progress(*columns, console=Console(stderr=True), transient=True))
            bars[0].start()
        if name not in tasks:
            tasks[name] = bars[0].add_task(f"evaluating {name}", total=total or None)
        bars[0].update(tasks[name], completed=done)

    try:
        yield draw
    finally:
        for bar in bars:
            bar.stop()


def _configs_of(bundle: str, workflow: str, evaluate_workflow: str | None) -> Configs:
    from bundle_engine.cli.bundles import find_bundle, find_configs, workflows_of
    from bundle_engine.errors import InputNotFoundError
    from bundle_engine.evaluation.sets import Configs

    root = find_bundle(bundle)[0].absolute()
    train = tuple(find_configs(root, workflow))
    try:
        found = find_configs(root, evaluate_workflow or "evaluate")
    except InputNotFoundError:
        if evaluate_workflow is not None:
            raise
        return Configs(root, (), train)
    if len(found) == 1:  # it may be one that lies over another
        stacks = (stack for stack in workflows_of(root) if stack.rpartition(",")[2] == found[0].name)
        found = find_configs(root, next(stacks, found[0].name))
    return Configs(root, tuple(found), train)


def _has_id(configs: Configs, id: str) -> bool:
    from bundle_engine.evaluation.sets import read_parser

    return id in read_parser(configs.train, configs.root, {})


def _which(word: Any, epoch: Any) -> str | int:
    if word is not None and epoch is not None:
        raise UsageError("--which and --epochs_to_test exclude each other")
    if epoch is not None:
        return _count("epochs_to_test", epoch) or 0
    return "final" if word is None else str(word)


def _settings(value: Any) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    from bundle_engine.workflow.create import load_config_file

    return load_config_file(str(value))


def _number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdigit():
        raise UsageError(f"--{name} is a whole number, 0 or more, and not '{value}'")
    return int(value)


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    number = _number(name, value)
    if not number:
        raise UsageError(f"--{name} is at least 1")
    return number


def _numbers(name: str, value: Any) -> list[int]:
    parts = value if isinstance(value, list | tuple) else str(value).strip("[]()").split(",")
    return [_number(name, str(part).strip()) for part in parts]


def _load_cross_validate() -> Callable[..., int]:
    return cross_validate


CROSS_VALIDATING: tuple[Command, ...] = (
    Command(
        name="cross_validate",
        summary="train and evaluate a bundle once for each fold of its subjects",
        usage="--bundle DIR [--number_of_cross_validation_splits N] [OPTIONS] [--any::id=VALUE ...]",
        options=(
            Option("bundle", "file", "DIR", "the bundle: a folder, or the name of a ready-made one"),
            Option(
                "number_of_cross_validation_splits",
                "text",
                "N",
                "number of folds, made of train::dataset::data and validate::dataset::data together (default: 5)",
            ),
            Option(
                "resume",
                "optional",
                "[DIR]",
                "go on with one that was stopped: its folder or a part of its name; alone, the newest one. Finished"
                " folds are left as they are, the others go on from their last checkpoints",
            ),
            Option("folds", "text", "A,B", "run these folds only, counted from 0; --resume runs the others"),
            Option("launcher", "text", "NAME", "where they run: local, ray or slurm (default: local)"),
            Option(
                "launcher_settings",
                "settings",
                "SETTINGS",
                "what the launcher takes, or a file with it: {address: auto} for a ray cluster, {partition: gpu} for"
                " slurm",
            ),
            Option(
                "parallel",
                "text",
                "N",
                "how many folds run at once (default: one on each GPU, or else on each core)",
            ),
            Option(
                "threads",
                "text",
                "N",
                "threads of each fold; with another number the last bits of results differ (default: its share of the"
                " cores; when fewer folds are left than could run at once, they share what is free)",
            ),
            Option(
                "group_column",
                "text",
                "NAME",
                "keep subjects with the same value in one fold: a key of the items of the lists, or a column of the"
                " table at dataset_dir",
            ),
            Option("seed", "text", "N", "seed of the folds; sets the id seed, too, if the config has it (default: 0)"),
            Option(
                "which",
                "text",
                "WHICH",
                "which weights of each fold are evaluated: final, those that the bundle saves at the end; best, by the"
                " metric of the validation, which is measured on the same subjects then; last, of the last checkpoint"
                " (default: final)",
            ),
            Option(
                "epochs_to_test",
                "text",
                "N",
                "evaluate the checkpoint of this epoch; the last two and the best are kept",
            ),
            Option(
                "output_dir",
                "file",
                "DIR",
                "the folder of all folds, each of which has one in it (default: one of its own in runs/, or in the one"
                " that BUNDLE_ENGINE_RUNS names)",
            ),
            Option(
                "register",
                "text",
                "NAME",
                "when all folds are done, add their ensemble to the registry of models under this name, with the means"
                " of what they came to",
            ),
            Option("workflow", "text", "NAME", "the config that trains (default: train)"),
            Option(
                "evaluate_workflow", "text", "NAME", "the config that evaluates (default: evaluate, if there is one)"
            ),
            Option("args_file", "files", "FILES", "JSON or YAML file with overrides; the command line wins over it"),
            Option(
                "progress",
                "text",
                "MODE",
                "how to show how far it is: bar, a board of all folds on the terminal; plain, lines; none; auto, which"
                " is bar on a terminal and plain elsewhere (default: auto)",
            ),
        ),
        positional=2,
        overrides="set this id of the config in all folds",
        examples=(
            ("cross_validate --bundle my_bundle", "five folds"),
            ("cross_validate --bundle my_bundle --max_epochs 3 --folds 0", "try the first fold"),
            ("cross_validate --bundle my_bundle --group_column patient", "all images of a patient in one fold"),
            ("cross_validate --bundle my_bundle --register spleen", "the ensemble becomes spleen:1"),
            ("cross_validate --resume last", "go on with the newest one"),
        ),
        load=_load_cross_validate,
        exits=(
            (0, "all folds that were to run are done"),
            (1, "a fold failed, or was stopped; the others are done"),
            (2, "the input is wrong; nothing was run"),
            (130, "interrupted: what runs was stopped and is saved"),
            (143, "terminated, likewise"),
        ),
    ),
)
