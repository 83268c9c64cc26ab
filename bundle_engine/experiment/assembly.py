"""Put a model into a folder of its own: a bundle whose configs find its weights beside them.

An ensemble becomes a bundle whose inference and evaluate configs have an `EnsembleInferer`; everything that takes a
bundle takes it. What the training changed of the bundle's configs, such as the width of the network, stands in them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.ids import PATH_SUFFIXES, REFERENCE, SEP, split_operator
from bundle_engine.errors import InputError, UsageError
from bundle_engine.evaluation import sets
from bundle_engine.evaluation.sets import Places
from bundle_engine.experiment.ensemble import handlers_of, is_loader, loaders_apart, loading_elsewhere, voting
from bundle_engine.experiment.models import Model
from bundle_engine.workflow.approval import require_approval

__all__ = ["WEIGHTS", "assemble", "weights_names"]

WEIGHTS = "models"
_ROOT = "$@bundle_root + '/{}'"
_TEXTS = ("license", "licence", "readme", "notice", "data_license", "citation")
_DATA = ("dataset", "dataloader", "datalist", "data", "dataset_dir", "data_dir")  # first parts of ids: of one machine


def assemble(model: Model, folder: Path) -> list[str]:
    """Write a bundle that brings its weights along.

    Args:
        model: the model; it needs weights.
        folder: the new folder; it must not be there.

    Returns:
        the paths of the weights in it.

    Raises:
        UsageError: when the folder is there, or cannot be written, or there are no weights.
        InputError: when weights or configs cannot be read; the folder is not made then.
    """
    if folder.exists():
        raise UsageError(f"'{folder}' is there already", hint="name another folder, or remove it")
    if not model.weights:
        raise UsageError(f"the model '{model.name}' has no weights of its own to pack")
    require_approval(model.bundle)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        for entry in sorted(model.bundle.iterdir()):
            if _belongs(entry):
                _copy(entry, aside / entry.name)
        names = weights_names(model)
        _write_weights(model, aside, names)
        _write_configs(model, aside, names)
        os.replace(aside, folder)
    except OSError as error:
        raise UsageError(f"cannot write '{folder}': {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return names


def weights_names(model: Model) -> list[str]:
    """Give the paths of weights in their model's folder: ``models/model.pt``, or ``models/model_0.pt`` and so on."""
    if not model.is_ensemble:
        return [f"{WEIGHTS}/model.pt"]
    width = len(str(len(model.weights) - 1))
    return [f"{WEIGHTS}/model_{number:0{width}}.pt" for number in range(len(model.weights))]


def _belongs(entry: Path) -> bool:
    """Tell whether something in a bundle's folder is part of it, and no result, no data and no weights."""
    if entry.name.startswith("."):
        return False
    if entry.is_dir():
        return entry.name in ("configs", "scripts", "docs") or (entry / "__init__.py").is_file()
    return entry.suffix == ".py" or entry.stem.lower() in _TEXTS


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copyfile(source, target)


def _write_weights(model: Model, folder: Path, names: list[str]) -> None:
    """Write plain weights, without whatever else a checkpoint has."""
    from bundle_engine.workflow.checkpoints import read_weights, write_checkpoint

    (folder / WEIGHTS).mkdir()
    for source, name in zip(model.weights, names, strict=True):
        write_checkpoint(folder / name, read_weights(source, key=model.key))


# --- configs ---


def _write_configs(model: Model, folder: Path, names: list[str]) -> None:
    configs = [
        path
        for path in sorted((model.bundle / "configs").iterdir())
        if path.suffix.lower() in PATH_SUFFIXES and path.stem not in ("metadata", "logging")
    ]
    shared = _shared_overrides(model, configs)
    found = False
    for path in configs:
        raw = ConfigParser.load_config_file(path)
        document = ConfigParser(raw)
        own = {key: value for key, value in shared.items() if _stands_in(raw, key)}
        if own:
            document.override(own)
        parser = sets.read_parser([path], model.bundle, model.overrides)
        changes: dict[str, Any] = {}
        if (places := _places_of(parser)) is not None:
            changes = _with_weights(parser, places, names)
            found = True
        for key in changes:
            _write_out(document, parser, key)
        document.override(changes)
        if own or changes:
            if "bundle_root" not in document:
                document.override({"bundle_root": "."})
            _dump(document.get(), path, folder / "configs" / path.name)
    if not found:
        raise InputError(
            f"the bundle '{model.bundle}' has no config that applies the network",
            hint="write configs/inference.yaml with an evaluator",
        )


def _places_of(parser: ConfigParser) -> Places | None:
    """Give the parts of a config that works with trained weights; None for another."""
    try:
        places = sets.places_of(parser)
    except UsageError:
        return None
    return None if f"train{SEP}trainer" in parser else places


def _with_weights(parser: ConfigParser, places: Places, names: list[str]) -> dict[str, Any]:
    """Give what to change so that a config loads the weights of the folder."""
    files = [_ROOT.format(name) for name in names]
    if len(files) > 1:
        changes = {id: value for id, value in voting(parser, places, files).items() if not id.endswith("_disabled_")}
        kept = [handler for _, handler in handlers_of(parser, places) if not is_loader(handler)]
        if places.handlers in parser:
            changes[places.handlers] = kept
        return changes
    changes = {
        id: value
        for id, value in loading_elsewhere(parser, places, files[0]).items()
        if not id.endswith(f"{SEP}_disabled_")
    }
    apart = dict(loaders_apart(parser))
    changes = {id: value for id, value in changes.items() if id not in apart}
    for at, handler in (*handlers_of(parser, places), *apart.items()):
        written = handler.get("load_path")
        if is_loader(handler) and not (isinstance(written, str) and written.removeprefix(REFERENCE) in changes):
            changes[f"{at}{SEP}load_path"] = files[0]
    return changes


def _shared_overrides(model: Model, configs: list[Path]) -> dict[str, Any]:
    """Give those overrides of a training that what applies the network takes over, such as those of the network."""
    roots: set[str] = set()
    for path in configs:
        parser = sets.read_parser([path], model.bundle, {})
        if _places_of(parser) is not None:
            roots |= {str(id) for id in parser.get()}
    return {
        key: value
        for key, value in model.overrides.items()
        if (root := str(Id.parse(split_operator(key)[1])[0])) in roots and root not in _DATA
    }


def _stands_in(raw: Mapping[str, Any], key: str) -> bool:
    """Tell whether a document has an id itself, and not by a macro."""
    root = str(Id.parse(split_operator(key)[1])[0])
    return root in raw and not (isinstance(raw[root], str) and raw[root].startswith("%"))


def _write_out(document: ConfigParser, parser: ConfigParser, key: str) -> None:
    """Write a macro out where something inside of it is going to be changed."""
    root = str(Id.parse(key)[0])
    if isinstance(document.get(root), str):
        document.override({root: parser.get(root)})


def _dump(content: Any, source: Path, target: Path) -> None:
    dump: Callable[[Any], str]
    if source.suffix.lower() == ".json":
        dump = _as_json
    else:
        dump = _as_yaml
    target.write_text(dump(content), encoding="utf-8")


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=4, ensure_ascii=False, default=str) + "\n"


def _as_yaml(content: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return text
