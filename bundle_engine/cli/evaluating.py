"""The commands that evaluate a bundle and report on it: their table, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.arguments import overrides_of
from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.modelling import MODEL_OPTIONS
from bundle_engine.cli.progress import parts_of

if TYPE_CHECKING:
    from bundle_engine.evaluation.evaluating import Done
    from bundle_engine.evaluation.sets import Configs

__all__ = ["EVALUATING", "evaluate", "report"]


def evaluate(
    bundle: str | None = None,
    *,
    checkpoint: Any = None,
    model: str | None = None,
    local_weights_path: Any = None,
    weights_url: Any = None,
    model_id: str | None = None,
    which: str | None = None,
    epochs_to_test: Any = None,
    output_dir: str | None = None,
    inference_on_train_set: bool = False,
    inference_on_val_set: bool = False,
    inference_on_test_set: bool = False,
    workflow: str = "evaluate",
    train_workflow: str = "train",
    task: str | None = None,
    threshold: str | None = None,
    plots: bool = True,
    thumbnails: bool = True,
    save_segmentations: bool = False,
    save_posteriors: bool = False,
    save_uncertainty: bool = False,
    key_in_ckpt: str | None = None,
    logging_file: str | bool | None = False,
    args_file: Any = None,
    **override: Any,
) -> int:
    """Evaluate a bundle on its sets; ``bundle-engine evaluate --help`` explains the options."""
    from bundle_engine.cli.bundles import find_bundle
    from bundle_engine.cli.modelling import named_model
    from bundle_engine.errors import UsageError
    from bundle_engine.evaluation.evaluating import Outputs
    from bundle_engine.evaluation.evaluating import evaluate as run
    from bundle_engine.evaluation.sets import read_parser
    from bundle_engine.experiment.assessment import evaluate_model
    from bundle_engine.workflow.create import read_args_file

    chosen = {"train": inference_on_train_set, "val": inference_on_val_set, "test": inference_on_test_set}
    others = (model, local_weights_path, weights_url, model_id, which, epochs_to_test)
    if bundle is None and all(each is None for each in others):
        overrides_of(override)  # an option that is misspelt says more
        raise UsageError(
            "no bundle is named", hint="--bundle DIR, or the name of a ready-made bundle; or --model with a run"
        )
    found = None
    if any(each is not None for each in others):
        if checkpoint is not None:
            raise UsageError("--checkpoint evaluates files by themselves, and other options name a model already")
        found = named_model(model, bundle, *others[1:], key_in_ckpt, find_bundle)
    configs = _configs_of(str(bundle) if found is None else str(found.bundle), workflow, train_workflow)
    files = [each for each in (configs.evaluate, configs.train) if each]
    overrides = {
        **read_args_file(args_file),
        **overrides_of(override, lambda: [read_parser(each, configs.root, {}) for each in files]),
    }
    options: dict[str, Any] = {
        "wanted": [name for name, wanted in chosen.items() if wanted],
        "output_dir": output_dir,
        "overrides": {key.replace("-", "_"): value for key, value in overrides.items()},
        "task": task,
        "threshold": threshold,
        "outputs": Outputs(plots, thumbnails, save_segmentations, save_posteriors, save_uncertainty),
        "key_in_ckpt": key_in_ckpt,
        "logging_file": logging_file,
    }
    if found is None:
        checkpoints = [] if checkpoint is None else [checkpoint] if isinstance(checkpoint, str) else list(checkpoint)
        with parts_of("evaluating the set") as tell:
            done = run(configs, checkpoints=checkpoints, progress=tell, **options)
    else:
        if output_dir is None and found.home is not None:
            options["output_dir"] = found.home / "evaluation"
        with parts_of("evaluating the set") as tell:
            done = evaluate_model(configs, found, progress=tell, **options)
    for each in done:
        _sum_up(each)
    return 0


def report(folder: str | None = None, *, output: str | None = None, notebook: bool = True, title: str = "") -> int:
    """Make a page and a notebook of an evaluation; ``bundle-engine report --help`` explains the options."""
    from bundle_engine.errors import UsageError
    from bundle_engine.evaluation.notebook import write_notebook
    from bundle_engine.evaluation.report_page import write_page

    if folder is None:
        raise UsageError("no evaluation is named", hint="report FOLDER, which evaluate wrote")
    path = write_page(folder, output=output, title=title)
    print(f"wrote {path}")
    if notebook:
        print(f"wrote {write_notebook(folder, path.with_suffix('.ipynb'), title=title)}")
    return 0


def _configs_of(bundle: str, workflow: str, train_workflow: str) -> Configs:
    from bundle_engine.cli.bundles import find_bundle, find_whole_config
    from bundle_engine.errors import InputNotFoundError
    from bundle_engine.evaluation.sets import Configs

    root = find_bundle(bundle)[0].absolute()

    evaluate_files = find_whole_config(root, workflow)
    try:
        return Configs(root, evaluate_files, find_whole_config(root, train_workflow))
    except InputNotFoundError:
        return Configs(root, evaluate_files)


def _sum_up(done: Done) -> None:
    from bundle_engine.evaluation.aggregates import aggregate
    from bundle_engine.evaluation.classifying import ClassificationReport
    from bundle_engine.evaluation.handlers import SegmentationReport
    from bundle_engine.evaluation.verdicts import summarize

    print(f"{done.name}: {done.report.subjects} subjects in {done.seconds:.1f} s, {done.folder}")
    if isinstance(done.report, SegmentationReport):
        rows = {(row.structure, row.metric): row for row in aggregate(done.report.rows)}
        width = max(len(structure) for structure, _ in rows)
        for structure in dict.fromkeys(structure for structure, _ in rows):
            dice, distance = rows[structure, "Dice"], rows[structure, "HausdorffDistance_mm"]
            missed = f", {distance.infinite} missed or made up" if distance.infinite else ""
            print(
                f"  {structure:<{width}}  Dice {_number(dice.mean)} ± {_number(dice.std)}"
                f"  Hausdorff {_number(distance.mean, 2)} mm{missed}"
            )
    elif isinstance(done.report, ClassificationReport):
        verdicts = done.report.verdicts
        classes = list(done.report.names)
        for figure in summarize(verdicts, classes, done.report.chosen):
            where = "" if figure.of == "all" else f" of {figure.of}"
            print(f"  {figure.metric}{where}: {_number(figure.value)}")


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _load_evaluate() -> Callable[..., int]:
    return evaluate


def _load_report() -> Callable[..., int]:
    return report


_SET = "evaluate on the {} set: {} of the {} config"

EVALUATING: tuple[Command, ...] = (
    Command(
        name="evaluate",
        summary="measure a trained bundle on its train, val and test sets",
        usage="--bundle DIR [--checkpoint FILES] [--inference_on_test_set] [OPTIONS] [--any::id=VALUE ...]",
        options=(
            Option("bundle", "file", "DIR", "the bundle: a folder, or the name of a ready-made one"),
            Option(
                "checkpoint",
                "files",
                "FILES",
                "weights: what torch.save wrote, or safetensors; of several, each is evaluated by itself"
                " (default: what the evaluate config loads)",
            ),
            Option(
                "model",
                "text",
                "MODEL",
                "instead of a bundle: a run, a cross-validation (its folds are an ensemble), a folder that"
                " package_model wrote, or name:version of the registry",
            ),
            *MODEL_OPTIONS,
            Option(
                "output_dir",
                "file",
                "DIR",
                "folder for the results, with a folder in it for each set (default: evaluation in the folder of the"
                " run, or in the output_dir of the config)",
            ),
            Option("inference_on_train_set", "switch", "", _SET.format("training", "train::dataset::data", "train")),
            Option("inference_on_val_set", "switch", "", _SET.format("validation", "validate::dataset::data", "train")),
            Option(
                "inference_on_test_set",
                "switch",
                "",
                _SET.format("test", "dataset::data", "evaluate") + ", where it is not the validation set. Without any"
                " of the three: what the evaluate config works on",
            ),
            Option("workflow", "text", "NAME", "the config that evaluates (default: evaluate)"),
            Option("train_workflow", "text", "NAME", "the config that trains, for its sets (default: train)"),
            Option(
                "task", "text", "TASK", "segmentation or classification (default: as the metadata describes the output)"
            ),
            Option(
                "threshold",
                "text",
                "NUMBER",
                "of two classes, take the second from this probability on (default: chosen on the validation set)",
            ),
            Option("plots", "switch", "", "draw plots (default: yes; --noplots)"),
            Option("thumbnails", "switch", "", "draw thumbnails (default: yes; --nothumbnails)"),
            Option("save_segmentations", "switch", "", "write a NIfTI file per subject and structure"),
            Option("save_posteriors", "switch", "", "write the probability of each structure as a NIfTI file"),
            Option("save_uncertainty", "switch", "", "write the entropy of the probabilities as a NIfTI file"),
            Option("key_in_ckpt", "text", "KEY", "where the weights are in a checkpoint (default: found)"),
            Option("logging_file", "log", "FILE", "set up the log by this file (default: warnings only)"),
            Option("args_file", "files", "FILES", "JSON or YAML file with overrides; the command line wins over it"),
        ),
        positional=0,
        overrides="set this id of the evaluate config, and of the train config where it has it",
        examples=(
            ("evaluate --bundle my_bundle", "on the set that its evaluate config works on"),
            ("evaluate --bundle my_bundle --inference_on_val_set --inference_on_test_set", "on two sets"),
            (
                "evaluate --bundle my_bundle --checkpoint a.pt,b.pt --output_dir results",
                "two checkpoints, side by side",
            ),
            ("evaluate --model last --which final", "the newest run, with what it saved in the end"),
            ("evaluate --bundle my_bundle --local_weights_path a.pt,b.pt", "an ensemble of two"),
            ("evaluate --bundle my_bundle --save_posteriors --save_uncertainty", "with images of what it is sure of"),
        ),
        load=_load_evaluate,
    ),
    Command(
        name="report",
        summary="turn an evaluation into one page to send around, and a notebook",
        usage="FOLDER [--output FILE] [--nonotebook]",
        options=(
            Option("folder", "file", "FOLDER", "what evaluate wrote: the folder of a set, or one around several"),
            Option("output", "file", "FILE", "the page (default: report.html in the folder); the notebook lies beside"),
            Option("notebook", "switch", "", "write and execute report.ipynb, too (default: yes; --nonotebook)"),
            Option("title", "text", "TEXT", "title of the page (default: the name of the bundle)"),
        ),
        positional=1,
        overrides=None,
        examples=(
            ("report outputs/my_bundle/evaluation", "report.html and report.ipynb on all sets"),
            ("report results/val --output val.html --nonotebook", "a page on one set"),
        ),
        load=_load_report,
    ),
)
