"""A model: weights of runs, of checkpoints, of files and addresses."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from pathlib import Path

import pytest
import torch

from bundle_engine.cli.bundles import find_bundle
from bundle_engine.cli.entry import main
from bundle_engine.cli.modelling import named_model
from bundle_engine.errors import BundleEngineWarning, DownloadError, InputError, InputNotFoundError, UsageError
from bundle_engine.experiment.models import Model, children_of, fetch_weights, model_of_bundle, model_of_run
from bundle_engine.experiment.parent import Child, Experiment
from bundle_engine.experiment.selection import select
from tests.network.server import Server


def states_of(run: Path, epoch: int) -> dict[str, dict[str, torch.Tensor]]:
    """Read what a checkpoint holds, independently of the product."""
    (file,) = run.glob(f"checkpoints/epoch{epoch:04d}_*.pt")
    return torch.load(file, weights_only=True)["stateful"]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("epoch", [1, 2])
def test_the_weights_of_an_epoch_are_those_of_the_network_that_was_validated(run: Path, epoch: int) -> None:
    states = states_of(run, epoch)
    selected = select(run, epoch)
    found = torch.load(selected.path, weights_only=True)
    assert (selected.which, selected.epoch) == ("epoch", epoch)
    assert same(found, states["averaged_network"])
    assert not same(found, states["network"])


def test_the_best_is_the_epoch_with_the_highest_metric(run: Path) -> None:
    metrics = [select(run, epoch).metric for epoch in (1, 2)]
    best = select(run)
    assert best.which == "best"
    assert best.metric == max(metrics)
    assert best.epoch == 1 + metrics.index(max(metrics))


def test_what_the_bundle_saved_in_the_end_is_the_last_average(run: Path) -> None:
    final = select(run, "final")
    assert final.path == run / "models" / "model.pt"
    assert same(torch.load(final.path, weights_only=True), states_of(run, 2)["averaged_network"])
    assert select(run, "last").epoch == 2


def test_without_the_final_file_the_last_checkpoint_is_final(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    (run / "models" / "model.pt").rename(tmp_path / "away.pt")
    try:
        assert select(copy, "final").which == "last"
    finally:
        (tmp_path / "away.pt").rename(run / "models" / "model.pt")


def test_a_final_file_that_another_run_has_written_since_does_not_count(run: Path, tmp_path: Path) -> None:
    import os

    copy = shutil.copytree(run, tmp_path / "copy")  # its record names the first one's folder
    file, before = run / "models" / "model.pt", (run / "models" / "model.pt").stat()
    os.utime(file, (before.st_atime, before.st_mtime + 3600))
    try:
        assert select(copy, "final").which == "last"
    finally:
        os.utime(file, (before.st_atime, before.st_mtime))
    assert select(copy, "final").path == file


@pytest.mark.parametrize(
    ("which", "message"),
    [("7", "has no checkpoint of epoch 7"), ("good", "says nothing of which weights"), (0, "is no epoch")],
)
def test_what_is_no_choice_of_weights(run: Path, which: str | int, message: str) -> None:
    with pytest.raises((UsageError, InputNotFoundError), match=message):
        select(run, which)


def test_a_run_without_checkpoints_says_so(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoints", "models"))
    (copy / "config.yaml").write_text("run: []\n")
    with pytest.raises(InputNotFoundError, match="has no weights"):
        select(copy)


def test_a_model_of_a_run_brings_along_what_the_training_changed(run: Path, bundle: Path, hippocampus: Path) -> None:
    model = model_of_run(run)
    assert model.bundle == bundle
    assert model.home == run
    assert model.overrides["network_def::deep_supervision"] is False
    assert model.overrides["dataset_dir"] == str(hippocampus)
    assert not {"ckpt_dir", "bundle_root", "output_dir"} & set(model.overrides)
    assert not model.is_ensemble
    assert model_of_run(run, ["1", "2"]).is_ensemble


def test_a_bundle_that_has_changed_since_is_told(run: Path, bundle: Path) -> None:
    script = bundle / "scripts" / "later.py"
    script.write_text("LATER = True\n")
    try:
        with pytest.warns(UserWarning, match="has changed since the run"):
            model_of_run(run)
    finally:
        script.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model_of_run(run)


def parent_of(run: Path, folder: Path, kind: str = "cross_validation") -> Path:
    """Put two finished runs, and one that failed, under a parent."""
    names = ["fold_0", "fold_1", "fold_2"]
    for name in names[:2]:
        shutil.copytree(run, folder / name)
    shutil.copytree(run, folder / names[2])
    record = folder / names[2] / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "failed"'))
    Experiment(kind, "small/parent", "small", "", children=[Child(name) for name in names]).write(folder)
    return folder


def test_a_cross_validation_is_an_ensemble_of_its_finished_folds(run: Path, tmp_path: Path) -> None:
    parent = parent_of(run, tmp_path / "parent")
    assert [folder.name for folder in children_of(parent)] == ["fold_0", "fold_1"]
    model = model_of_run(parent)
    assert [path.relative_to(parent).parts[0] for path in model.weights] == ["fold_0", "fold_1"]
    assert model.overrides["network_def::deep_supervision"] is False
    assert len(model.source["members"]) == 2


def test_the_runs_of_a_sweep_are_no_ensemble(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a sweep, whose runs are no ensemble"):
        model_of_run(parent_of(run, tmp_path / "parent", "sweep"))


def test_weights_that_are_not_there_or_twice(bundle: Path, weights: list[Path]) -> None:
    with pytest.raises(InputNotFoundError, match=r"there are no weights '.*network_9.pt'"):
        model_of_bundle(bundle, [weights[0].with_name("network_9.pt")])
    with pytest.raises(UsageError, match="are named twice"):
        model_of_bundle(bundle, [weights[0], weights[0]])


def test_a_checkpoint_of_a_run_is_no_file_of_weights(run: Path, bundle: Path) -> None:
    (file,) = run.glob("checkpoints/epoch0002_*.pt")
    with pytest.raises(UsageError, match="is a checkpoint of a run") as caught:
        model_of_bundle(bundle, [file])
    assert "--which best, last, or an epoch" in str(caught.value.hint)


def test_the_command_line_tells_of_folds_without_a_vote_and_of_runs_with_such_a_name(run: Path, tmp_path: Path) -> None:
    def named(model: str) -> Model:
        return named_model(model, None, None, None, None, None, None, None, find_bundle)

    parent_of(run, tmp_path / "parent")
    with pytest.warns(BundleEngineWarning, match="without a vote in the ensemble: fold_2$"):
        assert len(named("parent").weights) == 2
    with pytest.raises(InputNotFoundError) as caught:
        named("parnet")
    assert caught.value.hint == "did you mean the run 'parent'?"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--mdel", "last"], "--model"), (["--bundle", "hippocampus_segmentation", "--output_dri", "x"], "--output_dir")],
)
def test_evaluate_knows_its_options(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["evaluate", *words]) == 2
    assert f"did you mean {said}?" in capsys.readouterr().err


def test_weights_of_an_address_are_downloaded_once(weights: list[Path]) -> None:
    content = weights[0].read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with Server() as server:
        server.give("/a.pt", content)
        first = fetch_weights(f"{server.url}/a.pt#sha256={digest}", progress=False)
        assert first.read_bytes() == content
        asked = len(server.asked)
        assert fetch_weights(f"{server.url}/a.pt", progress=False) == first
        assert len(server.asked) == asked
        first.write_bytes(b"changed by somebody")
        assert fetch_weights(f"{server.url}/a.pt", progress=False).read_bytes() == content
        with pytest.raises(DownloadError, match="0000"):
            fetch_weights(f"{server.url}/a.pt#sha256={'0' * 64}", progress=False)
