"""Recognise files with weights by their content, and say what is wrong with those that are none."""

from __future__ import annotations

import json
import os
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from bundle_engine.errors import InputError, InputNotFoundError
from bundle_engine.workflow.files import near_files

__all__ = ["SAFETENSORS", "WEIGHT_SUFFIXES", "WeightFile", "globals_of", "read_header", "recognise"]

SAFETENSORS = ".safetensors"
WEIGHT_SUFFIXES = (".pt", ".pth", SAFETENSORS, ".ckpt", ".bin")

_OLD_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the number that files of torch.save began with before 1.6
_LFS = b"version https://git-lfs.github.com/spec/"
_OTHERS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zXZ": "compressed by xz",
    b"\x93NUMPY": "a NumPy array",
}
_MOST_HEADER = 100_000_000  # bytes, as the safetensors library has it


class WeightFile(NamedTuple):
    """A file with weights.

    Attributes:
        path: the file.
        kind: ``safetensors``; ``zip``, what torch.save writes; ``old``, what it wrote before PyTorch 1.6; and three
            that are not read as weights: ``pickle`` (also in a tar file), ``torchscript`` and ``exported``.
        size: its size in bytes.
    """

    path: Path
    kind: str
    size: int


def recognise(path: str | os.PathLike[str]) -> WeightFile:
    """Find out by its content what kind of file with weights a file is.

    Raises:
        InputNotFoundError: when there is no such file; similar names beside it are offered.
        InputError: when it is empty, cut off, or something else.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            start = file.read(512)
            size = file.seek(0, os.SEEK_END)
            tar = _is_tar(start)
    except FileNotFoundError:
        hint = near_files(path, WEIGHT_SUFFIXES)
        raise InputNotFoundError(f"cannot find the file '{path}'", hint=hint) from None
    except IsADirectoryError:
        hint = near_files(path / "weights", WEIGHT_SUFFIXES)
        raise InputError(f"'{path}' is a folder, and weights are a file", hint=hint) from None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from error
    if size == 0:
        raise InputError(f"the file '{path}' is empty", hint="get it again: it was not written, or not downloaded")
    if start.startswith(b"PK\x03\x04"):
        return WeightFile(path, _kind_of_zip(path), size)
    if start.startswith(_OLD_MAGIC):
        return WeightFile(path, "old", size)
    if path.suffix.lower() == SAFETENSORS or start[8:9] == b"{":
        if start[8:9] == b"{" or not _is_other(start):
            read_header(path)
            return WeightFile(path, "safetensors", size)
    elif tar or (start[:1] == b"\x80" and start[1:2] <= b"\x05"):
        return WeightFile(path, "pickle", size)
    raise _other(path, start)


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a safetensors file says of its tensors: by name the ``dtype``, ``shape`` and ``data_offsets``.

    The key ``__metadata__``, if it is there, has texts about the file.

    Raises:
        InputError: when the file is damaged or cut off.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MOST_HEADER + 1
        if length > _MOST_HEADER:
            raise InputError(f"'{path}' is no safetensors file, or a damaged one", hint="get it again")
        text = file.read(length)
    if len(text) < length:
        raise _cut_off(path, size, 8 + length, at_least=True)
    try:
        header = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        wanted = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        raise InputError(f"'{path}' is a damaged safetensors file: its header cannot be read") from None
    if size < wanted:
        raise _cut_off(path, size, wanted)
    assert isinstance(header, dict)
    return header


def globals_of(file: WeightFile) -> list[str]:
    """Name the classes and functions that the pickles in a file ask for, without running them."""
    names: dict[str, None] = {}
    try:
        for stream in _pickles(file):
            names |= dict.fromkeys(_globals_in(stream))
    except (OSError, ValueError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError):
        pass  # damaged, or made to be hard to read: what was found until here
    return list(names)


def _pickles(file: WeightFile) -> Iterator[IO[bytes]]:
    if file.kind == "zip":
        with zipfile.ZipFile(file.path) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    with archive.open(name) as stream:
                        yield stream
        return
    with open(file.path, "rb") as stream:
        # before 1.6: a number, a version, facts on the machine, and then what was saved
        for _ in range(4 if file.kind == "old" else 1):
            yield stream


def _globals_in(stream: IO[bytes]) -> Iterator[str]:
    texts: list[str] = []
    for code, value, _ in pickletools.genops(stream):
        if code.name in ("GLOBAL", "INST"):
            yield str(value).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif isinstance(value, str):
            texts.append(value)


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InputError(
            f"'{path}' is damaged or cut off: the table at the end of the archive is missing",
            hint="get it again; a download, a copy or a run that wrote it was probably interrupted",
        ) from None
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside:
        return "torchscript"
    if "data.pkl" in inside:
        return "zip"
    if "archive_format" in inside or "models/model.json" in inside or "serialized_exported_program.json" in names:
        return "exported"
    shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    hint = "take the file with weights out of it" if any(n.endswith(WEIGHT_SUFFIXES) for n in names) else None
    raise InputError(f"'{path}' is a zip archive, but not of weights; it holds {shown or 'nothing'}", hint=hint)


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


def _is_other(start: bytes) -> bool:
    return start.lstrip()[:1] in (b"<", b"v") or any(start.startswith(magic) for magic in _OTHERS)


def _other(path: Path, start: bytes) -> InputError:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):
        return InputError(
            f"'{path}' holds a web page (HTML or XML) instead of weights",
            hint="the address it came from gave a page: a login, a notice or an error; get it again",
        )
    if text.startswith(_LFS):
        return InputError(
            f"'{path}' is a pointer of Git LFS and not the weights themselves", hint="run `git lfs pull` in its folder"
        )
    for magic, kind in _OTHERS.items():
        if start.startswith(magic):
            return InputError(f"'{path}' holds no PyTorch weights: it is {kind}")
    shown = start[:24].decode("utf-8", "replace")
    kind = f"it begins with {shown!r}" if shown.isprintable() else f"it begins with the bytes {start[:8].hex(' ')}"
    return InputError(
        f"'{path}' holds no weights that can be read: {kind}",
        hint="expected is what torch.save writes, or a safetensors file; it may also be damaged",
    )


def _cut_off(path: str | os.PathLike[str], size: int, wanted: int, *, at_least: bool = False) -> InputError:
    least = "at least " if at_least else ""
    return InputError(
        f"'{path}' is damaged or cut off: it has {size:,} bytes, and should have {least}{wanted:,}",
        hint="get it again; a download, a copy or a run that wrote it was probably interrupted",
    )
