"""The commands of the registry of models: register, models."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.modelling import MODEL_OPTIONS, named_model

if TYPE_CHECKING:
    from bundle_engine.experiment.registry import Registered, Registry

__all__ = ["REGISTERING", "models", "register"]

_ACTIONS = {"list": (0, 1), "show": (1, 1), "get": (1, 1), "alias": (2, 3)}
_SHORT = 12  # characters of a digest


def register(
    model: str | None = None,
    *,
    name: str | None = None,
    bundle: str | None = None,
    local_weights_path: Any = None,
    weights_url: Any = None,
    model_id: str | None = None,
    which: str | None = None,
    epochs_to_test: Any = None,
    alias: str | None = None,
    metrics_file: str | None = None,
    registry_uri: str | None = None,
    key_in_ckpt: str | None = None,
) -> int:
    """Register a model; ``bundle-engine register --help`` explains the options."""
    from bundle_engine.cli.bundles import find_bundle
    from bundle_engine.errors import UsageError
    from bundle_engine.experiment.registry import check_alias, open_registry, register_model

    if name is None:
        raise UsageError("the model needs a name", hint="--name NAME; a name that is there gets a further version")
    if alias is not None:
        check_alias(alias)
    found = named_model(
        model, bundle, local_weights_path, weights_url, model_id, which, epochs_to_test, key_in_ckpt, find_bundle
    )
    metrics = None if metrics_file is None else _metrics_of(metrics_file)
    registry = open_registry(registry_uri, make=True)
    made = register_model(found, name, registry, metrics=metrics)
    if alias is not None:
        registry.set_alias(name, alias, made.version)
    print(f"registered {made.name}:{made.version} in {registry.shown}" + (f", as {name}@{alias}" if alias else ""))
    return 0


def models(
    action: str | None = None,
    name: str | None = None,
    alias: str | None = None,
    version: str | int | None = None,
    *,
    registry_uri: str | None = None,
    format: str | None = None,
) -> int:
    """List, show, get and name registered models; ``bundle-engine models --help`` explains the options."""
    from bundle_engine.cli.showing import as_json, check_format, write
    from bundle_engine.config.closest import either, matches
    from bundle_engine.errors import UsageError
    from bundle_engine.experiment.registry import open_registry

    format = format or "text"
    check_format(format, ("text", "json"))
    action = action or "list"
    if action not in _ACTIONS:
        near = matches(action, list(_ACTIONS))
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(_ACTIONS)}"
        raise UsageError(f"models does not know '{action}'", hint=hint)
    given = [each for each in (name, alias, version) if each is not None]
    least, most = _ACTIONS[action]
    if not least <= len(given) <= most:
        takes = {"list": "[NAME]", "show": "NAME[:VERSION]", "get": "NAME:VERSION", "alias": "NAME ALIAS [VERSION]"}
        raise UsageError(f"models {action} takes {takes[action]}", hint="models --help has examples")
    registry = open_registry(registry_uri)
    if action == "list":
        rows = registry.versions(name)
        write(as_json([_row(each) for each in rows]) if format == "json" else _table(rows))
    elif action == "alias":
        print(_alias(registry, str(name), str(alias), None if version is None else str(version)))
    else:
        found = registry.find(str(name))
        if action == "get":
            print(registry.bring(found))
        else:
            write(as_json(_row(found)) if format == "json" else _told(found))
    return 0


def _alias(registry: Registry, name: str, alias: str, number: str | None) -> str:
    """Let an alias stand for a version, or for none, and say what it was before."""
    from bundle_engine.errors import UsageError

    model, colon, own = name.partition(":")
    if colon and number is not None:
        raise UsageError(f"the version is given twice, as '{name}' and as '{number}'")
    number = own if colon else number
    if number is not None and not number.isdigit():
        raise UsageError(f"'{number}' is no version", hint="versions are numbers: models alias NAME ALIAS 3")
    before = registry.set_alias(model, alias, None if number is None else int(number))
    if number is None:
        return f"{model}@{alias} is nothing any more; it was version {before}"
    was = f"; it was version {before}" if before is not None and before != int(number) else ""
    return f"{model}@{alias} is version {int(number)}{was}"


def _metrics_of(file: str) -> dict[str, float]:
    """Read metrics: a JSON or YAML file with numbers by name."""
    from bundle_engine.config import ConfigParser
    from bundle_engine.errors import InputError

    content = ConfigParser.load_config_file(file)
    found = {str(name): value for name, value in content.items() if isinstance(value, int | float)}
    if not found:
        raise InputError(f"there are no numbers in '{file}'", hint="expected is a mapping such as dice: 0.91")
    return {name: float(value) for name, value in found.items()}


def _row(each: Registered) -> dict[str, Any]:
    return {
        "name": each.name,
        "version": each.version,
        "aliases": list(each.aliases),
        "registered": _when(each.time),
        "metrics": each.metrics,
        "tags": {key: value for key, value in each.tags.items() if key != "metrics"},
        "source": each.source,
    }


def _table(rows: list[Registered]) -> str:
    if not rows:
        return "no models are registered"
    lines = [("model", "aliases", "registered", "networks", "run", "metrics")]
    for each in rows:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in each.metrics.items())
        lines.append(
            (f"{each.name}:{each.version}", ", ".join(each.aliases), _when(each.time), each.tags.get("weights", "1"),
             each.tags.get("run", ""), metrics)
        )  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _told(each: Registered) -> str:
    rows = [
        ("model", f"{each.name}:{each.version}"),
        ("aliases", ", ".join(each.aliases)),
        ("registered", _when(each.time)),
        *((key, value[:_SHORT] if key == "digest" else value) for key, value in sorted(each.tags.items())
          if key != "metrics"),
        *((f"metric {name}", f"{value:.6g}") for name, value in each.metrics.items()),
        ("kept in", each.source),
    ]  # fmt: skip
    rows = [row for row in rows if row[1]]
    width = max(len(key) for key, _ in rows)
    return "\n".join(f"{key.ljust(width)}  {value}" for key, value in rows)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _load_register() -> Callable[..., int]:
    return register


def _load_models() -> Callable[..., int]:
    return models


_URI = Option(
    "registry_uri",
    "text",
    "URI",
    "the registry: a database, sqlite:///FOLDER/mlflow.db, or the address of an MLflow server (default: what"
    " MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI names, or mlflow.db in the working directory)",
)
REGISTERING: tuple[Command, ...] = (
    Command(
        name="register",
        summary="keep a trained model in the registry, under a name and with a version",
        usage="--model MODEL --name NAME [OPTIONS]",
        options=(
            Option("model", "text", "MODEL", "a run, a cross-validation, or a folder with a model; see predict"),
            Option("name", "text", "NAME", "name of the model; one that is there gets its next version"),
            Option("bundle", "file", "DIR", "a bundle, whose weights the next options name"),
            *MODEL_OPTIONS,
            Option("alias", "text", "ALIAS", "let this alias stand for the new version, such as champion"),
            Option("metrics_file", "file", "FILE", "JSON or YAML file with metrics to keep with it, by name"),
            _URI,
            Option("key_in_ckpt", "text", "KEY", "where the weights are in a file (default: found)"),
        ),
        positional=1,
        overrides=None,
        examples=(
            ("register --model last --name spleen", "the newest run, as the next version of 'spleen'"),
            ("register --model runs/spleen/20260101-cv --name spleen --alias champion", "the folds, as an ensemble"),
        ),
        load=_load_register,
        exits=((0, "registered"), (2, "the input is wrong; nothing was registered")),
    ),
    Command(
        name="models",
        summary="list, show, get and name the models of the registry",
        usage="list [NAME] | show NAME[:VERSION] | get NAME:VERSION | alias NAME ALIAS [VERSION] [OPTIONS]",
        options=(
            Option("action", "text", "ACTION", "list, show, get or alias (default: list)"),
            Option("name", "text", "NAME", "the model: a name, name:version, name:latest or name@alias"),
            Option("alias", "text", "ALIAS", "the alias to set"),
            Option(
                "version",
                "text",
                "VERSION",
                "the version that it stands for, which may also be in the name; without one, the alias is taken away",
            ),
            _URI,
            Option("format", "text", "FORMAT", "text or json (default: text)"),
        ),
        positional=4,
        overrides=None,
        examples=(
            ("models list", "all models with their versions"),
            ("models show spleen@champion", "where it came from, and its metrics"),
            ("models get spleen:3", "the folder of its bundle, on this computer"),
            ("models alias spleen champion 3", "let the alias stand for version 3"),
        ),
        load=_load_models,
        exits=((0, "done"), (2, "there is no such model")),
    ),
)
