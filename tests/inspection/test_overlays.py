"""Which configs of a bundle are put over which."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle_engine.inspection.overlays import workflows

TRAIN = "net: {_target_: dict}\ntrain: {trainer: {_target_: dict, n: '@net'}}\nrun: [$@train::trainer.run()]\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"train": TRAIN}, ["train.yaml"]),
        (
            {"evaluate": "run: [$@train::trainer.run(2)]", "inference": "x: 1\nrun: ['@x']", "train": TRAIN},
            ["train.yaml,evaluate.yaml", "inference.yaml", "train.yaml"],
        ),
        (
            {"multi_gpu_train": "net::device: cpu\nrun: [$print(@net)]", "train": TRAIN},
            ["train.yaml,multi_gpu_train.yaml", "train.yaml"],
        ),
        (
            {
                "evaluate": "eval: {n: '@net'}\nrun: [$@eval, $@train]",
                "multi_gpu_evaluate": "eval::m: 1\nrun: [$@eval::n, $@train]",
                "train": TRAIN,
            },
            ["train.yaml,evaluate.yaml", "train.yaml,evaluate.yaml,multi_gpu_evaluate.yaml", "train.yaml"],
        ),
        ({"orphan": "run: [$@nothing]", "train": TRAIN}, ["orphan.yaml", "train.yaml"]),
        ({"early": "ckpt: $@bundle_root\nrun: [$@ckpt]", "train": TRAIN}, ["early.yaml", "train.yaml"]),
        ({"spare": "left_over: '@net'\nx: 1\nrun: [$@x]", "train": TRAIN}, ["spare.yaml", "train.yaml"]),
        ({"broken": "a: [", "train": TRAIN}, ["broken.yaml", "train.yaml"]),
    ],
    ids=["alone", "steps", "a place inside", "three levels", "orphan", "root", "what no step needs", "broken"],
)
def test_overlays_are_recognised(files: dict[str, str], expected: list[str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    assert workflows(sorted(tmp_path.iterdir())) == expected
