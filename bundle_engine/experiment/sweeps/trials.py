"""A sweep: runs of one bundle with other values, and which of them came to the most."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config.ids import Id, split_operator
from bundle_engine.errors import UsageError
from bundle_engine.evaluation.sets import Configs
from bundle_engine.experiment import children as runs
from bundle_engine.experiment.board import Row, make_board
from bundle_engine.experiment.course import Course, How, begin_experiment, new_folder
from bundle_engine.experiment.launchers import DONE, FAILED, RUNNING, STOPPED, Job, State
from bundle_engine.experiment.parent import Child, Experiment
from bundle_engine.experiment.sweeps import table
from bundle_engine.experiment.sweeps.metric import MAXIMIZE, MINIMIZE, Metric, direction_of, key_metric_of
from bundle_engine.experiment.sweeps.space import Space
from bundle_engine.experiment.sweeps.study import Study, require_names
from bundle_engine.runs.folder import RECORD
from bundle_engine.runs.record import read_record, write_text

__all__ = ["BEST_ARGUMENTS", "BEST_CONFIG", "KIND", "PRUNED", "Plan", "Sweep", "begin", "carry_on", "sweep"]

KIND = "sweep"
PRUNED = "pruned"
BEST_CONFIG, BEST_ARGUMENTS = "best.yaml", "best_args.json"
GRID, RANDOM, OPTUNA = "grid", "random", "optuna"


@dataclass(frozen=True)
class Plan:
    """What a sweep tries, and what counts.

    Attributes:
        grid: lists of values, by id; each goes with each.
        zipped: groups of lists of the same length, by id, which go together.
        ranges: where values are drawn from, by id: ``log(1e-5, 1e-2)``, see `read_range`.
        random: how many points are drawn at random; None for all points of the lists.
        optuna: how many trials Optuna chooses; None for none.
        seed: of what is drawn.
        metric: the metric that counts; None for the key metric of the runs.
        direction: ``maximize`` or ``minimize``; None to go by the metric's name.
        sampler: of Optuna, see `Study`.
        pruner: of Optuna, see `Study`.
    """

    grid: Mapping[str, Any] = field(default_factory=dict)
    zipped: tuple[Mapping[str, Any], ...] = ()
    ranges: Mapping[str, Any] = field(default_factory=dict)
    random: int | None = None
    optuna: int | None = None
    seed: int = 0
    metric: str | None = None
    direction: str | None = None
    sampler: Any = "tpe"
    pruner: Any = "none"

    def space(self) -> Space:
        """Give what may be tried.

        Raises:
            UsageError: when it cannot be understood.
        """
        return Space.of(self.grid, self.zipped, self.ranges)

    @property
    def counts(self) -> Metric:
        """The metric that counts."""
        known = direction_of(self.metric) if self.metric else MAXIMIZE if self.optuna is not None else ""
        return Metric(self.metric or "", self.direction or known)

    def points(self) -> list[dict[str, Any]] | None:
        """Give what is tried, where that is known beforehand.

        Raises:
            UsageError: when the plan does not make sense.
        """
        space = self.space()
        if self.random is not None and self.optuna is not None:
            raise UsageError("--random and --optuna both say what is tried next", hint="leave one of them out")
        self.require_direction()
        if self.optuna is not None:
            require_names(self.sampler, self.pruner, self.seed)
            return None
        return space.points() if self.random is None else space.draw(self.random, self.seed)

    def require_direction(self) -> None:
        """Raise a `UsageError` when the direction is none."""
        if self.direction not in (None, MAXIMIZE, MINIMIZE):
            raise UsageError(f"'{self.direction}' is no direction", hint=f"{MAXIMIZE} or {MINIMIZE}")

    def counting(self, metric: str | None, direction: str | None) -> Plan:
        """Give the plan with another metric, for a sweep that was begun.

        Raises:
            UsageError: when trials were chosen by the metric of before.
        """
        if self.optuna is not None:
            raise UsageError(
                "Optuna has chosen trials by the metric that counted before, and cannot go on with another",
                hint="leave --metric and --direction out, or begin anew without --resume",
            )
        changed = (
            replace(self, direction=direction) if metric is None else replace(self, metric=metric, direction=direction)
        )
        changed.require_direction()
        return changed


class Sweep(NamedTuple):
    """A sweep, as far as it is.

    Attributes:
        folder: its folder.
        experiment: its record.
        metric: what counts.
        best: the best trial; None while there is none.
    """

    folder: Path
    experiment: Experiment
    metric: Metric
    best: Child | None

    @property
    def unfinished(self) -> list[Child]:
        """The trials that are neither done nor pruned."""
        return [child for child in self.experiment.children if child.status not in (DONE, PRUNED)]

    @property
    def chooses(self) -> bool:
        """Whether Optuna chooses the trials."""
        return self.experiment.settings["plan"].get("optuna") is not None

    @property
    def is_left(self) -> bool:
        """Whether there is something to go on with: not what has no metric, nor what failed where Optuna chose."""
        over = (FAILED,) if self.chooses else ()
        left = [child for child in self.unfinished if "has" not in child.facts and child.status not in over]
        return bool(left) or len(self.experiment.children) < int(self.experiment.settings["trials"])


def sweep(
    configs: Configs,
    plan: Plan,
    *,
    workflow: str = "train",
    overrides: Mapping[str, Any] | None = None,
    threads: int | None = None,
    output_dir: Path | None = None,
    how: How | None = None,
) -> Sweep:
    """Run a bundle with other values again and again.

    Args:
        configs: the bundle's configs.
        plan: what is tried.
        workflow: name of the config that runs.
        overrides: ids and values to set in all trials.
        threads: threads of each trial; by default its share of the cores.
        output_dir: the folder; by default a new one below `runs_dir`.
        how: how they are run.

    Raises:
        UsageError: when the plan cannot be understood; nothing was written then.
    """
    how = how or How()
    folder = begin(
        configs, plan, workflow=workflow, overrides=overrides or {}, threads=threads, output_dir=output_dir, how=how
    )
    return carry_on(folder, how=how)


def begin(
    configs: Configs,
    plan: Plan,
    *,
    workflow: str,
    overrides: Mapping[str, Any],
    threads: int | None,
    output_dir: Path | None,
    how: How,
) -> Path:
    """Make the folder of a sweep, with its record; see `sweep`."""
    points = plan.points()
    space = plan.space()
    runs.require_overrides({**overrides, **dict.fromkeys(space.ids)})
    fixed = {Id.parse(split_operator(key)[1]) for key in overrides}
    if twice := [id for id in space.ids if Id.parse(split_operator(id)[1]) in fixed]:
        raise UsageError(
            f"'{twice[0]}' is set in all trials, and the sweep tries values of it", hint="leave one of them out"
        )
    how.check()
    if plan.optuna is not None and plan.metric is None and plan.direction is None:
        plan = replace(plan, direction=direction_of(key_metric_of(configs)))  # Optuna asks before a run tells its name
    count = len(points) if points is not None else plan.optuna or 0
    if not count:
        raise UsageError("there is nothing to run: no trial was asked for")
    slots = how.parallel
    if how.launcher == "local":
        from bundle_engine.experiment.launchers.machine import share_out

        shares = share_out(jobs=count, slots=slots, threads=threads)
        slots, threads = shares.slots, shares.threads
    runs.tell_unused(configs, overrides, tried=space.sample())
    folder = new_folder(configs, KIND, output_dir, [_name(number, count) for number in range(count)])
    children = [
        Child(_name(number, count), threads=threads, facts={"values": values})
        for number, values in enumerate(points or [])
    ]
    begin_experiment(
        folder,
        KIND,
        configs,
        workflow=workflow,
        how=how,
        settings={"plan": vars(plan), "trials": count, "threads": threads, "parallel": slots},
        overrides=overrides,
        children=children,
    )
    return folder


def _name(number: int, count: int) -> str:
    return f"trial_{number:0{len(str(count - 1))}}"


def carry_on(folder: Path, *, how: How | None = None, metric: str | None = None, direction: str | None = None) -> Sweep:
    """Go on with a sweep: what is done or pruned stays, others go on from their last checkpoints.

    Args:
        folder: its folder.
        how: how they are run; by default as before.
        metric: another metric that counts from now on, for what is done as well.
        direction: ``maximize`` or ``minimize``, likewise.

    Raises:
        InputError: when it has no record, or a damaged one.
        UsageError: when it is still running, or trials were chosen by the metric of before.
    """
    trials = _Trials(folder, KIND)
    plan = trials.plan if metric is None and direction is None else trials.plan.counting(metric, direction)
    with trials.at_work():
        if plan != trials.plan:
            trials.count_by(plan)
        try:
            trials.run(how or How.of(trials.experiment))
            trials.end(FAILED if trials.now().unfinished else DONE)
        finally:
            trials.summarize()
    return trials.now()


class _Trials(Course):
    """The trials of a sweep: what is run next, and what came of those before."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder, kind)
        settings = self.experiment.settings
        self.count = int(settings["trials"])
        plan = dict(settings["plan"])
        self.plan = Plan(**{**plan, "zipped": tuple(plan.get("zipped", ()))})
        self.metric = self.plan.counts
        root = Path(self.experiment.root)
        self._configs = Configs(root, (), tuple(map(Path, settings["train_config"])))
        self._study: Study | None = None
        self._pruned: set[str] = set()

    def now(self) -> Sweep:
        """Give the sweep as it is."""
        return Sweep(self.folder, self.experiment, self.metric, table.best_of(self.experiment.children, self.metric))

    def count_by(self, plan: Plan) -> None:
        """Let another metric count, for the trials that are done as well."""
        self.plan, self.metric = plan, plan.counts
        self.write(settings={**self.experiment.settings, "plan": vars(plan)})
        for child in self.experiment.children:
            if child.status == DONE:
                facts = {key: value for key, value in child.facts.items() if key != "result"}
                status, error = self._take_result(self.folder / child.name, facts)
                self.put(replace(child, status=status, error=error, facts=facts))

    def run(self, how: How) -> None:
        """Run what is not done."""
        slots = how.parallel if how.parallel is not None else self.experiment.settings.get("parallel")
        names = [child.name for child in self.experiment.children] or [
            _name(number, self.count) for number in range(self.count)
        ]
        if self.plan.optuna is not None:
            names = [_name(number, self.count) for number in range(self.count)]
            self._study = Study(
                self.folder,
                self.plan.space(),
                direction=self.metric.direction,
                sampler=self.plan.sampler,
                pruner=self.plan.pruner,
                seed=self.plan.seed,
            )
        launcher = how.make_launcher()
        rows = [Row(name, self.folder / name) for name in names]
        board = make_board(f"sweep of {self.experiment.bundle}", rows, slots=slots or 1, mode=how.progress)
        for child in self.experiment.children:
            if child.status in (DONE, PRUNED):
                board.change(child.name, child.status, child.seconds, "before")

        def changed(state: State) -> None:
            child = self._change(state)
            board.change(child.name, child.status, child.seconds, child.error or self._told(child))

        def watch(job: Job) -> str | None:
            board.look()
            return self._why_stop(job.name)

        try:
            launcher.launch(self._jobs(), on_change=changed, slots=slots, watch=watch)
        finally:
            board.close()

    def _jobs(self) -> Iterable[Job]:
        unfinished = [child for child in self.experiment.children if child.status not in (DONE, PRUNED)]
        if self._study is None:
            return [self._job(child) for child in unfinished]
        return self._chosen([child for child in unfinished if child.status != FAILED])

    def _chosen(self, unfinished: list[Child]) -> Iterator[Job]:
        """Give the trials that Optuna chooses, each when there is a place for it."""
        assert self._study is not None
        yield from map(self._job, unfinished)
        while len(self.experiment.children) < self.count and not self._study.is_exhausted:
            number, values = self._study.ask()
            name = _name(len(self.experiment.children), self.count)
            threads = self.experiment.settings.get("threads")
            child = Child(name, threads=threads, facts={"values": values, "number": number})
            self.write(children=[*self.experiment.children, child])
            yield self._job(child)
        if self._study.is_exhausted:
            self.count = len(self.experiment.children)
            self.write(settings={**self.experiment.settings, "trials": self.count})

    def _job(self, child: Child) -> Job:
        folder = self.folder / child.name
        if not (folder / RECORD).is_file():  # one that has begun keeps what it was told
            overrides = {**self.experiment.overrides, **table.values_of(child)}
            ids = {key: value for key, value in overrides.items() if key not in runs.OPTIONS}
            content = {**overrides, **runs.own_places(folder, self._configs, ids)}
            folder.mkdir(parents=True, exist_ok=True)
            try:
                write_text(folder / runs.ARGUMENTS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            except TypeError as error:
                raise UsageError(f"an override cannot be written for the trials: {error}") from error
        return runs.job_of(self.experiment, child, self.folder)

    def _change(self, state: State) -> Child:
        """Note what has become of a trial, and tell Optuna."""
        before = self.experiment.child(state.job.name)
        folder = self.folder / before.name
        status, error, facts = state.status, None, dict(before.facts)
        seconds = before.seconds
        if status in (DONE, FAILED, STOPPED):
            seconds = state.seconds or seconds
        if status == STOPPED and before.name in self._pruned:
            status, error = PRUNED, state.message
            if steps := self.metric.now(folder):
                facts["result"] = steps[-1][1]
        elif status == STOPPED:
            error = state.message or None
        elif status == FAILED:
            error = runs.why(folder, state.exit_code, state.message)
        elif status == DONE:
            status, error = self._take_result(folder, facts)
        if self._study is not None and "number" in facts:
            if status in (DONE, FAILED):
                self._study.tell(facts["number"], facts.get("result") if status == DONE else None)
            elif status == PRUNED:
                self._study.tell_pruned(facts["number"])
        return self.put(replace(before, status=status, error=error, seconds=seconds, facts=facts))

    def _take_result(self, folder: Path, facts: dict[str, Any]) -> tuple[str, str | None]:
        """Read the result of a trial that is done; without one it has failed, where one is needed."""
        with suppress(Exception):
            facts["seconds"] = read_record(folder).seconds
        found = self.metric.of(folder)
        if found is not None:
            facts.pop("has", None)
            name, facts["result"] = found
            if not self.metric.name:  # the first one tells which metric counts
                self.metric = Metric(name, self.metric.direction or direction_of(name))
                self.plan = replace(self.plan, metric=name, direction=self.metric.direction)
                self.write(settings={**self.experiment.settings, "plan": vars(self.plan)})
            return DONE, None
        names = facts["has"] = self.metric.names(folder)
        if self.plan.metric is None and self._study is None:
            return DONE, None
        if (written := self.metric.unfit(folder)) is not None:
            return FAILED, f"it is done, and its metric '{self.metric.name}' is {written}"
        wanted = f"no metric '{self.metric.name}'" if self.metric.name else "no key metric"
        return FAILED, f"it is done, and has {wanted}" + (f"; it has {', '.join(names)}" if names else "")

    def _why_stop(self, name: str) -> str | None:
        """Ask Optuna whether a trial is worth going on with."""
        if self._study is None or self.plan.pruner == "none":
            return None
        number = self.experiment.child(name).facts.get("number")
        steps = self.metric.now(self.folder / name)
        if number is None or not steps or not self._study.should_stop(number, steps):
            return None
        self._pruned.add(name)
        return f"{self.metric.name or 'metric'} {steps[-1][1]:.4g} at step {steps[-1][0]}, others were better"

    def _told(self, child: Child) -> str:
        result = table.result_of(child)
        if child.status == RUNNING:
            return table.in_words(child)
        return "" if result is None else f"{self.metric.name} {result:.6g}"

    def summarize(self) -> None:
        """Write the table, the plot, and what the best trial ran with."""
        children = self.experiment.children
        table.write_table(self.folder / table.TABLE, children, self.metric)
        with suppress(ImportError):  # without matplotlib there is no plot
            table.write_plot(self.folder / table.PLOT, children, self.metric)
        best = table.best_of(children, self.metric)
        if best is None:  # with another metric there may have been one
            for name in (BEST_CONFIG, BEST_ARGUMENTS):
                (self.folder / name).unlink(missing_ok=True)
            return
        config = self.folder / best.name / "config.yaml"
        if config.is_file():
            write_text(self.folder / BEST_CONFIG, config.read_text(encoding="utf-8"))
        values = {**self.experiment.overrides, **table.values_of(best)}
        write_text(self.folder / BEST_ARGUMENTS, json.dumps(values, indent=1, ensure_ascii=False) + "\n")
