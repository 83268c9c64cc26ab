"""What the options that say how a run is recorded and resumed come to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.cli import report
from bundle_engine.config.ids import EXPRESSION, MACRO, REFERENCE
from bundle_engine.errors import UsageError
from bundle_engine.runs.folder import RUNS, runs_dir
from bundle_engine.runs.naming import absolute, names_of, program
from bundle_engine.workflow.config_workflow import ConfigWorkflow
from bundle_engine.workflow.progress import require_mode

if TYPE_CHECKING:
    from bundle_engine.runs.folder import Lock
    from bundle_engine.runs.record import Record
    from bundle_engine.runs.recorded import Order

__all__ = ["ARGUMENTS", "Settings", "Wanted", "absolute", "go_to"]

ARGUMENTS = frozenset(  # how a workflow is made; what else is given are overrides
    {"workflow_name", "config_file", "meta_file", "logging_file", "run_id", "init_id", "final_id", "tracking"}
    | {"workflow_type", "properties_path", "strict"}
)

_IDS = ("output_dir", "run_name")  # that are set in the config as well, where it has them
_WRITTEN = (EXPRESSION, REFERENCE, MACRO)  # how a value begins that the config computes


class Settings(NamedTuple):
    """What the command line says about the record.

    Attributes:
        record: whether there is one.
        resume: a run, True for the newest one, or None.
        output_dir: the folder of the record.
        run_name: a name for it.
        interval: epochs from one checkpoint to the next; None where nothing is said.
        progress: how to show how far it is.
        ids: what is set in the config, where it has these ids.
        register: the name to register the model by, when the run is done; empty for none.
    """

    record: bool
    resume: str | bool | None
    output_dir: Path | None
    run_name: str
    interval: int | None
    progress: str
    ids: dict[str, Any]
    register: str = ""

    @classmethod
    def take(cls, arguments: dict[str, Any]) -> Settings:
        """Take the options out of all arguments.

        Raises:
            UsageError: for those that contradict each other.
        """
        record, resume = bool(arguments.pop("record", True)), arguments.pop("resume", None)
        if resume is False or resume is None:
            resume = None
        elif not record:
            raise UsageError("--resume goes on with a recorded run, and --record false keeps no record")
        elif arguments.get("dry_run"):
            raise UsageError("--dry_run runs nothing that could be resumed", hint="leave out --resume")
        register = str(arguments.pop("register", None) or "")
        if register and (not record or arguments.get("dry_run")):
            raise UsageError("--register registers what a recorded run has trained, and this one is not recorded")
        if register:
            from bundle_engine.experiment.registry import check_name

            check_name(register)
        progress = require_mode(arguments.pop("progress", None))
        interval = arguments.pop("checkpoint_interval", None)
        if interval is not None and not (str(interval).isdigit() and int(interval) < sys.maxsize):
            raise UsageError(f"--checkpoint_interval is a number of epochs, 0 or more, and not '{interval}'")
        ids = {id: arguments.pop(id) for id in _IDS if arguments.get(id) is not None}
        if arguments.get("workflow_name") not in (None, ConfigWorkflow.__name__) and "output_dir" in ids:
            arguments["output_dir"] = ids["output_dir"]  # an argument of the class
        folder = str(ids.get("output_dir", _WRITTEN[0]))
        return cls(
            record=record,
            resume=resume if resume is None or isinstance(resume, bool) else str(resume),
            output_dir=None if folder.startswith(_WRITTEN) else Path(folder).expanduser().absolute(),
            run_name=str(ids.get("run_name", "")),
            interval=None if interval is None else int(interval),
            progress=progress,
            ids=ids,
            register=register,
        )

    def set_ids(self, workflow: Any) -> dict[str, Any]:
        """Set in the config what it has ids for; give what was set."""
        if not isinstance(workflow, ConfigWorkflow):
            return {}
        known = {id: value for id, value in self.ids.items() if id in workflow.parser}
        if known:
            workflow.parser.override(known, source="command line")
        return known


class Before(NamedTuple):
    """A run that goes on.

    Attributes:
        folder: its folder.
        record: its record.
        lock: its lock, which is taken.
    """

    folder: Path
    record: Record
    lock: Lock

    @property
    def bundle(self) -> Path | None:
        """The folder that --bundle named."""
        bundle = self.record.arguments.get("bundle")
        return None if bundle is None else Path(bundle)

    @property
    def code(self) -> Path | None:
        """The folder that modules are imported from, where the config does not lie in it."""
        root = self.record.root
        return None if self.record.repeats is None or root is None else Path(root)


class Wanted(NamedTuple):
    """The run that a command line asks for, as far as it is about its record.

    Attributes:
        settings: what the command line says.
        bundle: name of the bundle.
        workflow: name of the workflow.
        before: the run that goes on.
        repeats: the folder of the run that is repeated.
    """

    settings: Settings
    bundle: str
    workflow: str
    before: Before | None = None
    repeats: Path | None = None

    @classmethod
    def find(
        cls,
        settings: Settings,
        arguments: Mapping[str, Any],
        root: Path | None,
        workflow: str | None,
        *,
        is_changed: bool,
    ) -> Wanted:
        """Find the run that goes on, if one is to, and make its working directory the present one.

        Raises:
            BundleEngineError: when there is none, when it runs, or when it is done.
        """
        bundle, name = names_of(arguments, root, workflow)
        if settings.resume is None:
            return cls(settings, bundle, name)
        from bundle_engine.runs import resumption
        from bundle_engine.runs.record import read_record

        folder = resumption.run_to_resume(settings.resume, bundle, name, arguments, settings.output_dir)
        lock = resumption.taken(folder)
        try:
            record = read_record(folder)
            resumption.require_unfinished(folder, record, is_changed=is_changed)
            go_to(record)
        except BaseException:
            lock.release()
            raise
        return cls(settings, record.bundle, record.workflow, Before(folder, record, lock))

    def order(
        self, arguments: Mapping[str, Any], overrides: Mapping[str, Any], root: Path | None, code: Path | None
    ) -> Order:
        """Say what is to be recorded."""
        from bundle_engine.runs.recorded import Order

        interval = self.settings.interval
        if interval is None:
            interval = self.before.record.checkpoint_interval if self.before is not None else 1
        more = {} if root is None else {"bundle": str(root)}
        return Order(
            bundle=self.bundle,
            workflow=self.workflow,
            name=self.settings.run_name,
            arguments={**absolute(arguments), **more},
            overrides=overrides,
            command=(*program(), *sys.argv[1:]),
            root=root if code is None else code,
            output_dir=self.settings.output_dir,
            checkpoint_interval=interval,
            resume=None if self.before is None else self.before.folder,
            repeats=self.repeats,
        )


def go_to(record: Record) -> None:
    """Make the working directory of a run the present one: relative paths in its config count from there."""
    if not record.cwd or os.path.realpath(record.cwd) == os.path.realpath(os.getcwd()):
        return
    base = str(runs_dir())
    try:
        os.chdir(record.cwd)
    except OSError as error:
        raise UsageError(
            f"the run was begun in '{record.cwd}', which cannot be gone to: {error.strerror}",
            hint="relative paths in its config count from there",
        ) from None
    os.environ.setdefault(RUNS, base)  # what is recorded now is recorded where the command was given
    report.note(f"working in '{record.cwd}', where the run was begun")
