"""A training on real images that several processes share, and what it writes down about itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.workflow.resume.conftest import training

ROOT = Path(__file__).resolve().parents[3]

NOTES = '''
import hashlib, json, os, random, signal, time
import numpy as np, torch
from ignite.engine import Events
import ignite.distributed as idist


class Notes:
    """Writes down what a training does in each process; ends it, where it is asked to."""

    def __init__(self, folder, network, end, part=""):
        self.folder, self.network, self.end = folder, network, end
        self.names, self.losses, self.means, self.drawn, self.part = [], [], [], [], part

    def attach(self, trainer):
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self.iteration)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self.epoch)
        trainer.add_event_handler(Events.COMPLETED, self.write)

    def iteration(self, trainer):
        self.names.append([str(item["name"]) for item in trainer.state.batch])
        self.losses.append(float(trainer.state.output[0]["loss"]))
        noise = sum(float(abs(item["noise"]).sum()) for item in trainer.state.batch)
        self.drawn.append([noise, float(torch.rand(1)), float(np.random.rand()), random.random()])
        how, rank, iteration = self.end or (None, None, None)
        if trainer.state.iteration == iteration and idist.get_rank() == rank:
            if how == "interrupt":
                for _ in range(2):  # as both a terminal and torchrun do
                    os.kill(os.getppid(), signal.SIGINT)
                    time.sleep(0.2)
            elif how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                raise ValueError(how)

    def epoch(self, trainer):
        self.means.append(float(trainer.state.metrics["loss"]))

    def write(self, trainer):
        digest = hashlib.sha256()
        for tensor in self.network.state_dict().values():
            digest.update(tensor.numpy().tobytes())
        found = {name: getattr(self, name) for name in ("names", "losses", "means", "drawn")}
        found["digest"] = digest.hexdigest()
        with open(os.path.join(self.folder, f"notes{self.part}{idist.get_rank()}.json"), "w") as file:
            json.dump(found, file)


class Marks:
    """Tells which processes have it."""

    def __init__(self, folder):
        open(os.path.join(folder, f"mark{idist.get_rank()}"), "w").close()

    def attach(self, trainer):
        pass
'''


def shared_training(images: Path, folder: Path) -> dict[str, Any]:
    """Describe a training for one process, in which chance has a hand in everything but the losses of a batch."""
    config = training(images)
    config["imports"].append("$import numpy as np")
    config |= {"folder": str(folder), "end": None, "part": "", "batch_size": 4, "ckpt_dir": "$@folder + '/models'"}
    files = "image=@dataset_dir + '/imagesTr/' + n, label=@dataset_dir + '/labelsTr/' + n"
    config["subjects"] = f"$[dict(name=n, noise=np.zeros((1, 4)), {files}) for n in @names]"
    config["network_def"] |= {"dropout": 0.0, "norm": "instance"}
    train, validate = config["train"], config["validate"]
    load, normalize, *_, ensure = train["preprocessing"]["transforms"]
    crop = {"_target_": "CenterSpatialCropd", "keys": ["image", "label"], "roi_size": [16] * 3}
    noise = {"_target_": "RandGaussianNoised", "keys": "noise", "prob": 0.5}
    train["preprocessing"]["transforms"] = [load, normalize, crop, noise, ensure]
    train["dataset"]["data"] = "$@subjects[3:11]"
    train["dataloader"]["batch_size"] = "@batch_size"
    validate["dataset"]["data"] = "$@subjects[:3]"
    config["scheduler"]["total_steps"] = "$@max_epochs * len(@train::dataloader)"
    notes = {"folder": "@folder", "network": "@network", "end": "@end", "part": "@part"}
    saver = {
        "save_dir": "@ckpt_dir",
        "save_dict": {"model": "@network"},
        "save_final": True,
        "final_filename": "model.pt",
    }
    train["handlers"] += [
        {"_target_": "scripts.notes.Notes", **notes},
        {"_target_": "scripts.notes.Marks", "_ranks_": [1], "folder": "@folder"},
        {"_target_": "StatsHandler", "iteration_log": False},
        {"_target_": "CheckpointSaver", **saver},
    ]
    config["run"] += ["$print('Dice', round(@validate::evaluator.state.metrics['dice'], 4))"]
    return config


class Ended(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def bundle(hippocampus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the training."""
    folder = tmp_path_factory.mktemp("bundle")
    for name in ("configs", "scripts"):
        (folder / name).mkdir()
    (folder / "configs" / "train.json").write_text(json.dumps(shared_training(hippocampus, folder)))
    (folder / "configs" / "metadata.json").write_text("{}")
    (folder / "scripts" / "__init__.py").touch()
    (folder / "scripts" / "notes.py").write_text(NOTES)
    return folder


def run(folder: Path, *arguments: str, launcher: tuple[str, ...] = ()) -> Ended:
    """Run a command line in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BUNDLE_ENGINE_RUNS": "runs"}
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "bundle_engine", "run", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=180,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def notes(folder: Path, rank: int, part: str = "") -> dict[str, Any]:
    """Give what a process has written down."""
    found: dict[str, Any] = json.loads((folder / f"notes{part}{rank}.json").read_text())
    return found
