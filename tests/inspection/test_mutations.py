"""Mistakes at random places of good configs are found where they are."""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bundle_engine import ConfigParser
from bundle_engine.inspection.check import check
from bundle_engine.inspection.findings import Finding
from bundle_engine.inspection.subject import Subject
from bundle_engine.inspection.targets import TargetIndex

REPOSITORY = Path(__file__).resolve().parents[2]
PER_CONFIG = 100
LEAST = 500
SCORE = 0.97


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mutants = _load("mutants")
GOOD = list(mutants.good_configs(REPOSITORY))
WHOLE = [pair for pair in GOOD if "multi_gpu" not in pair[0].name]  # the others are put over these


def found_in(files: list[Path], root: Path, cache: Path) -> list[Finding]:
    with TargetIndex(paths=[root], cache=cache) as index:
        return check(Subject.load(files, bundle_root=root), index=index)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(("path", "root"), GOOD, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_good_configs_have_no_errors(path: Path, root: Path, cache: Path) -> None:
    base = path.with_name(path.name.removeprefix("multi_gpu_"))
    files = [path] if base == path else [base, path]
    assert [finding for finding in found_in(files, root, cache) if finding.severity == "error"] == []


def test_mistakes_are_found(tmp_path: Path, cache: Path) -> None:
    rng = random.Random(20)
    made: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    missed: list[str] = []
    for number, (path, folder) in enumerate(WHOLE):
        root = tmp_path / str(number)
        shutil.copytree(folder, root, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "outputs", "models"))
        file = root / "configs" / "mutant.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        config = ConfigParser.load_config_file(path)
        file.write_text(mutants.dump(config))
        with TargetIndex(paths=[root], cache=cache) as index:
            before = {(each.code, each.id) for each in check(Subject.load([file]), index=index)}
            for mutant in mutants.mutants(config, rng, PER_CONFIG):
                file.write_text(mutant.text)
                findings = check(Subject.load([file]), index=index)
                new = [each for each in findings if (each.code, each.id) not in before]
                made[mutant.kind] += 1
                if any(each.id in mutant.ids for each in new):
                    caught[mutant.kind] += 1
                else:
                    missed.append(f"{path.name}: {mutant.kind} at {set(mutant.ids)}: {mutant.what}")
    assert sum(made.values()) >= LEAST
    assert len(made) >= 20, "of every kind"
    score = sum(caught.values()) / sum(made.values())
    print(f"caught {sum(caught.values())} of {sum(made.values())} mistakes of {len(made)} kinds: {score:.1%}")
    assert score >= SCORE, "\n".join(missed)


BLOCKS = re.compile(r"^```(?:yaml|json) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = {
    page.stem: BLOCKS.findall(page.read_text(encoding="utf-8")) for page in (REPOSITORY / "tutorials").glob("*.md")
}
# what pages show as mistakes, and what is put over another file
NO_WHOLE = (
    "typo", "mistake", "mandatory", "misspelt", "circle", "more", "quick", "metadata", "origin.json",
    "editor:configs/train", "tracking:configs/tensorboard", "sweep:hill",
)  # fmt: skip
NAMES = sorted(
    f"{page}:{name}"
    for page, blocks in PAGES.items()
    for name, _ in blocks
    if not any(word in f"{page}:{name}" for word in NO_WHOLE)
)


@pytest.mark.parametrize("name", NAMES)
def test_configs_of_the_tutorials_have_no_errors(name: str, tmp_path: Path, cache: Path) -> None:
    page, _, name = name.partition(":")
    for other, text in PAGES[page]:
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).write_text(text)
    found = found_in([tmp_path / name], tmp_path, cache)
    assert [finding for finding in found if finding.severity == "error"] == []
