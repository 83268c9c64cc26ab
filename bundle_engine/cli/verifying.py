"""The commands `verify` and `verify_metadata`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.inspecting import progress_line
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.inspection.findings import Finding

__all__ = ["VERIFYING", "verify", "verify_metadata"]


def verify(
    bundle: str | None = None,
    *,
    static: bool = False,
    schema: str | None = None,
    use_schema_url: bool = False,
    hash_val: str | None = None,
    hash_type: str | None = None,
    format: str | None = None,
    fail_on: str | None = None,
    ignore: str | None = None,
) -> int:
    """Verify a bundle before it is handed over; ``bundle-engine verify --help`` explains the options."""
    from bundle_engine.cli.bundles import find_bundle
    from bundle_engine.cli.checking import read_codes
    from bundle_engine.inspection.targets import TargetIndex
    from bundle_engine.metadata.verification import verify as verify_bundle

    _formats(format, fail_on)
    ignored = read_codes(ignore)
    if bundle is None:
        raise UsageError("no bundle is named", hint="verify DIR, or verify --bundle DIR")
    folder, _ = find_bundle(str(bundle))
    with (
        progress_line() as packages,
        TargetIndex(paths=[folder.absolute()], progress=packages) as index,
        _checksum_line() as checksums,
    ):
        findings = verify_bundle(
            folder,
            network=not static,
            schema=schema,
            use_schema_url=use_schema_url,
            hash_val=hash_val,
            hash_type=hash_type or "md5",
            ignore=ignored,
            index=index,
            progress=checksums,
        )
    return _told(findings, [str(folder)], format, fail_on)


def verify_metadata(
    meta_file: Any = None,
    *,
    filepath: str | None = None,
    create_dir: bool | None = None,
    hash_val: str | None = None,
    hash_type: str | None = None,
    args_file: Any = None,
    schema: str | None = None,
    use_schema_url: bool | None = None,
    format: str | None = None,
    fail_on: str | None = None,
    ignore: str | None = None,
) -> int:
    """Hold metadata against a schema; ``bundle-engine verify_metadata --help`` explains the options."""
    from bundle_engine.cli.checking import read_codes
    from bundle_engine.metadata.verification import arguments_of, verify_metadata_file

    _formats(format, fail_on)
    ignored = read_codes(ignore)
    given = arguments_of(
        args_file[0] if isinstance(args_file, list) and len(args_file) == 1 else args_file,
        meta_file=meta_file,
        filepath=filepath,
        create_dir=create_dir,
        hash_val=hash_val,
        hash_type=hash_type,
        schema=schema,
        use_schema_url=use_schema_url,
    )
    findings = [each for each in verify_metadata_file(**given) if each.code not in ignored]
    files = given["meta_file"]
    return _told(findings, [str(file) for file in (files if isinstance(files, list) else [files])], format, fail_on)


def _formats(format: str | None, fail_on: str | None) -> None:
    from bundle_engine.cli.checking import one_of
    from bundle_engine.inspection.formats import FORMATS

    one_of("format", format or "text", list(FORMATS))
    one_of("fail_on", fail_on or "error", ["error", "warning", "info"])


def _told(findings: list[Finding], files: list[str], format: str | None, fail_on: str | None) -> int:
    from bundle_engine.cli.checking import CLEAN, FOUND, print_findings
    from bundle_engine.inspection.findings import at_or_above

    print_findings(findings, files, format or "text")
    return FOUND if at_or_above(findings, fail_on or "error") else CLEAN  # type: ignore[arg-type]


@contextmanager
def _checksum_line() -> Iterator[Callable[[int, int, str], None]]:
    """Give what tells of the reading of large files: a line in a terminal, nothing elsewhere."""
    shown = False

    def tell(done: int, total: int, name: str) -> None:
        nonlocal shown
        if sys.stderr.isatty():
            line = f"reading {os.path.basename(name)}: {done / total:.0%} of {total / 2**20:,.0f} MB"
            print(f"\r{line[:79]:<79}", end="", file=sys.stderr, flush=True)
            shown = True

    try:
        yield tell
    finally:
        if shown:
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)


def _loader(name: str) -> Callable[[], Callable[..., int]]:
    def load() -> Callable[..., int]:
        command: Callable[..., int] = getattr(import_module(__name__), name)
        return command

    return load


_SCHEMA = Option(
    "schema",
    "text",
    "FILE|URL",
    "hold the metadata against this JSON Schema (default: the bundled one; nothing is fetched)",
)
_USE_SCHEMA_URL = Option("use_schema_url", "switch", "", "fetch the schema that the metadata names, and use it")
_HASH_VAL = Option("hash_val", "text", "DIGITS", "the checksum that a schema that is fetched has to have")
_HASH_TYPE = Option("hash_type", "text", "KIND", "the kind of that checksum: md5, sha1, sha256, sha512 (default: md5)")
_REPORT = (
    Option("format", "text", "FORMAT", "text, json, sarif, github (default: text)"),
    Option(
        "fail_on", "text", "SEVERITY", "exit with 1 for findings from this on: error, warning or info (default: error)"
    ),
    Option("ignore", "text", "CODES", "leave out findings with these codes, such as BE067,BE070"),
)
_EXITS = (
    (0, "nothing was found that is as severe as --fail_on"),
    (1, "something was found"),
    (2, "wrong usage, or there is nothing to verify"),
)

VERIFYING: tuple[Command, ...] = (
    Command(
        name="verify",
        summary="verify a whole bundle before it is handed over",
        usage="DIR [OPTIONS] | --bundle DIR [OPTIONS]",
        options=(
            Option("bundle", "file", "DIR", "the bundle: a folder, or the name of a ready-made one"),
            Option(
                "static",
                "switch",
                "",
                "look only: do not build the network to hold it against the metadata. Nothing of the bundle runs then,"
                " and torch is not needed",
            ),
            _SCHEMA,
            _USE_SCHEMA_URL,
            _HASH_VAL,
            _HASH_TYPE,
            *_REPORT,
        ),
        positional=1,
        overrides=None,
        examples=(
            ("verify my_bundle", "metadata, files, configs, checksums, and the network's input and output"),
            ("verify my_bundle --static --fail_on warning", "without building the network; warnings fail as well"),
            ("verify --bundle my_bundle --format github", "as annotations in a GitHub action"),
        ),
        load=_loader("verify"),
        exits=_EXITS,
    ),
    Command(
        name="verify_metadata",
        summary="hold a bundle's metadata against a schema",
        usage="[META_FILE] [OPTIONS]",
        options=(
            Option("meta_file", "files", "FILES", "the metadata; of several files, later ones win"),
            Option(
                "filepath",
                "file",
                "FILE",
                "fetch the schema that the metadata names and keep it here; what is here already is used as it is",
            ),
            Option("create_dir", "switch", "", "make the folder of --filepath (default: True)"),
            _HASH_VAL,
            _HASH_TYPE,
            Option("args_file", "files", "FILE", "JSON or YAML file with these options; the command line wins over it"),
            _SCHEMA,
            _USE_SCHEMA_URL,
            *_REPORT,
        ),
        positional=6,
        overrides=None,
        examples=(
            ("verify_metadata configs/metadata.json", "against the bundled schema"),
            ("verify_metadata configs/metadata.json --use_schema_url", "against the schema that it names"),
            (
                "verify_metadata --meta_file configs/metadata.json --filepath schema.json",
                "the same, and keep the schema",
            ),
        ),
        load=_loader("verify_metadata"),
        exits=_EXITS,
    ),
)
