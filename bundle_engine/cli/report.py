"""Say on standard error what went wrong, so that a tired person knows what to do."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundle_engine.errors import BundleEngineError, BundleEngineWarning
from bundle_engine.workflow.processes.launched import Launched
from bundle_engine.workflow.processes.voice import first_to_fail, whose

__all__ = ["TRACEBACK", "note", "show", "warnings_as_lines"]

TRACEBACK = "BUNDLE_ENGINE_TRACEBACK"

_EXPRESSION = "<expression "  # what expressions of a config are called in tracebacks, before their ids
_OURS = str(Path(__file__).resolve().parents[1]) + os.sep
_RED, _YELLOW, _CYAN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[1m", "\x1b[0m"


def show(error: BaseException) -> None:
    """Print an error: what is wrong, where in the config, what to try; and where in the code, if code raised it.

    Of several processes, the first that fails prints its error.
    """
    if not first_to_fail(error):
        return
    if os.environ.get(TRACEBACK, "0") not in ("", "0"):
        traceback.print_exception(error)
        return
    ours = isinstance(error, BundleEngineError)
    _print(
        f"error on {whose()}" if whose() else "error",
        _RED,
        error.render() if isinstance(error, BundleEngineError) else _sum_up(error),
    )
    cause = error
    while isinstance(cause, BundleEngineError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if cause is error and ours:
        return
    if frames := _frames_outside(cause):
        lines = ["  in the code, the innermost call last:"]
        lines += [f"    {line}" for frame in frames for line in _frame_lines(frame)]
        print("\n".join(lines), file=sys.stderr)
    print(f"  {TRACEBACK}=1 shows the whole traceback", file=sys.stderr)


def note(text: str) -> None:
    """Print a line for people; of several processes, the first one does."""
    if not Launched.now().rank:
        print(text, file=sys.stderr)


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print the product's own warnings as lines for people, instead of lines of code."""
    show = warnings.showwarning

    def show_line(message: Any, category: type[Warning], *args: Any, **kwargs: Any) -> None:
        if issubclass(category, BundleEngineWarning):
            _print("warning", _YELLOW, str(message))
        else:
            show(message, category, *args, **kwargs)

    with warnings.catch_warnings():
        # each one is shown, and not only the first from one line of code; -W error still makes them errors
        if not sys.warnoptions:
            warnings.simplefilter("always", BundleEngineWarning)
        warnings.showwarning = show_line
        yield


def _sum_up(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _print(label: str, colour: str, text: str) -> None:
    if _in_colour():
        label = f"{_BOLD}{colour}{label}:{_PLAIN}"
        lines = text.split("\n")
        # the place and the help stand out, the rest stays as it is
        lines = [f"{_CYAN}{line}{_PLAIN}" if line.startswith(("  at ", "  help: ")) else line for line in lines]
        text = "\n".join(lines)
    else:
        label += ":"
    print(f"{label} {text}", file=sys.stderr)


def _in_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


def _frames_outside(error: BaseException) -> list[traceback.FrameSummary]:
    """Give the calls that led to an error, without those of the product and of expressions.

    The last three of the user's own code, and the place where the error was raised; or else the last three.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(_EXPRESSION) or (not frame.filename.startswith((_OURS, "<")) and frame.line)
    ]
    own = [frame for frame in frames if not _is_installed(frame.filename)][-3:]
    return [*own, *(frames[-1:] if frames[-1] is not own[-1] else [])] if own else frames[-3:]


def _is_installed(file: str) -> bool:
    return "site-packages" in file or "dist-packages" in file or file.startswith((sys.prefix, sys.base_prefix))


def _frame_lines(frame: traceback.FrameSummary) -> list[str]:
    if frame.filename.startswith(_EXPRESSION):
        return [f"the config's expression at {frame.filename.removeprefix(_EXPRESSION).removesuffix('>')}"]
    return [f"{frame.filename}:{frame.lineno} in {frame.name}", f"    {frame.line}"]
