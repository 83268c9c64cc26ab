"""Keep the record of a run while it runs, and the checkpoints of its training."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from bundle_engine.errors import BundleEngineError, BundleEngineWarning
from bundle_engine.runs import folder as folders
from bundle_engine.runs import record as records
from bundle_engine.runs.record import Record
from bundle_engine.workflow.config_workflow import ConfigWorkflow
from bundle_engine.workflow.create import complete
from bundle_engine.workflow.masking import Masker, hidden_arguments
from bundle_engine.workflow.processes.launched import Launched

__all__ = ["Order", "Recording", "recorded_run"]

logger = logging.getLogger(__name__)

_EVERY_EPOCH = 1
_NEVER = sys.maxsize


class Order(NamedTuple):
    """What is to be recorded, and how.

    Attributes:
        bundle: name of the bundle.
        workflow: name of the workflow.
        name: what the folder is called behind the time.
        arguments: how the workflow was made, besides overrides.
        overrides: ids and the values that were set there.
        command: the words of the command line.
        root: the bundle's folder.
        output_dir: where the record goes; by default into a folder of its own below `folder.runs_dir`.
        checkpoint_interval: epochs from one checkpoint to the next; 0 for none.
        resume: the folder of a run that goes on.
        repeats: the folder of a run that is repeated.
    """

    bundle: str
    workflow: str
    name: str = ""
    arguments: Mapping[str, Any] = MappingProxyType({})
    overrides: Mapping[str, Any] = MappingProxyType({})
    command: tuple[str, ...] = ()
    root: Path | None = None
    output_dir: Path | None = None
    checkpoint_interval: int = _EVERY_EPOCH
    resume: Path | None = None
    repeats: Path | None = None


class Recording:
    """Accompanies a workflow, from before it is initialized to its end, and writes down what happens.

    Use it as a context manager around ``initialize()`` and `complete`. Where its folder cannot be written there is one
    warning, and the workflow runs without a record.

    Args:
        workflow: the workflow.
        order: what is to be recorded.
        lock: the lock of a run that goes on, already taken.

    Attributes:
        folder: the folder of the record; None before the first step, and where there is none.
        exit_code: what the program is going to say, where that is known.
        error: why the run failed, where that was handled already.
    """

    def __init__(self, workflow: Any, order: Order, *, lock: folders.Lock | None = None) -> None:
        self.workflow = workflow
        self.order = order
        self.folder: Path | None = None
        self.exit_code: int | None = None
        self.error: BaseException | None = None
        self._lock = lock
        self._record: Record | None = None
        self._is_begun = False
        self._begun, self._begin = _now(), time.monotonic()
        self._before = 0.0  # seconds of the parts before this one
        self._log: logging.Handler | None = None
        self._git: Any = None
        self._keeper: Any = None
        self._surroundings = ExitStack()
        self._mask = Masker()

    def __enter__(self) -> Recording:
        if isinstance(self.workflow, ConfigWorkflow):
            self.workflow.attendants.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> None:
        if isinstance(self.workflow, ConfigWorkflow):
            self.workflow.attendants.remove(self)
        try:
            self._end(error or self.error)
        finally:
            if self._log is not None:
                logging.getLogger().removeHandler(self._log)
                self._log.close()
            if self._lock is not None:
                self._lock.release()

    def complete(self) -> None:
        """Run the workflow, which is initialized, and finalize it.

        Raises:
            WorkflowError: also when a checkpoint cannot be written.
        """
        self.log_is_set_up()  # of a workflow that does not tell
        with self._surroundings:
            complete(self.workflow)

    @property
    def failed_to_keep(self) -> BundleEngineError | None:
        """What the keeper of the checkpoints has to say, where it ended the run."""
        return self._keeper.error if self._keeper is not None else None

    def way_on(self) -> str | None:
        """Give the command that lets a training go on that was stopped; None where it cannot."""
        if self.folder is None or self._keeper is None or not self._keeper.snapshots.all():
            return None
        import shlex

        from bundle_engine.runs.naming import program

        launched = Launched.now()
        processes = f" --nproc {launched.size}" if launched.by_us else ""
        return f"{' '.join(program())} run --resume {shlex.quote(folders.shown(self.folder))}{processes}"

    # --- what the workflow tells ---

    def log_is_set_up(self) -> None:
        """Begin the record: nothing was run yet, and nothing is wrong with the config."""
        if self._is_begun:
            return
        self._is_begun = True
        if Launched.now().rank:
            return
        try:
            if self.order.resume is not None:
                self._go_on(self.order.resume)
            else:
                self._begin_anew()
        except OSError as error:
            self.folder = None
            text = f"there will be no record of this run, and no checkpoints to resume it from: {error}"
            warnings.warn(text, BundleEngineWarning, stacklevel=2)

    def before_step(self, id: str) -> None:
        """Keep the checkpoints of the training that a step is going to run."""
        workflow = self.workflow
        if self._keeper is not None or not _inside(id, workflow.run_id):
            return
        trainer_id = str(workflow.properties.get("trainer", {}).get("id", ""))
        if not trainer_id or trainer_id not in workflow.parser:
            return
        from bundle_engine.runs.order import build_before

        if build_before(workflow.parser, id, trainer_id):
            self._keep(workflow.parser.get_parsed_content(trainer_id))

    # --- the record ---

    def _begin_anew(self) -> None:
        from bundle_engine.runs.circumstances import packages, system
        from bundle_engine.workflow.files import as_files

        order = self.order
        if isinstance(self.workflow, ConfigWorkflow):
            from bundle_engine.runs.configuration import secrets_of, write_config

            self._mask = Masker(secrets_of(self.workflow.parser))
        folder = self._make_folder()
        self._lock = folders.Lock(folder)
        self._lock.take()
        if isinstance(self.workflow, ConfigWorkflow):
            write_config(folder, self.workflow.parser, self._mask)
        files = order.arguments.get("config_file")
        self._record = Record(
            id=f"{order.bundle}/{folder.name}",
            bundle=order.bundle,
            workflow=order.workflow,
            begun=self._begun,
            command=self._mask.command(order.command),
            cwd=os.getcwd(),
            root=None if (root := self._root()) is None else str(root),
            arguments=hidden_arguments(order.arguments),
            overrides=hidden_arguments(order.overrides),
            config_files=[]
            if files is None or isinstance(files, Mapping)
            else list(map(os.path.abspath, as_files(files))),
            python=sys.version.partition(" ")[0],
            platform=system(),
            packages=packages(),
            checkpoint_interval=order.checkpoint_interval,
            repeats=None if order.repeats is None else str(order.repeats),
            **self._code(),
        )
        self.folder = folder
        self._write()
        self._copy_log()

    def _go_on(self, folder: Path) -> None:
        from bundle_engine.runs.circumstances import packages, system

        folders.clear_leftovers(folder)
        self._record = before = records.read_record(folder)
        self._before = before.seconds or 0.0
        if isinstance(self.workflow, ConfigWorkflow):
            from bundle_engine.inspection.differences import render
            from bundle_engine.runs.configuration import differences, secrets_of, write_config

            self._mask = Masker(secrets_of(self.workflow.parser))
            self.folder = folder
            self._copy_log()
            if not (folder / folders.CONFIG).exists():
                write_config(folder, self.workflow.parser, self._mask)
            elif changed := differences(folder, self.workflow.parser):
                told = self._mask(render(changed).rstrip())
                logger.warning("the config has changed since the run '%s' was begun:\n%s", before.id, told)
                write_config(folder, self.workflow.parser, self._mask)
        self._record = replace(
            before,
            status=records.RUNNING,
            ended=None,
            exit_code=None,
            error=None,
            arguments=hidden_arguments(self.order.arguments),
            overrides=hidden_arguments(self.order.overrides),
            python=sys.version.partition(" ")[0],
            platform=system(),
            packages=packages(),
            checkpoint_interval=self.order.checkpoint_interval,
            resumed=[*before.resumed, {"at": _now(), "command": self._mask.command(self.order.command)}],
            **self._code(),
        )
        self.folder = folder
        self._write()

    def _make_folder(self) -> Path:
        order = self.order
        if order.output_dir is None:
            return folders.make_folder(folders.runs_dir(), order.bundle, order.name or order.workflow)
        order.output_dir.mkdir(parents=True, exist_ok=True)
        if not (order.output_dir / folders.RECORD).exists():
            return order.output_dir
        return folders.make_folder(order.output_dir, "runs", order.name or order.workflow)

    def _root(self) -> Path | None:
        """Give the folder that the workflow's modules are imported from."""
        if self.order.root is not None or not isinstance(self.workflow, ConfigWorkflow):
            return self.order.root
        return self.workflow.code_root

    def _code(self) -> dict[str, Any]:
        """Give what is known of the code that runs: digests, and the state of its repositories."""
        from bundle_engine.runs.circumstances import GitStatus, bundle_digest, git_state

        code = self._root()
        states = git_state([*([code.resolve()] if code is not None else []), Path.cwd()])
        self._git = GitStatus(states)
        is_bundle = code is not None and (code / "configs").is_dir()
        return {"git": states, "bundle_digest": bundle_digest(code) if is_bundle and code is not None else None}

    def _copy_log(self) -> None:
        """Let the log be written to the folder as well."""
        assert self.folder is not None
        self._log = _Copy(self.folder / folders.LOG, encoding="utf-8", delay=True)
        self._log.setFormatter(_Masked(self._mask))
        logging.getLogger().addHandler(self._log)

    def _write(self, **news: Any) -> None:
        assert self._record is not None
        assert self.folder is not None
        self._record = replace(self._record, **news)
        records.write_record(self.folder, self._record)

    def _known(self) -> dict[str, Any]:
        """Give what can be told of a run by now, and what it has come to."""
        from bundle_engine.runs import results
        from bundle_engine.runs.circumstances import packages

        news: dict[str, Any] = {"packages": packages(), "git": self._git.states() if self._git else []}
        if isinstance(self.workflow, ConfigWorkflow):
            values = self.workflow.parser.ref_resolver.resolved_content
            assert self._record is not None
            news |= {
                "data": results.data_of(self.workflow.parser, self.workflow.properties) or self._record.data,
                "seeds": results.seeds_of(values),
                "places": results.places_of(values),
                "results": results.results_of(values),
                "tracking": {**self._record.tracking, **results.tracking_of(self.workflow)},
            }
            news["places"] = {id: self._mask(place) for id, place in news["places"].items()}
        if self._keeper is not None:
            news["checkpoints"] = [vars(snapshot) for snapshot in self._keeper.snapshots.all()]
            if self._keeper.resumed is not None and self._record is not None and self._record.resumed:
                *others, last = self._record.resumed
                epoch, iteration = self._keeper.resumed
                news["resumed"] = [*others, {**last, "epoch": epoch, "iteration": iteration}]
        return news

    def _end(self, error: BaseException | None) -> None:
        if self._git is not None:
            self._git.close()
        if self.folder is None or self._record is None:
            return
        status, code = _outcome(error)
        seconds = round(self._before + time.monotonic() - self._begin, 3)
        try:
            known = self._known()
        except Exception as problem:  # values of the config may do anything when they are looked at
            logger.debug("the record is not complete: %s", problem)
            known = {}
        try:
            self._write(
                status=status,
                ended=_now(),
                seconds=seconds,
                exit_code=code if self.exit_code is None else self.exit_code,
                error=None if error is None or status != records.FAILED else self._mask(_told(error)),
                **known,
            )
        except OSError as problem:
            text = f"the record in '{folders.shown(self.folder)}' is not complete: {problem}"
            warnings.warn(text, BundleEngineWarning, stacklevel=2)

    # --- the training ---

    def _keep(self, trainer: Any) -> None:
        engine = getattr(sys.modules.get("ignite.engine"), "Engine", None)
        if engine is None or not isinstance(trainer, engine):
            return
        folder = shared_folder(self.folder)
        interval, resume = self.order.checkpoint_interval, self.order.resume is not None
        if folder is None or (interval == 0 and not resume):
            return
        from bundle_engine.workflow.resume.snapshots import Snapshots
        from bundle_engine.workflow.resume.training import Keeper

        parser = self.workflow.parser
        self._keeper = Keeper(
            trainer,
            lambda: sorted(parser.ref_resolver.resolved_content.items()),
            Snapshots(folder / folders.CHECKPOINTS),
            resume=resume,
            epochs=interval or _NEVER,
        )
        self._surroundings.enter_context(self._keeper.at_work())
        if self.folder is not None:
            logger.info("checkpoints and the record of this run are kept in '%s'", folders.shown(self.folder))
            with suppress(OSError):
                self._write(**self._known())


def shared_folder(folder: Path | None) -> Path | None:
    """Give the folder of the process that writes the record to all that train together; None where it has none."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return folder
    shared = [None if folder is None else str(folder)]
    distributed.broadcast_object_list(shared, src=0)
    return None if shared[0] is None else Path(shared[0])


def _inside(id: str, step: str) -> bool:
    from bundle_engine.config import Id

    return Id.parse(step).covers(Id.parse(id))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _outcome(error: BaseException | None) -> tuple[str, int]:
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return records.DONE, 0
    if isinstance(error, KeyboardInterrupt):
        return records.INTERRUPTED, 130
    if isinstance(error, SystemExit):
        return records.FAILED, error.code if isinstance(error.code, int) else 1
    if isinstance(error, Exception):
        return records.FAILED, 2 if isinstance(error, BundleEngineError) else 1
    return records.TERMINATED, 143  # what the command line makes of SIGTERM


def _told(error: BaseException) -> str:
    if isinstance(error, BundleEngineError):
        why = str(error.__cause__ or "")
        more = f": {why}" if why and why not in error.message else ""
        return f"{error.message}{f' at {error.place}' if error.place else ''}{more}"
    return f"{type(error).__name__}: {error}"


class _Copy(logging.FileHandler):
    """Writes the log to a file as long as that can be written; a full disk is told by who needs it more."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing."""


class _Masked(logging.Formatter):
    """Writes plain lines, with stars for secrets."""

    def __init__(self, mask: Masker) -> None:
        from bundle_engine.workflow.logs import PLAIN_FORMAT

        super().__init__(PLAIN_FORMAT)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(super().format(record))


def recorded_run(
    config_file: Any,
    *,
    run_name: str | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    checkpoint_interval: int = 1,
    resume: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> Path | None:
    """Run what a config describes as `bundle_engine.run` does, and keep a record of it.

    Args:
        config_file: file or files with the config.
        run_name: what the folder of the record is called behind the time.
        output_dir: the folder of the record; by default one below ``runs``.
        checkpoint_interval: epochs from one checkpoint of a training to the next; 0 for none.
        resume: the folder of a run that goes on.
        arguments: further arguments of `bundle_engine.run`, and overrides.

    Returns:
        the folder of the record; None where it could not be written.
    """
    from bundle_engine.runs.naming import names_of
    from bundle_engine.runs.resumption import taken
    from bundle_engine.workflow.create import build_workflow

    options = {name: arguments.pop(name) for name in _ARGUMENTS if name in arguments}
    workflow = build_workflow(config_file=config_file, **options, **arguments)
    if isinstance(workflow, ConfigWorkflow):
        workflow.require_run()
    given = {"config_file": config_file, **options}
    bundle, name = names_of(given)
    order = Order(
        bundle,
        name,
        run_name or "",
        given,
        arguments,
        output_dir=None if output_dir is None else Path(output_dir).absolute(),
        checkpoint_interval=checkpoint_interval,
        resume=None if resume is None else Path(resume).absolute(),
    )
    with Recording(workflow, order, lock=None if resume is None else taken(Path(resume).absolute())) as kept:
        workflow.initialize()
        kept.complete()
    return kept.folder


_ARGUMENTS = frozenset(
    {"run_id", "init_id", "final_id", "meta_file", "logging_file", "tracking", "workflow_type", "properties_path"}
    | {"workflow_name", "args_file", "strict", "trust"}
)
