"""Jobs on a ray cluster, whose machines die."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import UsageError
from bundle_engine.experiment.launchers import Job, State, make_launcher
from bundle_engine.runs.record import Record, write_record

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # of ray itself

ROOT = Path(__file__).resolve().parents[3]
# counts to 20, three a second, keeps where it is, and goes on from there
COUNTS = """
import os, pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, signal.default_int_handler)
print("from", place.read_text() if place.exists() else "0", os.environ["OMP_NUM_THREADS"], flush=True)
for number in range(int(place.read_text()) if place.exists() else 0, 20):
    time.sleep(.3)
    place.with_suffix(".new").write_text(str(number + 1))
    os.replace(place.with_suffix(".new"), place)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    from ray.cluster_utils import Cluster

    handler = signal.getsignal(signal.SIGTERM)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=2)
    made.add_node(num_cpus=2)
    signal.signal(signal.SIGTERM, handler)  # ray has set up its own
    yield made
    made.shutdown()
    signal.signal(signal.SIGTERM, handler)
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def counting(name: str, folder: Path) -> Job:
    command = (sys.executable, "-S", "-c", COUNTS, str(folder / f"{name}.txt"))
    return Job(name, command, folder / name, again=command, threads=2)


def test_a_job_whose_machine_dies_goes_on_elsewhere(cluster: Any, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    told: list[tuple[str, str, int, str]] = []
    lost = False

    def note(state: State) -> None:
        told.append((state.job.name, state.status, state.attempt, state.message))
        if state.status == "running":  # what a training does first
            write_record(state.job.folder, Record(id="a/a", bundle="a", workflow="train"))

    def watch(job: Job) -> None:
        nonlocal lost
        places = [tmp_path / f"{name}.txt" for name in "ab"]
        if not lost and all(place.exists() and int(place.read_text()) > 1 for place in places):
            lost = True
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    bad = Job("bad", (sys.executable, "-S", "-c", "raise SystemExit(3)"), tmp_path / "bad", threads=2)
    jobs = [counting("a", tmp_path), counting("b", tmp_path), bad]
    launcher = make_launcher("ray", address=cluster.address)
    ended = launcher.launch(jobs, on_change=note, watch=watch)
    assert {name: (state.status, state.exit_code) for name, state in ended.items()} == {
        "a": ("done", 0),
        "b": ("done", 0),
        "bad": ("failed", 3),
    }
    assert [(tmp_path / f"{name}.txt").read_text() for name in "ab"] == ["20", "20"]
    assert sorted(ended[name].attempt for name in "ab") == [1, 2]
    twice = next(name for name in "ab" if ended[name].attempt == 2)
    assert (twice, "running", 2, "the machine that it ran on is gone; it goes on") in told
    first, second = (tmp_path / twice / "output.txt").read_text().splitlines()
    assert first == "from 0 2"
    assert int(second.split()[1]) >= 2
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_job_on_a_cluster_can_be_stopped(cluster: Any, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "try:\n    pathlib.Path(sys.argv[1]).touch()\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pathlib.Path(sys.argv[2]).touch()\n    sys.exit(130)"
    )
    begun, saved = tmp_path / "begun", tmp_path / "saved"
    job = Job("slow", (sys.executable, "-S", "-c", code, str(begun), str(saved)), tmp_path / "slow", threads=1)
    launcher = make_launcher("ray", address=cluster.address)
    ended = launcher.launch([job], watch=lambda _: "pruned" if begun.exists() else None)
    assert (ended["slow"].status, ended["slow"].message) == ("stopped", "pruned")
    assert saved.exists()


def test_no_cluster_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no ray cluster at '127\.0\.0\.1:1'"):
        make_launcher("ray", address="127.0.0.1:1").launch([counting("a", tmp_path)])
