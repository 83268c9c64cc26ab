"""`evaluate` with all that it can leave, on 40 hippocampus subjects, beside the inference alone.

Both build the same evaluate config and run it, in one process, by turns; the inference alone has no report. The figure is
of processor time, which does not depend on what else the machine does; the time on the clock is printed, too. The weights
are those of a short training, unless BUNDLE_ENGINE_CHECKPOINT names better ones.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measure import ROOT, goal, process

BUNDLE = ROOT / "bundles" / "hippocampus_segmentation"
DATA = Path(os.environ.get("BUNDLE_ENGINE_DATA", ROOT.parent / "shared" / "data")) / "hippocampus"
SUBJECTS, RUNS = 40, 3


def trained(folder: Path) -> Path:
    """Give a file with weights."""
    if given := os.environ.get("BUNDLE_ENGINE_CHECKPOINT"):
        return Path(given)
    short = ["--max_epochs", "4", "--train_subjects", "32", "--val_interval", "100", "--ema_momentum", "0.2"]
    process(["-m", "bundle_engine", "run", "--bundle", str(BUNDLE), "--dataset_dir", str(DATA), *short], folder)
    return folder / "outputs" / "hippocampus_segmentation" / "models" / "model.pt"


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    import torch

    from bundle_engine.evaluation.evaluating import Outputs, evaluate
    from bundle_engine.evaluation.sets import Configs
    from bundle_engine.workflow import ConfigWorkflow

    torch.set_num_threads(1)
    configs = Configs(BUNDLE, (BUNDLE / "configs" / "evaluate.yaml",), (BUNDLE / "configs" / "train.yaml",))
    with tempfile.TemporaryDirectory() as folder:
        weights = trained(Path(folder))
        common = {"dataset_dir": str(DATA), "val_subjects": SUBJECTS}

        def inference() -> None:
            changes = {**common, "handlers::0::load_path": str(weights), "handlers::2::_disabled_": True}
            workflow = ConfigWorkflow(str(configs.evaluate[0]), logging_file=False, workflow_type="evaluate", **changes)
            workflow.initialize()
            workflow.run()

        def everything() -> None:
            outputs = Outputs(segmentations=True, posteriors=True, uncertainty=True)
            out = Path(folder) / "evaluated"
            evaluate(configs, wanted=["val"], checkpoints=[weights], output_dir=out, overrides=common, outputs=outputs)

        figures = by_turns([inference, everything])
    (alone, alone_wall), (whole, whole_wall) = figures
    print(
        f"  inference {alone:.2f} s of processor time, {alone_wall:.2f} s; evaluate {whole:.2f} s, {whole_wall:.2f} s"
    )
    return goal(f"evaluate on {SUBJECTS} subjects, times the inference", whole / alone, most=1.5)


def by_turns(calls: list[Callable[[], None]]) -> list[tuple[float, float]]:
    """Give the medians of processor time and time on the clock of calls, after one round to warm up."""
    figures: list[list[tuple[float, float]]] = [[] for _ in calls]
    for turn in range(RUNS + 1):
        for call, found in zip(calls, figures, strict=True):
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            if turn:
                found.append((time.process_time() - cpu, time.perf_counter() - wall))
    return [(statistics.median(c for c, _ in found), statistics.median(w for _, w in found)) for found in figures]


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
