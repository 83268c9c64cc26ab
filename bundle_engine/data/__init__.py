"""Tables of subjects, checks on them, splits of them, and preprocessing that is done once.

The public names are loaded on first use: reading a table needs neither torch nor monai.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

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


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.data.cached import CachedDataset
    from bundle_engine.data.checks import check_dataset
    from bundle_engine.data.lists import datalist
    from bundle_engine.data.reading import read_dataset
    from bundle_engine.data.splits import Split, read_split, split_dataset, write_split
    from bundle_engine.data.table import Dataset, Subject
