"""The reports as handlers: in a config, in two processes, with what evaluators of all kinds give."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ignite.engine import Engine

from bundle_engine import ConfigParser
from bundle_engine.errors import BundleEngineWarning, InputError, UsageError
from bundle_engine.evaluation import ClassificationReport, SegmentationReport, compare_structures, keep_posteriors
from bundle_engine.evaluation.subjects import Names, entropy_of, file_name, probabilities_of, structures_of
from bundle_engine.evaluation.tables import read_metrics
from bundle_engine.evaluation.verdicts import read_verdicts
from tests.evaluation.conftest import STRUCTURES


def run(report, items, size: int = 2) -> None:
    """Let a report look at subjects, as an evaluator would show them."""
    batches = [items[at : at + size] for at in range(0, len(items), size)]

    def step(engine, batch):
        return [dict(item) for item in batch]

    engine = Engine(step)
    report.attach(engine)
    engine.run(batches, max_epochs=1)


def one_hot(array):
    return np.stack([array == value for value in range(3)]).astype(np.float32)


def test_a_handler_from_a_config(tmp_path: Path, labels, perturbed) -> None:
    parser = ConfigParser({"report": {
        "_target_": "bundle_engine.evaluation.SegmentationReport", "output_dir": str(tmp_path / "out"), "structures": {1: "a", 2: "b"},
    }})  # fmt: skip
    items = [
        {"subject": name, "pred": one_hot(perturbed(truth, 0)), "label": truth[None]} for name, truth in labels.items()
    ]
    run(parser.get_parsed_content("report"), items, size=3)
    rows = read_metrics(tmp_path / "out" / "metrics.csv")
    assert len(rows) == 16
    for name, truth in labels.items():
        expected = compare_structures(perturbed(truth, 0), truth, {1: "a", 2: "b"}, (1, 1, 1))
        got = {row.structure: row.agreement.dice for row in rows if row.subject == name}
        assert got == pytest.approx({structure: score.dice for structure, score in expected.items()}, abs=1e-6)


def test_two_processes_make_one_table(tmp_path: Path, labels, perturbed) -> None:
    for name, truth in labels.items():
        np.savez(tmp_path / f"{name}.npz", pred=perturbed(truth, 2), label=truth)
    # the last subject is given to both, as samplers do to make the shares equal
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            from pathlib import Path
            import numpy as np
            import torch.distributed as dist
            from ignite.engine import Engine
            from bundle_engine.evaluation import SegmentationReport

            rank, folder = int(sys.argv[1]), Path({str(tmp_path)!r})
            dist.init_process_group("gloo", init_method=f"file://{{folder}}/meet", rank=rank, world_size=2)
            files = sorted(folder.glob("*.npz"))[:7]
            items = [[{{"subject": f.stem, **{{k: v[None] for k, v in np.load(f).items()}}}}] for f in [*files, files[0]][rank::2]]
            engine = Engine(lambda engine, batch: batch)
            report = SegmentationReport(folder / "out", {{1: "anterior", 2: "posterior"}})
            report.attach(engine)
            engine.run(items)
            assert report.subjects == 7
            dist.destroy_process_group()
            """
        )
    )
    root = str(Path(__file__).resolve().parents[2])
    processes = [
        subprocess.Popen([sys.executable, str(script), str(rank)], cwd=root, env={**__import__("os").environ, "PYTHONPATH": root}, stderr=subprocess.PIPE)
        for rank in range(2)
    ]  # fmt: skip
    errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    rows = read_metrics(tmp_path / "out" / "metrics.csv")
    assert [(row.subject, row.structure) for row in rows] == [
        (n, s) for n in sorted(labels)[:7] for s in STRUCTURES.values()
    ]
    assert len(list((tmp_path / "out" / "thumbnails").glob("*/*.png"))) == 14
    assert not (tmp_path / "out" / ".partial").exists()


def test_a_run_that_fails_leaves_the_earlier_results(tmp_path: Path, labels) -> None:
    truth = next(iter(labels.values()))
    good = {"subject": "1", "pred": truth[None], "label": truth[None]}
    run(SegmentationReport(tmp_path, STRUCTURES), [good])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report = SegmentationReport(tmp_path, STRUCTURES)
    with pytest.raises(InputError, match="must be on one grid") as caught:
        run(report, [good, {"subject": "2", "pred": truth[None], "label": truth[None, 1:]}], size=1)
    report.discard()
    assert "subject '2'" in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        pytest.param({"pred": np.zeros((1, 4, 4, 4))}, UsageError, "a subject has no 'label'", id="no-label"),
        pytest.param({"pred": np.full((3, 4, 4, 4), 0.3), "label": np.zeros((1, 4, 4, 4))}, InputError,
                     "the prediction is no segmentation yet: it holds values such as 0.3", id="probabilities"),
        pytest.param({"pred": np.zeros(3), "label": np.zeros(1)}, UsageError, "ClassificationReport", id="classes"),
        pytest.param({"pred": np.zeros((2, 4, 4, 4)), "label": np.zeros((1, 4, 4, 4))}, InputError, "there is no channel 2", id="channels"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured(tmp_path: Path, item, error, message) -> None:
    report = SegmentationReport(tmp_path / "out", STRUCTURES)
    with pytest.raises(error, match=message):
        run(report, [item])
    report.discard()
    assert not (tmp_path / "out").exists()


def test_nobody_to_evaluate_and_no_list(tmp_path: Path) -> None:
    report = SegmentationReport(tmp_path / "out")
    engine = Engine(lambda engine, batch: {"pred": 1})
    report.attach(engine)
    with pytest.raises(UsageError, match="gives no list with a mapping per subject"):
        engine.run([1])
    report.discard()
    report._begin(None)
    with pytest.raises(InputError, match="no subjects"):
        report._end(None)
    assert not (tmp_path / "out").exists()


def test_posteriors_need_a_copy(tmp_path: Path) -> None:
    item = {"pred": np.zeros((1, 4, 4, 4), np.uint8), "label": np.zeros((1, 4, 4, 4), np.uint8)}
    report = SegmentationReport(tmp_path, {1: "a"}, save_posteriors=True)
    with pytest.raises(UsageError, match="CopyItemsd with keys"):
        run(report, [item])
    report.discard()


def test_posteriors_are_kept_in_front_of_the_decision() -> None:
    import torch
    from monai.transforms import Activationsd, AsDiscreted, Compose

    steps = Compose([Activationsd(keys="pred", softmax=True), AsDiscreted(keys="pred", argmax=True)])
    got = keep_posteriors(steps)({"pred": torch.tensor([[0.0], [2.0]])})
    assert got["pred"].tolist() == [[1]]
    assert got["posteriors"][1].item() == pytest.approx(1 / (1 + math.exp(-2)))
    other = Compose([Activationsd(keys="pred", softmax=True)])
    assert keep_posteriors(other) is other
    assert len(keep_posteriors(AsDiscreted(keys="pred", argmax=True)).transforms) == 2


# ---- classification ----


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param([[0.2, 0.8], [0.9, 0.1]], [0.8, 0.1], id="probabilities"),
        pytest.param([[0.0, 2.0], [1.0, -1.0]], [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))], id="logits"),
        pytest.param([[0.7], [0.4]], [0.7, 0.4], id="one-probability"),
        pytest.param([[2.0], [-1.0]], [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))], id="one-logit"),
    ],
)
def test_outputs_of_all_kinds(tmp_path: Path, outputs, expected) -> None:
    items = [
        {"pred": np.array(output), "label": np.array(label)} for output, label in zip(outputs, (1, 0), strict=True)
    ]
    report = ClassificationReport(tmp_path, ["no", "yes"], draw_plots=False)
    run(report, items)
    verdicts, classes = read_verdicts(tmp_path / "metrics.csv")
    assert classes == ["no", "yes"]
    assert [verdict.probabilities[1] for verdict in verdicts] == pytest.approx(expected, abs=1e-6)
    assert report.chosen == 0.5


def test_labels_may_have_a_place_per_class(tmp_path: Path) -> None:
    items = [
        {"pred": np.array([0.1, 0.2, 0.7]), "label": np.eye(3)[2]},
        {"pred": np.array([0.5, 0.4, 0.1]), "label": 1},
    ]
    run(ClassificationReport(tmp_path, draw_plots=True), items)
    verdicts, _ = read_verdicts(tmp_path / "metrics.csv")
    assert [(v.label, v.prediction) for v in verdicts] == [("class 2", "class 2"), ("class 1", "class 0")]


def test_a_set_of_one_class_has_no_threshold_of_its_own(tmp_path: Path) -> None:
    items = [{"pred": np.array([1 - p, p]), "label": np.array(1)} for p in (0.3, 0.8)]
    report = ClassificationReport(tmp_path, ["no", "yes"], threshold="youden")
    run(report, items)
    assert report.chosen == 0.5
    assert "none could be chosen" in (tmp_path / "evaluation.json").read_text()


def test_probabilities_that_were_thrown_away_are_told(tmp_path: Path) -> None:
    items = [{"pred": np.eye(2)[c], "label": np.array(c)} for c in (0, 1, 1)]
    with pytest.warns(BundleEngineWarning, match="every probability is 0 or 1"):
        run(ClassificationReport(tmp_path, ["no", "yes"], draw_plots=False), items)


@pytest.mark.parametrize("threshold", ["high", 1.5, -0.1, float("nan")])
def test_a_threshold_that_is_none(tmp_path: Path, threshold) -> None:
    with pytest.raises(UsageError, match="a threshold is a number between 0 and 1, or 'youden'"):
        ClassificationReport(tmp_path, threshold=threshold)


# ---- what batches say of subjects ----


def test_names_are_of_files_and_no_two_alike() -> None:
    def item(path):
        return {"image": SimpleNamespace(meta={"filename_or_obj": path})}

    names = Names()
    paths = ["/d/p1/image.nii.gz", "/d/p2/image.nii.gz", "/e/p2/image.nii.gz", "/d/scan.01.mha"]
    assert [names.name(item(path), ("image",))[0] for path in paths] == ["image", "p2_image", "p2_image_2", "scan.01"]
    assert names.name({"subject": 7}, ("image",)) == ("7", "")
    assert names.name({}, ("image",))[0] == "subject_0006"
    assert names.name({"image_meta_dict": {"filename_or_obj": ["x/y.png"]}}, ("image",)) == ("y", "x/y.png")


def test_structures_by_all_kinds_of_names() -> None:
    three, one = np.zeros((3, 2, 2, 2)), np.zeros((1, 2, 2, 2))
    assert structures_of(three, None) == {1: "structure 1", 2: "structure 2"}
    assert structures_of(one, None) == {1: "structure 1"}
    assert structures_of(three, ["a", "b"]) == {1: "a", 2: "b"}
    assert structures_of(three, {"0": "Background", "1": "a", "2": "b"}) == {1: "a", 2: "b"}
    assert structures_of(three, {0: "core", 1: "whole", 2: "enhancing"}) == {0: "core", 1: "whole", 2: "enhancing"}
    assert structures_of(one, {"0": "spleen"}) == {1: "spleen"}
    for wrong in ({"x": "a"}, {}, ["a", "a"], ["left/right", "Left right"]):
        with pytest.raises(UsageError):
            structures_of(three, wrong)


def test_probabilities_and_entropy() -> None:
    logits = np.array([[0.0, 3.0], [0.0, -3.0]])
    got = probabilities_of(logits)
    np.testing.assert_allclose(got[0], [0.5, 1 / (1 + math.exp(-6))], rtol=1e-6)
    np.testing.assert_allclose(entropy_of(got)[0], 1, rtol=1e-6)
    np.testing.assert_allclose(entropy_of(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)), 0, atol=1e-6)
    overlapping = np.array([[0.5], [0.5], [1.0]], np.float32)  # three structures that do not exclude each other
    np.testing.assert_allclose(entropy_of(overlapping), 2 / 3, rtol=1e-5)


@pytest.mark.parametrize(("text", "name"), [("a/b c", "a_b_c"), ("../x", "x"), ("Ö_1.2", "Ö_1.2"), ("//", "_")])
def test_names_of_files(text: str, name: str) -> None:
    assert file_name(text) == name
