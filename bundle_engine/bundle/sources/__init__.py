"""Where bundles are published: one module for each place, which says what to ask for there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundle_engine.bundle.sources.plans import Asking, Plan, Wanted
from bundle_engine.config.closest import either, matches
from bundle_engine.errors import UsageError

__all__ = ["DEFAULT_SOURCE", "SOURCES", "default_source", "names_near", "plans_of"]

SOURCES = ("monaihosting", "github", "ngc", "ngc_private", "huggingface_hub")
DEFAULT_SOURCE = SOURCES[0]


def default_source() -> str:
    """Give the source that is used when none is named: ``BUNDLE_DOWNLOAD_SRC``, or else ``monaihosting``."""
    import os

    return os.environ.get("BUNDLE_DOWNLOAD_SRC") or DEFAULT_SOURCE


def plans_of(source: str, wanted: Wanted, asking: Asking) -> Iterator[Plan]:
    """Say how a bundle can be had from a source; of several ways, the next one is for when one has not got it.

    Raises:
        UsageError: when there is no such source, or what is wanted does not suit it.
        NotPublishedError: when the source knows of no such bundle.
        DownloadError: when the source cannot be asked.
    """
    module = _module(source)
    plans: Iterator[Plan] = module.plans(wanted, asking)
    return plans


def names_near(source: str, wanted: Wanted, asking: Asking) -> str | None:
    """Say which name or version was probably meant, as far as the source lists what it has."""
    from bundle_engine.errors import DownloadError

    listed = getattr(_module(source), "listed", None)
    if listed is None:
        return None
    try:
        bundles: dict[str, list[str]] = listed(wanted, asking)
    except (DownloadError, UsageError):
        return None
    if wanted.name in bundles:
        return f"'{wanted.name}' has the versions {', '.join(bundles[wanted.name])}"
    near = matches(wanted.name, bundles)
    return f"did you mean {either(near)}?" if near else "get_all_bundles_list shows what there is"


def _module(source: str) -> Any:
    if source not in SOURCES:
        near = matches(source, SOURCES)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(SOURCES)}; or give a --url"
        raise UsageError(f"there is no source '{source}' of bundles", hint=hint)
    from importlib import import_module

    return import_module(f"{__name__}.{source}")
