"""The command that cross-validates a bundle: its table, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.arguments import overrides_of
from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.experiments import (
    RESUME,
    begun_before,
    count,
    exits,
    how_to_run,
    kept,
    number,
    shared_options,
    tell_failed,
    unchanged,
    way_on,
)
from bundle_engine.cli.progress import parts_of
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.evaluation.sets import Configs
    from bundle_engine.experiment import How
    from bundle_engine.experiment.cross_validation import CrossValidation

__all__ = ["CROSS_VALIDATING", "cross_validate"]

DONE, FAILED = 0, 1
_COMMAND = "cross_validate"


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
    from bundle_engine.experiment.cross_validation import KIND
    from bundle_engine.experiment.registry import check_name

    numbers = None if folds is None else _numbers("folds", folds)
    at_once = count("parallel", parallel)
    if register is not None:
        check_name(register)
    if resume:
        unchanged(
            "--parallel, --launcher and --folds",
            bundle=bundle,
            number_of_cross_validation_splits=number_of_cross_validation_splits,
            threads=threads,
            group_column=group_column,
            seed=seed,
            which=which,
            epochs_to_test=epochs_to_test,
            output_dir=output_dir,
            workflow=workflow,
            evaluate_workflow=evaluate_workflow,
            args_file=args_file,
            **override,
        )
        folder, how = begun_before(KIND, resume, launcher, launcher_settings, at_once, progress)
    else:
        if bundle is None:
            overrides_of(override)  # an option that is misspelt says more
            raise UsageError("no bundle is named", hint="--bundle DIR, or the name of a ready-made bundle")
        how = how_to_run(launcher, launcher_settings, at_once, progress)
        folder = _begin(
            _configs_of(bundle, workflow or "train", evaluate_workflow),
            count("number_of_cross_validation_splits", number_of_cross_validation_splits) or 5,
            how=how,
            folds=numbers,
            threads=count("threads", threads),
            group_column=group_column,
            seed=seed,
            which=_which(which, epochs_to_test),
            output_dir=output_dir,
            workflow=workflow or "train",
            args_file=args_file,
            override=override,
        )
    done = _carried_on(folder, numbers, how)
    code = _tell(done)
    if register is not None and done.unfinished:
        report.note(f"not registered as {register}: some folds are not done; --resume takes --register, too")
    elif register is not None:
        print(f"registered as {_register(done, register)}")
    return code


def _register(done: CrossValidation, name: str) -> str:
    """Register the ensemble of all folds, with the means of what they came to."""
    from bundle_engine.experiment.fold_table import means_of
    from bundle_engine.experiment.models import model_of_run
    from bundle_engine.experiment.registry import open_registry, register_model

    model = model_of_run(done.folder, done.experiment.settings["which"])
    found = register_model(model, name, open_registry(make=True), metrics=means_of(done.rows))
    return f"{found.name}:{found.version}"


def _begin(
    configs: Configs,
    splits: int,
    *,
    how: How,
    folds: list[int] | None,
    threads: int | None,
    group_column: str | None,
    seed: Any,
    which: str | int,
    output_dir: str | None,
    workflow: str,
    args_file: Any,
    override: Mapping[str, Any],
) -> Path:
    from bundle_engine.cli.commands import settled
    from bundle_engine.experiment import cross_validation
    from bundle_engine.workflow.create import merge_arguments, read_args_file

    files = [str(file) for file in configs.train]
    overrides = merge_arguments(read_args_file(args_file), settled(override, {"config_file": files}))
    seed = number("seed", overrides.pop("seed", None) if seed is None else seed)
    if seed is not None and _has_id(configs, "seed"):
        overrides["seed"] = seed
    return cross_validation.begin(
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


def _carried_on(folder: Path, folds: list[int] | None, how: How) -> CrossValidation:
    """Run the folds."""
    from bundle_engine.experiment import cross_validation

    with kept(_COMMAND, folder), parts_of("evaluating") as tell:
        return cross_validation.carry_on(folder, folds=folds, how=replace(how, tell=tell))


def _tell(done: CrossValidation) -> int:
    """Print what came of it, and how to go on."""
    from bundle_engine.cli import report
    from bundle_engine.experiment.fold_table import render
    from bundle_engine.experiment.parent import WAITING
    from bundle_engine.runs.folder import shown

    if done.rows:
        print(render(done.rows))
    if done.rows and not any(row.figures for row in done.rows):
        report.note("nothing was measured: the bundle has no evaluate config, and no validation took place")
    print(f"in {shown(done.folder)}")
    if done.page is not None:
        print(f"folds side by side, with statistics: {shown(done.page)}")
    failed = [child for child in done.unfinished if child.status != WAITING]
    waiting = [child.name for child in done.unfinished if child.status == WAITING]
    for child in failed:
        tell_failed(done.folder, child)
    if waiting:
        report.note(f"not begun: {', '.join(waiting)}")
    if done.unfinished:
        report.note(f"to go on with what is not finished: {way_on(_COMMAND, done.folder)}")
    return FAILED if failed else DONE


def _configs_of(bundle: str, workflow: str, evaluate_workflow: str | None) -> Configs:
    from bundle_engine.cli.bundles import find_bundle, find_configs, find_whole_config
    from bundle_engine.errors import InputNotFoundError
    from bundle_engine.evaluation.sets import Configs

    root = find_bundle(bundle)[0].absolute()
    train = tuple(find_configs(root, workflow))
    try:
        return Configs(root, find_whole_config(root, evaluate_workflow or "evaluate"), train)
    except InputNotFoundError:
        if evaluate_workflow is not None:
            raise
        return Configs(root, (), train)


def _has_id(configs: Configs, id: str) -> bool:
    from bundle_engine.evaluation.sets import read_parser

    return id in read_parser(configs.train, configs.root, {})


def _which(word: Any, epoch: Any) -> str | int:
    if word is not None and epoch is not None:
        raise UsageError("--which and --epochs_to_test exclude each other")
    if epoch is not None:
        return count("epochs_to_test", epoch) or 0
    return "final" if word is None else str(word)


def _numbers(name: str, value: Any) -> list[int]:
    parts = value if isinstance(value, list | tuple) else str(value).strip("[]()").split(",")
    return [found for part in parts if (found := number(name, str(part).strip())) is not None]


_SHARED = shared_options(
    "fold",
    threads="its share of the cores, and of what is free when fewer folds are left than could run at once; with another"
    " number the last bits of results differ",
)


def _load_cross_validate() -> Callable[..., int]:
    return cross_validate


CROSS_VALIDATING: tuple[Command, ...] = (
    Command(
        name=_COMMAND,
        summary="train and evaluate a bundle once for each fold of its subjects",
        usage="--bundle DIR [--number_of_cross_validation_splits N] [OPTIONS] [--any::id=VALUE ...]",
        options=(
            _SHARED["bundle"],
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
                f"{RESUME}. Finished folds are left as they are, the others go on from their last checkpoints",
            ),
            Option("folds", "text", "A,B", "run these folds only, counted from 0; --resume runs the others"),
            *(_SHARED[name] for name in ("launcher", "launcher_settings", "parallel", "threads")),
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
            _SHARED["output_dir"],
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
            _SHARED["args_file"],
            _SHARED["progress"],
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
        exits=exits("fold", "all folds that were to run are done"),
    ),
)
