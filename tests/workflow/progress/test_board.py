"""The board, on a real terminal: a pseudo-terminal whose screen is put together from what was written to it."""

from __future__ import annotations

import os
import pty
import re
import struct
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT

fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

PROGRAM = """
import logging, sys, time
from bundle_engine.workflow.logs import default_log
default_log()
from ignite.engine import Engine, Events
from bundle_engine.workflow.progress import attach_progress
direct = logging.getLogger("direct")  # as MONAI's loggers: a handler that holds standard output
direct.propagate = False
direct.addHandler(logging.StreamHandler(sys.stdout))
def step(engine, batch):
    time.sleep(0.03)
    return {"loss": 0.25}
trainer, evaluator = Engine(step), Engine(lambda engine, batch: time.sleep(0.03))
@evaluator.on(Events.EPOCH_COMPLETED)
def score(engine):
    engine.state.metrics["dice"] = 0.75
@trainer.on(Events.EPOCH_COMPLETED)
def validate(engine):
    logging.getLogger("mine").info("epoch %d is over", engine.state.epoch)
    print("printed")
    direct.warning("written")
    evaluator.run(range(4), max_epochs=1)
attach_progress([trainer, evaluator], "auto")
trainer.run([[1.0, 2.0]] * 12, max_epochs=2)
print("the end")
"""


def on_terminal(code: str, tmp_path: Path, *, columns: int = 100) -> tuple[str, int]:
    """Run Python code on a terminal; give all that it wrote, and its exit code."""
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(code), encoding="utf-8")
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.environ.update(PYTHONPATH=str(ROOT), TERM="xterm", COLUMNS="", LINES="", PYTHONWARNINGS="ignore")
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            os.environ.pop(name, None)
        os.execv(sys.executable, [sys.executable, str(file)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # it has ended
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    return written.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def plain(written: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)


def screen(written: str) -> list[str]:
    """Put the screen together, at its end: lines, cursor up, erase line."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+", written):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif piece.startswith("\x1b["):
            if piece.endswith("A"):
                row = max(0, row - int(piece[2:-1] or 1))
            elif piece.endswith("K"):
                lines[row] = ""
        else:
            lines[row] = lines[row][:column].ljust(column) + piece + lines[row][column + len(piece) :]
            column += len(piece)
    return [line.rstrip() for line in lines if line.strip()]


def test_the_board_is_drawn_below_the_log_and_taken_away(tmp_path: Path) -> None:
    written, code = on_terminal(PROGRAM, tmp_path)
    assert code == 0, written
    text = plain(written)
    assert re.search(r"training   epoch 1/2 ━+ \d+/12 loss 0.2500 \d+\.\d images/s 0:00 left 0:0\d in all", text)
    assert re.search(r"validation ━+ \d/4 \d+\.\d iterations/s", text)
    assert "last validation: dice 0.7500 in epoch 1" in text
    left = screen(written)
    assert not [line for line in left if "━" in line or "last validation" in line]
    mine = [line.split("mine: ")[1] for line in left if "mine" in line]
    assert mine == ["epoch 1 is over", "epoch 2 is over"]
    assert [line for line in left if line in ("printed", "written")] == ["printed", "written"] * 2
    assert left[-1] == "the end"
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor is back"


@pytest.mark.parametrize("columns", [24, 40, 60, 80, 200])
def test_rows_fit_every_terminal(tmp_path: Path, columns: int) -> None:
    from types import SimpleNamespace

    from bundle_engine.workflow.progress.board import _row
    from bundle_engine.workflow.progress.meter import Meter

    class Trainer:
        state = SimpleNamespace(epoch=12, max_epochs=450, iteration=1, epoch_length=1200, metrics={}, batch=None)

    Trainer.state.output = [{"loss": 0.123456}] * 2
    meter = Meter(Trainer(), 0.0)
    Trainer.state.iteration = 101
    meter.look(10.0)
    row = _row(meter, columns, False)
    assert row.cell_len < columns
    shown = ["epoch 12/450"] + [[], ["loss 0.1235"], ["loss 0.1235", "101/1200"]][(columns >= 40) + (columns >= 60)]
    assert all(part in row.plain for part in shown), row.plain
    if columns >= 100:
        assert row.plain.startswith("training   epoch 12/450 ━━━━")
        assert row.plain.endswith("101/1200 loss 0.1235 20.0 images/s 1:50 left 14:37:50 in all")


def test_the_terminal_is_given_back_after_an_error(tmp_path: Path) -> None:
    code = PROGRAM.replace('print("printed")', "raise KeyboardInterrupt")
    written, exit_code = on_terminal(code, tmp_path)
    assert exit_code != 0
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    assert "Traceback" in screen(written)[-1] or "KeyboardInterrupt" in screen(written)[-1]
    assert not [line for line in screen(written) if "━" in line]


def test_bars_of_others_stand_on_the_board(tmp_path: Path) -> None:
    code = PROGRAM.replace(
        "evaluator.run(range(4), max_epochs=1)",
        "from tqdm import tqdm\n    for _ in tqdm(range(8), desc='foreign', mininterval=0.01): time.sleep(0.02)\n"
        "    evaluator.run(range(4), max_epochs=1)",
    )
    written, exit_code = on_terminal(code, tmp_path)
    assert exit_code == 0, written
    assert len([line for line in screen(written) if "foreign: 100%" in line]) == 2
    assert not [line for line in screen(written) if "foreign" in line and "100%" not in line]


def test_elsewhere_than_on_a_terminal_there_are_lines(tmp_path: Path) -> None:
    import subprocess

    file = tmp_path / "program.py"
    file.write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert "training: epoch 2/2" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert done.stdout.split("\n") == ["printed", "written"] * 2 + ["the end", ""]
