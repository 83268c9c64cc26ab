"""Tables are written whole, and read back strictly; aggregates count what they leave out."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pandas as pd
import pytest

from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.evaluation.aggregates import aggregate, outliers, values_of
from bundle_engine.evaluation.segmentation import Agreement, compare_structures
from bundle_engine.evaluation.tables import (
    StructureRow,
    read_aggregates,
    read_metrics,
    write_aggregates,
    write_metrics,
)
from tests.evaluation.conftest import STRUCTURES

HEADER = (
    "Patient,Structure,Dice,HausdorffDistance_mm,MeanDistance_mm,HD95_mm,Volume_ml,TruthVolume_ml,Voxels,TruthVoxels"
)
EMPTY = Agreement(1.0, None, None, None, 0.0, 0.0, 0, 0)
MISSED = Agreement(0.0, math.inf, math.inf, math.inf, 0.0, 1.5, 0, 1500)


def good(dice: float, distance: float) -> Agreement:
    return Agreement(dice, distance, distance / 2, distance / 4, 1.0, 1.0, 1000, 1000)


@pytest.fixture(scope="session")
def rows(labels, perturbed):
    return [
        StructureRow(name, structure, score)
        for seed, (name, truth) in enumerate(labels.items())
        for structure, score in compare_structures(perturbed(truth, seed), truth, STRUCTURES, (1, 1, 1)).items()
    ]


def test_what_is_written_is_read_back(tmp_path: Path, rows) -> None:
    more = [*rows, StructureRow('Müller, A. "7"', "both\nlines", EMPTY), StructureRow("x", "anterior", MISSED)]
    write_metrics(tmp_path / "metrics.csv", more)
    got = read_metrics(tmp_path / "metrics.csv")
    assert [row[:2] for row in got] == [row[:2] for row in more]
    for one, other in zip(got, more, strict=True):
        for field in Agreement.__dataclass_fields__:
            assert getattr(one.agreement, field) == pytest.approx(getattr(other.agreement, field), abs=1e-6)
    text = (tmp_path / "metrics.csv").read_text(encoding="utf-8")
    assert text.startswith(HEADER + "\n")
    assert "1.0,,,,0.0,0.0,0,0\n" in text
    assert "x,anterior,0.0,inf,inf,inf,0.0,1.5,0,1500\n" in text
    assert list(tmp_path.iterdir()) == [tmp_path / "metrics.csv"]


def test_pandas_reads_it_too(tmp_path: Path, rows) -> None:
    write_metrics(tmp_path / "metrics.csv", [*rows, StructureRow("x", "anterior", MISSED)])
    frame = pd.read_csv(tmp_path / "metrics.csv")
    assert frame["HausdorffDistance_mm"].dtype == float
    assert frame["HausdorffDistance_mm"].iloc[-1] == math.inf


def test_aggregates_are_those_of_pandas(tmp_path: Path, rows) -> None:
    write_metrics(tmp_path / "metrics.csv", rows)
    write_aggregates(tmp_path / "aggregates.csv", aggregate(rows))
    described = pd.read_csv(tmp_path / "metrics.csv").groupby("Structure")
    got = read_aggregates(tmp_path / "aggregates.csv")
    assert len(got) == 12
    for row in got:
        column = described[row.metric]
        for name in ("count", "mean", "std", "median", "min", "max"):
            assert getattr(row, name) == pytest.approx(getattr(column, name)()[row.structure], abs=2e-6)
        assert (row.infinite, row.undefined, row.both_empty) == (0, 0, 0)


def test_aggregates_count_what_is_not_in_the_mean() -> None:
    scores = [good(0.8, 2), good(0.9, 4), MISSED, EMPTY]
    found = {row.metric: row for row in aggregate([StructureRow(str(i), "a", score) for i, score in enumerate(scores)])}
    dice, distance = found["Dice"], found["HausdorffDistance_mm"]
    assert (dice.count, dice.mean, dice.infinite, dice.undefined, dice.both_empty) == (4, pytest.approx(0.675), 0, 0, 1)
    assert (distance.count, distance.mean, distance.median, distance.max) == (2, 3, 3, 4)
    assert distance.std == pytest.approx(statistics.stdev([2, 4]))
    assert (distance.infinite, distance.undefined, distance.both_empty) == (1, 1, 1)


def test_aggregates_of_nothing_but_misses(tmp_path: Path) -> None:
    found = {row.metric: row for row in aggregate([StructureRow("1", "a", MISSED)])}
    row = found["MeanDistance_mm"]
    assert (row.count, row.mean, row.std, row.median, row.min, row.max, row.infinite) == (0, *[None] * 5, 1)
    assert found["Dice"].std is None
    write_aggregates(tmp_path / "a.csv", found.values())
    assert "a,MeanDistance_mm,0,,,,,,1,0,0\n" in (tmp_path / "a.csv").read_text()
    assert read_aggregates(tmp_path / "a.csv") == list(found.values())


def test_outliers_are_beyond_the_fence() -> None:
    scores = {f"s{i}": good(0.9 + i / 1000, 2 + i / 100) for i in range(9)}
    scores |= {"bad": good(0.4, 30), "missed": MISSED, "empty": EMPTY}
    rows = [StructureRow(name, "a", score) for name, score in scores.items()]
    found = [(each.subject, each.metric) for each in outliers(rows)]
    # the fence of Dice, from the quartiles, lies below 0.9: only `missed` (0), `bad` (0.4) and the empty one (1) differ
    assert found[:2] == [("missed", "Dice"), ("bad", "Dice")]
    for metric in ("HausdorffDistance_mm", "MeanDistance_mm", "HD95_mm"):
        assert [name for name, of in found if of == metric] == ["missed", "bad"]
    lower, _, upper = statistics.quantiles([row.agreement.dice for row in rows], n=4, method="inclusive")
    assert outliers(rows)[0].fence == pytest.approx(lower - 1.5 * (upper - lower))


def test_few_subjects_have_no_fence_but_misses_count() -> None:
    rows = [StructureRow("1", "a", good(0.9, 1)), StructureRow("2", "a", good(0.1, 40)), StructureRow("3", "a", MISSED)]
    assert {(each.subject, each.fence) for each in outliers(rows)} == {("3", None)}
    assert values_of(rows, "a", "Dice") == [0.9, 0.1, 0.0]


LINE = "s1,a,0.5,1,1,1,1,1,1000,1000\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "the table is empty", id="empty"),
        pytest.param(HEADER.replace("Dice", "Dise") + "\n", "has no column 'Dice'", id="no-column"),
        pytest.param(HEADER + ",Dice\n", "the column 'Dice' is there twice", id="column-twice"),
        pytest.param(HEADER + "\ns1,a,0.5\n", "the row has 3 cells, and there are 10 columns", id="short-row"),
        pytest.param(
            HEADER + "\n" + LINE.replace("0.5", "good"), "'good' in the column 'Dice' is no number", id="word"
        ),
        pytest.param(HEADER + "\n" + LINE.replace("0.5", "1.5"), "is no number between 0 and 1", id="dice-above-1"),
        pytest.param(HEADER + "\n" + LINE.replace("0.5", ""), "'' in the column 'Dice' is no number", id="no-dice"),
        pytest.param(HEADER + "\n" + LINE.replace("0.5,1", "0.5,-1"), "is no number from 0", id="negative"),
        pytest.param(HEADER + "\n" + LINE.replace("0.5,1", "0.5,nan"), "is no finite number", id="nan"),
        pytest.param(HEADER + "\n" + LINE.replace("1000", "many"), "is no whole number", id="count"),
        pytest.param(HEADER + "\n" + LINE.replace("s1", ""), "in the column 'Patient' is no name", id="no-name"),
        pytest.param(HEADER + "\n" + LINE + LINE, "'a' of 's1' is there twice, in lines 2 and 3", id="twice"),
        pytest.param(HEADER + '\n"s1,a\n', "cannot be read as a table", id="open-quote"),
        pytest.param(HEADER.encode() + b"\n\xff\xfe", "it is not UTF-8", id="bytes"),
    ],
)
def test_a_damaged_table_is_an_error_with_its_place(tmp_path: Path, text, message) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_metrics(path)
    assert str(path) in str(caught.value)


def test_a_missing_table_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="there is no table"):
        read_metrics(tmp_path / "metrics.csv")
    with pytest.raises(UsageError, match="there is no folder"):
        write_metrics(tmp_path / "none" / "metrics.csv", [])


def test_a_table_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_metrics(path, [StructureRow("1", "a", EMPTY)])
    before = path.read_bytes()

    def breaks():
        yield StructureRow("2", "a", EMPTY)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_metrics(path, breaks())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
