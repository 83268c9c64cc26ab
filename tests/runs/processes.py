"""Command lines in processes of their own, which start fast: one process imports everything once, and forks them."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_IMPORTED = (
    "torch",
    "nibabel",
    "ignite.engine",
    "ignite.handlers",
    "ignite.metrics",
    "monai.data",
    "monai.engines",
    "monai.handlers",
    "monai.networks.nets",
    "monai.transforms",
    "bundle_engine.cli.commands",
    "bundle_engine.runs.recorded",
    "bundle_engine.workflow.resume.training",
)


class Ended(NamedTuple):
    """How a process ended: its exit code, or the number of the signal, negated; and what it printed."""

    code: int
    output: str


class Nursery:
    """Starts command lines in processes of their own.

    Args:
        folder: where the output of the processes is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.runs.processes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )

    def start(self, cwd: Path, *argv: str, **env: str) -> Child:
        """Start a command line.

        Args:
            cwd: its working directory.
            argv: its arguments.
            env: variables to add to the environment.
        """
        self.count += 1
        log = self.folder / f"output{self.count}.txt"
        pid = self.ask({"argv": argv, "cwd": str(cwd), "env": env, "log": str(log)})
        return Child(self, pid, log)

    def run(self, cwd: Path, *argv: str, **env: str) -> Ended:
        """Run a command line to its end."""
        return self.start(cwd, *argv, **env).end()

    def ask(self, request: dict[str, Any]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Child:
    """A process that was started."""

    def __init__(self, nursery: Nursery, pid: int, log: Path) -> None:
        self.nursery, self.pid, self.log = nursery, pid, log

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def is_alive(self) -> bool:
        """Tell whether it runs; one that has ended waits to be asked how."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> Ended:
        """Wait for its end."""
        return Ended(self.nursery.ask({"wait": self.pid}), self.output())

    def kill(self) -> Ended:
        """Kill it, as one kills what does not listen."""
        self.signal(signal.SIGKILL)
        return self.end()


def _become(request: dict[str, Any]) -> None:
    """Be the process of a command line."""
    from bundle_engine.cli import main

    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(log, number)
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["bundle-engine", *request["argv"]]
    code = 70
    try:
        code = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Start processes, and wait for them, as asked on standard input."""
    for name in _IMPORTED:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                _become(request)
        answers.write(f"{answer}\n")
        answers.flush()


if __name__ == "__main__":
    serve()
