"""One run in MLflow, from before the first step of a workflow to its end."""

from __future__ import annotations

import atexit
import getpass
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundle_engine.config.ids import META
from bundle_engine.errors import TrackingError
from bundle_engine.workflow.tracking import store
from bundle_engine.workflow.tracking.parameters import parameters_of

__all__ = ["TrackedRun", "current_run"]

logger = logging.getLogger(__name__)

FINISHED, FAILED, KILLED, RUNNING = "FINISHED", "FAILED", "KILLED", "RUNNING"
RUN_VARIABLE = "MLFLOW_RUN_ID"
SECONDS, METRICS = 5.0, 500  # a batch of metrics is sent when it is that old, or that long
WAIT = 60.0  # seconds until the next try, after the store did not answer
MOST_KEPT = 200_000  # metrics that wait for a store that does not answer
_PARAMETERS = 100  # in one request

_current: TrackedRun | None = None


def current_run() -> TrackedRun | None:
    """Give the run that this process tracks; None where it does not."""
    return _current


class TrackedRun:
    """A run in MLflow.

    Metrics are collected and sent in batches, so that a short iteration does not wait for a database. A store that
    stops answering in the middle of a training does not end it: metrics wait, and are sent later.

    Args:
        uri: address of the store, see `store.effective_uri`.
        experiment_name: name of the experiment; it is made where there is none.
        name: name of the run.
        run_id: id of a run to go on with; by default that of the environment's ``MLFLOW_RUN_ID``, or else a new one.
        tags: further tags.

    Raises:
        TrackingError: when the store cannot be used, or has no such run.

    Attributes:
        uri: address of the store.
        run_id: id of the run.
        experiment: the experiment, as MLflow has it.
        client: the client of MLflow.
        run: the run, as MLflow has it.
    """

    def __init__(
        self,
        uri: str,
        experiment_name: str,
        name: str,
        *,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        global _current
        self.uri = uri
        self.client, self.experiment = store.connect(uri, experiment_name)
        self._waiting: list[Any] = []
        self._next = time.monotonic() + SECONDS
        self._is_open = True
        self._told = False
        run_id = run_id or os.environ.get(RUN_VARIABLE)
        try:
            if run_id is not None:
                self.client.update_run(run_id, status=RUNNING)
                self.run = self.client.get_run(run_id)
            else:
                self.run = self.client.create_run(self.experiment.experiment_id, run_name=name, tags=dict(tags or {}))
        except Exception as error:
            what = f"has no run '{run_id}' to go on with" if run_id is not None else "takes no new run"
            reason = str(error).strip().partition("\n")[0][:300]
            raise TrackingError(f"'{store.shown_uri(uri)}' {what}: {reason}") from None
        self.run_id: str = self.run.info.run_id
        _current = self
        atexit.register(self._end_of_program)

    # --- what is tracked ---

    def log_parameters(self, config: Mapping[str, Any]) -> None:
        """Track the values of a config, without those that are tracked already.

        Args:
            config: the config, without secrets.
        """
        from mlflow.entities import Param

        known = self.client.get_run(self.run_id).data.params
        new = [Param(name, text) for name, text in parameters_of(config).items() if name not in known]
        for begin in range(0, len(new), _PARAMETERS):
            self.client.log_batch(self.run_id, params=new[begin : begin + _PARAMETERS])

    def log_metrics(self, metrics: Mapping[str, Any], step: int) -> None:
        """Track numbers; what is no number is left out."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for name, value in metrics.items():
            try:
                number = float(value)
            except (TypeError, ValueError):
                if not self._told:
                    self._told = True
                    logger.warning("'%s' is no number, and is not tracked", name)
                continue
            self._waiting.append(Metric(str(name), number, now, step))
        if len(self._waiting) >= METRICS or time.monotonic() >= self._next:
            self.send()

    def send(self, *, last: bool = False) -> None:
        """Send the metrics that wait, unless the store did not answer a moment ago.

        Args:
            last: whether there will be no other time to do it.
        """
        if self._next - time.monotonic() > SECONDS and not last:
            return
        try:
            while self._waiting:
                self.client.log_batch(self.run_id, metrics=self._waiting[:METRICS])
                del self._waiting[:METRICS]
            self._next = time.monotonic() + SECONDS
        except Exception as error:  # of MLflow, of SQLAlchemy, of requests
            self._next = time.monotonic() + WAIT
            del self._waiting[:-MOST_KEPT]
            what = f"{len(self._waiting)} metrics are lost" if last else "metrics wait, and are sent later"
            logger.warning("cannot track: %s: %s", what, store.shown_uri(str(error).partition("\n")[0])[:300])

    def log_artifacts(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        """Upload files and folders; one that is not there is told in the log."""
        for path in map(Path, paths):
            try:
                if path.is_dir():
                    self.client.log_artifacts(self.run_id, str(path), artifact_path=path.name)
                elif path.exists():
                    self.client.log_artifact(self.run_id, str(path))
                else:
                    logger.warning("'%s' is not there, and cannot be tracked", path)
            except Exception as error:
                logger.warning("cannot track '%s': %s", path, store.shown_uri(str(error).partition("\n")[0])[:300])

    # --- how it ends ---

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Surround steps of the workflow: an error makes the run FAILED, Ctrl-C or a signal to end makes it KILLED."""
        try:
            yield
        except Exception:
            self.finish(FAILED)
            raise
        except BaseException as error:
            self.finish(FINISHED if isinstance(error, SystemExit) and error.code in (None, 0) else KILLED)
            raise

    @contextmanager
    def main_part(self, artifacts: Callable[[], Sequence[str | os.PathLike[str]]] = tuple) -> Iterator[None]:
        """Surround the steps that the run is about, and finish it after them.

        Args:
            artifacts: gives the files to upload when the steps are done.
        """
        if not self._is_open:  # they are taken once more
            self.client.update_run(self.run_id, status=RUNNING)
            self._is_open = True
        with self.at_work():
            yield
            self.log_artifacts(artifacts())
        self.finish()

    def finish(self, status: str = FINISHED) -> None:
        """Send what waits, and say how the run ended."""
        if not self._is_open:
            return
        self._is_open = False
        self.send(last=True)
        try:
            self.client.set_terminated(self.run_id, status)
        except Exception as error:
            logger.warning("cannot track the end of the run: %s", store.shown_uri(str(error).partition("\n")[0])[:300])

    def _end_of_program(self) -> None:
        """Do not leave a run behind that seems to be running."""
        self.finish(FAILED if hasattr(sys, "last_value") else FINISHED)


def tags_of(config: Mapping[str, Any], root: Path | None, command: Sequence[str]) -> dict[str, str]:
    """Give the tags of a run: bundle and version, who ran what, and the commit of the code.

    Args:
        config: the config, with the metadata.
        root: the bundle's folder.
        command: the words of the command line, without secrets.
    """
    meta = config.get(META)
    meta = meta if isinstance(meta, Mapping) else {}
    tags = {
        "bundle": str(meta.get("name") or (root.name if root is not None else "")),
        "bundle.version": str(meta.get("version") or ""),
        "mlflow.source.name": " ".join(command),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
        **_commit(root or Path.cwd()),
    }
    return {name: value[:5000] for name, value in tags.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # it has no name here
        return ""


def _commit(folder: Path) -> dict[str, str]:
    def ask(*words: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        return {
            "mlflow.source.git.commit": ask("rev-parse", "HEAD"),
            "mlflow.source.git.branch": ask("rev-parse", "--abbrev-ref", "HEAD"),
            "mlflow.source.git.dirty": str(bool(ask("status", "--porcelain", "--untracked-files=no"))),
        }
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return {}
