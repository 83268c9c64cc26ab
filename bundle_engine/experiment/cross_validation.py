"""Cross-validation: a training for each fold, evaluated on the subjects that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.errors import UsageError
from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment import children as runs
from bundle_engine.experiment.board import Row, make_board
from bundle_engine.experiment.course import Course, How, Tell, begin_experiment, new_folder, writing_to
from bundle_engine.experiment.fold_table import ENSEMBLE, FOLDS, FoldRow, write_folds
from bundle_engine.experiment.folds import Fold, make_folds
from bundle_engine.experiment.launchers import DONE, FAILED, STOPPED, State
from bundle_engine.experiment.outcome import compare_folds, evaluate_ensemble, evaluate_fold, rows_of, trained_rows
from bundle_engine.experiment.parent import Child, Experiment
from bundle_engine.experiment.selection import epoch_or_word
from bundle_engine.experiment.subjects import Subjects, find_subjects
from bundle_engine.runs.record import read_record

__all__ = ["KIND", "CrossValidation", "begin", "carry_on", "cross_validate"]

KIND = "cross_validation"


class CrossValidation(NamedTuple):
    """A cross-validation, as far as it is.

    Attributes:
        folder: its folder.
        experiment: its record.
        rows: what the finished folds came to.
        page: the page that compares them; None while some are missing.
    """

    folder: Path
    experiment: Experiment
    rows: list[FoldRow]
    page: Path | None = None

    @property
    def unfinished(self) -> list[Child]:
        """The folds that are not done."""
        return [child for child in self.experiment.children if child.status != DONE]


def cross_validate(
    configs: Configs,
    *,
    splits: int,
    workflow: str = "train",
    overrides: Mapping[str, Any] | None = None,
    group_column: str | None = None,
    seed: int = 0,
    which: str | int = "final",
    folds: Iterable[int] | None = None,
    threads: int | None = None,
    output_dir: Path | None = None,
    how: How | None = None,
) -> CrossValidation:
    """Train a bundle once for each fold, and evaluate each network on the subjects that it has not seen.

    Args:
        configs: the bundle's configs.
        splits: number of folds.
        workflow: name of the train config.
        overrides: ids and values to set in all folds.
        group_column: a key of the subjects, or a column of the table at ``dataset_dir``; subjects with the same value
            are in the same fold.
        seed: of the folds.
        which: which weights of a fold are evaluated, see `selection.select`.
        folds: numbers of those to run now; all by default.
        threads: threads of each fold; by default its share of the cores.
        output_dir: the folder; by default a new one below `runs_dir`.
        how: how they are run.

    Raises:
        UsageError: when folds cannot be made, or the arguments cannot be used. Nothing was written then.
        InputError: when something that is read is missing or damaged.
    """
    how = how or How()
    folder = begin(
        configs,
        splits=splits,
        workflow=workflow,
        overrides=overrides or {},
        group_column=group_column,
        seed=seed,
        which=which,
        threads=threads,
        output_dir=output_dir,
        how=how,
        folds=folds,
    )
    return carry_on(folder, folds=folds, how=how)


def carry_on(folder: Path, *, folds: Iterable[int] | None = None, how: How | None = None) -> CrossValidation:
    """Go on with a cross-validation: finished folds are left as they are, others go on from their last checkpoint.

    Args:
        folder: its folder.
        folds: numbers of those to run now; all by default.
        how: how they are run; by default as before.

    Raises:
        InputError: when it has no record, or a damaged one.
        UsageError: when it is still running.
    """
    course = _Folds(folder, KIND)
    chosen = _chosen(folds, len(course.experiment.children))
    how = how or How.of(course.experiment)
    how.check()
    with course.at_work():
        names = [course.experiment.children[number].name for number in chosen]
        course.train(names, how)
        rows, page = _evaluate(course, names, how.tell)
        done = all(child.status == DONE for child in course.experiment.children)
        failed = any(course.experiment.child(name).status != DONE for name in names)
        course.end(DONE if done else FAILED if failed else STOPPED)
    return CrossValidation(folder, course.experiment, rows, page)


def begin(
    configs: Configs,
    *,
    splits: int,
    workflow: str,
    overrides: Mapping[str, Any],
    group_column: str | None,
    seed: int,
    which: str | int,
    threads: int | None,
    output_dir: Path | None,
    how: How,
    folds: Iterable[int] | None = None,
) -> Path:
    """Make the folder of a cross-validation: its record, and what each fold is told; see `cross_validate`."""
    _chosen(folds, splits)
    which = epoch_or_word(which)
    runs.require_overrides(overrides)
    how.check()
    ids = {key: value for key, value in overrides.items() if key not in runs.OPTIONS}
    subjects = find_subjects(configs, ids, group_column=group_column)
    made = make_folds(len(subjects.items), splits, seed=seed, groups=subjects.groups)
    slots, shares = how.parallel, [threads] * splits
    if how.launcher == "local":
        slots, given = runs.threads_of(splits, slots=how.parallel, threads=threads)
        shares = [*given]
    runs.tell_unused(configs, overrides)
    width = len(str(splits - 1))
    children = [
        Child(f"fold_{fold.number:0{width}}", threads=share, facts=_facts(fold, subjects))
        for fold, share in zip(made, shares, strict=True)
    ]
    folder = new_folder(configs, KIND, output_dir, [child.name for child in children])
    with writing_to(folder):
        for fold, child in zip(made, children, strict=True):
            runs.write_arguments(folder / child.name, configs, fold, subjects, overrides)
    begin_experiment(
        folder,
        KIND,
        configs,
        workflow=workflow,
        how=how,
        settings={
            "splits": splits,
            "seed": seed,
            "group_column": group_column,
            "subjects": len(subjects.items),
            "groups": len(set(subjects.groups)) or None,
            "test_subjects": subjects.test,
            "which": which,
            "parallel": slots,
            "evaluate_config": [str(file) for file in configs.evaluate],
        },
        overrides=overrides,
        children=children,
    )
    return folder


def _facts(fold: Fold, subjects: Subjects) -> dict[str, Any]:
    names = subjects.names
    return {"train": [names[each] for each in fold.train], "validation": [names[each] for each in fold.validation]}


def _chosen(folds: Iterable[int] | None, splits: int) -> list[int]:
    chosen = sorted(set(range(splits) if folds is None else folds))
    wrong = [number for number in chosen if not 0 <= number < splits]
    if wrong or not chosen:
        raise UsageError(
            f"there is no fold {wrong[0] if wrong else ''}", hint=f"folds are numbered from 0 to {splits - 1}"
        )
    return chosen


# --- running ---


class _Folds(Course):
    """The folds of a cross-validation."""

    def change(self, state: State) -> Child:
        """Note what has become of a fold."""
        before = self.experiment.child(state.job.name)
        folder = self.folder / before.name
        error = None
        if state.status == FAILED:
            error = runs.why(folder, state.exit_code, state.message)
        elif state.status == STOPPED:
            error = state.message or None
        seconds = before.seconds
        if state.status in (DONE, FAILED, STOPPED):
            seconds = _seconds(folder) or state.seconds
        return self.put(replace(before, status=state.status, error=error, seconds=seconds))

    def train(self, names: Sequence[str], how: How) -> None:
        """Run what is not done of some folds."""
        experiment = self.experiment
        slots = how.parallel if how.parallel is not None else experiment.settings.get("parallel")
        jobs = [runs.job_of(experiment, experiment.child(name), self.folder) for name in names]
        rows = [Row(name, self.folder / name) for name in names]
        launcher = how.make_launcher()
        board = make_board(f"cross-validation of {experiment.bundle}", rows, slots=slots or 1, mode=how.progress)

        def changed(state: State) -> None:
            child = self.change(state)
            board.change(child.name, child.status, child.seconds, child.error or "")

        def watch(_job: Any) -> None:
            board.look()

        try:
            launcher.launch(jobs, on_change=changed, slots=slots, watch=watch)
        finally:
            board.close()


def _seconds(folder: Path) -> float | None:
    from bundle_engine.errors import InputError

    try:
        return read_record(folder).seconds
    except InputError:
        return None


def _evaluate(course: _Folds, names: Sequence[str], tell: Tell | None) -> tuple[list[FoldRow], Path | None]:
    """Evaluate all folds that are finished, and write their table; when none is missing, what follows from it."""
    settings = course.experiment.settings
    configs = Configs(
        Path(course.experiment.root),
        tuple(Path(file) for file in settings["evaluate_config"]),
        tuple(Path(file) for file in settings["train_config"]),
    )
    sets = ["val", "test"] if settings["test_subjects"] else ["val"]
    rows: list[FoldRow] = []
    finished = [child for child in course.experiment.children if child.status == DONE]
    for child in finished:
        folder = course.folder / child.name
        if not configs.evaluate:
            rows += trained_rows(folder, child.name, len(child.facts.get("validation", ())))
            continue

        def told(part: str, done: int, total: int, name: str = child.name) -> None:
            if tell is not None:
                tell(f"{name} {part}", done, total)

        own = runs.overrides_of(folder)
        evaluate_fold(configs, folder, own, sets=sets, which=settings["which"], progress=told)
        rows += rows_of(folder, child.name, sets)
    names_done = [child.name for child in finished]
    is_whole = bool(configs.evaluate) and len(finished) > 1 and set(names_done).issuperset(names)
    overrides = {key: value for key, value in course.experiment.overrides.items() if key not in runs.OPTIONS}
    if is_whole and "test" in sets:

        def told_together(part: str, done: int, total: int) -> None:
            if tell is not None:
                tell(f"{ENSEMBLE} {part}", done, total)

        which = settings["which"]
        rows += evaluate_ensemble(configs, course.folder, overrides, which=which, progress=told_together)
    rows.sort(key=lambda row: sets.index(row.set))
    if rows:
        write_folds(course.folder / FOLDS, rows)
    page = compare_folds(course.folder, names_done, configs, overrides) if is_whole else None
    return rows, page
