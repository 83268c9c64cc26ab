"""The graph of a config: its nodes, its edges, the kinds of components."""

from __future__ import annotations

import time

import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.errors import IdNotFoundError
from bundle_engine.inspection.dataflow import data_flow
from bundle_engine.inspection.kinds import COLOURS, KINDS, definition_of, kind_of
from bundle_engine.inspection.targets import TargetIndex, Unknown


class NoTargets:
    """Knows nothing about any target."""

    def lookup(self, target):
        return Unknown("nobody looked")


@pytest.fixture(scope="module")
def index():
    with TargetIndex(paths=["bundles/hippocampus_segmentation"]) as found:
        yield found


def flow_of(config, **options):
    return data_flow(ConfigParser(config), options.pop("targets", NoTargets()), **options)


def pairs(flow):
    return {(edge.source, edge.target) for edge in flow.edges}


SMALL = {
    "imports": ["$import os"],
    "seed": 3,
    "lr": 0.1,
    "unused": {"_target_": "Unused", "lr": "@lr"},
    "net_def": {"_target_": "UNet", "spatial_dims": 3},
    "net": "$@net_def.to('cpu')",
    "same_net": "@net",
    "train": {
        "transforms": [{"_target_": "LoadImaged"}, {"_target_": "monai.transforms.Spacingd"}],
        "preprocessing": {"_target_": "Compose", "transforms": "@train::transforms"},
        "dataset": {"_target_": "Dataset", "data": "$[]", "transform": "@::::preprocessing"},
        "handlers": [
            {"_target_": "StatsHandler"},
            {"_target_": "CheckpointSaver", "save_dict": {"net": "@same_net"}},
        ],
        "trainer": {
            "_target_": "Trainer",
            "network": "@same_net",
            "lr": "@lr",
            "data": "@train::dataset",
            "handlers": "@train::handlers",
            "dims": "$@net_def::spatial_dims + @lr",
        },
    },
    "initialize": ["$print(@seed)"],
    "run": ["$@train::trainer.run()"],
}


def test_nodes_and_edges_of_a_small_config():
    flow = flow_of(SMALL)
    assert list(flow.nodes) == [
        "seed", "lr", "net_def", "net_def::spatial_dims", "net", "train::transforms", "train::preprocessing",
        "train::dataset", "train::handlers", "train::trainer", "initialize", "run",
    ]  # fmt: skip
    assert pairs(flow) == {
        ("net_def::spatial_dims", "net_def"),
        ("net_def", "net"),
        ("train::transforms", "train::preprocessing"),
        ("train::preprocessing", "train::dataset"),
        ("net", "train::handlers"),
        ("lr", "train::trainer"),
        ("net", "train::trainer"),
        ("net_def::spatial_dims", "train::trainer"),
        ("train::dataset", "train::trainer"),
        ("train::handlers", "train::trainer"),
        ("seed", "initialize"),
        ("train::trainer", "run"),
    }
    uses = {(edge.source, edge.target): edge.uses for edge in flow.edges}
    assert uses["lr", "train::trainer"] == ("train::trainer::lr", "train::trainer::dims")
    assert uses["net_def::spatial_dims", "net_def"] == ()  # a part of it


def test_what_a_node_tells():
    nodes = flow_of(SMALL).nodes
    trainer = nodes["train::trainer"]
    assert (trainer.label, trainer.group, trainer.form, trainer.caption) == (
        "trainer",
        "train",
        "component",
        "Trainer",
    )
    assert nodes["net"].aliases == ("same_net",)
    assert (nodes["net"].form, nodes["net"].caption) == ("expression", "$@net_def.to('cpu')")
    assert nodes["train::transforms"].items == ("LoadImaged", "Spacingd")
    assert nodes["train::handlers"].items == ("StatsHandler", "CheckpointSaver")
    assert (nodes["run"].kind, nodes["run"].form, nodes["run"].items) == ("entry", "step", ("$@train::trainer.run()",))
    assert (nodes["lr"].kind, nodes["lr"].caption, nodes["lr"].group) == ("value", "0.1", "")


def test_only_what_the_steps_reach_or_everything():
    assert "unused" not in flow_of(SMALL).nodes
    whole = flow_of(SMALL, everything=True)
    assert set(whole.nodes) - set(flow_of(SMALL).nodes) == {"unused"}
    assert ("lr", "unused") in pairs(whole)
    assert list(flow_of(SMALL, steps=["initialize"]).nodes) == ["seed", "initialize"]


def test_a_config_without_steps_is_shown_whole():
    flow = flow_of(
        {"a": {"_target_": "A", "b": "@b"}, "b": 1, "section": {"c": {"_target_": "C"}, "d": 2}, "e": {"x": 1}}
    )
    assert list(flow.nodes) == ["a", "b", "section::c", "section::d", "e"]
    assert flow.groups == ("section",)


def test_plain_values_can_be_left_out():
    flow = flow_of(SMALL).without_values()
    assert "lr" not in flow.nodes
    assert all("lr" not in pair for pair in pairs(flow))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (0, {"train::dataset"}),
        (1, {"train::preprocessing", "train::dataset", "train::trainer"}),
        (2, {"train::transforms", "train::preprocessing", "train::dataset", "train::trainer", "run"}),
    ],
)
def test_the_neighbourhood_of_an_id(steps, expected):
    assert set(flow_of(SMALL).around("train::dataset", steps).nodes) == expected


def test_the_neighbourhood_of_what_stands_inside_a_node_or_is_another_name():
    flow = flow_of(SMALL)
    assert set(flow.around("train::dataset::transform", 0).nodes) == {"train::dataset"}
    assert set(flow.around("same_net", 0).nodes) == {"net"}
    with pytest.raises(IdNotFoundError, match="did you mean 'train::dataset'"):
        flow.around("train::datasets", 1)


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({"run": "$@nothing"}, {"nothing"}),
        ({"a": {"b": 1}, "run": "$@a::c"}, {"a::c"}),
        ({"run": "$@nothing ?? 1"}, set()),
        ({"a": "@nothing ?? 1", "run": "$@a"}, set()),
        ({"data": "$load()", "run": "$@data::training::0"}, set()),
        ({"data": {"_target_": "load"}, "run": "$@data::training::0"}, set()),
    ],
)
def test_references_that_lead_nowhere(config, missing):
    flow = flow_of(config)
    assert {node.id for node in flow.nodes.values() if node.kind == "missing"} == missing


def test_parts_that_others_refer_to_are_nodes_of_their_own():
    config = {
        "handlers": [{"_target_": "EMA"}, {"_target_": "Saver", "net": "@average"}],
        "average": "$@handlers::0.model",
        "run": "$@handlers",
    }
    assert pairs(flow_of(config)) == {
        ("handlers::0", "average"),
        ("handlers::0", "handlers"),
        ("average", "handlers"),
        ("handlers", "run"),
    }


@pytest.mark.parametrize(
    "config",
    [
        {"a": "@b", "b": "@a", "run": "$@a"},
        {"a": {"_target_": "A", "x": "@b"}, "b": {"_target_": "B", "x": "@a"}, "run": "$@a"},
        {"a": {"x": "@a"}, "run": "$@a"},
    ],
    ids=["references", "components", "itself"],
)
def test_circles_are_shown_as_they_are(config):
    assert "a" in flow_of(config).nodes


def test_disabled_components_and_targets_that_are_made():
    flow = flow_of({"a": {"_target_": "@b", "_disabled_": True}, "b": "$dict", "run": ["$@a"]})
    assert flow.nodes["a"].disabled
    assert (flow.nodes["a"].caption, flow.nodes["a"].kind) == ("@b", "other")
    assert ("b", "a") in pairs(flow)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("CacheDataset", "data"),
        ("torch.utils.data.DataLoader", "data"),
        ("LoadImaged", "transform"),
        ("monai.transforms.Compose", "transform"),
        ("UNet", "network"),
        ("torch.nn.Linear", "network"),
        ("torch.nn.CrossEntropyLoss", "loss"),
        ("DiceCELoss", "loss"),
        ("torch.optim.AdamW", "optimizer"),
        ("torch.optim.lr_scheduler.OneCycleLR", "optimizer"),
        ("SupervisedTrainer", "engine"),
        ("SlidingWindowInferer", "inferer"),
        ("StatsHandler", "handler"),
        ("ignite.handlers.EMAHandler", "handler"),
        ("MeanDice", "metric"),
        ("ignite.metrics.Average", "metric"),
        ("scripts.inferer.MirrorInferer", "inferer"),
        ("scripts.data.decathlon_split", "other"),
        ("collections.Counter", "other"),
        ("nothing.like.this", "other"),
    ],
)
def test_the_kind_of_a_target(index, target, kind):
    assert kind_of(index, definition_of(index, target)) == kind


def test_an_argument_tells_the_kind_where_the_target_does_not(index):
    config = {
        "list": {"_target_": "scripts.data.decathlon_split"},
        "dataset": {"_target_": "Dataset", "data": "@list"},
        "net": "$make()",
        "trainer": {"_target_": "SupervisedTrainer", "network": "@net", "train_data_loader": "@dataset"},
        "run": "$@trainer.run()",
    }
    nodes = flow_of(config, targets=index).nodes
    assert [node.kind for node in nodes.values()] == ["data", "data", "network", "engine", "entry"]
    assert nodes["dataset"].definition.path == "monai.data.dataset.Dataset"


def test_every_kind_has_a_name_and_colours():
    assert list(KINDS) == list(COLOURS)


def test_where_nodes_were_written(tmp_path):
    (tmp_path / "a.yaml").write_text("lr: 1\nrun:\n  - $print(@lr)\n")
    parser = ConfigParser()
    parser.read_config(str(tmp_path / "a.yaml"))
    assert {node.id: node.place.line for node in data_flow(parser, NoTargets()).nodes.values()} == {"lr": 1, "run": 3}


def test_a_long_chain_and_many_values_take_little_time():
    config = {f"a{number}": f"$@a{number + 1} + 1" for number in range(3000)} | {"a3000": 1, "run": "$@a0"}
    start = time.perf_counter()
    assert len(flow_of(config).nodes) == 3002
    config = {f"a{number}": f"@a{number + 1}" for number in range(20_000)} | {"a20000": 1, "run": "$@a0"}
    assert list(flow_of(config).nodes) == ["a20000", "run"]
    assert time.perf_counter() - start < 5
