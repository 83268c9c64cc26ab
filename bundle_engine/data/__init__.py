"""Tables of subjects, checks on them, splits of them, and preprocessing that is done once.

The public names are loaded on first use: reading a table needs neither torch nor monai.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

_HOMES = {
    "CachedDataset": "cached",
    "Dataset": "table",
    "Split": "splits",
    "Subject": "table",
    "check_dataset": "checks",
    "datalist": "lists",
    "read_dataset": "reading",
    "read_split": "splits",
    "split_dataset": "splits",
    "write_split": "splits",
}

__all__ = [
    "CachedDataset",
    "Dataset",
    "Split",
    "Subject",
    "check_dataset",
    "datalist",
    "read_dataset",
    "read_split",
    "split_dataset",
    "write_split",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if TYPE_CHECKING:
    from bundle_engine.data.cached import CachedDataset
    from bundle_engine.data.checks import check_dataset
    from bundle_engine.data.lists import datalist
    from bundle_engine.data.reading import read_dataset
    from bundle_engine.data.splits import Split, read_split, split_dataset, write_split
    from bundle_engine.data.table import Dataset, Subject
