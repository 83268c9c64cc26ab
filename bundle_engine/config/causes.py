"""What an exception of other code says, for messages."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from bundle_engine.config import closest
from bundle_engine.config.targets import known_packages
from bundle_engine.errors import BundleEngineError

_HERE = os.path.dirname(__file__)
_DEEPEST = 20  # causes of causes
_MOST = 4  # files that are named
_APPLIES = ("monai.transforms.transform", "apply_transform")  # where MONAI hands an item to a transform


def told(error: BaseException) -> str:
    """Write an exception with its kind, and what is behind it; of our own only the message, since its place follows."""
    *_, root = causes(error)
    text, why = _told(error), _told(root)
    return text if root is error or str(root) in text else f"{text}, because of {why}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give an exception, what it was raised from, what that was raised from, and so on."""
    for _ in range(_DEEPEST):
        yield error
        if error.__cause__ is None:
            return
        error = error.__cause__


def _told(error: BaseException) -> str:
    if isinstance(error, BundleEngineError):
        return error.message
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    text = str(error)
    if isinstance(error, KeyError) and len(error.args) == 1 and " " in str(error.args[0]):
        text = str(error.args[0])  # a sentence, which KeyError would put into quotes
    return f"{name}: {text}" if text else name


def raised_at(error: BaseException) -> list[str]:
    """Say in which line of somebody's code an exception was raised, and on which files a transform was at work.

    Nothing where there is no such code.
    """
    *_, root = causes(error)
    lines = [f"raised at {place}"] if (place := _place(error)) else []
    if root is not error and (place := _place(root)):
        lines.append(f"which began at {place}")
    if files := _in_hand(error):
        lines.append(f"with {', '.join(files)}")
    return lines


def _place(error: BaseException) -> str | None:
    found = None
    for frame, number in _frames(error):
        file = frame.f_code.co_filename
        if not file.startswith("<") and os.path.dirname(file) != _HERE:
            found = f"{file}:{number}, in {frame.f_code.co_name}"
    return found


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame, step.tb_lineno
        step = step.tb_next


def _in_hand(error: BaseException) -> list[str]:
    """Give the files of the item that a transform of MONAI could not be applied to, as ``image='a.nii.gz'``."""
    for each in causes(error):
        for frame, _ in _frames(each):
            if (frame.f_globals.get("__name__"), frame.f_code.co_name) != _APPLIES:
                continue
            item = frame.f_locals.get("data")
            values = item.items() if isinstance(item, Mapping) else [("", item)]
            found = [f"{key}={file!r}" if key else repr(file) for key, value in values if (file := _file_of(value))]
            if found:
                return found[:_MOST]
    return []


def _file_of(value: Any) -> str | None:
    """Give the file that a value names, or that an image was read from."""
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        return text if isinstance(text, str) and os.path.sep in text else None
    known = getattr(value, "meta", None)
    file = known.get("filename_or_obj") if isinstance(known, Mapping) else None
    return file if isinstance(file, str) else None


def import_hint(error: Exception) -> str | None:
    """Say what to do about an import that failed."""
    missing = getattr(error, "name", None) or ""
    if isinstance(error, ModuleNotFoundError):
        near = closest.matches(missing, known_packages())
        return f"did you mean {closest.either(near)}?" if near else f"install '{missing.partition('.')[0]}'"
    found = re.match(r"cannot import name '(\w+)'", str(error)) if isinstance(error, ImportError) else None
    near = closest.matches(found.group(1), dir(sys.modules.get(missing))) if found else []
    return f"did you mean {closest.either(near)}?" if near else None
