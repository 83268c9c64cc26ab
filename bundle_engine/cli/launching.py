"""Start the processes of ``--nproc``, wait for them, and end as the one that matters ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli import report
from bundle_engine.cli.command import Option
from bundle_engine.errors import MissingDependencyError, UsageError
from bundle_engine.workflow.processes.launched import FIRST_ERROR, Launched

if TYPE_CHECKING:
    import subprocess

__all__ = ["NPROC", "launch", "processes_wanted", "watched"]

NPROC = Option(
    "nproc",
    "text",
    "N",
    "start N processes on this machine that share the work: a network that they train together, images that they"
    " evaluate. gpu: one for each GPU; auto: the same, or one where there is no GPU",
)

_GRACE, _GRACE_TO_STOP = 10.0, 60.0  # seconds that the others have, after one failed or stopped, before they are killed
_WATCH = "BUNDLE_ENGINE_WATCHED"


def processes_wanted(text: Any) -> int:
    """Give the number of processes to start; 1 where this process is one of several already.

    Raises:
        UsageError: when it is none, or asks for GPUs where there are none.
        MissingDependencyError: when this PyTorch cannot let processes work together.
    """
    if Launched.now().together or text is None:
        return 1
    if str(text) in ("gpu", "auto"):
        _need_torch()
        import torch

        count = int(torch.cuda.device_count())
        if not count and str(text) == "gpu":
            raise UsageError("--nproc gpu: there is no GPU", hint="--nproc N shares the processor among N processes")
        count = max(1, count)
    elif not str(text).isdigit() or not int(text):
        raise UsageError(f"--nproc is a number of processes, gpu or auto, and not '{text}'")
    else:
        count = int(text)
    if count > 1:
        _need_torch()
    return count


def _need_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise MissingDependencyError("several processes need PyTorch, which is not installed", hint="pip install torch")


def launch(argv: Sequence[str], count: int) -> int:
    """Run a command line in several processes.

    They share the terminal. Signals are passed on to them, so that each can finish what it does; when one fails, the
    others are ended.

    Args:
        argv: the command line, without the program's name.
        count: number of processes.

    Returns:
        0 when all ended well; else the exit code of the first that did not. For one that a signal killed that is 128
        and the signal's number.
    """
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bundle_engine_") as folder:
        first_error = Path(folder, "failed")
        environment = {
            **os.environ,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(_free_port()),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            FIRST_ERROR: str(first_error),
            _WATCH: "1",
        }
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
        processes: list[subprocess.Popen[bytes]] = []
        with _passing_on(processes) as signals:
            try:
                for rank in range(count):
                    mine = {**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}
                    processes.append(
                        subprocess.Popen(
                            [sys.executable, "-m", "bundle_engine", *argv],
                            env=mine,
                            stdin=subprocess.PIPE,  # nobody writes to it: it ends when this process does
                            start_new_session=True,  # Ctrl-C reaches them through this process, once
                        )
                    )
                return _wait(processes, first_error, signals)
            finally:
                for process in processes:
                    if process.poll() is None:
                        process.kill()
                    process.wait()
                    if process.stdin is not None:
                        process.stdin.close()


def _wait(processes: Sequence[subprocess.Popen[bytes]], first_error: Path, signals: Sequence[int]) -> int:
    failed: tuple[int, int] | None = None  # rank and code of the first that failed
    asked = 0.0
    while True:
        codes = [process.poll() for process in processes]
        if failed is None:
            failed = next(((rank, code) for rank, code in enumerate(codes) if code), None)
            if failed is not None:
                asked = time.monotonic()
                if not signals:  # nobody asked them to end, so one failed
                    _tell(*failed, first_error)
                    _end(processes, signal.SIGTERM)
        if None not in codes:
            break
        if failed is not None and time.monotonic() - asked > (_GRACE_TO_STOP if signals else _GRACE):
            _end(processes, signal.SIGKILL)
        time.sleep(0.05)
    if failed is None:
        return 0
    return failed[1] if failed[1] > 0 else 128 - failed[1]


def _tell(rank: int, code: int, first_error: Path) -> None:
    """Tell of a process that could not tell by itself why it ended."""
    if code > 0 or first_error.exists():
        return
    first_error.touch()
    name = signal.Signals(-code).name
    more = ": there may have been too little memory" if -code == signal.SIGKILL else ""
    report.note(f"error: the process of rank {rank} was killed by {name}{more}")


def _end(processes: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


@contextmanager
def _passing_on(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[Sequence[int]]:
    """Pass SIGINT and SIGTERM on to the processes while they run; give the list of those that were passed on."""
    signals: list[int] = []

    def pass_on(number: int, _frame: Any) -> None:
        signals.append(number)
        _end(processes, number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def watched() -> Iterator[None]:
    """End this process when the one that started it for ``--nproc`` is gone."""
    if os.environ.pop(_WATCH, None) is None:
        yield
        return
    import threading

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="watch", daemon=True).start()
    yield
