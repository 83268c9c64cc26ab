"""Share the terminal between a board at its bottom and everybody who writes to it."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Above", "Terminal", "is_terminal"]


def is_terminal() -> bool:
    """Tell whether standard error is a terminal that can redraw lines."""
    try:
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it was closed
        return False


class Above(io.TextIOBase):
    """A stream whose lines are printed above the board; a line that is not finished stands in `partial`."""

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self.rich_proxied_file = stream  # the name by which consoles of rich find the terminal behind it
        self.partial = ""

    def write(self, text: str) -> int:
        *lines, rest = (self.partial + text).split("\n")
        # a progress bar of somebody else's draws its line again and again, after a carriage return
        self.partial = rest.rstrip("\r").rpartition("\r")[2]
        if lines:
            from rich.text import Text

            for line in lines:
                self._console.print(Text.from_ansi(line.rstrip("\r").rpartition("\r")[2]), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is no line yet is drawn with the board."""

    def isatty(self) -> bool:
        return self.rich_proxied_file.isatty()

    def fileno(self) -> int:
        return self.rich_proxied_file.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.rich_proxied_file.encoding

    def writable(self) -> bool:
        return True

    def finish(self) -> None:
        """Print what was no whole line."""
        if self.partial.strip():
            self.write("\n")
        self.partial = ""


class Terminal:
    """Redirects all that is written to the terminal while a board is on it: prints, and every handler of the log."""

    __slots__ = ("_consoles", "_handlers", "_streams", "above", "console")

    def __init__(self) -> None:
        self.console = _console_of_log()
        self.above: list[Above] = []
        self._streams: list[tuple[str, Any, Above]] = []
        self._handlers: list[tuple[Any, Any, Any]] = []
        self._consoles: list[tuple[Any, Any]] = []

    def redirect(self) -> None:
        """Let what is written from now on appear above the board."""
        shared: dict[int, Above] = {}
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, Above) or not _is_terminal(stream):
                continue
            proxy = Above(self.console, stream)
            shared[id(stream)] = proxy
            self.above.append(proxy)
            setattr(sys, name, proxy)
            self._streams.append((name, stream, proxy))
        for handler in _handlers():
            console = getattr(handler, "console", None)
            if console is not None and console is not self.console and _is_terminal(getattr(console, "file", None)):
                self._consoles.append((handler, console))
                handler.console = self.console
            stream = vars(handler).get("stream")  # one that follows sys.stderr has none of its own
            if id(stream) in shared:
                self._handlers.append((handler, stream, shared[id(stream)]))
                handler.stream = shared[id(stream)]

    def restore(self) -> None:
        """Leave everything as it was, but for what somebody else changed in the meantime."""
        for proxy in self.above:
            proxy.finish()
        for handler, stream, proxy in self._handlers:
            if handler.stream is proxy:
                handler.stream = stream
        for handler, console in self._consoles:
            handler.console = console
        for name, stream, proxy in self._streams:
            if getattr(sys, name) is proxy:
                setattr(sys, name, stream)
        for kept in (self.above, self._streams, self._handlers, self._consoles):
            kept.clear()

    def partial(self) -> list[str]:
        """Give the unfinished lines, such as a bar of tqdm."""
        return [proxy.partial for proxy in self.above if proxy.partial.strip()]


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream is not None and stream.isatty())
    except (AttributeError, ValueError):
        return False


def _handlers() -> list[Any]:
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    return [handler for owner in loggers if isinstance(owner, logging.Logger) for handler in owner.handlers]


def _console_of_log() -> Console:
    """Give the console that the log is drawn on, if it is one on the terminal, for only one can have a board."""
    from rich.console import Console

    for handler in _handlers():
        console = getattr(handler, "console", None)
        if isinstance(console, Console) and console.stderr and console.is_terminal:
            return console
    return Console(stderr=True)
