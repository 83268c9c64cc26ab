"""Pack a model for those who use it: a folder with everything but the packages that it needs, and a list of these.

===============================  =====================================================================================
``configs``, ``scripts``, ...    the bundle, whose configs find the weights beside them
``models/``                      the weights
``score.py``                     segments an image that is given by its path
``model_inference_config.json``  names and colours of the structures, and the weights, relative to the folder
``requirements.txt``             the packages that code of the bundle and of `bundle_engine` imports, as installed here
``environment.yml``              the same for conda, with the version of Python
``SHA256SUMS``                   digests of all files
===============================  =====================================================================================

`bundle_engine` is one of the packages: an installed one is used, and no sources of it are in the folder.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.errors import InputError, UsageError
from bundle_engine.experiment.assembly import assemble
from bundle_engine.experiment.models import Model

__all__ = ["DESCRIPTION", "package_model", "requirements_of"]

DESCRIPTION = "model_inference_config.json"
_ALWAYS = ("bundle-engine", "torch", "monai", "numpy")
_SECONDS = 300
_NO_NAME = re.compile(r"[\s/:#]+")  # what conda takes in no name of an environment


def package_model(model: Model, folder: Path, *, overwrite: bool = False) -> Path:
    """Write a folder with a model that runs wherever its packages are installed.

    Args:
        model: the model.
        folder: the new folder.
        overwrite: replace a folder that such a model is in.

    Returns:
        the folder.

    Raises:
        UsageError: when it is there already, or cannot be written.
        InputError: when the model cannot be built from what it consists of.
    """
    from bundle_engine.bundle.digests import LIST_NAME, format_digests, tree_digests

    if folder.exists() and not (overwrite and (folder / DESCRIPTION).is_file()):
        known = (folder / DESCRIPTION).is_file()
        hint = "--overwrite replaces it" if known else "it is no packaged model: choose another --output_dir"
        raise UsageError(f"'{folder}' is there already", hint=hint)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.packing")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        names = assemble(model, aside)
        requirements = requirements_of(aside)
        texts = {
            "score.py": _SCORE,
            "requirements.txt": "".join(f"{name}=={version}\n" for name, version in requirements.items()),
            "environment.yml": _environment(folder.name, requirements),
            DESCRIPTION: json.dumps(_described(model, aside, names), indent=2, ensure_ascii=False) + "\n",
        }
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8")
        (aside / LIST_NAME).write_text(format_digests(tree_digests(aside)), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
    except FileExistsError:
        raise UsageError(f"cannot write '{folder}': '{folder.parent}' is a file") from None
    except OSError as error:
        raise UsageError(f"cannot write '{folder}': {error.strerror or error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def requirements_of(bundle: Path, workflow: str = "inference") -> dict[str, str]:
    """Find the packages that a bundle needs to be applied to images.

    Its config is built in a process of its own. What counts is what code of the bundle, its expressions and
    `bundle_engine` import there, and what the metadata names; not what these packages need in turn.

    Args:
        bundle: the bundle's folder.
        workflow: the config.

    Returns:
        the installed versions by the names that pip knows.

    Raises:
        InputError: when the config cannot be built.
    """
    from bundle_engine.experiment.prediction import metadata_of

    home = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-c", _WATCH, str(bundle.absolute()), workflow]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environment, encoding="utf-8"
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()[-12:]
        raise InputError(f"the config '{workflow}' of the packed model cannot be built", notes=lines)
    imported = set(json.loads(done.stdout.strip().splitlines()[-1]))
    declared = metadata_of(bundle).get("required_packages_version")
    return _versions(imported, list(declared) if isinstance(declared, Mapping) else [])


def _versions(imported: set[str], declared: list[str]) -> dict[str, str]:
    from importlib import metadata

    from bundle_engine import __version__

    owners = metadata.packages_distributions()
    wanted = {name for module in imported for name in owners.get(module, [])[:1]} | {*_ALWAYS, *declared}
    found: dict[str, str] = {}
    for name in wanted:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name == _ALWAYS[0]:
                found[name] = __version__  # used from its sources
            continue
        found[distribution.metadata["Name"]] = distribution.version.partition("+")[0]
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def _environment(name: str, requirements: Mapping[str, str]) -> str:
    pins = "".join(f"      - {package}=={version}\n" for package, version in requirements.items())
    name = _NO_NAME.sub("_", name)
    return (
        f"name: {name}\nchannels:\n  - conda-forge\ndependencies:\n  - python={platform.python_version()}\n  - pip\n"
        f"  - pip:\n{pins}"
    )


def _described(model: Model, folder: Path, names: list[str]) -> dict[str, Any]:
    """Describe a packed model for programs that show what it finds."""
    from bundle_engine.evaluation.evaluating import labels_of
    from bundle_engine.experiment.prediction import metadata_of
    from bundle_engine.experiment.preview import colour_of
    from bundle_engine.hashing import file_digest

    metadata = metadata_of(folder)
    structures = {value: name for value, name in (labels_of(metadata) or {}).items() if value}
    return {
        "model_name": str(metadata.get("name") or model.bundle.name),
        "model_version": str(metadata.get("version", "")),
        "config": "configs/inference",
        "structures": [
            {"name": name, "label": value, "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(number))}
            for number, (value, name) in enumerate(structures.items(), start=1)
        ],
        "checkpoints": [{"path": name, "sha256": file_digest(folder / name)} for name in names],
        "aggregation": "average of posteriors" if len(names) > 1 else None,
        "source": dict(model.source),
    }


_WATCH = """
import builtins, importlib, json, os, sys
from pathlib import Path

root, workflow = Path(sys.argv[1]), sys.argv[2]
found = set()
real, real_module = builtins.__import__, importlib.import_module

def ours(frame):
    module, file = frame.f_globals.get("__name__", ""), frame.f_code.co_filename
    return module.startswith("bundle_engine") or file.startswith(("<expression", str(root)))

def watched(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and ours(sys._getframe(1)):
        found.add(name.partition(".")[0])
    return real(name, globals, locals, fromlist, level)

def watched_module(name, package=None):
    if not name.startswith(".") and ours(sys._getframe(1)):
        found.add(name.partition(".")[0])
    return real_module(name, package)

builtins.__import__, importlib.import_module = watched, watched_module
from bundle_engine.experiment.prediction import build
build(root, workflow)
builtins.__import__, importlib.import_module = real, real_module
loaded = {name for name in found if name in sys.modules and name not in sys.stdlib_module_names}
print(json.dumps(sorted(loaded - {"bundle_engine", "scripts"})))
"""

_SCORE = '''"""Segment an image with the model in this folder.

    python score.py IMAGE [--output_dir DIR] [--overwrite]

IMAGE is a NIfTI file, or a folder of them. What is written lies on the grid of the image: NAME_seg.nii.gz, with the
labels that model_inference_config.json lists, and NAME_seg.png to look at. The packages in requirements.txt have to be
installed: pip install -r requirements.txt.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Read the command line, make sure that the weights are whole, and segment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="a NIfTI file, or a folder of them")
    parser.add_argument("--output_dir", default="predictions", help="folder for the results (default: predictions)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there")
    given = parser.parse_args()
    described = json.loads((HERE / "model_inference_config.json").read_text(encoding="utf-8"))
    for checkpoint in described["checkpoints"]:
        file = HERE / checkpoint["path"]
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != checkpoint["sha256"]:
            print(f"error: the weights '{file}' are missing, or are not those that were packed", file=sys.stderr)
            return 2
    try:
        from bundle_engine.cli.entry import main as bundle_engine
    except ImportError as error:
        print(f"error: {error}\\n  help: pip install -r '{HERE / 'requirements.txt'}'", file=sys.stderr)
        return 2
    words = ["predict", "--model", str(HERE), "--image_file", given.image, "--output_dir", given.output_dir]
    return bundle_engine([*words, *(["--overwrite"] if given.overwrite else [])])


if __name__ == "__main__":
    sys.exit(main())
'''
