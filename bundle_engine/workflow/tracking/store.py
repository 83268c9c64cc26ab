"""Reach the store that MLflow tracks into, or say early and clearly why it cannot be reached."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bundle_engine.errors import MissingDependencyError, TrackingError

__all__ = ["connect", "effective_uri", "shown_uri"]

URI_VARIABLE = "MLFLOW_TRACKING_URI"
EXTRA = "pip install 'bundle-engine[tracking]'"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_DEFAULTS = {  # MLflow's own let a training wait for minutes, and tell others of its use
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_USER = re.compile(r"(://)[^/@]*@")


def effective_uri(written: str | None) -> str:
    """Give the address of the store: the environment's, or else the config's, or else a database right here."""
    return os.environ.get(URI_VARIABLE) or written or f"sqlite:///{Path('mlflow.db').absolute().as_posix()}"


def shown_uri(uri: str) -> str:
    """Give an address without user and password."""
    return _USER.sub(r"\1***@", uri)


def connect(uri: str, experiment_name: str) -> tuple[Any, Any]:
    """Open a store and find, or make, an experiment in it.

    Returns:
        the client of MLflow, and the experiment.

    Raises:
        MissingDependencyError: when a package for this kind of store is not installed.
        TrackingError: when the store cannot be used.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    scheme = uri.partition(":")[0].partition("+")[0] if "://" in uri else ""
    if scheme in ("", "file") and uri not in ("databricks", "databricks-uc"):
        raise TrackingError(
            f"MLflow does not track into plain folders any more, such as '{shown_uri(uri)}'",
            hint="give a database, sqlite:///FOLDER/mlflow.db, or the address of a server, http://...",
        )
    needed = ("mlflow", *(("sqlalchemy", "alembic") if scheme in _DATABASES else ()))
    if missing := [package for package in needed if find_spec(package) is None]:
        raise MissingDependencyError(f"tracking into '{shown_uri(uri)}' needs {' and '.join(missing)}", hint=EXTRA)
    database = Path(unquote(uri.removeprefix("sqlite:///"))) if scheme == "sqlite" else None
    try:
        with _quiet():
            if database is not None:
                database.parent.mkdir(parents=True, exist_ok=True)
            import mlflow

            client = mlflow.MlflowClient(tracking_uri=uri)
            experiment = client.get_experiment_by_name(experiment_name)
            if experiment is None:
                place = (database.parent / "mlruns").absolute().as_uri() if database is not None else None
                made = client.create_experiment(experiment_name, artifact_location=place)
                experiment = client.get_experiment(made)
    except Exception as error:  # of MLflow, of SQLAlchemy, of requests, of the system
        raise _unreachable(uri, scheme, error) from None  # its trace leads through nothing of the user's
    if experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"the experiment '{experiment_name}' in '{shown_uri(uri)}' was deleted",
            hint="choose another with --experiment_name, or restore it: mlflow experiments restore",
        )
    return client, experiment


def _unreachable(uri: str, scheme: str, error: Exception) -> TrackingError:
    reason = shown_uri(str(error).strip().partition("\n")[0])[:300]
    if scheme in ("http", "https"):
        said = f"the tracking server at {shown_uri(uri)} cannot be used: {reason}"
    else:
        said = f"cannot track into '{shown_uri(uri)}': {reason}"
    source = f"${URI_VARIABLE}" if os.environ.get(URI_VARIABLE) else "--tracking_uri"
    hint = f"nothing was run yet; {source} says where to track, and --tracking none turns it off"
    return TrackingError(said, hint=hint)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep out of the log how a database is made, which takes dozens of lines."""
    loggers = [logging.getLogger(name) for name in ("alembic", "mlflow.store.db.utils", "mlflow.store.db")]
    levels = [each.level for each in loggers]
    try:
        import mlflow  # noqa: F401  # it sets up its log when it is imported

        for each in loggers:
            each.setLevel(logging.WARNING)
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
