"""A bundle from elsewhere runs with full trust only while its owner's approval holds."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import create_workflow
from bundle_engine.bundle import trust
from bundle_engine.bundle.origin import BundleOrigin, write_origin
from bundle_engine.cli.entry import main
from bundle_engine.errors import PolicyError, UsageError
from bundle_engine.workflow.approval import require_approval, roots_from_elsewhere

CONFIG = "imports: [$import scripts.work]\nrun: ['$scripts.work.touch()']\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of its own; and Python writes modules again afterwards."""
    folder = tmp_path / "home"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    yield folder
    trust._passed.clear()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A bundle of one's own, whose run leaves a mark."""
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    (root / "configs" / "train.yaml").write_text(CONFIG)
    (root / "configs" / "metadata.json").write_text('{"version": "0.1"}')
    (root / "scripts").mkdir()
    (root / "scripts" / "__init__.py").touch()
    mark = str(tmp_path / "mark")
    (root / "scripts" / "work.py").write_text(f"def touch():\n    open({mark!r}, 'w').close()\n")
    (root / "models").mkdir()
    (root / "models" / "model.pt").write_bytes(b"weights")
    return root


@pytest.fixture
def foreign(own: Path) -> Path:
    """The same from elsewhere."""
    write_origin(own, BundleOrigin("archive", "https://example.org/bundle.zip"))
    return own


def runs(root: Path, *more: str) -> bool:
    mark = root.parent / "mark"
    mark.unlink(missing_ok=True)
    code = main(["run", "--bundle", str(root), *more])
    assert mark.exists() is (code == 0)
    return code == 0


def test_a_bundle_of_ones_own_needs_no_ceremony(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs(own)
    assert main(["trust", str(own)]) == 0
    assert "of one's own, which needs no approval" in capsys.readouterr().out
    with pytest.raises(UsageError, match="of one's own"):
        trust.approve(own)


def test_one_from_elsewhere_runs_once_it_is_approved(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not runs(foreign)
    told = capsys.readouterr().err
    for part in ("came from elsewhere (https://example.org/bundle.zip)", "manifest --bundle", "trust ", "--trust safe"):
        assert part in told
    assert main(["trust", str(foreign), "--show"]) == 1
    assert main(["trust", str(foreign), "--yes"]) == 0
    assert runs(foreign)
    assert runs(foreign), "a run does not end the approval"
    assert main(["trust", str(foreign), "--show"]) == 0
    assert main(["trust", str(foreign), "--revoke"]) == 0
    assert not runs(foreign)


def test_without_a_terminal_the_manifest_is_shown_and_nothing_approved(
    foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trust", str(foreign)]) == 2
    shown = capsys.readouterr()
    assert "scripts.work" in shown.out
    assert "asked on a terminal" in shown.err
    assert not trust.state_of(foreign).may_run


@pytest.mark.parametrize(("answer", "approved"), [("yes", True), ("y", False), ("", False), ("no", False)])
def test_the_question_takes_yes_only(
    answer: str, approved: bool, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["trust", str(foreign)]) == (0 if approved else 2)
    assert trust.state_of(foreign).may_run is approved


def _append(root: Path, name: str) -> None:
    with (root / name).open("a") as file:
        file.write("\n# changed\n")


def _same_size_and_time(root: Path, name: str) -> None:
    path = root / name
    stat = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES: dict[str, Any] = {
    "config": lambda root: _append(root, "configs/train.yaml"),
    "metadata": lambda root: _append(root, "configs/metadata.json"),
    "script": lambda root: _append(root, "scripts/work.py"),
    "weights": lambda root: _append(root, "models/model.pt"),
    "weights-of-the-same-size-and-time": lambda root: _same_size_and_time(root, "models/model.pt"),
    "new-script": lambda root: (root / "scripts" / "more.py").touch(),
    "new-config": lambda root: (root / "configs" / "more.yaml").write_text("a: 1\n"),
    "new-text-among-scripts": lambda root: (root / "scripts" / "more.txt").touch(),
    "new-weights": lambda root: (root / "models" / "other.pt").touch(),
    "new-module-at-the-top": lambda root: (root / "torch.py").touch(),
    "new-compiled-module": lambda root: (
        (root / "scripts/__pycache__").mkdir(),
        (root / "scripts/__pycache__/work.cpython-311.pyc").touch(),
    ),
    "new-hidden-file": lambda root: (root / ".hidden.py").touch(),
    "new-file-of-git": lambda root: ((root / ".git").mkdir(), (root / ".git" / "config").touch()),
    "copy-of-an-editor": lambda root: (root / "scripts" / "work.py~").touch(),
    "gone": lambda root: (root / "models" / "model.pt").unlink(),
    "link-in-its-place": lambda root: (
        (root / "models" / "model.pt").unlink(),
        (root / "models" / "model.pt").symlink_to("../scripts/work.py"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_ends_the_approval(change: str, foreign: Path) -> None:
    trust.approve(foreign)
    require_approval(foreign)
    CHANGES[change](foreign)
    state = trust.state_of(foreign)
    assert state.kind == trust.CHANGED
    assert len(state.changes) == 1
    assert not runs(foreign)


@pytest.mark.parametrize("name", ["eval/case_seg.nii.gz", "eval/metrics.csv", "eval/run.log", "docs/picture.png"])
def test_results_of_a_run_do_not_end_it(name: str, foreign: Path) -> None:
    trust.approve(foreign)
    (foreign / name).parent.mkdir(exist_ok=True)
    (foreign / name).write_text("x")
    assert runs(foreign)


def test_a_bundle_cannot_bring_its_approval_along(foreign: Path, tmp_path: Path, home: Path) -> None:
    trust.approve(foreign)
    records = list(home.rglob("*.json"))
    assert len(records) == 1
    assert not records[0].is_relative_to(foreign)
    copy = tmp_path / "copy"
    shutil.copytree(foreign, copy)
    assert trust.state_of(copy).kind == trust.UNSEEN
    shutil.copy(records[0], copy / ".bundle_engine" / "approval.json")
    assert not runs(copy)


def test_approvals_are_not_kept_inside_of_the_bundle(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(foreign / "home"))
    with pytest.raises(UsageError, match="lies in the bundle"):
        trust.approve(foreign)
    with pytest.raises(UsageError, match="lies in the bundle"):
        trust.state_of(foreign)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"folder": "/elsewhere", "time": "", "files": {}}', "null"])
def test_a_broken_approval_is_none(text: str, foreign: Path, home: Path) -> None:
    trust.approve(foreign)
    next(home.rglob("*.json")).write_text(text)
    assert trust.state_of(foreign).kind == trust.UNSEEN


def test_a_broken_record_of_the_origin_does_not_make_it_ones_own(foreign: Path) -> None:
    (foreign / ".bundle_engine" / "origin.json").write_text("{")
    assert not runs(foreign)


def test_compiled_modules_are_not_approved(foreign: Path) -> None:
    (foreign / "scripts" / "__pycache__").mkdir()
    (foreign / "scripts" / "__pycache__" / "work.cpython-311.pyc").touch()
    with pytest.raises(UsageError, match="compiled modules"):
        trust.approve(foreign)


def test_a_change_while_its_owner_looks_is_noticed(foreign: Path) -> None:
    seen = trust.contents(foreign)
    _append(foreign, "scripts/work.py")
    with pytest.raises(UsageError, match="changed while you looked"):
        trust.approve(foreign, seen)


def test_links_out_of_the_bundle_are_not_approved(foreign: Path, tmp_path: Path) -> None:
    (foreign / "scripts" / "other.py").symlink_to(tmp_path / "elsewhere.py")
    (tmp_path / "elsewhere.py").touch()
    assert main(["trust", str(foreign), "--yes"]) == 2


WAYS: dict[str, Any] = {
    "config-file": lambda root: ["--config_file", f"{root}/configs/train.yaml"],
    "of-several": lambda root: ["--config_file", f"{root.parent}/own.yaml,{root}/configs/train.yaml"],
    "meta-file": lambda root: [
        "--config_file",
        f"{root.parent}/own.yaml",
        "--meta_file",
        f"{root}/configs/metadata.json",
    ],
    "args-file": lambda root: [
        "--config_file",
        f"{root.parent}/own.yaml",
        "--args_file",
        f"{root}/configs/metadata.json",
    ],
    "by-an-args-file": lambda root: ["--args_file", f"{root.parent}/args.yaml"],
    "macro": lambda root: ["--config_file", f"{root.parent}/macro.yaml"],
    "extends": lambda root: ["--config_file", f"{root.parent}/extends.yaml"],
    "link": lambda root: ["--config_file", f"{root.parent}/link.yaml"],
    "link-to-the-folder": lambda root: ["--bundle", f"{root.parent}/folder"],
    "dots": lambda root: ["--bundle", f"{root}/configs/.."],
    "dry-run": lambda root: ["--bundle", str(root), "--dry_run"],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_run_it_is_closed(way: str, foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = foreign.parent
    (near / "own.yaml").write_text("run: [$1]\n")
    (near / "args.yaml").write_text(json.dumps({"config_file": str(foreign / "configs" / "train.yaml")}))
    (near / "macro.yaml").write_text(f"run: '%{foreign}/configs/train.yaml::run'\nimports: [$import sys]\n")
    (near / "extends.yaml").write_text("_extends_: bundle/configs/train.yaml\n")
    (near / "link.yaml").symlink_to(foreign / "configs" / "train.yaml")
    (near / "folder").symlink_to(foreign)
    assert main(["run", *WAYS[way](foreign)]) == 2
    assert "nobody has approved it" in capsys.readouterr().err
    assert not (near / "mark").exists()


def test_neither_does_a_class_of_its_scripts_run(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(foreign)
    monkeypatch.syspath_prepend("")
    assert main(["run_workflow", "scripts.work.touch"]) == 2
    assert "scripts.work" not in sys.modules


def test_the_functions_of_python_are_closed_as_well(foreign: Path) -> None:
    from bundle_engine import ConfigWorkflow, run

    file = str(foreign / "configs" / "train.yaml")
    for start in (
        lambda: run(config_file=file),
        lambda: create_workflow(config_file=file),
        lambda: ConfigWorkflow(file),
    ):
        with pytest.raises(PolicyError, match="nobody has approved it"):
            start()
    with pytest.raises(PolicyError, match="nobody has approved it"):
        create_workflow(config_file=file, trust="full")


def test_below_full_trust_it_needs_no_approval(foreign: Path) -> None:
    (foreign / "configs" / "train.yaml").write_text("run: ['$1 + 1']\n")
    assert main(["run", "--bundle", str(foreign), "--trust", "safe"]) == 0


def test_bundles_inside_of_bundles_count_with_those_around_them(foreign: Path) -> None:
    inner = foreign / "inner"
    (inner / "configs").mkdir(parents=True)
    write_origin(inner, BundleOrigin("archive"))
    assert roots_from_elsewhere(inner / "configs" / "x.yaml") == [str(foreign), str(inner)]
    trust.approve(inner)
    with pytest.raises(PolicyError):
        require_approval(inner / "configs" / "x.yaml")


def test_large_files_are_hashed_again_only_when_something_tells_of_a_change(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "_LARGE", 3)
    hashed: list[str] = []
    digest = trust.file_digest
    monkeypatch.setattr(trust, "file_digest", lambda path: hashed.append(Path(path).name) or digest(path))
    trust.approve(foreign)
    hashed.clear()
    assert trust.state_of(foreign).may_run
    assert hashed == ["__init__.py"]
    _same_size_and_time(foreign, "models/model.pt")
    assert trust.state_of(foreign).changes == ("changed: models/model.pt",)
