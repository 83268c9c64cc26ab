"""A workflow that a config describes."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bundle_engine.config import ConfigParser
from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import (
    EXPRESSION,
    META,
    OR_ELSE,
    REFERENCE,
    SEP,
    TARGET,
    Id,
    read_relative,
    split_operator,
)
from bundle_engine.config.policy import Policy, policy_of
from bundle_engine.errors import (
    BundleEngineWarning,
    IdNotFoundError,
    PolicyError,
    PropertyError,
    UsageError,
    WorkflowError,
)
from bundle_engine.workflow.approval import require_approval
from bundle_engine.workflow.base import BundleWorkflow
from bundle_engine.workflow.files import FileOrFiles, as_files, check_files
from bundle_engine.workflow.logging_config import read_logging_config
from bundle_engine.workflow.logs import apply_logging_file, default_log, log_to_file
from bundle_engine.workflow.processes.group import Group
from bundle_engine.workflow.processes.voice import first_to_fail
from bundle_engine.workflow.properties import ID, REF_ID, REQUIRED
from bundle_engine.workflow.roots import bundle_root_of, importable, isolated
from bundle_engine.workflow.tracking.settings import (
    ARTIFACTS,
    is_tracking,
    patch_tracking,
    read_tracking_settings,
    save_executed_config,
)

if TYPE_CHECKING:
    from bundle_engine.workflow.tracking import TrackedRun

__all__ = ["Attendant", "ConfigWorkflow", "override_source"]

logger = logging.getLogger(__name__)

METADATA_NAMES = ("metadata.json", "metadata.yaml", "metadata.yml")
LOGGING_NAMES = ("logging.conf", "logging.yaml", "logging.yml", "logging.json")

override_source: ContextVar[str] = ContextVar("override_source", default="code")
"""What messages call the origin of a workflow's overrides; the command line sets it."""


class Attendant(Protocol):
    """Somebody who accompanies a workflow: told what it is about to do."""

    def log_is_set_up(self) -> None:
        """Be told that all was checked, that the log is as it will be, and that the first step comes next."""

    def before_step(self, id: str) -> None:
        """Be told of a step before it is taken.

        Args:
            id: where it stands.
        """


class ConfigWorkflow(BundleWorkflow):
    """A workflow whose steps and properties stand in a config.

    The steps are expressions, or lists of them: `initialize` evaluates those at `init_id`, `run` those at `run_id`,
    `finalize` those at `final_id`, each time afresh, while what they refer to is built once. The root of the bundle
    (the folder around ``configs``, or else the config's own) can be imported from whenever the workflow is at work.

    Args:
        config_file: file or files with the config, later ones over earlier ones; or the config itself.
        meta_file: file or files with the metadata; by default ``metadata.json`` beside the (first) config.
        logging_file: file that sets up the log, in the form of `logging.config.fileConfig` or, as JSON or YAML, of
            `logging.config.dictConfig`. By default ``logging.conf`` (``.yaml``, ``.json``) beside the config; where
            there is none either, a log on standard error, unless the program has one already. False leaves the
            log of the program alone.
        init_id: id of the steps before the run; the config may lack it.
        run_id: id of the steps of the run.
        final_id: id of the steps after the run; the config may lack it.
        tracking: ``mlflow``, a file with settings for tracking, or the settings; see
            `bundle_engine.workflow.tracking`. ``none`` is the same as None.
        workflow_type: see `BundleWorkflow`.
        properties_path: see `BundleWorkflow`.
        strict: whether an override that reaches nothing is an error, rather than a warning.
        trust: how far the config is trusted: ``data``, ``safe`` or ``full`` (the default), see
            `bundle_engine.config.policy`. A bundle from elsewhere needs its owner's approval for ``full``.
        override: ids and the values to set there, such as ``**{"train::trainer::max_epochs": 2}``.

    Raises:
        PolicyError: for what the level of trust does not allow, or a bundle from elsewhere that was not approved.
        InputError: when a file is not there or cannot be read; and see `bundle_engine.errors` for what can be wrong
            with the config. Nothing is built before `initialize`.

    Attributes:
        parser: the config.
        log_file: a file to write the log to as well, when the workflow is initialized.
        saves_config: whether a workflow that is tracked writes a copy of its config when it is initialized, and
            begins a run in MLflow then.
        tracked_run: the run in MLflow, once the workflow is initialized.
        tracking_run_id: id of a run in MLflow to go on with, rather than with a new one.
        attendants: who is told of its steps.
    """

    log_file: str | os.PathLike[str] | None = None
    saves_config: bool = True
    tracked_run: TrackedRun | None = None
    tracking_run_id: str | None = None

    def __init__(
        self,
        config_file: FileOrFiles | Mapping[str, Any] | None,
        meta_file: FileOrFiles | Mapping[str, Any] | None = None,
        logging_file: str | os.PathLike[str] | bool | None = None,
        init_id: str = "initialize",
        run_id: str = "run",
        final_id: str = "finalize",
        tracking: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        workflow_type: str | None = "train",
        properties_path: str | os.PathLike[str] | None = None,
        *,
        strict: bool = False,
        trust: Policy | str | None = None,
        **override: Any,
    ) -> None:
        self._policy = policy_of(trust)
        self.attendants: list[Attendant] = []
        files = [] if isinstance(config_file, Mapping) else as_files(config_file)
        check_files(files, "config")
        self.config_root_path = Path(files[0]).parent if files else Path("configs")
        self._root = bundle_root_of(files[0]) if files else None
        self._remarks: list[tuple[int, str]] = []  # for the log, which is not set up yet
        if meta_file is None:
            meta_file = self._beside_config(METADATA_NAMES)
        if self._policy.is_full:
            settings_file = tracking if is_tracking(tracking) else None
            require_approval(config_file, meta_file, logging_file, settings_file, properties_path)
        elif is_tracking(tracking):
            raise PolicyError("tracking writes files and calls servers, so it needs full trust", hint="leave it out")
        super().__init__(workflow_type=workflow_type, properties_path=properties_path, meta_file=meta_file)

        self._logging_file: str | os.PathLike[str] | None = None
        self._leave_log_alone = logging_file is False
        if logging_file is None or logging_file is True:
            self._logging_file = self._beside_config(LOGGING_NAMES)
        elif logging_file is not False:
            self._logging_file = logging_file
        if self._logging_file is not None:
            streams_only = not self._policy.is_full
            read_logging_config(
                self._logging_file, streams_only=streams_only
            )  # what cannot be used is refused now, and used later

        watch = require_approval if self._policy.is_full else None  # a macro may read from another bundle
        self.parser = ConfigParser(policy=self._policy, on_read=watch)
        self.parser.bundle_root = self._root
        if config_file is not None:
            self.parser.read_config(config_file if isinstance(config_file, Mapping) else files)
        if meta_file is not None:
            self.parser.read_meta(meta_file)
        elif not self.parser.get(META):
            missing = self.config_root_path / METADATA_NAMES[0]
            message = f"Cannot find the metadata config file: {missing}. The bundle can run without it."
            self._remarks.append((logging.ERROR, message))
        if override:
            self.parser.override(override, source=override_source.get())
        self.init_id, self.run_id, self.final_id = init_id, run_id, final_id
        self._strict, self._override = strict, override
        self._used = [init_id, run_id, final_id]  # ids that have an effect though nothing refers to them
        self._tracked = is_tracking(tracking)
        if tracking is not None and self._tracked:
            settings = read_tracking_settings(tracking)
            patch_tracking(self.parser, settings)
            self._used += [*settings["configs"], ARTIFACTS]
        self._is_initialized = False
        self._group: Group | None = None  # of several processes, where the config does not see to it

    @property
    def code_root(self) -> Path | None:
        """The folder from which modules are imported; None for a config that is no file."""
        return self._root

    def belongs_to(self, root: str | os.PathLike[str]) -> None:
        """Let the workflow be one of a bundle that its config does not lie in, such as a copy of the config.

        Raises:
            PolicyError: at full trust, for a bundle from elsewhere that was not approved.
        """
        if self._policy.is_full:
            require_approval(root)
        self._root = self.parser.bundle_root = Path(root).resolve()

    def _at_work(self) -> AbstractContextManager[None]:
        """Let the bundle's own modules be imported for the time being; below full trust, keep them away."""
        return importable(self._root) if self._policy.is_full else isolated(self._root)

    def _beside_config(self, names: tuple[str, ...]) -> str | None:
        paths = (self.config_root_path / name for name in names)
        return next((str(path) for path in paths if path.is_file()), None)

    def _tell_unused_overrides(self) -> None:
        if not self._override:
            return
        given = {str(Id.parse(split_operator(key)[1])) for key in self._override}
        unused = self.parser.unused_overrides(*self._used)
        messages = [message for id, message in unused.items() if id in given]
        if messages and self._strict:
            raise UsageError(messages[0], notes=messages[1:], hint="correct it, or do not be strict")
        for message in messages:
            warnings.warn(message, BundleEngineWarning, stacklevel=3)
        self._override = {}  # they were told

    def initialize(self) -> list[Any]:
        """Check all that the steps need, set up the log, and take the steps before the run.

        The check builds nothing. Calling this again begins anew: what was built before is built once more.

        Returns:
            the values of the steps.
        """
        with self._at_work():
            self.parser.parse(reset=True)
            self._tell_unused_overrides()
            self.parser.check(*self._present(self.init_id, self.run_id, self.final_id))
            self._set_up_log()
            if self._tracked and self.saves_config:
                save_executed_config(self.parser)
            if self._policy.is_full and self.saves_config and self.tracked_run is None:
                from bundle_engine.workflow.tracking import begin_tracking

                self.tracked_run = begin_tracking(self.parser, self._root, run_id=self.tracking_run_id)
            self._is_initialized = True
            for attendant in self.attendants:
                attendant.log_is_set_up()
            try:
                return self._begin()
            except Exception as error:
                first_to_fail(error)
                raise

    def _begin(self) -> list[Any]:
        """Take the steps before the run; of several processes, together."""
        steps = self._present(self.init_id, self.run_id)
        self._group = self._group or Group.of(self.parser, steps, trusted=self._policy.is_full)
        if self._group is not None:
            self._group.set_up()
        done = self._take_steps(self.init_id)
        if self._group is not None:
            self._group.spread_seeds()
        return done

    def run(self) -> list[Any]:
        """Take the steps of the run.

        Returns:
            the values of the steps.

        Raises:
            UsageError: when the config has no `run_id`.
        """
        self.require_run()
        try:
            with self._at_work():
                return self._take_steps(self.run_id)
        except BaseException as error:
            self._group = None  # nobody waits for the others, who may not come
            if isinstance(error, Exception):
                first_to_fail(error)
            raise

    def finalize(self) -> list[Any]:
        """Take the steps after the run.

        Returns:
            the values of the steps.
        """
        with self._at_work():
            done = self._take_steps(self.final_id)
        if self._group is not None:
            self._group.take_down()
            self._group = None
        return done

    def prepare(self) -> list[str]:
        """Build everything that the steps of the run and after it refer to, without taking these steps.

        Returns:
            the ids that were built.
        """
        self.require_run()
        built: list[str] = []
        with self._at_work():
            for step in self._present(self.run_id, self.final_id):
                for id in self.parser.dependencies(step):
                    if id not in built and id in self.parser:
                        self.parser.get_parsed_content(id)
                        built.append(id)
        return built

    def require_run(self) -> None:
        """Raise a UsageError when the config has no steps for the run."""
        if self.run_id not in self.parser:
            self.parser.parse(reset=False)  # a macro may bring it in
        if self.run_id in self.parser:
            return
        config = self.parser.get()
        steps = [str(id) for id, value in config.items() if _is_steps(value)]
        if near := matches(self.run_id, steps):
            hint = f"did you mean {either(near)}?"
        elif steps:
            hint = f"the config has expressions to run at {either(steps)}"
        else:
            hint = f'write a list of expressions there: {self.run_id}: ["$@trainer.run()"]'
        raise UsageError(f"run ID '{self.run_id}' doesn't exist in the config file.", id=self.run_id, hint=hint)

    def _present(self, *ids: str) -> list[str]:
        return [id for id in ids if id in self.parser]

    def _take_steps(self, id: str) -> list[Any]:
        if id not in self.parser:
            return []
        steps = self.parser[id]
        ids = [f"{id}{SEP}{index}" for index in range(len(steps))] if isinstance(steps, list) else [id]
        with self._tracked_steps(id):
            return [self._take_step(each) for each in ids]

    def _tracked_steps(self, id: str) -> AbstractContextManager[None]:
        """Let the run in MLflow, if there is one, learn how steps end."""
        if self.tracked_run is None:
            return nullcontext()
        if id != self.run_id:
            return self.tracked_run.at_work()
        artifacts = self.parser.get_parsed_content(ARTIFACTS) if self.parser.get(ARTIFACTS) else []
        return self.tracked_run.main_part(lambda: as_files(artifacts))

    def _take_step(self, id: str) -> Any:
        for attendant in self.attendants:
            attendant.before_step(id)
        return self.parser.evaluate(id)

    def _set_up_log(self) -> None:
        if self._logging_file is not None:
            apply_logging_file(self._logging_file, streams_only=not self._policy.is_full)
            self._remarks.append((logging.INFO, f"the log is set up by {self._logging_file}"))
        elif not self._leave_log_alone:
            default_log()
        if self.log_file is not None:
            log_to_file(self.log_file)
        for level, remark in self._remarks:
            logger.log(level, remark)
        self._remarks.clear()

    # properties

    def add_property(  # type: ignore[override]
        self, name: str, required: bool, config_id: str, desc: str | None = None
    ) -> None:
        """Add a property that an application needs beyond those of the table.

        Args:
            name: its name; a property that has it already is replaced.
            required: whether the workflow must have it.
            config_id: where it stands in the config.
            desc: what it is, for people.
        """
        super().add_property(name=name, required=required, desc=desc)
        self.properties[name][ID] = config_id

    def check_properties(self) -> list[str]:
        """Give the names of the required properties that are missing, and of the optional ones that are misplaced.

        An optional property is misplaced when the part of the config that uses it refers to another id. Nothing
        is built, and the workflow need not be initialized.
        """
        config = self.parser
        if not self._is_initialized:
            config = copy(config)  # to write out macros, which may bring properties in, in this copy only
            config.parse()
        missing, misplaced = [], []
        for name, entry in self.properties.items():
            if entry.get(REQUIRED):
                if _property_id(name, entry) not in config:
                    missing.append(name)
            elif _is_misplaced(config, name, entry):
                misplaced.append(name)
        for what, names in (("lacks the required", missing), ("has, but at another id, the optional", misplaced)):
            if names:
                listed = ", ".join(f"'{name}' (id '{self.properties[name].get(ID)}')" for name in names)
                logger.warning("the bundle %s properties: %s", what, listed)
        return missing + misplaced

    def _get_property(self, name: str, property: dict[str, Any]) -> Any:
        if not self._is_initialized:
            raise WorkflowError(f"the property '{name}' cannot be read yet", hint="call initialize() first")
        id = _property_id(name, property)
        if id in self.parser:
            with self._at_work():
                return self.parser.get_parsed_content(id)
        if property.get(REQUIRED):
            raise IdNotFoundError(f"the bundle has no property '{name}', which it must have", id=id)
        return None

    def _set_property(self, name: str, property: dict[str, Any], value: Any) -> None:
        self.parser.set(value, _property_id(name, property))

    @staticmethod
    def patch_bundle_tracking(parser: ConfigParser, settings: Mapping[str, Any]) -> None:
        """Add tracking to a config, and save the config as it will run.

        Args:
            parser: the config.
            settings: see `bundle_engine.workflow.tracking`.
        """
        patch_tracking(parser, settings)
        save_executed_config(parser)


def _property_id(name: str, entry: Mapping[str, Any]) -> str:
    id = entry.get(ID)
    if not isinstance(id, str):
        raise PropertyError(f"the property '{name}' has no '{ID}', so it cannot be found in a config")
    return id


def _is_steps(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, str) and first.startswith(EXPRESSION) and (isinstance(value, list) or "(" in first)


def _is_misplaced(config: ConfigParser, name: str, entry: Mapping[str, Any]) -> bool:
    """Tell whether what should refer to an optional property refers to something else."""
    user: str | None = entry.get(REF_ID)
    if user is not None and name in ("evaluator", "val_interval"):
        user = _argument_of_validation(config, user)
    if user is None:
        return False
    written = config.get(user)
    if not isinstance(written, str) or not written.startswith(REFERENCE):
        # nothing is used; or an expression or a component stands there, and may well come from the property
        return isinstance(written, str) and not written.startswith(EXPRESSION)
    target = read_relative(written.removeprefix(REFERENCE).partition(OR_ELSE)[0].strip())
    return target.absolute(Id.parse(user)) != str(Id.parse(entry[ID]))


def _argument_of_validation(config: ConfigParser, argument: str) -> str | None:
    """Give the id of an argument of the handler that starts the validation during a training."""
    handlers = config.get(f"train{SEP}handlers")
    if isinstance(handlers, list):
        for index, handler in enumerate(handlers):
            if isinstance(handler, Mapping) and str(handler.get(TARGET)).endswith("ValidationHandler"):
                return f"train{SEP}handlers{SEP}{index}{SEP}{argument}"
    return None
