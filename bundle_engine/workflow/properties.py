"""What applications may ask of a bundle by a fixed name, whatever its config looks like inside.

Each table maps a property's name to its facts, with MONAI's field names, so that property files written for MONAI
can be read as they are:

``description``
    what the property is, for people.
``required``
    whether a bundle of this type must have it.
``id``
    where it stands in the config.
``refer_id``
    the place that refers to it when the bundle uses it. An optional property may be absent, but a bundle that
    fills this place with a reference must refer to ``id``. For ``evaluator`` and ``val_interval`` of a training
    it is the name of an argument of the ``ValidationHandler``, wherever that stands among the handlers.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EvalProperties", "InferProperties", "MetaProperties", "PropertyTable", "TrainProperties"]

DESC = "description"
REQUIRED = "required"
ID = "id"
REF_ID = "refer_id"

PropertyTable = dict[str, dict[str, Any]]


def _must(description: str, id: str) -> dict[str, Any]:
    return {DESC: description, REQUIRED: True, ID: id}


def _may(description: str, id: str, refer_id: str | None = None) -> dict[str, Any]:
    return {DESC: description, REQUIRED: False, ID: id, REF_ID: refer_id}


TrainProperties: PropertyTable = {
    "bundle_root": _must("folder of the bundle", "bundle_root"),
    "device": _must("device that runs the training", "device"),
    "dataset_dir": _must("folder of the dataset", "dataset_dir"),
    "trainer": _must("engine of the training", "train::trainer"),
    "network_def": _may("network to be trained", "network_def"),
    "max_epochs": _must("number of epochs to train", "train::trainer::max_epochs"),
    "train_dataset": _must("dataset of the training", "train::dataset"),
    "train_inferer": _must("inferer that computes the network's output in training", "train::inferer"),
    "train_dataset_data": _may("what the training dataset is made from", "train::dataset::data"),
    "train_handlers": _may("handlers of the trainer's events", "train::handlers", "train::trainer::train_handlers"),
    "train_preprocessing": _may(
        "transforms before the network in training", "train::preprocessing", "train::dataset::transform"
    ),
    "train_postprocessing": _may(
        "transforms after the network in training", "train::postprocessing", "train::trainer::postprocessing"
    ),
    "train_key_metric": _may(
        "metric that ranks epochs, on the training data", "train::key_metric", "train::trainer::key_train_metric"
    ),
    "evaluator": _may("engine of the validation", "validate::evaluator", "validator"),
    "val_interval": _may("number of epochs between validations", "val_interval", "interval"),
    "val_handlers": _may(
        "handlers of the validation's events", "validate::handlers", "validate::evaluator::val_handlers"
    ),
    "val_dataset": _may("dataset of the validation", "validate::dataset", "validate::dataloader::dataset"),
    "val_dataset_data": _may("what the validation dataset is made from", "validate::dataset::data"),
    "val_inferer": _may(
        "inferer that computes the network's output in validation", "validate::inferer", "validate::evaluator::inferer"
    ),
    "val_preprocessing": _may(
        "transforms before the network in validation", "validate::preprocessing", "validate::dataset::transform"
    ),
    "val_postprocessing": _may(
        "transforms after the network in validation", "validate::postprocessing", "validate::evaluator::postprocessing"
    ),
    "val_key_metric": _may(
        "metric that ranks epochs, on the validation data",
        "validate::key_metric",
        "validate::evaluator::key_val_metric",
    ),
}

InferProperties: PropertyTable = {
    "bundle_root": _must("folder of the bundle", "bundle_root"),
    "device": _must("device that runs the network", "device"),
    "dataset_dir": _must("folder of the dataset", "dataset_dir"),
    "dataset": _must("dataset that the network is applied to", "dataset"),
    "evaluator": _must("engine that applies the network to the dataset", "evaluator"),
    "network_def": _must("network to be applied", "network_def"),
    "inferer": _must("inferer that computes the network's output", "inferer"),
    "dataset_data": _may("what the dataset is made from", "dataset::data"),
    "handlers": _may("handlers of the engine's events", "handlers", "evaluator::val_handlers"),
    "preprocessing": _may("transforms before the network", "preprocessing", "dataset::transform"),
    "postprocessing": _may("transforms after the network", "postprocessing", "evaluator::postprocessing"),
    "key_metric": _may("main metric of the results", "key_metric", "evaluator::key_val_metric"),
}

# an evaluation is an inference on cases whose truth is known: it is pointless without a metric, and
# without handlers nobody would load the trained weights or write the results down
EvalProperties: PropertyTable = {
    **InferProperties,
    "key_metric": _must("main metric of the evaluation", "key_metric"),
    "handlers": _must("handlers that load the weights and keep the results", "handlers"),
    "additional_metrics": _may("further metrics", "additional_metrics", "evaluator::additional_metrics"),
    "output_dir": _may("folder that the results are written to", "output_dir"),
}

MetaProperties: PropertyTable = {
    "version": _must("version of the bundle", "_meta_::version"),
    "monai_version": _must("version of MONAI that the bundle was made with", "_meta_::monai_version"),
    "pytorch_version": _must("version of PyTorch that the bundle was made with", "_meta_::pytorch_version"),
    "numpy_version": _must("version of NumPy that the bundle was made with", "_meta_::numpy_version"),
    "description": _may("what the bundle is for", "_meta_::description"),
    "spatial_shape": _may(
        "size of the network's input image", "_meta_::network_data_format::inputs::image::spatial_shape"
    ),
    "channel_def": _may(
        "meaning of the channels of the network's output", "_meta_::network_data_format::outputs::pred::channel_def"
    ),
}
