"""Add experiment tracking to a config that knows nothing of it.

Settings for tracking are a mapping in MONAI's form. ``configs`` holds items to add at the root of the config, each
unless it is there already; those whose names ``handlers_id`` knows are not items but handlers, and go to the handlers
of the engine of that name, if the config has one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import EXPRESSION, MACRO, REFERENCE, SEP, TARGET
from bundle_engine.errors import InputError, InputNotFoundError, MissingDependencyError, Place
from bundle_engine.workflow.files import near_files
from bundle_engine.workflow.masking import hidden

__all__ = [
    "ARTIFACTS",
    "DEFAULT_EXP_MGMT_SETTINGS",
    "DEFAULT_HANDLERS_ID",
    "DEFAULT_MLFLOW_SETTINGS",
    "is_tracking",
    "patch_tracking",
    "read_tracking_settings",
    "save_executed_config",
]

SOURCE = "tracking"
ARTIFACTS = "tracking_artifacts"  # id of files to upload at the end of the run, such as the trained network
SAVED_CONFIG = "save_execute_config"
MLFLOW_HANDLER = "bundle_engine.workflow.tracking.handler.MLFlowHandler"
_MLFLOW_HANDLERS = ("MLFlowHandler", "monai.handlers.MLFlowHandler", "monai.handlers.mlflow_handler.MLFlowHandler")

DEFAULT_HANDLERS_ID: dict[str, dict[str, str]] = {
    "trainer": {"id": "train::trainer", "handlers": "train::handlers"},
    "validator": {"id": "validate::evaluator", "handlers": "validate::handlers"},
    "evaluator": {"id": "evaluator", "handlers": "handlers"},
}


def _mlflow_handler(**more: Any) -> dict[str, Any]:
    return {
        "_target_": "MLFlowHandler",
        "_disabled_": "@is_not_rank0",
        "tracking_uri": "@tracking_uri",
        "experiment_name": "@experiment_name",
        "run_name": "@run_name",
        **more,
    }


DEFAULT_MLFLOW_SETTINGS: dict[str, Any] = {
    "handlers_id": DEFAULT_HANDLERS_ID,
    "configs": {
        "output_dir": "$@bundle_root + '/eval'",
        # one database for all runs from this folder, and the one that `mlflow ui` opens here by itself
        "tracking_uri": "$monai.utils.path_to_sqlite_uri('mlflow.db')",
        "experiment_name": "monai_experiment",
        "run_name": None,
        "save_execute_config": True,
        "is_not_rank0": "$torch.distributed.is_available() and torch.distributed.is_initialized()"
        " and torch.distributed.get_rank() > 0",
        "trainer": _mlflow_handler(
            artifacts="@save_execute_config",
            iteration_log=True,
            epoch_log=True,
            tag_name="train_loss",
            output_transform="$monai.handlers.from_engine(['loss'], first=True)",
            close_on_complete=True,
        ),
        "validator": _mlflow_handler(iteration_log=False),
        "evaluator": _mlflow_handler(artifacts="@save_execute_config", iteration_log=False, close_on_complete=True),
    },
}

DEFAULT_EXP_MGMT_SETTINGS: dict[str, dict[str, Any]] = {"mlflow": DEFAULT_MLFLOW_SETTINGS}


def is_tracking(tracking: str | os.PathLike[str] | Mapping[str, Any] | None) -> bool:
    """Tell whether anything is to be tracked: None and ``none`` stand for nothing."""
    return tracking is not None and str(tracking).lower() != "none"


def read_tracking_settings(tracking: str | os.PathLike[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the settings that ``tracking`` stands for.

    Args:
        tracking: ``mlflow``, the path of a JSON or YAML file with settings, or the settings themselves.

    Raises:
        InputNotFoundError: when it is neither a known name nor a file.
        InputError: when the settings have no ``configs``.
        MissingDependencyError: for ``mlflow`` when that is not installed.
    """
    place = Place("code")
    if isinstance(tracking, Mapping):
        settings: Any = tracking
    elif str(tracking) in DEFAULT_EXP_MGMT_SETTINGS:
        _need(str(tracking))
        settings = DEFAULT_EXP_MGMT_SETTINGS[str(tracking)]
    else:
        place = Place(str(tracking))
        if not os.path.splitext(tracking)[1]:
            known = ", ".join(DEFAULT_EXP_MGMT_SETTINGS)
            raise InputNotFoundError(
                f"tracking '{tracking}' is neither a known name ({known}) nor a JSON or YAML file",
                hint=near_files(tracking, (".json", ".yaml", ".yml")),
            )
        settings = ConfigParser.load_config_files(tracking)
    if not isinstance(settings.get("configs"), Mapping):
        raise InputError(
            "settings for tracking need a mapping 'configs'",
            place=place,
            hint="'configs' holds items to add to the config, and handlers by the names in 'handlers_id'",
        )
    return {"handlers_id": DEFAULT_HANDLERS_ID, **settings}


def _need(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingDependencyError(
            f"tracking with {package} needs a package that is not installed",
            hint="pip install 'bundle-engine[tracking]'",
        )


def patch_tracking(parser: ConfigParser, settings: Mapping[str, Any]) -> None:
    """Add the items and handlers of tracking settings to a config, and say where its copy will be saved.

    Args:
        parser: the config, with all overrides applied.
        settings: see `read_tracking_settings`.
    """
    for name, value in settings["configs"].items():
        if name in settings["handlers_id"]:
            _add_handler(parser, name, settings["handlers_id"][name], deepcopy(value))
        elif name not in parser:
            parser.override({name: deepcopy(value)}, source=SOURCE)
    wanted = parser.get(SAVED_CONFIG, True)
    if wanted is True:
        if "output_dir" not in parser:
            parser.override({"output_dir": "$@bundle_root + '/eval'"}, source=SOURCE)
        file = f"config_{time.strftime('%Y%m%d_%H%M%S')}.json"
        parser.override({SAVED_CONFIG: f"{EXPRESSION}{REFERENCE}output_dir + '/{file}'"}, source=SOURCE)
    elif not wanted:
        parser.override({SAVED_CONFIG: None}, source=SOURCE)


def _add_handler(parser: ConfigParser, engine_name: str, ids: Mapping[str, str], handler: Any) -> None:
    if parser.get(ids["id"]) is None:
        return
    if isinstance(handler, dict) and handler.get(TARGET) in _MLFLOW_HANDLERS:
        handler[TARGET] = MLFLOW_HANDLER  # the same, within the run that the workflow tracks
    argument = "train_handlers" if engine_name == "trainer" else "val_handlers"
    place = ids["handlers"]
    if parser.get(place) is None:
        place = f"{ids['id']}{SEP}{argument}"
    if isinstance(parser.get(place), str) and parser.get(place).startswith(MACRO):
        parser.resolve_macro_and_relative_ids()
    seen = set()
    while isinstance(target := parser.get(place), str) and target.startswith(REFERENCE) and place not in seen:
        seen.add(place)
        place = target.removeprefix(REFERENCE)
    if parser.get(place) is None:
        parser.override({place: [handler]}, source=SOURCE)
    else:
        parser.override({f"+{place}": [handler]}, source=SOURCE)


def save_executed_config(parser: ConfigParser) -> Path | None:
    """Write the config as it will run where ``save_execute_config`` says, on the first process only.

    Secrets are left open (``???``), for the file may be uploaded.

    Returns:
        the file, or None when nothing is to be written.
    """
    if os.environ.get("RANK", "0") != "0" or parser.get(SAVED_CONFIG) is None:
        return None
    path = Path(parser.get_parsed_content(SAVED_CONFIG))
    path.parent.mkdir(parents=True, exist_ok=True)
    parser.export_config_file(hidden(parser.get()), str(path), default=str)
    return path
