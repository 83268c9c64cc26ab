"""The command data, in this process and from its outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pytest

from bundle_engine.cli import main
from bundle_engine.cli.datasets import data
from bundle_engine.data.checks import check_dataset
from bundle_engine.data.page import write_overview
from bundle_engine.data.reading import read_table
from bundle_engine.data.store import Store
from bundle_engine.errors import UsageError
from tests.conftest import ROOT
from tests.data.conftest import image, label, name


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("BUNDLE_ENGINE_TRACEBACK", raising=False)

    def call(*argv: str | Path) -> Outcome:
        capsys.readouterr()
        code = main(["data", *map(str, argv)])
        return Outcome(code, *capsys.readouterr())

    return call


def spoil(few: Path) -> None:
    (few / label("003")).unlink()
    loaded = nib.load(few / label("001"))
    values = np.asarray(loaded.dataobj).copy()
    values[3, 3, 3:5] = 9
    nib.save(nib.Nifti1Image(values, loaded.affine), few / label("001"))


def test_check_finds_nothing(cli: Any, few: Path) -> None:
    code, out, err = cli("check", few)
    assert (code, out) == (0, f"no findings in {os.path.relpath(few / 'dataset.json')}\n")
    assert "6 subjects (6 train) with image and label; 34-36 x 47-52 x 34-40 voxels of 1 x 1 x 1 mm" in err


def test_check_finds_what_is_wrong(cli: Any, few: Path) -> None:
    spoil(few)
    code, out, _ = cli("check", few / "dataset.json")
    assert code == 1
    file = few / "dataset.json"
    assert (
        f"{file}:13:13: error BE109: 'label' of subject '{name('001')}' has values outside of the classes: 9 (2 voxels)"
        in out
    )
    assert "  help: the classes are 0 background, 1 Anterior, 2 Posterior\n" in out
    assert f"{file}:17:13: error BE102: './labelsTr/{name('003')}.nii.gz' is not there" in out
    assert out.rstrip().endswith(f"2 errors in {os.path.relpath(file)}")
    assert [line for line in out.splitlines() if line.strip().startswith("17 |")]
    assert cli("check", few, "--quick").out.count("error BE") == 1
    assert cli("check", few, "--ignore", "BE109,BE102").code == 0


@pytest.mark.parametrize("format", ["json", "sarif", "github"])
def test_check_in_other_formats(cli: Any, few: Path, format: str) -> None:
    spoil(few)
    code, out, _ = cli("check", few, "--format", format)
    assert code == 1
    if format == "github":
        assert out.count("::error file=") == 2
        return
    found = json.loads(out)
    codes = (
        [each["code"] for each in found["findings"]]
        if format == "json"
        else [each["ruleId"] for each in found["runs"][0]["results"]]
    )
    assert codes == ["BE109", "BE102"]


def test_check_against_a_bundle(cli: Any, few: Path) -> None:
    assert cli("check", few, "--bundle", ROOT / "bundles" / "hippocampus_segmentation").code == 0
    content = json.loads((few / "dataset.json").read_text())
    content["training"][0] = {"image": [image("001"), image("001")], "label": label("001")}
    del content["labels"]
    (few / "dataset.json").write_text(json.dumps(content))
    code, out, _ = cli("check", few, "--bundle", ROOT / "bundles" / "hippocampus_segmentation", "--quick")
    assert code == 1
    assert "error BE114: the images of subject 'hippocampus_001' have 2 channels, and the network takes 1" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "it is not said what to do"),
        (["chek"], "did you mean 'check'?"),
        (["check"], "no table is named"),
        (["check", "{few}", "--format", "xml"], "--format is text or json"),
        (["check", "{few}", "--workers", "0"], "--workers takes a whole number from 1 on"),
        (["check", "{few}", "--group_by", "site"], "the table has no column 'site'"),
        (["check", "{few}", "--split", "no.json"], "there is no file 'no.json'"),
        (["check", "nowhere"], "there is no file 'nowhere'"),
        (["check", "{few}", "--plots", "{few}/dataset.json"], "cannot make the folder"),
        (["list", "{few}", "--section", "tset"], "has no subjects in the set 'tset'"),
        (["split", "{few}"], "it is not said how to split"),
        (["split", "{few}", "--parts", "train"], "'train' is no part of a split"),
        (["split", "{few}", "--parts", "train=0.5", "--seed", "x"], "--seed takes a whole number"),
        (["split", "{few}", "--parts", "train=9,val=1"], "10 subjects are asked for, and there are 6"),
        (["split", "{few}", "--parts", "train=1,val=1", "--output", "{few}/no/s.json"], "there is no folder"),
        (["cache", "shwo"], "data cache has no 'shwo'"),
    ],
)
def test_wrong_usage(cli: Any, few: Path, argv: list[str], message: str) -> None:
    before = sorted(few.rglob("*"))
    code, out, err = cli(*(each.format(few=few) for each in argv))
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert sorted(few.rglob("*")) == before


def test_split_and_list(cli: Any, few: Path) -> None:
    code, out, err = cli("split", few, "--parts", "train=0.5,val=2,test=rest", "--seed", "3")
    assert (code, out) == (0, f"{few / 'split.json'}\n")
    assert "3 train, 2 val, 1 test" in err
    content = json.loads((few / "split.json").read_text())
    assert (content["seed"], content["table"]) == (3, "dataset.json")
    code, out, _ = cli("list", few, "--section", "val", "--split", few / "split.json")
    head, *rows = out.splitlines()
    assert (code, head) == (0, "subject\timage\tlabel")
    assert [row.split("\t")[0] for row in rows] == content["sets"]["val"]
    items = json.loads(cli("list", few, "--format", "json").out)
    assert [item["subject"] for item in items] == [name(each) for each in ("001", "003", "004", "006", "007", "008")]
    code, _, err = cli("split", few, "--parts", "train=1,val=1")
    assert code == 2
    assert "is there already" in err
    assert json.loads((few / "split.json").read_text()) == content
    assert (
        cli("split", few, "--parts", "{val: [hippocampus_004], train: rest}", "--seed", "name", "--overwrite").code == 0
    )
    content = json.loads((few / "split.json").read_text())
    assert (content["seed"], content["sets"]["val"]) == (None, ["hippocampus_004"])


def test_the_cache(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("BUNDLE_ENGINE_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("BUNDLE_ENGINE_CACHE_LIMIT", "3GB")
    Store().put("00", {}, {"t0": torch.zeros(100_000)})
    code, out, _ = cli("cache")
    assert code == 0
    assert re.search(r"folder +\S+kept\nresults +1\nsize +400 kB of at most 3.0 GB\noldest +used 20", out)
    code, _, err = cli("cache", "clear")
    assert (code, "removed 1 results, 400 kB" in err) == (0, True)
    assert "results  0\n" in cli("cache", "show").out


def test_checking_needs_neither_torch_nor_monai(few: Path) -> None:
    code = (
        "import sys\nfrom bundle_engine.cli import main\n"
        f"assert main(['data', 'check', {str(few)!r}]) == 0\n"
        "print(sorted({'torch', 'monai', 'ignite', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_an_unknown_action_is_an_error_of_the_function_too() -> None:
    with pytest.raises(UsageError):
        data("remove")


# --- the overview ---


def test_the_overview_is_complete_and_needs_nothing_else(cli: Any, few: Path, tmp_path: Path) -> None:
    spoil(few)
    content = json.loads((few / "dataset.json").read_text())
    content["training"][5]["note"] = "<script>alert(1)</script>"
    content["validation"] = [content["training"].pop(4)]
    content["labels"]["1"] = "<b>Anterior</b>"
    (few / "dataset.json").write_text(json.dumps(content))
    code, _, err = cli("check", few, "--plots", tmp_path / "overview")
    assert code == 1
    assert f"wrote {tmp_path / 'overview' / 'overview.html'}" in err
    files = {path.name: path.read_bytes() for path in (tmp_path / "overview").iterdir()}
    assert set(files) == {"overview.html", "sizes.png", "spacings.png", "intensities.png", "volumes.png"}
    assert all(data.startswith(b"\x89PNG") for name, data in files.items() if name.endswith(".png"))
    page = files["overview.html"].decode()
    assert page.count("data:image/png;base64,") == 4
    assert "<script" not in page
    assert "&lt;b&gt;Anterior&lt;/b&gt;" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    for text in ("BE109", "BE102", "All voxels were read.", name("001"), "<td>val</td>", "34 × 47 × 40"):
        assert text in page


def test_an_overview_of_headers(few: Path, tmp_path: Path) -> None:
    dataset, findings = read_table(few)
    page = write_overview(check_dataset(dataset, findings, full=False), tmp_path / "overview")
    assert sorted(path.name for path in page.parent.iterdir()) == ["overview.html", "sizes.png", "spacings.png"]
    assert "Only the headers were read" in page.read_text()


def test_an_overview_of_nothing_that_can_be_read(few: Path, tmp_path: Path) -> None:
    for path in few.glob("*/*.nii.gz"):
        path.write_bytes(b"")
    dataset, findings = read_table(few)
    page = write_overview(check_dataset(dataset, findings), tmp_path / "overview")
    assert [path.name for path in page.parent.iterdir()] == ["overview.html"]
