"""What is said of the installed MONAI, torch and ignite, held against the same packages imported."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import types
import warnings
from typing import Any

import pytest

from bundle_engine.config.targets import ComponentLocator
from bundle_engine.errors import BundleEngineWarning
from bundle_engine.inspection.targets import Ambiguous, Found, NotFound, TargetIndex, Unknown
from bundle_engine.inspection.targets.import_order import import_order

KINDS = ("positional_only", "positional_or_keyword", "var_positional", "keyword_only", "var_keyword")
PACKAGES = (
    "ignite.engine",
    "ignite.handlers",
    "ignite.metrics",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
    "torch.utils.tensorboard",
)
# inspect sees ``object.__init__`` behind a wrapper, which takes anything until it is called
EXCEPTIONS = {"monai.apps.reconstruction.fastmri_reader.FastMRIReader"}


@pytest.fixture(scope="module")
def short_names() -> dict[str, list[str]]:
    """The modules of each short name once everything is imported, in the order of ``sys.modules``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import monai  # noqa: F401

        for package in PACKAGES:
            importlib.import_module(package)
    names: dict[str, list[str]] = {}
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] == "monai":
            for name, value in list(vars(module).items()):
                if isinstance(value, (type, types.FunctionType)) and value.__module__ == module_name:
                    names.setdefault(name, []).append(module_name)
    return names


def in_python(value: Any) -> list[tuple[str, str, bool]] | None:
    """Give name, kind and whether there is a default for each parameter; None where Python does not know."""
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return None
    init = getattr(value, "__init__", None)
    plain = type(value) is type or "__call__" not in vars(type(value))
    made_plainly = isinstance(value, type) and plain and isinstance(init, types.FunctionType)
    if made_plainly and [p.kind for p in parameters] == [2, 4]:  # it may be only __new__ that takes anything
        parameters = list(inspect.signature(init).parameters.values())[1:]
    return [(p.name, KINDS[p.kind], p.default is not p.empty) for p in parameters]


def held_against(index: TargetIndex, names: dict[str, Any]) -> tuple[list[str], dict[str, int]]:
    """Compare lookups with values; give what differs, and how many of each kind there are."""
    wrong, counts = [], {"known": 0, "unknown": 0}
    for path, value in names.items():
        found = index.lookup(path)
        if isinstance(found, NotFound):
            wrong.append(f"{path}: {found.reason}")
        if not isinstance(found, (Found, Ambiguous)):
            continue
        definition = found.definition
        if definition.kind == "class" and not isinstance(value, type):
            wrong.append(f"{path} is no class")
        if definition.parameters is None:
            counts["unknown"] += 1
            continue
        counts["known"] += 1
        claimed = [(p.name, p.kind, p.default is not None) for p in definition.parameters]
        if claimed != in_python(value) and path not in EXCEPTIONS:
            wrong.append(f"{path}: {definition.signature} is {in_python(value)}")
    return wrong, counts


def test_short_names_mean_what_they_mean_at_run_time(installed: TargetIndex, short_names: dict[str, list[str]]):
    found = installed.short_names()
    assert len(found) > 2_000
    assert found == {name: tuple(f"{module}.{name}" for module in modules) for name, modules in short_names.items()}


def test_an_ambiguous_name_means_what_the_locator_takes(installed: TargetIndex, short_names: dict[str, list[str]]):
    locator = ComponentLocator()
    ambiguous = [name for name, modules in short_names.items() if len(modules) > 1]
    assert ambiguous
    for name in ambiguous:
        found = installed.lookup(name)
        assert isinstance(found, Ambiguous)
        assert list(found.choices) == [f"{module}.{name}" for module in locator.modules_of(name)]
        with pytest.warns(BundleEngineWarning, match="ambiguous"):
            assert locator.full_name(name) == found.definition.path


def test_modules_are_imported_in_the_order_that_is_foreseen(installed: TargetIndex):
    program = "import sys, monai\nprint(*(name for name in sys.modules if name.split('.')[0] == 'monai'))"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    assert import_order(installed._resolver, "monai") == run.stdout.split()


def test_every_signature_of_monai_that_is_told_is_true(installed: TargetIndex, short_names: dict[str, list[str]]):
    names: dict[str, Any] = {}
    for name, modules in short_names.items():
        for module in modules:
            names[f"{module}.{name}"] = getattr(sys.modules[module], name)
    wrong, counts = held_against(installed, names)
    assert wrong == []
    assert counts["known"] > 0.9 * len(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_signature_of_a_package_that_is_told_is_true(
    installed: TargetIndex, short_names: dict[str, list[str]], package: str
):
    values = {name: value for name, value in vars(sys.modules[package]).items() if not name.startswith("_")}
    names = {f"{package}.{name}": value for name, value in values.items() if callable(value)}
    wrong, counts = held_against(installed, names)
    assert wrong == []
    assert counts["known"] > 0.5 * len(names)


def test_nothing_that_is_there_is_said_to_be_missing(installed: TargetIndex, short_names: dict[str, list[str]]):
    modules = [name for name in sys.modules if name.split(".")[0] in ("monai", "ignite")]
    names = [f"{module}.{name}" for module in modules for name in vars(sys.modules[module]) if name.isidentifier()]
    assert len(names) > 10_000
    assert [name for name in names if isinstance(installed.lookup(name), NotFound)] == []


@pytest.mark.parametrize(
    ("target", "path", "some"),
    [
        ("UNet", "monai.networks.nets.unet.UNet", ["spatial_dims", "in_channels"]),
        ("monai.networks.nets.UNet", "monai.networks.nets.unet.UNet", ["spatial_dims"]),
        ("LoadImaged", "monai.transforms.io.dictionary.LoadImaged", ["keys", "reader"]),
        ("LoadImageD", "monai.transforms.io.dictionary.LoadImaged", ["keys", "reader"]),
        ("SupervisedTrainer", "monai.engines.trainer.SupervisedTrainer", ["device", "max_epochs"]),
        ("MeanDice", "monai.handlers.mean_dice.MeanDice", ["include_background"]),
        ("torch.optim.Adam", "torch.optim.adam.Adam", ["params", "lr"]),
        ("torch.nn.CrossEntropyLoss", "torch.nn.modules.loss.CrossEntropyLoss", ["weight", "reduction"]),
        ("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader", ["dataset", "batch_size"]),
        ("ignite.metrics.Accuracy", "ignite.metrics.accuracy.Accuracy", ["output_transform"]),
        ("ignite.handlers.EarlyStopping", "ignite.handlers.early_stopping.EarlyStopping", ["patience"]),
        ("monai.bundle.ConfigParser.load_config_file", None, ["filepath"]),
    ],
)
def test_targets_of_everyday(installed: TargetIndex, target, path, some):
    found = installed.lookup(target)
    assert isinstance(found, Found)
    assert path is None or found.definition.path == path
    assert all(found.definition.accepts(name) for name in some)


def test_a_target_in_c_is_there_and_says_nothing(installed: TargetIndex):
    found = installed.lookup("torch.device")
    assert isinstance(found, Found)
    assert found.definition.parameters is None
    assert isinstance(installed.lookup("torch.tensor"), Unknown)


def test_an_ambiguous_short_name(installed: TargetIndex):
    found = installed.lookup("Interaction")
    assert isinstance(found, Ambiguous)
    assert found.definition.path == found.choices[0]
    assert len(found.choices) == 2


@pytest.mark.parametrize(
    ("target", "nearest", "successor"),
    [
        ("LoadImagde", "LoadImage", None),
        ("monai.networks.nets.UNett", "monai.networks.nets.UNet", None),
        ("monai.transforms.UNet", "monai.networks.nets.unet.UNet", None),
        ("monia.networks.nets.UNet", "monai.networks.nets.UNet", None),
        ("torch.optim.Adan", "torch.optim.Adam", None),
        ("torch.nn.CrossEntropyLos", "torch.nn.CrossEntropyLoss", None),
        ("AddChanneld", None, "EnsureChannelFirstd"),
        ("monai.transforms.AddChanneld", None, "EnsureChannelFirstd"),
        ("generative.networks.nets.AutoencoderKL", None, "monai.networks.nets.AutoencoderKL"),
        ("generative.networks.nets.NeverThere", None, None),
    ],
)
def test_what_was_probably_meant(installed: TargetIndex, target, nearest, successor):
    found = installed.lookup(target)
    assert isinstance(found, NotFound)
    assert next(iter(found.near), None) == nearest
    assert found.successor == successor


def test_what_was_probably_meant_where_it_cannot_be_told(installed: TargetIndex):
    found = installed.lookup("torch.devic")
    assert isinstance(found, Unknown)
    assert "torch.device" in found.near


@pytest.mark.parametrize(
    ("target", "argument", "successor"),
    [
        ("UNet", "dimensions", "spatial_dims"),
        ("UNETR", "pos_embed", "proj_type"),
        ("DiceCELoss", "ce_weight", "weight"),
        ("AsDiscreted", "logit_thresh", "threshold"),
        ("UNet", "pos_embed", None),
        ("torch.nn.Linear", "dimensions", None),
    ],
)
def test_arguments_that_were_renamed(installed: TargetIndex, target, argument, successor):
    found = installed.lookup(target)
    assert isinstance(found, Found)
    assert found.definition.parameter(argument) is None
    assert installed.argument_successor(found.definition, argument) == successor


def test_successors_are_of_what_is_gone(installed: TargetIndex):
    from bundle_engine.inspection.targets.successors import _NAMES

    for old, new in _NAMES.items():
        assert isinstance(installed.lookup(old), NotFound), old
        assert isinstance(installed.lookup(new), Found), new
