"""What is compared with whom, how tables are found and read, and what is written."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.evaluation.aggregates import outliers
from bundle_engine.evaluation.verdicts import Verdict, write_verdicts
from bundle_engine.experiment.comparison import compare, write_comparison, write_cross_validation_results
from bundle_engine.experiment.comparison.contestants import Question
from bundle_engine.experiment.comparison.entries import read_entries
from bundle_engine.experiment.comparison.measurements import read_measurements
from bundle_engine.experiment.comparison.sheets import summary_sheet
from bundle_engine.experiment.comparison.text import as_text

DICE = Question("test", "anterior", "Dice")


@pytest.fixture
def tables(models, write, tmp_path: Path) -> Path:
    """Three evaluations on the same test set, where `alike` lacks two subjects."""
    write(tmp_path / "good", {"val": models["good"][:16], "test": models["good"]})
    write(tmp_path / "bad", {"val": models["bad"][:16], "test": models["bad"]})
    write(tmp_path / "alike" / "evaluation", {"test": models["alike"][4:]})
    return tmp_path


@pytest.fixture
def folds(models, write, tmp_path: Path) -> Path:
    """A cross-validation: each of three folds with subjects of its own to validate on, and the same test set."""
    names = list(dict.fromkeys(row.subject for row in models["good"]))
    for number in range(3):
        mine = [row for row in models["good"] if names.index(row.subject) % 3 == number]
        test = [row for row in models["good" if number % 2 else "bad"] if names.index(row.subject) < 10]
        write(tmp_path / "cv" / f"fold_{number}" / "evaluation", {"val": mine, "test": test})
    best = [row for row in models["alike"] if names.index(row.subject) < 10]
    write(tmp_path / "cv" / "ensemble", {"test": best})
    return tmp_path / "cv"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def dataset(folder: Path, subjects: list[str]) -> Path:
    lines = [f"{name},images/{name}.nii.gz,image,{'north' if i % 2 else 'south'}" for i, name in enumerate(subjects)]
    (folder / "dataset.csv").write_text("\n".join(["subject,filePath,channel,institutionId", *lines]) + "\n")
    return folder / "dataset.csv"


def test_runs_are_compared_on_each_set_that_they_share(tables: Path) -> None:
    found = compare([tables / "good", tables / "bad", f"other={tables / 'alike'}"])
    assert [each.name for each in found.contestants] == ["good", "bad", "other"]
    assert found.sets == ("test", "val")
    by = {(t.question, t.first, t.second): t for t in found.paired}
    assert len(by) == (3 + 1) * 2 * 4
    assert (by[DICE, "good", "bad"].pairs, by[DICE, "good", "bad"].better) == (20, "good")
    other = by[DICE, "good", "other"]
    assert (other.pairs, other.only_first, other.only_second, other.better) == (18, 2, 0, "")
    assert {each.subject for each in found.unpaired} == {"hippocampus_001", "hippocampus_003"}


def test_the_long_table_has_all_values_and_columns_and_can_be_read_back(tables: Path, models) -> None:
    names = list(dict.fromkeys(row.subject for row in models["good"]))
    found = compare([tables / "good", tables / "bad"], dataset=dataset(tables, names[1:]), metrics=["Dice"])
    write_comparison(found, tables / "out")
    rows = rows_of(tables / "out" / "MetricsAcrossAllRuns.csv")
    assert list(rows[0])[:6] == ["run", "split", "set", "Patient", "Structure", "Dice"]
    assert list(rows[0])[-1] == "institutionId"
    assert len(rows) == 2 * (16 + 40)
    assert {row["institutionId"] for row in rows if row["Patient"] == names[0]} == {""}
    assert {row["institutionId"] for row in rows if row["Patient"] == names[1]} == {"south"}
    assert found.notes == (f"1 subjects are not in '{tables / 'dataset.csv'}', such as '{names[0]}'",
                           "1 subjects have no institutionId, and are in no group")  # fmt: skip
    again = read_measurements(tables / "out" / "MetricsAcrossAllRuns.csv", run="x")
    assert {row.run for row in again} == {"x/good", "x/bad"}
    assert [(r.set, r.subject, r.structure) for r in again] == [(r.set, r.subject, r.structure) for r in found.rows]
    for one, other in zip(again, found.rows, strict=True):
        assert one.values == pytest.approx({k: None if v is None else round(v, 6) for k, v in other.values.items()})
        assert dict(one.columns) == dict(other.columns)


def test_folds_and_the_ensemble_of_one_run_are_compared_with_each_other(folds: Path) -> None:
    found = compare([folds])
    assert [each.name for each in found.contestants] == ["ENSEMBLE", *(f"fold_{n}" for n in range(3))]
    assert {t.question.set for t in found.paired} == {"test"}  # the validation sets have nobody in common
    assert len({(t.first, t.second) for t in found.paired}) == 6
    assert {t.pairs for t in found.paired} == {10}
    assert not found.unpaired


def test_of_several_runs_the_folds_count_together(folds: Path, tables: Path, models) -> None:
    found = compare([folds, tables / "bad"])
    assert [each.name for each in found.contestants] == ["cv folds", "cv ENSEMBLE", "bad"]
    by_model = {
        name: {r.subject: r.agreement.dice for r in rows if r.structure == "anterior"} for name, rows in models.items()
    }
    pooled = found.values["cv folds"][DICE]
    for subject, value in pooled.items():  # two folds are the bad model
        assert value == pytest.approx((by_model["good"][subject] + 2 * by_model["bad"][subject]) / 3, abs=1e-6)
    validated = found.values["cv folds"][Question("val", "anterior", "Dice")]
    assert validated == pytest.approx(by_model["good"], abs=1e-6)
    distances = found.values["cv folds"][Question("test", "posterior", "HD95_mm")]
    assert [name for name, value in distances.items() if value == math.inf] == ["hippocampus_007"]


def test_outliers_are_those_of_the_evaluation_each_measure_by_itself(tables: Path, models) -> None:
    found = compare([tables / "good", tables / "bad"], sets=["test"])
    for name in ("good", "bad"):
        mine = sorted((e.subject, e.question.structure, e.question.metric) for e in found.oddities if e.name == name)
        assert mine == sorted(each[:3] for each in outliers(models[name]))
    missed = [e for e in found.recurring if e.subject == "hippocampus_007" and e.question.structure == "posterior"]
    assert {(e.question.metric, e.worst, e.infinite, e.names, e.of) for e in missed} == {
        ("Dice", 0.0, 0, ("bad",), 2),
        *((metric, math.inf, 1, ("bad",), 2) for metric in ("HausdorffDistance_mm", "MeanDistance_mm", "HD95_mm")),
    }


def test_a_subject_that_is_odd_in_more_runs_comes_first(write, tmp_path: Path, models) -> None:
    odd = models["bad"][8:10]  # hippocampus_007, of which one structure is missed
    write(tmp_path / "a", {"test": [*models["good"][:8], *odd, *models["good"][10:]]})
    write(tmp_path / "b", {"test": [*models["alike"][:8], *odd, *models["alike"][10:]]})
    found = compare([tmp_path / "a", tmp_path / "b"])
    first = next(e for e in found.recurring if e.question == Question("test", "posterior", "HD95_mm"))
    assert (first.subject, first.names, first.infinite) == ("hippocampus_007", ("a", "b"), 2)


def test_sets_measures_and_structures_can_be_chosen(tables: Path) -> None:
    found = compare([tables / "good", tables / "bad"], sets=["validation"], metrics=["Dice"], structures=["posterior"])
    assert [t.question for t in found.paired] == [Question("val", "posterior", "Dice")]
    assert found.paired[0].p_holm == found.paired[0].p


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sets": ["tset"]}, "there is no set 'tset'"),
        ({"metrics": ["dice"]}, "there is no measure 'dice'"),
        ({"structures": ["liver"]}, "there is no structure 'liver'"),
        ({"group": "institutionId"}, "nothing is known of 'institutionId'"),
    ],
)
def test_unknown_names(tables: Path, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        compare([tables / "good", tables / "bad"], **options)


def test_one_evaluation_has_nobody_to_compare_it_with_but_its_groups(tables: Path, models) -> None:
    with pytest.raises(UsageError, match="there is nothing to compare good with"):
        compare([tables / "good"])
    names = list(dict.fromkeys(row.subject for row in models["good"]))
    found = compare([tables / "good"], dataset=dataset(tables, names))
    assert found.column == "institutionId"
    assert {(t.name, t.first, t.second) for t in found.groups} == {("good", "north", "south")}
    with pytest.raises(UsageError, match="there is no column 'institution'") as caught:
        compare([tables / "good"], dataset=tables / "dataset.csv", group="institution")
    assert caught.value.hint == "did you mean 'institutionId'?"
    (tables / "dataset.csv").write_text("subject,filePath,channel\nx,x.nii.gz,image\n")
    with pytest.raises(InputError, match="none of the 20 subjects is in"):
        compare([tables / "good"], dataset=tables / "dataset.csv")


def test_a_table_from_elsewhere(tables: Path, models) -> None:
    own = [row for row in models["bad"] if row.structure == "anterior"]
    lines = [
        f"{row.subject},anterior,{row.agreement.dice},{'nan' if i == 0 else 3 + i},CT-{i}" for i, row in enumerate(own)
    ]
    (tables / "metrics.csv").write_text("\n".join(["Subject,structure,Dice,HausdorffDistance_mm,scanner", *lines]))
    found = compare([tables / "good" / "test", f"theirs={tables / 'metrics.csv'}"])
    assert found.notes == ("theirs names no set: its subjects are taken for the set that the others have them in",)
    by = {(t.question.structure, t.question.metric): t for t in found.paired}
    assert set(by) == {("anterior", "Dice"), ("anterior", "HausdorffDistance_mm")}
    assert (by["anterior", "Dice"].pairs, by["anterior", "Dice"].better) == (20, "good")
    assert (by["anterior", "HausdorffDistance_mm"].pairs, by["anterior", "HausdorffDistance_mm"].undefined) == (19, 1)
    assert found.rows[-1].columns == {"scanner": "CT-19"}


def test_folders_of_tables_without_records(tables: Path) -> None:
    text = "Patient,Structure,Dice\n" + "".join(f"{n},a,0.{n}\n" for n in range(1, 8))
    for place in ("0/Test", "1/Test", "ENSEMBLE/Test"):
        (tables / "theirs" / place).mkdir(parents=True)
        (tables / "theirs" / place / "metrics.csv").write_text(text)
    entries = read_entries([tables / "theirs"])
    assert [(e.run, e.split, e.set, len(e.rows)) for e in entries] == [
        ("theirs", "0", "test", 7), ("theirs", "1", "test", 7), ("theirs", "ENSEMBLE", "test", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("Structure,Dice\na,1\n", "has no column 'Patient'", id="no-subject"),
        pytest.param("Patient,Structure,Score\ns,a,1\n", "has no measure", id="no-measure"),
        pytest.param("Patient,subject,Structure,Dice\ns,s,a,1\n", "two columns mean 'Patient'", id="two-subjects"),
        pytest.param("Patient,Structure,Dice\n", "a header and no rows", id="no-rows"),
        pytest.param(
            "Patient,Structure,Dice\ns,a,1\ns,a,1\n", "'a' of 's' is there twice, in lines 2 and 3", id="twice"
        ),
        pytest.param(
            "Patient,Structure,Dice\ns,a,87\n", "'87' in the column 'Dice' is no number between 0 and 1", id="per cent"
        ),
        pytest.param("Patient,Structure,HD95_mm\ns,a,-inf\n", "is no number from 0", id="minus"),
        pytest.param("Patient,Structure,HD95_mm\n ,a,1\n", "in the column 'Patient' is no name", id="no-name"),
    ],
)
def test_damaged_tables(tmp_path: Path, text, message) -> None:
    (tmp_path / "theirs.csv").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        compare([tmp_path / "theirs.csv"])
    assert "theirs.csv" in str(caught.value)


def test_names_of_inputs(tables: Path, folds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tables)

    def names(*inputs: str) -> list[str]:
        return list(dict.fromkeys(entry.run for entry in read_entries(inputs)))

    assert names("good/test", "bad/test/metrics.csv", "alike") == ["good", "bad", "alike"]
    assert names("good=bad", "good") == ["good", f"{tables.name}/good"]
    assert names("cv/fold_0/evaluation/val", "cv/fold_1") == ["fold_0", "fold_1"]
    assert names("good/val", "good/test") == ["good/val", "good/test"]
    with pytest.raises(UsageError, match="two are called 'x'"):
        names("x=good", "x=bad")
    with pytest.raises(UsageError, match="'good' is named twice"):
        names("good", "y=good")
    with pytest.raises(InputNotFoundError, match="there is no file or folder 'goood', and no run of that name"):
        names("goood")
    (tables / "empty").mkdir()
    (tables / "empty" / "run.json").write_text("{}")
    with pytest.raises(InputNotFoundError, match="there is no evaluation in 'empty'") as caught:
        names("good", "empty")
    assert caught.value.hint == "evaluate it first: evaluate --model empty"


def test_runs_are_found_by_parts_of_their_names(write, models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_ENGINE_RUNS", str(tmp_path / "runs"))
    for name, model in (("20260101-120000-train", "good"), ("20260102-120000-train", "bad")):
        run = tmp_path / "runs" / "hippocampus" / name
        write(run / "evaluation", {"test": models[model]})
        (run / "run.json").write_text("{}")
    found = compare(["20260101", "new=last"])
    assert [each.name for each in found.contestants] == ["20260101-120000-train", "new"]


def test_classifications_are_compared_by_the_probability_of_the_true_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, lift in (("a", 0.1), ("b", 0.0)):
        (tmp_path / name / "test").mkdir(parents=True)
        verdicts = []
        for number in range(30):
            label = ("normal", "pneumonia")[number % 2]
            right = 0.5 + 0.3 * rng.random() + lift
            of = (right, 1 - right) if number % 2 == 0 else (1 - right, right)
            verdicts.append(Verdict(f"s{number:02}", label, label, of))
        write_verdicts(tmp_path / name / "test" / "metrics.csv", verdicts, ["normal", "pneumonia"])
        record = {"task": "classification", "set": "test"}
        (tmp_path / name / "test" / "evaluation.json").write_text(json.dumps(record))
    found = compare([tmp_path / "a", tmp_path / "b"])
    assert {t.question.structure: (t.question.metric, t.pairs) for t in found.paired} == {
        "normal": ("TrueClassProbability", 15), "pneumonia": ("TrueClassProbability", 15),
    }  # fmt: skip
    assert {t.ahead for t in found.paired} == {"a"}
    assert "probability of the true class" in write_comparison(found, tmp_path / "out").read_text()


def test_what_is_written(tables: Path, models) -> None:
    names = list(dict.fromkeys(row.subject for row in models["good"]))
    found = compare([tables / "good", tables / "bad", tables / "alike"], dataset=dataset(tables, names))
    (tables / "out").mkdir()
    (tables / "out" / "mine.txt").write_text("stays")
    page = write_comparison(found, tables / "out", title="Three <models>")
    assert sorted(path.name for path in (tables / "out").iterdir()) == sorted([
        "MetricsAcrossAllRuns.csv", "comparison.txt", "group_tests.csv", "mine.txt", "outliers.csv",
        "paired_tests.csv", "plots", "report.html", "unpaired_subjects.csv",
    ])  # fmt: skip
    assert len(list((tables / "out" / "plots").glob("box_plots_*.png"))) == 4
    assert len(list((tables / "out" / "plots").glob("scatter_*.png"))) == 16
    tests = rows_of(tables / "out" / "paired_tests.csv")
    assert len(tests) == len(found.paired)
    for row, test in zip(tests, found.paired, strict=True):
        assert (row["first"], row["second"], row["better"]) == (test.first, test.second, test.better)
        assert float(row["p"]) == pytest.approx(test.p, rel=1e-5)
        assert float(row["p_holm"]) == pytest.approx(test.p_holm, rel=1e-5)
    assert len(rows_of(tables / "out" / "group_tests.csv")) == len(found.groups)
    odd = rows_of(tables / "out" / "outliers.csv")
    assert {row["value"] for row in odd if row["subject"] == "hippocampus_007"} >= {"inf", "0.0"}
    assert len(rows_of(tables / "out" / "unpaired_subjects.csv")) == len(found.unpaired)
    text = page.read_text(encoding="utf-8")
    assert "<title>Three &lt;models&gt;</title>" in text
    assert 'src="http' not in text
    assert "<script" not in text
    for said in (
        "good is better",
        "no difference shown",
        "by institutionId",
        "rank-biserial",
        "hippocampus_007",
        "Holm",
    ):
        assert said in text
        assert said in (tables / "out" / "comparison.txt").read_text(encoding="utf-8")


def test_too_few_subjects_are_told(write, models, tmp_path: Path) -> None:
    for name in ("good", "bad"):
        write(tmp_path / name, {"test": models[name][:8]})
    page = write_comparison(compare([tmp_path / "good", tmp_path / "bad"]), tmp_path / "out")
    assert "no test: 4 pairs, fewer than 6" in page.read_text()
    assert "no test is meaningful" in page.read_text()


def test_a_comparison_that_fails_leaves_nothing(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare([tables / "good", tables / "bad"], sets=["val"], metrics=["Dice"])

    def breaks(*_: object, **__: object) -> str:
        raise RuntimeError("no more")

    monkeypatch.setattr("bundle_engine.experiment.comparison.written.render_page", breaks)
    with pytest.raises(RuntimeError):
        write_comparison(found, tables / "out")
    assert not (tables / "out").exists()


def test_the_results_of_a_cross_validation(folds: Path, models) -> None:
    sources = {str(number): folds / f"fold_{number}" / "evaluation" for number in range(3)}
    page = write_cross_validation_results(folds, sources, folds / "ensemble", name="hippocampus")
    results = folds / "CrossValResults"
    assert page == results / "report.html"
    assert sorted(path.name for path in results.iterdir() if path.is_dir()) == [
        "0",
        "1",
        "2",
        "ENSEMBLE",
        "plots",
    ]
    assert sorted(path.name for path in (results / "1").iterdir()) == ["test", "val"]
    assert (results / "1" / "val" / "metrics.csv").read_bytes() == (sources["1"] / "val" / "metrics.csv").read_bytes()
    assert [path.name for path in (results / "ENSEMBLE").iterdir()] == ["test"]
    rows = rows_of(results / "MetricsAcrossAllRuns.csv")
    assert {row["split"] for row in rows} == {"0", "1", "2", "ENSEMBLE"}
    assert len({row["Patient"] for row in rows if row["set"] == "val"}) == 20
    tests = rows_of(results / "paired_tests.csv")
    assert {(row["first"], row["second"]) for row in tests if "ENSEMBLE" in (row["first"], row["second"])} == {
        (str(number), "ENSEMBLE") for number in range(3)
    }
    assert "<title>Cross-validation hippocampus</title>" in page.read_text()
    assert "<td>1/val/metrics.csv</td>" in page.read_text()
    assert str(folds) not in page.read_text()
    assert "have no subject in common" not in page.read_text()
    again = compare([folds])  # the folder of the cross-validation is read through its results
    assert {each.name for each in again.contestants} == {"0", "1", "2", "ENSEMBLE"}
    assert write_cross_validation_results(folds, {"0": sources["0"]}) == page  # one fold, in the place of three
    assert sorted(path.name for path in results.iterdir() if path.is_dir()) == ["0", "plots"]
    with pytest.raises(UsageError, match="without folds"):
        write_cross_validation_results(folds, {})
    with pytest.raises(UsageError, match="none of them ENSEMBLE"):
        write_cross_validation_results(folds, {"ENSEMBLE": sources["0"]}, folds / "ensemble")
    with pytest.raises(InputNotFoundError, match="there is no folder"):
        write_cross_validation_results(folds, {"0": folds / "fold_0" / "nothing", "1": folds})
    assert sorted(path.name for path in results.iterdir() if path.is_dir()) == ["0", "plots"]
    assert not list(folds.glob(".*"))


def test_a_cross_validation_without_a_test_set_sums_its_folds_up(models, write, tmp_path: Path) -> None:
    names = list(dict.fromkeys(row.subject for row in models["good"]))
    for number in range(3):
        mine = [row for row in models["good"] if names.index(row.subject) % 3 == number]
        write(tmp_path / "cv" / str(number), {"val": mine})
    found = compare([tmp_path / "cv"], metrics=["Dice"])
    assert found.paired == ()
    assert found.apart == (("0", "1"), ("0", "2"), ("1", "2"))
    sheet = summary_sheet(found, "val")
    assert [row[2:4] for row in sheet.rows[:4]] == [["0", "7"], ["1", "7"], ["2", "6"], ["folds", "20"]]
    dice = [row.agreement.dice for row in models["good"] if row.structure == "anterior"]
    assert sheet.rows[3][4] == f"{np.mean(dice):.3f} ± {np.std(dice, ddof=1):.3f}"
    assert "3 pairs have no subject in common" in as_text(found)


def test_registered_models_stand_for_the_runs_that_they_are_from(
    models, write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from bundle_engine.experiment.registry import open_registry

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUNDLE_ENGINE_RUNS", str(tmp_path / "runs"))
    registry = open_registry(make=True)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "LICENSE").write_text("free")
    ids = {"good": "b/20260101-120000-train", "bad": "b/20260102-120000-cross_validation", "gone": "b/nowhere"}
    write(tmp_path / "runs" / ids["good"] / "evaluation", {"test": models["good"]})
    (tmp_path / "runs" / ids["good"] / "run.json").write_text("{}")
    write(tmp_path / "runs" / ids["bad"] / "ENSEMBLE" / "evaluation", {"test": models["bad"]})
    record = {"kind": "cross_validation", "id": ids["bad"], "bundle": "b", "root": "b", "children": []}
    (tmp_path / "runs" / ids["bad"] / "experiment.json").write_text(json.dumps(record))
    for name, id in ids.items():
        registry.register(tmp_path / "bundle", "m", {"run": id, "weights": "5" if name == "bad" else "1"})
    found = compare(["m:1", "voting=m:2"])
    assert [each.name for each in found.contestants] == ["m:1", "voting"]
    assert {t.better for t in found.paired} == {"m:1"}
    with pytest.raises(InputNotFoundError, match="the run that 'm:3' is from is not here"):
        compare(["m:1", "m:3"])
