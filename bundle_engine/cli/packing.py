"""The commands that turn a bundle into an archive and back: pack and unpack."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.progress import progress_of
from bundle_engine.errors import UsageError

__all__ = ["PACKING", "pack", "unpack"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)


def pack(
    bundle: str | None = None,
    *,
    output: str | None = None,
    overwrite: bool = False,
    without_large_files: bool = False,
    exclude: str | None = None,
) -> int:
    """Pack a bundle; ``bundle-engine pack --help`` explains the options."""
    from bundle_engine.bundle.archive import make_archive
    from bundle_engine.cli import report
    from bundle_engine.cli.bundles import find_bundle

    if bundle is None:
        raise UsageError("no bundle is named", hint="bundle-engine pack DIR")
    with progress_of("packing", in_bytes=True) as progress:
        packed = make_archive(
            find_bundle(str(bundle))[0],
            output,
            overwrite=overwrite,
            without_large_files=without_large_files,
            exclude=[pattern for pattern in (exclude or "").split(",") if pattern.strip()],
            progress=progress,
        )
    report.note(f"packed {packed.files} files, {packed.size:,} bytes; digest of their list {packed.tree_digest}")
    print(f"{packed.digest}  {packed.path}")
    return 0


def unpack(
    archive: str | None = None,
    *,
    output: str | None = None,
    sha256: Any = None,
    overwrite: bool = False,
    max_size: Any = None,
    max_entries: Any = None,
    max_ratio: Any = None,
) -> int:
    """Unpack a bundle; ``bundle-engine unpack --help`` explains the options."""
    from bundle_engine.archives.members import Limits
    from bundle_engine.bundle.origin import read_origin
    from bundle_engine.bundle.unpack import unpack as unpack_archive
    from bundle_engine.cli import report

    if archive is None:
        raise UsageError("no archive is named", hint="bundle-engine unpack ARCHIVE")
    usual = Limits()
    limits = Limits(
        size=usual.size if max_size is None else int(_number("max_size", max_size, _UNITS)),
        entries=usual.entries if max_entries is None else int(_number("max_entries", max_entries)),
        ratio=usual.ratio if max_ratio is None else _number("max_ratio", max_ratio),
    )
    digest = None if sha256 is None else str(sha256)
    with progress_of("unpacking", in_bytes=True) as progress:
        folder = unpack_archive(archive, output, sha256=digest, overwrite=overwrite, limits=limits, progress=progress)
    origin = read_origin(folder)
    assert origin is not None
    report.note(f"unpacked {archive}, which has the digest {origin.archive_digest}")
    print(f"{origin.tree_digest}  {folder}")
    return 0


def _number(name: str, text: Any, units: dict[str, int] | None = None) -> float:
    match = _SIZE.fullmatch(str(text).strip())
    if match is None or (units is None and match[2]):
        example = "20GB" if units else "1000"
        raise UsageError(f"--{name} takes a number, not '{text}'", hint=f"--{name} {example}")
    return float(match[1]) * (units or _UNITS)[match[2].lower()]


def _load_pack() -> Callable[..., int]:
    return pack


def _load_unpack() -> Callable[..., int]:
    return unpack


_EXITS = ((0, "done"), (2, "the input is wrong: the bundle, the archive, a file, or the command line"))

PACKING: tuple[Command, ...] = (
    Command(
        name="pack",
        summary="pack a bundle into a zip archive: the same content, the same bytes",
        usage="DIR [--output FILE] [OPTIONS]",
        options=(
            Option("bundle", "file", "DIR", "the bundle's folder, or the name of a ready-made bundle"),
            Option(
                "output",
                "file",
                "FILE",
                "the archive, or a folder for it (default: NAME_vVERSION.zip in the working directory)",
            ),
            Option("overwrite", "switch", "", "replace an archive that is there already"),
            Option(
                "without_large_files",
                "switch",
                "",
                "leave out the files that large_files.yml lists; they can be downloaded",
            ),
            Option(
                "exclude",
                "text",
                "NAMES",
                "leave out files and folders with these names, as a,b; * and ? stand for any characters",
            ),
        ),
        positional=1,
        overrides=None,
        examples=(
            ("pack my_bundle", "write my_bundle_v0.1.0.zip, and print its SHA-256"),
            ("pack my_bundle --output /tmp/mine.zip --overwrite", "to this file, also when it is there"),
            ("pack my_bundle --exclude eval,models/*.tmp", "leave out what is not meant for others"),
            ("pack my_bundle --without_large_files", "leave the weights where large_files.yml says they are"),
        ),
        load=_load_pack,
        exits=_EXITS,
    ),
    Command(
        name="unpack",
        summary="unpack a bundle that may come from anyone, and record where it came from",
        usage="ARCHIVE [--output DIR] [--sha256 DIGEST] [OPTIONS]",
        options=(
            Option("archive", "file", "ARCHIVE", "a zip, tar or tar.gz file"),
            Option(
                "output",
                "file",
                "DIR",
                "the bundle's new folder (default: as the archive says, in the working directory)",
            ),
            Option("sha256", "text", "DIGEST", "the SHA-256 that the archive must have"),
            Option(
                "overwrite",
                "switch",
                "",
                "replace a bundle that is there already, with all its files; it stays until the new one is complete",
            ),
            Option(
                "max_size",
                "text",
                "SIZE",
                "refuse archives that unpack to more than this, such as 20GB (default: 69GB)",
            ),
            Option("max_entries", "text", "N", "refuse archives with more files and folders (default: 50000)"),
            Option(
                "max_ratio",
                "text",
                "N",
                "refuse archives that unpack to more than 64 MiB and more than N times their size (default: 200)",
            ),
        ),
        positional=1,
        overrides=None,
        examples=(
            ("unpack my_bundle_v0.1.0.zip", "to my_bundle, and print the digest of its files' digests"),
            (
                'unpack bundle.zip --output mine --sha256 "$DIGEST"',
                "to this folder, if it is the archive that was published",
            ),
        ),
        load=_load_unpack,
        exits=_EXITS,
    ),
)
