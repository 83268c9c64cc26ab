"""The entry of the command line: find the command, run it, turn what happens into an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bundle_engine.cli import report
from bundle_engine.cli.command import PROGRAM
from bundle_engine.cli.launching import launch, processes_wanted, watched
from bundle_engine.cli.options import COMMANDS
from bundle_engine.errors import BundleEngineError, UsageError
from bundle_engine.workflow.processes.launched import Launched
from bundle_engine.workflow.processes.voice import one_voice

__all__ = ["main"]

WRONG_INPUT, INTERRUPTED, TERMINATED = 2, 130, 143
_PATIENCE = 5.0  # seconds

_HELP = ("-h", "--help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: the arguments after the program's name; by default those of this process.

    Returns:
        the exit code: 0 done, 1 the workflow failed, 2 wrong input, 130 interrupted, 143 terminated.
    """
    if argv is None:
        argv = sys.argv[1:]
        if "" not in sys.path and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())  # the installed script finds the same modules as ``python -m`` does
    if code := _run(argv):
        _let_pools_end()
    return code


def _run(argv: Sequence[str]) -> int:
    try:
        with report.warnings_as_lines(), one_voice(), watched(), _stoppable():
            return _dispatch(list(argv))
    except BundleEngineError as error:
        report.show(error)
        return WRONG_INPUT
    except KeyboardInterrupt:
        _note_the_end("interrupted")
        return INTERRUPTED
    except _Terminated:
        _note_the_end("terminated")
        return TERMINATED
    except SystemExit as error:  # a component asked for it
        if isinstance(error.code, str):
            report.note(error.code)
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BrokenPipeError:  # the reader of the output has gone, as in ``... | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _dispatch(argv: list[str]) -> int:
    from bundle_engine.cli.help import command_help, program_help

    name, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if name == "--version":
        from bundle_engine import __version__

        print(f"{PROGRAM} {__version__}")
        return 0
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    if name in _HELP or name == "help":
        print(program_help())
        return 0
    if name == "__complete":  # what the completion of shells asks
        from bundle_engine.cli.completion import answer

        return answer(rest)
    if name not in COMMANDS:
        raise _unknown(name)
    command = COMMANDS[name]
    if any(arg in _HELP for arg in rest):
        print(command_help(command))
        return 0
    from bundle_engine.cli.arguments import read_arguments

    arguments = read_arguments(command, rest)
    if (count := processes_wanted(arguments.options.pop("nproc", None))) > 1:
        return _launch(argv, count)
    overrides: dict[str, Any] = {override.key: override for override in arguments.overrides}
    return command.load()(**arguments.options, **overrides)


def _launch(argv: list[str], count: int) -> int:
    code = launch(argv, count)
    if code in (INTERRUPTED, TERMINATED):
        report.note("interrupted" if code == INTERRUPTED else "terminated")
    return code


def _note_the_end(text: str) -> None:
    if not Launched.now().by_us:  # who started this process says it once for all
        report.note(text)


def _unknown(name: str) -> UsageError:
    from bundle_engine.config.closest import either, matches

    if name.startswith("-"):
        return UsageError(f"'{name}' stands where a command is expected", hint=f"{PROGRAM} run {name} ...")
    near = matches(name, COMMANDS)
    hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(COMMANDS)}; {PROGRAM} --help"
    return UsageError(f"there is no command '{name}'", hint=hint)


def _let_pools_end() -> None:
    """Wait for the threads of pools that an error has left behind: a process that ends before them may abort."""
    pools: Any = sys.modules.get("multiprocessing.dummy")
    until = time.monotonic() + _PATIENCE
    for thread in threading.enumerate() if pools is not None else ():
        if isinstance(thread, pools.DummyProcess):
            thread.join(max(0.0, until - time.monotonic()))


class _Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, which schedulers send, end a workflow as Ctrl-C does, with its `finalize`; no log calls it error."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set this up
        return
    process = os.getpid()
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    ours = {number: default for number, default in usual.items() if signal.getsignal(number) in (default, None)}

    with ExitStack() as at_the_end:  # a program that has handlers of its own keeps them

        def stop(number: int, _frame: Any) -> None:
            if os.getpid() != process:  # a forked worker, which ends as it would have ended
                signal.signal(number, ours[signal.Signals(number)])
                os.kill(os.getpid(), number)
                return
            from bundle_engine.workflow.logs import stops_are_no_errors

            at_the_end.enter_context(stops_are_no_errors())
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            signal.signal(number, signal.SIG_IGN)  # once is enough, what follows is cleaning up
            raise _Terminated

        for number, default in ours.items():
            signal.signal(number, stop)
            at_the_end.callback(signal.signal, number, default)
        yield
