"""How long it takes to the first iteration on 200 volumes as large as a CT, the first time and every later one."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import goal, process

MODULE = "tests.benchmarks.preprocessing_cache"
COUNT, SHAPE, DIFFERENT = 200, (256, 256, 80), 8
ROOM = 12e9  # bytes of the disk that it takes, with room to spare


def write_volumes(folder: Path, *, count: int = COUNT, shape: tuple[int, int, int] = SHAPE) -> Path:
    """Write volumes that look and compress like a CT: air, a body with noise, an organ; give the folder.

    Some are drawn; the others are these with another affine, for drawing and compressing takes longer than reading.
    """
    import nibabel as nib
    import numpy as np

    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    grid = np.meshgrid(*(np.linspace(-1, 1, size, dtype=np.float32) for size in shape), indexing="ij")
    entries = []
    drawn: list[tuple[Any, Any]] = []
    for number in range(count):
        if number < DIFFERENT:
            body = (grid[0] / 0.8) ** 2 + (grid[1] / 0.6) ** 2 < 1
            organ = (grid[0] - 0.3) ** 2 + grid[1] ** 2 + grid[2] ** 2 < 0.1 + 0.01 * number
            image = np.full(shape, -1000, np.int16)
            image[body] = (40 + 60 * organ[body] + random.normal(0, 15, int(body.sum()))).astype(np.int16)
            drawn.append((image, organ.astype(np.uint8)))
        image, organ = drawn[number % DIFFERENT]
        paths = [folder / f"{kind}_{number:03}.nii.gz" for kind in ("image", "label")]
        for path, values in zip(paths, (image, organ), strict=True):
            if number < DIFFERENT:
                whole = nib.Nifti1Image(values, np.diag([1.2, 1.2, 2.5, 1]))
                path.write_bytes(gzip.compress(whole.to_bytes(), 1))
            else:
                shutil.copyfile(path.with_name(path.name.replace(f"{number:03}", f"{number % DIFFERENT:03}")), path)
        entries.append({"image": paths[0].name, "label": paths[1].name, "subject": f"{number:03}"})
    (folder / "dataset.json").write_text(json.dumps({"training": entries}))
    return folder


def first_iteration(table: str, kept: str, workers: int) -> float:
    """Make the dataset of a training, and take its first batch; give the seconds from making it on."""
    import monai.transforms as mt
    from monai.data import DataLoader

    from bundle_engine.data import CachedDataset, datalist

    keys = ["image", "label"]
    compose = mt.Compose(
        [
            mt.LoadImaged(keys, ensure_channel_first=True),
            mt.Orientationd(keys, axcodes="RAS", labels=None),
            mt.Spacingd(keys, pixdim=[1.5, 1.5, 2.0], mode=["bilinear", "nearest"]),
            mt.ScaleIntensityRanged("image", a_min=-160, a_max=240, b_min=0, b_max=1, clip=True),
            mt.CropForegroundd(keys, source_key="image"),
            mt.EnsureTyped(keys, track_meta=False),
            mt.RandSpatialCropd(keys, roi_size=[48, 48, 32], random_size=False),
            mt.RandFlipd(keys, prob=0.5, spatial_axis=0),
        ]
    )
    begin = time.perf_counter()
    dataset = CachedDataset(datalist(table), compose, num_workers=workers, cache_dir=kept)
    batch = next(iter(DataLoader(dataset, batch_size=2, shuffle=True)))
    assert batch["image"].shape[1:] == (1, 48, 48, 32)
    return time.perf_counter() - begin


def start(table: Path, kept: Path, *, workers: int = 2) -> float:
    """Start a process as a training does; give the seconds to its first iteration, without the imports."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "seconds"
        process(["-m", MODULE, str(table), str(kept), str(workers), str(output)], Path(folder))
        return float(output.read_text())


def main() -> bool:
    """Print the figures; tell whether the goal is reached."""
    with tempfile.TemporaryDirectory(prefix="preprocessing_cache_") as folder:
        count = COUNT if shutil.disk_usage(folder).free > ROOM else COUNT // 4
        begin = time.perf_counter()
        table = write_volumes(Path(folder) / "volumes", count=count)
        drawn = time.perf_counter() - begin
        kept = Path(folder) / "kept"
        times = [start(table, kept) for _ in range(4)]
        size = sum(path.stat().st_size for path in kept.rglob("*.safetensors"))
    print(f"  {count} volumes of {' x '.join(map(str, SHAPE))} voxels with labels, written in {drawn:.0f} s")
    print(
        f"  first start {times[0]:.1f} s; later {', '.join(f'{each:.2f}' for each in times[1:])} s; {size / 1e9:.1f} GB"
    )
    return goal("first start by the second, to the first iteration", times[0] / times[1], least=5)


if __name__ == "__main__":
    if len(sys.argv) == 5:
        seconds = first_iteration(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        Path(sys.argv[4]).write_text(str(seconds))
    else:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        sys.exit(0 if main() else 1)
