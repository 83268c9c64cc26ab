"""What an exception of other code says, for messages."""

from __future__ import annotations

import os
import re
import sys

from bundle_engine.config import closest
from bundle_engine.config.targets import known_packages
from bundle_engine.errors import BundleEngineError

_HERE = os.path.dirname(__file__)


def told(error: BaseException) -> str:
    """Write an exception with its kind; of our own only the message, since its place follows."""
    if isinstance(error, BundleEngineError):
        return error.message
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    text = str(error)
    if isinstance(error, KeyError) and len(error.args) == 1 and " " in str(error.args[0]):
        text = str(error.args[0])  # a sentence, which KeyError would put into quotes
    return f"{name}: {text}" if text else name


def raised_at(error: BaseException) -> list[str]:
    """Say in which line of somebody's code an exception was raised; nothing where there is none."""
    found = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith("<") and os.path.dirname(file) != _HERE:
            found = f"raised at {file}:{step.tb_lineno}, in {step.tb_frame.f_code.co_name}"
        step = step.tb_next
    return [found] if found else []


def import_hint(error: Exception) -> str | None:
    """Say what to do about an import that failed."""
    missing = getattr(error, "name", None) or ""
    if isinstance(error, ModuleNotFoundError):
        near = closest.matches(missing, known_packages())
        return f"did you mean {closest.either(near)}?" if near else f"install '{missing.partition('.')[0]}'"
    found = re.match(r"cannot import name '(\w+)'", str(error)) if isinstance(error, ImportError) else None
    near = closest.matches(found.group(1), dir(sys.modules.get(missing))) if found else []
    return f"did you mean {closest.either(near)}?" if near else None
