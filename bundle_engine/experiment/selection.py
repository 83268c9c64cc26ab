"""Choose the weights of a run: those that the bundle saved in the end, or those of one of its checkpoints.

A checkpoint of a run holds everything that a training needs to go on. For a model, the network that was validated is
taken out of it: where the config validates an average of weights, this is the average, and not the network that the
optimizer works on.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import REFERENCE, SEP, TARGET
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, UsageError
from bundle_engine.runs.folder import CHECKPOINTS, CONFIG
from bundle_engine.runs.record import Record, read_record
from bundle_engine.workflow.resume.snapshots import Snapshot, Snapshots

__all__ = ["BEST", "FINAL", "LAST", "Selected", "epoch_or_word", "select"]

BEST, FINAL, LAST = "best", "final", "last"
WEIGHTS = "weights"  # the folder in a run's for the weights of its checkpoints
_NETWORKS = (f"validate{SEP}evaluator{SEP}network", f"train{SEP}trainer{SEP}network", "network", "network_def")
_MOST_STEPS = 20  # of references that lead to references
_SLACK = 5.0  # seconds that clocks and file systems may differ by


class Selected(NamedTuple):
    """Weights of a run.

    Attributes:
        path: a file that holds nothing but the weights, or one that the bundle wrote in the end.
        which: ``best``, ``final``, ``last`` or ``epoch``.
        epoch: the epoch they are of; None where that is not known.
        metric: the key metric of the validation then; None where there was none.
    """

    path: Path
    which: str
    epoch: int | None = None
    metric: float | None = None


def select(run: Path, which: str | int = BEST) -> Selected:
    """Choose weights of a run.

    Args:
        run: the run's folder.
        which: ``best`` for the best checkpoint by the key metric of the validation, among those that are kept; a run
            without a validation gives what ``final`` gives. ``final`` for the weights that the bundle saved at the end
            of the training, or else the last checkpoint; ``last`` for the last checkpoint; or the number of an epoch.

    Returns:
        the weights; those of a checkpoint are written to the folder ``weights`` of the run.

    Raises:
        InputError: when there are none, or a checkpoint cannot be read.
        UsageError: when `which` is none of these.
    """
    which = epoch_or_word(which)
    record = read_record(run)
    kept = [each for each in Snapshots(run / CHECKPOINTS).all() if each.iteration]  # the first one has learnt nothing
    if isinstance(which, int):
        found = next((each for each in reversed(kept) if each.epoch == which), None)
        if found is None:
            epochs = ", ".join(str(each.epoch) for each in kept)
            raise InputNotFoundError(
                f"the run '{run}' has no checkpoint of epoch {which}",
                hint=f"there are those of the epochs {epochs}" if epochs else "it has none at all",
            )
        return _taken_out(run, found, "epoch")
    best = _best(kept)
    if which == BEST and best is not None:
        return _taken_out(run, best, BEST)
    if which in (FINAL, BEST) and (final := _final(run, record)) is not None:
        return Selected(final, FINAL, _epoch_of(record), _metric_of(record))
    if kept:
        return _taken_out(run, kept[-1], LAST)
    raise InputNotFoundError(
        f"the run '{run}' has no weights: neither checkpoints nor what a CheckpointSaver wrote",
        hint="runs keep checkpoints unless --checkpoint_interval is 0 or --record is false",
    )


def epoch_or_word(which: str | int) -> str | int:
    """Read ``best``, ``final``, ``last`` or the number of an epoch.

    Raises:
        UsageError: when it is something else.
    """
    if isinstance(which, str) and which.strip().isdigit():
        which = int(which)
    if isinstance(which, bool) or (isinstance(which, int) and which < 1) or not isinstance(which, int | str):
        raise UsageError(f"'{which}' is no epoch", hint="epochs are counted from 1")
    if isinstance(which, str) and which not in (BEST, FINAL, LAST):
        raise UsageError(f"'{which}' says nothing of which weights", hint="best, final, last, or an epoch's number")
    return which


def _best(kept: Sequence[Snapshot]) -> Snapshot | None:
    """Give the checkpoint that was the best; where that one is gone, of those with a metric the one marked last."""
    marked = [each for each in kept if each.best]
    return marked[-1] if marked else None


# --- what the bundle saved ---


def _final(run: Path, record: Record) -> Path | None:
    """Give the file that the training's CheckpointSaver wrote in the end; None where it is not there any more.

    A file outside of the run's folder may have been written by another run since: its time tells.
    """
    config = _config_of(run)
    handlers = config.get(f"train{SEP}handlers")
    for handler in handlers if isinstance(handlers, list) else []:
        if not isinstance(handler, Mapping) or not str(handler.get(TARGET)).endswith("CheckpointSaver"):
            continue
        folder, name = _place(handler.get("save_dir"), record), handler.get("final_filename")
        if folder is None or not handler.get("save_final"):
            continue
        found = [folder / name] if isinstance(name, str) else sorted(folder.glob("*final_iteration=*.pt"), key=_time)
        if found and found[-1].is_file() and (found[-1].is_relative_to(run) or _in_time(found[-1], record)):
            return found[-1]
    return None


def _place(written: Any, record: Record) -> Path | None:
    if not isinstance(written, str) or written.startswith("$"):
        return None
    if not written.startswith(REFERENCE):
        return Path(record.cwd, written)
    known = record.places.get(written.removeprefix(REFERENCE))
    return None if known is None else Path(known)


def _time(path: Path) -> float:
    return path.stat().st_mtime


def _in_time(path: Path, record: Record) -> bool:
    moment = _time(path)
    return all(
        text is None or (moment - datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()) * sign > -_SLACK
        for text, sign in ((record.begun or None, 1), (record.ended, -1))
    )


def _epoch_of(record: Record) -> int | None:
    epoch = next((facts.get("epoch") for id, facts in record.results.items() if id.endswith("trainer")), None)
    return epoch if isinstance(epoch, int) else None


def _metric_of(record: Record) -> float | None:
    for id, facts in record.results.items():
        if not id.endswith("trainer") and (name := facts.get("key_metric")) is not None:
            value = facts.get("metrics", {}).get(name)
            return None if value is None else float(value)
    return None


# --- checkpoints ---


def _taken_out(run: Path, snapshot: Snapshot, which: str) -> Selected:
    """Write the weights of a checkpoint to a file of their own, unless they are there already."""
    from bundle_engine.workflow.checkpoints import read_checkpoint, write_checkpoint

    source = run / CHECKPOINTS / snapshot.file
    target = run / WEIGHTS / f"epoch{snapshot.epoch:04d}.pt"
    selected = Selected(target, which, snapshot.epoch, snapshot.metric)
    try:
        if target.is_file() and _time(target) > _time(source):
            return selected
        content = read_checkpoint(source)
        weights = _validated(_config_of(run), content.get("stateful"), str(source))
        target.parent.mkdir(exist_ok=True)
        write_checkpoint(target, weights)
    except OSError as error:
        raise InputError(f"cannot take the weights out of '{source}': {error.strerror or error}") from error
    return selected


def _config_of(run: Path) -> ConfigParser:
    parser = ConfigParser()
    try:
        parser.read_config(str(run / CONFIG))
    except BundleEngineError as error:
        raise InputError(f"the config of the run '{run}' cannot be read: {error.message}") from error
    return parser


def _validated(config: ConfigParser, states: Any, source: str) -> dict[str, Any]:
    """Find the weights of the network that was validated among the states of a checkpoint.

    Raises:
        InputError: when there are none, or when it is not known which they are.
    """
    from bundle_engine.workflow.checkpoints import is_state_dict, state_dict_of

    if not isinstance(states, Mapping):
        raise InputError(f"'{source}' is no checkpoint of a run")
    networks = {str(path): state for path, state in states.items() if is_state_dict(state)}
    for path in _names_of(config):
        if path in networks:
            return state_dict_of(networks[path], source=f"'{source}'")
    if len(networks) == 1:
        return state_dict_of(next(iter(networks.values())), source=f"'{source}'")
    if not networks:
        raise InputError(f"there is no network in '{source}'", hint="--which final takes what the bundle saved")
    raise InputError(
        f"'{source}' has several networks, and the config does not tell which was validated: {', '.join(networks)}",
        hint=f"write a reference to one at {_NETWORKS[0]}, or take what the bundle saved: --which final",
    )


def _names_of(config: ConfigParser) -> Iterator[str]:
    """Give the names that the network that was validated may have in a checkpoint, the likeliest first."""
    for start in _NETWORKS:
        above, _, last = start.rpartition(SEP)
        yield f"{above}/{last}"
        id, steps = start, 0
        while id in config and steps < _MOST_STEPS:
            yield id
            steps += 1
            written = config.get(id)
            if not isinstance(written, str) or not written.startswith((REFERENCE, "$")):
                break
            if written.startswith(REFERENCE):
                id = written.removeprefix(REFERENCE)
                continue
            others = [each for each in config.dependencies(id) if each in config]
            if len(others) == 1 or ".to(" in written:  # $@network_def.to(@device)
                id = others[0] if others else ""
                continue
            break
