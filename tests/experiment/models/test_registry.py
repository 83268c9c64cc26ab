"""The registry: versions, tags, aliases, and bundles that come out as they went in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.bundle.digests import digest_of, tree_digests
from bundle_engine.cli.bundles import find_bundle
from bundle_engine.cli.entry import main
from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.experiment.models import model_of_run
from bundle_engine.experiment.registry import MLflowRegistry, is_reference, open_registry, register_model


@pytest.fixture(scope="module")
def home(run: Path, weights: list[Path], bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registry: two versions of a model, and one of another."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    words = ["register", "--registry_uri", uri]
    assert main([*words, "--model", str(run), "--name", "hippocampus"]) == 0
    assert main([*words, "--model", str(run), "--epochs_to_test", "1,2", "--name", "hippocampus"]) == 0
    (folder / "metrics.yaml").write_text("mean_dice: 0.5\n")
    files = ",".join(map(str, weights[:2]))
    more = ["--alias", "champion", "--metrics_file", str(folder / "metrics.yaml")]
    assert main([*words, "--bundle", str(bundle), "--local_weights_path", files, "--name", "noise", *more]) == 0
    return folder


@pytest.fixture
def registry(home: Path, monkeypatch: pytest.MonkeyPatch) -> MLflowRegistry:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{home / 'mlflow.db'}")
    return open_registry()


def test_versions_are_counted_and_say_where_they_came_from(registry: MLflowRegistry, run: Path) -> None:
    rows = registry.versions()
    assert [(row.name, row.version) for row in rows] == [("hippocampus", 1), ("hippocampus", 2), ("noise", 1)]
    first, second, noise = rows
    model = model_of_run(run)
    assert first.tags["run"] == model.source["run"]
    assert first.metrics == {"validation": model.source["metric"]}
    assert (first.tags["weights"], second.tags["weights"]) == ("1", "2")
    assert (noise.aliases, noise.metrics, noise.tags["bundle"]) == (("champion",), {"mean_dice": 0.5}, "small")


@pytest.mark.parametrize(
    ("reference", "version"),
    [("hippocampus:1", 1), ("hippocampus:2", 2), ("hippocampus:latest", 2), ("hippocampus", 2), ("noise@champion", 1)],
)
def test_what_a_reference_means(registry: MLflowRegistry, reference: str, version: int) -> None:
    found = registry.find(reference)
    assert (found.name, found.version) == (reference.partition(":")[0].partition("@")[0], version)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("hippocampus:3", "has no version '3'"),
        ("hippocampus@champion", "has no alias 'champion'"),
        ("hipocampus:1", "did you mean 'hippocampus'"),
    ],
)
def test_references_that_lead_nowhere(registry: MLflowRegistry, reference: str, said: str) -> None:
    with pytest.raises(InputNotFoundError, match=said):
        find_bundle(reference)


@pytest.mark.parametrize("text", ["C:\\bundles", "http://x/y", "a/b:1", "a:b", ":1", "a:1:2", "bundle", ""])
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)


def test_a_bundle_comes_out_as_it_went_in(registry: MLflowRegistry, weights: list[Path]) -> None:
    folder, ready_made = find_bundle("noise:1")
    assert not ready_made
    assert folder.name == "small"
    assert digest_of(tree_digests(folder)) == registry.find("noise:1").tags["digest"]
    assert find_bundle("noise@champion")[0] == folder


def test_a_name_works_where_a_bundle_does(registry: MLflowRegistry, image: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["predict", "--model", "noise@champion", "--image_file", str(image)]) == 0
    assert (tmp_path / "predictions" / "hippocampus_003_seg.nii.gz").is_file()
    assert (
        main(["run", "--bundle", "hippocampus:1", "--workflow", "inference", "--dry_run", "--input", str(image)]) == 0
    )
    capsys.readouterr()
    assert main(["pack", "hippocampus:1", "--output", str(tmp_path / "packed.zip")]) == 0
    assert (tmp_path / "packed.zip").is_file()


def test_what_was_changed_is_not_taken_for_what_was_registered(registry: MLflowRegistry, home: Path) -> None:
    folder = find_bundle("hippocampus:1")[0]
    (folder / "models" / "model.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match="was changed since it was made"):
        find_bundle("hippocampus:1")
    shutil.rmtree(folder)
    found = registry.find("hippocampus:1")
    kept = Path(found.source.removeprefix("file://"))
    content = (kept / "models" / "model.pt").read_bytes()
    (kept / "models" / "model.pt").write_bytes(b"something else")
    try:
        with pytest.raises(InputError, match="is not what was registered"):
            find_bundle("hippocampus:1")
    finally:
        (kept / "models" / "model.pt").write_bytes(content)
    assert find_bundle("hippocampus:1")[0] == folder


def test_aliases_are_set_moved_and_taken_away(registry: MLflowRegistry, capsys: Any) -> None:
    assert main(["models", "alias", "hippocampus", "stable", "1"]) == 0
    assert registry.find("hippocampus@stable").version == 1
    assert main(["models", "alias", "hippocampus:2", "stable"]) == 0
    assert registry.find("hippocampus@stable").version == 2
    assert main(["models", "alias", "hippocampus", "stable"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "hippocampus@stable is version 1",
        "hippocampus@stable is version 2; it was version 1",
        "hippocampus@stable is nothing any more; it was version 2",
    ]
    for words, said in (
        (["hippocampus", "stable"], "has no alias 'stable'"),
        (["hippo", "stable"], "there is no model 'hippo'"),
        (["hippocampus:2", "stable", "1"], "the version is given twice"),
    ):
        assert main(["models", "alias", *words]) == 2
        assert said in capsys.readouterr().err
    assert registry.versions("hippocampus")[1].aliases == ()
    assert main(["models", "alias", "hippocampus", "stable", "9"]) == 2
    assert "has no version '9'" in capsys.readouterr().err
    for alias in ("latest", "v1", "no good"):
        with pytest.raises(UsageError, match="is no alias"):
            registry.set_alias("hippocampus", alias, 1)


def test_the_list_and_the_details(registry: MLflowRegistry, capsys: Any) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "aliases", "registered", "networks", "run", "metrics"]
    assert [line.split()[0] for line in lines[1:]] == ["hippocampus:1", "hippocampus:2", "noise:1"]
    assert main(["models", "show", "noise@champion", "--format", "json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["name"], row["version"], row["aliases"], row["metrics"]) == (
        "noise",
        1,
        ["champion"],
        {"mean_dice": 0.5},
    )
    assert main(["models", "get", "noise:1"]) == 0
    assert Path(capsys.readouterr().out.strip()) == find_bundle("noise:1")[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["models", "list"], "there is no registry of models yet"),
        (["models", "lst"], "did you mean 'list'"),
        (["models", "show"], "models show takes NAME[:VERSION]"),
        (["register", "--model", "last"], "the model needs a name"),
        (["register", "--model", "last", "--name", "a", "--alias", "latest"], "'latest' is no alias"),
    ],
)
def test_commands_that_cannot_be_done_make_no_registry(
    tmp_path: Path, capsys: Any, words: list[str], said: str
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "notes.txt").write_text("not a database\n" * 100)
    assert main(["models", "list", "--registry_uri", "sqlite:///notes.txt"]) == 2
    error = capsys.readouterr().err
    assert "cannot be used" in error
    assert error.splitlines()[-1].startswith("  help: --registry_uri, MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI")


def test_names_that_cannot_be_one(registry: MLflowRegistry, run: Path) -> None:
    for name in ("a b", "a/b", "a:1", "a@b", ""):
        with pytest.raises(UsageError, match="is no name for a model"):
            register_model(model_of_run(run), name, registry)


def test_what_cannot_be_registered_is_told_before_anything_runs(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.json").write_text('{"run": "$print(\'ran\')"}')
    words = ["run", "--config_file", "c.json", "--register"]
    assert main([*words, "two words"]) == 2
    said = capsys.readouterr()
    assert (said.out, "'two words' is no name for a model" in said.err) == ("", True)
    monkeypatch.setattr("bundle_engine.experiment.registry.find_spec", lambda name: None)
    assert main([*words, "spleen"]) == 2
    said = capsys.readouterr()
    assert (said.out, "pip install 'bundle-engine[tracking]'" in said.err) == ("", True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json"]
