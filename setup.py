"""Builds the package; the schemas and the ready-made bundles travel inside it, as ``bundle_engine/_data``."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
FOLDERS = ("schemas", "bundles")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "models", "eval", "outputs", ".*")


class BuildWithData(build_py):
    """Copies the data folders of the checkout beside the built modules."""

    def run(self) -> None:
        super().run()
        if getattr(self, "editable_mode", False):  # an editable install finds them in the checkout
            return
        data = Path(self.build_lib) / "bundle_engine" / "_data"
        shutil.rmtree(data, ignore_errors=True)
        for name in FOLDERS:
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, data / name, ignore=LEFT_OUT)


setup(cmdclass={"build_py": BuildWithData})
