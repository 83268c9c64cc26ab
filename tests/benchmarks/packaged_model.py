"""A packaged model in an environment of its own: nothing but what its list of requirements brings.

    python -m tests.benchmarks.packaged_model [--index]

A wheel of this project is built, a model is packaged, and a new virtual environment gets the wheel. With --index, pip
brings the requirements from its index; without it, the environment sees the packages that are installed here, but for
this project, which has to come from the wheel. Then ``score.py`` segments an image, with the working directory, the
home and the module path elsewhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "bundles" / "hippocampus_segmentation"


def prepare(folder: Path) -> None:
    """Write an image and a packaged ensemble of two."""
    import nibabel
    import numpy as np
    import torch

    from bundle_engine.experiment import model_of_bundle
    from bundle_engine.experiment.packaging import package_model
    from bundle_engine.experiment.prediction import build

    values = np.random.default_rng(0).normal(size=(36, 50, 34)).astype(np.float32)
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(folder / "image.nii.gz")
    network = build(BUNDLE).network
    for number in range(2):
        torch.manual_seed(number)
        torch.save(
            {name: torch.randn_like(value) for name, value in network.state_dict().items()}, folder / f"{number}.pt"
        )
    package_model(model_of_bundle(BUNDLE, [folder / "0.pt", folder / "1.pt"]), folder / "final_ensemble_model")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", action="store_true", help="let pip bring the requirements from its index")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, begin = Path(name), time.perf_counter()
        prepare(folder)
        print(f"packaged after {time.perf_counter() - begin:.1f} s", flush=True)
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        python = folder / "venv" / "bin" / "python"
        (wheel,) = folder.glob("*.whl")
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        model = folder / "final_ensemble_model"
        if given.index:
            needed = [line for line in (model / "requirements.txt").read_text().split() if "bundle-engine" not in line]
            subprocess.run([*install, *needed, str(wheel)], check=True)
        else:
            subprocess.run([*install, "--no-deps", str(wheel)], check=True)
            (home,) = (folder / "venv" / "lib").glob("python*/site-packages")
            (home / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        environment = {"PATH": os.environ["PATH"], "HOME": name, "OMP_NUM_THREADS": "1"}
        where = [str(python), "-c", "import bundle_engine; print(bundle_engine.__file__)"]
        used = subprocess.run(
            where, cwd=name, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()
        score = [str(python), str(model / "score.py"), str(folder / "image.nii.gz")]
        done = subprocess.run(score, cwd=name, env=environment, check=False)
        written = (folder / "predictions" / "image_seg.nii.gz").is_file()
        print(f"bundle_engine is that of {used}; {time.perf_counter() - begin:.1f} s in all")
        reached = done.returncode == 0 and written and str(folder) in used
        print("the packaged model works" if reached else "the packaged model does NOT work")
        return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
