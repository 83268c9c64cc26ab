"""The commands that use the records of runs: rerun, runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.keeping import RECORDING
from bundle_engine.cli.trusting import TRUST

if TYPE_CHECKING:
    from bundle_engine.runs.record import Record

__all__ = ["RUNS", "rerun", "runs"]

_ACTIONS = ("list", "show", "diff")
_SHORT = 12  # characters of a digest or a commit


def rerun(
    run: str | None = None,
    *,
    output_dir: str | None = None,
    run_name: str | None = None,
    record: bool | None = None,
    checkpoint_interval: str | int | None = None,
    progress: str | None = None,
    dry_run: bool = False,
    strict: bool | None = None,
    log_file: str | None = None,
    trust: str | None = None,
    **override: Any,
) -> int:
    """Repeat a run from its record; ``bundle-engine rerun --help`` explains the options."""
    from bundle_engine.cli.commands import make_and_run, settled
    from bundle_engine.cli.recording import Settings, Wanted, go_to
    from bundle_engine.config.policy import policy_of
    from bundle_engine.errors import UsageError
    from bundle_engine.runs.folder import find_run, runs_dir
    from bundle_engine.runs.record import read_record
    from bundle_engine.runs.rerun import arguments_to_repeat, tell_changes
    from bundle_engine.workflow.approval import require_approval

    if run is None:
        raise UsageError("no run is named", hint=f"name a folder, or a part of its name; they are in '{runs_dir()}'")
    folder = find_run(run)
    kept = read_record(folder)
    arguments, overrides = arguments_to_repeat(folder, kept)
    policy = policy_of(trust or arguments.pop("trust", None))
    arguments.pop("trust", None)
    arguments.pop("bundle", None)
    root = None if kept.root is None else Path(kept.root)
    if policy.is_full:
        require_approval(root)
    options: dict[str, Any] = {
        "record": record,
        "output_dir": output_dir,
        "run_name": run_name,
        "strict": strict,
        "dry_run": dry_run,
        "progress": progress,
    }
    options["checkpoint_interval"] = (
        checkpoint_interval if checkpoint_interval is not None else kept.checkpoint_interval
    )
    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings.take(given)
    given.pop("dry_run")
    log_file = None if log_file is None else str(Path(log_file).absolute())
    tell_changes(kept, root)
    go_to(kept)
    arguments |= given
    overrides |= settled(override, arguments)
    wanted = Wanted(settings, kept.bundle, kept.workflow, repeats=folder)
    return make_and_run(
        arguments,
        overrides,
        policy,
        settings=settings,
        code=root,
        wanted=wanted if settings.record and not dry_run else None,
        dry_run=dry_run,
        log_file=log_file,
    )


def runs(
    action: str | None = None,
    first: str | None = None,
    second: str | None = None,
    *,
    bundle: str | None = None,
    format: str | None = None,
) -> int:
    """List, show and compare the records of runs; ``bundle-engine runs --help`` explains the options."""
    from bundle_engine.cli.showing import as_json, check_format, in_colour, write
    from bundle_engine.config.closest import either, matches
    from bundle_engine.errors import UsageError
    from bundle_engine.runs.comparison import compare_runs

    format = format or "text"
    check_format(format, ("text", "json"))
    needed = {"list": 0, "show": 1, "diff": 2}.get(action or "list")
    if needed is None:
        near = matches(str(action), _ACTIONS)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(_ACTIONS)}"
        raise UsageError(f"runs does not know '{action}'", hint=hint)
    names = [name for name in (first, second) if name is not None]
    if len(names) != needed:
        takes = ("no run", "one run", "two runs")[needed]
        raise UsageError(f"runs {action} takes {takes}, and {len(names)} are named", hint="runs list shows their names")
    if needed == 0:
        found = _listed(bundle)
        write(as_json(found) if format == "json" else _table(found))
    elif needed == 1:
        content, lines = _shown(names[0])
        write(as_json(content) if format == "json" else _aligned(lines))
    else:
        comparison = compare_runs(*map(_only_run, names))
        write(as_json(comparison.as_dict()) if format == "json" else comparison.as_text(colour=in_colour()))
    return 0


def _listed(bundle: str | None) -> list[dict[str, Any]]:
    """Give the rows of all runs and experiments, oldest first."""
    from bundle_engine.cli import report
    from bundle_engine.cli.experiments import row_of
    from bundle_engine.errors import InputError
    from bundle_engine.experiment.parent import all_experiments
    from bundle_engine.runs.folder import all_runs
    from bundle_engine.runs.record import read_record

    name = None if bundle is None else Path(bundle).resolve().name
    found = []
    for folder in all_runs():
        try:
            record = read_record(folder)
        except InputError as error:
            report.note(f"left out: {error.render()}")
            continue
        if name in (None, record.bundle):
            found.append(_row(folder, record))
    for folder, experiment in all_experiments().items():
        if name in (None, experiment.bundle):
            found.append(row_of(folder, experiment))
    return sorted(found, key=lambda row: str(row["begun"]))


def _only_run(name: str) -> Path:
    """Find a run; an experiment is none, and has many."""
    from bundle_engine.errors import InputNotFoundError, UsageError
    from bundle_engine.experiment.parent import find_experiment, read_experiment
    from bundle_engine.runs.folder import find_run, shown

    try:
        return find_run(name)
    except InputNotFoundError as error:
        try:
            folder = find_experiment(name)
        except InputNotFoundError:
            raise error from None
        experiment = read_experiment(folder)
        runs_of = [shown(folder / child.name) for child in experiment.children[:2]]
        raise UsageError(
            f"'{name}' is a {experiment.kind.replace('_', '-')}, and diff takes runs",
            hint=f"name those in it: {', '.join(runs_of)}, for instance" if runs_of else "it has none yet",
        ) from None


def _shown(name: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Give the record of a run or of an experiment, and its lines for people."""
    from bundle_engine.cli.experiments import told
    from bundle_engine.errors import InputNotFoundError
    from bundle_engine.experiment.parent import find_experiment, read_experiment
    from bundle_engine.runs.folder import find_run
    from bundle_engine.runs.record import read_record

    try:
        folder = find_run(name)
    except InputNotFoundError as error:
        try:
            folder = find_experiment(name)
        except InputNotFoundError:
            raise error from None
        experiment = read_experiment(folder)
        children = [vars(child) for child in experiment.children]
        content = {**vars(experiment), "status": experiment.status_now(folder), "children": children}
        return {**content, "folder": str(folder)}, told(folder, experiment)
    record = read_record(folder)
    return {**vars(record), "status": record.status_now(folder), "folder": str(folder)}, _told(folder, record)


def _row(folder: Path, record: Record) -> dict[str, Any]:
    name, value = _key_result(record)
    return {
        "id": record.id,
        "status": record.status_now(folder),
        "begun": record.begun,
        "seconds": record.seconds,
        "epoch": _last(record),
        "metric": name,
        "value": value,
        "folder": str(folder),
    }


def _last(record: Record) -> int | None:
    """Give the epoch that a training came to."""
    epochs = [facts.get("epoch") for id, facts in record.results.items() if id.endswith("trainer")]
    return epochs[0] if epochs else None


def _key_result(record: Record) -> tuple[str | None, float | None]:
    """Give the key metric, the best value where there is one; of a validation rather than of the training itself."""
    engines = sorted(record.results.items(), key=lambda each: each[0].endswith("trainer"))
    for _, facts in engines:
        if (name := facts.get("key_metric")) is not None:
            value = facts.get("best_metric", facts.get("metrics", {}).get(name))
            if value is not None:
                return name, value
    return None, None


def _table(found: list[dict[str, Any]]) -> str:
    from bundle_engine.runs.folder import runs_dir

    if not found:
        return f"no runs in '{runs_dir()}'"
    rows = [("run", "status", "begun", "seconds", "epochs", "result")]
    for row in found:
        result = "" if row.get("value") is None else f"{row['metric']} {row['value']:.4f}"
        if "kind" in row:
            result = f"{row['done']} of {row['of']} runs done"
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        begun = row["begun"][:19].replace("T", " ")
        rows.append((row["id"], row["status"], begun, seconds, str(row.get("epoch") or ""), result))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _told(folder: Path, record: Record) -> list[tuple[str, str]]:
    """Write a record for people: what each line is about, and the line."""
    import shlex

    from bundle_engine.cli.experiments import in_short
    from bundle_engine.runs.folder import shown

    return [
        ("run", record.id),
        ("status", record.status_now(folder) + (f" ({record.exit_code})" if record.exit_code else "")),
        ("begun", record.begun),
        ("took", "" if record.seconds is None else f"{record.seconds:.1f} s"),
        ("error", record.error or ""),
        ("command", shlex.join(record.command)),
        ("in", record.cwd),
        ("folder", shown(folder)),
        ("repeats", record.repeats or ""),
        *(("resumed", f"{each.get('at')} after epoch {each.get('epoch', 0)}") for each in record.resumed),
        *(("set", f"{id} = {in_short(value)}") for id, value in record.overrides.items()),
        ("python", f"{record.python} on {record.platform}"),
        ("packages", ", ".join(f"{name} {version}" for name, version in record.packages.items())),
        *(("git", _repository(state)) for state in record.git),
        ("bundle digest", (record.bundle_digest or "")[:_SHORT]),
        *(("data", f"{name}: {facts.get('items')} items, {facts.get('files')} files in {facts.get('folder')}")
          for name, facts in record.data.items()),
        *(("seed", f"{id} = {seed}") for id, seed in record.seeds.items()),
        *(("result", f"{id}: {_facts(facts)}") for id, facts in record.results.items()),
        *(("place", f"{id} = {place}") for id, place in record.places.items()),
        *(("checkpoint", _checkpoint(each)) for each in record.checkpoints),
        *(("tracked by", f"{name} as {id}") for name, id in record.tracking.items()),
    ]  # fmt: skip


def _aligned(lines: list[tuple[str, str]]) -> str:
    written = [line for line in lines if line[1]]
    width = max(len(name) for name, _ in written)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in written)


def _repository(state: dict[str, Any]) -> str:
    changed = {True: ", with changes", False: ", unchanged"}.get(state.get("changed"), "")  # type: ignore[arg-type]
    return f"{state.get('root')} at {str(state.get('commit'))[:_SHORT]} ({state.get('branch')}){changed}"


def _checkpoint(snapshot: dict[str, Any]) -> str:
    return f"{snapshot.get('file')}{', the best' if snapshot.get('best') else ''}"


def _facts(facts: dict[str, Any]) -> str:
    parts = [f"epoch {facts.get('epoch')}", f"iteration {facts.get('iteration')}"]
    parts += [f"{name} {value:.4f}" for name, value in facts.get("metrics", {}).items()]
    if "best_metric" in facts:
        parts.append(f"best {facts['best_metric']:.4f} in epoch {facts.get('best_metric_epoch')}")
    return ", ".join(parts)


def _load_rerun() -> Callable[..., int]:
    return rerun


def _load_runs() -> Callable[..., int]:
    return runs


_RUN = "a folder, or an unambiguous part of its name, or 'last'"
RUNS: tuple[Command, ...] = (
    Command(
        name="rerun",
        summary="repeat a run from its record",
        usage="RUN [OPTIONS] [--any::id=VALUE ...]",
        options=(
            Option("run", "text", "RUN", f"the run: {_RUN}"),
            *(option for option in RECORDING if option.name != "resume"),
            Option("dry_run", "switch", "", "build all that the run refers to, and stop"),
            Option("strict", "switch", "", "an override that reaches nothing is an error, not a warning"),
            Option("log_file", "file", "FILE", "write the log to this file as well"),
            TRUST,
        ),
        positional=1,
        overrides="set this id of the recorded config; secrets have to be given again",
        examples=(
            ("rerun last", "repeat the newest run"),
            ("rerun runs/spleen/20260101-120000-train --seed 1", "the same with another seed"),
        ),
        load=_load_rerun,
    ),
    Command(
        name="runs",
        summary="list, show and compare the records of runs",
        usage="list | show RUN | diff RUN RUN [OPTIONS]",
        options=(
            Option("action", "text", "ACTION", "list, show or diff (default: list)"),
            Option("first", "text", "RUN", f"the run to show or to compare: {_RUN}; show takes an experiment, too"),
            Option("second", "text", "RUN", "the run to compare it with"),
            Option("bundle", "file", "DIR", "list the runs of this bundle only: its folder or its name"),
            Option("format", "text", "FORMAT", "text or json (default: text)"),
        ),
        positional=3,
        overrides=None,
        examples=(
            ("runs list", "the runs, cross-validations and sweeps below the working directory, oldest first"),
            ("runs show last", "the newest run"),
            ("runs show 20260101-120000-cross_validation", "the folds, and how far they are"),
            ("runs diff 120000-train 130000-train", "config, overrides, versions, data and results of two"),
        ),
        load=_load_runs,
        exits=((0, "done"), (2, "there is no such run, or its record is damaged")),
    ),
)
