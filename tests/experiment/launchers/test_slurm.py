"""Jobs that slurm runs: the scripts for it, and what submitit runs of them on this machine."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import UsageError
from bundle_engine.experiment.launchers import Job
from bundle_engine.experiment.launchers.slurm import SlurmLauncher
from bundle_engine.runs.record import Record, write_record

submitit = pytest.importorskip("submitit")

ROOT = Path(__file__).resolve().parents[3]
HAS_SLURM = "SLURM_CONF" in os.environ and shutil.which("sbatch") is not None


def python(name: str, code: str, folder: Path, **more: Any) -> Job:
    return Job(name, (sys.executable, "-S", "-c", code), folder / name, **more)


@pytest.fixture
def srun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine look as if it had slurm."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "srun").write_text("#!/bin/sh\n")
    (programs / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


def script(launcher: SlurmLauncher, job: Job) -> str:
    executor = launcher.executor(job)._executor
    return str(executor._make_submission_file_text(executor._submitit_command_str, "uid"))


def test_the_script_asks_for_what_a_job_needs(tmp_path: Path, srun: None) -> None:
    launcher = SlurmLauncher(
        partition="gpu", time=90, memory=16, account="lab", setup=["module load cuda"], options={"qos": "low"}
    )
    lines = script(launcher, python("fold_0", "", tmp_path, threads=6)).splitlines()
    assert {
        "#SBATCH --partition=gpu",
        "#SBATCH --time=90",
        "#SBATCH --cpus-per-task=6",
        "#SBATCH --gpus-per-node=1",
        "#SBATCH --mem=16GB",
        "#SBATCH --account=lab",
        "#SBATCH --qos=low",
        "#SBATCH --requeue",
        "#SBATCH --dependency=singleton",
        "#SBATCH --signal=USR2@90",
        "module load cuda",
    } <= set(lines)
    [name] = [line for line in lines if "--job-name" in line]
    assert name.startswith("#SBATCH --job-name=fold_0-")
    assert f"-u -m submitit.core._submit {tmp_path / 'fold_0' / 'slurm'}" in lines[-2] + lines[-1]
    other = script(SlurmLauncher(gpus=0), python("fold_0", "", tmp_path / "other"))
    assert name not in other  # of another folder, and so may run at the same time
    assert "gpus" not in other
    assert "#SBATCH --cpus-per-task=4" in other


def test_a_setting_that_slurm_does_not_have_is_told(tmp_path: Path, srun: None) -> None:
    with pytest.raises(UsageError, match="slurm cannot be asked for that") as error:
        SlurmLauncher(options={"colour": "red"}).executor(python("a", "", tmp_path))
    assert "colour" in error.value.message


def test_a_machine_without_slurm_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="this machine has no slurm"):
        SlurmLauncher().launch([python("a", "", tmp_path)])


def test_submitit_runs_the_jobs(tmp_path: Path) -> None:
    code = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['A'], os.getcwd()); raise SystemExit(int('{}'))"
    jobs = [
        python(name, code.format(exit_code), tmp_path, threads=3, environment={"A": name}, cwd=tmp_path)
        for name, exit_code in (("good", 0), ("bad", 4))
    ]
    ended = SlurmLauncher(engine="local").launch(jobs)
    assert {name: (state.status, state.exit_code) for name, state in ended.items()} == {
        "good": ("done", 0),
        "bad": ("failed", 4),
    }
    assert (tmp_path / "good" / "output.txt").read_text() == f"3 good {tmp_path}\n"


def test_a_job_that_is_preempted_saves_and_goes_on_later(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begins = (
        f"import pathlib, sys, time\ntry:\n    pathlib.Path({str(begun)!r}).touch()\n"
        "    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('saved')"
    )
    words = [(sys.executable, "-S", "-c", code) for code in (begins, "print('goes on')")]
    job = Job("a", words[0], tmp_path / "a", again=words[1])
    work = SlurmLauncher().work(job)
    at_work = threading.Thread(target=work)
    at_work.start()
    while not begun.exists():
        time.sleep(0.02)
    time.sleep(0.1)
    later = work.checkpoint()  # what submitit does when the signal came
    at_work.join(10)
    assert job.log_file.read_text() == "saved\n"
    write_record(job.folder, Record(id="a/a", bundle="a", workflow="train", status="interrupted"))
    assert pickle.loads(pickle.dumps(later.function))() == 0
    assert job.log_file.read_text() == "saved\ngoes on\n"


@pytest.mark.skipif(not HAS_SLURM, reason="needs a slurm that SLURM_CONF names")
def test_slurm_runs_the_jobs(tmp_path: Path) -> None:
    slow = (
        "import pathlib, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"try:\n    pathlib.Path({str(tmp_path / 'begun')!r}).touch()\n"
        "    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('saved')\n    sys.exit(130)"
    )
    jobs = [
        python("good", "print('hello')", tmp_path, threads=1, gpus=0),
        python("bad", "raise SystemExit(4)", tmp_path, threads=1, gpus=0),
        python("slow", slow, tmp_path, threads=1, gpus=0),
        python("large", "", tmp_path, threads=1, gpus=99),
    ]
    ended = SlurmLauncher(time=5).launch(
        jobs, watch=lambda job: "enough" if job.name == "slow" and (tmp_path / "begun").exists() else None
    )
    assert (tmp_path / "good" / "output.txt").read_text() == "hello\n"
    assert (tmp_path / "slow" / "output.txt").read_text() == "saved\n"
    status = {name: state.status for name, state in ended.items()}
    assert status == {"good": "done", "bad": "failed", "slow": "stopped", "large": "failed"}
    assert ended["bad"].exit_code == 4
    assert "sbatch: error" in ended["large"].message
