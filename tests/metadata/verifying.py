"""`verify` without the network, for small bundles that are no whole workflows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from bundle_engine.inspection.findings import Finding
from bundle_engine.inspection.targets import TargetIndex
from bundle_engine.metadata import verify

QUIET = ("BE050", "BE053", "BE055")  # of small configs that are no whole workflows, and of data that are elsewhere


@lru_cache(maxsize=1)
def index() -> TargetIndex:
    """One for all of the small bundles, which have no code of their own."""
    return TargetIndex()


def found(bundle: Path, **options: Any) -> list[Finding]:
    ignore = (*QUIET, *options.pop("ignored", ()))
    return verify(bundle, network=False, ignore=ignore, index=index(), **options)
