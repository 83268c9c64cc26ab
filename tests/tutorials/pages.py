"""Read the blocks of a page: files to write, commands with their output, Python with its output."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PORT = "8642"  # of the server in a page; a free one takes its place
_BLOCK = re.compile(r"^```(\w+)[ ]?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, the file it is to be written to, its text, its line in the page."""

    language: str
    file: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Give the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2].strip(), found[3], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
    ]


def play(page: Path, folder: Path) -> int:
    """Do what a page says, in a folder, and compare what it promises; give the number of blocks that were played.

    ``…`` in the output stands for anything. A file's block is written, ``console`` runs what follows ``$``, and a
    ``python`` block prints what the ``output`` block behind it says.
    """
    played = 0
    printed: str | None = None
    port = free_port()
    for block in blocks(page):
        block = block._replace(text=block.text.replace(PORT, port))
        where = f"{page.name}:{block.line}"
        played += 1
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command, expected in _commands(block.text):
                compare(f"{where}: {command}", run(command, folder), expected)
        elif block.language == "python":
            printed = run(f"{quote(sys.executable)} -", folder, block.text)
        elif block.language == "output":
            assert printed is not None, f"{where}: there is no Python before this output"
            compare(where, printed, block.text)
            printed = None
        else:
            played -= 1
    return played


def _commands(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), ""))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (found[-1][0] + "\n" + line.rstrip("\n"), "")
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def free_port() -> str:
    """Give a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def quote(text: str) -> str:
    """Quote a path for the shell."""
    import shlex

    return shlex.quote(text)


def run(command: str, folder: Path, stdin: str = "") -> str:
    """Run a shell command with this Python as `python`; give what it prints, and its exit code where that is not 0."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
    environment["XDG_DATA_HOME"] = str(folder.parent / f"{folder.name}_data")  # where approvals are kept
    environment["BUNDLE_ENGINE_CACHE"] = str(folder.parent / f"{folder.name}_kept")  # of preprocessing
    command = re.sub(r"^python\b", quote(sys.executable), command)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, input=stdin, text=True, capture_output=True, timeout=600
    )
    output = done.stdout + done.stderr
    return output + (f"[exit code {done.returncode}]\n" if done.returncode else "")


def compare(where: str, output: str, expected: str) -> None:
    """Hold what was printed against what the page says."""
    pattern = re.escape(expected.strip()).replace("…", "(?:.|\n)*?")
    assert re.fullmatch(pattern, output.strip()), f"{where}\n--- the page says\n{expected}\n--- printed\n{output}"
