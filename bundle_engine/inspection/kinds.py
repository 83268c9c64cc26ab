"""Kinds of components: what part a target plays in a workflow, told from where it is defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from bundle_engine.inspection.targets.definitions import Ambiguous, Definition, Found, Lookup

__all__ = ["COLOURS", "KINDS", "Colour", "Kind", "Targets", "definition_of", "kind_of", "kind_of_argument"]

Kind = Literal[
    "entry",
    "data",
    "transform",
    "network",
    "loss",
    "optimizer",
    "engine",
    "inferer",
    "handler",
    "metric",
    "other",
    "expression",
    "value",
    "missing",
]

#: each kind, and what it is called in legends; the order is theirs
KINDS: Mapping[Kind, str] = {
    "entry": "steps",
    "data": "data",
    "transform": "transforms",
    "network": "network",
    "loss": "loss",
    "optimizer": "optimizer",
    "engine": "engine",
    "inferer": "inferer",
    "handler": "handlers",
    "metric": "metrics",
    "other": "other component",
    "expression": "expression",
    "value": "value",
    "missing": "missing",
}


class Colour(NamedTuple):
    """The colour of a kind: strong and pale on a light ground, strong on a dark one."""

    strong: str
    pale: str
    on_dark: str


COLOURS: Mapping[Kind, Colour] = {
    "entry": Colour("#1e293b", "#e2e8f0", "#e2e8f0"),
    "data": Colour("#0e7490", "#d5f0f6", "#22d3ee"),
    "transform": Colour("#0f766e", "#d3f3ec", "#2dd4bf"),
    "network": Colour("#4f46e5", "#e4e4fd", "#a5b4fc"),
    "loss": Colour("#dc2626", "#fde3e1", "#fca5a5"),
    "optimizer": Colour("#d97706", "#fdeccf", "#fbbf24"),
    "engine": Colour("#9333ea", "#f1e4fe", "#d8b4fe"),
    "inferer": Colour("#0284c7", "#dceffc", "#7dd3fc"),
    "handler": Colour("#c026d3", "#fbe5fd", "#f0abfc"),
    "metric": Colour("#4d7c0f", "#e8f6cf", "#a3e635"),
    "other": Colour("#57534e", "#f0eeec", "#d6d3d1"),
    "expression": Colour("#64748b", "#f3f5f8", "#94a3b8"),
    "value": Colour("#94a3b8", "#ffffff", "#64748b"),
    "missing": Colour("#e11d48", "#fff1f2", "#fb7185"),
}

# the longest prefix counts
_HOMES: Mapping[str, Kind] = {
    "bundle_engine.data": "data",
    "ignite.contrib.metrics": "metric",
    "ignite.engine": "engine",
    "ignite.handlers": "handler",
    "ignite.metrics": "metric",
    "monai.apps.datasets": "data",
    "monai.data": "data",
    "monai.engines": "engine",
    "monai.handlers": "handler",
    "monai.handlers.ignite_metric": "metric",
    "monai.inferers": "inferer",
    "monai.losses": "loss",
    "monai.metrics": "metric",
    "monai.networks": "network",
    "monai.optimizers": "optimizer",
    "monai.transforms": "transform",
    "torch.nn": "network",
    "torch.nn.modules.loss": "loss",
    "torch.optim": "optimizer",
    "torch.utils.data": "data",
    "torchvision.datasets": "data",
    "torchvision.models": "network",
    "torchvision.transforms": "transform",
}

# what the arguments of datasets and engines take; it tells the part of a function or an expression
_ARGUMENTS: Mapping[str, Kind] = {
    "data": "data",
    "dataset": "data",
    "train_data_loader": "data",
    "val_data_loader": "data",
    "transform": "transform",
    "postprocessing": "transform",
    "network": "network",
    "loss_function": "loss",
    "optimizer": "optimizer",
    "lr_scheduler": "optimizer",
    "inferer": "inferer",
    "key_train_metric": "metric",
    "key_val_metric": "metric",
    "additional_metrics": "metric",
    "train_handlers": "handler",
    "val_handlers": "handler",
    "validator": "engine",
}
_MOST_BASES = 24  # that are looked at before it is given up


class Targets(Protocol):
    """Looks up what targets name."""

    def lookup(self, target: str) -> Lookup: ...


def definition_of(targets: Targets, target: str) -> Definition | None:
    """Give what is known of a target; None where it cannot be found or is made by an expression."""
    if not target or target[0] in "@$%":
        return None
    found = targets.lookup(target)
    return found.definition if isinstance(found, (Found, Ambiguous)) else None


def kind_of(targets: Targets, definition: Definition | None) -> Kind:
    """Tell the kind of a definition: by the module it stands in, or by those of its bases."""
    if definition is None:
        return "other"
    own = _kind_at(definition.path)
    if own is not None and own != "handler":
        return own
    # a class of a bundle's own is what its base is; and handlers that compute a metric stand among the others
    waiting, seen = list(definition.bases), set(definition.bases)
    for _ in range(_MOST_BASES):
        if not waiting:
            break
        base = waiting.pop(0)
        kind = _kind_at(base)
        if kind == "metric" or (kind is not None and own is None):
            return kind
        inner = definition_of(targets, base)
        more = [each for each in (inner.bases if inner else ()) if each not in seen]
        seen.update(more)
        waiting += more
    return own or "other"


def kind_of_argument(name: str) -> Kind | None:
    """Tell the kind of what an argument of that name takes; None where it takes anything."""
    return _ARGUMENTS.get(name)


def _kind_at(path: str) -> Kind | None:
    while path:
        if path in _HOMES:
            return _HOMES[path]
        path = path.rpartition(".")[0]
    return None
