"""Where the schemas and the ready-made bundles are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from bundle_engine.errors import WorkflowError

__all__ = ["bundles_dir", "packaged_bundle", "schemas_dir"]

_PACKAGE = Path(__file__).resolve().parent


def schemas_dir() -> Path:
    """Give the folder of the JSON Schemas."""
    return _folder("schemas")


def bundles_dir() -> Path:
    """Give the folder of the ready-made bundles."""
    return _folder("bundles")


def packaged_bundle(name: str) -> Path | None:
    """Give the folder of the ready-made bundle of a name; None when there is none."""
    if not name or name != Path(name).name or name.startswith("."):
        return None
    folder = bundles_dir() / name
    return folder if (folder / "configs").is_dir() else None


def _folder(name: str) -> Path:
    # a checkout comes first, for an old build may have left a copy of the folder inside the package
    places = (_PACKAGE.parent / name, _PACKAGE / "_data" / name)
    if (_PACKAGE.parent / "setup.cfg").is_file() and places[0].is_dir():
        return places[0]
    if places[1].is_dir():
        return places[1]
    raise WorkflowError(f"the product's folder '{name}' is missing", hint="install bundle-engine again")
