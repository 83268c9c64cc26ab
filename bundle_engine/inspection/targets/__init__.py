"""An index of what a config can name, read from source: nothing is imported, nothing is run."""

from bundle_engine.inspection.targets.definitions import (
    Ambiguous,
    Definition,
    Deprecation,
    Found,
    Lookup,
    NotFound,
    Parameter,
    Problem,
    Unknown,
)
from bundle_engine.inspection.targets.index import TargetIndex

__all__ = [
    "Ambiguous",
    "Definition",
    "Deprecation",
    "Found",
    "Lookup",
    "NotFound",
    "Parameter",
    "Problem",
    "TargetIndex",
    "Unknown",
]
