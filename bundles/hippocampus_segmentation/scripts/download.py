"""Download and unpack the training data (Medical Segmentation Decathlon, Task04 Hippocampus).

Run it from the bundle folder::

    python -m scripts.download --dataset_dir Task04_Hippocampus

The checksum of the archive is verified before anything is unpacked, and the data folder appears under its final name
only when it is complete. An interrupted download is resumed by running the same command again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bundle_engine.data import PublishedDataset


def is_complete(dataset_dir: Path) -> bool:
    """Tell whether ``dataset_dir`` holds a dataset.json and every training file which that lists."""
    try:
        listed = json.loads((dataset_dir / "dataset.json").read_text(encoding="utf-8"))["training"]
        return all((dataset_dir / entry[key]).is_file() for entry in listed for key in ("image", "label"))
    except (OSError, ValueError, KeyError, TypeError):
        return False


DATA = PublishedDataset(
    name="Task04_Hippocampus of the Medical Segmentation Decathlon",
    size="less than 30 MB",
    licence="CC BY-SA 4.0",
    # the copy of the Decathlon archives that MONAI users have always downloaded, and its checksum
    url="https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar",
    md5="9d24dba78a72977dbd1d2e110310f31b",
    folder="Task04_Hippocampus",
    holds="dataset.json, imagesTr and labelsTr",
    complete=is_complete,
)

if __name__ == "__main__":
    sys.exit(DATA.main())
