"""Find in a bundle what an export needs: the config with the network, the checkpoint, the metadata."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser, Id
from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import META, PATH_SUFFIXES, TARGET
from bundle_engine.errors import BundleEngineError, BundleEngineWarning, InputError, InputNotFoundError, UsageError
from bundle_engine.export.request import Request
from bundle_engine.metadata.data_format import NETWORK, DataFormat, read_data_format
from bundle_engine.workflow.files import as_files, check_files
from bundle_engine.workflow.roots import bundle_root_of

__all__ = ["NETWORK_IDS", "Subject", "find_checkpoint", "find_subject"]

NETWORK_IDS = ("network_def", "network", "net")
_WORKFLOWS = ("inference", "evaluate", "train")  # in this order: the first needs the least
_METADATA = ("metadata.json", "metadata.yaml", "metadata.yml")
_CHECKPOINTS = ("model.safetensors", "model.pt", "model.pth", "model.ckpt", "model.bin")


@dataclass(frozen=True)
class Subject:
    """What is to be exported, as it was found.

    Attributes:
        root: the bundle's folder.
        parser: the config, with metadata and overrides.
        files: the files of the config.
        net_id: id of the network.
        metadata: the metadata; empty where there is none.
    """

    root: Path
    parser: ConfigParser
    files: tuple[Path, ...]
    net_id: str
    metadata: Mapping[str, Any]

    def data_format(self) -> DataFormat | None:
        """Give the network's inputs and outputs as the metadata describes them; None where it does not.

        A network other than ``network_def`` may have a description of its own: ``autoencoder_data_format`` is for
        ``autoencoder_def``.

        Raises:
            InputError: when the description cannot be used.
        """
        own = f"{self.net_id.removesuffix('_def')}_data_format"
        key = own if own in self.metadata else NETWORK
        if self.metadata.get(key) is None:
            return None
        try:
            return read_data_format(self.metadata, key=key)
        except InputError as error:
            error.notes = (*error.notes, "the sizes of the input come from the metadata; --input_shape gives one")
            raise


def find_subject(request: Request) -> Subject:
    """Read the config that has the network, and its metadata. Overrides that reach nothing are warned of.

    Raises:
        InputError: when a file cannot be read, or there is no network in it.
        UsageError: when neither a config nor a bundle is named.
    """
    if request.config_file is not None:
        if isinstance(request.config_file, Mapping):
            raise UsageError("config_file names files", hint="write the config to a file, which the export includes")
        check_files(request.config_file, "config")
        files = tuple(Path(file) for file in as_files(request.config_file))
        named = request.override.get("bundle_root")
        root = request.bundle or (Path(named).absolute() if isinstance(named, str) else bundle_root_of(files[0]))
        parser = _read(files, root, request)
        return _subject(root, parser, files, _network_in(parser, request.net_id, files))
    if request.bundle is None:
        raise UsageError("nothing is named that has a network", hint="--bundle DIR, or --config_file FILE")
    return _find_in_bundle(request.bundle, request)


def find_checkpoint(subject: Subject, request: Request) -> tuple[Path, str | None]:
    """Find the file with the weights.

    It is the one asked for; or ``models/model.safetensors``, ``models/model.pt`` (...) of the bundle; or the one that a
    ``CheckpointLoader`` of the config loads; or a file ``model.*`` in the config's ``ckpt_dir``.

    Returns:
        the file, and where in it the weights stand; None where that is to be found.

    Raises:
        InputNotFoundError: when there is none; the message lists the places.
    """
    if request.ckpt_file is not None:
        check_files(request.ckpt_file, "checkpoint")
        return Path(request.ckpt_file), request.key_in_ckpt
    folders = [subject.root / "models"]
    if request.bundle is None:  # MONAI's default
        folders.append(Path("models").absolute())
    looked: list[Path] = []
    for path, key in (*((folder / "model.*", None) for folder in folders), *_named_by_config(subject)):
        names = _CHECKPOINTS if path.name == "model.*" else (path.name,)
        for name in names:
            if (path.parent / name).is_file():
                return path.parent / name, request.key_in_ckpt or key
        looked.append(path)
    raise InputNotFoundError(
        "there is no checkpoint with weights for the network",
        notes=[f"not there: {path}" for path in dict.fromkeys(looked)],
        hint="--ckpt_file names it; --initial_weights exports the network untrained, for tests",
    )


def _find_in_bundle(root: Path, request: Request) -> Subject:
    configs = root / "configs"
    if not configs.is_dir():
        raise InputNotFoundError(f"'{root}' is no bundle: it has no folder 'configs'")
    there = [file for file in sorted(configs.iterdir()) if file.suffix.lower() in PATH_SUFFIXES]
    there = [file for file in there if file.stem not in ("metadata", "logging")]
    there.sort(key=lambda file: _WORKFLOWS.index(file.stem) if file.stem in _WORKFLOWS else len(_WORKFLOWS))
    if not there:
        raise InputNotFoundError(f"the bundle '{root}' has no configs", hint=f"they stand in '{configs}'")
    failure: BundleEngineError | None = None
    for file in there:
        try:
            parser = _read((file,), root, request)
            return _subject(root, parser, (file,), _network_in(parser, request.net_id, (file,)))
        except InputError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _read(files: tuple[Path, ...], root: Path, request: Request) -> ConfigParser:
    parser = ConfigParser()
    parser.bundle_root = root
    parser.read_config([str(file) for file in files])
    metadata = _metadata_of(files, root, request)
    if metadata is not None:
        parser.read_meta(metadata)
    if request.bundle is not None and "bundle_root" in parser and "bundle_root" not in request.override:
        parser.override({"bundle_root": str(root)}, source="--bundle")
    if request.override:
        parser.override(dict(request.override), source="command line")
    return parser


def _metadata_of(files: tuple[Path, ...], root: Path, request: Request) -> Any:
    if request.meta_file is not None:
        check_files(request.meta_file, "metadata")
        return as_files(request.meta_file)
    folders = dict.fromkeys((files[0].parent, root / "configs"))
    paths = (folder / name for folder in folders for name in _METADATA)
    return next((str(path) for path in paths if path.is_file()), None)


def _subject(root: Path, parser: ConfigParser, files: tuple[Path, ...], net_id: str) -> Subject:
    metadata = parser.get(META)
    for message in parser.unused_overrides(net_id, META, "bundle_root").values():
        warnings.warn(message, BundleEngineWarning, stacklevel=2)
    return Subject(root, parser, files, net_id, metadata if isinstance(metadata, Mapping) else {})


def _network_in(parser: ConfigParser, net_id: str | None, files: tuple[Path, ...]) -> str:
    """Give the id of the network."""
    for id in (net_id,) if net_id is not None else NETWORK_IDS:
        if id in parser:
            return id
    written = parser.get()
    components = [
        str(name) for name, value in written.items() if isinstance(value, Mapping) and TARGET in value and name != META
    ]
    named = ", ".join(f"'{file}'" for file in files)
    if net_id is not None:
        near = matches(net_id, [str(name) for name in written])
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(components[:12])}"
        raise InputError(f"there is no network '{net_id}' in {named}", hint=hint)
    raise InputError(
        f"there is no network in {named}: none of {', '.join(NETWORK_IDS)}",
        hint=f"--net_id names it; there are {', '.join(components[:12])}" if components else "--net_id names it",
    )


def _named_by_config(subject: Subject) -> Iterator[tuple[Path, str | None]]:
    """Give the files with weights that a config speaks of."""
    parser = subject.parser
    for id, value in _mappings(parser.get(), Id()):
        if str(value.get(TARGET, "")).rpartition(".")[2] == "CheckpointLoader" and "load_path" in value:
            keys = list(value["load_dict"]) if isinstance(value.get("load_dict"), Mapping) else []
            if (path := _path_at(parser, id.child("load_path"))) is not None:
                yield path, keys[0] if len(keys) == 1 else None
    for name in ("ckpt_path", "ckpt_file", "checkpoint"):
        if name in parser and (path := _path_at(parser, Id((name,)))) is not None:
            yield path, None
    if "ckpt_dir" in parser and (folder := _path_at(parser, Id(("ckpt_dir",)))) is not None:
        yield folder / "model.*", None


def _mappings(value: Any, id: Id) -> Iterator[tuple[Id, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield id, value
        for key, item in value.items():
            if key != META:
                yield from _mappings(item, id.child(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mappings(item, id.child(index))


def _path_at(parser: ConfigParser, id: Id) -> Path | None:
    try:
        value = parser.get_parsed_content(str(id))
    except Exception:  # the config may need data that is not here, and there are other places to look
        return None
    return Path(value) if isinstance(value, (str, Path)) and str(value) else None
