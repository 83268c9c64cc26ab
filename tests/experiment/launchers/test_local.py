"""Jobs as processes of this machine: scheduling, sharing out, failures, and all ways to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundle_engine.errors import UsageError
from bundle_engine.experiment.launchers import Job, State, machine, make_launcher
from bundle_engine.experiment.launchers.local import LocalLauncher
from bundle_engine.experiment.launchers.machine import share_out
from bundle_engine.runs.folder import Lock
from bundle_engine.runs.record import Record, write_record

ROOT = Path(__file__).resolve().parents[3]
SAVES = """
import pathlib, signal, sys, time
try:
    pathlib.Path(sys.argv[1]).with_suffix(".begun").touch()
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1]).write_text("saved")
    sys.exit(130)
"""
SAVES_WHEN_TERMINATED = "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler)" + SAVES
DEAF = "import signal, sys, pathlib, time; signal.signal(signal.SIGINT, signal.SIG_IGN)" + SAVES


def python(name: str, code: str, folder: Path, *arguments: str, **more: object) -> Job:
    return Job(name, (sys.executable, "-S", "-c", code, *arguments), folder / name, **more)  # type: ignore[arg-type]


def wait_for(found: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not found():
        assert time.monotonic() - begun < 20
        time.sleep(0.02)


def test_all_jobs_run_and_no_more_at_once_than_there_are_slots(tmp_path: Path) -> None:
    running: set[str] = set()
    most = 0
    seen: list[tuple[str, str, int | None]] = []

    def note(state: State) -> None:
        nonlocal most
        (running.add if state.status == "running" else running.discard)(state.job.name)
        most = max(most, len(running))
        seen.append((state.job.name, state.status, state.exit_code))

    jobs = [python(f"job {n}", f"import sys, time; time.sleep(.1); sys.exit({n} % 2 * 7)", tmp_path) for n in range(4)]
    ended = LocalLauncher().launch(jobs, on_change=note, slots=2)
    assert {name: (state.status, state.exit_code) for name, state in ended.items()} == {
        "job 0": ("done", 0),
        "job 1": ("failed", 7),
        "job 2": ("done", 0),
        "job 3": ("failed", 7),
    }
    assert most == 2
    assert seen[:4] == [(f"job {n}", "waiting", None) for n in range(4)]
    assert [entry[1] for entry in seen if entry[0] == "job 3"] == ["waiting", "running", "failed"]
    assert all(0.1 <= state.seconds < 5 and state.attempt == 1 for state in ended.values())


def test_jobs_are_drawn_when_there_is_a_place(tmp_path: Path) -> None:
    ended: list[str] = []
    known: list[list[str]] = []

    def jobs() -> Iterator[Job]:
        for n in range(3):
            known.append(list(ended))
            yield python(str(n), "", tmp_path)

    def note(state: State) -> None:
        if state.status == "done":
            ended.append(state.job.name)

    LocalLauncher().launch(jobs(), on_change=note, slots=1)
    assert known == [[], ["0"], ["0", "1"]]


def test_each_job_has_its_gpu_its_threads_and_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-abc")
    monkeypatch.setattr(machine, "cores", lambda: 8)
    code = (
        "import os, sys, time; time.sleep(.2)\n"
        "print([os.environ.get(n) for n in ('OMP_NUM_THREADS', 'CUDA_VISIBLE_DEVICES', 'A')])\n"
        "print('oh', file=sys.stderr)"
    )
    jobs = [python(f"{n}", code, tmp_path, environment={"A": str(n)}) for n in range(2)]
    LocalLauncher().launch(jobs)
    told = [(tmp_path / str(n) / "output.txt").read_text() for n in range(2)]
    assert told == ["['4', '4', '0']\noh\n", "['4', 'GPU-abc', '1']\noh\n"]
    LocalLauncher().launch([python("2", code, tmp_path, gpus=0, threads=3, log=tmp_path / "logs" / "2.txt")])
    assert (tmp_path / "logs" / "2.txt").read_text() == "['3', '', None]\noh\n"


@pytest.mark.parametrize(
    ("cores", "devices", "wanted", "expected"),
    [
        (8, "", {"jobs": 5}, (5, 1, None)),
        (8, "", {"jobs": 3, "threads": 4}, (2, 4, None)),
        (2, "", {"jobs": 5, "threads": 1}, (2, 1, None)),
        (8, "", {"slots": 2}, (2, 4, None)),
        (8, "0,1", {"jobs": 5}, (2, 4, (("0",), ("1",)))),
        (8, "0,1,2,3", {"gpus_each": 2}, (2, 4, (("0", "1"), ("2", "3")))),
        (8, "0", {"slots": 3}, (3, 2, (("0",), ("0",), ("0",)))),
        (8, "0,-1,1", {"jobs": 2, "gpus_each": 0, "slots": 2}, (2, 4, ((), ()))),
    ],
)
def test_a_machine_is_shared_out(
    cores: int,
    devices: str,
    wanted: dict[str, int],
    expected: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert tuple(share_out(**wanted)) == expected


def test_gpus_are_listed_by_number_and_parts_of_one_by_their_names() -> None:
    listed = """GPU 0: NVIDIA A100 (UUID: GPU-1)
GPU 1: NVIDIA A100 (UUID: GPU-2)
  MIG 3g.20gb Device 0: (UUID: MIG-3)
  MIG 3g.20gb Device 1: (UUID: MIG-4)
"""
    assert machine._listed(listed.splitlines()) == ["0", "MIG-3", "MIG-4"]


def test_a_command_that_is_not_there_fails_alone(tmp_path: Path) -> None:
    jobs = [Job("none", ("there-is-no-such-program",), tmp_path / "none"), python("one", "", tmp_path)]
    ended = LocalLauncher().launch(jobs)
    assert (ended["none"].status, ended["none"].exit_code) == ("failed", 127)
    assert "'there-is-no-such-program' cannot be started" in (tmp_path / "none" / "output.txt").read_text()
    assert ended["one"].status == "done"


def test_a_job_that_is_killed_says_by_what(tmp_path: Path) -> None:
    ended = LocalLauncher().launch([python("one", "import os; os.kill(os.getpid(), 9)", tmp_path)])
    assert (ended["one"].status, ended["one"].exit_code) == ("failed", -9)
    assert ended["one"].message == "killed by SIGKILL: there may have been too little memory"


def test_two_jobs_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two jobs are called 'one'"):
        LocalLauncher().launch([python("one", "", tmp_path), python("one", "", tmp_path)])


def test_what_is_done_is_not_run_again_and_what_has_begun_goes_on(tmp_path: Path) -> None:
    says = (sys.executable, "-S", "-c", "print('anew')"), (sys.executable, "-S", "-c", "print('again')")
    jobs = [Job(name, says[0], tmp_path / name, again=says[1]) for name in ("new", "begun", "over")]
    for name, status in (("begun", "interrupted"), ("over", "done")):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, Record(id=f"a/{name}", bundle="a", workflow="train", status=status))
    ended = LocalLauncher().launch(jobs)
    assert {state.status for state in ended.values()} == {"done"}
    assert ended["over"].message == "it was done before"
    assert (tmp_path / "new" / "output.txt").read_text() == "anew\n"
    assert (tmp_path / "begun" / "output.txt").read_text() == "again\n"
    assert not (tmp_path / "over" / "output.txt").exists()


def test_a_job_waits_for_the_one_that_is_still_at_work_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_record(tmp_path / "a", Record(id="a/a", bundle="a", workflow="train"))
    lock = Lock(tmp_path / "a")
    assert lock.take()
    told: list[str] = []

    def watch(job: Job) -> None:
        lock.release()

    job = Job("a", ("false",), tmp_path / "a", again=("true",))
    ended = LocalLauncher().launch([job], on_change=lambda state: told.append(state.message), watch=watch)
    assert ended["a"].status == "done"
    assert ended["a"].seconds > 0.5
    assert told[1] == "waits for a process that is still at work in its folder"


def test_a_job_is_stopped_when_the_watch_says_so(tmp_path: Path) -> None:
    jobs = [python("slow", SAVES, tmp_path, str(tmp_path / "slow.txt")), python("quick", "", tmp_path)]
    ended = LocalLauncher().launch(
        jobs, watch=lambda job: "too slow" if (tmp_path / f"{job.name}.begun").exists() else None
    )
    assert (ended["slow"].status, ended["slow"].exit_code, ended["slow"].message) == ("stopped", 130, "too slow")
    assert (tmp_path / "slow.txt").read_text() == "saved"
    assert ended["quick"].status == "done"


def test_who_does_not_listen_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[1] + '.pid', 'w').write(str(child.pid))\n" + DEAF
    )
    begun, pid = tmp_path / "deaf.begun", tmp_path / "deaf.txt.pid"
    ended = LocalLauncher(grace=0.2).launch(
        [python("deaf", code, tmp_path, str(tmp_path / "deaf.txt"))], watch=lambda _: "enough" if begun.exists() else ""
    )
    assert (ended["deaf"].status, ended["deaf"].exit_code) == ("stopped", -9)
    assert ended["deaf"].message == "enough; it had to be killed"
    wait_for(lambda: is_gone(int(pid.read_text())))


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


PARENT = """
import json, sys
from pathlib import Path
from bundle_engine.experiment.launchers import Job, make_launcher
folder = Path(sys.argv[1])
jobs = [Job(str(n), (sys.executable, "-S", "-c", {code!r}, str(folder / f"{{n}}.txt")), folder / str(n)) for n in range(3)]
states = {{}}
def note(state):
    states[state.job.name] = state.status
try:
    make_launcher("local", grace=20).launch(jobs, slots=2, on_change=note)
except KeyboardInterrupt:
    (folder / "states.json").write_text(json.dumps(states))
    sys.exit(130)
"""


def start_parent(folder: Path, code: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(code=code), str(folder)], env=environment, start_new_session=True
    )
    wait_for(lambda: (folder / "0.begun").exists() and (folder / "1.begun").exists())
    return parent


def test_ctrl_c_lets_all_save(tmp_path: Path) -> None:
    parent = start_parent(tmp_path, SAVES)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(20) == 130
    assert [(tmp_path / f"{n}.txt").read_text() for n in range(2)] == ["saved", "saved"]
    assert not (tmp_path / "2.begun").exists()
    assert json.loads((tmp_path / "states.json").read_text()) == {"0": "stopped", "1": "stopped", "2": "waiting"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only commands of this product end")
def test_children_of_a_parent_that_was_killed_save_and_end(tmp_path: Path) -> None:
    parent = start_parent(tmp_path, SAVES_WHEN_TERMINATED)
    parent.kill()
    parent.wait(20)
    wait_for(lambda: all((tmp_path / f"{n}.txt").exists() for n in range(2)))
    assert [(tmp_path / f"{n}.txt").read_text() for n in range(2)] == ["saved", "saved"]


def test_an_impatient_second_ctrl_c_kills(tmp_path: Path) -> None:
    parent = start_parent(tmp_path, DEAF)
    parent.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert parent.poll() is None
    parent.send_signal(signal.SIGINT)
    assert parent.wait(10) == 130
    assert not (tmp_path / "0.txt").exists()


@pytest.mark.parametrize(
    ("name", "settings", "message", "hint"),
    [
        ("locl", {}, "there is no launcher 'locl'", "did you mean 'local'?"),
        ("condor", {}, "there is no launcher 'condor'", "there are local, ray, slurm"),
        ("slurm", {"partitoin": "gpu"}, "the launcher 'slurm' has no setting 'partitoin'", "did you mean 'partition'?"),
        ("local", {"address": "auto"}, "the launcher 'local' has no setting 'address'", "it takes grace"),
    ],
)
def test_launchers_have_names_and_settings(name: str, settings: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        make_launcher(name, **settings)
    assert (error.value.message, error.value.hint) == (message, hint)
