"""Published data sets, tables of subjects, checks on them, splits of them, and preprocessing that is done once.

Fetching data, reading a table and checking it need neither torch nor monai.
"""

from bundle_engine.data.cached import CachedDataset
from bundle_engine.data.checks import check_dataset
from bundle_engine.data.fetching import fetch_dataset
from bundle_engine.data.lists import datalist
from bundle_engine.data.published import PublishedDataset
from bundle_engine.data.reading import read_dataset
from bundle_engine.data.splits import Split, read_split, split_dataset, write_split
from bundle_engine.data.table import Dataset, Subject

__all__ = [
    "CachedDataset",
    "Dataset",
    "PublishedDataset",
    "Split",
    "Subject",
    "check_dataset",
    "datalist",
    "fetch_dataset",
    "read_dataset",
    "read_split",
    "split_dataset",
    "write_split",
]
