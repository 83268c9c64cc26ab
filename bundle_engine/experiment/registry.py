"""The registry of models: bundles with their weights under a name, with versions, tags and aliases, kept by MLflow.

By default the registry is a database in the working directory, ``mlflow.db``, the one that runs are tracked into; the
environment's ``MLFLOW_REGISTRY_URI`` or ``MLFLOW_TRACKING_URI`` names another, or a server. ``name:3`` is a version,
``name@champion`` is what an alias stands for, and ``name:latest`` is the newest version.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import (
    BundleEngineError,
    InputError,
    InputNotFoundError,
    MissingDependencyError,
    TrackingError,
    UsageError,
)
from bundle_engine.experiment.models import Model

__all__ = [
    "MLflowRegistry",
    "Registered",
    "Registry",
    "bundle_of",
    "check_alias",
    "check_name",
    "is_reference",
    "open_registry",
    "register_model",
]

URI_VARIABLE = "MLFLOW_REGISTRY_URI"
LATEST = "latest"
_EXPERIMENT = "registered models"
_EXTRA = "pip install 'bundle-engine[tracking]'"
_SILENT = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
_REFERENCE = re.compile(r"(?P<name>[^\s:/\\@]+)(?::(?P<version>\d+|latest)|@(?P<alias>[\w.-]+))")
_NAME = re.compile(r"[^\s:/\\@'\"%]{1,120}")


@dataclass(frozen=True)
class Registered:
    """A version of a model in a registry.

    Attributes:
        name: of the model.
        version: counted from 1.
        source: where its bundle is: an address that MLflow knows.
        tags: ``digest`` of the bundle, ``bundle``, ``run``, ``parent``, ``weights`` (how many), ``metrics`` (as JSON).
        aliases: that stand for this version.
        time: when it was registered, in seconds since 1970.
    """

    name: str
    version: int
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    time: float = 0.0

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that it was registered with."""
        try:
            found = json.loads(self.tags.get("metrics", "{}"))
        except ValueError:
            return {}
        return {str(name): float(value) for name, value in found.items()} if isinstance(found, dict) else {}


class Registry(Protocol):
    """What keeps models."""

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> Registered:
        """Add a bundle's folder as the next version of a model."""

    def versions(self, name: str | None = None) -> list[Registered]:
        """Give the versions of a model, or of all, the oldest first."""

    def find(self, reference: str) -> Registered:
        """Give the version that ``name:3``, ``name@alias``, ``name:latest`` or ``name`` means."""

    def set_alias(self, name: str, alias: str, version: int | None) -> int | None:
        """Let an alias stand for a version, or for none; give the one that it stood for before."""

    def bring(self, version: Registered) -> Path:
        """Give the folder of a version's bundle on this computer."""


def open_registry(uri: str | None = None, *, make: bool = False) -> MLflowRegistry:
    """Open the registry.

    Args:
        uri: where it is; by default what the environment names, or else a database in the working directory.
        make: whether to make a database that is not there.

    Raises:
        InputNotFoundError: when there is none.
        TrackingError: when it cannot be used.
    """
    from bundle_engine.workflow.tracking.store import effective_uri, shown_uri

    address = uri or os.environ.get(URI_VARIABLE) or effective_uri(None)
    if address.startswith("sqlite:///") and not make:
        database = Path(unquote(address.removeprefix("sqlite:///")))
        if not database.is_file():
            raise InputNotFoundError(
                f"there is no registry of models yet: no file '{database}'",
                hint="register RUN --name NAME makes one; --registry_uri or MLFLOW_TRACKING_URI name another",
            )
    return MLflowRegistry(address, shown_uri(address))


def is_reference(text: str) -> bool:
    """Tell whether a text has the form of ``name:version`` or ``name@alias``."""
    return _REFERENCE.fullmatch(text) is not None


def check_name(name: str) -> None:
    """Make sure, before hours of work, that a model can be registered by a name.

    Raises:
        UsageError: when it cannot be one.
        MissingDependencyError: without MLflow.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"'{name}' is no name for a model", hint="letters, digits, '-', '_' and '.' without spaces")
    if find_spec("mlflow") is None:
        raise MissingDependencyError("the registry of models needs mlflow, which is not installed", hint=_EXTRA)


def check_alias(alias: str) -> None:
    """Make sure that a word can be an alias.

    Raises:
        UsageError: when it cannot.
    """
    if re.fullmatch(r"[A-Za-z_][\w.-]*", alias) is None or alias.lower() == LATEST or re.fullmatch(r"v\d+", alias):
        raise UsageError(f"'{alias}' is no alias", hint="a word such as 'champion'; neither 'latest' nor 'v1'")


def bundle_of(reference: str, uri: str | None = None) -> Path:
    """Give the folder of the bundle that ``name:version`` or ``name@alias`` means.

    Raises:
        InputNotFoundError: when there is none.
        InputError: when it is not what was registered.
    """
    registry = open_registry(uri)
    return registry.bring(registry.find(reference))


def register_model(
    model: Model, name: str, registry: Registry, *, metrics: Mapping[str, float] | None = None
) -> Registered:
    """Register a model: its bundle, with its weights, in a folder of its own.

    Args:
        model: the model.
        name: under which name.
        registry: where.
        metrics: measures of it, by name.

    Raises:
        UsageError: when the name cannot be one, or the model has no weights.
    """
    from bundle_engine.experiment.assembly import assemble
    from bundle_engine.experiment.prediction import metadata_of

    check_name(name)
    with tempfile.TemporaryDirectory(prefix="bundle_engine_") as aside:
        folder = Path(aside, model.bundle.name)
        if model.weights:
            assemble(model, folder)
        else:
            shutil.copytree(model.bundle, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        found = dict(metrics or {})
        if (metric := model.source.get("metric")) is not None and not found:
            found["validation"] = float(metric)
        tags = {
            "digest": _digest(folder),
            "bundle": model.bundle.name,
            "bundle_version": str(metadata_of(model.bundle).get("version", "")),
            "weights": str(max(1, len(model.weights))),
            "run": str(model.source.get("run", "")),
            "parent": ", ".join(str(each.get("run", "")) for each in model.source.get("members", ())),
            "metrics": json.dumps(found),
        }
        return registry.register(folder, name, {key: value for key, value in tags.items() if value})


class MLflowRegistry:
    """The registry of MLflow.

    Args:
        uri: where it is: a database or a server.
        shown: the same without secrets.

    Raises:
        TrackingError: when it cannot be used.
    """

    def __init__(self, uri: str, shown: str = "") -> None:
        from bundle_engine.workflow.tracking.store import connect

        self.shown = shown or uri
        try:
            self._client, self._experiment = connect(uri, _EXPERIMENT)
        except TrackingError as error:
            raise TrackingError(
                f"the registry '{self.shown}' cannot be used: {error.message}",
                hint=f"--registry_uri, {URI_VARIABLE} or MLFLOW_TRACKING_URI say where the registry is",
            ) from None
        self._uri = uri

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> Registered:
        """Add a bundle's folder as the next version of a model."""
        with self._said("register the model"), _quiet():
            run = self._client.create_run(self._experiment.experiment_id, run_name=name)
            try:
                self._client.log_artifacts(run.info.run_id, str(folder), folder.name)
                self._make(name)
                made = self._client.create_model_version(
                    name, f"{run.info.artifact_uri}/{folder.name}", run_id=run.info.run_id, tags=dict(tags)
                )
                self._client.set_terminated(run.info.run_id)
            except BaseException:
                self._client.set_terminated(run.info.run_id, "FAILED")
                raise
        return _read(made, ())

    def versions(self, name: str | None = None) -> list[Registered]:
        """Give the versions of a model, or of all, the oldest first."""
        with self._said("list the models"):
            models = {each.name: each for each in self._client.search_registered_models(max_results=1000)}
            if name is not None and name not in models:
                raise self._unknown(name, list(models))
            found = []
            for each in models.values() if name is None else [models[name]]:
                known = each.aliases or {}
                for row in self._client.search_model_versions(f"name='{each.name}'"):
                    aliases = [alias for alias, version in known.items() if str(version) == str(row.version)]
                    found.append(_read(row, aliases))
        return sorted(found, key=lambda each: (each.name, each.version))

    def find(self, reference: str) -> Registered:
        """Give the version that ``name:3``, ``name@alias``, ``name:latest`` or ``name`` means.

        Raises:
            InputNotFoundError: when there is none.
        """
        match = _REFERENCE.fullmatch(reference)
        name = match["name"] if match else reference
        rows = self.versions(name)
        if not rows:
            raise InputNotFoundError(f"the model '{name}' has no versions")
        if match and match["alias"]:
            found = [row for row in rows if match["alias"] in row.aliases]
            known = sorted({alias for row in rows for alias in row.aliases})
            hint = f"it has the aliases {', '.join(known)}" if known else f"it has none: models alias {name} ALIAS N"
        elif match and match["version"] != LATEST:
            found = [row for row in rows if row.version == int(match["version"])]
            hint = f"it has {', '.join(str(row.version) for row in rows)}"
        else:
            found, hint = rows[-1:], ""
        if not found:
            what = "alias" if match and match["alias"] else "version"
            wanted = match["alias"] or match["version"] if match else ""
            raise InputNotFoundError(f"the model '{name}' has no {what} '{wanted}'", hint=hint)
        return found[-1]

    def set_alias(self, name: str, alias: str, version: int | None) -> int | None:
        """Let an alias stand for a version, or for none; give the one that it stood for before.

        Raises:
            InputNotFoundError: when there is no such version; or no such alias, where it is to be taken away.
            UsageError: when it can be no alias.
        """
        check_alias(alias)
        before = next((row.version for row in self.versions(name) if alias in row.aliases), None)
        self.find(f"{name}@{alias}" if version is None else f"{name}:{version}")
        with self._said("set the alias"):
            if version is None:
                self._client.delete_registered_model_alias(name, alias)
            else:
                self._client.set_registered_model_alias(name, alias, str(version))
        return before

    def bring(self, version: Registered) -> Path:
        """Give the folder of a version's bundle: a copy in the user's cache, so that the registry stays as it is.

        A copy from a server is a bundle from elsewhere, which needs approval before its code runs.

        Raises:
            InputError: when it is gone, or is not what was registered.
        """
        from bundle_engine.bundle.origin import BundleOrigin, write_origin
        from bundle_engine.data.store import default_folder

        cache = default_folder() / "models"
        digest = version.tags.get("digest", "")
        target = cache / (digest[:32] or "unknown") / (version.tags.get("bundle") or version.name)
        if target.is_dir() and digest:
            if _digest(target) == digest:
                return target
            raise InputError(
                f"the copy of the model '{version.name}:{version.version}' in '{target}' was changed since it was made",
                hint="move away what should be kept of it, and remove the folder",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as aside:
            with self._said("get the model"):
                got = Path(self._fetched(version.source, Path(aside)))
            if digest and _digest(got) != digest:
                raise InputError(
                    f"the model '{version.name}:{version.version}' is not what was registered: its digest is another",
                    hint=f"somebody changed '{version.source}'; register it anew",
                )
            if not _is_local(version.source):
                write_origin(got, BundleOrigin("registry", self.shown, str(version.version), tree_digest=digest))
            os.replace(got, target)
        return target

    def _fetched(self, source: str, folder: Path) -> str:
        import mlflow

        with _quiet():
            got: str = mlflow.artifacts.download_artifacts(
                artifact_uri=source, dst_path=str(folder), tracking_uri=self._uri
            )
        return got

    def _make(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Turn what MLflow raises into an error of ours."""
        try:
            yield
        except BundleEngineError:
            raise
        except Exception as error:  # of MLflow, of SQLAlchemy, of requests, of the system
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise TrackingError(f"cannot {what} in '{self.shown}': {reason}") from error

    def _unknown(self, name: str, known: list[str]) -> InputNotFoundError:
        near = matches(name, known)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(known)}" if known else None
        return InputNotFoundError(f"there is no model '{name}' in the registry '{self.shown}'", hint=hint)


def _read(row: Any, aliases: Any) -> Registered:
    return Registered(
        row.name,
        int(row.version),
        str(row.source),
        {str(key): str(value) for key, value in (row.tags or {}).items()},
        tuple(sorted(aliases)),
        (row.creation_timestamp or 0) / 1000,
    )


def _is_local(source: str) -> bool:
    return urlparse(source).scheme in ("", "file")


def _digest(folder: Path) -> str:
    from bundle_engine.bundle.digests import digest_of, tree_digests

    return digest_of(tree_digests(folder))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from drawing progress bars, and from telling of runs and of its waiting on the way."""
    logger = logging.getLogger("mlflow.store.model_registry")
    level, before = logger.level, {name: os.environ.get(name) for name in _SILENT}
    os.environ.update(_SILENT)
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
