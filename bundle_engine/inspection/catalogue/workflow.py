"""What can be wrong with a config as a workflow."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

CODES = (
    Code(
        "BE050",
        "warning",
        "nothing to run",
        "The config has no `run` with the steps to take. A config that is only put over others, or only read, needs"
        " none.",
        """\
lr: 0.001  # here
""",
        """\
lr: 0.001
run:
- $print(@lr)
""",
    ),
    Code(
        "BE051",
        "warning",
        "required property missing",
        "Applications find what they need in a bundle by fixed ids: a training has `train::trainer` and"
        " `train::dataset`, an inference `network_def` and `inferer`. The bundle runs without, but those applications"
        " cannot use it.",
        """\
bundle_root: "."
device: cpu
dataset_dir: "."
train:
  inferer: null
  dataset: []
  trainer: {fit: 1}  # here
run:
- $print(@device, @bundle_root, @dataset_dir, @train)
""",
        """\
bundle_root: "."
device: cpu
dataset_dir: "."
train:
  inferer: null
  dataset: []
  trainer: {fit: 1, max_epochs: 2}
run:
- $print(@device, @bundle_root, @dataset_dir, @train)
""",
    ),
    Code(
        "BE052",
        "warning",
        "metric that nothing computes",
        "A handler names a metric that the engine it is attached to does not have, as far as the config tells.",
        """\
metrics:
  val_mean_dice: {_target_: MeanDice}
handlers:
- _target_: CheckpointSaver
  save_dir: "."
  save_dict: {}
  save_key_metric: true
  key_metric_name: val_dice  # here
evaluator:
  _target_: SupervisedEvaluator
  device: $torch.device("cpu")
  val_data_loader: []
  network: $torch.nn.Identity()
  key_val_metric: "@metrics"
  val_handlers: "@handlers"
run:
- $@evaluator.run()
""",
        """\
metrics:
  val_mean_dice: {_target_: MeanDice}
handlers:
- _target_: CheckpointSaver
  save_dir: "."
  save_dict: {}
  save_key_metric: true
  key_metric_name: val_mean_dice
evaluator:
  _target_: SupervisedEvaluator
  device: $torch.device("cpu")
  val_data_loader: []
  network: $torch.nn.Identity()
  key_val_metric: "@metrics"
  val_handlers: "@handlers"
run:
- $@evaluator.run()
""",
    ),
    Code(
        "BE053",
        "info",
        "key that nothing uses",
        "Nothing refers to this key, it is none of the steps that run, and none of the ids that applications look"
        " for. It is told as a warning where it is spelt almost like an id that is.",
        """\
lr: 0.001
learning_rates: [1, 2]  # here
run:
- $print(@lr)
""",
        """\
lr: 0.001
run:
- $print(@lr)
""",
    ),
    Code(
        "BE054",
        "warning",
        "override that nothing uses",
        "An override sets an id that no file has and that nothing refers to, so it changes nothing.",
        """\
lr: 0.001
run:
- $print(@lr)
# with --learning_rate 0.01 on the command line
""",
        """\
lr: 0.001
run:
- $print(@lr)
# with --lr 0.01 on the command line
""",
    ),
    Code(
        "BE055",
        "warning",
        "path that does not exist",
        "A file or folder that is read when the config runs is not there, on this machine and seen from this working"
        " directory.",
        """\
weights:
  _target_: torch.load
  f: /no/such/folder/model.pt  # here
run:
- $@weights
""",
        """\
weights:
  _target_: torch.load
  f: $@folder + "/model.pt"
folder: models
run:
- $@weights
""",
    ),
)
