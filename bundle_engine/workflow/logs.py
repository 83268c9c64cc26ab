"""Set up the log of a process, once."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bundle_engine.errors import InputError, Place
from bundle_engine.workflow.logging_config import read_logging_config

__all__ = ["PLAIN_FORMAT", "apply_logging_file", "default_log", "log_to_file", "stops_are_no_errors"]

PLAIN_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # Python 3.10 has no brackets for it

_applied: tuple[Any, ...] = ()  # what the last logging file left behind


def apply_logging_file(path: str | os.PathLike[str], *, streams_only: bool = False) -> None:
    """Set up the log as a file says; doing so again with the same content changes nothing.

    Args:
        path: an INI file in the form of `logging.config.fileConfig`, or a JSON or YAML file in the form of
            `logging.config.dictConfig`. Nothing that is written in it is run.
        streams_only: refuse all that writes anywhere else than to standard output and standard error.

    Raises:
        PolicyError: for what `streams_only` refuses.
        InputNotFoundError: when there is no such file.
        InputError: when it cannot be read or applied, or when it could run code.
    """
    global _applied
    config = read_logging_config(path, streams_only=streams_only)
    if _applied == _state(config):
        return
    import logging.config

    try:
        logging.config.dictConfig(config)
    except (ValueError, TypeError, AttributeError, KeyError, ImportError, OSError) as error:
        reason = f"{error} ({error.__cause__})" if error.__cause__ else str(error)
        raise InputError(f"the logging config cannot be applied: {reason}", place=Place(str(path))) from error
    _applied = _state(config)


def _state(config: dict[str, Any]) -> tuple[Any, ...]:
    """Sum up what would be different if the log were set up anew: the content, the streams, the handlers."""
    return repr(config), sys.stdout, sys.stderr, tuple(logging.getLogger().handlers)


def default_log() -> None:
    """Set up a readable log on standard error, unless the program has a log already.

    On a terminal it is drawn by rich; anywhere else it is plain lines of time, level, logger and message.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler: logging.Handler
    if sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="[%X]")
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    else:
        handler = _StandardError()
        handler.setFormatter(logging.Formatter(PLAIN_FORMAT))
    root.addHandler(handler)
    if root.level in (logging.NOTSET, logging.WARNING):  # nobody has asked for a level of their own
        root.setLevel(logging.INFO)


def log_to_file(path: str | os.PathLike[str]) -> None:
    """Write the log as plain lines to a file as well, after what the file holds; its folder is made if need be."""
    target = Path(path).expanduser().absolute()
    root = logging.getLogger()
    if any(isinstance(h, logging.FileHandler) and h.baseFilename == str(target) for h in root.handlers):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(target, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the log to '{path}': {error.strerror or error}") from error
    handler.setFormatter(logging.Formatter(PLAIN_FORMAT))
    root.addHandler(handler)


@contextmanager
def stops_are_no_errors() -> Iterator[None]:
    """Keep out of the log what engines say of Ctrl-C and SIGTERM: to them, being stopped is an error with a traceback.

    That holds for the handlers that are there at the beginning.
    """
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    handlers = [handler for logger in (logging.root, *loggers) for handler in logger.handlers]
    for handler in handlers:
        handler.addFilter(_is_no_stop)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_no_stop)


def _is_no_stop(record: logging.LogRecord) -> bool:
    stopped = sys.exc_info()[1]
    no_stop = stopped is None or isinstance(stopped, (Exception, GeneratorExit, SystemExit))
    return no_stop or record.levelno < logging.ERROR


class _StandardError(_StreamHandler):
    """Write to what standard error is at the moment, for it can be redirected after the log was set up."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("this handler follows sys.stderr")
