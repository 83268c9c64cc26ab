"""Ready-made bundles go on with nothing added to their configs: cut small, on real images."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from bundle_engine.resources import bundles_dir
from tests.conftest import real_data
from tests.runs.conftest import learnt, record_of, runs_in
from tests.runs.processes import Nursery

SMALL = {
    "hippocampus_segmentation": {
        "max_epochs": 2,
        "train_subjects": 4,
        "val_subjects": 1,
        "val_interval": 2,
        "patch_size": [16, 16, 16],
        "network_def::filters": [4, 4, 4, 4],
    },
    "chest_xray_classification": {"max_epochs": 2, "train_images": 48, "val_images": 16, "batch_size": 16},
}


@pytest.mark.parametrize(
    ("name", "data"), [("hippocampus_segmentation", "hippocampus"), ("chest_xray_classification", "pneumoniamnist.npz")]
)
def test_stopped_and_resumed(nursery: Nursery, tmp_path: Path, name: str, data: str) -> None:
    settings = {"dataset_dir": str(real_data(data)), **SMALL[name]}
    (tmp_path / "small.json").write_text(json.dumps(settings))
    command = ("run", "--bundle", str(bundles_dir() / name), "--args_file", "small.json")

    whole = nursery.run(tmp_path, *command, "--output_dir", "whole")
    assert whole.code == 0, whole.output

    child = nursery.start(tmp_path, *command, "--output_dir", "parts")
    while child.is_alive() and not list(tmp_path.glob("parts/checkpoints/epoch0000*")):
        time.sleep(0.002)
    child.signal(signal.SIGTERM)
    stopped = child.end()
    assert stopped.code == 143, stopped.output
    assert "it is saved; to go on: bundle-engine run --resume parts\n" in stopped.output
    assert 0 < record_of(tmp_path / "parts")["results"]["train::trainer"]["iteration"] < 6

    resumed = nursery.run(tmp_path, "run", "--resume", "parts")
    assert resumed.code == 0, resumed.output
    assert learnt(tmp_path / "parts") == learnt(tmp_path / "whole")
    assert runs_in(tmp_path) == [tmp_path / "parts", tmp_path / "whole"]
    first, second = record_of(tmp_path / "whole"), record_of(tmp_path / "parts")
    assert first["results"] == second["results"]
    assert first["data"] == second["data"]
    assert name != "hippocampus_segmentation" or first["data"]["train_dataset_data"]["files"] == 8
    assert first["bundle_digest"] == second["bundle_digest"]
