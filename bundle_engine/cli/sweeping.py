"""The command that runs a bundle with other values: its table, and what it does."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.errors import InputError, Place, UsageError

if TYPE_CHECKING:
    from bundle_engine.evaluation.sets import Configs
    from bundle_engine.experiment.sweeps import How, Plan, Sweep

__all__ = ["SWEEPING", "sweep"]

DONE, FAILED = 0, 1
_TOLD = 5  # trials whose failure is told
_IN_FILE = ("grid", "zip", "space", "random", "optuna", "seed", "metric", "direction", "sampler", "pruner", "overrides")
_OPEN, _CLOSE = "([{", ")]}"


def sweep(
    file: str | None = None,
    *,
    bundle: str | None = None,
    grid: Sequence[str] | None = None,
    zip: Sequence[str] | None = None,
    space: Sequence[str] | None = None,
    random: Any = None,
    optuna: Any = None,
    metric: str | None = None,
    direction: str | None = None,
    sampler: Any = None,
    pruner: Any = None,
    seed: Any = None,
    resume: str | bool | None = None,
    launcher: str | None = None,
    launcher_settings: Any = None,
    parallel: Any = None,
    threads: Any = None,
    output_dir: str | None = None,
    workflow: str | None = None,
    args_file: Any = None,
    progress: str | None = None,
    **override: Any,
) -> int:
    """Run a bundle with other values; ``bundle-engine sweep --help`` explains the options."""
    from bundle_engine.experiment import sweeps

    at_once = _count("parallel", parallel)
    if resume:
        fixed = {
            "file": file, "bundle": bundle, "grid": grid, "zip": zip, "space": space, "random": random,
            "optuna": optuna, "metric": metric, "direction": direction, "sampler": sampler, "pruner": pruner,
            "seed": seed, "threads": threads, "output_dir": output_dir, "workflow": workflow, "args_file": args_file,
            **override,
        }  # fmt: skip
        changed = [name for name, value in fixed.items() if value is not None]
        if changed:
            raise UsageError(
                f"--resume goes on with what was begun, and --{changed[0]} would be something else",
                hint="leave it out, or begin anew without --resume; --parallel and --launcher may change",
            )
        folder, how = _before("last" if resume is True else str(resume), launcher, launcher_settings, at_once, progress)
        return _tell(_carried_on(folder, how))
    if bundle is None:
        raise UsageError("no bundle is named", hint="--bundle DIR, or the name of a ready-made bundle")
    written = {} if file is None else _read_file(file)
    given = {
        "grid": _lists("grid", grid), "zip": [_lists("zip", [text]) for text in zip] if zip else None,
        "space": _ranges(space), "random": _count("random", random), "optuna": _count("optuna", optuna),
        "seed": _number("seed", seed), "metric": metric, "direction": direction, "sampler": sampler, "pruner": pruner,
    }  # fmt: skip
    written |= {name: value for name, value in given.items() if value is not None}
    configs, overrides = _configs(
        bundle, workflow or "train", args_file, override, written.pop("overrides", None) or {}
    )
    how = sweeps.How(launcher or "local", _settings(launcher_settings), at_once, progress or "auto")
    folder = sweeps.begin(
        configs,
        _plan(written),
        workflow=workflow or "train",
        overrides=overrides,
        threads=_count("threads", threads),
        output_dir=None if output_dir is None else Path(output_dir),
        how=how,
    )
    return _tell(_carried_on(folder, how))


def _plan(written: Mapping[str, Any]) -> Plan:
    from bundle_engine.experiment.sweeps import Plan

    names = {"zip": "zipped", "space": "ranges"}
    found = {names.get(name, name): value for name, value in written.items() if value is not None}
    for name in ("grid", "ranges"):
        if not isinstance(found.get(name, {}), Mapping):
            raise UsageError(f"'{name}' of a sweep is a mapping of ids")
    together = found.get("zipped", ())
    groups = [together] if isinstance(together, Mapping) else list(together)
    if not all(isinstance(group, Mapping) for group in groups):
        raise UsageError("'zip' of a sweep is a mapping of ids to lists that go together, or a list of such mappings")
    for name in ("random", "optuna"):
        if name in found:
            found[name] = _count(name, found[name])
    return Plan(**{**found, "zipped": tuple(groups)})


def _read_file(file: str) -> dict[str, Any]:
    from bundle_engine.config.closest import either, matches
    from bundle_engine.workflow.create import load_config_file

    content = dict(load_config_file(file))
    for name in content:
        if name not in _IN_FILE:
            near = matches(str(name), _IN_FILE)
            hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(_IN_FILE)}"
            raise InputError(f"a sweep has no '{name}'", place=Place(str(file)), hint=hint)
    return content


def _configs(
    bundle: str, workflow: str, args_file: Any, override: Mapping[str, Any], written: Mapping[str, Any]
) -> tuple[Configs, dict[str, Any]]:
    from bundle_engine.cli.bundles import find_bundle, find_configs
    from bundle_engine.cli.commands import settled
    from bundle_engine.evaluation.sets import Configs
    from bundle_engine.workflow.create import merge_arguments, read_args_file

    root = find_bundle(bundle)[0].absolute()
    train = tuple(find_configs(root, workflow))
    files = {"config_file": [str(file) for file in train]}
    overrides = merge_arguments({**written, **read_args_file(args_file)}, settled(override, files))
    return Configs(root, (), train), dict(overrides)


def _before(
    name: str, launcher: str | None, settings: Any, parallel: int | None, progress: str | None
) -> tuple[Path, How]:
    """Find a sweep that goes on, and work where it was begun."""
    from bundle_engine.cli import report
    from bundle_engine.experiment.parent import find_experiment, read_experiment
    from bundle_engine.experiment.sweeps import KIND, How
    from bundle_engine.runs.folder import RUNS, runs_dir

    folder = find_experiment(name, KIND)
    experiment = read_experiment(folder)
    if os.path.realpath(experiment.cwd) != os.path.realpath(os.getcwd()) and os.path.isdir(experiment.cwd):
        os.environ.setdefault(RUNS, str(runs_dir()))
        os.chdir(experiment.cwd)  # relative paths in its config count from there
        report.note(f"working in '{experiment.cwd}', where it was begun")
    kept = experiment.settings.get("launcher_settings") or {} if launcher is None else {}
    chosen = launcher or str(experiment.settings.get("launcher", "local"))
    return folder, How(chosen, kept if settings is None else _settings(settings), parallel, progress or "auto")


def _carried_on(folder: Path, how: How) -> Sweep:
    """Run the trials; whatever ends that, say how to go on."""
    from bundle_engine.cli import report
    from bundle_engine.experiment.sweeps import carry_on

    try:
        return carry_on(folder, how=how)
    except UsageError:
        raise
    except BaseException:
        report.note(f"what is done is kept; to go on: {_way_on(folder)}")
        raise


def _tell(done: Sweep) -> int:
    """Print what came of it, and how to go on."""
    from bundle_engine.cli import report
    from bundle_engine.experiment.sweeps import BEST_ARGUMENTS, BEST_CONFIG
    from bundle_engine.experiment.sweeps.table import PLOT, TABLE, render
    from bundle_engine.runs.folder import shown

    print(render(done.experiment.children, done.metric))
    files = [name for name in (TABLE, PLOT, BEST_CONFIG, BEST_ARGUMENTS) if (done.folder / name).is_file()]
    print(f"in {shown(done.folder)}: {', '.join(files)}")
    for child in done.unfinished[:_TOLD]:
        report.note(f"{child.name} {child.status}: {child.error or 'nobody knows why'}")
        report.note(f"  what it said: {shown(done.folder / child.name / 'output.txt')}")
    if len(done.unfinished) > _TOLD:
        report.note(f"and {len(done.unfinished) - _TOLD} more")
    if done.unfinished:
        report.note(f"to go on with what is not finished: {_way_on(done.folder)}")
    return FAILED if done.unfinished else DONE


def _way_on(folder: Path) -> str:
    from bundle_engine.runs.folder import shown

    program = "python -m bundle_engine" if Path(sys.argv[0]).name == "__main__.py" else "bundle-engine"
    return f"{program} sweep --resume {shlex.quote(shown(folder))}"


# --- what the command line says ---


def _parted(text: str, separator: str) -> Iterator[str]:
    """Split a text where it is not inside of brackets or quotes."""
    depth, quote, part = 0, "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        if character == separator and not depth and not quote:
            yield part
            part = ""
        else:
            part += character
    yield part


def _pairs(option: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        for part in filter(str.strip, _parted(text, ";")):
            id, equals, written = part.partition("=")
            if not equals or not id.strip() or not written.strip():
                shown = "id=log(1e-5, 1e-2)" if option == "space" else "id=1,2"
                raise UsageError(
                    f"--{option} has '{part.strip()}'", hint=f"as '{shown}', several with ';' between them"
                )
            yield id.strip(), written.strip()


def _lists(option: str, texts: Sequence[str] | None) -> dict[str, list[Any]] | None:
    """Read ``a=1,2; b=[1,2],[3]``."""
    from bundle_engine.cli.values import read_value

    if texts is None:
        return None
    found: dict[str, list[Any]] = {}
    for id, written in _pairs(option, texts):
        if id in found:
            raise UsageError(f"--{option} has '{id}' twice")
        found[id] = [read_value(value.strip()) for value in _parted(written, ",")]
    return found


def _ranges(texts: Sequence[str] | None) -> dict[str, str] | None:
    return None if texts is None else dict(_pairs("space", texts))


def _settings(value: Any) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    from bundle_engine.workflow.create import load_config_file

    return load_config_file(str(value))


def _number(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit():
        raise UsageError(f"--{name} is a whole number, 0 or more, and not '{value}'")
    return int(value)


def _count(name: str, value: Any) -> int | None:
    number = _number(name, value)
    if number == 0:
        raise UsageError(f"--{name} is at least 1")
    return number


def _load_sweep() -> Callable[..., int]:
    return sweep


SWEEPING: tuple[Command, ...] = (
    Command(
        name="sweep",
        summary="run a bundle with other values again and again, and tell which were the best",
        usage="[FILE] --bundle DIR [--grid IDS] [--zip IDS] [--space IDS] [--random N | --optuna N] [OPTIONS]",
        options=(
            Option(
                "file",
                "file",
                "FILE",
                "JSON or YAML file with grid, zip, space, random, optuna, metric, direction, sampler, pruner, seed,"
                " overrides; the command line wins over it",
            ),
            Option("bundle", "file", "DIR", "the bundle: a folder, or the name of a ready-made one"),
            Option(
                "grid",
                "texts",
                "IDS",
                "try all values, 'id=1,2; other=[16,32],[32,64]', each with each; may be given several times",
            ),
            Option(
                "zip",
                "texts",
                "IDS",
                "lists of the same length that go together, 'id=1,2; other=a,b'; each --zip goes with each",
            ),
            Option(
                "space",
                "texts",
                "IDS",
                "draw values: 'id=log(1e-5, 1e-2); other=int(1, 8)'; there are uniform, log, int, logint, choice",
            ),
            Option("random", "text", "N", "try N points at random, each once"),
            Option("optuna", "text", "N", "let Optuna choose N points, each by what the others came to"),
            Option(
                "metric",
                "text",
                "NAME",
                "what counts: a metric of an engine, or a number that a run writes to metrics.json in its folder"
                " (default: the key metric of the validation)",
            ),
            Option(
                "direction",
                "text",
                "WHICH",
                "maximize or minimize (default: minimize for a name with loss, error or distance, else maximize)",
            ),
            Option(
                "sampler",
                "settings",
                "NAME",
                "how Optuna chooses: tpe, gp, cmaes, random, ..., or {name: tpe, multivariate: true} (default: tpe)",
            ),
            Option(
                "pruner",
                "settings",
                "NAME",
                "how Optuna finds trials that are stopped early: median, hyperband, ..., or {name: median,"
                " n_warmup_steps: 5} (default: none)",
            ),
            Option("seed", "text", "N", "seed of what is drawn (default: 0); for that of the runs, --grid seed=0,1,2"),
            Option(
                "resume",
                "optional",
                "[DIR]",
                "go on with one that was stopped: its folder or a part of its name; alone, the newest one",
            ),
            Option("launcher", "text", "NAME", "where the runs are: local, ray or slurm (default: local)"),
            Option(
                "launcher_settings",
                "settings",
                "SETTINGS",
                "what the launcher takes, or a file with it: {address: auto} for a ray cluster, {partition: gpu} for"
                " slurm",
            ),
            Option("parallel", "text", "N", "how many run at once (default: one on each GPU, or else on each core)"),
            Option("threads", "text", "N", "threads of each run (default: its share of the cores)"),
            Option(
                "output_dir",
                "file",
                "DIR",
                "the folder of all runs, each of which has one in it (default: one of its own in runs/, or in the one"
                " that BUNDLE_ENGINE_RUNS names)",
            ),
            Option("workflow", "text", "NAME", "which config of the bundle (default: train)"),
            Option("args_file", "files", "FILES", "JSON or YAML file with overrides; the command line wins over it"),
            Option(
                "progress",
                "text",
                "MODE",
                "how to show how far it is: bar, a board of all runs on the terminal; plain, lines; none; auto, which"
                " is bar on a terminal and plain elsewhere (default: auto)",
            ),
        ),
        positional=1,
        overrides="set this id of the config in all runs",
        examples=(
            ('sweep --bundle my_bundle --grid "learning_rate=1e-3,1e-4; batch_size=2,4"', "four runs"),
            ('sweep --bundle my_bundle --space "learning_rate=log(1e-5, 1e-2)" --random 10', "ten, drawn at random"),
            (
                'sweep --bundle my_bundle --space "lr=log(1e-5, 1e-2)" --optuna 30 --pruner median',
                "30 that Optuna chooses; those that lag behind are stopped",
            ),
            ("sweep sweep.yaml --bundle my_bundle --max_epochs 5", "what a file says, with five epochs each"),
            ("sweep --resume last", "go on with the newest one"),
        ),
        load=_load_sweep,
        exits=(
            (0, "all runs are done, or were stopped early by the pruner"),
            (1, "a run failed, or was stopped; the others are done"),
            (2, "the input is wrong; nothing was run"),
            (130, "interrupted: what runs was stopped and is saved"),
            (143, "terminated, likewise"),
        ),
    ),
)
