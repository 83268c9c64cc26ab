"""Give a bundle that arrived its place: only when it is complete, and with the record of its origin."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bundle_engine.archives.member_names import MemberNames
from bundle_engine.bundle.archive import is_bundle
from bundle_engine.bundle.digests import LIST_NAME, RECORDS, digest_of, left_out, tree_digests
from bundle_engine.bundle.origin import BundleOrigin, write_origin
from bundle_engine.errors import InputError

__all__ = ["names_to_take", "place", "put_in_place", "remove"]


def names_to_take(names: Iterable[str]) -> list[str]:
    """Check the names of a bundle's files, and leave out what is nobody's content: records, lists, leftovers.

    Raises:
        InputError: for a name that leads elsewhere, or that some system reads otherwise.
    """
    known = MemberNames()
    checked = [known.add(name) for name in names]
    return [name for name in checked if not left_out(name) and name != LIST_NAME]


def place(staging: Path, names: Iterable[str], target: Path, origin: BundleOrigin) -> Path:
    """Move what was collected to its final folder.

    Args:
        staging: where the files are; it is gone afterwards.
        names: the files that belong to the bundle, by their paths; what else lies there is left out.
        target: the bundle's folder; a bundle that is there is replaced.
        origin: where it came from; the digest of its files is filled in.

    Returns:
        the bundle's folder.

    Raises:
        InputError: when there is no bundle among the files, or a link.
    """
    wanted = {*names}
    for path in [path for path in staging.rglob("*") if path.is_symlink() or not path.is_dir()]:
        if path.relative_to(staging).as_posix() not in wanted:
            path.unlink()
    remove(staging / RECORDS)
    if not is_bundle(staging):
        remove(staging)
        hint = "a bundle has a folder 'configs' with metadata.json and configs in it"
        raise InputError("what came is no bundle, and was removed", hint=hint)
    write_origin(staging, replace(origin, tree_digest=digest_of(tree_digests(staging))))
    old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
    put_in_place(staging, target, old)
    remove(old)
    return target


def put_in_place(complete: Path, target: Path, old: Path) -> None:
    """Give a complete bundle its final folder; what was there stays until then, also when something goes wrong.

    Args:
        complete: the folder that gets the name.
        target: the name.
        old: where what was there is put.
    """
    try:
        if target.is_dir():
            target.rename(old)
        complete.rename(target)
    except BaseException:  # Ctrl-C, too
        if old.exists() and not os.path.lexists(target):
            old.rename(target)
        raise


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
