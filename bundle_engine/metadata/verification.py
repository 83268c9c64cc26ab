"""Verify a bundle before it is handed over: all that can be told without running it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import META, PATH_SUFFIXES, Id
from bundle_engine.config.source import PathLike
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, Place, UsageError
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.check import check
from bundle_engine.inspection.findings import Finding, sort_key
from bundle_engine.inspection.overlays import workflows
from bundle_engine.inspection.subject import Subject
from bundle_engine.inspection.targets import TargetIndex
from bundle_engine.metadata.data_format import NETWORK
from bundle_engine.metadata.document import Description, find_file, leaves, read
from bundle_engine.metadata.fetching import fetch_schema
from bundle_engine.metadata.files import Progress, expected_files, large_files, named_weights, unreadable
from bundle_engine.metadata.schema import validate
from bundle_engine.metadata.tensors import tensors
from bundle_engine.metadata.versions import changelog, packages, versions

__all__ = ["verify", "verify_metadata", "verify_metadata_file"]

_NO_WORKFLOW = ("metadata", "logging")  # files in configs/ that describe something else
_NO_CONFIG = ("large_file", "large_files")
_OF_NETWORKS = "BE080"  # the first code of what only the network tells; the fields of the metadata are looked at here
_TEXTS = ("task", "description", "authors", "copyright")


def verify(
    bundle: PathLike,
    *,
    network: bool = True,
    schema: PathLike | None = None,
    use_schema_url: bool = False,
    hash_val: str | None = None,
    hash_type: str = "md5",
    ignore: Collection[str] = (),
    index: TargetIndex | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Find what is wrong with a bundle: its files, metadata, versions, configs, checksums, and its network.

    Nothing of the bundle is run, but for its network, which is built and called without values first.

    Args:
        bundle: the bundle's folder.
        network: build the network of the bundle, and hold its inputs and outputs against the metadata.
        schema: a JSON Schema for the metadata, a file or an address, in the place of the bundled one.
        use_schema_url: fetch the schema whose address the metadata names.
        hash_val: the checksum of a schema that is fetched.
        hash_type: the kind of that checksum.
        ignore: codes to leave out.
        index: what targets of configs can be; made for the bundle by default.
        progress: is told of long work on large files: bytes done, bytes to do, name of the file.

    Returns:
        the findings in the order of the text, those of one file together.

    Raises:
        InputError: when there is no such bundle, or the schema cannot be had.
    """
    folder = Path(bundle)
    if not (folder / "configs").is_dir():
        what = "has no folder 'configs'" if folder.is_dir() else "is not there"
        raise InputNotFoundError(f"'{folder}' is no bundle: it {what}")
    findings, metadata = _metadata(folder)
    if metadata is not None:
        findings += validate(metadata, _rules(metadata, schema, use_schema_url, None, True, hash_val, hash_type))
    listed, names = large_files(folder, progress)
    findings += [*expected_files(folder), *listed, *_configs(folder, names, index)]
    if network and metadata is not None and isinstance(metadata.data.get(NETWORK), dict):
        findings += _network(folder, findings)
    kept = {_told_once(each): each for each in reversed(findings) if each.code not in ignore}
    return sorted(kept.values(), key=sort_key)


def verify_metadata_file(
    meta_file: PathLike | Sequence[PathLike],
    *,
    schema: PathLike | None = None,
    use_schema_url: bool = False,
    filepath: PathLike | None = None,
    create_dir: bool = True,
    hash_val: str | None = None,
    hash_type: str = "md5",
    **options: Any,
) -> list[Finding]:
    """Find what is wrong with metadata.

    Args:
        meta_file: the file, or several that are put together, later ones on top.
        schema: a JSON Schema, a file or an address, in the place of the bundled one.
        use_schema_url: fetch the schema whose address the metadata names.
        filepath: keep the schema that is fetched in this file; asks for the address in the metadata, too.
        create_dir: make the folder of `filepath` where it is not there.
        hash_val: the checksum that the schema has to have.
        hash_type: md5, sha1, sha256 or sha512.
        options: arguments of `jsonschema.validate`, such as ``format_checker``.

    Returns:
        the findings in the order of the text.

    Raises:
        InputError: when the metadata or the schema cannot be read or had.
        UsageError: for options that do not fit together.
    """
    metadata = read(meta_file)
    rules = _rules(metadata, schema, use_schema_url, filepath, create_dir, hash_val, hash_type)
    return sorted(validate(metadata, rules, **options), key=sort_key)


def verify_metadata(
    meta_file: PathLike | Sequence[PathLike] | None = None,
    filepath: PathLike | None = None,
    create_dir: bool | None = None,
    hash_val: str | None = None,
    hash_type: str | None = None,
    args_file: PathLike | Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Raise when metadata does not fit its schema.

    Args:
        meta_file: the metadata, one file or several, later ones on top.
        filepath: fetch the schema that the metadata names, and keep it in this file.
        create_dir: make the folder of `filepath` where it is not there; by default it is made.
        hash_val: the checksum of the schema.
        hash_type: the kind of the checksum; md5 by default.
        args_file: a JSON or YAML file with these arguments; what is given here wins.
        kwargs: `schema` and `use_schema_url` as for `verify_metadata_file`; others go to `jsonschema.validate`.

    Raises:
        InputError: with all that is wrong.
        UsageError: when no metadata is named.
    """
    given = arguments_of(
        args_file,
        meta_file=meta_file,
        filepath=filepath,
        create_dir=create_dir,
        hash_val=hash_val,
        hash_type=hash_type,
        **kwargs,
    )
    findings = [each for each in verify_metadata_file(**given) if each.severity == "error"]
    if not findings:
        return
    first, *more = findings
    notes = [f"and at {each.place or each.id}: {each.message}" for each in more]
    raise InputError(first.message, id=first.id, place=first.place, hint=first.suggestion or None, notes=notes)


def arguments_of(args_file: PathLike | Mapping[str, Any] | None, **given: Any) -> dict[str, Any]:
    """Put arguments over those of a file, without the ones that are None.

    Raises:
        InputError: when the file cannot be read.
        UsageError: when no metadata is named.
    """
    from_file = args_file if isinstance(args_file, Mapping) else ConfigParser.load_config_file(args_file)
    arguments = {**from_file, **{name: value for name, value in given.items() if value is not None}}
    arguments = {name: value for name, value in arguments.items() if value is not None}
    if not arguments.get("meta_file"):
        raise UsageError("no metadata is named", hint="--meta_file configs/metadata.json")
    return arguments


# --- metadata ---


def _metadata(folder: Path) -> tuple[list[Finding], Description | None]:
    path = find_file(folder / "configs", "metadata")
    if path is None:
        place = Place(str(folder / "configs"))
        hint = "write configs/metadata.json; the ready-made bundles are examples"
        return [found("BE060", "", place, "the bundle has no metadata", hint)], None
    try:
        metadata = read(path)
    except InputError as error:
        return [unreadable(error, path)], None
    findings = [*_empty_texts(metadata), *versions(metadata), *changelog(metadata), *packages(metadata)]
    return [*findings, *tensors(metadata)], metadata


def _rules(
    metadata: Description,
    schema: PathLike | None,
    use_schema_url: bool,
    filepath: PathLike | None,
    create_dir: bool,
    hash_val: str | None,
    hash_type: str | None,
) -> Mapping[str, Any] | None:
    """Get the schema that somebody asks for; None for the bundled one."""
    address = schema
    if address is None and (use_schema_url or filepath is not None):
        address = metadata.data.get("schema")
        if not isinstance(address, str) or not address:
            hint = "write its address there, name one with --schema, or use the bundled one"
            raise InputError("the metadata has no 'schema' that names one", place=metadata.place(Id()), hint=hint)
        if urlsplit(address).scheme.lower() not in ("http", "https"):  # no file of this machine either
            place = metadata.place(Id(("schema",)))
            raise InputError(
                f"the schema of metadata is fetched by http or https, and not from '{address}'", place=place
            )
    if address is not None:
        kind = hash_type or "md5"
        return fetch_schema(address, keep_at=filepath, create_dir=create_dir, hash_val=hash_val, hash_type=kind)
    if hash_val is not None:
        raise UsageError("a checksum is for a schema that is fetched", hint="ask for one: use_schema_url, or schema")
    return None


def _empty_texts(metadata: Description) -> Iterator[Finding]:
    for key in _TEXTS:
        text = metadata.data.get(key)
        if (isinstance(text, str) and not text.strip()) or text == []:
            yield found(
                "BE064", key, metadata.place(Id((key,))), f"{key} is empty", "write it, for those who receive it"
            )


# --- configs ---


def _configs(folder: Path, listed: Collection[str], index: TargetIndex | None) -> list[Finding]:
    configs = sorted(file for file in (folder / "configs").iterdir() if file.suffix.lower() in PATH_SUFFIXES)
    files = [file for file in configs if file.stem not in (*_NO_WORKFLOW, *_NO_CONFIG)]
    if not files:
        place = Place(str(folder / "configs"))
        hint = "write configs/train.yaml, configs/inference.yaml, ..."
        return [found("BE069", "", place, "the bundle has no config to run", hint)]
    own = TargetIndex(paths=[folder.absolute()]) if index is None else None
    known: Any = own if own is not None else index
    findings: list[Finding] = []
    try:
        subjects = [_subject(folder, stack) for stack in workflows(files)]
        for subject in subjects:
            findings += check(subject, index=known, properties=properties_of(subject))
    finally:
        if own is not None:
            own.close()
    trains = any("train" in subject.files[0].stem for subject in subjects)
    return [*map(_of_the_bundle, findings), *([] if trains else _weights(folder, subjects, listed))]


def _told_once(finding: Finding) -> Any:
    """Give what makes a finding the same as another: several configs have the same value, or name the same folder."""
    if finding.code == "BE055":
        return finding.code, finding.message
    return finding.code, finding.id, finding.place, finding.message


def properties_of(subject: Subject) -> Any:
    """Give the properties that a workflow of this name must have; None where the name says nothing."""
    from bundle_engine.workflow.properties import EvalProperties, InferProperties, TrainProperties

    stem = subject.files[0].stem.lower() if subject.files else ""
    named = {"infer": InferProperties, "eval": EvalProperties, "train": TrainProperties}
    return next((table for word, table in named.items() if word in stem), None)


def _subject(folder: Path, stack: str) -> Subject:
    return Subject.load([folder / "configs" / name for name in stack.split(",")], None, folder.absolute())


def _of_the_bundle(finding: Finding) -> Finding:
    """Tell of data that are not here as a remark only: they do not travel with a bundle."""
    return replace(finding, severity="info") if finding.code == "BE055" else finding


def _weights(folder: Path, subjects: Sequence[Subject], listed: Collection[str]) -> Iterator[Finding]:
    """Find weights that the configs name, that no training makes, that are not there and not to be downloaded."""
    told: set[str] = set()
    for subject in subjects:
        config = {key: value for key, value in subject.parser.config.items() if key != META}
        texts = ((at, text) for at, text in leaves(config) if isinstance(text, str))
        for name, at in named_weights(texts).items():
            if name not in told and name not in listed and next(folder.rglob(name), None) is None:
                told.add(name)
                hint = "put it into the folder models, or list it in large_files.yml"
                yield found("BE071", at, subject.place(at), f"the weights '{name}' are not in the bundle", hint)


# --- the network ---


def _network(folder: Path, told: Sequence[Finding]) -> list[Finding]:
    """Hold the network against the metadata, unless a file cannot be read; tell nothing twice."""
    if any(finding.code in ("BE001", "BE002", "BE003", "BE069") for finding in told):
        return []
    from bundle_engine.metadata.network import verify_net_in_out

    try:
        findings = verify_net_in_out(bundle=folder)
    except BundleEngineError as error:
        return [found("BE080", error.id or "", error.place, error.message, error.hint)]
    ids = {finding.id for finding in told}
    return [finding for finding in findings if finding.id not in ids and finding.code >= _OF_NETWORKS]
