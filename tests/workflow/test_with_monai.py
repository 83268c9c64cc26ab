"""A training with MONAI and ignite: properties, handlers, and errors from inside the engine."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bundle_engine.cli import main
from bundle_engine.config import ConfigParser
from bundle_engine.errors import ExpressionError, InstantiationError
from bundle_engine.workflow import ConfigWorkflow

pytest.importorskip("ignite")
monai = pytest.importorskip("monai")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore")  # of theirs, about their own code

CONFIG = """\
bundle_root: .
device: $torch.device('cpu')
dataset_dir: none
max_epochs: 2
network_def: {_target_: torch.nn.Conv2d, in_channels: 1, out_channels: 1, kernel_size: 1}
train:
  dataset:
    _target_: Dataset
    data: "$[{'image': torch.ones(1, 4, 4) * i, 'label': torch.ones(1, 4, 4)} for i in range(4)]"
  dataloader: {_target_: DataLoader, dataset: '@train::dataset', batch_size: 2}
  inferer: {_target_: SimpleInferer}
  handlers:
  - {_target_: collections.OrderedDict, _disabled_: true}
  trainer:
    _target_: SupervisedTrainer
    device: '@device'
    max_epochs: '@max_epochs'
    train_data_loader: '@train::dataloader'
    network: '@network_def'
    optimizer: {_target_: torch.optim.SGD, params: $@network_def.parameters(), lr: 0.1}
    loss_function: {_target_: torch.nn.MSELoss}
    inferer: '@train::inferer'
    train_handlers: '@train::handlers'
initialize: $monai.utils.set_determinism(1)
run:
- $@train::trainer.run()
- $@train::trainer.state.epoch
finalize: $print('finalized')
"""


@pytest.fixture
def config(write):
    write("configs/metadata.json", {"version": "1", "monai_version": "1", "pytorch_version": "1", "numpy_version": "1"})
    return write("configs/train.yaml", CONFIG)


def test_trains(config, caplog, capsys):
    steps = ConfigWorkflow(config, logging_file=False)
    assert steps.check_properties() == []
    steps.initialize()
    before = steps.network_def.weight.clone()
    with caplog.at_level(logging.INFO):
        assert steps.run() == [None, 2]
    assert steps.max_epochs == 2
    assert steps.trainer.network is steps.network_def
    assert not torch.equal(before, steps.network_def.weight)
    assert "Engine run finished" in caplog.text
    steps.finalize()
    assert capsys.readouterr().out.endswith("finalized\n")


def test_replacing_the_network_replaces_the_trainer_and_keeps_the_data(config):
    steps = ConfigWorkflow(config, logging_file=False, max_epochs=1)
    steps.initialize()
    dataset, trainer = steps.train_dataset, steps.trainer
    steps.network_def = torch.nn.Conv2d(1, 1, 1)
    assert steps.train_dataset is dataset
    assert steps.trainer is not trainer
    assert steps.trainer.network is steps.network_def


@pytest.mark.parametrize(
    ("error", "code"), [("RuntimeError('in a handler')", 1), ("KeyboardInterrupt()", 130)], ids=["error", "ctrl-c"]
)
def test_an_error_inside_the_engine_ends_with_finalize(write, config, capsys, error, code):
    lines = [
        "from ignite.engine import Events",
        "class Fail:",
        "    def attach(self, engine):",
        "        engine.add_event_handler(Events.ITERATION_COMPLETED(once=3), self)",
        "    def __call__(self, engine):",
        f"        raise {error}",
    ]
    write("scripts/__init__.py", "\n".join(lines))
    argv = ["run", "--config_file", config, "--logging_file=False", "--+train::handlers=[{_target_: scripts.Fail}]"]
    assert main(argv) == code
    captured = capsys.readouterr()
    assert captured.out.endswith("finalized\n")
    if code == 1:
        assert "in a handler" in captured.err
        assert "scripts/__init__.py:6 in __call__" in captured.err
        assert "train.yaml:26:3  id 'run::0'" in captured.err


def test_a_damaged_image_is_named_with_what_is_wrong_with_it(hippocampus: Path, tmp_path: Path) -> None:
    name = "hippocampus_001.nii.gz"
    (tmp_path / name).write_bytes((hippocampus / "imagesTr" / name).read_bytes()[:20_000])
    parser = ConfigParser(
        {
            "load": {"_target_": "LoadImaged", "keys": ["image", "label"]},
            "dataset": {
                "_target_": "CacheDataset",
                "data": [{"image": str(tmp_path / name), "label": str(hippocampus / "labelsTr" / name)}],
                "transform": {"_target_": "Compose", "transforms": ["@load"]},
                "progress": False,
            },
        }
    )
    with pytest.raises(InstantiationError) as caught:
        parser.get_parsed_content("dataset")
    assert caught.value.message.endswith(
        ", because of EOFError: Compressed file ended before the end-of-stream marker was reached"
    )
    *_, raised, began, files = caught.value.notes
    assert raised.endswith(", in apply_transform")
    assert began.startswith("which began at ")
    assert began.endswith(", in read")
    assert files.startswith(f"with image={str(tmp_path / name)!r}, label={str(hippocampus / 'labelsTr' / name)!r}")


def test_an_image_that_was_read_already_is_named_too(hippocampus: Path) -> None:
    file = str(hippocampus / "imagesTr" / "hippocampus_001.nii.gz")
    parser = ConfigParser(
        {
            "crop": {"_target_": "Compose", "transforms": ["$lambda image: image[:, 'x']"]},
            "broken": f"$@crop(monai.transforms.LoadImage()({file!r}))",
        }
    )
    with pytest.raises(ExpressionError) as caught:
        parser.get_parsed_content("broken")
    assert caught.value.notes[-1] == f"with {file!r}"
