"""The record of where a bundle came from, kept beside its files: ``.bundle_engine/origin.json``.

A bundle of one's own has none. A record that cannot be read is an error and never taken for none, for a bundle from
elsewhere must not become one's own by a broken file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

from bundle_engine.bundle.digests import RECORDS
from bundle_engine.config import source
from bundle_engine.errors import InputError, Place, UsageError
from bundle_engine.network.addresses import without_secrets

__all__ = ["ORIGIN_NAME", "BundleOrigin", "origin_file", "read_origin", "write_origin"]

ORIGIN_NAME = "origin.json"

_MOST = 1 << 20  # bytes of a record; ours have some hundred


@dataclass(frozen=True)
class BundleOrigin:
    """Where a bundle came from.

    Attributes:
        source: what brought it, in a word or two: ``archive``, ``github``, ``huggingface_hub``, ``url`` and so on.
        url: address of the archive, without user, password, query and fragment; or its path on this computer.
        version: version of the bundle that was asked for; empty where none was.
        time: when it came, in UTC and ISO 8601.
        archive_digest: SHA-256 of the archive; empty where there was none.
        tree_digest: SHA-256 of the list of all files' digests, when it came; see `digests.digest_of`.
        served_by: the host that gave it in the end, where a redirect led from the address's own to another.
    """

    source: str
    url: str = ""
    version: str = ""
    time: str = ""
    archive_digest: str = ""
    tree_digest: str = ""
    served_by: str = ""


def origin_file(root: str | os.PathLike[str]) -> Path:
    """Give the path of a bundle's record, whether it is there or not."""
    return Path(root) / RECORDS / ORIGIN_NAME


def write_origin(root: str | os.PathLike[str], origin: BundleOrigin) -> Path:
    """Write the record of a bundle's origin, in place of one that may be there.

    Args:
        root: the bundle's folder.
        origin: the record; its address is stripped of secrets, and an empty time becomes the present one.

    Returns:
        the record's path.

    Raises:
        UsageError: when it cannot be written.
    """
    row = asdict(origin)
    row["url"] = without_secrets(origin.url)
    row["time"] = origin.time or datetime.now(timezone.utc).isoformat(timespec="seconds")
    path = origin_file(root)
    try:
        path.parent.mkdir(exist_ok=True)
        source.write(path, json.dumps(row, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror or error}") from error
    return path


def read_origin(root: str | os.PathLike[str]) -> BundleOrigin | None:
    """Read where a bundle came from.

    Args:
        root: the bundle's folder.

    Returns:
        the record; None for a bundle of one's own, which has none.

    Raises:
        InputError: when there is a record that cannot be read.
    """
    path = origin_file(root)
    hint = "bring the bundle anew; or, if it is your own, remove this file"
    if not os.path.lexists(path):
        return None
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST + 1)
        row = json.loads(raw.decode("utf-8")) if len(raw) <= _MOST else None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}", hint=hint) from error
    except (ValueError, RecursionError):
        row = None
    names = {field.name for field in fields(BundleOrigin)}
    if not isinstance(row, dict) or "source" not in row or not all(isinstance(row.get(n, ""), str) for n in names):
        raise InputError("the record of the bundle's origin cannot be read", place=Place(str(path)), hint=hint)
    return BundleOrigin(**{name: row[name] for name in names if name in row})
