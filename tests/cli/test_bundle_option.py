"""``--bundle`` and ``--workflow``."""

from __future__ import annotations

import pytest

from bundle_engine import resources
from bundle_engine.cli.bundles import kind_of_workflow


@pytest.fixture
def bundle(write):
    write("b/configs/metadata.json", {"version": "3"})
    write("b/scripts/__init__.py", "NAME = 'scripts of b'\n")
    config = {"bundle_root": ".", "imports": "$import scripts", "name": "train"}
    write("b/configs/train.yaml", '{"bundle_root": ".", "name": "train", "run": "$print(@name, @_meta_::version)"}')
    write("b/configs/evaluate.json", {**config, "run": "$print('evaluate', scripts.NAME)"})
    write("b/configs/inference.yml", '{"run": "$print(@bundle_root)"}')
    write("b/configs/more.json", {"name": "more"})
    write("b/configs/notes.txt", "")
    return "b"


@pytest.mark.parametrize(
    ("argv", "printed"),
    [
        pytest.param([], "train 3", id="train-by-default"),
        pytest.param(["--workflow", "train"], "train 3", id="yaml"),
        pytest.param(["--workflow", "evaluate"], "evaluate scripts of b", id="json"),
        pytest.param(["--workflow", "evaluate.json"], "evaluate scripts of b", id="file"),
        pytest.param(["--workflow", "train,more"], "more 3", id="two"),
        pytest.param(["--config_file", "b/configs/more.json"], "more 3", id="and-a-config-file"),
        pytest.param(["--name", "mine"], "mine 3", id="and-an-override"),
    ],
)
def test_finds_the_config_and_the_metadata(cli, bundle, argv, printed):
    assert cli("run", "--bundle", bundle, *argv) == (0, f"{printed}\n", "")


def test_sets_the_root_of_the_bundle(cli, bundle, tmp_path):
    argv = ["run", "--bundle", bundle, "--workflow", "inference"]
    assert cli(*argv).out == f"{tmp_path / 'b'}\n"
    assert cli(*argv, "--bundle_root", "elsewhere").out == "elsewhere\n"
    assert cli("run", "--bundle", bundle, "--strict").code == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["--bundle", "b", "--workflow", "trian"], "did you mean 'train'?", id="misspelt-workflow"),
        pytest.param(
            ["--bundle", "b", "--workflow", "export"],
            "there are evaluate, inference, more, train",
            id="unknown-workflow",
        ),
        pytest.param(["--bundle", "b/configs"], "did you mean the folder around it", id="folder-inside"),
        pytest.param(["--bundle", "b/scripts"], "it has no folder 'configs'", id="no-bundle"),
        pytest.param(["--bundle", "c"], "there is no folder 'c', and no ready-made bundle", id="nothing"),
        pytest.param(["--bundle", "b", "--config_file", "{'a': 1}"], "cannot be a mapping", id="mapping"),
    ],
)
def test_what_is_not_there_is_an_error(cli, bundle, argv, said):
    code, out, err = cli("run", *argv)
    assert (code, out) == (2, "")
    assert said in err


def test_a_ready_made_bundle_is_found_by_its_name(cli, write, bundle, monkeypatch, tmp_path):
    write("package/ready/configs/train.json", {"run": "$print(@bundle_root)"})
    write("package/ready/configs/metadata.json", {})
    monkeypatch.setattr(resources, "_folder", lambda name: tmp_path / "package")
    code, out, err = cli("run", "--bundle", "ready")
    assert (code, out) == (0, f"{tmp_path}/package/ready\n")
    assert err == f"using the ready-made bundle in {tmp_path}/package/ready\n"
    assert "did you mean 'ready'?" in cli("run", "--bundle", "raedy").err
    assert "there are the ready-made bundles ready" in cli("run", "--bundle", "something_else").err


def test_a_folder_wins_over_a_ready_made_bundle(cli, write, bundle, monkeypatch, tmp_path):
    write("package/b/configs/train.json", {"run": "$print('ready-made')"})
    monkeypatch.setattr(resources, "_folder", lambda name: tmp_path / "package")
    assert cli("run", "--bundle", "b").out == "train 3\n"


@pytest.mark.parametrize(
    ("workflow", "kind"),
    [
        ("train", "train"),
        ("evaluate", "evaluate"),
        ("inference", "infer"),
        ("train,evaluate", "evaluate"),
        ("x", "train"),
    ],
)
def test_the_name_of_a_workflow_says_its_type(workflow, kind):
    assert kind_of_workflow(workflow) == kind


class TestResources:
    def test_are_in_the_checkout(self):
        assert resources.bundles_dir().name == "bundles"
        assert resources.schemas_dir().name == "schemas"

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp", ".hidden", "no_such_bundle"])
    def test_have_no_bundle_of_that_name(self, name):
        assert resources.packaged_bundle(name) is None
