"""Get a schema that somebody asks for: from a file, or by http and https."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bundle_engine.config import json_reader
from bundle_engine.config.source import PathLike
from bundle_engine.errors import InputError, InputNotFoundError, UsageError

__all__ = ["HASH_TYPES", "fetch_schema"]

HASH_TYPES = ("md5", "sha1", "sha256", "sha512")
_LARGEST = 16 * 2**20
_CONNECT, _READ, _ALTOGETHER = 10.0, 30.0, 120.0  # seconds


def fetch_schema(
    where: PathLike,
    *,
    keep_at: PathLike | None = None,
    create_dir: bool = True,
    hash_val: str | None = None,
    hash_type: str = "md5",
) -> Mapping[str, Any]:
    """Get a schema.

    Args:
        where: a file, or an address of http or https.
        keep_at: the file to keep it in. If it is there already and has the right checksum, nothing is fetched.
        create_dir: make the folder of `keep_at` where it is not there.
        hash_val: the checksum that it has to have, in hexadecimal digits.
        hash_type: the kind of the checksum: md5, sha1, sha256 or sha512.

    Raises:
        UsageError: for another kind of checksum.
        InputError: when it cannot be had, is not what the checksum says, or is no JSON; nothing is written then.
    """
    if hash_type not in HASH_TYPES:
        raise UsageError(f"a checksum is of the kind {', '.join(HASH_TYPES)}, not '{hash_type}'")
    address = str(where)
    kept = Path(keep_at) if keep_at is not None else None
    if urlsplit(address).scheme.lower() not in ("http", "https"):
        if "://" in address:
            raise InputError(f"a schema is fetched by http or https, and not from '{address}'")
        return _schema(_content(Path(address)), address, hash_val, hash_type)
    if kept is not None and kept.is_file():
        return _schema(_content(kept), str(kept), hash_val, hash_type)
    if kept is not None and not create_dir and not kept.parent.is_dir():
        hint = "make it, or leave create_dir out"
        raise InputNotFoundError(f"there is no folder '{kept.parent}' to keep the schema in", hint=hint)
    content = _fetched(address)
    schema = _schema(content, address, hash_val, hash_type)
    if kept is not None:
        _write(kept, content)
    return schema


def _fetched(address: str) -> bytes:
    import requests

    end = time.monotonic() + _ALTOGETHER
    parts: list[bytes] = []
    size = 0
    try:
        with requests.get(address, stream=True, timeout=(_CONNECT, _READ)) as answer:
            answer.raise_for_status()
            for part in answer.iter_content(2**16):
                parts.append(part)
                size += len(part)
                if size > _LARGEST:
                    raise InputError(f"what '{address}' gives is larger than {_LARGEST // 2**20} megabytes: no schema")
                if time.monotonic() > end:
                    raise InputError(f"'{address}' did not give all of the schema in {_ALTOGETHER:.0f} seconds")
            announced = answer.headers.get("Content-Length")
            plain = not answer.headers.get("Content-Encoding")
    except requests.RequestException as error:
        hint = "without a schema of its own, the bundled one is used, which needs no connection"
        raise InputError(f"cannot get the schema from '{address}': {_reason(error)}", hint=hint) from None
    if plain and announced is not None and announced.isdecimal() and int(announced) != size:
        raise InputError(f"'{address}' gave {size} of {announced} bytes")
    return b"".join(parts)


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code} {response.reason}"
    return f"{type(error).__name__}: {error!s:.200}"


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"'{path}' is larger than {_LARGEST // 2**20} megabytes: no schema")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputNotFoundError(f"there is no schema '{path}'") from None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from None


def _schema(content: bytes, name: str, hash_val: str | None, hash_type: str) -> Mapping[str, Any]:
    if hash_val:
        there = hashlib.new(hash_type, content, usedforsecurity=False).hexdigest()
        if there != hash_val.strip().lower():
            message = f"'{name}' is not the schema that was asked for: its {hash_type} is {there}"
            raise InputError(message, hint=f"it should be {hash_val.strip().lower()}")
    try:
        schema = json_reader.read(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"'{name}' is no schema: it is not UTF-8") from None
    except (json_reader.JsonSyntaxError, json_reader.JsonDepthError) as error:
        what = "a web page" if content.lstrip()[:1] == b"<" else f"no JSON ({error.message})"
        raise InputError(f"'{name}' is no schema: it is {what}") from None
    data = schema[0] if isinstance(schema, tuple) else schema
    if not isinstance(data, Mapping):
        raise InputError(f"'{name}' is no schema: a schema is a mapping")
    return data


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot keep the schema in '{path}': {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
