"""New bundles: complete, free of findings, and running as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bundle_engine import ConfigParser
from bundle_engine.bundle.init import init, init_bundle
from bundle_engine.cli import main
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, UsageError
from bundle_engine.metadata.data_format import concrete_shape, load_data_format
from bundle_engine.resources import schemas_dir

ROOT = Path(__file__).resolve().parents[2]
COMPLETE = {
    "LICENSE",
    "configs/evaluate.yaml",
    "configs/inference.yaml",
    "configs/metadata.json",
    "configs/train.yaml",
    "docs/README.md",
}
NETWORKS = [
    *("UNet", "AttentionUnet", "BasicUNet", "DynUNet", "SegResNet", "FlexibleUNet", "UNETR", "SwinUNETR"),
    *("DenseNet121", "resnet10", "resnet50", "SEResNet50", "EfficientNetBN"),
]
SCRIPTS = {"scripts/__init__.py", "scripts/data.py", "scripts/synthetic.py"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of a test."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        del sys.modules[name]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(argv)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def files_in(bundle: Path) -> set[str]:
    return {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}


def metadata_of(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    return found


def in_one_epoch(cli: Any, bundle: str, *more: str) -> None:
    """Verify a bundle, build all of it, train it for an epoch, measure it, apply it."""
    code, out, err = cli("verify", bundle, "--fail_on", "info")
    assert code == 0, out + err
    code, out, err = cli("run", "--bundle", bundle, "--dry_run", *more)
    assert (code, out[:7]) == (0, "dry run"), err
    assert not (Path(bundle) / "models" / "model.pt").exists()
    written = ["--dataset_dir", f"outputs/{bundle}/synthetic"] if more else []
    for options in (
        ["--max_epochs", "1", "--val_interval", "1", *more],
        ["--workflow", "evaluate", *written],
        ["--workflow", "inference", *written],
    ):
        code, _, err = cli("run", "--bundle", bundle, *options)
        assert code == 0, err
    assert (Path(bundle) / "models" / "model.pt").is_file()


@pytest.mark.parametrize(
    ("arguments", "target", "shape"),
    [
        pytest.param({}, "UNet", ["8*n"] * 3, id="UNet"),
        pytest.param({"network": "segresnet", "out_channels": 3}, "SegResNet", ["16*n"] * 3, id="SegResNet"),
        pytest.param(
            {"network": "UNet", "spatial_dims": 2, "in_channels": 3, "classes": ["cell", "edge"]},
            "UNet",
            ["8*n"] * 2,
            id="UNet-2D-colour",
        ),
        pytest.param(
            {"network": "monai.networks.nets.DynUNet", "spatial_dims": 2},
            "monai.networks.nets.DynUNet",
            ["16*n"] * 2,
            id="DynUNet-2D-path",
        ),
        pytest.param({"network": "UNETR", "in_channels": 2}, "UNETR", [32] * 3, id="UNETR"),
    ],
)
def test_a_segmentation_runs_as_it_is(
    cli: Any, folder: Path, arguments: dict[str, Any], target: str, shape: list[Any]
) -> None:
    blueprint = init("it", template="segmentation", **arguments)
    assert files_in(folder / "it") == COMPLETE | SCRIPTS
    parser = ConfigParser()
    parser.read_config(folder / "it" / "configs" / "train.yaml")
    assert parser["network_def::_target_"] == target
    described = metadata_of(folder / "it")["network_data_format"]
    assert described["inputs"]["image"]["spatial_shape"] == described["outputs"]["pred"]["spatial_shape"] == shape
    assert described["inputs"]["image"]["num_channels"] == parser["network_def::in_channels"]
    assert described["outputs"]["pred"]["num_channels"] == parser["network_def::out_channels"]
    assert tuple(described["outputs"]["pred"]["channel_def"].values()) == blueprint.classes
    packages = metadata_of(folder / "it")["required_packages_version"]
    assert set(packages) == {
        "nibabel" if len(shape) == 3 else "pillow",
        "pytorch-ignite",
        *(["einops"] if target == "UNETR" else []),  # MONAI does not bring it along
    }
    results = folder / "outputs" / "it"
    image = f"case_000{blueprint.suffix}"
    count = 10 if not arguments else 5
    in_one_epoch(cli, "it", *([] if not arguments else ["--dataset_dir::count", "5"]))

    metrics = [line.split(",")[0] for line in (results / "metrics.csv").read_text().splitlines()]
    assert sorted(metrics) == sorted(["val_mean_dice", *(f"dice_{name}" for name in blueprint.classes[1:])])
    _, *rows = (results / "val_dice_raw.csv").read_text().splitlines()
    assert [Path(row.split(",")[0]).name for row in rows] == [
        f"case_{n:03d}{blueprint.suffix}" for n in range(4, count, 5)
    ]
    written = sorted(file.name for file in results.glob("*_seg*"))
    assert written == [f"case_{n:03d}_seg{blueprint.suffix}" for n in range(count)]
    assert _shape(results / written[0]) == _shape(results / "synthetic" / "labels" / image)


def _shape(image: Path) -> tuple[int, ...]:
    if image.suffix == ".png":
        from PIL import Image

        with Image.open(image) as opened:
            return opened.size
    import nibabel as nib

    found: tuple[int, ...] = nib.load(image).shape
    return found


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        pytest.param({"network": "DenseNet121", "classes": ["normal", "pneumonia"]}, 2, id="DenseNet121-2D"),
        pytest.param({"network": "resnet10", "spatial_dims": 3, "out_channels": 3}, 3, id="resnet10-3D"),
        pytest.param({"network": "EfficientNetBN", "in_channels": 3, "template": "classification"}, 2, id="colour"),
    ],
)
def test_a_classification_runs_as_it_is(cli: Any, folder: Path, arguments: dict[str, Any], count: int) -> None:
    blueprint = init("it", **arguments)  # the network says that it is one
    assert blueprint.template == "classification"
    assert files_in(folder / "it") == COMPLETE | SCRIPTS
    in_one_epoch(cli, "it", "--dataset_dir::count", "10")
    lines = (folder / "outputs" / "it" / "predictions.csv").read_text().splitlines()
    assert len(lines) == 10 * count
    for line in lines:
        name, *probabilities = line.rsplit(",", count)
        assert Path(name).parent.name in blueprint.classes
        assert sum(map(float, probabilities)) == pytest.approx(1, abs=1e-5)
    metrics = (folder / "outputs" / "it" / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in metrics] == ["val_accuracy", "val_roc_auc"]


def test_a_blank_one_runs_as_it_is(cli: Any, folder: Path) -> None:
    init("it", template="blank", spatial_dims=2, in_channels=2, out_channels=3)
    assert files_in(folder / "it") == COMPLETE
    in_one_epoch(cli, "it")
    assert len(list((folder / "outputs" / "it").glob("*_pred.nii.gz"))) == 8


def test_learns(cli: Any, folder: Path) -> None:
    init("it", network="BasicUNet", spatial_dims=2)
    code, _, err = cli("run", "--bundle", "it", "--max_epochs", "15")
    assert code == 0, err
    code, _, err = cli("run", "--bundle", "it", "--workflow", "evaluate")
    assert code == 0, err
    name, value = (folder / "outputs" / "it" / "metrics.csv").read_text().split()[0].split(",")
    assert name == "val_mean_dice"
    assert float(value) > 0.8


def test_takes_real_data_by_one_id(cli: Any, folder: Path, hippocampus: Path) -> None:
    init("it", classes=["anterior", "posterior"])
    few = {"training": json.loads((hippocampus / "dataset.json").read_text())["training"][:5]}
    (folder / "few").mkdir()
    for part in ("imagesTr", "labelsTr"):
        (folder / "few" / part).symlink_to(hippocampus / part)
    (folder / "few" / "dataset.json").write_text(json.dumps(few))
    code, _, err = cli("run", "--bundle", "it", "--dataset_dir", "few", "--max_epochs", "1")
    assert code == 0, err
    code, _, err = cli("run", "--bundle", "it", "--workflow", "evaluate", "--dataset_dir", "few")
    assert code == 0, err
    _, row = (folder / "outputs" / "it" / "val_dice_raw.csv").read_text().splitlines()
    assert Path(row.split(",")[0]).parent.name == "imagesTr"
    assert not (folder / "outputs" / "it" / "synthetic").exists()


def test_a_folder_without_data_is_an_error_that_says_what_to_do(cli: Any, folder: Path) -> None:
    init("it")
    (folder / "empty").mkdir()
    code, _, err = cli("run", "--bundle", "it", "--dataset_dir", "empty", "--dry_run")
    assert code == 2
    assert "There is no dataset in" in err
    assert "--dataset_dir DIR" in err


def test_what_else_is_in_the_folder_of_made_up_images_stays(cli: Any, folder: Path) -> None:
    init("it")
    mine = folder / "outputs" / "it" / "synthetic" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    code, _, err = cli("run", "--bundle", "it", "--dry_run")
    assert code == 2
    assert "has something else in it" in err
    assert mine.read_text() == "precious"


def test_the_metadata_fits_the_schema_and_the_installation(folder: Path) -> None:
    init("my_bundle (2)", name="Lesions", authors="A. Nonym")
    metadata = metadata_of(folder / "my_bundle (2)")
    schema = json.loads((schemas_dir() / "metadata.schema.json").read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(metadata)] == []
    assert metadata["monai_version"] == version("monai")
    assert metadata["pytorch_version"] == version("torch").partition("+")[0]
    assert metadata["required_packages_version"]["nibabel"] == version("nibabel")
    assert (metadata["name"], metadata["authors"]) == ("Lesions", "A. Nonym")


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_network_fits_the_metadata(folder: Path, network: str, dims: int) -> None:
    import torch

    init("it", network=network, spatial_dims=dims, out_channels=3)
    parser = ConfigParser()
    parser.read_config(folder / "it" / "configs" / "train.yaml")
    format = load_data_format(folder / "it" / "configs" / "metadata.json")
    with torch.device("cpu" if network == "SwinUNETR" else "meta"):  # it computes with numbers when it is built
        built = parser.get_parsed_content("network_def").eval().to("meta")
    with torch.device("meta"), torch.no_grad():  # shapes only
        for n in (1, 2):
            given = built(torch.empty(concrete_shape(format.inputs["image"], n=n)))
            assert tuple(given.shape) == concrete_shape(format.outputs["pred"], n=n)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("template", ["segmentation", "classification", "blank"])
def test_no_gap_is_left(folder: Path, template: str, dims: int) -> None:
    init("it", template=template, spatial_dims=dims)
    for name in files_in(folder / "it") - {"LICENSE"}:
        for line in (folder / "it" / name).read_text(encoding="utf-8").splitlines():
            assert line == line.rstrip()
            assert "<<" not in line
            assert "#?" not in line


def test_monai_runs_it_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from monai.bundle import run

    init("it", spatial_dims=2)
    monkeypatch.chdir(folder / "it")
    monkeypatch.syspath_prepend(folder / "it")
    run(config_file="configs/train.yaml", max_epochs=1)
    assert (folder / "it" / "models" / "model.pt").is_file()
    run(config_file="configs/evaluate.yaml")
    assert (folder / "it" / "outputs" / "it" / "metrics.csv").is_file()


@pytest.mark.parametrize("name", ["my bundle", "ünï-1.2 (x)", "@home", "$x", "class", "it's"])
def test_any_name_of_a_folder_is_fine(cli: Any, folder: Path, name: str) -> None:
    code, out, err = cli("init", name, "--spatial_dims", "2")
    assert (code, err) == (0, "")
    code, out, err = cli("verify", name, "--static", "--fail_on", "info")
    assert code == 0, out + err
    code, out, err = cli("run", "--bundle", name, "--dry_run")
    assert code == 0, err
    assert (folder / "outputs" / name / "synthetic" / "images").is_dir()


def test_what_is_printed_can_be_typed(cli: Any, folder: Path) -> None:
    code, out, err = cli("init", "a b", "--network", "UNet", "--spatial_dims", "2")
    assert (code, err) == (0, "")
    assert out == (
        "made the bundle a b: segmentation, UNet, 2D\n"
        "\n"
        "next:\n"
        "  python -m bundle_engine verify 'a b'\n"
        "  python -m bundle_engine run --bundle 'a b' --dry_run\n"
        "  python -m bundle_engine run --bundle 'a b'\n"
        "\n"
        "a b/docs/README.md says how to go on.\n"
    )


def test_an_empty_folder_may_be_there_and_has_the_usual_mode(folder: Path) -> None:
    (folder / "it").mkdir()
    (folder / "usual").mkdir()
    init("it")
    assert files_in(folder / "it") == COMPLETE | SCRIPTS
    assert (folder / "it").stat().st_mode == (folder / "usual").stat().st_mode
    assert {entry.name for entry in folder.iterdir()} == {"it", "usual"}


def test_the_folder_one_is_in_stays_the_same_folder(cli: Any, folder: Path) -> None:
    before = folder.stat().st_ino
    code, out, err = cli("init", ".", "--classes", "['one', 'two']")
    assert (code, err) == (0, "")
    assert files_in(folder) == COMPLETE | SCRIPTS
    assert folder.stat().st_ino == before
    assert "verify ." in out
    assert [*metadata_of(folder)["network_data_format"]["outputs"]["pred"]["channel_def"].values()] == [
        "background",
        "one",
        "two",
    ]


ERRORS: list[Any] = [
    pytest.param({"template": "segmentatoin"}, UsageError, "did you mean 'segmentation'?", id="template"),
    pytest.param({"network": "Unett"}, UsageError, "did you mean 'UNet'", id="network"),
    pytest.param({"network": "no_such_package.Net"}, UsageError, "there is no network", id="path"),
    pytest.param({"network": "DiceLoss"}, UsageError, "'DiceLoss' is no network", id="loss"),
    pytest.param({"network": "UNet", "template": "classification"}, UsageError, "--template segmentation", id="task"),
    pytest.param({"network": "resnet18", "template": "blank"}, UsageError, "--template classification", id="blank"),
    pytest.param({"network": "monai.networks.nets.RegUNet"}, UsageError, "num_channel_initial: ...", id="arguments"),
    pytest.param({"network": {"channels": [8]}}, UsageError, "names no network", id="mapping"),
    pytest.param({"spatial_dims": 4}, UsageError, "is 2 or 3, not 4", id="dims"),
    pytest.param({"in_channels": 0}, UsageError, "--in_channels cannot be 0", id="no-channels"),
    pytest.param({"in_channels": 2, "spatial_dims": 2}, UsageError, "1 channel or 3", id="picture"),
    pytest.param({"out_channels": 1}, UsageError, "at least 2", id="one-class"),
    pytest.param({"out_channels": 3, "classes": ["a"]}, UsageError, "background, a", id="both"),
    pytest.param({"classes": ["a", "a"]}, UsageError, "'a' twice", id="twice"),
    pytest.param({"classes": ["a/b"]}, UsageError, "a class cannot be 'a/b'", id="slash"),
    pytest.param({"classes": ["$x"]}, UsageError, "a class cannot be '$x'", id="expression"),
    pytest.param({"classes": [".."]}, UsageError, "a class cannot be '..'", id="dots"),
    pytest.param({"name": "@x"}, UsageError, "the name cannot be '@x'", id="name"),
    pytest.param({"ckpt_file": "modle.pt"}, InputNotFoundError, "did you mean 'model.pt'?", id="weights"),
    pytest.param({"metadata": "[1]"}, InputError, "", id="metadata-list"),
    pytest.param({"inference": "{a: "}, InputError, "", id="inference-syntax"),
    pytest.param({"metadata": {"x": object()}}, InputError, "cannot be written as JSON", id="metadata-object"),
]


@pytest.mark.parametrize(("arguments", "kind", "said"), ERRORS)
def test_wrong_arguments_make_nothing(
    folder: Path, arguments: dict[str, Any], kind: type[BundleEngineError], said: str
) -> None:
    (folder / "model.pt").write_bytes(b"weights")
    with pytest.raises(kind) as caught:
        init("it", **arguments)
    assert said in str(caught.value)
    assert [entry.name for entry in folder.iterdir()] == ["model.pt"]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param("it/notes.txt", "is not empty\n  help: choose another name", id="folder"),
        pytest.param("it/configs/train.yaml", "it is a bundle", id="bundle"),
        pytest.param("it", "is there already, and is no folder", id="file"),
    ],
)
def test_what_is_there_stays(cli: Any, folder: Path, there: str, said: str) -> None:
    (folder / there).parent.mkdir(parents=True, exist_ok=True)
    (folder / there).write_text("mine")
    code, out, err = cli("init", "it")
    assert (code, out) == (2, "")
    assert said in err
    assert (folder / there).read_text() == "mine"
    assert [entry.name for entry in folder.iterdir()] == ["it"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["init"], "no folder is named", id="nothing"),
        pytest.param(["init", "no/it"], "there is no folder 'no' to make the bundle in", id="parent"),
        pytest.param(["init", "it", "--spatial_dims", "two"], "--spatial_dims is a number, not 'two'", id="number"),
        pytest.param(["init", "it", "--netwrok", "UNet"], "did you mean --network?", id="option"),
        pytest.param(["init", "it", "more"], "one argument too many", id="positions"),
        pytest.param(["init_bundle"], "no folder is named", id="monai"),
    ],
)
def test_a_wrong_command_line_is_2(cli: Any, folder: Path, argv: list[str], said: str) -> None:
    code, out, err = cli(*argv)
    assert (code, out) == (2, "")
    assert said in err
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written_to(cli: Any, folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o500)
    code, _, err = cli("init", "closed/it")
    assert code == 2
    assert "cannot be written" in err


def test_making_one_needs_no_torch(folder: Path) -> None:
    code = """
import sys
from bundle_engine.cli import main
assert main(["init", "it"]) == 0
assert main(["init", "own", "--network", "{_target_: monai.networks.nets.RegUNet, num_channel_initial: 8, depth: 2}"]) == 0
print([name for name in ("torch", "monai", "ignite", "numpy") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.endswith("\n[]\n"), done.stdout + done.stderr
    assert "were filled in by their names" in done.stdout


class TestAsMonai:
    def test_makes_one_that_runs(self, cli: Any, folder: Path) -> None:
        init_bundle("it")
        assert files_in(folder / "it") == COMPLETE
        code, _, err = cli("run", "--bundle", "it", "--dry_run")
        assert code == 0, err

    def test_copies_weights_unread(self, cli: Any, folder: Path) -> None:
        (folder / "w.pt").write_bytes(b"weights")
        code, _, err = cli("init_bundle", "it", "w.pt", "--dataset_license")
        assert (code, err) == (0, "")
        assert (folder / "it" / "models" / "model.pt").read_bytes() == b"weights"
        assert files_in(folder / "it") == COMPLETE | {"models/model.pt", "docs/data_license.txt"}

    def test_weights_in_the_safetensors_format_become_what_the_configs_load(self, cli: Any, folder: Path) -> None:
        import torch
        from safetensors.torch import save_file

        save_file({"w": torch.arange(3)}, folder / "w.safetensors")
        assert cli("init_bundle", "it", "w.safetensors")[0] == 0
        assert torch.load(folder / "it" / "models" / "model.pt", weights_only=True)["w"].tolist() == [0, 1, 2]
        (folder / "w.safetensors").write_bytes(b"broken")
        code, _, err = cli("init_bundle", "that", "w.safetensors")
        assert code == 2
        assert "cannot be read as safetensors" in err
        assert not (folder / "that").exists()

    def test_takes_a_network_and_its_weights(self, cli: Any, folder: Path) -> None:
        import torch
        from monai.networks.nets import UNet

        network = UNet(3, 1, 2, channels=(4, 8, 8), strides=(2, 2), num_res_units=1)
        init_bundle("it", network=network)
        parser = ConfigParser()
        parser.read_config(folder / "it" / "configs" / "train.yaml")
        again = parser.get_parsed_content("network_def")
        again.load_state_dict(torch.load(folder / "it" / "models" / "model.pt", weights_only=True))
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
        code, _, err = cli("run", "--bundle", "it", "--workflow", "inference")
        assert code == 0, err

    def test_a_network_that_cannot_be_built_again_is_an_error(self, folder: Path) -> None:
        import torch

        with pytest.raises(UsageError, match="cannot be told how this Sequential was made"):
            init_bundle("it", network=torch.nn.Sequential(torch.nn.Conv3d(1, 1, 3)))
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("as_text", [False, True], ids=["mappings", "texts"])
    def test_takes_metadata_and_inference(self, folder: Path, as_text: bool) -> None:
        metadata: Any = {"version": "1.0.0", "name": "Ä"}
        inference: Any = {"network_def": {"_target_": "UNet"}, "run": ["$print(1)"]}
        wanted = metadata, inference
        if as_text:
            metadata, inference = json.dumps(metadata), json.dumps(inference)
        init_bundle("it", metadata_str=metadata, inference_str=inference)
        assert files_in(folder / "it") == {
            "LICENSE",
            "configs/inference.json",
            "configs/metadata.json",
            "docs/README.md",
        }
        assert metadata_of(folder / "it") == wanted[0]
        assert json.loads((folder / "it" / "configs" / "inference.json").read_text()) == wanted[1]

    def test_the_parameters_are_monais(self) -> None:
        import inspect

        from monai.bundle.scripts import init_bundle as original

        assert list(inspect.signature(init_bundle).parameters) == list(inspect.signature(original).parameters)
