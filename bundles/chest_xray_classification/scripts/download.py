"""Download the images: PneumoniaMNIST of MedMNIST v2, from its publisher's record on Zenodo.

Run it from the bundle folder::

    python -m scripts.download --dataset_dir PneumoniaMNIST

The file appears under its own name only when its checksum is right. An interrupted download is resumed by running the
same command again.
"""

from __future__ import annotations

import sys

from bundle_engine.data import PublishedDataset

DATA = PublishedDataset(
    name="PneumoniaMNIST of MedMNIST v2",
    size="4 MB",
    licence="CC BY 4.0",
    # the published file, and the checksum that MedMNIST gives for it
    url="https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
    md5="28209eda62fecd6e6a2d98b1501bb15f",
    folder="PneumoniaMNIST",
    holds="pneumoniamnist.npz",
    file="pneumoniamnist.npz",
)

if __name__ == "__main__":
    sys.exit(DATA.main())
