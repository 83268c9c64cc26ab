"""The command that runs a bundle with other values: its table, and what it does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from bundle_engine.errors import InputError, Place, UsageError

if TYPE_CHECKING:
    from bundle_engine.evaluation.sets import Configs
    from bundle_engine.experiment import How
    from bundle_engine.experiment.sweeps import Plan, Sweep

__all__ = ["SWEEPING", "sweep"]

DONE, FAILED = 0, 1
_COMMAND = "sweep"
_TOLD = 5  # trials whose failure is told
_IN_FILE = ("grid", "zip", "space", "random", "optuna", "seed", "metric", "direction", "sampler", "pruner", "overrides")
_OF_OPTUNA = ("sampler", "pruner")
_OPEN, _CLOSE = "([{", ")]}"
_RANGES = ("uniform", "log", "int", "logint", "choice")
_LISTING = ("range", "interval", "linspace", "logspace")  # that others have
_CALL = re.compile(r"(\w+)\(.*\)")
_NEXT = re.compile(r"^[^$@%'\"\[({]*\s[\w:#+~]+=(?!=)")  # another id, after a space


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

    at_once = count("parallel", parallel)
    if resume:
        unchanged(
            "--metric, --direction, --parallel and --launcher",
            file=file, bundle=bundle, grid=grid, zip=zip, space=space, random=random, optuna=optuna, sampler=sampler,
            pruner=pruner, seed=seed, threads=threads, output_dir=output_dir, workflow=workflow, args_file=args_file,
            **override,
        )  # fmt: skip
        folder, how = begun_before(sweeps.KIND, resume, launcher, launcher_settings, at_once, progress)
        return _tell(_carried_on(folder, how, metric=metric, direction=direction))
    _require_file(file)
    if bundle is None:
        overrides_of(override)  # an option that is misspelt says more
        is_bundle = file is not None and Path(file).is_dir()
        hint = f"--bundle {file}" if is_bundle else "--bundle DIR, or the name of a ready-made bundle"
        raise UsageError("no bundle is named", hint=hint)
    written = {} if file is None else _read_file(file)
    given = {
        "grid": _lists("grid", grid), "zip": [_lists("zip", [text]) for text in zip] if zip else None,
        "space": _ranges(space), "random": count("random", random), "optuna": count("optuna", optuna),
        "seed": number("seed", seed), "metric": metric, "direction": direction, "sampler": sampler, "pruner": pruner,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    unheard = [name for name in _OF_OPTUNA if name in {**written, **given}]
    if unheard and "optuna" not in {**written, **given}:
        raise UsageError(f"there is a {unheard[0]}, and nothing that Optuna chooses", hint="--optuna N")
    for one, other in (("random", "optuna"), ("optuna", "random")):
        if one in given and other not in given:
            written.pop(other, None)  # the command line wins
    written |= given
    configs, overrides = _configs(
        bundle, workflow or "train", args_file, override, written.pop("overrides", None) or {}
    )
    how = how_to_run(launcher, launcher_settings, at_once, progress)
    folder = sweeps.begin(
        configs,
        _plan(written),
        workflow=workflow or "train",
        overrides=overrides,
        threads=count("threads", threads),
        output_dir=None if output_dir is None else Path(output_dir),
        how=how,
    )
    return _tell(_carried_on(folder, how))


def _require_file(file: str | None) -> None:
    """Recognize a word that has become the file because quotes are missing."""
    if file is not None and not Path(file).exists() and Path(file).suffix not in (".json", ".yaml", ".yml"):
        raise UsageError(
            f"there is no file '{file}' that says what to try",
            hint='what belongs to an option and has spaces needs quotes: --grid "a=1, 2; b=3, 4"',
        )


def _plan(written: Mapping[str, Any]) -> Plan:
    from bundle_engine.experiment.sweeps import Plan

    names = {"zip": "zipped", "space": "ranges"}
    found = {names.get(name, name): value for name, value in written.items() if value is not None}
    for name in ("grid", "ranges"):
        if not isinstance(found.get(name, {}), Mapping):
            raise UsageError(f"'{name}' of a sweep is a mapping of ids")
    together = found.get("zipped", ())
    groups = list(together) if isinstance(together, list | tuple) else [together]
    if not all(isinstance(group, Mapping) for group in groups):
        raise UsageError("'zip' of a sweep is a mapping of ids to lists that go together, or a list of such mappings")
    for name, read in (("random", count), ("optuna", count), ("seed", number)):
        if name in found:
            found[name] = read(name, found[name])
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
    for name, kind, what in (("overrides", Mapping, "a mapping of ids"), ("metric", str, "the name of a metric")):
        if content.get(name) is not None and not isinstance(content[name], kind):
            raise InputError(f"'{name}' of a sweep is {what}, and not '{content[name]}'", place=Place(str(file)))
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


def _carried_on(folder: Path, how: How, **counts: str | None) -> Sweep:
    """Run the trials."""
    from bundle_engine.experiment.sweeps import carry_on

    with kept(_COMMAND, folder):
        return carry_on(folder, how=how, **counts)


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
        tell_failed(done.folder, child)
    if len(done.unfinished) > _TOLD:
        report.note(f"and {len(done.unfinished) - _TOLD} more")
    if done.is_left:
        report.note(f"to go on with what is not finished: {way_on(_COMMAND, done.folder)}")
    if done.best is None and not done.unfinished:
        report.note("nothing tells which is the best: no run has a key metric, as that of a validation")
    others = next((names for child in done.experiment.children if (names := child.facts.get("has"))), None)
    if others and not done.chooses:
        report.note(f"to go on with another metric: {way_on(_COMMAND, done.folder)} --metric {shlex.quote(others[0])}")
    return FAILED if done.unfinished else DONE


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
        values = [value.strip() for value in _parted(written, ",")]
        for value in values:
            _require_value(option, id, value)
        found[id] = [read_value(value) for value in values]
    return found


def _require_value(option: str, id: str, value: str) -> None:
    """Recognize what looks like a value and is a mistake."""
    call = _CALL.fullmatch(value)
    if call and call[1] in (*_RANGES, *_LISTING):
        draw = f'--space "{id}={value}" draws from a range'
        raise UsageError(
            f"--{option} lists values, and '{value}' of '{id}' is none",
            hint=draw if call[1] in _RANGES else "write all values, with commas between them",
        )
    if _NEXT.search(value):
        raise UsageError(
            f"'{value}' is an odd value for '{id}'", hint="several ids have ';' between them: 'a=1,2; b=3,4'"
        )


def _ranges(texts: Sequence[str] | None) -> dict[str, str] | None:
    return None if texts is None else dict(_pairs("space", texts))


_SHARED = shared_options("run")


def _load_sweep() -> Callable[..., int]:
    return sweep


SWEEPING: tuple[Command, ...] = (
    Command(
        name=_COMMAND,
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
            _SHARED["bundle"],
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
                f"{RESUME}. With --metric or --direction, another metric counts from now on, unless Optuna chooses",
            ),
            *(_SHARED[name] for name in ("launcher", "launcher_settings", "parallel", "threads", "output_dir")),
            Option("workflow", "text", "NAME", "which config of the bundle (default: train)"),
            _SHARED["args_file"],
            _SHARED["progress"],
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
        exits=exits("run", "all runs are done, or were stopped early by the pruner"),
    ),
)
