"""`evaluate` and `report` on bundles whose predictions are known, against SimpleITK and scikit-learn."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics

from bundle_engine.cli import main
from bundle_engine.evaluation.tables import read_aggregates, read_metrics
from bundle_engine.evaluation.verdicts import read_verdicts
from tests.conftest import real_data
from tests.evaluation import bundles
from tests.evaluation.test_segmentation import by_simpleitk


@pytest.fixture(scope="module")
def bundle(labels, perturbed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with three subjects in each set, its data and its weights."""
    root = tmp_path_factory.mktemp("segmenting")
    folder = bundles.write_bundle(
        root / "bundle",
        bundles.SEGMENTING + bundles.EVALUATE,
        bundles.SEGMENTING + bundles.TRAIN,
        bundles.segmentation_metadata(),
    )
    sets: dict[str, list[dict[str, str]]] = {"train": [], "val": [], "test": []}
    for number, (name, truth) in enumerate(labels.items()):
        (root / "data").mkdir(exist_ok=True)
        files = {"image": root / "data" / f"{name}.nii.gz", "label": root / "data" / f"{name}_label.nii.gz"}
        truth = truth if number != 5 else np.where(truth == 2, 0, truth)  # a subject without one structure
        prediction = perturbed(truth, number)
        if number == 6:
            prediction[prediction == 1] = 0  # missed
        for key, array in (("image", prediction), ("label", truth)):
            nib.save(nib.Nifti1Image(array.astype(np.float32), bundles.AFFINE), files[key])
        part = ("train", "val", "test")[min(number // 2, 2)]
        sets[part].append({key: str(path) for key, path in files.items()})
    (root / "data" / "sets.json").write_text(json.dumps(sets))
    bundles.nearest_label(root / "model.pt")
    return folder


def evaluate(bundle: Path, *arguments: str) -> int:
    data = ("--dataset_dir", str(bundle.parent / "data"))
    return main(["evaluate", "--bundle", str(bundle), *data, *arguments])


@pytest.fixture(scope="module")
def evaluated(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What evaluate leaves on all sets, with everything that it can leave."""
    folder = tmp_path_factory.mktemp("evaluated")
    which = [f"--inference_on_{part}_set" for part in ("train", "val", "test")]
    more = [f"--save_{what}" for what in ("segmentations", "posteriors", "uncertainty")]
    weights = ["--checkpoint", str(bundle.parent / "model.pt"), "--output_dir", str(folder)]
    assert evaluate(bundle, *weights, *which, *more) == 0
    return folder


def subjects_of(bundle: Path, part: str) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads((bundle.parent / "data" / "sets.json").read_text())[part]
    return listed


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_the_numbers_are_those_of_simpleitk(evaluated: Path, bundle: Path, part: str) -> None:
    rows = {(row.subject, row.structure): row.agreement for row in read_metrics(evaluated / part / "metrics.csv")}
    names = [Path(subject["image"]).name.removesuffix(".nii.gz") for subject in subjects_of(bundle, part)]
    assert list(rows) == [(name, structure) for name in sorted(names) for structure in ("anterior", "posterior")]
    for subject, name in zip(subjects_of(bundle, part), names, strict=True):
        found, real = (np.asarray(nib.load(subject[key]).dataobj) for key in ("image", "label"))
        for value, structure in ((1, "anterior"), (2, "posterior")):
            got = rows[name, structure]
            assert got.voxels == np.count_nonzero(found == value)
            assert got.truth_ml == pytest.approx(
                np.count_nonzero(real == value) * math.prod(bundles.SPACING) / 1000, abs=1e-6
            )
            if got.voxels and got.truth_voxels:
                expected = by_simpleitk(found == value, real == value, bundles.SPACING)
                assert (got.dice, got.hausdorff_mm, got.hd95_mm, got.mean_mm) == pytest.approx(expected, abs=2e-6)


def test_what_was_missed_is_counted_and_not_in_the_mean(evaluated: Path) -> None:
    rows = read_metrics(evaluated / "test" / "metrics.csv")
    assert [row.structure for row in rows if row.agreement.one_empty] == ["anterior"]
    assert [row.structure for row in rows if row.agreement.both_empty] == ["posterior"]
    aggregates = {
        (row.structure, row.metric): row for row in read_aggregates(evaluated / "test" / "metrics_aggregates.csv")
    }
    row = aggregates["anterior", "HausdorffDistance_mm"]
    finite = [r.agreement.hausdorff_mm for r in rows if r.structure == "anterior" and not r.agreement.one_empty]
    assert (row.count, row.infinite) == (len(finite), 1)
    assert row.mean == pytest.approx(np.mean(finite), abs=1e-6)
    row = aggregates["posterior", "HausdorffDistance_mm"]
    assert (row.count, row.infinite, row.undefined, row.both_empty) == (3, 0, 1, 1)


def test_the_record_says_what_was_evaluated(evaluated: Path, bundle: Path) -> None:
    record = json.loads((evaluated / "val" / "evaluation.json").read_text())
    assert (record["task"], record["set"], record["subjects"], record["units"]) == ("segmentation", "val", 2, "mm")
    assert (record["bundle"], record["bundle_version"]) == ("bundle", "0.3.0")
    assert record["checkpoint"]["path"] == str(bundle.parent / "model.pt")
    assert len(record["checkpoint"]["sha256"]) == 64
    assert {path.name for path in (evaluated / "val").iterdir()} == {
        "metrics.csv", "metrics_aggregates.csv", "evaluation.json", "plots", "thumbnails", "segmentations", "posteriors",
        "uncertainty",
    }  # fmt: skip


def test_images_lie_on_the_grid_of_the_input(evaluated: Path, bundle: Path) -> None:
    subject = subjects_of(bundle, "val")[0]
    name = Path(subject["image"]).name.removesuffix(".nii.gz")
    image = nib.load(subject["image"])
    values = np.asarray(image.dataobj)
    written = nib.load(evaluated / "val" / "segmentations" / name / "posterior.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), values == 2)
    np.testing.assert_allclose(written.affine, image.affine)
    logits = 6 * np.arange(3)[:, None, None, None] * values - 3 * np.arange(3)[:, None, None, None] ** 2
    expected = np.exp(logits) / np.exp(logits).sum(axis=0)
    posterior = nib.load(evaluated / "val" / "posteriors" / name / "anterior.nii.gz")
    np.testing.assert_allclose(posterior.get_fdata(), expected[1], atol=3e-5)
    entropy = -(expected * np.log(expected)).sum(axis=0) / np.log(3)
    uncertainty = nib.load(evaluated / "val" / "uncertainty" / f"{name}.nii.gz")
    np.testing.assert_allclose(uncertainty.get_fdata(), entropy, atol=3e-5)
    np.testing.assert_allclose(uncertainty.affine, image.affine)


def test_thumbnails_have_the_proportions_of_the_body_and_both_outlines(evaluated: Path) -> None:
    from bundle_engine.evaluation.thumbnails import FOUND, REAL

    pictures = sorted((evaluated / "val" / "thumbnails").glob("*/*.png"))
    assert len(pictures) == 4
    for path in pictures:
        with Image.open(path) as picture:
            colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert {FOUND, REAL} <= colours


def test_the_default_is_what_the_evaluate_config_works_on(bundle: Path, tmp_path: Path, capsys) -> None:
    where = ("--output_dir", str(tmp_path / "out"), "--ckpt_path", str(bundle.parent / "model.pt"))
    assert evaluate(bundle, *where, "--noplots", "--nothumbnails") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["test"]
    assert {path.name for path in (tmp_path / "out" / "test").iterdir()} == {
        "metrics.csv",
        "metrics_aggregates.csv",
        "evaluation.json",
    }
    out, err = capsys.readouterr()
    assert "test: 4 subjects in" in out
    assert "1 missed or made up" in out
    assert "evaluating the set test, 4 subjects" in err
    assert not (tmp_path / "outputs").exists()  # of the MetricsSaver


def test_several_checkpoints_are_told_apart(bundle: Path, tmp_path: Path) -> None:
    right, wrong = tmp_path / "a" / "model.pt", tmp_path / "b" / "model.pt"
    bundles.nearest_label(right)
    bundles.nearest_label(wrong, wrong=True)
    arguments = ("--checkpoint", f"{right},{wrong}", "--inference_on_val_set", "--noplots", "--nothumbnails")
    assert evaluate(bundle, *arguments, "--output_dir", str(tmp_path / "out")) == 0
    means = {
        name: np.mean([row.agreement.dice for row in read_metrics(tmp_path / "out" / name / "val" / "metrics.csv")])
        for name in ("a_model", "b_model")
    }
    assert means["a_model"] > 0.4
    assert means["b_model"] < 0.3


def test_evaluating_again_replaces_all_of_it_and_nothing_else(bundle: Path, evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated / "val", tmp_path / "out" / "val")
    (tmp_path / "out" / "val" / "thumbnails" / "old.png").write_bytes(b"")
    (tmp_path / "out" / "val" / "notes.txt").write_text("mine")
    weights = ("--checkpoint", str(bundle.parent / "model.pt"), "--output_dir", str(tmp_path / "out"))
    assert evaluate(bundle, *weights, "--inference_on_val_set") == 0
    assert not (tmp_path / "out" / "val" / "thumbnails" / "old.png").exists()
    assert (tmp_path / "out" / "val" / "notes.txt").read_text() == "mine"
    assert not list((tmp_path / "out").rglob(".partial"))


# ---- what goes wrong ----


def without_validation(bundle: Path, folder: Path) -> Path:
    shutil.copytree(bundle, folder)
    (folder / "configs" / "train.yaml").unlink()
    return folder


def test_a_set_that_is_not_there(bundle: Path, tmp_path: Path, capsys) -> None:
    lone = without_validation(bundle, tmp_path / "lone")
    data = ("--dataset_dir", str(bundle.parent / "data"), "--output_dir", str(tmp_path / "out"))
    assert main(["evaluate", "--bundle", str(lone), *data, "--inference_on_val_set"]) == 2
    assert "the bundle has no validation set: it has no train config" in capsys.readouterr().err
    assert main(["evaluate", "--bundle", str(bundle), *data, "--inference_on_test_set", "--dataset::data", "@x"]) == 2
    assert not (tmp_path / "out").exists()


def test_the_validation_set_is_no_test_set(bundle: Path, tmp_path: Path, capsys) -> None:
    same = "$scripts.data.subjects(@dataset_dir, 'val')"
    assert (
        evaluate(bundle, "--inference_on_test_set", "--dataset::data", same, "--output_dir", str(tmp_path / "out")) == 2
    )
    err = capsys.readouterr().err
    assert "the bundle has no test set: its evaluate config works on the set 'val'" in err
    assert "--inference_on_val_set" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--checkpoint", "none.pt"], "there is no checkpoint 'none.pt'", id="no-checkpoint"),
        pytest.param([], "there are no trained weights at 'outputs/model.pt'", id="nothing-trained"),
        pytest.param(["--task", "detection"], "'detection' is no task", id="task"),
        pytest.param(["--checkpoint", "text.pt"], "text.pt", id="no-weights"),
        pytest.param(["--checkpoint", "other.pt"], "do not fit the network Conv3d", id="other-weights"),
        pytest.param(["--workflow", "evaluat"], "did you mean 'evaluate'?", id="workflow"),
        pytest.param(["--task", "classification", "--checkpoint", "model.pt"], "for a segmentation use", id="wrong-task"),
    ],
)  # fmt: skip
def test_bad_input_is_told_and_nothing_is_written(
    bundle: Path, tmp_path: Path, monkeypatch, capsys, arguments, message
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pt").write_text("no weights")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    bundles.nearest_label(tmp_path / "model.pt")
    assert evaluate(bundle, "--output_dir", str(tmp_path / "out"), *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists() or not any(path.is_file() for path in (tmp_path / "out").rglob("*"))


def test_an_override_that_reaches_nothing_is_told(bundle: Path, tmp_path: Path, capsys) -> None:
    weights = ("--checkpoint", str(bundle.parent / "model.pt"), "--output_dir", str(tmp_path / "out"))
    assert evaluate(bundle, *weights, "--noplots", "--nothumbnails", "--dataset_dri", "x") == 0
    assert (
        "'dataset_dri' is in neither config, and has no effect; did you mean 'dataset_dir'?" in capsys.readouterr().err
    )


def test_other_grids_name_the_subject(bundle: Path, tmp_path: Path, capsys) -> None:
    cut = "[{_target_: SpatialPadd, keys: pred, spatial_size: [64, 64, 64]}, {_target_: AsDiscreted, keys: pred, argmax: true}]"
    weights = ("--checkpoint", str(bundle.parent / "model.pt"), "--output_dir", str(tmp_path / "out"))
    more = ("--postprocessing::transforms", cut, "--evaluator::key_val_metric", "None")
    assert evaluate(bundle, *weights, *more) == 2
    err = capsys.readouterr().err
    assert "they must be on one grid" in err
    assert "subject 'hippocampus_0" in err
    assert not list((tmp_path / "out").rglob("*.csv"))


# ---- report ----


def test_the_report_has_everything_in_one_page(evaluated: Path, capsys) -> None:
    assert main(["report", str(evaluated), "--title", "Hippo & <friends>"]) == 0
    page = (evaluated / "report.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {evaluated / 'report.html'}",
        f"wrote {evaluated / 'report.ipynb'}",
    ]
    assert "<h1>Hippo &amp; &lt;friends&gt;</h1>" in page
    for text in ("Training set", "Validation set", "Test set", "Side by side", "Outliers", "Worst cases: anterior"):
        assert text in page
    assert "missed, or found where it is not, in <b>1</b> of" in page
    for link in ("http:", "https:", "<script", "src='", "url(http"):
        assert link not in page.replace("http://www.w3.org", "").replace("https://www.w3.org", "").replace(
            "http://purl.org", "").replace("http://creativecommons.org", "")  # fmt: skip
    rows = {(row.structure, row.metric): row for row in read_aggregates(evaluated / "val" / "metrics_aggregates.csv")}
    assert f"{rows['anterior', 'Dice'].mean:.3f} ± {rows['anterior', 'Dice'].std:.3f}" in page
    notebook = json.loads((evaluated / "report.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert all(output["output_type"] != "error" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 9
    assert "Path('.')" in "".join(code[0]["source"])


def test_a_page_about_one_set_elsewhere(evaluated: Path, tmp_path: Path) -> None:
    assert main(["report", str(evaluated / "val"), "--output", str(tmp_path / "val.html"), "--nonotebook"]) == 0
    assert "Side by side" not in (tmp_path / "val.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["val.html"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda f: (f / "evaluation.json").unlink(), "there is no evaluation in", id="no-record"),
        pytest.param(lambda f: (f / "evaluation.json").write_text("{"), "the record cannot be read", id="record"),
        pytest.param(lambda f: (f / "evaluation.json").write_text("{}"), "of no known task: None", id="task"),
        pytest.param(lambda f: (f / "metrics.csv").unlink(), "there is no table", id="no-table"),
        pytest.param(lambda f: (f / "metrics.csv").write_text("a,b\n"), "has no column 'Patient'", id="table"),
    ],
)
def test_a_damaged_evaluation_is_an_error(evaluated: Path, tmp_path: Path, capsys, damage: Any, message: str) -> None:
    shutil.copytree(evaluated / "val", tmp_path / "val")
    damage(tmp_path / "val")
    assert main(["report", str(tmp_path / "val")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "val" / "report.html").exists()


# ---- classification ----

CLASSIFYING = """
network_def:
  _target_: torch.nn.Sequential
  _args_:
  - {_target_: torch.nn.Flatten}
  - {_target_: torch.nn.Linear, in_features: 784, out_features: 2}
network: $@network_def.to(@device)
"""
EVALUATE = """
dataset:
  _target_: Dataset
  data: $scripts.data.images(@dataset_dir, 'test')
dataloader: {_target_: DataLoader, dataset: '@dataset', batch_size: 64}
inferer: {_target_: SimpleInferer}
postprocessing:
  _target_: Compose
  transforms:
  - {_target_: Activationsd, keys: pred, softmax: true}
  - {_target_: AsDiscreted, keys: pred, argmax: true}
handlers: []
evaluator:
  _target_: SupervisedEvaluator
  device: '@device'
  val_data_loader: '@dataloader'
  network: '@network'
  inferer: '@inferer'
  postprocessing: '@postprocessing'
  val_handlers: '@handlers'
run: [$@evaluator.run()]
"""
IMAGES = """
import numpy as np

def images(file, part, step=4):
    with np.load(file) as stored:
        images, labels = stored[f"{part}_images"][::step], stored[f"{part}_labels"][::step].ravel()
    return [
        {"image": image[None].astype(np.float32) / 255, "label": int(label), "subject": f"{part}_{number:03}"}
        for number, (image, label) in enumerate(zip(images, labels))
    ]
"""


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of chest X-rays by a linear network: the difference of the classes' means."""
    file = real_data("pneumoniamnist.npz")
    root = tmp_path_factory.mktemp("classifying")
    pred = {"type": "probabilities", "format": "classification", "num_channels": 2, "spatial_shape": []}
    pred["channel_def"] = {"0": "normal", "1": "pneumonia"}
    train = (
        CLASSIFYING
        + """
validate:
  dataset: {_target_: Dataset, data: "$scripts.data.images(@dataset_dir, 'val')"}
"""
    )
    metadata = {"version": "1", "network_data_format": {"outputs": {"pred": pred}}}
    bundle = bundles.write_bundle(root / "xray", CLASSIFYING + EVALUATE, train, metadata)
    (bundle / "scripts" / "data.py").write_text(IMAGES)
    with np.load(file) as stored:
        images, labels = stored["train_images"][::8] / 255, stored["train_labels"][::8].ravel()
    direction = (images[labels == 1].mean(axis=0) - images[labels == 0].mean(axis=0)).ravel() / 3
    middle = (images.reshape(len(images), -1) @ direction).mean()
    weight = torch.tensor(np.stack([-direction, direction]), dtype=torch.float32)
    torch.save({"1.weight": weight, "1.bias": torch.tensor([middle, -middle]).float()}, root / "model.pt")
    arguments = ["--dataset_dir", str(file), "--checkpoint", str(root / "model.pt"), "--output_dir", str(root / "out")]
    assert main(["evaluate", "--bundle", str(bundle), *arguments, "--inference_on_test_set"]) == 0
    return root / "out"


def test_the_test_set_is_decided_at_the_threshold_of_the_validation_set(classified: Path) -> None:
    from bundle_engine.evaluation.classification import choose_threshold

    assert sorted(path.name for path in classified.iterdir()) == ["test", "val"]
    validation, classes = read_verdicts(classified / "val" / "metrics.csv")
    assert classes == ["normal", "pneumonia"]
    chosen = choose_threshold([v.probabilities[1] for v in validation], [v.label == "pneumonia" for v in validation])
    record = json.loads((classified / "test" / "evaluation.json").read_text())
    assert record["threshold"] == {"value": pytest.approx(chosen, abs=2e-6), "source": "chosen on the validation set"}
    assert (
        json.loads((classified / "val" / "evaluation.json").read_text())["threshold"]["source"] == "chosen on this set"
    )
    verdicts, _ = read_verdicts(classified / "test" / "metrics.csv")
    said = [verdict.prediction == "pneumonia" for verdict in verdicts]
    assert said == [verdict.probabilities[1] >= record["threshold"]["value"] for verdict in verdicts]


def test_the_figures_are_those_of_scikit_learn(classified: Path) -> None:
    import pandas as pd

    verdicts, _ = read_verdicts(classified / "test" / "metrics.csv")
    with np.load(real_data("pneumoniamnist.npz")) as stored:
        labels = stored["test_labels"][::4].ravel()
    assert [verdict.label == "pneumonia" for verdict in verdicts] == (labels == 1).tolist()
    scores = [verdict.probabilities[1] for verdict in verdicts]
    said = [verdict.prediction == "pneumonia" for verdict in verdicts]
    table = pd.read_csv(classified / "test" / "metrics_aggregates.csv").set_index("Metric").Value
    assert table["AUC"] == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-3)
    assert table["AUC"] > 0.7
    assert table["AveragePrecision"] == pytest.approx(metrics.average_precision_score(labels, scores), abs=1e-3)
    assert table["Accuracy"] == pytest.approx(metrics.accuracy_score(labels, said), abs=1e-6)
    assert table["Sensitivity"] == pytest.approx(metrics.recall_score(labels, said), abs=1e-6)
    assert table["Specificity"] == pytest.approx(metrics.recall_score(1 - labels, np.logical_not(said)), abs=1e-6)
    assert table["Brier"] == pytest.approx(metrics.brier_score_loss(labels, scores), abs=1e-5)


def test_the_best_and_worst_images_are_drawn(classified: Path) -> None:
    names = {f"{word}_{number}.png" for word in ("best", "worst") for number in range(1, 9)}
    assert {path.name for path in (classified / "test" / "thumbnails").iterdir()} == names
    plots = {"roc.png", "precision_recall.png", "reliability.png", "confusion.png"}
    assert {path.name for path in (classified / "test" / "plots").iterdir()} == plots


def test_the_report_of_a_classification(classified: Path) -> None:
    assert main(["report", str(classified)]) == 0
    page = (classified / "report.html").read_text(encoding="utf-8")
    for text in (
        "AUC, pneumonia",
        "Confusion",
        "Worst images",
        "mistakes",
        "chosen on the validation set",
        "Brier score",
    ):
        assert text in page
    notebook = json.loads((classified / "report.ipynb").read_text())
    assert all(o["output_type"] != "error" for cell in notebook["cells"] for o in cell.get("outputs", []))


OVERLAY = """
validate::handlers:
- {_target_: CheckpointLoader, load_path: $@output_dir + '/model.pt', load_dict: {model: '@network'}}
run: [$@validate::evaluator.run()]
"""


def test_an_evaluate_config_that_lies_over_the_training(bundle: Path, tmp_path: Path) -> None:
    """As in many bundles of the Model Zoo: the parts stand at `validate`, and evaluate only changes them."""
    own = (
        bundles.EVALUATE.replace("'test'", "'val'")
        .replace("'@", "'@validate::")
        .replace("@validate::device", "@device")
    )
    own = (
        own.replace("@validate::network'", "@network'")
        .replace("run: [$@evaluator.run()]", "")
        .replace("ckpt_path:", "unused:")
    )
    lines = [line for line in own.strip().splitlines() if "CheckpointLoader" not in line and "MetricsSaver" not in line]
    train = bundles.SEGMENTING + "train:\n  dataset: {_target_: Dataset, data: []}\nvalidate:\n"
    train += "\n".join(f"  {line}" for line in lines) + "\nrun: [$print('trained')]\n"
    folder = bundles.write_bundle(tmp_path / "over", "", train, bundles.segmentation_metadata())
    (folder / "configs" / "evaluate.yaml").write_text(OVERLAY)
    arguments = ("--dataset_dir", str(bundle.parent / "data"), "--checkpoint", str(bundle.parent / "model.pt"))
    where = ("--output_dir", str(tmp_path / "out"), "--noplots", "--nothumbnails", "--save_uncertainty")
    assert main(["evaluate", "--bundle", str(folder), *arguments, *where]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["val"]
    assert {row.subject for row in read_metrics(tmp_path / "out" / "val" / "metrics.csv")} == {
        Path(subject["label"]).name.removesuffix("_label.nii.gz") for subject in subjects_of(bundle, "val")
    }
