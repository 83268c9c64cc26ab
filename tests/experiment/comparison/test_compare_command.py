"""The command `compare`, and its page in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle_engine.cli import main
from tests.conftest import ROOT

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def here(models, write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("good", "bad"):
        write(tmp_path / name, {"test": models[name]})
    return tmp_path


def test_it_prints_the_findings_and_writes_the_rest(here: Path, capsys) -> None:
    assert main(["compare", "good", "worse=bad", "--metrics", "Dice,HD95_mm"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "paired by subject, test",
        "structure  measure    first – second  better in          p (Holm)  finding",
        "anterior   Dice       good – worse    20 : 0 of 20       < 0.0001  good is better",
        "posterior  Dice       good – worse    20 : 0 of 20       < 0.0001  good is better",
        "anterior   HD95 (mm)  good – worse    18 : 0, 2 = of 20  0.0002    good is better",
        "posterior  HD95 (mm)  good – worse    20 : 0 of 20       0.0001    good is better",
        "outliers: 2 subjects",
        "wrote comparison/report.html, and the tables and plots beside it",
    ]
    assert err == ""
    assert (here / "comparison" / "paired_tests.csv").is_file()


def test_many_findings_are_shortened(here: Path, models, write, capsys) -> None:
    for number in range(3):
        write(here / f"m{number}", {"test": models["alike"]})
    assert main(["compare", "bad", "m0", "m1", "m2", "--metrics=Dice,HausdorffDistance_mm,HD95_mm"]) == 0
    out = capsys.readouterr().out
    assert out.count("is better") == 18
    assert "no difference shown, or no test, in 18 more" in out


def test_without_a_finding_all_are_counted_and_groups_of_before_go(here: Path, models, write, capsys) -> None:
    subjects = sorted({row.subject for row in models["good"]})
    table = [f"{name},a.nii,ct,{'north' if n % 2 else 'south'}" for n, name in enumerate(subjects)]
    (here / "dataset.csv").write_text("\n".join(["subject,filePath,channel,institutionId", *table]) + "\n")
    for number in range(4):
        write(here / f"m{number}", {"test": models["alike"]})
    words = ["compare", "m0", "m1", "m2", "m3", "--metrics=Dice,HD95_mm,HausdorffDistance_mm"]
    assert main([*words, "--dataset", "dataset.csv"]) == 0
    assert (here / "comparison" / "group_tests.csv").is_file()
    capsys.readouterr()
    assert main(words) == 0
    assert "no difference shown, or no test, in all 36" in capsys.readouterr().out
    assert not (here / "comparison" / "group_tests.csv").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "nothing is named to compare"),
        (["good"], "there is nothing to compare good with"),
        (["good", "none"], "there is no file or folder 'none'"),
        (["good", "./bda"], "did you mean 'bad'?"),
        (["good", "bad/test/evaluation.json"], "is no table of measures"),
        (["good", "bad", "--output_dir", "good/test/metrics.csv/x"], "metrics.csv' is a file"),
        (["good", "bad", "--output_dir", "good/test"], "holds an evaluation, whose files would be replaced"),
        (["good", "bad", "--output_dir", "good/test/metrics.csv"], "it is a file"),
        (["good", "bad", "--dataset", "no.csv"], "there is no file 'no.csv'"),
        (["good", "bad", "--sets", "tests"], "there is no set 'tests'"),
        (["good", "bad", "--metric", "Dice"], "there is no option --metric"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_writes_nothing(here: Path, capsys, argv, message) -> None:
    before = sorted(here.rglob("*"))
    assert main(["compare", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert sorted(here.rglob("*")) == before


def test_comparing_needs_no_torch(here: Path) -> None:
    code = (
        "import sys; from bundle_engine.cli import main; assert main(['compare', 'good', 'bad', '--metrics=Dice']) == 0;"
        "print([name for name in ('torch', 'monai', 'ignite') if name in sys.modules], file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page in")
def test_a_browser_shows_the_page(here: Path) -> None:
    assert main(["compare", "good", "bad", "--metrics=Dice"]) == 0
    assert BROWSER is not None
    page = (here / "comparison" / "report.html").as_uri()
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={here / 'b'}",
    ]
    done = subprocess.run([*command, "--dump-dom", page], capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip("Chromium does not run here")
    assert "good is better" in done.stdout
    assert done.stdout.count("<svg") == 4


def test_an_empty_table_is_told_without_an_empty_hint(here: Path, capsys) -> None:
    (here / "empty.csv").touch()
    assert main(["compare", "good", "empty.csv"]) == 2
    err = capsys.readouterr().err
    assert "the table is empty" in err
    assert "help:" not in err
