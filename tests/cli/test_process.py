"""The command line as a process: interruptions, costs, standard streams."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(folder, *argv, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, *options.pop("python", ["-m", "bundle_engine"]), *argv],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C must reach the process also where the tests themselves were started in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def finish(process, seconds=30):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "metadata.json").write_text("{}")
    return tmp_path


def test_a_config_without_torch_imports_none(folder):
    heavy = ["torch", "monai", "ignite", "numpy", "rich", "mlflow", "asyncio", "fire"]
    config = {
        "thing": {"_target_": "collections.OrderedDict", "a": "@lr"},
        "lr": 1,
        "run": [f"$print([name for name in {heavy} if name in __import__('sys').modules])", "$print(@thing['a'])"],
    }
    (folder / "c.json").write_text(json.dumps(config))
    assert finish(start(folder, "run", "--config_file", "c.json", "--lr", "5")) == (0, "[]\n5\n", "")


def test_the_functions_are_fire_commands_too(folder):
    (folder / "c.json").write_text(json.dumps({"net": {"width": 1}, "run": "$print(@net, @lr)"}))
    argv = ["run", "--config_file", "c.json", "--net#width", "2", "--lr=1e-3"]
    assert finish(start(folder, *argv, python=["-m", "fire", "bundle_engine"]))[:2] == (0, "{'width': 2} 0.001\n")


def test_the_default_log_is_plain_lines_on_standard_error(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"run": "$__import__('logging').getLogger('mine').info('hello')"}))
    code, out, err = finish(start(tmp_path, "run", "--config_file", "c.json"))
    assert (code, out) == (0, "")
    first, second = err.splitlines()
    assert (
        " ERROR bundle_engine.workflow.config_workflow: Cannot find the metadata config file: metadata.json." in first
    )
    assert second.endswith(" INFO mine: hello")


def test_errors_are_in_colour_on_a_terminal_only(folder):
    pty = pytest.importorskip("pty")
    for env, colour in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "bundle_engine", "run", "--config_file", "no.json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            stderr=theirs,
        )
        os.close(theirs)
        assert process.wait(30) == 2
        said = os.read(ours, 10_000).decode()
        os.close(ours)
        assert ("\x1b[" in said) is colour
        assert "no.json" in said


WAITING = {
    "imports": "$import time",
    "run": ["$print('running', flush=True)", "$time.sleep(60)"],
    "finalize": "$print('finalized', flush=True)",
}


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        pytest.param(signal.SIGINT, 130, "interrupted\n", id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, "terminated\n", id="terminated"),
    ],
)
def test_signals_end_the_run_with_finalize(folder, number, code, said):
    (folder / "c.json").write_text(json.dumps(WAITING))
    process = start(folder, "run", "--config_file", "c.json")
    assert process.stdout.readline() == "running\n"
    time.sleep(0.1)
    process.send_signal(number)
    assert finish(process) == (code, "finalized\n", said)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_engines_do_not_print_a_traceback_when_they_are_stopped(folder, number, code):
    config = {
        "imports": ["$import time"],
        "engine": {
            "_target_": "ignite.engine.Engine",
            "process_function": "$lambda engine, batch: (print('running', flush=True), time.sleep(60))",
        },
        "handler": {"_target_": "StatsHandler", "name": "stats"},
        "run": ["$@handler.attach(@engine)", "$@engine.run([1])"],
    }
    (folder / "c.json").write_text(json.dumps(config))
    process = start(folder, "run", "--config_file", "c.json")
    assert process.stdout.readline() == "running\n"
    time.sleep(0.1)
    process.send_signal(number)
    ended, out, err = finish(process)
    assert ended == code, err
    assert not re.search("Traceback|ERROR|Exception", out + err), out + err


def test_threads_of_a_pool_that_an_error_leaves_behind_end_before_the_process(folder):
    (folder / "pooled.py").write_text(
        "import time\nfrom multiprocessing.pool import ThreadPool\n\n"
        "def work(number):\n    if number == 0:\n        raise OSError('cut off')\n    time.sleep(1)\n    print('ended', flush=True)\n\n"
        "def run():\n    with ThreadPool(2) as pool:\n        list(pool.imap(work, range(2)))\n"
    )
    (folder / "c.json").write_text(json.dumps({"run": "$__import__('pooled').run()"}))
    code, out, err = finish(start(folder, "run", "--config_file", "c.json"))
    assert (code, out) == (1, "ended\n"), err
    assert "OSError: cut off" in err


def test_a_second_sigterm_does_not_stop_finalize(folder):
    slow = {**WAITING, "finalize": ["$print('finalizing', flush=True)", "$time.sleep(1)", "$print('finalized')"]}
    (folder / "c.json").write_text(json.dumps(slow))
    process = start(folder, "run", "--config_file", "c.json")
    assert process.stdout.readline() == "running\n"
    process.terminate()
    assert process.stdout.readline() == "finalizing\n"
    process.terminate()
    assert finish(process) == (143, "finalized\n", "terminated\n")


def test_a_forked_worker_ends_without_the_steps_of_its_parent(folder):
    (folder / "work.py").write_text(
        "import os, signal, time\n"
        "def fork():\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        time.sleep(60)\n"
        "    time.sleep(0.1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    print('worker', os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)\n"
    )
    config = {"imports": "$import work", "run": "$work.fork()", "finalize": "$print('finalized')"}
    (folder / "c.json").write_text(json.dumps(config))
    assert finish(start(folder, "run", "--config_file", "c.json")) == (
        0,
        f"worker {signal.SIGTERM.value}\nfinalized\n",
        "",
    )


def test_the_installed_script_finds_modules_of_the_working_directory(folder):
    (folder / "mine.py").write_text("VALUE = 5\n")
    (folder / "c.json").write_text(json.dumps({"imports": "$import mine", "run": "$print(mine.VALUE)"}))
    script = folder / "bin" / "bundle-engine"
    script.parent.mkdir()
    script.write_text("import sys\nfrom bundle_engine.cli import main\nsys.exit(main())\n")
    config = str(folder / "elsewhere.json")
    Path(config).write_text((folder / "c.json").read_text())
    assert finish(start(folder, "run", "--config_file", config, python=[str(script)]))[:2] == (0, "5\n")


def test_a_reader_that_goes_away_is_no_traceback(folder):
    process = start(folder, "run", "--help", env={"PYTHONUNBUFFERED": "1"})
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
